/* Every derivative rule of the op table against central differences in f64: first and second derivative, and
 * linearity in the cotangent. A differentiable row without samples fails. */
#include "tests/support/gradcheck.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef NodeId (*BuildFn)(Builder *b, const NodeId *in);
typedef GradInput Input;

typedef struct Sample {
  Op op;
  uint32_t n_in;
  Input in[GRAD_MAX_IN];
  Attr attr;
  BuildFn build; /* NULL: the op on the inputs with the attribute */
} Sample;

static NodeId build_sample(Builder *b, const NodeId *in, const void *user) {
  const Sample *s = user;
  return s->build ? s->build(b, in) : ir_emit(b, s->op, in, s->n_in, &s->attr);
}

static void check_sample(const Sample *s) {
  GradCase c = {.name = op_table[s->op].name, .n_in = s->n_in, .build = build_sample, .user = s};
  memcpy(c.in, s->in, sizeof c.in);
  gradcheck(&c);
}

/* ---------------------------------------------------------------- samples */

static NodeId symmetric(Builder *b, NodeId a) {
  return ir_binary(b, OP_add, a, ir_transpose(b, a, (const int64_t[]){1, 0}));
}

/* a a^T + 2, positive definite. */
static NodeId positive(Builder *b, NodeId a) {
  NodeId p = ir_matmul(b, a, ir_transpose(b, a, (const int64_t[]){1, 0}));
  const Type t = *ir_type_of(b, p);
  NodeId i = ir_iota(b, DT_I32, 2, t.dim, 0), j = ir_iota(b, DT_I32, 2, t.dim, 1);
  NodeId two = ir_full_like(b, p, 2), eye = ir_binary(b, OP_eq, i, j);
  return ir_binary(b, OP_add, p, ir_select(b, eye, two, ir_full_like(b, p, 0)));
}

static NodeId build_cholesky(Builder *b, const NodeId *in) { return ir_unary(b, OP_cholesky, positive(b, in[0])); }
static NodeId build_eigh(Builder *b, const NodeId *in) { return ir_unary(b, OP_eigh, symmetric(b, in[0])); }
static NodeId build_solve(Builder *b, const NodeId *in) {
  NodeId args[] = {positive(b, in[0]), in[1]};
  return ir_emit(b, OP_solve, args, 2, NULL);
}
static NodeId tri(Builder *b, const NodeId *in, bool lower, bool trans, bool unit) {
  NodeId args[] = {positive(b, in[0]), in[1]};
  Attr a = {.lower = lower, .trans = trans, .unit = unit};
  return ir_emit(b, OP_tri_solve, args, 2, &a);
}
static NodeId build_tri_l(Builder *b, const NodeId *in) { return tri(b, in, true, false, false); }
static NodeId build_tri_lt(Builder *b, const NodeId *in) { return tri(b, in, true, true, false); }
static NodeId build_tri_u(Builder *b, const NodeId *in) { return tri(b, in, false, false, false); }
static NodeId build_tri_utn(Builder *b, const NodeId *in) { return tri(b, in, false, true, true); }
static NodeId build_tri_ln(Builder *b, const NodeId *in) { return tri(b, in, true, false, true); }
static NodeId build_select(Builder *b, const NodeId *in) {
  return ir_select(b, ir_binary(b, OP_lt, in[0], in[1]), in[0], in[1]);
}
static NodeId build_cast(Builder *b, const NodeId *in) { return ir_cast(b, in[0], DT_F64); }
static NodeId build_proj(Builder *b, const NodeId *in) {
  return ir_proj(b, ir_unary(b, OP_slogdet, positive(b, in[0])), 1);
}

/* max pooling: the taps come from the operand itself */
static NodeId build_pick(Builder *b, const NodeId *in) {
  Attr a = {.n_window = 2, .window = {{2, 1, 1, 0, 1, 1}, {2, 2, 0, 1, 1, 1}}};
  NodeId args[] = {in[0], ir_emit(b, OP_window_argmax, in, 1, &a)};
  return ir_emit(b, OP_window_pick, args, 2, &a);
}

#define FL(...)                                                                                                        \
  { DT_F64, __VA_ARGS__ }
#define IX(...)                                                                                                        \
  { DT_I32, __VA_ARGS__ }
#define MATRIX(n, m) FL(2, {n, m}, -1, 1)
static const Sample samples[] = {
    /* movement */
    {OP_broadcast, 1, {FL(1, {3}, -1, 1)}, {.shape = {3, {2, 3, 2}}, .axes = {1, {1}}}, NULL},
    {OP_broadcast, 1, {FL(0, {0}, -1, 1)}, {.shape = {2, {2, 0}}}, NULL},
    {OP_broadcast, 1, {FL(2, {2, 3}, -1, 1)}, {.shape = {6, {1, 2, 1, 3, 1, 2}}, .axes = {2, {1, 3}}}, NULL},
    {OP_reshape, 1, {MATRIX(2, 6)}, {.shape = {3, {3, 2, 2}}}, NULL},
    {OP_reshape, 1, {FL(1, {1}, -1, 1)}, {.shape = {0}}, NULL},
    {OP_transpose, 1, {FL(3, {2, 3, 4}, -1, 1)}, {.axes = {3, {2, 0, 1}}}, NULL},
    {OP_transpose, 1, {FL(6, {1, 2, 1, 3, 1, 2}, -1, 1)}, {.axes = {6, {5, 3, 0, 1, 4, 2}}}, NULL},
    {OP_reverse, 1, {FL(3, {2, 3, 2}, -1, 1)}, {.axes = {2, {0, 1}}}, NULL},
    {OP_slice, 1, {MATRIX(5, 7)}, {.lo = {2, {1, 2}}, .hi = {2, {5, 7}}, .step = {2, {1, 3}}}, NULL},
    {OP_slice, 1, {MATRIX(5, 7)}, {.lo = {2, {1, 2}}, .hi = {2, {1, 7}}, .step = {2, {1, 3}}}, NULL},
    {OP_pad, 1, {MATRIX(2, 3)}, {.lo = {2, {1, -1}}, .hi = {2, {0, 2}}, .step = {2, {2, 0}}}, NULL},
    {OP_pad, 1, {MATRIX(3, 3)}, {.lo = {2, {-2, -1}}, .hi = {2, {-2, 1}}, .step = {2, {1, 2}}}, NULL},
    {OP_pad, 1, {MATRIX(0, 3)}, {.lo = {2, {1, 0}}, .hi = {2, {1, 0}}, .step = {2, {0, 0}}}, NULL},
    {OP_concat, 3, {MATRIX(2, 1), MATRIX(2, 0), MATRIX(2, 3)}, {.axis = 1}, NULL},
    /* reductions */
    {OP_reduce_sum, 1, {FL(3, {2, 3, 4}, -1, 1)}, {.axes = {2, {0, 2}}}, NULL},
    {OP_reduce_sum, 1, {FL(3, {2, 0, 4}, -1, 1)}, {.axes = {1, {1}}}, NULL},
    {OP_reduce_max, 1, {FL(3, {2, 3, 4}, -1, 1)}, {.axes = {2, {0, 2}}}, NULL},
    {OP_reduce_max, 1, {FL(1, {1}, -1, 1)}, {.axes = {1, {0}}}, NULL},
    {OP_reduce_min, 1, {FL(2, {5, 2}, -1, 1)}, {.axes = {1, {0}}}, NULL},
    {OP_cumsum, 1, {FL(3, {2, 4, 2}, -1, 1)}, {.axis = 1}, NULL},
    {OP_cumsum, 1, {FL(2, {2, 4}, -1, 1)}, {.axis = 1, .reverse = 1}, NULL},
    {OP_sort, 1, {FL(2, {3, 5}, -1, 1)}, {.axis = 1}, NULL},
    {OP_sort, 1, {FL(3, {3, 2, 2}, -1, 1)}, {.axis = 0}, NULL},
    /* indexing */
    {OP_gather, 2, {FL(2, {4, 3}, -1, 1), IX(1, {6}, 0, 3)}, {.axis = 0}, NULL},
    {OP_gather, 2, {FL(3, {2, 4, 3}, -1, 1), IX(2, {2, 3}, 0, 3)}, {.axis = 1, .n_batch = 1}, NULL},
    {OP_gather, 2, {FL(3, {2, 4, 3}, -1, 1), IX(2, {2, 2}, 0, 2)}, {.axis = 2, .n_batch = 1}, NULL},
    {OP_gather, 2, {FL(3, {2, 3, 4}, -1, 1), IX(2, {2, 3}, 0, 3)}, {.axis = 2, .n_batch = 2}, NULL},
    {OP_gather, 2, {FL(1, {4}, -1, 1), IX(0, {0}, 0, 3)}, {.axis = 0}, NULL},
    {OP_scatter_add, 3, {FL(2, {4, 3}, -1, 1), IX(1, {6}, 0, 3), FL(2, {6, 3}, -1, 1)}, {.axis = 0}, NULL},
    {OP_scatter_add,
     3,
     {FL(3, {2, 4, 3}, -1, 1), IX(2, {2, 2}, 0, 2), FL(3, {2, 4, 2}, -1, 1)},
     {.axis = 2, .n_batch = 1},
     NULL},
    {OP_scatter_set, 3, {FL(2, {4, 3}, -1, 1), IX(1, {6}, 0, 3), FL(2, {6, 3}, -1, 1)}, {.axis = 0}, NULL},
    {OP_scatter_set,
     3,
     {FL(3, {2, 3, 4}, -1, 1), IX(3, {2, 2, 3}, 0, 3), FL(4, {2, 3, 2, 3}, -1, 1)},
     {.axis = 2, .n_batch = 1},
     NULL},
    {OP_dynamic_slice, 3, {MATRIX(4, 5), IX(0, {0}, 0, 2), IX(0, {0}, 1, 2)}, {.sizes = {2, {2, 3}}}, NULL},
    {OP_dynamic_add, 4, {MATRIX(4, 5), MATRIX(2, 3), IX(0, {0}, 0, 2), IX(0, {0}, 1, 2)}, {.axis = 0}, NULL},
    {OP_dynamic_put, 4, {MATRIX(4, 5), MATRIX(2, 3), IX(0, {0}, 0, 2), IX(0, {0}, 1, 2)}, {.axis = 0}, NULL},
    /* contractions */
    {OP_dot_general, 2, {MATRIX(2, 3), MATRIX(3, 4)}, {.contract_a = {1, {1}}, .contract_b = {1, {0}}}, NULL},
    {OP_dot_general, 2, {MATRIX(3, 2), MATRIX(4, 3)}, {.contract_a = {1, {0}}, .contract_b = {1, {1}}}, NULL},
    {OP_dot_general, 2, {MATRIX(2, 0), MATRIX(0, 4)}, {.contract_a = {1, {1}}, .contract_b = {1, {0}}}, NULL},
    {OP_dot_general, 2, {FL(1, {3}, -1, 1), FL(1, {2}, -1, 1)}, {.axis = 0}, NULL},
    {OP_dot_general,
     2,
     {FL(4, {3, 2, 4, 2}, -1, 1), FL(5, {2, 4, 2, 3, 1}, -1, 1)},
     {.batch_a = {1, {3}}, .batch_b = {1, {0}}, .contract_a = {2, {0, 2}}, .contract_b = {2, {3, 1}}},
     NULL},
    {OP_conv_general,
     2,
     {FL(4, {1, 2, 2, 7}, -1, 1), FL(4, {1, 3, 2, 3}, -1, 1)},
     {.n_window = 1, .window = {{0, 2, 1, 2, 1, 2}}},
     NULL},
    {OP_conv_general,
     2,
     {FL(5, {2, 1, 2, 4, 3}, -1, 1), FL(5, {2, 2, 2, 2, 3}, -1, 1)},
     {.n_window = 2, .window = {{0, 1, -1, 2, 2, 1}, {0, 2, 2, 1, 1, 1}}},
     NULL},
    {OP_conv_general,
     2,
     {FL(6, {1, 1, 1, 3, 2, 3}, -1, 1), FL(6, {1, 1, 1, 2, 2, 2}, -1, 1)},
     {.n_window = 3, .window = {{0, 1, 0, 0, 1, 1}, {0, 1, 1, 0, 1, 1}, {0, 2, 0, 1, 1, 1}}},
     NULL},
    {OP_window_sum,
     1,
     {FL(3, {2, 5, 6}, -1, 1)},
     {.n_window = 2, .window = {{2, 2, 1, 0, 1, 1}, {3, 1, 0, -1, 2, 2}}},
     NULL},
    {OP_window_pick, 1, {FL(3, {2, 4, 5}, -1, 1)}, {.axis = 0}, build_pick},
    {OP_window_pick, 2, {FL(1, {7}, -1, 1), IX(1, {3}, 0, 1)}, {.n_window = 1, .window = {{2, 2, 0, 0, 1, 2}}}, NULL},
    {OP_window_place,
     2,
     {FL(1, {3}, -1, 1), IX(1, {3}, 0, 1)},
     {.n_window = 1, .window = {{2, 2, 0, 0, 1, 2}}, .shape = {1, {7}}},
     NULL},
    /* linear algebra */
    {OP_cholesky, 1, {MATRIX(3, 3)}, {.axis = 0}, build_cholesky},
    {OP_cholesky, 1, {MATRIX(1, 1)}, {.axis = 0}, build_cholesky},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 2)}, {.axis = 0}, build_tri_l},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 2)}, {.axis = 0}, build_tri_lt},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 1)}, {.axis = 0}, build_tri_u},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 1)}, {.axis = 0}, build_tri_utn},
    {OP_tri_solve, 2, {MATRIX(3, 3), MATRIX(3, 1)}, {.axis = 0}, build_tri_ln},
    {OP_solve, 2, {MATRIX(3, 3), MATRIX(3, 2)}, {.axis = 0}, build_solve},
    {OP_solve, 2, {FL(3, {2, 2, 2}, 1, 2), FL(3, {2, 2, 1}, -1, 1)}, {.trans = 1}, NULL},
    {OP_slogdet, 1, {FL(3, {2, 2, 2}, 1, 3)}, {.axis = 0}, NULL},
    {OP_eigh, 1, {MATRIX(3, 3)}, {.axis = 0}, build_eigh},
    {OP_svd, 1, {MATRIX(3, 2)}, {.axis = 0}, NULL},
    {OP_svd, 1, {MATRIX(2, 4)}, {.axis = 0}, NULL},
    {OP_svd, 1, {FL(3, {2, 2, 2}, -1, 1)}, {.axis = 0}, NULL},
    /* structure and types */
    {OP_select, 2, {MATRIX(2, 3), MATRIX(2, 3)}, {.axis = 0}, build_select},
    {OP_select, 3, {{DT_BOOL, 2, {2, 3}, 0, 1}, MATRIX(2, 3), MATRIX(2, 3)}, {.axis = 0}, NULL},
    {OP_cast, 1, {{DT_F32, 1, {3}, -1, 1}}, {.axis = 0}, build_cast},
    {OP_proj, 1, {MATRIX(2, 2)}, {.axis = 0}, build_proj},
    {OP_anchor, 1, {MATRIX(2, 2)}, {.axis = 0}, NULL},
};

/* Elementwise ops take every shape; what differs is where their operands may lie. */
static const struct {
  Op op;
  double lo[2], hi[2];
} ranges[] = {
    {OP_add, {-1, -1}, {1, 1}},
    {OP_sub, {-1, -1}, {1, 1}},
    {OP_neg, {-1}, {1}},
    {OP_mul, {-1, -1}, {1, 1}},
    {OP_div, {-1, 1}, {1, 2}},
    {OP_div, {-1, -2}, {1, -1}},
    {OP_pow, {.5, -2}, {2, 2}},
    {OP_max, {-1, -1}, {1, 1}},
    {OP_min, {-1, -1}, {1, 1}},
    {OP_rem, {2.1, 1}, {2.9, 1.04}},
    {OP_rem, {-2.9, 1}, {-2.1, 1.04}},
    {OP_abs, {.1}, {1}},
    {OP_abs, {-1}, {-.1}},
    {OP_sign, {.1}, {1}},
    {OP_floor, {.1}, {.9}},
    {OP_ceil, {.1}, {.9}},
    {OP_round, {.1}, {.4}},
    {OP_exp, {-2}, {2}},
    {OP_expm1, {-2}, {2}},
    {OP_log, {.2}, {3}},
    {OP_log1p, {-.5}, {3}},
    {OP_sqrt, {.2}, {3}},
    {OP_sin, {-4}, {4}},
    {OP_cos, {-4}, {4}},
    {OP_tanh, {-3}, {3}},
    {OP_logistic, {-5}, {5}},
    {OP_softplus, {-5}, {5}},
    {OP_erf, {-2}, {2}},
    {OP_atan, {-3}, {3}},
};
static const Input shapes[] = {FL(0, {0}, 0, 0), FL(1, {1}, 0, 0), FL(1, {0}, 0, 0), FL(2, {2, 3}, 0, 0),
                               FL(6, {1, 2, 1, 2, 1, 2}, 0, 0)};
enum { N_SAMPLES = sizeof samples / sizeof *samples, N_RANGES = sizeof ranges / sizeof *ranges };
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

static void elementwise(void **state) {
  (void)state;
  for (uint32_t r = 0; r < N_RANGES; r++)
    for (uint32_t k = 0; k < N_SHAPES; k++) {
      Sample s = {.op = ranges[r].op, .n_in = (uint32_t)op_table[ranges[r].op].arity};
      for (uint32_t j = 0; j < s.n_in; j++) {
        s.in[j] = shapes[k];
        s.in[j].lo = ranges[r].lo[j], s.in[j].hi = ranges[r].hi[j];
      }
      check_sample(&s);
    }
}

static void all_others(void **state) {
  (void)state;
  for (uint32_t k = 0; k < N_SAMPLES; k++) check_sample(&samples[k]);
}

static bool has_sample(Op op) {
  for (uint32_t k = 0; k < N_SAMPLES; k++)
    if (samples[k].op == op) return true;
  for (uint32_t k = 0; k < N_RANGES; k++)
    if (ranges[k].op == op) return true;
  return false;
}

/* Loops and grad itself are the subject of test_autodiff.c and test_autodiff_loops.c. */
static void every_row_has_samples(void **state) {
  (void)state;
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    bool elsewhere = op == OP_scan || op == OP_grad;
    if (op_table[op].flags & OPF_NO_DERIVATIVE)
      assert_null(op_table[op].vjp);
    else if (!elsewhere && !has_sample((Op)op))
      fail_msg("`%s` has no samples", op_table[op].name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_has_samples),
      cmocka_unit_test(elementwise),
      cmocka_unit_test(all_others),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
