/* Checkpoints: named tensors and string metadata in one safetensors file (huggingface/safetensors, format 0.4):
 * u64 little-endian header length, a JSON header padded with spaces to a multiple of 8, then the tensors' bytes.
 *
 * The file depends on its contents alone: tensors packed by type (widest first, so that each is aligned) and name, no
 * clock and no machine in it; byte for byte what the format's Python package writes.
 * It is written under a temporary name in the same folder, synced, renamed, and the folder synced: a reader finds the
 * old file or the new one, whole.
 */
#ifndef SEPPO_RUNTIME_CHECKPOINT_H
#define SEPPO_RUNTIME_CHECKPOINT_H

#include "runtime/base/diag.h"
#include "runtime/base/strbuf.h"
#include "runtime/dtype.h"
#include <stdbool.h>
#include <stdint.h>

#define CHECKPOINT_MAX_RANK 8

typedef struct CheckpointTensor {
  const char *name;
  uint8_t dtype, rank;
  int64_t dim[CHECKPOINT_MAX_RANK];
  const void *bytes; /* row-major, native byte order */
} CheckpointTensor;

/* Metadata a run writes: "step", "epoch", "seed" (decimal), "model" (hash of the model file), "task". */
typedef struct CheckpointMeta {
  const char *key, *value;
} CheckpointMeta;

/* False after a diagnostic (EXIT_FILES); an earlier file at `path` is then untouched. Any order of tensors. */
bool checkpoint_write(const char *path, const CheckpointTensor *tensor, uint32_t n, const CheckpointMeta *meta,
                      uint32_t n_meta, DiagSink *sink, Span at);

/* A file opened for reading: mapped, every offset, shape and dtype checked. */
typedef struct Checkpoint {
  Arena mem;
  const char *path;
  uint32_t n, n_meta;
  CheckpointTensor *tensor; /* sorted by name; bytes point into the mapping and may be unaligned in foreign files */
  CheckpointMeta *meta;     /* sorted by key */
  void *map;
  size_t map_bytes;
} Checkpoint;

/* NULL after a diagnostic (E0604, EXIT_FILES) that says what is wrong with the file. */
Checkpoint *checkpoint_open(const char *path, DiagSink *sink, Span at);
const CheckpointTensor *checkpoint_find(const Checkpoint *c, const char *name); /* NULL when absent */
const char *checkpoint_meta(const Checkpoint *c, const char *key);              /* NULL when absent */
uint64_t checkpoint_tensor_bytes(const CheckpointTensor *t);
/* The listing of `seppo ckpt`: metadata, then name, dtype, shape, mean, standard deviation, least and greatest. */
void checkpoint_list(const Checkpoint *c, StrBuf *out);
void checkpoint_close(Checkpoint *c);

#endif
