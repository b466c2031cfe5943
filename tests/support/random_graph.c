/* Makes random graphs: one maker per family of ops, chosen with equal chance, operands from the values made so far. */
#include "tests/support/random_graph.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BIG 30.0 /* a value whose bound exceeds this is squashed before it is used on */

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

static uint64_t next(Gen *g) {
  uint64_t z = (g->state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
static uint32_t below(Gen *g, uint32_t n) { return n ? (uint32_t)(next(g) % n) : 0; }
static bool chance(Gen *g, uint32_t percent) { return below(g, 100) < percent; }
static int64_t some_dim(Gen *g) { return g->dims[below(g, 5)]; }

static const Type *type_of(const Gen *g, NodeId n) { return ir_type_of(&g->b, n); }
static int64_t max_elements(const Gen *g) { return g->o->large ? 50000 : 1500; }
static bool small_shape(const Gen *g, uint32_t rank, const int64_t *dim) {
  int64_t n = 1;
  for (uint32_t i = 0; i < rank; i++) n *= dim[i];
  return rank <= 6 && n <= max_elements(g);
}

static void keep(Gen *g, NodeId n, double bound) {
  if (n == IR_NONE) return;
  Entry e = {n, bound};
  vec_push(&g->pool, e);
}

/* Half of the picks are among the latest values, so that graphs grow deep as well as wide. */
static Entry pick(Gen *g) {
  uint32_t n = g->pool.n, recent = n < 6 ? n : 6;
  Entry e = g->pool.at[chance(g, 50) ? n - 1 - below(g, recent) : below(g, n)];
  if (e.bound <= BIG) return e;
  NodeId c = ir_full_like(&g->b, e.node, 1 / e.bound);
  return (Entry){ir_unary(&g->b, OP_tanh, ir_binary(&g->b, OP_mul, e.node, c)), 1};
}

static TypeId float_type(Gen *g, uint32_t rank, const int64_t *dim) { return ir_type(g->b.m, g->o->dtype, rank, dim); }

/* The elements of n in another shape: some left out, or zeros added. */
static NodeId refitted(Gen *g, NodeId n, int64_t count, int64_t want, uint32_t rank, const int64_t *dim) {
  int64_t zero = 0, one = 1, more = want - count;
  NodeId flat = ir_reshape(&g->b, n, 1, &count);
  flat = more < 0 ? ir_slice(&g->b, flat, &zero, &want, &one) : ir_pad(&g->b, flat, &zero, &more, &zero);
  return ir_reshape(&g->b, flat, rank, dim);
}

/* A value of this shape: from the pool, or something made to fit. */
static Entry of_shape(Gen *g, uint32_t rank, const int64_t *dim) {
  for (uint32_t tries = 0; tries < 6; tries++) {
    Entry e = pick(g);
    const Type *t = type_of(g, e.node);
    if (t->rank == rank && (rank == 0 || !memcmp(t->dim, dim, sizeof *dim * rank))) return e;
  }
  Entry e = pick(g);
  Type t = *type_of(g, e.node);
  int64_t count = 1, want = 1;
  for (uint32_t i = 0; i < rank; i++) want *= dim[i];
  for (uint32_t i = 0; i < t.rank; i++) count *= t.dim[i];
  if (count == want) return (Entry){ir_reshape(&g->b, e.node, rank, dim), e.bound};
  if (t.rank == 0) return (Entry){ir_broadcast(&g->b, e.node, rank, dim, NULL), e.bound};
  if (count && chance(g, 60)) return (Entry){refitted(g, e.node, count, want, rank, dim), e.bound};
  if (chance(g, 50)) {
    double v = (double)((int64_t)below(g, 9) - 4) / 2;
    return (Entry){ir_full(&g->b, float_type(g, rank, dim), v), fabs(v)};
  }
  double *f = calloc((size_t)want + 1, sizeof *f);
  for (int64_t i = 0; i < want; i++) {
    f[i] = (double)((int64_t)below(g, 33) - 16) / 8;
    if (g->o->dtype == DT_F32) ((float *)f)[i] = (float)((double)((int64_t)below(g, 33) - 16) / 8);
  }
  NodeId c = ir_const(&g->b, float_type(g, rank, dim), f);
  free(f);
  return (Entry){c, 2};
}
static Entry like(Gen *g, NodeId n) {
  Type t = *type_of(g, n);
  return of_shape(g, t.rank, t.dim);
}

static NodeId unary(Gen *g, Op op, NodeId a) { return ir_unary(&g->b, op, a); }
static NodeId binary(Gen *g, Op op, NodeId a, NodeId c) { return ir_binary(&g->b, op, a, c); }
static NodeId scaled(Gen *g, NodeId a, double c) { return binary(g, OP_mul, a, ir_full_like(&g->b, a, c)); }
static NodeId shifted(Gen *g, NodeId a, double c) { return binary(g, OP_add, a, ir_full_like(&g->b, a, c)); }
/* Positive and away from zero. */
static NodeId positive(Gen *g, NodeId a) { return shifted(g, unary(g, OP_abs, a), 0.5); }
static NodeId squashed(Gen *g, NodeId a) { return unary(g, OP_tanh, a); }

/* ---------------------------------------------------------------- elementwise */

static void make_unary(Gen *g) {
  static const Op plain[] = {OP_neg, OP_abs,  OP_sign,     OP_floor,    OP_ceil, OP_round, OP_sin,
                             OP_cos, OP_tanh, OP_logistic, OP_softplus, OP_erf,  OP_atan};
  Entry x = pick(g);
  uint32_t k = below(g, sizeof plain / sizeof *plain + 6);
  if (k < sizeof plain / sizeof *plain) {
    keep(g, unary(g, plain[k], x.node), x.bound + 1);
    return;
  }
  switch (k - sizeof plain / sizeof *plain) {
  case 0: keep(g, unary(g, OP_exp, squashed(g, x.node)), 3); break;
  case 1: keep(g, unary(g, OP_expm1, squashed(g, x.node)), 3); break;
  case 2: keep(g, unary(g, OP_log, positive(g, x.node)), 4); break;
  case 3: keep(g, unary(g, OP_log1p, unary(g, OP_abs, x.node)), 4); break;
  case 4: keep(g, unary(g, OP_sqrt, positive(g, x.node)), x.bound + 1); break;
  default: keep(g, scaled(g, x.node, (double)((int64_t)below(g, 7) - 3) / 2), x.bound * 1.5); break;
  }
}

static void make_binary(Gen *g) {
  Entry x = pick(g), y = like(g, x.node);
  switch (below(g, 10)) {
  case 0:
  case 1: keep(g, binary(g, OP_add, x.node, y.node), x.bound + y.bound); break;
  case 2: keep(g, binary(g, OP_sub, x.node, y.node), x.bound + y.bound); break;
  case 3:
  case 4: keep(g, binary(g, OP_mul, x.node, y.node), x.bound * y.bound); break;
  case 5: keep(g, binary(g, OP_div, x.node, positive(g, y.node)), 2 * x.bound); break;
  case 6: {
    NodeId exponent = chance(g, 60) ? ir_full_like(&g->b, x.node, (double)below(g, 9) / 2 - 2) : squashed(g, y.node);
    keep(g, binary(g, OP_pow, shifted(g, unary(g, OP_logistic, x.node), 0.5), exponent), 8);
    break;
  }
  case 7: keep(g, binary(g, OP_max, x.node, y.node), fmax(x.bound, y.bound)); break;
  case 8: keep(g, binary(g, OP_min, x.node, y.node), fmax(x.bound, y.bound)); break;
  default: keep(g, binary(g, OP_rem, x.node, positive(g, y.node)), y.bound + 1); break;
  }
}

static NodeId condition(Gen *g, NodeId x, NodeId y) {
  static const Op ops[] = {OP_lt, OP_le, OP_eq, OP_ne};
  NodeId c = binary(g, ops[below(g, 4)], x, y);
  if (chance(g, 20)) c = unary(g, OP_not, c);
  if (chance(g, 20)) c = binary(g, chance(g, 50) ? OP_and : OP_or, c, unary(g, OP_is_finite, x));
  if (chance(g, 10)) c = binary(g, OP_xor, c, binary(g, OP_lt, y, x));
  return c;
}

static void make_select(Gen *g) {
  Entry x = pick(g), y = like(g, x.node), z = like(g, x.node);
  NodeId zero = ir_full_like(&g->b, x.node, 0), c = condition(g, x.node, chance(g, 50) ? zero : z.node);
  NodeId yes = chance(g, 30) ? zero : y.node;
  keep(g, ir_select(&g->b, c, yes, x.node), fmax(x.bound, y.bound));
}

static void make_cast(Gen *g) {
  static const DType via[] = {DT_F32, DT_F64, DT_I32, DT_I64, DT_F64};
  Entry x = pick(g);
  NodeId n = ir_cast(&g->b, x.node, via[below(g, 5)]);
  if (ir_is_int((DType)type_of(g, n)->dtype) && chance(g, 50)) {
    NodeId three = ir_full_like(&g->b, n, 3);
    static const Op ops[] = {OP_add, OP_mul, OP_rem, OP_div, OP_and, OP_xor, OP_max};
    n = binary(g, ops[below(g, 7)], n, three);
  }
  keep(g, ir_cast(&g->b, n, g->o->dtype), 3 * x.bound + 3);
}

/* ---------------------------------------------------------------- movement */

static void make_broadcast(Gen *g) {
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  int64_t shape[IR_MAX_RANK], axes[IR_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < t.rank; i++) {
    if (rank < 5 && chance(g, 30)) shape[rank++] = some_dim(g);
    axes[i] = rank;
    shape[rank++] = t.dim[i];
  }
  if (rank < 5) shape[rank++] = some_dim(g);
  if (small_shape(g, rank, shape)) keep(g, ir_broadcast(&g->b, x.node, rank, shape, axes), x.bound);
}

static void make_reshape(Gen *g) {
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  int64_t shape[IR_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < t.rank; i++) {
    if (rank && chance(g, 40))
      shape[rank - 1] *= t.dim[i];
    else
      shape[rank++] = t.dim[i];
    if (rank < 5 && chance(g, 15)) shape[rank++] = 1;
    int64_t d = shape[rank - 1];
    if (rank < 5 && d > 2 && d % 2 == 0 && chance(g, 40)) {
      shape[rank - 1] = 2;
      shape[rank++] = d / 2;
    }
  }
  keep(g, ir_reshape(&g->b, x.node, rank, shape), x.bound);
}

static void make_transpose(Gen *g) {
  Entry x = pick(g);
  uint32_t rank = type_of(g, x.node)->rank;
  int64_t perm[IR_MAX_RANK];
  for (uint32_t i = 0; i < rank; i++) perm[i] = i;
  for (uint32_t i = rank; i > 1; i--) {
    uint32_t j = below(g, i);
    int64_t swap = perm[i - 1];
    perm[i - 1] = perm[j];
    perm[j] = swap;
  }
  keep(g, ir_transpose(&g->b, x.node, perm), x.bound);
}

static void make_reverse(Gen *g) {
  Entry x = pick(g);
  int64_t axis = below(g, type_of(g, x.node)->rank);
  if (type_of(g, x.node)->rank) keep(g, ir_reverse(&g->b, x.node, 1, &axis), x.bound);
}

static void make_slice(Gen *g) {
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], step[IR_MAX_RANK];
  for (uint32_t i = 0; i < t.rank; i++) {
    lo[i] = chance(g, 50) ? 0 : below(g, (uint32_t)t.dim[i] / 2 + 1);
    hi[i] = chance(g, 50) ? t.dim[i] : lo[i] + below(g, (uint32_t)(t.dim[i] - lo[i]) + 1);
    step[i] = chance(g, 70) ? 1 : 2;
  }
  keep(g, ir_slice(&g->b, x.node, lo, hi, step), x.bound);
}

static void make_pad(Gen *g) {
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], interior[IR_MAX_RANK], shape[IR_MAX_RANK];
  for (uint32_t i = 0; i < t.rank; i++) {
    interior[i] = chance(g, 80) ? 0 : 1;
    int64_t spread = t.dim[i] ? t.dim[i] + (t.dim[i] - 1) * interior[i] : 0;
    lo[i] = (int64_t)below(g, 4) - (spread > 2);
    hi[i] = (int64_t)below(g, 4) - (spread > 2);
    shape[i] = lo[i] + spread + hi[i];
    if (shape[i] < 0) return;
  }
  if (small_shape(g, t.rank, shape)) keep(g, ir_pad(&g->b, x.node, lo, hi, interior), x.bound);
}

static void make_concat(Gen *g) {
  Entry x = pick(g), y = like(g, x.node);
  Type t = *type_of(g, x.node);
  NodeId in[3] = {x.node, y.node, x.node};
  uint32_t n = 2 + below(g, 2), axis = below(g, t.rank);
  if (t.rank && ir_elements(&t) * n <= max_elements(g)) keep(g, ir_concat(&g->b, in, n, axis), fmax(x.bound, y.bound));
}

/* ---------------------------------------------------------------- reductions */

static void make_reduce(Gen *g) {
  static const Op ops[] = {OP_reduce_sum, OP_reduce_sum, OP_reduce_max, OP_reduce_min};
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  int64_t axes[IR_MAX_RANK], count = 1;
  uint32_t n = 0, op = below(g, 4);
  for (uint32_t i = 0; i < t.rank; i++) {
    if (!chance(g, 50)) continue;
    axes[n++] = i;
    count *= t.dim[i];
  }
  if (ops[op] != OP_reduce_sum && count == 0) return; /* infinities */
  keep(g, ir_reduce(&g->b, ops[op], x.node, n, axes), x.bound * (ops[op] == OP_reduce_sum ? (double)count : 1));
}

static void make_along_axis(Gen *g) {
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  if (!t.rank) return;
  Attr a = {.axis = below(g, t.rank), .reverse = chance(g, 50)};
  switch (below(g, 4)) {
  case 0: keep(g, ir_emit(&g->b, OP_cumsum, &x.node, 1, &a), x.bound * (double)t.dim[a.axis]); break;
  case 1: keep(g, ir_emit(&g->b, OP_sort, &x.node, 1, &a), x.bound); break;
  default: {
    static const Op ops[] = {OP_argmax, OP_argmin, OP_argsort};
    if (t.dim[a.axis] == 0) return;
    NodeId i = ir_emit(&g->b, ops[below(g, 3)], &x.node, 1, &a);
    keep(g, ir_cast(&g->b, i, g->o->dtype), (double)t.dim[a.axis]);
  }
  }
}

/* ---------------------------------------------------------------- indexing */

/* i32 indices in [0, extent), of a constant shape. */
static NodeId indices(Gen *g, uint32_t rank, const int64_t *dim, int64_t extent) {
  int64_t n = 1;
  for (uint32_t i = 0; i < rank; i++) n *= dim[i];
  int32_t *v = calloc((size_t)n + 1, sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = (int32_t)below(g, (uint32_t)extent);
  NodeId c = ir_const(&g->b, ir_type(g->b.m, DT_I32, rank, dim), v);
  free(v);
  return c;
}

static void make_gather(Gen *g) {
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  if (!t.rank || t.rank > 4) return;
  Attr a = {.axis = below(g, t.rank)};
  a.n_batch = below(g, (uint32_t)a.axis + 1);
  int64_t extent = t.dim[a.axis], shape[IR_MAX_RANK];
  uint32_t rank = (uint32_t)a.n_batch;
  if (extent == 0) return;
  memcpy(shape, t.dim, sizeof *shape * rank);
  if (chance(g, 70)) shape[rank++] = 1 + below(g, 6);
  NodeId in[3] = {x.node, indices(g, rank, shape, extent), IR_NONE};
  NodeId picked = ir_emit(&g->b, OP_gather, in, 2, &a);
  if (picked == IR_NONE || !small_shape(g, type_of(g, picked)->rank, type_of(g, picked)->dim)) return;
  if (chance(g, 60)) {
    keep(g, picked, x.bound);
    return;
  }
  in[2] = squashed(g, picked);
  bool add = chance(g, 50);
  keep(g, ir_emit(&g->b, add ? OP_scatter_add : OP_scatter_set, in, 3, &a), x.bound + (add ? 6 : 1));
}

static void make_dynamic(Gen *g) {
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  if (t.rank > 4) return;
  Attr a = {0};
  NodeId in[2 + IR_MAX_RANK] = {x.node};
  uint32_t kind = below(g, 3), first = kind ? 2 : 1;
  a.sizes.n = t.rank;
  for (uint32_t i = 0; i < t.rank; i++) {
    a.sizes.v[i] = below(g, (uint32_t)t.dim[i] + 1);
    in[first + i] = indices(g, 0, NULL, t.dim[i] - a.sizes.v[i] + 1);
  }
  if (kind == 0) {
    keep(g, ir_emit(&g->b, OP_dynamic_slice, in, 1 + t.rank, &a), x.bound);
    return;
  }
  Entry u = of_shape(g, t.rank, a.sizes.v);
  in[1] = u.node;
  keep(g, ir_emit(&g->b, kind == 1 ? OP_dynamic_add : OP_dynamic_put, in, 2 + t.rank, NULL), x.bound + u.bound);
}

/* ---------------------------------------------------------------- contractions, windows, linear algebra */

static void make_dot(Gen *g) {
  Entry x = pick(g);
  Type t = *type_of(g, x.node);
  if (t.rank == 0) return;
  Attr a = {0};
  int64_t shape[IR_MAX_RANK], k = 1;
  uint32_t rank = 0;
  for (uint32_t i = 0; i < t.rank; i++) { /* each axis of x: batch, contracted, or free */
    uint32_t role = below(g, 4);
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
  if (chance(g, 80)) shape[rank++] = some_dim(g);
  if (!small_shape(g, rank, shape)) return;
  Entry y = of_shape(g, rank, shape);
  int64_t out = ir_elements(&t) / (k ? k : 1) * (rank ? shape[rank - 1] : 1);
  if (t.rank + rank > 6 || out > max_elements(g)) return;
  keep(g, ir_dot(&g->b, x.node, y.node, &a.batch_a, &a.batch_b, &a.contract_a, &a.contract_b),
       x.bound * y.bound * (double)(k ? k : 1));
}

static WindowAxis window_axis(Gen *g, int64_t size) {
  WindowAxis w = {.size = size,
                  .stride = 1 + below(g, 2),
                  .lo = below(g, 2),
                  .hi = below(g, 2),
                  .lhs_dilation = 1,
                  .dilation = 1 + (below(g, 4) == 0)};
  return w;
}

static void make_conv(Gen *g) {
  uint32_t n = 1 + below(g, 2);
  int64_t x_shape[5] = {1 + below(g, 2), 1 + below(g, 3), 1 + below(g, 3)},
          w_shape[5] = {x_shape[0], 1 + below(g, 3), x_shape[2]};
  Attr a = {.n_window = n};
  for (uint32_t i = 0; i < n; i++) {
    x_shape[3 + i] = 5 + below(g, 3);
    w_shape[3 + i] = 1 + below(g, 3);
    a.window[i] = window_axis(g, 0);
    if (chance(g, 15)) a.window[i].lhs_dilation = 2;
  }
  Entry x = of_shape(g, 3 + n, x_shape), w = of_shape(g, 3 + n, w_shape);
  NodeId in[2] = {x.node, w.node};
  keep(g, ir_emit(&g->b, OP_conv_general, in, 2, &a), x.bound * w.bound * 30);
}

static void make_window(Gen *g) {
  int64_t shape[3] = {1 + below(g, 4), 6 + below(g, 3), 6};
  uint32_t n = 1 + below(g, 2);
  Attr a = {.n_window = n};
  for (uint32_t i = 0; i < n; i++) a.window[i] = window_axis(g, 2 + below(g, 2));
  Entry x = of_shape(g, 3, shape);
  if (chance(g, 50)) {
    keep(g, ir_emit(&g->b, OP_window_sum, &x.node, 1, &a), x.bound * 9);
    return;
  }
  for (uint32_t i = 0; i < n; i++) a.window[i].lo = a.window[i].hi = 0; /* a window in the padding has no maximum */
  NodeId in[2] = {x.node, ir_emit(&g->b, OP_window_argmax, &x.node, 1, &a)};
  keep(g, ir_emit(&g->b, OP_window_pick, in, 2, &a), x.bound);
}

static void make_lapack(Gen *g) {
  int64_t n = 1 + below(g, 5), square[2] = {n, n}, right[2] = {n, 1 + below(g, 3)};
  Entry x = of_shape(g, 2, square), y = of_shape(g, 2, right);
  NodeId a = squashed(g, x.node), eye = IR_NONE;
  NodeId row = ir_iota(&g->b, DT_I32, 2, square, 0), column = ir_iota(&g->b, DT_I32, 2, square, 1);
  eye = ir_cast(&g->b, binary(g, OP_eq, row, column), g->o->dtype);
  NodeId dominant = binary(g, OP_add, a, scaled(g, eye, (double)n + 1));
  NodeId in[2] = {dominant, y.node};
  Attr attr = {.trans = chance(g, 50)};
  switch (below(g, 4)) {
  case 0: keep(g, ir_emit(&g->b, OP_solve, in, 2, &attr), y.bound); break;
  case 1:
    attr.lower = chance(g, 50);
    attr.unit = chance(g, 20);
    keep(g, ir_emit(&g->b, OP_tri_solve, in, 2, &attr), y.bound * 4);
    break;
  case 2: keep(g, ir_proj(&g->b, ir_emit(&g->b, OP_slogdet, in, 1, NULL), 1), 12); break;
  default: {
    int64_t swap[2] = {1, 0};
    NodeId gram = binary(g, OP_add, ir_matmul(&g->b, a, ir_transpose(&g->b, a, swap)), eye);
    keep(g, ir_unary(&g->b, OP_cholesky, gram), (double)n + 1);
  }
  }
}

/* ---------------------------------------------------------------- leaves */

static void make_leaf(Gen *g) {
  int64_t shape[2] = {some_dim(g), some_dim(g)};
  uint32_t rank = below(g, 3);
  if (rank && chance(g, 40)) {
    int64_t axis = below(g, rank);
    NodeId i = ir_iota(&g->b, chance(g, 50) ? DT_I32 : g->o->dtype, rank, shape, axis);
    keep(g, scaled(g, ir_cast(&g->b, i, g->o->dtype), 0.125), (double)shape[axis] / 8);
  } else if (g->key.n && chance(g, 60)) {
    NodeId key = g->key.at[below(g, g->key.n)];
    Dist dist = chance(g, 50) ? DIST_NORMAL : DIST_UNIFORM;
    keep(g, ir_random(&g->b, key, dist, g->o->dtype, rank, shape, ++*g->site), 5);
  } else {
    Entry e = of_shape(g, rank, shape);
    keep(g, e.node, e.bound);
  }
}

static void make_marker(Gen *g) {
  Entry x = pick(g);
  keep(g, ir_unary(&g->b, OP_stop_gradient, x.node), x.bound);
}

/* ---------------------------------------------------------------- loops */

static void grow(Gen *g, uint32_t nodes);

static NodeId indexed_read(Gen *g, NodeId x, NodeId iv) {
  Attr a = {.axis = 0};
  NodeId in[2] = {x, ir_cast(&g->b, iv, DT_I32)};
  return ir_emit(&g->b, OP_gather, in, 2, &a);
}

/* x @ m with m fitted to x's last axis: what a recurrent layer does with its input. */
static void make_projection(Gen *g, Entry x) {
  Type t = *type_of(g, x.node);
  if (t.rank == 0 || t.rank > 3) return;
  int64_t shape[2] = {t.dim[t.rank - 1], some_dim(g)};
  Entry m = of_shape(g, 2, shape);
  IntList none = {0}, last = {1, {t.rank - 1}}, first = {1, {0}};
  if (ir_elements(&t) / (shape[0] ? shape[0] : 1) * shape[1] > max_elements(g)) return;
  NodeId p = chance(g, 70) ? ir_dot(&g->b, x.node, m.node, &none, &none, &last, &first)
                           : ir_dot(&g->b, m.node, x.node, &none, &none, &first, &last);
  keep(g, p, x.bound * m.bound * (double)(shape[0] + 1));
}

/* carry + a @ b, what the gradient of a weight does in a loop. */
static NodeId accumulated(Gen *g, NodeId carry) {
  Type t = *type_of(g, carry);
  int64_t k = 1 + below(g, 3), left[2] = {t.dim[0], k}, right[2] = {k, t.dim[1]};
  NodeId a = squashed(g, of_shape(g, 2, left).node), b = squashed(g, of_shape(g, 2, right).node);
  return binary(g, chance(g, 80) ? OP_add : OP_sub, carry, ir_matmul(&g->b, a, b));
}

/* The loop body: carries, parts of xs, consts; squashed so that carries stay bounded. */
static RegionId loop_body(Gen *outer, const Entry *in, uint32_t nc, uint32_t nx, uint32_t nw, uint32_t ny,
                          int64_t count) {
  Module *m = outer->b.m;
  Gen g = *outer;
  g.b = ir_builder(m, ir_region_new(m), NULL);
  memset(&g.pool, 0, sizeof g.pool);
  memset(&g.key, 0, sizeof g.key);
  g.depth++;
  NodeId iv = ir_param(&g.b, ir_scalar(m, DT_I64)), carry[3];
  for (uint32_t i = 0; i < nc + nx + nw; i++) {
    Type t = *type_of(outer, in[i].node);
    bool part = i >= nc && i < nc + nx;
    NodeId p = ir_param(&g.b, part ? float_type(&g, t.rank - 1u, t.dim + 1) : float_type(&g, t.rank, t.dim));
    if (i < nc) carry[i] = p;
    keep(&g, p, i < nc ? 3 : in[i].bound);
    if (part && chance(&g, 40)) make_projection(&g, vec_last(&g.pool));
    if (i >= nc + nx && t.rank && t.dim[0] >= count && t.dim[0] > 0 && chance(&g, 60))
      keep(&g, indexed_read(&g, p, iv), in[i].bound);
  }
  if (outer->key.n) {
    NodeId key = ir_param(&g.b, ir_scalar(m, DT_U64));
    NodeId folded = ir_key_fold(&g.b, key, iv);
    vec_push(&g.key, folded);
  }
  if (chance(&g, 30)) keep(&g, scaled(&g, ir_cast(&g.b, iv, g.o->dtype), 0.1), 2);
  grow(&g, 2 + below(&g, 6));
  for (uint32_t i = 0; i < nc; i++) {
    Entry e = like(&g, carry[i]);
    NodeId next_value = chance(&g, 30) ? scaled(&g, e.node, 0.5) : squashed(&g, e.node);
    if (chance(&g, 25)) next_value = binary(&g, OP_add, carry[i], scaled(&g, e.node, 0.25));
    if (chance(&g, 10))
      next_value = nc > 1 && type_of(&g, carry[0]) == type_of(&g, carry[1]) ? carry[1 - (i & 1)] : carry[i];
    if (type_of(&g, carry[i])->rank == 2 && chance(&g, 35)) next_value = accumulated(&g, carry[i]);
    ir_result(&g.b, next_value);
  }
  for (uint32_t i = 0; i < ny; i++) {
    Entry e = pick(&g);
    ir_result(&g.b, type_of(&g, e.node)->rank < 5 ? squashed(&g, e.node) : squashed(&g, carry[0]));
  }
  outer->state = g.state;
  ir_builder_free(&g.b);
  vec_free(&g.pool);
  vec_free(&g.key);
  return g.b.region;
}

static void make_scan(Gen *g) {
  static const int64_t counts[] = {0, 1, 2, 3, 5};
  if (!g->o->loops || g->depth >= 2) return;
  int64_t count = counts[below(g, 5)];
  uint32_t nc = 1 + below(g, 2), nx = below(g, 3), nw = below(g, 3), ny = below(g, 3), n = nc + nx + nw;
  Entry in[7];
  NodeId operand[8];
  for (uint32_t i = 0; i < n; i++) {
    in[i] = pick(g);
    if (i < nc) in[i] = (Entry){squashed(g, in[i].node), 1};
    if (i >= nc && i < nc + nx) {
      int64_t shape[2] = {count, some_dim(g)};
      in[i] = of_shape(g, 1 + below(g, 2), shape);
    }
    if (type_of(g, in[i].node)->rank > 4) return;
    operand[i] = in[i].node;
  }
  RegionId body = loop_body(g, in, nc, nx, nw, ny, count);
  if (g->key.n) operand[n++] = g->key.at[0], nw++;
  NodeId s = ir_scan(&g->b, count, chance(g, 40), operand, nc, operand + nc, nx, operand + nc + nx, nw, body);
  if (s == IR_NONE) return;
  for (uint32_t i = 0; i < nc + ny; i++) {
    NodeId p = ir_proj(&g->b, s, i);
    if (small_shape(g, type_of(g, p)->rank, type_of(g, p)->dim)) keep(g, p, 8);
  }
}

/* ---------------------------------------------------------------- whole graphs */

typedef void (*Maker)(Gen *g);
static const Maker makers[] = {make_unary,     make_unary,   make_binary,    make_binary,     make_select, make_cast,
                               make_broadcast, make_reshape, make_transpose, make_reverse,    make_slice,  make_pad,
                               make_concat,    make_reduce,  make_reduce,    make_along_axis, make_gather, make_dynamic,
                               make_dot,       make_dot,     make_conv,      make_window,     make_leaf,   make_scan,
                               make_scan,      make_lapack,  make_marker};

static void grow(Gen *g, uint32_t nodes) {
  for (uint32_t i = 0; i < nodes; i++) {
    Maker make = makers[below(g, sizeof makers / sizeof *makers)];
    if ((make == make_lapack && !g->o->lapack) || (make == make_marker && g->o->no_stop)) continue;
    make(g);
  }
}

RandomGraphOptions random_graph_options(uint64_t seed, DType dtype) {
  return (RandomGraphOptions){.seed = seed,
                              .nodes = 4 + (uint32_t)(seed * 7 % 23),
                              .dtype = dtype,
                              .order = (uint32_t)(seed % 8 < 4 ? seed % 4 : seed % 2),
                              .loops = seed % 3 != 0,
                              .lapack = seed % 5 == 0,
                              .large = seed % 13 == 6};
}

static NodeId add_input(Gen *g, Graph *step, uint32_t *n_in, uint8_t kind, TypeId type) {
  Module *m = g->b.m;
  Binding bind = {.kind = kind};
  if (kind == IN_CELL) {
    Cell c = {.name = arena_printf(&m->mem, "x%u", m->cell.n), .type = type, .kind = CELL_PARAM, .loc = IR_NONE};
    vec_push(&m->cell, c);
    bind.index = m->cell.n - 1;
  }
  step->in[(*n_in)++] = bind;
  return ir_param(&g->b, type);
}

/* sum over the results that depend on floats, as one scalar. */
static NodeId total(Gen *g, const NodeId *v, uint32_t n) {
  NodeId sum = ir_scalar_const(&g->b, g->o->dtype, 0);
  for (uint32_t i = 0; i < n; i++) {
    int64_t axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    sum = binary(g, OP_add, sum, ir_reduce(&g->b, OP_reduce_sum, squashed(g, v[i]), type_of(g, v[i])->rank, axes));
  }
  return sum;
}

/* Gradients of order 1, 2, ..: each is of the sum of the one before. Returns the number of results. */
static uint32_t add_gradients(Gen *g, NodeId *result, uint32_t n, const NodeId *anchor, uint32_t n_anchor) {
  NodeId level[4], in[5];
  uint32_t n_level = n;
  memcpy(level, result, sizeof *level * n);
  for (uint32_t k = 0; k < g->o->order; k++) {
    in[0] = total(g, level, n_level);
    memcpy(in + 1, anchor, sizeof *in * n_anchor);
    Attr a = {.order = n_anchor};
    NodeId grad = ir_emit(&g->b, OP_grad, in, 1 + n_anchor, &a);
    n_level = n_anchor;
    for (uint32_t i = 0; i < n_anchor; i++) level[i] = result[n++] = ir_proj(&g->b, grad, i);
  }
  return n;
}

void random_graph_add_gradients(Module *m, uint32_t order) {
  Graph *step = &m->task.at[0].step;
  Rebuild r = ir_rebuild(m, step->region, NULL);
  const Region *from = ir_region(m, step->region);
  NodeId x[8], v[8], in[9];
  uint32_t n_x = 0, n = from->result.n, n_node = from->node.n, n_out = 0;
  RandomGraphOptions o = {.dtype = DT_F64};
  for (uint32_t i = 0; i < from->param.n && n_x < 8; i++) {
    NodeId p = from->param.at[i];
    DType t = (DType)ir_type_get(m, from->node.at[p].type)->dtype;
    if (!ir_is_float(t)) continue;
    Attr a = {.index = i + 1};
    o.dtype = t;
    r.map[p] = x[n_x++] = ir_emit(&r.b, OP_anchor, &r.map[p], 1, &a);
  }
  for (NodeId i = 0; i < n_node; i++) {
    if (ir_node(m, step->region, i)->op != OP_param) ir_copy_node(&r, i);
  }
  if (n > 8) n = 8;
  for (uint32_t i = 0; i < n; i++) v[i] = r.map[ir_region(m, step->region)->result.at[i]];
  Gen g = {.b = r.b, .o = &o};
  for (uint32_t k = 0; k < order; k++) {
    in[0] = total(&g, v, n);
    memcpy(in + 1, x, sizeof *x * n_x);
    Attr a = {.order = n_x};
    NodeId grad = ir_emit(&g.b, OP_grad, in, 1 + n_x, &a);
    ir_result(&g.b, in[0]);
    for (n = 0; n < n_x; n++) ir_result(&g.b, v[n] = ir_proj(&g.b, grad, n));
    n_out += 1 + n_x;
  }
  free(r.map);
  step->region = g.b.region;
  step->n_out = n_out;
  step->out = arena_array(&m->mem, Binding, n_out + 1);
  for (uint32_t i = 0; i < n_out; i++) step->out[i] = (Binding){OUT_VALUE, i};
}

static void choose_dims(Gen *g) {
  static const int64_t odd[] = {3, 5, 7, 13}, edge[] = {1, 2, 4, 17, 64};
  g->dims[0] = odd[below(g, 4)];
  g->dims[1] = edge[below(g, 5)];
  g->dims[2] = odd[below(g, 4)];
  g->dims[3] = chance(g, 15) ? 0 : 2;
  g->dims[4] = edge[below(g, 5)];
  if (!g->o->large) return;
  static const int64_t wide[] = {65, 100, 128, 131, 200, 256};
  g->dims[0] = wide[below(g, 6)];
  g->dims[4] = wide[below(g, 6)];
}

Module *random_graph(const RandomGraphOptions *o) {
  Module *m = ir_module_new(NULL);
  uint64_t site = o->seed << 8;
  Gen g = {
      .b = ir_builder(m, ir_region_new(m), NULL), .state = o->seed * 0x2545f4914f6cdd1du + 1, .o = o, .site = &site};
  choose_dims(&g);
  Task task = {.name = "main", .kind = TASK_PLAIN, .loc = IR_NONE, .source = IR_NONE};
  task.tail.region = IR_NONE;
  task.step.in = arena_array(&m->mem, Binding, 8);
  NodeId anchor[4], result[4 + 3 * 3];
  uint32_t n_in = 0, n_anchor = 1 + below(&g, 3);
  for (uint32_t i = 0; i < n_anchor; i++) {
    int64_t shape[3] = {some_dim(&g), some_dim(&g), some_dim(&g)};
    uint32_t rank = below(&g, 4);
    while (!small_shape(&g, rank, shape)) rank--;
    anchor[i] = add_input(&g, &task.step, &n_in, IN_CELL, float_type(&g, rank, shape));
  }
  if (chance(&g, 40)) {
    NodeId key = add_input(&g, &task.step, &n_in, IN_KEY, ir_scalar(m, DT_U64));
    vec_push(&g.key, key);
  }
  for (uint32_t i = 0; i < n_anchor; i++) {
    Attr a = {.index = i + 1};
    if (o->order) anchor[i] = ir_emit(&g.b, OP_anchor, &anchor[i], 1, &a);
    keep(&g, anchor[i], 2);
  }
  grow(&g, o->nodes);
  uint32_t n = 1 + below(&g, 4);
  for (uint32_t i = 0; i < n; i++) result[i] = i < 2 && i < g.pool.n ? g.pool.at[g.pool.n - 1 - i].node : pick(&g).node;
  n = add_gradients(&g, result, n, anchor, n_anchor);
  task.step.n_in = n_in;
  task.step.n_out = n;
  task.step.region = g.b.region;
  task.step.out = arena_array(&m->mem, Binding, n);
  for (uint32_t i = 0; i < n; i++) {
    task.step.out[i] = (Binding){OUT_VALUE, i};
    ir_result(&g.b, result[i]);
  }
  vec_push(&m->task, task);
  vec_free(&g.pool);
  vec_free(&g.key);
  ir_builder_free(&g.b);
  return m;
}

void random_graph_inputs(const Module *m, const Graph *g, uint64_t seed, Arena *mem, Value *in) {
  Gen gen = {.state = seed * 77 + 5};
  for (uint32_t i = 0; i < g->n_in; i++) {
    TypeId type = ir_node(m, g->region, ir_region(m, g->region)->param.at[i])->type;
    const Type *t = ir_type_get(m, type);
    in[i] = value_new(m, type, mem);
    for (int64_t k = 0; k < ir_elements(t); k++) {
      uint64_t bits = next(&gen);
      if (ir_is_float((DType)t->dtype))
        in[i].f[k] = (double)(float)((double)(bits >> 11) * 0x1p-51 - 2);
      else
        in[i].i[k] = g->in[i].kind == IN_KEY ? (int64_t)bits : (int64_t)(bits % 4);
    }
  }
}
