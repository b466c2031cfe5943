/* Random well-typed graphs over the op table, for comparing what computes them. */
#ifndef SEPPO_TESTS_RANDOM_GRAPH_H
#define SEPPO_TESTS_RANDOM_GRAPH_H

#include "ir/build.h"
#include "ir/eval.h"

typedef struct RandomGraphOptions {
  uint64_t seed;
  uint32_t nodes; /* makers tried; the graph has a few times as many nodes */
  DType dtype;    /* of its floats: DT_F32 or DT_F64 */
  uint32_t order; /* of derivative, 0..3: gradients of gradients of the results */
  bool loops;
  bool lapack;
  bool large;   /* some axes of 65 to 256: whole tiles of products, several tasks of a kernel */
  bool no_stop; /* without stop_gradient, so that differences and derivatives agree */
} RandomGraphOptions;

/* Options that vary with the seed: size, order, loops. */
RandomGraphOptions random_graph_options(uint64_t seed, DType dtype);

/* A module with one plain task: its step takes IN_CELL inputs (and an IN_KEY when it draws) and gives OUT_VALUEs.
 * The same options give the same module. */
Module *random_graph(const RandomGraphOptions *o);

/* Replaces the results of a graph without gradients by `order` levels of: a scalar made of the results of the level
 * before, and its gradient with respect to every float input (in their order). */
void random_graph_add_gradients(Module *m, uint32_t order);

/* Values for the step's parameters: floats in [-2, 2), small integers. */
void random_graph_inputs(const Module *m, const Graph *g, uint64_t seed, Arena *mem, Value *in);

/* Shrinking: the smallest module found, by dropping results and replacing nodes by operands or constants, for which
 * `fails` still holds. `fails` may change the module it is given (run passes on it); it gets a fresh copy each time.
 * Frees `m`, returns the small one. */
typedef bool (*GraphFails)(Module *m, void *user);
Module *random_graph_shrink(Module *m, GraphFails fails, void *user);
/* A copy of the module's only task. */
Module *random_graph_copy(const Module *m);

#endif
