/* Operands, addresses, loads and stores of kernels. */
#include "codegen/llvm/kernel.h"
#include <string.h>

/* ---------------------------------------------------------------- values */

/* The value as an operand; the iv of the vector loop becomes a vector here. */
Val kg_operand(KernelEmit *g, KVal n) {
  if (g->lanes && n == g->iv && !g->value[n])
    g->value[n] = LLVMBuildAdd(g->b, emit_splat(g->e, g->base, g->lanes), emit_lane_numbers(g->e->i64, g->lanes), "");
  return g->value[n];
}

/* Operands of one instruction, made vectors if any is one. */
uint32_t kg_operands(KernelEmit *g, const KInst *i, Val out[3]) {
  uint32_t n = 0;
  bool vary = false;
  for (; n < 3 && i->a[n] != K_NONE; n++) {
    out[n] = kg_operand(g, i->a[n]);
    vary |= is_vector(out[n]);
  }
  for (uint32_t j = 0; vary && j < n; j++) out[j] = kg_widen(g, out[j]);
  return n;
}

Val kg_literal(KernelEmit *g, DType t, uint64_t bits) {
  LLVMTypeRef type = emit_type(g->e, t);
  if (t == DT_F32) return LLVMConstBitCast(LLVMConstInt(g->e->i32, bits & UINT32_MAX, false), type);
  if (t == DT_F64) return LLVMConstBitCast(LLVMConstInt(g->e->i64, bits, false), type);
  return LLVMConstInt(type, t == DT_BOOL ? bits & 1 : bits, false);
}

/* Lanes that take part in an access guarded by `guard` (K_NONE = always): NULL = all of them. */
static Val access_mask(KernelEmit *g, KVal guard) {
  if (guard == K_NONE) return g->mask;
  Val m = kg_operand(g, guard);
  if (!g->mask) return m;
  return LLVMBuildAnd(g->b, kg_widen(g, m), g->mask, "");
}

/* ---------------------------------------------------------------- addresses */

Val kg_scaled(KernelEmit *g, Val v, int64_t by) {
  if (by == 1) return v;
  return LLVMBuildMul(g->b, v, emit_int(LLVMTypeOf(v), (uint64_t)by), "");
}

/* base + uniform elements + bytes, the constant last: one addressing mode. */
Val kg_place_address(KernelEmit *g, const Place *p, LLVMTypeRef mem, Val uniform, int64_t bytes) {
  Val at = uniform ? LLVMBuildGEP2(g->b, mem, p->base, &uniform, 1, "") : p->base;
  return p->offset + bytes ? emit_byte_address(g->e, at, i64(g, p->offset + bytes)) : at;
}

Address kg_address(KernelEmit *g, uint32_t n) {
  const KAddr *a = &g->k->addr.at[n];
  const KBuf *buf = &g->k->buf.at[a->buf];
  Address r = {.mem = emit_memory_type(g->e, buf->dtype), .bytes = dtype_size(buf->dtype)};
  Val uniform = NULL, varying = NULL;
  for (uint32_t i = 0; i < a->n; i++) {
    const KTerm *t = &g->k->term.at[a->first + i];
    const bool lane = g->lanes && t->value == g->iv;
    Val v = kg_scaled(g, lane ? g->base : g->value[t->value], t->coef);
    if (lane) r.stride += t->coef;
    Val *sum = is_vector(v) ? &varying : &uniform;
    *sum = *sum ? LLVMBuildAdd(g->b, *sum, v, "") : v;
  }
  r.base = kg_place_address(g, &g->buf[a->buf], r.mem, uniform, a->c0 * (int64_t)r.bytes);
  if (varying && r.stride)
    varying = LLVMBuildAdd(g->b, varying, kg_scaled(g, emit_lane_numbers(g->e->i64, g->lanes), r.stride), "");
  if (!varying && r.stride != 0 && r.stride != 1)
    varying = kg_scaled(g, emit_lane_numbers(g->e->i64, g->lanes), r.stride);
  r.index = varying;
  if (varying && buf->elems <= INT32_MAX) r.index = LLVMBuildTrunc(g->b, varying, emit_like(varying, g->e->i32), "");
  return r;
}

static Val lane_pointers(KernelEmit *g, const Address *a) {
  Val index = a->index ? a->index : kg_scaled(g, emit_lane_numbers(g->e->i32, g->lanes), a->stride);
  return LLVMBuildGEP2(g->b, a->mem, a->base, &index, 1, "");
}

/* Room in the frame of the function, whatever loop the builder stands in. */
Val kg_frame_slot(KernelEmit *g, LLVMTypeRef type, const char *name) {
  LLVMBasicBlockRef here = emit_here(g->e);
  Val first = LLVMGetFirstInstruction(LLVMGetEntryBasicBlock(g->e->function));
  if (first) LLVMPositionBuilderBefore(g->b, first);
  Val at = LLVMBuildAlloca(g->b, type, name);
  LLVMSetAlignment(at, 64);
  emit_at(g->e, here);
  return at;
}

static Val spare_place(KernelEmit *g) {
  if (!g->spare) g->spare = kg_frame_slot(g, LLVMArrayType2(g->e->i8, 64), "spare");
  return g->spare;
}

/* ---------------------------------------------------------------- memory */

/* llvm.masked.* with one or two overloaded types. Newer LLVM has no operand for the alignment (the only i32). */
Val kg_masked_call(KernelEmit *g, const char *name, LLVMTypeRef result, LLVMTypeRef first, LLVMTypeRef second,
                   const Val *operands, unsigned n) {
  LLVMTypeRef types[] = {first, second}, params[4];
  Val f = LLVMGetIntrinsicDeclaration(g->e->module, LLVMLookupIntrinsicID(name, strlen(name)), types, 2), args[4];
  const bool without = LLVMCountParams(f) < n;
  unsigned used = 0;
  for (unsigned i = 0; i < n; i++)
    if (!without || LLVMTypeOf(operands[i]) != g->e->i32) args[used++] = operands[i];
  for (unsigned i = 0; i < used; i++) params[i] = LLVMTypeOf(args[i]);
  return LLVMBuildCall2(g->b, LLVMFunctionType(result, params, used, false), f, args, used, "");
}

static Val from_memory(KernelEmit *g, DType t, Val v) {
  return t == DT_BOOL ? LLVMBuildICmp(g->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "") : v;
}

static Val to_memory(KernelEmit *g, DType t, Val v) {
  return t == DT_BOOL ? LLVMBuildZExt(g->b, v, emit_like(v, g->e->i8), "") : v;
}

Val kg_aligned_load(KernelEmit *g, LLVMTypeRef type, Val at, uint32_t bytes) {
  Val v = LLVMBuildLoad2(g->b, type, at, "");
  LLVMSetAlignment(v, bytes);
  return v;
}

/* One element, read only where `mask` holds for some lane. */
static Val load_one(KernelEmit *g, const Address *a, Val mask, DType t, uint64_t fill) {
  if (!mask) return from_memory(g, t, kg_aligned_load(g, a->mem, a->base, a->bytes));
  Val at = emit_select(g->e, emit_any(g->e, mask), a->base, spare_place(g));
  Val v = from_memory(g, t, kg_aligned_load(g, a->mem, at, a->bytes)), other = kg_literal(g, t, fill);
  if (!is_vector(mask)) return emit_select(g->e, mask, v, other);
  return emit_select(g->e, mask, kg_widen(g, v), kg_widen(g, other));
}

static Val load_lanes(KernelEmit *g, const Address *a, Val mask, DType t, uint64_t fill) {
  LLVMTypeRef type = emit_vector(a->mem, g->lanes);
  if (!mask && !a->index) return from_memory(g, t, kg_aligned_load(g, type, a->base, a->bytes));
  Val on = mask ? kg_widen(g, mask) : LLVMConstAllOnes(LLVMVectorType(g->e->i1, g->lanes));
  Val other = kg_widen(g, to_memory(g, t, kg_literal(g, t, fill))), align = emit_i32(g->e, (int32_t)a->bytes), v;
  if (a->index) {
    Val at = lane_pointers(g, a), args[] = {at, align, on, other};
    v = kg_masked_call(g, "llvm.masked.gather", type, type, LLVMTypeOf(at), args, 4);
  } else {
    Val args[] = {a->base, align, on, other};
    v = kg_masked_call(g, "llvm.masked.load", type, type, g->e->ptr, args, 4);
  }
  return from_memory(g, t, v);
}

Val kg_load(KernelEmit *g, const KInst *i) {
  const Address a = kg_address(g, i->aux);
  if (!a.index && !a.stride)
    return load_one(g, &a, i->a[0] == K_NONE ? NULL : access_mask(g, i->a[0]), i->dtype, i->bits);
  return load_lanes(g, &a, access_mask(g, i->a[0]), i->dtype, i->bits);
}

void kg_store(KernelEmit *g, const KInst *i) {
  const Address a = kg_address(g, i->aux);
  Val mask = access_mask(g, i->a[1]),
      v = to_memory(g, g->k->buf.at[g->k->addr.at[i->aux].buf].dtype, kg_operand(g, i->a[0]));
  if (!g->lanes) {
    Val at = mask ? emit_select(g->e, mask, a.base, spare_place(g)) : a.base;
    LLVMSetAlignment(LLVMBuildStore(g->b, v, at), a.bytes);
    return;
  }
  v = kg_widen(g, v);
  if (!mask && !a.index) {
    LLVMSetAlignment(LLVMBuildStore(g->b, v, a.base), a.bytes);
    return;
  }
  Val on = mask ? kg_widen(g, mask) : LLVMConstAllOnes(LLVMVectorType(g->e->i1, g->lanes));
  Val at = a.index ? lane_pointers(g, &a) : a.base, args[] = {v, at, emit_i32(g->e, (int32_t)a.bytes), on};
  kg_masked_call(g, a.index ? "llvm.masked.scatter" : "llvm.masked.store", g->e->none, LLVMTypeOf(v), LLVMTypeOf(at),
                 args, 4);
}

/* min(n, cap), at least 0. */
Val kg_capped(KernelEmit *g, int64_t n, KVal cap) {
  if (cap == K_NONE) return i64(g, n > 0 ? n : 0);
  Val v = g->value[cap];
  Val low = emit_select(g->e, LLVMBuildICmp(g->b, LLVMIntSLT, v, i64(g, n), ""), v, i64(g, n));
  return emit_select(g->e, LLVMBuildICmp(g->b, LLVMIntSGT, low, i64(g, 0), ""), low, i64(g, 0));
}

/* The lanes of a partial iteration that lie below the trip count. */
Val kg_tail_mask(KernelEmit *g, Val base, Val trips, uint32_t lanes) {
  Val left = LLVMBuildSub(g->b, trips, base, ""), most = i64(g, lanes);
  left = emit_select(g->e, LLVMBuildICmp(g->b, LLVMIntSLT, left, most, ""), left, most);
  left = LLVMBuildTrunc(g->b, left, g->e->i32, "");
  return LLVMBuildICmp(g->b, LLVMIntULT, emit_lane_numbers(g->e->i32, lanes), emit_splat(g->e, left, lanes), "");
}
