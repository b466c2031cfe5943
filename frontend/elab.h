/* The elaborator: a checked model file becomes a Module.
 *
 * Names, compile-time values, shapes and instances are resolved, functions are inlined, every loop becomes a closed
 * region, and each task becomes one pure graph (cells, rows, key, step) -> (cells', values). Tasks come in this order:
 * one TASK_INIT that computes the first value of every parameter and state, then, in file order, TASK_LET for tensors
 * computed once, and the trains, evals and tasks of the file.
 */
#ifndef SEPPO_FRONTEND_ELAB_H
#define SEPPO_FRONTEND_ELAB_H

#include "frontend/syntax/ast.h"
#include "ir/ir.h"

/* --set name=value */
typedef struct Setting {
  const char *name, *value;
} Setting;

typedef struct ElabOptions {
  const Setting *set;
  uint32_t n_set;
  const char *dtype;    /* "f32", "f64", or NULL: what the file says, f32 when it says nothing */
  const char *data_dir; /* where data sets lie; NULL: the default search path */
  uint64_t seed;
  int64_t epochs;           /* --epochs: overrides every train's directive; 0 = none */
  const char *const *tasks; /* names picked on the command line; n_tasks = 0: all */
  uint32_t n_tasks;
  bool inputs; /* also tasks that take tensors from a calling program: `task f(x: [n, m])` */
  bool later;  /* stored tensors may still be on their way when `elaborate` returns: elaborated_wait */
  bool loaded; /* parameters come from a checkpoint: nothing to warn of when their training is skipped */
} ElabOptions;

/* One row of the model table: an instance of a layer or model and what it owns itself. */
typedef struct TableParam {
  const char *name; /* of the cell: "encoder.dense_1.W" */
  CellId cell;
  bool trained; /* some task updates it */
} TableParam;
typedef struct TableRow {
  const char *name;         /* "encoder.dense_1"; "" for parameters of the file itself */
  const char *layer;        /* "dense" */
  const char *input;        /* types of the first call's arguments, "f32[128, 784]" */
  const char *output;       /* "f32[128, 400]" */
  uint32_t depth;           /* nesting, for indentation */
  int64_t n_elements;       /* of its own parameters */
  uint32_t n_params;        /* own parameters and states */
  const TableParam *params; /* parameters first */
  uint32_t n_states;
} TableRow;
typedef struct ModelTable {
  uint32_t n_rows;
  TableRow *row;
  int64_t n_parameters; /* elements of all parameters */
} ModelTable;

typedef struct Elaborated {
  Module *module;
  ModelTable table;
  Setting *setting; /* every hyperparameter and directive with the value in force, in file order */
  uint32_t n_settings;
  const char **note; /* things `check` and config.json say: rows left out by drop_last, ... */
  uint32_t n_notes;
  struct DataSource **data; /* sources opened for the module's fields: their bytes live as long as these */
  uint32_t n_data;
  Arena mem; /* of the table, settings and notes */
} Elaborated;

/* False after at least one error. `sources` gains the files named by `use` and the standard library.
 * The AST must outlive the call only. */
bool elaborate(SourceMap *sources, const Ast *ast, const ElabOptions *o, Elaborated *out, DiagSink *sink);
/* Waits until every stored tensor is in memory. False after diagnostics. */
bool elaborated_wait(Elaborated *e, DiagSink *sink);
void elaborated_free(Elaborated *e);

#endif
