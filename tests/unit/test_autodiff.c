/* Gradients of whole programs: loops of every kind, gradients inside loops, anchors, higher orders, poles. */
#include "tests/support/gradcheck.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static NodeId add(Builder *b, NodeId x, NodeId y) { return ir_binary(b, OP_add, x, y); }
static NodeId mul(Builder *b, NodeId x, NodeId y) { return ir_binary(b, OP_mul, x, y); }
static NodeId scale(Builder *b, NodeId x, double f) { return mul(b, x, ir_full_like(b, x, f)); }
static NodeId sum(Builder *b, NodeId x) {
  const int64_t axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
  return ir_reduce(b, OP_reduce_sum, x, ir_type_of(b, x)->rank, axes);
}
static NodeId square_sum(Builder *b, NodeId x) { return sum(b, mul(b, x, x)); }

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
  out[0] = ir_unary(b, OP_tanh, add(b, ir_dot(b, in[2], in[0], &none, &none, &one, &zero), in[1]));
  out[1] = mul(b, out[0], in[1]);
}

/* (p, q) -> (q * w, sin p): each carry's derivative lives in the other */
static void swapping(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  out[0] = mul(b, in[1], in[2]);
  out[1] = ir_unary(b, OP_sin, in[0]);
}

/* A counter, a carry scaled by it, a carry nobody needs, draws of a key folded with the loop's number. */
static void counting(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  NodeId key = ir_key_fold(b, ir_scalar_const(b, DT_U64, 5), iv);
  Type t = *ir_type_of(b, in[1]);
  NodeId noise = ir_random(b, key, DIST_UNIFORM, DT_F64, t.rank, t.dim, 17);
  NodeId n = ir_broadcast(b, ir_cast(b, add(b, iv, in[0]), DT_F64), t.rank, t.dim, NULL);
  out[0] = add(b, in[0], ir_scalar_const(b, DT_I64, 2));
  out[1] = ir_unary(b, OP_sin, add(b, mul(b, in[1], noise), scale(b, n, 0.1)));
  out[2] = mul(b, in[2], in[1]);
  out[3] = in[1];
}

static void inner_trip(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  out[0] = ir_unary(b, OP_sin, add(b, mul(b, in[0], in[1]), in[2]));
}

/* A loop within: x -> three times sin(x w + s_t) */
static void nested(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  Loop l = {.count = 3, .n_carry = 1, .n_consts = 2, .trip = inner_trip};
  NodeId args[] = {in[0], in[2], in[1]};
  loop(b, &l, args, out);
  out[1] = mul(b, out[0], out[0]);
}

/* Energy sum(sin(x w) x) and one step down its gradient in x */
static void langevin(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId x = ir_anchor(b, in[0], 1), e = sum(b, mul(b, ir_unary(b, OP_sin, mul(b, x, in[1])), x));
  NodeId g = ir_proj(b, ir_grad(b, e, &x, 1), 0);
  out[0] = ir_binary(b, OP_sub, x, scale(b, g, 0.1));
}

/* grad of sum(h^2 w s_t) with respect to the captured w, h = f(w) captured too */
static void captured(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId acc = in[0], s = in[1], w = in[2], h = in[3];
  NodeId y = sum(b, mul(b, mul(b, mul(b, h, h), w), s));
  out[0] = add(b, acc, ir_proj(b, ir_grad(b, y, &w, 1), 0));
}

/* The same two loops deep: h captured from outside, k = sin(w) h from the loop between */
static void captured_deep_inner(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId w = in[1], y = sum(b, mul(b, mul(b, in[2], in[3]), w));
  out[0] = add(b, in[0], ir_proj(b, ir_grad(b, y, &w, 1), 0));
}

static void captured_deep(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId w = in[2], h = in[3], k = mul(b, ir_unary(b, OP_sin, w), add(b, h, in[1]));
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
  out[0] = ir_binary(b, OP_sub, w, scale(b, ir_proj(b, ir_grad(b, square_sum(b, end[0]), &w, 1), 0), 0.1));
}

/* ---------------------------------------------------------------- programs over the trips */

static NodeId run_rnn(Builder *b, const NodeId *in, const void *user) {
  const Loop *shape = user;
  Loop l = *shape;
  l.n_carry = l.n_xs = l.n_consts = l.n_ys = 1, l.trip = rnn;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return add(b, square_sum(b, out[0]), square_sum(b, out[1]));
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
  return add(b, square_sum(b, out[1]), square_sum(b, out[3]));
}

static NodeId run_nested(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_xs = l.n_consts = l.n_ys = 1, l.trip = nested;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return add(b, square_sum(b, out[0]), sum(b, out[1]));
}

static NodeId run_langevin(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_consts = 1, l.trip = langevin;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return square_sum(b, out[0]);
}

static NodeId run_captured(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_xs = 1, l.n_consts = 2, l.trip = captured;
  NodeId h = ir_anchor(b, ir_unary(b, OP_exp, mul(b, in[1], in[1])), 9);
  NodeId args[] = {ir_full_like(b, in[1], 0), in[0], in[1], h}, out[MAX_VALUES];
  loop(b, &l, args, out);
  return square_sum(b, out[0]);
}

/* The sequence itself depends on w: its part of this trip does too. */
static NodeId run_captured_sequence(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_xs = 1, l.n_consts = 2, l.trip = captured;
  Type t = *ir_type_of(b, in[0]);
  const int64_t last = 1;
  NodeId s = mul(b, in[0], ir_broadcast(b, in[1], 2, t.dim, &last));
  NodeId args[] = {ir_full_like(b, in[1], 0), s, in[1], ir_unary(b, OP_sin, in[1])}, out[MAX_VALUES];
  loop(b, &l, args, out);
  return square_sum(b, out[0]);
}

static NodeId run_captured_deep(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_xs = 1, l.n_consts = 2, l.trip = captured_deep;
  NodeId h = ir_unary(b, OP_exp, in[1]);
  NodeId args[] = {ir_full_like(b, in[1], 0), in[0], in[1], h}, out[MAX_VALUES];
  loop(b, &l, args, out);
  return square_sum(b, out[0]);
}

/* The captured h comes out of a loop over w. */
static NodeId run_captured_loop(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user, before = {.count = 3, .n_carry = 1, .n_consts = 2, .trip = inner_trip};
  NodeId first[] = {in[1], in[1], in[1]}, h[1], out[MAX_VALUES];
  loop(b, &before, first, h);
  l.n_carry = l.n_xs = 1, l.n_consts = 2, l.trip = captured;
  NodeId args[] = {ir_full_like(b, in[1], 0), in[0], in[1], h[0]};
  loop(b, &l, args, out);
  return square_sum(b, out[0]);
}

static NodeId run_training(Builder *b, const NodeId *in, const void *user) {
  Loop l = *(const Loop *)user;
  l.n_carry = l.n_consts = 1, l.trip = training_trip;
  NodeId out[MAX_VALUES];
  loop(b, &l, in, out);
  return square_sum(b, out[0]);
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

/* ---------------------------------------------------------------- evaluating programs */

typedef struct Program {
  Module *m;
  Builder b;
  Arena mem;
  DiagSink sink;
} Program;

static Program begin(void) {
  Program p = {.m = ir_module_new(NULL)};
  p.b = ir_builder(p.m, ir_region_new(p.m), NULL);
  return p;
}

static void end(Program *p) {
  ir_builder_free(&p->b);
  arena_free(&p->mem);
  diag_sink_free(&p->sink);
  ir_module_free(p->m);
}

static NodeId vector(Program *p, int64_t n, const double *v) {
  return ir_const(&p->b, ir_type(p->m, DT_F64, 1, &n), v);
}
#define V(...) vector(&p, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (const double[]){__VA_ARGS__})

static NodeId gradient(Builder *b, NodeId y, NodeId x) { return ir_proj(b, ir_grad(b, y, &x, 1), 0); }

/* The differentiated region's first result. */
static const double *evaluate(Program *p, NodeId result) {
  ir_result(&p->b, result);
  RegionId r = ir_differentiate(p->m, p->b.region, &p->sink);
  assert_int_not_equal(r, IR_NONE);
  Value *v = arena_array(&p->mem, Value, 8);
  assert_true(eval_region(p->m, r, NULL, v, NULL, &p->mem));
  ir_region(p->m, p->b.region)->result.n = 0;
  return v[0].f;
}

static void expect(const double *have, uint32_t n, const double *want) {
  for (uint32_t k = 0; k < n; k++)
    if (!(fabs(have[k] - want[k]) <= 1e-10 * (1 + fabs(want[k]))))
      fail_msg("element %u: %.15g, not %.15g", k, have[k], want[k]);
}
#define EXPECT(have, ...) expect(have, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (const double[]){__VA_ARGS__})

static void draw(Program *p, NodeId *in, const GradInput *shape, uint32_t n) {
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
      Program p = begin();
      NodeId in[GRAD_MAX_IN], y[2], g[2], gg[2];
      draw(&p, in, programs[k].in, programs[k].n_in);
      for (uint32_t u = 0; u < 2; u++) {
        Loop l = {.count = 4, .reverse = r, .unroll = u};
        y[u] = sum(&p.b, programs[k].build(&p.b, in, &l));
        g[u] = gradient(&p.b, y[u], in[programs[k].n_in - 1]);
        gg[u] = gradient(&p.b, square_sum(&p.b, g[u]), in[0]);
      }
      NodeId dg = square_sum(&p.b, ir_binary(&p.b, OP_sub, g[0], g[1]));
      NodeId dgg = square_sum(&p.b, ir_binary(&p.b, OP_sub, gg[0], gg[1]));
      NodeId size = add(&p.b, square_sum(&p.b, g[0]), square_sum(&p.b, gg[0]));
      size = add(&p.b, size, ir_full_like(&p.b, size, 1));
      const double *d = evaluate(&p, ir_binary(&p.b, OP_div, add(&p.b, dg, dgg), size));
      if (!(d[0] <= 1e-24)) fail_msg("%s: unrolled and looped differ by %g", programs[k].name, sqrt(d[0]));
      end(&p);
    }
}

static uint32_t count_ops(const Module *m, RegionId r, Op op) {
  uint32_t n = 0;
  for (NodeId k = 0; k < ir_region(m, r)->node.n; k++) n += ir_node(m, r, k)->op == op;
  return n;
}

/* Several gradients of one loop share one forward loop, which stacks what they need. */
static void forward_loop_is_shared(void **state) {
  (void)state;
  Program p = begin();
  NodeId in[GRAD_MAX_IN], out[MAX_VALUES];
  draw(&p, in, programs[0].in, 3);
  Loop l = {.count = 4, .n_carry = 1, .n_xs = 1, .n_consts = 1, .n_ys = 1, .trip = rnn};
  loop(&p.b, &l, in, out);
  ir_result(&p.b, out[0]);
  ir_result(&p.b, gradient(&p.b, square_sum(&p.b, out[0]), in[2]));
  ir_result(&p.b, gradient(&p.b, square_sum(&p.b, out[1]), in[0]));
  RegionId r = ir_differentiate(p.m, p.b.region, NULL);
  assert_int_equal(count_ops(p.m, r, OP_scan), 3);
  assert_int_equal(count_ops(p.m, r, OP_anchor), 0);
  end(&p);
}

/* ---------------------------------------------------------------- bindings, orders, poles */

/* f(x) = grad(x * w, x) called as f(w): the argument is a variable of its own, so the answer is w, not 2 w. */
static void anchors_tell_aliases_apart(void **state) {
  (void)state;
  Program p = begin();
  NodeId w = ir_anchor(&p.b, V(3, -5), 0), x = ir_anchor(&p.b, w, 1);
  NodeId g = gradient(&p.b, sum(&p.b, mul(&p.b, x, w)), x);
  EXPECT(evaluate(&p, g), 3, -5);
  EXPECT(evaluate(&p, gradient(&p.b, sum(&p.b, mul(&p.b, x, w)), w)), 6, -10);
  EXPECT(evaluate(&p, gradient(&p.b, sum(&p.b, g), w)), 1, 1);
  end(&p);
}

static void stop_gradient_stops(void **state) {
  (void)state;
  Program p = begin();
  NodeId x = ir_anchor(&p.b, V(3, 4), 0), s = ir_unary(&p.b, OP_stop_gradient, x);
  EXPECT(evaluate(&p, gradient(&p.b, sum(&p.b, mul(&p.b, s, x)), x)), 3, 4);
  EXPECT(evaluate(&p, gradient(&p.b, sum(&p.b, s), x)), 0, 0);
  end(&p);
}

static void higher_orders(void **state) {
  (void)state;
  Program p = begin();
  NodeId x = ir_anchor(&p.b, V(0.5, 2), 0), x2 = mul(&p.b, x, x),
         y = add(&p.b, mul(&p.b, x2, x2), ir_unary(&p.b, OP_sin, x));
  NodeId g1 = gradient(&p.b, sum(&p.b, y), x), g2 = gradient(&p.b, sum(&p.b, g1), x);
  NodeId g3 = gradient(&p.b, sum(&p.b, g2), x), g4 = gradient(&p.b, sum(&p.b, g3), x);
  EXPECT(evaluate(&p, g3), 24 * .5 - cos(.5), 48 - cos(2));
  EXPECT(evaluate(&p, g4), 24 + sin(.5), 24 + sin(2));
  end(&p);
}

static void vjp_and_jvp(void **state) {
  (void)state;
  Program p = begin();
  NodeId x = ir_anchor(&p.b, V(1, 2), 0), y = mul(&p.b, mul(&p.b, x, x), x), v = V(1, -1);
  EXPECT(evaluate(&p, gradient(&p.b, sum(&p.b, mul(&p.b, y, v)), x)), 3, -12);
  for (uint32_t k = 0; k < 2; k++) {
    NodeId w = ir_anchor(&p.b, ir_full_like(&p.b, y, k), 1), back = gradient(&p.b, sum(&p.b, mul(&p.b, y, w)), x);
    NodeId j = gradient(&p.b, sum(&p.b, mul(&p.b, back, v)), w);
    EXPECT(evaluate(&p, j), 3, -12);
    EXPECT(evaluate(&p, gradient(&p.b, sum(&p.b, j), x)), 6, -12);
  }
  end(&p);
}

/* A branch not taken leaves no NaN, near or far from the choice, and products keep their mixed derivative at 0. */
static void zero_cotangents_annihilate(void **state) {
  (void)state;
  Program p = begin();
  NodeId x = ir_anchor(&p.b, V(0, 2, -1), 0), zero = ir_full_like(&p.b, x, 0);
  NodeId positive = ir_binary(&p.b, OP_lt, zero, x);
  static const Op pole[] = {OP_log, OP_sqrt, OP_log1p};
  for (uint32_t k = 0; k < 2; k++) {
    NodeId f = ir_unary(&p.b, pole[k], x), y = sum(&p.b, ir_select(&p.b, positive, f, zero));
    EXPECT(evaluate(&p, gradient(&p.b, y, x)), 0, k ? .5 / sqrt(2) : .5, 0);
    /* the choice after a contraction: no select to see near the pole */
    const IntList none = {0}, ax = {1, {0}};
    NodeId mask = ir_cast(&p.b, positive, DT_F64), dot = ir_dot(&p.b, mask, f, &none, &none, &ax, &ax);
    EXPECT(evaluate(&p, gradient(&p.b, dot, x)), 0, k ? .5 / sqrt(2) : .5, 0);
  }
  NodeId inverse = ir_binary(&p.b, OP_div, ir_full_like(&p.b, x, 1), x);
  NodeId y = sum(&p.b, ir_select(&p.b, positive, mul(&p.b, inverse, x), zero));
  EXPECT(evaluate(&p, gradient(&p.b, y, x)), 0, 0, 0);
  NodeId a = ir_anchor(&p.b, V(2), 1), c = ir_anchor(&p.b, V(0), 2);
  NodeId g = gradient(&p.b, sum(&p.b, mul(&p.b, c, ir_unary(&p.b, OP_log, a))), a);
  EXPECT(evaluate(&p, g), 0);
  EXPECT(evaluate(&p, gradient(&p.b, sum(&p.b, g), c)), .5);
  end(&p);
}

static void conventions_at_kinks(void **state) {
  (void)state;
  Program p = begin();
  NodeId x = ir_anchor(&p.b, V(1, 1, 3, NAN), 0), y = V(1, 2, 1, 1);
  EXPECT(evaluate(&p, gradient(&p.b, sum(&p.b, ir_binary(&p.b, OP_max, x, y)), x)), .5, 0, 1, 0);
  NodeId z = ir_anchor(&p.b, V(2, 5, 5, 1), 1), axis_max = ir_reduce(&p.b, OP_reduce_max, z, 1, (const int64_t[]){0});
  EXPECT(evaluate(&p, gradient(&p.b, axis_max, z)), 0, .5, .5, 0);
  NodeId w = ir_anchor(&p.b, V(0, 0, 4), 2), e = ir_anchor(&p.b, V(0, 2, .5), 3);
  NodeId pow = sum(&p.b, ir_binary(&p.b, OP_pow, w, e));
  EXPECT(evaluate(&p, gradient(&p.b, pow, w)), 0, 0, .25);
  EXPECT(evaluate(&p, gradient(&p.b, pow, e)), 0, 0, 2 * log(4));
  end(&p);
}

/* Equal eigenvalues contribute nothing, instead of 1/0. */
static void degenerate_eigenvalues(void **state) {
  (void)state;
  Program p = begin();
  const int64_t dim[] = {2, 2};
  NodeId a = ir_anchor(&p.b, ir_const(&p.b, ir_type(p.m, DT_F64, 2, dim), (const double[]){3, 0, 0, 3}), 0);
  NodeId eig = ir_unary(&p.b, OP_eigh, a);
  NodeId y = add(&p.b, sum(&p.b, ir_proj(&p.b, eig, 0)), sum(&p.b, ir_proj(&p.b, eig, 1)));
  EXPECT(evaluate(&p, gradient(&p.b, y, a)), 1, 0, 0, 1);
  end(&p);
}

/* ---------------------------------------------------------------- size and errors */

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_chain(uint32_t n) {
  Program p = begin();
  NodeId x = ir_anchor(&p.b, V(0.5), 0), y = x;
  for (uint32_t k = 0; k < n; k++) y = ir_unary(&p.b, k % 2 ? OP_sin : OP_cos, y);
  ir_result(&p.b, gradient(&p.b, sum(&p.b, y), x));
  double start = seconds();
  assert_int_not_equal(ir_differentiate(p.m, p.b.region, NULL), IR_NONE);
  double took = seconds() - start;
  end(&p);
  return took;
}

/* Long chains neither overflow the stack nor take quadratic time. */
static void long_chains(void **state) {
  (void)state;
  time_chain(1000);
  double small = time_chain(5000), large = time_chain(40000);
  assert_true(large < 40 * small + 0.05);
}

static void check_error(Program *p, NodeId result, const char *text) {
  ir_result(&p->b, result);
  assert_int_equal(ir_differentiate(p->m, p->b.region, &p->sink), IR_NONE);
  assert_int_equal(p->sink.n_errors, 1);
  assert_non_null(strstr(p->sink.diag.at[0].message, text));
}

static void while_has_no_derivative(void **state) {
  (void)state;
  Program p = begin();
  TypeId f = ir_scalar(p.m, DT_F64);
  Builder cond = ir_builder(p.m, ir_region_new(p.m), NULL), body = ir_builder(p.m, ir_region_new(p.m), NULL);
  NodeId c = ir_param(&cond, f);
  ir_result(&cond, ir_binary(&cond, OP_lt, c, ir_scalar_const(&cond, DT_F64, 9)));
  ir_param(&body, ir_scalar(p.m, DT_I64));
  NodeId x = ir_param(&body, f);
  ir_result(&body, add(&body, x, x));
  NodeId start = ir_anchor(&p.b, ir_scalar_const(&p.b, DT_F64, 1), 0);
  Attr a = {.count = 10, .n_carry = 1};
  NodeId w = ir_emit_region(&p.b, OP_while, &start, 1, &a, cond.region, body.region);
  check_error(&p, gradient(&p.b, ir_proj(&p.b, w, 0), start), "while");
  end(&p);
}

/* y depends on w through the carry, that is through earlier trips: refused rather than answered in part. */
static void through_trip(Builder *b, NodeId iv, const NodeId *in, NodeId *out) {
  (void)iv;
  NodeId w = in[2], x = mul(b, in[0], w);
  out[0] = x;
  out[1] = add(b, in[1], ir_proj(b, ir_grad(b, sum(b, x), &w, 1), 0));
}

static void earlier_iterations_are_refused(void **state) {
  (void)state;
  Program p = begin();
  NodeId w = ir_anchor(&p.b, V(2), 0), in[] = {V(1), V(0), w}, out[MAX_VALUES];
  Loop l = {.count = 3, .n_carry = 2, .n_consts = 1, .trip = through_trip};
  loop(&p.b, &l, in, out);
  check_error(&p, out[1], "earlier iterations");
  end(&p);
}

/* A gradient inside a while body, with respect to a carry and through a captured value. */
static void gradient_inside_while(void **state) {
  (void)state;
  Program p = begin();
  TypeId f = ir_scalar(p.m, DT_F64);
  Builder cond = ir_builder(p.m, ir_region_new(p.m), NULL), body = ir_builder(p.m, ir_region_new(p.m), NULL);
  NodeId c = ir_param(&cond, f);
  ir_param(&cond, f), ir_param(&cond, f);
  ir_result(&cond, ir_binary(&cond, OP_lt, c, ir_scalar_const(&cond, DT_F64, 100)));
  ir_param(&body, ir_scalar(p.m, DT_I64));
  NodeId acc = ir_param(&body, f), w = ir_param(&body, f), h = ir_param(&body, f);
  ir_result(&body, add(&body, acc, ir_proj(&body, ir_grad(&body, mul(&body, h, w), &w, 1), 0)));
  NodeId outer = ir_anchor(&p.b, ir_scalar_const(&p.b, DT_F64, 3), 0);
  NodeId in[] = {ir_scalar_const(&p.b, DT_F64, 0), outer, mul(&p.b, outer, outer)};
  Attr a = {.count = 3, .n_carry = 1, .n_consts = 2};
  NodeId loop = ir_emit_region(&p.b, OP_while, in, 3, &a, cond.region, body.region);
  EXPECT(evaluate(&p, ir_proj(&p.b, loop, 0)), 81); /* three times d(w^3) = 27 */
  end(&p);
}

/* A tensor read slice by slice gets its cotangent as one concatenation: no tensor of its size for each slice. */
static void slices_join(void **state) {
  (void)state;
  Program p = begin();
  NodeId x = ir_anchor(&p.b, V(1, 2, 3, 4, 5, 6, 7), 0), y = IR_NONE;
  const int64_t lo[] = {1, 0, 3, 5}, hi[] = {3, 1, 4, 7}, one = 1;
  for (uint32_t k = 0; k < 4; k++) {
    NodeId part = ir_slice(&p.b, x, &lo[k], &hi[k], &one), s = square_sum(&p.b, part);
    y = y == IR_NONE ? s : add(&p.b, y, s);
  }
  NodeId g = gradient(&p.b, y, x);
  EXPECT(evaluate(&p, g), 2, 4, 6, 8, 0, 12, 14);
  EXPECT(evaluate(&p, gradient(&p.b, add(&p.b, y, square_sum(&p.b, x)), x)), 4, 8, 12, 16, 10, 24, 28);
  ir_result(&p.b, g);
  RegionId r = ir_differentiate(p.m, p.b.region, NULL);
  assert_int_equal(count_ops(p.m, r, OP_concat), 1);
  assert_int_equal(count_ops(p.m, r, OP_pad), 0);
  end(&p);
}

/* Derivative nodes stand where their primal stands, marked as derived. */
static void locations_are_kept(void **state) {
  (void)state;
  Program p = begin();
  p.b.loc = ir_loc(p.m, (Loc){.span = {0, 7, 9}, .inlined_at = IR_NONE});
  NodeId x = ir_anchor(&p.b, V(1, 2), 0), y = sum(&p.b, ir_unary(&p.b, OP_tanh, x));
  ir_result(&p.b, gradient(&p.b, y, x));
  RegionId r = ir_differentiate(p.m, p.b.region, NULL);
  const Loc *l = ir_loc_get(p.m, ir_node(p.m, r, ir_region(p.m, r)->result.at[0])->loc);
  assert_int_equal(l->span.begin, 7);
  assert_int_equal(l->origin, ORIGIN_GRAD);
  assert_int_equal(l->order, 1);
  end(&p);
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
      cmocka_unit_test(while_has_no_derivative),
      cmocka_unit_test(gradient_inside_while),
      cmocka_unit_test(earlier_iterations_are_refused),
      cmocka_unit_test(unrolled_is_looped),
      cmocka_unit_test(forward_loop_is_shared),
      cmocka_unit_test(loops_against_differences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
