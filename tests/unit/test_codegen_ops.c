/* Small programs in text form, each lowered, interpreted and compiled, with and without fusion, against the evaluator:
 * what random graphs do not reach (loops with a condition, integers of every width, cells that depend on each other,
 * reductions large enough to be split) and the statuses of a run. */
#include "tests/support/graph_compare.h"
#include "tests/support/program_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static Module *parse(SourceMap *sources, const char *declarations, const char *step) {
  StrBuf text = {0};
  DiagSink sink = {0};
  sb_printf(&text, "%s\ntask plain main {\n  step {\n%s  }\n}\n", declarations, step);
  uint32_t source = source_add(sources, "test.ir", text.s, text.n, false);
  Module *m = ir_parse(sources, source, &sink);
  if (!m) diag_print(&sink, sources, DIAG_HUMAN, false, stderr);
  sb_free(&text);
  diag_sink_free(&sink);
  assert_non_null(m);
  return m;
}

static bool agrees(Module *m, GraphReference *ref, int machine, bool no_fusion, char *what) {
  const Graph *g = &m->task.at[0].step;
  Value *out = arena_array(&ref->mem, Value, ref->n + 1);
  int32_t status = machine ? program_execute(m, g, ref->in, out, no_fusion, 2, &ref->mem)
                           : program_interpret(m, g, ref->in, out, (KTarget){64, 14}, no_fusion, &ref->mem);
  if (status == RUN_OK) return graph_first_difference(m, ref, out, what, 300) < 0;
  snprintf(what, 300, "status %d", status);
  return false;
}

static void check(const char *declarations, const char *step) {
  SourceMap sources = {0};
  Module *m = parse(&sources, declarations, step);
  GraphReference ref;
  assert_int_equal(graph_reference(m, &m->task.at[0].step, 3, 0x1p-22, true, &ref), REFERENCE_OK);
  for (int run = 0; run < 4; run++) {
    char what[300] = "";
    if (agrees(m, &ref, run / 2, run % 2, what)) continue;
    fail_msg("%s%s: %s\n%s", run / 2 ? "machine" : "interpreter", run % 2 ? ", no fusion" : "", what, step);
  }
  graph_reference_free(&ref);
  ir_module_free(m);
  source_map_free(&sources);
}

static void loop_with_condition(void **state) {
  (void)state;
  check("param a : f64[]\nparam w : f64[3]\n",
        "%0 = cell a : f64[]\n%1 = cell w : f64[3]\n"
        "%2 = const 100 : f64[]\n%3 = const 3 : f64[]\n"
        "%4 = while %2, %1, %3 {count=50, n_carry=2, n_consts=1} : (f64[], f64[3], i64[]) condition {\n"
        "%0 = param : f64[]\n%1 = param : f64[3]\n%2 = param : f64[]\n%3 = lt %2, %0 : bool[]\nreturn %3\n"
        "} body {\n"
        "%0 = param : i64[]\n%1 = param : f64[]\n%2 = param : f64[3]\n%3 = param : f64[]\n%4 = const 0.5 : f64[]\n"
        "%5 = mul %1, %4 : f64[]\n%6 = broadcast %5 {shape=[3], axes=[]} : f64[3]\n%7 = add %2, %6 : f64[3]\n"
        "return %5, %7\n}\n"
        "%5 = proj %4 {index=0} : f64[]\n%6 = proj %4 {index=1} : f64[3]\n%7 = proj %4 {index=2} : i64[]\n"
        "value 0 = %5\nvalue 1 = %6\nvalue 2 = %7\n");
}

static void loop_swaps_its_carries(void **state) {
  (void)state;
  check("param a : f32[5]\nparam b : f32[5]\nparam x : f32[7, 5]\n",
        "%0 = cell a : f32[5]\n%1 = cell b : f32[5]\n%2 = cell x : f32[7, 5]\n"
        "%3 = scan %0, %1, %2 {count=7, reverse=true, n_carry=2, n_xs=1, n_consts=0, n_ys=2}"
        " : (f32[5], f32[5], f32[7, 5], f32[7]) body {\n"
        "%0 = param : i64[]\n%1 = param : f32[5]\n%2 = param : f32[5]\n%3 = param : f32[5]\n"
        "%4 = add %1, %3 : f32[5]\n%5 = reduce_sum %2 {axes=[0]} : f32[]\nreturn %2, %4, %1, %5\n}\n"
        "%4 = proj %3 {index=0} : f32[5]\n%5 = proj %3 {index=1} : f32[5]\n%6 = proj %3 {index=2} : f32[7, 5]\n"
        "%7 = proj %3 {index=3} : f32[7]\nvalue 0 = %4\nvalue 1 = %5\nvalue 2 = %6\nvalue 3 = %7\n");
}

static void empty_loop_keeps_its_carries(void **state) {
  (void)state;
  check("param a : f32[5]\n", "%0 = cell a : f32[5]\n"
                              "%1 = scan %0 {count=0, n_carry=1, n_xs=0, n_consts=0, n_ys=0} : (f32[5]) body {\n"
                              "%0 = param : i64[]\n%1 = param : f32[5]\n%2 = add %1, %1 : f32[5]\nreturn %2\n}\n"
                              "%2 = proj %1 {index=0} : f32[5]\nvalue 0 = %2\n");
}

static void cells_trade_places(void **state) {
  (void)state;
  check("param a : f32[40]\nparam b : f32[40]\nparam c : f32[40]\n",
        "%0 = cell a : f32[40]\n%1 = cell b : f32[40]\n%2 = cell c : f32[40]\n"
        "cell a = %1\ncell b = %0\ncell c = %2\n");
}

static void cells_read_each_other(void **state) {
  (void)state;
  check("param a : f32[40]\nparam b : f32[40]\n",
        "%0 = cell a : f32[40]\n%1 = cell b : f32[40]\n"
        "%2 = reduce_sum %0 {axes=[0]} : f32[]\n%3 = reduce_sum %1 {axes=[0]} : f32[]\n"
        "%4 = broadcast %2 {shape=[40], axes=[]} : f32[40]\n%5 = broadcast %3 {shape=[40], axes=[]} : f32[40]\n"
        "%6 = add %0, %5 : f32[40]\n%7 = reverse %1 {axes=[0]} : f32[40]\n%8 = sub %7, %4 : f32[40]\n"
        "%9 = mul %6, %8 : f32[40]\ncell a = %6\ncell b = %8\nvalue 0 = %9\nvalue 1 = %6\n");
}

static void factorisations(void **state) {
  (void)state;
  check("param a : f64[2, 4, 4]\nparam b : f64[3, 5]\n",
        "%0 = cell a : f64[2, 4, 4]\n%1 = cell b : f64[3, 5]\n%2 = transpose %0 {axes=[0, 2, 1]} : f64[2, 4, 4]\n"
        "%3 = add %0, %2 : f64[2, 4, 4]\n%4 = eigh %3 : (f64[2, 4], f64[2, 4, 4])\n%5 = svd %1 : (f64[3, 3], f64[3], "
        "f64[3, 5])\n"
        "%6 = proj %4 {index=0} : f64[2, 4]\n%7 = proj %4 {index=1} : f64[2, 4, 4]\n%8 = proj %5 {index=1} : f64[3]\n"
        "%9 = proj %5 {index=2} : f64[3, 5]\nvalue 0 = %6\nvalue 1 = %7\nvalue 2 = %8\nvalue 3 = %9\n");
}

/* Every integer dtype through arithmetic that wraps, division, bits, reductions. */
static void integers(void **state) {
  (void)state;
  static const char *const dtypes[] = {"u8", "i32", "i64", "u32", "u64"};
  for (uint32_t i = 0; i < 5; i++) {
    StrBuf s = {0};
    const char *d = dtypes[i];
    uint32_t n = 3;
    sb_printf(&s, "%%0 = cell x : f64[6, 7]\n%%1 = const 60 : f64[]\n"
                  "%%2 = broadcast %%1 {shape=[6, 7], axes=[]} : f64[6, 7]\n%%3 = mul %%0, %%2 : f64[6, 7]\n");
    sb_printf(&s, "%%4 = cast %%3 {dtype=%s} : %s[6, 7]\n%%5 = reverse %%4 {axes=[1]} : %s[6, 7]\n", d, d, d);
    n = 6;
    static const char *const ops[] = {"add", "sub", "mul", "div", "rem", "max",
                                      "min", "and", "or",  "xor", "shl", "shr"};
    for (uint32_t o = 0; o < 12; o++) sb_printf(&s, "%%%u = %s %%4, %%5 : %s[6, 7]\n", n++, ops[o], d);
    for (uint32_t o = 0; o < 12; o++) sb_printf(&s, "value %u = %%%u\n", o, 6 + o);
    sb_printf(&s, "value 12 = %%18\nvalue 13 = %%19\nvalue 14 = %%20\nvalue 15 = %%21\nvalue 16 = %%23\n");
    char *results = sb_take(&s), *cut = strstr(results, "value 0");
    sb_write(&s, results, (size_t)(cut - results));
    sb_printf(&s, "%%18 = not %%4 : %s[6, 7]\n%%19 = reduce_sum %%4 {axes=[0]} : %s[7]\n", d, d);
    sb_printf(&s, "%%20 = reduce_max %%4 {axes=[1]} : %s[6]\n%%21 = reduce_min %%4 {axes=[0, 1]} : %s[]\n", d, d);
    sb_printf(&s, "%%22 = lt %%4, %%5 : bool[6, 7]\n%%23 = cast %%22 {dtype=%s} : %s[6, 7]\n%s", d, d, cut);
    check("param x : f64[6, 7]\n", s.s);
    sb_free(&s);
    free(results);
  }
}

static void large_reductions(void **state) {
  (void)state;
  check("param a : f64[200, 301]\nparam b : f64[20000, 3]\n",
        "%0 = cell a : f64[200, 301]\n%1 = cell b : f64[20000, 3]\n%2 = mul %0, %0 : f64[200, 301]\n"
        "%3 = reduce_sum %2 {axes=[0, 1]} : f64[]\n%4 = reduce_max %1 {axes=[0]} : f64[3]\n"
        "%5 = reduce_sum %1 {axes=[0]} : f64[3]\n%6 = add %4, %5 : f64[3]\n%7 = reduce_min %0 {axes=[0, 1]} : f64[]\n"
        "%8 = argmax %1 {axis=0} : i32[3]\nvalue 0 = %3\nvalue 1 = %6\nvalue 2 = %7\nvalue 3 = %8\n");
}

static void softmax_rows(void **state) {
  (void)state;
  check("param a : f32[37, 45]\n",
        "%0 = cell a : f32[37, 45]\n%1 = reduce_max %0 {axes=[1]} : f32[37]\n"
        "%2 = broadcast %1 {shape=[37, 45], axes=[0]} : f32[37, 45]\n%3 = sub %0, %2 : f32[37, 45]\n"
        "%4 = exp %3 : f32[37, 45]\n%5 = reduce_sum %4 {axes=[1]} : f32[37]\n"
        "%6 = broadcast %5 {shape=[37, 45], axes=[0]} : f32[37, 45]\n%7 = div %4, %6 : f32[37, 45]\n"
        "%8 = log %5 : f32[37]\n%9 = add %8, %1 : f32[37]\nvalue 0 = %7\nvalue 1 = %9\n");
}

static void many_parts_and_no_elements(void **state) {
  (void)state;
  check("param a : f32[2, 3]\nparam e : f32[0, 3]\nparam r : f32[1, 2, 1, 3, 1, 2]\n",
        "%0 = cell a : f32[2, 3]\n%1 = cell e : f32[0, 3]\n%2 = concat %0, %1, %0, %0, %1 {axis=0} : f32[6, 3]\n"
        "%3 = reduce_sum %1 {axes=[0]} : f32[3]\n%4 = reduce_max %1 {axes=[0]} : f32[3]\n"
        "%5 = const 1 : f32[]\n%6 = broadcast %5 {shape=[3], axes=[]} : f32[3]\n%7 = min %4, %6 : f32[3]\n"
        "%8 = neg %1 : f32[0, 3]\n%9 = cell r : f32[1, 2, 1, 3, 1, 2]\n"
        "%10 = transpose %9 {axes=[5, 3, 1, 0, 2, 4]} : f32[2, 3, 2, 1, 1, 1]\n"
        "%11 = reduce_sum %10 {axes=[1, 3]} : f32[2, 2, 1, 1]\n%12 = is_finite %7 : bool[3]\n"
        "value 0 = %2\nvalue 1 = %3\nvalue 2 = %12\nvalue 3 = %8\nvalue 4 = %11\n");
}

static void order_and_scatter(void **state) {
  (void)state;
  check("param a : f32[4, 6]\n",
        "%0 = cell a : f32[4, 6]\n%1 = sort %0 {axis=0} : f32[4, 6]\n%2 = argsort %0 {axis=1} : i32[4, 6]\n"
        "%3 = cumsum %0 {axis=1, reverse=true} : f32[4, 6]\n%4 = const [3, 1, 3] : i32[3]\n"
        "%5 = slice %1 {lo=[0, 0], hi=[3, 6], step=[1, 1]} : f32[3, 6]\n%6 = scatter_set %0, %4, %5 {axis=0} : f32[4, "
        "6]\n"
        "%7 = scatter_add %6, %4, %5 {axis=0} : f32[4, 6]\n%8 = cumsum %0 {axis=0} : f32[4, 6]\n"
        "value 0 = %1\nvalue 1 = %2\nvalue 2 = %3\nvalue 3 = %6\nvalue 4 = %7\nvalue 5 = %8\n");
}

/* An accumulator carried by a loop is written where it is; the cell it ends in is too. */
static void updates_in_place(void **state) {
  (void)state;
  static const char cells[] = "param a : f32[50, 4]\nparam u : f32[20, 2, 4]\n";
  static const char step[] =
      "%0 = cell a : f32[50, 4]\n%1 = cell u : f32[20, 2, 4]\n"
      "%2 = scan %0, %1 {count=20, n_carry=1, n_xs=1, n_consts=0, n_ys=0} : (f32[50, 4]) body {\n"
      "%0 = param : i64[]\n%1 = param : f32[50, 4]\n%2 = param : f32[2, 4]\n%3 = const 0 : i64[]\n"
      "%4 = dynamic_add %1, %2, %0, %3 : f32[50, 4]\nreturn %4\n}\n"
      "%3 = proj %2 {index=0} : f32[50, 4]\n"
      "%4 = const [1, 0, 1] : i32[3]\n%5 = slice %1 {lo=[0, 0, 0], hi=[3, 1, 4], step=[1, 1, 1]} : f32[3, 1, 4]\n"
      "%6 = reshape %5 {shape=[3, 4]} : f32[3, 4]\n%7 = scatter_add %3, %4, %6 {axis=0} : f32[50, 4]\n"
      "%8 = gather %7, %4 {axis=0} : f32[3, 4]\ncell a = %7\nvalue 0 = %8\n";
  check(cells, step);
}

/* The update's own operand reads the accumulator: it may not be in place. */
static void update_from_itself(void **state) {
  (void)state;
  check("param a : f32[6, 4]\n",
        "%0 = cell a : f32[6, 4]\n%1 = const [1, 2, 3] : i32[3]\n%2 = const [0, 1, 2] : i32[3]\n"
        "%3 = slice %0 {lo=[0, 0], hi=[3, 4], step=[1, 1]} : f32[3, 4]\n%4 = scatter_set %0, %1, %3 {axis=0} : f32[6, "
        "4]\n"
        "%5 = scatter_add %4, %2, %3 {axis=0} : f32[6, 4]\ncell a = %5\n");
}

/* ---------------------------------------------------------------- statuses */

static int32_t status_of(const char *declarations, const char *step, bool machine) {
  SourceMap sources = {0};
  Arena mem = {0};
  Module *m = parse(&sources, declarations, step);
  const Graph *g = &m->task.at[0].step;
  Value *in = arena_array(&mem, Value, g->n_in + 1), *out = arena_array(&mem, Value, g->n_out + 1);
  for (uint32_t i = 0; i < g->n_in; i++) {
    in[i] = value_new(m, ir_node(m, g->region, ir_region(m, g->region)->param.at[i])->type, &mem);
  }
  int32_t status = machine ? program_execute(m, g, in, out, false, 1, &mem)
                           : program_interpret(m, g, in, out, (KTarget){64, 14}, false, &mem);
  arena_free(&mem);
  ir_module_free(m);
  source_map_free(&sources);
  return status;
}

static void statuses(void **state) {
  (void)state;
  static const char cells[] = "param a : f32[4, 6]\nparam s : f32[]\n";
  static const char out_of_range[] = "%0 = cell a : f32[4, 6]\n%1 = const [1, 4] : i32[2]\n"
                                     "%2 = gather %0, %1 {axis=0} : f32[2, 6]\nvalue 0 = %2\n";
  static const char not_finite[] = "%0 = cell s : f32[]\n%1 = log %0 : f32[]\ncheck = %1\n";
  static const char singular[] =
      "%0 = cell a : f32[4, 6]\n%1 = slice %0 {lo=[0, 0], hi=[4, 4], step=[1, 1]} : f32[4, 4]\n"
      "%2 = cholesky %1 : f32[4, 4]\nvalue 0 = %2\n";
  for (int machine = 0; machine < 2; machine++) {
    assert_int_equal(status_of(cells, out_of_range, machine), RUN_BAD_INDEX);
    assert_int_equal(status_of(cells, not_finite, machine), RUN_NOT_FINITE);
    assert_int_equal(status_of(cells, singular, machine), RUN_LAPACK);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loop_with_condition),
      cmocka_unit_test(loop_swaps_its_carries),
      cmocka_unit_test(empty_loop_keeps_its_carries),
      cmocka_unit_test(cells_trade_places),
      cmocka_unit_test(cells_read_each_other),
      cmocka_unit_test(factorisations),
      cmocka_unit_test(integers),
      cmocka_unit_test(large_reductions),
      cmocka_unit_test(softmax_rows),
      cmocka_unit_test(many_parts_and_no_elements),
      cmocka_unit_test(order_and_scatter),
      cmocka_unit_test(updates_in_place),
      cmocka_unit_test(update_from_itself),
      cmocka_unit_test(statuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
