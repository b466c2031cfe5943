/* `seppo run`: load, compile, run the tasks in file order, leave the run folder complete. */
#include "codegen/object/cache.h"
#include "driver/commands.h"
#include "driver/session/session.h"
#include "runtime/pool.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
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
  signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is an error of writing like a full disk */
}

typedef struct RunSettings {
  uint64_t seed;
  int threads;
  ProgressMode progress;
  double save_every_ms;
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
  r->save_every_ms = 5000;
  if (o->checkpoint_every) {
    if (!option_integer("checkpoint-every", o->checkpoint_every, 0, 1 << 30, &v)) return false;
    r->save_every_ms = 1000.0 * (double)v;
  }
  int mode = o->progress ? option_choice("--progress", o->progress, modes) : 0;
  if (mode < 0) return false;
  r->progress = o->quiet ? PROGRESS_NONE : (ProgressMode)mode;
  return true;
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

static TaskEnd run_task(Session *s, TaskId t) {
  const Task *task = &s->m->task.at[t];
  if (!picked(s->options, task)) return TASK_DONE;
  TaskEnd end = task->kind == TASK_TRAIN ? session_train(s, t) : session_once(s, t);
  return end == TASK_DONE && !session_load(s, t) ? TASK_FAILED : end;
}

/* From where the run stands to its end. */
static TaskEnd run_tasks(Session *s) {
  while (s->place.task < s->m->task.n) {
    TaskEnd end = run_task(s, s->place.task);
    if (end != TASK_DONE) return end;
    s->place = (Place){.task = s->place.task + 1};
    if (s->place.task == s->m->task.n) break;
    if (*s->engine.stop) return TASK_INTERRUPTED;
    if (!session_save_when_due(s)) return TASK_FAILED;
  }
  return TASK_DONE;
}

/* Everything of summary.json but the metrics, which the run folder has kept. */
static void summarise(Session *s) {
  CompileTimes c = program_times(s->engine.program);
  const LoadTimes *l = &s->l->times;
  int64_t steps = s->steps + s->place.step;
  double seconds = s->train_ms * 1e-3, front = l->parse + l->elaborate;
  rundir_set(s->dir, "steps", json_integer(steps));
  rundir_set(s->dir, "seconds", json_real(seconds));
  rundir_set(s->dir, "steps_per_second", json_real(seconds > 0 ? (double)steps / seconds : 0));
  rundir_set(s->dir, "compile_ms", json_real(front + l->grad + l->passes + c.plan + c.llvm + c.link));
  rundir_set(s->dir, "compile_breakdown_ms",
             json_pack("{sfsfsfsfsf}", "parse", front, "grad", l->grad, "passes", l->passes + c.plan, "llvm", c.llvm,
                       "link", c.link));
  rundir_set(s->dir, "first_step_ms", s->first_step_ms ? json_real(s->first_step_ms - s->started_ms) : json_null());
  rundir_set(s->dir, "cache_hit", json_boolean(c.units && c.units == c.units_from_cache));
  rundir_set(s->dir, "peak_arena_bytes", json_integer((json_int_t)(s->engine.cell_bytes + s->engine.temp_bytes)));
  rundir_set(s->dir, "parameters", json_integer(s->l->elab.table.n_parameters));
}

/* Runs an opened session and completes its folder, whatever happened. The checkpoint that says a run is complete comes
 * last: killed before it, the run is resumed and completes its folder then. */
static int run_session(Session *s) {
  TaskEnd end = tasks_exist(s) ? run_tasks(s) : TASK_FAILED;
  bool kept = end != TASK_INTERRUPTED || session_save(s);
  summarise(s);
  bool closed = rundir_summary(s->dir, s->sink) && session_report(s);
  if (end == TASK_DONE) kept = session_save(s);
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

/* The command line as config.json keeps it: what --resume takes up again. */
static json_t *run_command(const Options *o) {
  const struct {
    const char *name, *value;
  } option[] = {
      {"dtype", o->dtype}, {"epochs", o->epochs}, {"data", o->data}, {"load", o->load}, {"memory", o->memory}};
  json_t *command = json_object(), *set = json_object(), *tasks = json_array();
  for (uint32_t i = 0; i < o->n_set; i++) json_object_set_new(set, o->set[i].name, json_string(o->set[i].value));
  for (uint32_t i = 1; i < o->n_words; i++) json_array_append_new(tasks, json_string(o->word[i]));
  json_object_set_new(command, "tasks", tasks);
  json_object_set_new(command, "set", set);
  for (uint32_t i = 0; i < sizeof option / sizeof *option; i++)
    if (option[i].value) json_object_set_new(command, option[i].name, json_string(option[i].value));
  return command;
}

/* What config.json says: enough to run the same again. */
static json_t *run_config(const Session *s, const RunSettings *r) {
  json_t *settings = json_object(), *notes = json_array();
  for (uint32_t i = 0; i < s->l->elab.n_settings; i++)
    json_object_set_new(settings, s->l->elab.setting[i].name, json_string(s->l->elab.setting[i].value));
  for (uint32_t i = 0; i < s->l->elab.n_notes; i++) json_array_append_new(notes, json_string(s->l->elab.note[i]));
  struct utsname machine;
  uname(&machine);
  char cpu[256];
  processor_name(cpu, sizeof cpu);
  return json_pack("{sssssosIsisssssssoso}", "file", s->options->word[0], "file_hash", s->identity.model, "settings",
                   settings, "seed", (json_int_t)r->seed, "threads", (int)pool_threads(s->engine.pool), "seppo",
                   SEPPO_VERSION, "system", machine.release, "cpu", cpu, "notes", notes, "command",
                   run_command(s->options));
}

static bool begin_run(Session *s, const RunSettings *r) {
  json_t *config = run_config(s, r);
  bool ok = rundir_begin(s->dir, s->sink) && rundir_config(s->dir, config, s->sink);
  json_decref(config);
  return ok;
}

/* A new run in the folder of the checkpoint it starts from would move that away before it is read. */
static bool load_stays(const Session *s, const char *dir) {
  static const char *const moved[] = {"checkpoint", "best"};
  struct stat load, there;
  if (!s->options->load || !dir || stat(s->options->load, &load) != 0) return true;
  for (int i = 0; i < 2; i++) {
    const char *path = arena_printf(&s->sink->mem, "%s/%s.safetensors", dir, moved[i]);
    if (stat(path, &there) != 0 || there.st_ino != load.st_ino || there.st_dev != load.st_dev) continue;
    diag_error(s->sink, "E0605", SPAN_NONE, "`--load %s` is a checkpoint of the run in %s, which `--out` begins anew",
               s->options->load, dir);
    diag_hint(s->sink, "name another folder with `--out`, or leave it away");
    diag_status(s->sink, EXIT_USAGE);
    return false;
  }
  return true;
}

static bool open_run(Session *s, const RunSettings *r) {
  const Options *o = s->options;
  if (!o->resume && !load_stays(s, o->out)) return false;
  EngineOptions eo = {.seed = r->seed, .threads = r->threads, .compile = {.no_cache = o->no_cache}};
  if (!engine_open(&s->engine, s->m, &eo, s->sink)) return false;
  s->engine.stop = (volatile int32_t *)&stop_requested;
  s->identity = session_identity(s);
  s->save_every_ms = r->save_every_ms;
  s->saved_ms = clock_ms();
  s->dir = rundir_open(o->resume ? o->resume : o->out, model_name(o->word[0], &s->sink->mem), s->sink);
  if (!s->dir) return false;
  s->progress = progress_new(r->progress, stderr);
  return o->resume ? session_resume(s) : begin_run(s, r);
}

/* ---------------------------------------------------------------- --resume */

static bool bad_resume(const char *dir, const char *why) {
  fprintf(stderr, "seppo: cannot resume %s: %s\n", dir, why);
  return false;
}

/* Takes what the command line leaves open from the run's config.json, which must outlive the run. */
static bool take_command(Options *o, const json_t *config) {
  const struct {
    const char *name, **value;
  } option[] = {
      {"dtype", &o->dtype}, {"epochs", &o->epochs}, {"data", &o->data}, {"load", &o->load}, {"memory", &o->memory}};
  const json_t *command = json_object_get(config, "command"), *seed = json_object_get(config, "seed");
  if (!json_is_object(command) || !json_is_integer(seed))
    return bad_resume(o->resume, "its config.json is not of a run");
  for (uint32_t i = 0; i < sizeof option / sizeof *option; i++)
    if (!*option[i].value) *option[i].value = json_string_value(json_object_get(command, option[i].name));
  static char number[32];
  snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(seed));
  if (!o->seed) o->seed = number;
  const char *name;
  json_t *value;
  if (o->n_set == 0) json_object_foreach(json_object_get(command, "set"), name, value) {
      if (o->n_set < OPTIONS_MAX_WORDS) o->set[o->n_set++] = (Setting){name, json_string_value(value)};
    }
  const json_t *tasks = json_object_get(command, "tasks");
  if (o->n_words == 1)
    for (size_t i = 0; i < json_array_size(tasks) && o->n_words < OPTIONS_MAX_WORDS; i++)
      o->word[o->n_words++] = json_string_value(json_array_get(tasks, i));
  return true;
}

/* The options of the run in o->resume. NULL after a message. */
static json_t *resumed_options(Options *o) {
  StrBuf path = {0};
  sb_printf(&path, "%s/config.json", o->resume);
  json_t *config = json_load_file(path.s, 0, NULL);
  sb_free(&path);
  if (!config) return bad_resume(o->resume, "it has no config.json that can be read"), NULL;
  if (take_command(o, config)) return config;
  json_decref(config);
  return NULL;
}

/* ---------------------------------------------------------------- the command */

static int open_and_run(Session *s, const RunSettings *r) {
  if (!open_run(s, r)) return load_report(s->l, s->options);
  if (s->place.task < s->m->task.n) return run_session(s);
  fprintf(stderr, "seppo: the run in %s is complete\n", rundir_path(s->dir));
  return EXIT_DONE;
}

static int run_with(const Options *o) {
  RunSettings r = {0};
  if (!read_settings(o, &r)) return EXIT_USAGE;
  Loaded l = {.later = true};
  Session s = {.options = o, .l = &l, .sink = &l.sink, .started_ms = clock_ms(), .quiet = o->quiet};
  catch_signals();
  int status;
  if (!load_within(&l, o->word[0], o, r.seed)) {
    status = load_report(&l, o);
  } else {
    s.m = l.elab.module;
    status = open_and_run(&s, &r);
    session_pictures_free(&s);
    free(s.best.cells);
    vec_free(&s.save_as);
    if (s.progress) progress_free(s.progress);
    if (s.dir) rundir_close(s.dir);
    engine_close(&s.engine);
  }
  load_free(&l);
  return status;
}

int cmd_run(const Options *given) {
  if (!given->resume) return run_with(given);
  Options o = *given;
  if (o.out) return fprintf(stderr, "seppo: --resume DIR goes on in DIR: leave --out away\n"), EXIT_USAGE;
  json_t *config = resumed_options(&o);
  int status = config ? run_with(&o) : EXIT_FILES;
  json_decref(config);
  return status;
}
