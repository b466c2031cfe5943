/* Built-in functions: shapes, movement of elements, constants as tensors. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/data.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"
#include <math.h>

static Builder *builder(BuiltinCall *c) { return &c->E->g->cur->b; }

static Val tensor_arg(BuiltinCall *c, uint32_t k) { return to_tensor(c->E, c->arg[k], DT_COUNT, c->at[k]); }

/* ---------------------------------------------------------------- asking for shapes */

Val bi_shape(BuiltinCall *c) {
  Val t = tensor_arg(c, 0);
  if (is_error(t)) return t;
  const Type *type = type_of(c->E, t);
  Val l = val_list(c->E, V_LIST, type->rank);
  for (uint32_t k = 0; k < type->rank; k++) {
    l.list->at[k] = val_int(type->dim[k]);
    l.list->at[k].literal = (t.ones >> k) & 1;
  }
  return l;
}

Val bi_rank(BuiltinCall *c) {
  Val t = tensor_arg(c, 0);
  return is_error(t) ? t : val_int(type_of(c->E, t)->rank);
}

Val bi_len(BuiltinCall *c) {
  Elab *E = c->E;
  Val v = c->arg[0];
  if (is_list(v)) return val_int(v.list->n);
  if (v.kind == V_RANGE) return val_int(v.range.count);
  if (v.kind == V_STRING) return val_int((int64_t)strlen(v.s));
  if (v.kind == V_SPLIT) return val_int(v.data->rows ? type_of(E, *v.data->rows)->dim[0] : v.data->part->rows);
  if (v.kind == V_GROUP) return val_int(v.group->n);
  Val t = tensor_arg(c, 0);
  if (is_error(t)) return t;
  if (!type_of(E, t)->rank) return elab_error(E, "E0314", c->span, "a scalar has no leading extent");
  return val_int(type_of(E, t)->dim[0]);
}

/* ---------------------------------------------------------------- new shapes of the same elements */

static bool infer_extent(BuiltinCall *c, Val t, uint32_t rank, int64_t *dim) {
  Elab *E = c->E;
  int64_t known = 1, free_axis = -1, total = ir_elements(type_of(E, t));
  for (uint32_t k = 0; k < rank; k++) {
    if (dim[k] == -1 && free_axis >= 0) return elab_error(E, "E0302", c->span, "only one extent may be -1"), false;
    if (dim[k] < -1) return elab_error(E, "E0302", c->span, "an extent cannot be %lld", (long long)dim[k]), false;
    if (dim[k] == -1)
      free_axis = k;
    else if (__builtin_mul_overflow(known, dim[k], &known))
      return elab_error(E, "E0302", c->span, "this shape is too large"), false;
  }
  if (free_axis >= 0 && known && total % known == 0) dim[free_axis] = total / known, known = total;
  if (known == total) return true;
  elab_error(E, "E0302", c->span, "%s has %lld elements and cannot become %s", type_text(E, t), (long long)total,
             dims_text(E, rank, dim));
  return false;
}

Val bi_reshape(BuiltinCall *c) {
  Elab *E = c->E;
  Val t = tensor_arg(c, 0);
  uint32_t rank;
  int64_t dim[IR_MAX_RANK];
  uint16_t ones;
  if (is_error(t) || !val_to_shape(E, c->arg[1], c->at[1], "a shape", &rank, dim, &ones)) return val_error();
  if (!infer_extent(c, t, rank, dim)) return val_error();
  return val_tensor_ones(E, ir_reshape(builder(c), node_of(E, t), rank, dim), ones);
}

Val bi_flatten(BuiltinCall *c) {
  Elab *E = c->E;
  Val t = tensor_arg(c, 0);
  if (is_error(t)) return t;
  const Type type = *type_of(E, t);
  if (!type.rank) return elab_error(E, "E0314", c->span, "a scalar cannot be flattened");
  int64_t dim[2] = {type.dim[0], 1};
  for (uint32_t k = 1; k < type.rank; k++) dim[1] *= type.dim[k];
  return val_tensor(E, ir_reshape(builder(c), node_of(E, t), 2, dim));
}

Val bi_transpose(BuiltinCall *c) {
  Elab *E = c->E;
  Val t = tensor_arg(c, 0);
  if (is_error(t)) return t;
  const Type type = *type_of(E, t);
  int64_t perm[IR_MAX_RANK];
  uint32_t n = type.rank;
  if (c->arg[1].kind == V_ABSENT || c->arg[1].kind == V_NONE) {
    if (n < 2) return elab_error(E, "E0314", c->span, "`transpose` needs two axes, found %s", type_text(E, t));
    for (uint32_t k = 0; k < n; k++) perm[k] = k;
    perm[n - 1] = n - 2, perm[n - 2] = n - 1;
  } else {
    if (!axes_arg(c, c->arg[1], &type, &n, perm)) return val_error();
    if (n != type.rank)
      return elab_error(E, "E0314", c->at[1], "`transpose` needs every axis once: %u of %d", n, type.rank);
  }
  uint16_t ones = 0;
  for (uint32_t k = 0; k < n; k++)
    if ((t.ones >> perm[k]) & 1) ones |= (uint16_t)(1u << k);
  return val_tensor_ones(E, ir_transpose(builder(c), node_of(E, t), perm), ones);
}

Val bi_broadcast_to(BuiltinCall *c) {
  Elab *E = c->E;
  Val t = tensor_arg(c, 0);
  uint32_t rank;
  int64_t dim[IR_MAX_RANK];
  uint16_t ones;
  if (is_error(t) || !val_to_shape(E, c->arg[1], c->at[1], "a shape", &rank, dim, &ones)) return val_error();
  const Type *type = type_of(E, t);
  bool ok = type->rank <= rank;
  for (uint32_t k = 0; k < type->rank && ok; k++) ok = type->dim[k] == 1 || type->dim[k] == dim[rank - type->rank + k];
  if (!ok)
    return elab_error(E, "E0302", c->span, "%s does not broadcast to %s", type_text(E, t), dims_text(E, rank, dim));
  return broadcast_shape(E, t, rank, dim, ones, c->span);
}

/* ---------------------------------------------------------------- joining and cutting */

/* The members of a list as tensors of one dtype. */
static bool list_parts(BuiltinCall *c, Val *l, NodeId *part, const Type **first) {
  Elab *E = c->E;
  if (l->kind == V_TENSOR || !is_list(*l) || !l->list->n) {
    elab_error(E, "E0303", c->at[0], "`%s` takes a list of tensors, found %s", c->row->name, val_kind_name(E, *l));
    return false;
  }
  DType d = DT_BOOL;
  for (uint32_t k = 0; k < l->list->n; k++) {
    l->list->at[k] = to_tensor(E, l->list->at[k], DT_COUNT, c->at[0]);
    if (is_error(l->list->at[k])) return false;
    d = k ? join_dtypes(E, l->list->at[k], l->list->at[k - 1], false) > d
                ? join_dtypes(E, l->list->at[k], l->list->at[k - 1], false)
                : d
          : (DType)type_of(E, l->list->at[0])->dtype;
  }
  for (uint32_t k = 0; k < l->list->n; k++) {
    l->list->at[k] = tensor_cast(E, l->list->at[k], d, c->span);
    if ((part[k] = node_of(E, l->list->at[k])) == IR_NONE) return false;
  }
  *first = type_of(E, l->list->at[0]);
  return true;
}

static Val copy_list(Elab *E, Val v) {
  if (!is_list(v)) return v;
  Val l = val_list(E, V_LIST, v.list->n);
  memcpy(l.list->at, v.list->at, v.list->n * sizeof(Val));
  return l;
}

/* Lists of lists of compile-time values join into one list. */
static Val join_lists(BuiltinCall *c) {
  uint32_t n = 0;
  const ValList *l = c->arg[0].list;
  for (uint32_t k = 0; k < l->n; k++) n += l->at[k].list->n;
  Val out = val_list(c->E, V_LIST, n);
  n = 0;
  for (uint32_t k = 0; k < l->n; k++)
    for (uint32_t j = 0; j < l->at[k].list->n; j++) out.list->at[n++] = l->at[k].list->at[j];
  return out;
}

Val bi_concat(BuiltinCall *c) {
  Elab *E = c->E;
  Val l = copy_list(E, c->arg[0]);
  bool lists = is_list(l) && l.list->n && !val_has_tensor(l) && c->arg[1].kind == V_ABSENT;
  for (uint32_t k = 0; lists && k < l.list->n; k++) lists = is_list(l.list->at[k]);
  if (lists) return join_lists(c);
  NodeId *part = arena_array(&E->mem, NodeId, is_list(l) ? l.list->n + 1 : 1);
  const Type *first;
  if (!list_parts(c, &l, part, &first)) return val_error();
  const Type type = *first;
  int64_t axis;
  if (!axis_arg(c, c->arg[1], 0, &type, &axis)) return val_error();
  for (uint32_t k = 1; k < l.list->n; k++) {
    const Type *t = type_of(E, l.list->at[k]);
    bool ok = t->rank == type.rank;
    for (uint32_t j = 0; j < type.rank && ok; j++) ok = j == axis || t->dim[j] == type.dim[j];
    if (!ok)
      return elab_error(E, "E0301", c->at[0], "`concat` along axis %lld of %s and %s: the other extents differ",
                        (long long)axis, type_text(E, l.list->at[0]), type_text(E, l.list->at[k]));
  }
  return val_tensor(E, ir_concat(builder(c), part, l.list->n, axis));
}

Val bi_stack(BuiltinCall *c) {
  Elab *E = c->E;
  Val l = copy_list(E, c->arg[0]);
  NodeId *part = arena_array(&E->mem, NodeId, is_list(l) ? l.list->n + 1 : 1);
  const Type *first;
  if (!list_parts(c, &l, part, &first)) return val_error();
  const Type type = *first;
  Type wide = type;
  if (++wide.rank > IR_MAX_RANK) return elab_error(E, "E0302", c->span, "a tensor has at most 8 axes");
  int64_t axis, dim[IR_MAX_RANK];
  if (!axis_arg(c, c->arg[1], 0, &wide, &axis)) return val_error();
  for (uint32_t k = 0; k < wide.rank; k++) dim[k] = k == axis ? 1 : type.dim[k - (k > axis)];
  for (uint32_t k = 0; k < l.list->n; k++) {
    const Type *t = type_of(E, l.list->at[k]);
    if (t->rank != type.rank || memcmp(t->dim, type.dim, type.rank * sizeof *t->dim) != 0)
      return elab_error(E, "E0301", c->at[0], "`stack` takes tensors of one shape, found %s and %s",
                        type_text(E, l.list->at[0]), type_text(E, l.list->at[k]));
    part[k] = ir_reshape(builder(c), part[k], wide.rank, dim);
  }
  return val_tensor(E, ir_concat(builder(c), part, l.list->n, axis));
}

Val slice_axis(Elab *E, Val t, int64_t axis, int64_t lo, int64_t hi) {
  const Type type = *type_of(E, t);
  int64_t from[IR_MAX_RANK] = {0}, to[IR_MAX_RANK], step[IR_MAX_RANK];
  for (uint32_t k = 0; k < type.rank; k++) to[k] = type.dim[k], step[k] = 1;
  from[axis] = lo, to[axis] = hi;
  return val_tensor_ones(E, ir_slice(&E->g->cur->b, node_of(E, t), from, to, step), t.ones & ~(1u << axis));
}

Val bi_split(BuiltinCall *c) {
  Elab *E = c->E;
  Val t = tensor_arg(c, 0);
  int64_t axis, n = 0;
  if (is_error(t) || !axis_arg(c, c->arg[2], 0, type_of(E, t), &axis)) return val_error();
  int64_t extent = type_of(E, t)->dim[axis], at = 0;
  bool sizes = is_list(c->arg[1]);
  if (sizes)
    n = c->arg[1].list->n;
  else if (!val_to_int(E, c->arg[1], c->at[1], "the number of parts", &n))
    return val_error();
  if (!sizes && (n < 1 || extent % n))
    return elab_error(E, "E0302", c->span, "an axis of %lld does not split into %lld equal parts", (long long)extent,
                      (long long)n);
  Val l = val_list(E, V_LIST, (uint32_t)n);
  for (uint32_t k = 0; k < n; k++) {
    int64_t size = sizes ? 0 : extent / n;
    if (sizes && !val_to_int(E, c->arg[1].list->at[k], c->at[1], "a size", &size)) return val_error();
    if (size < 0 || at + size > extent)
      return elab_error(E, "E0302", c->at[1], "these sizes do not fit an axis of %lld", (long long)extent);
    l.list->at[k] = slice_axis(E, t, axis, at, at + size);
    at += size;
  }
  if (at != extent)
    return elab_error(E, "E0302", c->at[1], "these sizes make %lld of an axis of %lld", (long long)at,
                      (long long)extent);
  return l;
}

Val bi_pad(BuiltinCall *c) {
  Elab *E = c->E;
  Val t = tensor_arg(c, 0);
  if (is_error(t)) return t;
  const Type type = *type_of(E, t);
  int64_t lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK] = {0}, gap[IR_MAX_RANK] = {0};
  if (!is_list(c->arg[1]) || c->arg[1].list->n > type.rank)
    return elab_error(E, "E0302", c->at[1], "the widths of `pad` are [[lo, hi], ..] for the trailing axes");
  uint32_t first = type.rank - c->arg[1].list->n;
  for (uint32_t k = 0; k < c->arg[1].list->n; k++) {
    Val w = c->arg[1].list->at[k];
    if (!is_list(w) || w.list->n != 2)
      return elab_error(E, "E0302", c->at[1], "the widths of `pad` are [[lo, hi], ..] for the trailing axes");
    if (!val_to_int(E, w.list->at[0], c->at[1], "a width", &lo[first + k]) ||
        !val_to_int(E, w.list->at[1], c->at[1], "a width", &hi[first + k]))
      return val_error();
  }
  Val padded = val_tensor(E, ir_pad(builder(c), node_of(E, t), lo, hi, gap));
  bool zero = c->arg[2].kind == V_ABSENT || (is_number(c->arg[2]) && val_number(c->arg[2]) == 0);
  if (zero || is_error(padded)) return padded;
  Val inside = val_tensor(E, ir_full(builder(c), ir_type(E->m, DT_I32, type.rank, type.dim), 1));
  Val mask = val_tensor(E, ir_pad(builder(c), inside.t.node, lo, hi, gap));
  return tensor_select(E, tensor_arith(E, BIN_EQ, mask, val_int(0), c->span), c->arg[2], padded, c->span);
}

Val bi_reverse(BuiltinCall *c) {
  Elab *E = c->E;
  Val v = c->arg[0];
  if (v.kind == V_RANGE) {
    int64_t last = v.range.count ? v.range.lo + v.range.step * (v.range.count - 1) : v.range.lo;
    return (Val){.kind = V_RANGE, .range = {last, -v.range.step, v.range.count}};
  }
  if (is_list(v) && c->arg[1].kind == V_ABSENT) {
    Val l = val_list(E, (ValKind)v.kind, v.list->n);
    for (uint32_t k = 0; k < v.list->n; k++) l.list->at[k] = v.list->at[v.list->n - 1 - k];
    return l;
  }
  Val t = tensor_arg(c, 0);
  int64_t axis;
  if (is_error(t) || !axis_arg(c, c->arg[1], 0, type_of(E, t), &axis)) return val_error();
  return val_tensor_ones(E, ir_reverse(builder(c), node_of(E, t), 1, &axis), t.ones);
}

/* ---------------------------------------------------------------- gathering */

static Val index_tensor(BuiltinCall *c, uint32_t k) {
  Val i = tensor_arg(c, k);
  if (is_error(i)) return i;
  DType d = (DType)type_of(c->E, i)->dtype;
  if (ir_is_int(d)) return tensor_cast(c->E, i, DT_I32, c->span);
  return elab_error(c->E, "E0303", c->at[k], "indices must be integers, found %s", type_text(c->E, i));
}

Val bi_gather(BuiltinCall *c) {
  Elab *E = c->E;
  Val x = tensor_arg(c, 0), i = index_tensor(c, 1);
  int64_t axis;
  if (is_error(x) || is_error(i) || !axis_arg(c, c->arg[2], 0, type_of(E, x), &axis)) return val_error();
  return val_tensor(E, ir_gather(builder(c), node_of(E, x), node_of(E, i), axis, 0));
}

Val bi_pick(BuiltinCall *c) {
  Elab *E = c->E;
  Val x = tensor_arg(c, 0), i = index_tensor(c, 1);
  if (is_error(x) || is_error(i)) return val_error();
  const Type *tx = type_of(E, x), *ti = type_of(E, i);
  if (tx->rank != ti->rank + 1 || memcmp(tx->dim, ti->dim, ti->rank * sizeof *ti->dim) != 0) {
    elab_error(E, "E0301", c->span, "`pick` takes one index for each row: %s and %s", type_text(E, x), type_text(E, i));
    return val_error();
  }
  return val_tensor(E, ir_gather(builder(c), node_of(E, x), node_of(E, i), ti->rank, ti->rank));
}

/* Argument k as a length; false after an error. */
static bool count_arg(BuiltinCall *c, uint32_t k, int64_t *n) {
  if (!val_to_int(c->E, c->arg[k], c->at[k], "a length", n)) return false;
  if (*n >= 0 && *n <= INT32_MAX) return true;
  return elab_error(c->E, "E0302", c->at[k], "a length cannot be %lld", (long long)*n), false;
}

Val bi_segment_sum(BuiltinCall *c) {
  Elab *E = c->E;
  Val x = tensor_arg(c, 0), i = index_tensor(c, 1);
  int64_t n;
  if (is_error(x) || is_error(i) || !count_arg(c, 2, &n)) return val_error();
  Type t = *type_of(E, x);
  if (!t.rank || type_of(E, i)->rank != 1 || type_of(E, i)->dim[0] != t.dim[0])
    return elab_error(E, "E0301", c->span, "`segment_sum` takes one segment for each row: %s and %s", type_text(E, x),
                      type_text(E, i));
  t.dim[0] = n;
  Attr a = {0};
  NodeId in[3] = {ir_full(builder(c), ir_type(E->m, (DType)t.dtype, t.rank, t.dim), 0), node_of(E, i), node_of(E, x)};
  return val_tensor(E, ir_emit(builder(c), OP_scatter_add, in, 3, &a));
}

Val bi_one_hot(BuiltinCall *c) {
  Elab *E = c->E;
  Val i = index_tensor(c, 0);
  int64_t n;
  if (is_error(i) || !val_to_int(E, c->arg[1], c->at[1], "the number of classes", &n)) return val_error();
  const Type t = *type_of(E, i);
  if (t.rank >= IR_MAX_RANK) return elab_error(E, "E0302", c->span, "a tensor has at most 8 axes");
  int64_t dim[IR_MAX_RANK], map[IR_MAX_RANK];
  for (uint32_t k = 0; k < t.rank; k++) dim[k] = t.dim[k], map[k] = k;
  dim[t.rank] = n;
  Builder *b = builder(c);
  NodeId wide = ir_broadcast(b, node_of(E, i), t.rank + 1u, dim, map);
  NodeId eq = ir_binary(b, OP_eq, wide, ir_iota(b, DT_I32, t.rank + 1u, dim, t.rank));
  return val_tensor(E, ir_cast(b, eq, E->fdt));
}

/* ---------------------------------------------------------------- constants */

/* `shape` or `like`; *dtype from `like` when given. */
bool shape_or_like(BuiltinCall *c, Val shape, Val like, uint32_t *rank, int64_t *dim, uint16_t *ones, DType *dtype) {
  Elab *E = c->E;
  if (like.kind != V_ABSENT && like.kind != V_NONE) {
    if (is_number(shape) && is_number(like)) {
      elab_error(E, "E0302", c->span, "a shape is one list of extents");
      return elab_hint(E, "write the extents in brackets: `zeros([2, 3])`"), false;
    }
    Val t = to_tensor(E, like, DT_COUNT, c->span);
    if (is_error(t)) return false;
    const Type *type = type_of(E, t);
    *rank = type->rank, *ones = t.ones;
    memcpy(dim, type->dim, sizeof type->dim);
    if (ir_is_float((DType)type->dtype)) *dtype = (DType)type->dtype;
    return true;
  }
  *rank = 0, *ones = 0;
  if (shape.kind == V_ABSENT || shape.kind == V_NONE) return true;
  if (!val_to_shape(E, shape, c->span, "a shape", rank, dim, ones)) return false;
  for (uint32_t k = 0; k < *rank; k++)
    if (dim[k] < 0) return elab_error(E, "E0302", c->span, "an extent cannot be %lld", (long long)dim[k]), false;
  if (ir_shape_ok(*rank, dim)) return true;
  return elab_error(E, "E0302", c->span, "the shape %s is too large", dims_text(E, *rank, dim)), false;
}

Val bi_full(BuiltinCall *c) {
  Elab *E = c->E;
  bool full = c->row->data == 2;
  Val like = c->arg[full ? 2 : 1], value = full ? c->arg[1] : val_int(c->row->data);
  uint32_t rank;
  int64_t dim[IR_MAX_RANK];
  uint16_t ones;
  DType d = E->fdt;
  if (!shape_or_like(c, c->arg[0], like, &rank, dim, &ones, &d)) return val_error();
  if (value.kind == V_ABSENT) return elab_error(E, "E0207", c->span, "`full` needs a value");
  if (value.kind == V_BOOL) d = DT_BOOL;
  if (is_number(value))
    return val_tensor_ones(E, ir_full(builder(c), ir_type(E->m, d, rank, dim), val_number(value)), ones);
  Val t = to_tensor(E, value, DT_COUNT, c->at[1]);
  if (is_error(t)) return t;
  if (type_of(E, t)->rank) return elab_error(E, "E0303", c->at[1], "`full` takes one value, found %s", type_text(E, t));
  return broadcast_shape(E, t, rank, dim, ones, c->span);
}

Val bi_iota(BuiltinCall *c) {
  int64_t n;
  if (!count_arg(c, 0, &n)) return val_error();
  return val_tensor(c->E, ir_iota(builder(c), DT_I32, 1, &n, 0));
}

Val bi_arange(BuiltinCall *c) {
  Elab *E = c->E;
  int64_t a, b, step = 1;
  if (!val_to_int(E, c->arg[0], c->at[0], "the start", &a) || !val_to_int(E, c->arg[1], c->at[1], "the end", &b) ||
      (c->arg[2].kind != V_ABSENT && !val_to_int(E, c->arg[2], c->at[2], "the step", &step)))
    return val_error();
  if (!step) return elab_error(E, "E0302", c->at[2], "the step cannot be 0");
  if (a < INT32_MIN || a > INT32_MAX || b < INT32_MIN || b > INT32_MAX)
    return elab_error(E, "E0210", c->span, "`arange` counts in i32, found %lld .. %lld", (long long)a, (long long)b);
  double span = ((double)b - (double)a) / (double)step;
  int64_t n = span > 0 ? (int64_t)ceil(span) : 0;
  Val t = val_tensor(E, ir_iota(builder(c), DT_I32, 1, &n, 0));
  if (step != 1) t = tensor_arith(E, BIN_MUL, t, val_int(step), c->span);
  return a ? tensor_arith(E, BIN_ADD, t, val_int(a), c->span) : t;
}

Val bi_linspace(BuiltinCall *c) {
  Elab *E = c->E;
  int64_t n;
  if (!count_arg(c, 2, &n)) return val_error();
  if (is_number(c->arg[0]) && is_number(c->arg[1]) && n <= 4096) {
    double a = val_number(c->arg[0]), b = val_number(c->arg[1]);
    Val l = val_list(E, V_LIST, (uint32_t)n);
    for (uint32_t k = 0; k < n; k++)
      l.list->at[k] = val_float(k + 1 == n && n > 1 ? b : a + (b - a) * (n > 1 ? (double)k / (double)(n - 1) : 0));
    return to_tensor(E, l, E->fdt, c->span);
  }
  Val k = tensor_cast(E, val_tensor(E, ir_iota(builder(c), DT_I32, 1, &n, 0)), E->fdt, c->span);
  Val step = tensor_arith(E, BIN_DIV, tensor_arith(E, BIN_SUB, c->arg[1], c->arg[0], c->span),
                          val_int(n > 1 ? n - 1 : 1), c->span);
  return tensor_arith(E, BIN_ADD, c->arg[0], tensor_arith(E, BIN_MUL, k, step, c->span), c->span);
}

Val bi_eye(BuiltinCall *c) {
  int64_t n;
  if (!count_arg(c, 0, &n)) return val_error();
  int64_t dim[2] = {n, n};
  Builder *b = builder(c);
  NodeId eq = ir_binary(b, OP_eq, ir_iota(b, DT_I32, 2, dim, 0), ir_iota(b, DT_I32, 2, dim, 1));
  return val_tensor(c->E, ir_cast(b, eq, c->E->fdt));
}
