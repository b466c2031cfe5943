/* Random graphs: the text form and the verifier at every stage, and time that grows with the size. */
#include "ir/passes/passes.h"
#include "tests/support/cpu_time.h"
#include "tests/support/random_graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* print -> parse -> verify -> print gives the same text. */
static void expect_round_trip(const Module *m) {
  StrBuf text = {0}, again = {0};
  ir_print(m, IR_NONE, &text);
  SourceMap map = {0};
  DiagSink sink = {0};
  Module *copy = ir_parse(&map, source_add(&map, "random.ir", text.s, text.n, false), &sink);
  bool sound = copy && ir_verify(copy, &sink);
  if (!sound) diag_print(&sink, &map, DIAG_HUMAN, false, stderr);
  assert_true(sound);
  ir_print(copy, IR_NONE, &again);
  assert_string_equal(again.s, text.s);
  ir_module_free(copy);
  diag_sink_free(&sink);
  source_map_free(&map);
  sb_free(&text);
  sb_free(&again);
}

static void texts_read_back_at_every_stage(void **state) {
  (void)state;
  const PassOptions options = {.verify_each = true};
  for (uint64_t seed = 1; seed <= 100; seed++) {
    RandomGraphOptions o = random_graph_options(seed, seed % 2 ? DT_F32 : DT_F64);
    if (o.order) o.loops = false;
    Module *m = random_graph(&o);
    DiagSink sink = {0};
    expect_round_trip(m);
    assert_true(pass_run_named(m, pass_pipeline_opt, &options, &sink));
    expect_round_trip(m);
    ir_module_free(m);
    diag_sink_free(&sink);
  }
}

/* w' = f(f(... w)) in n nodes, written as text. */
static char *chain_text(uint32_t n) {
  StrBuf b = {0};
  sb_puts(&b, "param w : f32[64, 64]\n\ntask plain t {\n  step {\n    %0 = cell w : f32[64, 64]\n");
  for (uint32_t i = 1; i + 2 < n; i += 3) {
    sb_printf(&b, "    %%%u = reduce_sum %%%u {axes=[1]} : f32[64]\n", i, i - 1);
    sb_printf(&b, "    %%%u = broadcast %%%u {shape=[64, 64], axes=[0]} : f32[64, 64]\n", i + 1, i);
    sb_printf(&b, "    %%%u = mul %%%u, %%0 : f32[64, 64]\n", i + 2, i + 1);
  }
  sb_printf(&b, "    cell w = %%%u\n  }\n}\n", (n - 1) / 3 * 3);
  return sb_take(&b);
}

/* Best of three times to read, check and print n nodes. */
static double time_of(uint32_t n) {
  char *text = chain_text(n);
  double best = 1e9;
  for (int i = 0; i < 3; i++) {
    SourceMap map = {0};
    DiagSink sink = {0};
    uint32_t s = source_add(&map, "chain.ir", text, strlen(text), false);
    StrBuf b = {0};
    double t = cpu_seconds();
    Module *m = ir_parse(&map, s, &sink);
    assert_true(m && ir_verify(m, &sink));
    ir_print(m, IR_NONE, &b);
    t = cpu_seconds() - t;
    if (t < best) best = t;
    assert_string_equal(b.s, text);
    sb_free(&b);
    ir_module_free(m);
    source_map_free(&map);
  }
  free(text);
  return best;
}

static void time_is_linear(void **state) {
  (void)state;
  double small = time_of(4000), large = time_of(32000);
  print_message("read, check and print: 4,000 nodes %.1f ms, 32,000 nodes %.1f ms\n", small * 1e3, large * 1e3);
  assert_true(large < 8 * small * 2.5); /* quadratic would be 64 times */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_read_back_at_every_stage),
      cmocka_unit_test(time_is_linear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
