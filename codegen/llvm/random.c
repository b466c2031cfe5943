/* Philox4x32-10 draws, equal bit for bit to runtime/random.h for bits and uniforms; normals round in their own type.
 *
 * The products of 32-bit words are 64-bit products of numbers whose high
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

/* Box and Muller: sqrt(-2 log u1) times the cosine (even element) and the sine (odd) of 2 pi u2. */
static Wave box_muller(Emit *e, Val first, Val second, LLVMTypeRef t, bool narrow) {
  const unsigned drop = narrow ? 8 : 11, keep = narrow ? 24 : 53;
  Val u1 = LLVMBuildFAdd(e->builder, unit_float(e, first, drop, keep, t), emit_float(t, ldexp(1, -(int)keep)), "");
  Val u2 = unit_float(e, second, drop, keep, t);
  Val r2 = LLVMBuildFMul(e->builder, emit_math(e, OP_log, u1, NULL), emit_float(t, -2), "");
  Val r = emit_intrinsic(e, "llvm.sqrt", &r2, 1);
  const Math m = math_of(e, u2);
  const Wave w = math_turns(&m, u2);
  return (Wave){LLVMBuildFMul(e->builder, r, w.sine, ""), LLVMBuildFMul(e->builder, r, w.cosine, "")};
}

static Val uniform(Emit *e, Val bits, LLVMTypeRef t, bool narrow) {
  return narrow ? unit_float(e, bits, 8, 24, t) : unit_float(e, bits, 11, 53, t);
}

/* ---------------------------------------------------------------- any elements */

static Val normal(Emit *e, const Words *x, Val index, LLVMTypeRef t, bool narrow) {
  Val first, second;
  if (narrow) {
    Val upper = is_bit(e, index, 2);
    first = emit_select(e, upper, x->w[2], x->w[0]);
    second = emit_select(e, upper, x->w[3], x->w[1]);
  } else {
    first = join(e, x->w[0], x->w[1]);
    second = join(e, x->w[2], x->w[3]);
  }
  const Wave w = box_muller(e, first, second, t, narrow);
  return emit_select(e, is_bit(e, index, 1), w.sine, w.cosine);
}

/* Each lane computes the block of its element. */
Val emit_random(Emit *e, DType dtype, int dist, uint64_t site, Val key, Val index) {
  const bool narrow = dtype_size(dtype) == 4;
  LLVMTypeRef t = emit_like(index, emit_type(e, dtype));
  Val block = LLVMBuildLShr(e->builder, index, emit_int(LLVMTypeOf(index), narrow ? 2 : 1), "");
  const Words x = philox(e, key, site, block);
  if (dist == DIST_NORMAL) return normal(e, &x, index, t, narrow);
  Val bits = narrow ? pick_word(e, &x, index) : pick_pair(e, &x, index);
  if (dist == DIST_UNIFORM) return uniform(e, bits, t, narrow);
  return narrow ? LLVMBuildTrunc(e->builder, bits, t, "") : bits;
}

/* ---------------------------------------------------------------- neighbouring elements */

static Val concat(Emit *e, Val a, Val b) {
  const unsigned n = emit_lanes(a);
  Val index[256];
  for (unsigned i = 0; i < 2 * n; i++) index[i] = emit_i32(e, (int32_t)i);
  return LLVMBuildShuffleVector(e->builder, a, b, LLVMConstVector(index, 2 * n), "");
}

/* Lanes of `parts` vectors of n lanes in turn: out[parts * i + j] = v[j][i]. */
static Val interleave(Emit *e, const Val *v, unsigned parts, unsigned n) {
  Val index[256], all[] = {parts == 4 ? concat(e, v[0], v[1]) : v[0], parts == 4 ? concat(e, v[2], v[3]) : v[1]};
  for (unsigned i = 0; i < n; i++)
    for (unsigned j = 0; j < parts; j++) index[parts * i + j] = emit_i32(e, (int32_t)(j * n + i));
  return LLVMBuildShuffleVector(e->builder, all[0], all[1], LLVMConstVector(index, parts * n), "");
}

static Val narrowed(Emit *e, Val v) { return LLVMBuildTrunc(e->builder, v, emit_like(v, e->i32), ""); }

static Val normal_run(Emit *e, const Words *x, unsigned blocks, LLVMTypeRef element, bool narrow) {
  if (!narrow) {
    const Wave w =
        box_muller(e, join(e, x->w[0], x->w[1]), join(e, x->w[2], x->w[3]), emit_vector(element, blocks), false);
    return interleave(e, (Val[]){w.cosine, w.sine}, 2, blocks);
  }
  const Wave both =
      box_muller(e, concat(e, x->w[0], x->w[2]), concat(e, x->w[1], x->w[3]), emit_vector(element, 2 * blocks), true);
  Val index[256];
  for (unsigned i = 0; i < 4 * blocks; i++)
    index[i] = emit_i32(e, (int32_t)(i % 2 * 2 * blocks + i / 2 % 2 * blocks + i / 4));
  return LLVMBuildShuffleVector(e->builder, both.cosine, both.sine, LLVMConstVector(index, 4 * blocks), "");
}

unsigned emit_random_run_length(DType dtype) { return dtype_size(dtype) == 4 ? 4 : 2; }

/* Whole blocks, each computed once: the same bits as emit_random at a quarter (half in 64 bits) of the work. */
Val emit_random_run(Emit *e, DType dtype, int dist, uint64_t site, Val key, Val first, unsigned lanes) {
  const bool narrow = dtype_size(dtype) == 4;
  const unsigned blocks = lanes / emit_random_run_length(dtype);
  LLVMTypeRef element = emit_type(e, dtype);
  Val block = LLVMBuildLShr(e->builder, first, emit_i64(e, narrow ? 2 : 1), "");
  block = LLVMBuildAdd(e->builder, emit_splat(e, block, blocks), emit_lane_numbers(e->i64, blocks), "");
  const Words x = philox(e, emit_splat(e, key, blocks), site, block);
  if (dist == DIST_NORMAL) return normal_run(e, &x, blocks, element, narrow);
  Val bits =
      narrow
          ? interleave(e, (Val[]){narrowed(e, x.w[0]), narrowed(e, x.w[1]), narrowed(e, x.w[2]), narrowed(e, x.w[3])},
                       4, blocks)
          : interleave(e, (Val[]){join(e, x.w[0], x.w[1]), join(e, x.w[2], x.w[3])}, 2, blocks);
  return dist == DIST_UNIFORM ? uniform(e, bits, emit_vector(element, lanes), narrow) : bits;
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
