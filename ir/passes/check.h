/* Debugging of passes: a module computes the same before and after, on random inputs through the evaluator. */
#ifndef SEPPO_IR_PASSES_CHECK_H
#define SEPPO_IR_PASSES_CHECK_H

#include "ir/eval.h"

/* Random values for a graph's parameters, the same for every call with the same seed: floats near 1 in size, integers
 * small, row numbers in range. */
void check_inputs(const Module *m, const Graph *g, uint64_t seed, Arena *mem, Value *in);

/* The results of every graph of the module that can be evaluated (none of its ops is a grad). */
typedef struct PassCheck PassCheck;
PassCheck *pass_check_begin(const Module *m);
/* Compares with the results now, adds a diagnostic for the first that differs, and releases the check. */
bool pass_check_end(PassCheck *before, const Module *m, const char *pass, DiagSink *sink);

#endif
