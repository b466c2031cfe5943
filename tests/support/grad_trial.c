#include "tests/support/grad_trial.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

NodeId g_add(Builder *b, NodeId x, NodeId y) { return ir_binary(b, OP_add, x, y); }

NodeId g_mul(Builder *b, NodeId x, NodeId y) { return ir_binary(b, OP_mul, x, y); }

NodeId g_scale(Builder *b, NodeId x, double f) { return g_mul(b, x, ir_full_like(b, x, f)); }

NodeId g_sum(Builder *b, NodeId x) {
  const int64_t axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
  return ir_reduce(b, OP_reduce_sum, x, ir_type_of(b, x)->rank, axes);
}

NodeId g_square_sum(Builder *b, NodeId x) { return g_sum(b, g_mul(b, x, x)); }

NodeId g_gradient(Builder *b, NodeId y, NodeId x) { return ir_proj(b, ir_grad(b, y, &x, 1), 0); }

GradTrial trial_begin(void) {
  GradTrial p = {.m = ir_module_new(NULL)};
  p.b = ir_builder(p.m, ir_region_new(p.m), NULL);
  return p;
}

void trial_end(GradTrial *p) {
  ir_builder_free(&p->b);
  arena_free(&p->mem);
  diag_sink_free(&p->sink);
  ir_module_free(p->m);
}

NodeId trial_vector(GradTrial *p, int64_t n, const double *v) {
  return ir_const(&p->b, ir_type(p->m, DT_F64, 1, &n), v);
}

const double *trial_evaluate(GradTrial *p, NodeId result) {
  ir_result(&p->b, result);
  RegionId r = ir_differentiate(p->m, p->b.region, &p->sink);
  assert_int_not_equal(r, IR_NONE);
  Value *v = arena_array(&p->mem, Value, 8);
  assert_true(eval_region(p->m, r, NULL, v, NULL, &p->mem));
  ir_region(p->m, p->b.region)->result.n = 0;
  return v[0].f;
}

void expect_numbers(const double *have, uint32_t n, const double *want) {
  for (uint32_t k = 0; k < n; k++)
    if (!(fabs(have[k] - want[k]) <= 1e-10 * (1 + fabs(want[k]))))
      fail_msg("element %u: %.15g, not %.15g", k, have[k], want[k]);
}

void trial_refused(GradTrial *p, NodeId result, const char *text) {
  ir_result(&p->b, result);
  assert_int_equal(ir_differentiate(p->m, p->b.region, &p->sink), IR_NONE);
  assert_int_equal(p->sink.n_errors, 1);
  assert_non_null(strstr(p->sink.diag.at[0].message, text));
}

uint32_t trial_count(const Module *m, RegionId r, Op op) {
  uint32_t n = 0;
  for (NodeId k = 0; k < ir_region(m, r)->node.n; k++) n += ir_node(m, r, k)->op == op;
  return n;
}
