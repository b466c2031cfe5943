/* Type rules of reductions, running sums and sorting. */
#include "ir/typing/typing.h"

/* One tensor of numbers. */
static bool number_tensor(TypeQuery *q) {
  if (!all_tensors(q)) return false;
  if (type_at(q, 0)->dtype != DT_BOOL) return true;
  dtype_error(q, "`%s` of bool: cast it to a number first", op_table[q->op].name);
  return false;
}

TypeId type_reduce(TypeQuery *q) {
  const Type *x = type_at(q, 0);
  const IntList *axes = &q->attr->axes;
  if (!number_tensor(q) || !axes_ok(q, axes, "axes", x->rank, true)) return IR_NONE;
  int64_t dim[IR_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t i = 0, k = 0; i < x->rank; i++) {
    if (k < axes->n && axes->v[k] == i)
      k++;
    else
      dim[rank++] = x->dim[i];
  }
  return ir_type(q->b->m, x->dtype, rank, dim);
}

TypeId type_argmax(TypeQuery *q) {
  if (!number_tensor(q) || !axis_ok(q, 0, q->attr->axis)) return IR_NONE;
  const Type *x = type_at(q, 0);
  if (x->dim[q->attr->axis] == 0)
    return shape_error(q, "`%s` along axis %lld of %s, which is empty", op_table[q->op].name, (long long)q->attr->axis,
                       shape_name(q, 0));
  int64_t dim[IR_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < x->rank; i++)
    if (i != (uint32_t)q->attr->axis) dim[rank++] = x->dim[i];
  return ir_type(q->b->m, DT_I32, rank, dim);
}

TypeId type_cumsum(TypeQuery *q) { return number_tensor(q) && axis_ok(q, 0, q->attr->axis) ? q->type[0] : IR_NONE; }

TypeId type_sort(TypeQuery *q) { return type_cumsum(q); }

TypeId type_argsort(TypeQuery *q) {
  if (type_cumsum(q) == IR_NONE) return IR_NONE;
  const Type *x = type_at(q, 0);
  return ir_type(q->b->m, DT_I32, x->rank, x->dim);
}
