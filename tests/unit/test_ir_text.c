/* The text form: what it looks like, print -> parse -> print, errors, broken texts. */
#include "ir/build.h"
#include "ir/text/text.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Parses, expects no error, prints. */
static char *round_trip(const char *text) {
  SourceMap map = {0};
  DiagSink sink = {0};
  uint32_t s = source_add(&map, "test.ir", text, strlen(text), false);
  Module *m = ir_parse(&map, s, &sink);
  if (!m) diag_print(&sink, &map, DIAG_HUMAN, false, stderr);
  assert_non_null(m);
  StrBuf b = {0};
  ir_print(m, IR_NONE, &b);
  ir_module_free(m);
  diag_sink_free(&sink);
  source_map_free(&map);
  return sb_take(&b);
}

static void expect_same(const char *text) {
  char *again = round_trip(text);
  assert_string_equal(again, text);
  free(again);
}

/* The first error's message; the text is expected to be refused. */
static char *first_error(const char *text) {
  SourceMap map = {0};
  DiagSink sink = {0};
  uint32_t s = source_add(&map, "test.ir", text, strlen(text), false);
  assert_null(ir_parse(&map, s, &sink));
  assert_true(sink.n_errors > 0);
  uint32_t line, column;
  source_position(&map, sink.diag.at[0].span.source, sink.diag.at[0].span.begin, &line, &column);
  StrBuf b = {0};
  sb_printf(&b, "%u:%u: %s", line, column, sink.diag.at[0].message);
  diag_sink_free(&sink);
  source_map_free(&map);
  return sb_take(&b);
}

static void expect_error(const char *text, const char *want) {
  char *message = first_error(text);
  assert_string_equal(message, want);
  free(message);
}

static const char whole[] = "field mnist.train.x : u8[60000, 784]\n"
                            "rows mnist.train : 60000\n"
                            "param dense_1.W : f32[784, 10]\n"
                            "metric \"loss sum\" : f64[]\n"
                            "metric loss.weight : f64[]\n"
                            "\n"
                            "task train fit on mnist.train {\n"
                            "  batch 64\n"
                            "  epochs 10\n"
                            "  shuffle\n"
                            "  metric loss = \"loss sum\" / loss.weight\n"
                            "  step {\n"
                            "    %0 = field mnist.train.x : u8[60000, 784]\n"
                            "    %1 = rows mnist.train : i32[64]\n"
                            "    %2 = cell dense_1.W : f32[784, 10]\n"
                            "    %3 = key 2 : u64[]\n"
                            "    %4 = step : i64[]\n"
                            "    %5 = gather %0, %1 {axis=0} : u8[64, 784]\n"
                            "    %6 = cast %5 {dtype=f32} : f32[64, 784]\n"
                            "    %7 = dot_general %6, %2 {contract_a=[1], contract_b=[0]} : f32[64, 10]\n"
                            "    %8 = reduce_sum %7 {axes=[0, 1]} : f32[]\n"
                            "    %9 = key_fold %3, %4 : u64[]\n"
                            "    %10 = random %9 {dist=normal, dtype=f32, shape=[784, 10], site=0x00000000deadbeef} : "
                            "f32[784, 10]\n"
                            "    %11 = add %2, %10 : f32[784, 10]\n"
                            "    cell dense_1.W = %11\n"
                            "    check = %8\n"
                            "    value 0 = %8\n"
                            "  }\n"
                            "  at start {\n"
                            "    print \"begin\\n\\\"x\\\" \\x01\"\n"
                            "  }\n"
                            "  every 2 epochs {\n"
                            "    graph {\n"
                            "      %0 = cell dense_1.W : f32[784, 10]\n"
                            "      value 0 = %0\n"
                            "    }\n"
                            "    image \"weights\" form \"grid\" values 0 options 28, 28, 5, 1 panels 2\n"
                            "    plot \"p\" form \"lines\" values 0 \"a\", 0, 0 \"b\"\n"
                            "    checkpoint\n"
                            "  }\n"
                            "  at epochs 1, 2, 4 {\n"
                            "  }\n"
                            "  every 100 steps {\n"
                            "  }\n"
                            "  at end {\n"
                            "  }\n"
                            "}\n";

static void a_whole_module_is_the_same_again(void **state) {
  (void)state;
  expect_same(whole);
}

/* Wraps the lines of a step into a module. */
static char *step_text(const char *lines) {
  StrBuf b = {0};
  sb_printf(&b, "param w : f32[3, 4]\n\ntask plain t {\n  step {\n%s  }\n}\n", lines);
  return sb_take(&b);
}

static void expect_step(const char *lines) {
  char *text = step_text(lines);
  expect_same(text);
  free(text);
}

static void loops_hold_their_bodies(void **state) {
  (void)state;
  expect_step("    %0 = cell w : f32[3, 4]\n"
              "    %1 = const 0 : f32[]\n"
              "    %2 = const [1, 2, 3, 4] : f32[4]\n"
              "    %3 = scan %1, %0, %2 {count=3, reverse=true, n_carry=1, n_xs=1, n_consts=1, n_ys=1} : (f32[], "
              "f32[3, 4]) body {\n"
              "      %0 = param : i64[]\n"
              "      %1 = param : f32[]\n"
              "      %2 = param : f32[4]\n"
              "      %3 = param : f32[4]\n"
              "      %4 = mul %2, %3 : f32[4]\n"
              "      %5 = reduce_sum %4 {axes=[0]} : f32[]\n"
              "      %6 = add %1, %5 : f32[]\n"
              "      return %6, %4\n"
              "    }\n"
              "    %4 = proj %3 {index=0} : f32[]\n"
              "    %5 = while %4 {count=100, n_carry=1, n_consts=0} : (f32[], i64[]) condition {\n"
              "      %0 = param : f32[]\n"
              "      %1 = const 5 : f32[]\n"
              "      %2 = lt %0, %1 : bool[]\n"
              "      return %2\n"
              "    } body {\n"
              "      %0 = param : i64[]\n"
              "      %1 = param : f32[]\n"
              "      %2 = add %1, %1 : f32[]\n"
              "      return %2\n"
              "    }\n"
              "    %6 = proj %5 {index=1} : i64[]\n"
              "    value 0 = %6\n");
}

static void constants_are_exact(void **state) {
  (void)state;
  expect_step("    %0 = const [0.1, -0, 1.4013e-45, inf, -inf, nan, nan(0x7fc00001)] : f32[7]\n"
              "    %1 = const [0.1, 1.7976931348623157e+308, 4.94065645841247e-324] : f64[3]\n"
              "    %2 = const [true, false] : bool[2]\n"
              "    %3 = const [0, 255] : u8[2]\n"
              "    %4 = const [-2147483648, 2147483647] : i32[2]\n"
              "    %5 = const [-9223372036854775808, 9223372036854775807] : i64[2]\n"
              "    %6 = const [0, 18446744073709551615] : u64[2]\n"
              "    %7 = const [4294967295] : u32[1, 1]\n"
              "    %8 = const [] : f32[0, 3]\n"
              "    %9 = const 0.1 : f64[]\n");
}

static void every_float_reads_back(void **state) {
  (void)state;
  uint32_t bits = 12345;
  for (int i = 0; i < 20000; i++) {
    bits = bits * 1664525u + 1013904223u;
    float x, y = 0;
    memcpy(&x, &bits, sizeof x);
    StrBuf b = {0};
    text_element(&b, DT_F32, &x, 0);
    assert_true(text_read_element(DT_F32, b.s, b.n, &y, 0));
    assert_memory_equal(&x, &y, sizeof x);
    double d = (double)x * 1.0000000001, e = 0;
    if (isnan(d)) d = NAN;
    sb_free(&b);
    text_element(&b, DT_F64, &d, 0);
    assert_true(text_read_element(DT_F64, b.s, b.n, &e, 0));
    assert_true(d == e || (isnan(d) && isnan(e)));
    sb_free(&b);
  }
}

static void windows_name_what_is_not_default(void **state) {
  (void)state;
  expect_step("    %0 = const [1, 2, 3, 4, 5, 6] : f32[1, 6]\n"
              "    %1 = window_sum %0 {window=[{size=3, stride=2, lo=1, hi=-1}]} : f32[1, 2]\n"
              "    %2 = window_sum %0 {window=[{size=1}, {size=2, lhs_dilation=2, dilation=3}]} : f32[1, 8]\n");
}

static void labels_comments_and_types_are_free(void **state) {
  (void)state;
  char *text = step_text("%x = cell w : f32[3,4] ; the weights\n %y = exp %x\n%7 = mul %y,%y : f32[3, 4] value 0 = %7");
  char *again = round_trip(text);
  assert_non_null(strstr(again, "    %2 = mul %1, %1 : f32[3, 4]\n    value 0 = %2\n"));
  free(text);
  free(again);
}

static void equal_and_missing_names_print_as_numbers(void **state) {
  (void)state;
  expect_same(
      "param a : f32[]\nparam a : f32[2]\nstate none : f32[3]\n\ntask plain none {\n  step {\n"
      "    %0 = cell a : f32[]\n    %1 = cell @1 : f32[2]\n    %2 = cell @2 : f32[3]\n    value 0 = %2\n  }\n}\n");
}

static void one_task_shows_what_it_uses(void **state) {
  (void)state;
  SourceMap map = {0};
  DiagSink sink = {0};
  const char *text = "param a : f32[]\nparam b : f32[2]\n\n"
                     "task plain p {\n  step {\n    %0 = cell a : f32[]\n    value 0 = %0\n  }\n}\n\n"
                     "task plain q {\n  step {\n    %0 = cell b : f32[2]\n    value 0 = %0\n  }\n}\n";
  Module *m = ir_parse(&map, source_add(&map, "t.ir", text, strlen(text), false), &sink);
  StrBuf b = {0};
  ir_print(m, 1, &b);
  assert_string_equal(b.s, "param b : f32[2]\n\ntask plain q {\n  step {\n    %0 = cell b : f32[2]\n"
                           "    value 0 = %0\n  }\n}\n");
  sb_free(&b);
  ir_print_places(m, 0, &b);
  assert_non_null(strstr(b.s, "%0 = cell a : f32[]  ; t.ir:6:5\n"));
  sb_free(&b);
  ir_module_free(m);
  source_map_free(&map);
}

static void errors_say_what_was_expected(void **state) {
  (void)state;
  static const struct {
    const char *lines, *want;
  } row[] = {
      {"%0 = cell v : f32[3, 4]", "5:11: there is no cell `v`"},
      {"%0 = cell w : f33[3, 4]", "5:15: expected an element type (f32, i32, bool, ...), found `f33`"},
      {"%0 = cell w : f32[3, -4]", "5:22: expected a whole number in range, found `-4`"},
      {"%0 = cell w : f32[1, 2, 3, 4, 5, 6, 7, 8, 9]", "5:41: expected `]`: a tensor has at most 8 axes, found `,`"},
      {"%0 = const 1 : f32[99999999, 99999999]", "5:16: a tensor holds at most 2^40 elements"},
      {"%0 = cell w : f32[3, 4] %0 = exp %0", "5:25: %0 is defined twice"},
      {"%0 = exp %1", "5:10: %1 is not defined above in this body"},
      {"%0 = cell w : f32[3, 4] %1 = epx %0", "5:30: there is no op `epx`"},
      {"%0 = cell w : f32[3, 4] %1 = exp %0 {axis=1}", "5:38: `exp` has no attribute `axis`"},
      {"%0 = cell w : f32[3, 4] %1 = exp %0 : f32[3, 5]", "5:39: the type is f32[3, 4], not f32[3, 5]"},
      {"%0 = cell w : f32[3, 4] %1 = add %0 : f32[3, 4]", "5:25: `add` takes 2 operands, found 1"},
      {"%0 = cell w : f32[3, 4] %1 = reduce_sum %0 {axes=[2]}",
       "5:25: `reduce_sum`: axis 2 in `axes` is out of range for 2 axes"},
      {"%0 = cell w : f32[3, 4] %1 = transpose %0 {axes=[0, 1, 2, 3, 4, 5, 6, 7, 8]}",
       "5:72: expected `]`: a list has at most 8 entries, found `,`"},
      {"%0 = const [1, 2] : f32[3]", "5:6: 2 elements for the type f32[3]"},
      {"%0 = const [1, x] : f32[2]", "5:16: this is no f32"},
      {"%0 = const 256 : u8[]", "5:12: this is no u8"},
      {"%0 = const \"a\" : u8[]", "5:12: expected a number, found `\"a\"`"},
      {"value 0 = %0", "5:11: %0 is not defined above in this body"},
      {"%0 = param : f32[]", "5:1: `param` is not made by the builder"},
      {"nonsense", "5:1: expected a value, cell, check or `}`, found `nonsense`"},
  };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    char *text = step_text(row[i].lines);
    expect_error(text, row[i].want);
    free(text);
  }
  expect_error("task train x { step {", "1:22: expected a value, cell, check or `}`, found the end of the text");
  expect_error("tusk train x { }",
               "1:1: expected field, rows, task or a kind of cell (param, state, ...), found `tusk`");
  expect_error("task train x { at noon { } }", "1:19: expected start, end or epochs, found `noon`");
  expect_error("task train x on y { }", "1:17: there is no row source `y`");
  expect_error("param \"a", "1:7: expected a name, found `\"a`");
}

/* Parsing must end with a module or with diagnostics, whatever the text. */
static void parse_anything(const char *text, size_t n) {
  SourceMap map = {0};
  DiagSink sink = {0};
  Module *m = ir_parse(&map, source_add(&map, "t.ir", text, n, false), &sink);
  assert_true(m || sink.n_errors);
  ir_module_free(m);
  diag_sink_free(&sink);
  source_map_free(&map);
}

static void broken_texts_are_refused(void **state) {
  (void)state;
  size_t n = strlen(whole);
  for (size_t i = 0; i < n; i++) parse_anything(whole, i);
  char *text = malloc(n + 1);
  uint32_t r = 1;
  for (int i = 0; i < 2000; i++) {
    memcpy(text, whole, n + 1);
    for (int k = 0; k < 3; k++) {
      r = r * 1664525u + 1013904223u;
      text[(r >> 8) % n] = "%={}[]()0-9,:;\"\\ax\n@"[(r >> 4) % 20];
    }
    parse_anything(text, n);
  }
  free(text);
}

static void deep_nesting_is_refused(void **state) {
  (void)state;
  StrBuf b = {0};
  sb_puts(&b, "task plain t { step {");
  for (int i = 0; i < 5000; i++) sb_puts(&b, " %0 = scan {count=1} body {");
  char *text = sb_take(&b), *message = first_error(text);
  assert_non_null(strstr(message, "less than 64 nested bodies"));
  free(message);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_whole_module_is_the_same_again),
      cmocka_unit_test(loops_hold_their_bodies),
      cmocka_unit_test(constants_are_exact),
      cmocka_unit_test(every_float_reads_back),
      cmocka_unit_test(windows_name_what_is_not_default),
      cmocka_unit_test(labels_comments_and_types_are_free),
      cmocka_unit_test(equal_and_missing_names_print_as_numbers),
      cmocka_unit_test(one_task_shows_what_it_uses),
      cmocka_unit_test(errors_say_what_was_expected),
      cmocka_unit_test(broken_texts_are_refused),
      cmocka_unit_test(deep_nesting_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
