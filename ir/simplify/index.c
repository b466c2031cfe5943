/* Rewrite rules of indexed reads and writes. */
#include "ir/simplify/rules.h"

/* Reads the start indices (operands first.. of a dynamic op) when they are constants in range of `outer` for a block of
 * `extent`. Out-of-range constants stay as they are: they are a run-time error with the node's line. */
static bool const_starts(const Match *x, uint32_t first, const Type *outer, const int64_t *extent, int64_t *lo) {
  for (uint32_t i = 0; i < outer->rank; i++) {
    double v;
    if (!splat_value(x->b, x->in[first + i], &v)) return false;
    lo[i] = (int64_t)v;
    if (lo[i] < 0 || lo[i] + extent[i] > outer->dim[i]) return false;
  }
  return true;
}

RULE(dynamic_slice_const) {
  Type from = type_of(x->b, x->in[0]), t = result_type(x);
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], step[IR_MAX_RANK];
  if (!const_starts(x, 1, &from, t.dim, lo)) return IR_NONE;
  for (uint32_t i = 0; i < from.rank; i++) {
    hi[i] = lo[i] + t.dim[i];
    step[i] = 1;
  }
  return ir_slice(x->b, x->in[0], lo, hi, step);
}

/* A block added to zeros at a known place is a padded block. */
RULE(dynamic_add_const) {
  Type outer = type_of(x->b, x->in[0]), u = type_of(x->b, x->in[1]);
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], interior[IR_MAX_RANK] = {0};
  if (!is_splat_of(x->b, x->in[0], 0) || !const_starts(x, 2, &outer, u.dim, lo)) return IR_NONE;
  for (uint32_t i = 0; i < outer.rank; i++) hi[i] = outer.dim[i] - lo[i] - u.dim[i];
  return ir_pad(x->b, x->in[1], lo, hi, interior);
}

/* acc + op(0, ..) = op(acc, ..): no zero tensor is made, filled and added. */
static NodeId into_accumulator(const Match *x, Op op) {
  for (uint32_t i = 0; i < 2; i++) {
    if (!is_op(x->b, x->in[i], op) || !is_splat_of(x->b, operand_of(x->b, x->in[i], 0), 0)) continue;
    uint32_t n = node_of(x->b, x->in[i])->n_in;
    NodeId in[2 + IR_MAX_RANK];
    if (n > 2 + IR_MAX_RANK) return IR_NONE;
    for (uint32_t k = 0; k < n; k++) in[k] = operand_of(x->b, x->in[i], k);
    in[0] = x->in[1 - i];
    return ir_emit(x->b, op, in, n, attr_of(x->b, x->in[i]));
  }
  return IR_NONE;
}

RULE(add_dynamic_add) { return into_accumulator(x, OP_dynamic_add); }
RULE(add_scatter_add) { return into_accumulator(x, OP_scatter_add); }

/* gather at one constant place is a slice. */
RULE(gather_const) {
  double v;
  Attr a = *x->attr;
  Type from = type_of(x->b, x->in[0]), t = result_type(x);
  if (type_of(x->b, x->in[1]).rank != 0 || !splat_value(x->b, x->in[1], &v)) return IR_NONE;
  int64_t at = (int64_t)v, lo[IR_MAX_RANK] = {0}, step[IR_MAX_RANK], hi[IR_MAX_RANK];
  if (at < 0 || at >= from.dim[a.axis]) return IR_NONE;
  for (uint32_t i = 0; i < from.rank; i++) {
    hi[i] = from.dim[i];
    step[i] = 1;
  }
  lo[a.axis] = at;
  hi[a.axis] = at + 1;
  return ir_reshape(x->b, ir_slice(x->b, x->in[0], lo, hi, step), t.rank, t.dim);
}
