/* Built-in functions: elementwise, casts, reductions, sorting. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"
#include <math.h>

static Builder *builder(BuiltinCall *c) { return &c->E->g->cur->b; }

/* ---------------------------------------------------------------- elementwise */

static bool stays_integer(Op op) {
  return op == OP_abs || op == OP_sign || op == OP_floor || op == OP_ceil || op == OP_round;
}

Val bi_unary(BuiltinCall *c) {
  Elab *E = c->E;
  Val x = c->arg[0];
  Op op = (Op)c->row->data;
  if (is_number(x)) {
    double f = c->row->number(val_number(x));
    if (isnan(f)) return elab_error(E, "E0211", c->span, "%s(%s) is not a number", c->row->name, val_text(E, x));
    bool whole = stays_integer(op) && fabs(f) < 9e15 && (x.kind != V_FLOAT || (op != OP_abs && op != OP_sign));
    return whole ? val_int((int64_t)f) : val_float(f);
  }
  Val t = to_tensor(E, x, DT_COUNT, c->at[0]);
  if (is_error(t)) return t;
  DType d = (DType)type_of(E, t)->dtype;
  if (!ir_is_float(d)) {
    if (op == OP_floor || op == OP_ceil || op == OP_round) return t;
    t = tensor_cast(E, t, stays_integer(op) && d != DT_BOOL && d != DT_U8 ? d : E->fdt, c->span);
  }
  return val_tensor_ones(E, ir_unary(builder(c), op, node_of(E, t)), t.ones);
}

Val bi_is_finite(BuiltinCall *c) {
  if (is_number(c->arg[0])) return val_bool(isfinite(val_number(c->arg[0])));
  Val t = to_float(c->E, c->arg[0], c->at[0]);
  return is_error(t) ? t : val_tensor_ones(c->E, ir_unary(builder(c), OP_is_finite, node_of(c->E, t)), t.ones);
}

Val bi_where(BuiltinCall *c) {
  Elab *E = c->E;
  if (is_number(c->arg[0])) {
    bool flag;
    if (!val_to_bool(E, c->arg[0], c->at[0], "the condition of `where`", &flag)) return val_error();
    if (!val_has_tensor(c->arg[1]) && !val_has_tensor(c->arg[2])) return flag ? c->arg[1] : c->arg[2];
    return tensor_select(E, to_tensor(E, val_bool(flag), DT_BOOL, c->span), c->arg[1], c->arg[2], c->span);
  }
  return tensor_select(E, c->arg[0], c->arg[1], c->arg[2], c->span);
}

static Val cast_number(BuiltinCall *c, DType d) {
  Val x = c->arg[0];
  double f = val_number(x);
  if (d == DT_BOOL) return val_bool(f != 0);
  if (ir_is_float(d)) return d == DT_F32 && c->row->data == DT_F32 ? val_float((float)f) : val_float(f);
  if (!(fabs(f) < 9.2e18)) return elab_error(c->E, "E0210", c->span, "%s does not fit an integer", val_text(c->E, x));
  return val_int(x.kind == V_FLOAT ? (int64_t)trunc(f) : x.i);
}

Val bi_cast(BuiltinCall *c) {
  DType d = c->row->data == DT_COUNT ? c->E->fdt : (DType)c->row->data;
  if (is_number(c->arg[0])) return cast_number(c, d);
  Val t = to_tensor(c->E, c->arg[0], DT_COUNT, c->at[0]);
  if (is_error(t)) return t;
  if (d == DT_BOOL && type_of(c->E, t)->dtype != DT_BOOL) return tensor_arith(c->E, BIN_NE, t, val_int(0), c->span);
  return tensor_cast(c->E, t, d, c->span);
}

/* ---------------------------------------------------------------- reductions */

static uint16_t reduced_ones(const Type *t, uint16_t ones, uint32_t n, const int64_t *axes, bool keep) {
  uint16_t r = 0;
  uint32_t at = 0;
  for (uint32_t k = 0; k < t->rank; k++) {
    bool gone = false;
    for (uint32_t j = 0; j < n; j++) gone |= axes[j] == k;
    if (gone && !keep) continue;
    if (gone || (ones >> k) & 1) r |= (uint16_t)(1u << at);
    at++;
  }
  return r;
}

/* Puts the reduced axes back as extents of 1. */
static Val keep_axes(Elab *E, NodeId node, const Type *t, uint16_t ones, uint32_t n, const int64_t *axes, bool keep) {
  if (node == IR_NONE) return val_error();
  if (!keep) return val_tensor_ones(E, node, reduced_ones(t, ones, n, axes, false));
  int64_t dim[IR_MAX_RANK];
  memcpy(dim, t->dim, sizeof dim);
  for (uint32_t k = 0; k < n; k++) dim[axes[k]] = 1;
  return val_tensor_ones(E, ir_reshape(&E->g->cur->b, node, t->rank, dim), reduced_ones(t, ones, n, axes, true));
}

static int64_t reduced_count(const Type *t, uint32_t n, const int64_t *axes) {
  int64_t count = 1;
  for (uint32_t k = 0; k < n; k++) count *= t->dim[axes[k]];
  return count;
}

/* Halving tree of products along one axis: exact gradients with zeros in it. */
static NodeId prod_axis(Builder *b, NodeId x, int64_t axis) {
  Type t = *ir_type_of(b, x);
  while (t.dim[axis] > 1) {
    int64_t half = t.dim[axis] / 2, lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK], step[IR_MAX_RANK];
    for (uint32_t k = 0; k < t.rank; k++) hi[k] = t.dim[k], step[k] = 1;
    hi[axis] = half;
    NodeId first = ir_slice(b, x, lo, hi, step);
    lo[axis] = half, hi[axis] = 2 * half;
    NodeId second = ir_slice(b, x, lo, hi, step), p = ir_binary(b, OP_mul, first, second);
    if (t.dim[axis] % 2) {
      lo[axis] = 2 * half, hi[axis] = t.dim[axis];
      NodeId part[2] = {p, ir_slice(b, x, lo, hi, step)};
      p = ir_concat(b, part, 2, axis);
    }
    x = p;
    t = *ir_type_of(b, x);
  }
  if (t.dim[axis] == 0) return IR_NONE;
  int64_t dim[IR_MAX_RANK];
  uint32_t n = 0;
  for (uint32_t k = 0; k < t.rank; k++)
    if (k != axis) dim[n++] = t.dim[k];
  return ir_reshape(b, x, n, dim);
}

static NodeId reduce_prod(Elab *E, NodeId x, const Type *t, uint32_t n, const int64_t *axes, Span span) {
  Builder *b = &E->g->cur->b;
  for (int64_t k = t->rank - 1; k >= 0; k--)
    for (uint32_t j = 0; j < n; j++)
      if (axes[j] == k && x != IR_NONE) {
        if (t->dim[k] == 0) return elab_error(E, "E0302", span, "`prod` over an axis of extent 0"), IR_NONE;
        x = prod_axis(b, x, k);
      }
  return x;
}

/* sum, mean, prod, any, all (data: 's' 'm' 'p' 'o' 'a') of one tensor. */
static Val reduce_tensor(BuiltinCall *c, Val x, Val axis, bool keep, int code) {
  Elab *E = c->E;
  Val t = to_tensor(E, x, DT_COUNT, c->at[0]);
  if (is_error(t)) return t;
  DType d = (DType)type_of(E, t)->dtype, want = d;
  if (code == 'm') want = ir_is_float(d) ? d : E->fdt;
  if ((code == 's' || code == 'p') && (d == DT_BOOL || d == DT_U8)) want = DT_I32;
  if (code == 'o' || code == 'a') {
    if (d != DT_BOOL)
      return elab_error(E, "E0303", c->at[0], "`%s` takes bools, found %s", c->row->name, type_text(E, t));
    want = DT_I32;
  }
  t = tensor_cast(E, t, want, c->span);
  const Type type = *type_of(E, t);
  int64_t axes[IR_MAX_RANK];
  uint32_t n;
  if (!axes_arg(c, axis, &type, &n, axes)) return val_error();
  NodeId node = node_of(E, t), r;
  if (code == 'p')
    r = reduce_prod(E, node, &type, n, axes, c->span);
  else
    r = ir_reduce(builder(c), code == 'o' ? OP_reduce_max : code == 'a' ? OP_reduce_min : OP_reduce_sum, node, n, axes);
  Val v = keep_axes(E, r, &type, t.ones, n, axes, keep);
  if (is_error(v)) return v;
  if (code == 'o' || code == 'a') return tensor_arith(E, BIN_GT, v, val_int(0), c->span);
  if (code != 'm') return v;
  int64_t count = reduced_count(&type, n, axes);
  if (!count) return elab_error(E, "E0302", c->span, "the mean of nothing: %s", type_text(E, t));
  return count == 1 ? v : tensor_arith(E, BIN_DIV, v, val_int(count), c->span);
}

/* Compile-time numbers: sum([2, 3]). */
static Val fold_numbers(BuiltinCall *c, Val l, int code) {
  Val r = l.list->at[0];
  for (uint32_t k = 1; k < l.list->n; k++) {
    Val x = l.list->at[k];
    if (code == '<' || code == '>')
      r = (val_number(x) < val_number(r)) == (code == '<') && val_number(x) != val_number(r) ? x : r;
    else if (code == 'o' || code == 'a')
      r = val_bool(code == 'o' ? val_number(r) != 0 || val_number(x) != 0 : val_number(r) != 0 && val_number(x) != 0);
    else
      r = val_binary(c->E, code == 'p' ? BIN_MUL : BIN_ADD, r, x, c->span);
    if (is_error(r)) return r;
  }
  if (code == 'm') return val_binary(c->E, BIN_DIV, r, val_int(l.list->n), c->span);
  return r;
}

static bool numbers_only(Val v) {
  if (!is_list(v) || !v.list->n) return false;
  for (uint32_t k = 0; k < v.list->n; k++)
    if (!is_number(v.list->at[k])) return false;
  return true;
}

static Val reduce_group(BuiltinCall *c, const Group *g, int code) {
  Val *part = arena_array(&c->E->mem, Val, g->n + 1);
  int64_t count = 0;
  Val none = val_kind(V_ABSENT);
  for (uint32_t k = 0; k < g->n; k++) {
    part[k] = reduce_tensor(c, g->value[k], none, false, code == 'm' ? 's' : code);
    if (is_error(part[k])) return part[k];
    count += ir_elements(type_of(c->E, g->value[k]));
  }
  Val r = group_fold(c->E, code == 'p' ? BIN_MUL : BIN_ADD, part, g->n, c->span);
  return code == 'm' && !is_error(r) ? tensor_arith(c->E, BIN_DIV, r, val_int(count), c->span) : r;
}

Val bi_reduce(BuiltinCall *c) {
  bool keep;
  int code = (int)c->row->data;
  if (!flag_arg(c, 2, false, &keep)) return val_error();
  if (numbers_only(c->arg[0]) && c->arg[1].kind == V_ABSENT) return fold_numbers(c, c->arg[0], code);
  if (is_number(c->arg[0])) return code == 'o' || code == 'a' ? val_bool(val_number(c->arg[0]) != 0) : c->arg[0];
  if (c->arg[0].kind == V_GROUP) return reduce_group(c, c->arg[0].group, code);
  return reduce_tensor(c, c->arg[0], c->arg[1], keep, code);
}

static Val extremum(BuiltinCall *c, Val x, Val axis, bool keep, bool max) {
  Elab *E = c->E;
  Val t = to_tensor(E, x, DT_COUNT, c->at[0]);
  if (is_error(t)) return t;
  if (type_of(E, t)->dtype == DT_BOOL) t = tensor_cast(E, t, DT_I32, c->span);
  const Type type = *type_of(E, t);
  int64_t axes[IR_MAX_RANK];
  uint32_t n;
  if (!axes_arg(c, axis, &type, &n, axes)) return val_error();
  NodeId r = ir_reduce(builder(c), max ? OP_reduce_max : OP_reduce_min, node_of(E, t), n, axes);
  return keep_axes(E, r, &type, t.ones, n, axes, keep);
}

Val bi_minmax(BuiltinCall *c) {
  Elab *E = c->E;
  bool max = c->row->data == OP_max, keep;
  Val x = c->arg[0], y = c->arg[1];
  if (!flag_arg(c, 3, false, &keep)) return val_error();
  if (y.kind == V_ABSENT || y.kind == V_NONE) {
    if (numbers_only(x) && c->arg[2].kind == V_ABSENT) return fold_numbers(c, x, max ? '>' : '<');
    if (is_number(x)) return x;
    if (x.kind != V_GROUP) return extremum(c, x, c->arg[2], keep, max);
    Val r = val_error();
    for (uint32_t k = 0; k < x.group->n; k++) {
      Val e = extremum(c, x.group->value[k], val_kind(V_ABSENT), false, max);
      if (is_error(e)) return e;
      r = k ? tensor_binary(E, (Op)c->row->data, r, e, c->span, c->row->name) : e;
    }
    return r;
  }
  if (is_number(x) && is_number(y)) return (val_number(x) < val_number(y)) == max ? y : x;
  if (x.kind == V_GROUP || y.kind == V_GROUP) {
    Args a = {.n = 2, .value = (Val[]){x, y}, .name = (const char *[]){NULL, NULL}, .span = c->at};
    return group_map(E, c->row, &a, c->span);
  }
  DType d = join_dtypes(E, x, y, false);
  if (d == DT_BOOL) d = DT_I32;
  return tensor_binary(E, (Op)c->row->data, to_tensor(E, x, d, c->at[0]), to_tensor(E, y, d, c->at[1]), c->span,
                       c->row->name);
}

Val bi_argmax(BuiltinCall *c) {
  Elab *E = c->E;
  bool keep;
  Val t = to_tensor(E, c->arg[0], DT_COUNT, c->at[0]);
  if (is_error(t) || !flag_arg(c, 2, false, &keep)) return val_error();
  const Type type = *type_of(E, t);
  Attr a = {0};
  if (!axis_arg(c, c->arg[1], -1, &type, &a.axis)) return val_error();
  NodeId n = node_of(E, t);
  return keep_axes(E, ir_emit(builder(c), (Op)c->row->data, &n, 1, &a), &type, t.ones, 1, &a.axis, keep);
}

/* sqrt(sum x^2) whose gradient at 0 is 0: the root of 0 is taken of 1 and masked. */
static Val safe_root(Elab *E, Val s, Span span) {
  Val zero = tensor_arith(E, BIN_EQ, s, val_int(0), span);
  Val inside = tensor_select(E, zero, val_int(1), s, span);
  if (is_error(inside)) return inside;
  Val root = val_tensor_ones(E, ir_unary(&E->g->cur->b, OP_sqrt, node_of(E, inside)), inside.ones);
  return tensor_select(E, zero, val_int(0), root, span);
}

Val bi_norm(BuiltinCall *c) {
  Elab *E = c->E;
  bool keep;
  if (!flag_arg(c, 2, false, &keep)) return val_error();
  if (c->arg[0].kind == V_GROUP) {
    Val s = group_dot(E, c->arg[0], c->arg[0], c->span);
    return is_error(s) ? s : safe_root(E, s, c->span);
  }
  Val t = to_float(E, c->arg[0], c->at[0]);
  if (is_error(t)) return t;
  Val s = reduce_tensor(c, tensor_arith(E, BIN_MUL, t, t, c->span), c->arg[1], keep, 's');
  return is_error(s) ? s : safe_root(E, s, c->span);
}

Val bi_dot(BuiltinCall *c) {
  Elab *E = c->E;
  if (c->arg[0].kind == V_GROUP) return group_dot(E, c->arg[0], c->arg[1], c->span);
  Val a = to_float(E, c->arg[0], c->at[0]), b = to_float(E, c->arg[1], c->at[1]);
  if (is_error(a) || is_error(b)) return val_error();
  const Type *x = type_of(E, a), *y = type_of(E, b);
  if (x->rank != y->rank || memcmp(x->dim, y->dim, x->rank * sizeof *x->dim) != 0) {
    elab_error(E, "E0301", c->span, "`dot` takes tensors of one shape, found %s and %s", type_text(E, a),
               type_text(E, b));
    elab_hint(E, "a matrix product is written `a @ b`");
    return val_error();
  }
  if (x->rank == 1) return tensor_matmul(E, a, b, c->span);
  return reduce_tensor(c, tensor_arith(E, BIN_MUL, a, b, c->span), val_kind(V_ABSENT), false, 's');
}

Val bi_count(BuiltinCall *c) {
  Elab *E = c->E;
  if (is_number(c->arg[0])) return val_int(1);
  if (c->arg[0].kind == V_GROUP) {
    int64_t n = 0;
    for (uint32_t k = 0; k < c->arg[0].group->n; k++) n += ir_elements(type_of(E, c->arg[0].group->value[k]));
    return val_int(n);
  }
  Val t = to_tensor(E, c->arg[0], DT_COUNT, c->at[0]);
  return is_error(t) ? t : val_int(ir_elements(type_of(E, t)));
}

Val bi_cumsum(BuiltinCall *c) {
  Elab *E = c->E;
  bool reverse;
  Val t = to_tensor(E, c->arg[0], DT_COUNT, c->at[0]);
  if (is_error(t) || !flag_arg(c, 2, false, &reverse)) return val_error();
  if (type_of(E, t)->dtype == DT_BOOL || type_of(E, t)->dtype == DT_U8) t = tensor_cast(E, t, DT_I32, c->span);
  Attr a = {.reverse = reverse};
  if (!axis_arg(c, c->arg[1], -1, type_of(E, t), &a.axis)) return val_error();
  NodeId n = node_of(E, t);
  return val_tensor_ones(E, ir_emit(builder(c), OP_cumsum, &n, 1, &a), t.ones);
}

Val bi_sort(BuiltinCall *c) {
  Elab *E = c->E;
  Val t = to_tensor(E, c->arg[0], DT_COUNT, c->at[0]);
  Attr a = {0};
  if (is_error(t) || !axis_arg(c, c->arg[1], -1, type_of(E, t), &a.axis)) return val_error();
  NodeId n = node_of(E, t);
  return val_tensor_ones(E, ir_emit(builder(c), (Op)c->row->data, &n, 1, &a), t.ones);
}
