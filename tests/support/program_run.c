#include "tests/support/program_run.h"
#include "runtime/api.h"
#include "runtime/pool.h"
#include <string.h>

static uint64_t bytes_of(const Module *m, TypeId type) {
  const Type *t = ir_type_get(m, type);
  return (uint64_t)ir_elements(t) * ir_dtype_size(t->dtype);
}

/* 64-byte aligned, garbage inside and behind. */
static void *aligned(Arena *mem, uint64_t bytes) {
  uint8_t *p = arena_alloc(mem, bytes + 256 + 64);
  memset(p, 0xa5, bytes + 256 + 64);
  return p + (64 - (uintptr_t)p % 64);
}

static uint64_t layout_cells(const Module *m, uint64_t *offset) {
  uint64_t at = 0;
  for (uint32_t c = 0; c < m->cell.n; c++) {
    offset[c] = at;
    at += (bytes_of(m, m->cell.at[c].type) + 127) / 64 * 64;
  }
  return at;
}

static ProgramRun prepare_with(Module *m, const Graph *g, const Value *in, const uint64_t *offset, uint64_t bytes,
                               Arena *mem) {
  const Region *region = ir_region(m, g->region);
  ProgramRun run = {.c = {.step = 1, .epoch = 1, .api = &runtime_api}};
  const void **field = arena_array(mem, const void *, m->field.n + 1);
  run.cell_offset = arena_memdup(mem, offset, sizeof *offset * (m->cell.n + 1));
  run.c.cells = aligned(mem, bytes);
  run.c.field = field;
  for (uint32_t i = 0; i < g->n_in; i++) {
    TypeId type = region->node.at[region->param.at[i]].type;
    void *to = NULL;
    switch (g->in[i].kind) {
    case IN_CELL: to = run.c.cells + run.cell_offset[g->in[i].index]; break;
    case IN_FIELD: field[g->in[i].index] = to = aligned(mem, bytes_of(m, type)); break;
    case IN_ROWS: run.c.order = to = aligned(mem, bytes_of(m, type)); break;
    case IN_KEY: to = &run.c.key; break;
    case IN_STEP: to = &run.c.step; break;
    case IN_EPOCH: to = &run.c.epoch; break;
    }
    value_to_bytes(m, &in[i], to);
  }
  uint32_t values = 0;
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_VALUE && g->out[i].index >= values) values = g->out[i].index + 1;
  run.value = run.c.value = arena_array(mem, void *, values + 1);
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_VALUE)
      run.value[g->out[i].index] = aligned(mem, bytes_of(m, region->node.at[region->result.at[i]].type));
  return run;
}

ProgramRun program_prepare(Module *m, const Graph *g, const Value *in, Arena *mem) {
  uint64_t *offset = arena_array(mem, uint64_t, m->cell.n + 1);
  uint64_t bytes = layout_cells(m, offset);
  return prepare_with(m, g, in, offset, bytes, mem);
}

void program_collect(const Module *m, const Graph *g, const ProgramRun *run, Value *out, Arena *mem) {
  const Region *region = ir_region(m, g->region);
  for (uint32_t i = 0; i < g->n_out; i++) {
    TypeId type = region->node.at[region->result.at[i]].type;
    if (g->out[i].kind == OUT_VALUE) out[i] = value_from_bytes(m, type, run->value[g->out[i].index], mem);
    if (g->out[i].kind == OUT_CELL)
      out[i] = value_from_bytes(m, type, run->c.cells + run->cell_offset[g->out[i].index], mem);
  }
}

int32_t program_interpret(Module *m, const Graph *g, const Value *in, Value *out, KTarget target, bool no_fusion,
                          Arena *mem) {
  ProgramRun run = program_prepare(m, g, in, mem);
  KProgram *p = lower_graph(m, g, "test", run.cell_offset, 0, target, no_fusion);
  run.c.temps = aligned(mem, p->temp_bytes);
  int32_t status = k_run(p, &run.c, 1);
  program_collect(m, g, &run, out, mem);
  k_program_free(p);
  return status;
}

/* One step of the compiled graph on fresh memory. */
static int32_t run_once(Module *m, const Graph *g, const CompiledGraph *code, const Value *in, Value *out,
                        uint64_t *offset, uint64_t cell_bytes, uint32_t threads, Arena *mem) {
  ProgramRun run = prepare_with(m, g, in, offset, cell_bytes, mem);
  run.c.temps = aligned(mem, code->temp_bytes);
  run.c.pool = pool_new(threads, false);
  int32_t status = code->run(&run.c, 1);
  pool_free(run.c.pool);
  program_collect(m, g, &run, out, mem);
  return status;
}

static bool same_bits(const Module *m, const Graph *g, const Value *a, const Value *b) {
  for (uint32_t i = 0; i < g->n_out; i++) {
    bool collected = g->out[i].kind == OUT_VALUE || g->out[i].kind == OUT_CELL;
    if (collected && memcmp(a[i].i, b[i].i, sizeof *a[i].i * (size_t)ir_elements(ir_type_get(m, a[i].type))))
      return false;
  }
  return true;
}

int32_t program_execute(Module *m, const Graph *g, const Value *in, Value *out, bool no_fusion, uint32_t threads,
                        Arena *mem) {
  CompileOptions o = {.no_fusion = no_fusion, .no_cache = true};
  DiagSink sink = {0};
  Program *p = program_new(m, &o);
  const CellLayout *cells = program_cells(p);
  uint64_t *offset = arena_array(mem, uint64_t, m->cell.n + 1);
  memcpy(offset, cells->offset, sizeof *offset * m->cell.n);
  const CompiledGraph *code = program_compile(p, 0, g, "test", &sink);
  int32_t status = -1;
  if (code) {
    status = run_once(m, g, code, in, out, offset, cells->bytes, 1, mem);
    Value *again = arena_array(mem, Value, g->n_out + 1);
    if (threads > 1 && status == RUN_OK) status = run_once(m, g, code, in, again, offset, cells->bytes, threads, mem);
    if (threads > 1 && status == RUN_OK && !same_bits(m, g, out, again)) status = PROGRAM_THREADS_DIFFER;
  } else {
    diag_print(&sink, NULL, DIAG_SHORT, false, stderr);
  }
  diag_sink_free(&sink);
  program_free(p);
  return status;
}
