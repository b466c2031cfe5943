/* Evaluation of dense linear algebra by textbook loops (Golub and Van Loan, Matrix Computations). */
#include "ir/eval/rules.h"
#include <math.h>

static double *scratch(EvalCall *c, int64_t n) { return arena_array(c->mem, double, n + 1); }
static int64_t last_dim(const Type *t, uint32_t back) { return t->dim[t->rank - back]; }
static int64_t batch_count(const Type *t) { return eval_extent(t, 0, t->rank - 2); }

/* Lower factor of a symmetric matrix, read from its lower triangle; NaN where it is not positive. */
void eval_cholesky(EvalCall *c) {
  const Type *t = eval_out_type(c);
  int64_t n = last_dim(t, 1);
  for (int64_t b = 0, m = batch_count(t); b < m; b++) {
    const double *a = c->in[0].f + b * n * n;
    double *l = c->out->f + b * n * n;
    for (int64_t j = 0; j < n; j++)
      for (int64_t i = j; i < n; i++) {
        double s = a[i * n + j];
        for (int64_t k = 0; k < j; k++) s -= l[i * n + k] * l[j * n + k];
        l[i * n + j] = i == j ? sqrt(s) : s / l[j * n + j];
      }
  }
}

/* ---------------------------------------------------------------- solves */

void eval_tri_solve(EvalCall *c) {
  const Type *t = eval_out_type(c);
  int64_t n = last_dim(t, 2), w = last_dim(t, 1);
  bool forward = c->attr->lower != c->attr->trans;
  for (int64_t b = 0, m = batch_count(t); b < m; b++) {
    const double *a = c->in[0].f + b * n * n, *rhs = c->in[1].f + b * n * w;
    double *x = c->out->f + b * n * w;
    for (int64_t step = 0; step < n; step++) {
      int64_t i = forward ? step : n - 1 - step;
      for (int64_t col = 0; col < w; col++) {
        double s = rhs[i * w + col];
        for (int64_t k = forward ? 0 : i + 1, end = forward ? i : n; k < end; k++)
          s -= (c->attr->trans ? a[k * n + i] : a[i * n + k]) * x[k * w + col];
        x[i * w + col] = c->attr->unit ? s : s / a[i * n + i];
      }
    }
  }
}

/* PA = LU in place with partial pivoting; returns the sign of the permutation. */
static int lu_factor(double *a, int64_t n, int64_t *perm) {
  int sign = 1;
  for (int64_t i = 0; i < n; i++) perm[i] = i;
  for (int64_t j = 0; j < n; j++) {
    int64_t p = j;
    for (int64_t i = j + 1; i < n; i++)
      if (fabs(a[i * n + j]) > fabs(a[p * n + j])) p = i;
    if (p != j) {
      for (int64_t k = 0; k < n; k++) {
        double t = a[j * n + k];
        a[j * n + k] = a[p * n + k], a[p * n + k] = t;
      }
      int64_t t = perm[j];
      perm[j] = perm[p], perm[p] = t;
      sign = -sign;
    }
    if (a[j * n + j] == 0) continue;
    for (int64_t i = j + 1; i < n; i++) {
      double f = a[i * n + j] /= a[j * n + j];
      for (int64_t k = j + 1; k < n; k++) a[i * n + k] -= f * a[j * n + k];
    }
  }
  return sign;
}

static void lu_solve(const double *lu, const int64_t *perm, int64_t n, const double *rhs, double *x, int64_t w) {
  for (int64_t col = 0; col < w; col++) {
    for (int64_t i = 0; i < n; i++) {
      double s = rhs[perm[i] * w + col];
      for (int64_t k = 0; k < i; k++) s -= lu[i * n + k] * x[k * w + col];
      x[i * w + col] = s;
    }
    for (int64_t i = n; i-- > 0;) {
      double s = x[i * w + col];
      for (int64_t k = i + 1; k < n; k++) s -= lu[i * n + k] * x[k * w + col];
      x[i * w + col] = s / lu[i * n + i];
    }
  }
}

void eval_solve(EvalCall *c) {
  const Type *t = eval_out_type(c);
  int64_t n = last_dim(t, 2), w = last_dim(t, 1);
  double *lu = scratch(c, n * n);
  int64_t *perm = arena_array(c->mem, int64_t, n + 1);
  for (int64_t b = 0, m = batch_count(t); b < m; b++) {
    const double *a = c->in[0].f + b * n * n;
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) lu[i * n + j] = c->attr->trans ? a[j * n + i] : a[i * n + j];
    lu_factor(lu, n, perm);
    lu_solve(lu, perm, n, c->in[1].f + b * n * w, c->out->f + b * n * w, w);
  }
}

void eval_slogdet(EvalCall *c) {
  const Type *t = eval_in_type(c, 0);
  int64_t n = last_dim(t, 1);
  double *lu = scratch(c, n * n);
  int64_t *perm = arena_array(c->mem, int64_t, n + 1);
  for (int64_t b = 0, m = batch_count(t); b < m; b++) {
    memcpy(lu, c->in[0].f + b * n * n, sizeof *lu * (size_t)(n * n));
    double sign = lu_factor(lu, n, perm), sum = 0;
    for (int64_t i = 0; i < n; i++) {
      double d = lu[i * n + i];
      sign *= d > 0 ? 1 : d < 0 ? -1 : d;
      sum += log(fabs(d));
    }
    c->out->tuple[0].f[b] = sign;
    c->out->tuple[1].f[b] = sum;
  }
}

/* ---------------------------------------------------------------- symmetric eigenproblem */

/* Rotates rows and columns p, q of the symmetric a so that a[p, q] becomes 0; v collects the rotations. */
static void jacobi_rotate(double *a, double *v, int64_t n, int64_t p, int64_t q) {
  double apq = a[p * n + q];
  if (apq == 0) return;
  double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
  double cs = 1 / sqrt(t * t + 1), sn = t * cs;
  for (int64_t k = 0; k < n; k++) {
    double x = a[k * n + p], y = a[k * n + q];
    a[k * n + p] = cs * x - sn * y, a[k * n + q] = sn * x + cs * y;
  }
  for (int64_t k = 0; k < n; k++) {
    double x = a[p * n + k], y = a[q * n + k];
    a[p * n + k] = cs * x - sn * y, a[q * n + k] = sn * x + cs * y;
    x = v[k * n + p], y = v[k * n + q];
    v[k * n + p] = cs * x - sn * y, v[k * n + q] = sn * x + cs * y;
  }
}

static double off_diagonal(const double *a, int64_t n) {
  double s = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++)
      if (i != j) s += a[i * n + j] * a[i * n + j];
  return s;
}

/* Cyclic Jacobi; a ends diagonal. */
static void jacobi_eigen(double *a, double *v, int64_t n) {
  for (int64_t i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0;
  for (int sweep = 0; sweep < 64 && off_diagonal(a, n) > 0; sweep++)
    for (int64_t p = 0; p < n; p++)
      for (int64_t q = p + 1; q < n; q++) jacobi_rotate(a, v, n, p, q);
}

/* Writes column `from` of v as column `to` of out, its entry of largest magnitude made positive. */
static void put_vector(const double *v, int64_t n, int64_t from, double *out, int64_t to) {
  int64_t big = 0;
  for (int64_t k = 1; k < n; k++)
    if (fabs(v[k * n + from]) > fabs(v[big * n + from]) * (1 + 1e-12)) big = k;
  double sign = v[big * n + from] < 0 ? -1 : 1;
  for (int64_t k = 0; k < n; k++) out[k * n + to] = sign * v[k * n + from];
}

/* Of a symmetric matrix, read from its lower triangle. */
void eval_eigh(EvalCall *c) {
  const Type *t = eval_in_type(c, 0);
  int64_t n = last_dim(t, 1);
  double *a = scratch(c, n * n), *v = scratch(c, n * n);
  bool *used = arena_array(c->mem, bool, n + 1);
  for (int64_t b = 0, m = batch_count(t); b < m; b++) {
    const double *in = c->in[0].f + b * n * n;
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < n; j++) a[i * n + j] = i >= j ? in[i * n + j] : in[j * n + i];
    jacobi_eigen(a, v, n);
    for (int64_t k = 0; k < n; k++) used[k] = false;
    for (int64_t k = 0; k < n; k++) {
      int64_t least = -1;
      for (int64_t i = 0; i < n; i++)
        if (!used[i] && (least < 0 || a[i * n + i] < a[least * n + least])) least = i;
      used[least] = true;
      c->out->tuple[0].f[b * n + k] = a[least * n + least];
      put_vector(v, n, least, c->out->tuple[1].f + b * n * n, k);
    }
  }
}
