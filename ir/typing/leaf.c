/* Type rules of constants, counts and random numbers. */
#include "ir/typing/typing.h"

TypeId type_const(TypeQuery *q) {
  if (q->attr->value >= ir_const_count(q->b->m)) return type_error(q, "there is no constant %u", q->attr->value);
  return ir_const_type(q->b->m, q->attr->value);
}

TypeId type_iota(TypeQuery *q) {
  const Attr *a = q->attr;
  if (a->dtype == DT_BOOL || a->dtype >= DT_COUNT) return dtype_error(q, "`iota` cannot count in bool");
  TypeId t = result_type(q, a->dtype, a->shape.n, a->shape.v);
  if (t != IR_NONE && (a->axis < 0 || a->axis >= a->shape.n))
    return type_error(q, "`iota` along axis %lld of %s", (long long)a->axis, shape_text(q, a->shape.n, a->shape.v));
  return t;
}

static bool is_key(const Type *t) { return !t->n_tuple && t->rank == 0 && t->dtype == DT_U64; }

TypeId type_key_fold(TypeQuery *q) {
  const Type *index = type_at(q, 1);
  bool fits = !index->n_tuple && index->rank == 0 && (index->dtype == DT_I64 || index->dtype == DT_U64);
  if (!is_key(type_at(q, 0)) || !fits)
    return dtype_error(q, "`key_fold` wants a key u64[] and an index i64[] or u64[], found %s and %s", type_name(q, 0),
                       type_name(q, 1));
  return q->type[0];
}

TypeId type_random(TypeQuery *q) {
  const Attr *a = q->attr;
  if (q->n != 1 && q->n != 2) return type_error(q, "`random` takes a key and a first element, found %u operands", q->n);
  const Type *first = q->n > 1 ? type_at(q, 1) : NULL;
  if (first && (first->n_tuple || first->rank || first->dtype != DT_I64))
    return dtype_error(q, "the first element of `random` is an i64[], found %s", type_name(q, 1));
  if (!is_key(type_at(q, 0))) return dtype_error(q, "`random` wants a key u64[], found %s", type_name(q, 0));
  if (a->dist > DIST_NORMAL) return type_error(q, "`random` knows no distribution number %u", a->dist);
  bool fits = a->dist == DIST_BITS ? a->dtype == DT_U32 || a->dtype == DT_U64 : ir_is_float(a->dtype);
  if (!fits)
    return dtype_error(q, "`random` draws %s, not %s", a->dist == DIST_BITS ? "bits as u32 or u64" : "f32 or f64",
                       ir_dtype_name(a->dtype));
  return result_type(q, a->dtype, a->shape.n, a->shape.v);
}
