/* Helpers over the LLVM C API. */
#define _GNU_SOURCE
#include "codegen/llvm/emit.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void emit_open(Emit *e, const KTarget *t, const char *name) {
  LLVMContextRef c = LLVMContextCreate();
  *e = (Emit){.target = t,
              .context = c,
              .module = LLVMModuleCreateWithNameInContext(name, c),
              .builder = LLVMCreateBuilderInContext(c),
              .i1 = LLVMInt1TypeInContext(c),
              .i8 = LLVMInt8TypeInContext(c),
              .i32 = LLVMInt32TypeInContext(c),
              .i64 = LLVMInt64TypeInContext(c),
              .f32 = LLVMFloatTypeInContext(c),
              .f64 = LLVMDoubleTypeInContext(c),
              .ptr = LLVMPointerTypeInContext(c, 0),
              .none = LLVMVoidTypeInContext(c)};
}

void emit_close(Emit *e) {
  LLVMDisposeBuilder(e->builder);
  LLVMDisposeModule(e->module);
  LLVMContextDispose(e->context);
  free(e->error);
}

void emit_fail(Emit *e, const char *fmt, ...) {
  va_list ap;
  if (e->error) return;
  va_start(ap, fmt);
  if (vasprintf(&e->error, fmt, ap) < 0) e->error = strdup("out of memory");
  va_end(ap);
}

/* ---------------------------------------------------------------- types */

LLVMTypeRef emit_type(Emit *e, DType t) {
  switch (t) {
  case DT_BOOL: return e->i1;
  case DT_U8: return e->i8;
  case DT_I32:
  case DT_U32: return e->i32;
  case DT_F32: return e->f32;
  case DT_F64: return e->f64;
  default: return e->i64;
  }
}

LLVMTypeRef emit_memory_type(Emit *e, DType t) { return t == DT_BOOL ? e->i8 : emit_type(e, t); }

static bool is_vector(LLVMTypeRef t) { return LLVMGetTypeKind(t) == LLVMVectorTypeKind; }

unsigned emit_lanes(Val v) {
  LLVMTypeRef t = LLVMTypeOf(v);
  return is_vector(t) ? LLVMGetVectorSize(t) : 1;
}

LLVMTypeRef emit_element(Val v) {
  LLVMTypeRef t = LLVMTypeOf(v);
  return is_vector(t) ? LLVMGetElementType(t) : t;
}

LLVMTypeRef emit_vector(LLVMTypeRef element, unsigned lanes) {
  return lanes > 1 ? LLVMVectorType(element, lanes) : element;
}

LLVMTypeRef emit_like(Val like, LLVMTypeRef element) { return emit_vector(element, emit_lanes(like)); }

/* ---------------------------------------------------------------- constants */

static Val splat_constant(Val v, unsigned lanes) {
  Val all[256];
  for (unsigned i = 0; i < lanes; i++) all[i] = v;
  return LLVMConstVector(all, lanes);
}

Val emit_i64(Emit *e, int64_t v) { return LLVMConstInt(e->i64, (uint64_t)v, true); }

Val emit_i32(Emit *e, int32_t v) { return LLVMConstInt(e->i32, (uint64_t)(int64_t)v, true); }

Val emit_int(LLVMTypeRef type, uint64_t bits) {
  if (!is_vector(type)) return LLVMConstInt(type, bits, false);
  return splat_constant(LLVMConstInt(LLVMGetElementType(type), bits, false), LLVMGetVectorSize(type));
}

Val emit_float(LLVMTypeRef type, double v) {
  if (!is_vector(type)) return LLVMConstReal(type, v);
  return splat_constant(LLVMConstReal(LLVMGetElementType(type), v), LLVMGetVectorSize(type));
}

Val emit_lane_numbers(LLVMTypeRef element, unsigned lanes) {
  Val all[256];
  for (unsigned i = 0; i < lanes; i++) all[i] = LLVMConstInt(element, i, false);
  return lanes > 1 ? LLVMConstVector(all, lanes) : all[0];
}

/* ---------------------------------------------------------------- values */

Val emit_splat(Emit *e, Val scalar, unsigned lanes) {
  if (lanes == 1) return scalar;
  if (LLVMIsConstant(scalar) && LLVMGetTypeKind(LLVMTypeOf(scalar)) != LLVMPointerTypeKind)
    return splat_constant(scalar, lanes);
  LLVMTypeRef v = LLVMVectorType(LLVMTypeOf(scalar), lanes);
  Val one = LLVMBuildInsertElement(e->builder, LLVMGetPoison(v), scalar, emit_i64(e, 0), "");
  return LLVMBuildShuffleVector(e->builder, one, LLVMGetPoison(v), LLVMConstNull(LLVMVectorType(e->i32, lanes)), "");
}

Val emit_intrinsic(Emit *e, const char *name, Val *args, unsigned n) {
  LLVMTypeRef t = LLVMTypeOf(args[0]), types[3] = {t, t, t};
  Val f = LLVMGetIntrinsicDeclaration(e->module, LLVMLookupIntrinsicID(name, strlen(name)), &t, 1);
  return LLVMBuildCall2(e->builder, LLVMFunctionType(t, types, n, false), f, args, n, "");
}

Val emit_fma(Emit *e, Val a, Val b, Val c) {
  if (e->target->vector_bytes < 32) /* no such instruction: the library call would be no gain */
    return LLVMBuildFAdd(e->builder, LLVMBuildFMul(e->builder, a, b, ""), c, "");
  return emit_intrinsic(e, "llvm.fma", (Val[]){a, b, c}, 3);
}

Val emit_abs(Emit *e, Val a) { return emit_intrinsic(e, "llvm.fabs", &a, 1); }

Val emit_select(Emit *e, Val c, Val a, Val b) { return LLVMBuildSelect(e->builder, c, a, b, ""); }

Val emit_bits(Emit *e, Val v, LLVMTypeRef element) {
  return LLVMBuildBitCast(e->builder, v, emit_like(v, element), "");
}

Val emit_is_nan(Emit *e, Val v) { return LLVMBuildFCmp(e->builder, LLVMRealUNO, v, v, ""); }

Val emit_any(Emit *e, Val mask) {
  const unsigned lanes = emit_lanes(mask);
  if (lanes == 1) return mask;
  LLVMTypeRef bits = LLVMIntTypeInContext(e->context, lanes);
  return LLVMBuildICmp(e->builder, LLVMIntNE, LLVMBuildBitCast(e->builder, mask, bits, ""), LLVMConstNull(bits), "");
}

Val emit_byte_address(Emit *e, Val base, Val bytes) { return LLVMBuildGEP2(e->builder, e->i8, base, &bytes, 1, ""); }

/* ---------------------------------------------------------------- functions and control */

Val emit_declare(Emit *e, const char *name, LLVMTypeRef type) {
  Val f = LLVMGetNamedFunction(e->module, name);
  if (f) return f;
  f = LLVMAddFunction(e->module, name, type);
  LLVMSetVisibility(f, LLVMHiddenVisibility);
  return f;
}

static void add_attribute(Emit *e, Val f, const char *key, const char *value) {
  LLVMAttributeRef a =
      LLVMCreateStringAttribute(e->context, key, (unsigned)strlen(key), value, (unsigned)strlen(value));
  LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
}

Val emit_function(Emit *e, const char *name, LLVMTypeRef type, bool exported) {
  char width[8];
  Val f = LLVMGetNamedFunction(e->module, name);
  if (!f) f = LLVMAddFunction(e->module, name, type);
  LLVMSetLinkage(f, exported ? LLVMExternalLinkage : LLVMInternalLinkage);
  if (exported) LLVMSetVisibility(f, LLVMHiddenVisibility);
  LLVMAddAttributeAtIndex(
      f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
      LLVMCreateEnumAttribute(e->context, LLVMGetEnumAttributeKindForName("nounwind", strlen("nounwind")), 0));
  snprintf(width, sizeof width, "%u", e->target->vector_bytes * 8);
  add_attribute(e, f, "prefer-vector-width", width);
  add_attribute(e, f, "min-legal-vector-width", width);
  e->function = f;
  emit_at(e, emit_block(e, "entry"));
  return f;
}

LLVMBasicBlockRef emit_block(Emit *e, const char *name) {
  return LLVMAppendBasicBlockInContext(e->context, e->function, name);
}

void emit_at(Emit *e, LLVMBasicBlockRef block) { LLVMPositionBuilderAtEnd(e->builder, block); }

LLVMBasicBlockRef emit_here(Emit *e) { return LLVMGetInsertBlock(e->builder); }

LLVMTypeRef emit_kernel_type(Emit *e) {
  LLVMTypeRef params[] = {e->ptr, e->ptr, e->i64};
  return LLVMFunctionType(e->none, params, 3, false);
}
