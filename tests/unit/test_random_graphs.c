/* Random graphs: passes keep the values of every graph. */
#include "ir/passes.h"
#include "tests/support/graph_compare.h"
#include "tests/support/random_graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 200

typedef struct Case {
  const char *passes;
  uint64_t seed;
  char what[200];
  bool plain, discarded;
} Case;

static bool run_passes(Module *m, const char *names) {
  DiagSink sink = {0};
  PassOptions o = {.verify_each = true};
  bool ok = pass_run_named(m, names, &o, &sink);
  if (!ok) diag_print(&sink, NULL, DIAG_HUMAN, false, stderr);
  diag_sink_free(&sink);
  return ok;
}

/* Differentiated without passes on one side, through `passes` on the other: not equal? */
static bool passes_change(Module *m, void *user) {
  Case *c = user;
  Module *other = random_graph_copy(m);
  GraphReference ref;
  bool bad = true;
  snprintf(c->what, sizeof c->what, "a pass failed");
  if ((c->plain || run_passes(m, "differentiate")) && run_passes(other, c->passes)) {
    ReferenceStatus status = graph_reference(m, &m->task.at[0].step, c->seed, 1e-11, false, &ref);
    snprintf(c->what, sizeof c->what, "the evaluator failed");
    bad = status == REFERENCE_FAILED;
    c->discarded = status == REFERENCE_DISCARDED;
    if (status == REFERENCE_OK) {
      Value *out = arena_array(&ref.mem, Value, ref.n + 1);
      EvalOptions o = {0};
      bad = !eval_region(other, other->task.at[0].step.region, ref.in, out, &o, &ref.mem);
      if (!bad) bad = graph_first_difference(m, &ref, out, c->what, sizeof c->what) >= 0;
    }
    graph_reference_free(&ref);
  }
  ir_module_free(other);
  return bad;
}

static void report(const RandomGraphOptions *o, Case *c) {
  Module *small = random_graph_shrink(random_graph(o), passes_change, c);
  StrBuf text = {0};
  ir_print(small, IR_NONE, &text);
  Module *again = random_graph_copy(small);
  passes_change(again, c);
  ir_module_free(again);
  fprintf(stderr, "seed %llu, passes %s: %s\n%s\n", (unsigned long long)o->seed, c->passes, c->what, text.s);
  sb_free(&text);
  ir_module_free(small);
}

/* Runs the passes on COUNT random graphs with derivatives up to this order. */
static void check_pipeline(const char *passes, uint32_t max_order) {
  uint32_t discarded = 0, failed = 0;
  for (uint64_t seed = 1; seed <= COUNT; seed++) {
    RandomGraphOptions o = random_graph_options(seed, seed % 2 ? DT_F32 : DT_F64);
    if (o.order > max_order) o.order = max_order;
    Case c = {.passes = passes, .seed = seed, .plain = max_order == 0};
    Module *m = random_graph(&o);
    bool bad = passes_change(m, &c);
    ir_module_free(m);
    discarded += c.discarded;
    if (!bad) continue;
    failed++;
    if (failed <= 3) report(&o, &c);
  }
  print_message("%s: %u of %d discarded\n", passes, discarded, COUNT);
  assert_int_equal(failed, 0);
  assert_true(discarded < COUNT / 3);
}

static void stabilise(void **state) {
  (void)state;
  check_pipeline("stabilise", 0);
}

static void simplify(void **state) {
  (void)state;
  check_pipeline("simplify", 0);
}

static void loops_and_layout(void **state) {
  (void)state;
  check_pipeline("stabilise,simplify,loops,simplify,layout", 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stabilise),
      cmocka_unit_test(simplify),
      cmocka_unit_test(loops_and_layout),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
