/* Vector mathematics: sine, cosine, arc tangent. */
#include "codegen/llvm/polynomials.h"
#include "codegen/llvm/vecmath.h"
#include <math.h>
#include <string.h>

static Val choose(const Math *m, Val c, Val a, Val b) { return emit_select(m->e, c, a, b); }

/* ---------------------------------------------------------------- angles */

/* Multiples of pi/2 taken off: angle = quadrant * pi/2 + r, |r| <= pi/4 (and a little); quadrant modulo 4 counts. */
typedef struct Angle {
  Val r, quadrant;
} Angle;

/* The 64 bits of 2/pi that begin with word j of the table. */
static Val two_over_pi(Emit *e, Val table, Val j) {
  Val word[2];
  for (int i = 0; i < 2; i++) {
    Val index = LLVMBuildAdd(e->builder, j, emit_i64(e, 4 * i), "");
    Val at = LLVMBuildGEP2(e->builder, e->i32, table, &index, 1, "");
    word[i] = LLVMBuildZExt(e->builder, LLVMBuildLoad2(e->builder, e->i32, at, ""), e->i64, "");
  }
  return LLVMBuildOr(e->builder, LLVMBuildShl(e->builder, word[0], emit_i64(e, 32), ""), word[1], "");
}

static Val constant_words(Emit *e) {
  enum { N = sizeof TWO_OVER_PI_WORDS / sizeof *TWO_OVER_PI_WORDS };
  Val words[N], table = LLVMGetNamedGlobal(e->module, "seppo.two_over_pi");
  if (table) return table;
  for (int i = 0; i < N; i++) words[i] = emit_i32(e, (int32_t)TWO_OVER_PI_WORDS[i]);
  table = LLVMAddGlobal(e->module, LLVMArrayType2(e->i32, N), "seppo.two_over_pi");
  LLVMSetInitializer(table, LLVMConstArray2(e->i32, words, N));
  LLVMSetGlobalConstant(table, true);
  LLVMSetLinkage(table, LLVMInternalLinkage);
  return table;
}

/* Payne and Hanek (1983): |x| = M 2^s with the 192 bits of 2/pi that matter modulo 4; P / 2^126 = |x| 2/pi mod 4. */
static Val large_product(Emit *e, Val x) {
  LLVMBuilderRef b = e->builder;
  LLVMTypeRef wide = LLVMIntTypeInContext(e->context, 128);
  Val bits = LLVMBuildBitCast(b, x, e->i64, ""), table = constant_words(e);
  Val exponent = LLVMBuildAnd(b, LLVMBuildLShr(b, bits, emit_i64(e, 52), ""), emit_i64(e, 2047), "");
  Val place = LLVMBuildSub(b, exponent, emit_i64(e, 1029), ""); /* below 0 in lanes whose result is not used */
  place = emit_select(e, LLVMBuildICmp(b, LLVMIntSGT, place, emit_i64(e, 0), ""), place, emit_i64(e, 0));
  Val j = LLVMBuildLShr(b, place, emit_i64(e, 3), ""), shift = LLVMBuildAnd(b, place, emit_i64(e, 7), "");
  Val mantissa = LLVMBuildOr(b, LLVMBuildAnd(b, bits, emit_i64(e, (1ll << 52) - 1), ""), emit_i64(e, 1ll << 52), "");
  mantissa = LLVMBuildZExt(b, LLVMBuildShl(b, mantissa, shift, ""), wide, "");
  Val product[3];
  for (int i = 0; i < 3; i++) {
    Val part = two_over_pi(e, table, LLVMBuildAdd(b, j, emit_i64(e, 8 * i), ""));
    product[i] = LLVMBuildMul(b, mantissa, LLVMBuildZExt(b, part, wide, ""), "");
  }
  Val n64 = LLVMConstInt(wide, 64, false);
  Val sum = LLVMBuildAdd(b, LLVMBuildShl(b, product[0], n64, ""), product[1], "");
  return LLVMBuildAdd(b, sum, LLVMBuildLShr(b, product[2], n64, ""), "");
}

/* {double r, i64 quadrant} reduce(double): one angle beyond the reach of the short reduction; internal. */
static Val reduce_function(Emit *e, LLVMTypeRef *type) {
  LLVMTypeRef result = LLVMStructTypeInContext(e->context, (LLVMTypeRef[]){e->f64, e->i64}, 2, false);
  *type = LLVMFunctionType(result, &e->f64, 1, false);
  Val f = LLVMGetNamedFunction(e->module, "seppo.reduce_angle");
  if (f) return f;
  LLVMBasicBlockRef here = emit_here(e);
  Val outer = e->function;
  LLVMBuilderRef b = e->builder;
  f = emit_function(e, "seppo.reduce_angle", *type, false);
  LLVMTypeRef wide = LLVMIntTypeInContext(e->context, 128);
  Val p = large_product(e, LLVMGetParam(f, 0)), n126 = LLVMConstInt(wide, 126, false);
  Val half = LLVMBuildShl(b, LLVMConstInt(wide, 1, false), LLVMConstInt(wide, 125, false), "");
  Val q = LLVMBuildLShr(b, LLVMBuildAdd(b, p, half, ""), n126, "");
  p = LLVMBuildSub(b, p, LLVMBuildShl(b, q, n126, ""), "");
  Val negative = LLVMBuildICmp(b, LLVMIntSLT, p, LLVMConstNull(wide), "");
  Val size = emit_select(e, negative, LLVMBuildNeg(b, p, ""), p);
  /* The leading 63 bits of the fraction, as a float. */
  LLVMTypeRef count[] = {wide, e->i1};
  Val clz = LLVMGetIntrinsicDeclaration(e->module, LLVMLookupIntrinsicID("llvm.ctlz", 9), &wide, 1);
  Val zeros =
      LLVMBuildCall2(b, LLVMFunctionType(wide, count, 2, false), clz,
                     (Val[]){LLVMBuildOr(b, size, LLVMConstInt(wide, 1, false), ""), LLVMConstInt(e->i1, 0, 0)}, 2, "");
  Val top = LLVMBuildLShr(b, LLVMBuildShl(b, size, zeros, ""), LLVMConstInt(wide, 65, false), "");
  Val r = LLVMBuildSIToFP(b, LLVMBuildTrunc(b, top, e->i64, ""), e->f64, "");
  /* value = top * 2^(65 - zeros - 126) */
  Val power = LLVMBuildSub(b, emit_i64(e, 1023 - 61), LLVMBuildTrunc(b, zeros, e->i64, ""), "");
  power = LLVMBuildBitCast(b, LLVMBuildShl(b, power, emit_i64(e, 52), ""), e->f64, "");
  r = LLVMBuildFMul(b, LLVMBuildFMul(b, r, power, ""), LLVMConstReal(e->f64, M_PI_2), "");
  q = LLVMBuildTrunc(b, q, e->i64, "");
  Val minus = LLVMBuildFCmp(b, LLVMRealOLT, LLVMGetParam(f, 0), LLVMConstReal(e->f64, 0), "");
  r = emit_select(e, LLVMBuildXor(b, negative, minus, ""), LLVMBuildFNeg(b, r, ""), r);
  q = emit_select(e, minus, LLVMBuildNeg(b, q, ""), q);
  LLVMBuildAggregateRet(b, (Val[]){r, q}, 2);
  e->function = outer;
  emit_at(e, here);
  return f;
}

/* Runs the long reduction lane after lane where an angle is large. */
static Angle reduce_large(const Math *m, Val x, Val large, Angle a) {
  Emit *e = m->e;
  LLVMBuilderRef b = m->b;
  LLVMTypeRef type;
  const unsigned lanes = emit_lanes(x);
  Val f = reduce_function(e, &type);
  LLVMBasicBlockRef before = emit_here(e), loop = emit_block(e, "large"), after = emit_block(e, "reduced");
  LLVMBuildCondBr(b, emit_any(e, large), loop, after);
  emit_at(e, loop);
  Val lane = LLVMBuildPhi(b, e->i32, ""), r = LLVMBuildPhi(b, m->t, ""), q = LLVMBuildPhi(b, m->it, "");
  Val one = lanes > 1 ? LLVMBuildExtractElement(b, x, lane, "") : x;
  if (!m->wide) one = LLVMBuildFPExt(b, one, e->f64, "");
  Val both = LLVMBuildCall2(b, type, f, &one, 1, "");
  Val r1 = LLVMBuildExtractValue(b, both, 0, ""), q1 = LLVMBuildExtractValue(b, both, 1, "");
  if (!m->wide) r1 = LLVMBuildFPTrunc(b, r1, e->f32, ""), q1 = LLVMBuildTrunc(b, q1, e->i32, "");
  Val r2 = lanes > 1 ? LLVMBuildInsertElement(b, r, r1, lane, "") : r1;
  Val q2 = lanes > 1 ? LLVMBuildInsertElement(b, q, q1, lane, "") : q1;
  Val next = LLVMBuildAdd(b, lane, emit_i32(e, 1), "");
  LLVMBasicBlockRef latch = emit_here(e), from[] = {before, latch};
  LLVMAddIncoming(lane, (Val[]){emit_i32(e, 0), next}, from, 2);
  LLVMAddIncoming(r, (Val[]){a.r, r2}, from, 2);
  LLVMAddIncoming(q, (Val[]){a.quadrant, q2}, from, 2);
  LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntULT, next, emit_i32(e, (int32_t)lanes), ""), loop, after);
  emit_at(e, after);
  Val r3 = LLVMBuildPhi(b, m->t, ""), q3 = LLVMBuildPhi(b, m->it, "");
  LLVMAddIncoming(r3, (Val[]){a.r, r2}, from, 2);
  LLVMAddIncoming(q3, (Val[]){a.quadrant, q2}, from, 2);
  return (Angle){choose(m, large, r3, a.r), choose(m, large, q3, a.quadrant)};
}

static Angle reduce(const Math *m, Val x) {
  Angle a;
  Val minus_k = m_neg(m, m_round(m, m_mul(m, x, m_const(m, M_2_PI)), &a.quadrant));
  a.r = m_fma(m, minus_k, M_PART(m, HALF_PI, 0), x);
  a.r = m_fma(m, minus_k, M_PART(m, HALF_PI, 1), a.r);
  a.r = m_fma(m, minus_k, M_PART(m, HALF_PI, 2), a.r);
  Val size = m_abs(m, x);
  Val large = LLVMBuildAnd(m->b, m_compare(m, LLVMRealOGT, size, m->wide ? 0x1p30 : 0x1p15),
                           m_compare(m, LLVMRealOLT, size, INFINITY), "");
  return reduce_large(m, x, large, a);
}

static Val sine(const Math *m, Val r, Val y) { return m_fma(m, m_mul(m, r, y), m_poly(m, y, COEFFICIENTS(SIN)), r); }

static Val cosine(const Math *m, Val y) {
  Val start = m_fma(m, m_const(m, -0.5), y, m_const(m, 1));
  return m_fma(m, m_mul(m, y, y), m_poly(m, y, COEFFICIENTS(COS)), start);
}

static Val has_bit(const Math *m, Val v, int64_t bit) {
  return LLVMBuildICmp(m->b, LLVMIntNE, LLVMBuildAnd(m->b, v, m_int(m, bit), ""), m_int(m, 0), "");
}

/* Sine of the angle; the cosine is the sine one quadrant on. */
static Val wave(const Math *m, Angle a, bool cos_wanted) {
  Val q = cos_wanted ? LLVMBuildAdd(m->b, a.quadrant, m_int(m, 1), "") : a.quadrant, y = m_mul(m, a.r, a.r);
  Val v = choose(m, has_bit(m, q, 1), cosine(m, y), sine(m, a.r, y));
  return choose(m, has_bit(m, q, 2), m_neg(m, v), v);
}

Val math_sin_cos(const Math *m, Val x, bool cos_wanted) {
  Val v = wave(m, reduce(m, x), cos_wanted);
  return cos_wanted ? v : choose(m, m_compare(m, LLVMRealOEQ, x, 0), x, v);
}

/* Turns are exact to reduce: 4u - k has no rounding error. */
Wave math_turns(const Math *m, Val u) {
  Angle a;
  Val k = m_round(m, m_mul(m, u, m_const(m, 4)), &a.quadrant);
  a.r = m_mul(m, m_fma(m, k, m_const(m, -0.25), u), m_const(m, 2 * M_PI));
  return (Wave){wave(m, a, false), wave(m, a, true)};
}

/* ---------------------------------------------------------------- arc tangent */

/* f32: of a or 1/a by one long polynomial. */
static Val atan_f32(const Math *m, Val a) {
  Val big = m_compare(m, LLVMRealOGT, a, 1), t = choose(m, big, m_div(m, m_const(m, -1), a), a), y = m_mul(m, t, t);
  const Coefficients c = {ATAN32, NULL, sizeof ATAN32 / 8, 0};
  Val r = m_fma(m, m_mul(m, t, y), m_poly(m, y, c), t);
  return choose(m, big, m_add(m, m_add(m, r, M_PART(m, HALF_PI, 1)), M_PART(m, HALF_PI, 0)), r);
}

/* f64: about 0, 1 and infinity, |t| <= tan(pi/8). */
static Val atan_f64(const Math *m, Val a) {
  Val one = m_const(m, 1), big = m_compare(m, LLVMRealOGT, a, 1 + M_SQRT2),
      mid = m_compare(m, LLVMRealOGT, a, M_SQRT2 - 1);
  Val top = choose(m, big, m_const(m, -1), choose(m, mid, m_sub(m, a, one), a));
  Val t = m_div(m, top, choose(m, big, a, choose(m, mid, m_add(m, a, one), one))), y = m_mul(m, t, t);
  const Coefficients c = {NULL, ATAN64, 0, sizeof ATAN64 / 8};
  Val r = m_fma(m, m_mul(m, t, y), m_poly(m, y, c), t), zero = m_const(m, 0), base[2];
  for (int i = 0; i < 2; i++)
    base[i] = choose(m, big, M_PART(m, HALF_PI, i), choose(m, mid, M_PART(m, QUARTER_PI, i), zero));
  return m_add(m, m_add(m, r, base[1]), base[0]);
}

Val math_atan(const Math *m, Val x) {
  Val a = m_abs(m, x);
  return m_copysign(m, m->wide ? atan_f64(m, a) : atan_f32(m, a), x);
}
