/* Tasks whose graph runs once: initial values, file-level tensors, evaluations, plain tasks. */
#include "driver/session/session.h"
#include "runtime/order.h"
#include <stdlib.h>

static bool run_graph(Session *s, TaskId id, ReadyGraph *g, int32_t *order) {
  const Task *task = &s->m->task.at[id];
  Context c = engine_context(&s->engine, engine_key(&s->engine, task->name, 0));
  c.order = order;
  c.stop = NULL; /* it runs once, whole */
  RunStatus status = engine_run(&s->engine, g, &c, 1);
  if (status != RUN_OK) session_bad_run(s, id, g->graph, &c, status);
  return status == RUN_OK;
}

static bool run_actions(Session *s, TaskId id, ReadyGraph *step) {
  const Task *task = &s->m->task.at[id];
  for (uint32_t i = 0; i < task->n_events; i++) {
    const Event *e = &task->event[i];
    const Graph *graph = &e->graph;
    const char *name = task->name;
    ReadyGraph *g = step;
    bool stop = false;
    if (graph->region != IR_NONE &&
        (!engine_prepare(&s->engine, id, &graph, &name, 1, &g, s->sink) || !run_graph(s, id, g, NULL)))
      return false;
    if (!session_actions(s, (RunMoment){.task = task->name}, e, g, &stop)) return false;
  }
  return true;
}

static bool reads_fields(const Graph *g) {
  for (uint32_t i = 0; i < g->n_in; i++)
    if (g->in[i].kind == IN_FIELD) return true;
  return false;
}

TaskEnd session_once(Session *s, TaskId id) {
  const Task *task = &s->m->task.at[id];
  const Graph *graph = &task->step;
  ReadyGraph *ready = NULL;
  int32_t *order = NULL;
  if (!engine_prepare(&s->engine, id, &graph, &task->name, 1, &ready, s->sink)) return TASK_FAILED;
  if ((task->kind != TASK_INIT || reads_fields(graph)) && !session_data(s)) return TASK_FAILED;
  if (task->source != IR_NONE && task->source < s->m->rows.n) {
    int64_t rows = s->m->rows.at[task->source].rows;
    order = malloc(sizeof *order * (size_t)(rows + 1));
    if (order) order_identity(order, rows);
  }
  bool ok = (!ready || run_graph(s, id, ready, order)) && run_actions(s, id, ready);
  free(order);
  return ok ? TASK_DONE : TASK_FAILED;
}
