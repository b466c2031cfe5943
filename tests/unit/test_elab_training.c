/* Training: several updates in a step, states, copies, events, L-BFGS, generated data, settings. */
#include "tests/support/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double result(const char *text) {
  Model *m = model_new(text);
  model_run(m);
  double r = model_number(m, NULL, "r");
  model_free(m);
  return r;
}

static void test_two_players_see_each_other(void **state) {
  (void)state;
  /* a: 1 -> 1 - 0.1 * 2 = 0.8; then b descends 0.8 * b: 1 - 0.1 * 0.8 */
  assert_true(fabs(result("param a = 1\nparam b = 1\ntrain { steps 1\n minimize a^2 over a using sgd(0.1)\n"
                          " minimize a * b over b using sgd(0.1) }\ntask t { report r = b }") -
                   0.92) < 1e-12);
  assert_true(fabs(result("param a = 1\nparam b = 1\ntrain { steps 1\n g, h = grad(a * b, a), grad(a * b, b)\n"
                          " update a by g using sgd(0.1); update b by h using sgd(0.1) }\n"
                          "task t { report r = a + b }") -
                   1.8) < 1e-12);
}

static void test_inner_steps(void **state) {
  (void)state;
  assert_true(
      fabs(result("param a = 1\nparam b = 1\ntrain { steps 2\n repeat 3 { minimize a^2 over a using sgd(0.25) }\n"
                  " minimize (b - a)^2 over b using sgd(0.5) }\ntask t { report r = a - b }")) < 1e-12);
}

static void test_adam_counts_once_a_step(void **state) {
  (void)state;
  Model *m = model_new("param a = 1\nparam b = 1\ntrain { steps 3; minimize a^2 + b^2 using adam(0.1) }");
  model_run(m);
  assert_true(model_cell(m, "train.adam.t", 0) == 3);
  double p = 1, mm = 0, v = 0;
  for (int t = 1; t <= 3; t++) {
    double g = 2 * p;
    mm = 0.9 * mm + 0.1 * g, v = 0.999 * v + 0.001 * g * g;
    p -= 0.1 / (1 - pow(0.9, t)) * mm / (sqrt(v) / sqrt(1 - pow(0.999, t)) + 1e-8);
  }
  assert_true(fabs(model_cell(m, "a", 0) - p) < 1e-12 && fabs(model_cell(m, "b", 0) - p) < 1e-12);
  model_free(m);
}

static void test_lbfgs(void **state) {
  (void)state;
  const char *text = "param x : [2] = [-1.2, 1]\n"
                     "train { steps 40; minimize (1 - x[0])^2 + 100 * (x[1] - x[0]^2)^2 using lbfgs() }\n"
                     "task t { report r = (x[0] - 1)^2 + (x[1] - 1)^2 }";
  assert_true(result(text) < 1e-10);
}

static void test_copies(void **state) {
  (void)state;
  const char *head = "model net(x) = dense(2)(x)\n";
  char text[1024];
  snprintf(text, sizeof text,
           "%slet target = copy(net)\ntask t { x = ones([1, 3]); report r = norm(net(x) - target(x)) }", head);
  assert_true(result(text) == 0);
  snprintf(text, sizeof text,
           "%slet target = copy(net)\ntrain { steps 3; x = ones([1, 3]); minimize sum(net(x)) using sgd(0.1)\n"
           " set params(target) = 0.5 * params(target) + 0.5 * params(net) }\n"
           "task t { x = ones([1, 3]); report r = sum(net(x) - target(x)) }",
           head);
  /* every step lowers sum(net) by 0.1 * (6 + 2): the copy lags by 0.8 * (1/2 + 1/4 + 1/8) */
  assert_true(fabs(result(text) + 0.8 * 0.875) < 1e-12);
  snprintf(text, sizeof text,
           "%strain { steps 3; x = ones([1, 3]); minimize sum(net(x)) using sgd(0.1) }\nlet late = copy(net)\n"
           "train { steps 1; x = ones([1, 3]); minimize sum(net(x)) using sgd(0.1) }\n"
           "task t { x = ones([1, 3]); report r = sum(late(x) - net(x)) }",
           head);
  assert_true(fabs(result(text) - 0.8) < 1e-12);
}

static void test_frozen(void **state) {
  (void)state;
  Model *m = model_new("model a(x) = dense(1, init = ones)(x)\nmodel b(x) = dense(1, init = ones)(x)\n"
                       "train { steps 1; x = ones([1, 1]); minimize sum(b(frozen(a)(x))) using sgd(1) }");
  model_run(m);
  assert_true(model_cell(m, "a.dense_1.W", 0) == 1 && model_cell(m, "b.dense_1.W", 0) == 0);
  model_free(m);
}

static void test_state_of_a_layer(void **state) {
  (void)state;
  Model *m = model_new("model net(x) = dense(1)(batch_norm()(x))\n"
                       "data d = table(x = [[1.], [2.], [3.], [6.]])\n"
                       "train on d { epochs 1; minimize mean(net(x)) using sgd(0) }\n"
                       "eval on d { report r = mean(net(x)) }");
  model_run(m);
  assert_true(fabs(model_cell(m, "net.batch_norm_1.running_mean", 0) - 0.3) < 1e-12);
  model_free(m);
}

static void test_step_values_in_blocks(void **state) {
  (void)state;
  Model *m = model_new("param w = 1\ntrain { steps 10; loss = w^2; minimize loss using sgd(0.25)\n"
                       " every 5 steps { log seen = loss, now = w^2 } }");
  model_run(m);
  assert_true(fabs(model_number(m, "train", "seen") - 4 * model_number(m, "train", "now")) < 1e-15);
  model_free(m);
}

static void test_generated_data(void **state) {
  (void)state;
  assert_true(result("data d = generate(8) { u = uniform([2]); return x = u, y = sum(u) }\n"
                     "eval on d { report r = max(abs(sum(x, axis = 1) - y)) + abs(count(x) - 16) }") < 1e-12);
  assert_true(result("data d = generate { x = linspace(0, 1, 5); return x = x, y = x * x }\n"
                     "eval on d { report r = sum(y) - sum(x^2) }") == 0);
}

static void test_split_of_generated_data(void **state) {
  (void)state;
  assert_true(
      result("data d = generate { return x = 1.0 * iota(10) }.split(train = 0.8, test = 0.2)\n"
             "task t { report r = sum(d.train.x) + sum(d.test.x) - 45 + len(d.train.x) - 4 * len(d.test.x) }") == 0);
}

/* A first value from the first batch, in forward order; later steps keep what training made of it. */
static void test_initialiser_of_the_first_batch(void **state) {
  (void)state;
  Model *m = model_new("layer centre()(x: [.., n]) { param b : [n] = mean(x, axis = 0); return x - b }\n"
                       "model net(x) = centre()(x)\ndata d = table(x = [[1.], [3.], [10.], [20.]])\n"
                       "train on d { epochs 1; batch 2; shuffle = false\n"
                       " y = net(x); minimize sum(y) using sgd(0.25); log y = sum(y) }\n"
                       "eval on d { report r = net(x) }");
  model_run(m);
  /* b = 2 at first, then 2 + 0.5 a step; the second batch sums to 30 - 2 * 2.5 */
  assert_true(fabs(model_cell(m, "net.centre_1.b", 0) - 3) < 1e-12);
  assert_true(fabs(model_cell(m, "train.log.y.sum", 0) - 2 * (0 + 25)) < 1e-12);
  model_free(m);
}

static void test_means_over_short_batches(void **state) {
  (void)state;
  Model *m = model_new("data d = table(x = [1., 2., 3., 4., 5.])\nparam w = 1\n"
                       "train on d { epochs 1; batch 2; log a = mean(x); minimize w^2 using sgd(0.1) }");
  model_run(m);
  assert_true(model_cell(m, "train.log.a.sum", 0) == 15 && model_cell(m, "train.log.a.weight", 0) == 5);
  model_free(m);
}

static void test_settings(void **state) {
  (void)state;
  Setting set[] = {{"n", "5"}, {"names", "[4, 6]"}, {"steps", "2"}};
  ElabOptions o = {.set = set, .n_set = 3, .dtype = "f64"};
  const char *text = "let n = 3\nlet names = [1, 2]\nlet m = n + names[1]\nparam w = 0\n"
                     "train { steps 7; minimize (w - m)^2 using sgd(0.5) }\ntask t { report r = m }";
  Model *m = model_new_with(text, &o);
  model_run(m);
  assert_true(model_number(m, "t", "r") == 11);
  assert_int_equal(m->e.module->task.at[1].steps, 2);
  model_free(m);
  set[1].name = "nmaes";
  m = model_new_with(text, &o);
  assert_false(m->ok);
  assert_non_null(strstr(model_messages(m), "nmaes"));
  assert_int_equal(m->sink.exit_status, EXIT_USAGE);
  model_free(m);
}

static void test_next_rows(void **state) {
  (void)state;
  /* two calls of three rows make one pass over six: every row once */
  Model *m = model_new("data d = table(x = [1., 2., 4., 8., 16., 32.])\nparam w = 0\n"
                       "train { steps 5; s = 0.0; repeat 2 { b = next(d, 3); s = s + sum(b.x) }\n"
                       " minimize (w - s)^2 using sgd(0.5); every 1 steps { log sum = s } }");
  model_run(m);
  int n = 0;
  for (uint32_t k = 0; k < m->out.n; k++)
    if (strcmp(m->out.at[k].name, "sum") == 0) assert_true(m->out.at[k].value.f[0] == 63), n++;
  assert_int_equal(n, 5);
  model_free(m);
}

static const char study[] = "task study(n = 3) {\n"
                            "  let k = n * 2\n"
                            "  param w = 0\n"
                            "  train as fit { steps 1; minimize (w - k)^2 using sgd(0.5) }\n"
                            "  report r = w\n"
                            "  train as more { steps 1; minimize (w + k)^2 using sgd(0.5) }\n"
                            "  report r = w\n}\n";

static void test_tasks_inside_a_task(void **state) {
  (void)state;
  Model *m = model_new(study);
  model_run(m);
  assert_true(model_number(m, "study.part", "r") == 6 && model_number(m, "study.part_2", "r") == -6);
  model_free(m);
  Setting set = {"study.n", "5"};
  const char *tasks[] = {"study.part"};
  ElabOptions o = {.set = &set, .n_set = 1, .dtype = "f64", .tasks = tasks, .n_tasks = 1};
  m = model_new_with(study, &o);
  assert_non_null(strstr(model_messages(m), "W0502"));
  model_run(m);
  assert_true(model_number(m, "study.part", "r") == 0);
  model_free(m);
  assert_true(result("task t(n = 3) { report r = n }") == 3);
}

static void test_panels(void **state) {
  (void)state;
  Model *m = model_new("param w = 1\ntrain { steps 2; minimize w^2 using sgd(0.1); log w\n"
                       " at end { plot \"p\" = [history(w), histogram([1., 2.])] } }");
  model_run(m);
  const Event *e = &m->e.module->task.at[1].event[0];
  assert_int_equal(e->n_actions, 2);
  assert_int_equal(e->action[0].panels, 2);
  assert_int_equal(e->action[1].panels, -1);
  model_free(m);
}

static void test_draws_do_not_move(void **state) {
  (void)state;
  const char *plain = "param w = 1\ntrain { steps 2; z = normal([3]); minimize sum(w * z) using sgd(0.1) }\n"
                      "task t { report r = w }";
  const char *more = "param w = 1\ntrain { steps 2; z = normal([3]); minimize sum(w * z) using sgd(0.1)\n"
                     " every 1 steps { log a = normal() } }\ntask t { report r = w }";
  assert_true(result(plain) == result(more));
  assert_true(result("task t { report r = normal() - normal() }") != 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_two_players_see_each_other),
      cmocka_unit_test(test_inner_steps),
      cmocka_unit_test(test_adam_counts_once_a_step),
      cmocka_unit_test(test_lbfgs),
      cmocka_unit_test(test_copies),
      cmocka_unit_test(test_frozen),
      cmocka_unit_test(test_state_of_a_layer),
      cmocka_unit_test(test_step_values_in_blocks),
      cmocka_unit_test(test_generated_data),
      cmocka_unit_test(test_means_over_short_batches),
      cmocka_unit_test(test_settings),
      cmocka_unit_test(test_draws_do_not_move),
      cmocka_unit_test(test_next_rows),
      cmocka_unit_test(test_panels),
      cmocka_unit_test(test_tasks_inside_a_task),
      cmocka_unit_test(test_split_of_generated_data),
      cmocka_unit_test(test_initialiser_of_the_first_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
