/* The pass manager and the simplifier on hand-made graphs. */
#include "ir/autodiff/autodiff.h"
#include "ir/passes/check.h"
#include "ir/passes/passes.h"
#include "tests/support/cpu_time.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A module with one plain task of n_in f32 inputs of the given shape. */
static Module *module_new(Builder *b, uint32_t n_in, uint32_t rank, const int64_t *dim, NodeId *in) {
  Module *m = ir_module_new(NULL);
  *b = ir_builder(m, ir_region_new(m), NULL);
  Task task = {.name = "main", .kind = TASK_PLAIN, .loc = IR_NONE, .source = IR_NONE};
  task.tail.region = IR_NONE;
  task.step.region = b->region;
  task.step.n_in = n_in;
  task.step.in = arena_array(&m->mem, Binding, n_in + 1);
  TypeId type = ir_type(m, DT_F32, rank, dim);
  for (uint32_t i = 0; i < n_in; i++) {
    Cell c = {.name = arena_printf(&m->mem, "x%u", i), .type = type, .kind = CELL_PARAM, .loc = IR_NONE};
    vec_push(&m->cell, c);
    task.step.in[i] = (Binding){IN_CELL, i};
    in[i] = ir_param(b, type);
  }
  vec_push(&m->task, task);
  return m;
}

static void add_value(Builder *b, NodeId n) {
  Module *m = b->m;
  Graph *g = &m->task.at[0].step;
  Binding *out = arena_array(&m->mem, Binding, g->n_out + 1);
  if (g->n_out) memcpy(out, g->out, sizeof *out * g->n_out);
  out[g->n_out] = (Binding){OUT_VALUE, g->n_out};
  g->out = out;
  g->n_out++;
  ir_result(b, n);
}

static uint32_t nodes_after(Module *m, const char *passes) {
  DiagSink sink = {0};
  PassOptions o = {.evaluate_each = true, .verify_each = true};
  assert_true(pass_run_named(m, passes, &o, &sink));
  diag_sink_free(&sink);
  return ir_region(m, m->task.at[0].step.region)->node.n;
}

static void merges_and_drops(void **state) {
  (void)state;
  Builder b;
  NodeId x[2];
  Module *m = module_new(&b, 2, 1, (int64_t[]){4}, x);
  NodeId p = ir_binary(&b, OP_mul, x[0], x[1]), q = ir_binary(&b, OP_mul, x[1], x[0]);
  ir_unary(&b, OP_exp, p);
  add_value(&b, ir_binary(&b, OP_mul, p, q));
  assert_int_equal(nodes_after(m, "simplify"), 4); /* two inputs, one product, its square */
  ir_module_free(m);
}

static void folds_constants(void **state) {
  (void)state;
  Builder b;
  NodeId x;
  Module *m = module_new(&b, 1, 1, (int64_t[]){4}, &x);
  NodeId two = ir_full_like(&b, x, 2), half = ir_full_like(&b, x, 0.5);
  add_value(&b, ir_binary(&b, OP_mul, x, ir_binary(&b, OP_mul, two, half)));
  assert_int_equal(nodes_after(m, "simplify"), 1);
  ir_module_free(m);
}

static void keeps_zero_times_x(void **state) {
  (void)state;
  Builder b;
  NodeId x;
  Module *m = module_new(&b, 1, 1, (int64_t[]){4}, &x);
  add_value(&b, ir_binary(&b, OP_mul, x, ir_full_like(&b, x, 0)));
  add_value(&b, ir_binary(&b, OP_sub, x, x));
  add_value(&b, ir_binary(&b, OP_div, x, x));
  assert_int_equal(nodes_after(m, "simplify"), 6);
  ir_module_free(m);
}

static void names_are_checked(void **state) {
  (void)state;
  Builder b;
  NodeId x;
  Module *m = module_new(&b, 1, 0, NULL, &x);
  add_value(&b, ir_unary(&b, OP_neg, x));
  DiagSink sink = {0};
  assert_false(pass_run_named(m, "simplify,simplfy", NULL, &sink));
  assert_int_equal(sink.n_errors, 1);
  assert_int_equal(sink.exit_status, EXIT_USAGE);
  assert_non_null(strstr(sink.diag.at[0].hint, "simplify"));
  assert_true(pass_run_named(m, "", NULL, &sink));
  diag_sink_free(&sink);
  ir_module_free(m);
}

static void what_a_pass_needs_is_checked(void **state) {
  (void)state;
  Builder b;
  NodeId x;
  Module *m = module_new(&b, 1, 0, NULL, &x);
  NodeId a = ir_anchor(&b, x, 1);
  add_value(&b, ir_proj(&b, ir_grad(&b, ir_unary(&b, OP_exp, a), &a, 1), 0));
  DiagSink sink = {0};
  assert_false(pass_run_named(m, "simplify", NULL, &sink));
  assert_int_equal(sink.n_errors, 1);
  assert_non_null(strstr(sink.diag.at[0].hint, "differentiate"));
  assert_true(pass_run_named(m, "stabilise,differentiate,simplify", NULL, &sink));
  diag_sink_free(&sink);
  ir_module_free(m);
}

/* What evaluate_each rests on: a module that computes something else afterwards is noticed, the same one is not. */
static void a_changed_result_is_noticed(void **state) {
  (void)state;
  for (uint32_t wrong = 0; wrong < 2; wrong++) {
    Builder b;
    NodeId x;
    Module *m = module_new(&b, 1, 1, (int64_t[]){4}, &x);
    NodeId e = ir_unary(&b, OP_exp, x), s = ir_unary(&b, OP_sin, x);
    add_value(&b, e);
    PassCheck *before = pass_check_begin(m);
    if (wrong) ir_region(m, b.region)->result.at[0] = s;
    DiagSink sink = {0};
    assert_int_equal(pass_check_end(before, m, "test", &sink), !wrong);
    assert_int_equal(sink.n_errors, wrong);
    diag_sink_free(&sink);
    ir_module_free(m);
  }
}

static void prints_after_a_pass(void **state) {
  (void)state;
  Builder b;
  NodeId x;
  Module *m = module_new(&b, 1, 1, (int64_t[]){4}, &x);
  add_value(&b, ir_unary(&b, OP_neg, ir_unary(&b, OP_neg, x)));
  char *text = NULL;
  size_t n = 0;
  FILE *to = open_memstream(&text, &n);
  PassOptions o = {.print_after = "simplify", .print_to = to};
  DiagSink sink = {0};
  assert_true(pass_run_named(m, "stabilise,simplify,layout", &o, &sink));
  fclose(to);
  assert_non_null(strstr(text, "# after simplify\n"));
  assert_null(strstr(text, "after layout"));
  assert_null(strstr(text, "neg"));
  free(text);
  diag_sink_free(&sink);
  ir_module_free(m);
}

/* A chain of n nodes that the rules shorten: the work must grow as n. Counted in nodes, not in seconds. */
static void a_long_chain(void **state) {
  (void)state;
  Builder b;
  NodeId x;
  Module *m = module_new(&b, 1, 1, (int64_t[]){3}, &x);
  NodeId n = x;
  for (uint32_t i = 0; i < 20000; i++) n = ir_unary(&b, i % 3 ? OP_neg : OP_tanh, n);
  add_value(&b, n);
  DiagSink sink = {0};
  assert_true(pass_run_named(m, "simplify", NULL, &sink));
  assert_int_equal(ir_region(m, m->task.at[0].step.region)->node.n, 1 + 6667 + 1);
  ir_module_free(m);
}

/* A network of `layers` small layers and its gradient: about 14 nodes a layer before the passes. */
static double seconds_for(uint32_t layers, uint32_t *nodes) {
  Builder b;
  NodeId x[2];
  Module *m = module_new(&b, 2, 2, (int64_t[]){4, 4}, x);
  NodeId w = ir_anchor(&b, x[1], 1), h = x[0];
  for (uint32_t i = 0; i < layers; i++) {
    NodeId z = ir_binary(&b, OP_add, ir_matmul(&b, h, w), ir_full_like(&b, h, i));
    h = i % 2 ? ir_unary(&b, OP_tanh, z)
              : ir_select(&b, ir_binary(&b, OP_le, z, ir_full_like(&b, z, 0)), ir_full_like(&b, z, 0), z);
  }
  NodeId loss = ir_reduce(&b, OP_reduce_sum, h, 2, (int64_t[]){0, 1});
  add_value(&b, loss);
  add_value(&b, ir_proj(&b, ir_grad(&b, loss, &w, 1), 0));
  DiagSink sink = {0};
  PassOptions o = {0};
  const double start = cpu_seconds();
  assert_true(pass_run_named(m, pass_pipeline_opt, &o, &sink));
  double t = cpu_seconds() - start;
  *nodes = ir_region(m, m->task.at[0].step.region)->node.n;
  ir_module_free(m);
  return t;
}

/* The pipeline's time grows as the graph: 10 times the nodes may cost 10 times as much, and not 100 times. */
static void time_is_linear(void **state) {
  (void)state;
  static const uint32_t layers[] = {100, 200, 500, 1000};
  double per_node[4];
  for (uint32_t i = 0; i < 4; i++) {
    uint32_t nodes;
    double best = seconds_for(layers[i], &nodes);
    for (uint32_t again = 0; again < 3; again++) {
      double t = seconds_for(layers[i], &nodes);
      if (t < best) best = t;
    }
    per_node[i] = best / nodes;
    print_message("%5u nodes: %.2f ms\n", nodes, best * 1e3);
    assert_true(nodes >= 6 * layers[i]);
  }
  assert_true(per_node[3] < 5 * per_node[0]);
}

/* A loop's passes cost the same whatever its trip count. */
static void trip_count_is_free(void **state) {
  (void)state;
  uint32_t nodes[2];
  for (uint32_t k = 0; k < 2; k++) {
    Builder b;
    NodeId x;
    int64_t count = k ? 10000 : 10;
    Module *m = module_new(&b, 1, 1, (int64_t[]){3}, &x);
    Builder body = ir_builder(m, ir_region_new(m), NULL);
    ir_param(&body, ir_scalar(m, DT_I64));
    NodeId c = ir_param(&body, ir_node(m, b.region, x)->type);
    ir_result(&body, ir_unary(&body, OP_sin, ir_unary(&body, OP_neg, ir_unary(&body, OP_neg, c))));
    ir_builder_free(&body);
    add_value(&b, ir_proj(&b, ir_scan(&b, count, false, &x, 1, NULL, 0, NULL, 0, body.region), 0));
    DiagSink sink = {0};
    assert_true(pass_run_named(m, pass_pipeline_opt, NULL, &sink));
    nodes[k] = 0;
    for (uint32_t r = 0; r < m->region.n; r++) nodes[k] += ir_region(m, r)->node.n;
    ir_module_free(m);
  }
  assert_int_equal(nodes[0], nodes[1]);
}

/* A recurrence with a carry, sequences in and out and a constant, all summed, and its derivatives. */
static Module *recurrence(int64_t count, bool reverse) {
  Builder b;
  NodeId in[3]; /* x [count, 3], of which rows serve as carry and constant too */
  Module *m = module_new(&b, 3, 2, (int64_t[]){count, 3}, in);
  int64_t lo[2] = {0}, hi[2] = {1, 3}, step[2] = {1, 1}, three = 3;
  NodeId carry = ir_reshape(&b, ir_slice(&b, in[1], lo, hi, step), 1, &three);
  NodeId constant = ir_reshape(&b, ir_slice(&b, in[2], lo, hi, step), 1, &three);
  Builder body = ir_builder(m, ir_region_new(m), NULL);
  NodeId iv = ir_cast(&body, ir_param(&body, ir_scalar(m, DT_I64)), DT_F32);
  TypeId row = ir_type(m, DT_F32, 1, &three);
  NodeId h = ir_param(&body, row), x = ir_param(&body, row), w = ir_param(&body, row);
  NodeId sum = ir_binary(&body, OP_add, ir_binary(&body, OP_mul, h, w), x);
  NodeId next = ir_unary(&body, OP_sin, ir_binary(&body, OP_add, sum, ir_broadcast_to(&body, iv, 1, &three)));
  ir_result(&body, next);
  ir_result(&body, ir_binary(&body, OP_mul, next, sum));
  RegionId region = body.region;
  ir_builder_free(&body);
  NodeId scan = ir_scan(&b, count, reverse, &carry, 1, in, 1, &constant, 1, region);
  NodeId last = ir_reduce(&b, OP_reduce_sum, ir_proj(&b, scan, 0), 1, (int64_t[]){0});
  NodeId all = ir_reduce(&b, OP_reduce_sum, ir_proj(&b, scan, 1), 2, (int64_t[]){0, 1});
  NodeId loss = ir_binary(&b, OP_add, last, all), grad = ir_grad(&b, loss, in, 3);
  add_value(&b, loss);
  for (uint32_t k = 0; k < 3; k++) add_value(&b, ir_proj(&b, grad, k));
  return m;
}

/* Cut into segments, with and without iterations left over, a loop has the derivatives it had. */
static void segments_change_no_derivative(void **state) {
  (void)state;
  for (int64_t count = 4; count < 15; count++)
    for (int reverse = 0; reverse < 2; reverse++) {
      DiagSink sink = {0};
      Module *whole = recurrence(count, reverse), *cut = recurrence(count, reverse);
      assert_true(pass_run_named(whole, "differentiate", NULL, &sink));
      PassCheck *check = pass_check_begin(whole);
      assert_true(pass_run_named(cut, "segment", NULL, &sink));
      StrBuf text = {0};
      ir_print(cut, IR_NONE, &text);
      assert_non_null(strstr(text.s, "recompute"));
      sb_free(&text);
      assert_true(pass_run_named(cut, "differentiate,simplify,loops,layout", NULL, &sink));
      assert_true(ir_verify(cut, &sink));
      assert_true(pass_check_end(check, cut, "segment", &sink));
      assert_int_equal(sink.n_errors, 0);
      diag_sink_free(&sink);
      ir_module_free(whole);
      ir_module_free(cut);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(merges_and_drops),
      cmocka_unit_test(folds_constants),
      cmocka_unit_test(keeps_zero_times_x),
      cmocka_unit_test(names_are_checked),
      cmocka_unit_test(what_a_pass_needs_is_checked),
      cmocka_unit_test(a_changed_result_is_noticed),
      cmocka_unit_test(prints_after_a_pass),
      cmocka_unit_test(a_long_chain),
      cmocka_unit_test(time_is_linear),
      cmocka_unit_test(trip_count_is_free),
      cmocka_unit_test(segments_change_no_derivative),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
