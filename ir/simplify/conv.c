/* Convolutions as products: what a window sees, laid out in rows, times the kernel. Done before differentiation, so
 * that the derivatives are products too. */
#include "ir/simplify/rules.h"

enum { MAX_TAPS = 256 };

/* Larger tables of windows than this stay convolutions: 2^30 elements. */
static const int64_t max_elements = (int64_t)1 << 30;

/* [G, N, C, S..] -> [G, N, S.., C] or back. */
static NodeId channels_last(Builder *b, NodeId x, uint32_t spatial, bool last) {
  int64_t perm[IR_MAX_RANK] = {0, 1};
  for (uint32_t i = 0; i < spatial; i++) perm[(last ? 2 : 3) + i] = (last ? 3 : 2) + i;
  perm[last ? 2 + spatial : 2] = last ? 2 : 2 + spatial;
  return ir_transpose(b, x, perm);
}

/* x [G, N, S.., C] with its padding and the zeros between its elements. */
static NodeId padded(Builder *b, NodeId x, const Attr *a) {
  int64_t lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK] = {0}, interior[IR_MAX_RANK] = {0};
  for (uint32_t i = 0; i < a->n_window; i++) {
    lo[2 + i] = a->window[i].lo, hi[2 + i] = a->window[i].hi;
    interior[2 + i] = a->window[i].lhs_dilation - 1;
  }
  return ir_pad(b, x, lo, hi, interior);
}

/* The element under tap number `tap` (row-major) of every window: [G, N, P.., C]. */
static NodeId under_tap(Builder *b, NodeId x, const Attr *a, const Type *w, const Type *out, int64_t tap) {
  Type t = *ir_type_of(b, x);
  int64_t lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK], step[IR_MAX_RANK];
  for (uint32_t i = 0; i < t.rank; i++) hi[i] = t.dim[i], step[i] = 1;
  for (uint32_t i = a->n_window; i-- > 0; tap /= w->dim[3 + i]) {
    lo[2 + i] = tap % w->dim[3 + i] * a->window[i].dilation;
    step[2 + i] = a->window[i].stride;
    hi[2 + i] = lo[2 + i] + (out->dim[3 + i] - 1) * step[2 + i] + 1;
  }
  return ir_slice(b, x, lo, hi, step);
}

/* w [G, O, C, K..] -> [G, K.. C, O] */
static NodeId as_matrix(Builder *b, NodeId w, uint32_t spatial, int64_t depth) {
  Type t = *ir_type_of(b, w);
  int64_t perm[IR_MAX_RANK] = {0}, dim[3] = {t.dim[0], depth, t.dim[1]};
  for (uint32_t i = 0; i < spatial; i++) perm[1 + i] = 3 + i;
  perm[1 + spatial] = 2, perm[2 + spatial] = 1;
  return ir_reshape(b, ir_transpose(b, w, perm), 3, dim);
}

/* rows [G, N, P.., depth] times w [G, depth, O]; one group needs no batch axis. */
static NodeId product(Builder *b, NodeId rows, NodeId w) {
  Type t = *ir_type_of(b, rows), m = *ir_type_of(b, w);
  IntList none = {0}, group = {.n = 1}, last = {.n = 1, .v = {t.rank - 1}}, second = {.n = 1, .v = {1}};
  if (t.dim[0] > 1) return ir_dot(b, rows, w, &group, &group, &last, &second);
  IntList first = {.n = 1};
  last.v[0]--;
  NodeId y = ir_dot(b, ir_reshape(b, rows, t.rank - 1, t.dim + 1), ir_reshape(b, w, 2, m.dim + 1), &none, &none, &last,
                    &first);
  t.dim[t.rank - 1] = m.dim[2];
  return ir_reshape(b, y, t.rank, t.dim);
}

RULE(conv_as_product) {
  Builder *b = x->b;
  const Attr *a = x->attr;
  Type w = type_of(b, x->in[1]), out = result_type(x);
  uint32_t spatial = a->n_window;
  int64_t taps = 1, rows = out.dim[0] * out.dim[1];
  for (uint32_t i = 0; i < spatial; i++) taps *= w.dim[3 + i], rows *= out.dim[3 + i];
  if (taps > MAX_TAPS || rows > max_elements / (taps * w.dim[2])) return IR_NONE;
  NodeId from = padded(b, channels_last(b, x->in[0], spatial, true), a), part[MAX_TAPS];
  for (int64_t k = 0; k < taps; k++) part[k] = under_tap(b, from, a, &w, &out, k);
  NodeId table = ir_concat(b, part, (uint32_t)taps, spatial + 2);
  return channels_last(b, product(b, table, as_matrix(b, x->in[1], spatial, taps * w.dim[2])), spatial, false);
}
