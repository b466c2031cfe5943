/* Derivatives of ops that move elements: each is linear, its derivative the move back. */
#include "ir/vjp/rules.h"

static bool empty(const Builder *b, NodeId n) { return ir_elements(ir_type_of(b, n)) == 0; }

/* Sums over the axes of the result that the operand does not have. */
VJP(broadcast) {
  (void)need;
  Attr a = vjp_attr(b, y);
  int64_t grown[IR_MAX_RANK];
  uint32_t n = 0;
  for (uint32_t k = 0, own = 0; k < a.shape.n; k++) {
    if (own < a.axes.n && a.axes.v[own] == k)
      own++;
    else
      grown[n++] = k;
  }
  out[0] = ir_reduce(b, OP_reduce_sum, ct[0], n, grown);
}

VJP(reshape) {
  (void)need;
  Type t = *ir_type_of(b, vjp_in(b, y, 0));
  out[0] = ir_reshape(b, ct[0], t.rank, t.dim);
}

VJP(transpose) {
  (void)need;
  Attr a = vjp_attr(b, y);
  int64_t back[IR_MAX_RANK] = {0};
  for (uint32_t k = 0; k < a.axes.n; k++) back[a.axes.v[k]] = k;
  out[0] = ir_transpose(b, ct[0], back);
}

VJP(reverse) {
  (void)need;
  Attr a = vjp_attr(b, y);
  out[0] = ir_reverse(b, ct[0], a.axes.n, a.axes.v);
}

/* Zeros around and between the elements that were read. */
VJP(slice) {
  (void)need;
  if (empty(b, y)) return;
  Attr a = vjp_attr(b, y);
  Type from = *ir_type_of(b, vjp_in(b, y, 0)), to = *ir_type_of(b, y);
  int64_t hi[IR_MAX_RANK], gap[IR_MAX_RANK];
  for (uint32_t k = 0; k < from.rank; k++) {
    gap[k] = a.step.v[k] - 1;
    hi[k] = from.dim[k] - a.lo.v[k] - (to.dim[k] - 1) * a.step.v[k] - 1;
  }
  out[0] = ir_pad(b, ct[0], a.lo.v, hi, gap);
}

/* Crops what was added (adds zeros for what was cropped), then reads every (gap + 1)-th element. */
VJP(pad) {
  (void)need;
  NodeId x = vjp_in(b, y, 0);
  if (empty(b, x) || empty(b, y)) return;
  Attr a = vjp_attr(b, y);
  Type from = *ir_type_of(b, x);
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], none[IR_MAX_RANK] = {0}, end[IR_MAX_RANK], step[IR_MAX_RANK];
  for (uint32_t k = 0; k < from.rank; k++) {
    lo[k] = -a.lo.v[k], hi[k] = -a.hi.v[k], step[k] = a.step.v[k] + 1;
    end[k] = (from.dim[k] - 1) * step[k] + 1;
  }
  out[0] = ir_slice(b, ir_pad(b, ct[0], lo, hi, none), none, end, step);
}

VJP(concat) {
  int64_t axis = vjp_attr(b, y).axis, start = 0;
  Type t = *ir_type_of(b, y);
  int64_t lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK], step[IR_MAX_RANK];
  for (uint32_t k = 0; k < t.rank; k++) hi[k] = t.dim[k], step[k] = 1;
  for (uint32_t p = 0, n = vjp_count(b, y); p < n; p++) {
    lo[axis] = start;
    hi[axis] = start += ir_type_of(b, vjp_in(b, y, p))->dim[axis];
    if (ct_needed(need, p) && hi[axis] > lo[axis]) out[p] = ir_slice(b, ct[0], lo, hi, step);
  }
}
