/* From a file name to a module at the wanted stage, with every diagnostic on the way. */
#ifndef SEPPO_DRIVER_LOAD_H
#define SEPPO_DRIVER_LOAD_H

#include "driver/options.h"
#include "frontend/syntax/ast.h"

typedef enum { LOAD_AST, LOAD_GRAPH, LOAD_GRAD, LOAD_OPT } LoadStage;

typedef struct LoadTimes { /* milliseconds */
  double parse, elaborate, grad, passes;
} LoadTimes;

typedef struct Loaded {
  SourceMap sources;
  DiagSink sink;
  bool inputs;         /* also tasks that take tensors from a calling program (set before load_model) */
  bool later;          /* stored tensors may come later: elaborated_wait (set before load_model) */
  uint64_t keep_bytes; /* what a loop may keep for its derivative (set before load_model); 0: as much as it wants */
  uint32_t source;     /* of the model file */
  Ast *ast;
  Elaborated elab; /* elab.module NULL before LOAD_GRAPH or after errors */
  LoadTimes times;
} Loaded;

/* "models/vae.sep" -> "vae" */
const char *model_name(const char *path, Arena *mem);
/* Reads a whole file into the source map. False after a diagnostic (EXIT_FILES). */
bool load_source(Loaded *l, const char *path);
/* False after diagnostics; the caller prints them with load_report. */
bool load_model(Loaded *l, const char *path, const Options *o, uint64_t seed, LoadStage upto);
/* Upto LOAD_OPT. When the run needs more than --memory, once more with long loops cut (ir/passes/segment.c); false
 * after a diagnostic when it still does. */
bool load_within(Loaded *l, const char *path, const Options *o, uint64_t seed);
/* Prints the sink to stderr and gives the exit status: EXIT_DONE when there was no error. */
int load_report(const Loaded *l, const Options *o);
void load_free(Loaded *l);

double clock_ms(void); /* monotonic */

#endif
