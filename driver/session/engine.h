/* The engine: a module's cells, stored fields and compiled graphs in memory, ready to run.
 * It knows nothing of epochs or files: driver/session/train.c and friends decide what runs when. */
#ifndef SEPPO_DRIVER_ENGINE_H
#define SEPPO_DRIVER_ENGINE_H

#include "codegen/program.h"

typedef struct EngineOptions {
  uint64_t seed;
  int threads;
  CompileOptions compile;
} EngineOptions;

/* A graph made ready: machine code and room for the values it hands back. */
typedef struct ReadyGraph {
  const Graph *graph;
  const CompiledGraph *code;
  uint32_t n_values;
  void **value; /* by OUT_VALUE number */
  TypeId *value_type;
  uint64_t *value_bytes;
} ReadyGraph;

typedef struct Engine {
  const Module *m;
  Program *program;
  const CellLayout *layout;
  uint8_t *cells, *temps;
  uint64_t cell_bytes, temp_bytes;
  const void **field;
  struct ThreadPool *pool;
  uint64_t seed;
  volatile int32_t *stop; /* set by a signal */
  Arena mem;
  Vec(ReadyGraph *) ready;
} Engine;

/* False after diagnostics. */
bool engine_open(Engine *e, const Module *m, const EngineOptions *o, DiagSink *sink);
void engine_close(Engine *e);

/* Compiles the graphs of a task that are not compiled yet (together, on two workers). out[i] belongs to the engine. */
bool engine_prepare(Engine *e, TaskId task, const Graph *const *graph, const char *const *name, uint32_t n,
                    ReadyGraph **out, DiagSink *sink);

/* FNV-1a of the task's name, so that adding a task changes no other task's draws. */
uint64_t engine_task_hash(const char *task);
/* The random stream of a task: training steps are stream 0, each event has its own, so that adding a picture to a
 * training changes none of its draws. */
uint64_t engine_key(const Engine *e, const char *task, uint32_t stream);

/* A context on this engine's memory; the caller sets order, position, step and epoch. */
Context engine_context(Engine *e, uint64_t key);
/* Runs n steps. */
RunStatus engine_run(Engine *e, ReadyGraph *g, Context *c, int64_t n);

/* Stored bytes of a cell, and a scalar cell as a number. */
void *engine_cell(const Engine *e, CellId c);
double engine_scalar(const Engine *e, CellId c);
void engine_set_scalar(Engine *e, CellId c, double v);
/* Element i of a value or cell of this type, as a number. */
double tensor_element(const Type *t, const void *bytes, int64_t i);

#endif
