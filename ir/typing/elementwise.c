/* Type rules of elementwise ops: operands of one shape; broadcasting is an op of its own. */
#include "ir/typing/typing.h"
#include <string.h>

/* Says which axes disagree: "axis 1 is 10 against 12". */
static bool same_shape(TypeQuery *q, uint32_t i, uint32_t j) {
  const Type *a = type_at(q, i), *b = type_at(q, j);
  if (a->rank == b->rank && !memcmp(a->dim, b->dim, a->rank * sizeof *a->dim)) return true;
  const char *call = call_text(q, false);
  if (a->rank != b->rank) {
    shape_error(q, "shapes do not fit: %s (%u axes against %u)", call, a->rank, b->rank);
    return false;
  }
  uint32_t k = 0;
  while (a->dim[k] == b->dim[k]) k++;
  shape_error(q, "shapes do not fit: %s (axis %u is %lld against %lld)", call, k, (long long)a->dim[k],
              (long long)b->dim[k]);
  return false;
}

/* All operands tensors of one shape and dtype. */
static bool same_types(TypeQuery *q) {
  if (!all_tensors(q)) return false;
  for (uint32_t i = 1; i < q->n; i++) {
    if (q->type[i] == q->type[0]) continue;
    if (!same_shape(q, 0, i)) return false;
    dtype_error(q, "dtypes do not fit: %s", call_text(q, true));
    return false;
  }
  return true;
}

TypeId type_same(TypeQuery *q) { return q->type[0]; }

TypeId type_arith(TypeQuery *q) {
  if (!same_types(q)) return IR_NONE;
  if (type_at(q, 0)->dtype == DT_BOOL) return dtype_error(q, "no arithmetic on bool: %s", call_text(q, true));
  return q->type[0];
}

TypeId type_float(TypeQuery *q) {
  if (!same_types(q)) return IR_NONE;
  if (!ir_is_float(type_at(q, 0)->dtype))
    return dtype_error(q, "`%s` is defined on f32 and f64: %s", op_table[q->op].name, call_text(q, true));
  return q->type[0];
}

/* The shape of operand 0 with another dtype. */
static TypeId reshaped_dtype(TypeQuery *q, DType dtype) {
  const Type *t = type_at(q, 0);
  return ir_type(q->b->m, dtype, t->rank, t->dim);
}

TypeId type_cast(TypeQuery *q) {
  if (!all_tensors(q)) return IR_NONE;
  if (q->attr->dtype >= DT_COUNT) return dtype_error(q, "`cast` to an unknown dtype");
  return reshaped_dtype(q, q->attr->dtype);
}

TypeId type_compare(TypeQuery *q) { return same_types(q) ? reshaped_dtype(q, DT_BOOL) : IR_NONE; }

TypeId type_bits(TypeQuery *q) {
  if (!same_types(q)) return IR_NONE;
  DType d = type_at(q, 0)->dtype;
  bool shift = q->op == OP_shl || q->op == OP_shr;
  if (ir_is_float(d) || (shift && d == DT_BOOL))
    return dtype_error(q, "`%s` is defined on %s: %s", op_table[q->op].name, shift ? "integers" : "bool and integers",
                       call_text(q, true));
  return q->type[0];
}

TypeId type_is_finite(TypeQuery *q) { return type_float(q) == IR_NONE ? IR_NONE : reshaped_dtype(q, DT_BOOL); }

TypeId type_select(TypeQuery *q) {
  if (!all_tensors(q)) return IR_NONE;
  if (type_at(q, 0)->dtype != DT_BOOL)
    return dtype_error(q, "the condition of a choice is %s, not bool", type_name(q, 0));
  if (!same_shape(q, 1, 2) || !same_shape(q, 0, 1)) return IR_NONE;
  if (q->type[1] != q->type[2]) return dtype_error(q, "dtypes do not fit: %s", call_text(q, true));
  return q->type[1];
}
