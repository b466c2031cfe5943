/* Derivatives of reductions, running sums and sorting. */
#include "ir/vjp/rules.h"

/* Spreads a reduced tensor back over the shape of `like`. */
static NodeId spread(Builder *b, NodeId g, NodeId like, const IntList *reduced) {
  Type t = *ir_type_of(b, like);
  int64_t kept[IR_MAX_RANK];
  uint32_t n = 0;
  for (uint32_t k = 0, r = 0; k < t.rank; k++) {
    if (r < reduced->n && reduced->v[r] == k)
      r++;
    else
      kept[n++] = k;
  }
  return ir_broadcast(b, g, t.rank, t.dim, kept);
}

VJP(reduce_sum) {
  (void)need;
  Attr a = vjp_attr(b, y);
  out[0] = spread(b, ct[0], vjp_in(b, y, 0), &a.axes);
}

/* Ties share evenly. */
static void to_extremes(Builder *b, NodeId y, NodeId g, NodeId *out) {
  Attr a = vjp_attr(b, y);
  NodeId x = vjp_in(b, y, 0);
  NodeId hit = ir_binary(b, OP_eq, x, spread(b, y, x, &a.axes));
  NodeId count = ir_reduce(b, OP_reduce_sum, ir_cast(b, hit, (DType)ir_type_of(b, x)->dtype), a.axes.n, a.axes.v);
  NodeId share = spread(b, ct_div(b, g, count), x, &a.axes);
  out[0] = ir_select(b, hit, share, ir_full_like(b, share, 0));
}
VJP(reduce_max) { (void)need, to_extremes(b, y, ct[0], out); }
VJP(reduce_min) { (void)need, to_extremes(b, y, ct[0], out); }

VJP(cumsum) {
  (void)need;
  Attr a = vjp_attr(b, y);
  a.reverse = !a.reverse;
  out[0] = ir_emit(b, OP_cumsum, &ct[0], 1, &a);
}

/* y[k] = x[order[k]], so g[k] goes to place order[k]; indexed writes want the axis last. */
VJP(sort) {
  (void)need;
  NodeId x = vjp_in(b, y, 0), g = ct[0];
  Type t = *ir_type_of(b, x);
  Attr a = vjp_attr(b, y);
  NodeId order = ir_emit(b, OP_argsort, &x, 1, &a);
  int64_t swap[IR_MAX_RANK], last = (int64_t)t.rank - 1;
  for (int64_t k = 0; k <= last; k++) swap[k] = k;
  swap[a.axis] = last, swap[last] = a.axis;
  if (a.axis != last) g = ir_transpose(b, g, swap), order = ir_transpose(b, order, swap);
  Attr place = {.axis = last, .n_batch = last};
  NodeId in[] = {ir_full_like(b, g, 0), order, g}, r = ir_emit(b, OP_scatter_add, in, 3, &place);
  out[0] = a.axis != last ? ir_transpose(b, r, swap) : r;
}
