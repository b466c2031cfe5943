/* Tasks built ahead of time: memory, epochs and random keys around the native step, as driver/session/ has them. */
#include "runtime/ahead/image.h"
#include "runtime/ahead/seppo.h"
#include "runtime/api.h"
#include "runtime/dtype.h"
#include "runtime/order.h"
#include "runtime/pool.h"
#include "runtime/random.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)SEPPO_F64 == DT_F64 && (int)SEPPO_I32 == DT_I32, "SeppoDtype and DType are the same numbers");

enum { alignment = 64, readable = 128 }; /* bytes behind every tensor that vectors may read */

typedef int32_t (*StepFn)(Context *c, int64_t n);

struct SeppoProgram { /* codegen/backend.h: BackendImage */
  const void *image;
  StepFn entry[2];
};

struct SeppoTask {
  const SeppoProgram *program;
  const ImageHead *image;
  Context context;
  uint64_t seed;
  int64_t runs;    /* steps of a training */
  int64_t ordered; /* the epoch `order` is of; 0: none yet */
  SeppoTensor *tensor;
  size_t n_tensors;
  const void **field;
  void **value;
  int32_t *order;
};

static const char *const status_text[] = {
    [SEPPO_OK] = "all is well",
    [SEPPO_NOT_FINITE] = "a loss became NaN or infinite",
    [SEPPO_BAD_INDEX] = "an index is out of range",
    [SEPPO_SINGULAR] = "a matrix is singular or not positive definite, or OpenBLAS is missing",
    [SEPPO_NO_MEMORY] = "not enough memory",
    [SEPPO_NO_PROCESSOR] = "this processor lacks instructions the task was built with",
    [SEPPO_NO_VERSION] = "the object was built by another version of seppo than libseppo.a",
    [SEPPO_NO_CHECKPOINT] = "a checkpoint cannot be read or written, or is of another model"};

const char *seppo_status_text(SeppoStatus status) {
  unsigned i = (unsigned)status;
  return i < sizeof status_text / sizeof *status_text ? status_text[i] : "unknown status";
}

/* ---------------------------------------------------------------- making and freeing */

static bool processor_has(uint32_t vector_bytes) {
  __builtin_cpu_init();
  if (vector_bytes >= 64)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
  if (vector_bytes >= 32)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  return __builtin_cpu_supports("sse4.2");
}

/* Zeroed memory for `bytes`, aligned, with room to read behind. */
static void *room_for(uint64_t bytes) {
  uint64_t size = (bytes + readable + alignment - 1) / alignment * alignment;
  void *p = size < bytes ? NULL : aligned_alloc(alignment, size);
  if (p) memset(p, 0, size);
  return p;
}

static const void *image_at(const SeppoTask *t, uint64_t offset) { return (const char *)t->image + offset; }

static void *place_tensor(SeppoTask *t, const ImageTensor *from) {
  if (from->space == IMAGE_CELL) return t->context.cells + from->at;
  if (from->space == IMAGE_LOG) return NULL;
  void *p = room_for(from->bytes);
  if (from->space == IMAGE_FIELD)
    t->field[from->at] = p;
  else
    t->value[from->at] = p;
  return p;
}

/* Fills the list of tensors and their first values. */
static bool make_tensors(SeppoTask *t) {
  const ImageTensor *from = image_at(t, t->image->tensors);
  for (uint32_t i = 0; i < t->image->n_tensors; i++) {
    void *data = place_tensor(t, &from[i]);
    if (!data && from[i].space != IMAGE_LOG) return false;
    if (from[i].initial) memcpy(data, image_at(t, from[i].initial), from[i].bytes);
    if (!from[i].name) continue;
    SeppoTensor *to = &t->tensor[t->n_tensors++];
    *to = (SeppoTensor){.name = image_at(t, from[i].name),
                        .role = (SeppoRole)from[i].role,
                        .dtype = (SeppoDtype)from[i].dtype,
                        .rank = from[i].rank,
                        .elements = from[i].elements,
                        .bytes = from[i].bytes,
                        .data = data};
    memcpy(to->dim, from[i].dim, sizeof to->dim);
  }
  return true;
}

static bool make_memory(SeppoTask *t, int threads) {
  const ImageHead *h = t->image;
  t->tensor = calloc(h->n_tensors + 1u, sizeof *t->tensor);
  t->field = calloc(h->n_fields + 1u, sizeof *t->field);
  t->value = calloc(h->n_values + 1u, sizeof *t->value);
  t->order = malloc(sizeof *t->order * (size_t)(h->rows + h->batch + 1));
  t->context = (Context){.cells = room_for(h->cell_bytes),
                         .temps = room_for(h->temp_bytes),
                         .field = t->field,
                         .value = t->value,
                         .order = t->order,
                         .api = &runtime_api,
                         .pool = pool_new(threads > 0 ? (uint32_t)threads : 0, false)};
  const Context *c = &t->context;
  return t->tensor && t->field && t->value && t->order && c->cells && c->temps && c->pool && make_tensors(t);
}

SeppoStatus seppo_new(const SeppoProgram *program, int threads, SeppoTask **out) {
  const ImageHead *h = program->image;
  *out = NULL;
  if (h->version != IMAGE_VERSION) return SEPPO_NO_VERSION;
  if (!processor_has(h->vector_bytes)) return SEPPO_NO_PROCESSOR;
  SeppoTask *t = calloc(1, sizeof *t);
  if (!t) return SEPPO_NO_MEMORY;
  t->program = program, t->image = h;
  seppo_seed(t, h->seed);
  if (!make_memory(t, threads)) return seppo_free(t), SEPPO_NO_MEMORY;
  *out = t;
  return SEPPO_OK;
}

void seppo_free(SeppoTask *t) {
  if (!t) return;
  for (uint32_t i = 0; t->field && i < t->image->n_fields; i++) free((void *)(uintptr_t)t->field[i]);
  for (uint32_t i = 0; t->value && i < t->image->n_values; i++) free(t->value[i]);
  if (t->context.pool) pool_free(t->context.pool);
  free(t->context.cells), free(t->context.temps);
  free(t->tensor), free(t->field), free(t->value), free(t->order);
  free(t);
}

/* ---------------------------------------------------------------- running */

void seppo_seed(SeppoTask *t, uint64_t seed) {
  t->seed = seed;
  t->runs = t->ordered = 0;
}

static SeppoStatus status_of(RunStatus status) {
  switch (status) {
  case RUN_NOT_FINITE: return SEPPO_NOT_FINITE;
  case RUN_BAD_INDEX: return SEPPO_BAD_INDEX;
  case RUN_LAPACK: return SEPPO_SINGULAR;
  default: return SEPPO_OK;
  }
}

static uint64_t first_key(const SeppoTask *t) { return random_key_fold(random_key_fold(t->seed, t->image->stream), 0); }

static SeppoStatus call(SeppoTask *t, StepFn step, int64_t n) {
  Context *c = &t->context;
  c->status = RUN_OK;
  return status_of((RunStatus)step(c, n));
}

/* Once more, with draws of its own. */
static SeppoStatus run_once(SeppoTask *t) {
  Context *c = &t->context;
  c->key = t->runs ? random_key_fold(first_key(t), (uint64_t)t->runs) : first_key(t);
  c->step = c->epoch = 1, c->position = 0;
  if (!t->ordered) order_identity(t->order, t->image->rows), t->ordered = 1;
  SeppoStatus status = call(t, t->program->entry[0], 1);
  if (status == SEPPO_OK) t->runs++;
  return status;
}

/* Step, epoch, order and position as they are after `runs` steps. */
static void seek(SeppoTask *t) {
  const ImageHead *h = t->image;
  Context *c = &t->context;
  c->key = first_key(t);
  c->step = t->runs + 1;
  c->epoch = t->runs / h->steps_per_epoch + 1;
  c->position = t->runs % h->steps_per_epoch * h->batch;
  if (t->ordered == c->epoch || !h->rows) return;
  if (h->shuffle)
    order_shuffle(t->order, h->rows, t->seed, h->source, (uint64_t)c->epoch);
  else
    order_identity(t->order, h->rows);
  t->ordered = c->epoch;
}

/* At most n steps of a training, all in one epoch. */
static SeppoStatus run_steps(SeppoTask *t, int64_t n) {
  const ImageHead *h = t->image;
  seek(t);
  int64_t left = h->steps_per_epoch - t->runs % h->steps_per_epoch;
  int64_t full = h->rows ? (h->rows - t->context.position) / h->batch : left;
  bool tail = full == 0;
  int64_t most = tail ? 1 : full < left ? full : left;
  SeppoStatus status = call(t, t->program->entry[tail], n < most ? n : most);
  t->runs = t->context.step - 1;
  return status;
}

SeppoStatus seppo_run(SeppoTask *t, int64_t n) {
  SeppoStatus status = SEPPO_OK;
  for (int64_t end = t->runs + n; status == SEPPO_OK && t->runs < end;)
    status = t->image->training ? run_steps(t, end - t->runs) : run_once(t);
  return status;
}

int64_t seppo_steps(const SeppoTask *t) { return t->runs; }

int64_t seppo_steps_per_epoch(const SeppoTask *t) {
  return t->image->training && t->image->rows ? t->image->steps_per_epoch : 0;
}

void seppo_bad_index(const SeppoTask *t, int64_t *index, int64_t *extent) {
  if (index) *index = t->context.bad_index;
  if (extent) *extent = t->context.bad_extent;
}

/* ---------------------------------------------------------------- tensors */

size_t seppo_tensors(const SeppoTask *t, const SeppoTensor **list) {
  *list = t->tensor;
  return t->n_tensors;
}

const SeppoTensor *seppo_tensor(const SeppoTask *t, const char *name) {
  for (size_t i = 0; i < t->n_tensors; i++)
    if (!strcmp(t->tensor[i].name, name)) return &t->tensor[i];
  return NULL;
}

double seppo_log(SeppoTask *t, const char *name) {
  const ImageTensor *from = image_at(t, t->image->tensors);
  for (uint32_t i = 0; i < t->image->n_tensors; i++) {
    if (from[i].space != IMAGE_LOG || strcmp(image_at(t, from[i].name), name)) continue;
    double *sum = (double *)(void *)(t->context.cells + from[i].at);
    double *weight = (double *)(void *)(t->context.cells + from[i].at_weight);
    double mean = *sum / *weight;
    *sum = *weight = 0;
    return mean;
  }
  return NAN;
}
