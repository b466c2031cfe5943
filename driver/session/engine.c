#include "driver/session/engine.h"
#include "driver/session/memory.h"
#include "runtime/api.h"
#include "runtime/pool.h"
#include "runtime/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { cell_alignment = 64, page = 4096 };

/* Zeroed memory with its pages touched, so that no step pays for a page fault. */
static uint8_t *arena_pages(uint64_t bytes) {
  uint64_t size = (bytes + 2 * page - 1) / page * page;
  uint8_t *p = memory_fits(size) ? aligned_alloc(page, size) : NULL;
  if (p) memset(p, 0, size);
  return p;
}

bool engine_open(Engine *e, const Module *m, const EngineOptions *o, DiagSink *sink) {
  memset(e, 0, sizeof *e);
  e->m = m;
  e->seed = o->seed;
  e->program = program_new(m, &o->compile);
  e->layout = program_cells(e->program);
  if (!memory_check(m, e->program, sink)) return false;
  e->cell_bytes = e->layout->bytes;
  e->cells = arena_pages(e->cell_bytes);
  e->pool = pool_new((uint32_t)o->threads, false);
  e->field = arena_array(&e->mem, const void *, m->field.n + 1);
  for (uint32_t i = 0; i < m->field.n; i++) e->field[i] = m->field.at[i].bytes;
  if (e->cells && e->pool) return true;
  memory_error(sink, "parameters, states and constants", e->cell_bytes);
  return false;
}

void engine_close(Engine *e) {
  for (uint32_t i = 0; i < e->ready.n; i++)
    for (uint32_t k = 0; k < e->ready.at[i]->n_values; k++) free(e->ready.at[i]->value[k]);
  vec_free(&e->ready);
  if (e->pool) pool_free(e->pool);
  if (e->program) program_free(e->program);
  free(e->cells);
  free(e->temps);
  arena_free(&e->mem);
}

static ReadyGraph *find_ready(const Engine *e, const Graph *g) {
  for (uint32_t i = 0; i < e->ready.n; i++)
    if (e->ready.at[i]->graph == g) return e->ready.at[i];
  return NULL;
}

/* Room for every OUT_VALUE of the graph, padded to whole vectors. */
static bool make_ready(Engine *e, const Graph *g, const CompiledGraph *code, DiagSink *sink) {
  ReadyGraph *r = arena_new(&e->mem, ReadyGraph);
  bool ok = true;
  vec_push(&e->ready, r);
  *r = (ReadyGraph){.graph = g, .code = code};
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_VALUE && g->out[i].index >= r->n_values) r->n_values = g->out[i].index + 1;
  r->value = arena_array(&e->mem, void *, r->n_values + 1);
  r->value_type = arena_array(&e->mem, TypeId, r->n_values + 1);
  r->value_bytes = arena_array(&e->mem, uint64_t, r->n_values + 1);
  const Region *region = ir_region(e->m, g->region);
  for (uint32_t i = 0; i < g->n_out; i++) {
    if (g->out[i].kind != OUT_VALUE) continue;
    uint32_t k = g->out[i].index;
    TypeId type = region->node.at[region->result.at[i]].type;
    const Type *t = ir_type_get(e->m, type);
    r->value_type[k] = type;
    r->value_bytes[k] = (uint64_t)ir_elements(t) * ir_dtype_size(t->dtype);
    uint64_t room = (r->value_bytes[k] + 3 * cell_alignment - 1) / cell_alignment * cell_alignment;
    r->value[k] = memory_fits(room) ? aligned_alloc(cell_alignment, room) : NULL;
    if (r->value[k])
      memset(r->value[k], 0, room);
    else if (ok)
      memory_error(sink, "the results of a task", room), ok = false;
  }
  return ok;
}

static bool grow_temps(Engine *e, uint64_t bytes, DiagSink *sink) {
  if (bytes <= e->temp_bytes && e->temps) return true;
  free(e->temps);
  e->temps = arena_pages(bytes);
  e->temp_bytes = bytes;
  if (e->temps) return true;
  memory_error(sink, "the intermediate results of a step", bytes);
  return false;
}

bool engine_prepare(Engine *e, TaskId task, const Graph *const *graph, const char *const *name, uint32_t n,
                    ReadyGraph **out, DiagSink *sink) {
  const Graph **todo = arena_array(&e->mem, const Graph *, n);
  const char **todo_name = arena_array(&e->mem, const char *, n);
  const CompiledGraph **code = arena_array(&e->mem, const CompiledGraph *, n);
  uint32_t k = 0;
  for (uint32_t i = 0; i < n; i++)
    if (graph[i]->region != IR_NONE && !find_ready(e, graph[i])) todo[k] = graph[i], todo_name[k++] = name[i];
  if (k && !program_compile_all(e->program, task, todo, todo_name, k, code, sink)) return false;
  for (uint32_t i = 0; i < k; i++) {
    if (!grow_temps(e, code[i]->temp_bytes, sink)) return false;
    if (!make_ready(e, todo[i], code[i], sink)) return false;
  }
  for (uint32_t i = 0; i < n; i++) out[i] = graph[i]->region == IR_NONE ? NULL : find_ready(e, graph[i]);
  return true;
}

uint64_t engine_task_hash(const char *task) {
  uint64_t h = 0xcbf29ce484222325u;
  for (; *task; task++) h = (h ^ (uint8_t)*task) * 0x100000001b3u;
  return h;
}

uint64_t engine_key(const Engine *e, const char *task, uint32_t stream) {
  return random_key_fold(random_key_fold(e->seed, engine_task_hash(task)), stream);
}

Context engine_context(Engine *e, uint64_t key) {
  return (Context){.cells = e->cells,
                   .temps = e->temps,
                   .field = e->field,
                   .step = 1,
                   .epoch = 1,
                   .key = key,
                   .stop = e->stop,
                   .api = &runtime_api,
                   .pool = e->pool};
}

RunStatus engine_run(Engine *e, ReadyGraph *g, Context *c, int64_t n) {
  c->cells = e->cells;
  c->temps = e->temps;
  c->value = g->value;
  return (RunStatus)g->code->run(c, n);
}

void *engine_cell(const Engine *e, CellId c) { return e->cells + e->layout->offset[c]; }

double tensor_element(const Type *t, const void *bytes, int64_t i) {
  switch ((DType)t->dtype) {
  case DT_BOOL:
  case DT_U8: return ((const uint8_t *)bytes)[i];
  case DT_I32: return ((const int32_t *)bytes)[i];
  case DT_I64: return (double)((const int64_t *)bytes)[i];
  case DT_U32: return ((const uint32_t *)bytes)[i];
  case DT_U64: return (double)((const uint64_t *)bytes)[i];
  case DT_F32: return ((const float *)bytes)[i];
  case DT_F64: return ((const double *)bytes)[i];
  case DT_COUNT: break;
  }
  return 0;
}

double engine_scalar(const Engine *e, CellId c) {
  return tensor_element(ir_type_get(e->m, e->m->cell.at[c].type), engine_cell(e, c), 0);
}

void engine_set_scalar(Engine *e, CellId c, double v) {
  void *p = engine_cell(e, c);
  if (ir_type_get(e->m, e->m->cell.at[c].type)->dtype == DT_F64)
    memcpy(p, &v, sizeof v);
  else
    memcpy(p, &(float){(float)v}, sizeof(float));
}
