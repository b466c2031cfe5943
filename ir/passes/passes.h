/* Passes over modules, and the manager that runs them by name, prints after each and verifies after each. */
#ifndef SEPPO_IR_PASSES_H
#define SEPPO_IR_PASSES_H

#include "ir/ir.h"

typedef struct PassOptions {
  bool verify_each;        /* ir_verify after each pass (always on in debug builds) */
  bool evaluate_each;      /* debug: reference evaluator before = after on random inputs */
  uint64_t keep_bytes;     /* segment: a loop that keeps more for its derivative is cut; 0: every loop */
  const char *print_after; /* NULL, a pass name, or "all" */
  FILE *print_to;
} PassOptions;

/* A pass rewrites every region of the module that is reachable from a task; false after a diagnostic. */
typedef bool (*PassFn)(Module *m, const PassOptions *o, DiagSink *sink);

typedef struct PassInfo {
  const char *name;
  const char *requires_ensures; /* one line, shown by `seppo opt --help` */
  PassFn run;
  bool no_pseudo; /* refuses a graph with grad, anchor or stop_gradient */
} PassInfo;
extern const PassInfo pass_table[];
extern const uint32_t pass_count;

/* Pass names separated by commas; "" runs nothing. Unknown names are diagnostics with a hint. */
bool pass_run_named(Module *m, const char *names, const PassOptions *o, DiagSink *sink);
/* "stabilise,differentiate" and "stabilise,differentiate,simplify,loops,...": what `--stage grad` and `--stage opt`
 * show. */
extern const char pass_pipeline_grad[];
/* The former with loops cut that keep more than PassOptions.keep_bytes. */
extern const char pass_pipeline_segmented[];
extern const char pass_pipeline_opt[];

#endif
