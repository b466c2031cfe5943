/* What comes before a training: for commands that look at its graphs without running it. */
#ifndef SEPPO_DRIVER_BEFORE_H
#define SEPPO_DRIVER_BEFORE_H

#include "driver/session/engine.h"

/* The rows of a task's source in their own order, on the heap; NULL without data. */
int32_t *before_rows(const Module *m, const Task *t);
/* Runs TASK_INIT or TASK_LET natively. False after a diagnostic. */
bool before_run(Engine *e, TaskId id, DiagSink *sink);

#endif
