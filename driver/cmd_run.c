/* `seppo run`: load, compile, run the tasks in file order, leave the run folder complete. */
#include "driver/commands.h"
#include "driver/session/session.h"
#include "runtime/pool.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
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

static RunSummary summary(const Session *s) {
  CompileTimes c = program_times(s->engine.program);
  const LoadTimes *l = &s->l->times;
  return (RunSummary){.steps = s->steps,
                      .seconds = s->train_ms * 1e-3,
                      .compile_ms = l->parse + l->elaborate + l->grad + l->passes + c.plan + c.llvm + c.link,
                      .parse_ms = l->parse + l->elaborate,
                      .grad_ms = l->grad,
                      .passes_ms = l->passes + c.plan,
                      .llvm_ms = c.llvm,
                      .link_ms = c.link,
                      .cache_hit = c.units && c.units == c.units_from_cache,
                      .peak_arena_bytes = s->engine.cell_bytes + s->engine.temp_bytes,
                      .parameters = s->l->elab.table.n_parameters};
}

/* Runs an opened session and completes its folder, whatever happened. */
static int run_session(Session *s) {
  TaskEnd end = tasks_exist(s) ? run_tasks(s) : TASK_FAILED;
  bool kept = end == TASK_FAILED || session_save(s, rundir_path(s->dir, "checkpoint.safetensors"));
  RunSummary r = summary(s);
  bool closed = rundir_finish(s->dir, &r, s->sink);
  int status = load_report(s->l, s->options);
  if (status != EXIT_DONE || !kept || !closed) return status;
  return end == TASK_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_DONE;
}

static bool open_run(Session *s, const RunSettings *r) {
  const Options *o = s->options;
  EngineOptions eo = {.seed = r->seed, .threads = r->threads, .compile = {.no_cache = o->no_cache}};
  if (!engine_open(&s->engine, s->m, &eo, s->sink)) return false;
  s->engine.stop = (volatile int32_t *)&stop_requested;
  const char *name = model_name(o->word[0], &s->sink->mem);
  RunConfig c = {.file = o->word[0],
                 .text = s->l->sources.source.at[s->l->source].text,
                 .text_length = s->l->sources.source.at[s->l->source].length,
                 .seed = r->seed,
                 .threads = r->threads,
                 .version = SEPPO_VERSION};
  for (uint32_t i = 0; i < s->l->elab.n_settings; i++)
    rundir_config_add(&c, s->l->elab.setting[i].name, s->l->elab.setting[i].value);
  s->dir = rundir_open(o->out, name, &c, s->sink);
  if (!s->dir) return false;
  s->progress = progress_new(r->progress, stderr);
  return true;
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
    if (s.progress) progress_free(s.progress);
    if (s.dir) rundir_close(s.dir);
    engine_close(&s.engine);
  }
  load_free(&l);
  return status;
}
