/* Model files in tests: elaborated from a string, run with the reference evaluator in file order. */
#ifndef SEPPO_TESTS_MODEL_H
#define SEPPO_TESTS_MODEL_H

#include "frontend/elab.h"
#include "frontend/syntax/parser.h"
#include "ir/eval.h"

typedef struct ModelValue { /* of a report, a log in an event, or `stop if` (name "stop") */
  const char *task, *name;
  Value value;
} ModelValue;

typedef struct Model {
  SourceMap sources;
  Ast *ast;
  DiagSink sink;
  Elaborated e;
  bool ok; /* parsed, elaborated and verified without an error */
  Arena mem;
  Value *cell; /* by CellId, after model_run */
  Vec(ModelValue) out;
} Model;

/* Elaborates the text with dtype f64 unless it says otherwise. */
Model *model_new(const char *text);
Model *model_new_with(const char *text, const ElabOptions *o);
/* Differentiates, then runs every task; batches take rows in stored order. Fails the test on any diagnostic. */
void model_run(Model *m);
/* The last value reported under that name in the task; fails the test when there is none. */
const Value *model_value(const Model *m, const char *task, const char *name);
double model_number(const Model *m, const char *task, const char *name);
/* Element k of it. */
double model_element(const Model *m, const char *task, const char *name, int64_t k);
/* Value of a cell after the run, element k. */
double model_cell(const Model *m, const char *name, int64_t k);
/* All diagnostics in the short form, in the model's arena. */
const char *model_messages(Model *m);
void model_free(Model *m);

/* Runs the text and checks that reports of task `t` named `name` equal the numbers. */
void expect_report(const char *text, const char *name, uint32_t n, const double *want, double tolerance);
/* Elaborates a wrong text and checks the first error's code, its line and a part of its message. */
void expect_error(const char *text, const char *code, uint32_t line, const char *part);

#endif
