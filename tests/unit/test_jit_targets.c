/* Machine code for processors with shorter vectors than this one's: random graphs against the reference evaluator.
 * The shorter instruction sets are subsets of the longer, so their code runs here too. */
#include "codegen/lower/lower.h"
#include "ir/passes/passes.h"
#include "runtime/pool.h"
#include "tests/support/graph_compare.h"
#include "tests/support/jit.h"
#include "tests/support/program_run.h"
#include "tests/support/random_graph.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int32_t execute(Module *m, const Graph *g, const Value *in, Value *out, KTarget target, ThreadPool *pool,
                       Arena *mem) {
  ProgramRun run = program_prepare(m, g, in, mem);
  KProgram *p = lower_graph(m, g, "test", run.cell_offset, 0, target, false);
  Jit j = jit_program(p, &target);
  const size_t bytes = (p->temp_bytes + 319) / 64 * 64;
  run.c.pool = pool;
  run.c.temps = aligned_alloc(64, bytes);
  memset(run.c.temps, 0xa5, bytes);
  const int32_t status = jit_step(&j, p)(&run.c, 1);
  program_collect(m, g, &run, out, mem);
  free(run.c.temps);
  jit_free(&j);
  k_program_free(p);
  return status;
}

static bool equal_bits(const Module *m, const Graph *g, const Value *a, const Value *b) {
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

/* One random graph, optimised, on one thread and on three: right within its tolerance, and the same bits. */
static void check_graph(uint64_t seed, KTarget target, ThreadPool *pool) {
  RandomGraphOptions o = random_graph_options(seed, seed % 2 ? DT_F32 : DT_F64);
  if (o.order > 1) o.order = 1;
  Module *m = random_graph(&o);
  DiagSink sink = {0};
  const PassOptions passes = {0};
  char what[300] = "";
  GraphReference ref;
  const Graph *g = &m->task.at[0].step;
  assert_true(pass_run_named(m, pass_pipeline_opt, &passes, &sink));
  if (graph_reference(m, g, seed, o.dtype == DT_F32 ? 0x1p-24 : 0x1p-52, true, &ref) == REFERENCE_OK) {
    Value *one = arena_array(&ref.mem, Value, ref.n + 1), *three = arena_array(&ref.mem, Value, ref.n + 1);
    assert_int_equal(execute(m, g, ref.in, one, target, NULL, &ref.mem), RUN_OK);
    assert_int_equal(execute(m, g, ref.in, three, target, pool, &ref.mem), RUN_OK);
    if (graph_first_difference(m, &ref, one, what, sizeof what) >= 0)
      fail_msg("seed %llu, vectors of %u bytes: %s", (unsigned long long)seed, target.vector_bytes, what);
    if (!equal_bits(m, g, one, three)) fail_msg("seed %llu: threads change bits", (unsigned long long)seed);
  }
  graph_reference_free(&ref);
  diag_sink_free(&sink);
  ir_module_free(m);
}

static void check_target(KTarget target) {
  const uint32_t host = k_target_host().vector_bytes;
  if (target.vector_bytes > host) skip();
  ThreadPool *pool = pool_new(3, false);
  for (uint64_t seed = 1; seed <= 25; seed++) check_graph(seed, target, pool);
  pool_free(pool);
}

static void avx512(void **state) {
  (void)state;
  check_target((KTarget){64, 14});
}

static void avx2(void **state) {
  (void)state;
  check_target((KTarget){32, 6});
}

static void sse(void **state) {
  (void)state;
  check_target((KTarget){16, 4});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(avx512), cmocka_unit_test(avx2), cmocka_unit_test(sse)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
