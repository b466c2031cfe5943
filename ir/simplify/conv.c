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

/* ---------------------------------------------------------------- transposed convolutions */

enum { MAX_PHASES = 64 };

/* Between the elements of x lie s - 1 zeros, so the results at r, r + s, .. see every s-th tap only: they are a
 * convolution of x itself with these taps. Along one axis: its window, the first tap, and how many there are. */
static WindowAxis phase_axis(const WindowAxis *w, int64_t r, int64_t n, int64_t taps, int64_t out, int64_t *first,
                             int64_t *count) {
  int64_t s = w->lhs_dilation, k = ((w->lo - r) % s + s) % s;
  *first = k;
  *count = (taps - k + s - 1) / s;
  int64_t lo = (w->lo - r - k) / s;
  return (WindowAxis){w->size, 1, lo, out / s + *count - 1 - n - lo, 1, 1};
}

/* The results at places r[i] modulo the dilation, as [G, N, P / s, 1, .., O]. */
static NodeId one_phase(const Match *x, const int64_t *r) {
  Builder *b = x->b;
  Attr a = *x->attr;
  Type t = type_of(b, x->in[0]), w = type_of(b, x->in[1]), out = result_type(x);
  int64_t lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK], step[IR_MAX_RANK], dim[IR_MAX_RANK] = {out.dim[0], out.dim[1]};
  for (uint32_t i = 0; i < w.rank; i++) hi[i] = w.dim[i], step[i] = 1;
  for (uint32_t i = 0; i < a.n_window; i++) {
    int64_t n;
    step[3 + i] = a.window[i].lhs_dilation;
    dim[2 + 2 * i] = out.dim[3 + i] / step[3 + i], dim[3 + 2 * i] = 1;
    a.window[i] = phase_axis(&x->attr->window[i], r[i], t.dim[3 + i], w.dim[3 + i], out.dim[3 + i], &lo[3 + i], &n);
  }
  dim[2 + 2 * a.n_window] = out.dim[2];
  NodeId in[2] = {x->in[0], ir_slice(b, x->in[1], lo, hi, step)};
  NodeId y = channels_last(b, ir_emit(b, OP_conv_general, in, 2, &a), a.n_window, true);
  return ir_reshape(b, y, 3 + 2 * a.n_window, dim);
}

/* All phases from axis i on, side by side. */
static NodeId phases(const Match *x, uint32_t i, int64_t *r) {
  if (i == x->attr->n_window) return one_phase(x, r);
  NodeId part[MAX_PHASES];
  int64_t s = x->attr->window[i].lhs_dilation;
  for (r[i] = 0; r[i] < s; r[i]++) part[r[i]] = phases(x, i + 1, r);
  return ir_concat(x->b, part, (uint32_t)s, 3 + 2 * i);
}

RULE(conv_phases) {
  const Attr *a = x->attr;
  Type w = type_of(x->b, x->in[1]), out = result_type(x);
  int64_t all = 1, r[3], dim[IR_MAX_RANK] = {out.dim[0], out.dim[1]};
  for (uint32_t i = 0; i < a->n_window; i++) {
    const WindowAxis *v = &a->window[i];
    if (v->stride != 1 || v->dilation != 1 || w.dim[3 + i] < v->lhs_dilation || out.dim[3 + i] % v->lhs_dilation)
      return IR_NONE;
    all *= v->lhs_dilation;
    dim[2 + i] = out.dim[3 + i];
  }
  if (all == 1 || all > MAX_PHASES || 3 + 2 * a->n_window > IR_MAX_RANK) return IR_NONE;
  dim[2 + a->n_window] = out.dim[2];
  return channels_last(x->b, ir_reshape(x->b, phases(x, 0, r), out.rank, dim), a->n_window, false);
}

/* ---------------------------------------------------------------- products */

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
