/* Every task of every small model: the machine code of its graph gives what the reference evaluator gives. */
#include "frontend/elab.h"
#include "frontend/syntax/parser.h"
#include "ir/passes/passes.h"
#include "tests/support/files.h"
#include "tests/support/program_run.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Case {
  SourceMap sources;
  DiagSink sink;
  Elaborated e;
  Arena mem;
  Value *cell;
} Case;

static Module *load(Case *c, const char *path) {
  size_t n;
  char *text = file_read(path, &n);
  assert_non_null(text);
  uint32_t source = source_add(&c->sources, path, text, n, false);
  free(text);
  Ast *ast = parse_source(&c->sources, source, &c->sink);
  Setting set[] = {{NULL, NULL}};
  ElabOptions o = {.set = set, .seed = 3};
  bool ok = elaborate(&c->sources, ast, &o, &c->e, &c->sink) &&
            pass_run_named(c->e.module, pass_pipeline_grad, &(PassOptions){0}, &c->sink) &&
            pass_run_named(c->e.module, pass_pipeline_opt, &(PassOptions){0}, &c->sink);
  if (!ok) diag_print(&c->sink, &c->sources, DIAG_HUMAN, false, stderr);
  assert_true(ok);
  ast_free(ast);
  return c->e.module;
}

/* What a graph's parameter is bound to in the first step of the first epoch, rows in stored order. */
static Value input(Case *c, const Module *m, const Graph *g, uint32_t i) {
  const Binding b = g->in[i];
  TypeId type = ir_node(m, g->region, ir_region(m, g->region)->param.at[i])->type;
  if (b.kind == IN_CELL && c->cell[b.index].i) return c->cell[b.index];
  if (b.kind == IN_FIELD) return value_from_bytes(m, type, m->field.at[b.index].bytes, &c->mem);
  Value v = value_new(m, type, &c->mem);
  int64_t n = ir_elements(ir_type_get(m, type));
  bool is_float = ir_is_float((DType)ir_type_get(m, type)->dtype);
  for (int64_t k = 0; k < n; k++) {
    if (is_float)
      v.f[k] = 0;
    else
      v.i[k] = b.kind == IN_ROWS ? k : b.kind == IN_CELL ? 0 : b.kind == IN_KEY ? 77 : 1;
  }
  return v;
}

static void compare(const Module *m, const char *path, const Task *t, const Graph *g, const Value *want,
                    const Value *got) {
  for (uint32_t k = 0; k < g->n_out; k++) {
    const Type *type = ir_type_get(m, want[k].type);
    double tolerance = 2e-3, scale = 1e-6;
    int64_t n = ir_elements(type);
    if (!ir_is_float((DType)type->dtype) || g->out[k].kind == OUT_CHECK) continue;
    for (int64_t i = 0; i < n; i++) scale = fmax(scale, isfinite(want[k].f[i]) ? fabs(want[k].f[i]) : 0);
    for (int64_t i = 0; i < n; i++) {
      bool same = fabs(want[k].f[i] - got[k].f[i]) <= tolerance * scale || want[k].f[i] == got[k].f[i] ||
                  (isnan(want[k].f[i]) && isnan(got[k].f[i]));
      if (same) continue;
      const char *name = g->out[k].kind == OUT_CELL ? m->cell.at[g->out[k].index].name : "value";
      fail_msg("%s, %s, result %u (%s) element %lld: expected %g, found %g", path, t->name, k, name, (long long)i,
               want[k].f[i], got[k].f[i]);
    }
  }
}

/* Runs the graph both ways; the cells go on with the evaluator's values. */
static void run_graph(Case *c, Module *m, const char *path, const Task *t, const Graph *g) {
  if (g->region == IR_NONE) return;
  Value *in = arena_array(&c->mem, Value, g->n_in + 1), *want = arena_array(&c->mem, Value, g->n_out + 1),
        *got = arena_array(&c->mem, Value, g->n_out + 1);
  for (uint32_t i = 0; i < g->n_in; i++) in[i] = input(c, m, g, i);
  assert_true(eval_region(m, g->region, in, want, &(EvalOptions){.round_f32 = true}, &c->mem));
  assert_int_equal(program_execute(m, g, in, got, false, 2, &c->mem), RUN_OK);
  compare(m, path, t, g, want, got);
  for (uint32_t k = 0; k < g->n_out; k++)
    if (g->out[k].kind == OUT_CELL) c->cell[g->out[k].index] = want[k];
}

static void check_model(const char *path, int steps) {
  Case c = {0};
  Module *m = load(&c, path);
  c.cell = arena_array(&c.mem, Value, m->cell.n + 1);
  for (uint32_t t = 0; t < m->task.n; t++) {
    const Task *task = &m->task.at[t];
    for (int s = 0; s < (task->kind == TASK_TRAIN ? steps : 1); s++) run_graph(&c, m, path, task, &task->step);
    for (uint32_t i = 0; i < task->n_events; i++) run_graph(&c, m, path, task, &task->event[i].graph);
  }
  arena_free(&c.mem);
  elaborated_free(&c.e);
  diag_sink_free(&c.sink);
  source_map_free(&c.sources);
}

static void perceptron(void **state) { (void)state, check_model("models/perceptron.sep", 5); }
static void hidden(void **state) { (void)state, check_model("models/hidden.sep", 5); }
static void two_two_one(void **state) { (void)state, check_model("models/two_two_one.sep", 5); }
static void surface(void **state) { (void)state, check_model("models/surface.sep", 40); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(perceptron), cmocka_unit_test(hidden),
                                     cmocka_unit_test(two_two_one), cmocka_unit_test(surface)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
