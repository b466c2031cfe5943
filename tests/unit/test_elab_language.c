/* Constructs of the language, rule by rule (docs/language.md), by what they compute. */
#include "tests/support/files.h"
#include "tests/support/model.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void gives(const char *text, double want) { expect_report(text, "r", 1, &want, 1e-12); }

static void test_compile_time_values(void **state) {
  (void)state;
  gives("let n = 3\ntask t { report r = if n > 2 then 1 else 2 }", 1);
  gives("fn twice(f, x) = f(f(x))\nlet g = fn(x) = x * 3\ntask t { report r = twice(g, 2) }", 18);
  gives("fn pair() = 3, 4\ntask t { a, b = pair(); report r = a * b }", 12);
  gives("let s = [k^2 for k in 0..4]\ntask t { report r = sum(s) + len(s) }", 18);
  gives("fn f(x, n = 2, m = 1) = x^n * m\ntask t { report r = f(3, m = 10) }", 90);
  gives("fn f(x) { if x > 0 { return 1 }\n return -1 }\ntask t { report r = f(2) - f(-2) }", 2);
  gives("fn f(x) { x = x + 1; return x }\nlet a = 1\ntask t { report r = f(a) + a }", 3);
  gives("let a = [1, 2, 3, 4]\ntask t { report r = sum(a[1:3]) + a[-1] + len(a[::2]) }", 11);
  gives("let z = zip([1, 2], [3, 4])\ntask t { report r = sum([a[0] * a[1] for a in z]) }", 11);
  gives("fn f(x) { require len(x) == 2, \"two are needed, found {len(x)}\"\n return sum(x) }\n"
        "task t { report r = f([1, 2]) }",
        3);
  expect_error("fn f(x) { require len(x) == 2, \"two are needed, found {len(x)}\"\n return sum(x) }\n"
               "task t { report r = f([1, 2, 3]) }",
               "E0312", 3, "found 3");
}

static void test_lambdas_capture_values(void **state) {
  (void)state;
  gives("task t { a = 1; f = fn(x) = x + a; a = 100; report r = f(1) }", 2);
  gives("task t { fs = [fn(x) = x * k for k in 1..4]; report r = fs[0](1) + fs[2](1) }", 4);
}

static void test_patterns(void **state) {
  (void)state;
  gives("fn f(x: [b.., t, k]) = t * 10 + k\ntask t { report r = f(zeros([5, 6, 2, 3])) }", 23);
  gives("fn f(x: [b.., k]) = sum(reshape(x, [b.., -1, 1]), axis = b)[0, 0]\ntask t { report r = f(ones([5, 6, 2])) }",
        30);
  gives("fn f(x: [n, n]) = n\ntask t { report r = f(zeros([3, 3])) }", 3);
  expect_error("fn f(x: [n, n]) = n\ntask t { report r = f(zeros([3, 4])) }", "E0310", 2, "`x`");
  expect_error("fn f(x: [n], y: [n]) = n\ntask t { report r = f(zeros([3]), zeros([4])) }", "E0310", 2, "`y`");
  gives("fn f(x: [.., k]) = shape(reshape(x, [.., k, 1]))[0]\ntask t { report r = f(zeros([7, 3])) }", 7);
}

static void test_members_and_lists_of_layers(void **state) {
  (void)state;
  const char *text = "layer scale()(x: [.., n]) {\n  param s : [n] = 2\n  fn inverse(y) = y / s\n  return x * s\n}\n"
                     "let parts = [scale() for k in 0..3]\n"
                     "task t {\n  z = ones([4, 2])\n  unroll for p in parts { z = p(z) }\n  y = z\n"
                     "  unroll for p in reverse(parts) { y = p.inverse(y) }\n  report r = sum(z) + sum(y)\n}";
  Model *m = model_new(text);
  model_run(m);
  assert_true(model_number(m, "t", "r") == 8 * 8 + 8);
  assert_true(model_cell(m, "parts.2.s", 1) == 2);
  model_free(m);
}

static void test_runs_over_functions(void **state) {
  (void)state;
  gives("fn a(x) = x + 1\nfn b(x) = x * 5\nparam w = 3\n"
        "unroll for f in (a, b) {\n  eval as \"{f}\" { report r = f(w) }\n}",
        15);
}

static void test_loops_over_sequences(void **state) {
  (void)state;
  gives("task t { x = reshape(iota(6), [2, 3]); s = for c in x along -1 { yield sum(c) }; report r = s[2] }", 7);
  gives("task t { x = reshape(1.0 * iota(6), [2, 3]); y = for c in x along 1 { yield c * 2 along 1 }\n"
        " report r = y[1, 2] - 2 * x[1, 2] + len(y) }",
        2);
  gives("task t { s = 0.0; for a, b in [1., 2.], [3., 4.] { s = s + a * b }; report r = s }", 11);
  gives("task t { s = 1.0; for k in reverse(0..3) { s = s * 2 + k }; report r = s }", 8 + 2 * 4 + 2);
  gives("task t { p, q = for k in 0..3 { yield k, k * k }; report r = sum(p) * 100 + sum(q) }", 305);
  gives("task t { a = 0; b = 1; repeat 10 { c = a + b; a = b; b = c }; report r = a }", 55);
  gives("task t { n = 0; repeat 100 until n >= 7 { n = n + 1 }; report r = n }", 7);
}

/* A number before the loop takes the type that the innermost body gives it. */
static void test_weak_numbers_in_nested_loops(void **state) {
  (void)state;
  gives("task t { x = 0; repeat 2 { repeat 2 { x = x + 1.5 } }; report r = x }", 6);
  gives("task t { x = 0; repeat 2 { x = x * 2; repeat 2 { x = x + 1.5 } }; report r = x }", 9);
  gives("task t { x = 0; repeat 2 { y = x; repeat 2 { y = y + 0.5 }; x = y }; report r = x }", 2);
  gives("task t { x = 0; n = 0; repeat 2 { repeat 2 { repeat 2 { x = x + 0.25 }; n = n + 1 } }; report r = x + n }", 6);
  gives("fn f(x) { repeat 2 { x = x + 1.5 }; return x }\ntask t { x = 0; repeat 2 { x = f(x) }; report r = x }", 6);
  expect_error("task t { x = zeros([2]); repeat 2 { repeat 2 { x = concat([x, x]) } }; report r = x }", "E0315", 1,
               "`x`");
}

static void test_gradients_through_loops(void **state) {
  (void)state;
  gives("fn f(x) { y = x; repeat 3 { y = y * x }; return grad(y, x) }\ntask t { report r = f(2.0) }", 32);
  gives("fn f(x) { s = 0; for k in 0..4 { s = s + x^2 * k }; return grad(s, x) }\ntask t { report r = f(1.5) }", 18);
  gives("fn f(x) { y = for k in 0..3 { yield x * k }; return grad(sum(y^2), x) }\ntask t { report r = f(2.0) }", 20);
  /* a derivative inside a loop, through values from outside of it */
  gives("param W = 3\ntask t { h = W * W; y = repeat 2 { g = grad(h * W, W); yield g }; report r = y[1] }", 27);
  gives("param W = 3\ntask t { h = W * W; y = repeat 2 { g = grad(h * 2, W); yield g }; report r = y[1] }", 12);
  /* Langevin: a gradient inside a loop, on the loop's own variable */
  gives("fn energy(x) = sum(x^2) / 2\n"
        "task t { x = [4.]; repeat 2 { x = x - 0.5 * grad(energy(x), x) }; report r = x }",
        1);
}

static void test_states_inside_loops(void **state) {
  (void)state;
  gives("state n = 0\nparam w = 0\ntrain { steps 2; repeat 3 { n = n + 1 }; minimize (w - n)^2 using sgd(0.5) }\n"
        "task t { report r = w + n }",
        12);
}

static void test_training_flag(void **state) {
  (void)state;
  gives("model net(x) { y = x; if training { y = y * 10 }; param w = 1; return y * w }\n"
        "train { steps 1; minimize net(1.0) using sgd(0.1) }\ntask t { report r = net(1.0) }",
        0);
}

static void test_used_files(void **state) {
  (void)state;
  char *folder = folder_new();
  const char *text =
      "let k = 4\nfn quad(x) = k * x\nmodel inner(x) = dense(1, init = ones)(x)\ntask hidden { report r = 0 }\n";
  char *path = file_write(folder, "part.sep", text, strlen(text));
  char program[512];
  snprintf(program, sizeof program,
           "use \"%s\" as p\nlet k = 100\ntask t { x = ones([1, 3]); report r = p.quad(2) + p.k + sum(p.inner(x)) }",
           path);
  gives(program, 15);
  snprintf(program, sizeof program, "use \"%s\"\ntask t { report r = quad(k) }", path);
  gives(program, 16);
  free(path);
  folder_remove(folder);
  expect_error("use \"none.sep\"\n", "E0606", 1, "none.sep");
}

/* `batch` in an eval changes the memory, not the result: every way a value may depend on rows. */
static void test_eval_is_exact(void **state) {
  (void)state;
  static const char *const body[] = {
      "sqrt(mean(x^2))",
      "sum(x - mean(x))",
      "max(x) - min(x)",
      "sum(sort(x)[0:2])",
      "sum(W[k] * x)",
      "mean((outer(x, [1., 2.]) @ [[1.], [3.]])[:, 0] * x)",
      "sum(transpose(outer(x, [1., 2.])) @ outer(x, [3., 4.]))",
      "x @ x",
      "sum(concat([x, 2 * x]))",
      "sum(iota(5) * x)",
      "sum(where(k == 0, x, 0)) + sum(pick(one_hot(k, 2), k))",
      "sum(reverse(x) * x)",
      "sum(logsumexp(reshape(outer(x, [1., 2., 3., 4.]), [5, 2, 2]), axis = -1))",
      "sum((repeat 2 { yield x * x })[1])",
      "sum(twice(x))",
      "sum(summed(outer(x, [1., 2., 3.])) * x)",
      "sum((for t in 0..3 { yield x * t })[2] * x)",
      "sum(steps(x)[:, 1] * x) + max(steps(x))",
      "sum(nested(x) + summed(outer(x, [1., 2.])))",
      "sum(crossed(x))",
      "sum(started(x))",
      "sum(normal([3, 5])[0] * 0 + x)",
      "sum(cumsum(x))",
  };
  for (uint32_t k = 0; k < sizeof body / sizeof *body; k++) {
    char text[4096];
    snprintf(text, sizeof text,
             "fn outer(a, b) = a[:, none] * b\n"
             "fn twice(x) { h = x; repeat 3 { h = tanh(h + W[0] * x) }; return h }\n"
             "fn summed(x) { h = 0 * x[:, 0]; for c in x along 1 { h = 0.5 * h + c }; return h }\n"
             "fn steps(x) { h = x; return repeat 3 { h = h * h; yield h along 1 } }\n"
             "fn nested(x) { h = x; repeat 2 { repeat 2 { h = h + x } }; return h }\n"
             "fn crossed(x) { h = x; repeat 2 { h = h - mean(h) }; return h }\n"
             "fn started(x) { h = zeros(like = x); n = 0; repeat 3 { h = h + x * n; n = n + 1 }; return h }\n"
             "param W : [2] = [5., 7.]\n"
             "data d = table(x = [1., 2., 3., 4., 5.], k = i32([0, 1, 0, 1, 1]))\n"
             "eval on d as whole { report r = %s }\neval on d as chunks { batch 2; report r = %s }",
             body[k], body[k]);
    Model *m = model_new(text);
    model_run(m);
    double a = model_number(m, "whole", "r"), b = model_number(m, "chunks", "r");
    if (!(fabs(a - b) < 1e-12 * (1 + fabs(a)))) fail_msg("%s: %.17g whole, %.17g in chunks", body[k], a, b);
    model_free(m);
  }
}

/* A loop whose body goes row by row runs inside the chunks: nothing of it is as long as the split. */
static void test_loops_run_in_chunks(void **state) {
  (void)state;
  static const char *const body[] = {
      "h = x; repeat 3 { h = tanh(h + x) }; report r = sum(h)",
      "h = zeros(like = x); repeat 3 { h = h + x * normal(like = x) }; report r = sum(h)",
      "y = repeat 3 { yield x * x }; report r = sum(y)",
  };
  for (uint32_t k = 0; k < sizeof body / sizeof *body; k++) {
    char text[512];
    snprintf(text, sizeof text, "data d = table(x = linspace(0, 1, 1000))\neval on d { batch 10; %s }", body[k]);
    Model *m = model_new(text);
    model_run(m);
    const Module *e = m->e.module;
    const Region *r = ir_region(e, e->task.at[e->task.n - 1].step.region);
    uint32_t loops = 0;
    for (NodeId id = 0; id < r->node.n; id++) {
      const Type *t = ir_type_get(e, r->node.at[id].type);
      loops += r->node.at[id].op == OP_scan;
      if (r->node.at[id].op != OP_param && t->rank) assert_int_not_equal(t->dim[0], 1000);
    }
    assert_int_equal(loops, 1);
    model_free(m);
  }
}

/* .. nor the random numbers: a chunk draws its part of what the whole split would draw. */
static void test_eval_draws_the_same_in_chunks(void **state) {
  (void)state;
  static const char *const body[] = {
      "sum(normal([5]) * x)",
      "sum(normal([5, 3]) * x[:, none])",
      "sum(normal([3, 5])[1] * x)",
      "sum(uniform([5, 5]) * x[:, none])",
      "sum(bernoulli(0.3 + 0 * x) * x)",
      "sum(categorical(x[:, none] * [1., 2., 3.]) * x)",
      "sum(x[permutation(5)] * x)",
      "sum(randint([5], 0, 100) * x)",
      "sum(normal(like = x) * x) + sum(normal(like = x))",
      "sum((repeat 3 { yield x * normal(like = x) }))",
  };
  for (uint32_t k = 0; k < sizeof body / sizeof *body; k++) {
    double r[2];
    for (int batch = 0; batch < 2; batch++) {
      char text[1024];
      snprintf(text, sizeof text, "data d = table(x = [1., 2., 3., 4., 5.])\neval on d as test { %s; report r = %s }",
               batch ? "batch 2" : "", body[k]);
      Model *m = model_new(text);
      model_run(m);
      r[batch] = model_number(m, "test", "r");
      model_free(m);
    }
    if (!(fabs(r[0] - r[1]) < 1e-12 * (1 + fabs(r[0]))))
      fail_msg("%s: %.17g whole, %.17g in chunks", body[k], r[0], r[1]);
  }
}

static void test_random_streams_are_apart(void **state) {
  (void)state;
  gives("fn draw() = uniform()\ntask t { a = draw(); b = draw(); report r = float(a == b) }", 0);
  gives("task t { x = repeat 4 { yield uniform() }; report r = float(x[0] == x[1]) }", 0);
}

static void test_gradient_of_a_binding(void **state) {
  (void)state;
  /* two equal slices are two variables */
  gives("task t { w = [1., 2.]; a = w[0:1]; b = w[0:1]; report r = grad(sum(a * b * b), a) }", 1);
  gives("task t { a = 3.0; b = a; y = a * b; report r = grad(y, a) }", 6);
  gives("fn g(y, x) = grad(y, x)\ntask t { x = 3.0; y = x^2; report r = g(y, x) }", 6);
}

static void test_second_derivatives(void **state) {
  (void)state;
  gives("fn d2(f, x) { y = f(x); g = grad(y, x); return grad(g, x) }\ntask t { report r = d2(sin, 1.0) }", -sin(1));
  /* a gradient penalty inside a loss */
  gives("param w = 2\ntrain { steps 1; x = 3.0 * ones([1]); y = w * x^2; g = grad(sum(y), x)\n"
        " minimize sum(g^2) using sgd(0.001) }\ntask t { report r = w }",
        2 - 0.001 * 2 * 2 * 36);
}

static void test_pole_of_norm(void **state) {
  (void)state;
  gives("fn f(x) = grad(norm(x), x)\ntask t { report r = sum(f(zeros([3]))) }", 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_compile_time_values),
      cmocka_unit_test(test_lambdas_capture_values),
      cmocka_unit_test(test_patterns),
      cmocka_unit_test(test_members_and_lists_of_layers),
      cmocka_unit_test(test_runs_over_functions),
      cmocka_unit_test(test_loops_over_sequences),
      cmocka_unit_test(test_weak_numbers_in_nested_loops),
      cmocka_unit_test(test_gradients_through_loops),
      cmocka_unit_test(test_states_inside_loops),
      cmocka_unit_test(test_training_flag),
      cmocka_unit_test(test_used_files),
      cmocka_unit_test(test_eval_is_exact),
      cmocka_unit_test(test_loops_run_in_chunks),
      cmocka_unit_test(test_eval_draws_the_same_in_chunks),
      cmocka_unit_test(test_random_streams_are_apart),
      cmocka_unit_test(test_gradient_of_a_binding),
      cmocka_unit_test(test_second_derivatives),
      cmocka_unit_test(test_pole_of_norm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
