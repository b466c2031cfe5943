/* A module compiled for this processor: what the driver asks of codegen.
 *
 * codegen without LLVM (grouping, scheduling, planning, kernel IR) is in the program itself; LLVM sits behind a shared
 * library that is opened only when something must really be compiled, so that a cached run never loads it.
 */
#ifndef SEPPO_CODEGEN_PROGRAM_H
#define SEPPO_CODEGEN_PROGRAM_H

#include "ir/ir.h"
#include "runtime/context.h"

typedef struct CompileOptions {
  bool no_fusion; /* one kernel per node: the "every pass off" side of the tests */
  bool no_cache;
  bool measured;         /* every kernel is launched through Context.api->parallel, where its time can be taken */
  const char *cache_dir; /* NULL: $XDG_CACHE_HOME/seppo or ~/.cache/seppo */
  uint32_t level;        /* vector bytes of the x86-64 level to compile for (k_target_level); 0: this very processor */
} CompileOptions;

typedef struct CompileTimes { /* milliseconds */
  double plan, llvm, link;
  uint32_t units, units_from_cache;
} CompileTimes;

typedef int32_t (*StepFn)(Context *c, int64_t n);

/* One compiled graph. */
typedef struct CompiledGraph {
  StepFn run;
  uint64_t temp_bytes;
} CompiledGraph;

typedef struct Program Program;

/* Places of the cells in Context.cells: fixed for the whole module, the same for every graph of it. */
typedef struct CellLayout {
  uint64_t *offset; /* by CellId */
  uint64_t bytes;
} CellLayout;

Program *program_new(const Module *m, const CompileOptions *o);
const CellLayout *program_cells(const Program *p);
/* Compiles one graph of a task (its step, tail, or an event's), or finds it in the cache. NULL after diagnostics. */
const CompiledGraph *program_compile(Program *p, TaskId task, const Graph *g, const char *name, DiagSink *sink);
/* Several at once, on two workers: same results, less time. */
bool program_compile_all(Program *p, TaskId task, const Graph *const *g, const char *const *name, uint32_t n,
                         const CompiledGraph **out, DiagSink *sink);
/* One launch of a graph compiled as `measured`. Launches that share a function do equal work in equal tasks. */
typedef struct LaunchInfo {
  const char *kernel;
  KernelFn run;
  int64_t tasks;
  double flops, bytes;
  bool f64; /* most flops are in f64 */
} LaunchInfo;
/* In program order; free(*out). */
uint32_t program_launches(const Program *p, const CompiledGraph *g, LaunchInfo **out);
CompileTimes program_times(const Program *p);
void program_free(Program *p);

/* What an object for other programs holds (BackendImage of codegen/backend.h). */
typedef struct ObjectRequest {
  const char *symbol; /* the one name seen from outside */
  const Graph *graph[2];
  const char *name[2]; /* of the graphs: the step, and that of the short last batch if there is one */
  uint32_t n;
  const void *image;
  size_t n_image;
} ObjectRequest;
/* An ELF relocatable object: *out is malloc'ed. False after diagnostics. */
bool program_object(Program *p, const ObjectRequest *r, uint8_t **out, size_t *n_out, DiagSink *sink);

/* `--stage kernels|llvm|asm` */
typedef enum { STAGE_KERNELS, STAGE_LLVM, STAGE_ASM } ProgramStage;
bool program_print(Program *p, TaskId task, const Graph *g, const char *name, ProgramStage stage, StrBuf *out,
                   DiagSink *sink);
/* Planned peak of temporaries, without compiling (for `seppo check`). */
uint64_t program_temp_bytes(Program *p, TaskId task, const Graph *g);

#endif
