/* The makers of the random graph generator: each appends an op of its family, with operands that suit it. */
#include "tests/support/random_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- elementwise */

void make_unary(Gen *g) {
  static const Op plain[] = {OP_neg, OP_abs,  OP_sign,     OP_floor,    OP_ceil, OP_round, OP_sin,
                             OP_cos, OP_tanh, OP_logistic, OP_softplus, OP_erf,  OP_atan};
  Entry x = gen_pick(g);
  uint32_t k = gen_below(g, sizeof plain / sizeof *plain + 6);
  if (k < sizeof plain / sizeof *plain) {
    gen_keep(g, gen_unary(g, plain[k], x.node), x.bound + 1);
    return;
  }
  switch (k - sizeof plain / sizeof *plain) {
  case 0: gen_keep(g, gen_unary(g, OP_exp, gen_squashed(g, x.node)), 3); break;
  case 1: gen_keep(g, gen_unary(g, OP_expm1, gen_squashed(g, x.node)), 3); break;
  case 2: gen_keep(g, gen_unary(g, OP_log, gen_positive(g, x.node)), 4); break;
  case 3: gen_keep(g, gen_unary(g, OP_log1p, gen_unary(g, OP_abs, x.node)), 4); break;
  case 4: gen_keep(g, gen_unary(g, OP_sqrt, gen_positive(g, x.node)), x.bound + 1); break;
  default: gen_keep(g, gen_scaled(g, x.node, (double)((int64_t)gen_below(g, 7) - 3) / 2), x.bound * 1.5); break;
  }
}

void make_binary(Gen *g) {
  Entry x = gen_pick(g), y = gen_like(g, x.node);
  switch (gen_below(g, 10)) {
  case 0:
  case 1: gen_keep(g, gen_binary(g, OP_add, x.node, y.node), x.bound + y.bound); break;
  case 2: gen_keep(g, gen_binary(g, OP_sub, x.node, y.node), x.bound + y.bound); break;
  case 3:
  case 4: gen_keep(g, gen_binary(g, OP_mul, x.node, y.node), x.bound * y.bound); break;
  case 5: gen_keep(g, gen_binary(g, OP_div, x.node, gen_positive(g, y.node)), 2 * x.bound); break;
  case 6: {
    NodeId exponent =
        gen_chance(g, 60) ? ir_full_like(&g->b, x.node, (double)gen_below(g, 9) / 2 - 2) : gen_squashed(g, y.node);
    gen_keep(g, gen_binary(g, OP_pow, gen_shifted(g, gen_unary(g, OP_logistic, x.node), 0.5), exponent), 8);
    break;
  }
  case 7: gen_keep(g, gen_binary(g, OP_max, x.node, y.node), fmax(x.bound, y.bound)); break;
  case 8: gen_keep(g, gen_binary(g, OP_min, x.node, y.node), fmax(x.bound, y.bound)); break;
  default: gen_keep(g, gen_binary(g, OP_rem, x.node, gen_positive(g, y.node)), y.bound + 1); break;
  }
}

static NodeId condition(Gen *g, NodeId x, NodeId y) {
  static const Op ops[] = {OP_lt, OP_le, OP_eq, OP_ne};
  NodeId c = gen_binary(g, ops[gen_below(g, 4)], x, y);
  if (gen_chance(g, 20)) c = gen_unary(g, OP_not, c);
  if (gen_chance(g, 20)) c = gen_binary(g, gen_chance(g, 50) ? OP_and : OP_or, c, gen_unary(g, OP_is_finite, x));
  if (gen_chance(g, 10)) c = gen_binary(g, OP_xor, c, gen_binary(g, OP_lt, y, x));
  return c;
}

void make_select(Gen *g) {
  Entry x = gen_pick(g), y = gen_like(g, x.node), z = gen_like(g, x.node);
  NodeId zero = ir_full_like(&g->b, x.node, 0), c = condition(g, x.node, gen_chance(g, 50) ? zero : z.node);
  NodeId yes = gen_chance(g, 30) ? zero : y.node;
  gen_keep(g, ir_select(&g->b, c, yes, x.node), fmax(x.bound, y.bound));
}

void make_cast(Gen *g) {
  static const DType via[] = {DT_F32, DT_F64, DT_I32, DT_I64, DT_F64};
  Entry x = gen_pick(g);
  NodeId n = ir_cast(&g->b, x.node, via[gen_below(g, 5)]);
  if (ir_is_int((DType)gen_type_of(g, n)->dtype) && gen_chance(g, 50)) {
    NodeId three = ir_full_like(&g->b, n, 3);
    static const Op ops[] = {OP_add, OP_mul, OP_rem, OP_div, OP_and, OP_xor, OP_max};
    n = gen_binary(g, ops[gen_below(g, 7)], n, three);
  }
  gen_keep(g, ir_cast(&g->b, n, g->o->dtype), 3 * x.bound + 3);
}

/* ---------------------------------------------------------------- movement */

void make_broadcast(Gen *g) {
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  int64_t shape[IR_MAX_RANK], axes[IR_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < t.rank; i++) {
    if (rank < 5 && gen_chance(g, 30)) shape[rank++] = gen_some_dim(g);
    axes[i] = rank;
    shape[rank++] = t.dim[i];
  }
  if (rank < 5) shape[rank++] = gen_some_dim(g);
  if (gen_small_shape(g, rank, shape)) gen_keep(g, ir_broadcast(&g->b, x.node, rank, shape, axes), x.bound);
}

void make_reshape(Gen *g) {
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  int64_t shape[IR_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < t.rank; i++) {
    if (rank && gen_chance(g, 40))
      shape[rank - 1] *= t.dim[i];
    else
      shape[rank++] = t.dim[i];
    if (rank < 5 && gen_chance(g, 15)) shape[rank++] = 1;
    int64_t d = shape[rank - 1];
    if (rank < 5 && d > 2 && d % 2 == 0 && gen_chance(g, 40)) {
      shape[rank - 1] = 2;
      shape[rank++] = d / 2;
    }
  }
  gen_keep(g, ir_reshape(&g->b, x.node, rank, shape), x.bound);
}

void make_transpose(Gen *g) {
  Entry x = gen_pick(g);
  uint32_t rank = gen_type_of(g, x.node)->rank;
  int64_t perm[IR_MAX_RANK];
  for (uint32_t i = 0; i < rank; i++) perm[i] = i;
  for (uint32_t i = rank; i > 1; i--) {
    uint32_t j = gen_below(g, i);
    int64_t swap = perm[i - 1];
    perm[i - 1] = perm[j];
    perm[j] = swap;
  }
  gen_keep(g, ir_transpose(&g->b, x.node, perm), x.bound);
}

void make_reverse(Gen *g) {
  Entry x = gen_pick(g);
  int64_t axis = gen_below(g, gen_type_of(g, x.node)->rank);
  if (gen_type_of(g, x.node)->rank) gen_keep(g, ir_reverse(&g->b, x.node, 1, &axis), x.bound);
}

void make_slice(Gen *g) {
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], step[IR_MAX_RANK];
  for (uint32_t i = 0; i < t.rank; i++) {
    lo[i] = gen_chance(g, 50) ? 0 : gen_below(g, (uint32_t)t.dim[i] / 2 + 1);
    hi[i] = gen_chance(g, 50) ? t.dim[i] : lo[i] + gen_below(g, (uint32_t)(t.dim[i] - lo[i]) + 1);
    step[i] = gen_chance(g, 70) ? 1 : 2;
  }
  gen_keep(g, ir_slice(&g->b, x.node, lo, hi, step), x.bound);
}

void make_pad(Gen *g) {
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], interior[IR_MAX_RANK], shape[IR_MAX_RANK];
  for (uint32_t i = 0; i < t.rank; i++) {
    interior[i] = gen_chance(g, 80) ? 0 : 1;
    int64_t spread = t.dim[i] ? t.dim[i] + (t.dim[i] - 1) * interior[i] : 0;
    lo[i] = (int64_t)gen_below(g, 4) - (spread > 2);
    hi[i] = (int64_t)gen_below(g, 4) - (spread > 2);
    shape[i] = lo[i] + spread + hi[i];
    if (shape[i] < 0) return;
  }
  if (gen_small_shape(g, t.rank, shape)) gen_keep(g, ir_pad(&g->b, x.node, lo, hi, interior), x.bound);
}

void make_concat(Gen *g) {
  Entry x = gen_pick(g), y = gen_like(g, x.node);
  Type t = *gen_type_of(g, x.node);
  NodeId in[3] = {x.node, y.node, x.node};
  uint32_t n = 2 + gen_below(g, 2), axis = gen_below(g, t.rank);
  if (t.rank && ir_elements(&t) * n <= gen_max_elements(g))
    gen_keep(g, ir_concat(&g->b, in, n, axis), fmax(x.bound, y.bound));
}

/* ---------------------------------------------------------------- reductions */

void make_reduce(Gen *g) {
  static const Op ops[] = {OP_reduce_sum, OP_reduce_sum, OP_reduce_max, OP_reduce_min};
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  int64_t axes[IR_MAX_RANK], count = 1;
  uint32_t n = 0, op = gen_below(g, 4);
  for (uint32_t i = 0; i < t.rank; i++) {
    if (!gen_chance(g, 50)) continue;
    axes[n++] = i;
    count *= t.dim[i];
  }
  if (ops[op] != OP_reduce_sum && count == 0) return; /* infinities */
  gen_keep(g, ir_reduce(&g->b, ops[op], x.node, n, axes), x.bound * (ops[op] == OP_reduce_sum ? (double)count : 1));
}

void make_along_axis(Gen *g) {
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  if (!t.rank) return;
  Attr a = {.axis = gen_below(g, t.rank), .reverse = gen_chance(g, 50)};
  switch (gen_below(g, 4)) {
  case 0: gen_keep(g, ir_emit(&g->b, OP_cumsum, &x.node, 1, &a), x.bound * (double)t.dim[a.axis]); break;
  case 1: gen_keep(g, ir_emit(&g->b, OP_sort, &x.node, 1, &a), x.bound); break;
  default: {
    static const Op ops[] = {OP_argmax, OP_argmin, OP_argsort};
    if (t.dim[a.axis] == 0) return;
    NodeId i = ir_emit(&g->b, ops[gen_below(g, 3)], &x.node, 1, &a);
    gen_keep(g, ir_cast(&g->b, i, g->o->dtype), (double)t.dim[a.axis]);
  }
  }
}

/* ---------------------------------------------------------------- indexing */

/* i32 indices in [0, extent), of a constant shape. */
static NodeId indices(Gen *g, uint32_t rank, const int64_t *dim, int64_t extent) {
  int64_t n = 1;
  for (uint32_t i = 0; i < rank; i++) n *= dim[i];
  int32_t *v = calloc((size_t)n + 1, sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = (int32_t)gen_below(g, (uint32_t)extent);
  NodeId c = ir_const(&g->b, ir_type(g->b.m, DT_I32, rank, dim), v);
  free(v);
  return c;
}

void make_gather(Gen *g) {
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  if (!t.rank || t.rank > 4) return;
  Attr a = {.axis = gen_below(g, t.rank)};
  a.n_batch = gen_below(g, (uint32_t)a.axis + 1);
  int64_t extent = t.dim[a.axis], shape[IR_MAX_RANK];
  uint32_t rank = (uint32_t)a.n_batch;
  if (extent == 0) return;
  memcpy(shape, t.dim, sizeof *shape * rank);
  if (gen_chance(g, 70)) shape[rank++] = 1 + gen_below(g, 6);
  NodeId in[3] = {x.node, indices(g, rank, shape, extent), IR_NONE};
  NodeId picked = ir_emit(&g->b, OP_gather, in, 2, &a);
  if (picked == IR_NONE || !gen_small_shape(g, gen_type_of(g, picked)->rank, gen_type_of(g, picked)->dim)) return;
  if (gen_chance(g, 60)) {
    gen_keep(g, picked, x.bound);
    return;
  }
  in[2] = gen_squashed(g, picked);
  bool add = gen_chance(g, 50);
  gen_keep(g, ir_emit(&g->b, add ? OP_scatter_add : OP_scatter_set, in, 3, &a), x.bound + (add ? 6 : 1));
}

void make_dynamic(Gen *g) {
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  if (t.rank > 4) return;
  Attr a = {0};
  NodeId in[2 + IR_MAX_RANK] = {x.node};
  uint32_t kind = gen_below(g, 3), first = kind ? 2 : 1;
  a.sizes.n = t.rank;
  for (uint32_t i = 0; i < t.rank; i++) {
    a.sizes.v[i] = gen_below(g, (uint32_t)t.dim[i] + 1);
    in[first + i] = indices(g, 0, NULL, t.dim[i] - a.sizes.v[i] + 1);
  }
  if (kind == 0) {
    gen_keep(g, ir_emit(&g->b, OP_dynamic_slice, in, 1 + t.rank, &a), x.bound);
    return;
  }
  Entry u = gen_of_shape(g, t.rank, a.sizes.v);
  in[1] = u.node;
  gen_keep(g, ir_emit(&g->b, kind == 1 ? OP_dynamic_add : OP_dynamic_put, in, 2 + t.rank, NULL), x.bound + u.bound);
}

/* ---------------------------------------------------------------- contractions, windows, linear algebra */

void make_dot(Gen *g) {
  Entry x = gen_pick(g);
  Type t = *gen_type_of(g, x.node);
  if (t.rank == 0) return;
  Attr a = {0};
  int64_t shape[IR_MAX_RANK], k = 1;
  uint32_t rank = 0;
  for (uint32_t i = 0; i < t.rank; i++) { /* each axis of x: batch, contracted, or free */
    uint32_t role = gen_below(g, 4);
    if (rank < 4 && role == 0) {
      a.batch_a.v[a.batch_a.n++] = i;
      a.batch_b.v[a.batch_b.n++] = rank;
      shape[rank++] = t.dim[i];
    } else if (rank < 4 && role < 3) {
      a.contract_a.v[a.contract_a.n++] = i;
      a.contract_b.v[a.contract_b.n++] = rank;
      shape[rank++] = t.dim[i];
      k *= t.dim[i];
    }
  }
  if (gen_chance(g, 80)) shape[rank++] = gen_some_dim(g);
  if (!gen_small_shape(g, rank, shape)) return;
  Entry y = gen_of_shape(g, rank, shape);
  int64_t out = ir_elements(&t) / (k ? k : 1) * (rank ? shape[rank - 1] : 1);
  if (t.rank + rank > 6 || out > gen_max_elements(g)) return;
  gen_keep(g, ir_dot(&g->b, x.node, y.node, &a.batch_a, &a.batch_b, &a.contract_a, &a.contract_b),
           x.bound * y.bound * (double)(k ? k : 1));
}

static WindowAxis window_axis(Gen *g, int64_t size) {
  WindowAxis w = {.size = size,
                  .stride = 1 + gen_below(g, 2),
                  .lo = gen_below(g, 2),
                  .hi = gen_below(g, 2),
                  .lhs_dilation = 1,
                  .dilation = 1 + (gen_below(g, 4) == 0)};
  return w;
}

void make_conv(Gen *g) {
  uint32_t n = 1 + gen_below(g, 2);
  int64_t x_shape[5] = {1 + gen_below(g, 2), 1 + gen_below(g, 3), 1 + gen_below(g, 3)},
          w_shape[5] = {x_shape[0], 1 + gen_below(g, 3), x_shape[2]};
  Attr a = {.n_window = n};
  for (uint32_t i = 0; i < n; i++) {
    x_shape[3 + i] = 5 + gen_below(g, 3);
    w_shape[3 + i] = 1 + gen_below(g, 3);
    a.window[i] = window_axis(g, 0);
    if (gen_chance(g, 15)) a.window[i].lhs_dilation = 2;
  }
  Entry x = gen_of_shape(g, 3 + n, x_shape), w = gen_of_shape(g, 3 + n, w_shape);
  NodeId in[2] = {x.node, w.node};
  gen_keep(g, ir_emit(&g->b, OP_conv_general, in, 2, &a), x.bound * w.bound * 30);
}

void make_window(Gen *g) {
  int64_t shape[3] = {1 + gen_below(g, 4), 6 + gen_below(g, 3), 6};
  uint32_t n = 1 + gen_below(g, 2);
  Attr a = {.n_window = n};
  for (uint32_t i = 0; i < n; i++) a.window[i] = window_axis(g, 2 + gen_below(g, 2));
  Entry x = gen_of_shape(g, 3, shape);
  if (gen_chance(g, 50)) {
    gen_keep(g, ir_emit(&g->b, OP_window_sum, &x.node, 1, &a), x.bound * 9);
    return;
  }
  for (uint32_t i = 0; i < n; i++) a.window[i].lo = a.window[i].hi = 0; /* a window in the padding has no maximum */
  NodeId in[2] = {x.node, ir_emit(&g->b, OP_window_argmax, &x.node, 1, &a)};
  gen_keep(g, ir_emit(&g->b, OP_window_pick, in, 2, &a), x.bound);
}

void make_lapack(Gen *g) {
  int64_t n = 1 + gen_below(g, 5), square[2] = {n, n}, right[2] = {n, 1 + gen_below(g, 3)};
  Entry x = gen_of_shape(g, 2, square), y = gen_of_shape(g, 2, right);
  NodeId a = gen_squashed(g, x.node), eye = IR_NONE;
  NodeId row = ir_iota(&g->b, DT_I32, 2, square, 0), column = ir_iota(&g->b, DT_I32, 2, square, 1);
  eye = ir_cast(&g->b, gen_binary(g, OP_eq, row, column), g->o->dtype);
  NodeId dominant = gen_binary(g, OP_add, a, gen_scaled(g, eye, (double)n + 1));
  NodeId in[2] = {dominant, y.node};
  Attr attr = {.trans = gen_chance(g, 50)};
  switch (gen_below(g, 4)) {
  case 0: gen_keep(g, ir_emit(&g->b, OP_solve, in, 2, &attr), y.bound); break;
  case 1:
    attr.lower = gen_chance(g, 50);
    attr.unit = gen_chance(g, 20);
    gen_keep(g, ir_emit(&g->b, OP_tri_solve, in, 2, &attr), y.bound * 4);
    break;
  case 2: gen_keep(g, ir_proj(&g->b, ir_emit(&g->b, OP_slogdet, in, 1, NULL), 1), 12); break;
  default: {
    int64_t swap[2] = {1, 0};
    NodeId gram = gen_binary(g, OP_add, ir_matmul(&g->b, a, ir_transpose(&g->b, a, swap)), eye);
    gen_keep(g, ir_unary(&g->b, OP_cholesky, gram), (double)n + 1);
  }
  }
}

/* ---------------------------------------------------------------- leaves */

void make_leaf(Gen *g) {
  int64_t shape[2] = {gen_some_dim(g), gen_some_dim(g)};
  uint32_t rank = gen_below(g, 3);
  if (rank && gen_chance(g, 40)) {
    int64_t axis = gen_below(g, rank);
    NodeId i = ir_iota(&g->b, gen_chance(g, 50) ? DT_I32 : g->o->dtype, rank, shape, axis);
    gen_keep(g, gen_scaled(g, ir_cast(&g->b, i, g->o->dtype), 0.125), (double)shape[axis] / 8);
  } else if (g->key.n && gen_chance(g, 60)) {
    NodeId key = g->key.at[gen_below(g, g->key.n)];
    Dist dist = gen_chance(g, 50) ? DIST_NORMAL : DIST_UNIFORM;
    gen_keep(g, ir_random(&g->b, key, dist, g->o->dtype, rank, shape, ++*g->site), 5);
  } else {
    Entry e = gen_of_shape(g, rank, shape);
    gen_keep(g, e.node, e.bound);
  }
}

void make_marker(Gen *g) {
  Entry x = gen_pick(g);
  gen_keep(g, ir_unary(&g->b, OP_stop_gradient, x.node), x.bound);
}
