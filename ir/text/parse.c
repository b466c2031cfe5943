/* Declarations, tasks and events of the text form (docs/ir.md). */
#include "ir/text/parse.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- declarations */

static bool parse_field_line(Parser *p) {
  Field f = {0};
  if (!ir_read_name(p, &f.name) || !parse_mark(p, ':') || !parse_type(p, &f.type)) return false;
  vec_push(&p->m->field, f);
  parse_declare(&p->field, f.name);
  return true;
}

static bool parse_rows_line(Parser *p) {
  RowSource r = {0};
  if (!ir_read_name(p, &r.name) || !parse_mark(p, ':') || !parse_int(p, 0, INT64_MAX, &r.rows)) return false;
  vec_push(&p->m->rows, r);
  parse_declare(&p->rows, r.name);
  return true;
}

static bool parse_cell_line(Parser *p) {
  Cell c = {.loc = ir_loc(p->m, (Loc){p->token.span, IR_NONE, ORIGIN_SOURCE, 0})};
  uint32_t kind = 0;
  if (!parse_choice(p, cell_word, CELL_WORDS, "field, rows, task or a kind of cell (param, state, ...)", &kind) ||
      !ir_read_name(p, &c.name) || !parse_mark(p, ':') || !parse_type(p, &c.type))
    return false;
  c.kind = (uint8_t)kind;
  vec_push(&p->m->cell, c);
  parse_declare(&p->cell, c.name);
  return true;
}

/* ---------------------------------------------------------------- events */

typedef Vec(uint32_t) Numbers;
typedef Vec(const char *) Labels;

/* values 0 "a", 1, 2 "c" */
static bool parse_values(Parser *p, Action *a) {
  Numbers value = {0};
  Labels label = {0};
  bool ok = true;
  do {
    uint32_t v = 0;
    const char *name = NULL;
    ok = parse_u32(p, &v) && (p->token.kind != TOKEN_STRING || parse_string(p, &name));
    vec_push(&value, v);
    vec_push(&label, name);
  } while (ok && parse_take_mark(p, ','));
  a->n_values = value.n;
  a->value = arena_memdup(&p->m->mem, value.at, value.n * sizeof *value.at);
  a->label = arena_memdup(&p->m->mem, label.at, label.n * sizeof *label.at);
  vec_free(&value);
  vec_free(&label);
  return ok;
}

static bool parse_action(Parser *p, Action *a) {
  uint32_t kind = 0;
  a->loc = ir_loc(p->m, (Loc){p->token.span, IR_NONE, ORIGIN_SOURCE, 0});
  if (!parse_choice(p, action_word, ACTION_WORDS, "an action (log, report, image, ...) or `}`", &kind)) return false;
  a->kind = (uint8_t)kind;
  if (p->token.kind == TOKEN_STRING && !parse_string(p, &a->name)) return false;
  if (parse_take_word(p, "form") && !parse_string(p, &a->form)) return false;
  if (parse_take_word(p, "values") && !parse_values(p, a)) return false;
  if (parse_take_word(p, "options"))
    for (int i = 0; i < 4; i++)
      if ((i && !parse_mark(p, ',')) || !parse_int(p, INT64_MIN, INT64_MAX, &a->option[i])) return false;
  if (parse_take_word(p, "panels") && !parse_int(p, -1, INT32_MAX, &a->panels)) return false;
  return !p->failed;
}

static bool parse_epochs(Parser *p, Event *e) {
  Vec(int64_t) at = {0};
  int64_t v = 0;
  bool ok = true;
  do {
    ok = parse_int(p, 0, INT64_MAX, &v);
    vec_push(&at, v);
  } while (ok && parse_take_mark(p, ','));
  e->n_at = at.n;
  e->at = arena_memdup(&p->m->mem, at.at, at.n * sizeof *at.at);
  vec_free(&at);
  return ok;
}

/* at start | at end | at epochs 1, 2 | every 3 epochs | every 100 steps */
static bool parse_when(Parser *p, Event *e) {
  static const char *const at[] = {"start", "end", "epochs"}, *const every[] = {"epochs", "steps"};
  static const uint8_t at_kind[] = {WHEN_START, WHEN_END, WHEN_AT_EPOCHS}, every_kind[] = {WHEN_EPOCHS, WHEN_STEPS};
  uint32_t i = 0;
  if (parse_take_word(p, "at")) {
    if (!parse_choice(p, at, 3, "start, end or epochs", &i)) return false;
    e->when = at_kind[i];
    return i < 2 || parse_epochs(p, e);
  }
  if (!parse_word(p, "every") || !parse_int(p, 1, INT64_MAX, &e->every) ||
      !parse_choice(p, every, 2, "epochs or steps", &i))
    return false;
  e->when = every_kind[i];
  return true;
}

static bool parse_event(Parser *p, Event *e) {
  *e = (Event){.graph.region = IR_NONE};
  if (!parse_when(p, e) || !parse_mark(p, '{')) return false;
  if (parse_take_word(p, "graph") && !parse_graph(p, &e->graph)) return false;
  Vec(Action) action = {0};
  bool ok = !p->failed;
  while (ok && !parse_take_mark(p, '}')) {
    Action a = {0};
    ok = parse_action(p, &a);
    vec_push(&action, a);
  }
  e->n_actions = action.n;
  e->action = arena_memdup(&p->m->mem, action.at, action.n * sizeof *action.at);
  vec_free(&action);
  return ok;
}

/* ---------------------------------------------------------------- tasks */

typedef struct TaskParts {
  Vec(Metric) metric;
  Vec(Event) event;
} TaskParts;

static bool parse_metric(Parser *p, TaskParts *parts) {
  Metric m = {0};
  if (!ir_read_name(p, &m.name) || !parse_mark(p, '=') || !parse_ref(p, &p->cell, "cell", &m.sum) ||
      !parse_mark(p, '/') || !parse_ref(p, &p->cell, "cell", &m.weight))
    return false;
  vec_push(&parts->metric, m);
  return true;
}

static bool parse_task_line(Parser *p, Task *t, TaskParts *parts) {
  if (parse_at_word(p, "at") || parse_at_word(p, "every")) {
    Event e;
    if (!parse_event(p, &e)) return false;
    vec_push(&parts->event, e);
    return true;
  }
  if (parse_take_word(p, "batch")) return parse_int(p, 0, INT64_MAX, &t->batch);
  if (parse_take_word(p, "epochs")) return parse_int(p, 0, INT64_MAX, &t->epochs);
  if (parse_take_word(p, "steps")) return parse_int(p, 0, INT64_MAX, &t->steps);
  if (parse_take_word(p, "shuffle")) return t->shuffle = true;
  if (parse_take_word(p, "drop_last")) return t->drop_last = true;
  if (parse_take_word(p, "metric")) return parse_metric(p, parts);
  if (parse_take_word(p, "step")) return parse_graph(p, &t->step);
  if (parse_take_word(p, "tail")) return parse_graph(p, &t->tail);
  return parse_expected(p, "batch, epochs, steps, shuffle, drop_last, metric, step, tail, at, every or `}`");
}

static bool parse_task(Parser *p) {
  Task t = {.source = IR_NONE, .step.region = IR_NONE, .tail.region = IR_NONE};
  t.loc = ir_loc(p->m, (Loc){p->token.span, IR_NONE, ORIGIN_SOURCE, 0});
  uint32_t kind = 0;
  TaskParts parts = {0};
  bool ok = parse_choice(p, task_word, TASK_WORDS, "a kind of task (init, let, train, eval, plain)", &kind) &&
            ir_read_name(p, &t.name) &&
            (!parse_take_word(p, "on") || parse_ref(p, &p->rows, "row source", &t.source)) && parse_mark(p, '{');
  while (ok && !parse_take_mark(p, '}')) ok = parse_task_line(p, &t, &parts);
  t.kind = (uint8_t)kind;
  t.n_metrics = parts.metric.n;
  t.metric = arena_memdup(&p->m->mem, parts.metric.at, parts.metric.n * sizeof *parts.metric.at);
  t.n_events = parts.event.n;
  t.event = arena_memdup(&p->m->mem, parts.event.at, parts.event.n * sizeof *parts.event.at);
  vec_free(&parts.metric);
  vec_free(&parts.event);
  vec_push(&p->m->task, t);
  return ok;
}

static void free_names(NameTable *t) {
  table_free(&t->ids);
  vec_free(&t->name);
}

Module *ir_parse(const SourceMap *sources, uint32_t source, DiagSink *sink) {
  const Source *s = &sources->source.at[source];
  uint32_t errors = sink->n_errors;
  Parser p = {.m = ir_module_new(sources),
              .sources = sources,
              .sink = sink,
              .lexer = {.text = s->text, .source = source, .length = s->length}};
  parse_advance(&p);
  bool ok = true;
  while (ok && p.token.kind != TOKEN_END) {
    if (parse_take_word(&p, "field"))
      ok = parse_field_line(&p);
    else if (parse_take_word(&p, "rows"))
      ok = parse_rows_line(&p);
    else if (parse_take_word(&p, "task"))
      ok = parse_task(&p);
    else
      ok = parse_cell_line(&p);
  }
  free_names(&p.cell);
  free_names(&p.field);
  free_names(&p.rows);
  if (sink->n_errors == errors) return p.m;
  ir_module_free(p.m);
  return NULL;
}
