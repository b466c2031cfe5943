/* What `seppo build` writes into an object beside the code, and libseppo.a reads: the task, its tensors, first values.
 *
 * An image is an ImageHead, then whatever its offsets (bytes from the head) lead to. Text ends in a zero byte.
 */
#ifndef SEPPO_RUNTIME_AHEAD_IMAGE_H
#define SEPPO_RUNTIME_AHEAD_IMAGE_H

#include "runtime/context.h"

/* Raised whenever this file, Context or RuntimeApi change. */
#define IMAGE_VERSION 1
#define IMAGE_MAX_RANK 8

typedef enum ImageSpace {
  IMAGE_CELL,  /* at = offset in the arena of cells */
  IMAGE_FIELD, /* at = number of the data field */
  IMAGE_VALUE, /* at = number of the value that the step hands out */
  IMAGE_LOG    /* at, at_weight = offsets of sum and weight in the arena of cells */
} ImageSpace;

typedef struct ImageTensor {
  uint64_t name;    /* offset of the text; 0: not to be seen, only room for a value */
  uint64_t initial; /* offset of the first bytes; 0: zeros */
  uint64_t at, at_weight;
  uint64_t elements, bytes;
  int64_t dim[IMAGE_MAX_RANK];
  uint8_t space, role, dtype, rank; /* role: SeppoRole; dtype: DType */
  uint32_t reserved;
} ImageTensor;

typedef struct ImageHead {
  uint32_t version, vector_bytes;          /* 64, 32, 16: what the code needs of the processor */
  uint64_t cell_bytes, temp_bytes, stream; /* stream: hash of the task's name, which its random key takes up */
  uint64_t seed;
  uint32_t n_tensors, n_fields, n_values, source; /* source: number of the row source, of which shuffles depend */
  uint64_t tensors;                               /* offset of n_tensors ImageTensors */
  int64_t rows, batch, steps_per_epoch;           /* rows 0: no data */
  uint8_t training, shuffle, tail;                /* tail: the short last batch is a step of its own */
} ImageHead;

#endif
