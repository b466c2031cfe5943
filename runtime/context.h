/* The contract between generated code and the runtime: one Context per running task.
 *
 * Generated code reaches the runtime only through Context.api, so an object file has no undefined symbols.
 * A compiled task exports `int32_t <task>(Context *c, int64_t n)`: run n steps, return a RunStatus.
 */
#ifndef SEPPO_RUNTIME_CONTEXT_H
#define SEPPO_RUNTIME_CONTEXT_H

#include <stdint.h>

typedef enum { RUN_OK, RUN_NOT_FINITE, RUN_BAD_INDEX, RUN_STOPPED, RUN_LAPACK } RunStatus;

struct Context;
/* One task of a kernel: `task` counts from 0; which thread runs it never changes what it computes. */
typedef void (*KernelFn)(struct Context *c, void *const *args, int64_t task);

typedef struct RuntimeApi {
  /* Runs fn for task = 0 .. n-1 on the pool and returns when all are done. */
  void (*parallel)(struct Context *c, KernelFn fn, void *const *args, int64_t n);
  /* C[m,n] = A op B, row-major, one thread (OpenBLAS). trans bit 0: A transposed, bit 1: B transposed. */
  void (*sgemm)(int64_t trans, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                int64_t ldb, float *c, int64_t ldc);
  void (*dgemm)(int64_t trans, int64_t m, int64_t n, int64_t k, const double *a, int64_t lda, const double *b,
                int64_t ldb, double *c, int64_t ldc);
  /* LAPACK ops over `batch` row-major matrices; dtype is DT_F32 or DT_F64 of ir/ir.h. Return 0, or LAPACK's info. */
  int32_t (*cholesky)(int32_t dtype, int64_t batch, int64_t n, const void *a, void *l);
  int32_t (*tri_solve)(int32_t dtype, int32_t lower, int32_t trans, int32_t unit, int64_t batch, int64_t n, int64_t k,
                       const void *a, const void *b, void *x);
  int32_t (*solve)(int32_t dtype, int32_t trans, int64_t batch, int64_t n, int64_t k, const void *a, const void *b,
                   void *x);
  int32_t (*slogdet)(int32_t dtype, int64_t batch, int64_t n, const void *a, void *sign, void *logabs);
  int32_t (*eigh)(int32_t dtype, int64_t batch, int64_t n, const void *a, void *w, void *v);
  int32_t (*svd)(int32_t dtype, int64_t batch, int64_t m, int64_t n, const void *a, void *u, void *s, void *vt);
  void (*sort)(int32_t dtype, int64_t n, int64_t stride, const void *x, void *y,
               int32_t *order); /* y or order may be NULL */
} RuntimeApi;

typedef struct Context {
  uint8_t *cells;               /* arena of every cell, offsets fixed by the plan */
  uint8_t *temps;               /* arena of temporaries */
  const void *const *field;     /* stored tensors of the module's data fields */
  const int32_t *order;         /* this epoch's permutation of the task's rows (or the identity) */
  int64_t position;             /* first row of the next step in `order`; advanced by `batch` each step */
  int64_t step, epoch;          /* of the next step, counting from 1; step is advanced by generated code */
  uint64_t key;                 /* of (seed, task, stream); step graphs fold the step in */
  const volatile int32_t *stop; /* set by a signal handler; polled once a step */
  const RuntimeApi *api;
  struct ThreadPool *pool;
  int32_t status; /* sticky RunStatus set by kernels, returned (and left for the host to clear) at the step's end */
  void **value;   /* OUT_VALUE destinations, one per value, set by the host */
  uint32_t bad_node, bad_region; /* where RUN_NOT_FINITE, RUN_BAD_INDEX or RUN_LAPACK arose */
  int64_t bad_index, bad_extent;
} Context;

#endif
