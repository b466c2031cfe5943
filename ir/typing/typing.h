/* What type rules share. A rule reads a TypeQuery and returns the result's type, or reports and returns IR_NONE. */
#ifndef SEPPO_IR_TYPING_H
#define SEPPO_IR_TYPING_H

#include "ir/build.h"
#include "ir/codes.h"

/* Report at the builder's location, with the calls it was inlined from as notes; aborts when the builder has no sink.
 */
TypeId type_fail(TypeQuery *q, const char *code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define type_error(q, ...) type_fail(q, CODE_ATTR, __VA_ARGS__)
#define shape_error(q, ...) type_fail(q, CODE_SHAPE, __VA_ARGS__)
#define dtype_error(q, ...) type_fail(q, CODE_DTYPE, __VA_ARGS__)
void type_hint(TypeQuery *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline const Type *type_at(const TypeQuery *q, uint32_t i) { return ir_type_get(q->b->m, q->type[i]); }
static inline const char *type_name(const TypeQuery *q, uint32_t i) { return ir_type_str(q->b->m, q->type[i]); }
/* "[64, 784]" of operand i; text lives in the module's arena. */
const char *shape_name(const TypeQuery *q, uint32_t i);
const char *shape_text(const TypeQuery *q, uint32_t rank, const int64_t *dim);
/* The expression as a user would write it: "[64, 784] + [400]", "exp([3])"; with dtypes when asked. */
const char *call_text(const TypeQuery *q, bool dtypes);

/* True when every operand is a tensor, not a tuple. */
bool all_tensors(TypeQuery *q);
/* The tensor type, or a diagnostic when the shape is out of range. */
TypeId result_type(TypeQuery *q, DType dtype, uint32_t rank, const int64_t *dim);
/* True when `axis` names an axis of operand i. */
bool axis_ok(TypeQuery *q, uint32_t i, int64_t axis);
/* True when the axes are in range of a rank and no axis appears twice; `sorted`: also increasing. */
bool axes_ok(TypeQuery *q, const IntList *axes, const char *name, uint32_t rank, bool sorted);
/* True when the list has n entries. */
bool length_ok(TypeQuery *q, const IntList *l, const char *name, uint32_t n);
/* True for i32[] and i64[] scalars. */
bool is_index_scalar(const Type *t);

#endif
