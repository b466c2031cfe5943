/* Gradients of straight programs: bindings, orders, poles and kinks, locations, size. */
#include "tests/support/cpu_time.h"
#include "tests/support/grad_trial.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* f(x) = grad(x * w, x) called as f(w): the argument is a variable of its own, so the answer is w, not 2 w. */
static void anchors_tell_aliases_apart(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId w = ir_anchor(&p.b, V(3, -5), 0), x = ir_anchor(&p.b, w, 1);
  NodeId g = g_gradient(&p.b, g_sum(&p.b, g_mul(&p.b, x, w)), x);
  EXPECT(trial_evaluate(&p, g), 3, -5);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_sum(&p.b, g_mul(&p.b, x, w)), w)), 6, -10);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_sum(&p.b, g), w)), 1, 1);
  trial_end(&p);
}

static void stop_gradient_stops(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId x = ir_anchor(&p.b, V(3, 4), 0), s = ir_unary(&p.b, OP_stop_gradient, x);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_sum(&p.b, g_mul(&p.b, s, x)), x)), 3, 4);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_sum(&p.b, s), x)), 0, 0);
  trial_end(&p);
}

static void higher_orders(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId x = ir_anchor(&p.b, V(0.5, 2), 0), x2 = g_mul(&p.b, x, x),
         y = g_add(&p.b, g_mul(&p.b, x2, x2), ir_unary(&p.b, OP_sin, x));
  NodeId g1 = g_gradient(&p.b, g_sum(&p.b, y), x), g2 = g_gradient(&p.b, g_sum(&p.b, g1), x);
  NodeId g3 = g_gradient(&p.b, g_sum(&p.b, g2), x), g4 = g_gradient(&p.b, g_sum(&p.b, g3), x);
  EXPECT(trial_evaluate(&p, g3), 24 * .5 - cos(.5), 48 - cos(2));
  EXPECT(trial_evaluate(&p, g4), 24 + sin(.5), 24 + sin(2));
  trial_end(&p);
}

static void vjp_and_jvp(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId x = ir_anchor(&p.b, V(1, 2), 0), y = g_mul(&p.b, g_mul(&p.b, x, x), x), v = V(1, -1);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_sum(&p.b, g_mul(&p.b, y, v)), x)), 3, -12);
  for (uint32_t k = 0; k < 2; k++) {
    NodeId w = ir_anchor(&p.b, ir_full_like(&p.b, y, k), 1), back = g_gradient(&p.b, g_sum(&p.b, g_mul(&p.b, y, w)), x);
    NodeId j = g_gradient(&p.b, g_sum(&p.b, g_mul(&p.b, back, v)), w);
    EXPECT(trial_evaluate(&p, j), 3, -12);
    EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_sum(&p.b, j), x)), 6, -12);
  }
  trial_end(&p);
}

/* A branch not taken leaves no NaN, near or far from the choice, and products keep their mixed derivative at 0. */
static void zero_cotangents_annihilate(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId x = ir_anchor(&p.b, V(0, 2, -1), 0), zero = ir_full_like(&p.b, x, 0);
  NodeId positive = ir_binary(&p.b, OP_lt, zero, x);
  static const Op pole[] = {OP_log, OP_sqrt, OP_log1p};
  for (uint32_t k = 0; k < 2; k++) {
    NodeId f = ir_unary(&p.b, pole[k], x), y = g_sum(&p.b, ir_select(&p.b, positive, f, zero));
    EXPECT(trial_evaluate(&p, g_gradient(&p.b, y, x)), 0, k ? .5 / sqrt(2) : .5, 0);
    /* the choice after a contraction: no select to see near the pole */
    const IntList none = {0}, ax = {1, {0}};
    NodeId mask = ir_cast(&p.b, positive, DT_F64), dot = ir_dot(&p.b, mask, f, &none, &none, &ax, &ax);
    EXPECT(trial_evaluate(&p, g_gradient(&p.b, dot, x)), 0, k ? .5 / sqrt(2) : .5, 0);
  }
  NodeId inverse = ir_binary(&p.b, OP_div, ir_full_like(&p.b, x, 1), x);
  NodeId y = g_sum(&p.b, ir_select(&p.b, positive, g_mul(&p.b, inverse, x), zero));
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, y, x)), 0, 0, 0);
  NodeId a = ir_anchor(&p.b, V(2), 1), c = ir_anchor(&p.b, V(0), 2);
  NodeId g = g_gradient(&p.b, g_sum(&p.b, g_mul(&p.b, c, ir_unary(&p.b, OP_log, a))), a);
  EXPECT(trial_evaluate(&p, g), 0);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_sum(&p.b, g), c)), .5);
  trial_end(&p);
}

static void conventions_at_kinks(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId x = ir_anchor(&p.b, V(1, 1, 3, NAN), 0), y = V(1, 2, 1, 1);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_sum(&p.b, ir_binary(&p.b, OP_max, x, y)), x)), .5, 0, 1, 0);
  NodeId z = ir_anchor(&p.b, V(2, 5, 5, 1), 1), axis_max = ir_reduce(&p.b, OP_reduce_max, z, 1, (const int64_t[]){0});
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, axis_max, z)), 0, .5, .5, 0);
  NodeId w = ir_anchor(&p.b, V(0, 0, 4), 2), e = ir_anchor(&p.b, V(0, 2, .5), 3);
  NodeId pow = g_sum(&p.b, ir_binary(&p.b, OP_pow, w, e));
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, pow, w)), 0, 0, .25);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, pow, e)), 0, 0, 2 * log(4));
  trial_end(&p);
}

/* Equal eigenvalues contribute nothing, instead of 1/0. */
static void degenerate_eigenvalues(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  const int64_t dim[] = {2, 2};
  NodeId a = ir_anchor(&p.b, ir_const(&p.b, ir_type(p.m, DT_F64, 2, dim), (const double[]){3, 0, 0, 3}), 0);
  NodeId eig = ir_unary(&p.b, OP_eigh, a);
  NodeId y = g_add(&p.b, g_sum(&p.b, ir_proj(&p.b, eig, 0)), g_sum(&p.b, ir_proj(&p.b, eig, 1)));
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, y, a)), 1, 0, 0, 1);
  trial_end(&p);
}

/* Derivative nodes stand where their primal stands, marked as derived. */
static void locations_are_kept(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  p.b.loc = ir_loc(p.m, (Loc){.span = {0, 7, 9}, .inlined_at = IR_NONE});
  NodeId x = ir_anchor(&p.b, V(1, 2), 0), y = g_sum(&p.b, ir_unary(&p.b, OP_tanh, x));
  ir_result(&p.b, g_gradient(&p.b, y, x));
  RegionId r = ir_differentiate(p.m, p.b.region, NULL);
  const Loc *l = ir_loc_get(p.m, ir_node(p.m, r, ir_region(p.m, r)->result.at[0])->loc);
  assert_int_equal(l->span.begin, 7);
  assert_int_equal(l->origin, ORIGIN_GRAD);
  assert_int_equal(l->order, 1);
  trial_end(&p);
}

static double time_chain(uint32_t n) {
  GradTrial p = trial_begin();
  NodeId x = ir_anchor(&p.b, V(0.5), 0), y = x;
  for (uint32_t k = 0; k < n; k++) y = ir_unary(&p.b, k % 2 ? OP_sin : OP_cos, y);
  ir_result(&p.b, g_gradient(&p.b, g_sum(&p.b, y), x));
  double start = cpu_seconds();
  assert_int_not_equal(ir_differentiate(p.m, p.b.region, NULL), IR_NONE);
  double took = cpu_seconds() - start;
  trial_end(&p);
  return took;
}

/* Long chains neither overflow the stack nor take quadratic time. */
static void long_chains(void **state) {
  (void)state;
  time_chain(1000);
  double small = time_chain(5000), large = time_chain(40000);
  assert_true(large < 40 * small + 0.05);
}

/* A tensor read slice by slice gets its cotangent as one concatenation: no tensor of its size for each slice. */
static void slices_join(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId x = ir_anchor(&p.b, V(1, 2, 3, 4, 5, 6, 7), 0), y = IR_NONE;
  const int64_t lo[] = {1, 0, 3, 5}, hi[] = {3, 1, 4, 7}, one = 1;
  for (uint32_t k = 0; k < 4; k++) {
    NodeId part = ir_slice(&p.b, x, &lo[k], &hi[k], &one), s = g_square_sum(&p.b, part);
    y = y == IR_NONE ? s : g_add(&p.b, y, s);
  }
  NodeId g = g_gradient(&p.b, y, x);
  EXPECT(trial_evaluate(&p, g), 2, 4, 6, 8, 0, 12, 14);
  EXPECT(trial_evaluate(&p, g_gradient(&p.b, g_add(&p.b, y, g_square_sum(&p.b, x)), x)), 4, 8, 12, 16, 10, 24, 28);
  ir_result(&p.b, g);
  RegionId r = ir_differentiate(p.m, p.b.region, NULL);
  assert_int_equal(trial_count(p.m, r, OP_concat), 1);
  assert_int_equal(trial_count(p.m, r, OP_pad), 0);
  trial_end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(anchors_tell_aliases_apart),
      cmocka_unit_test(stop_gradient_stops),
      cmocka_unit_test(higher_orders),
      cmocka_unit_test(vjp_and_jvp),
      cmocka_unit_test(zero_cotangents_annihilate),
      cmocka_unit_test(conventions_at_kinks),
      cmocka_unit_test(degenerate_eigenvalues),
      cmocka_unit_test(locations_are_kept),
      cmocka_unit_test(long_chains),
      cmocka_unit_test(slices_join),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
