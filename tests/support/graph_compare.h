/* Reference results of a graph with a tolerance that comes from the graph itself: the evaluator is run again under
 * rounding-sized noise, and what that changes is what a correct program may differ by (eight times over). */
#ifndef SEPPO_TESTS_GRAPH_COMPARE_H
#define SEPPO_TESTS_GRAPH_COMPARE_H

#include "ir/eval.h"

typedef struct GraphReference {
  Arena mem;
  uint32_t n;
  Value *in, *out;
  double **tolerance; /* per result and element; NULL for integers */
} GraphReference;

typedef enum {
  REFERENCE_OK,
  REFERENCE_DISCARDED, /* a comparison, argmax or floor hangs on rounding, or values are not finite */
  REFERENCE_FAILED     /* the evaluator could not run it */
} ReferenceStatus;

/* The graph must be free of grads. `noise`: relative size of one rounding (2^-24, 2^-53, or larger). */
ReferenceStatus graph_reference(const Module *m, const Graph *g, uint64_t seed, double noise, bool round_f32,
                                GraphReference *ref);
/* -1 when all elements agree; else the number of the first result that differs, described in `what`. */
int graph_first_difference(const Module *m, const GraphReference *ref, const Value *got, char *what, size_t size);
/* One evaluation, with a fingerprint of every discrete decision in it (comparisons, indices, floors). */
bool graph_evaluate(const Module *m, const Graph *g, const Value *in, const EvalOptions *o, Value *out,
                    uint64_t *decisions, Arena *mem);
void graph_reference_free(GraphReference *ref);

#endif
