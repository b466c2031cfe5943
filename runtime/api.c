/* Linear algebra and sorting for generated code: row-major wrappers of column-major LAPACK.
 *
 * A row-major matrix is the transpose of the column-major one in the same bytes. Each wrapper says which identity it
 * uses so that, where possible, nothing is transposed.
 */
#include "runtime/api.h"
#include "runtime/blas.h"
#include "runtime/dtype.h"
#include "runtime/pool.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define OUT_OF_MEMORY INT32_MAX

static size_t width(int32_t dtype) { return dtype == DT_F32 ? 4 : 8; }

static double get(int32_t dtype, const void *p, int64_t i) {
  return dtype == DT_F32 ? ((const float *)p)[i] : ((const double *)p)[i];
}

static void put(int32_t dtype, void *p, int64_t i, double v) {
  if (dtype == DT_F32)
    ((float *)p)[i] = (float)v;
  else
    ((double *)p)[i] = v;
}

/* The i-th matrix of a batch. */
static void *matrix(int32_t dtype, const void *p, int64_t i, int64_t elements) {
  return (char *)(uintptr_t)p + (size_t)(i * elements) * width(dtype);
}

static const void *one(int32_t dtype) {
  static const float f = 1;
  static const double d = 1;
  return dtype == DT_F32 ? (const void *)&f : (const void *)&d;
}

/* out[cols, rows] = transpose of in[rows, cols]. */
static void transpose(int32_t dtype, int64_t rows, int64_t cols, const void *in, void *out) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < cols; j++) put(dtype, out, j * rows + i, get(dtype, in, i * cols + j));
}

/* ---------------------------------------------------------------- products */

/* Row-major C = op(A) op(B) is column-major C^T = op(B)^T op(A)^T of the same bytes. */
static void gemm(int32_t dtype, int64_t trans, int64_t m, int64_t n, int64_t k, const void *a, int64_t lda,
                 const void *b, int64_t ldb, void *c, int64_t ldc) {
  const Blas *blas = blas_open(dtype);
  if (blas) {
    const int32_t im = (int32_t)m, in = (int32_t)n, ik = (int32_t)k, ia = (int32_t)lda, ib = (int32_t)ldb,
                  ic = (int32_t)ldc;
    static const double zero = 0;
    blas->gemm(trans & 2 ? "T" : "N", trans & 1 ? "T" : "N", &in, &im, &ik, one(dtype), b, &ib, a, &ia, &zero, c, &ic);
    return;
  }
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      double sum = 0;
      for (int64_t l = 0; l < k; l++)
        sum +=
            get(dtype, a, trans & 1 ? l * lda + i : i * lda + l) * get(dtype, b, trans & 2 ? j * ldb + l : l * ldb + j);
      put(dtype, c, i * ldc + j, sum);
    }
}

static void api_sgemm(int64_t trans, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
                      int64_t ldb, float *c, int64_t ldc) {
  gemm(DT_F32, trans, m, n, k, a, lda, b, ldb, c, ldc);
}

static void api_dgemm(int64_t trans, int64_t m, int64_t n, int64_t k, const double *a, int64_t lda, const double *b,
                      int64_t ldb, double *c, int64_t ldc) {
  gemm(DT_F64, trans, m, n, k, a, lda, b, ldb, c, ldc);
}

/* ---------------------------------------------------------------- factorisations and solves */

/* The row-major lower triangle is the column-major upper one: A = U^T U there gives L = U^T here. */
static int32_t api_cholesky(int32_t dtype, int64_t batch, int64_t n, const void *a, void *l) {
  const Blas *blas = blas_open(dtype);
  if (!blas) return LAPACK_MISSING;
  const int32_t in = (int32_t)n, ld = n ? in : 1;
  int32_t info = 0;
  memmove(l, a, (size_t)(batch * n * n) * width(dtype));
  for (int64_t b = 0; b < batch && !info; b++) {
    void *m = matrix(dtype, l, b, n * n);
    blas->potrf("U", &in, m, &ld, &info);
    for (int64_t i = 0; i < n; i++)
      memset((char *)m + (size_t)(i * n + i + 1) * width(dtype), 0, (size_t)(n - i - 1) * width(dtype));
  }
  return info;
}

/* op(A) X = B is X^T op(A)^T = B^T: a solve from the right with the bytes as they are. */
static int32_t api_tri_solve(int32_t dtype, int32_t lower, int32_t trans, int32_t unit, int64_t batch, int64_t n,
                             int64_t k, const void *a, const void *b, void *x) {
  const Blas *blas = blas_open(dtype);
  if (!blas) return LAPACK_MISSING;
  const int32_t in = (int32_t)n, ik = (int32_t)k, la = n ? in : 1, lb = k ? ik : 1;
  memmove(x, b, (size_t)(batch * n * k) * width(dtype));
  for (int64_t i = 0; i < batch; i++)
    blas->trsm("R", lower ? "U" : "L", trans ? "T" : "N", unit ? "U" : "N", &ik, &in, one(dtype),
               matrix(dtype, a, i, n * n), &la, matrix(dtype, x, i, n * k), &lb);
  return 0;
}

/* Scratch of the solvers: a copy of the matrix, its pivots, and `extra` more elements. */
typedef struct Scratch {
  void *a, *more;
  int32_t *pivot;
} Scratch;

static bool scratch_new(Scratch *s, int32_t dtype, int64_t n, int64_t extra) {
  s->a = malloc((size_t)(n * n + 1) * width(dtype));
  s->more = malloc((size_t)(extra + 1) * width(dtype));
  s->pivot = malloc((size_t)(n + 1) * sizeof *s->pivot);
  return s->a && s->more && s->pivot;
}

static void scratch_free(Scratch *s) {
  free(s->a);
  free(s->more);
  free(s->pivot);
}

/* The LU factors are of A^T, so the system with A asks for the transpose. */
static int32_t api_solve(int32_t dtype, int32_t trans, int64_t batch, int64_t n, int64_t k, const void *a,
                         const void *b, void *x) {
  const Blas *blas = blas_open(dtype);
  if (!blas) return LAPACK_MISSING;
  const int32_t in = (int32_t)n, ik = (int32_t)k, ld = n ? in : 1;
  int32_t info = 0;
  Scratch s;
  if (!scratch_new(&s, dtype, n, n * k)) return scratch_free(&s), OUT_OF_MEMORY;
  for (int64_t i = 0; i < batch && !info; i++) {
    memcpy(s.a, matrix(dtype, a, i, n * n), (size_t)(n * n) * width(dtype));
    transpose(dtype, n, k, matrix(dtype, b, i, n * k), s.more);
    blas->getrf(&in, &in, s.a, &ld, s.pivot, &info);
    if (!info) blas->getrs(trans ? "N" : "T", &in, &ik, s.a, &ld, s.pivot, s.more, &ld, &info);
    transpose(dtype, k, n, s.more, matrix(dtype, x, i, n * k));
  }
  scratch_free(&s);
  return info;
}

/* det A = det A^T. A singular matrix has sign 0 and logarithm -inf. */
static int32_t api_slogdet(int32_t dtype, int64_t batch, int64_t n, const void *a, void *sign, void *logabs) {
  const Blas *blas = blas_open(dtype);
  if (!blas) return LAPACK_MISSING;
  const int32_t in = (int32_t)n, ld = n ? in : 1;
  int32_t info;
  Scratch s;
  if (!scratch_new(&s, dtype, n, 0)) return scratch_free(&s), OUT_OF_MEMORY;
  for (int64_t i = 0; i < batch; i++) {
    double sg = 1, sum = 0;
    memcpy(s.a, matrix(dtype, a, i, n * n), (size_t)(n * n) * width(dtype));
    blas->getrf(&in, &in, s.a, &ld, s.pivot, &info);
    for (int64_t j = 0; j < n; j++) {
      const double d = get(dtype, s.a, j * n + j);
      if (s.pivot[j] != j + 1) sg = -sg;
      sg = d < 0 ? -sg : d == 0 ? 0 : sg;
      sum += log(fabs(d));
    }
    put(dtype, sign, i, sg);
    put(dtype, logabs, i, sum);
  }
  scratch_free(&s);
  return 0;
}

/* ---------------------------------------------------------------- spectra */

/* +1 or -1: what makes the largest entry (the first of equals) of a strided vector positive. */
static double fix_sign(int32_t dtype, const void *v, int64_t n, int64_t stride) {
  double best = 0;
  for (int64_t i = 0; i < n; i++) {
    const double x = get(dtype, v, i * stride);
    if (fabs(x) > fabs(best)) best = x;
  }
  return best < 0 ? -1 : 1;
}

static void scale(int32_t dtype, void *v, int64_t n, int64_t stride, double by) {
  for (int64_t i = 0; by != 1 && i < n; i++) put(dtype, v, i * stride, by * get(dtype, v, i * stride));
}

static int32_t eigh_one(const Blas *blas, int32_t dtype, int64_t n, void *a, void *w) {
  const int32_t in = (int32_t)n, query = -1;
  int32_t info = 0, n_iwork = 0;
  double size = 0;
  blas->syevd("V", "U", &in, a, &in, w, &size, &query, &n_iwork, &query, &info);
  const int32_t n_work = (int32_t)get(dtype, &size, 0);
  void *work = malloc((size_t)n_work * width(dtype));
  int32_t *iwork = malloc((size_t)n_iwork * sizeof *iwork);
  info = OUT_OF_MEMORY;
  if (work && iwork) blas->syevd("V", "U", &in, a, &in, w, work, &n_work, iwork, &n_iwork, &info);
  free(work);
  free(iwork);
  return info;
}

/* LAPACK's vectors are columns of a column-major matrix, that is rows here. */
static int32_t api_eigh(int32_t dtype, int64_t batch, int64_t n, const void *a, void *w, void *v) {
  const Blas *blas = blas_open(dtype);
  if (!blas) return LAPACK_MISSING;
  int32_t info = 0;
  Scratch s;
  if (!scratch_new(&s, dtype, n, 0)) return scratch_free(&s), OUT_OF_MEMORY;
  for (int64_t i = 0; i < batch && n && !info; i++) {
    memcpy(s.a, matrix(dtype, a, i, n * n), (size_t)(n * n) * width(dtype));
    info = eigh_one(blas, dtype, n, s.a, matrix(dtype, w, i, n));
    for (int64_t j = 0; j < n; j++) {
      void *row = matrix(dtype, s.a, j, n);
      scale(dtype, row, n, 1, fix_sign(dtype, row, n, 1));
    }
    transpose(dtype, n, n, s.a, matrix(dtype, v, i, n * n));
  }
  scratch_free(&s);
  return info;
}

/* A = U s V^T in row-major bytes is A^T = V s U^T in column-major ones: the factors change places. */
static int32_t svd_one(const Blas *blas, int32_t dtype, int64_t m, int64_t n, void *a, void *u, void *s, void *vt) {
  const int32_t im = (int32_t)m, in = (int32_t)n, r = im < in ? im : in, query = -1;
  int32_t info = 0;
  double size = 0;
  int32_t *iwork = malloc((size_t)r * 8 * sizeof *iwork);
  if (!iwork) return OUT_OF_MEMORY;
  blas->gesdd("S", &in, &im, a, &in, s, vt, &in, u, &r, &size, &query, iwork, &info);
  const int32_t n_work = (int32_t)get(dtype, &size, 0);
  void *work = malloc((size_t)n_work * width(dtype));
  info = OUT_OF_MEMORY;
  if (work) blas->gesdd("S", &in, &im, a, &in, s, vt, &in, u, &r, work, &n_work, iwork, &info);
  free(work);
  free(iwork);
  return info;
}

static int32_t api_svd(int32_t dtype, int64_t batch, int64_t m, int64_t n, const void *a, void *u, void *s, void *vt) {
  const Blas *blas = blas_open(dtype);
  if (!blas) return LAPACK_MISSING;
  const int64_t r = m < n ? m : n;
  int32_t info = 0;
  void *copy = malloc((size_t)(m * n + 1) * width(dtype));
  if (!copy) return OUT_OF_MEMORY;
  for (int64_t i = 0; i < batch && r && !info; i++) {
    void *ui = matrix(dtype, u, i, m * r), *vi = matrix(dtype, vt, i, r * n);
    memcpy(copy, matrix(dtype, a, i, m * n), (size_t)(m * n) * width(dtype));
    info = svd_one(blas, dtype, m, n, copy, ui, matrix(dtype, s, i, r), vi);
    for (int64_t j = 0; j < r; j++) {
      const double sign = fix_sign(dtype, matrix(dtype, ui, 1, j), m, r);
      scale(dtype, matrix(dtype, ui, 1, j), m, r, sign);
      scale(dtype, matrix(dtype, vi, j, n), n, 1, sign);
    }
  }
  free(copy);
  return info;
}

/* ---------------------------------------------------------------- sorting */

typedef struct SortItem {
  uint64_t key; /* ordered as the values are, NaN last, both zeros equal */
  int32_t from;
} SortItem;

/* Order-preserving map of a float's bits (sign and magnitude) to an unsigned number. */
static uint64_t float_key(double v) {
  uint64_t bits;
  if (v != v) return UINT64_MAX;
  v += 0.0; /* -0 -> +0 */
  memcpy(&bits, &v, 8);
  return bits >> 63 ? ~bits : bits | 1ull << 63;
}

static uint64_t sort_key(int32_t dtype, const void *p, int64_t i) {
  const uint64_t flip = 1ull << 63;
  switch (dtype) {
  case DT_BOOL:
  case DT_U8: return ((const uint8_t *)p)[i];
  case DT_I32: return (uint64_t)((const int32_t *)p)[i] ^ flip;
  case DT_I64: return (uint64_t)((const int64_t *)p)[i] ^ flip;
  case DT_U32: return ((const uint32_t *)p)[i];
  case DT_U64: return ((const uint64_t *)p)[i];
  case DT_F32: return float_key(((const float *)p)[i]);
  default: return float_key(((const double *)p)[i]);
  }
}

static int by_key(const void *a, const void *b) {
  const SortItem *x = a, *y = b;
  return x->key != y->key ? (x->key < y->key ? -1 : 1) : x->from - y->from;
}

static void api_sort(int32_t dtype, int64_t n, int64_t stride, const void *x, void *y, int32_t *order) {
  SortItem *item = malloc((size_t)(n + 1) * sizeof *item);
  const size_t size = dtype_size((DType)dtype);
  char *copy = malloc((size_t)(n + 1) * size);
  for (int64_t i = 0; item && copy && i < n; i++) {
    item[i] = (SortItem){sort_key(dtype, x, i * stride), (int32_t)i};
    memcpy(copy + (size_t)i * size, (const char *)x + (size_t)(i * stride) * size, size);
  }
  if (item && copy) qsort(item, (size_t)n, sizeof *item, by_key);
  for (int64_t i = 0; item && copy && i < n; i++) {
    if (y) memcpy((char *)y + (size_t)(i * stride) * size, copy + (size_t)item[i].from * size, size);
    if (order) order[i * stride] = item[i].from;
  }
  free(item);
  free(copy);
}

static void api_parallel(Context *c, KernelFn fn, void *const *args, int64_t n) { pool_run(c->pool, c, fn, args, n); }

const RuntimeApi runtime_api = {
    .parallel = api_parallel,
    .sgemm = api_sgemm,
    .dgemm = api_dgemm,
    .cholesky = api_cholesky,
    .tri_solve = api_tri_solve,
    .solve = api_solve,
    .slogdet = api_slogdet,
    .eigh = api_eigh,
    .svd = api_svd,
    .sort = api_sort,
};
