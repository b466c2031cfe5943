/* Element types of tensors: shared by stored data, checkpoints, the graph and generated code. */
#ifndef SEPPO_RUNTIME_DTYPE_H
#define SEPPO_RUNTIME_DTYPE_H

#include <stdint.h>

typedef enum DType { DT_BOOL, DT_U8, DT_I32, DT_I64, DT_U32, DT_U64, DT_F32, DT_F64, DT_COUNT } DType;

/* Bytes of one element; 0 for an unknown type. */
uint32_t dtype_size(DType t);
/* "f32" as the language writes it. */
const char *dtype_name(DType t);

#endif
