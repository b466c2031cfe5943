/* Vector mathematics: exponentials, logarithms and what is made of them.
 *
 * Every function is a fixed sequence of correctly rounded operations, so its bits depend neither on the width of the
 * vector nor on the lane. At most 2 ulp in f32 over all inputs and 1e-15 relative in f64 (tests/unit/test_vecmath.c).
 * Range reduction follows the classic schemes (Muller, "Elementary Functions", 2016; Tang 1989 for exp and log); the
 * coefficients are our own fits (fit_polynomials.py). Integers are taken from bit patterns, never from conversions of
 * floats, so NaN and infinities pass without undefined values.
 */
#include "codegen/llvm/vecmath.h"
#include "codegen/llvm/polynomials.h"
#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- the builder */

Math math_of(Emit *e, Val v) {
  const bool wide = emit_element(v) == e->f64;
  return (Math){.e = e,
                .b = e->builder,
                .t = LLVMTypeOf(v),
                .it = emit_like(v, wide ? e->i64 : e->i32),
                .wide = wide,
                .mantissa = wide ? 52 : 23,
                .bias = wide ? 1023 : 127};
}

Val m_const(const Math *m, double v) { return emit_float(m->t, v); }
Val m_int(const Math *m, int64_t v) { return emit_int(m->it, m->wide ? (uint64_t)v : (uint64_t)v & UINT32_MAX); }
Val m_add(const Math *m, Val a, Val b) { return LLVMBuildFAdd(m->b, a, b, ""); }
Val m_sub(const Math *m, Val a, Val b) { return LLVMBuildFSub(m->b, a, b, ""); }
Val m_mul(const Math *m, Val a, Val b) { return LLVMBuildFMul(m->b, a, b, ""); }
Val m_div(const Math *m, Val a, Val b) { return LLVMBuildFDiv(m->b, a, b, ""); }
Val m_fma(const Math *m, Val a, Val b, Val c) { return emit_fma(m->e, a, b, c); }
Val m_neg(const Math *m, Val a) { return LLVMBuildFNeg(m->b, a, ""); }
Val m_abs(const Math *m, Val a) { return emit_abs(m->e, a); }
Val m_copysign(const Math *m, Val a, Val b) { return emit_intrinsic(m->e, "llvm.copysign", (Val[]){a, b}, 2); }
Val m_to_int_bits(const Math *m, Val v) { return LLVMBuildBitCast(m->b, v, m->it, ""); }
Val m_from_int_bits(const Math *m, Val v) { return LLVMBuildBitCast(m->b, v, m->t, ""); }

Val m_compare(const Math *m, LLVMRealPredicate p, Val a, double b) {
  return LLVMBuildFCmp(m->b, p, a, m_const(m, b), "");
}

static Val choose(const Math *m, Val c, Val a, Val b) { return emit_select(m->e, c, a, b); }

/* Adding 1.5 * 2^mantissa leaves the rounded integer in the low bits. */
Val m_round(const Math *m, Val v, Val *integer) {
  Val magic = m_const(m, ldexp(1.5, (int)m->mantissa)), shifted = m_add(m, v, magic);
  *integer = LLVMBuildSub(m->b, m_to_int_bits(m, shifted), m_to_int_bits(m, magic), "");
  return m_sub(m, shifted, magic);
}

Val m_poly(const Math *m, Val x, Coefficients c) {
  const double *k = m->wide ? c.f64 : c.f32;
  unsigned n = (m->wide ? c.n64 : c.n32) - 1;
  Val r = m_const(m, k[n]);
  while (n--) r = m_fma(m, r, x, m_const(m, k[n]));
  return r;
}

/* 2^k for k in the normal range. */
static Val power_of_two(const Math *m, Val k) {
  Val biased = LLVMBuildAdd(m->b, k, m_int(m, m->bias), "");
  return m_from_int_bits(m, LLVMBuildShl(m->b, biased, m_int(m, m->mantissa), ""));
}

/* One piece of at most a machine vector through AVX-512's v * 2^k; scalars travel in a vector of 16 bytes. */
static Val scalef_piece(const Math *m, Val v, Val k) {
  static const struct {
    unsigned bytes;
    const char *f32, *f64;
  } form[] = {{64, "llvm.x86.avx512.mask.scalef.ps.512", "llvm.x86.avx512.mask.scalef.pd.512"},
              {32, "llvm.x86.avx512.mask.scalef.ps.256", "llvm.x86.avx512.mask.scalef.pd.256"},
              {16, "llvm.x86.avx512.mask.scalef.ps.128", "llvm.x86.avx512.mask.scalef.pd.128"}};
  const unsigned lanes = emit_lanes(v), bytes = lanes * (m->wide ? 8 : 4), f = bytes == 64 ? 0 : bytes == 32 ? 1 : 2;
  const char *name = m->wide ? form[f].f64 : form[f].f32;
  LLVMTypeRef t = LLVMTypeOf(v), mask = lanes > 8 ? LLVMInt16TypeInContext(m->e->context) : m->e->i8;
  LLVMTypeRef params[] = {t, t, t, mask, m->e->i32};
  Val args[] = {v, k, v, LLVMConstAllOnes(mask), emit_i32(m->e, 4)};
  Val call = LLVMGetIntrinsicDeclaration(m->e->module, LLVMLookupIntrinsicID(name, strlen(name)), NULL, 0);
  return LLVMBuildCall2(m->b, LLVMFunctionType(t, params, f ? 4 : 5, false), call, args, f ? 4 : 5, "");
}

static Val lanes_of(const Math *m, Val v, unsigned first, unsigned n) {
  Val index[64];
  for (unsigned i = 0; i < n; i++) index[i] = emit_i32(m->e, (int32_t)(first + i));
  return LLVMBuildShuffleVector(m->b, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(index, n), "");
}

static Val scalef(const Math *m, Val v, Val k) {
  const unsigned lanes = emit_lanes(v), most = m->wide ? 8 : 16, least = m->wide ? 2 : 4;
  if (lanes < least) {
    LLVMTypeRef t = LLVMVectorType(emit_element(v), least);
    Val wide[2], in[] = {v, k};
    for (int i = 0; i < 2; i++)
      wide[i] = lanes == 1 ? LLVMBuildInsertElement(m->b, LLVMConstNull(t), in[i], emit_i32(m->e, 0), "")
                           : lanes_of(m, in[i], 0, least);
    Val r = scalef_piece(m, wide[0], wide[1]);
    return lanes == 1 ? LLVMBuildExtractElement(m->b, r, emit_i32(m->e, 0), "") : lanes_of(m, r, 0, lanes);
  }
  if (lanes <= most) return scalef_piece(m, v, k);
  Val low = scalef(m, lanes_of(m, v, 0, lanes / 2), lanes_of(m, k, 0, lanes / 2));
  Val high = scalef(m, lanes_of(m, v, lanes / 2, lanes / 2), lanes_of(m, k, lanes / 2, lanes / 2));
  Val index[256];
  for (unsigned i = 0; i < lanes; i++) index[i] = emit_i32(m->e, (int32_t)i);
  return LLVMBuildShuffleVector(m->b, low, high, LLVMConstVector(index, lanes), "");
}

/* v * 2^k, down to the denormal numbers and up to infinity: one instruction, or two factors. */
static Val scale(const Math *m, Val v, Val k, Val k_float) {
  if (m->e->target->vector_bytes == 64) return scalef(m, v, k_float);
  Val half = LLVMBuildAShr(m->b, k, m_int(m, 1), "");
  return m_mul(m, m_mul(m, v, power_of_two(m, half)), power_of_two(m, LLVMBuildSub(m->b, k, half, "")));
}

/* NaN passes. */
static Val clamp(const Math *m, Val x, double low, double high) {
  x = choose(m, m_compare(m, LLVMRealOGT, x, high), m_const(m, high), x);
  return choose(m, m_compare(m, LLVMRealOLT, x, low), m_const(m, low), x);
}

/* ---------------------------------------------------------------- exponentials */

/* e^x = 2^k (1 + e1), |x - k log 2| <= log(2)/2. */
typedef struct ExpParts {
  Val k, k_float, e1;
} ExpParts;

static ExpParts exp_parts(const Math *m, Val x, Val low) {
  ExpParts p;
  p.k_float = m_round(m, m_mul(m, x, m_const(m, M_LOG2E)), &p.k);
  Val minus_k = m_neg(m, p.k_float);
  Val r = m_fma(m, minus_k, M_PART(m, LN2, 1), m_fma(m, minus_k, M_PART(m, LN2, 0), x));
  if (low) r = m_add(m, r, low);
  p.e1 = m_fma(m, m_mul(m, r, r), m_poly(m, r, COEFFICIENTS(EXP)), r);
  return p;
}

/* Beyond these every result is 0 or infinity. */
static Val clamp_exp(const Math *m, Val x) { return m->wide ? clamp(m, x, -746, 710) : clamp(m, x, -104, 89); }

Val math_exp_pair(const Math *m, Val x, Val low) {
  const ExpParts p = exp_parts(m, clamp_exp(m, x), low);
  return scale(m, m_add(m, m_const(m, 1), p.e1), p.k, p.k_float);
}

Val math_exp(const Math *m, Val x) { return math_exp_pair(m, x, NULL); }

/* 2^k e1 + (2^k - 1), with half the power so that the largest results do not overflow on the way. */
static Val math_expm1(const Math *m, Val x) {
  const ExpParts p = exp_parts(m, m->wide ? clamp(m, x, -40, 710) : clamp(m, x, -20, 89), NULL);
  Val s = power_of_two(m, LLVMBuildSub(m->b, p.k, m_int(m, 1), ""));
  Val half = m_fma(m, s, p.e1, m_sub(m, s, m_const(m, 0.5)));
  return m_copysign(m, m_add(m, half, half), x);
}

/* e^-a for a >= 0 without its last rounding: value and remainder. */
static Val exp_minus(const Math *m, Val a, Val *remainder) {
  const double most = m->wide ? 746 : 104;
  const ExpParts p = exp_parts(m, m_neg(m, choose(m, m_compare(m, LLVMRealOGT, a, most), m_const(m, most), a)), NULL);
  Val one = m_const(m, 1), sum = m_add(m, one, p.e1), lost = m_sub(m, p.e1, m_sub(m, sum, one));
  *remainder = scale(m, lost, p.k, p.k_float);
  return scale(m, sum, p.k, p.k_float);
}

/* 1/(1 + e^-x) as it is written, which is what other programs compute, to the bit (cli_notes_models holds it); on the
 * far left e^x. */
static Val math_logistic64(const Math *m, Val x) {
  Val left = m_compare(m, LLVMRealOLT, x, -37), one = m_const(m, 1);
  Val e = math_exp(m, choose(m, left, x, m_neg(m, x)));
  return choose(m, left, e, m_div(m, one, m_add(m, one, e)));
}

/* In f32: 1/(1 + z) or z/(1 + z), z = e^-|x|, with the rounding errors of z and of the sum put back. */
static Val math_logistic(const Math *m, Val x) {
  if (m->wide) return math_logistic64(m, x);
  Val low, z = exp_minus(m, m_abs(m, x), &low), one = m_const(m, 1), zero = m_const(m, 0);
  Val positive = m_compare(m, LLVMRealOGE, x, 0), top = choose(m, positive, one, z);
  Val sum = m_add(m, one, z), lost = m_add(m, m_sub(m, z, m_sub(m, sum, one)), low), inverse = m_div(m, one, sum);
  Val q = m_mul(m, top, inverse), minus_q = m_neg(m, q);
  Val rest = m_add(m, m_fma(m, minus_q, lost, m_fma(m, minus_q, sum, top)), choose(m, positive, zero, low));
  return m_fma(m, rest, inverse, q);
}

static Val math_tanh(const Math *m, Val x) {
  Val a = m_abs(m, x), y = m_mul(m, a, a), one = m_const(m, 1);
  Val small = m_fma(m, m_mul(m, a, y), m_poly(m, y, COEFFICIENTS(TANH)), a);
  const ExpParts p = exp_parts(m, clamp(m, m_add(m, a, a), 0, 50), NULL);
  Val s = power_of_two(m, p.k), sum = m_add(m, m_fma(m, s, p.e1, s), one);
  Val large = m_sub(m, one, m_div(m, m_const(m, 2), sum));
  return m_copysign(m, choose(m, m_compare(m, LLVMRealOLT, a, 0.625), small, large), x);
}

/* ---------------------------------------------------------------- logarithms */

LogParts math_log_parts(const Math *m, Val x, bool normal) {
  const double tiny = m->wide ? 0x1p-1022 : 0x1p-126, lift = m->wide ? 0x1p54 : 0x1p25;
  Val denormal = normal ? NULL : m_compare(m, LLVMRealOLT, x, tiny);
  Val bits = m_to_int_bits(m, normal ? x : choose(m, denormal, m_mul(m, x, m_const(m, lift)), x));
  Val offset = LLVMBuildSub(m->b, bits, m_to_int_bits(m, m_const(m, M_SQRT1_2)), "");
  Val e = LLVMBuildAShr(m->b, offset, m_int(m, m->mantissa), "");
  Val scaled = LLVMBuildSub(m->b, bits, LLVMBuildShl(m->b, e, m_int(m, m->mantissa), ""), "");
  if (!normal) e = LLVMBuildSub(m->b, e, choose(m, denormal, m_int(m, m->wide ? 54 : 25), m_int(m, 0)), "");
  return (LogParts){LLVMBuildSIToFP(m->b, e, m->t, ""), m_sub(m, m_from_int_bits(m, scaled), m_const(m, 1))};
}

/* e log 2 + log(1 + f): the leading terms f - f^2/2 are added last. f64 uses the faster series in f/(2 + f). */
static Val log_sum(const Math *m, LogParts p) {
  Val square = m_mul(m, p.f, p.f), r;
  if (m->wide) {
    Val s = m_div(m, p.f, m_add(m, p.f, m_const(m, 2))), half = m_mul(m, square, m_const(m, 0.5));
    const Coefficients c = {NULL, LOG_RATIO64, 0, sizeof LOG_RATIO64 / sizeof *LOG_RATIO64};
    r = m_fma(m, p.e, M_PART(m, LN2, 1), m_mul(m, s, m_add(m, half, m_poly(m, m_mul(m, s, s), c))));
    r = m_sub(m, p.f, m_sub(m, half, r));
  } else {
    const Coefficients c = {LOG32, NULL, sizeof LOG32 / sizeof *LOG32, 0};
    r = m_mul(m, m_mul(m, square, p.f), m_poly(m, p.f, c));
    r = m_fma(m, p.e, M_PART(m, LN2, 1), r);
    r = m_add(m, p.f, m_fma(m, m_const(m, -0.5), square, r));
  }
  return m_fma(m, p.e, M_PART(m, LN2, 0), r);
}

/* -inf at `pole`, NaN below it, `x` itself for inf and NaN. */
static Val log_ends(const Math *m, Val x, double pole, Val r) {
  r = choose(m, m_compare(m, LLVMRealOEQ, x, pole), m_const(m, -INFINITY), r);
  r = choose(m, m_compare(m, LLVMRealOLT, x, pole), m_const(m, NAN), r);
  return choose(m, m_compare(m, LLVMRealULT, x, INFINITY), choose(m, emit_is_nan(m->e, x), x, r), x);
}

static Val math_log(const Math *m, Val x) { return log_ends(m, x, 0, log_sum(m, math_log_parts(m, x, false))); }

/* The exponent is that of 1 + x; f = x 2^-e + (2^-e - 1) keeps the digits of x the sum has lost. */
static Val log1p_finite(const Math *m, Val x) {
  Val u = m_add(m, x, m_const(m, 1));
  LogParts p = math_log_parts(m, u, true);
  Val offset = LLVMBuildSub(m->b, m_to_int_bits(m, u), m_to_int_bits(m, m_const(m, M_SQRT1_2)), "");
  Val t = power_of_two(m, LLVMBuildNeg(m->b, LLVMBuildAShr(m->b, offset, m_int(m, m->mantissa), ""), ""));
  Val exact = m_fma(m, x, t, m_sub(m, t, m_const(m, 1)));
  p.f = choose(m, m_compare(m, LLVMRealOGT, x, m->wide ? 0x1p60 : 0x1p30), p.f, exact);
  return log_sum(m, p);
}

static Val math_log1p(const Math *m, Val x) {
  Val r = log_ends(m, x, -1, log1p_finite(m, x));
  return choose(m, m_compare(m, LLVMRealOEQ, x, 0), x, r);
}

/* max(x, 0) + log(1 + z), z = e^-|x|; what z was rounded by goes in through the derivative 1/(1 + z), of which two
 * digits are plenty. */
static Val math_softplus(const Math *m, Val x) {
  Val low, z = exp_minus(m, m_abs(m, x), &low), zero = m_const(m, 0);
  Val slope = m_fma(m, m_fma(m, m_const(m, 0.34), z, m_const(m, -0.82)), z, m_const(m, 0.985));
  Val tail = m_fma(m, low, slope, log1p_finite(m, z));
  Val r = m_add(m, choose(m, m_compare(m, LLVMRealOGT, x, 0), x, zero), tail);
  return choose(m, emit_is_nan(m->e, x), x, r);
}

/* ---------------------------------------------------------------- error function */

/* Odd series near 0; beyond, 1 - erfc with a fit of log erfc, which f64 needs in two pieces. */
static Val math_erf(const Math *m, Val x) {
  const double most = m->wide ? 6 : 4;
  Val a = m_abs(m, x);
  Val small = m_fma(m, a, m_poly(m, m_mul(m, a, a), COEFFICIENTS(ERF)), a);
  Val far = choose(m, m_compare(m, LLVMRealOGT, a, most), m_const(m, most), a);
  const Coefficients near_fit = {ERFC_LOG32, ERFC_LOG_A64, sizeof ERFC_LOG32 / 8, sizeof ERFC_LOG_A64 / 8};
  const Coefficients far_fit = {NULL, ERFC_LOG_B64, 0, sizeof ERFC_LOG_B64 / 8};
  Val p = m_poly(m, far, near_fit);
  if (m->wide) p = choose(m, m_compare(m, LLVMRealOGT, far, 2.4), m_poly(m, far, far_fit), p);
  Val large = m_sub(m, m_const(m, 1), math_exp(m, p));
  return m_copysign(m, choose(m, m_compare(m, LLVMRealOLT, a, 0.955), small, large), x);
}

/* ---------------------------------------------------------------- dispatch */

Val emit_math(Emit *e, Op op, Val a, Val b) {
  const Math m = math_of(e, a);
  switch ((int)op) {
  case OP_exp: return math_exp(&m, a);
  case OP_expm1: return math_expm1(&m, a);
  case OP_log: return math_log(&m, a);
  case OP_log1p: return math_log1p(&m, a);
  case OP_sin: return math_sin_cos(&m, a, false);
  case OP_cos: return math_sin_cos(&m, a, true);
  case OP_tanh: return math_tanh(&m, a);
  case OP_logistic: return math_logistic(&m, a);
  case OP_softplus: return math_softplus(&m, a);
  case OP_erf: return math_erf(&m, a);
  case OP_atan: return math_atan(&m, a);
  case OP_pow: return math_pow(&m, a, b);
  default: emit_fail(e, "no code for function %u", (unsigned)op); return a;
  }
}
