/* Elementwise rows of the op table on scalars and vectors. Semantics: ir/ops.def and its reference evaluator. */
#include "codegen/llvm/emit.h"

static bool is_float(DType t) { return t == DT_F32 || t == DT_F64; }
static bool is_signed(DType t) { return t == DT_I32 || t == DT_I64; }

typedef struct OpCall {
  Emit *e;
  LLVMBuilderRef b;
  Op op;
  DType from, to;
  const Val *a;
} OpCall;

typedef Val (*OpRule)(const OpCall *c);

static Val zero_of(Val v) { return LLVMConstNull(LLVMTypeOf(v)); }

/* ---------------------------------------------------------------- arithmetic */

static Val op_add(const OpCall *c) {
  return is_float(c->to) ? LLVMBuildFAdd(c->b, c->a[0], c->a[1], "") : LLVMBuildAdd(c->b, c->a[0], c->a[1], "");
}

static Val op_sub(const OpCall *c) {
  return is_float(c->to) ? LLVMBuildFSub(c->b, c->a[0], c->a[1], "") : LLVMBuildSub(c->b, c->a[0], c->a[1], "");
}

static Val op_mul(const OpCall *c) {
  return is_float(c->to) ? LLVMBuildFMul(c->b, c->a[0], c->a[1], "") : LLVMBuildMul(c->b, c->a[0], c->a[1], "");
}

static Val op_neg(const OpCall *c) {
  return is_float(c->to) ? LLVMBuildFNeg(c->b, c->a[0], "") : LLVMBuildNeg(c->b, c->a[0], "");
}

/* Floor division or its remainder; by zero both are 0, and the one quotient that overflows wraps. */
static Val int_divide(const OpCall *c, bool remainder) {
  Val a = c->a[0], b = c->a[1], zero = zero_of(a), one = emit_int(LLVMTypeOf(a), 1);
  Val by_zero = LLVMBuildICmp(c->b, LLVMIntEQ, b, zero, "");
  if (!is_signed(c->to)) {
    Val safe = emit_select(c->e, by_zero, one, b);
    Val r = remainder ? LLVMBuildURem(c->b, a, safe, "") : LLVMBuildUDiv(c->b, a, safe, "");
    return emit_select(c->e, by_zero, zero, r);
  }
  Val minus_one = LLVMConstAllOnes(LLVMTypeOf(a));
  Val lowest = emit_int(LLVMTypeOf(a), c->to == DT_I32 ? (uint64_t)INT32_MIN & UINT32_MAX : (uint64_t)INT64_MIN);
  Val wraps = LLVMBuildAnd(c->b, LLVMBuildICmp(c->b, LLVMIntEQ, a, lowest, ""),
                           LLVMBuildICmp(c->b, LLVMIntEQ, b, minus_one, ""), "");
  Val safe = emit_select(c->e, LLVMBuildOr(c->b, by_zero, wraps, ""), one, b);
  Val q = LLVMBuildSDiv(c->b, a, safe, ""), r = LLVMBuildSub(c->b, a, LLVMBuildMul(c->b, q, safe, ""), "");
  Val below = LLVMBuildAnd(c->b, LLVMBuildICmp(c->b, LLVMIntNE, r, zero, ""),
                           LLVMBuildICmp(c->b, LLVMIntSLT, LLVMBuildXor(c->b, r, safe, ""), zero, ""), "");
  Val result = remainder ? emit_select(c->e, below, LLVMBuildAdd(c->b, r, safe, ""), r)
                         : emit_select(c->e, below, LLVMBuildSub(c->b, q, one, ""), q);
  return emit_select(c->e, by_zero, zero, result);
}

static Val op_div(const OpCall *c) {
  return is_float(c->to) ? LLVMBuildFDiv(c->b, c->a[0], c->a[1], "") : int_divide(c, false);
}

/* One round of r - trunc(r / b) * b in f64. The quotient is an integer of at most 53 bits, so the product is exact
 * inside the fused operation; a quotient rounded up leaves r of the other sign, which the next test mends. */
static Val reduce_once(const OpCall *c, Val r, Val b) {
  Val q = LLVMBuildFDiv(c->b, r, b, "");
  q = emit_intrinsic(c->e, "llvm.trunc", &q, 1);
  return emit_fma(c->e, LLVMBuildFNeg(c->b, q, ""), b, r);
}

/* Remainder with the divisor's sign, exact: rounds run until every lane lies below its divisor (one does unless the
 * quotient exceeds 2^53). An infinite quotient or NaN ends as NaN. */
static Val float_rem(const OpCall *c) {
  Emit *e = c->e;
  LLVMTypeRef wide = emit_like(c->a[0], e->f64), narrow = LLVMTypeOf(c->a[0]);
  Val a = c->to == DT_F64 ? c->a[0] : LLVMBuildFPExt(c->b, c->a[0], wide, "");
  Val b = c->to == DT_F64 ? c->a[1] : LLVMBuildFPExt(c->b, c->a[1], wide, "");
  Val size = emit_abs(e, b), infinity = emit_float(wide, __builtin_inf());
  LLVMBasicBlockRef before = emit_here(e), loop = emit_block(e, "rem"), after = emit_block(e, "rem_end");
  LLVMBuildBr(c->b, loop);
  emit_at(e, loop);
  Val r = LLVMBuildPhi(c->b, wide, "");
  Val next = reduce_once(c, r, size);
  Val more = LLVMBuildAnd(c->b, LLVMBuildFCmp(c->b, LLVMRealOGE, emit_abs(e, next), size, ""),
                          LLVMBuildFCmp(c->b, LLVMRealOLT, emit_abs(e, next), emit_abs(e, r), ""), "");
  LLVMAddIncoming(r, (Val[]){a, next}, (LLVMBasicBlockRef[]){before, loop}, 2);
  LLVMBuildCondBr(c->b, emit_any(e, more), loop, after);
  emit_at(e, after);
  /* x rem inf is x, up to the divisor's sign. */
  Val whole = LLVMBuildAnd(c->b, LLVMBuildFCmp(c->b, LLVMRealOEQ, size, infinity, ""),
                           LLVMBuildFCmp(c->b, LLVMRealOLT, emit_abs(e, a), infinity, ""), "");
  Val rest = emit_select(e, whole, a, next), zero = zero_of(rest);
  Val other = LLVMBuildXor(c->b, LLVMBuildFCmp(c->b, LLVMRealOLT, rest, zero, ""),
                           LLVMBuildFCmp(c->b, LLVMRealOLT, b, zero, ""), "");
  other = LLVMBuildAnd(c->b, other, LLVMBuildFCmp(c->b, LLVMRealONE, rest, zero, ""), "");
  rest = emit_select(e, other, LLVMBuildFAdd(c->b, rest, b, ""), rest);
  return c->to == DT_F64 ? rest : LLVMBuildFPTrunc(c->b, rest, narrow, "");
}

static Val op_rem(const OpCall *c) { return is_float(c->to) ? float_rem(c) : int_divide(c, true); }

/* NaN of either side passes through: a if a is NaN or beats b, else b. */
static Val op_max(const OpCall *c) {
  Val a = c->a[0], b = c->a[1];
  if (!is_float(c->to))
    return emit_select(c->e, LLVMBuildICmp(c->b, is_signed(c->to) ? LLVMIntSGT : LLVMIntUGT, a, b, ""), a, b);
  return emit_select(c->e, emit_is_nan(c->e, a), a,
                     emit_select(c->e, LLVMBuildFCmp(c->b, LLVMRealOGT, a, b, ""), a, b));
}

static Val op_min(const OpCall *c) {
  Val a = c->a[0], b = c->a[1];
  if (!is_float(c->to))
    return emit_select(c->e, LLVMBuildICmp(c->b, is_signed(c->to) ? LLVMIntSLT : LLVMIntULT, a, b, ""), a, b);
  return emit_select(c->e, emit_is_nan(c->e, a), a,
                     emit_select(c->e, LLVMBuildFCmp(c->b, LLVMRealOLT, a, b, ""), a, b));
}

static Val op_abs(const OpCall *c) {
  Val a = c->a[0];
  if (is_float(c->to)) return emit_abs(c->e, a);
  if (!is_signed(c->to)) return a;
  return emit_select(c->e, LLVMBuildICmp(c->b, LLVMIntSLT, a, zero_of(a), ""), LLVMBuildNeg(c->b, a, ""), a);
}

static Val op_sign(const OpCall *c) {
  Val a = c->a[0], zero = zero_of(a);
  LLVMTypeRef t = LLVMTypeOf(a);
  if (is_float(c->to)) {
    Val minus = emit_select(c->e, LLVMBuildFCmp(c->b, LLVMRealOLT, a, zero, ""), emit_float(t, -1), a);
    return emit_select(c->e, LLVMBuildFCmp(c->b, LLVMRealOGT, a, zero, ""), emit_float(t, 1), minus);
  }
  Val nonzero = LLVMBuildZExt(c->b, LLVMBuildICmp(c->b, LLVMIntNE, a, zero, ""), t, "");
  if (!is_signed(c->to)) return nonzero;
  return emit_select(c->e, LLVMBuildICmp(c->b, LLVMIntSLT, a, zero, ""), LLVMConstAllOnes(t), nonzero);
}

static Val op_floor(const OpCall *c) { return emit_intrinsic(c->e, "llvm.floor", (Val *)c->a, 1); }
static Val op_ceil(const OpCall *c) { return emit_intrinsic(c->e, "llvm.ceil", (Val *)c->a, 1); }
static Val op_round(const OpCall *c) { return emit_intrinsic(c->e, "llvm.roundeven", (Val *)c->a, 1); }
static Val op_sqrt(const OpCall *c) { return emit_intrinsic(c->e, "llvm.sqrt", (Val *)c->a, 1); }
static Val op_math1(const OpCall *c) { return emit_math(c->e, c->op, c->a[0], NULL); }
static Val op_math2(const OpCall *c) { return emit_math(c->e, c->op, c->a[0], c->a[1]); }

/* ---------------------------------------------------------------- types */

/* Truncates towards zero and saturates; NaN becomes 0. */
static Val float_to_int(const OpCall *c, LLVMTypeRef to) {
  const char *name = is_signed(c->to) ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
  LLVMTypeRef types[] = {to, LLVMTypeOf(c->a[0])};
  Val f = LLVMGetIntrinsicDeclaration(c->e->module, LLVMLookupIntrinsicID(name, 15), types, 2);
  return LLVMBuildCall2(c->b, LLVMFunctionType(to, &types[1], 1, false), f, (Val *)c->a, 1, "");
}

static Val op_cast(const OpCall *c) {
  Val a = c->a[0];
  LLVMTypeRef to = emit_like(a, emit_type(c->e, c->to));
  if (c->from == c->to) return a;
  if (c->to == DT_BOOL)
    return is_float(c->from) ? LLVMBuildFCmp(c->b, LLVMRealUNE, a, zero_of(a), "")
                             : LLVMBuildICmp(c->b, LLVMIntNE, a, zero_of(a), "");
  if (is_float(c->from))
    return is_float(c->to) ? (c->to == DT_F64 ? LLVMBuildFPExt(c->b, a, to, "") : LLVMBuildFPTrunc(c->b, a, to, ""))
                           : float_to_int(c, to);
  if (is_float(c->to)) return is_signed(c->from) ? LLVMBuildSIToFP(c->b, a, to, "") : LLVMBuildUIToFP(c->b, a, to, "");
  return LLVMBuildIntCast2(c->b, a, to, is_signed(c->from), "");
}

/* ---------------------------------------------------------------- comparison, logic, bits */

static Val compare(const OpCall *c, LLVMRealPredicate real, LLVMIntPredicate signed_, LLVMIntPredicate unsigned_) {
  if (is_float(c->from)) return LLVMBuildFCmp(c->b, real, c->a[0], c->a[1], "");
  return LLVMBuildICmp(c->b, is_signed(c->from) ? signed_ : unsigned_, c->a[0], c->a[1], "");
}

static Val op_eq(const OpCall *c) { return compare(c, LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ); }
static Val op_ne(const OpCall *c) { return compare(c, LLVMRealUNE, LLVMIntNE, LLVMIntNE); }
static Val op_lt(const OpCall *c) { return compare(c, LLVMRealOLT, LLVMIntSLT, LLVMIntULT); }
static Val op_le(const OpCall *c) { return compare(c, LLVMRealOLE, LLVMIntSLE, LLVMIntULE); }
static Val op_and(const OpCall *c) { return LLVMBuildAnd(c->b, c->a[0], c->a[1], ""); }
static Val op_or(const OpCall *c) { return LLVMBuildOr(c->b, c->a[0], c->a[1], ""); }
static Val op_xor(const OpCall *c) { return LLVMBuildXor(c->b, c->a[0], c->a[1], ""); }
static Val op_not(const OpCall *c) { return LLVMBuildNot(c->b, c->a[0], ""); }

/* The count modulo the width, and whether it reaches the width (unsigned). */
static Val shift_count(const OpCall *c, Val *over) {
  LLVMTypeRef t = LLVMTypeOf(c->a[1]);
  const uint64_t width = LLVMGetIntTypeWidth(emit_element(c->a[1]));
  *over = LLVMBuildICmp(c->b, LLVMIntUGE, c->a[1], emit_int(t, width), "");
  return LLVMBuildAnd(c->b, c->a[1], emit_int(t, width - 1), "");
}

static Val op_shl(const OpCall *c) {
  Val over, n = shift_count(c, &over);
  return emit_select(c->e, over, zero_of(n), LLVMBuildShl(c->b, c->a[0], n, ""));
}

static Val op_shr(const OpCall *c) {
  Val over, n = shift_count(c, &over);
  if (!is_signed(c->to)) return emit_select(c->e, over, zero_of(n), LLVMBuildLShr(c->b, c->a[0], n, ""));
  Val last = emit_int(LLVMTypeOf(n), LLVMGetIntTypeWidth(emit_element(n)) - 1);
  return LLVMBuildAShr(c->b, c->a[0], emit_select(c->e, over, last, n), "");
}

static Val op_is_finite(const OpCall *c) {
  Val a = emit_abs(c->e, c->a[0]);
  return LLVMBuildFCmp(c->b, LLVMRealOLT, a, emit_float(LLVMTypeOf(a), __builtin_inf()), "");
}

static Val op_select(const OpCall *c) { return emit_select(c->e, c->a[0], c->a[1], c->a[2]); }
static Val op_key_fold(const OpCall *c) { return emit_key_fold(c->e, c->a[0], c->a[1]); }

static const OpRule rules[OP_COUNT] = {
    [OP_add] = op_add,        [OP_sub] = op_sub,
    [OP_neg] = op_neg,        [OP_mul] = op_mul,
    [OP_div] = op_div,        [OP_pow] = op_math2,
    [OP_max] = op_max,        [OP_min] = op_min,
    [OP_rem] = op_rem,        [OP_abs] = op_abs,
    [OP_sign] = op_sign,      [OP_floor] = op_floor,
    [OP_ceil] = op_ceil,      [OP_round] = op_round,
    [OP_exp] = op_math1,      [OP_expm1] = op_math1,
    [OP_log] = op_math1,      [OP_log1p] = op_math1,
    [OP_sqrt] = op_sqrt,      [OP_sin] = op_math1,
    [OP_cos] = op_math1,      [OP_tanh] = op_math1,
    [OP_logistic] = op_math1, [OP_softplus] = op_math1,
    [OP_erf] = op_math1,      [OP_atan] = op_math1,
    [OP_cast] = op_cast,      [OP_eq] = op_eq,
    [OP_ne] = op_ne,          [OP_lt] = op_lt,
    [OP_le] = op_le,          [OP_and] = op_and,
    [OP_or] = op_or,          [OP_xor] = op_xor,
    [OP_not] = op_not,        [OP_shl] = op_shl,
    [OP_shr] = op_shr,        [OP_is_finite] = op_is_finite,
    [OP_select] = op_select,  [OP_key_fold] = op_key_fold,
};

Val emit_op(Emit *e, Op op, DType from, DType to, const Val *a) {
  const OpCall call = {e, e->builder, op, from, to, a};
  if (op < OP_COUNT && rules[op]) return rules[op](&call);
  emit_fail(e, "op %u is not elementwise", (unsigned)op);
  return LLVMGetUndef(emit_type(e, to));
}
