/* `seppo run`: load, compile, run the tasks in file order, leave the run folder complete. */
#include "codegen/cache.h"
#include "driver/commands.h"
#include "driver/session/session.h"
#include "runtime/pool.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The one thing a signal handler may touch: polled by native code once a step. */
static volatile sig_atomic_t stop_requested;

static void on_signal(int number) {
  if (stop_requested) _exit(128 + number); /* asked twice: go at once */
  stop_requested = 1;
}

static void catch_signals(void) {
  struct sigaction a = {.sa_handler = on_signal};
  sigemptyset(&a.sa_mask);
  sigaction(SIGINT, &a, NULL);
  sigaction(SIGTERM, &a, NULL);
}

typedef struct RunSettings {
  uint64_t seed;
  int threads;
  ProgressMode progress;
} RunSettings;

static bool read_settings(const Options *o, RunSettings *r) {
  static const char *const modes[] = {"auto", "bar", "plain", "json", "none", NULL};
  int64_t v;
  if (o->seed) {
    if (!option_integer("seed", o->seed, 0, INT64_MAX, &v)) return false;
    r->seed = (uint64_t)v;
  } else if (getrandom(&r->seed, sizeof r->seed, 0) == sizeof r->seed) {
    r->seed >>= 32; /* short enough to type again */
  }
  r->threads = 0; /* one per processor */
  if (o->threads) {
    if (!option_integer("threads", o->threads, 1, 1024, &v)) return false;
    r->threads = (int)v;
  }
  int mode = o->progress ? option_choice("progress", o->progress, modes) : 0;
  if (mode < 0) return false;
  r->progress = o->quiet ? PROGRESS_NONE : (ProgressMode)mode;
  return true;
}

/* models/mlp.sep -> mlp */
static const char *model_name(const char *path, Arena *mem) {
  const char *base = strrchr(path, '/');
  base = base ? base + 1 : path;
  size_t n = strlen(base);
  return arena_strndup(mem, base, n > 4 && !strcmp(base + n - 4, ".sep") ? n - 4 : n);
}

static bool picked(const Options *o, const Task *t) {
  if (t->kind < TASK_TRAIN || o->n_words < 2) return true;
  for (uint32_t i = 1; i < o->n_words; i++)
    if (!strcmp(o->word[i], t->name)) return true;
  return false;
}

static bool tasks_exist(Session *s) {
  const Options *o = s->options;
  for (uint32_t i = 1; i < o->n_words; i++) {
    const char **names = arena_array(&s->sink->mem, const char *, s->m->task.n + 1);
    uint32_t n = 0;
    bool found = false;
    for (uint32_t t = 0; t < s->m->task.n; t++) {
      if (s->m->task.at[t].kind < TASK_TRAIN) continue;
      names[n++] = s->m->task.at[t].name;
      found = found || !strcmp(o->word[i], s->m->task.at[t].name);
    }
    if (found) continue;
    diag_error(s->sink, "E0701", SPAN_NONE, "the file has no task `%s`", o->word[i]);
    const char *near = diag_nearest(o->word[i], names, n);
    if (near) diag_hint(s->sink, "did you mean `%s`?", near);
    diag_status(s->sink, EXIT_USAGE);
    return false;
  }
  return true;
}

static TaskEnd run_tasks(Session *s) {
  for (TaskId t = 0; t < s->m->task.n; t++) {
    const Task *task = &s->m->task.at[t];
    if (!picked(s->options, task)) continue;
    TaskEnd end = task->kind == TASK_TRAIN ? session_train(s, t) : session_once(s, t);
    if (end != TASK_DONE) return end;
    if (task->kind == TASK_INIT && s->options->load && !session_load(s, s->options->load)) return TASK_FAILED;
  }
  return TASK_DONE;
}

/* Everything of summary.json but the metrics, which the run folder has kept. */
static void summarise(Session *s) {
  CompileTimes c = program_times(s->engine.program);
  const LoadTimes *l = &s->l->times;
  double seconds = s->train_ms * 1e-3, front = l->parse + l->elaborate;
  rundir_set(s->dir, "steps", json_integer(s->steps));
  rundir_set(s->dir, "seconds", json_real(seconds));
  rundir_set(s->dir, "steps_per_second", json_real(seconds > 0 ? (double)s->steps / seconds : 0));
  rundir_set(s->dir, "compile_ms", json_real(front + l->grad + l->passes + c.plan + c.llvm + c.link));
  rundir_set(s->dir, "compile_breakdown_ms",
             json_pack("{sfsfsfsfsf}", "parse", front, "grad", l->grad, "passes", l->passes + c.plan, "llvm", c.llvm,
                       "link", c.link));
  rundir_set(s->dir, "first_step_ms", json_real(s->first_step_ms - s->started_ms));
  rundir_set(s->dir, "cache_hit", json_boolean(c.units && c.units == c.units_from_cache));
  rundir_set(s->dir, "peak_arena_bytes", json_integer((json_int_t)(s->engine.cell_bytes + s->engine.temp_bytes)));
  rundir_set(s->dir, "parameters", json_integer(s->l->elab.table.n_parameters));
}

/* Runs an opened session and completes its folder, whatever happened. */
static int run_session(Session *s) {
  TaskEnd end = tasks_exist(s) ? run_tasks(s) : TASK_FAILED;
  bool kept = end == TASK_FAILED || session_save(s, rundir_file(s->dir, "checkpoint.safetensors"));
  summarise(s);
  bool closed = rundir_summary(s->dir, s->sink) && session_report(s);
  int status = load_report(s->l, s->options);
  if (status != EXIT_DONE || !kept || !closed) return status;
  return end == TASK_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_DONE;
}

/* "model name" of /proc/cpuinfo; empty where there is none. */
static void processor_name(char *out, int size) {
  char line[256];
  *out = 0;
  FILE *f = fopen("/proc/cpuinfo", "r");
  while (f && fgets(line, sizeof line, f)) {
    if (strncmp(line, "model name", 10)) continue;
    const char *colon = strchr(line, ':');
    snprintf(out, (size_t)size, "%.*s", colon ? (int)strcspn(colon + 2, "\n") : 0, colon ? colon + 2 : "");
    break;
  }
  if (f) fclose(f);
}

/* What config.json says: enough to run the same again. */
static json_t *run_config(const Session *s, const RunSettings *r) {
  const Source *file = &s->l->sources.source.at[s->l->source];
  CacheKey hash = cache_key(file->text, file->length, "model");
  char hex[40];
  snprintf(hex, sizeof hex, "%016llx%016llx", (unsigned long long)hash.h[0], (unsigned long long)hash.h[1]);
  json_t *settings = json_object(), *notes = json_array();
  for (uint32_t i = 0; i < s->l->elab.n_settings; i++)
    json_object_set_new(settings, s->l->elab.setting[i].name, json_string(s->l->elab.setting[i].value));
  for (uint32_t i = 0; i < s->l->elab.n_notes; i++) json_array_append_new(notes, json_string(s->l->elab.note[i]));
  struct utsname machine;
  uname(&machine);
  char cpu[256];
  processor_name(cpu, sizeof cpu);
  return json_pack("{sssssosIsissssssso}", "file", s->options->word[0], "file_hash", hex, "settings", settings, "seed",
                   (json_int_t)r->seed, "threads", (int)pool_threads(s->engine.pool), "seppo", SEPPO_VERSION, "system",
                   machine.release, "cpu", cpu, "notes", notes);
}

static bool open_run(Session *s, const RunSettings *r) {
  const Options *o = s->options;
  EngineOptions eo = {.seed = r->seed, .threads = r->threads, .compile = {.no_cache = o->no_cache}};
  if (!engine_open(&s->engine, s->m, &eo, s->sink)) return false;
  s->engine.stop = (volatile int32_t *)&stop_requested;
  s->dir = rundir_open(o->out, model_name(o->word[0], &s->sink->mem), s->sink);
  if (!s->dir) return false;
  s->progress = progress_new(r->progress, stderr);
  json_t *config = run_config(s, r);
  bool ok = rundir_config(s->dir, config, s->sink);
  json_decref(config);
  return ok;
}

int cmd_run(const Options *o) {
  RunSettings r = {0};
  if (!read_settings(o, &r)) return EXIT_USAGE;
  Loaded l = {0};
  Session s = {.options = o, .l = &l, .sink = &l.sink, .started_ms = clock_ms(), .quiet = o->quiet};
  catch_signals();
  int status;
  if (!load_model(&l, o->word[0], o, r.seed, LOAD_OPT)) {
    status = load_report(&l, o);
  } else {
    s.m = l.elab.module;
    status = open_run(&s, &r) ? run_session(&s) : load_report(&l, o);
    session_pictures_free(&s);
    if (s.progress) progress_free(s.progress);
    if (s.dir) rundir_close(s.dir);
    engine_close(&s.engine);
  }
  load_free(&l);
  return status;
}
