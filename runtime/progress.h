/* Progress of a run on stderr: a bar with an estimate of the time left on a terminal, a line an epoch (or every ten
 * seconds) elsewhere, JSON lines, or nothing. */
#ifndef SEPPO_RUNTIME_PROGRESS_H
#define SEPPO_RUNTIME_PROGRESS_H

#include "runtime/rundir.h"

typedef enum { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE } ProgressMode;

typedef struct Progress Progress;

/* AUTO: BAR when `out` is a terminal that can move its cursor, else PLAIN. Colours only on a terminal and never under
 * NO_COLOR. */
Progress *progress_new(ProgressMode mode, FILE *out);
/* A task begins. total_steps and epochs may be 0 = unknown; epochs 0 shows steps only. first_step > 0 when resumed. */
void progress_task(Progress *p, const char *task, int64_t first_step, int64_t total_steps, int64_t epochs);
/* Called between chunks of steps, as often as the caller likes; redraws at most 20 times a second. */
void progress_step(Progress *p, int64_t step, int64_t epoch, const MetricValue *value, uint32_t n);
/* The end of an epoch or reporting interval: a line that stays. */
void progress_record(Progress *p, int64_t step, int64_t epoch, const MetricValue *value, uint32_t n);
/* A line of text that stays above the bar (`print` on a terminal, notices). */
void progress_note(Progress *p, const char *text);
/* Takes the bar away before something else is written to the terminal; the next step redraws it. */
void progress_clear(Progress *p);
void progress_task_end(Progress *p);
void progress_free(Progress *p);

#endif
