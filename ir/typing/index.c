/* Type rules of indexing: x[B.., P.., N, R..] with i[B.., I..] is [B.., P.., I.., R..]. */
#include "ir/typing/typing.h"
#include <string.h>

/* Writes the shape that gather gives (up to 2 * IR_MAX_RANK axes) and returns its rank; 0 axes and false on error. */
static bool gathered_shape(TypeQuery *q, int64_t *dim, uint32_t *rank) {
  const Type *x = type_at(q, 0), *i = type_at(q, 1);
  int64_t axis = q->attr->axis, batch = q->attr->n_batch;
  const char *name = op_table[q->op].name;
  if (!axis_ok(q, 0, axis)) return false;
  if (i->dtype != DT_I32) return dtype_error(q, "indices are i32, found %s", type_name(q, 1)), false;
  if (batch < 0 || batch > axis || batch > i->rank)
    return type_error(q, "`%s` of %s at %s has %lld batch axes", name, shape_name(q, 0), shape_name(q, 1),
                      (long long)batch),
           false;
  uint32_t n = 0;
  for (int64_t k = 0; k < axis; k++) {
    if (k < batch && x->dim[k] != i->dim[k])
      return shape_error(q, "shapes do not fit: `%s` of %s at %s (axis %lld is %lld against %lld)", name,
                         shape_name(q, 0), shape_name(q, 1), (long long)k, (long long)x->dim[k], (long long)i->dim[k]),
             false;
    dim[n++] = x->dim[k];
  }
  for (int64_t k = batch; k < i->rank; k++) dim[n++] = i->dim[k];
  for (int64_t k = axis + 1; k < x->rank; k++) dim[n++] = x->dim[k];
  *rank = n;
  return true;
}

TypeId type_gather(TypeQuery *q) {
  int64_t dim[2 * IR_MAX_RANK];
  uint32_t rank;
  if (!all_tensors(q) || !gathered_shape(q, dim, &rank)) return IR_NONE;
  return result_type(q, type_at(q, 0)->dtype, rank, dim);
}

TypeId type_scatter(TypeQuery *q) {
  int64_t dim[2 * IR_MAX_RANK];
  uint32_t rank;
  if (!all_tensors(q) || !gathered_shape(q, dim, &rank)) return IR_NONE;
  const Type *acc = type_at(q, 0), *u = type_at(q, 2);
  if (u->dtype != acc->dtype) return dtype_error(q, "dtypes do not fit: %s", call_text(q, true));
  if (q->op == OP_scatter_add && acc->dtype == DT_BOOL) return dtype_error(q, "no sums of bool");
  if (u->rank != rank || memcmp(u->dim, dim, rank * sizeof *dim))
    return shape_error(q, "shapes do not fit: the places %s of %s hold %s, the update is %s", shape_name(q, 1),
                       shape_name(q, 0), shape_text(q, rank, dim), shape_name(q, 2));
  return q->type[0];
}

/* Operands from `first` on are one index scalar for each of `rank` axes. */
static bool starts_ok(TypeQuery *q, uint32_t first, uint32_t rank) {
  if (q->n != first + rank)
    return type_error(q, "`%s` of %s wants %u starts, found %u", op_table[q->op].name, shape_name(q, 0), rank,
                      q->n > first ? q->n - first : 0),
           false;
  for (uint32_t i = first; i < q->n; i++)
    if (!is_index_scalar(type_at(q, i)))
      return dtype_error(q, "the start of axis %u is %s, not an i32 or i64 scalar", i - first, type_name(q, i)), false;
  return true;
}

static bool block_fits(TypeQuery *q, const Type *x, const int64_t *size) {
  for (uint32_t i = 0; i < x->rank; i++)
    if (size[i] < 0 || size[i] > x->dim[i])
      return shape_error(q, "a block of %s does not fit in %s: axis %u is %lld against %lld",
                         shape_text(q, x->rank, size), shape_name(q, 0), i, (long long)size[i], (long long)x->dim[i]),
             false;
  return true;
}

TypeId type_dynamic_slice(TypeQuery *q) {
  if (q->n == 0) return type_error(q, "`dynamic_slice` of nothing");
  const Type *x = type_at(q, 0);
  const IntList *sizes = &q->attr->sizes;
  if (!all_tensors(q) || !starts_ok(q, 1, x->rank) || !length_ok(q, sizes, "sizes", x->rank) ||
      !block_fits(q, x, sizes->v))
    return IR_NONE;
  return ir_type(q->b->m, x->dtype, x->rank, sizes->v);
}

TypeId type_dynamic_update(TypeQuery *q) {
  if (q->n < 2) return type_error(q, "`%s` wants a tensor, a block and starts", op_table[q->op].name);
  const Type *x = type_at(q, 0), *u = type_at(q, 1);
  if (!all_tensors(q) || !starts_ok(q, 2, x->rank)) return IR_NONE;
  if (u->dtype != x->dtype)
    return dtype_error(q, "dtypes do not fit: a block of %s in %s", type_name(q, 1), type_name(q, 0));
  if (q->op == OP_dynamic_add && x->dtype == DT_BOOL) return dtype_error(q, "no sums of bool");
  if (u->rank != x->rank)
    return shape_error(q, "shapes do not fit: a block of %s in %s (%u axes against %u)", shape_name(q, 1),
                       shape_name(q, 0), u->rank, x->rank);
  return block_fits(q, x, u->dim) ? q->type[0] : IR_NONE;
}
