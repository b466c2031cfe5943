/* models/std/calculus.sep and grids.sep by closed forms, in the reference evaluator. */
#include "tests/support/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void gives(const char *text, double want) { expect_report(text, "r", 1, &want, 1e-9); }

static void test_fields(void **state) {
  (void)state;
  const char *field = "task t { x = [[1., 2.], [3., 4.]]; y = x[:, 0]^2 * x[:, 1] + x[:, 1]^3\n";
  char text[512];
  snprintf(text, sizeof text, "%s report r = deriv(y, x) }", field);
  expect_report(text, "r", 4, (const double[]){4, 13, 24, 57}, 1e-12);
  snprintf(text, sizeof text, "%s report r = hessian_diag(y, x) }", field);
  expect_report(text, "r", 4, (const double[]){4, 12, 8, 24}, 1e-12);
  snprintf(text, sizeof text, "%s report r = laplacian(y, x) }", field);
  expect_report(text, "r", 2, (const double[]){16, 32}, 1e-12);
  expect_report("task t { x = [1., 2.]; report r = hessian(x[0]^2 * x[1], x) }", "r", 4, (const double[]){4, 2, 2, 0},
                1e-12);
  /* the same inside a function of the user's own */
  expect_report("fn residual(u, x) { y = u(x); return laplacian(y, x) }\n"
                "task t { x = [[1., 2.]]; report r = residual(fn(x) = sum(x^2, axis = -1), x) }",
                "r", 1, (const double[]){4}, 1e-12);
}

static void test_numerics(void **state) {
  (void)state;
  gives("task t { x = 1.0 * ones(); for k in 0..100 { x = rk4(fn(x, t) = -x, x, 0, 0.01) }; report r = x }", exp(-1));
  gives("task t { report r = bisect(fn(x) = x^2 - 2, 0, 2) }", sqrt(2));
  gives("task t { report r = abs(integrate(sin, 0, pi, 2000) - 2) < 1e-5 }", 1);
}

static void test_grids(void **state) {
  (void)state;
  expect_report("task t { report r = triu(ones([2, 3])) }", "r", 6, (const double[]){1, 1, 1, 0, 1, 1}, 0);
  expect_report("task t { report r = tril(ones([3, 3]), -1) }", "r", 9, (const double[]){0, 0, 0, 1, 0, 0, 1, 1, 0}, 0);
  expect_report("task t { report r = cartesian([1., 2.], [3., 4.]) }", "r", 8, (const double[]){1, 3, 1, 4, 2, 3, 2, 4},
                0);
  expect_report("task t { report r = windows(iota(4), 3) }", "r", 6, (const double[]){0, 1, 2, 1, 2, 3}, 0);
  gives("task t { Q = orthogonal([5, 3]); report r = norm(transpose(Q) @ Q - eye(3)) < 1e-9 }", 1);
  gives("task t { x = latin_hypercube(8, 2); report r = norm(sort(floor(x * 8), axis = 0)[:, 1] - iota(8)) }", 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_fields), cmocka_unit_test(test_numerics),
                                     cmocka_unit_test(test_grids)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
