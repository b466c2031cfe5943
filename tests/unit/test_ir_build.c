/* Modules and builders: interning, type inference, value numbering, copying, time. */
#include "ir/attr.h"
#include "ir/build.h"
#include "tests/support/cpu_time.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static Module *m;
static DiagSink sink;
static Builder b;

static int begin(void **state) {
  (void)state;
  m = ir_module_new(NULL);
  b = ir_builder(m, ir_region_new(m), &sink);
  return 0;
}

static int end(void **state) {
  (void)state;
  ir_builder_free(&b);
  ir_module_free(m);
  diag_sink_free(&sink);
  return 0;
}

static TypeId type2(DType t, int64_t n, int64_t k) { return ir_type(m, t, 2, (int64_t[]){n, k}); }

static void types_are_interned(void **state) {
  (void)state;
  TypeId a = type2(DT_F32, 64, 784);
  assert_int_equal(a, type2(DT_F32, 64, 784));
  assert_int_not_equal(a, type2(DT_F64, 64, 784));
  assert_int_not_equal(a, type2(DT_F32, 784, 64));
  assert_string_equal(ir_type_str(m, a), "f32[64, 784]");
  TypeId t = ir_tuple_type(m, (TypeId[]){a, ir_scalar(m, DT_I64)}, 2);
  assert_int_equal(t, ir_tuple_type(m, (TypeId[]){a, ir_scalar(m, DT_I64)}, 2));
  assert_string_equal(ir_type_str(m, t), "(f32[64, 784], i64[])");
  assert_int_equal(ir_elements(ir_type_get(m, a)), 64 * 784);
  assert_int_equal(ir_elements(ir_type_get(m, ir_scalar(m, DT_BOOL))), 1);
}

static void absurd_shapes_have_no_type(void **state) {
  (void)state;
  assert_int_equal(type2(DT_F32, -1, 3), IR_NONE);
  assert_int_equal(type2(DT_F32, INT64_MAX, INT64_MAX), IR_NONE);
  assert_int_equal(type2(DT_F32, 1 << 21, 1 << 21), IR_NONE);
  assert_int_not_equal(type2(DT_F32, 1 << 20, 1 << 20), IR_NONE);
  assert_int_equal(ir_type(m, DT_F32, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}), IR_NONE);
  assert_int_not_equal(type2(DT_F32, 0, 1 << 30), IR_NONE);
}

static void attributes_keep_only_the_fields_of_the_op(void **state) {
  (void)state;
  Attr a = {.axis = 1, .reverse = 1}, c = {.axis = 1, .reverse = 1, .count = 7};
  memset(&c.shape.v, 0xEE, sizeof c.shape.v);
  assert_int_equal(ir_op_attr(m, OP_cumsum, &a), ir_op_attr(m, OP_cumsum, &c));
  assert_int_equal(ir_op_attr(m, OP_add, &a), IR_NONE);
  assert_int_equal(ir_attr(m, &a), ir_op_attr(m, OP_cumsum, &c));
  c.axis = 2;
  assert_int_not_equal(ir_op_attr(m, OP_cumsum, &a), ir_op_attr(m, OP_cumsum, &c));
}

static void every_attribute_name_is_a_field(void **state) {
  (void)state;
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    for (const char *s = op_table[op].attrs; *s;) {
      size_t n = strcspn(s, " ");
      assert_true(attr_field_by_name(s, n) < attr_field_count);
      s += n + strspn(s + n, " ");
    }
    assert_int_equal(op_by_name(op_table[op].name, strlen(op_table[op].name)), op);
    assert_true(strlen(op_table[op].meaning) > 2);
  }
  assert_int_equal(op_by_name("ad", 2), OP_COUNT);
  assert_int_equal(op_by_name("addx", 4), OP_COUNT);
}

static void constants_and_locations_are_interned(void **state) {
  (void)state;
  TypeId t = ir_scalar(m, DT_F64);
  double zero = 0, minus = -0.0;
  assert_int_equal(ir_const_bytes(m, t, &zero), ir_const_bytes(m, t, &zero));
  assert_int_not_equal(ir_const_bytes(m, t, &zero), ir_const_bytes(m, t, &minus));
  Loc l = {{0, 3, 9}, IR_NONE, ORIGIN_GRAD, 1}, k = l;
  assert_int_equal(ir_loc(m, l), ir_loc(m, k));
  k.order = 2;
  assert_int_not_equal(ir_loc(m, l), ir_loc(m, k));
  assert_int_equal(ir_loc_get(m, ir_loc(m, k))->order, 2);
}

static void scalars_of_every_dtype(void **state) {
  (void)state;
  struct {
    DType t;
    double v;
    int64_t want;
  } row[] = {{DT_BOOL, 3, 1},
             {DT_U8, 300, 255},
             {DT_U8, -1, 0},
             {DT_I32, -7.9, -7},
             {DT_I32, 1e20, INT32_MAX},
             {DT_I64, 1e30, INT64_MAX},
             {DT_I64, -1e30, INT64_MIN},
             {DT_U32, 5e9, UINT32_MAX},
             {DT_U64, 12, 12}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    int64_t x = 0;
    ir_scalar_bytes(row[i].t, row[i].v, &x);
    if (row[i].t == DT_I32) x = (int32_t)x;
    assert_int_equal(x, row[i].want);
  }
}

static void a_layer_gets_its_types(void **state) {
  (void)state;
  NodeId x = ir_param(&b, type2(DT_F32, 64, 784)), w = ir_param(&b, type2(DT_F32, 784, 10));
  NodeId bias = ir_param(&b, ir_type(m, DT_F32, 1, (int64_t[]){10}));
  NodeId z = ir_matmul(&b, x, w);
  NodeId y = ir_unary(&b, OP_tanh, ir_binary(&b, OP_add, z, ir_broadcast_to(&b, bias, 2, (int64_t[]){64, 10})));
  NodeId loss = ir_reduce(&b, OP_reduce_sum, y, 2, (int64_t[]){1, 0});
  ir_result(&b, loss);
  assert_string_equal(ir_type_str(m, ir_node(m, b.region, z)->type), "f32[64, 10]");
  assert_string_equal(ir_type_str(m, ir_node(m, b.region, loss)->type), "f32[]");
  assert_int_equal(sink.n_errors, 0);
  bool *live = ir_live(m, b.region);
  assert_true(live[x] && live[bias] && live[loss]);
  free(live);
}

static void axes_of_extent_one_grow_through_a_reshape(void **state) {
  (void)state;
  NodeId x = ir_param(&b, type2(DT_F32, 64, 1));
  NodeId y = ir_broadcast_to(&b, x, 3, (int64_t[]){5, 64, 10});
  const Node *n = ir_node(m, b.region, y);
  assert_int_equal(n->op, OP_broadcast);
  assert_int_equal(ir_attr_get(m, n->attr)->axes.n, 1);
  assert_int_equal(ir_attr_get(m, n->attr)->axes.v[0], 1);
  assert_int_equal(ir_broadcast_to(&b, x, 2, (int64_t[]){64, 1}), x);
}

static void an_error_is_reported_once(void **state) {
  (void)state;
  NodeId x = ir_param(&b, type2(DT_F32, 64, 784)), w = ir_param(&b, type2(DT_F32, 400, 784));
  NodeId z = ir_matmul(&b, x, w);
  assert_int_equal(z, IR_NONE);
  assert_int_equal(ir_unary(&b, OP_exp, ir_binary(&b, OP_add, z, x)), IR_NONE);
  assert_int_equal(sink.n_errors, 1);
  assert_string_equal(sink.diag.at[0].message,
                      "shapes do not fit: [64, 784] @ [400, 784] (contracted axis 1 of the first is 784, axis 0 of the "
                      "second is 400)");
  assert_string_equal(sink.diag.at[0].hint, "the transposed second operand would fit: [784, 400]");
}

static void equal_nodes_are_one_with_local_rules(void **state) {
  (void)state;
  NodeId x = ir_param(&b, type2(DT_F32, 3, 4)), y = ir_param(&b, type2(DT_F32, 3, 4));
  assert_int_not_equal(ir_unary(&b, OP_exp, x), ir_unary(&b, OP_exp, x));
  b.local_rules = true;
  assert_int_equal(ir_unary(&b, OP_exp, x), ir_unary(&b, OP_exp, x));
  assert_int_equal(ir_binary(&b, OP_add, x, y), ir_binary(&b, OP_add, y, x));
  assert_int_not_equal(ir_binary(&b, OP_sub, x, y), ir_binary(&b, OP_sub, y, x));
  assert_int_equal(ir_full_like(&b, x, 2), ir_full_like(&b, y, 2));
  assert_int_not_equal(ir_full_like(&b, x, 2), ir_full_like(&b, y, 3));
  Attr a = {.index = 1};
  assert_int_not_equal(ir_emit(&b, OP_anchor, &x, 1, &a), ir_emit(&b, OP_anchor, &x, 1, &a));
  assert_int_not_equal(ir_param(&b, type2(DT_F32, 3, 4)), y);
}

static NodeId drop_double_negation(Builder *builder, Op op, const NodeId *in, uint32_t n, const Attr *attr) {
  (void)n, (void)attr;
  const Node *a = n ? ir_node(builder->m, builder->region, in[0]) : NULL;
  return op == OP_neg && a->op == OP_neg ? ir_operands(builder->m, builder->region, a)[0] : IR_NONE;
}

static void rewrite_rules_are_asked_first(void **state) {
  (void)state;
  NodeId x = ir_param(&b, type2(DT_F32, 3, 4));
  b.local_rules = true;
  b.simplify = drop_double_negation;
  assert_int_equal(ir_unary(&b, OP_neg, ir_unary(&b, OP_neg, x)), x);
}

/* sum over i < 5 of x_i * w, keeping the running sums. */
static RegionId accumulate_body(void) {
  RegionId r = ir_region_new(m);
  Builder c = ir_builder(m, r, &sink);
  TypeId f = ir_scalar(m, DT_F32);
  ir_param(&c, ir_scalar(m, DT_I64));
  NodeId acc = ir_param(&c, f), x = ir_param(&c, f), w = ir_param(&c, f);
  NodeId next = ir_binary(&c, OP_add, acc, ir_binary(&c, OP_mul, x, w));
  ir_result(&c, next);
  ir_result(&c, next);
  ir_builder_free(&c);
  return r;
}

static void loops_get_a_tuple(void **state) {
  (void)state;
  RegionId body = accumulate_body();
  NodeId xs = ir_param(&b, ir_type(m, DT_F32, 1, (int64_t[]){5})), w = ir_param(&b, ir_scalar(m, DT_F32));
  NodeId zero = ir_scalar_const(&b, DT_F32, 0);
  NodeId s = ir_scan(&b, 5, false, &zero, 1, &xs, 1, &w, 1, body);
  assert_string_equal(ir_type_str(m, ir_node(m, b.region, s)->type), "(f32[], f32[5])");
  assert_string_equal(ir_type_str(m, ir_node(m, b.region, ir_proj(&b, s, 1))->type), "f32[5]");
  assert_int_equal(ir_scan(&b, 4, false, &zero, 1, &xs, 1, &w, 1, body), IR_NONE);
  assert_string_equal(sink.diag.at[0].message, "a loop of 4 iterations over f32[5]");
  assert_int_equal(ir_proj(&b, s, 2), IR_NONE);
  assert_int_equal(sink.n_errors, 2);
}

static void a_rebuilt_region_has_the_same_nodes(void **state) {
  (void)state;
  NodeId x = ir_param(&b, type2(DT_F32, 3, 4));
  NodeId e = ir_unary(&b, OP_exp, x), dead = ir_unary(&b, OP_sin, x);
  NodeId y = ir_binary(&b, OP_mul, e, e);
  (void)dead;
  ir_result(&b, y);
  bool *live = ir_live(m, b.region);
  Rebuild r = ir_rebuild(m, b.region, &sink);
  for (NodeId n = 0; n < ir_region(m, b.region)->node.n; n++)
    if (live[n] && ir_node(m, b.region, n)->op != OP_param) ir_copy_node(&r, n);
  RegionId copy = ir_rebuild_finish(&r);
  free(live);
  const Region *c = ir_region(m, copy);
  assert_int_equal(c->node.n, 3);
  assert_int_equal(c->param.n, 1);
  assert_int_equal(c->result.n, 1);
  assert_int_equal(c->node.at[c->result.at[0]].op, OP_mul);
}

static void grow_chain(uint32_t n) {
  NodeId x = ir_param(&b, type2(DT_F32, 64, 64)), y = x;
  for (uint32_t i = 0; i < n / 4; i++) {
    NodeId s = ir_reduce(&b, OP_reduce_sum, y, 1, (int64_t[]){1});
    y = ir_binary(&b, OP_mul, y, ir_broadcast(&b, s, 2, (int64_t[]){64, 64}, (int64_t[]){0}));
    y = ir_binary(&b, OP_add, y, x);
  }
  ir_result(&b, y);
}

static void ten_thousand_nodes_take_milliseconds(void **state) {
  (void)state;
  b.local_rules = true;
  double best = 1;
  for (int i = 0; i < 5; i++) {
    ir_builder_free(&b);
    b.region = ir_region_new(m);
    double t = cpu_seconds();
    grow_chain(10000);
    t = cpu_seconds() - t;
    if (t < best) best = t;
  }
  printf("10,000 nodes: %.2f ms\n", best * 1e3);
  assert_true(ir_region(m, b.region)->node.n > 10000 - 4);
  assert_true(best < 0.1); /* loose: sanitizers and busy machines */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(types_are_interned),
      TEST(absurd_shapes_have_no_type),
      TEST(attributes_keep_only_the_fields_of_the_op),
      TEST(every_attribute_name_is_a_field),
      TEST(constants_and_locations_are_interned),
      TEST(scalars_of_every_dtype),
      TEST(a_layer_gets_its_types),
      TEST(axes_of_extent_one_grow_through_a_reshape),
      TEST(an_error_is_reported_once),
      TEST(equal_nodes_are_one_with_local_rules),
      TEST(rewrite_rules_are_asked_first),
      TEST(loops_get_a_tuple),
      TEST(a_rebuilt_region_has_the_same_nodes),
      TEST(ten_thousand_nodes_take_milliseconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
