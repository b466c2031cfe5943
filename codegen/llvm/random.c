/* Philox4x32-10 draws, equal bit for bit to runtime/random.h for bits and uniforms; normals round in their own type.
 *
 * Each lane computes the block of its element. The products of 32-bit words are 64-bit products of numbers whose high
 * halves are known to be zero, which the processor multiplies in one instruction.
 */
#include "codegen/llvm/vecmath.h"
#include <math.h>

typedef struct Words {
  Val w[4]; /* i64 each, below 2^32 */
} Words;

static Val low_half(Emit *e, Val v) { return LLVMBuildAnd(e->builder, v, emit_int(LLVMTypeOf(v), UINT32_MAX), ""); }

static Val high_half(Emit *e, Val v) { return LLVMBuildLShr(e->builder, v, emit_int(LLVMTypeOf(v), 32), ""); }

/* The four words of block `block` of a site: counter (block, site), key `key`. */
static Words philox(Emit *e, Val key, uint64_t site, Val block) {
  LLVMBuilderRef b = e->builder;
  LLVMTypeRef t = LLVMTypeOf(block);
  Words x = {{low_half(e, block), high_half(e, block), emit_int(t, site & UINT32_MAX), emit_int(t, site >> 32)}};
  for (uint32_t round = 0; round < 10; round++) {
    Val k0 = low_half(e, LLVMBuildAdd(b, key, emit_int(t, round * (uint64_t)0x9E3779B9u), ""));
    Val k1 = low_half(e, LLVMBuildAdd(b, high_half(e, key), emit_int(t, round * (uint64_t)0xBB67AE85u), ""));
    Val p0 = LLVMBuildMul(b, x.w[0], emit_int(t, 0xD2511F53u), "");
    Val p1 = LLVMBuildMul(b, x.w[2], emit_int(t, 0xCD9E8D57u), "");
    x = (Words){{LLVMBuildXor(b, LLVMBuildXor(b, high_half(e, p1), x.w[1], ""), k0, ""), low_half(e, p1),
                 LLVMBuildXor(b, LLVMBuildXor(b, high_half(e, p0), x.w[3], ""), k1, ""), low_half(e, p0)}};
  }
  return x;
}

static Val is_bit(Emit *e, Val v, uint64_t bit) {
  Val masked = LLVMBuildAnd(e->builder, v, emit_int(LLVMTypeOf(v), bit), "");
  return LLVMBuildICmp(e->builder, LLVMIntNE, masked, LLVMConstNull(LLVMTypeOf(v)), "");
}

/* Word number `index` mod 4. */
static Val pick_word(Emit *e, const Words *x, Val index) {
  Val odd = is_bit(e, index, 1), upper = is_bit(e, index, 2);
  return emit_select(e, upper, emit_select(e, odd, x->w[3], x->w[2]), emit_select(e, odd, x->w[1], x->w[0]));
}

static Val join(Emit *e, Val low, Val high) {
  return LLVMBuildOr(e->builder, low, LLVMBuildShl(e->builder, high, emit_int(LLVMTypeOf(high), 32), ""), "");
}

/* The 64 bits of element `index` mod 2. */
static Val pick_pair(Emit *e, const Words *x, Val index) {
  Val odd = is_bit(e, index, 1);
  return join(e, emit_select(e, odd, x->w[2], x->w[0]), emit_select(e, odd, x->w[3], x->w[1]));
}

/* (v >> drop) * 2^-keep as a float of type t; exact. */
static Val unit_float(Emit *e, Val v, unsigned drop, unsigned keep, LLVMTypeRef t) {
  Val n = LLVMBuildLShr(e->builder, v, emit_int(LLVMTypeOf(v), drop), "");
  if (keep <= 31) n = LLVMBuildTrunc(e->builder, n, emit_like(n, e->i32), "");
  return LLVMBuildFMul(e->builder, LLVMBuildSIToFP(e->builder, n, t, ""), emit_float(t, ldexp(1, -(int)keep)), "");
}

/* Box and Muller: sqrt(-2 log u1) times cos or sin of 2 pi u2, for even and odd elements. */
static Val box_muller(Emit *e, Val u1, Val u2, Val odd, LLVMTypeRef t) {
  Val r2 = LLVMBuildFMul(e->builder, emit_math(e, OP_log, u1, NULL), emit_float(t, -2), "");
  Val r = emit_intrinsic(e, "llvm.sqrt", &r2, 1);
  const Math m = math_of(e, u2);
  Val wave = math_sin_cos_turns(&m, u2, LLVMBuildNot(e->builder, odd, ""));
  return LLVMBuildFMul(e->builder, r, wave, "");
}

static Val normal(Emit *e, const Words *x, Val index, LLVMTypeRef t, bool narrow) {
  Val odd = is_bit(e, index, 1), first, second;
  const unsigned drop = narrow ? 8 : 11, keep = narrow ? 24 : 53;
  if (narrow) {
    Val upper = is_bit(e, index, 2);
    first = emit_select(e, upper, x->w[2], x->w[0]);
    second = emit_select(e, upper, x->w[3], x->w[1]);
  } else {
    first = join(e, x->w[0], x->w[1]);
    second = join(e, x->w[2], x->w[3]);
  }
  Val u1 = LLVMBuildFAdd(e->builder, unit_float(e, first, drop, keep, t), emit_float(t, ldexp(1, -(int)keep)), "");
  return box_muller(e, u1, unit_float(e, second, drop, keep, t), odd, t);
}

Val emit_random(Emit *e, DType dtype, int dist, uint64_t site, Val key, Val index) {
  const bool narrow = dtype_size(dtype) == 4;
  LLVMTypeRef t = emit_like(index, emit_type(e, dtype));
  Val block = LLVMBuildLShr(e->builder, index, emit_int(LLVMTypeOf(index), narrow ? 2 : 1), "");
  const Words x = philox(e, key, site, block);
  if (dist == DIST_NORMAL) return normal(e, &x, index, t, narrow);
  Val bits = narrow ? pick_word(e, &x, index) : pick_pair(e, &x, index);
  if (dist == DIST_UNIFORM) return unit_float(e, bits, narrow ? 8 : 11, narrow ? 24 : 53, t);
  return narrow ? LLVMBuildTrunc(e->builder, bits, t, "") : bits;
}

/* The finaliser of SplitMix. */
static Val mix(Emit *e, Val x) {
  static const struct {
    unsigned shift;
    uint64_t factor;
  } round[] = {{30, 0xBF58476D1CE4E5B9u}, {27, 0x94D049BB133111EBu}, {31, 1}};
  LLVMTypeRef t = LLVMTypeOf(x);
  for (int i = 0; i < 3; i++) {
    x = LLVMBuildXor(e->builder, x, LLVMBuildLShr(e->builder, x, emit_int(t, round[i].shift), ""), "");
    if (round[i].factor != 1) x = LLVMBuildMul(e->builder, x, emit_int(t, round[i].factor), "");
  }
  return x;
}

Val emit_key_fold(Emit *e, Val key, Val index) {
  Val i = LLVMBuildAdd(e->builder, index, emit_int(LLVMTypeOf(index), 0x9E3779B97F4A7C15u), "");
  return mix(e, LLVMBuildXor(e->builder, key, mix(e, i), ""));
}
