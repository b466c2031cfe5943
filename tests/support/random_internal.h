/* The random graph generator's inside: its state, picking operands, the makers (one per family of ops). */
#ifndef SEPPO_TESTS_RANDOM_INTERNAL_H
#define SEPPO_TESTS_RANDOM_INTERNAL_H

#include "tests/support/random_graph.h"

typedef struct Entry {
  NodeId node;
  double bound; /* of absolute values, roughly */
} Entry;

typedef struct Gen {
  Builder b;
  uint64_t state;
  const RandomGraphOptions *o;
  Vec(Entry) pool; /* floats of o->dtype */
  Vec(NodeId) key; /* u64 keys */
  int64_t dims[5];
  uint32_t depth;
  uint64_t *site;
} Gen;

uint64_t gen_next(Gen *g);
/* 0 .. n-1 */
uint32_t gen_below(Gen *g, uint32_t n);
bool gen_chance(Gen *g, uint32_t percent);
/* One of the graph's extents. */
int64_t gen_some_dim(Gen *g);
const Type *gen_type_of(const Gen *g, NodeId n);
int64_t gen_max_elements(const Gen *g);
/* Does a tensor of this shape stay cheap to evaluate? */
bool gen_small_shape(const Gen *g, uint32_t rank, const int64_t *dim);
/* Adds a value to the pool. */
void gen_keep(Gen *g, NodeId n, double bound);
/* A value of the pool, squashed when it may be large. */
Entry gen_pick(Gen *g);
TypeId gen_float_type(Gen *g, uint32_t rank, const int64_t *dim);
/* A value of this shape: from the pool, or something made to fit. */
Entry gen_of_shape(Gen *g, uint32_t rank, const int64_t *dim);
/* A value of the type of n. */
Entry gen_like(Gen *g, NodeId n);
NodeId gen_unary(Gen *g, Op op, NodeId a);
NodeId gen_binary(Gen *g, Op op, NodeId a, NodeId c);
NodeId gen_scaled(Gen *g, NodeId a, double c);
NodeId gen_shifted(Gen *g, NodeId a, double c);
/* Positive and away from zero. */
NodeId gen_positive(Gen *g, NodeId a);
/* In (-1, 1). */
NodeId gen_squashed(Gen *g, NodeId a);

void make_unary(Gen *g);
void make_binary(Gen *g);
void make_select(Gen *g);
void make_cast(Gen *g);
void make_broadcast(Gen *g);
void make_reshape(Gen *g);
void make_transpose(Gen *g);
void make_reverse(Gen *g);
void make_slice(Gen *g);
void make_pad(Gen *g);
void make_concat(Gen *g);
void make_reduce(Gen *g);
void make_along_axis(Gen *g);
void make_gather(Gen *g);
void make_dynamic(Gen *g);
void make_dot(Gen *g);
void make_conv(Gen *g);
void make_window(Gen *g);
void make_lapack(Gen *g);
void make_leaf(Gen *g);
void make_marker(Gen *g);

#endif
