#include "tests/support/model.h"
#include "ir/passes/passes.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

Model *model_new_with(const char *text, const ElabOptions *o) {
  Model *m = calloc(1, sizeof *m);
  assert_non_null(m);
  uint32_t source = source_add(&m->sources, "test.sep", text, strlen(text), false);
  m->ast = parse_source(&m->sources, source, &m->sink);
  m->ok = m->ast && !m->sink.n_errors && elaborate(&m->sources, m->ast, o, &m->e, &m->sink);
  if (m->ok) m->ok = ir_verify(m->e.module, &m->sink);
  return m;
}

Model *model_new(const char *text) {
  ElabOptions o = {.dtype = strstr(text, "dtype") ? NULL : "f64"};
  return model_new_with(text, &o);
}

const char *model_messages(Model *m) {
  char *s = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&s, &n);
  assert_non_null(f);
  diag_print(&m->sink, &m->sources, DIAG_SHORT, false, f);
  fclose(f);
  const char *own = arena_strdup(&m->mem, s);
  free(s);
  return own;
}

/* ---------------------------------------------------------------- running */

typedef struct Run {
  Model *m;
  const Task *task;
  int64_t step, epoch, position, batch;
} Run;

static Value counter(Model *m, TypeId type, int64_t k) {
  Value v = value_new(m->e.module, type, &m->mem);
  v.i[0] = k;
  return v;
}

static Value input(Run *r, const Binding *b, TypeId type) {
  Module *mod = r->m->e.module;
  switch (b->kind) {
  case IN_CELL: return r->m->cell[b->index];
  case IN_FIELD: return value_from_bytes(mod, type, mod->field.at[b->index].bytes, &r->m->mem);
  case IN_STEP: return counter(r->m, type, r->step);
  case IN_EPOCH: return counter(r->m, type, r->epoch);
  case IN_KEY: return counter(r->m, type, 0x5eed + (r->task - mod->task.at));
  default: break;
  }
  Value v = value_new(mod, type, &r->m->mem);
  for (int64_t k = 0; k < ir_type_get(mod, type)->dim[0]; k++) v.i[k] = r->position + k;
  return v;
}

static Value *run_graph(Run *r, const Graph *g) {
  Model *m = r->m;
  Module *mod = m->e.module;
  Region *region = ir_region(mod, g->region);
  Value *in = arena_array(&m->mem, Value, g->n_in + 1), *out = arena_array(&m->mem, Value, g->n_out + 1);
  for (uint32_t k = 0; k < g->n_in; k++)
    in[k] = input(r, &g->in[k], ir_node(mod, g->region, region->param.at[k])->type);
  EvalOptions o = {0};
  if (!eval_region(mod, g->region, in, out, &o, &m->mem)) fail_msg("an index was out of range");
  for (uint32_t k = 0; k < g->n_out; k++)
    if (g->out[k].kind == OUT_CELL) m->cell[g->out[k].index] = out[k];
  return out;
}

static const char *action_name(const Action *a) {
  return a->kind == ACT_STOP ? "stop" : a->kind == ACT_KEEP ? "keep" : a->name;
}

static void record(Run *r, const Graph *g, const Value *out, const Event *e) {
  for (uint32_t k = 0; k < e->n_actions; k++) {
    const Action *a = &e->action[k];
    for (uint32_t j = 0; j < a->n_values; j++)
      for (uint32_t i = 0; i < g->n_out; i++)
        if (g->out[i].kind == OUT_VALUE && g->out[i].index == a->value[j])
          vec_push(&r->m->out, ((ModelValue){r->task->name, action_name(a), out[i]}));
  }
}

static bool event_due(const Run *r, const Event *e, bool epoch_end, bool end) {
  switch (e->when) {
  case WHEN_STEPS: return r->step % e->every == 0 || end;
  case WHEN_EPOCHS: return epoch_end && (r->epoch % e->every == 0 || end);
  case WHEN_END: return end;
  default: return false;
  }
}

static void run_events(Run *r, bool epoch_end, bool end) {
  for (uint32_t k = 0; k < r->task->n_events; k++) {
    const Event *e = &r->task->event[k];
    if (!event_due(r, e, epoch_end, end) || e->graph.region == IR_NONE) continue;
    record(r, &e->graph, run_graph(r, &e->graph), e);
  }
}

static void run_train(Run *r) {
  const Task *t = r->task;
  const Module *mod = r->m->e.module;
  int64_t rows = t->source == IR_NONE ? 1 : mod->rows.at[t->source].rows, batch = t->source == IR_NONE ? 1 : t->batch;
  int64_t per_epoch = rows / batch + (rows % batch && !t->drop_last);
  if (t->source == IR_NONE && t->steps > 10) per_epoch = t->steps / 10;
  int64_t steps = t->steps ? t->steps : t->epochs * per_epoch;
  for (r->step = 1; r->step <= steps; r->step++) {
    int64_t at = (r->step - 1) % per_epoch;
    r->epoch = (r->step - 1) / per_epoch + 1;
    r->position = at * batch;
    run_graph(r, t->source != IR_NONE && at * batch + batch > rows ? &t->tail : &t->step);
    run_events(r, at + 1 == per_epoch, r->step == steps);
  }
}

void model_run(Model *m) {
  if (!m->ok) fail_msg("%s", model_messages(m));
  PassOptions o = {0};
  Module *mod = m->e.module;
  if (!pass_run_named(mod, pass_pipeline_grad, &o, &m->sink)) fail_msg("%s", model_messages(m));
  m->cell = arena_array(&m->mem, Value, mod->cell.n + 1);
  for (uint32_t k = 0; k < mod->cell.n; k++) m->cell[k] = value_new(mod, mod->cell.at[k].type, &m->mem);
  for (uint32_t k = 0; k < mod->task.n; k++) {
    Run r = {.m = m, .task = &mod->task.at[k], .step = 1, .epoch = 1};
    if (r.task->kind == TASK_TRAIN) {
      run_train(&r);
      continue;
    }
    Value *out = run_graph(&r, &r.task->step);
    for (uint32_t j = 0; j < r.task->n_events; j++) record(&r, &r.task->step, out, &r.task->event[j]);
  }
}

/* ---------------------------------------------------------------- results */

const Value *model_value(const Model *m, const char *task, const char *name) {
  for (uint32_t k = m->out.n; k-- > 0;)
    if ((!task || strcmp(m->out.at[k].task, task) == 0) && strcmp(m->out.at[k].name, name) == 0)
      return &m->out.at[k].value;
  fail_msg("no value `%s`", name);
  return NULL;
}

static double element(const Model *m, const Value *v, int64_t k) {
  const Type *t = ir_type_get(m->e.module, v->type);
  assert_true(k < ir_elements(t));
  return ir_is_float((DType)t->dtype) ? v->f[k] : (double)v->i[k];
}

double model_element(const Model *m, const char *task, const char *name, int64_t k) {
  return element(m, model_value(m, task, name), k);
}

double model_number(const Model *m, const char *task, const char *name) { return model_element(m, task, name, 0); }

double model_cell(const Model *m, const char *name, int64_t k) {
  for (uint32_t c = 0; c < m->e.module->cell.n; c++)
    if (strcmp(m->e.module->cell.at[c].name, name) == 0) return element(m, &m->cell[c], k);
  fail_msg("no cell `%s`", name);
  return 0;
}

void model_free(Model *m) {
  elaborated_free(&m->e);
  if (m->ast) ast_free(m->ast);
  diag_sink_free(&m->sink);
  source_map_free(&m->sources);
  vec_free(&m->out);
  arena_free(&m->mem);
  free(m);
}

void expect_report(const char *text, const char *name, uint32_t n, const double *want, double tolerance) {
  Model *m = model_new(text);
  model_run(m);
  const Value *v = model_value(m, NULL, name);
  int64_t got = ir_elements(ir_type_get(m->e.module, v->type));
  if (got != n) fail_msg("`%s` has %lld elements, expected %u", name, (long long)got, n);
  for (uint32_t k = 0; k < n; k++) {
    double x = element(m, v, k);
    if (!(fabs(x - want[k]) <= tolerance * (1 + fabs(want[k]))) && !(isnan(x) && isnan(want[k])))
      fail_msg("%s[%u] = %.17g, expected %.17g in\n%s", name, k, x, want[k], text);
  }
  model_free(m);
}

void expect_error(const char *text, const char *code, uint32_t line, const char *part) {
  Model *m = model_new(text);
  const char *all = model_messages(m);
  if (m->ok) fail_msg("expected %s in\n%s", code, text);
  const Diag *d = NULL;
  for (uint32_t k = 0; k < m->sink.diag.n && !d; k++)
    if (m->sink.diag.at[k].severity == DIAG_ERROR) d = &m->sink.diag.at[k];
  assert_non_null(d);
  uint32_t got_line = 0, column;
  if (d->span.source != SOURCE_NONE) source_position(&m->sources, d->span.source, d->span.begin, &got_line, &column);
  if (strcmp(d->code, code) != 0 || got_line != line || !strstr(d->message, part))
    fail_msg("expected %s at line %u with \"%s\", got\n%s", code, line, part, all);
  model_free(m);
}
