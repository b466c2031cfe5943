/* Random graphs as machine code: equal to the reference evaluator, the same bits with one thread and with three. */
#include "ir/passes.h"
#include "runtime/pool.h"
#include "tests/support/graph_compare.h"
#include "tests/support/jit.h"
#include "tests/support/random_graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Trial {
  RandomGraphOptions graph;
  const char *passes;
  bool no_fusion, discarded;
  ThreadPool *pool;
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

/* True when the two runs gave the same bits. */
static bool same_bits(const Module *m, const Graph *g, const Value *a, const Value *b) {
  const Region *r = ir_region(m, g->region);
  for (uint32_t i = 0; i < g->n_out; i++) {
    const Type *t = ir_type_get(m, r->node.at[r->result.at[i]].type);
    const size_t n = (size_t)ir_elements(t);
    if (g->out[i].kind == OUT_CHECK) continue;
    if (ir_is_float(t->dtype) ? memcmp(a[i].f, b[i].f, n * sizeof *a[i].f) : memcmp(a[i].i, b[i].i, n * sizeof *a[i].i))
      return false;
  }
  return true;
}

static bool agrees(Trial *t, Module *m, GraphReference *ref) {
  Graph *g = &m->task.at[0].step;
  Value *out[2];
  for (int threads = 0; threads < 2; threads++) {
    out[threads] = arena_array(&ref->mem, Value, ref->n + 1);
    int32_t status = program_execute(m, g, ref->in, out[threads], k_target_host(), t->no_fusion,
                                     threads ? t->pool : NULL, &ref->mem);
    if (status != RUN_OK) {
      snprintf(t->what, sizeof t->what, "status %d", status);
      return false;
    }
  }
  snprintf(t->what, sizeof t->what, "bits depend on the number of threads");
  return graph_first_difference(m, ref, out[0], t->what, sizeof t->what) < 0 && same_bits(m, g, out[0], out[1]);
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

static void check(const char *passes, bool no_fusion, uint32_t order, uint64_t count) {
  uint32_t failed = 0, discarded = 0;
  const char *only = getenv("SEPPO_SEED"), *many = getenv("SEPPO_COUNT");
  ThreadPool *pool = pool_new(3, false);
  if (many) count = (uint64_t)atoll(many);
  for (uint64_t seed = 1; seed <= count; seed++) {
    if (only && seed != (uint64_t)atoll(only)) continue;
    Trial t = {.graph = random_graph_options(seed, seed % 2 ? DT_F32 : DT_F64), .passes = passes, .pool = pool};
    t.no_fusion = no_fusion;
    if (t.graph.order > order) t.graph.order = order;
    Module *m = random_graph(&t.graph);
    bool bad = fails(m, &t);
    ir_module_free(m);
    discarded += t.discarded;
    if (bad && ++failed <= 2) report(&t);
  }
  pool_free(pool);
  print_message("%s: %u discarded of %u\n", passes, discarded, (unsigned)count);
  assert_int_equal(failed, 0);
}

static void unfused(void **state) {
  (void)state;
  check("differentiate", true, 0, 25);
}

static void fused(void **state) {
  (void)state;
  check("differentiate", false, 0, 50);
}

static void optimised(void **state) {
  (void)state;
  check(pass_pipeline_opt, false, 2, 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(unfused), cmocka_unit_test(fused), cmocka_unit_test(optimised)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
