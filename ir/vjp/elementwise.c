/* Derivatives of elementwise ops: g is the cotangent, y the result, a and c the operands. */
#include "ir/vjp/rules.h"

static NodeId full(Builder *b, NodeId like, double v) { return ir_full_like(b, like, v); }

VJP(identity) { (void)b, (void)y, (void)need, out[0] = ct[0]; }
VJP(zero) { (void)b, (void)y, (void)ct, (void)need, (void)out; }

/* ---------------------------------------------------------------- arithmetic */

VJP(add) {
  (void)b, (void)y, (void)need;
  out[0] = out[1] = ct[0];
}
VJP(sub) {
  (void)y;
  out[0] = ct[0];
  if (ct_needed(need, 1)) out[1] = ct_neg(b, ct[0]);
}
VJP(neg) { (void)y, (void)need, out[0] = ct_neg(b, ct[0]); }
VJP(mul) {
  if (ct_needed(need, 0)) out[0] = ct_mul(b, ct[0], vjp_in(b, y, 1));
  if (ct_needed(need, 1)) out[1] = ct_mul(b, ct[0], vjp_in(b, y, 0));
}
VJP(div) {
  NodeId t = ct_div_pole(b, ct[0], vjp_in(b, y, 1));
  if (ct_needed(need, 0)) out[0] = t;
  if (ct_needed(need, 1)) out[1] = ct_neg(b, ct_mul(b, t, y));
}

/* c a^(c-1), 0 where c is 0. */
static NodeId power_slope(Builder *b, NodeId a, NodeId c) {
  NodeId slope = ir_binary(b, OP_mul, c, ir_binary(b, OP_pow, a, ir_binary(b, OP_sub, c, full(b, c, 1))));
  if (ct_known_nonzero(b, c)) return slope;
  NodeId zero = full(b, c, 0);
  return ir_select(b, ir_binary(b, OP_eq, c, zero), zero, slope);
}

/* With respect to the exponent: y log a where a > 0, else 0. */
VJP(pow) {
  NodeId a = vjp_in(b, y, 0), c = vjp_in(b, y, 1);
  if (ct_needed(need, 0)) out[0] = ct_mul_pole(b, ct[0], power_slope(b, a, c));
  if (ct_needed(need, 1)) {
    NodeId zero = full(b, a, 0), positive = ir_binary(b, OP_lt, zero, a);
    NodeId slope = ir_binary(b, OP_mul, y, ir_unary(b, OP_log, a));
    out[1] = ct_mul(b, ct[0], ir_select(b, positive, slope, zero));
  }
}

/* All of g to the winner, half to each on a tie. */
static void to_winner(Builder *b, NodeId y, NodeId g, uint64_t need, NodeId *out, bool greatest) {
  NodeId a = vjp_in(b, y, 0), c = vjp_in(b, y, 1), zero = full(b, g, 0);
  NodeId share = ir_select(b, ir_binary(b, OP_eq, a, c), ct_scale(b, g, 0.5), g);
  for (uint32_t k = 0; k < 2; k++) {
    if (!ct_needed(need, k)) continue;
    bool first_below = greatest == (k == 1); /* operand k wins when a <= c, or when c <= a */
    NodeId wins = first_below ? ir_binary(b, OP_le, a, c) : ir_binary(b, OP_le, c, a);
    out[k] = ir_select(b, wins, share, zero);
  }
}
VJP(max) { to_winner(b, y, ct[0], need, out, true); }
VJP(min) { to_winner(b, y, ct[0], need, out, false); }

VJP(rem) {
  if (ct_needed(need, 0)) out[0] = ct[0];
  if (ct_needed(need, 1)) {
    NodeId q = ir_unary(b, OP_floor, ir_binary(b, OP_div, vjp_in(b, y, 0), vjp_in(b, y, 1)));
    out[1] = ct_neg(b, ct_mul_pole(b, ct[0], q));
  }
}
VJP(abs) { (void)need, out[0] = ct_mul(b, ct[0], ir_unary(b, OP_sign, vjp_in(b, y, 0))); }

/* ---------------------------------------------------------------- functions */

VJP(exp) { (void)need, out[0] = ct_mul(b, ct[0], y); }
VJP(expm1) { (void)need, out[0] = ct_mul(b, ct[0], ir_binary(b, OP_add, y, full(b, y, 1))); }
VJP(log) { (void)need, out[0] = ct_div_pole(b, ct[0], vjp_in(b, y, 0)); }
VJP(log1p) {
  (void)need;
  NodeId a = vjp_in(b, y, 0);
  out[0] = ct_div_pole(b, ct[0], ir_binary(b, OP_add, full(b, a, 1), a));
}
VJP(sqrt) { (void)need, out[0] = ct_div_pole(b, ct_scale(b, ct[0], 0.5), y); }
VJP(sin) { (void)need, out[0] = ct_mul(b, ct[0], ir_unary(b, OP_cos, vjp_in(b, y, 0))); }
VJP(cos) { (void)need, out[0] = ct_neg(b, ct_mul(b, ct[0], ir_unary(b, OP_sin, vjp_in(b, y, 0)))); }
VJP(tanh) {
  (void)need;
  out[0] = ct_mul(b, ct[0], ir_binary(b, OP_sub, full(b, y, 1), ir_binary(b, OP_mul, y, y)));
}
VJP(logistic) {
  (void)need;
  out[0] = ct_mul(b, ct_mul(b, ct[0], y), ir_binary(b, OP_sub, full(b, y, 1), y));
}
VJP(softplus) { (void)need, out[0] = ct_mul(b, ct[0], ir_unary(b, OP_logistic, vjp_in(b, y, 0))); }
VJP(erf) {
  (void)need;
  NodeId a = vjp_in(b, y, 0), bell = ir_unary(b, OP_exp, ir_unary(b, OP_neg, ir_binary(b, OP_mul, a, a)));
  out[0] = ct_mul(b, ct[0], ir_binary(b, OP_mul, bell, full(b, a, 1.1283791670955125739))); /* 2 / sqrt(pi) */
}
VJP(atan) {
  (void)need;
  NodeId a = vjp_in(b, y, 0);
  out[0] = ct_div(b, ct[0], ir_binary(b, OP_add, full(b, a, 1), ir_binary(b, OP_mul, a, a)));
}

/* ---------------------------------------------------------------- types, choice */

VJP(cast) { (void)need, out[0] = ir_cast(b, ct[0], (DType)ir_type_of(b, vjp_in(b, y, 0))->dtype); }
VJP(select) {
  NodeId c = vjp_in(b, y, 0), zero = full(b, ct[0], 0);
  if (ct_needed(need, 1)) out[1] = ir_select(b, c, ct[0], zero);
  if (ct_needed(need, 2)) out[2] = ir_select(b, c, zero, ct[0]);
}
