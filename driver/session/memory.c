#include "driver/session/memory.h"
#include "runtime/base/strbuf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SMALL ((uint64_t)64 << 20)

/* ---------------------------------------------------------------- what is left */

/* The first number of a file, or of its line that begins with `key`; UINT64_MAX without one. */
static uint64_t number_in(const char *path, const char *key) {
  FILE *f = fopen(path, "r");
  char line[128];
  unsigned long long v = UINT64_MAX;
  while (f && fgets(line, sizeof line, f))
    if (!strncmp(line, key, strlen(key)) && sscanf(line + strlen(key), "%llu", &v) == 1) break;
  if (f) fclose(f);
  return v;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* What the control group at `path` (of version 2) and those above it leave. */
static uint64_t group_left(char *path) {
  uint64_t left = UINT64_MAX;
  for (;;) {
    char file[1200];
    snprintf(file, sizeof file, "/sys/fs/cgroup%s/memory.max", path);
    uint64_t most = number_in(file, "");
    snprintf(file, sizeof file, "/sys/fs/cgroup%s/memory.current", path);
    uint64_t used = number_in(file, "");
    if (most != UINT64_MAX && used != UINT64_MAX) left = least(left, most > used ? most - used : 0);
    char *slash = strrchr(path, '/');
    if (!slash) return left;
    *slash = 0;
  }
}

static uint64_t groups_left(void) {
  char line[1024] = "", path[1024] = "/";
  FILE *f = fopen("/proc/self/cgroup", "r");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "0::%1000s", path) == 1) break;
  if (f) fclose(f);
  return group_left(path);
}

/* What `ulimit -v` leaves. */
static uint64_t limit_left(void) {
  struct rlimit l;
  if (getrlimit(RLIMIT_AS, &l) || l.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  uint64_t used = number_in("/proc/self/status", "VmSize:");
  if (used == UINT64_MAX) return l.rlim_cur;
  return l.rlim_cur > used * 1024 ? l.rlim_cur - used * 1024 : 0;
}

uint64_t memory_left(void) {
  uint64_t kib = number_in("/proc/meminfo", "MemAvailable:"), swap = number_in("/proc/meminfo", "SwapFree:");
  uint64_t left = kib == UINT64_MAX ? UINT64_MAX : (kib + (swap == UINT64_MAX ? 0 : swap)) * 1024;
  return least(left, least(groups_left(), limit_left()));
}

bool memory_fits(uint64_t bytes) { return bytes < SMALL || bytes < memory_left(); }

const char *memory_text(uint64_t bytes, char out[32]) {
  static const char *const unit[] = {"B", "KB", "MB", "GB", "TB"};
  double v = (double)bytes;
  int k = 0;
  for (; v >= 1000 && k < 4; k++) v /= 1000;
  snprintf(out, 32, k ? "%.1f %s" : "%.0f %s", v, unit[k]);
  return out;
}

void memory_error(DiagSink *sink, const char *what, uint64_t bytes) {
  char need[32], left[32];
  diag_error(sink, "E0607", SPAN_NONE, "not enough memory: %s need %s, %s are free", what, memory_text(bytes, need),
             memory_text(memory_left(), left));
  diag_status(sink, EXIT_FILES);
}

/* ---------------------------------------------------------------- what is needed */

static uint64_t type_bytes(const Module *m, TypeId id) {
  const Type *t = ir_type_get(m, id);
  uint64_t bytes = 0;
  if (!t->n_tuple) return (uint64_t)ir_elements(t) * ir_dtype_size((DType)t->dtype);
  for (uint32_t i = 0; i < t->n_tuple; i++) bytes += type_bytes(m, t->tuple[i]);
  return bytes;
}

#define MOST ((uint64_t)1 << 58) /* sums of absurd sizes end here */

/* Every value of a region and of its loops' bodies, each once: more than a plan needs. */
static uint64_t region_bytes(const Module *m, RegionId region) {
  const Region *r = ir_region(m, region);
  uint64_t bytes = 0;
  for (NodeId n = 0; n < r->node.n; n++) {
    bytes = least(bytes + type_bytes(m, r->node.at[n].type), MOST);
    for (int k = 0; k < 2; k++)
      if (r->node.at[n].body[k] != IR_NONE) bytes += region_bytes(m, r->node.at[n].body[k]);
  }
  return bytes;
}

/* What a run holds at once. */
typedef struct Need {
  const Module *m;
  Program *p; /* NULL: bounds from above, which cost nothing, instead of plans */
  uint64_t cells, results, temps;
  const Task *task; /* with the largest intermediate results */
  const Graph *graph;
} Need;

static void add_graph(Need *d, TaskId id, const Graph *g) {
  if (g->region == IR_NONE) return;
  const Region *r = ir_region(d->m, g->region);
  uint64_t temps = d->p ? program_temp_bytes(d->p, id, g) : region_bytes(d->m, g->region) * 5 / 4;
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_VALUE) d->results += type_bytes(d->m, r->node.at[r->result.at[i]].type);
  if (temps < d->temps) return;
  d->temps = temps, d->task = &d->m->task.at[id], d->graph = g;
}

static Need need_of(const Module *m, Program *plans, uint64_t cells) {
  Need d = {.m = m, .p = plans, .cells = cells};
  for (TaskId t = 0; t < m->task.n; t++) {
    const Task *task = &m->task.at[t];
    add_graph(&d, t, &task->step);
    add_graph(&d, t, &task->tail);
    for (uint32_t i = 0; i < task->n_events; i++) add_graph(&d, t, &task->event[i].graph);
  }
  return d;
}

static uint64_t total(const Need *d) { return d->cells + d->results + d->temps; }

/* ---------------------------------------------------------------- saying so */

typedef struct Large {
  const char *name; /* of a cell; NULL: an intermediate result */
  TypeId type;
  LocId loc;
  uint64_t bytes;
} Large;

enum { shown = 3 };

static void consider(Large *list, Large x) {
  for (int i = 0; i < shown; i++) {
    if (list[i].bytes == x.bytes && list[i].loc == x.loc) return;
    if (list[i].bytes >= x.bytes) continue;
    memmove(list + i + 1, list + i, sizeof *list * (size_t)(shown - 1 - i));
    list[i] = x;
    return;
  }
}

/* Values that are likely to be stored: what is computed element by element mostly is not. */
static void consider_region(const Module *m, RegionId region, Large *list) {
  const Region *r = ir_region(m, region);
  for (NodeId n = 0; n < r->node.n; n++) {
    const Node *node = &r->node.at[n];
    uint32_t flags = op_table[node->op].flags;
    for (int k = 0; k < 2; k++)
      if (node->body[k] != IR_NONE) consider_region(m, node->body[k], list);
    if (node->op == OP_param || node->op == OP_const || node->op == OP_proj) continue;
    if (flags & (OPF_ELEMENTWISE | OPF_VIEW | OPF_MULTI | OPF_PSEUDO)) continue;
    consider(list, (Large){NULL, node->type, node->loc, type_bytes(m, node->type)});
  }
}

static void say_largest(const Need *d, DiagSink *sink) {
  const Module *m = d->m;
  char text[32];
  Large list[shown] = {{0}};
  for (CellId c = 0; c < m->cell.n; c++) {
    const Cell *cell = &m->cell.at[c];
    consider(list, (Large){cell->name, cell->type, cell->loc, type_bytes(m, cell->type)});
  }
  if (d->graph) consider_region(m, d->graph->region, list);
  for (int i = 0; i < shown && list[i].bytes; i++) {
    const Large *x = &list[i];
    Span at = ir_user_span(m, x->loc);
    diag_note(sink, at, "%s%s%s %s: %s", x->name ? "`" : "", x->name ? x->name : "an intermediate result",
              x->name ? "`" : "", ir_type_str(m, x->type), memory_text(x->bytes, text));
  }
}

static void say_hint(const Need *d, DiagSink *sink) {
  const Task *t = d->task;
  bool rows = t && t->source != IR_NONE && d->temps > d->cells;
  if (rows && t->kind == TASK_TRAIN)
    diag_hint(sink, "a `batch` of less than %lld in `%s` needs less", (long long)t->batch, t->name);
  else if (rows && t->kind == TASK_EVAL)
    diag_hint(sink, "`batch n` in `%s` computes the same in chunks of n rows", t->name);
  else if (d->cells > d->temps)
    diag_hint(sink, "parameters, and what the optimiser remembers of them, take most of it: make layers smaller");
  else if (t)
    diag_hint(sink,
              "the intermediate results of `%s` take most of it; if it differentiates a long loop, --memory helps",
              t->name);
}

static bool refuse(const Need *d, uint64_t left, const char *what, DiagSink *sink) {
  Span at = d->task && d->task->loc != IR_NONE ? ir_user_span(d->m, d->task->loc) : SPAN_NONE;
  char a[32], b[32];
  diag_error(sink, "E0607", at, "not enough memory: the run needs %s, %s %s", memory_text(total(d), a),
             memory_text(left, b), what);
  diag_label(sink, "intermediate results %s, parameters and states %s", memory_text(d->temps + d->results, a),
             memory_text(d->cells, b));
  say_largest(d, sink);
  say_hint(d, sink);
  diag_status(sink, EXIT_FILES);
  return false;
}

bool memory_check(const Module *m, Program *p, DiagSink *sink) {
  uint64_t cells = program_cells(p)->bytes;
  Need bound = need_of(m, NULL, cells);
  if (total(&bound) < SMALL) return true;
  uint64_t left = memory_left();
  if (total(&bound) < left) return true;
  Need d = need_of(m, p, cells);
  return total(&d) < left || refuse(&d, left, "are free", sink);
}

bool memory_within(const Module *m, uint64_t limit, DiagSink *sink) {
  Program *p = program_new(m, &(CompileOptions){.no_cache = true});
  Need d = need_of(m, p, program_cells(p)->bytes);
  program_free(p);
  return total(&d) <= limit || (sink && refuse(&d, limit, "are allowed by --memory", sink));
}
