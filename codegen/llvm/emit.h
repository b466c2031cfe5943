/* Inside of libseppo_llvm: one Module under construction and the helpers that build its values.
 *
 * A value is a scalar or a fixed vector of one element type; helpers that take two or three operands expect equal
 * types. No IR passes run on what is built here, so what is written is what is compiled.
 */
#ifndef SEPPO_CODEGEN_LLVM_EMIT_H
#define SEPPO_CODEGEN_LLVM_EMIT_H

#include "codegen/backend.h"
#include "codegen/kernel/kir.h"
#include "runtime/dtype.h"
#include <llvm-c/Core.h>
#include <stdbool.h>

typedef LLVMValueRef Val;

typedef struct Emit {
  const KTarget *target;
  LLVMContextRef context;
  LLVMModuleRef module;
  LLVMBuilderRef builder;
  LLVMValueRef function; /* under construction */
  LLVMTypeRef i1, i8, i32, i64, f32, f64, ptr, none;
  char *error; /* malloc'ed; the first one stays */
} Emit;

void emit_open(Emit *e, const KTarget *t, const char *name);
void emit_close(Emit *e);
void emit_fail(Emit *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---------------------------------------------------------------- types */

LLVMTypeRef emit_type(Emit *e, DType t); /* in a register: bool is one bit */
LLVMTypeRef emit_memory_type(Emit *e, DType t);
/* 1 for scalars. */
unsigned emit_lanes(Val v);
/* Scalar type of v's elements. */
LLVMTypeRef emit_element(Val v);
/* Type with the lanes of `like` and elements of another type. */
LLVMTypeRef emit_like(Val like, LLVMTypeRef element);
LLVMTypeRef emit_vector(LLVMTypeRef element, unsigned lanes); /* the element itself for one lane */

/* ---------------------------------------------------------------- constants */

Val emit_i64(Emit *e, int64_t v);
Val emit_i32(Emit *e, int32_t v);
/* Constants of the shape of a type: a splat for vectors. */
Val emit_int(LLVMTypeRef type, uint64_t bits);
Val emit_float(LLVMTypeRef type, double v);
/* <0, 1, .. lanes-1> of an integer element type. */
Val emit_lane_numbers(LLVMTypeRef element, unsigned lanes);

/* ---------------------------------------------------------------- values */

Val emit_splat(Emit *e, Val scalar, unsigned lanes);
/* Operands of intrinsics are of one type, as is the result. */
Val emit_intrinsic(Emit *e, const char *name, Val *args, unsigned n);
Val emit_fma(Emit *e, Val a, Val b, Val c);
Val emit_abs(Emit *e, Val a);
Val emit_select(Emit *e, Val c, Val a, Val b);
/* Same bits as another type of the same size. */
Val emit_bits(Emit *e, Val v, LLVMTypeRef element);
Val emit_is_nan(Emit *e, Val v);
/* True when any lane is (a bool for scalars too). */
Val emit_any(Emit *e, Val mask);
/* base + bytes */
Val emit_byte_address(Emit *e, Val base, Val bytes);

/* ---------------------------------------------------------------- functions and control */

/* A function of another object, linked directly. */
Val emit_declare(Emit *e, const char *name, LLVMTypeRef type);
/* Opens a function with an entry block and leaves the builder in it. */
Val emit_function(Emit *e, const char *name, LLVMTypeRef type, bool exported);
LLVMBasicBlockRef emit_block(Emit *e, const char *name);
void emit_at(Emit *e, LLVMBasicBlockRef block);
LLVMBasicBlockRef emit_here(Emit *e);
LLVMTypeRef emit_kernel_type(Emit *e); /* void (ptr context, ptr args, i64 task) */

/* ---------------------------------------------------------------- parts */

/* One exported function of type emit_micro_type under k_micro_symbol (codegen/llvm/gemm.c). */
void emit_micro_kernel(Emit *e, const KMicro *m);
LLVMTypeRef emit_micro_type(Emit *e);

/* Inline elementwise functions of floats (codegen/llvm/vecmath*.c): at most 2 ulp in f32, 1e-15 relative in f64. */
Val emit_math(Emit *e, Op op, Val a, Val b);

/* Philox draws (codegen/llvm/random.c): elements `index` (i64) of the draw. */
Val emit_random(Emit *e, DType dtype, int dist, uint64_t site, Val key, Val index);
/* Elements first .. first+lanes-1, both multiples of the run length (and at least two runs). Same bits, less work. */
unsigned emit_random_run_length(DType dtype);
Val emit_random_run(Emit *e, DType dtype, int dist, uint64_t site, Val key, Val first, unsigned lanes);
Val emit_key_fold(Emit *e, Val key, Val index);

/* n vectors of n lanes (a power of two) become their columns (codegen/llvm/transpose.c). */
void emit_transpose(Emit *e, Val *row, unsigned n);

/* An elementwise row of the op table on operands of equal lanes (codegen/llvm/ops.c). */
Val emit_op(Emit *e, Op op, DType from, DType to, const Val *a);

/* A place in memory: bytes behind a pointer. Kept apart until an access, whose addressing mode then holds both. */
typedef struct Place {
  Val base;
  int64_t offset;
} Place;
/* The body of a kernel with its buffers' places given, at the builder's place (codegen/llvm/kernel.c). */
void emit_kernel_body(Emit *e, const KKernel *k, Val context, const Place *args, Val task);
void emit_kernel(Emit *e, const KKernel *k, const char *symbol);
/* The exported step function (codegen/llvm/step.c). */
void emit_step(Emit *e, const Unit *u);
/* Once all units are there: the image, the constants of its programs, and every other name local
 * (codegen/llvm/image.c). */
void emit_image(Emit *e, const BackendImage *image);

#endif
