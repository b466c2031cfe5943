/* Evaluation of the thin singular value decomposition: one-sided Jacobi (Hestenes 1958) on the tall orientation. */
#include "ir/eval/rules.h"
#include <math.h>

/* Working copy of one matrix: a[m, n] with m >= n; its columns become U S, v[n, n] the right vectors. */
typedef struct Tall {
  int64_t m, n;
  double *a, *v;
} Tall;

/* Makes columns p and q of a orthogonal; returns whether it had to. */
static bool rotate_columns(Tall *t, int64_t p, int64_t q) {
  double app = 0, aqq = 0, apq = 0;
  for (int64_t k = 0; k < t->m; k++) {
    double x = t->a[k * t->n + p], y = t->a[k * t->n + q];
    app += x * x, aqq += y * y, apq += x * y;
  }
  if (!(fabs(apq) > 1e-16 * sqrt(app * aqq))) return false;
  double theta = (aqq - app) / (2 * apq);
  double r = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
  double cs = 1 / sqrt(r * r + 1), sn = r * cs;
  for (int64_t k = 0; k < t->m + t->n; k++) {
    double *row = k < t->m ? t->a + k * t->n : t->v + (k - t->m) * t->n;
    double x = row[p], y = row[q];
    row[p] = cs * x - sn * y, row[q] = sn * x + cs * y;
  }
  return true;
}

static void hestenes(Tall *t) {
  for (int64_t i = 0; i < t->n * t->n; i++) t->v[i] = i % (t->n + 1) == 0;
  bool turned = true;
  for (int sweep = 0; sweep < 64 && turned; sweep++) {
    turned = false;
    for (int64_t p = 0; p < t->n; p++)
      for (int64_t q = p + 1; q < t->n; q++) turned |= rotate_columns(t, p, q);
  }
}

static double column_norm(const Tall *t, int64_t j) {
  double s = 0;
  for (int64_t k = 0; k < t->m; k++) s += t->a[k * t->n + j] * t->a[k * t->n + j];
  return sqrt(s);
}

/* Column j of u (m x n) for a vanished singular value: the unit vector least covered so far, orthogonalised. */
static void complete_column(double *u, int64_t m, int64_t n, int64_t j) {
  double best = -1;
  int64_t pick = 0;
  for (int64_t e = 0; e < m; e++) {
    double rest = 1;
    for (int64_t k = 0; k < j; k++) rest -= u[e * n + k] * u[e * n + k];
    if (rest > best + 1e-12) best = rest, pick = e;
  }
  for (int64_t i = 0; i < m; i++) {
    double s = i == pick;
    for (int64_t k = 0; k < j; k++) s -= u[pick * n + k] * u[i * n + k];
    u[i * n + j] = s / sqrt(best);
  }
}

/* Sorts the finished columns by size into u[m, n], s[n], v[n, n] (column j the j-th right vector). */
static void collect(EvalCall *c, const Tall *t, double *u, double *s, double *v) {
  bool *used = arena_array(c->mem, bool, t->n + 1);
  for (int64_t j = 0; j < t->n; j++) {
    int64_t big = -1;
    for (int64_t k = 0; k < t->n; k++)
      if (!used[k] && (big < 0 || column_norm(t, k) > column_norm(t, big))) big = k;
    used[big] = true;
    s[j] = column_norm(t, big);
    for (int64_t k = 0; k < t->n; k++) v[k * t->n + j] = t->v[k * t->n + big];
    if (s[j] > 1e-300 && s[j] > 1e-15 * s[0]) {
      for (int64_t k = 0; k < t->m; k++) u[k * t->n + j] = t->a[k * t->n + big] / s[j];
    } else {
      complete_column(u, t->m, t->n, j);
    }
  }
}

/* Turns each pair so that the entry of largest magnitude of the left vector is positive. */
static void fix_signs(double *u, double *vt, int64_t m, int64_t k, int64_t n) {
  for (int64_t j = 0; j < k; j++) {
    int64_t big = 0;
    for (int64_t i = 1; i < m; i++)
      if (fabs(u[i * k + j]) > fabs(u[big * k + j]) * (1 + 1e-12)) big = i;
    if (u[big * k + j] >= 0) continue;
    for (int64_t i = 0; i < m; i++) u[i * k + j] = -u[i * k + j];
    for (int64_t i = 0; i < n; i++) vt[j * n + i] = -vt[j * n + i];
  }
}

/* A[m, n] = U[m, k] diag(s) V^T[k, n], k = min(m, n). */
void eval_svd(EvalCall *c) {
  const Type *type = eval_in_type(c, 0);
  int64_t m = type->dim[type->rank - 2], n = type->dim[type->rank - 1], k = m < n ? m : n;
  Tall t = {m < n ? n : m, k, arena_array(c->mem, double, m *n + 1), arena_array(c->mem, double, k *k + 1)};
  double *left = arena_array(c->mem, double, t.m *k + 1), *right = arena_array(c->mem, double, k *k + 1);
  for (int64_t b = 0, batch = eval_extent(type, 0, type->rank - 2); b < batch && k > 0; b++) {
    const double *a = c->in[0].f + b * m * n;
    double *u = c->out->tuple[0].f + b * m * k, *vt = c->out->tuple[2].f + b * k * n;
    for (int64_t i = 0; i < t.m; i++)
      for (int64_t j = 0; j < k; j++) t.a[i * k + j] = m < n ? a[j * n + i] : a[i * n + j];
    hestenes(&t);
    collect(c, &t, left, c->out->tuple[1].f + b * k, right);
    const double *lu = m < n ? right : left, *lv = m < n ? left : right;
    for (int64_t i = 0; i < m * k; i++) u[i] = lu[i];
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = 0; j < k; j++) vt[j * n + i] = lv[i * k + j];
    fix_signs(u, vt, m, k, n);
  }
}
