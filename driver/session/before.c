#include "driver/session/before.h"
#include "runtime/order.h"
#include <stdlib.h>

int32_t *before_rows(const Module *m, const Task *t) {
  if (t->source == IR_NONE) return NULL;
  int64_t rows = m->rows.at[t->source].rows;
  int32_t *order = malloc(sizeof *order * (size_t)(rows + t->batch + 1));
  if (order) order_identity(order, rows);
  return order;
}

bool before_run(Engine *e, TaskId id, DiagSink *sink) {
  const Task *t = &e->m->task.at[id];
  const Graph *g = &t->step;
  ReadyGraph *ready;
  if (!engine_prepare(e, id, &g, &t->name, 1, &ready, sink)) return false;
  if (!ready) return true;
  int32_t *order = before_rows(e->m, t);
  Context context = engine_context(e, engine_key(e, t->name, 0));
  context.order = order;
  RunStatus status = engine_run(e, ready, &context, 1);
  free(order);
  if (status == RUN_OK || status == RUN_STOPPED) return true;
  diag_error(sink, "E1001", SPAN_NONE, "`%s` could not be computed", t->name);
  diag_status(sink, EXIT_NUMBERS);
  return false;
}
