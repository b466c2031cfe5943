/* Type rules of tuples, loops and the pseudo ops. */
#include "ir/typing/typing.h"
#include <stdlib.h>

TypeId type_proj(TypeQuery *q) {
  const Type *t = type_at(q, 0);
  int64_t i = q->attr->index;
  if (i < 0 || i >= t->n_tuple) return type_error(q, "there is no member %lld in %s", (long long)i, type_name(q, 0));
  return t->tuple[i];
}

static const Region *body_of(TypeQuery *q, uint32_t i) {
  if (q->body[i] != IR_NONE && q->body[i] < q->b->m->region.n) return ir_region(q->b->m, q->body[i]);
  type_error(q, "`%s` has no body", op_table[q->op].name);
  return NULL;
}

static TypeId param_type(const Region *r, uint32_t i) { return r->node.at[r->param.at[i]].type; }

/* A result may be IR_NONE after an error inside the body. */
static TypeId result_of(const Region *r, uint32_t i) {
  NodeId n = r->result.at[i];
  return n < r->node.n ? r->node.at[n].type : IR_NONE;
}

/* Parameter i of the body has this type. */
static bool param_fits(TypeQuery *q, const Region *r, uint32_t i, TypeId want, const char *what) {
  if (param_type(r, i) == want) return true;
  dtype_error(q, "`%s`: %s enters as %s, the body expects %s", op_table[q->op].name, what, ir_type_str(q->b->m, want),
              ir_type_str(q->b->m, param_type(r, i)));
  return false;
}

/* The carried values leave the body with the type they enter it. */
static bool carries_fit(TypeQuery *q, const Region *r, uint32_t n_carry) {
  for (uint32_t i = 0; i < n_carry; i++) {
    TypeId out = result_of(r, i);
    if (out == q->type[i]) continue;
    if (out != IR_NONE)
      shape_error(q, "a value carried by the loop enters an iteration as %s and leaves it as %s", type_name(q, i),
                  ir_type_str(q->b->m, out));
    return false;
  }
  return true;
}

static bool has_counts(TypeQuery *q, const Region *r, uint32_t params, uint32_t results) {
  if (r->param.n == params && r->result.n == results) return true;
  type_error(q, "`%s`: its body has %u parameters and %u results, %u and %u are wanted", op_table[q->op].name,
             r->param.n, r->result.n, params, results);
  return false;
}

/* Operand i is stacked along the loop; the type of one iteration's part, IR_NONE after a diagnostic. */
static TypeId slice_type(TypeQuery *q, uint32_t i) {
  const Type *t = type_at(q, i);
  if (t->n_tuple || t->rank == 0 || t->dim[0] != q->attr->count)
    return shape_error(q, "a loop of %lld iterations over %s", (long long)q->attr->count, type_name(q, i));
  return ir_type(q->b->m, t->dtype, t->rank - 1u, t->dim + 1);
}

static TypeId stack_type(TypeQuery *q, TypeId part) {
  if (part == IR_NONE) return IR_NONE;
  const Type *t = ir_type_get(q->b->m, part);
  if (t->n_tuple) return dtype_error(q, "a loop cannot collect tuples");
  int64_t dim[IR_MAX_RANK + 1] = {q->attr->count};
  for (uint32_t i = 0; i < t->rank; i++) dim[i + 1] = t->dim[i];
  return result_type(q, t->dtype, t->rank + 1u, dim);
}

static bool trip_count_ok(TypeQuery *q) {
  if (q->attr->count >= 0 && q->attr->count <= IR_MAX_ELEMENTS) return true;
  type_error(q, "a loop of %lld iterations", (long long)q->attr->count);
  return false;
}

static bool scan_operands_ok(TypeQuery *q, const Region *body) {
  const Attr *a = q->attr;
  if (!param_fits(q, body, 0, ir_scalar(q->b->m, DT_I64), "the loop variable")) return false;
  for (uint32_t i = 0; i < q->n; i++) {
    bool stacked = i >= a->n_carry && i < a->n_carry + a->n_xs;
    TypeId part = stacked ? slice_type(q, i) : q->type[i];
    const char *what = i < a->n_carry ? "a carried value" : stacked ? "one part of a sequence" : "an outer value";
    if (part == IR_NONE || !param_fits(q, body, 1 + i, part, what)) return false;
  }
  return true;
}

TypeId type_scan(TypeQuery *q) {
  const Attr *a = q->attr;
  const Region *body = body_of(q, 0);
  if (!body || !trip_count_ok(q)) return IR_NONE;
  uint64_t groups = (uint64_t)a->n_carry + a->n_xs + a->n_consts;
  if (groups != q->n)
    return type_error(q, "`scan` of %u operands names %u + %u + %u", q->n, a->n_carry, a->n_xs, a->n_consts);
  uint32_t n = a->n_carry + a->n_ys;
  if (!has_counts(q, body, 1 + q->n, n) || !scan_operands_ok(q, body) || !carries_fit(q, body, a->n_carry))
    return IR_NONE;
  TypeId few[32], *type = n > 32 ? arena_array(&q->b->m->mem, TypeId, n) : few;
  for (uint32_t i = 0; i < n; i++) {
    type[i] = i < a->n_carry ? q->type[i] : stack_type(q, result_of(body, i));
    if (type[i] == IR_NONE) return IR_NONE;
  }
  TypeId t = ir_tuple_type(q->b->m, type, n);
  return t == IR_NONE ? type_error(q, "a loop with %u results", n) : t;
}

TypeId type_while(TypeQuery *q) {
  const Attr *a = q->attr;
  Module *m = q->b->m;
  const Region *cond = body_of(q, 0), *body = body_of(q, 1);
  if (!cond || !body || !trip_count_ok(q)) return IR_NONE;
  if ((uint64_t)a->n_carry + a->n_consts != q->n)
    return type_error(q, "`while` of %u operands names %u + %u", q->n, a->n_carry, a->n_consts);
  if (!has_counts(q, cond, q->n, 1) || !has_counts(q, body, 1 + q->n, a->n_carry)) return IR_NONE;
  if (result_of(cond, 0) != ir_scalar(m, DT_BOOL))
    return dtype_error(q, "the condition of a loop is %s, not bool[]", ir_type_str(m, result_of(cond, 0)));
  if (!param_fits(q, body, 0, ir_scalar(m, DT_I64), "the loop variable")) return IR_NONE;
  for (uint32_t i = 0; i < q->n; i++)
    if (!param_fits(q, cond, i, q->type[i], "a value") || !param_fits(q, body, 1 + i, q->type[i], "a value"))
      return IR_NONE;
  if (!carries_fit(q, body, a->n_carry)) return IR_NONE;
  TypeId *type = arena_array(&m->mem, TypeId, a->n_carry + 1);
  for (uint32_t i = 0; i < a->n_carry; i++) type[i] = q->type[i];
  type[a->n_carry] = ir_scalar(m, DT_I64);
  return ir_tuple_type(m, type, a->n_carry + 1);
}

TypeId type_grad(TypeQuery *q) {
  if (q->n < 2 || q->attr->order != q->n - 1)
    return type_error(q, "`grad` of %u operands names %u variables", q->n, q->attr->order);
  if (!all_tensors(q)) return IR_NONE;
  const Type *y = type_at(q, 0);
  if (y->rank || !ir_is_float(y->dtype))
    return shape_error(q, "a gradient is taken of a scalar f32 or f64, found %s", type_name(q, 0));
  for (uint32_t i = 1; i < q->n; i++)
    if (!ir_is_float(type_at(q, i)->dtype))
      return dtype_error(q, "there is no derivative with respect to %s", type_name(q, i));
  return ir_tuple_type(q->b->m, q->type + 1, q->n - 1);
}
