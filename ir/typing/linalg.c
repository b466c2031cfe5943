/* Type rules of linear algebra, batched over leading axes. */
#include "ir/typing/typing.h"
#include <string.h>

/* Operand 0 is a stack of float matrices, square when asked. */
static bool matrices(TypeQuery *q, bool square) {
  if (!all_tensors(q)) return false;
  const Type *a = type_at(q, 0);
  const char *name = op_table[q->op].name;
  if (!ir_is_float(a->dtype))
    return dtype_error(q, "`%s` is defined on f32 and f64, found %s", name, type_name(q, 0)), false;
  if (a->rank < 2) return shape_error(q, "`%s` wants a matrix, found %s", name, shape_name(q, 0)), false;
  if (square && a->dim[a->rank - 1] != a->dim[a->rank - 2])
    return shape_error(q, "`%s` wants a square matrix, found %s", name, shape_name(q, 0)), false;
  return true;
}

TypeId type_cholesky(TypeQuery *q) { return matrices(q, true) ? q->type[0] : IR_NONE; }

TypeId type_solve(TypeQuery *q) {
  if (!matrices(q, true)) return IR_NONE;
  const Type *a = type_at(q, 0), *b = type_at(q, 1);
  const char *name = op_table[q->op].name;
  if (a->dtype != b->dtype) return dtype_error(q, "dtypes do not fit: %s", call_text(q, true));
  uint32_t lead = a->rank - 2;
  bool fits = a->rank == b->rank && !memcmp(a->dim, b->dim, lead * sizeof *a->dim) && a->dim[lead] == b->dim[lead];
  if (!fits)
    return shape_error(q, "shapes do not fit: `%s` of %s and %s (the right-hand side is a matrix of %lld rows)", name,
                       shape_name(q, 0), shape_name(q, 1), (long long)a->dim[lead]);
  return q->type[1];
}

TypeId type_slogdet(TypeQuery *q) {
  if (!matrices(q, true)) return IR_NONE;
  const Type *a = type_at(q, 0);
  TypeId t = ir_type(q->b->m, a->dtype, a->rank - 2u, a->dim);
  return ir_tuple_type(q->b->m, (TypeId[]){t, t}, 2);
}

TypeId type_eigh(TypeQuery *q) {
  if (!matrices(q, true)) return IR_NONE;
  const Type *a = type_at(q, 0);
  TypeId w = ir_type(q->b->m, a->dtype, a->rank - 1u, a->dim);
  return ir_tuple_type(q->b->m, (TypeId[]){w, q->type[0]}, 2);
}

TypeId type_svd(TypeQuery *q) {
  if (!matrices(q, false)) return IR_NONE;
  Module *m = q->b->m;
  Type t = *type_at(q, 0);
  int64_t rows = t.dim[t.rank - 2], cols = t.dim[t.rank - 1], r = rows < cols ? rows : cols;
  t.dim[t.rank - 1] = r;
  TypeId u = ir_type(m, t.dtype, t.rank, t.dim);
  t.dim[t.rank - 2] = r;
  TypeId s = ir_type(m, t.dtype, t.rank - 1u, t.dim);
  t.dim[t.rank - 1] = cols;
  return ir_tuple_type(m, (TypeId[]){u, s, ir_type(m, t.dtype, t.rank, t.dim)}, 3);
}
