/* Random graphs through lowering and the kernel interpreter, and as machine code: equal to the reference evaluator. */
#include "ir/passes.h"
#include "tests/support/graph_compare.h"
#include "tests/support/program_run.h"
#include "tests/support/random_graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Trial {
  RandomGraphOptions graph;
  const char *passes;
  bool no_fusion, discarded, machine;
  uint32_t threads;
  KTarget target;
  char what[300];
} Trial;

static bool run_passes(Trial *t, Module *m) {
  DiagSink sink = {0};
  PassOptions o = {0};
  bool ok = pass_run_named(m, t->passes, &o, &sink);
  if (!ok) snprintf(t->what, sizeof t->what, "passes failed");
  diag_sink_free(&sink);
  return ok;
}

static bool agrees(Trial *t, Module *m, GraphReference *ref) {
  Graph *g = &m->task.at[0].step;
  Value *out = arena_array(&ref->mem, Value, ref->n + 1);
  int32_t status = t->machine ? program_execute(m, g, ref->in, out, t->no_fusion, t->threads, &ref->mem)
                              : program_interpret(m, g, ref->in, out, t->target, t->no_fusion, &ref->mem);
  if (status != RUN_OK) {
    snprintf(t->what, sizeof t->what, "status %d", status);
    return false;
  }
  return graph_first_difference(m, ref, out, t->what, sizeof t->what) < 0;
}

/* GraphFails */
static bool fails(Module *m, void *user) {
  Trial *t = user;
  t->discarded = false;
  if (!run_passes(t, m)) return true;
  bool f32 = t->graph.dtype == DT_F32;
  GraphReference ref;
  ReferenceStatus status = graph_reference(m, &m->task.at[0].step, t->graph.seed, f32 ? 0x1p-24 : 0x1p-52, true, &ref);
  t->discarded = status == REFERENCE_DISCARDED;
  bool bad = status == REFERENCE_OK && !agrees(t, m, &ref);
  graph_reference_free(&ref);
  return bad;
}

static void report(Trial *t) {
  Module *small = random_graph_shrink(random_graph(&t->graph), fails, t);
  StrBuf text = {0};
  ir_print(small, IR_NONE, &text);
  fails(small, t);
  fprintf(stderr, "seed %llu, passes %s%s: %s\n%s\n", (unsigned long long)t->graph.seed, t->passes,
          t->no_fusion ? ", no fusion" : "", t->what, text.s);
  sb_free(&text);
  ir_module_free(small);
}

static void check(const char *passes, bool no_fusion, uint32_t order, uint64_t count, bool machine) {
  uint32_t failed = 0, discarded = 0;
  const char *only = getenv("SEPPO_SEED");
  for (uint64_t seed = 1; seed <= count; seed++) {
    if (only && seed != (uint64_t)atoll(only)) continue;
    Trial t = {.graph = random_graph_options(seed, seed % 2 ? DT_F32 : DT_F64), .passes = passes};
    static const KTarget targets[] = {{64, 14}, {32, 6}, {16, 4}};
    t.target = targets[seed % 3], t.no_fusion = no_fusion;
    t.machine = machine, t.threads = 1 + seed % 2;
    if (t.graph.order > order) t.graph.order = order;
    if (t.graph.order) t.graph.loops = false;
    Module *m = random_graph(&t.graph);
    bool bad = fails(m, &t);
    ir_module_free(m);
    discarded += t.discarded;
    if (bad && ++failed <= 2) report(&t);
  }
  print_message("%s: %u discarded of %u\n", passes, discarded, (unsigned)count);
  assert_int_equal(failed, 0);
}

static void unfused(void **state) {
  (void)state;
  check("differentiate", true, 0, 100, false);
}

static void fused(void **state) {
  (void)state;
  check("differentiate", false, 0, 200, false);
}

static void gradients(void **state) {
  (void)state;
  check("differentiate", false, 2, 150, false);
}

static void optimised(void **state) {
  (void)state;
  check(pass_pipeline_opt, false, 2, 150, false);
}

static void machine_unfused(void **state) {
  (void)state;
  check("differentiate", true, 1, 40, true);
}

static void machine_optimised(void **state) {
  (void)state;
  check(pass_pipeline_opt, false, 2, 60, true);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(unfused),         cmocka_unit_test(fused),
                                     cmocka_unit_test(gradients),       cmocka_unit_test(optimised),
                                     cmocka_unit_test(machine_unfused), cmocka_unit_test(machine_optimised)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
