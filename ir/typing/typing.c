#include "ir/typing/typing.h"
#include <stdarg.h>
#include <stdlib.h>

TypeId type_fail(TypeQuery *q, const char *code, const char *fmt, ...) {
  Builder *b = q->b;
  va_list ap;
  va_start(ap, fmt);
  StrBuf text = {0};
  sb_vprintf(&text, fmt, ap);
  va_end(ap);
  if (!b->sink) {
    fprintf(stderr, "seppo: internal error: %s in %s\n", text.s, call_text(q, true));
    abort();
  }
  ir_error(b->m, b->sink, b->loc, code, "%s", text.s);
  sb_free(&text);
  return IR_NONE;
}

void type_hint(TypeQuery *q, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  StrBuf text = {0};
  sb_vprintf(&text, fmt, ap);
  va_end(ap);
  diag_hint(q->b->sink, "%s", text.s);
  sb_free(&text);
}

static void put_shape(StrBuf *b, uint32_t rank, const int64_t *dim) {
  sb_putc(b, '[');
  for (uint32_t i = 0; i < rank; i++) sb_printf(b, "%s%lld", i ? ", " : "", (long long)dim[i]);
  sb_putc(b, ']');
}

static const char *keep(const TypeQuery *q, StrBuf *b) {
  const char *s = arena_strndup(&q->b->m->mem, b->s, b->n);
  sb_free(b);
  return s;
}

const char *shape_text(const TypeQuery *q, uint32_t rank, const int64_t *dim) {
  StrBuf b = {0};
  put_shape(&b, rank < IR_MAX_RANK ? rank : IR_MAX_RANK, dim);
  return keep(q, &b);
}

const char *shape_name(const TypeQuery *q, uint32_t i) {
  const Type *t = type_at(q, i);
  return t->n_tuple ? type_name(q, i) : shape_text(q, t->rank, t->dim);
}

/* How the language writes the ops that have a sign. */
static const char *sign_of(Op op) {
  switch (op) {
  case OP_add: return "+";
  case OP_sub: return "-";
  case OP_mul: return "*";
  case OP_div: return "/";
  case OP_rem: return "%";
  case OP_pow: return "^";
  case OP_eq: return "==";
  case OP_ne: return "!=";
  case OP_lt: return "<";
  case OP_le: return "<=";
  case OP_dot_general: return "@";
  default: return NULL;
  }
}

const char *call_text(const TypeQuery *q, bool dtypes) {
  StrBuf b = {0};
  const char *sign = q->n == 2 ? sign_of(q->op) : NULL;
  if (!sign) sb_printf(&b, "%s(", op_table[q->op].name);
  for (uint32_t i = 0; i < q->n; i++) {
    if (i) sb_printf(&b, sign ? " %s " : "%s ", sign ? sign : ",");
    sb_puts(&b, dtypes ? type_name(q, i) : shape_name(q, i));
  }
  if (!sign) sb_putc(&b, ')');
  return keep(q, &b);
}

bool all_tensors(TypeQuery *q) {
  for (uint32_t i = 0; i < q->n; i++)
    if (type_at(q, i)->n_tuple) {
      dtype_error(q, "`%s` wants tensors, operand %u is the tuple %s", op_table[q->op].name, i + 1, type_name(q, i));
      return false;
    }
  return true;
}

TypeId result_type(TypeQuery *q, DType dtype, uint32_t rank, const int64_t *dim) {
  if (rank > IR_MAX_RANK)
    return shape_error(q, "the result of %s has %u axes, at most %d are possible", call_text(q, false), rank,
                       IR_MAX_RANK);
  TypeId t = ir_type(q->b->m, dtype, rank, dim);
  if (t == IR_NONE)
    return shape_error(q,
                       "the shape %s of %s is out of range: extents may not be negative, and a tensor holds at most "
                       "2^40 elements",
                       shape_text(q, rank, dim), op_table[q->op].name);
  return t;
}

bool axis_ok(TypeQuery *q, uint32_t i, int64_t axis) {
  if (axis >= 0 && axis < type_at(q, i)->rank) return true;
  type_error(q, "`%s` along axis %lld of %s, which has %u axes", op_table[q->op].name, (long long)axis,
             shape_name(q, i), type_at(q, i)->rank);
  return false;
}

bool axes_ok(TypeQuery *q, const IntList *axes, const char *name, uint32_t rank, bool sorted) {
  const char *op = op_table[q->op].name;
  if (axes->n > IR_MAX_RANK) return type_error(q, "`%s` has %u entries in `%s`", op, axes->n, name), false;
  for (uint32_t i = 0, seen = 0; i < axes->n; i++) {
    int64_t a = axes->v[i];
    if (a < 0 || a >= rank)
      return type_error(q, "`%s`: axis %lld in `%s` is out of range for %u axes", op, (long long)a, name, rank), false;
    if (seen >> a & 1) return type_error(q, "`%s`: axis %lld appears twice in `%s`", op, (long long)a, name), false;
    if (sorted && seen >> a) return type_error(q, "`%s`: `%s` must be in increasing order", op, name), false;
    seen |= 1u << a;
  }
  return true;
}

bool length_ok(TypeQuery *q, const IntList *l, const char *name, uint32_t n) {
  if (l->n == n) return true;
  type_error(q, "`%s` of %s wants %u entries in `%s`, found %u", op_table[q->op].name, shape_name(q, 0), n, name, l->n);
  return false;
}

bool is_index_scalar(const Type *t) {
  return !t->n_tuple && t->rank == 0 && (t->dtype == DT_I32 || t->dtype == DT_I64);
}
