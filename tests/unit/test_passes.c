/* The pass manager and the simplifier on hand-made graphs. */
#include "ir/build.h"
#include "ir/passes.h"
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
  add_value(&b, ir_binary(&b, OP_add, p, q));
  assert_int_equal(nodes_after(m, "simplify"), 4); /* two inputs, one product, one sum */
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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(merges_and_drops),  cmocka_unit_test(folds_constants), cmocka_unit_test(keeps_zero_times_x),
      cmocka_unit_test(names_are_checked), cmocka_unit_test(a_long_chain),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
