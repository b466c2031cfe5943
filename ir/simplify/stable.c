/* Rewrite rules that run before differentiation: stable forms of the logistic's logarithms, powers written out. */
#include "ir/simplify/rules.h"

static NodeId negated(const Match *x, NodeId a) {
  return is_op(x->b, a, OP_neg) ? operand_of(x->b, a, 0) : ir_unary(x->b, OP_neg, a);
}

/* log(logistic z) = -softplus(-z) */
RULE(log_logistic) {
  if (!is_op(x->b, x->in[0], OP_logistic)) return IR_NONE;
  NodeId z = operand_of(x->b, x->in[0], 0);
  return ir_unary(x->b, OP_neg, ir_unary(x->b, OP_softplus, negated(x, z)));
}

/* 1 - logistic(z) = logistic(-z), which does not cancel; under a logarithm log_logistic follows. */
RULE(one_minus_logistic) {
  if (!is_splat_of(x->b, x->in[0], 1) || !is_op(x->b, x->in[1], OP_logistic)) return IR_NONE;
  return ir_unary(x->b, OP_logistic, negated(x, operand_of(x->b, x->in[1], 0)));
}

/* log1p(-logistic z) = -softplus(z) */
RULE(log1p_minus_logistic) {
  if (!is_op(x->b, x->in[0], OP_neg) || !is_op(x->b, operand_of(x->b, x->in[0], 0), OP_logistic)) return IR_NONE;
  NodeId z = operand_of(x->b, operand_of(x->b, x->in[0], 0), 0);
  return ir_unary(x->b, OP_neg, ir_unary(x->b, OP_softplus, z));
}

/* log(1 + exp z) = log1p(exp z) = softplus(z) */
RULE(log_one_plus_exp) {
  NodeId sum = x->in[0];
  if (!is_op(x->b, sum, OP_add)) return IR_NONE;
  for (uint32_t i = 0; i < 2; i++) {
    NodeId e = operand_of(x->b, sum, 1 - i);
    if (is_splat_of(x->b, operand_of(x->b, sum, i), 1) && is_op(x->b, e, OP_exp))
      return ir_unary(x->b, OP_softplus, operand_of(x->b, e, 0));
  }
  return IR_NONE;
}

RULE(log1p_exp) {
  if (!is_op(x->b, x->in[0], OP_exp)) return IR_NONE;
  return ir_unary(x->b, OP_softplus, operand_of(x->b, x->in[0], 0));
}

/* x^c for the exponents models write, so that the derivative needs no logarithm. */
RULE(pow_const) {
  Builder *b = x->b;
  NodeId a = x->in[0];
  double c;
  if (!splat_value(b, x->in[1], &c)) return IR_NONE;
  if (c == 0) return ir_full_like(b, a, 1);
  if (c == 1) return a;
  if (c == 0.5) return ir_unary(b, OP_sqrt, a);
  if (c == -1) return ir_binary(b, OP_div, ir_full_like(b, a, 1), a);
  if (c != 2 && c != 3 && c != 4 && c != -2) return IR_NONE;
  NodeId square = ir_binary(b, OP_mul, a, a);
  if (c == 3) return ir_binary(b, OP_mul, square, a);
  if (c == 4) return ir_binary(b, OP_mul, square, square);
  return c == 2 ? square : ir_binary(b, OP_div, ir_full_like(b, a, 1), square);
}
