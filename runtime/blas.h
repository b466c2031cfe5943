/* OpenBLAS and its LAPACK, opened on first use; the Fortran entry points by element type. */
#ifndef SEPPO_RUNTIME_BLAS_H
#define SEPPO_RUNTIME_BLAS_H

#include <stdint.h>

/* Entry points of one element type. Fortran: column-major, every argument by address. The integers are 32 bits wide. */
typedef struct Blas {
  void (*gemm)(const char *ta, const char *tb, const int32_t *m, const int32_t *n, const int32_t *k, const void *alpha,
               const void *a, const int32_t *lda, const void *b, const int32_t *ldb, const void *beta, void *c,
               const int32_t *ldc);
  void (*trsm)(const char *side, const char *uplo, const char *trans, const char *diag, const int32_t *m,
               const int32_t *n, const void *alpha, const void *a, const int32_t *lda, void *b, const int32_t *ldb);
  void (*potrf)(const char *uplo, const int32_t *n, void *a, const int32_t *lda, int32_t *info);
  void (*getrf)(const int32_t *m, const int32_t *n, void *a, const int32_t *lda, int32_t *pivot, int32_t *info);
  void (*getrs)(const char *trans, const int32_t *n, const int32_t *k, const void *a, const int32_t *lda,
                const int32_t *pivot, void *b, const int32_t *ldb, int32_t *info);
  void (*syevd)(const char *job, const char *uplo, const int32_t *n, void *a, const int32_t *lda, void *w, void *work,
                const int32_t *lwork, int32_t *iwork, const int32_t *liwork, int32_t *info);
  void (*gesdd)(const char *job, const int32_t *m, const int32_t *n, void *a, const int32_t *lda, void *s, void *u,
                const int32_t *ldu, void *vt, const int32_t *ldvt, void *work, const int32_t *lwork, int32_t *iwork,
                int32_t *info);
} Blas;

/* dtype DT_F32 or DT_F64. NULL when OpenBLAS cannot be opened. Safe from any thread. */
const Blas *blas_open(int32_t dtype);

#endif
