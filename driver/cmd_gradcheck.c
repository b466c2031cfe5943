/* `seppo gradcheck`: every gradient of a model file against finite differences, in f64, near its initial parameters.
 *
 * The file is elaborated twice: once to run what comes before the first step natively, once for the graphs as written.
 */
#include "driver/commands.h"
#include "driver/session/before.h"
#include "driver/session/bind.h"
#include "driver/session/engine.h"
#include "driver/session/load.h"
#include "ir/autodiff/gradcheck.h"
#include "runtime/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_ROWS = 4 }; /* a batch of so many rows shows what a large one does */
static const double check_tolerance = 1e-5, check_noise = 1e-2;

typedef struct Check {
  const Options *o;
  Loaded graph; /* as written, in f64 */
  Loaded run;   /* optimised, for the initial values */
  Engine engine;
  const char *task;
  uint32_t checked, wrong, skipped;
  Arena mem;
} Check;

/* ---------------------------------------------------------------- loading */

/* Directives `batch` above CHECK_ROWS that the command line does not set, cut down to it. */
static bool shrink_batches(Options *o, const Elaborated *e, Arena *mem) {
  bool any = false;
  for (uint32_t i = 0; i < o->n_set; i++)
    if (strstr(o->set[i].name, "batch")) return false;
  for (uint32_t i = 0; i < e->n_settings; i++) {
    const Setting *s = &e->setting[i];
    size_t n = strlen(s->name);
    if (n < 6 || strcmp(s->name + n - 6, ".batch") || strtoll(s->value, NULL, 10) <= CHECK_ROWS) continue;
    if (o->n_set == OPTIONS_MAX_WORDS) break;
    o->set[o->n_set++] = (Setting){arena_strdup(mem, s->name), "4"};
    any = true;
  }
  return any;
}

static bool load_again(Loaded *l, const Options *o, LoadStage stage) {
  load_free(l);
  *l = (Loaded){0};
  return load_model(l, o->word[0], o, 1, stage);
}

static bool load_both(Check *c, Options *o) {
  if (!load_model(&c->graph, o->word[0], o, 1, LOAD_GRAPH)) return false;
  if (shrink_batches(o, &c->graph.elab, &c->mem) && !load_again(&c->graph, o, LOAD_GRAPH)) return false;
  return load_model(&c->run, o->word[0], o, 1, LOAD_OPT);
}

/* ---------------------------------------------------------------- initial values */

/* Moves every parameter a little, away from places such as exact zeros, where derivatives may jump. */
static void leave_special_points(Check *c) {
  const Module *m = c->run.elab.module;
  for (CellId i = 0; i < m->cell.n; i++) {
    const Type *t = ir_type_get(m, m->cell.at[i].type);
    if (m->cell.at[i].kind != CELL_PARAM || t->dtype != DT_F64) continue;
    double *p = engine_cell(&c->engine, i);
    for (int64_t k = 0, n = ir_elements(t); k < n; k++) p[k] += check_noise * random_normal64(i + 1, 0, (uint64_t)k);
  }
}

/* ---------------------------------------------------------------- findings */

/* What the gradient is taken with respect to: a parameter's name, or the words of the file. */
static const char *variable_name(const Check *c, const Graph *g, const GradFinding *f, char *out, int size) {
  const Module *m = c->graph.elab.module;
  const Node *x = ir_node(m, f->region, f->x);
  NodeId n = x->op == OP_anchor ? ir_operands(m, f->region, x)[0] : f->x;
  const Region *r = ir_region(m, g->region);
  for (uint32_t i = 0; f->region == g->region && i < g->n_in; i++)
    if (r->param.at[i] == n && g->in[i].kind == IN_CELL) return m->cell.at[g->in[i].index].name;
  Span s = x->loc == IR_NONE ? SPAN_NONE : ir_loc_get(m, x->loc)->span;
  if (s.source >= c->graph.sources.source.n) return "?";
  const Source *file = &c->graph.sources.source.at[s.source];
  snprintf(out, (size_t)size, "%.*s", (int)strcspn(file->text + s.begin, "\n"), file->text + s.begin);
  if (s.end - s.begin < (uint32_t)size) out[s.end - s.begin] = 0;
  out[strcspn(out, "\n")] = 0;
  return out;
}

static void print_place(const Check *c, LocId loc) {
  const Module *m = c->graph.elab.module;
  for (; loc != IR_NONE; loc = ir_loc_get(m, loc)->inlined_at) {
    Span s = ir_loc_get(m, loc)->span;
    if (s.source >= c->graph.sources.source.n || c->graph.sources.source.at[s.source].library) continue;
    uint32_t line, column;
    source_position(&c->graph.sources, s.source, s.begin, &line, &column);
    printf("%s:%u:%u", c->graph.sources.source.at[s.source].name, line, column);
    return;
  }
  printf("%s", c->o->word[0]);
}

typedef struct Listener {
  Check *c;
  const Graph *g;
} Listener;

static void on_finding(void *user, const GradFinding *f) {
  static const char *const verdict[] = {[GRAD_OK] = "ok",
                                        [GRAD_WRONG] = "FAILED",
                                        [GRAD_NOT_FINITE] = "skipped: not finite here",
                                        [GRAD_STOPPED] = "skipped: stop_gradient in a loop",
                                        [GRAD_FAILED] = "skipped: cannot be evaluated here"};
  const Listener *l = user;
  Check *c = l->c;
  const Module *m = c->graph.elab.module;
  char name[48];
  const Node *grad = ir_node(m, f->region, f->grad), *x = ir_node(m, f->region, f->x);
  print_place(c, grad->loc);
  printf("  %s  d/d %s  %s", c->task, variable_name(c, l->g, f, name, sizeof name), ir_type_str(m, x->type));
  if (f->error == f->error) printf("  relative error %.1e", f->error);
  printf("  %s\n", verdict[f->verdict]);
  fflush(stdout);
  c->checked += f->verdict == GRAD_OK || f->verdict == GRAD_WRONG;
  c->wrong += f->verdict == GRAD_WRONG;
  c->skipped += f->verdict != GRAD_OK && f->verdict != GRAD_WRONG;
}

/* ---------------------------------------------------------------- graphs */

static bool check_graph(Check *c, const Task *t, const Graph *g, uint32_t stream) {
  if (g->region == IR_NONE) return true;
  Module *m = c->graph.elab.module;
  Arena mem = {0};
  int32_t *order = before_rows(m, t);
  GraphInputs in = {.cells = c->engine.cells,
                    .offset = c->engine.layout->offset,
                    .rows = order,
                    .step = 1,
                    .epoch = 1,
                    .key = engine_key(&c->engine, t->name, stream)};
  Listener l = {c, g};
  GradCheck gc = {
      .m = m, .sink = &c->graph.sink, .seed = 1, .tolerance = check_tolerance, .found = on_finding, .user = &l};
  bool ok = gradcheck_region(&gc, g->region, bind_inputs(m, g, &in, &mem));
  free(order);
  arena_free(&mem);
  return ok;
}

static bool check_task(Check *c, TaskId id) {
  const Module *m = c->graph.elab.module;
  Task t = m->task.at[id];
  c->task = t.name;
  bool ok = check_graph(c, &t, &t.step, 0);
  for (uint32_t i = 0; ok && i < t.n_events; i++) ok = check_graph(c, &t, &t.event[i].graph, i + 1);
  return ok && ((t.kind != TASK_INIT && t.kind != TASK_LET) || before_run(&c->engine, id, &c->run.sink));
}

static bool check_all(Check *c) {
  const Module *m = c->graph.elab.module;
  bool ok = true, moved = false;
  for (TaskId t = 0; ok && t < m->task.n; t++) {
    ok = check_task(c, t);
    if (m->task.at[t].kind == TASK_INIT && !moved) leave_special_points(c), moved = true;
  }
  return ok;
}

static int report(const Check *c) {
  printf("%u gradient%s checked, %u wrong", c->checked, c->checked == 1 ? "" : "s", c->wrong);
  if (c->skipped) printf(", %u skipped", c->skipped);
  printf("\n");
  return c->wrong ? EXIT_MODEL : EXIT_DONE;
}

int cmd_gradcheck(const Options *given) {
  Options o = *given;
  Check c = {.o = &o};
  if (o.dtype && strcmp(o.dtype, "f64")) {
    fprintf(stderr, "seppo gradcheck: differences need f64\n");
    return EXIT_USAGE;
  }
  o.dtype = "f64";
  bool loaded = load_both(&c, &o);
  EngineOptions eo = {.seed = 1, .compile = {.no_cache = o.no_cache}};
  bool opened = loaded && engine_open(&c.engine, c.run.elab.module, &eo, &c.run.sink);
  bool ok = opened && check_all(&c);
  int status = load_report(c.run.ast ? &c.run : &c.graph, &o); /* both hold what the file itself gives rise to */
  if (ok && status == EXIT_DONE) status = report(&c);
  if (opened) engine_close(&c.engine);
  load_free(&c.run);
  load_free(&c.graph);
  arena_free(&c.mem);
  return status;
}
