/* Derivatives of contractions, convolutions and windows. Each is linear in each operand; the family is closed. */
#include "ir/vjp/rules.h"
#include <string.h>

static bool listed(const IntList *l, int64_t axis) {
  for (uint32_t k = 0; k < l->n; k++)
    if (l->v[k] == axis) return true;
  return false;
}

static IntList range(int64_t first, uint32_t n) {
  IntList l = {.n = n};
  for (uint32_t k = 0; k < n; k++) l.v[k] = first + k;
  return l;
}

/* Axes of a rank that neither list names, in order. */
static IntList free_axes(uint32_t rank, const IntList *batch, const IntList *contract) {
  IntList l = {0};
  for (uint32_t k = 0; k < rank; k++)
    if (!listed(batch, k) && !listed(contract, k)) l.v[l.n++] = k;
  return l;
}

/* Transposes `g`, whose axis i stands for axis to[i], into natural order. */
static NodeId into_order(Builder *b, NodeId g, const IntList *to) {
  int64_t perm[IR_MAX_RANK];
  bool moved = false;
  for (uint32_t i = 0; i < to->n; i++) {
    perm[to->v[i]] = i;
    moved |= to->v[i] != i;
  }
  return moved ? ir_transpose(b, g, perm) : g;
}

static void push_all(IntList *l, const IntList *more) {
  for (uint32_t k = 0; k < more->n; k++) l->v[l->n++] = more->v[k];
}

/* The partner (in `to`) of each axis that `axes` lists in increasing order of `from`. */
static IntList partners(uint32_t rank, const IntList *from, const IntList *to) {
  IntList l = {0};
  for (uint32_t axis = 0; axis < rank; axis++)
    for (uint32_t k = 0; k < from->n; k++)
      if (from->v[k] == axis) l.v[l.n++] = to->v[k];
  return l;
}

/* y[batch, free a, free c] = a . c; each cotangent is again one contraction and a transpose. */
VJP(dot) {
  Attr d = vjp_attr(b, y);
  NodeId a = vjp_in(b, y, 0), c = vjp_in(b, y, 1);
  uint32_t rank_a = ir_type_of(b, a)->rank, rank_c = ir_type_of(b, c)->rank;
  IntList free_a = free_axes(rank_a, &d.batch_a, &d.contract_a), free_c = free_axes(rank_c, &d.batch_b, &d.contract_b);
  IntList batch = range(0, d.batch_a.n);
  IntList y_a = range(batch.n, free_a.n), y_c = range(batch.n + free_a.n, free_c.n);
  if (ct_needed(need, 0)) { /* [batch, free a, contracted in c's order] */
    IntList to = d.batch_a, rest = partners(rank_c, &d.contract_b, &d.contract_a);
    push_all(&to, &free_a), push_all(&to, &rest);
    out[0] = into_order(b, ir_dot(b, ct[0], c, &batch, &d.batch_b, &y_c, &free_c), &to);
  }
  if (ct_needed(need, 1)) { /* [batch, contracted in a's order, free c] */
    IntList to = d.batch_b, rest = partners(rank_a, &d.contract_a, &d.contract_b);
    push_all(&to, &rest), push_all(&to, &free_c);
    out[1] = into_order(b, ir_dot(b, a, ct[0], &d.batch_a, &batch, &free_a, &y_a), &to);
  }
}

/* ---------------------------------------------------------------- convolution and windows
 * y[p] = sum_k x^[p s + k rd - lo] w[k], x^ = x spread by ld; S, K, P the extents of x, w, y. */

/* The window that takes g[p] back to x, with the kernel reversed. */
static WindowAxis data_window(const WindowAxis *w, int64_t S, int64_t K, int64_t P) {
  return (WindowAxis){.size = w->size,
                      .stride = w->lhs_dilation,
                      .lhs_dilation = w->stride,
                      .dilation = w->dilation,
                      .lo = (K - 1) * w->dilation - w->lo,
                      .hi = (S - 1) * w->lhs_dilation - (P - 1) * w->stride + w->lo};
}

/* The window that slides g, as a kernel, over x. */
static WindowAxis kernel_window(const WindowAxis *w, int64_t S, int64_t K, int64_t P) {
  return (WindowAxis){.stride = w->dilation,
                      .lhs_dilation = w->lhs_dilation,
                      .dilation = w->stride,
                      .lo = w->lo,
                      .hi = (K - 1) * w->dilation + (P - 1) * w->stride - (S - 1) * w->lhs_dilation - w->lo};
}

static NodeId swap_1_2(Builder *b, NodeId x) {
  int64_t perm[IR_MAX_RANK];
  for (uint32_t k = 0; k < ir_type_of(b, x)->rank; k++) perm[k] = k;
  perm[1] = 2, perm[2] = 1;
  return ir_transpose(b, x, perm);
}

VJP(conv) {
  Attr a = vjp_attr(b, y), data = {.n_window = a.n_window}, kernel = data;
  NodeId x = vjp_in(b, y, 0), w = vjp_in(b, y, 1);
  Type xt = *ir_type_of(b, x), wt = *ir_type_of(b, w), yt = *ir_type_of(b, y);
  if (!ir_elements(&xt) || !ir_elements(&wt) || !ir_elements(&yt)) return;
  for (uint32_t k = 0; k < a.n_window; k++) {
    int64_t S = xt.dim[3 + k], K = wt.dim[3 + k], P = yt.dim[3 + k];
    data.window[k] = data_window(&a.window[k], S, K, P);
    kernel.window[k] = kernel_window(&a.window[k], S, K, P);
  }
  if (ct_needed(need, 0)) {
    IntList spatial = range(3, a.n_window);
    NodeId in[] = {ct[0], ir_reverse(b, swap_1_2(b, w), spatial.n, spatial.v)};
    out[0] = ir_emit(b, OP_conv_general, in, 2, &data);
  }
  if (ct_needed(need, 1)) {
    NodeId in[] = {swap_1_2(b, x), swap_1_2(b, ct[0])};
    out[1] = swap_1_2(b, ir_emit(b, OP_conv_general, in, 2, &kernel));
  }
}

VJP(window_sum) {
  (void)need;
  Attr a = vjp_attr(b, y);
  Type xt = *ir_type_of(b, vjp_in(b, y, 0)), yt = *ir_type_of(b, y);
  if (!ir_elements(&xt) || !ir_elements(&yt)) return;
  uint32_t lead = xt.rank - a.n_window;
  for (uint32_t k = 0; k < a.n_window; k++)
    a.window[k] = data_window(&a.window[k], xt.dim[lead + k], a.window[k].size, yt.dim[lead + k]);
  out[0] = ir_emit(b, OP_window_sum, &ct[0], 1, &a);
}

VJP(window_pick) {
  (void)need;
  Attr a = vjp_attr(b, y);
  Type xt = *ir_type_of(b, vjp_in(b, y, 0));
  a.shape = (IntList){.n = xt.rank};
  memcpy(a.shape.v, xt.dim, xt.rank * sizeof *xt.dim);
  NodeId in[] = {ct[0], vjp_in(b, y, 1)};
  out[0] = ir_emit(b, OP_window_place, in, 2, &a);
}

VJP(window_place) {
  (void)need;
  Attr a = vjp_attr(b, y);
  a.shape = (IntList){0};
  NodeId in[] = {ct[0], vjp_in(b, y, 1)};
  out[0] = ir_emit(b, OP_window_pick, in, 2, &a);
}
