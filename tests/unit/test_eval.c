/* Values of the reference evaluator, op by op. */
#include "ir/build.h"
#include "ir/eval.h"
#include "runtime/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct Case {
  Module *m;
  Builder b;
  Arena mem;
} Case;

static Case begin(void) {
  Case c = {.m = ir_module_new(NULL)};
  c.b = ir_builder(c.m, ir_region_new(c.m), NULL);
  return c;
}

static void end(Case *c) {
  ir_builder_free(&c->b);
  arena_free(&c->mem);
  ir_module_free(c->m);
}

/* Evaluates the region with node n as its only result. */
static Value run(Case *c, NodeId n, bool *ok) {
  ir_region(c->m, c->b.region)->result.n = 0;
  ir_result(&c->b, n);
  Value v = {0};
  bool good = eval_region(c->m, c->b.region, NULL, &v, NULL, &c->mem);
  if (ok)
    *ok = good;
  else
    assert_true(good);
  return v;
}

static NodeId ints(Case *c, DType t, int64_t n, const int64_t *v) {
  char *bytes = arena_alloc(&c->mem, 8 * (size_t)n + 8);
  TypeId type = ir_type(c->m, t, 1, &n);
  Value value = value_new(c->m, type, &c->mem);
  for (int64_t i = 0; i < n; i++) value.i[i] = v[i];
  value_to_bytes(c->m, &value, bytes);
  return ir_const(&c->b, type, bytes);
}

static NodeId floats(Case *c, uint32_t rank, const int64_t *dim, const double *v) {
  return ir_const(&c->b, ir_type(c->m, DT_F64, rank, dim), v);
}

static void check_ints(Case *c, NodeId n, int64_t count, const int64_t *want) {
  Value v = run(c, n, NULL);
  assert_int_equal(ir_elements(ir_type_get(c->m, v.type)), count);
  for (int64_t i = 0; i < count; i++) assert_true(v.i[i] == want[i]);
}

static void check_floats(Case *c, NodeId n, int64_t count, const double *want) {
  Value v = run(c, n, NULL);
  assert_int_equal(ir_elements(ir_type_get(c->m, v.type)), count);
  for (int64_t i = 0; i < count; i++)
    assert_true((want[i] != want[i] && v.f[i] != v.f[i]) || v.f[i] == want[i] ||
                fabs(v.f[i] - want[i]) <= 1e-12 * fmax(1, fabs(want[i])));
}

#define I(...) ((const int64_t[]){__VA_ARGS__})
#define F(...) ((const double[]){__VA_ARGS__})
#define COUNT(a) ((int64_t)(sizeof(a) / sizeof *(a)))

/* Integers wrap at their width, divide towards minus infinity, compare in their own order. */
static void integers(void **state) {
  (void)state;
  Case c = begin();
  static const struct {
    Op op;
    DType t;
    int64_t a, b, want;
  } row[] = {
      {OP_add, DT_U8, 250, 10, 4},
      {OP_add, DT_I32, INT32_MAX, 1, INT32_MIN},
      {OP_sub, DT_U32, 0, 1, UINT32_MAX},
      {OP_mul, DT_I64, INT64_MAX, 2, -2},
      {OP_div, DT_I32, -7, 2, -4},
      {OP_div, DT_I32, INT32_MIN, -1, INT32_MIN},
      {OP_div, DT_I64, 7, 0, 0},
      {OP_div, DT_U64, -1, 2, INT64_MAX},
      {OP_rem, DT_I32, -7, 3, 2},
      {OP_rem, DT_I32, 7, -3, -2},
      {OP_rem, DT_I32, -6, 3, 0},
      {OP_max, DT_U64, -1, 1, -1},
      {OP_min, DT_I64, -1, 1, -1},
      {OP_and, DT_I32, 12, 10, 8},
      {OP_or, DT_I32, 12, 10, 14},
      {OP_xor, DT_I32, 12, 10, 6},
      {OP_shl, DT_U8, 200, 1, 144},
      {OP_shl, DT_I32, 1, 32, 0},
      {OP_shr, DT_I32, -5, 1, -3},
      {OP_shr, DT_I32, -5, 40, -1},
      {OP_shr, DT_U32, 0x80000000, 31, 1},
      {OP_shr, DT_U64, INT64_MIN, 63, 1},
      {OP_lt, DT_U64, 1, -1, 1},
      {OP_lt, DT_I64, 1, -1, 0},
      {OP_le, DT_U8, 3, 3, 1},
      {OP_eq, DT_I32, 3, 4, 0},
      {OP_ne, DT_I32, 3, 4, 1},
  };
  for (int64_t k = 0; k < COUNT(row); k++) {
    NodeId a = ints(&c, row[k].t, 1, &row[k].a), b = ints(&c, row[k].t, 1, &row[k].b);
    check_ints(&c, ir_binary(&c.b, row[k].op, a, b), 1, &row[k].want);
  }
  check_ints(&c, ir_unary(&c.b, OP_not, ints(&c, DT_U8, 2, I(0, 5))), 2, I(255, 250));
  check_ints(&c, ir_unary(&c.b, OP_abs, ints(&c, DT_I32, 2, I(-3, INT32_MIN))), 2, I(3, INT32_MIN));
  check_ints(&c, ir_unary(&c.b, OP_sign, ints(&c, DT_I64, 3, I(-3, 0, 9))), 3, I(-1, 0, 1));
  check_ints(&c, ir_unary(&c.b, OP_neg, ints(&c, DT_U32, 1, I(1))), 1, I(UINT32_MAX));
  check_ints(&c, ir_reduce(&c.b, OP_reduce_sum, ints(&c, DT_U8, 3, I(200, 100, 1)), 1, I(0)), 1, I(45));
  check_ints(&c, ir_reduce(&c.b, OP_reduce_max, ints(&c, DT_I32, 3, I(-4, -2, -9)), 1, I(0)), 1, I(-2));
  end(&c);
}

static void casts(void **state) {
  (void)state;
  Case c = begin();
  NodeId x = floats(&c, 1, I(6), F(-1.7, 2.9, NAN, 1e30, -1e30, 0));
  check_ints(&c, ir_cast(&c.b, x, DT_I32), 6, I(-1, 2, 0, INT32_MAX, INT32_MIN, 0));
  check_ints(&c, ir_cast(&c.b, x, DT_U8), 6, I(0, 2, 0, 255, 0, 0));
  check_ints(&c, ir_cast(&c.b, x, DT_BOOL), 6, I(1, 1, 1, 1, 1, 0));
  check_ints(&c, ir_cast(&c.b, x, DT_I64), 6, I(-1, 2, 0, INT64_MAX, INT64_MIN, 0));
  check_floats(&c, ir_cast(&c.b, ints(&c, DT_U64, 1, I(-1)), DT_F64), 1, F(0x1p64));
  check_ints(&c, ir_cast(&c.b, ints(&c, DT_I32, 1, I(-1)), DT_U64), 1, I(-1));
  end(&c);
}

static void float_functions(void **state) {
  (void)state;
  Case c = begin();
  NodeId x = floats(&c, 1, I(4), F(-0.5, 0.5, 2.5, NAN));
  check_floats(&c, ir_unary(&c.b, OP_round, x), 4, F(-0.0, 0, 2, NAN));
  check_floats(&c, ir_unary(&c.b, OP_floor, x), 4, F(-1, 0, 2, NAN));
  check_floats(&c, ir_unary(&c.b, OP_ceil, x), 4, F(-0.0, 1, 3, NAN));
  check_floats(&c, ir_unary(&c.b, OP_sign, x), 4, F(-1, 1, 1, NAN));
  check_floats(&c, ir_unary(&c.b, OP_logistic, x), 4,
               F(1 / (1 + exp(.5)), 1 / (1 + exp(-.5)), 1 / (1 + exp(-2.5)), NAN));
  check_floats(&c, ir_unary(&c.b, OP_softplus, x), 4, F(log(1 + exp(-.5)), log(1 + exp(.5)), log(1 + exp(2.5)), NAN));
  NodeId big = floats(&c, 1, I(2), F(-800, 800));
  check_floats(&c, ir_unary(&c.b, OP_softplus, big), 2, F(0, 800));
  check_floats(&c, ir_unary(&c.b, OP_logistic, big), 2, F(0, 1));
  NodeId y = floats(&c, 1, I(4), F(1, 0.5, -2, 1));
  check_floats(&c, ir_binary(&c.b, OP_max, x, y), 4, F(1, .5, 2.5, NAN));
  check_floats(&c, ir_binary(&c.b, OP_min, y, x), 4, F(-.5, .5, -2, NAN));
  check_floats(&c, ir_binary(&c.b, OP_rem, x, y), 4, F(.5, 0, -1.5, NAN));
  check_floats(&c, ir_binary(&c.b, OP_pow, floats(&c, 1, I(2), F(4, 2)), floats(&c, 1, I(2), F(.5, -1))), 2, F(2, .5));
  check_ints(&c, ir_unary(&c.b, OP_is_finite, floats(&c, 1, I(3), F(1, INFINITY, NAN))), 3, I(1, 0, 0));
  check_ints(&c, ir_binary(&c.b, OP_le, x, x), 4, I(1, 1, 1, 0));
  NodeId cond = ir_binary(&c.b, OP_lt, x, y);
  check_floats(&c, ir_select(&c.b, cond, x, y), 4, F(-.5, .5, -2, 1));
  end(&c);
}

static void movement(void **state) {
  (void)state;
  Case c = begin();
  NodeId x = floats(&c, 2, I(2, 3), F(1, 2, 3, 4, 5, 6));
  check_floats(&c, ir_transpose(&c.b, x, I(1, 0)), 6, F(1, 4, 2, 5, 3, 6));
  check_floats(&c, ir_reverse(&c.b, x, 1, I(1)), 6, F(3, 2, 1, 6, 5, 4));
  check_floats(&c, ir_slice(&c.b, x, I(0, 0), I(2, 3), I(1, 2)), 4, F(1, 3, 4, 6));
  check_floats(&c, ir_pad(&c.b, x, I(0, -1), I(1, 1), I(0, 0)), 9, F(2, 3, 0, 5, 6, 0, 0, 0, 0));
  check_floats(&c, ir_pad(&c.b, x, I(0, 0), I(0, 0), I(0, 1)), 10, F(1, 0, 2, 0, 3, 4, 0, 5, 0, 6));
  check_floats(&c, ir_concat(&c.b, (NodeId[]){x, x}, 2, 1), 12, F(1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6));
  check_floats(&c, ir_broadcast(&c.b, floats(&c, 1, I(2), F(7, 8)), 2, I(2, 2), I(0)), 4, F(7, 7, 8, 8));
  check_floats(&c, ir_reshape(&c.b, x, 1, I(6)), 6, F(1, 2, 3, 4, 5, 6));
  check_ints(&c, ir_iota(&c.b, DT_I32, 2, I(2, 2), 1), 4, I(0, 1, 0, 1));
  end(&c);
}

static void reductions(void **state) {
  (void)state;
  Case c = begin();
  NodeId x = floats(&c, 2, I(2, 3), F(1, NAN, 3, 4, 6, 6));
  check_floats(&c, ir_reduce(&c.b, OP_reduce_max, x, 1, I(1)), 2, F(NAN, 6));
  check_floats(&c, ir_reduce(&c.b, OP_reduce_min, x, 1, I(0)), 3, F(1, NAN, 3));
  check_floats(&c, ir_reduce(&c.b, OP_reduce_sum, x, 1, I(0)), 3, F(5, NAN, 9));
  NodeId none = floats(&c, 2, I(2, 0), NULL);
  check_floats(&c, ir_reduce(&c.b, OP_reduce_max, none, 1, I(1)), 2, F(-INFINITY, -INFINITY));
  Attr axis = {.axis = 1};
  check_ints(&c, ir_emit(&c.b, OP_argmax, &x, 1, &axis), 2, I(1, 1));
  check_ints(&c, ir_emit(&c.b, OP_argmin, &x, 1, &axis), 2, I(1, 0));
  NodeId y = floats(&c, 1, I(5), F(3, NAN, 1, 3, -1));
  Attr first = {.axis = 0}, back = {.axis = 0, .reverse = 1};
  check_floats(&c, ir_emit(&c.b, OP_sort, &y, 1, &first), 5, F(-1, 1, 3, 3, NAN));
  check_ints(&c, ir_emit(&c.b, OP_argsort, &y, 1, &first), 5, I(4, 2, 0, 3, 1));
  NodeId z = floats(&c, 1, I(3), F(1, 2, 3));
  check_floats(&c, ir_emit(&c.b, OP_cumsum, &z, 1, &first), 3, F(1, 3, 6));
  check_floats(&c, ir_emit(&c.b, OP_cumsum, &z, 1, &back), 3, F(6, 5, 3));
  end(&c);
}

static void indexing(void **state) {
  (void)state;
  Case c = begin();
  NodeId x = floats(&c, 2, I(3, 2), F(1, 2, 3, 4, 5, 6)), i = ints(&c, DT_I32, 2, I(2, 2));
  check_floats(&c, ir_gather(&c.b, x, i, 0, 0), 4, F(5, 6, 5, 6));
  NodeId u = floats(&c, 2, I(2, 2), F(10, 20, 30, 40));
  Attr a = {.axis = 0};
  check_floats(&c, ir_emit(&c.b, OP_scatter_add, (NodeId[]){x, i, u}, 3, &a), 6, F(1, 2, 3, 4, 45, 66));
  check_floats(&c, ir_emit(&c.b, OP_scatter_set, (NodeId[]){x, i, u}, 3, &a), 6, F(1, 2, 3, 4, 30, 40));
  NodeId per_row = ints(&c, DT_I32, 3, I(1, 0, 1));
  check_floats(&c, ir_gather(&c.b, x, per_row, 1, 1), 3, F(2, 3, 6));
  NodeId s0 = ir_scalar_const(&c.b, DT_I32, 1), s1 = ir_scalar_const(&c.b, DT_I32, 0);
  Attr sizes = {.sizes = {2, {2, 1}}};
  check_floats(&c, ir_emit(&c.b, OP_dynamic_slice, (NodeId[]){x, s0, s1}, 3, &sizes), 2, F(3, 5));
  NodeId v = floats(&c, 2, I(1, 2), F(7, 8));
  check_floats(&c, ir_emit(&c.b, OP_dynamic_put, (NodeId[]){x, v, s0, s1}, 4, NULL), 6, F(1, 2, 7, 8, 5, 6));
  check_floats(&c, ir_emit(&c.b, OP_dynamic_add, (NodeId[]){x, v, s0, s1}, 4, NULL), 6, F(1, 2, 10, 12, 5, 6));
  bool ok = true;
  run(&c, ir_gather(&c.b, x, ints(&c, DT_I32, 1, I(3)), 0, 0), &ok);
  assert_false(ok);
  run(&c, ir_emit(&c.b, OP_dynamic_slice, (NodeId[]){x, ir_scalar_const(&c.b, DT_I32, 2), s1}, 3, &sizes), &ok);
  assert_false(ok);
  end(&c);
}

static void contractions(void **state) {
  (void)state;
  Case c = begin();
  NodeId a = floats(&c, 2, I(2, 2), F(1, 2, 3, 4)), b = floats(&c, 2, I(2, 2), F(5, 6, 7, 8));
  check_floats(&c, ir_matmul(&c.b, a, b), 4, F(19, 22, 43, 50));
  NodeId x = floats(&c, 4, I(1, 1, 1, 4), F(1, 2, 3, 4)), w = floats(&c, 4, I(1, 1, 1, 2), F(10, 1));
  Attr conv = {.n_window = 1, .window = {{.stride = 2, .lo = 1, .hi = 0, .lhs_dilation = 1, .dilation = 1}}};
  check_floats(&c, ir_emit(&c.b, OP_conv_general, (NodeId[]){x, w}, 2, &conv), 2, F(1, 23));
  NodeId line = floats(&c, 1, I(4), F(1, 5, 5, NAN));
  Attr win = {.n_window = 1, .window = {{.size = 2, .stride = 2, .lhs_dilation = 1, .dilation = 1}}};
  NodeId taps = ir_emit(&c.b, OP_window_argmax, &line, 1, &win);
  check_ints(&c, taps, 2, I(1, 1));
  check_floats(&c, ir_emit(&c.b, OP_window_pick, (NodeId[]){line, taps}, 2, &win), 2, F(5, NAN));
  Attr place = win;
  place.shape = (IntList){1, {4}};
  NodeId g = floats(&c, 1, I(2), F(1, 2));
  check_floats(&c, ir_emit(&c.b, OP_window_place, (NodeId[]){g, taps}, 2, &place), 4, F(0, 1, 0, 2));
  check_floats(&c, ir_emit(&c.b, OP_window_sum, &g, 1, &win), 1, F(3));
  end(&c);
}

static void linear_algebra(void **state) {
  (void)state;
  Case c = begin();
  NodeId a = floats(&c, 2, I(2, 2), F(4, 2, 2, 5)), b = floats(&c, 2, I(2, 1), F(8, 12));
  check_floats(&c, ir_unary(&c.b, OP_cholesky, a), 4, F(2, 0, 1, 2));
  Attr plain = {0}, lower = {.lower = 1};
  check_floats(&c, ir_emit(&c.b, OP_solve, (NodeId[]){a, b}, 2, &plain), 2, F(1, 2));
  check_floats(&c, ir_emit(&c.b, OP_tri_solve, (NodeId[]){a, b}, 2, &lower), 2, F(2, 1.6));
  NodeId det = ir_unary(&c.b, OP_slogdet, floats(&c, 2, I(2, 2), F(0, 1, 2, 0)));
  check_floats(&c, ir_proj(&c.b, det, 0), 1, F(-1));
  check_floats(&c, ir_proj(&c.b, det, 1), 1, F(log(2)));
  NodeId eig = ir_unary(&c.b, OP_eigh, floats(&c, 2, I(2, 2), F(2, -1, -1, 2)));
  double r = sqrt(.5);
  check_floats(&c, ir_proj(&c.b, eig, 0), 2, F(1, 3));
  Value v = run(&c, ir_proj(&c.b, eig, 1), NULL);
  assert_true(fabs(v.f[0] - r) < 1e-12 && fabs(v.f[2] - r) < 1e-12 && fabs(v.f[1] + v.f[3]) < 1e-12);
  end(&c);
}

/* U diag(s) V^T is the matrix again, for wide, tall and rank-deficient ones. */
static void svd_rebuilds(void **state) {
  (void)state;
  static const struct {
    int64_t m, n;
    double a[6];
  } row[] = {{2, 3, {1, 2, 3, 4, 5, 7}}, {3, 2, {1, -2, 3, 4, 5, 7}}, {3, 2, {1, 2, 2, 4, 3, 6}}, {2, 2, {0, 0, 0, 0}}};
  for (int64_t k = 0; k < COUNT(row); k++) {
    Case c = begin();
    int64_t m = row[k].m, n = row[k].n, r = m < n ? m : n;
    NodeId d = ir_unary(&c.b, OP_svd, floats(&c, 2, I(m, n), row[k].a));
    Value u = run(&c, ir_proj(&c.b, d, 0), NULL), s = run(&c, ir_proj(&c.b, d, 1), NULL);
    Value vt = run(&c, ir_proj(&c.b, d, 2), NULL);
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) {
        double sum = 0;
        for (int64_t p = 0; p < r; p++) sum += u.f[i * r + p] * s.f[p] * vt.f[p * n + j];
        assert_true(fabs(sum - row[k].a[i * n + j]) < 1e-12);
      }
    for (int64_t p = 0; p < r; p++)
      for (int64_t q = 0; q < r; q++) {
        double sum = 0;
        for (int64_t i = 0; i < m; i++) sum += u.f[i * r + p] * u.f[i * r + q];
        assert_true(fabs(sum - (p == q)) < 1e-12);
      }
    end(&c);
  }
}

/* (a, b) -> (b, a + b) five times, collecting a: carries that swap must not overwrite each other. */
static void scan_carries_swap(void **state) {
  (void)state;
  Case c = begin();
  RegionId body = ir_region_new(c.m);
  Builder bb = ir_builder(c.m, body, NULL);
  TypeId f = ir_scalar(c.m, DT_F64);
  ir_param(&bb, ir_scalar(c.m, DT_I64));
  NodeId x = ir_param(&bb, f), y = ir_param(&bb, f);
  ir_result(&bb, y);
  ir_result(&bb, ir_binary(&bb, OP_add, x, y));
  ir_result(&bb, x);
  NodeId one = ir_scalar_const(&c.b, DT_F64, 1);
  NodeId s = ir_scan(&c.b, 5, false, (NodeId[]){one, one}, 2, NULL, 0, NULL, 0, body);
  check_floats(&c, ir_proj(&c.b, s, 0), 1, F(8));
  check_floats(&c, ir_proj(&c.b, s, 2), 5, F(1, 1, 2, 3, 5));
  end(&c);
}

/* x = 2x while x < 100, at most 20 trips. */
static void while_counts_trips(void **state) {
  (void)state;
  Case c = begin();
  RegionId cond = ir_region_new(c.m), body = ir_region_new(c.m);
  TypeId f = ir_scalar(c.m, DT_F64);
  Builder cb = ir_builder(c.m, cond, NULL), bb = ir_builder(c.m, body, NULL);
  NodeId x = ir_param(&cb, f), limit = ir_param(&cb, f);
  ir_result(&cb, ir_binary(&cb, OP_lt, x, limit));
  ir_param(&bb, ir_scalar(c.m, DT_I64));
  NodeId y = ir_param(&bb, f);
  ir_param(&bb, f);
  ir_result(&bb, ir_binary(&bb, OP_add, y, y));
  NodeId in[] = {ir_scalar_const(&c.b, DT_F64, 1), ir_scalar_const(&c.b, DT_F64, 100)};
  Attr a = {.count = 20, .n_carry = 1, .n_consts = 1};
  NodeId w = ir_emit_region(&c.b, OP_while, in, 2, &a, cond, body);
  check_floats(&c, ir_proj(&c.b, w, 0), 1, F(128));
  check_ints(&c, ir_proj(&c.b, w, 1), 1, I(7));
  a.count = 3;
  w = ir_emit_region(&c.b, OP_while, in, 2, &a, cond, body);
  check_floats(&c, ir_proj(&c.b, w, 0), 1, F(8));
  check_ints(&c, ir_proj(&c.b, w, 1), 1, I(3));
  end(&c);
}

static bool stop_at_non_finite(void *user, RegionId region, NodeId node, const Value *v) {
  (void)region;
  if (isfinite(v->f[0])) return true;
  *(NodeId *)user = node;
  return false;
}

static void options(void **state) {
  (void)state;
  Case c = begin();
  NodeId third = ir_binary(&c.b, OP_div, ir_scalar_const(&c.b, DT_F32, 1), ir_scalar_const(&c.b, DT_F32, 3));
  ir_result(&c.b, third);
  Value v;
  EvalOptions round = {.round_f32 = true}, noise = {.noise = 1e-3, .noise_seed = 4};
  assert_true(eval_region(c.m, c.b.region, NULL, &v, &round, &c.mem) && v.f[0] == (double)(1.0f / 3));
  assert_true(eval_region(c.m, c.b.region, NULL, &v, &noise, &c.mem) && v.f[0] != 1.0 / 3);
  assert_true(fabs(v.f[0] * 3 - 1) <= 1e-3);
  NodeId zero = ir_binary(&c.b, OP_sub, third, third), bad = ir_unary(&c.b, OP_log, zero), found = 0;
  ir_region(c.m, c.b.region)->result.at[0] = bad;
  EvalOptions watch = {.watch = stop_at_non_finite, .user = &found};
  assert_false(eval_region(c.m, c.b.region, NULL, &v, &watch, &c.mem));
  assert_int_equal(found, bad);
  end(&c);
}

/* Draws are those of runtime/random.h, element by element in row-major order. */
static void draws(void **state) {
  (void)state;
  Case c = begin();
  const int64_t dim[] = {2, 3};
  NodeId key = ir_key_fold(&c.b, ir_scalar_const(&c.b, DT_U64, 7), ir_scalar_const(&c.b, DT_I64, -2));
  uint64_t k = random_key_fold(7, (uint64_t)-2);
  check_ints(&c, key, 1, I((int64_t)k));
  static const struct {
    Dist dist;
    DType dtype;
    double (*draw)(uint64_t key, uint64_t site, uint64_t element);
  } row[] = {{DIST_UNIFORM, DT_F32, random_uniform32},
             {DIST_UNIFORM, DT_F64, random_uniform64},
             {DIST_NORMAL, DT_F32, random_normal32},
             {DIST_NORMAL, DT_F64, random_normal64}};
  for (uint64_t r = 0; r < 4; r++) {
    double want[6];
    for (uint64_t i = 0; i < 6; i++) want[i] = row[r].draw(k, 90 + r, i);
    check_floats(&c, ir_random(&c.b, key, row[r].dist, row[r].dtype, 2, dim, 90 + r), 6, want);
  }
  int64_t bits[6], wide[6];
  for (uint64_t i = 0; i < 6; i++) bits[i] = random_bits32(k, 1, i), wide[i] = (int64_t)random_bits64(k, 1, i);
  check_ints(&c, ir_random(&c.b, key, DIST_BITS, DT_U32, 2, dim, 1), 6, bits);
  check_ints(&c, ir_random(&c.b, key, DIST_BITS, DT_U64, 2, dim, 1), 6, wide);
  end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(integers),
      cmocka_unit_test(casts),
      cmocka_unit_test(float_functions),
      cmocka_unit_test(movement),
      cmocka_unit_test(reductions),
      cmocka_unit_test(indexing),
      cmocka_unit_test(contractions),
      cmocka_unit_test(linear_algebra),
      cmocka_unit_test(svd_rebuilds),
      cmocka_unit_test(scan_carries_swap),
      cmocka_unit_test(while_counts_trips),
      cmocka_unit_test(options),
      cmocka_unit_test(draws),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
