/* The run folder. */
#define _GNU_SOURCE /* getline */
#include "runtime/rundir.h"
#include "runtime/base/arena.h"
#include "runtime/base/folder.h"
#include "runtime/base/vec.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* All values recorded under one name. */
typedef struct History {
  const char *task, *name;
  Vec(double) epoch, step, value;
  bool repeats; /* an epoch, or has records without one */
} History;

struct RunDir {
  Arena mem;
  Vec(History) history;
  const char *path;
  FILE *metrics;
  int64_t records; /* lines of metrics.jsonl */
  double seconds;  /* of the last record */
  json_t *last;    /* task -> name -> last value */
  json_t *summary; /* what rundir_set was given */
};

static bool trouble(DiagSink *sink, const char *path, const char *what) {
  diag_error(sink, "E0605", SPAN_NONE, "%s: %s: %s", path, what, strerror(errno));
  diag_status(sink, EXIT_FILES);
  return false;
}

/* ---------------------------------------------------------------- the folder */

/* runs/<name>/<UTC time>, with a number behind it when another run took that second. */
static bool make_new(RunDir *r, const char *name) {
  time_t now = time(NULL);
  struct tm utc;
  char stamp[32];
  bool existed = true, ok = true;
  gmtime_r(&now, &utc);
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H-%M-%SZ", &utc);
  for (int i = 1; ok && existed; i++) {
    r->path = i == 1 ? arena_printf(&r->mem, "runs/%s/%s", name, stamp)
                     : arena_printf(&r->mem, "runs/%s/%s-%d", name, stamp, i);
    ok = folder_make(r->path, &existed);
  }
  return ok;
}

static json_t *number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

/* The object of a task among the last values. */
static json_t *last_of(RunDir *r, const char *task) {
  json_t *o = json_object_get(r->last, task);
  if (o) return o;
  json_object_set_new(r->last, task, json_object());
  return json_object_get(r->last, task);
}

/* ---------------------------------------------------------------- history */

static History *find_history(const RunDir *r, const char *task, const char *name) {
  for (uint32_t i = 0; i < r->history.n; i++)
    if (strcmp(r->history.at[i].task, task) == 0 && strcmp(r->history.at[i].name, name) == 0) return &r->history.at[i];
  return NULL;
}

static History *history_of(RunDir *r, const char *task, const char *name) {
  History *found = find_history(r, task, name);
  if (found) return found;
  History h = {.task = arena_strdup(&r->mem, task), .name = arena_strdup(&r->mem, name)};
  vec_push(&r->history, h);
  return &vec_last(&r->history);
}

static void remember(RunDir *r, const char *task, const char *name, int64_t epoch, int64_t step, double value) {
  History *h = history_of(r, task, name);
  h->repeats = h->repeats || epoch < 0 || (h->epoch.n && (double)epoch <= vec_last(&h->epoch));
  vec_push(&h->epoch, (double)epoch);
  vec_push(&h->step, (double)step);
  vec_push(&h->value, value);
  json_object_set_new(last_of(r, task), name, number(value));
}

static int64_t count_in(const json_t *record, const char *key) {
  const json_t *v = json_object_get(record, key);
  return json_is_integer(v) ? json_integer_value(v) : -1;
}

/* A record as read back; values that were not finite count as NaN. */
static void remember_record(RunDir *r, const json_t *record) {
  const char *task = json_string_value(json_object_get(record, "task")), *name;
  int64_t epoch = count_in(record, "epoch"), step = count_in(record, "step");
  json_t *value;
  r->seconds = json_number_value(json_object_get(record, "seconds"));
  json_object_foreach(json_object_get(record, "values"), name, value) {
    if (task) remember(r, task, name, epoch, step, json_is_number(value) ? json_number_value(value) : NAN);
  }
}

static void forget_all(RunDir *r) {
  for (uint32_t i = 0; i < r->history.n; i++) {
    vec_free(&r->history.at[i].epoch);
    vec_free(&r->history.at[i].step);
    vec_free(&r->history.at[i].value);
  }
  vec_free(&r->history);
  json_object_clear(r->last);
}

/* Reads the first `most` records of metrics.jsonl; returns their bytes. */
static long read_records(RunDir *r, int64_t most) {
  char *line = NULL;
  size_t room = 0;
  long bytes = 0;
  rewind(r->metrics);
  for (r->records = 0, r->seconds = 0; r->records < most; r->records++) {
    ssize_t n = getline(&line, &room, r->metrics);
    if (n <= 0) break;
    json_t *record = json_loadb(line, (size_t)n, 0, NULL); /* NULL: a line that a kill cut short */
    if (record) remember_record(r, record);
    json_decref(record);
    bytes += n;
  }
  free(line);
  return bytes;
}

uint32_t rundir_histories(const RunDir *r) { return r->history.n; }

RunHistory rundir_history_at(const RunDir *r, uint32_t i) {
  const History *h = &r->history.at[i];
  return (RunHistory){h->task, h->name, h->value.n, h->epoch.at, h->step.at, h->value.at, !h->repeats};
}

RunHistory rundir_history(const RunDir *r, const char *task, const char *name) {
  const History *h = find_history(r, task, name);
  return h ? rundir_history_at(r, (uint32_t)(h - r->history.at))
           : (RunHistory){.task = task, .name = name, .by_epoch = true};
}

int64_t rundir_records(const RunDir *r) { return r->records; }

bool rundir_keep(RunDir *r, int64_t n, double *seconds, DiagSink *sink) {
  forget_all(r);
  long keep = read_records(r, n);
  if (seconds) *seconds = r->seconds;
  bool ok = ftruncate(fileno(r->metrics), keep) == 0 && fseek(r->metrics, 0, SEEK_END) == 0;
  return ok || trouble(sink, r->path, "metrics.jsonl cannot be shortened");
}

/* A run killed in the middle of a record leaves a line without an end; the next record starts on its own line. */
static void end_torn_line(FILE *f) {
  if (fseek(f, 0, SEEK_END) != 0 || ftell(f) <= 0 || fseek(f, -1, SEEK_END) != 0) return;
  int last = fgetc(f);
  fseek(f, 0, SEEK_END);
  if (last != '\n') fputc('\n', f);
}

RunDir *rundir_open(const char *out, const char *name, DiagSink *sink) {
  RunDir *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->last = json_object();
  r->summary = json_object();
  bool existed;
  if (out) r->path = arena_strdup(&r->mem, out);
  bool ok = out ? folder_make(out, &existed) : make_new(r, name);
  if (!ok) {
    trouble(sink, r->path, "the run folder cannot be made");
  } else {
    const char *metrics = rundir_file(r, "metrics.jsonl");
    r->metrics = fopen(metrics, "a+b");
    ok = r->metrics || trouble(sink, metrics, "cannot be opened");
  }
  if (!ok) {
    rundir_close(r);
    return NULL;
  }
  end_torn_line(r->metrics);
  read_records(r, INT64_MAX);
  fseek(r->metrics, 0, SEEK_END);
  return r;
}

const char *rundir_path(const RunDir *r) { return r->path; }

const char *rundir_file(RunDir *r, const char *file) { return arena_printf(&r->mem, "%s/%s", r->path, file); }

void rundir_close(RunDir *r) {
  if (!r) return;
  if (r->metrics) fclose(r->metrics);
  forget_all(r);
  json_decref(r->last);
  json_decref(r->summary);
  arena_free(&r->mem);
  free(r);
}

/* ---------------------------------------------------------------- whole files */

bool file_write_whole(const char *path, const void *bytes, size_t n) {
  StrBuf temporary = {0};
  sb_printf(&temporary, "%s.part", path);
  FILE *f = fopen(temporary.s, "wb");
  bool ok = f && fwrite(bytes, 1, n, f) == n;
  if (f && fclose(f) != 0) ok = false;
  ok = ok && rename(temporary.s, path) == 0;
  int keep = errno;
  if (!ok && f) unlink(temporary.s);
  errno = keep;
  sb_free(&temporary);
  return ok;
}

static bool write_json(RunDir *r, const char *file, const json_t *value, DiagSink *sink) {
  StrBuf text = {0};
  json_print(value, 2, &text);
  sb_putc(&text, '\n');
  const char *path = rundir_file(r, file);
  bool ok = file_write_whole(path, text.s, text.n) || trouble(sink, path, "cannot be written");
  sb_free(&text);
  return ok;
}

bool rundir_begin(RunDir *r, DiagSink *sink) {
  static const char *const kept[] = {"checkpoint", "best"}, *const gone[] = {"summary.json", "report.html"};
  bool ok = true;
  for (int i = 0; i < 2 && ok; i++) {
    const char *now = rundir_file(r, arena_printf(&r->mem, "%s.safetensors", kept[i]));
    const char *old = rundir_file(r, arena_printf(&r->mem, "%s.old.safetensors", kept[i]));
    ok = rename(now, old) == 0 || errno == ENOENT || trouble(sink, now, "cannot be renamed");
  }
  for (int i = 0; i < 2 && ok; i++) {
    const char *path = rundir_file(r, gone[i]);
    ok = unlink(path) == 0 || errno == ENOENT || trouble(sink, path, "cannot be removed");
  }
  return ok && rundir_keep(r, 0, NULL, sink);
}

bool rundir_config(RunDir *r, const json_t *config, DiagSink *sink) {
  return write_json(r, "config.json", config, sink);
}

/* ---------------------------------------------------------------- metrics */

bool rundir_metrics(RunDir *r, const char *task, int64_t epoch, int64_t step, double seconds, const MetricValue *value,
                    uint32_t n, DiagSink *sink) {
  json_t *record = json_object(), *values = json_object();
  json_object_set_new(record, "task", json_string(task));
  if (epoch >= 0) json_object_set_new(record, "epoch", json_integer(epoch));
  if (step >= 0) json_object_set_new(record, "step", json_integer(step));
  json_object_set_new(record, "seconds", json_real(round(seconds * 1e6) / 1e6));
  for (uint32_t i = 0; i < n; i++) {
    json_object_set_new(values, value[i].name, number(value[i].value));
    remember(r, task, value[i].name, epoch, step, value[i].value);
  }
  json_object_set_new(record, "values", values);
  StrBuf line = {0};
  json_print(record, 0, &line);
  sb_putc(&line, '\n');
  r->records++;
  bool ok = fwrite(line.s, 1, line.n, r->metrics) == line.n && fflush(r->metrics) == 0;
  if (!ok) trouble(sink, r->path, "metrics.jsonl cannot be written");
  sb_free(&line);
  json_decref(record);
  return ok;
}

void rundir_array(RunDir *r, const char *task, const char *name, json_t *value) {
  json_object_set_new(last_of(r, task), name, value);
}

json_t *rundir_arrays(const RunDir *r) {
  json_t *all = json_object(), *values, *value;
  const char *task, *name;
  json_object_foreach(r->last, task, values) {
    json_t *arrays = json_object();
    json_object_foreach(values, name, value) {
      if (json_is_array(value) || json_is_object(value)) json_object_set(arrays, name, value);
    }
    if (json_object_size(arrays) > 0) json_object_set(all, task, arrays);
    json_decref(arrays);
  }
  return all;
}

void rundir_set(RunDir *r, const char *key, json_t *value) { json_object_set_new(r->summary, key, value); }

bool rundir_summary(RunDir *r, DiagSink *sink) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  json_t *all = json_object();
  json_object_set(all, "metrics", r->last);
  json_object_update(all, r->summary);
  json_object_set_new(all, "peak_rss_bytes", json_integer((json_int_t)usage.ru_maxrss * 1024));
  bool ok = write_json(r, "summary.json", all, sink);
  json_decref(all);
  return ok;
}
