/* The elaborator end to end: small programs, run with the reference evaluator. */
#include "tests/support/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void reports(const char *body, double want) {
  char text[4096];
  snprintf(text, sizeof text, "%s", body);
  expect_report(text, "r", 1, &want, 1e-12);
}

static void test_compile_time_arithmetic(void **state) {
  (void)state;
  reports("let a = 7\ntask t { report r = a / 2 }", 3.5);
  reports("let a = 7\ntask t { report r = -a // 2 }", -4);
  reports("let a = 7\ntask t { report r = -a % 3 }", 2);
  reports("task t { report r = -2^2 }", -4);
  reports("task t { report r = 2^3^2 }", 512);
  reports("let s = [1, 2, 3]\ntask t { report r = sum(s) + s[-1] }", 9);
  expect_error("let a = 1 / 0\n", "E0211", 1, "by zero");
  expect_error("let a = 9000000000000000 * 9000\n", "E0210", 1, "64 bits");
  expect_error("param w : [3 / 2] = 0\n", "E0308", 1, "1.5");
}

static void test_train_and_report(void **state) {
  (void)state;
  const char *text = "param w = 3\n"
                     "train { steps 50; loss = (w - 1)^2; minimize loss using sgd(0.1); log loss }\n"
                     "task result { report w }\n";
  Model *m = model_new(text);
  model_run(m);
  double w = 3;
  for (int k = 0; k < 50; k++) w -= 0.1 * 2 * (w - 1);
  assert_true(fabs(model_number(m, "result", "w") - w) < 1e-12);
  assert_int_equal(m->e.module->task.at[1].n_metrics, 1);
  model_free(m);
}

static void test_layers_share_and_name(void **state) {
  (void)state;
  const char *text = "model net(x) { return dense(2)(dense(3, tanh)(x)) }\n"
                     "let x = [[1., 2.], [3., 4.]]\n"
                     "task a { report r = sum(net(x)) }\n"
                     "task b { report r = sum(net(x)) }\n";
  Model *m = model_new(text);
  model_run(m);
  assert_true(model_number(m, "a", "r") == model_number(m, "b", "r"));
  model_cell(m, "net.dense_1.W", 0);
  model_cell(m, "net.dense_2.b", 0);
  assert_int_equal(m->e.table.n_parameters, 2 * 3 + 3 + 3 * 2 + 2);
  model_free(m);
}

static void test_short_last_batch(void **state) {
  (void)state;
  const char *text = "data d = table(x = [1., 2., 3., 4., 5.])\n"
                     "param w = 0\n"
                     "train on d { epochs 1; batch 2; minimize mean((w - x)^2) using sgd(0.5); log m = mean(x) }\n"
                     "task result { report r = w }\n";
  reports(text, 5); /* lr 0.5 moves w to the batch mean: of the last row alone */
}

static void test_loops(void **state) {
  (void)state;
  reports("task t { a = 1; repeat 5 { a = a * 2 }; report r = a }", 32);
  reports("task t { s = 0; for t in 0..5 { s = s + t }; report r = s }", 10);
  reports("task t { x = [1., 2., 3.]; s = 0; for v in x { s = s + v * v }; report r = s }", 14);
  reports("task t { y = for v in [1., 2., 3.] { yield v * v }; report r = y[2] }", 9);
  reports("task t { x = 100.; repeat 50 until x < 10 { x = x / 2 }; report r = x }", 6.25);
  reports("let n = 3\ntask t { s = 0; unroll for k in 0..n { s = s + k }; report r = s }", 3);
  expect_error("task t { x = zeros([2]); repeat 2 { x = x @ ones([2, 3]) }; report r = sum(x) }", "E0315", 1, "`x`");
}

static void test_gradients(void **state) {
  (void)state;
  reports("fn f(x) = grad(x^3, x)\ntask t { report r = f(2.0 * 1) }", 12);
  reports("param W = 3\nfn f(x) = grad(x * W, x)\ntask t { report r = f(W) }", 3);
  reports("fn g(x) = grad(x^4, x)\nfn h(x) { y = g(x); return grad(y, x) }\ntask t { report r = h(1.5) }", 12 * 2.25);
  expect_error("param a = 1\ntask t { b = 2 * a; report r = grad(floor(b), a) }", "E0505", 2, "no path");
}

static void test_updates_are_seen(void **state) {
  (void)state;
  reports("param a = 1\ntask t { set a = a + 1; set a = a * 10; report r = a }", 20);
  expect_error("param a = 1\ntrain { steps 1; h = a * a; set a = a + 1\n minimize h using sgd(1) }\n", "E0501", 3,
               "before it changed");
}

static void test_broadcasting(void **state) {
  (void)state;
  reports("task t { x = zeros([4, 3]); b = [1., 2., 3.]; report r = sum(x + b) }", 24);
  expect_error("task t { report r = sum(uniform(0, pi)) }", "E0302", 1, "the shape comes first");
  expect_error("task t { report r = zeros(4, 3) }", "E0302", 1, "one list of extents");
  expect_error("task t {\n  x = 1\n  repeat 3 { y = x + 1 }\n  report x\n}", "E0309", 3, "computes nothing");
  expect_error("let n = 1\ntask t { report r = zeros([4, n]) + 1 - zeros([4]) }", "E0305", 2, "[4, 4]");
  expect_error("fn f(a, b) = a - b\nlet n = 1\ntask t { report r = f(zeros([4, n]), zeros([4])) }", "E0305", 1,
               "silently");
  reports("task t { x = zeros([4]); report r = sum(x[:, none] + ones([1, 3])) }", 12);
}

static void test_states(void **state) {
  (void)state;
  reports("param w = 0\ntrain { steps 4; state n = 0; n = n + 2; minimize (w - n)^2 using sgd(0.5) }\n"
          "task t { report r = w }",
          8);
}

static void test_errors_point_at_the_user(void **state) {
  (void)state;
  expect_error("task t {\n  report r = mse(zeros([2]), zeros([3]))\n}\n", "E0301", 2, "do not fit");
  expect_error("task t { report r = reul(1) }", "E0201", 1, "`reul`");
  expect_error("fn f(x) = dense(3)(x)\ntask t { report r = sum(f(zeros([2, 2]))) }", "E0402", 1, "`dense`");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_compile_time_arithmetic),
      cmocka_unit_test(test_train_and_report),
      cmocka_unit_test(test_layers_share_and_name),
      cmocka_unit_test(test_short_last_batch),
      cmocka_unit_test(test_loops),
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_updates_are_seen),
      cmocka_unit_test(test_broadcasting),
      cmocka_unit_test(test_states),
      cmocka_unit_test(test_errors_point_at_the_user),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
