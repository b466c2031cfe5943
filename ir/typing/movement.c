/* Type rules of ops that move elements. */
#include "ir/typing/typing.h"

TypeId type_broadcast(TypeQuery *q) {
  if (!all_tensors(q)) return IR_NONE;
  const Attr *a = q->attr;
  const Type *x = type_at(q, 0);
  TypeId t = result_type(q, x->dtype, a->shape.n, a->shape.v);
  if (t == IR_NONE || !length_ok(q, &a->axes, "axes", x->rank)) return IR_NONE;
  if (!axes_ok(q, &a->axes, "axes", a->shape.n, true)) return IR_NONE;
  for (uint32_t i = 0; i < x->rank; i++)
    if (a->shape.v[a->axes.v[i]] != x->dim[i])
      return shape_error(q, "%s does not broadcast to %s: axis %u of extent %lld would become axis %lld of extent %lld",
                         shape_name(q, 0), shape_text(q, a->shape.n, a->shape.v), i, (long long)x->dim[i],
                         (long long)a->axes.v[i], (long long)a->shape.v[a->axes.v[i]]);
  return t;
}

TypeId type_reshape(TypeQuery *q) {
  if (!all_tensors(q)) return IR_NONE;
  const IntList *s = &q->attr->shape;
  const Type *x = type_at(q, 0);
  TypeId t = result_type(q, x->dtype, s->n, s->v);
  if (t == IR_NONE) return IR_NONE;
  int64_t have = ir_elements(x), want = ir_elements(ir_type_get(q->b->m, t));
  if (have != want)
    return shape_error(q, "%s cannot be reshaped to %s: %lld elements against %lld", shape_name(q, 0),
                       shape_text(q, s->n, s->v), (long long)have, (long long)want);
  return t;
}

TypeId type_transpose(TypeQuery *q) {
  if (!all_tensors(q)) return IR_NONE;
  const IntList *perm = &q->attr->axes;
  const Type *x = type_at(q, 0);
  if (!length_ok(q, perm, "axes", x->rank) || !axes_ok(q, perm, "axes", x->rank, false)) return IR_NONE;
  int64_t dim[IR_MAX_RANK];
  for (uint32_t i = 0; i < x->rank; i++) dim[i] = x->dim[perm->v[i]];
  return ir_type(q->b->m, x->dtype, x->rank, dim);
}

TypeId type_reverse(TypeQuery *q) {
  if (!all_tensors(q) || !axes_ok(q, &q->attr->axes, "axes", type_at(q, 0)->rank, true)) return IR_NONE;
  return q->type[0];
}

/* A tensor, and `lo`, `hi` and `step` for each of its axes. */
static bool bounds_ok(TypeQuery *q) {
  if (!all_tensors(q)) return false;
  const Attr *a = q->attr;
  const uint32_t rank = type_at(q, 0)->rank;
  return length_ok(q, &a->lo, "lo", rank) && length_ok(q, &a->hi, "hi", rank) && length_ok(q, &a->step, "step", rank);
}

TypeId type_slice(TypeQuery *q) {
  if (!bounds_ok(q)) return IR_NONE;
  const Attr *a = q->attr;
  const Type *x = type_at(q, 0);
  int64_t dim[IR_MAX_RANK];
  for (uint32_t i = 0; i < x->rank; i++) {
    int64_t lo = a->lo.v[i], hi = a->hi.v[i], step = a->step.v[i];
    if (lo < 0 || hi < lo || hi > x->dim[i])
      return type_error(q, "the slice %lld:%lld is out of range for axis %u of %s", (long long)lo, (long long)hi, i,
                        shape_name(q, 0));
    if (step < 1) return type_error(q, "a slice with the step %lld", (long long)step);
    dim[i] = (hi - lo) / step + ((hi - lo) % step != 0);
  }
  return ir_type(q->b->m, x->dtype, x->rank, dim);
}

TypeId type_pad(TypeQuery *q) {
  if (!bounds_ok(q)) return IR_NONE;
  const Attr *a = q->attr;
  const Type *x = type_at(q, 0);
  int64_t dim[IR_MAX_RANK];
  for (uint32_t i = 0; i < x->rank; i++) {
    int64_t lo = a->lo.v[i], hi = a->hi.v[i], gap = a->step.v[i], gaps = x->dim[i] > 1 ? x->dim[i] - 1 : 0;
    bool huge = lo > IR_MAX_ELEMENTS || hi > IR_MAX_ELEMENTS || gap > IR_MAX_ELEMENTS || lo < -IR_MAX_ELEMENTS ||
                hi < -IR_MAX_ELEMENTS || (gaps && gap > IR_MAX_ELEMENTS / gaps);
    if (gap < 0 || huge)
      return type_error(q, "padding of %lld, %lld and %lld between elements is out of range", (long long)lo,
                        (long long)hi, (long long)gap);
    dim[i] = lo + hi + x->dim[i] + gaps * gap;
    if (dim[i] < 0)
      return type_error(q, "cropping %lld and %lld from axis %u of %s leaves less than nothing", (long long)-lo,
                        (long long)-hi, i, shape_name(q, 0));
  }
  return result_type(q, x->dtype, x->rank, dim);
}

TypeId type_concat(TypeQuery *q) {
  if (q->n == 0) return type_error(q, "nothing to join");
  if (!all_tensors(q) || !axis_ok(q, 0, q->attr->axis)) return IR_NONE;
  Type t = *type_at(q, 0);
  for (uint32_t i = 1; i < q->n; i++) {
    const Type *x = type_at(q, i);
    if (x->dtype != t.dtype) return dtype_error(q, "dtypes do not fit: %s", call_text(q, true));
    if (x->rank != t.rank)
      return shape_error(q, "shapes do not fit: %s (%u axes against %u)", call_text(q, false), t.rank, x->rank);
    for (uint32_t k = 0; k < t.rank; k++)
      if (k != (uint32_t)q->attr->axis && x->dim[k] != t.dim[k])
        return shape_error(q, "shapes do not fit: %s along axis %lld (axis %u is %lld against %lld)",
                           call_text(q, false), (long long)q->attr->axis, k, (long long)t.dim[k], (long long)x->dim[k]);
    t.dim[q->attr->axis] += x->dim[q->attr->axis];
  }
  return result_type(q, t.dtype, t.rank, t.dim);
}
