/* Rewrite rules of arithmetic: neutral elements, signs, constants. */
#include "ir/simplify/rules.h"
#include <float.h>
#include <math.h>

/* Finds a splat constant among the two operands of a commutative root. */
static bool pick_splat(const Builder *b, const NodeId *in, double *value, NodeId *other) {
  for (uint32_t i = 0; i < 2; i++) {
    if (splat_value(b, in[i], value)) {
      *other = in[1 - i];
      return true;
    }
  }
  return false;
}

static NodeId neutral(const Match *x, double value) {
  for (uint32_t i = 0; i < 2; i++) {
    if (is_splat_of(x->b, x->in[i], value)) return x->in[1 - i];
  }
  return IR_NONE;
}

RULE(add_zero) { return neutral(x, 0); }

/* x + x = 2 x, exactly; the 2 joins other constant factors. The gradient of every square comes this way. */
RULE(add_same) {
  if (x->in[0] != x->in[1] || !ir_is_float(dtype_of(x->b, x->in[0]))) return IR_NONE;
  return ir_binary(x->b, OP_mul, x->in[0], ir_full_like(x->b, x->in[0], 2));
}

RULE(sub_zero) { return is_splat_of(x->b, x->in[1], 0) ? x->in[0] : IR_NONE; }

RULE(zero_sub) { return is_splat_of(x->b, x->in[0], 0) ? ir_unary(x->b, OP_neg, x->in[1]) : IR_NONE; }

RULE(mul_one) { return neutral(x, 1); }

RULE(mul_minus_one) {
  NodeId other = neutral(x, -1);
  return other == IR_NONE ? IR_NONE : ir_unary(x->b, OP_neg, other);
}

RULE(div_one) { return is_splat_of(x->b, x->in[1], 1) ? x->in[0] : IR_NONE; }

/* x / 2^k is x * 2^-k exactly, as long as 2^-k is a normal number. */
RULE(div_power_of_two) {
  double c;
  DType t = dtype_of(x->b, x->in[0]);
  if (!ir_is_float(t) || !splat_value(x->b, x->in[1], &c) || c == 0 || !isfinite(c)) return IR_NONE;
  int exponent;
  if (fabs(frexp(c, &exponent)) != 0.5) return IR_NONE;
  double least = t == DT_F32 ? (double)FLT_MIN : DBL_MIN;
  if (fabs(1 / c) < least || fabs(c) < least) return IR_NONE;
  return ir_binary(x->b, OP_mul, x->in[0], ir_full_like(x->b, x->in[1], 1 / c));
}

RULE(neg_neg) { return is_op(x->b, x->in[0], OP_neg) ? operand_of(x->b, x->in[0], 0) : IR_NONE; }

RULE(neg_sub) {
  if (!is_op(x->b, x->in[0], OP_sub)) return IR_NONE;
  return ir_binary(x->b, OP_sub, operand_of(x->b, x->in[0], 1), operand_of(x->b, x->in[0], 0));
}

/* -(c x) = (-c) x */
RULE(neg_scaled) {
  double c;
  NodeId other;
  if (!is_op(x->b, x->in[0], OP_mul) || !ir_is_float(dtype_of(x->b, x->in[0]))) return IR_NONE;
  NodeId in[2] = {operand_of(x->b, x->in[0], 0), operand_of(x->b, x->in[0], 1)};
  if (!pick_splat(x->b, in, &c, &other)) return IR_NONE;
  return ir_binary(x->b, OP_mul, other, ir_full_like(x->b, other, -c));
}

RULE(add_neg) {
  NodeId neg, other;
  if (!pick_operand(x, OP_neg, &neg, &other)) return IR_NONE;
  return ir_binary(x->b, OP_sub, other, operand_of(x->b, neg, 0));
}

RULE(sub_neg) {
  if (!is_op(x->b, x->in[1], OP_neg)) return IR_NONE;
  return ir_binary(x->b, OP_add, x->in[0], operand_of(x->b, x->in[1], 0));
}

/* Signs move outwards, where sums absorb them; a constant factor takes them at once. */
RULE(mul_neg) {
  NodeId neg, other;
  double c;
  if (!pick_operand(x, OP_neg, &neg, &other)) return IR_NONE;
  NodeId inner = operand_of(x->b, neg, 0);
  if (ir_is_float(dtype_of(x->b, other)) && splat_value(x->b, other, &c)) {
    return ir_binary(x->b, OP_mul, inner, ir_full_like(x->b, other, -c));
  }
  return ir_unary(x->b, OP_neg, ir_binary(x->b, OP_mul, inner, other));
}

RULE(div_neg) {
  if (!ir_is_float(dtype_of(x->b, x->in[0]))) return IR_NONE;
  for (uint32_t i = 0; i < 2; i++) {
    if (!is_op(x->b, x->in[i], OP_neg)) continue;
    NodeId in[2] = {x->in[0], x->in[1]};
    in[i] = operand_of(x->b, x->in[i], 0);
    return ir_unary(x->b, OP_neg, ir_binary(x->b, OP_div, in[0], in[1]));
  }
  return IR_NONE;
}

/* c1 (c2 x) = (c1 c2) x; the product of the constants rounds once more or once less. */
RULE(mul_constants) {
  double outer, inner;
  NodeId product, rest;
  DType t = dtype_of(x->b, x->in[0]);
  if (!ir_is_float(t) || !pick_splat(x->b, x->in, &outer, &product) || !is_op(x->b, product, OP_mul)) return IR_NONE;
  NodeId in[2] = {operand_of(x->b, product, 0), operand_of(x->b, product, 1)};
  if (!pick_splat(x->b, in, &inner, &rest) || splat_value(x->b, rest, &(double){0})) return IR_NONE;
  double c = t == DT_F32 ? (double)(float)(outer * inner) : outer * inner;
  double least = t == DT_F32 ? (double)FLT_MIN : DBL_MIN;
  if (!isfinite(c) || fabs(c) < least) return IR_NONE;
  return ir_binary(x->b, OP_mul, rest, ir_full_like(x->b, rest, c));
}

static NodeId equal_operands(const Match *x) { return x->in[0] == x->in[1] ? x->in[0] : IR_NONE; }

RULE(max_same) { return equal_operands(x); }
RULE(min_same) { return equal_operands(x); }
RULE(and_same) { return equal_operands(x); }
RULE(or_same) { return equal_operands(x); }

RULE(abs_sign) {
  if (!is_op(x->b, x->in[0], OP_neg)) return IR_NONE;
  return ir_unary(x->b, OP_abs, operand_of(x->b, x->in[0], 0));
}

RULE(abs_abs) { return is_op(x->b, x->in[0], OP_abs) ? x->in[0] : IR_NONE; }

RULE(not_not) { return is_op(x->b, x->in[0], OP_not) ? operand_of(x->b, x->in[0], 0) : IR_NONE; }

/* The two comparisons that are each other's opposite for NaN too. */
RULE(not_equal) {
  bool eq = is_op(x->b, x->in[0], OP_eq);
  if (dtype_of(x->b, x->in[0]) != DT_BOOL || (!eq && !is_op(x->b, x->in[0], OP_ne))) return IR_NONE;
  return ir_binary(x->b, eq ? OP_ne : OP_eq, operand_of(x->b, x->in[0], 0), operand_of(x->b, x->in[0], 1));
}

/* and/or of booleans with a constant: one value is neutral, the other decides. */
static NodeId logic_const(const Match *x, double neutral_value) {
  if (dtype_of(x->b, x->in[0]) != DT_BOOL) return IR_NONE;
  for (uint32_t i = 0; i < 2; i++) {
    double c;
    if (splat_value(x->b, x->in[i], &c)) return c == neutral_value ? x->in[1 - i] : x->in[i];
  }
  return IR_NONE;
}

RULE(and_const) { return logic_const(x, 1); }
RULE(or_const) { return logic_const(x, 0); }

RULE(cast_same) { return x->type == node_of(x->b, x->in[0])->type ? x->in[0] : IR_NONE; }

/* Can every value of `from` be held by `to`? */
static bool widens(DType from, DType to) {
  static const uint8_t bits[DT_COUNT] = {[DT_BOOL] = 1, [DT_U8] = 8,   [DT_I32] = 31, [DT_I64] = 63,
                                         [DT_U32] = 32, [DT_U64] = 64, [DT_F32] = 24, [DT_F64] = 53};
  if (from == to) return true;
  if (to == DT_BOOL) return false;
  if (ir_is_float(from)) return from == DT_F32 && to == DT_F64;
  bool is_signed = from == DT_I32 || from == DT_I64;
  if (is_signed && (to == DT_U8 || to == DT_U32 || to == DT_U64)) return false;
  return bits[from] <= bits[to];
}

RULE(cast_cast) {
  if (!is_op(x->b, x->in[0], OP_cast)) return IR_NONE;
  NodeId from = operand_of(x->b, x->in[0], 0);
  if (!widens(dtype_of(x->b, from), dtype_of(x->b, x->in[0]))) return IR_NONE;
  return ir_cast(x->b, from, (DType)result_type(x).dtype);
}

RULE(cast_iota) {
  if (!is_op(x->b, x->in[0], OP_iota)) return IR_NONE;
  DType to = (DType)result_type(x).dtype, from = dtype_of(x->b, x->in[0]);
  Attr a = *attr_of(x->b, x->in[0]);
  int64_t last = a.shape.v[a.axis];
  bool fits = to == DT_F32 ? last <= 1 << 24 : to == DT_BOOL ? false : to == DT_U8 ? last <= 256 : true;
  if (from == DT_U8 || from == DT_BOOL || !fits || last > INT32_MAX) return IR_NONE;
  return ir_iota(x->b, to, a.shape.n, a.shape.v, a.axis);
}
