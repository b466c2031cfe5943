/* Tasks: train, eval, task. Each body becomes one step graph; blocks at moments become graphs of their own. */
#include "frontend/elab/task/task.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/data.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/file.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/chunk.h"

/* ---------------------------------------------------------------- names */

static bool name_taken(const Elab *E, const char *name) {
  for (uint32_t k = 0; k < E->task_names.n; k++)
    if (strcmp(E->task_names.at[k], name) == 0) return true;
  return false;
}

/* The written name, or `train`, `eval`, then `train_2`, ... */
static const char *task_name(Elab *E, const Stmt *s) {
  const TaskDecl *d = s->task;
  const char *name = d->name.text, *prefix = E->prefix ? elab_text(E, "%s.", E->prefix) : "";
  if (!name && d->name_value && !expr_string(E, d->name_value, "the name of a task", &name)) return NULL;
  if (name) name = elab_text(E, "%s%s", prefix, name);
  if (name && name_taken(E, name)) {
    elab_error(E, "E0513", s->word, "there is already a task called `%s`", name);
    return NULL;
  }
  if (!name) {
    const char *base = elab_text(E, "%s%s", prefix, s->kind == STMT_TRAIN ? "train" : "eval");
    name = base;
    for (uint32_t k = 2; name_taken(E, name); k++) name = elab_text(E, "%s_%u", base, k);
  }
  char *own = arena_strdup(&E->m->mem, name);
  vec_push(&E->task_names, own);
  return own;
}

/* `study` picks the task of that name and those inside it, `study.fit`. */
static bool picks(const char *word, const char *name) {
  size_t n = strlen(word);
  return strncmp(word, name, n) == 0 && (name[n] == 0 || name[n] == '.');
}

static bool task_picked(const Elab *E, const char *name) {
  if (!E->o->n_tasks) return true;
  for (uint32_t k = 0; k < E->o->n_tasks; k++)
    if (picks(E->o->tasks[k], name)) return true;
  return false;
}

/* Whether a word picks the task or something inside it. */
static bool task_wanted(Elab *E, const char *name) {
  vec_push(&E->task_names, name);
  for (uint32_t k = 0; k < E->o->n_tasks; k++)
    if (picks(E->o->tasks[k], name) || picks(name, E->o->tasks[k])) return true;
  return false;
}

/* ---------------------------------------------------------------- directives */

typedef struct Directives {
  int64_t epochs, steps, batch; /* 0 = not given */
  bool drop_last, shuffle;
  Span epochs_at, batch_at;
} Directives;

static bool directive_value(Elab *E, const char *task, const char *word, const Expr *e, Val *v) {
  *v = expr_value(E, e);
  Val old = *v;
  const char *full = elab_text(E, "%s.%s", task, word);
  if (setting_for(E, full, v, &old, e->span) || setting_for(E, word, v, &old, e->span)) v->literal = true;
  if (is_error(*v)) return false;
  if (E->o->epochs && !strcmp(word, "epochs")) *v = val_int(E->o->epochs);
  setting_record(E, full, *v);
  return true;
}

static bool positive(Elab *E, const char *task, const char *word, const Expr *e, int64_t *out) {
  Val v;
  if (!directive_value(E, task, word, e, &v) || !val_to_int(E, v, e->span, elab_text(E, "`%s`", word), out))
    return false;
  if (*out > 0) return true;
  return elab_error(E, "E0514", e->span, "`%s` must be positive, found %lld", word, (long long)*out), false;
}

static bool read_directives(Elab *E, const char *task, const Block *b, Directives *d) {
  *d = (Directives){.shuffle = true, .epochs_at = SPAN_NONE, .batch_at = SPAN_NONE};
  bool ok = true;
  for (uint32_t k = 0; k < b->n; k++) {
    const Stmt *s = b->stmt[k];
    if (s->kind == STMT_EPOCHS) ok &= positive(E, task, "epochs", s->value, &d->epochs), d->epochs_at = s->span;
    if (s->kind == STMT_STEPS) ok &= positive(E, task, "steps", s->value, &d->steps);
    if (s->kind == STMT_BATCH) {
      ok &= positive(E, task, "batch", s->value, &d->batch);
      d->drop_last = s->flag, d->batch_at = s->span;
    }
    if (s->kind == STMT_SHUFFLE) {
      Val v;
      ok &= directive_value(E, task, "shuffle", s->value, &v) &&
            val_to_bool(E, v, s->value->span, "`shuffle`", &d->shuffle);
    }
  }
  return ok;
}

/* ---------------------------------------------------------------- bodies */

typedef struct Body {
  const Stmt *s;
  DataUseSite *on; /* NULL: no data */
  const Directives *d;
  int64_t steps_per_epoch;
} Body;

static void bind_counter(Elab *E, Scope *s, const char *name, InKind kind) {
  scope_bind(E, s, name, (Val){.kind = V_COUNTER, .i = kind}, SPAN_NONE);
}

/* The names every body sees: fields of its data, batch, step, epoch and their totals. */
static void bind_task_names(Elab *E, Scope *scope, const Body *b, const Task *t, int64_t batch) {
  if (b->on) {
    DataPart *p = b->on->part;
    for (uint32_t k = 0; k < p->n_fields; k++) {
      DataUseSite *u = arena_new(&E->mem, DataUseSite);
      *u = (DataUseSite){b->on->decl, p, &p->field[k], batch && batch != p->rows};
      scope_bind(E, scope, p->field[k].name, (Val){.kind = V_FIELD, .data = u}, SPAN_NONE);
    }
    scope_bind(E, scope, "batch", val_int(batch ? batch : p->rows), SPAN_NONE);
  }
  if (t->kind != TASK_TRAIN) return;
  bind_counter(E, scope, "step", IN_STEP);
  bind_counter(E, scope, "epoch", IN_EPOCH);
  scope_bind(E, scope, "steps", val_int(t->steps ? t->steps : t->epochs * b->steps_per_epoch), SPAN_NONE);
  scope_bind(E, scope, "steps_per_epoch", val_int(b->steps_per_epoch), SPAN_NONE);
  int64_t epochs = t->epochs ? t->epochs : (t->steps + b->steps_per_epoch - 1) / b->steps_per_epoch;
  scope_bind(E, scope, "epochs", val_int(epochs), SPAN_NONE);
}

static Scope *task_scope(Elab *E, const Body *b, const Task *t, int64_t batch) {
  Scope *scope = scope_new(E, E->act->scope);
  scope->function = true;
  bind_task_names(E, scope, b, t, batch);
  return scope;
}

static void start_activation(Elab *E, Activation *a, Scope *scope, const Stmt *s, const char *name, bool training) {
  activation_push(E, a, scope, SPAN_NONE, name);
  a->loc = IR_NONE;
  a->is_task = true;
  a->training = training;
  a->path = text_hash(name);
  a->anchors = anchor_names(E, s, &s->task->body, NULL, NULL, 0);
}

/* Elaborates the body once for `batch` rows; the graph stays open, so that blocks may still ask it for values. */
static GraphBuild *body_graph(Elab *E, const Body *b, TaskBuild *t, GraphKind kind, int64_t batch, Scope **scope) {
  GraphBuild *g = graph_open(E, kind);
  g->task = t;
  g->batch = batch;
  g->rows_of = b->on ? b->on->part : NULL;
  *scope = task_scope(E, b, &t->task, batch);
  Activation act;
  start_activation(E, &act, *scope, b->s, t->task.name, kind == GRAPH_STEP);
  exec_block(E, &b->s->task->body);
  activation_pop(E, &act);
  E->g = g->up;
  return g;
}

/* A cell that holds what a name of the step was bound to in the last step. */
static CellId last_value_cell(Elab *E, TaskBuild *t, const char *name, Val v) {
  const char *full = elab_text(E, "%s.last.%s", t->task.name, name);
  Slot *known = scope_here(E->cells, full);
  if (known) return known->value.cell;
  NodeId n = bring_to_root(E, t->step, v);
  if (n == IR_NONE) return IR_NONE;
  TypeId type = ir_node(E->m, t->step->root->b.region, n)->type;
  CellId c = cell_new(E, full, type, CELL_METRIC, NULL);
  E->info.at[c].ones = v.ones;
  graph_output(E, E->init, OUT_CELL, c, ir_full(&E->init->root->b, type, 0));
  graph_output(E, t->step, OUT_CELL, c, n);
  Slot *short_one = t->tail_graph ? scope_here(t->tail_scope, name) : NULL;
  NodeId m =
      short_one && short_one->value.kind == V_TENSOR ? bring_to_root(E, t->tail_graph, short_one->value) : IR_NONE;
  if (m != IR_NONE && ir_node(E->m, t->tail_graph->root->b.region, m)->type == type)
    graph_output(E, t->tail_graph, OUT_CELL, c, m);
  return c;
}

/* A value of the step, read by a block that runs after it. */
Val step_value(Elab *E, const char *name, Val v, Span span) {
  TaskBuild *t = E->task;
  if (t->at_start) {
    elab_error(E, "E0413", span, "`%s` is a value of the step, and none has run yet", name);
    return val_error();
  }
  CellId c = last_value_cell(E, t, name, v);
  return c == IR_NONE ? elab_error(E, "E0413", span, "`%s` belongs to a loop of the step", name)
                      : cell_value(E, c, false);
}

static void finish_task(Elab *E, TaskBuild *t) {
  Arena *mem = &E->m->mem;
  t->task.n_metrics = t->metric.n;
  t->task.metric = memdup(mem, t->metric.at, t->metric.n * sizeof *t->metric.at);
  t->task.n_events = t->event.n;
  t->task.event = memdup(mem, t->event.at, t->event.n * sizeof *t->event.at);
  vec_push(&E->m->task, t->task);
  vec_free(&t->metric);
  vec_free(&t->event);
  vec_free(&t->action);
  vec_free(&t->pending);
  E->task = NULL;
}

static bool on_split(Elab *E, const Stmt *s, DataUseSite **out) {
  *out = NULL;
  if (!s->task->on) return true;
  Val v = expr(E, s->task->on);
  if (is_error(v)) return false;
  if (v.kind == V_DATA && v.data->decl->n_splits == 1) {
    DataUseSite *u = arena_new(&E->mem, DataUseSite);
    *u = (DataUseSite){v.data->decl, &v.data->decl->split[0], NULL, false};
    *out = u;
    return true;
  }
  if (v.kind == V_SPLIT) return *out = v.data, true;
  if (v.kind == V_DATA) {
    elab_error(E, "E0611", s->task->on->span, "say which split of `%s`", v.data->decl->name);
    StrBuf b = {0};
    for (uint32_t k = 0; k < v.data->decl->n_splits; k++)
      sb_printf(&b, "%s`%s.%s`", k ? ", " : "", v.data->decl->name, v.data->decl->split[k].name);
    elab_hint(E, "it has %s", b.s);
    sb_free(&b);
  } else {
    elab_error(E, "E0611", s->task->on->span, "`on` takes a data source or one of its splits, found %s",
               val_kind_name(E, v));
  }
  return false;
}

/* ---------------------------------------------------------------- train */

/* How long and in what portions the task runs. */
static bool plan_steps(Elab *E, const Stmt *s, Body *b, const Directives *d, Task *t) {
  int64_t rows = b->on ? b->on->part->rows : 0;
  t->epochs = d->epochs, t->steps = d->steps;
  if (E->o->epochs && (d->epochs || b->on)) t->epochs = E->o->epochs, t->steps = 0;
  if (d->epochs && d->steps) return elab_error(E, "E0515", d->epochs_at, "say `epochs` or `steps`, not both"), false;
  if (!t->epochs && !t->steps) {
    elab_error(E, "E0515", s->word, "how long does this train? Say `epochs n` or `steps n`");
    return false;
  }
  if (!b->on) {
    if (d->batch) return elab_error(E, "E0515", d->batch_at, "`batch` needs data: `train on d {..}`"), false;
    b->steps_per_epoch = !t->epochs && t->steps > 10 ? t->steps / 10 : 1; /* as the run reports: ten times */
    return true;
  }
  if (!rows) return elab_error(E, "E0612", s->task->on->span, "this split has no rows"), false;
  t->batch = d->batch && d->batch < rows ? d->batch : rows;
  if (d->batch > rows)
    elab_warning(E, "W0501", d->batch_at, "a batch of %lld is more than the %lld rows there are", (long long)d->batch,
                 (long long)rows);
  int64_t rest = rows % t->batch;
  t->drop_last = d->drop_last;
  t->shuffle = d->shuffle && t->batch != rows;
  b->steps_per_epoch = rows / t->batch + (rest && !t->drop_last);
  if (rest && t->drop_last)
    vec_push(&E->note, elab_text(E, "%s: %lld rows are left out of every epoch", t->name, (long long)rest));
  return true;
}

void elab_train(Elab *E, const Stmt *s) {
  elab_at(E, s->word);
  const char *name = task_name(E, s);
  Body b = {.s = s};
  TaskBuild t = {0};
  t.task = (Task){.name = name, .kind = TASK_TRAIN, .loc = E->loc, .source = IR_NONE};
  t.task.tail.region = IR_NONE;
  if (!name || !on_split(E, s, &b.on)) return;
  if (!task_picked(E, name)) {
    if (!E->skipped) E->skipped = name;
    return;
  }
  Directives d;
  E->task = &t;
  if (read_directives(E, name, &s->task->body, &d) && plan_steps(E, s, &b, &d, &t.task)) {
    b.d = &d;
    if (b.on) t.task.source = row_source(E, b.on);
    uint32_t errors = E->sink->n_errors;
    Scope *scope;
    t.step = body_graph(E, &b, &t, GRAPH_STEP, t.task.batch, &scope);
    int64_t rest = b.on ? b.on->part->rows % t.task.batch : 0;
    if (rest && !d.drop_last && E->sink->n_errors == errors) {
      t.tail = E->quiet = true;
      t.tail_graph = body_graph(E, &b, &t, GRAPH_STEP, rest, &t.tail_scope);
      t.tail = E->quiet = false;
    }
    elab_events(E, &t);
    if (t.tail_graph) t.task.tail = graph_close(E, t.tail_graph);
    t.task.step = graph_close(E, t.step);
  }
  finish_task(E, &t);
  E->n_tasks_done++;
}

/* ---------------------------------------------------------------- eval, task */

static void close_once(Elab *E, TaskBuild *t) {
  Event end = {.when = WHEN_END, .n_actions = t->action.n};
  end.graph.region = IR_NONE;
  end.action = memdup(&E->m->mem, t->action.at, t->action.n * sizeof *t->action.at);
  vec_push(&t->event, end);
  finish_task(E, t);
}

/* Parameters of the graph that are fields of the split it runs on. */
static bool *row_params(Elab *E, const Graph *g, const DataPart *p) {
  bool *row = arena_array(&E->mem, bool, g->n_in + 1);
  for (uint32_t k = 0; k < g->n_in; k++)
    for (uint32_t j = 0; j < p->n_fields; j++) {
      const DataColumn *c = &p->field[j];
      row[k] |= g->in[k].kind == IN_FIELD && c->stored && g->in[k].index == c->field;
      row[k] |= g->in[k].kind == IN_CELL && !c->stored && g->in[k].index == c->cell;
    }
  return row;
}

/* `batch n` bounds the memory of an eval; what it computes stays the same. */
static void eval_in_chunks(Elab *E, const Stmt *s, const Body *b, Task *t) {
  Directives d;
  int64_t rows = b->on->part->rows;
  uint32_t errors = E->sink->n_errors;
  if (!read_directives(E, t->name, &s->task->body, &d) || !d.batch || d.batch >= rows) return;
  if (E->sink->n_errors != errors || !t->step.n_out) return;
  elab_at(E, s->word);
  t->step.region = chunk_rows(E, t->step.region, row_params(E, &t->step, b->on->part), rows, d.batch);
  elab_ir_errors(E, s->word);
}

static void run_once(Elab *E, const Stmt *s, TaskKind kind, GraphKind graph) {
  elab_at(E, s->word);
  const char *name = task_name(E, s);
  Body b = {.s = s};
  TaskBuild t = {0};
  t.task = (Task){.name = name, .kind = (uint8_t)kind, .loc = E->loc, .source = IR_NONE};
  t.task.tail.region = IR_NONE;
  if (!name || !on_split(E, s, &b.on) || !task_picked(E, name)) return;
  E->task = &t;
  if (b.on) {
    t.task.source = row_source(E, b.on);
    t.task.batch = b.on->part->rows;
  }
  Scope *scope;
  t.step = body_graph(E, &b, &t, graph, t.task.batch, &scope);
  t.task.step = graph_close(E, t.step);
  if (b.on && kind == TASK_EVAL) eval_in_chunks(E, s, &b, &t.task);
  close_once(E, &t);
}

void elab_eval(Elab *E, const Stmt *s) { run_once(E, s, TASK_EVAL, GRAPH_EVAL); }

/* ---------------------------------------------------------------- tasks that hold tasks */

static bool holds_tasks(const Block *b) {
  for (uint32_t k = 0; k < b->n; k++) {
    const Stmt *s = b->stmt[k];
    if (s->kind == STMT_TRAIN || s->kind == STMT_EVAL) return true;
    if (s->kind == STMT_LOOP && s->loop->kind == LOOP_UNROLL && holds_tasks(&s->loop->body)) return true;
    if (s->kind == STMT_IF && (holds_tasks(&s->body) || holds_tasks(&s->otherwise))) return true;
  }
  return false;
}

/* x: [1, 784] of a task: a tensor that a calling program gives, one of the module's fields without bytes. */
static bool bind_task_tensor(Elab *E, const Stmt *s, Scope *scope, const Param *p) {
  DataField *stored = arena_new(&E->mem, DataField);
  DataColumn *column = arena_new(&E->mem, DataColumn);
  DataUseSite *use = arena_new(&E->mem, DataUseSite);
  uint32_t rank;
  *stored = (DataField){.name = p->name.text, .dtype = E->fdt, .mul = 1, .div = 1};
  if (!declared_shape(E, &p->pattern, &rank, stored->dim, NULL)) return false;
  stored->rank = (uint8_t)rank;
  *column = (DataColumn){.name = p->name.text, .stored = stored, .field = E->m->field.n};
  *use = (DataUseSite){.column = column};
  const char *name = arena_printf(&E->m->mem, "%s.%s", s->task->name.text, p->name.text);
  vec_push(&E->m->field, ((Field){name, ir_type(E->m, E->fdt, rank, stored->dim), NULL}));
  scope_bind(E, scope, p->name.text, (Val){.kind = V_FIELD, .data = use}, p->name.span);
  return true;
}

static bool takes_tensors(Elab *E, const Stmt *s) {
  bool any = false;
  for (uint32_t k = 0; k < s->task->n_param; k++) {
    const Param *p = &s->task->param[k];
    any |= p->pattern.present;
    if (p->pattern.present && p->value)
      elab_error(E, "E0519", p->value->span, "`%s` is a tensor that a calling program gives: it has no default",
                 p->name.text);
  }
  return any;
}

/* A task that takes tensors cannot run by itself: it is left out, or an error when it was asked for. */
static bool left_out(Elab *E, const Stmt *s) {
  if (!takes_tensors(E, s) || E->o->inputs) return false;
  const char *name = task_name(E, s);
  if (name && E->o->n_tasks && task_picked(E, name)) {
    elab_error(E, "E0519", s->task->name.span, "`%s` takes tensors that a calling program gives", name);
    elab_hint(E, "`seppo build FILE --task %s` makes it a part of a C program", name);
  }
  return true;
}

/* task name(n = 3): the arguments are settings of the task, `--set name.n=4`, or tensors that a program gives. */
static bool bind_task_params(Elab *E, const Stmt *s, Scope *scope) {
  for (uint32_t k = 0; k < s->task->n_param; k++) {
    const Param *p = &s->task->param[k];
    if (p->pattern.present) {
      if (!bind_task_tensor(E, s, scope, p)) return false;
      continue;
    }
    const char *full = elab_text(E, "%s.%s", s->task->name.text, p->name.text);
    Val v = p->value ? expr_value(E, p->value) : val_none(), old = v;
    bool set = setting_for(E, full, &v, &old, p->name.span);
    if (!p->value && !set) {
      elab_error(E, "E0207", p->name.span, "the task `%s` needs a value for `%s`", s->task->name.text, p->name.text);
      elab_hint(E, "give it a default, or run with --set %s=..", full);
      return false;
    }
    if (is_error(v)) return false;
    if (!val_has_tensor(v)) setting_record(E, full, v);
    scope_bind(E, scope, p->name.text, v, p->name.span);
  }
  return true;
}

static bool stands_alone(const Stmt *s) {
  switch (s->kind) {
  case STMT_LET:
  case STMT_PARAM:
  case STMT_STATE:
  case STMT_DATA:
  case STMT_TRAIN:
  case STMT_EVAL:
  case STMT_REQUIRE: return true;
  case STMT_LOOP: return s->loop->kind == LOOP_UNROLL && holds_tasks(&s->loop->body);
  case STMT_IF: return holds_tasks(&s->body) || holds_tasks(&s->otherwise);
  default: return false;
  }
}

/* What stands between the trains and evals of a task runs as tasks of its own, in the same order. */
static void run_group(Elab *E, const Stmt *s, const char *name) {
  const Block *b = &s->task->body;
  const char *outer = E->prefix;
  E->prefix = name;
  uint32_t parts = 0;
  for (uint32_t k = 0; k < b->n;) {
    if (stands_alone(b->stmt[k])) {
      file_statement(E, b->stmt[k++]);
      continue;
    }
    uint32_t first = k;
    while (k < b->n && !stands_alone(b->stmt[k])) k++;
    TaskDecl *d = arena_new(&E->mem, TaskDecl);
    *d = (TaskDecl){.body = {.stmt = b->stmt + first, .n = k - first, .span = b->span}};
    d->name = (Name){parts ? elab_text(E, "part_%u", parts + 1) : "part", s->task->name.span};
    Stmt *part = arena_new(&E->mem, Stmt);
    *part = *s;
    part->task = d;
    parts++;
    run_once(E, part, TASK_PLAIN, GRAPH_PLAIN);
  }
  E->prefix = outer;
}

void elab_task(Elab *E, const Stmt *s) {
  bool group = holds_tasks(&s->task->body);
  if (left_out(E, s)) return;
  if (!group && !s->task->n_param) {
    run_once(E, s, TASK_PLAIN, GRAPH_PLAIN);
    return;
  }
  Activation act;
  Scope *scope = scope_new(E, E->act->scope);
  scope->file = true;
  activation_push(E, &act, scope, SPAN_NONE, NULL);
  act.loc = IR_NONE;
  act.path = 0;
  bool wanted = !E->o->n_tasks || !group || task_wanted(E, s->task->name.text);
  if (wanted && bind_task_params(E, s, scope)) {
    if (group)
      run_group(E, s, s->task->name.text);
    else
      run_once(E, s, TASK_PLAIN, GRAPH_PLAIN);
  }
  activation_pop(E, &act);
}

/* ---------------------------------------------------------------- blocks at moments */

static bool event_moment(Elab *E, const Stmt *s, Event *e) {
  int64_t n = 1;
  if (s->kind == STMT_EVERY) {
    if (s->value && !expr_int(E, s->value, "the period of `every`", &n)) return false;
    if (n < 1) return elab_error(E, "E0514", s->value->span, "the period of `every` must be positive"), false;
    e->when = s->moment == EVERY_EPOCHS ? WHEN_EPOCHS : WHEN_STEPS;
    e->every = n;
    return true;
  }
  e->when = s->moment == AT_START ? WHEN_START : s->moment == AT_END ? WHEN_END : WHEN_AT_EPOCHS;
  if (s->moment != AT_EPOCH) return true;
  e->n_at = s->n_at;
  e->at = arena_array(&E->m->mem, int64_t, s->n_at + 1);
  for (uint32_t k = 0; k < s->n_at; k++)
    if (!expr_int(E, s->at[k], "an epoch", &e->at[k])) return false;
  return true;
}

static void elab_event(Elab *E, TaskBuild *t, const EventDecl *d, uint32_t number) {
  Event e = {0};
  GraphBuild *g = graph_open(E, GRAPH_EVENT);
  g->task = t;
  t->in_event = true;
  t->at_start = d->stmt->kind == STMT_AT && d->stmt->moment == AT_START;
  t->action.n = 0;
  Activation act;
  Scope *scope = scope_new(E, d->scope);
  scope->function = true;
  activation_push(E, &act, scope, SPAN_NONE, t->task.name);
  act.loc = IR_NONE;
  act.is_task = true;
  act.path = path_mix(text_hash(t->task.name), 1000 + number);
  act.anchors = anchor_names(E, d->stmt, &d->stmt->body, NULL, NULL, 0);
  bool ok = event_moment(E, d->stmt, &e);
  if (ok) exec_block(E, &d->stmt->body);
  activation_pop(E, &act);
  t->in_event = false;
  e.graph = graph_close(E, g);
  if (!e.graph.n_out) e.graph = (Graph){.region = IR_NONE};
  e.n_actions = t->action.n;
  e.action = memdup(&E->m->mem, t->action.at, t->action.n * sizeof *t->action.at);
  if (ok) vec_push(&t->event, e);
}

void elab_events(Elab *E, TaskBuild *t) {
  for (uint32_t k = 0; k < t->pending.n; k++) elab_event(E, t, &t->pending.at[k], k);
}
