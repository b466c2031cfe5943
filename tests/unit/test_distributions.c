/* Every distribution of the language and of the library, drawn by machine code: moments, Kolmogorov-Smirnov or
 * chi-squared distance, correlation of neighbours, and the same draws for 1 and 2 threads, with passes and without. */
#include "ir/passes/passes.h"
#include "tests/support/model.h"
#include "tests/support/program_run.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Distributions: the probability of a value below x. */
typedef double (*Cdf)(double x, const double *p);

static double phi(double z) { return 0.5 * erfc(-z / sqrt(2)); }
static double normal_cdf(double x, const double *p) { return phi((x - p[0]) / p[1]); }
static double uniform_cdf(double x, const double *p) {
  return x < p[0] ? 0 : x > p[1] ? 1 : (x - p[0]) / (p[1] - p[0]);
}
static double gumbel_cdf(double x, const double *p) { return (void)p, exp(-exp(-x)); }
/* One coordinate of a relaxed draw of two classes: a logistic number, shifted by p0 and scaled by 1/p1, squashed. */
static double relaxed_cdf(double x, const double *p) {
  return x <= 0 ? 0 : x >= 1 ? 1 : 1 / (1 + exp(-(p[1] * log(x / (1 - x)) - p[0])));
}

enum { N = 20000, FEW = 2000, MAX_P = 6 };

typedef struct Row {
  const char *name, *draw; /* a vector of numbers */
  Cdf cdf;                 /* NULL: whole numbers from `first` on with probabilities p */
  double p[MAX_P];         /* a 0 behind the last probability */
  double first, mean, variance;
} Row;

#define PI 3.14159265358979323846
static const Row rows[] = {
    {"normal", "normal([20000])", normal_cdf, {0, 1}, 0, 0, 1},
    {"normal_of", "normal([20000], 2, 0.5)", normal_cdf, {2, .5}, 0, 2, .25},
    {"normal_loop", "repeated(fn() = normal())", normal_cdf, {0, 1}, 0, 0, 1},
    {"uniform", "uniform([20000])", uniform_cdf, {0, 1}, 0, .5, 1 / 12.},
    {"uniform_of", "uniform([20000], -3, 5)", uniform_cdf, {-3, 5}, 0, 1, 64 / 12.},
    {"uniform_loop", "repeated(fn() = uniform())", uniform_cdf, {0, 1}, 0, .5, 1 / 12.},
    {"randint", "randint([20000], -2, 3)", NULL, {.2, .2, .2, .2, .2}, -2, 0, 2},
    {"bernoulli", "bernoulli(0.3, shape = [20000])", NULL, {.7, .3}, 0, .3, .21},
    {"bernoulli_of", "bernoulli(0.9 * ones([20000]))", NULL, {.1, .9}, 0, .9, .09},
    {"categorical", "categorical(log([0.1, 0.2, 0.3, 0.4]), shape = [20000])", NULL, {.1, .2, .3, .4}, 0, 2, 1},
    {"categorical_of", "categorical(zeros([20000, 3]))", NULL, {1 / 3., 1 / 3., 1 / 3.}, 0, 1, 2 / 3.},
    {"permutation", "repeated(permuted)", NULL, {1 / 6., 1 / 6., 1 / 6., 1 / 6., 1 / 6., 1 / 6.}, 0, 2.5, 35 / 12.},
    {"latin_slice", "reshape(sort(cube * 1000 // 1, axis = 0) - float(iota(1000))[:, none], [-1])", NULL, {1}, 0, 0, 0},
    {"latin_within", "reshape(cube * 1000 % 1, [-1])", uniform_cdf, {0, 1}, 0, .5, 1 / 12.},
    {"dropout", "dropped", NULL, {.25, 0, 0, 0, .75}, 0, 3, 3},
    {"gumbel", "gumbel([20000])", gumbel_cdf, {0}, 0, 0.57721566490153286, PI *PI / 6},
    {"gumbel_softmax", "relaxed[:, 0]", relaxed_cdf, {1, 2}, 0, 0.6058032, 0.0330985},
    {"gaussian_first", "cloud[:, 0]", normal_cdf, {1, 1.4142135623730951}, 0, 1, 2},
    {"gaussian_sum", "cloud[:, 0] + cloud[:, 1]", normal_cdf, {0, 2}, 0, 0, 4},
    {"glorot",
     "reshape(glorot([200, 100]), [-1])",
     uniform_cdf,
     {-.1414213562373095, .1414213562373095},
     0,
     0,
     .02 / 3},
    {"glorot_normal", "reshape(glorot_normal([200, 100]), [-1])", normal_cdf, {0, .0816496580927726}, 0, 0, .02 / 3},
    {"he", "reshape(he([200, 100]), [-1])", normal_cdf, {0, .1}, 0, 0, .01},
    {"he_uniform",
     "reshape(he_uniform([200, 100]), [-1])",
     uniform_cdf,
     {-.1732050807568877, .1732050807568877},
     0,
     0,
     .01},
    {"fan_in", "reshape(fan_in([25, 800]), [-1])", uniform_cdf, {-.2, .2}, 0, 0, .04 / 3},
    /* an entry of a rotation of three dimensions is uniform, as a coordinate on the sphere is (Archimedes) */
    {"orthogonal", "rotations", uniform_cdf, {-1, 1}, 0, 0, 1 / 3.},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static const char helpers[] = "fn repeated(draw) {\n  x = repeat 20000 { yield draw() }\n  return x\n}\n"
                              "fn permuted() {\n  p = permutation(3)\n  return 2 * p[0] + i32(p[1] > p[2])\n}\n"
                              "fn rotated() = orthogonal([3, 3])[0, 2]\n"
                              "model drop(x) = dropout(0.25)(x)\n";

/* ---------------------------------------------------------------- statistics */

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* sqrt(n) times the greatest distance of the empirical distribution from the true one. */
static double kolmogorov(const Row *r, const double *x, uint32_t n) {
  double *sorted = malloc(sizeof *sorted * n), distance = 0;
  memcpy(sorted, x, sizeof *sorted * n);
  qsort(sorted, n, sizeof *sorted, by_size);
  for (uint32_t i = 0; i < n; i++) {
    const double f = r->cdf(sorted[i], r->p);
    distance = fmax(distance, fmax(f - (double)i / n, (i + 1.0) / n - f));
  }
  free(sorted);
  return distance * sqrt(n);
}

/* Chi-squared over the upper 0.1 % point of its distribution (Wilson & Hilferty 1931); infinite for a number that
 * cannot be. */
static double chi_squared(const Row *r, const double *x, uint32_t n) {
  uint32_t count[MAX_P] = {0}, kinds = 0;
  for (uint32_t i = 0; i < n; i++) {
    const double k = x[i] - r->first;
    if (!(k >= 0 && k < MAX_P && k == floor(k) && r->p[(int)k] > 0)) return INFINITY;
    count[(int)k]++;
  }
  double sum = 0;
  for (uint32_t k = 0; k < MAX_P; k++) {
    if (r->p[k] == 0) continue;
    const double expected = r->p[k] * n;
    sum += (count[k] - expected) * (count[k] - expected) / expected;
    kinds++;
  }
  if (kinds == 1) return 0;
  const double d = 2 / (9 * (kinds - 1.0)), edge = 1 - d + 3.09 * sqrt(d);
  return sum / ((kinds - 1) * edge * edge * edge);
}

/* Mean and variance within five standard errors, neighbours uncorrelated. */
static void check_moments(const Row *r, const double *x, uint32_t n) {
  double mean = 0, second = 0, fourth = 0, lagged = 0;
  for (uint32_t i = 0; i < n; i++) mean += x[i] / n;
  for (uint32_t i = 0; i < n; i++) {
    const double d = x[i] - mean;
    second += d * d / n, fourth += d * d * d * d / n;
    if (i) lagged += d * (x[i - 1] - mean) / n;
  }
  if (fabs(mean - r->mean) > 5 * sqrt(second / n) + 1e-4 * fabs(r->mean))
    fail_msg("%s: mean %.6g, not %.6g", r->name, mean, r->mean);
  if (fabs(second - r->variance) > 5 * sqrt((fourth - second * second) / n) + 1e-3 * r->variance)
    fail_msg("%s: variance %.6g, not %.6g", r->name, second, r->variance);
  if (fabs(lagged) > 5 * second / sqrt(n)) fail_msg("%s: neighbours correlate: %g", r->name, lagged / second);
}

static void check_row(const Row *r, const double *x, uint32_t n) {
  if (r->cdf) {
    const double d = kolmogorov(r, x, n);
    if (!(d < 1.95)) fail_msg("%s: Kolmogorov-Smirnov %.3f: one in a thousand is above 1.95", r->name, d);
  } else {
    const double c = chi_squared(r, x, n);
    if (!(c < 1)) fail_msg("%s: chi-squared is %.2f of its 0.1 %% point", r->name, c);
  }
  check_moments(r, x, n);
}

/* ---------------------------------------------------------------- drawing */

/* A train task, so that dropout drops; every row's draws are a state. */
static char *program_text(void) {
  StrBuf b = {0};
  sb_puts(&b, helpers);
  for (uint32_t k = 0; k < N_ROWS; k++)
    sb_printf(&b, "state s_%s : [%d] = 0\n", rows[k].name, strcmp(rows[k].name, "orthogonal") ? N : FEW);
  sb_puts(&b, "train as t {\n  steps 1\n");
  sb_puts(&b, "  cube = latin_hypercube(1000, 20)\n  dropped = drop(3 * ones([20000]))\n"
              "  relaxed = gumbel_softmax(broadcast_to([1.0, 0.0], [20000, 2]), 2)\n"
              "  cloud = gaussian_sample(broadcast_to([1.0, -1.0], [20000, 2]), [[2.0, 0.5], [0.5, 1.0]])\n"
              "  rotations = repeat 2000 { yield rotated() }\n");
  for (uint32_t k = 0; k < N_ROWS; k++) sb_printf(&b, "  s_%s = float(%s)\n", rows[k].name, rows[k].draw);
  sb_puts(&b, "}\n");
  return sb_take(&b);
}

/* One step of the program: a Value for each of the graph's results, in the model's memory. */
static Value *draw_all(Model *m, const char *passes, bool no_fusion) {
  Module *mod = m->e.module;
  if (!m->ok || !pass_run_named(mod, passes, &(PassOptions){0}, &m->sink)) fail_msg("%s", model_messages(m));
  const Task *t = &mod->task.at[mod->task.n - 1];
  const Region *region = ir_region(mod, t->step.region);
  Value *in = arena_array(&m->mem, Value, t->step.n_in + 1), *out = arena_array(&m->mem, Value, t->step.n_out + 1);
  for (uint32_t i = 0; i < t->step.n_in; i++) {
    in[i] = value_new(mod, region->node.at[region->param.at[i]].type, &m->mem);
    if (t->step.in[i].kind == IN_KEY) in[i].i[0] = 0x5eed;
    if (t->step.in[i].kind == IN_STEP || t->step.in[i].kind == IN_EPOCH) in[i].i[0] = 1;
  }
  assert_int_equal(program_execute(mod, &t->step, in, out, no_fusion, 2, &m->mem), RUN_OK);
  return out;
}

/* The draws of a row: the new value of its state. */
static const double *draws_of(const Model *m, const Value *out, const Row *r, uint32_t *n) {
  const Module *mod = m->e.module;
  const Graph *g = &mod->task.at[mod->task.n - 1].step;
  for (uint32_t i = 0; i < g->n_out; i++) {
    if (g->out[i].kind != OUT_CELL) continue;
    const char *name = mod->cell.at[g->out[i].index].name;
    if (strncmp(name, "s_", 2) != 0 || strcmp(name + 2, r->name) != 0) continue;
    *n = (uint32_t)ir_elements(ir_type_get(mod, out[i].type));
    return out[i].f;
  }
  fail_msg("no draws of %s", r->name);
  return NULL;
}

/* Draws are equal; what is computed from them may round otherwise where a product and a sum become one instruction. */
static void check_same(const Row *r, const double *x, const double *y, uint32_t n, double eps) {
  for (uint32_t i = 0; i < n; i++)
    if (fabs(x[i] - y[i]) > (r->cdf ? 64 * eps * (1 + fabs(x[i])) : 0))
      fail_msg("%s, element %u: %.17g with passes, %.17g without", r->name, i, x[i], y[i]);
}

static void check_dtype(const char *dtype, double eps) {
  char *text = program_text();
  const ElabOptions o = {.dtype = dtype};
  Model *on = model_new_with(text, &o), *off = model_new_with(text, &o);
  const Value *with = draw_all(on, pass_pipeline_opt, false), *without = draw_all(off, "differentiate", true);
  for (uint32_t k = 0; k < N_ROWS; k++) {
    uint32_t n, again;
    const double *x = draws_of(on, with, &rows[k], &n), *y = draws_of(off, without, &rows[k], &again);
    assert_int_equal(n, again);
    check_row(&rows[k], x, n);
    check_same(&rows[k], x, y, n, eps);
  }
  model_free(on);
  model_free(off);
  free(text);
}

static void single_precision(void **state) {
  (void)state;
  check_dtype("f32", 0x1p-23);
}

static void double_precision(void **state) {
  (void)state;
  check_dtype("f64", 0x1p-52);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(single_precision), cmocka_unit_test(double_precision)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
