/* The guard against bad numbers: native code checks the losses, the host looks at the parameters; when either finds
 * NaN or Inf, the steps since the last snapshot run again, one by one, up to the one that went wrong. */
#include "driver/session/memory.h"
#include "driver/session/trace.h"
#include "driver/session/train.h"
#include <stdlib.h>
#include <string.h>

/* Snapshots and scans take at most one part in so many of the run's time. */
enum { share = 100 };

static bool float_is_bad(const uint32_t *bits, int64_t n) {
  uint32_t bad = 0;
  for (int64_t i = 0; i < n; i++) bad |= (bits[i] & 0x7f800000u) == 0x7f800000u;
  return bad;
}

static bool double_is_bad(const uint64_t *bits, int64_t n) {
  uint64_t bad = 0;
  for (int64_t i = 0; i < n; i++) bad |= (bits[i] & 0x7ff0000000000000u) == 0x7ff0000000000000u;
  return bad;
}

/* The first parameter with an element that is not finite, or IR_NONE. */
static CellId bad_parameter(const Session *s) {
  for (CellId i = 0; i < s->m->cell.n; i++) {
    if (s->m->cell.at[i].kind != CELL_PARAM) continue;
    const Type *t = ir_type_get(s->m, s->m->cell.at[i].type);
    const void *bytes = engine_cell(&s->engine, i);
    if (t->dtype == DT_F32 && float_is_bad(bytes, ir_elements(t))) return i;
    if (t->dtype == DT_F64 && double_is_bad(bytes, ir_elements(t))) return i;
  }
  return IR_NONE;
}

static void take_snapshot(Training *t) {
  Snapshot *p = &t->snapshot;
  double begin = clock_ms();
  if (!p->cells && !p->refused) {
    p->refused = !memory_fits(t->s->engine.cell_bytes);
    p->cells = p->refused ? NULL : malloc(t->s->engine.cell_bytes);
  }
  if (!p->cells) return;
  memcpy(p->cells, t->s->engine.cells, t->s->engine.cell_bytes);
  p->step = training_done(t);
  p->taken_ms = clock_ms();
  p->cost_ms = p->taken_ms - begin;
}

void guard_before(Training *t) {
  Snapshot *p = &t->snapshot;
  if (!p->cells || clock_ms() - p->taken_ms >= share * p->cost_ms) take_snapshot(t);
}

bool guard_after(Training *t, bool surely) {
  Snapshot *p = &t->snapshot;
  double begin = clock_ms();
  if (!surely && begin - p->checked_ms < share * p->check_cost_ms) return true;
  bool good = bad_parameter(t->s) == IR_NONE;
  p->checked_ms = clock_ms();
  p->check_cost_ms = p->checked_ms - begin;
  if (!good) guard_explain(t);
  return good;
}

void guard_forget(Training *t) { t->snapshot.cost_ms = 0; }

void guard_free(Training *t) {
  free(t->snapshot.cells);
  t->snapshot.cells = NULL;
}

/* Runs one step again, with the cells before it left in `before`. True when it goes wrong. */
static bool step_is_bad(Training *t, uint8_t *before) {
  Session *s = t->s;
  memcpy(before, s->engine.cells, s->engine.cell_bytes);
  t->context.status = RUN_OK;
  bool tail = training_at_tail(t);
  RunStatus status = engine_run(&s->engine, tail ? t->tail : t->step, &t->context, 1);
  return status == RUN_NOT_FINITE || bad_parameter(s) != IR_NONE;
}

/* Between the snapshot and the bad step the host changes nothing but the sums behind the logs, which no loss reads. */
static bool find_step(Training *t, uint8_t *before, BadStep *bad) {
  Session *s = t->s;
  int64_t last = training_done(t) + 1;
  memcpy(s->engine.cells, t->snapshot.cells, s->engine.cell_bytes);
  for (int64_t done = t->snapshot.step; done < last && done < t->total; done++) {
    training_seek(t, done);
    bool tail = training_at_tail(t);
    int64_t position = t->context.position;
    if (!step_is_bad(t, before)) continue;
    *bad = (BadStep){.graph = tail ? &t->task->tail : &t->task->step,
                     .inputs = {.cells = before,
                                .offset = s->engine.layout->offset,
                                .rows = t->order ? t->order + position : NULL,
                                .step = done + 1,
                                .epoch = t->context.epoch,
                                .key = t->context.key}};
    return true;
  }
  return false;
}

void guard_explain(Training *t) {
  Session *s = t->s;
  uint8_t *before = malloc(s->engine.cell_bytes);
  BadStep bad;
  Context c = t->context;
  t->context.stop = NULL; /* a second Ctrl-C still ends the program */
  if (before && t->snapshot.cells && find_step(t, before, &bad))
    trace_bad_step(s, t->id, &bad);
  else
    session_bad_run(s, t->id, &t->task->step, &c, RUN_NOT_FINITE);
  free(before);
}
