/* Evaluation of elementwise ops. Floats through libm in f64; integers exact, wrapping at their width. */
#include "ir/eval/rules.h"
#include <math.h>

int64_t eval_wrap(DType t, uint64_t v) {
  switch (t) {
  case DT_BOOL: return (int64_t)(v & 1);
  case DT_U8: return (uint8_t)v;
  case DT_I32: return (int32_t)(uint32_t)v;
  case DT_U32: return (uint32_t)v;
  default: return (int64_t)v;
  }
}

int eval_int_compare(DType t, int64_t a, int64_t b) {
  if (t == DT_U64) return ((uint64_t)a > (uint64_t)b) - ((uint64_t)a < (uint64_t)b);
  return (a > b) - (a < b);
}

typedef double (*FloatOp)(double a, double b);
typedef uint64_t (*IntOp)(DType t, uint64_t a, uint64_t b);

/* Result dtype = operand dtype; unary ops pass their operand twice. */
static void map(EvalCall *c, FloatOp f, IntOp g) {
  const Value *a = &c->in[0], *b = &c->in[c->node->n_in - 1];
  DType t = (DType)eval_out_type(c)->dtype;
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    if (ir_is_float(t))
      c->out->f[i] = f(a->f[i], b->f[i]);
    else
      c->out->i[i] = eval_wrap(t, g(t, (uint64_t)a->i[i], (uint64_t)b->i[i]));
  }
}

/* ---------------------------------------------------------------- arithmetic */

static bool is_signed(DType t) { return t == DT_I32 || t == DT_I64; }
static bool negative(DType t, uint64_t a) { return is_signed(t) && (int64_t)a < 0; }
static uint64_t magnitude(DType t, uint64_t a) { return negative(t, a) ? 0 - a : a; }

/* Floor division and its remainder; by zero both are 0. */
static uint64_t int_divide(DType t, uint64_t a, uint64_t b, bool remainder) {
  if (b == 0) return 0;
  uint64_t q = magnitude(t, a) / magnitude(t, b), r = magnitude(t, a) % magnitude(t, b);
  bool minus = negative(t, a) != negative(t, b);
  if (minus && r) q++, r = magnitude(t, b) - r;
  if (remainder) return negative(t, b) ? 0 - r : r;
  return minus ? 0 - q : q;
}

static double f_add(double a, double b) { return a + b; }
static double f_sub(double a, double b) { return a - b; }
static double f_neg(double a, double b) { return (void)b, -a; }
static double f_mul(double a, double b) { return a * b; }
static double f_div(double a, double b) { return a / b; }
static double f_max(double a, double b) { return a != a || a > b ? a : b; }
static double f_min(double a, double b) { return a != a || a < b ? a : b; }
static double f_rem(double a, double b) {
  double r = fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static double f_abs(double a, double b) { return (void)b, fabs(a); }
static double f_sign(double a, double b) { return (void)b, a > 0 ? 1 : a < 0 ? -1 : a; }

static uint64_t i_add(DType t, uint64_t a, uint64_t b) { return (void)t, a + b; }
static uint64_t i_sub(DType t, uint64_t a, uint64_t b) { return (void)t, a - b; }
static uint64_t i_neg(DType t, uint64_t a, uint64_t b) { return (void)t, (void)b, 0 - a; }
static uint64_t i_mul(DType t, uint64_t a, uint64_t b) { return (void)t, a * b; }
static uint64_t i_div(DType t, uint64_t a, uint64_t b) { return int_divide(t, a, b, false); }
static uint64_t i_rem(DType t, uint64_t a, uint64_t b) { return int_divide(t, a, b, true); }
static uint64_t i_max(DType t, uint64_t a, uint64_t b) {
  return eval_int_compare(t, (int64_t)a, (int64_t)b) > 0 ? a : b;
}
static uint64_t i_min(DType t, uint64_t a, uint64_t b) {
  return eval_int_compare(t, (int64_t)a, (int64_t)b) < 0 ? a : b;
}
static uint64_t i_abs(DType t, uint64_t a, uint64_t b) { return (void)b, magnitude(t, a); }
static uint64_t i_sign(DType t, uint64_t a, uint64_t b) {
  return (void)b, negative(t, a) ? UINT64_MAX : (uint64_t)(a != 0);
}

#define ARITHMETIC(name)                                                                                               \
  void eval_##name(EvalCall *c) { map(c, f_##name, i_##name); }
ARITHMETIC(add)
ARITHMETIC(sub)
ARITHMETIC(neg)
ARITHMETIC(mul)
ARITHMETIC(div)
ARITHMETIC(max)
ARITHMETIC(min)
ARITHMETIC(rem)
ARITHMETIC(abs)
ARITHMETIC(sign)

/* ---------------------------------------------------------------- functions of floats */

static double logistic(double x) {
  double e = exp(-fabs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

#define FUNCTION(name, e)                                                                                              \
  void eval_##name(EvalCall *c) {                                                                                      \
    for (int64_t i = 0, n = eval_count(c); i < n; i++) {                                                               \
      double x = c->in[0].f[i];                                                                                        \
      c->out->f[i] = (e);                                                                                              \
    }                                                                                                                  \
  }
FUNCTION(floor, floor(x))
FUNCTION(ceil, ceil(x))
FUNCTION(round, rint(x))
FUNCTION(exp, exp(x))
FUNCTION(expm1, expm1(x))
FUNCTION(log, log(x))
FUNCTION(log1p, log1p(x))
FUNCTION(sqrt, sqrt(x))
FUNCTION(sin, sin(x))
FUNCTION(cos, cos(x))
FUNCTION(tanh, tanh(x))
FUNCTION(logistic, logistic(x))
FUNCTION(softplus, softplus(x))
FUNCTION(erf, erf(x))
FUNCTION(atan, atan(x))

void eval_pow(EvalCall *c) {
  for (int64_t i = 0, n = eval_count(c); i < n; i++) c->out->f[i] = pow(c->in[0].f[i], c->in[1].f[i]);
}

/* ---------------------------------------------------------------- types */

/* Truncates towards zero and saturates; NaN becomes 0. */
static int64_t float_to_int(DType t, double x) {
  if (x != x) return 0;
  x = trunc(x);
  switch (t) {
  case DT_U8: return (int64_t)fmin(fmax(x, 0), 255);
  case DT_I32: return (int64_t)fmin(fmax(x, INT32_MIN), INT32_MAX);
  case DT_U32: return (int64_t)fmin(fmax(x, 0), UINT32_MAX);
  case DT_U64: return x <= 0 ? 0 : x >= 0x1p64 ? -1 : (int64_t)(uint64_t)x;
  default: return x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (int64_t)x;
  }
}

static double int_to_float(DType t, int64_t v) { return t == DT_U64 ? (double)(uint64_t)v : (double)v; }

void eval_cast(EvalCall *c) {
  DType from = (DType)eval_in_type(c, 0)->dtype, to = (DType)eval_out_type(c)->dtype;
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    if (ir_is_float(from) && ir_is_float(to))
      c->out->f[i] = c->in[0].f[i];
    else if (ir_is_float(to))
      c->out->f[i] = int_to_float(from, c->in[0].i[i]);
    else if (to == DT_BOOL)
      c->out->i[i] = ir_is_float(from) ? c->in[0].f[i] != 0 : c->in[0].i[i] != 0;
    else if (ir_is_float(from))
      c->out->i[i] = float_to_int(to, c->in[0].f[i]);
    else
      c->out->i[i] = eval_wrap(to, (uint64_t)c->in[0].i[i]);
  }
}

/* ---------------------------------------------------------------- comparison, logic, bits */

#define COMPARE(name, op)                                                                                              \
  void eval_##name(EvalCall *c) {                                                                                      \
    DType t = (DType)eval_in_type(c, 0)->dtype;                                                                        \
    for (int64_t i = 0, n = eval_count(c); i < n; i++)                                                                 \
      c->out->i[i] =                                                                                                   \
          ir_is_float(t) ? c->in[0].f[i] op c->in[1].f[i] : eval_int_compare(t, c->in[0].i[i], c->in[1].i[i]) op 0;    \
  }
COMPARE(eq, ==)
COMPARE(ne, !=)
COMPARE(lt, <)
COMPARE(le, <=)

static uint64_t bits_of(DType t) { return 8 * (uint64_t)ir_dtype_size(t); }
static uint64_t i_and(DType t, uint64_t a, uint64_t b) { return (void)t, a & b; }
static uint64_t i_or(DType t, uint64_t a, uint64_t b) { return (void)t, a | b; }
static uint64_t i_xor(DType t, uint64_t a, uint64_t b) { return (void)t, a ^ b; }
static uint64_t i_not(DType t, uint64_t a, uint64_t b) { return (void)t, (void)b, ~a; }
static uint64_t i_shl(DType t, uint64_t a, uint64_t b) { return b < bits_of(t) ? a << b : 0; }
/* Arithmetic for signed dtypes; a shift by the width or more leaves only sign bits. */
static uint64_t i_shr(DType t, uint64_t a, uint64_t b) {
  bool over = b >= bits_of(t);
  if (!negative(t, a)) return over ? 0 : a >> b;
  return over ? UINT64_MAX : ~(~a >> b);
}

#define BITS(name)                                                                                                     \
  void eval_##name(EvalCall *c) { map(c, NULL, i_##name); }
BITS(and)
BITS(or)
BITS(xor)
BITS(not )
BITS(shl)
BITS(shr)

void eval_is_finite(EvalCall *c) {
  for (int64_t i = 0, n = eval_count(c); i < n; i++) c->out->i[i] = isfinite(c->in[0].f[i]);
}

void eval_select(EvalCall *c) {
  for (int64_t i = 0, n = eval_count(c); i < n; i++) eval_move(c->out, i, &c->in[c->in[0].i[i] ? 1 : 2], i);
}
