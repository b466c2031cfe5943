/* The folder a run leaves behind: config.json, metrics.jsonl, summary.json, checkpoints, pictures. */
#ifndef SEPPO_RUNTIME_RUNDIR_H
#define SEPPO_RUNTIME_RUNDIR_H

#include "runtime/base/diag.h"
#include "runtime/base/strbuf.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct RunDir RunDir;

/* Makes `out`, or runs/<name>/<UTC time>/ when it is NULL (-2, -3, ... are put behind a time that is taken). A folder
 * that exists is gone on with: metrics.jsonl is appended to. NULL after a diagnostic (E0605, EXIT_FILES). */
RunDir *rundir_open(const char *out, const char *name, DiagSink *sink);
const char *rundir_path(const RunDir *r);
/* PATH of a file in the folder; owned by the RunDir. */
const char *rundir_file(RunDir *r, const char *file);

/* Makes room for a new run in a folder that had one: checkpoints stay as checkpoint.old.safetensors and
 * best.old.safetensors, so that nothing is taken for the new run's and a slip of the hand costs nothing; records,
 * summary and report go. False after a diagnostic. */
bool rundir_begin(RunDir *r, DiagSink *sink);
/* config.json, written whole (temporary file, rename). Takes no ownership. */
bool rundir_config(RunDir *r, const json_t *config, DiagSink *sink);

/* One record of metrics.jsonl, flushed: {"task":..,"epoch":..,"step":..,"seconds":..,"values":{..}}. Values that are
 * not finite are null. The last value of each name is kept for the summary. epoch or step below 0 are left out. */
typedef struct MetricValue {
  const char *name;
  double value;
} MetricValue;
bool rundir_metrics(RunDir *r, const char *task, int64_t epoch, int64_t step, double seconds, const MetricValue *value,
                    uint32_t n, DiagSink *sink);
/* Everything recorded under one name so far, also by the run that is being resumed: for plots of the history. Arrays of
 * n, which live until the next rundir_metrics or rundir_close; epochs and steps that a record lacks are -1. */
typedef struct RunHistory {
  const char *task, *name;
  uint32_t n;
  const double *epoch, *step, *value;
  bool by_epoch; /* each record has an epoch, above that of the one before */
} RunHistory;
RunHistory rundir_history(const RunDir *r, const char *task, const char *name); /* n == 0: nothing of this name */
/* All of them, in the order of their first records. */
uint32_t rundir_histories(const RunDir *r);
RunHistory rundir_history_at(const RunDir *r, uint32_t i);
/* Records in metrics.jsonl, those of the run that is being resumed included. */
int64_t rundir_records(const RunDir *r);
/* Forgets all records after the first n: a run resumed from a checkpoint will record them again. `seconds` (may be
 * NULL) becomes that of the last record kept. */
bool rundir_keep(RunDir *r, int64_t n, double *seconds, DiagSink *sink);
/* The arrays reported so far, as rundir_array was given them: {task: {name: value}}. The caller frees it. */
json_t *rundir_arrays(const RunDir *r);
/* A reported array (`report name = e` of rank > 0, `report .. by ..`): goes to the summary only. Takes ownership. */
void rundir_array(RunDir *r, const char *task, const char *name, json_t *value);
/* Sets one key at the top of summary.json (steps, seconds, compile_ms, ...). Takes ownership. */
void rundir_set(RunDir *r, const char *key, json_t *value);
/* summary.json: {"metrics": {task: {name: value}}, everything rundir_set}. peak_rss_bytes is added here. */
bool rundir_summary(RunDir *r, DiagSink *sink);
void rundir_close(RunDir *r);

/* JSON text: keys in their order, numbers in the fewest digits that read back to the same double, `indent` spaces a
 * level (0: one line). */
void json_print(const json_t *value, uint32_t indent, StrBuf *out);
/* The fewest significant digits that read back to v; "nan", "inf", "-inf". At most 32 bytes with the NUL. */
void number_print(double v, char out[32]);
/* Writes a small file whole: temporary file, rename. Not synced to the disk: a run does not wait tens of milliseconds
 * for its notes (checkpoints are, runtime/checkpoint.h). False with errno set. */
bool file_write_whole(const char *path, const void *bytes, size_t n);

#endif
