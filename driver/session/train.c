/* The training loop's host side: native code runs the steps, the host comes in at epoch ends, events and interrupts.
 * How the steps are cut into calls never changes a bit, since a step depends on the cells and its number alone. */
#include "driver/session/train.h"
#include "runtime/order.h"
#include <stdlib.h>
#include <string.h>

static const double chunk_ms = 50; /* longest native call: keeps progress and Ctrl-C lively */

/* Compiles the step, the short last batch's step and every event's graph. */
static bool prepare(Training *t) {
  const Task *task = t->task;
  Arena *mem = &t->s->engine.mem;
  uint32_t n = task->n_events + 2;
  const Graph **graph = arena_array(mem, const Graph *, n);
  const char **name = arena_array(mem, const char *, n);
  ReadyGraph **ready = arena_array(mem, ReadyGraph *, n);
  graph[0] = &task->step;
  name[0] = task->name;
  graph[1] = &task->tail;
  name[1] = arena_printf(mem, "%s.tail", task->name);
  for (uint32_t i = 0; i < task->n_events; i++) {
    graph[i + 2] = &task->event[i].graph;
    name[i + 2] = arena_printf(mem, "%s.event%u", task->name, i);
  }
  if (!engine_prepare(&t->s->engine, t->id, graph, name, n, ready, t->s->sink) || !session_data(t->s)) return false;
  t->step = ready[0];
  t->tail = ready[1];
  t->event = ready + 2;
  return true;
}

/* Fixes how many steps an epoch has and how many there are in all. */
static bool measure(Training *t) {
  const Task *task = t->task;
  if (task->source != IR_NONE) {
    t->rows = t->s->m->rows.at[task->source].rows;
    t->steps_per_epoch = t->rows / task->batch + (t->tail != NULL);
    t->order = malloc(sizeof *t->order * (size_t)(t->rows + task->batch));
  } else {
    t->steps_per_epoch = task->steps > 10 ? task->steps / 10 : 1;
  }
  t->total = task->steps > 0 ? task->steps : task->epochs * t->steps_per_epoch;
  t->epochs = t->steps_per_epoch ? (t->total + t->steps_per_epoch - 1) / t->steps_per_epoch : 0;
  return task->source == IR_NONE || t->order;
}

void training_seek(Training *t, int64_t done) {
  int64_t epoch = done < t->total ? done / t->steps_per_epoch + 1 : t->epochs; /* the end is in the last one */
  bool reshuffle = t->order && (t->context.order == NULL || t->context.epoch != epoch);
  t->context.step = done + 1;
  t->context.epoch = epoch;
  t->context.position = done % t->steps_per_epoch * t->task->batch;
  if (!reshuffle) return;
  if (t->task->shuffle)
    order_shuffle(t->order, t->rows, t->s->engine.seed, t->task->source, (uint64_t)epoch);
  else
    order_identity(t->order, t->rows);
  t->context.order = t->order;
}

bool training_at_tail(const Training *t) { return t->order && t->context.position + t->task->batch > t->rows; }

/* Steps that may run before the host must look: to the next step event, and no longer than chunk_ms. */
static int64_t steps_until_event(const Training *t, int64_t most) {
  int64_t done = training_done(t);
  for (uint32_t i = 0; i < t->task->n_events; i++) {
    const Event *e = &t->task->event[i];
    if (e->when != WHEN_STEPS || e->every <= 0) continue;
    int64_t left = e->every - done % e->every;
    if (left < most) most = left;
  }
  int64_t fit = t->step_ms > 0 ? (int64_t)(chunk_ms / t->step_ms) : 1;
  if (fit < 1) fit = 1;
  return most < fit ? most : fit;
}

static bool writes_cells(const Graph *g) {
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_CELL) return true;
  return false;
}

static bool run_event(Training *t, uint32_t i) {
  Session *s = t->s;
  ReadyGraph *g = t->event[i];
  if (g) {
    Context c = engine_context(&s->engine, engine_key(&s->engine, t->task->name, i + 1));
    c.step = training_done(t);
    c.epoch = t->context.epoch;
    c.order = t->order;
    c.stop = NULL; /* an event is carried out whole */
    RunStatus status = engine_run(&s->engine, g, &c, 1);
    if (status != RUN_OK) return session_bad_run(s, t->id, g->graph, &c, status), false;
    if (writes_cells(g->graph)) guard_forget(t);
  }
  /* without data an epoch is only the interval of reports: what is noted there belongs to a step */
  bool counted = t->order || t->task->event[i].when == WHEN_EPOCHS || t->task->event[i].when == WHEN_AT_EPOCHS;
  RunMoment at = {t->task->name, counted ? t->context.epoch : -1, training_done(t)};
  return session_actions(s, at, &t->task->event[i], g, &t->stop);
}

static bool at_epoch(const Event *e, int64_t epoch) {
  for (uint32_t i = 0; i < e->n_at; i++)
    if (e->at[i] == epoch) return true;
  return false;
}

/* Is this event due after `step` steps, at the end of epoch `epoch` (0: inside an epoch)? */
static bool due(const Training *t, const Event *e, int64_t step, int64_t epoch) {
  switch ((WhenKind)e->when) {
  case WHEN_STEPS: return !epoch && (step % e->every == 0 || step == t->total);
  case WHEN_EPOCHS: return epoch && (epoch % e->every == 0 || epoch == t->epochs);
  case WHEN_AT_EPOCHS: return epoch && at_epoch(e, epoch);
  default: return false;
  }
}

static bool run_events(Training *t, int64_t epoch) {
  for (uint32_t i = 0; i < t->task->n_events; i++)
    if (due(t, &t->task->event[i], training_done(t), epoch) && !run_event(t, i)) return false;
  return true;
}

static bool run_moment(Training *t, WhenKind when) {
  for (uint32_t i = 0; i < t->task->n_events; i++)
    if (t->task->event[i].when == when && !run_event(t, i)) return false;
  return true;
}

/* n steps of the full batch, or the one step of the short last batch. */
static bool run_steps(Training *t, ReadyGraph *g, int64_t n) {
  guard_before(t);
  int64_t before = training_done(t);
  double start = clock_ms();
  RunStatus status = engine_run(&t->s->engine, g, &t->context, n);
  double ms = clock_ms() - start;
  int64_t ran = training_done(t) - before;
  t->s->train_ms += ms;
  t->step_ms = ms / (double)(ran > 0 ? ran : 1);
  if (status == RUN_OK || status == RUN_STOPPED) return guard_after(t, false);
  if (status == RUN_NOT_FINITE)
    guard_explain(t);
  else
    session_bad_run(t->s, t->id, g->graph, &t->context, status);
  return false;
}

/* The means of what the step logs, over the rows since the last report, as one record. */
static bool report_metrics(Training *t) {
  Session *s = t->s;
  uint32_t n = t->task->n_metrics;
  MetricValue *value = arena_array(&s->engine.mem, MetricValue, n + 1);
  for (uint32_t i = 0; i < n; i++) {
    const Metric *m = &t->task->metric[i];
    value[i] = (MetricValue){m->name, engine_scalar(&s->engine, m->sum) / engine_scalar(&s->engine, m->weight)};
    engine_set_scalar(&s->engine, m->sum, 0);
    engine_set_scalar(&s->engine, m->weight, 0);
  }
  int64_t step = training_done(t), epoch = t->order ? t->context.epoch : -1;
  progress_record(s->progress, step, epoch, value, n);
  return !n || rundir_metrics(s->dir, t->task->name, epoch, step, s->train_ms * 1e-3, value, n, s->sink);
}

static void mark_place(Training *t) {
  t->s->place = (Place){.task = t->id, .begun = true, .step = training_done(t), .epoch = t->context.epoch};
}

/* Everything that belongs to the steps so far is done: a checkpoint may be written. Not once `stop if` has spoken,
 * which no checkpoint remembers: a resumed run comes to it again. */
static bool settle(Training *t) {
  progress_step(t->s->progress, training_done(t), t->context.epoch, NULL, 0);
  mark_place(t);
  return t->stop || session_save_when_due(t->s);
}

/* From where the training stands to the end of its epoch (without data: of its reporting interval). */
static bool run_epoch(Training *t) {
  training_seek(t, training_done(t));
  int64_t end = t->context.epoch * t->steps_per_epoch;
  if (end > t->total) end = t->total;
  while (training_done(t) < end && !t->stop && !*t->s->engine.stop) {
    int64_t left = end - training_done(t);
    bool tail = training_at_tail(t);
    int64_t full = t->order ? (t->rows - t->context.position) / t->task->batch : left;
    int64_t n = tail ? 1 : steps_until_event(t, left < full ? left : full);
    if (!run_steps(t, tail ? t->tail : t->step, n) || !run_events(t, 0)) return false;
    if (training_done(t) < end && !settle(t)) return false;
  }
  if (training_done(t) < end && !t->stop) return true; /* interrupted */
  return guard_after(t, true) && report_metrics(t) && run_events(t, t->context.epoch) && settle(t);
}

static bool train(Training *t) {
  Session *s = t->s;
  if (!prepare(t) || !measure(t)) return false;
  t->context = engine_context(&s->engine, engine_key(&s->engine, t->task->name, 0));
  bool resumed = s->place.begun;
  training_seek(t, resumed ? s->place.step : 0);
  if (!s->first_step_ms) s->first_step_ms = clock_ms();
  progress_task(s->progress, t->task->name, training_done(t), t->total, t->order ? t->epochs : 0);
  if (!resumed && !run_moment(t, WHEN_START)) return false;
  mark_place(t);
  while (training_done(t) < t->total && !t->stop && !*s->engine.stop)
    if (!run_epoch(t)) return false;
  progress_task_end(s->progress);
  t->interrupted = training_done(t) < t->total && !t->stop;
  if (t->interrupted) return !s->best.action || session_save_best(s);
  if (!session_keep_end(s) || !run_moment(t, WHEN_END)) return false;
  s->steps += training_done(t);
  return true;
}

TaskEnd session_train(Session *s, TaskId id) {
  Training t = {.s = s, .id = id, .task = &s->m->task.at[id]};
  bool ok = train(&t);
  guard_free(&t);
  free(t.order);
  if (!ok) return TASK_FAILED;
  return t.interrupted ? TASK_INTERRUPTED : TASK_DONE;
}
