/* Where NaN or Inf came from: a step run again in the reference evaluator. */
#ifndef SEPPO_DRIVER_TRACE_H
#define SEPPO_DRIVER_TRACE_H

#include "driver/session/bind.h"
#include "driver/session/session.h"

/* A step that is known to go wrong, and what it reads. */
typedef struct BadStep {
  const Graph *graph;
  GraphInputs inputs;
} BadStep;

/* Says which node made the first bad number, from what operands, at which line; E1001. */
void trace_bad_step(Session *s, TaskId task, const BadStep *bad);

#endif
