/* Checkpoints of tasks built ahead of time: the files of `seppo run`, read and written by name. An object of its own in
 * libseppo.a, so that only programs that use it link the JSON library. */
#include "runtime/checkpoint.h"
#include "runtime/ahead/seppo.h"
#include <stdlib.h>
#include <string.h>

/* What a checkpoint keeps: all that training changes. */
static bool is_kept(const SeppoTensor *t) {
  return t->role == SEPPO_PARAM || t->role == SEPPO_STATE || t->role == SEPPO_OPTIMIZER;
}

static CheckpointTensor as_stored(const SeppoTensor *t) {
  CheckpointTensor out = {.name = t->name, .dtype = (uint8_t)t->dtype, .rank = (uint8_t)t->rank, .bytes = t->data};
  memcpy(out.dim, t->dim, sizeof out.dim);
  return out;
}

static bool same_type(const SeppoTensor *t, const CheckpointTensor *c) {
  return c->dtype == (uint8_t)t->dtype && c->rank == t->rank && !memcmp(c->dim, t->dim, c->rank * sizeof *c->dim);
}

/* Is everything of the task there, or at least its parameters, in the right shapes? */
static bool fits(const SeppoTensor *list, size_t n, const Checkpoint *c) {
  for (size_t i = 0; i < n; i++) {
    const CheckpointTensor *found = is_kept(&list[i]) ? checkpoint_find(c, list[i].name) : NULL;
    if (found ? !same_type(&list[i], found) : list[i].role == SEPPO_PARAM) return false;
  }
  return true;
}

SeppoStatus seppo_load(SeppoTask *task, const char *path) {
  const SeppoTensor *list;
  size_t n = seppo_tensors(task, &list);
  DiagSink sink = {0};
  Checkpoint *c = checkpoint_open(path, &sink, SPAN_NONE);
  SeppoStatus status = c && fits(list, n, c) ? SEPPO_OK : SEPPO_NO_CHECKPOINT;
  for (size_t i = 0; status == SEPPO_OK && i < n; i++) {
    const CheckpointTensor *found = is_kept(&list[i]) ? checkpoint_find(c, list[i].name) : NULL;
    if (found) memcpy(list[i].data, found->bytes, list[i].bytes);
  }
  if (c) checkpoint_close(c);
  diag_sink_free(&sink);
  return status;
}

SeppoStatus seppo_save(const SeppoTask *task, const char *path) {
  const SeppoTensor *list;
  size_t n = seppo_tensors(task, &list);
  CheckpointTensor *tensor = calloc(n + 1, sizeof *tensor);
  uint32_t kept = 0;
  DiagSink sink = {0};
  if (!tensor) return SEPPO_NO_MEMORY;
  for (size_t i = 0; i < n; i++)
    if (is_kept(&list[i])) tensor[kept++] = as_stored(&list[i]);
  bool ok = checkpoint_write(path, tensor, kept, NULL, 0, &sink, SPAN_NONE);
  diag_sink_free(&sink);
  free(tensor);
  return ok ? SEPPO_OK : SEPPO_NO_CHECKPOINT;
}
