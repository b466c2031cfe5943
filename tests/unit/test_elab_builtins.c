/* Built-in functions by their values in the reference evaluator. */
#include "tests/support/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *expression, uint32_t n, const double *want) {
  char text[2048];
  snprintf(text, sizeof text, "task t { report r = %s }", expression);
  expect_report(text, "r", n, want, 1e-9);
}

#define CHECK(expression, ...)                                                                                         \
  check(expression, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (const double[]){__VA_ARGS__})

static void test_elementwise(void **state) {
  (void)state;
  CHECK("exp([0., 1.])", 1, exp(1));
  CHECK("sigmoid(0.0 * ones([1]))", 0.5);
  CHECK("max([1, 5, 3])", 5);
  CHECK("min(ones([2]) * 3, [1., 9.])", 1, 3);
  CHECK("where([1., -1.] > 0, 1, 0)", 1, 0);
  CHECK("i32([2.7, -2.7])", 2, -2);
  CHECK("[5, -5] // 3 * ones([2])", 1, -2);
  CHECK("round([0.5, 1.5, 2.5])", 0, 2, 2);
}

static void test_reductions(void **state) {
  (void)state;
  CHECK("sum([[1., 2.], [3., 4.]], axis = 0)", 4, 6);
  CHECK("mean([[1., 2.], [3., 4.]], axis = -1, keep = true)", 1.5, 3.5);
  CHECK("prod(1.0 * [2., 3., 0., 5., 7.])", 0);
  CHECK("prod([2., 3., 4.] * ones([3]))", 24);
  CHECK("any([1., 2.] * 1.0 > 1.5)", 1);
  CHECK("argmax([[1., 9., 3.], [7., 2., 5.]])", 1, 0);
  CHECK("norm([3., 4.])", 5);
  CHECK("cumsum([1., 2., 3.])", 1, 3, 6);
  CHECK("sort([3., 1., 2.])", 1, 2, 3);
  CHECK("var([1., 2., 3., 4.])", 1.25);
  CHECK("logsumexp([0., 0.])", log(2));
}

static void test_shapes(void **state) {
  (void)state;
  CHECK("reshape(iota(6), [2, -1])[1]", 3, 4, 5);
  CHECK("transpose([[1, 2], [3, 4]])", 1, 3, 2, 4);
  CHECK("concat([[1., 2.], [3.]])", 1, 2, 3);
  CHECK("concat([ones([1, 2]), zeros([1, 2])], axis = 1)", 1, 1, 0, 0);
  CHECK("stack([ones([2]), zeros([2])], axis = 1)", 1, 0, 1, 0);
  CHECK("split(iota(6), 3)[2]", 4, 5);
  CHECK("pad([1., 2.], [[1, 2]])", 0, 1, 2, 0, 0);
  CHECK("pad([1., 2.], [[0, 1]], value = -1)", 1, 2, -1);
  CHECK("reverse(iota(3))", 2, 1, 0);
  CHECK("one_hot(i32([1, 0]), 3)", 0, 1, 0, 1, 0, 0);
  CHECK("pick([[1., 2.], [3., 4.]], i32([1, 0]))", 2, 3);
  CHECK("segment_sum([1., 2., 3.], i32([0, 1, 0]), 2)", 4, 2);
  CHECK("linspace(0, 1, 3)", 0, 0.5, 1);
  CHECK("arange(1, 10, 4)", 1, 5, 9);
  CHECK("eye(2)", 1, 0, 0, 1);
}

static void test_indexing(void **state) {
  (void)state;
  CHECK("iota(5)[-1]", 4);
  CHECK("iota(5)[1:4:2]", 1, 3);
  CHECK("reshape(iota(6), [2, 3])[.., 1]", 1, 4);
  CHECK("reshape(iota(6), [2, 3])[:, 0:2]", 0, 1, 3, 4);
  CHECK("iota(3)[:, none] * ones([1, 2])", 0, 0, 1, 1, 2, 2);
  CHECK("(10 * iota(4))[i32([3, 0, 0])]", 30, 0, 0);
  CHECK("reshape(iota(6), [2, 3])[i32([1, 0]), i32([2, 1])]", 5, 1);
  CHECK("reshape(iota(12), [2, 3, 2])[i32([1, 0]), i32([2, 1])]", 10, 11, 2, 3);
  expect_report("task t { x = zeros([4]); x[1] = 5; x[2:] = [7., 8.]; report r = x }", "r", 4,
                (const double[]){0, 5, 7, 8}, 0);
  expect_report("task t { x = zeros([4]); for i in 0..4 { x[i] = i * i }; report r = x }", "r", 4,
                (const double[]){0, 1, 4, 9}, 0);
  expect_report("task t { x = 10 * iota(6); y = for i in 0..2 { yield x[i : i + 3] }; report r = y }", "r", 6,
                (const double[]){0, 10, 20, 10, 20, 30}, 0);
  expect_report("task t { x = zeros([3]); x[i32([2, 0])] = [1., 2.]; report r = x }", "r", 3, (const double[]){2, 0, 1},
                0);
  expect_error("task t { report r = iota(3)[3] }", "E0317", 1, "out of range");
  expect_error("task t { x = iota(3); report r = x[x > 1] }", "E0318", 1, "bools");
}

static void test_linear_algebra(void **state) {
  (void)state;
  CHECK("[[1., 2.], [3., 4.]] @ [1., 1.]", 3, 7);
  CHECK("[1., 1.] @ [[1., 2.], [3., 4.]]", 4, 6);
  CHECK("solve([[4., 1.], [1., 3.]], [1., 2.])", 1. / 11, 7. / 11);
  CHECK("inv([[2., 0.], [0., 4.]])", 0.5, 0, 0, 0.25);
  CHECK("det([[4., 1.], [1., 3.]])", 11);
  CHECK("logdet([[4., 1.], [1., 3.]])", log(11));
  CHECK("cholesky([[4., 2.], [2., 5.]])", 2, 0, 1, 2);
  CHECK("eigh([[2., 0.], [0., 1.]])[0]", 1, 2);
  CHECK("einsum(\"ij, jk -> ki\", [[1., 2.], [3., 4.]], [[1.], [1.]])", 3, 7);
  CHECK("einsum(\"..i, ..i -> ..\", ones([2, 3]), ones([2, 3]))", 3, 3);
  CHECK("einsum(\"ij ->\", [[1., 2.], [3., 4.]])", 10);
  CHECK("einsum(\"i, j, k -> kji\", [1., 2.], [3.], [5., 7.])", 15, 30, 21, 42);
  expect_error("task t { report r = einsum(\"ij, jk -> ik\", ones([2, 3]), ones([4, 2])) }", "E0320", 1, "3");
}

/* The adjoint of a convolution is convolve_transpose: <conv(x), y> = <x, conv_transpose(y)>. */
static void test_windows(void **state) {
  (void)state;
  CHECK("convolve(reshape(1.0 * iota(4), [1, 4, 1]), ones([2, 1, 1]))[0, :, 0]", 1, 3, 5);
  CHECK("convolve(reshape(1.0 * iota(4), [4, 1]), ones([3, 1, 1]), padding = \"same\")[:, 0]", 1, 3, 6, 5);
  CHECK("convolve(ones([1, 4, 4, 2]), ones([3, 3, 1, 2]), groups = 2)[0, 0, 0]", 9, 9);
  CHECK("pool_max(reshape(1.0 * iota(4), [4, 1]), [2])[:, 0]", 1, 3);
  CHECK("pool_sum(reshape(1.0 * iota(4), [1, 2, 2, 1]), [2, 2])[0, 0, 0]", 6);
  const char *const settings[] = {"stride = 2, padding = \"same\"", "stride = 2, padding = 1, output_padding = 1",
                                  "stride = 3, output_padding = 2", "padding = \"same\""};
  const char *const forward[] = {"stride = 2, padding = \"same\"", "stride = 2, padding = 1", "stride = 3",
                                 "padding = \"same\""};
  for (uint32_t k = 0; k < 4; k++) {
    char text[1024];
    snprintf(text, sizeof text,
             "task t { x = normal([2, 8, 8, 3]); w = normal([3, 3, 3, 4]); c = convolve(x, w, %s)\n"
             "y = normal(like = c); report r = (dot(c, y) - dot(x, convolve_transpose(y, w, %s))) / norm(c) }",
             forward[k], settings[k]);
    expect_report(text, "r", 1, (const double[]){0}, 1e-12);
  }
}

static void test_random(void **state) {
  (void)state;
  Model *m = model_new("task t { report u = uniform([1000], 2, 3), n = normal([4000]), k = randint([1000], 3, 6)\n"
                       "report p = sort(permutation(50)), c = categorical(log([0.1, 0.9]), shape = [2000])\n"
                       "report b = mean(bernoulli(0.25, shape = [4000])) }");
  model_run(m);
  double sum = 0, square = 0, ones = 0;
  for (int k = 0; k < 1000; k++) {
    double u = model_element(m, "t", "u", k), i = model_element(m, "t", "k", k);
    assert_true(u >= 2 && u < 3 && (i == 3 || i == 4 || i == 5));
  }
  for (int k = 0; k < 4000; k++) {
    double n = model_element(m, "t", "n", k);
    sum += n, square += n * n;
  }
  assert_true(fabs(sum / 4000) < 0.1 && fabs(square / 4000 - 1) < 0.15);
  for (int k = 0; k < 50; k++) assert_true(model_element(m, "t", "p", k) == k);
  for (int k = 0; k < 2000; k++) ones += model_element(m, "t", "c", k);
  assert_true(fabs(ones / 2000 - 0.9) < 0.05 && fabs(model_number(m, "t", "b") - 0.25) < 0.05);
  model_free(m);
}

static void test_groups(void **state) {
  (void)state;
  const char *text = "model net(x) = dense(2, bias = false, init = ones)(x)\n"
                     "task t { x = [[1., 2.]]; L = sum(net(x)^2); g = grad(L, net)\n"
                     "report r = [dot(g, g), norm(0.5 * g), sum(params(net)), max(g), count(g), 0.0] }";
  expect_report(text, "r", 6, (const double[]){360, sqrt(90.), 4, 12, 4, 0}, 1e-12);
}

static void test_derivatives(void **state) {
  (void)state;
  const char *head = "fn f(x) = [x[0]^2 * x[1], 5 * x[0]]\n";
  char text[512];
  snprintf(text, sizeof text, "%s%s", head,
           "fn j(x, v) { y = f(x); return jvp(y, x, v) }\ntask t { report r = j([2., 3.], [1., 10.]) }");
  expect_report(text, "r", 2, (const double[]){12 + 40, 5}, 1e-12);
  snprintf(text, sizeof text, "%s%s", head,
           "fn j(x, v) { y = f(x); return vjp(y, x, v) }\ntask t { report r = j([2., 3.], [1., 10.]) }");
  expect_report(text, "r", 2, (const double[]){12 + 50, 4}, 1e-12);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_elementwise), cmocka_unit_test(test_reductions),     cmocka_unit_test(test_shapes),
      cmocka_unit_test(test_indexing),    cmocka_unit_test(test_linear_algebra), cmocka_unit_test(test_windows),
      cmocka_unit_test(test_random),      cmocka_unit_test(test_groups),         cmocka_unit_test(test_derivatives),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
