/* Type rules: what each op accepts, what it gives, and what it says when operands do not fit. */
#include "ir/build.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Row {
  const char *params; /* types separated by ';' */
  const char *node;   /* an op on %0, %1, ... */
  const char *want;   /* its type, or the message */
} Row;

static const Row rows[] = {
    /* leaves */
    {"", "iota {dtype=i32, shape=[2, 3], axis=1}", "i32[2, 3]"},
    {"", "iota {dtype=i32, shape=[2, 3], axis=2}", "`iota` along axis 2 of [2, 3]"},
    {"", "iota {dtype=bool, shape=[2], axis=0}", "`iota` cannot count in bool"},
    {"", "iota {dtype=f32, shape=[1048576, 1048577], axis=0}",
     "the shape [1048576, 1048577] of iota is out of range: extents may not be negative, and a tensor holds at most "
     "2^40 elements"},
    {"u64[]; i64[]", "key_fold %0, %1", "u64[]"},
    {"u64[2]; i64[]", "key_fold %0, %1",
     "`key_fold` wants a key u64[] and an index i64[] or u64[], found u64[2] and i64[]"},
    {"u64[]", "random %0 {dist=uniform, dtype=f64, shape=[5], site=1}", "f64[5]"},
    {"u64[]", "random %0 {dist=bits, dtype=f64, shape=[5], site=1}", "`random` draws bits as u32 or u64, not f64"},
    {"u64[]", "random %0 {dist=normal, dtype=i32, shape=[5], site=1}", "`random` draws f32 or f64, not i32"},
    {"f32[]", "random %0 {dist=normal, dtype=f32, shape=[5], site=1}", "`random` wants a key u64[], found f32[]"},
    /* elementwise */
    {"f32[64, 10]; f32[64, 10]", "add %0, %1", "f32[64, 10]"},
    {"f32[0, 10]; f32[0, 10]", "mul %0, %1", "f32[0, 10]"},
    {"f32[64, 10]; f32[64, 12]", "add %0, %1", "shapes do not fit: [64, 10] + [64, 12] (axis 1 is 10 against 12)"},
    {"f32[64, 10]; f32[10]", "sub %0, %1", "shapes do not fit: [64, 10] - [10] (2 axes against 1)"},
    {"f32[3]; f64[3]", "max %0, %1", "dtypes do not fit: max(f32[3], f64[3])"},
    {"bool[3]; bool[3]", "add %0, %1", "no arithmetic on bool: bool[3] + bool[3]"},
    {"u8[3]", "neg %0", "u8[3]"},
    {"i32[3]", "exp %0", "`exp` is defined on f32 and f64: exp(i32[3])"},
    {"i32[3]; i32[3]", "pow %0, %1", "`pow` is defined on f32 and f64: i32[3] ^ i32[3]"},
    {"u8[3]", "cast %0 {dtype=f32}", "f32[3]"},
    {"f32[3]; f32[3]", "lt %0, %1", "bool[3]"},
    {"bool[]; bool[]", "and %0, %1", "bool[]"},
    {"u32[2]; u32[2]", "shl %0, %1", "u32[2]"},
    {"bool[2]; bool[2]", "shr %0, %1", "`shr` is defined on integers: shr(bool[2], bool[2])"},
    {"f32[2]", "not %0", "`not` is defined on bool and integers: not(f32[2])"},
    {"f32[2]", "is_finite %0", "bool[2]"},
    {"bool[4]; f32[4]; f32[4]", "select %0, %1, %2", "f32[4]"},
    {"bool[3]; f32[4]; f32[4]", "select %0, %1, %2",
     "shapes do not fit: select([3], [4], [4]) (axis 0 is 3 against 4)"},
    {"f32[4]; f32[4]; f32[4]", "select %0, %1, %2", "the condition of a choice is f32[4], not bool"},
    {"bool[4]; f32[4]; i32[4]", "select %0, %1, %2", "dtypes do not fit: select(bool[4], f32[4], i32[4])"},
    /* movement */
    {"f32[3]", "broadcast %0 {shape=[2, 3, 4], axes=[1]}", "f32[2, 3, 4]"},
    {"f32[3]", "broadcast %0 {shape=[2, 3, 4], axes=[2]}",
     "[3] does not broadcast to [2, 3, 4]: axis 0 of extent 3 would become axis 2 of extent 4"},
    {"f32[3, 2]", "broadcast %0 {shape=[2, 3], axes=[1, 0]}", "`broadcast`: `axes` must be in increasing order"},
    {"f32[3, 2]", "broadcast %0 {shape=[2, 3], axes=[1]}", "`broadcast` of [3, 2] wants 2 entries in `axes`, found 1"},
    {"f32[2, 3, 4]", "reshape %0 {shape=[6, 4]}", "f32[6, 4]"},
    {"f32[0, 3]", "reshape %0 {shape=[7, 0]}", "f32[7, 0]"},
    {"f32[2, 3]", "reshape %0 {shape=[7]}", "[2, 3] cannot be reshaped to [7]: 6 elements against 7"},
    {"f32[2, 3, 4]", "transpose %0 {axes=[2, 0, 1]}", "f32[4, 2, 3]"},
    {"f32[2, 3]", "transpose %0 {axes=[1, 1]}", "`transpose`: axis 1 appears twice in `axes`"},
    {"f32[2, 3]", "reverse %0 {axes=[0, 1]}", "f32[2, 3]"},
    {"f32[10, 4]", "slice %0 {lo=[1, 0], hi=[10, 4], step=[4, 1]}", "f32[3, 4]"},
    {"f32[10]", "slice %0 {lo=[3], hi=[11], step=[1]}", "the slice 3:11 is out of range for axis 0 of [10]"},
    {"f32[10]", "slice %0 {lo=[3], hi=[5], step=[0]}", "a slice with the step 0"},
    {"f32[10]", "pad %0 {lo=[-2], hi=[3], step=[1]}", "f32[20]"},
    {"f32[0]", "pad %0 {lo=[1], hi=[1], step=[5]}", "f32[2]"},
    {"f32[2]", "pad %0 {lo=[-2], hi=[-1], step=[0]}", "cropping 2 and 1 from axis 0 of [2] leaves less than nothing"},
    {"f32[2]", "pad %0 {lo=[9223372036854775807], hi=[9223372036854775807], step=[0]}",
     "padding of 9223372036854775807, 9223372036854775807 and 0 between elements is out of range"},
    {"f32[2, 3]; f32[5, 3]", "concat %0, %1 {axis=0}", "f32[7, 3]"},
    {"f32[2, 3]; f32[5, 4]", "concat %0, %1 {axis=0}",
     "shapes do not fit: concat([2, 3], [5, 4]) along axis 0 (axis 1 is 3 against 4)"},
    {"f32[2, 3]; f32[3]", "concat %0, %1 {axis=0}", "shapes do not fit: concat([2, 3], [3]) (2 axes against 1)"},
    /* reductions */
    {"f32[2, 3, 4]", "reduce_sum %0 {axes=[0, 2]}", "f32[3]"},
    {"f32[2, 3, 4]", "reduce_sum %0 {axes=[2, 0]}", "`reduce_sum`: `axes` must be in increasing order"},
    {"bool[2]", "reduce_sum %0 {axes=[0]}", "`reduce_sum` of bool: cast it to a number first"},
    {"f32[2]", "reduce_max %0 {axes=[1]}", "`reduce_max`: axis 1 in `axes` is out of range for 1 axes"},
    {"f32[2, 3]", "argmax %0 {axis=1}", "i32[2]"},
    {"f32[2, 0]", "argmin %0 {axis=1}", "`argmin` along axis 1 of [2, 0], which is empty"},
    {"f32[2, 3]", "argmax %0 {axis=2}", "`argmax` along axis 2 of [2, 3], which has 2 axes"},
    {"f32[2, 3]", "cumsum %0 {axis=0, reverse=true}", "f32[2, 3]"},
    {"f32[2, 3]", "sort %0 {axis=1}", "f32[2, 3]"},
    {"f32[2, 3]", "argsort %0 {axis=1}", "i32[2, 3]"},
    /* indexing */
    {"u8[60000, 784]; i32[64]", "gather %0, %1 {axis=0}", "u8[64, 784]"},
    {"f32[5, 7, 9]; i32[2, 3]", "gather %0, %1 {axis=1}", "f32[5, 2, 3, 9]"},
    {"f32[5, 7, 9]; i32[5, 3]", "gather %0, %1 {axis=1, n_batch=1}", "f32[5, 3, 9]"},
    {"f32[5, 7]; i32[4, 3]", "gather %0, %1 {axis=1, n_batch=1}",
     "shapes do not fit: `gather` of [5, 7] at [4, 3] (axis 0 is 5 against 4)"},
    {"f32[5]; i64[4]", "gather %0, %1 {axis=0}", "indices are i32, found i64[4]"},
    {"f32[1, 1, 1, 1, 1]; i32[1, 1, 1, 1, 1]", "gather %0, %1 {axis=0}",
     "the result of gather([1, 1, 1, 1, 1], [1, 1, 1, 1, 1]) has 9 axes, at most 8 are possible"},
    {"f32[5, 7]; i32[3]; f32[3, 7]", "scatter_add %0, %1, %2 {axis=0}", "f32[5, 7]"},
    {"f32[5, 7]; i32[3]; f32[4, 7]", "scatter_set %0, %1, %2 {axis=0}",
     "shapes do not fit: the places [3] of [5, 7] hold [3, 7], the update is [4, 7]"},
    {"f32[5, 7]; i64[]; i32[]", "dynamic_slice %0, %1, %2 {sizes=[2, 7]}", "f32[2, 7]"},
    {"f32[5, 7]; i64[]; i32[]", "dynamic_slice %0, %1, %2 {sizes=[6, 7]}",
     "a block of [6, 7] does not fit in [5, 7]: axis 0 is 6 against 5"},
    {"f32[5, 7]; i64[]", "dynamic_slice %0, %1 {sizes=[2, 7]}", "`dynamic_slice` of [5, 7] wants 2 starts, found 1"},
    {"f32[5]; f32[2]; f32[]", "dynamic_add %0, %1, %2", "the start of axis 0 is f32[], not an i32 or i64 scalar"},
    {"f32[5]; f32[2]; i32[]", "dynamic_put %0, %1, %2", "f32[5]"},
    /* contractions */
    {"f32[64, 784]; f32[784, 10]", "dot_general %0, %1 {contract_a=[1], contract_b=[0]}", "f32[64, 10]"},
    {"f32[2, 3, 4]; f32[2, 4, 5]", "dot_general %0, %1 {batch_a=[0], batch_b=[0], contract_a=[2], contract_b=[1]}",
     "f32[2, 3, 5]"},
    {"f32[64, 784]; f32[400, 784]", "dot_general %0, %1 {contract_a=[1], contract_b=[0]}",
     "shapes do not fit: [64, 784] @ [400, 784] (contracted axis 1 of the first is 784, axis 0 of the second is 400)"},
    {"f32[2]; f64[2]", "dot_general %0, %1 {contract_a=[0], contract_b=[0]}", "dtypes do not fit: f32[2] @ f64[2]"},
    {"f32[2, 2]; f32[2]", "dot_general %0, %1 {contract_a=[0, 1], contract_b=[0]}",
     "[2, 2] @ [2] names 2 contracted axes of the first operand and 1 of the second"},
    {"f32[2, 2]; f32[2, 2]", "dot_general %0, %1 {batch_a=[0], batch_b=[0], contract_a=[0], contract_b=[0]}",
     "axis 0 is both a batch axis and contracted"},
    {"f32[1, 8, 3, 28, 28]; f32[1, 16, 3, 5, 5]", "conv_general %0, %1 {window=[{stride=2, lo=2, hi=2}, {}]}",
     "f32[1, 8, 16, 14, 24]"},
    {"f32[1, 8, 3, 28]; f32[1, 16, 4, 5]", "conv_general %0, %1 {window=[{}]}",
     "shapes do not fit: conv_general([1, 8, 3, 28], [1, 16, 4, 5]) (1 groups of 3 channels against 1 of 4)"},
    {"f32[1, 8, 3, 3]; f32[1, 16, 3, 5]", "conv_general %0, %1 {window=[{}]}",
     "`conv_general`: a window that spans 5 does not fit in an axis of 3 with padding 0 and 0"},
    {"f32[1, 8, 3, 3]; f32[1, 16, 3, 3]", "conv_general %0, %1 {window=[{stride=0}]}",
     "`conv_general`: a window of 3 with stride 0, padding 0 and 0, dilations 1 and 1 is out of range"},
    {"f32[2, 6, 6]", "window_sum %0 {window=[{size=2, stride=2}, {size=3}]}", "f32[2, 3, 4]"},
    {"f32[2, 6]", "window_argmax %0 {window=[{size=2, stride=2}]}", "i32[2, 3]"},
    {"f32[2, 6]; i32[2, 3]", "window_pick %0, %1 {window=[{size=2, stride=2}]}", "f32[2, 3]"},
    {"f32[2, 6]; i32[2, 2]", "window_pick %0, %1 {window=[{size=2, stride=2}]}",
     "the taps of this window are i32[2, 3], found i32[2, 2]"},
    {"f32[2, 3]; i32[2, 3]", "window_place %0, %1 {window=[{size=2, stride=2}], shape=[2, 6]}", "f32[2, 6]"},
    {"f32[2, 3]; i32[2, 4]", "window_place %0, %1 {window=[{size=2, stride=2}], shape=[2, 8]}",
     "windows over [2, 8] give [2, 4], found [2, 3]"},
    /* linear algebra */
    {"f64[7, 3, 3]", "cholesky %0", "f64[7, 3, 3]"},
    {"f64[2, 3]", "cholesky %0", "`cholesky` wants a square matrix, found [2, 3]"},
    {"f64[3]", "eigh %0", "`eigh` wants a matrix, found [3]"},
    {"i32[3, 3]", "slogdet %0", "`slogdet` is defined on f32 and f64, found i32[3, 3]"},
    {"f64[4, 3, 3]; f64[4, 3, 2]", "solve %0, %1 {trans=true}", "f64[4, 3, 2]"},
    {"f64[3, 3]; f64[3]", "tri_solve %0, %1 {lower=true}",
     "shapes do not fit: `tri_solve` of [3, 3] and [3] (the right-hand side is a matrix of 3 rows)"},
    {"f64[5, 3, 3]", "slogdet %0", "(f64[5], f64[5])"},
    {"f32[5, 3, 3]", "eigh %0", "(f32[5, 3], f32[5, 3, 3])"},
    {"f32[5, 2]", "svd %0", "(f32[5, 2], f32[2], f32[2, 2])"},
    /* structure */
    {"f32[]; f32[3]", "grad %0, %1 {order=1}", "(f32[3])"},
    {"f32[2]; f32[3]", "grad %0, %1 {order=1}", "a gradient is taken of a scalar f32 or f64, found f32[2]"},
    {"f32[]; i32[3]", "grad %0, %1 {order=1}", "there is no derivative with respect to i32[3]"},
    {"f32[]; f32[3]", "grad %0, %1 {order=2}", "`grad` of 2 operands names 2 variables"},
    {"f32[3]", "anchor %0 {index=7}", "f32[3]"},
    {"i32[3]", "stop_gradient %0", "i32[3]"},
    {"f32[3]", "proj %0 {index=0}", "there is no member 0 in f32[3]"},
    {"f32[3]; f32[3]", "exp %0, %1", "`exp` takes 1 operand, found 2"},
    /* loops */
    {"f32[5, 2]; f32[2]",
     "scan %1, %0 {count=5, n_carry=1, n_xs=1, n_consts=0, n_ys=1} body { %i = param : i64[] %c = param : f32[2] "
     "%x = param : f32[2] %s = add %c, %x return %s, %x }",
     "(f32[2], f32[5, 2])"},
    {"f32[4, 2]; f32[2]",
     "scan %1, %0 {count=5, n_carry=1, n_xs=1, n_consts=0, n_ys=0} body { %i = param : i64[] %c = param : f32[2] "
     "%x = param : f32[2] %s = add %c, %x return %s }",
     "a loop of 5 iterations over f32[4, 2]"},
    {"f32[2]",
     "scan %0 {count=5, n_carry=1, n_xs=0, n_consts=0, n_ys=0} body { %i = param : i64[] %c = param : f32[2] "
     "%s = concat %c, %c {axis=0} return %s }",
     "a value carried by the loop enters an iteration as f32[2] and leaves it as f32[4]"},
    {"f32[3]",
     "scan %0 {count=5, n_carry=1, n_xs=0, n_consts=0, n_ys=0} body { %i = param : i64[] %c = param : f32[2] return %c "
     "}",
     "`scan`: a carried value enters as f32[3], the body expects f32[2]"},
    {"f32[2]",
     "scan %0 {count=5, n_carry=1, n_xs=0, n_consts=0, n_ys=1} body { %i = param : i64[] %c = param : f32[2] return %c "
     "}",
     "`scan`: its body has 2 parameters and 1 results, 2 and 2 are wanted"},
    {"f32[]",
     "while %0 {count=9, n_carry=1, n_consts=0} condition { %c = param : f32[] %t = lt %c, %c return %t } "
     "body { %i = param : i64[] %c = param : f32[] return %c }",
     "(f32[], i64[])"},
    {"f32[]",
     "while %0 {count=9, n_carry=1, n_consts=0} condition { %c = param : f32[] return %c } "
     "body { %i = param : i64[] %c = param : f32[] return %c }",
     "the condition of a loop is f32[], not bool[]"},
};

/* The module text with the node as its last; values are %0, %1, ... */
static void module_text(const Row *row, StrBuf *b) {
  char params[200];
  snprintf(params, sizeof params, "%s", row->params);
  StrBuf uses = {0};
  int n = 0;
  for (char *rest = params, *t; (t = strtok_r(rest, ";", &rest)); n++) {
    sb_printf(b, "param p%d : %s\n", n, t);
    sb_printf(&uses, "%%%d = cell p%d : %s\n", n, n, t);
  }
  sb_printf(b, "task plain t { step {\n%s%%y = %s\n} }\n", uses.s ? uses.s : "", row->node);
  sb_free(&uses);
}

static void check_row(const Row *row) {
  StrBuf text = {0};
  module_text(row, &text);
  SourceMap map = {0};
  DiagSink sink = {0};
  Module *m = ir_parse(&map, source_add(&map, "t.ir", text.s, text.n, false), &sink);
  if (m) {
    const Region *r = ir_region(m, m->task.at[0].step.region);
    assert_string_equal(ir_type_str(m, vec_last(&r->node).type), row->want);
    assert_true(ir_verify(m, &sink));
  } else {
    assert_string_equal(sink.diag.at[0].message, row->want);
    assert_int_equal(sink.n_errors, 1);
  }
  ir_module_free(m);
  diag_sink_free(&sink);
  source_map_free(&map);
  sb_free(&text);
}

static void rules_accept_and_refuse(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check_row(&rows[i]);
}

/* Every op that the builder makes has a row above. */
static void every_op_has_a_row(void **state) {
  (void)state;
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    const char *name = op_table[op].name;
    bool same_rule_elsewhere = false, found = op == OP_param || op == OP_const;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
      size_t n = strcspn(rows[i].node, " ");
      Op other = op_by_name(rows[i].node, n);
      found = found || other == op;
      same_rule_elsewhere = same_rule_elsewhere || op_table[other].type == op_table[op].type;
    }
    if (!found && !same_rule_elsewhere) fail_msg("the type rule of `%s` has no test", name);
  }
}

static void errors_name_the_calls(void **state) {
  (void)state;
  SourceMap map = {0};
  DiagSink sink = {0};
  const char *user = "h = dense(10)(x)\n", *lib = "return x @ W\n";
  uint32_t u = source_add(&map, "my.sep", user, strlen(user), false),
           l = source_add(&map, "std/layers.sep", lib, strlen(lib), true);
  Module *m = ir_module_new(&map);
  Builder b = ir_builder(m, ir_region_new(m), &sink);
  NodeId x = ir_param(&b, ir_type(m, DT_F32, 2, (int64_t[]){64, 784}));
  NodeId w = ir_param(&b, ir_type(m, DT_F32, 2, (int64_t[]){400, 10}));
  LocId call = ir_loc(m, (Loc){{u, 4, 16}, IR_NONE, ORIGIN_SOURCE, 0});
  b.loc = ir_loc(m, (Loc){{l, 7, 12}, call, ORIGIN_SOURCE, 0});
  assert_int_equal(ir_matmul(&b, x, w), IR_NONE);
  assert_string_equal(sink.diag.at[0].code, "E0301");
  assert_int_equal(sink.diag.at[0].n_notes, 1);
  assert_int_equal(sink.diag.at[0].span.source, l);
  assert_int_equal(sink.diag.at[1].span.source, u);
  ir_builder_free(&b);
  ir_module_free(m);
  diag_sink_free(&sink);
  source_map_free(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rules_accept_and_refuse),
      cmocka_unit_test(every_op_has_a_row),
      cmocka_unit_test(errors_name_the_calls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
