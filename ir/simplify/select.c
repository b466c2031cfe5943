/* Rewrite rules of select. */
#include "ir/simplify/rules.h"

RULE(select_const) {
  double c;
  if (!splat_value(x->b, x->in[0], &c)) return IR_NONE;
  return x->in[c != 0 ? 1 : 2];
}

RULE(select_same) { return x->in[1] == x->in[2] ? x->in[1] : IR_NONE; }

RULE(select_not) {
  if (!is_op(x->b, x->in[0], OP_not)) return IR_NONE;
  return ir_select(x->b, operand_of(x->b, x->in[0], 0), x->in[2], x->in[1]);
}

/* select(c, select(c, a, b), d) = select(c, a, d), and in the other arm. */
RULE(select_nested) {
  for (uint32_t arm = 1; arm <= 2; arm++) {
    if (!is_op(x->b, x->in[arm], OP_select) || operand_of(x->b, x->in[arm], 0) != x->in[0]) continue;
    NodeId in[3] = {x->in[0], x->in[1], x->in[2]};
    in[arm] = operand_of(x->b, x->in[arm], arm);
    return ir_select(x->b, in[0], in[1], in[2]);
  }
  return IR_NONE;
}

RULE(select_bool) {
  if (dtype_of(x->b, x->in[1]) != DT_BOOL) return IR_NONE;
  if (is_splat_of(x->b, x->in[1], 1) && is_splat_of(x->b, x->in[2], 0)) return x->in[0];
  if (is_splat_of(x->b, x->in[1], 0) && is_splat_of(x->b, x->in[2], 1)) return ir_unary(x->b, OP_not, x->in[0]);
  return IR_NONE;
}

/* select(c,a,0) + select(c,0,b) = select(c,a,b): the two halves of the derivative of one `where`. */
RULE(add_selects) {
  NodeId p = x->in[0], q = x->in[1];
  if (!is_op(x->b, p, OP_select) || !is_op(x->b, q, OP_select)) return IR_NONE;
  NodeId c = operand_of(x->b, p, 0);
  if (c != operand_of(x->b, q, 0)) return IR_NONE;
  for (uint32_t i = 0; i < 2; i++) {
    NodeId yes = i ? q : p, no = i ? p : q;
    if (!is_splat_of(x->b, operand_of(x->b, yes, 2), 0) || !is_splat_of(x->b, operand_of(x->b, no, 1), 0)) continue;
    return ir_select(x->b, c, operand_of(x->b, yes, 1), operand_of(x->b, no, 2));
  }
  return IR_NONE;
}
