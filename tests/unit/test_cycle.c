/* From text to machine code, a training step run, everything freed again: a hundred times, with nothing left behind.
 * AddressSanitizer's leak check sees what is lost; here the heap must not grow either. */
#include "codegen/program.h"
#include "ir/passes/passes.h"
#include "runtime/api.h"
#include "runtime/pool.h"
#include "tests/support/model.h"
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "model net(x) = dense(1)(dense(8, relu)(x))\n"
                           "fn noisy(x) { repeat 3 { x = 0.5 * x + 1 }\n  return x }\n"
                           "train { steps 10\n"
                           "  z = noisy(normal([16, 4]))\n"
                           "  minimize mse(net(z), sum(z, axis = 1, keep = true)) using sgd(1e-2)\n"
                           "  log size = mean(z^2)\n"
                           "  every 5 steps { log now = mean(net(z)) }\n"
                           "}\n";

static void *pages(uint64_t bytes) {
  void *p = aligned_alloc(64, (bytes + 255) / 64 * 64);
  assert_non_null(p);
  return memset(p, 0, (bytes + 255) / 64 * 64);
}

static void run_steps(const Module *m, Program *p, ThreadPool *pool, TaskId id, uint8_t *cells) {
  const Task *t = &m->task.at[id];
  DiagSink sink = {0};
  const CompiledGraph *g = program_compile(p, id, &t->step, t->name, &sink);
  assert_non_null(g);
  Context c = {.cells = cells, .temps = pages(g->temp_bytes), .step = 1, .epoch = 1, .key = 7};
  c.api = &runtime_api, c.pool = pool;
  assert_int_equal(g->run(&c, t->kind == TASK_TRAIN ? 10 : 1), RUN_OK);
  free(c.temps);
  diag_sink_free(&sink);
}

/* A file with an error on the way, too: what diagnostics hold must go as well. */
static void cycle(void) {
  Model *wrong = model_new("train { steps 3\n minimize unknown(1) using sgd(0.1) }\n");
  assert_false(wrong->ok);
  model_free(wrong);
  Model *m = model_new_with(text, &(ElabOptions){.dtype = "f32"});
  if (!m->ok) fail_msg("%s", model_messages(m));
  assert_true(pass_run_named(m->e.module, pass_pipeline_opt, &(PassOptions){0}, &m->sink));
  Program *p = program_new(m->e.module, &(CompileOptions){.no_cache = true});
  ThreadPool *pool = pool_new(2, false);
  uint8_t *cells = pages(program_cells(p)->bytes);
  for (TaskId t = 0; t < m->e.module->task.n; t++) run_steps(m->e.module, p, pool, t, cells);
  free(cells);
  pool_free(pool);
  program_free(p);
  model_free(m);
}

static void nothing_grows(void **state) {
  (void)state;
  for (int i = 0; i < 20; i++) cycle(); /* what is loaded once, is loaded */
  size_t before = mallinfo2().uordblks;
  for (int i = 0; i < 80; i++) cycle();
  size_t after = mallinfo2().uordblks; /* 0 under AddressSanitizer, which has a heap of its own */
  if (after > before + 4096) fail_msg("%zu bytes more after 80 cycles", after - before);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_grows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
