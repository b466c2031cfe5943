/* Tensors: dtype rules, conversion of compile-time values, broadcasting (LANGUAGE rule 11), arithmetic. */
#include "frontend/elab/tensor.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"
#include <math.h>

const Type *type_of(Elab *E, Val t) { return ir_type_get(E->m, ir_node(E->m, t.t.frame->b.region, t.t.node)->type); }

const char *dims_text(Elab *E, uint32_t rank, const int64_t *dim) {
  StrBuf b = {0};
  sb_putc(&b, '[');
  for (uint32_t k = 0; k < rank; k++) sb_printf(&b, k ? ", %lld" : "%lld", (long long)dim[k]);
  sb_putc(&b, ']');
  const char *s = arena_strdup(&E->mem, b.s);
  sb_free(&b);
  return s;
}

const char *type_text(Elab *E, Val t) { return ir_type_str(E->m, ir_node(E->m, t.t.frame->b.region, t.t.node)->type); }

static bool float_dtype(DType t) { return t == DT_F32 || t == DT_F64; }

/* ---------------------------------------------------------------- from compile-time values */

/* The dtype a value has of itself: numbers with a point are floats, integers i32, lists as their members. */
static DType own_dtype(Elab *E, Val v) {
  switch ((ValKind)v.kind) {
  case V_BOOL: return DT_BOOL;
  case V_INT: return v.i > INT32_MAX || v.i < INT32_MIN ? DT_I64 : DT_I32;
  case V_FLOAT: return E->fdt;
  case V_TENSOR: return (DType)type_of(E, v)->dtype;
  case V_LIST:
  case V_TUPLE: {
    DType d = DT_BOOL;
    for (uint32_t k = 0; k < v.list->n; k++) {
      DType e = own_dtype(E, v.list->at[k]);
      if (e > d) d = e;
    }
    return v.list->n ? d : E->fdt;
  }
  default: return E->fdt;
  }
}

/* Shape of a nested list of numbers; false when it is ragged or holds something else. */
static bool list_shape(Val v, uint32_t depth, uint32_t *rank, int64_t *dim) {
  if (is_number(v)) return depth == *rank;
  if (!is_list(v) || depth >= IR_MAX_RANK) return false;
  if (depth == *rank)
    dim[(*rank)++] = v.list->n;
  else if (dim[depth] != v.list->n)
    return false;
  if (!v.list->n) return true;
  for (uint32_t k = 0; k < v.list->n; k++) {
    if (k == 0 && !list_shape(v.list->at[0], depth + 1, rank, dim)) return false;
    if (k > 0) {
      uint32_t r = *rank;
      if (!list_shape(v.list->at[k], depth + 1, &r, dim) || r != *rank) return false;
    }
  }
  return true;
}

static void put_number(DType t, void *p, int64_t at, Val v) {
  double f = val_number(v);
  int64_t i = v.kind == V_FLOAT ? (int64_t)f : v.i;
  switch (t) {
  case DT_F32: ((float *)p)[at] = (float)f; break;
  case DT_F64: ((double *)p)[at] = f; break;
  case DT_I32: ((int32_t *)p)[at] = (int32_t)i; break;
  case DT_U32: ((uint32_t *)p)[at] = (uint32_t)i; break;
  case DT_I64:
  case DT_U64: ((int64_t *)p)[at] = i; break;
  default: ((uint8_t *)p)[at] = (uint8_t)(t == DT_BOOL ? f != 0 : i);
  }
}

/* Whether an integer tensor of this dtype can hold the number; floats round it, bools ask whether it is 0. */
static bool holds(DType t, Val v) {
  const double f = val_number(v);
  switch (t) {
  case DT_U8: return f >= 0 && f <= UINT8_MAX;
  case DT_I32: return f >= INT32_MIN && f <= INT32_MAX;
  case DT_U32: return f >= 0 && f <= UINT32_MAX;
  case DT_I64:
  case DT_U64: return v.kind != V_FLOAT || (f >= -0x1p63 && f < 0x1p63);
  default: return true;
  }
}

/* The numbers of a nested list; false after an error. */
static bool fill_list(Elab *E, DType t, void *p, int64_t *at, Val v, Span span) {
  if (!is_list(v)) {
    if (!holds(t, v))
      return elab_error(E, "E0210", span, "%s does not fit in %s", val_text(E, v), ir_dtype_name(t)), false;
    put_number(t, p, (*at)++, v);
    return true;
  }
  for (uint32_t k = 0; k < v.list->n; k++)
    if (!fill_list(E, t, p, at, v.list->at[k], span)) return false;
  return true;
}

static Val const_tensor(Elab *E, Val v, DType dtype, uint32_t rank, const int64_t *dim, Span span) {
  TypeId type = ir_type(E->m, dtype, rank, dim);
  int64_t n = ir_elements(ir_type_get(E->m, type)), at = 0;
  void *p = arena_alloc(&E->mem, (size_t)(n ? n : 1) * 8);
  if (!fill_list(E, dtype, p, &at, v, span)) return val_error();
  uint16_t ones = 0;
  for (uint32_t k = 0; k < rank; k++)
    if (dim[k] == 1) ones |= (uint16_t)(1u << k);
  return val_tensor_ones(E, ir_const(&E->g->cur->b, type, p), ones);
}

/* A list with tensors in it: stacked along a new axis 0. */
static Val stack_list(Elab *E, Val v, DType dtype, Span span) {
  NodeId part[1024];
  if (v.list->n > 1024) return elab_error(E, "E0303", span, "a list of more than 1024 tensors cannot be stacked");
  Builder *b = &E->g->cur->b;
  const Type *first = NULL;
  for (uint32_t k = 0; k < v.list->n; k++) {
    Val t = to_tensor(E, v.list->at[k], dtype, span);
    if (is_error(t)) return t;
    const Type *type = type_of(E, t);
    if (!first) first = type;
    if (type->rank != first->rank || memcmp(type->dim, first->dim, type->rank * sizeof *type->dim) != 0) {
      elab_error(E, "E0302", span, "a list becomes a tensor only when its members have one shape");
      elab_label(E, "%s and %s", type_text(E, to_tensor(E, v.list->at[0], dtype, span)), type_text(E, t));
      return val_error();
    }
    int64_t dim[IR_MAX_RANK + 1] = {1};
    memcpy(dim + 1, type->dim, type->rank * sizeof *dim);
    if (type->rank + 1 > IR_MAX_RANK) return elab_error(E, "E0302", span, "a tensor has at most 8 axes");
    part[k] = ir_reshape(b, node_of(E, t), type->rank + 1, dim);
  }
  return val_tensor(E, ir_concat(b, part, v.list->n, 0));
}

/* What in a nested list no tensor can hold; none when there is no such thing. */
static Val odd_member(Val v) {
  if (!is_list(v)) return is_number(v) || v.kind == V_TENSOR ? val_none() : v;
  for (uint32_t k = 0; k < v.list->n; k++) {
    Val odd = odd_member(v.list->at[k]);
    if (odd.kind != V_NONE) return odd;
  }
  return val_none();
}

static Val no_tensor(Elab *E, Val v, Span span) {
  Val odd = odd_member(v);
  if (!is_list(v)) {
    elab_error(E, "E0303", span, "expected a tensor, found %s", val_kind_name(E, v));
    callable_hint(E, v);
    return val_error();
  }
  if (odd.kind == V_NONE) return elab_error(E, "E0302", span, "this list is ragged: its rows have different lengths");
  return elab_error(E, "E0303", span, "expected a tensor, found a list with %s in it", val_kind_name(E, odd));
}

Val to_tensor(Elab *E, Val v, DType dtype, Span span) {
  v = read_value(E, v);
  if (is_error(v)) return v;
  if (v.kind == V_TENSOR) return dtype == DT_COUNT ? v : tensor_cast(E, v, dtype, span);
  if (v.kind == V_GROUP && v.group->n == 1) return to_tensor(E, v.group->value[0], dtype, span);
  if (dtype == DT_COUNT && (is_number(v) || is_list(v))) dtype = own_dtype(E, v);
  if (v.kind == V_RANGE) {
    Val l = val_list(E, V_LIST, (uint32_t)v.range.count);
    for (uint32_t k = 0; k < l.list->n; k++) l.list->at[k] = range_item(v, k);
    return to_tensor(E, l, dtype == DT_COUNT ? DT_I32 : dtype, span);
  }
  if (is_number(v)) {
    if (!float_dtype(dtype) && dtype != DT_BOOL && v.kind == V_FLOAT && v.f != floor(v.f))
      return elab_error(E, "E0304", span, "%s is no integer", val_text(E, v));
    return const_tensor(E, v, dtype, 0, NULL, span);
  }
  uint32_t rank = 0;
  int64_t dim[IR_MAX_RANK];
  if (is_list(v) && list_shape(v, 0, &rank, dim)) return const_tensor(E, v, dtype, rank, dim, span);
  if (is_list(v) && val_has_tensor(v)) return stack_list(E, v, dtype, span);
  return no_tensor(E, v, span);
}

Val to_float(Elab *E, Val v, Span span) {
  Val t = to_tensor(E, v, DT_COUNT, span);
  if (is_error(t) || float_dtype((DType)type_of(E, t)->dtype)) return t;
  return tensor_cast(E, t, E->fdt, span);
}

Val tensor_cast(Elab *E, Val a, DType dtype, Span span) {
  (void)span;
  if (type_of(E, a)->dtype == dtype) return a;
  NodeId n = node_of(E, a);
  return n == IR_NONE ? val_error() : val_tensor_ones(E, ir_cast(&E->g->cur->b, n, dtype), a.ones);
}

/* ---------------------------------------------------------------- dtypes */

static int dtype_level(DType t) { return t == DT_BOOL ? 0 : float_dtype(t) ? 2 : 1; }

/* bool < integers < floats; compile-time numbers are weak: they take the tensor's dtype when its kind can hold them. */
DType join_dtypes(Elab *E, Val a, Val b, bool want_float) {
  bool ta = a.kind == V_TENSOR || val_has_tensor(a), tb = b.kind == V_TENSOR || val_has_tensor(b);
  DType da = own_dtype(E, a), db = own_dtype(E, b);
  DType d;
  if (ta != tb) {
    DType strong = ta ? da : db, weak = ta ? db : da;
    d = dtype_level(weak) > dtype_level(strong) ? weak : strong;
  } else {
    d = dtype_level(da) != dtype_level(db) ? (dtype_level(da) > dtype_level(db) ? da : db) : da > db ? da : db;
  }
  if (want_float && !float_dtype(d)) d = E->fdt;
  return d;
}

/* ---------------------------------------------------------------- broadcasting */

typedef struct Fit { /* what an operand would have to do */
  bool written;      /* grows by leading axes it does not have, or an extent 1 written as such */
  bool silent;       /* grows an extent 1 that merely happens to be 1 */
} Fit;

static Fit fit_of(const Type *t, uint16_t ones, uint32_t rank, const int64_t *dim) {
  Fit f = {0};
  uint32_t lead = rank - t->rank;
  for (uint32_t k = 0; k < rank; k++) {
    if (k < lead)
      f.written |= dim[k] != 1;
    else if (t->dim[k - lead] != dim[k])
      *((ones >> (k - lead)) & 1 ? &f.written : &f.silent) = true;
  }
  return f;
}

/* Result extents; false when two extents differ and neither is 1. */
static bool joint_shape(const Type *a, const Type *b, uint32_t *rank, int64_t *dim) {
  *rank = a->rank > b->rank ? a->rank : b->rank;
  for (uint32_t k = 0; k < *rank; k++) {
    int64_t x = k + a->rank >= *rank ? a->dim[k + a->rank - *rank] : 1;
    int64_t y = k + b->rank >= *rank ? b->dim[k + b->rank - *rank] : 1;
    if (x != y && x != 1 && y != 1) return false;
    dim[k] = x == 1 ? y : x;
  }
  return true;
}

/* Beside the carets: the shapes as in the expression. */
static void shapes_label(Elab *E, const char *sign, Val a, Val b) {
  const Type *x = type_of(E, a), *y = type_of(E, b);
  elab_label(E, "%s %s %s", dims_text(E, x->rank, x->dim), sign, dims_text(E, y->rank, y->dim));
}

static Val shape_error(Elab *E, Span span, const char *sign, Val a, Val b) {
  elab_error(E, "E0301", span, "the shapes of `%s` do not fit: %s and %s", sign, type_text(E, a), type_text(E, b));
  shapes_label(E, sign, a, b);
  return val_error();
}

static bool growth_error(Elab *E, Span span, const char *sign, Val a, Val b, const char *result) {
  const Type *ta = type_of(E, a), *tb = type_of(E, b);
  elab_error(E, "E0305", span, "`%s` of %s and %s would silently become %s", sign, type_text(E, a), type_text(E, b),
             result);
  shapes_label(E, sign, a, b);
  Val one = ta->rank >= tb->rank ? a : b;
  const Type *t1 = type_of(E, one);
  if (t1->rank && t1->dim[t1->rank - 1] == 1)
    elab_hint(E, "for equal rows drop the last axis of the first (`x[.., 0]`); for all pairs write the new axes: "
                 "`x[.., none]` with `y[none, ..]`");
  else
    elab_hint(E, "write an axis that is meant to repeat as `x[.., none]` or `keep = true`");
  return false;
}

Val broadcast_shape(Elab *E, Val a, uint32_t rank, const int64_t *dim, uint16_t ones, Span span) {
  (void)span;
  NodeId n = node_of(E, a);
  if (n == IR_NONE) return val_error();
  return val_tensor_ones(E, ir_broadcast_to(&E->g->cur->b, n, rank, dim), ones);
}

bool broadcast_pair(Elab *E, Val *a, Val *b, Span span, const char *sign) {
  const Type *ta = type_of(E, *a), *tb = type_of(E, *b);
  uint32_t rank;
  int64_t dim[IR_MAX_RANK];
  if (!joint_shape(ta, tb, &rank, dim)) return shape_error(E, span, sign, *a, *b), false;
  Fit fa = fit_of(ta, a->ones, rank, dim), fb = fit_of(tb, b->ones, rank, dim);
  if (ta->rank == 0) fa = (Fit){0};
  if (tb->rank == 0) fb = (Fit){0};
  if (fa.silent || fb.silent) return growth_error(E, span, sign, *a, *b, dims_text(E, rank, dim));
  uint16_t ones = 0;
  for (uint32_t k = 0; k < rank; k++) {
    uint32_t la = rank - ta->rank, lb = rank - tb->rank;
    bool oa = k >= la && (a->ones >> (k - la)) & 1, ob = k >= lb && (b->ones >> (k - lb)) & 1;
    if (dim[k] == 1 && (oa || ob)) ones |= (uint16_t)(1u << k);
  }
  *a = broadcast_shape(E, *a, rank, dim, ones, span);
  *b = broadcast_shape(E, *b, rank, dim, ones, span);
  return !is_error(*a) && !is_error(*b);
}

/* ---------------------------------------------------------------- arithmetic */

Val tensor_binary(Elab *E, Op op, Val a, Val b, Span span, const char *sign) {
  if (is_error(a) || is_error(b) || !broadcast_pair(E, &a, &b, span, sign)) return val_error();
  return val_tensor_ones(E, ir_binary(&E->g->cur->b, op, node_of(E, a), node_of(E, b)), a.ones & b.ones);
}

static const struct {
  Op op;
  bool swap, negate, compare, want_float, logic;
} arith_rows[] = {
    [BIN_ADD] = {OP_add},
    [BIN_SUB] = {OP_sub},
    [BIN_MUL] = {OP_mul},
    [BIN_DIV] = {OP_div, .want_float = true},
    [BIN_FLOORDIV] = {OP_div},
    [BIN_MOD] = {OP_rem},
    [BIN_POW] = {OP_pow, .want_float = true},
    [BIN_EQ] = {OP_eq, .compare = true},
    [BIN_NE] = {OP_ne, .compare = true},
    [BIN_LT] = {OP_lt, .compare = true},
    [BIN_LE] = {OP_le, .compare = true},
    [BIN_GT] = {OP_lt, .compare = true, .swap = true},
    [BIN_GE] = {OP_le, .compare = true, .swap = true},
    [BIN_AND] = {OP_and, .logic = true},
    [BIN_OR] = {OP_or, .logic = true},
};

/* Small non-negative integer powers of integers stay integers. */
static Val integer_power(Elab *E, Val a, int64_t n, Span span) {
  Val r = a;
  for (int64_t k = 1; k < n; k++) r = tensor_binary(E, OP_mul, r, a, span, "^");
  return r;
}

Val tensor_arith(Elab *E, BinaryOp op, Val a, Val b, Span span) {
  a = read_value(E, a), b = read_value(E, b);
  if (is_error(a) || is_error(b)) return val_error();
  if (op == BIN_MATMUL) return tensor_matmul(E, a, b, span);
  if (op == BIN_POW && a.kind == V_TENSOR && b.kind == V_INT && b.i >= 1 && b.i <= 8 &&
      dtype_level((DType)type_of(E, a)->dtype) == 1)
    return integer_power(E, a, b.i, span);
  DType d = join_dtypes(E, a, b, arith_rows[op].want_float);
  if (arith_rows[op].logic) d = DT_BOOL;
  bool arithmetic = !arith_rows[op].logic && !arith_rows[op].compare;
  if (arithmetic && (d == DT_BOOL || d == DT_U8)) d = DT_I32;
  if (arith_rows[op].logic) {
    Val *v[2] = {&a, &b};
    for (int k = 0; k < 2; k++)
      if (own_dtype(E, *v[k]) != DT_BOOL)
        return elab_error(E, "E0303", span, "`%s` takes bools, found %s", binary_sign(op), val_kind_name(E, *v[k]));
  }
  a = to_tensor(E, a, d, span), b = to_tensor(E, b, d, span);
  Val r = arith_rows[op].swap ? tensor_binary(E, arith_rows[op].op, b, a, span, binary_sign(op))
                              : tensor_binary(E, arith_rows[op].op, a, b, span, binary_sign(op));
  if (op == BIN_FLOORDIV && float_dtype(d) && !is_error(r))
    r = val_tensor_ones(E, ir_unary(&E->g->cur->b, OP_floor, r.t.node), r.ones);
  return r;
}

Val tensor_neg(Elab *E, Val a, Span span) {
  DType d = own_dtype(E, a);
  Val t = to_tensor(E, a, d == DT_BOOL || d == DT_U8 ? DT_I32 : d, span);
  if (is_error(t)) return t;
  return val_tensor_ones(E, ir_unary(&E->g->cur->b, OP_neg, node_of(E, t)), t.ones);
}

Val tensor_not(Elab *E, Val a, Span span) {
  Val t = to_tensor(E, a, DT_COUNT, span);
  if (is_error(t)) return t;
  if (type_of(E, t)->dtype != DT_BOOL)
    return elab_error(E, "E0303", span, "`not` takes a bool, found %s", type_text(E, t));
  return val_tensor_ones(E, ir_unary(&E->g->cur->b, OP_not, node_of(E, t)), t.ones);
}

Val tensor_select(Elab *E, Val c, Val a, Val b, Span span) {
  c = to_tensor(E, c, DT_COUNT, span);
  if (is_error(c)) return c;
  if (type_of(E, c)->dtype != DT_BOOL)
    return elab_error(E, "E0303", span, "the condition of `where` must be bool, found %s", type_text(E, c));
  a = read_value(E, a), b = read_value(E, b);
  if (is_error(a) || is_error(b)) return val_error();
  bool weak = !val_has_tensor(a) && !val_has_tensor(b);
  DType d = join_dtypes(E, a, b, false);
  if (weak && d != DT_BOOL && d != DT_I32) d = E->fdt;
  a = to_tensor(E, a, d, span), b = to_tensor(E, b, d, span);
  if (is_error(a) || is_error(b)) return val_error();
  if (!broadcast_pair(E, &a, &b, span, "where") || !broadcast_pair(E, &c, &a, span, "where") ||
      !broadcast_pair(E, &a, &b, span, "where"))
    return val_error();
  return val_tensor_ones(E, ir_select(&E->g->cur->b, node_of(E, c), node_of(E, a), node_of(E, b)), a.ones & b.ones);
}

/* ---------------------------------------------------------------- matrix product */

static Val matmul_error(Elab *E, Val a, Val b, Span span) {
  elab_error(E, "E0306", span, "`@` of %s and %s: the inner extents differ", type_text(E, a), type_text(E, b));
  shapes_label(E, "@", a, b);
  const Type *ta = type_of(E, a), *tb = type_of(E, b);
  if (ta->rank == 2 && tb->rank == 2 && ta->dim[1] == tb->dim[1]) elab_hint(E, "did you mean `a @ transpose(b)`?");
  return val_error();
}

/* As NumPy: vectors on either side, leading axes are batch; a plain matrix on the right serves every batch entry. */
Val tensor_matmul(Elab *E, Val a, Val b, Span span) {
  DType d = join_dtypes(E, a, b, true);
  a = to_tensor(E, a, d, span), b = to_tensor(E, b, d, span);
  if (is_error(a) || is_error(b)) return val_error();
  const Type ta = *type_of(E, a), tb = *type_of(E, b);
  if (!ta.rank || !tb.rank)
    return elab_error(E, "E0306", span, "`@` takes vectors and matrices; a scalar is multiplied with `*`");
  int64_t ka = ta.dim[ta.rank - 1], kb = tb.dim[tb.rank > 1 ? tb.rank - 2 : 0];
  if (ka != kb) return matmul_error(E, a, b, span);
  IntList ba = {0}, bb = {0}, ca = {1, {ta.rank - 1}}, cb = {1, {tb.rank > 1 ? tb.rank - 2 : 0}};
  uint32_t la = ta.rank > 2 ? ta.rank - 2 : 0, lb = tb.rank > 2 ? tb.rank - 2 : 0;
  NodeId na = node_of(E, a), nb = node_of(E, b);
  Builder *bd = &E->g->cur->b;
  if (la && lb) { /* batched on both sides */
    uint32_t l = la > lb ? la : lb;
    int64_t sa[IR_MAX_RANK], sb[IR_MAX_RANK];
    for (uint32_t k = 0; k < l; k++) {
      int64_t x = k + la >= l ? ta.dim[k + la - l] : 1, y = k + lb >= l ? tb.dim[k + lb - l] : 1;
      bool wa = k + la < l || (a.ones >> (k + la - l)) & 1, wb = k + lb < l || (b.ones >> (k + lb - l)) & 1;
      if (x != y && !(x == 1 && wa) && !(y == 1 && wb)) return shape_error(E, span, "@", a, b);
      sa[k] = sb[k] = x == 1 ? y : x;
    }
    sa[l] = ta.dim[la], sa[l + 1] = ta.dim[la + 1], sb[l] = tb.dim[lb], sb[l + 1] = tb.dim[lb + 1];
    return val_tensor(E, ir_matmul(bd, ir_broadcast_to(bd, na, l + 2, sa), ir_broadcast_to(bd, nb, l + 2, sb)));
  }
  NodeId r = ir_dot(bd, na, nb, &ba, &bb, &ca, &cb);
  if (lb && r != IR_NONE && ta.rank == 2) { /* [n, k] @ [.., k, m]: the free axes of b come last, n must move behind
                                               its batch */
    int64_t perm[IR_MAX_RANK];
    for (uint32_t k = 0; k < lb; k++) perm[k] = k + 1;
    perm[lb] = 0, perm[lb + 1] = lb + 1;
    r = ir_transpose(bd, r, perm);
  }
  return val_tensor(E, r);
}
