/* The training loop's host side: native code runs the steps, the host comes in at epoch ends, events and interrupts.
 * How the steps are cut into calls never changes a bit, since a step depends on the cells and its number alone. */
#include "driver/session/session.h"
#include "runtime/order.h"
#include <stdlib.h>
#include <string.h>

static const double chunk_ms = 50; /* longest native call: keeps progress and Ctrl-C lively */

typedef struct Training {
  Session *s;
  TaskId id;
  const Task *task;
  ReadyGraph *step, *tail, **event;
  Context context;
  int32_t *order;
  int64_t rows;            /* of the source; 0 without data */
  int64_t steps_per_epoch; /* tail included; without data: the reporting interval */
  int64_t epochs, total;   /* total steps */
  double step_ms;          /* running estimate */
  bool stop;
} Training;

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
  if (!engine_prepare(&t->s->engine, t->id, graph, name, n, ready, t->s->sink)) return false;
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

static void begin_epoch(Training *t) {
  if (!t->order) return;
  if (t->task->shuffle)
    order_shuffle(t->order, t->rows, t->s->engine.seed, t->task->source, (uint64_t)t->context.epoch);
  else
    order_identity(t->order, t->rows);
  t->context.order = t->order;
  t->context.position = 0;
}

/* Steps that may run before the host must look: to the next step event, and no longer than chunk_ms. */
static int64_t steps_until_event(const Training *t, int64_t most) {
  int64_t done = t->context.step - 1;
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

static bool run_event(Training *t, uint32_t i) {
  Session *s = t->s;
  ReadyGraph *g = t->event[i];
  if (g) {
    Context c = engine_context(&s->engine, engine_key(&s->engine, t->task->name, i + 1));
    c.step = t->context.step - 1;
    c.epoch = t->context.epoch;
    c.order = t->order;
    RunStatus status = engine_run(&s->engine, g, &c, 1);
    if (status != RUN_OK) return session_bad_run(s, t->id, g->graph, &c, status), false;
  }
  RunMoment at = {t->task->name, t->context.epoch, t->context.step - 1};
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
    if (due(t, &t->task->event[i], t->context.step - 1, epoch) && !run_event(t, i)) return false;
  return true;
}

static bool run_moment(Training *t, WhenKind when) {
  for (uint32_t i = 0; i < t->task->n_events; i++)
    if (t->task->event[i].when == when && !run_event(t, i)) return false;
  return true;
}

/* n steps of the full batch, or the one step of the short last batch. */
static bool run_steps(Training *t, ReadyGraph *g, int64_t n) {
  double start = clock_ms();
  RunStatus status = engine_run(&t->s->engine, g, &t->context, n);
  double ms = clock_ms() - start;
  t->s->train_ms += ms;
  t->step_ms = ms / (double)n;
  if (status == RUN_OK || status == RUN_STOPPED) return true;
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
  int64_t step = t->context.step - 1, epoch = t->order ? t->context.epoch : -1;
  progress_record(s->progress, step, epoch, value, n);
  return !n || rundir_metrics(s->dir, t->task->name, epoch, step, s->train_ms * 1e-3, value, n, s->sink);
}

/* One epoch, or one reporting interval without data. */
static bool run_epoch(Training *t) {
  begin_epoch(t);
  int64_t end = (t->context.step - 1) + t->steps_per_epoch;
  if (end > t->total) end = t->total;
  while (t->context.step - 1 < end && !t->stop && !*t->s->engine.stop) {
    int64_t left = end - (t->context.step - 1);
    bool tail = t->order && t->context.position + t->task->batch > t->rows;
    int64_t full = t->order ? (t->rows - t->context.position) / t->task->batch : left;
    int64_t n = tail ? 1 : steps_until_event(t, left < full ? left : full);
    if (!run_steps(t, tail ? t->tail : t->step, n) || !run_events(t, 0)) return false;
    progress_step(t->s->progress, t->context.step - 1, t->context.epoch, NULL, 0);
  }
  if (*t->s->engine.stop) return true;
  return report_metrics(t) && run_events(t, t->context.epoch);
}

static bool train(Training *t) {
  if (!prepare(t) || !measure(t)) return false;
  t->context = engine_context(&t->s->engine, engine_key(&t->s->engine, t->task->name, 0));
  if (!t->s->first_step_ms) t->s->first_step_ms = clock_ms();
  progress_task(t->s->progress, t->task->name, 0, t->total, t->order ? t->epochs : 0);
  if (!run_moment(t, WHEN_START)) return false;
  for (int64_t epoch = 1; epoch <= t->epochs && !t->stop && !*t->s->engine.stop; epoch++) {
    t->context.epoch = epoch;
    if (!run_epoch(t)) return false;
  }
  t->s->steps += t->context.step - 1;
  progress_task_end(t->s->progress);
  return *t->s->engine.stop || run_moment(t, WHEN_END);
}

TaskEnd session_train(Session *s, TaskId id) {
  Training t = {.s = s, .id = id, .task = &s->m->task.at[id]};
  bool ok = train(&t);
  free(t.order);
  if (!ok) return TASK_FAILED;
  return *s->engine.stop ? TASK_INTERRUPTED : TASK_DONE;
}
