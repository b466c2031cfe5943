/* Vector mathematics: powers, as exp(b log |a|) with the logarithm in twice the precision. */
#include "codegen/llvm/polynomials.h"
#include "codegen/llvm/vecmath.h"
#include <math.h>
#include <stdio.h>

static Val choose(const Math *m, Val c, Val a, Val b) { return emit_select(m->e, c, a, b); }

/* A value as an unevaluated sum, |low| at most half a unit of `high`. */
typedef struct Pair {
  Val high, low;
} Pair;

/* a + b exactly, for |a| >= |b| or a == 0. */
static Pair fast_sum(const Math *m, Val a, Val b) {
  Val s = m_add(m, a, b);
  return (Pair){s, m_sub(m, b, m_sub(m, s, a))};
}

/* log x to about 2^-62 relative (x > 0, finite): 2s + s R(s^2), s = f/(2 + f) with its remainder. */
static Pair log_pair(const Math *m, Val x) {
  const LogParts p = math_log_parts(m, x, false);
  const Coefficients c = {NULL, LOG_RATIO64, 0, sizeof LOG_RATIO64 / sizeof *LOG_RATIO64};
  Val two = m_const(m, 2), d = m_add(m, p.f, two), d_low = m_sub(m, p.f, m_sub(m, d, two));
  Val s = m_div(m, p.f, d), minus_s = m_neg(m, s);
  Val s_low = m_div(m, m_fma(m, minus_s, d_low, m_fma(m, minus_s, d, p.f)), d);
  Val tail = m_fma(m, s, m_poly(m, m_mul(m, s, s), c), m_add(m, s_low, s_low));
  const Pair series = fast_sum(m, m_add(m, s, s), tail);
  /* e log 2 with a leading part of few bits, so that its product with e is exact. */
  const double head = 0x1.62e42fefap-1, rest = 0x1.cf79abc9e3b3ap-40;
  const Pair sum = fast_sum(m, m_mul(m, p.e, m_const(m, head)), series.high);
  return fast_sum(m, sum.high, m_add(m, sum.low, m_fma(m, p.e, m_const(m, rest), series.low)));
}

/* |a|^b for finite a > 0 in f64. */
static Val power_of_positive(const Math *m, Val a, Val b) {
  const Pair l = log_pair(m, a);
  Val y = m_mul(m, b, l.high), y_low = m_fma(m, b, l.low, m_fma(m, b, l.high, m_neg(m, y)));
  /* Where y overflowed its remainder is NaN and of no interest. */
  y_low = choose(m, m_compare(m, LLVMRealOLT, m_abs(m, y), 1000), y_low, m_const(m, 0));
  return math_exp_pair(m, y, y_low);
}

static Val floor_of(const Math *m, Val v) { return emit_intrinsic(m->e, "llvm.floor", &v, 1); }

/* The rules of C (Annex F) for zeros, infinities, NaN and negative bases. */
static Val pow_ends(const Math *m, Val a, Val b, Val r) {
  Val size = m_abs(m, a), half = m_mul(m, b, m_const(m, 0.5)), zero = m_const(m, 0), inf = m_const(m, INFINITY);
  Val whole = LLVMBuildFCmp(m->b, LLVMRealOEQ, floor_of(m, b), b, "");
  Val odd = LLVMBuildAnd(m->b, whole, LLVMBuildFCmp(m->b, LLVMRealONE, floor_of(m, half), half, ""), "");
  Val b_negative = m_compare(m, LLVMRealOLT, b, 0), one = m_const(m, 1);
  r = choose(m, m_compare(m, LLVMRealOEQ, size, 0), choose(m, b_negative, inf, zero), r);
  r = choose(m, m_compare(m, LLVMRealOEQ, size, INFINITY), choose(m, b_negative, zero, inf), r);
  Val b_infinite = m_compare(m, LLVMRealOEQ, m_abs(m, b), INFINITY);
  Val grows = LLVMBuildXor(m->b, m_compare(m, LLVMRealOLT, size, 1), b_negative, "");
  Val limit = choose(m, m_compare(m, LLVMRealOEQ, size, 1), one, choose(m, grows, zero, inf));
  r = choose(m, b_infinite, limit, r);
  Val below = LLVMBuildAnd(m->b, m_compare(m, LLVMRealOLT, a, 0), m_compare(m, LLVMRealOLT, size, INFINITY), "");
  r = choose(m, LLVMBuildAnd(m->b, below, LLVMBuildNot(m->b, LLVMBuildOr(m->b, whole, b_infinite, ""), ""), ""),
             m_const(m, NAN), r);
  r = choose(m, odd, m_copysign(m, r, a), r);
  r = choose(m, LLVMBuildFCmp(m->b, LLVMRealUNO, a, b, ""), m_add(m, a, b), r);
  Val unity = LLVMBuildOr(m->b, m_compare(m, LLVMRealOEQ, b, 0), m_compare(m, LLVMRealOEQ, a, 1), "");
  return choose(m, unity, one, r);
}

/* The whole computation, in f64 for both types. */
static Val power(const Math *m, Val a, Val b) {
  if (m->wide) return pow_ends(m, a, b, power_of_positive(m, m_abs(m, a), b));
  LLVMTypeRef wide = emit_like(a, m->e->f64);
  a = LLVMBuildFPExt(m->b, a, wide, "");
  b = LLVMBuildFPExt(m->b, b, wide, "");
  const Math w = math_of(m->e, a);
  return LLVMBuildFPTrunc(m->b, pow_ends(&w, a, b, power_of_positive(&w, m_abs(&w, a), b)), m->t, "");
}

/* A function of the module for each type: the code is long, and seldom at the heart of a loop. */
Val math_pow(const Math *m, Val a, Val b) {
  Emit *e = m->e;
  char name[32];
  LLVMTypeRef params[] = {m->t, m->t}, type = LLVMFunctionType(m->t, params, 2, false);
  snprintf(name, sizeof name, "seppo.pow.f%u.%u", m->wide ? 64 : 32, emit_lanes(a));
  Val f = LLVMGetNamedFunction(e->module, name);
  if (!f) {
    LLVMBasicBlockRef here = emit_here(e);
    Val outer = e->function;
    f = emit_function(e, name, type, false);
    LLVMBuildRet(m->b, power(m, LLVMGetParam(f, 0), LLVMGetParam(f, 1)));
    e->function = outer;
    emit_at(e, here);
  }
  return LLVMBuildCall2(m->b, type, f, (Val[]){a, b}, 2, "");
}
