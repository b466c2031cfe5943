/* Runs a graph once: through lowering and the interpreter of kernel IR, or as machine code. */
#ifndef SEPPO_TESTS_PROGRAM_RUN_H
#define SEPPO_TESTS_PROGRAM_RUN_H

#include "codegen/lower/lower.h"
#include "codegen/program.h"
#include "ir/eval.h"

/* Memory for a program's bindings: cells laid out one after the other, values, temporaries full of garbage. */
typedef struct ProgramRun {
  Context c;
  uint64_t *cell_offset;
  void **value;
  uint8_t *temps;
} ProgramRun;

/* One step on the inputs; results of the graph in `out`. Returns the RunStatus. */
int32_t program_interpret(Module *m, const Graph *g, const Value *in, Value *out, KTarget target, bool no_fusion,
                          Arena *mem);
/* The same as machine code, on one thread and, when `threads` is more, on that many too: the bits must be the same.
 * -1 when it did not compile (printed). */
enum { PROGRAM_THREADS_DIFFER = -2 };
int32_t program_execute(Module *m, const Graph *g, const Value *in, Value *out, bool no_fusion, uint32_t threads,
                        Arena *mem);
/* Allocates what the graph's bindings need and stores the inputs there. */
ProgramRun program_prepare(Module *m, const Graph *g, const Value *in, Arena *mem);
void program_collect(const Module *m, const Graph *g, const ProgramRun *run, Value *out, Arena *mem);

#endif
