#include "runtime/checkpoint/safetensors.h"
#include <string.h>

typedef struct WordRow {
  const char *word;
  int order;
} WordRow;

static const WordRow rows[DT_COUNT] = {
    [DT_BOOL] = {"BOOL", 0}, [DT_U8] = {"U8", 1},   [DT_I32] = {"I32", 2}, [DT_U32] = {"U32", 3},
    [DT_F32] = {"F32", 4},   [DT_F64] = {"F64", 5}, [DT_I64] = {"I64", 6}, [DT_U64] = {"U64", 7},
};

const char *safetensors_dtype(DType t) { return (uint32_t)t < DT_COUNT ? rows[t].word : NULL; }

int safetensors_order(DType t) { return (uint32_t)t < DT_COUNT ? rows[t].order : -1; }

DType safetensors_dtype_by_name(const char *name) {
  for (uint32_t i = 0; i < DT_COUNT; i++)
    if (strcmp(rows[i].word, name) == 0) return (DType)i;
  return DT_COUNT;
}

uint64_t checkpoint_tensor_bytes(const CheckpointTensor *t) {
  uint64_t n = dtype_size((DType)t->dtype);
  for (uint32_t i = 0; i < t->rank; i++) n *= (uint64_t)t->dim[i];
  return n;
}
