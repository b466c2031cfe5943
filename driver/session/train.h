/* One training on its way: what the loop, its guard against bad numbers and their explanation share. */
#ifndef SEPPO_DRIVER_TRAIN_H
#define SEPPO_DRIVER_TRAIN_H

#include "driver/session/session.h"

/* A copy of all cells from which the last steps can be run again. */
typedef struct Snapshot {
  uint8_t *cells;
  bool refused; /* there is no memory for it */
  int64_t step; /* steps done when it was taken */
  double taken_ms, cost_ms;
  double checked_ms, check_cost_ms; /* last scan of the parameters */
} Snapshot;

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
  bool stop;               /* `stop if` or `keep best` said so */
  bool interrupted;        /* by a signal, before its last step */
  Snapshot snapshot;
} Training;

static inline int64_t training_done(const Training *t) { return t->context.step - 1; }

/* Puts step, epoch, order and position where they are after `done` steps. */
void training_seek(Training *t, int64_t done);
/* Is the next step that of the short last batch? */
bool training_at_tail(const Training *t);

/* ---------------------------------------------------------------- guard (driver/session/guard.c) */

/* Before native code runs: takes a snapshot when the last one is long enough ago for its cost. */
void guard_before(Training *t);
/* After native code ran well: looks at the parameters when that is due, or `surely`. False after a diagnostic. */
bool guard_after(Training *t, bool surely);
/* A step failed with RUN_NOT_FINITE (or left bad parameters): finds step and node and says so. */
void guard_explain(Training *t);
/* The cells have changed outside a step: earlier snapshots lead elsewhere. */
void guard_forget(Training *t);
void guard_free(Training *t);

#endif
