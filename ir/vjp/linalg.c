/* Derivatives of dense linear algebra (Giles 2008; Murray 2016 for Cholesky; Townsend 2016 for the SVD), batched over
 * leading axes. Differences of equal eigen- or singular values contribute nothing. */
#include "ir/vjp/rules.h"
#include <string.h>

static NodeId mm(Builder *b, NodeId a, NodeId c) { return ir_matmul(b, a, c); }
static NodeId add(Builder *b, NodeId a, NodeId c) { return ir_binary(b, OP_add, a, c); }
static NodeId sub(Builder *b, NodeId a, NodeId c) { return ir_binary(b, OP_sub, a, c); }
static NodeId mul(Builder *b, NodeId a, NodeId c) { return ir_binary(b, OP_mul, a, c); }

/* Matrix transpose of the two trailing axes. */
static NodeId tr(Builder *b, NodeId a) {
  int64_t perm[IR_MAX_RANK], rank = ir_type_of(b, a)->rank;
  for (int64_t k = 0; k < rank; k++) perm[k] = k;
  perm[rank - 1] = rank - 2, perm[rank - 2] = rank - 1;
  return ir_transpose(b, a, perm);
}

/* bool like a: is row - column > `above` (strictly lower for 0, lower with diagonal for -1)? */
static NodeId below(Builder *b, NodeId a, double above) {
  Type t = *ir_type_of(b, a);
  NodeId i = ir_iota(b, DT_I32, t.rank, t.dim, t.rank - 2), j = ir_iota(b, DT_I32, t.rank, t.dim, t.rank - 1);
  return ir_binary(b, OP_lt, ir_full_like(b, i, above), sub(b, i, j));
}

static NodeId keep(Builder *b, NodeId mask, NodeId a) { return ir_select(b, mask, a, ir_full_like(b, a, 0)); }

static NodeId diagonal_mask(Builder *b, NodeId a) {
  Type t = *ir_type_of(b, a);
  NodeId i = ir_iota(b, DT_I32, t.rank, t.dim, t.rank - 2), j = ir_iota(b, DT_I32, t.rank, t.dim, t.rank - 1);
  return ir_binary(b, OP_eq, i, j);
}

static NodeId identity_like(Builder *b, NodeId a) {
  return ir_cast(b, diagonal_mask(b, a), (DType)ir_type_of(b, a)->dtype);
}

static NodeId symmetric(Builder *b, NodeId a) {
  NodeId sum = add(b, a, tr(b, a));
  return mul(b, sum, ir_full_like(b, sum, 0.5));
}

static NodeId tri(Builder *b, NodeId a, NodeId rhs, bool lower, bool trans, bool unit) {
  NodeId in[] = {a, rhs};
  Attr attr = {.lower = lower, .trans = trans, .unit = unit};
  return ir_emit(b, OP_tri_solve, in, 2, &attr);
}

/* S = L^-T Phi(L^T g) L^-1 with Phi = lower triangle, diagonal halved; the cotangent is S made symmetric. */
VJP(cholesky) {
  (void)need;
  NodeId p = mm(b, tr(b, y), keep(b, below(b, y, -1), ct[0]));
  p = sub(b, keep(b, below(b, p, -1), p), keep(b, diagonal_mask(b, p), mul(b, p, ir_full_like(b, p, 0.5))));
  NodeId half = tri(b, y, p, true, true, false);
  out[0] = symmetric(b, tri(b, y, tr(b, half), true, true, false));
}

/* -dB X^T, transposed when the system was. */
static NodeId matrix_cotangent(Builder *b, NodeId db, NodeId x, bool trans) {
  NodeId m = trans ? mm(b, x, tr(b, db)) : mm(b, db, tr(b, x));
  return ir_unary(b, OP_neg, m);
}

VJP(tri_solve) {
  Attr a = vjp_attr(b, y);
  NodeId db = tri(b, vjp_in(b, y, 0), ct[0], a.lower, !a.trans, a.unit);
  out[1] = db;
  if (!ct_needed(need, 0)) return;
  NodeId full = matrix_cotangent(b, db, y, a.trans);
  if (a.lower)
    out[0] = keep(b, below(b, full, a.unit ? 0 : -1), full);
  else
    out[0] = ir_select(b, below(b, full, a.unit ? -1 : 0), ir_full_like(b, full, 0), full);
}

VJP(solve) {
  Attr a = vjp_attr(b, y), back = a;
  back.trans = !a.trans;
  NodeId in[] = {vjp_in(b, y, 0), ct[0]}, db = ir_emit(b, OP_solve, in, 2, &back);
  out[1] = db;
  if (ct_needed(need, 0)) out[0] = matrix_cotangent(b, db, y, a.trans);
}

/* Adds `count` trailing axes to a batch of scalars or vectors, like the matrices of `like`; the vector runs along
 * axis `rank - 1` of the result when `columns`, else along `rank - 2`. */
static NodeId over_matrix(Builder *b, NodeId v, NodeId like, bool columns) {
  Type t = *ir_type_of(b, like), vt = *ir_type_of(b, v);
  int64_t dims[IR_MAX_RANK];
  for (uint32_t k = 0; k < vt.rank; k++) dims[k] = k;
  if (vt.rank == t.rank - 1u) dims[vt.rank - 1] = columns ? t.rank - 1 : t.rank - 2;
  return ir_broadcast(b, v, t.rank, t.dim, dims);
}

/* d log|det A| = A^-T; the sign is constant. */
VJP(slogdet) {
  (void)need;
  if (ct[1] == IR_NONE) return;
  NodeId a = vjp_in(b, y, 0), in[] = {a, identity_like(b, a)};
  Attr trans = {.trans = 1};
  out[0] = mul(b, over_matrix(b, ct[1], a, true), ir_emit(b, OP_solve, in, 2, &trans));
}

/* 1 / x, 0 where x is 0. */
static NodeId safe_inverse(Builder *b, NodeId x) {
  NodeId zero = ir_full_like(b, x, 0), one = ir_full_like(b, x, 1), gone = ir_binary(b, OP_eq, x, zero);
  return ir_select(b, gone, zero, ir_binary(b, OP_div, one, ir_select(b, gone, one, x)));
}

/* F[i, j] = 1 / (w[j] - w[i]), 0 where they are equal; of the shape of `like`. */
static NodeId gaps(Builder *b, NodeId w, NodeId like) {
  return safe_inverse(b, sub(b, over_matrix(b, w, like, true), over_matrix(b, w, like, false)));
}

/* V (diag(gw) + F o (V^T gV)) V^T, made symmetric. */
VJP(eigh) {
  (void)need;
  NodeId w = ir_proj(b, y, 0), v = ir_proj(b, y, 1), inner = IR_NONE;
  if (ct[0] != IR_NONE) inner = keep(b, diagonal_mask(b, v), over_matrix(b, ct[0], v, true));
  if (ct[1] != IR_NONE) {
    NodeId turned = mul(b, gaps(b, w, v), mm(b, tr(b, v), ct[1]));
    inner = inner == IR_NONE ? turned : add(b, inner, turned);
  }
  out[0] = symmetric(b, mm(b, mm(b, v, inner), tr(b, v)));
}

/* Part of the SVD's cotangent that comes through one set of singular vectors q[.., n, k] with cotangent gq: the
 * rotation within their span, F o (q^T gq - gq^T q), and what leaves it, (1 - q q^T) gq. */
typedef struct Turn {
  NodeId inside, outside;
} Turn;

static Turn turn_of(Builder *b, NodeId q, NodeId gq, NodeId f) {
  NodeId in = mm(b, tr(b, q), gq);
  return (Turn){mul(b, f, sub(b, in, tr(b, in))), sub(b, gq, mm(b, q, in))};
}

/* [U (F o [U^T gU - gU^T U]) S + (1 - U U^T) gU / S] V^T + U diag(gs) V^T
 * + U [S (F o [V^T gV - gV^T V]) V^T + 1/S gV^T (1 - V V^T)], F[i, j] = 1 / (s_j^2 - s_i^2). */
VJP(svd) {
  (void)need;
  NodeId u = ir_proj(b, y, 0), s = ir_proj(b, y, 1), vt = ir_proj(b, y, 2), core = IR_NONE, extra = IR_NONE;
  NodeId square = mm(b, vt, tr(b, vt)); /* k by k, for its shape */
  NodeId f = gaps(b, mul(b, s, s), square), inverse = safe_inverse(b, s);
  if (ct[1] != IR_NONE) core = keep(b, diagonal_mask(b, square), over_matrix(b, ct[1], square, true));
  if (ct[0] != IR_NONE) {
    Turn t = turn_of(b, u, ct[0], f);
    NodeId turned = mul(b, t.inside, over_matrix(b, s, square, true));
    core = core == IR_NONE ? turned : add(b, core, turned);
    extra = mm(b, mul(b, t.outside, over_matrix(b, inverse, t.outside, true)), vt);
  }
  if (ct[2] != IR_NONE) {
    Turn t = turn_of(b, tr(b, vt), tr(b, ct[2]), f);
    NodeId turned = mul(b, over_matrix(b, s, square, false), t.inside);
    core = core == IR_NONE ? turned : add(b, core, turned);
    NodeId left = mm(b, mul(b, u, over_matrix(b, inverse, u, true)), tr(b, t.outside));
    extra = extra == IR_NONE ? left : add(b, extra, left);
  }
  out[0] = mm(b, mm(b, u, core), vt);
  if (extra != IR_NONE) out[0] = add(b, out[0], extra);
}
