/* `seppo profile`: the time of every kernel of a training step, against what the machine could do. */
#include "driver/commands.h"
#include "driver/machine.h"
#include "driver/session/before.h"
#include "driver/session/load.h"
#include "runtime/api.h"
#include "runtime/pool.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double measure_ms = 1000; /* of steps that are timed, after a tenth of that unseen */

/* One row of the table: launches of one function with one number of tasks. */
typedef struct Row {
  const char *kernel;
  KernelFn run;
  int64_t tasks, launches;
  double flops, bytes; /* of a launch */
  double ns, least_ns; /* of all launches; of the shortest, which nobody disturbed */
  bool f64;
} Row;

typedef struct Profile {
  const Options *o;
  Loaded l;
  Engine engine;
  Machine machine;
  Vec(Row) row;
  double clock_ns; /* what taking the time takes */
} Profile;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---------------------------------------------------------------- timing */

/* A table of functions whose `parallel` takes the time; found again through Context.api. */
typedef struct TimedApi {
  RuntimeApi api;
  Profile *profile;
} TimedApi;

static Row *row_of(Profile *p, KernelFn run, int64_t tasks) {
  for (uint32_t i = 0; i < p->row.n; i++)
    if (p->row.at[i].run == run && p->row.at[i].tasks == tasks) return &p->row.at[i];
  return NULL;
}

static void timed_parallel(struct Context *c, KernelFn fn, void *const *args, int64_t n) {
  const TimedApi *api = (const TimedApi *)(const void *)c->api;
  double begin = now_ns();
  if (n == 1)
    fn(c, args, 0);
  else
    runtime_api.parallel(c, fn, args, n);
  double ns = now_ns() - begin - api->profile->clock_ns;
  Row *r = row_of(api->profile, fn, n);
  if (!r) return;
  if (ns < 1) ns = 1;
  r->ns += ns;
  if (!r->launches || ns < r->least_ns) r->least_ns = ns;
  r->launches++;
}

static double clock_cost(void) {
  enum { calls = 10000 };
  double begin = now_ns();
  for (int i = 0; i < calls; i++) now_ns();
  return (now_ns() - begin) / calls;
}

static void add_rows(Profile *p, const ReadyGraph *g) {
  LaunchInfo *info;
  uint32_t n = program_launches(p->engine.program, g->code, &info);
  for (uint32_t i = 0; i < n; i++) {
    if (row_of(p, info[i].run, info[i].tasks)) continue;
    Row r = {.kernel = info[i].kernel,
             .run = info[i].run,
             .tasks = info[i].tasks,
             .flops = info[i].flops,
             .bytes = info[i].bytes,
             .f64 = info[i].f64};
    vec_push(&p->row, r);
  }
  free(info);
}

/* Runs steps for about `ms`; returns how many, or -1 after a status. */
static int64_t run_for(Profile *p, const Task *t, ReadyGraph *g, Context *c, double ms) {
  int64_t rows = t->source == IR_NONE ? 0 : p->engine.m->rows.at[t->source].rows, steps = 0;
  for (double begin = clock_ms(); clock_ms() - begin < ms; steps++) {
    if (rows && c->position + t->batch > rows) c->position = 0;
    if (engine_run(&p->engine, g, c, 1) != RUN_OK) return -1;
  }
  return steps;
}

static void forget_times(Profile *p) {
  for (uint32_t i = 0; i < p->row.n; i++) p->row.at[i].ns = 0, p->row.at[i].launches = 0;
}

/* ---------------------------------------------------------------- the table */

static int by_time(const void *a, const void *b) {
  double x = ((const Row *)a)->ns, y = ((const Row *)b)->ns;
  return (x < y) - (x > y);
}

/* The least time a launch could take, and whether arithmetic or memory sets it. */
static double bound_ns(const Profile *p, const Row *r, bool *memory) {
  double compute = r->flops / p->machine.flops[r->f64] * 1e9;
  double traffic = r->bytes / machine_bandwidth(&p->machine, r->bytes) * 1e9;
  *memory = traffic > compute;
  return fmax(compute, traffic);
}

static void print_row(const Profile *p, const Row *r, int64_t steps, double all) {
  bool memory;
  double ns = r->least_ns, bound = bound_ns(p, r, &memory);
  printf("%10.2f %6.1f%% %8.4g %9.2f %9.2f %9.2f %7.0f%% %-7s %6lld  %s\n", r->ns / (double)steps * 1e-3,
         100 * r->ns / all, (double)r->launches / (double)steps, ns * 1e-3, r->flops / ns, r->bytes / ns,
         fmin(999, 100 * bound / ns), memory ? "memory" : "compute", (long long)r->tasks, r->kernel);
}

static void print_table(Profile *p, const Task *t, int64_t steps, double ms) {
  double all = 0, least = 0;
  bool memory;
  qsort(p->row.at, p->row.n, sizeof *p->row.at, by_time);
  for (uint32_t i = 0; i < p->row.n; i++) {
    all += p->row.at[i].ns;
    least += bound_ns(p, &p->row.at[i], &memory) * (double)p->row.at[i].launches;
  }
  printf("\n%s: %.3f ms a step, %.3f ms of it in kernels; the machine could do their work in %.3f ms\n", t->name,
         ms / (double)steps, all / (double)steps * 1e-6, least / (double)steps * 1e-6);
  printf("%10s %7s %8s %9s %9s %9s %8s %-7s %6s  %s\n", "us a step", "share", "launches", "least us", "GFLOP/s", "GB/s",
         "of bound", "bound", "tasks", "kernel");
  for (uint32_t i = 0; i < p->row.n; i++)
    if (p->row.at[i].launches) print_row(p, &p->row.at[i], steps, all);
}

static void print_machine(const Profile *p) {
  const Machine *m = &p->machine;
  printf("%u threads; multiply-adds %.0f GFLOP/s in f32, %.0f in f64; copying %.0f, %.0f, %.0f, %.0f GB/s at 32 KB, "
         "512 KB, 8 MB, 128 MB\n",
         pool_threads(p->engine.pool), m->flops[0] * 1e-9, m->flops[1] * 1e-9, m->bytes[0] * 1e-9, m->bytes[1] * 1e-9,
         m->bytes[2] * 1e-9, m->bytes[3] * 1e-9);
  const char *core = getenv("OPENBLAS_CORETYPE");
  if (core && *core)
    printf("OPENBLAS_CORETYPE is set to %s: OpenBLAS does not choose its kernels for this processor\n", core);
}

/* ---------------------------------------------------------------- tasks */

static bool profile_task(Profile *p, TaskId id) {
  const Task *t = &p->engine.m->task.at[id];
  const Graph *graph = &t->step;
  ReadyGraph *g;
  if (!engine_prepare(&p->engine, id, &graph, &t->name, 1, &g, &p->l.sink)) return false;
  if (!g) return true;
  p->row.n = 0;
  add_rows(p, g);
  TimedApi api = {.api = runtime_api, .profile = p};
  api.api.parallel = timed_parallel;
  int32_t *order = before_rows(p->engine.m, t);
  Context c = engine_context(&p->engine, engine_key(&p->engine, t->name, 0));
  c.order = order;
  c.stop = NULL;
  c.api = &api.api;
  bool ok = run_for(p, t, g, &c, measure_ms / 10) >= 0;
  forget_times(p);
  double begin = clock_ms();
  int64_t steps = ok ? run_for(p, t, g, &c, measure_ms) : -1;
  if (steps > 0) print_table(p, t, steps, clock_ms() - begin);
  free(order);
  if (steps >= 0) return true;
  diag_error(&p->l.sink, "E1001", SPAN_NONE, "the steps of `%s` went wrong: `seppo run` says where", t->name);
  diag_status(&p->l.sink, EXIT_NUMBERS);
  return false;
}

static bool wanted(const Options *o, const Task *t) {
  for (uint32_t i = 1; i < o->n_words; i++)
    if (!strcmp(o->word[i], t->name)) return true;
  return o->n_words == 1 && t->kind == TASK_TRAIN;
}

static bool profile_all(Profile *p) {
  const Module *m = p->l.elab.module;
  bool ok = true;
  p->machine = machine_measure(p->engine.pool);
  p->clock_ns = clock_cost();
  print_machine(p);
  for (TaskId t = 0; ok && t < m->task.n; t++) {
    const Task *task = &m->task.at[t];
    ok = task->kind < TASK_TRAIN ? before_run(&p->engine, t, &p->l.sink) : !wanted(p->o, task) || profile_task(p, t);
  }
  return ok;
}

int cmd_profile(const Options *o) {
  int64_t threads = 0;
  if (o->threads && !option_integer("threads", o->threads, 1, 1024, &threads)) return EXIT_USAGE;
  Profile p = {.o = o};
  EngineOptions eo = {.seed = 1, .threads = (int)threads, .compile = {.no_cache = o->no_cache, .measured = true}};
  bool opened = load_model(&p.l, o->word[0], o, 1, LOAD_OPT) && engine_open(&p.engine, p.l.elab.module, &eo, &p.l.sink);
  if (opened) profile_all(&p);
  int status = load_report(&p.l, o);
  if (opened) engine_close(&p.engine);
  vec_free(&p.row);
  load_free(&p.l);
  return status;
}
