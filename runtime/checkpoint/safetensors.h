/* What writer and reader of safetensors share. */
#ifndef SEPPO_RUNTIME_CHECKPOINT_SAFETENSORS_H
#define SEPPO_RUNTIME_CHECKPOINT_SAFETENSORS_H

#include "runtime/checkpoint.h"

/* "F32"; NULL for a type the format has no word for. */
const char *safetensors_dtype(DType t);
/* DT_COUNT when the word names no type of ours ("BF16", "F8_E4M3", nonsense). */
DType safetensors_dtype_by_name(const char *name);
/* Place of the type in the order of the file, widest last. */
int safetensors_order(DType t);

#endif
