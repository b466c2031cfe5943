/* Indexing by tensors, slices and numbers together: values and derivatives. The numbers are NumPy's; there
 * a plain integer counts as an index tensor, here it does not move axes. */
#include "tests/support/model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SETTING                                                                                                        \
  "x = reshape(1.0 * iota(24), [2, 3, 4]); i = i32([1, 0]); j = i32([2, 1]); k = i32([3, 0]); ii = i32([[1], [0]])\n"  \
  "_ = i; _ = j; _ = k; _ = ii\n"
#define WEIGHTED "sum(y * reshape(1.0 + iota(count(y)), shape(y)))"

static void check(const char *body, const char *result, uint32_t n, const double *want) {
  char text[2048];
  snprintf(text, sizeof text, "task t {\n" SETTING "%s\nreport r = %s }", body, result);
  expect_report(text, "r", n, want, 1e-12);
}

#define NUMBERS(...)                                                                                                   \
  sizeof((double[]){__VA_ARGS__}) / sizeof(double), (const double[]) { __VA_ARGS__ }
#define READ(index, ...) check("y = " index, "y", NUMBERS(__VA_ARGS__))
/* the gradient of the entries read, weighted 1, 2, 3, .. */
#define SLOPE(index, ...) check("y = " index, "grad(" WEIGHTED ", x)", NUMBERS(__VA_ARGS__))
#define WRITE(assignment, ...) check("y = x\n" assignment, "y", NUMBERS(__VA_ARGS__))

static void test_reads(void **state) {
  (void)state;
  READ("x[i, j]", 20, 21, 22, 23, 4, 5, 6, 7);
  SLOPE("x[i, j]", 0, 0, 0, 0, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4);
  READ("x[i, j, k]", 23, 4);
  SLOPE("x[i, j, k]", 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
  READ("x[:, j, k]", 11, 4, 23, 16);
  SLOPE("x[:, j, k]", 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 3);
  READ("x[i, :, k]", 15, 19, 23, 0, 4, 8);
  SLOPE("x[i, :, k]", 4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3);
  READ("x[ii, j]", 20, 21, 22, 23, 16, 17, 18, 19, 8, 9, 10, 11, 4, 5, 6, 7);
  SLOPE("x[ii, j]", 0, 0, 0, 0, 13, 14, 15, 16, 9, 10, 11, 12, 0, 0, 0, 0, 5, 6, 7, 8, 1, 2, 3, 4);
  READ("x[i, 1:3, k]", 19, 23, 4, 8);
  SLOPE("x[i, 1:3, k]", 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2);
  READ("x[0, j, ::2]", 8, 10, 4, 6);
  SLOPE("x[0, j, ::2]", 0, 0, 0, 0, 3, 0, 4, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  READ("x[1, j, k]", 23, 16);
  SLOPE("x[1, j, k]", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1);
  READ("x[ii, j, k]", 23, 16, 11, 4);
  SLOPE("x[ii, j, k]", 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1);
}

static void test_writes(void **state) {
  (void)state;
  WRITE("y[.., ::2, :] = -1", -1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, -1, -1, -1, -1, 16, 17, 18, 19, -1, -1, -1,
        -1);
  WRITE("y[.., 1::2] = [0., 1.]", 0, 0, 2, 1, 4, 0, 6, 1, 8, 0, 10, 1, 12, 0, 14, 1, 16, 0, 18, 1, 20, 0, 22, 1);
  WRITE("y[i, j] = -iota(4)", 0, 1, 2, 3, 0, -1, -2, -3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, -1, -2, -3);
  WRITE("y[:, j] = -1", 0, 1, 2, 3, -1, -1, -1, -1, -1, -1, -1, -1, 12, 13, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1);
  WRITE("y[i, 1, k] = [-1., -2.]", 0, 1, 2, 3, -2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, -1, 20, 21, 22,
        23);
  WRITE("y[1, j, ::3] = -[[1., 2.], [3., 4.]]", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, -3, 17, 18, -4,
        -1, 21, 22, -2);
  WRITE("y[i, :, k] = -[[1., 2., 3.], [4., 5., 6.]]", -4, 1, 2, 3, -5, 5, 6, 7, -6, 9, 10, 11, 12, 13, 14, -1, 16, 17,
        18, -2, 20, 21, 22, -3);
  WRITE("y[0, 1:3, k] = -[[1., 2.], [3., 4.]]", 0, 1, 2, 3, -2, 5, 6, -1, -4, 9, 10, -3, 12, 13, 14, 15, 16, 17, 18, 19,
        20, 21, 22, 23);
  check("n = 2\ny = x[0, 0]\ny[n::1] = 7", "y", NUMBERS(0, 1, 7, 7));
  check("y = x[0, 0]\ny[1:1:2] = 7", "y", NUMBERS(0, 1, 2, 3));
  check("y = x[0, 0]\ny[i32([1, 1])] = [5., 6.]", "y", NUMBERS(0, 6, 2, 3));
  check("y = x[0]\nfor t in 0..3 { y[t, ::2] = t }", "y", NUMBERS(0, 1, 0, 3, 1, 5, 1, 7, 2, 9, 2, 11));
}

/* What is written takes the gradient of the entries it replaces. */
static void test_derivatives_of_writes(void **state) {
  (void)state;
  check("e = [1., 2.]\ny = x[0, 0]\ny[::2] = e", "grad(" WEIGHTED ", e)", NUMBERS(1, 3));
  check("z = [1., 2., 3.]\ny = z\ny[::2] = 5", "grad(" WEIGHTED ", z)", NUMBERS(0, 2, 0));
  check("e = [1., 2.]\ny = x[0]\ny[j, k] = e", "grad(" WEIGHTED ", e)", NUMBERS(12, 5));
  check("e = [[1.], [2.]]\ny = x[0]\ny[:, k] = e[0]", "grad(" WEIGHTED ", e)", NUMBERS(39, 0));
  check("z = x[0]\ny = z\ny[j, k] = -1", "grad(" WEIGHTED ", z)", NUMBERS(1, 2, 3, 4, 0, 6, 7, 8, 9, 10, 11, 0));
}

static void test_what_does_not_fit(void **state) {
  (void)state;
  expect_error("task t { x = zeros([3, 4]); x[i32([0, 1]), ::2] = zeros([3]); report r = x }", "E0301", 1, "");
  expect_error("task t { x = zeros([3, 4]); report r = x[i32([0, 1]), i32([0, 1, 2])] }", "E0301", 1, "");
  expect_error("task t { x = zeros([3]); x[::2] = zeros([3]); report r = x }", "E0301", 1, "");
}

static void test_diagonals_of_einsum(void **state) {
  (void)state;
  check("y = x[0, :, 0:3]", "einsum(\"ii ->\", y)", NUMBERS(15));
  check("y = x[0, :, 0:3]", "einsum(\"ii -> i\", y)", NUMBERS(0, 5, 10));
  check("y = x[:, :, 0:3]", "einsum(\"..ii -> ..\", y)", NUMBERS(15, 51));
  check("y = x[:, :, 1:3]", "einsum(\"iji -> ji\", y)", NUMBERS(1, 14, 5, 18, 9, 22));
  check("y = x[0, :, 0:3]", "einsum(\"ii, i -> i\", y, [1., 2., 3.])", NUMBERS(0, 10, 30));
  check("y = x[0, :, 0:3]", "einsum(\"iii -> i\", y[:, :, none] * [[[1., 2., 3.]]])", NUMBERS(0, 10, 30));
  check("y = x[0, :, 0:3]", "grad(einsum(\"ii, i ->\", y, [1., 2., 3.]), y)", NUMBERS(1, 0, 0, 0, 2, 0, 0, 0, 3));
  expect_error("task t { report r = einsum(\"ii ->\", ones([2, 3])) }", "E0320", 1, "2 and 3");
  expect_error("task t { report r = einsum(\"i -> ii\", ones([2])) }", "E0320", 1, "twice");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads),
      cmocka_unit_test(test_writes),
      cmocka_unit_test(test_derivatives_of_writes),
      cmocka_unit_test(test_what_does_not_fit),
      cmocka_unit_test(test_diagonals_of_einsum),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
