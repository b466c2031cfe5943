/* Derivatives of loops of every kind, looped and unrolled; gradients inside loops; what is refused. */
#include "tests/support/grad_trial.h"
#include "tests/support/gradcheck.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- loops written once, looped or unrolled */

enum { MAX_VALUES = 8 };

/* One trip: carries, parts of sequences and consts in; next carries, then collected values out. */
typedef void (*TripFn)(Builder *b, NodeId iv, const NodeId *in, NodeId *out);

typedef struct Loop {
  int64_t count;
  bool reverse, unroll;
  uint32_t n_carry, n_xs, n_consts, n_ys;
  TripFn trip;
} Loop;

static NodeId part(Builder *b, NodeId xs, int64_t i) {
  Type t = *ir_type_of(b, xs);
  int64_t lo[IR_MAX_RANK] = {i}, hi[IR_MAX_RANK], step[IR_MAX_RANK];
  for (uint32_t k = 0; k < t.rank; k++) hi[k] = k ? t.dim[k] : i + 1, step[k] = 1;
  return ir_reshape(b, ir_slice(b, xs, lo, hi, step), t.rank - 1, t.dim + 1);
}

static NodeId stacked(Builder *b, NodeId *row, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) {
    Type t = *ir_type_of(b, row[k]);
    int64_t dim[IR_MAX_RANK] = {1};
    for (uint32_t j = 0; j < t.rank; j++) dim[j + 1] = t.dim[j];
    row[k] = ir_reshape(b, row[k], t.rank + 1, dim);
  }
  return ir_concat(b, row, n, 0);
}

static void unrolled(Builder *b, const Loop *l, const NodeId *in, NodeId *out) {
  NodeId v[MAX_VALUES], r[MAX_VALUES], row[MAX_VALUES][16];
  uint32_t n_in = l->n_carry + l->n_xs + l->n_consts;
  memcpy(v, in, n_in * sizeof *v);
  for (int64_t t = 0; t < l->count; t++) {
    int64_t i = l->reverse ? l->count - 1 - t : t;
    for (uint32_t k = l->n_carry; k < l->n_carry + l->n_xs; k++) v[k] = part(b, in[k], i);
    l->trip(b, ir_scalar_const(b, DT_I64, (double)i), v, r);
    memcpy(v, r, l->n_carry * sizeof *v);
    for (uint32_t k = 0; k < l->n_ys; k++) row[k][i] = r[l->n_carry + k];
  }
  memcpy(out, v, l->n_carry * sizeof *v);
  for (uint32_t k = 0; k < l->n_ys; k++) out[l->n_carry + k] = stacked(b, row[k], (uint32_t)l->count);
}

static void looped(Builder *b, const Loop *l, const NodeId *in, NodeId *out) {
  Builder body = ir_builder(b->m, ir_region_new(b->m), NULL);
  NodeId v[MAX_VALUES], r[MAX_VALUES];
  NodeId iv = ir_param(&body, ir_scalar(b->m, DT_I64));
  uint32_t n_in = l->n_carry + l->n_xs + l->n_consts, xs_end = l->n_carry + l->n_xs;
  for (uint32_t k = 0; k < n_in; k++) {
    const Type *t = ir_type_of(b, in[k]);
    uint32_t lead = k >= l->n_carry && k < xs_end;
    v[k] = ir_param(&body, ir_type(b->m, (DType)t->dtype, t->rank - lead, t->dim + lead));
  }
  l->trip(&body, iv, v, r);
  for (uint32_t k = 0; k < l->n_carry + l->n_ys; k++) ir_result(&body, r[k]);
  NodeId s =
      ir_scan(b, l->count, l->reverse, in, l->n_carry, in + l->n_carry, l->n_xs, in + xs_end, l->n_consts, body.region);
  for (uint32_t k = 0; k < l->n_carry + l->n_ys; k++) out[k] = ir_proj(b, s, k);
}

static void loop(Builder *b, const Loop *l, const NodeId *in, NodeId *out) {
  if (l->unroll)
    unrolled(b, l, in, out);
  else
    looped(b, l, in, out);
}

/* ---------------------------------------------------------------- the trips */

/* x = tanh(W x + s_t), collecting x * s_t */
static void rnn(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  const IntList none = {0}, one = {1, {1}}, zero = {1, {0}};
  out[0] = ir_unary(b, OP_tanh, g_add(b, ir_dot(b, in[2], in[0], &none, &none, &one, &zero), in[1]));
  out[1] = g_mul(b, out[0], in[1]);
}

/* (p, q) -> (q * w, sin p): each carry's derivative lives in the other */
static void swapping(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  out[0] = g_mul(b, in[1], in[2]);
  out[1] = ir_unary(b, OP_sin, in[0]);
}

/* A counter, a carry scaled by it, a carry nobody needs, draws of a key folded with the loop's number. */
static void counting(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  NodeId key = ir_key_fold(b, ir_scalar_const(b, DT_U64, 5), iv);
  Type t = *ir_type_of(b, in[1]);
  NodeId noise = ir_random(b, key, DIST_UNIFORM, DT_F64, t.rank, t.dim, 17);
  NodeId n = ir_broadcast(b, ir_cast(b, g_add(b, iv, in[0]), DT_F64), t.rank, t.dim, NULL);
  out[0] = g_add(b, in[0], ir_scalar_const(b, DT_I64, 2));
  out[1] = ir_unary(b, OP_sin, g_add(b, g_mul(b, in[1], noise), g_scale(b, n, 0.1)));
  out[2] = g_mul(b, in[2], in[1]);
  out[3] = in[1];
}

static void inner_trip(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  out[0] = ir_unary(b, OP_sin, g_add(b, g_mul(b, in[0], in[1]), in[2]));
}

/* A loop within: x -> three times sin(x w + s_t) */
static void nested(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  Loop l = {.count = 3, .n_carry = 1, .n_consts = 2, .trip = inner_trip};
  NodeId args[] = {in[0], in[2], in[1]};
  loop(b, &l, args, out);
  out[1] = g_mul(b, out[0], out[0]);
}

/* Energy sum(sin(x w) x) and one step down its gradient in x */
static void langevin(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId x = ir_anchor(b, in[0], 1), e = g_sum(b, g_mul(b, ir_unary(b, OP_sin, g_mul(b, x, in[1])), x));
  NodeId g = ir_proj(b, ir_grad(b, e, &x, 1), 0);
  out[0] = ir_binary(b, OP_sub, x, g_scale(b, g, 0.1));
}

/* grad of sum(h^2 w s_t) with respect to the captured w, h = f(w) captured too */
static void captured(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId acc = in[0], s = in[1], w = in[2], h = in[3];
  NodeId y = g_sum(b, g_mul(b, g_mul(b, g_mul(b, h, h), w), s));
  out[0] = g_add(b, acc, ir_proj(b, ir_grad(b, y, &w, 1), 0));
}

/* The same two loops deep: h captured from outside, k = sin(w) h from the loop between */
static void captured_deep_inner(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId w = in[1], y = g_sum(b, g_mul(b, g_mul(b, in[2], in[3]), w));
  out[0] = g_add(b, in[0], ir_proj(b, ir_grad(b, y, &w, 1), 0));
}

static void captured_deep(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId w = in[2], h = in[3], k = g_mul(b, ir_unary(b, OP_sin, w), g_add(b, h, in[1]));
  Loop l = {.count = 2, .n_carry = 1, .n_consts = 3, .trip = captured_deep_inner};
  NodeId args[] = {in[0], w, h, k};
  loop(b, &l, args, out);
}

/* One step of descent on the loss of a loop: its derivative runs back through a loop's backward loop. */
static void training_trip(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId w = ir_anchor(b, in[0], 3), x = in[1];
  Loop l = {.count = 2, .n_carry = 1, .n_consts = 2, .trip = inner_trip};
  NodeId args[] = {x, w, x}, end[1];
  loop(b, &l, args, end);
  out[0] = ir_binary(b, OP_sub, w, g_scale(b, ir_proj(b, ir_grad(b, g_square_sum(b, end[0]), &w, 1), 0), 0.1));
}

/* ---------------------------------------------------------------- programs over the trips */

static NodeId run_rnn(Builder *b, const NodeId *in, const void *user) {
  const Loop *shape = user;
  Loop l = *shape;
  l.n_carry = l.n_xs = l.n_consts = l.n_ys = 1, l.trip = rnn;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return g_add(b, g_square_sum(b, out[0]), g_square_sum(b, out[1]));
}

static NodeId run_swapping(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = 2, l.n_consts = 1, l.trip = swapping;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return out[0];
}

static NodeId run_counting(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = 3, l.n_ys = 1, l.trip = counting;
  NodeId args[] = {ir_scalar_const(b, DT_I64, 0), in[0], in[1]}, out[MAX_VALUES];
  loop(b, &l, args, out);
  return g_add(b, g_square_sum(b, out[1]), g_square_sum(b, out[3]));
}

static NodeId run_nested(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_xs = l.n_consts = l.n_ys = 1, l.trip = nested;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return g_add(b, g_square_sum(b, out[0]), g_sum(b, out[1]));
}

static NodeId run_langevin(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_consts = 1, l.trip = langevin;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return g_square_sum(b, out[0]);
}

static NodeId run_captured(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_xs = 1, l.n_consts = 2, l.trip = captured;
  NodeId h = ir_anchor(b, ir_unary(b, OP_exp, g_mul(b, in[1], in[1])), 9);
  NodeId args[] = {ir_full_like(b, in[1], 0), in[0], in[1], h}, out[MAX_VALUES];
  loop(b, &l, args, out);
  return g_square_sum(b, out[0]);
}

/* The sequence itself depends on w: its part of this trip does too. */
static NodeId run_captured_sequence(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_xs = 1, l.n_consts = 2, l.trip = captured;
  Type t = *ir_type_of(b, in[0]);
  const int64_t last = 1;
  NodeId s = g_mul(b, in[0], ir_broadcast(b, in[1], 2, t.dim, &last));
  NodeId args[] = {ir_full_like(b, in[1], 0), s, in[1], ir_unary(b, OP_sin, in[1])}, out[MAX_VALUES];
  loop(b, &l, args, out);
  return g_square_sum(b, out[0]);
}

static NodeId run_captured_deep(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_xs = 1, l.n_consts = 2, l.trip = captured_deep;
  NodeId h = ir_unary(b, OP_exp, in[1]);
  NodeId args[] = {ir_full_like(b, in[1], 0), in[0], in[1], h}, out[MAX_VALUES];
  loop(b, &l, args, out);
  return g_square_sum(b, out[0]);
}

/* The captured h comes out of a loop over w. */
static NodeId run_captured_loop(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user, before = {.count = 3, .n_carry = 1, .n_consts = 2, .trip = inner_trip};
  NodeId first[] = {in[1], in[1], in[1]}, h[1], out[MAX_VALUES];
  loop(b, &before, first, h);
  l.n_carry = l.n_xs = 1, l.n_consts = 2, l.trip = captured;
  NodeId args[] = {ir_full_like(b, in[1], 0), in[0], in[1], h[0]};
  loop(b, &l, args, out);
  return g_square_sum(b, out[0]);
}

static NodeId run_training(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_consts = 1, l.trip = training_trip;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return g_square_sum(b, out[0]);
}

#define VEC(n)                                                                                                         \
  { DT_F64, 1, {n}, -1, 1 }
#define MAT(n, m)                                                                                                      \
  { DT_F64, 2, {n, m}, -1, 1 }
static const struct {
  const char *name;
  uint32_t n_in;
  GradInput in[GRAD_MAX_IN];
  NodeId (*build)(Builder *b, const NodeId *in, const void *user);
} programs[] = {
    {"rnn", 3, {VEC(3), MAT(4, 3), MAT(3, 3)}, run_rnn},
    {"swapping", 3, {VEC(2), VEC(2), VEC(2)}, run_swapping},
    {"counting", 2, {VEC(2), VEC(2)}, run_counting},
    {"nested", 3, {VEC(2), MAT(4, 2), VEC(2)}, run_nested},
    {"langevin", 2, {VEC(3), VEC(3)}, run_langevin},
    {"captured", 2, {MAT(4, 3), VEC(3)}, run_captured},
    {"captured sequence", 2, {MAT(4, 3), VEC(3)}, run_captured_sequence},
    {"captured loop", 2, {MAT(4, 3), VEC(3)}, run_captured_loop},
    {"training", 2, {VEC(3), VEC(3)}, run_training},
    {"captured deep", 2, {MAT(4, 2), VEC(2)}, run_captured_deep},
};
enum { N_PROGRAMS = sizeof programs / sizeof *programs };

static void loops_against_differences(void **state) {
  (void)state;
  static const Loop forward = {.count = 4}, backward = {.count = 4, .reverse = true};
  for (uint32_t k = 0; k < N_PROGRAMS; k++)
    for (uint32_t r = 0; r < 2; r++) {
      GradCase c = {programs[k].name, programs[k].n_in, {{0}}, programs[k].build, r ? &backward : &forward};
      memcpy(c.in, programs[k].in, sizeof c.in);
      gradcheck(&c);
    }
}

/* ---------------------------------------------------------------- looped and unrolled */

static void draw(GradTrial *p, NodeId *in, const GradInput *shape, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) {
    NodeId key = ir_scalar_const(&p->b, DT_U64, 40 + k);
    in[k] = ir_anchor(&p->b, ir_random(&p->b, key, DIST_UNIFORM, DT_F64, shape[k].rank, shape[k].dim, 3), k);
  }
}

/* First and second derivatives of the unrolled program are those of the loop. */
static void unrolled_is_looped(void **state) {
  (void)state;
  for (uint32_t k = 0; k < N_PROGRAMS; k++)
    for (uint32_t r = 0; r < 2; r++) {
      GradTrial p = trial_begin();
      NodeId in[GRAD_MAX_IN], y[2], g[2], gg[2];
      draw(&p, in, programs[k].in, programs[k].n_in);
      for (uint32_t u = 0; u < 2; u++) {
        Loop l = {.count = 4, .reverse = r, .unroll = u};
        y[u] = g_sum(&p.b, programs[k].build(&p.b, in, &l));
        g[u] = g_gradient(&p.b, y[u], in[programs[k].n_in - 1]);
        gg[u] = g_gradient(&p.b, g_square_sum(&p.b, g[u]), in[0]);
      }
      NodeId dg = g_square_sum(&p.b, ir_binary(&p.b, OP_sub, g[0], g[1]));
      NodeId dgg = g_square_sum(&p.b, ir_binary(&p.b, OP_sub, gg[0], gg[1]));
      NodeId size = g_add(&p.b, g_square_sum(&p.b, g[0]), g_square_sum(&p.b, gg[0]));
      size = g_add(&p.b, size, ir_full_like(&p.b, size, 1));
      const double *d = trial_evaluate(&p, ir_binary(&p.b, OP_div, g_add(&p.b, dg, dgg), size));
      if (!(d[0] <= 1e-24)) fail_msg("%s: unrolled and looped differ by %g", programs[k].name, sqrt(d[0]));
      trial_end(&p);
    }
}

/* Several gradients of one loop share one forward loop, which stacks what they need. */
static void forward_loop_is_shared(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId in[GRAD_MAX_IN], out[MAX_VALUES];
  draw(&p, in, programs[0].in, 3);
  Loop l = {.count = 4, .n_carry = 1, .n_xs = 1, .n_consts = 1, .n_ys = 1, .trip = rnn};
  loop(&p.b, &l, in, out);
  ir_result(&p.b, out[0]);
  ir_result(&p.b, g_gradient(&p.b, g_square_sum(&p.b, out[0]), in[2]));
  ir_result(&p.b, g_gradient(&p.b, g_square_sum(&p.b, out[1]), in[0]));
  RegionId r = ir_differentiate(p.m, p.b.region, NULL);
  assert_int_equal(trial_count(p.m, r, OP_scan), 3);
  assert_int_equal(trial_count(p.m, r, OP_anchor), 0);
  trial_end(&p);
}

/* ---------------------------------------------------------------- while, and what is refused */

static void while_has_no_derivative(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  TypeId f = ir_scalar(p.m, DT_F64);
  Builder cond = ir_builder(p.m, ir_region_new(p.m), NULL), body = ir_builder(p.m, ir_region_new(p.m), NULL);
  NodeId c = ir_param(&cond, f);
  ir_result(&cond, ir_binary(&cond, OP_lt, c, ir_scalar_const(&cond, DT_F64, 9)));
  ir_param(&body, ir_scalar(p.m, DT_I64));
  NodeId x = ir_param(&body, f);
  ir_result(&body, g_add(&body, x, x));
  NodeId start = ir_anchor(&p.b, ir_scalar_const(&p.b, DT_F64, 1), 0);
  Attr a = {.count = 10, .n_carry = 1};
  NodeId w = ir_emit_region(&p.b, OP_while, &start, 1, &a, cond.region, body.region);
  trial_refused(&p, g_gradient(&p.b, ir_proj(&p.b, w, 0), start), "while");
  trial_end(&p);
}

/* A gradient inside a while body, with respect to a carry and through a captured value. */
static void gradient_inside_while(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  TypeId f = ir_scalar(p.m, DT_F64);
  Builder cond = ir_builder(p.m, ir_region_new(p.m), NULL), body = ir_builder(p.m, ir_region_new(p.m), NULL);
  NodeId c = ir_param(&cond, f);
  ir_param(&cond, f), ir_param(&cond, f);
  ir_result(&cond, ir_binary(&cond, OP_lt, c, ir_scalar_const(&cond, DT_F64, 100)));
  ir_param(&body, ir_scalar(p.m, DT_I64));
  NodeId acc = ir_param(&body, f), w = ir_param(&body, f), h = ir_param(&body, f);
  ir_result(&body, g_add(&body, acc, ir_proj(&body, ir_grad(&body, g_mul(&body, h, w), &w, 1), 0)));
  NodeId outer = ir_anchor(&p.b, ir_scalar_const(&p.b, DT_F64, 3), 0);
  NodeId in[] = {ir_scalar_const(&p.b, DT_F64, 0), outer, g_mul(&p.b, outer, outer)};
  Attr a = {.count = 3, .n_carry = 1, .n_consts = 2};
  NodeId loop = ir_emit_region(&p.b, OP_while, in, 3, &a, cond.region, body.region);
  EXPECT(trial_evaluate(&p, ir_proj(&p.b, loop, 0)), 81); /* three times d(w^3) = 27 */
  trial_end(&p);
}

/* y depends on w through the carry, that is through earlier trips: refused rather than answered in part. */
static void through_trip(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId w = in[2], x = g_mul(b, in[0], w);
  out[0] = x;
  out[1] = g_add(b, in[1], ir_proj(b, ir_grad(b, g_sum(b, x), &w, 1), 0));
}

static void earlier_iterations_are_refused(void **state) {
  (void)state;
  GradTrial p = trial_begin();
  NodeId w = ir_anchor(&p.b, V(2), 0), in[] = {V(1), V(0), w}, out[MAX_VALUES];
  Loop l = {.count = 3, .n_carry = 2, .n_consts = 1, .trip = through_trip};
  loop(&p.b, &l, in, out);
  trial_refused(&p, out[1], "earlier iterations");
  trial_end(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unrolled_is_looped),
      cmocka_unit_test(forward_loop_is_shared),
      cmocka_unit_test(while_has_no_derivative),
      cmocka_unit_test(gradient_inside_while),
      cmocka_unit_test(earlier_iterations_are_refused),
      cmocka_unit_test(loops_against_differences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
