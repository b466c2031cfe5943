/* Where NaN or Inf came from: a step run again in the reference evaluator. */
#ifndef SEPPO_DRIVER_TRACE_H
#define SEPPO_DRIVER_TRACE_H

#include "driver/session/session.h"

/* A step that is known to go wrong, and everything it reads. */
typedef struct BadStep {
  const Graph *graph;
  const uint8_t *cells; /* before the step */
  const int32_t *rows;  /* of its batch; NULL without data */
  int64_t step, epoch;
  uint64_t key;
} BadStep;

/* Says which node made the first bad number, from what operands, at which line; E1001. */
void trace_bad_step(Session *s, TaskId task, const BadStep *bad);

#endif
