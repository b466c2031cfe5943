/* Random graphs, loops among them: the gradient along a random direction against differences. */
#include "ir/autodiff/autodiff.h"
#include "runtime/random.h"
#include "tests/support/random_graph.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 300, MAX_PARAMS = 64 };

typedef struct Trial {
  Module *m;
  Arena mem;
  RegionId value, slope; /* params -> y; params, directions -> directional derivative of y */
  uint32_t n_param;      /* of the graph itself */
} Trial;

static NodeId weighted(Builder *b, NodeId x, NodeId w, NodeId so_far) {
  NodeId p = ir_binary(b, OP_mul, x, w);
  const int64_t axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
  NodeId s = ir_reduce(b, OP_reduce_sum, p, ir_type_of(b, p)->rank, axes);
  return so_far == IR_NONE ? s : ir_binary(b, OP_add, so_far, s);
}

static bool is_float(const Builder *b, NodeId n) { return ir_is_float((DType)ir_type_of(b, n)->dtype); }

/* The graph with its float parameters anchored, and y = a weighted sum of what its float results are bounded to. */
static NodeId build_y(Trial *t, Builder *b, NodeId *x) {
  RegionId from = t->m->task.at[0].step.region;
  NodeId *map = arena_array(&t->mem, NodeId, ir_region(t->m, from)->node.n), y = IR_NONE;
  t->n_param = ir_region(t->m, from)->param.n;
  for (uint32_t k = 0; k < t->n_param; k++) {
    NodeId p = ir_region(t->m, from)->param.at[k], made = ir_param(b, ir_node(t->m, from, p)->type);
    map[p] = x[k] = is_float(b, made) ? ir_anchor(b, made, k) : made;
  }
  for (NodeId n = 0; n < ir_region(t->m, from)->node.n; n++) {
    Node node = *ir_node(t->m, from, n);
    if (node.op == OP_param) continue;
    NodeId *in = arena_array(&t->mem, NodeId, node.n_in + 1u);
    for (uint32_t k = 0; k < node.n_in; k++) in[k] = map[ir_operands(t->m, from, &node)[k]];
    const Attr *a = node.attr == IR_NONE ? NULL : ir_attr_get(t->m, node.attr);
    map[n] = ir_emit_region(b, (Op)node.op, in, node.n_in, a, node.body[0], node.body[1]);
  }
  for (uint32_t k = 0; k < ir_region(t->m, from)->result.n; k++) {
    NodeId r = map[ir_region(t->m, from)->result.at[k]];
    if (!is_float(b, r)) continue;
    y = weighted(b, ir_unary(b, OP_atan, r), ir_full_like(b, r, 1 + 0.3 * k), y);
  }
  return y;
}

/* Differences see through stop_gradient, so the graphs do without: an anchor is the same value. */
static void let_gradients_through(Module *m) {
  for (RegionId r = 0; r < m->region.n; r++)
    for (NodeId n = 0; n < ir_region(m, r)->node.n; n++)
      if (ir_node(m, r, n)->op == OP_stop_gradient) ir_node(m, r, n)->op = OP_anchor;
}

/* False when the graph has no float result or no float parameter. */
static bool build(Trial *t) {
  NodeId x[MAX_PARAMS], v[MAX_PARAMS], dot = IR_NONE;
  Builder b0 = ir_builder(t->m, ir_region_new(t->m), NULL), b1 = ir_builder(t->m, ir_region_new(t->m), NULL);
  NodeId y = build_y(t, &b0, x);
  if (y == IR_NONE) return false;
  ir_result(&b0, y);
  y = build_y(t, &b1, x);
  uint32_t n = 0;
  for (uint32_t k = 0; k < t->n_param; k++)
    if (is_float(&b1, x[k])) v[n++] = x[k];
  if (n == 0) return false;
  NodeId g = ir_grad(&b1, y, v, n);
  for (uint32_t k = 0; k < n; k++)
    dot = weighted(&b1, ir_proj(&b1, g, k), ir_param(&b1, ir_node(t->m, b1.region, v[k])->type), dot);
  ir_result(&b1, dot);
  t->value = ir_differentiate(t->m, b0.region, NULL);
  t->slope = ir_differentiate(t->m, b1.region, NULL);
  return true;
}

static double evaluate(Trial *t, RegionId r, const Value *in) {
  Value out;
  return eval_region(t->m, r, in, &out, NULL, &t->mem) ? out.f[0] : NAN;
}

static bool has_floats(const Trial *t, const Value *v) { return ir_is_float((DType)ir_type_get(t->m, v->type)->dtype); }

static double along(Trial *t, const Value *x, const Value *v, double h) {
  Value *in = arena_array(&t->mem, Value, t->n_param + 1);
  for (uint32_t k = 0, j = 0; k < t->n_param; k++) {
    in[k] = x[k];
    if (!has_floats(t, &x[k])) continue;
    in[k] = value_new(t->m, x[k].type, &t->mem);
    for (int64_t i = 0, n = ir_elements(ir_type_get(t->m, x[k].type)); i < n; i++)
      in[k].f[i] = x[k].f[i] + h * v[j].f[i];
    j++;
  }
  return evaluate(t, t->value, in);
}

/* -1: the differences do not settle (a kink, a pole, wild values); 0: disagreement; 1: agreement. */
static int compare(Trial *t, uint64_t seed, double *have, double *want) {
  Value in[2 * MAX_PARAMS], *v = in + t->n_param;
  random_graph_inputs(t->m, &t->m->task.at[0].step, seed, &t->mem, in);
  for (uint32_t k = 0, j = 0; k < t->n_param; k++) {
    if (!has_floats(t, &in[k])) continue;
    v[j] = value_new(t->m, in[k].type, &t->mem);
    for (int64_t i = 0, n = ir_elements(ir_type_get(t->m, in[k].type)); i < n; i++)
      v[j].f[i] = random_normal64(seed, k, (uint64_t)i);
    j++;
  }
  *have = evaluate(t, t->slope, in);
  double h = 1e-5, wide = (along(t, in, v, h) - along(t, in, v, -h)) / (2 * h);
  *want = (along(t, in, v, h / 2) - along(t, in, v, -h / 2)) / h;
  double scale = 1 + fabs(*want);
  if (!(fabs(wide - *want) < 1e-6 * scale)) return -1;
  double right = (along(t, in, v, h / 2) - along(t, in, v, 0)) / (h / 2);
  if (!(fabs(right - *want) < 1e-2 * scale)) return -1; /* a kink under the point itself */
  return fabs(*have - *want) <= 1e-5 * scale;
}

static void along_a_direction(void **state) {
  (void)state;
  uint32_t decided = 0, failed = 0;
  for (uint64_t seed = 1; seed <= COUNT; seed++) {
    RandomGraphOptions o = random_graph_options(seed, DT_F64);
    o.order = (uint32_t)(seed % 3);
    o.lapack = false;
    Trial t = {.m = random_graph(&o)};
    double have, want;
    let_gradients_through(t.m);
    int r = ir_region(t.m, t.m->task.at[0].step.region)->param.n <= MAX_PARAMS && build(&t)
                ? compare(&t, seed, &have, &want)
                : -1;
    decided += r >= 0;
    if (r == 0) print_message("seed %d: %.12g, by differences %.12g\n", (int)seed, have, want), failed++;
    arena_free(&t.mem);
    ir_module_free(t.m);
  }
  print_message("%u of %d decided\n", decided, COUNT);
  assert_int_equal(failed, 0);
  assert_true(decided > COUNT / 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(along_a_direction)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
