/* `seppo build`: a task as an object and a header that C programs use. */
#include "codegen/kernel/kir.h"
#include "driver/build/built.h"
#include "driver/commands.h"
#include "driver/picture.h"
#include "driver/session/before.h"
#include "driver/session/session.h"
#include "runtime/base/folder.h"
#include "runtime/module.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct BuildSettings {
  int64_t seed, threads;
  uint32_t level; /* vector bytes */
} BuildSettings;

/* ---------------------------------------------------------------- options */

static bool read_settings(const Options *o, BuildSettings *b) {
  static const char *const cpus[] = {"v2", "v3", "v4", NULL};
  if (!o->task) {
    fprintf(stderr, "seppo build: --task NAME says which task of the file to build\n");
    return false;
  }
  if (o->seed && !option_integer("seed", o->seed, 0, INT64_MAX, &b->seed)) return false;
  if (o->threads && !option_integer("threads", o->threads, 1, 1024, &b->threads)) return false;
  int cpu = o->cpu ? option_choice("--cpu", o->cpu, cpus) : 0;
  if (cpu < 0) return false;
  b->level = o->cpu ? 16u << cpu : k_target_host().vector_bytes;
  return true;
}

/* ---------------------------------------------------------------- what can be built */

static bool refuse(Loaded *l, LocId at, const Task *t, const char *why) {
  Span span = at == IR_NONE ? SPAN_NONE : ir_loc_get(l->elab.module, at)->span;
  diag_error(&l->sink, "E0704", span, "`%s` cannot be built ahead of time: %s", t->name, why);
  return false;
}

/* Blocks at moments stay behind; one that the training itself depends on may not. */
static bool events_may_stay(Loaded *l, const Task *t) {
  for (uint32_t i = 0; t->kind == TASK_TRAIN && i < t->n_events; i++) {
    const Event *e = &t->event[i];
    for (uint32_t k = 0; k < e->n_actions; k++) {
      if (e->action[k].kind == ACT_KEEP) return refuse(l, e->action[k].loc, t, "`keep best` is part of `seppo run`");
      if (e->action[k].kind == ACT_STOP) return refuse(l, e->action[k].loc, t, "`stop if` is part of `seppo run`");
    }
    for (uint32_t k = 0; e->graph.region != IR_NONE && k < e->graph.n_out; k++)
      if (e->graph.out[k].kind == OUT_CELL)
        return refuse(l, t->loc, t, "one of its `every` or `at` blocks sets values");
  }
  return true;
}

/* The task in the module, checked. */
static const Task *task_to_build(Loaded *l, const char *name, TaskId *id) {
  const Module *m = l->elab.module;
  for (*id = 0; *id < m->task.n; ++*id) {
    const Task *t = &m->task.at[*id];
    if (strcmp(t->name, name) || t->kind < TASK_TRAIN) continue;
    if (t->step.region == IR_NONE || !t->step.n_out)
      return refuse(l, t->loc, t, "it computes nothing to hand out"), NULL;
    return events_may_stay(l, t) ? t : NULL;
  }
  diag_error(&l->sink, "E0701", SPAN_NONE, "the file has no task `%s`", name);
  diag_status(&l->sink, EXIT_USAGE);
  return NULL;
}

/* ---------------------------------------------------------------- parameters */

/* What `seppo run` would have computed or loaded before the task. */
static bool first_values(Session *s, TaskId until) {
  for (TaskId t = 0; t < until; t++) {
    const Task *task = &s->m->task.at[t];
    if (task->kind < TASK_TRAIN && !before_run(&s->engine, t, s->sink)) return false;
    if (!session_load(s, t)) return false;
  }
  return true;
}

/* ---------------------------------------------------------------- files */

/* DIR/NAME, made of text. False after a message. */
static bool write_file(const Options *o, const char *name, const void *bytes, size_t n) {
  StrBuf path = {0};
  sb_printf(&path, "%s/%s", o->out ? o->out : ".", name);
  bool ok = write_text(path.s, bytes, n) == EXIT_DONE;
  sb_free(&path);
  return ok;
}

/* What lies beside the program, copied to the output folder. */
static bool copy_file(const Options *o, const char *name) {
  char path[4096];
  StrBuf text = {0};
  FILE *f = path_beside_program(name, path, sizeof path) ? fopen(path, "rb") : NULL;
  char block[65536];
  for (size_t n; f && (n = fread(block, 1, sizeof block, f)) > 0;) sb_write(&text, block, n);
  bool ok = f && !ferror(f) && write_file(o, name, text.s ? text.s : "", text.n);
  if (!f) fprintf(stderr, "seppo build: `%s` is not beside the program\n", name);
  if (f) fclose(f);
  sb_free(&text);
  return ok;
}

static bool write_files(const Options *o, const Built *b, const uint8_t *object, size_t n) {
  StrBuf header = {0};
  Arena mem = {0};
  built_header(b, &header);
  bool ok = write_file(o, arena_printf(&mem, "%s.o", b->name), object, n) &&
            write_file(o, arena_printf(&mem, "%s.h", b->name), header.s, header.n) && copy_file(o, "seppo.h") &&
            copy_file(o, "libseppo.a");
  const char *dir = o->out ? o->out : ".";
  if (ok)
    printf("%s/%s.o\n%s/%s.h\ncc -I%s program.c %s/%s.o %s/libseppo.a -lpthread -ldl -lm\n", dir, b->name, dir, b->name,
           dir, dir, b->name, dir);
  sb_free(&header);
  arena_free(&mem);
  return ok;
}

/* ---------------------------------------------------------------- the command */

static bool make_object(Session *s, Built *b, TaskId id, uint32_t level, uint8_t **object, size_t *n) {
  StrBuf image = {0};
  const Task *t = b->task;
  Program *p = program_new(s->m, &(CompileOptions){.no_cache = true, .level = level});
  ObjectRequest r = {.symbol = arena_printf(&b->mem, "%s_program", b->name), .graph = {&t->step, &t->tail}};
  r.name[0] = t->name, r.name[1] = arena_printf(&b->mem, "%s.tail", t->name);
  r.n = t->tail.region == IR_NONE ? 1 : 2;
  b->head.vector_bytes = level;
  b->head.cell_bytes = program_cells(p)->bytes;
  for (uint32_t i = 0; i < r.n; i++) {
    uint64_t bytes = program_temp_bytes(p, id, r.graph[i]);
    if (bytes > b->head.temp_bytes) b->head.temp_bytes = bytes;
  }
  built_image(b, &image);
  r.image = image.s, r.n_image = image.n;
  bool ok = program_object(p, &r, object, n, s->sink);
  sb_free(&image);
  program_free(p);
  return ok;
}

/* The name of the files and of everything in them. */
static const char *built_name(const Options *o, Built *b) {
  if (o->name) return c_name(&b->mem, o->name);
  const char *both = arena_printf(&b->mem, "%s_%s", model_name(o->word[0], &b->mem), b->task->name);
  return c_name(&b->mem, both);
}

static bool build(Session *s, const BuildSettings *set) {
  const Options *o = s->options;
  TaskId id;
  uint8_t *object = NULL;
  size_t n = 0;
  const Task *t = task_to_build(s->l, o->task, &id);
  if (!t || !first_values(s, id)) return false;
  Built b = {.engine = &s->engine, .task = t, .file = o->word[0], .embed = o->embed};
  b.name = built_name(o, &b);
  b.model = o->load ? "those of the checkpoint given with --load" : "as they are first drawn";
  b.head.seed = (uint64_t)set->seed, b.head.stream = engine_task_hash(t->name);
  built_tensors(&b);
  bool ok = make_object(s, &b, id, set->level, &object, &n);
  if (ok && o->out && !folder_make(o->out, NULL)) {
    fprintf(stderr, "seppo build: cannot make `%s`: %s\n", o->out, strerror(errno));
    ok = false;
  }
  ok = ok && write_files(o, &b, object, n);
  if (!ok) diag_status(s->sink, EXIT_FILES);
  free(object);
  vec_free(&b.tensor);
  arena_free(&b.mem);
  return ok;
}

int cmd_build(const Options *given) {
  BuildSettings set = {0};
  if (!read_settings(given, &set)) return EXIT_USAGE;
  Options o = *given;
  o.word[1] = o.task, o.n_words = 2; /* only this task, as `seppo run FILE TASK` has it */
  Loaded l = {.inputs = true};
  Session s = {.options = &o, .l = &l, .sink = &l.sink};
  EngineOptions eo = {.seed = (uint64_t)set.seed, .threads = (int)set.threads};
  bool opened = load_model(&l, o.word[0], &o, (uint64_t)set.seed, LOAD_OPT);
  if (opened) s.m = l.elab.module;
  opened = opened && engine_open(&s.engine, s.m, &eo, s.sink);
  bool ok = opened && build(&s, &set);
  int status = load_report(&l, &o);
  if (s.m) engine_close(&s.engine);
  load_free(&l);
  return ok || status ? status : EXIT_FILES;
}
