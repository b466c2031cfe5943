/* Inside of kernel emission: one kernel on its way to LLVM IR, and what the files of this stage share.
 *
 *   kernel.c         loops, accumulators, calls, instructions
 *   kernel_memory.c  operands, addresses, loads and stores under masks
 *   kernel_pack.c    transposed copies by blocks
 */
#ifndef SEPPO_CODEGEN_LLVM_KERNEL_H
#define SEPPO_CODEGEN_LLVM_KERNEL_H

#include "codegen/llvm/emit.h"

typedef struct KernelEmit {
  Emit *e;
  LLVMBuilderRef b;
  const KKernel *k;
  Val context, task;
  Val *value;      /* by instruction; an accumulator's present value */
  uint64_t *bound; /* by instruction: largest value of an i64 known to be >= 0, else UNBOUNDED */
  Place *buf;
  Val spare; /* 64 bytes nobody reads, where masked scalar accesses go */
  /* innermost vector loop */
  uint32_t lanes; /* 0 outside */
  KVal iv;
  Val base, mask; /* first lane of the iv; lanes that are on, NULL = all */
} KernelEmit;

static inline Val i64(KernelEmit *g, int64_t v) { return emit_i64(g->e, v); }
static inline bool is_vector(Val v) { return emit_lanes(v) > 1; }
static inline Val kg_widen(KernelEmit *g, Val v) { return is_vector(v) ? v : emit_splat(g->e, v, g->lanes); }

/* The value as an operand; the iv of the vector loop becomes a vector here. */
Val kg_operand(KernelEmit *g, KVal n);
/* Operands of one instruction, made vectors if any is one. Returns their number. */
uint32_t kg_operands(KernelEmit *g, const KInst *i, Val out[3]);
Val kg_literal(KernelEmit *g, DType t, uint64_t bits);
/* min(n, cap), at least 0. */
Val kg_capped(KernelEmit *g, int64_t n, KVal cap);
/* The lanes of a partial iteration that lie below the trip count. */
Val kg_tail_mask(KernelEmit *g, Val base, Val trips, uint32_t lanes);

typedef struct Address {
  Val base;        /* of element (uniform part of the address) */
  Val index;       /* per lane, in elements; NULL when the address is the iv times `stride` */
  int64_t stride;  /* elements per lane */
  LLVMTypeRef mem; /* of one element */
  uint32_t bytes;
} Address;
Address kg_address(KernelEmit *g, uint32_t n);
Val kg_scaled(KernelEmit *g, Val v, int64_t by);
/* base + uniform elements + bytes, the constant last: one addressing mode. */
Val kg_place_address(KernelEmit *g, const Place *p, LLVMTypeRef mem, Val uniform, int64_t bytes);
/* Room in the frame of the function, whatever loop the builder stands in. */
Val kg_frame_slot(KernelEmit *g, LLVMTypeRef type, const char *name);
/* llvm.masked.* with one or two overloaded types. */
Val kg_masked_call(KernelEmit *g, const char *name, LLVMTypeRef result, LLVMTypeRef first, LLVMTypeRef second,
                   const Val *operands, unsigned n);
Val kg_aligned_load(KernelEmit *g, LLVMTypeRef type, Val at, uint32_t bytes);
Val kg_load(KernelEmit *g, const KInst *i);
void kg_store(KernelEmit *g, const KInst *i);

/* Emits the loop [at, end] when it is a transposed copy into scratch; false when it is not. */
bool kg_packing(KernelEmit *g, uint32_t at, uint32_t end);

#endif
