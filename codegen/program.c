/* Compiled graphs: lowering, units, the cache of objects, linking. */
#include "codegen/program.h"
#include "codegen/backend.h"
#include "codegen/host.h"
#include "codegen/lower/lower.h"
#include "codegen/lower/work.h"
#include "codegen/object/cache.h"
#include "codegen/object/elf_loader.h"
#include "codegen/object/hash.h"
#include "codegen/object/units.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Raised whenever equal kernel IR would become other code. */
#define CODEGEN_VERSION 1

typedef struct Compiled {
  CompiledGraph graph;
  KProgram *program;
  KernelFn *kernel; /* by the program's kernels; only when measured */
} Compiled;

struct Program {
  const Module *m;
  CompileOptions options;
  CellLayout cells;
  KTarget target;
  Cache *cache;
  char *library; /* path of libseppo_llvm.so, NULL when there is none */
  char *described;
  void *handle;
  const Backend *backend;
  CompileTimes times;
  Vec(Compiled *) graph;
  Vec(Code *) code;
};

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* ---------------------------------------------------------------- cells */

/* By kind, then by id, each on its own cache lines with room to read past its end. */
static void lay_out_cells(Program *p) {
  const Module *m = p->m;
  p->cells.offset = calloc(m->cell.n + 1, sizeof *p->cells.offset);
  if (!p->cells.offset) exit(3);
  for (uint32_t kind = CELL_PARAM; kind <= CELL_COUNTER; kind++)
    for (CellId c = 0; c < m->cell.n; c++) {
      if (m->cell.at[c].kind != kind) continue;
      const Type *t = ir_type_get(m, m->cell.at[c].type);
      p->cells.offset[c] = p->cells.bytes;
      p->cells.bytes += ((uint64_t)ir_elements(t) * ir_dtype_size(t->dtype) + 63) / 64 * 64;
    }
  p->cells.bytes += 128;
}

const CellLayout *program_cells(const Program *p) { return &p->cells; }

/* ---------------------------------------------------------------- the backend */

static char *library_path(void) {
  const char *named = getenv("SEPPO_LLVM_LIB");
  if (named) return strdup(named);
  static const char file[] = "libseppo_llvm.so";
  char *path = malloc(PATH_MAX + sizeof file);
  if (!path) return NULL;
  ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
  while (n > 0 && path[n - 1] != '/') n--;
  if (n <= 0) return free(path), NULL;
  memcpy(path + n, file, sizeof file);
  return path;
}

/* What, apart from kernel IR, decides the bytes of an object. */
static char *describe_target(const Program *p) {
  Host h = host_describe();
  struct stat st = {0};
  StrBuf b = {0};
  if (p->library) stat(p->library, &st);
  sb_printf(&b, "codegen %d llvm %s host %016llx%016llx backend %lld.%lld", CODEGEN_VERSION, SEPPO_LLVM_VERSION,
            (unsigned long long)h.id[0], (unsigned long long)h.id[1], (long long)st.st_size,
            (long long)st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec);
  return sb_take(&b);
}

static bool open_backend(Program *p, DiagSink *sink) {
  if (p->backend) return true;
  p->handle = p->library ? dlopen(p->library, RTLD_NOW | RTLD_LOCAL) : NULL;
  if (!p->handle) {
    const char *why = dlerror();
    diag_error(sink, "E0901", SPAN_NONE, "cannot load the code generator: %s", why ? why : "no library");
    diag_status(sink, EXIT_FILES);
    return false;
  }
  BackendEntry entry;
  *(void **)&entry = dlsym(p->handle, SEPPO_BACKEND_SYMBOL);
  const Backend *b = entry ? entry() : NULL;
  if (!b || b->version != SEPPO_BACKEND_VERSION) {
    diag_error(sink, "E0901", SPAN_NONE, "%s belongs to another build of this program", p->library);
    diag_status(sink, EXIT_FILES);
    return false;
  }
  p->backend = b;
  return true;
}

Program *program_new(const Module *m, const CompileOptions *o) {
  Program *p = calloc(1, sizeof *p);
  if (!p) exit(3);
  p->m = m, p->options = *o, p->target = o->level ? k_target_level(o->level) : k_target_host();
  p->library = library_path();
  p->described = describe_target(p);
  if (!o->no_cache) p->cache = cache_open(o->cache_dir, CACHE_DEFAULT_LIMIT);
  lay_out_cells(p);
  return p;
}

void program_free(Program *p) {
  if (!p) return;
  for (uint32_t i = 0; i < p->graph.n; i++) {
    k_program_free(p->graph.at[i]->program);
    free(p->graph.at[i]->kernel);
    free(p->graph.at[i]);
  }
  for (uint32_t i = 0; i < p->code.n; i++) code_free(p->code.at[i]);
  vec_free(&p->graph), vec_free(&p->code);
  if (p->cache) cache_close(p->cache);
  free(p->cells.offset), free(p->library), free(p->described);
  free(p); /* the backend stays loaded: LLVM does not like to be unloaded */
}

CompileTimes program_times(const Program *p) { return p->times; }

/* ---------------------------------------------------------------- lowering */

/* Rows by which a step moves on: the length of its row numbers. */
static int64_t rows_of(const Module *m, const Graph *g) {
  for (uint32_t i = 0; i < g->n_in; i++)
    if (g->in[i].kind == IN_ROWS)
      return ir_elements(ir_type_get(m, ir_node(m, g->region, ir_region(m, g->region)->param.at[i])->type));
  return 0;
}

static KProgram *lower(Program *p, const Graph *g, const char *name) {
  double begin = now_ms();
  KProgram *k = lower_graph(p->m, g, name, p->cells.offset, rows_of(p->m, g), p->target, p->options.no_fusion);
  for (uint32_t i = 0; p->options.measured && i < k->inst.n; i++) k->inst.at[i].in_line = false;
  k->measured = p->options.measured;
  p->times.plan += now_ms() - begin;
  return k;
}

uint64_t program_temp_bytes(Program *p, TaskId task, const Graph *g) {
  (void)task;
  KProgram *k = lower(p, g, "estimate");
  uint64_t bytes = k->temp_bytes;
  k_program_free(k);
  return bytes;
}

/* ---------------------------------------------------------------- objects */

typedef struct Object {
  void *bytes;
  size_t n;
  CacheKey key;
  char *error;
} Object;

typedef struct Jobs {
  Program *p;
  const Units *units;
  Object *object;
  uint32_t *missing, n;
  uint32_t next;
} Jobs;

static void *compile_missing(void *user) {
  Jobs *j = user;
  for (;;) {
    uint32_t i = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED);
    if (i >= j->n) return NULL;
    Object *o = &j->object[j->missing[i]];
    BackendObject made = {0};
    if (!j->p->backend->emit(&j->units->at[j->missing[i]].unit, &j->p->target, &made, &o->error)) continue;
    o->bytes = made.bytes, o->n = made.n;
    if (j->p->cache) cache_store(j->p->cache, o->key, made.bytes, made.n);
  }
}

/* On two workers, the largest units first. */
static void compile_units(Jobs *j) {
  pthread_t other;
  bool two = j->n > 1 && !pthread_create(&other, NULL, compile_missing, j);
  compile_missing(j);
  if (two) pthread_join(other, NULL);
}

static bool make_objects(Program *p, const Units *units, Object *object, DiagSink *sink) {
  double begin = now_ms();
  Jobs j = {.p = p, .units = units, .object = object};
  j.missing = calloc(units->n + 1, sizeof *j.missing);
  if (!j.missing) exit(3);
  for (uint32_t i = 0; i < units->n; i++) {
    object[i].key = cache_key(units->at[i].text.s, units->at[i].text.n, p->described);
    if (p->cache) object[i].bytes = cache_load(p->cache, object[i].key, &object[i].n);
    if (!object[i].bytes) j.missing[j.n++] = i;
  }
  p->times.units += units->n, p->times.units_from_cache += units->n - j.n;
  bool ok = j.n == 0 || open_backend(p, sink);
  if (ok) compile_units(&j);
  for (uint32_t i = 0; ok && i < units->n; i++) {
    if (object[i].bytes) continue;
    diag_error(sink, "E0901", SPAN_NONE, "no machine code: %s", object[i].error ? object[i].error : "unknown reason");
    ok = false;
  }
  free(j.missing);
  p->times.llvm += now_ms() - begin;
  return ok;
}

static Code *link_objects(Program *p, const Object *object, uint32_t n, DiagSink *sink) {
  CodeObject *list = calloc(n + 1, sizeof *list);
  const char *error = NULL;
  if (!list) exit(3);
  for (uint32_t i = 0; i < n; i++) list[i] = (CodeObject){object[i].bytes, object[i].n};
  Code *code = code_load(list, n, &error);
  free(list);
  if (code)
    vec_push(&p->code, code);
  else
    diag_error(sink, "E0901", SPAN_NONE, "objects do not link: %s", error);
  return code;
}

/* The functions of a measured program's kernels. */
static KernelFn *kernel_functions(const Code *code, const Units *units, const KProgram *k) {
  KernelFn *f = calloc(k->kernel.n + 1, sizeof *f);
  if (!f) exit(3);
  for (uint32_t u = 0; u < units->n; u++)
    for (uint32_t i = 0; units->at[u].unit.program == k && i < k->kernel.n; i++)
      *(void **)&f[i] = code_symbol(code, units->at[u].unit.kernel_symbol[i]);
  return f;
}

uint32_t program_launches(const Program *p, const CompiledGraph *g, LaunchInfo **out) {
  const Compiled *c = NULL;
  for (uint32_t i = 0; i < p->graph.n; i++)
    if (&p->graph.at[i]->graph == g) c = p->graph.at[i];
  uint32_t n = 0;
  LaunchInfo *info = calloc(c ? c->program->inst.n + 1 : 1, sizeof *info);
  if (!info) exit(3);
  for (uint32_t i = 0; c && c->kernel && i < c->program->inst.n; i++) {
    const PInst *x = &c->program->inst.at[i];
    if (x->kind != P_LAUNCH) continue;
    const KKernel *k = c->program->kernel.at[x->index];
    KWork w = k_work(k, x->tasks);
    info[n++] = (LaunchInfo){k->name, c->kernel[x->index], x->tasks, w.flops, w.bytes, w.widest == 8};
  }
  *out = info;
  return n;
}

/* Entry points and constants of the compiled programs. */
static bool finish(Program *p, Code *code, const Units *units, KProgram *const *program, uint32_t n,
                   const CompiledGraph **out) {
  for (uint32_t i = 0; i < n; i++) {
    StrBuf consts = {0};
    sb_printf(&consts, "%s.consts", program[i]->name);
    uint8_t **slot = code_symbol(code, consts.s);
    sb_free(&consts);
    if (slot) *slot = program[i]->consts;
    Compiled *c = calloc(1, sizeof *c);
    if (!c) exit(3);
    c->program = program[i], c->graph.temp_bytes = program[i]->temp_bytes;
    *(void **)&c->graph.run = code_symbol(code, program[i]->name);
    if (p->options.measured) c->kernel = kernel_functions(code, units, program[i]);
    vec_push(&p->graph, c);
    out[i] = &c->graph;
    if (!c->graph.run) return false;
  }
  return true;
}

static void free_objects(Object *object, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) free(object[i].bytes), free(object[i].error);
  free(object);
}

bool program_compile_all(Program *p, TaskId task, const Graph *const *g, const char *const *name, uint32_t n,
                         const CompiledGraph **out, DiagSink *sink) {
  (void)task;
  KProgram **program = calloc(n + 1, sizeof *program);
  if (!program) exit(3);
  for (uint32_t i = 0; i < n; i++) program[i] = lower(p, g[i], name[i]);
  Units units = units_of(program, n);
  Object *object = calloc(units.n + 1, sizeof *object);
  if (!object) exit(3);
  bool ok = make_objects(p, &units, object, sink);
  double begin = now_ms();
  Code *code = ok ? link_objects(p, object, units.n, sink) : NULL;
  ok = code && finish(p, code, &units, program, n, out);
  p->times.link += now_ms() - begin;
  if (!code)
    for (uint32_t i = 0; i < n; i++) k_program_free(program[i]);
  free_objects(object, units.n);
  units_free(&units);
  free(program);
  return ok;
}

const CompiledGraph *program_compile(Program *p, TaskId task, const Graph *g, const char *name, DiagSink *sink) {
  const CompiledGraph *out = NULL;
  return program_compile_all(p, task, &g, &name, 1, &out, sink) ? out : NULL;
}

/* ---------------------------------------------------------------- objects for other programs */

bool program_object(Program *p, const ObjectRequest *r, uint8_t **out, size_t *n_out, DiagSink *sink) {
  KProgram *program[2] = {NULL};
  if (!open_backend(p, sink)) return false;
  for (uint32_t i = 0; i < r->n; i++) program[i] = lower(p, r->graph[i], r->name[i]);
  Units units = units_of(program, r->n);
  Unit *unit = arena_array(&units.mem, Unit, units.n + 1);
  for (uint32_t i = 0; i < units.n; i++) unit[i] = units.at[i].unit;
  BackendImage image = {r->symbol, r->image, r->n_image, (const KProgram *const *)program, r->n};
  BackendObject object = {0};
  char *error = NULL;
  bool ok = p->backend->link(unit, units.n, &image, &p->target, &object, &error);
  if (!ok) diag_error(sink, "E0901", SPAN_NONE, "no machine code: %s", error ? error : "unknown reason");
  *out = object.bytes, *n_out = object.n;
  free(error);
  units_free(&units);
  for (uint32_t i = 0; i < r->n; i++) k_program_free(program[i]);
  return ok;
}

/* ---------------------------------------------------------------- inspection */

static bool print_units(Program *p, const Units *units, bool assembly, StrBuf *out, DiagSink *sink) {
  for (uint32_t i = 0; i < units->n; i++) {
    char *error = NULL;
    if (p->backend->print(&units->at[i].unit, &p->target, assembly, out, &error)) continue;
    diag_error(sink, "E0901", SPAN_NONE, "no machine code: %s", error ? error : "unknown reason");
    free(error);
    return false;
  }
  return true;
}

bool program_print(Program *p, TaskId task, const Graph *g, const char *name, ProgramStage stage, StrBuf *out,
                   DiagSink *sink) {
  (void)task;
  KProgram *k = lower(p, g, name);
  bool ok = true;
  if (stage == STAGE_KERNELS)
    k_print_program(k, out);
  else if ((ok = open_backend(p, sink))) {
    Units units = units_of(&k, 1);
    ok = print_units(p, &units, stage == STAGE_ASM, out, sink);
    units_free(&units);
  }
  k_program_free(k);
  return ok;
}
