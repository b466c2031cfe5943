/* The runtime table: linear algebra by its defining equations, in both precisions, over batches; sorting. */
#include "runtime/api.h"
#include "runtime/dtype.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 5, K = 3, M = 7, BATCH = 2 };
static const RuntimeApi *api = &runtime_api;

typedef struct Precision {
  int32_t dtype;
  double tolerance;
} Precision;
static const Precision both[] = {{DT_F32, 2e-5}, {DT_F64, 1e-12}};

static double load(int32_t dtype, const void *p, int64_t i) {
  return dtype == DT_F32 ? ((const float *)p)[i] : ((const double *)p)[i];
}

static void store(int32_t dtype, void *p, int64_t i, double v) {
  if (dtype == DT_F32)
    ((float *)p)[i] = (float)v;
  else
    ((double *)p)[i] = v;
}

/* Values in (-1, 1) from a fixed sequence. */
static void fill(int32_t dtype, void *p, int64_t n) {
  uint32_t s = 12345;
  for (int64_t i = 0; i < n; i++) {
    s = s * 1664525u + 1013904223u;
    store(dtype, p, i, (double)(s >> 8) / (1 << 23) - 1);
  }
}

/* a[rows, cols] of matrix `b` of a batch. */
static double at(int32_t dtype, const void *p, int64_t b, int64_t rows, int64_t cols, int64_t i, int64_t j) {
  return load(dtype, p, (b * rows + i) * cols + j);
}

static void make_symmetric(int32_t dtype, void *a, double diagonal) {
  fill(dtype, a, BATCH * N * N);
  for (int b = 0; b < BATCH; b++)
    for (int i = 0; i < N; i++)
      for (int j = 0; j <= i; j++) {
        const double v = at(dtype, a, b, N, N, i, j) + (i == j ? diagonal : 0);
        store(dtype, a, (b * N + i) * N + j, v);
        store(dtype, a, (b * N + j) * N + i, v);
      }
}

static void products(void **state) {
  (void)state;
  for (int trans = 0; trans < 4; trans++) {
    float a[M * K], b[K * N], c[M * N];
    double da[M * K], db[K * N], dc[M * N];
    fill(DT_F32, a, M * K), fill(DT_F32, b, K * N);
    fill(DT_F64, da, M * K), fill(DT_F64, db, K * N);
    const int64_t lda = trans & 1 ? M : K, ldb = trans & 2 ? K : N;
    api->sgemm(trans, M, N, K, a, lda, b, ldb, c, N);
    api->dgemm(trans, M, N, K, da, lda, db, ldb, dc, N);
    for (int i = 0; i < M; i++)
      for (int j = 0; j < N; j++) {
        double sum = 0;
        for (int l = 0; l < K; l++)
          sum += da[trans & 1 ? l * lda + i : i * lda + l] * db[trans & 2 ? j * ldb + l : l * ldb + j];
        assert_true(fabs(dc[i * N + j] - sum) < 1e-13);
        assert_true(fabs((double)c[i * N + j] - sum) < 1e-5);
      }
  }
}

static void cholesky_gives_the_lower_factor(void **state) {
  (void)state;
  for (int p = 0; p < 2; p++) {
    const int32_t t = both[p].dtype;
    double a[BATCH * N * N], l[BATCH * N * N];
    make_symmetric(t, a, N);
    assert_int_equal(api->cholesky(t, BATCH, N, a, l), 0);
    for (int b = 0; b < BATCH; b++)
      for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
          double sum = 0;
          for (int k = 0; k < N; k++) sum += at(t, l, b, N, N, i, k) * at(t, l, b, N, N, j, k);
          assert_true(fabs(sum - at(t, a, b, N, N, i, j)) < N * both[p].tolerance);
          if (j > i) assert_true(at(t, l, b, N, N, i, j) == 0);
        }
    store(t, a, 0, -1);
    assert_true(api->cholesky(t, BATCH, N, a, l) != 0);
  }
}

/* op(A) X = B for the matrix that `entry` describes. */
static void check_solution(const Precision *p, const void *a, const void *x, const void *rhs, int trans, int lower,
                           int unit) {
  for (int b = 0; b < BATCH; b++)
    for (int i = 0; i < N; i++)
      for (int j = 0; j < K; j++) {
        double sum = 0;
        for (int k = 0; k < N; k++) {
          const int r = trans ? k : i, c = trans ? i : k;
          double e = at(p->dtype, a, b, N, N, r, c);
          if (lower >= 0 && (lower ? c > r : c < r)) e = 0;
          if (unit && r == c) e = 1;
          sum += e * at(p->dtype, x, b, N, K, k, j);
        }
        assert_true(fabs(sum - at(p->dtype, rhs, b, N, K, i, j)) < 100 * p->tolerance);
      }
}

static void solves_satisfy_their_equation(void **state) {
  (void)state;
  for (int p = 0; p < 2; p++) {
    const int32_t t = both[p].dtype;
    double a[BATCH * N * N], rhs[BATCH * N * K], x[BATCH * N * K];
    fill(t, a, BATCH * N * N), fill(t, rhs, BATCH * N * K);
    for (int b = 0; b < BATCH; b++)
      for (int i = 0; i < N; i++) store(t, a, (b * N + i) * N + i, 3 + at(t, a, b, N, N, i, i));
    for (int trans = 0; trans < 2; trans++) {
      assert_int_equal(api->solve(t, trans, BATCH, N, K, a, rhs, x), 0);
      check_solution(&both[p], a, x, rhs, trans, -1, 0);
      for (int lower = 0; lower < 2; lower++)
        for (int unit = 0; unit < 2; unit++) {
          assert_int_equal(api->tri_solve(t, lower, trans, unit, BATCH, N, K, a, rhs, x), 0);
          check_solution(&both[p], a, x, rhs, trans, lower, unit);
        }
    }
    memset(a, 0, sizeof a);
    assert_true(api->solve(t, 0, BATCH, N, K, a, rhs, x) > 0);
  }
}

static void determinants(void **state) {
  (void)state;
  const double a[] = {0, 2, 1, 0, 3, 0, 0, 0};
  double sign[2], logabs[2];
  assert_int_equal(api->slogdet(DT_F64, 2, 2, a, sign, logabs), 0);
  assert_true(sign[0] == -1 && fabs(logabs[0] - log(2)) < 1e-15);
  assert_true(sign[1] == 0 && logabs[1] == -INFINITY);
  assert_int_equal(api->slogdet(DT_F64, 1, 0, a, sign, logabs), 0);
  assert_true(sign[0] == 1 && logabs[0] == 0);
}

/* The largest entry of a strided vector is positive. */
static void check_sign(int32_t t, const void *v, int64_t begin, int64_t n, int64_t stride) {
  double best = 0;
  for (int64_t i = 0; i < n; i++)
    if (fabs(load(t, v, begin + i * stride)) > fabs(best)) best = load(t, v, begin + i * stride);
  assert_true(best > 0);
}

static void eigenvectors(void **state) {
  (void)state;
  for (int p = 0; p < 2; p++) {
    const int32_t t = both[p].dtype;
    double a[BATCH * N * N], w[BATCH * N], v[BATCH * N * N];
    make_symmetric(t, a, 0);
    assert_int_equal(api->eigh(t, BATCH, N, a, w, v), 0);
    for (int b = 0; b < BATCH; b++)
      for (int j = 0; j < N; j++) {
        if (j) assert_true(load(t, w, b * N + j - 1) <= load(t, w, b * N + j));
        check_sign(t, v, b * N * N + j, N, N);
        for (int i = 0; i < N; i++) {
          double sum = 0;
          for (int k = 0; k < N; k++) sum += at(t, a, b, N, N, i, k) * at(t, v, b, N, N, k, j);
          assert_true(fabs(sum - load(t, w, b * N + j) * at(t, v, b, N, N, i, j)) < 10 * both[p].tolerance);
        }
      }
  }
}

static void singular_values(void **state) {
  (void)state;
  for (int p = 0; p < 2; p++)
    for (int wide = 0; wide < 2; wide++) {
      const int32_t t = both[p].dtype;
      const int m = wide ? K : M, n = wide ? M : K, r = K;
      double a[BATCH * M * K], u[BATCH * M * K], s[BATCH * K], vt[BATCH * M * K];
      fill(t, a, BATCH * M * K);
      assert_int_equal(api->svd(t, BATCH, m, n, a, u, s, vt), 0);
      for (int b = 0; b < BATCH; b++) {
        for (int i = 0; i < m; i++)
          for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < r; k++)
              sum += at(t, u, b, m, r, i, k) * load(t, s, b * r + k) * at(t, vt, b, r, n, k, j);
            assert_true(fabs(sum - at(t, a, b, m, n, i, j)) < 10 * both[p].tolerance);
          }
        for (int k = 0; k < r; k++) check_sign(t, u, b * m * r + k, m, r);
        for (int k = 1; k < r; k++) assert_true(load(t, s, b * r + k - 1) >= load(t, s, b * r + k));
      }
    }
}

static void sorting(void **state) {
  (void)state;
  const float x[] = {3, NAN, -0.0f, 0, -INFINITY, INFINITY, -3, 3};
  const int32_t expected[] = {4, 6, 2, 3, 0, 7, 5, 1};
  float y[8];
  int32_t order[8];
  api->sort(DT_F32, 8, 1, x, y, order);
  assert_memory_equal(order, expected, sizeof order);
  for (int i = 0; i < 7; i++) assert_true(y[i] == x[expected[i]]);
  assert_true(isnan(y[7]) && signbit(y[2]));
  int64_t z[] = {5, 100, INT64_MIN, 100, -1, 100, INT64_MAX, 100};
  api->sort(DT_I64, 4, 2, z, z, NULL);
  const int64_t sorted[] = {INT64_MIN, 100, -1, 100, 5, 100, INT64_MAX, 100};
  assert_memory_equal(z, sorted, sizeof z);
  api->sort(DT_I32, 0, 1, NULL, NULL, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(products),     cmocka_unit_test(cholesky_gives_the_lower_factor),
      cmocka_unit_test(determinants), cmocka_unit_test(solves_satisfy_their_equation),
      cmocka_unit_test(eigenvectors), cmocka_unit_test(singular_values),
      cmocka_unit_test(sorting),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
