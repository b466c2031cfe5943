/* Tensors: values of the graph, arithmetic on them, broadcasting. */
#ifndef SEPPO_FRONTEND_ELAB_TENSOR_H
#define SEPPO_FRONTEND_ELAB_TENSOR_H

#include "frontend/elab/value.h"

const Type *type_of(Elab *E, Val tensor);
const char *type_text(Elab *E, Val tensor);
/* A tensor from a tensor, number, bool, nested list or group member; dtype DT_COUNT = its own kind's default. */
Val to_tensor(Elab *E, Val v, DType dtype, Span span);
Val to_float(Elab *E, Val v, Span span); /* tensor of a float dtype */
DType join_dtypes(Elab *E, Val a, Val b, bool want_float);
Val tensor_binary(Elab *E, Op op, Val a, Val b, Span span, const char *sign);
Val tensor_arith(Elab *E, BinaryOp op, Val a, Val b, Span span);
Val tensor_neg(Elab *E, Val a, Span span);
Val tensor_not(Elab *E, Val a, Span span);
Val tensor_matmul(Elab *E, Val a, Val b, Span span);
Val tensor_cast(Elab *E, Val a, DType dtype, Span span);
/* Gives a and b one shape by rule 11; false after an error that names both. */
bool broadcast_pair(Elab *E, Val *a, Val *b, Span span, const char *sign);
Val broadcast_shape(Elab *E, Val a, uint32_t rank, const int64_t *dim, uint16_t ones, Span span);
Val tensor_select(Elab *E, Val c, Val a, Val b, Span span);
/* Entries lo .. hi-1 of an axis. */
Val slice_axis(Elab *E, Val t, int64_t axis, int64_t lo, int64_t hi);
const char *dims_text(Elab *E, uint32_t rank, const int64_t *dim);

#endif
