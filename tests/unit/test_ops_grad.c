/* Every derivative rule of the op table against central differences in f64: first and second derivative, and
 * linearity in the cotangent. A differentiable row without samples fails, and so does one that was not tried on no
 * elements, on one, on rank 0 and on rank 6, where it takes such tensors. */
#include "tests/support/gradcheck.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef NodeId (*BuildFn)(Builder *b, const NodeId *in);
typedef GradInput Input;

typedef struct Sample {
  Op op;
  uint32_t n_in;
  Input in[GRAD_MAX_IN];
  Attr attr;
  BuildFn build; /* NULL: the op on the inputs with the attribute */
} Sample;

typedef struct Trial {
  const Sample *sample;
  bool spread; /* its inputs, of shapes [3], [2] and [], are broadcast to [2, 3] first */
} Trial;

enum { NO_ELEMENTS = 1, ONE_ELEMENT = 2, RANK_0 = 4, RANK_6 = 8 };
static uint8_t seen[OP_COUNT]; /* by op: on which of these it has been tried */

static void note_type(Op op, const Module *m, TypeId type) {
  const Type *t = ir_type_get(m, type);
  for (uint32_t k = 0; k < t->n_tuple; k++) note_type(op, m, t->tuple[k]);
  if (t->n_tuple || !ir_is_float((DType)t->dtype)) return;
  const int64_t n = ir_elements(t);
  seen[op] |= (uint8_t)((n == 0 ? NO_ELEMENTS : 0) | (n == 1 ? ONE_ELEMENT : 0) | (t->rank == 0 ? RANK_0 : 0) |
                        (t->rank == 6 ? RANK_6 : 0));
}

static NodeId build_sample(Builder *b, const NodeId *in, const void *user) {
  const Trial *trial = user;
  const Sample *s = trial->sample;
  static const int64_t dim[] = {2, 3}, axis[][1] = {{1}, {0}};
  NodeId x[GRAD_MAX_IN];
  memcpy(x, in, sizeof x);
  for (uint32_t k = 0; k < s->n_in; k++) {
    note_type(s->op, b->m, ir_node(b->m, b->region, in[k])->type);
    if (trial->spread) x[k] = ir_broadcast(b, in[k], 2, dim, k < 2 ? axis[k] : NULL);
  }
  const NodeId y = s->build ? s->build(b, x) : ir_emit(b, s->op, x, s->n_in, &s->attr);
  note_type(s->op, b->m, ir_node(b->m, b->region, y)->type);
  return y;
}

static void check_sample(const Sample *s, bool spread) {
  const Trial trial = {s, spread};
  GradCase c = {.name = op_table[s->op].name, .n_in = s->n_in, .build = build_sample, .user = &trial};
  memcpy(c.in, s->in, sizeof c.in);
  gradcheck(&c);
}

/* ---------------------------------------------------------------- samples */

/* a + a^T over the last two axes. */
static NodeId symmetric(Builder *b, NodeId a) {
  const uint32_t rank = ir_type_of(b, a)->rank;
  int64_t perm[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
  perm[rank - 1] = rank - 2, perm[rank - 2] = rank - 1;
  return ir_binary(b, OP_add, a, ir_transpose(b, a, perm));
}

/* The same with 6 added to the diagonals: positive definite for small matrices of elements in [-1, 1]. */
static NodeId dominated(Builder *b, NodeId a) {
  const Type t = *ir_type_of(b, a);
  const NodeId i = ir_iota(b, DT_I32, t.rank, t.dim, t.rank - 2), j = ir_iota(b, DT_I32, t.rank, t.dim, t.rank - 1);
  const NodeId diagonal = ir_select(b, ir_binary(b, OP_eq, i, j), ir_full_like(b, a, 6), ir_full_like(b, a, 0));
  return ir_binary(b, OP_add, symmetric(b, a), diagonal);
}

/* a a^T + 2, positive definite. */
static NodeId positive(Builder *b, NodeId a) {
  NodeId p = ir_matmul(b, a, ir_transpose(b, a, (const int64_t[]){1, 0}));
  const Type t = *ir_type_of(b, p);
  NodeId i = ir_iota(b, DT_I32, 2, t.dim, 0), j = ir_iota(b, DT_I32, 2, t.dim, 1);
  NodeId two = ir_full_like(b, p, 2), eye = ir_binary(b, OP_eq, i, j);
  return ir_binary(b, OP_add, p, ir_select(b, eye, two, ir_full_like(b, p, 0)));
}

static NodeId build_cholesky(Builder *b, const NodeId *in) { return ir_unary(b, OP_cholesky, positive(b, in[0])); }
static NodeId build_eigh(Builder *b, const NodeId *in) { return ir_unary(b, OP_eigh, symmetric(b, in[0])); }
static NodeId build_solve(Builder *b, const NodeId *in) {
  NodeId args[] = {positive(b, in[0]), in[1]};
  return ir_emit(b, OP_solve, args, 2, NULL);
}
static NodeId tri(Builder *b, const NodeId *in, bool lower, bool trans, bool unit) {
  NodeId args[] = {positive(b, in[0]), in[1]};
  Attr a = {.lower = lower, .trans = trans, .unit = unit};
  return ir_emit(b, OP_tri_solve, args, 2, &a);
}
static NodeId build_tri_l(Builder *b, const NodeId *in) { return tri(b, in, true, false, false); }
static NodeId build_tri_lt(Builder *b, const NodeId *in) { return tri(b, in, true, true, false); }
static NodeId build_tri_u(Builder *b, const NodeId *in) { return tri(b, in, false, false, false); }
static NodeId build_tri_utn(Builder *b, const NodeId *in) { return tri(b, in, false, true, true); }
static NodeId build_tri_ln(Builder *b, const NodeId *in) { return tri(b, in, true, false, true); }
static NodeId build_select(Builder *b, const NodeId *in) {
  return ir_select(b, ir_binary(b, OP_lt, in[0], in[1]), in[0], in[1]);
}
static NodeId build_cast(Builder *b, const NodeId *in) { return ir_cast(b, in[0], DT_F64); }
static NodeId build_proj(Builder *b, const NodeId *in) {
  return ir_proj(b, ir_unary(b, OP_slogdet, positive(b, in[0])), 1);
}
static NodeId build_cholesky_of(Builder *b, const NodeId *in) { return ir_unary(b, OP_cholesky, dominated(b, in[0])); }
static NodeId build_eigh_of(Builder *b, const NodeId *in) { return ir_unary(b, OP_eigh, dominated(b, in[0])); }
static NodeId build_slogdet_of(Builder *b, const NodeId *in) { return ir_unary(b, OP_slogdet, dominated(b, in[0])); }
static NodeId build_proj_of(Builder *b, const NodeId *in) { return ir_proj(b, build_slogdet_of(b, in), 1); }
static NodeId build_solve_of(Builder *b, const NodeId *in) {
  NodeId args[] = {dominated(b, in[0]), in[1]};
  return ir_emit(b, OP_solve, args, 2, NULL);
}
static NodeId build_tri_of(Builder *b, const NodeId *in) {
  NodeId args[] = {dominated(b, in[0]), in[1]};
  Attr a = {.lower = true};
  return ir_emit(b, OP_tri_solve, args, 2, &a);
}

/* max pooling: the taps come from the operand itself */
static NodeId build_pick(Builder *b, const NodeId *in) {
  Attr a = {.n_window = 2, .window = {{2, 1, 1, 0, 1, 1}, {2, 2, 0, 1, 1, 1}}};
  NodeId args[] = {in[0], ir_emit(b, OP_window_argmax, in, 1, &a)};
  return ir_emit(b, OP_window_pick, args, 2, &a);
}

#define FL(...)                                                                                                        \
  { DT_F64, __VA_ARGS__ }
#define IX(...)                                                                                                        \
  { DT_I32, __VA_ARGS__ }
#define AT(last) IX(0, {0}, 0, last)
#define MATRIX(n, m) FL(2, {n, m}, -1, 1)
#define SCALAR FL(0, {0}, -1, 1)
#define ONE FL(1, {1}, -1, 1)
#define SIX FL(6, {1, 2, 1, 2, 1, 2}, -1, 1)
#define PART FL(6, {1, 1, 1, 1, 1, 2}, -1, 1)
#define SQUARES FL(6, {1, 2, 1, 1, 2, 2}, -1, 1)
static const Sample samples[] = {
    /* movement */
    {OP_broadcast, 1, {FL(1, {3}, -1, 1)}, {.shape = {3, {2, 3, 2}}, .axes = {1, {1}}}, NULL},
    {OP_broadcast, 1, {FL(0, {0}, -1, 1)}, {.shape = {2, {2, 0}}}, NULL},
    {OP_broadcast, 1, {FL(2, {2, 3}, -1, 1)}, {.shape = {6, {1, 2, 1, 3, 1, 2}}, .axes = {2, {1, 3}}}, NULL},
    {OP_reshape, 1, {MATRIX(2, 6)}, {.shape = {3, {3, 2, 2}}}, NULL},
    {OP_reshape, 1, {FL(1, {1}, -1, 1)}, {.shape = {0}}, NULL},
    {OP_transpose, 1, {FL(3, {2, 3, 4}, -1, 1)}, {.axes = {3, {2, 0, 1}}}, NULL},
    {OP_transpose, 1, {FL(6, {1, 2, 1, 3, 1, 2}, -1, 1)}, {.axes = {6, {5, 3, 0, 1, 4, 2}}}, NULL},
    {OP_reverse, 1, {FL(3, {2, 3, 2}, -1, 1)}, {.axes = {2, {0, 1}}}, NULL},
    {OP_slice, 1, {MATRIX(5, 7)}, {.lo = {2, {1, 2}}, .hi = {2, {5, 7}}, .step = {2, {1, 3}}}, NULL},
    {OP_slice, 1, {MATRIX(5, 7)}, {.lo = {2, {1, 2}}, .hi = {2, {1, 7}}, .step = {2, {1, 3}}}, NULL},
    {OP_pad, 1, {MATRIX(2, 3)}, {.lo = {2, {1, -1}}, .hi = {2, {0, 2}}, .step = {2, {2, 0}}}, NULL},
    {OP_pad, 1, {MATRIX(3, 3)}, {.lo = {2, {-2, -1}}, .hi = {2, {-2, 1}}, .step = {2, {1, 2}}}, NULL},
    {OP_pad, 1, {MATRIX(0, 3)}, {.lo = {2, {1, 0}}, .hi = {2, {1, 0}}, .step = {2, {0, 0}}}, NULL},
    {OP_concat, 3, {MATRIX(2, 1), MATRIX(2, 0), MATRIX(2, 3)}, {.axis = 1}, NULL},
    /* reductions */
    {OP_reduce_sum, 1, {FL(3, {2, 3, 4}, -1, 1)}, {.axes = {2, {0, 2}}}, NULL},
    {OP_reduce_sum, 1, {FL(3, {2, 0, 4}, -1, 1)}, {.axes = {1, {1}}}, NULL},
    {OP_reduce_max, 1, {FL(3, {2, 3, 4}, -1, 1)}, {.axes = {2, {0, 2}}}, NULL},
    {OP_reduce_max, 1, {FL(1, {1}, -1, 1)}, {.axes = {1, {0}}}, NULL},
    {OP_reduce_min, 1, {FL(2, {5, 2}, -1, 1)}, {.axes = {1, {0}}}, NULL},
    {OP_cumsum, 1, {FL(3, {2, 4, 2}, -1, 1)}, {.axis = 1}, NULL},
    {OP_cumsum, 1, {FL(2, {2, 4}, -1, 1)}, {.axis = 1, .reverse = 1}, NULL},
    {OP_sort, 1, {FL(2, {3, 5}, -1, 1)}, {.axis = 1}, NULL},
    {OP_sort, 1, {FL(3, {3, 2, 2}, -1, 1)}, {.axis = 0}, NULL},
    /* indexing */
    {OP_gather, 2, {FL(2, {4, 3}, -1, 1), IX(1, {6}, 0, 3)}, {.axis = 0}, NULL},
    {OP_gather, 2, {FL(3, {2, 4, 3}, -1, 1), IX(2, {2, 3}, 0, 3)}, {.axis = 1, .n_batch = 1}, NULL},
    {OP_gather, 2, {FL(3, {2, 4, 3}, -1, 1), IX(2, {2, 2}, 0, 2)}, {.axis = 2, .n_batch = 1}, NULL},
    {OP_gather, 2, {FL(3, {2, 3, 4}, -1, 1), IX(2, {2, 3}, 0, 3)}, {.axis = 2, .n_batch = 2}, NULL},
    {OP_gather, 2, {FL(1, {4}, -1, 1), IX(0, {0}, 0, 3)}, {.axis = 0}, NULL},
    {OP_scatter_add, 3, {FL(2, {4, 3}, -1, 1), IX(1, {6}, 0, 3), FL(2, {6, 3}, -1, 1)}, {.axis = 0}, NULL},
    {OP_scatter_add,
     3,
     {FL(3, {2, 4, 3}, -1, 1), IX(2, {2, 2}, 0, 2), FL(3, {2, 4, 2}, -1, 1)},
     {.axis = 2, .n_batch = 1},
     NULL},
    {OP_scatter_set, 3, {FL(2, {4, 3}, -1, 1), IX(1, {6}, 0, 3), FL(2, {6, 3}, -1, 1)}, {.axis = 0}, NULL},
    {OP_scatter_set,
     3,
     {FL(3, {2, 3, 4}, -1, 1), IX(3, {2, 2, 3}, 0, 3), FL(4, {2, 3, 2, 3}, -1, 1)},
     {.axis = 2, .n_batch = 1},
     NULL},
    {OP_dynamic_slice, 3, {MATRIX(4, 5), IX(0, {0}, 0, 2), IX(0, {0}, 1, 2)}, {.sizes = {2, {2, 3}}}, NULL},
    {OP_dynamic_add, 4, {MATRIX(4, 5), MATRIX(2, 3), IX(0, {0}, 0, 2), IX(0, {0}, 1, 2)}, {.axis = 0}, NULL},
    {OP_dynamic_put, 4, {MATRIX(4, 5), MATRIX(2, 3), IX(0, {0}, 0, 2), IX(0, {0}, 1, 2)}, {.axis = 0}, NULL},
    /* contractions */
    {OP_dot_general, 2, {MATRIX(2, 3), MATRIX(3, 4)}, {.contract_a = {1, {1}}, .contract_b = {1, {0}}}, NULL},
    {OP_dot_general, 2, {MATRIX(3, 2), MATRIX(4, 3)}, {.contract_a = {1, {0}}, .contract_b = {1, {1}}}, NULL},
    {OP_dot_general, 2, {MATRIX(2, 0), MATRIX(0, 4)}, {.contract_a = {1, {1}}, .contract_b = {1, {0}}}, NULL},
    {OP_dot_general, 2, {FL(1, {3}, -1, 1), FL(1, {2}, -1, 1)}, {.axis = 0}, NULL},
    {OP_dot_general,
     2,
     {FL(4, {3, 2, 4, 2}, -1, 1), FL(5, {2, 4, 2, 3, 1}, -1, 1)},
     {.batch_a = {1, {3}}, .batch_b = {1, {0}}, .contract_a = {2, {0, 2}}, .contract_b = {2, {3, 1}}},
     NULL},
    {OP_conv_general,
     2,
     {FL(4, {1, 2, 2, 7}, -1, 1), FL(4, {1, 3, 2, 3}, -1, 1)},
     {.n_window = 1, .window = {{0, 2, 1, 2, 1, 2}}},
     NULL},
    {OP_conv_general,
     2,
     {FL(5, {2, 1, 2, 4, 3}, -1, 1), FL(5, {2, 2, 2, 2, 3}, -1, 1)},
     {.n_window = 2, .window = {{0, 1, -1, 2, 2, 1}, {0, 2, 2, 1, 1, 1}}},
     NULL},
    {OP_conv_general,
     2,
     {FL(6, {1, 1, 1, 3, 2, 3}, -1, 1), FL(6, {1, 1, 1, 2, 2, 2}, -1, 1)},
     {.n_window = 3, .window = {{0, 1, 0, 0, 1, 1}, {0, 1, 1, 0, 1, 1}, {0, 2, 0, 1, 1, 1}}},
     NULL},
    {OP_window_sum,
     1,
     {FL(3, {2, 5, 6}, -1, 1)},
     {.n_window = 2, .window = {{2, 2, 1, 0, 1, 1}, {3, 1, 0, -1, 2, 2}}},
     NULL},
    {OP_window_pick, 1, {FL(3, {2, 4, 5}, -1, 1)}, {.axis = 0}, build_pick},
    {OP_window_pick, 2, {FL(1, {7}, -1, 1), IX(1, {3}, 0, 1)}, {.n_window = 1, .window = {{2, 2, 0, 0, 1, 2}}}, NULL},
    {OP_window_place,
     2,
     {FL(1, {3}, -1, 1), IX(1, {3}, 0, 1)},
     {.n_window = 1, .window = {{2, 2, 0, 0, 1, 2}}, .shape = {1, {7}}},
     NULL},
    /* linear algebra */
    {OP_cholesky, 1, {MATRIX(3, 3)}, {.axis = 0}, build_cholesky},
    {OP_cholesky, 1, {MATRIX(1, 1)}, {.axis = 0}, build_cholesky},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 2)}, {.axis = 0}, build_tri_l},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 2)}, {.axis = 0}, build_tri_lt},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 1)}, {.axis = 0}, build_tri_u},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 1)}, {.axis = 0}, build_tri_utn},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 1)}, {.axis = 0}, build_tri_ln},
    {OP_solve, 2, {MATRIX(3, 3), MATRIX(3, 2)}, {.axis = 0}, build_solve},
    {OP_solve, 2, {FL(3, {2, 2, 2}, 1, 2), FL(3, {2, 2, 1}, -1, 1)}, {.trans = 1}, NULL},
    {OP_slogdet, 1, {FL(3, {2, 2, 2}, 1, 3)}, {.axis = 0}, NULL},
    {OP_eigh, 1, {MATRIX(3, 3)}, {.axis = 0}, build_eigh},
    {OP_svd, 1, {MATRIX(3, 2)}, {.axis = 0}, NULL},
    {OP_svd, 1, {MATRIX(2, 4)}, {.axis = 0}, NULL},
    {OP_svd, 1, {FL(3, {2, 2, 2}, -1, 1)}, {.axis = 0}, NULL},
    /* structure and types */
    {OP_select, 2, {MATRIX(2, 3), MATRIX(2, 3)}, {.axis = 0}, build_select},
    {OP_select, 3, {{DT_BOOL, 2, {2, 3}, 0, 1}, MATRIX(2, 3), MATRIX(2, 3)}, {.axis = 0}, NULL},
    {OP_cast, 1, {{DT_F32, 1, {3}, -1, 1}}, {.axis = 0}, build_cast},
    {OP_proj, 1, {MATRIX(2, 2)}, {.axis = 0}, build_proj},
    {OP_anchor, 1, {MATRIX(2, 2)}, {.axis = 0}, NULL},
    /* no elements, one element, rank 0, rank 6: movement */
    {OP_broadcast, 1, {ONE}, {.shape = {2, {2, 1}}, .axes = {1, {1}}}, NULL},
    {OP_reshape, 1, {MATRIX(0, 3)}, {.shape = {3, {3, 2, 0}}}, NULL},
    {OP_reshape, 1, {MATRIX(4, 2)}, {.shape = {6, {1, 2, 1, 2, 1, 2}}}, NULL},
    {OP_transpose, 1, {MATRIX(0, 3)}, {.axes = {2, {1, 0}}}, NULL},
    {OP_transpose, 1, {SCALAR}, {.axes = {0}}, NULL},
    {OP_reverse, 1, {MATRIX(3, 0)}, {.axes = {1, {0}}}, NULL},
    {OP_reverse, 1, {SCALAR}, {.axes = {0}}, NULL},
    {OP_reverse, 1, {SIX}, {.axes = {3, {1, 2, 5}}}, NULL},
    {OP_slice, 1, {SCALAR}, {.lo = {0}}, NULL},
    {OP_slice, 1, {SIX}, {.lo = {6, {0, 1}}, .hi = {6, {1, 2, 1, 2, 1, 2}}, .step = {6, {1, 1, 1, 2, 1, 1}}}, NULL},
    {OP_pad, 1, {SCALAR}, {.lo = {0}}, NULL},
    {OP_pad, 1, {SIX}, {.lo = {6, {1, -1}}, .hi = {6, {0, 2, 0, 1}}, .step = {6, {2, 0, 0, 1}}}, NULL},
    {OP_concat, 2, {ONE, ONE}, {.axis = 0}, NULL},
    {OP_concat, 2, {SIX, SIX}, {.axis = 3}, NULL},
    /* reductions */
    {OP_reduce_sum, 1, {MATRIX(1, 1)}, {.axes = {2, {0, 1}}}, NULL},
    {OP_reduce_sum, 1, {SIX}, {.axes = {3, {0, 1, 5}}}, NULL},
    {OP_reduce_max, 1, {MATRIX(0, 2)}, {.axes = {1, {1}}}, NULL},
    {OP_reduce_max, 1, {SIX}, {.axes = {2, {1, 3}}}, NULL},
    {OP_reduce_min, 1, {MATRIX(0, 2)}, {.axes = {1, {1}}}, NULL},
    {OP_reduce_min, 1, {ONE}, {.axes = {1, {0}}}, NULL},
    {OP_reduce_min, 1, {SIX}, {.axes = {2, {1, 3}}}, NULL},
    {OP_cumsum, 1, {MATRIX(2, 0)}, {.axis = 1}, NULL},
    {OP_cumsum, 1, {ONE}, {.axis = 0}, NULL},
    {OP_cumsum, 1, {SIX}, {.axis = 3}, NULL},
    {OP_sort, 1, {MATRIX(2, 0)}, {.axis = 1}, NULL},
    {OP_sort, 1, {ONE}, {.axis = 0}, NULL},
    {OP_sort, 1, {SIX}, {.axis = 1}, NULL},
    /* indexing */
    {OP_gather, 2, {MATRIX(4, 0), IX(1, {2}, 0, 3)}, {.axis = 0}, NULL},
    {OP_gather, 2, {MATRIX(4, 2), IX(1, {0}, 0, 0)}, {.axis = 0}, NULL},
    {OP_gather, 2, {ONE, IX(1, {3}, 0, 0)}, {.axis = 0}, NULL},
    {OP_gather, 2, {SIX, IX(1, {3}, 0, 1)}, {.axis = 3}, NULL},
    {OP_scatter_add, 3, {MATRIX(4, 0), IX(1, {2}, 0, 3), MATRIX(2, 0)}, {.axis = 0}, NULL},
    {OP_scatter_add, 3, {MATRIX(4, 2), IX(1, {0}, 0, 0), MATRIX(0, 2)}, {.axis = 0}, NULL},
    {OP_scatter_add, 3, {ONE, IX(0, {0}, 0, 0), SCALAR}, {.axis = 0}, NULL},
    {OP_scatter_add, 3, {SIX, IX(1, {2}, 0, 1), SIX}, {.axis = 3}, NULL},
    {OP_scatter_set, 3, {MATRIX(4, 0), IX(1, {2}, 0, 3), MATRIX(2, 0)}, {.axis = 0}, NULL},
    {OP_scatter_set, 3, {MATRIX(4, 2), IX(1, {0}, 0, 0), MATRIX(0, 2)}, {.axis = 0}, NULL},
    {OP_scatter_set, 3, {ONE, IX(0, {0}, 0, 0), SCALAR}, {.axis = 0}, NULL},
    {OP_scatter_set, 3, {SIX, IX(1, {2}, 0, 1), SIX}, {.axis = 3}, NULL},
    {OP_dynamic_slice, 3, {MATRIX(4, 0), AT(2), AT(0)}, {.sizes = {2, {2, 0}}}, NULL},
    {OP_dynamic_slice, 2, {ONE, AT(0)}, {.sizes = {1, {1}}}, NULL},
    {OP_dynamic_slice, 1, {SCALAR}, {.sizes = {0}}, NULL},
    {OP_dynamic_slice, 7, {SIX, AT(0), AT(1), AT(0), AT(1), AT(0), AT(0)}, {.sizes = {6, {1, 1, 1, 1, 1, 2}}}, NULL},
    {OP_dynamic_add, 4, {MATRIX(4, 0), MATRIX(2, 0), AT(2), AT(0)}, {.axis = 0}, NULL},
    {OP_dynamic_add, 3, {ONE, ONE, AT(0)}, {.axis = 0}, NULL},
    {OP_dynamic_add, 2, {SCALAR, SCALAR}, {.axis = 0}, NULL},
    {OP_dynamic_add, 8, {SIX, PART, AT(0), AT(1), AT(0), AT(1), AT(0), AT(0)}, {.axis = 0}, NULL},
    {OP_dynamic_put, 4, {MATRIX(4, 0), MATRIX(2, 0), AT(2), AT(0)}, {.axis = 0}, NULL},
    {OP_dynamic_put, 3, {ONE, ONE, AT(0)}, {.axis = 0}, NULL},
    {OP_dynamic_put, 2, {SCALAR, SCALAR}, {.axis = 0}, NULL},
    {OP_dynamic_put, 8, {SIX, PART, AT(0), AT(1), AT(0), AT(1), AT(0), AT(0)}, {.axis = 0}, NULL},
    /* contractions and windows */
    {OP_dot_general, 2, {ONE, ONE}, {.contract_a = {1, {0}}, .contract_b = {1, {0}}}, NULL},
    {OP_dot_general, 2, {SCALAR, MATRIX(2, 2)}, {.axis = 0}, NULL},
    {OP_dot_general, 2, {SIX, MATRIX(3, 2)}, {.contract_a = {1, {3}}, .contract_b = {1, {1}}}, NULL},
    {OP_dot_general,
     2,
     {SIX, SIX},
     {.batch_a = {2, {0, 1}}, .batch_b = {2, {0, 1}}, .contract_a = {4, {2, 3, 4, 5}}, .contract_b = {4, {2, 3, 4, 5}}},
     NULL},
    {OP_conv_general,
     2,
     {FL(4, {1, 0, 2, 5}, -1, 1), FL(4, {1, 3, 2, 3}, -1, 1)},
     {.n_window = 1, .window = {{0, 1, 0, 0, 1, 1}}},
     NULL},
    {OP_conv_general,
     2,
     {FL(4, {1, 1, 1, 1}, -1, 1), FL(4, {1, 1, 1, 1}, -1, 1)},
     {.n_window = 1, .window = {{0, 1, 0, 0, 1, 1}}},
     NULL},
    {OP_window_sum, 1, {MATRIX(0, 4)}, {.n_window = 1, .window = {{2, 1, 0, 0, 1, 1}}}, NULL},
    {OP_window_sum, 1, {ONE}, {.n_window = 1, .window = {{3, 1, 1, 1, 1, 1}}}, NULL},
    {OP_window_sum,
     1,
     {SIX},
     {.n_window = 3, .window = {{2, 1, 1, 0, 1, 1}, {1, 1, 0, 0, 1, 1}, {2, 2, 0, 0, 1, 1}}},
     NULL},
    {OP_window_pick, 2, {MATRIX(0, 4), IX(2, {0, 3}, 0, 1)}, {.n_window = 1, .window = {{2, 1, 0, 0, 1, 1}}}, NULL},
    {OP_window_pick, 2, {ONE, IX(1, {1}, 0, 2)}, {.n_window = 1, .window = {{3, 1, 1, 1, 1, 1}}}, NULL},
    {OP_window_pick, 2, {SIX, IX(6, {1, 2, 1, 2, 1, 1}, 0, 1)}, {.n_window = 1, .window = {{2, 2, 0, 0, 1, 1}}}, NULL},
    {OP_window_place,
     2,
     {MATRIX(0, 3), IX(2, {0, 3}, 0, 1)},
     {.n_window = 1, .window = {{2, 1, 0, 0, 1, 1}}, .shape = {2, {0, 4}}},
     NULL},
    {OP_window_place,
     2,
     {ONE, IX(1, {1}, 0, 2)},
     {.n_window = 1, .window = {{3, 1, 1, 1, 1, 1}}, .shape = {1, {1}}},
     NULL},
    {OP_window_place,
     2,
     {FL(6, {1, 2, 1, 2, 1, 1}, -1, 1), IX(6, {1, 2, 1, 2, 1, 1}, 0, 1)},
     {.n_window = 1, .window = {{2, 2, 0, 0, 1, 1}}, .shape = {6, {1, 2, 1, 2, 1, 2}}},
     NULL},
    /* linear algebra */
    {OP_cholesky, 1, {FL(3, {0, 2, 2}, -1, 1)}, {.axis = 0}, build_cholesky_of},
    {OP_cholesky, 1, {MATRIX(0, 0)}, {.axis = 0}, build_cholesky_of},
    {OP_cholesky, 1, {SQUARES}, {.axis = 0}, build_cholesky_of},
    {OP_tri_solve, 2, {FL(3, {0, 2, 2}, -1, 1), FL(3, {0, 2, 3}, -1, 1)}, {.axis = 0}, build_tri_of},
    {OP_tri_solve, 2, {MATRIX(1, 1), MATRIX(1, 1)}, {.axis = 0}, build_tri_of},
    {OP_tri_solve, 2, {SQUARES, SQUARES}, {.axis = 0}, build_tri_of},
    {OP_solve, 2, {FL(3, {0, 2, 2}, -1, 1), FL(3, {0, 2, 3}, -1, 1)}, {.axis = 0}, build_solve_of},
    {OP_solve, 2, {MATRIX(2, 2), MATRIX(2, 0)}, {.axis = 0}, build_solve_of},
    {OP_solve, 2, {MATRIX(1, 1), MATRIX(1, 1)}, {.axis = 0}, build_solve_of},
    {OP_solve, 2, {SQUARES, SQUARES}, {.axis = 0}, build_solve_of},
    {OP_slogdet, 1, {FL(3, {0, 2, 2}, -1, 1)}, {.axis = 0}, build_slogdet_of},
    {OP_slogdet, 1, {MATRIX(1, 1)}, {.axis = 0}, build_slogdet_of},
    {OP_slogdet, 1, {SQUARES}, {.axis = 0}, build_slogdet_of},
    {OP_eigh, 1, {FL(3, {0, 2, 2}, -1, 1)}, {.axis = 0}, build_eigh_of},
    {OP_eigh, 1, {MATRIX(1, 1)}, {.axis = 0}, build_eigh_of},
    {OP_eigh, 1, {SQUARES}, {.axis = 0}, build_eigh_of},
    {OP_svd, 1, {FL(3, {0, 2, 3}, -1, 1)}, {.axis = 0}, NULL},
    {OP_svd, 1, {FL(2, {1, 1}, 1, 2)}, {.axis = 0}, NULL},
    {OP_svd, 1, {SQUARES}, {.axis = 0}, NULL},
    {OP_proj, 1, {FL(3, {0, 2, 2}, -1, 1)}, {.axis = 0}, build_proj_of},
    {OP_proj, 1, {SQUARES}, {.axis = 0}, build_proj_of},
};

/* Elementwise ops take every shape; what differs is where their operands may lie. */
static const struct {
  Op op;
  double lo[2], hi[2];
} ranges[] = {
    {OP_add, {-1, -1}, {1, 1}},
    {OP_sub, {-1, -1}, {1, 1}},
    {OP_neg, {-1}, {1}},
    {OP_mul, {-1, -1}, {1, 1}},
    {OP_div, {-1, 1}, {1, 2}},
    {OP_div, {-1, -2}, {1, -1}},
    {OP_pow, {.5, -2}, {2, 2}},
    {OP_max, {-1, -1}, {1, 1}},
    {OP_min, {-1, -1}, {1, 1}},
    {OP_rem, {2.1, 1}, {2.9, 1.04}},
    {OP_rem, {-2.9, 1}, {-2.1, 1.04}},
    {OP_abs, {.1}, {1}},
    {OP_abs, {-1}, {-.1}},
    {OP_sign, {.1}, {1}},
    {OP_floor, {.1}, {.9}},
    {OP_ceil, {.1}, {.9}},
    {OP_round, {.1}, {.4}},
    {OP_exp, {-2}, {2}},
    {OP_expm1, {-2}, {2}},
    {OP_log, {.2}, {3}},
    {OP_log1p, {-.5}, {3}},
    {OP_sqrt, {.2}, {3}},
    {OP_sin, {-4}, {4}},
    {OP_cos, {-4}, {4}},
    {OP_tanh, {-3}, {3}},
    {OP_logistic, {-5}, {5}},
    {OP_softplus, {-5}, {5}},
    {OP_erf, {-2}, {2}},
    {OP_atan, {-3}, {3}},
};
static const Input shapes[] = {FL(0, {0}, 0, 0), FL(1, {1}, 0, 0), FL(1, {0}, 0, 0), FL(2, {2, 3}, 0, 0),
                               FL(6, {1, 2, 1, 2, 1, 2}, 0, 0)};
/* broadcast before the op */
static const Input narrow[] = {FL(1, {3}, 0, 0), FL(1, {2}, 0, 0), FL(0, {0}, 0, 0)};
enum { N_SAMPLES = sizeof samples / sizeof *samples, N_RANGES = sizeof ranges / sizeof *ranges };
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void elementwise(void **state) {
  (void)state;
  for (uint32_t r = 0; r < N_RANGES; r++)
    for (uint32_t k = 0; k <= N_SHAPES; k++) {
      Sample s = {.op = ranges[r].op, .n_in = (uint32_t)op_table[ranges[r].op].arity};
      for (uint32_t j = 0; j < s.n_in; j++) {
        s.in[j] = k == N_SHAPES ? narrow[j] : shapes[k];
        s.in[j].lo = ranges[r].lo[j], s.in[j].hi = ranges[r].hi[j];
      }
      check_sample(&s, k == N_SHAPES);
    }
}

/* What takes every shape and is no function of floats alone. */
static void structure(void **state) {
  (void)state;
  static const Sample any[] = {
      {.op = OP_select, .n_in = 2, .build = build_select},
      {.op = OP_cast, .n_in = 1, .build = build_cast},
      {.op = OP_anchor, .n_in = 1},
  };
  for (uint32_t a = 0; a < sizeof any / sizeof *any; a++)
    for (uint32_t k = 0; k <= N_SHAPES; k++) {
      Sample s = any[a];
      for (uint32_t j = 0; j < s.n_in; j++) {
        s.in[j] = k == N_SHAPES ? narrow[j] : shapes[k];
        s.in[j].lo = -1, s.in[j].hi = 1;
        if (s.op == OP_cast) s.in[j].dtype = DT_F32;
      }
      check_sample(&s, k == N_SHAPES);
    }
}

static void all_others(void **state) {
  (void)state;
  for (uint32_t k = 0; k < N_SAMPLES; k++) check_sample(&samples[k], false);
}

static bool has_sample(Op op) {
  for (uint32_t k = 0; k < N_SAMPLES; k++)
    if (samples[k].op == op) return true;
  for (uint32_t k = 0; k < N_RANGES; k++)
    if (ranges[k].op == op) return true;
  return false;
}

/* Loops and grad itself are the subject of test_autodiff.c and test_autodiff_loops.c. */
static void every_row_has_samples(void **state) {
  (void)state;
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    bool elsewhere = op == OP_scan || op == OP_grad;
    if (op_table[op].flags & OPF_NO_DERIVATIVE)
      assert_null(op_table[op].vjp);
    else if (!elsewhere && !has_sample((Op)op))
      fail_msg("`%s` has no samples", op_table[op].name);
  }
}

/* Runs after the samples. */
static void every_row_took_every_shape(void **state) {
  (void)state;
  static const uint8_t never[OP_COUNT] = {
      [OP_concat] = RANK_0,     [OP_cumsum] = RANK_0,      [OP_sort] = RANK_0,         [OP_conv_general] = RANK_0,
      [OP_window_sum] = RANK_0, [OP_window_pick] = RANK_0, [OP_window_place] = RANK_0, [OP_cholesky] = RANK_0,
      [OP_tri_solve] = RANK_0,  [OP_solve] = RANK_0,       [OP_eigh] = RANK_0,         [OP_svd] = RANK_0,
  };
  static const char *const kind[] = {"no elements", "one element", "rank 0", "rank 6"};
  for (uint32_t op = 0; op < OP_COUNT; op++)
    for (uint32_t k = 0; k < 4 && has_sample((Op)op); k++)
      if (!((seen[op] | never[op]) >> k & 1)) fail_msg("`%s` was not tried on %s", op_table[op].name, kind[k]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_has_samples),
      cmocka_unit_test(elementwise),
      cmocka_unit_test(structure),
      cmocka_unit_test(all_others),
      cmocka_unit_test(every_row_took_every_shape),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
