/* Compiles kernel IR for tests: kernels by hand, programs whole. */
#ifndef SEPPO_TESTS_JIT_H
#define SEPPO_TESTS_JIT_H

#include "codegen/backend.h"
#include "codegen/object/elf_loader.h"
#include "runtime/context.h"

typedef struct Jit {
  Code *code;
} Jit;

/* The backend's table; aborts the test when the library does not open. */
const Backend *jit_backend(void);
/* Compiles kernels (as k0, k1, ..) and the micro-kernels they use. Prints the reason and exits when that fails. */
Jit jit_kernels(const KKernel *const *k, uint32_t n, const KTarget *t);
KernelFn jit_kernel(const Jit *j, uint32_t i);
/* Compiles a whole program: step function, kernels, micro-kernels. `constants` must outlive it. */
Jit jit_program(const KProgram *p, const KTarget *t);
int32_t (*jit_step(const Jit *j, const KProgram *p))(Context *, int64_t);
void jit_free(Jit *j);

/* A kernel under construction: each call appends one instruction and returns its value. */
KVal tk_lit(KKernel *k, DType t, double v);
KVal tk_op(KKernel *k, Op op, DType t, KVal a, KVal b, KVal c);
KVal tk_load(KKernel *k, DType t, uint32_t buf, int64_t c0, KVal iv, int64_t coef);
void tk_store(KKernel *k, uint32_t buf, int64_t c0, KVal iv, int64_t coef, KVal v);
KVal tk_for(KKernel *k, KLoopKind kind, uint32_t width, int64_t extent);
void tk_end(KKernel *k, KVal loop);
uint32_t tk_arg(KKernel *k, DType t, uint8_t access, int64_t elems);
KVal tk_inst(KKernel *k, KInst i);
uint32_t tk_addr(KKernel *k, uint32_t buf, int64_t c0, KVal iv, int64_t coef);

#endif
