/* Indexing: one bracket for integers, slices, `..`, `none` and gathers; updates `x[I] = e`; members `a.name`. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/data.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"

/* ---------------------------------------------------------------- compile-time containers */

static Val container_index(Elab *E, Val v, const IndexItem *item, Span span) {
  int64_t n = v.kind == V_STRING ? (int64_t)strlen(v.s) : v.kind == V_RANGE ? v.range.count : v.list->n;
  if (item->kind == INDEX_EXPR) {
    int64_t k;
    if (!expr_int(E, item->at, "an index", &k)) return val_error();
    int64_t at = k < 0 ? k + n : k;
    if (at < 0 || at >= n)
      return elab_error(E, "E0317", item->span, "index %lld is out of range for %lld items", (long long)k,
                        (long long)n);
    if (v.kind == V_RANGE) return range_item(v, at);
    if (v.kind == V_STRING) return val_string(arena_strndup(&E->mem, v.s + at, 1));
    return v.list->at[at];
  }
  if (item->kind != INDEX_SLICE || v.kind == V_STRING)
    return elab_error(E, "E0317", span, "%s cannot be indexed this way", val_kind_name(E, v));
  int64_t lo = 0, hi = n, step = 1;
  if ((item->lo && !expr_int(E, item->lo, "a bound", &lo)) || (item->hi && !expr_int(E, item->hi, "a bound", &hi)) ||
      (item->step && !expr_int(E, item->step, "a step", &step)))
    return val_error();
  lo = lo < 0 ? lo + n : lo, hi = hi < 0 ? hi + n : hi;
  if (step < 1 || lo < 0 || hi > n || lo > hi)
    return elab_error(E, "E0317", item->span, "the slice is out of range for %lld items", (long long)n);
  Val l = val_list(E, V_LIST, (uint32_t)((hi - lo + step - 1) / step));
  for (uint32_t k = 0; k < l.list->n; k++)
    l.list->at[k] = v.kind == V_RANGE ? range_item(v, lo + k * step) : v.list->at[lo + k * step];
  return l;
}

/* ---------------------------------------------------------------- what the items mean, axis by axis */

typedef struct AxisUse {
  enum { AXIS_ALL, AXIS_AT, AXIS_SLICE, AXIS_START, AXIS_GATHER } kind;
  int64_t lo, hi, step; /* constants; AXIS_START: length in hi */
  Val start;            /* run-time scalar i32, or the index tensor */
} AxisUse;

typedef struct Selection {
  AxisUse axis[IR_MAX_RANK];
  uint8_t out[2 * IR_MAX_RANK]; /* source axis of each result axis; 0xff = none */
  uint32_t n_out;
  bool runtime, gathers;
} Selection;

static bool out_of_range(Elab *E, Span span, int64_t k, int64_t extent) {
  elab_error(E, "E0317", span, "index %lld is out of range for an axis of %lld", (long long)k, (long long)extent);
  return false;
}

static bool use_expr(Elab *E, AxisUse *u, Val v, int64_t extent, Span span, Selection *s) {
  if (is_list(v) && !val_has_tensor(v)) v = to_tensor(E, v, DT_COUNT, span);
  if (is_error(v)) return false;
  if (v.kind != V_TENSOR) {
    if (v.kind == V_BOOL) {
      elab_error(E, "E0318", span, "an index cannot be a bool");
      return false;
    }
    if (!val_to_int(E, v, span, "an index", &u->lo)) return false;
    int64_t k = u->lo;
    if (u->lo < 0) u->lo += extent;
    if (u->lo < 0 || u->lo >= extent) return out_of_range(E, span, k, extent);
    u->kind = AXIS_AT;
    return true;
  }
  const Type *t = type_of(E, v);
  if (t->dtype == DT_BOOL) {
    elab_error(E, "E0318", span, "an index cannot be a tensor of bools");
    elab_hint(E, "shapes must not depend on data: keep all elements and mask with `where(c, x, 0)`");
    return false;
  }
  if (!ir_is_int((DType)t->dtype)) {
    elab_error(E, "E0318", span, "an index must be an integer, found %s", type_text(E, v));
    elab_hint(E, "`i32(x)` truncates");
    return false;
  }
  u->start = tensor_cast(E, v, DT_I32, span);
  u->kind = t->rank ? AXIS_GATHER : AXIS_START;
  u->hi = 1;
  s->runtime = true;
  s->gathers |= t->rank > 0;
  return true;
}

/* `i : i + n` with a run-time start: the length is what remains when the start is taken away. */
static bool runtime_slice(Elab *E, AxisUse *u, const IndexItem *item, Val lo, Selection *s) {
  const Expr *hi = item->hi;
  const Expr *n = NULL;
  if (hi && hi->kind == EXPR_BINARY && hi->bin == BIN_ADD) {
    if (hi->a->kind == EXPR_NAME && item->lo->kind == EXPR_NAME && strcmp(hi->a->name.text, item->lo->name.text) == 0)
      n = hi->b;
    else if (hi->b->kind == EXPR_NAME && item->lo->kind == EXPR_NAME &&
             strcmp(hi->b->name.text, item->lo->name.text) == 0)
      n = hi->a;
    else if (hi->a->span.end - hi->a->span.begin == item->lo->span.end - item->lo->span.begin) {
      const char *text = E->sources->source.at[hi->span.source].text;
      if (memcmp(text + hi->a->span.begin, text + item->lo->span.begin, hi->a->span.end - hi->a->span.begin) == 0)
        n = hi->b;
    }
  }
  if (!n) {
    elab_error(E, "E0319", item->span, "a slice with a run-time start needs a static length");
    elab_hint(E, "write it `i : i + n` with compile-time n");
    return false;
  }
  if (!expr_int(E, n, "the length of a slice", &u->hi)) return false;
  u->kind = AXIS_START;
  u->start = to_tensor(E, lo, DT_I32, item->span);
  s->runtime = true;
  return !is_error(u->start);
}

static bool use_slice(Elab *E, AxisUse *u, const IndexItem *item, int64_t extent, Selection *s) {
  u->kind = AXIS_SLICE, u->lo = 0, u->hi = extent, u->step = 1;
  Val lo = item->lo ? expr_value(E, item->lo) : val_int(0);
  if (is_error(lo)) return false;
  if (lo.kind == V_TENSOR) return runtime_slice(E, u, item, lo, s);
  if (!val_to_int(E, lo, item->span, "a bound", &u->lo)) return false;
  if (item->hi && !expr_int(E, item->hi, "a bound", &u->hi)) return false;
  if (item->step && !expr_int(E, item->step, "a step", &u->step)) return false;
  if (u->step < 1)
    return elab_error(E, "E0319", item->span, "a step is positive; `reverse(x, axis)` turns an axis"), false;
  int64_t a = u->lo, b = u->hi;
  if (u->lo < 0) u->lo += extent;
  if (u->hi < 0) u->hi += extent;
  if (u->lo < 0 || u->lo > extent) return out_of_range(E, item->span, a, extent);
  if (u->hi < 0 || u->hi > extent) return out_of_range(E, item->span, b, extent);
  if (u->hi < u->lo) u->hi = u->lo;
  return true;
}

static bool select_axes(Elab *E, const Type *t, const IndexItem *item, uint32_t n, Span span, Selection *s,
                        Val tensor) {
  uint32_t used = 0, rest = UINT32_MAX;
  for (uint32_t k = 0; k < n; k++) {
    if (item[k].kind == INDEX_EXPR || item[k].kind == INDEX_SLICE) used++;
    if (item[k].kind == INDEX_ELLIPSIS && rest != UINT32_MAX)
      return elab_error(E, "E0317", item[k].span, "an index has at most one `..`"), false;
    if (item[k].kind == INDEX_ELLIPSIS) rest = k;
  }
  if (used > t->rank) {
    elab_error(E, "E0317", span, "%u indices for %s", used, type_text(E, tensor));
    return false;
  }
  uint32_t axis = 0;
  for (uint32_t k = 0; k <= n; k++) {
    if (k == n ? rest == UINT32_MAX : item[k].kind == INDEX_ELLIPSIS) {
      uint32_t skip = k == n ? t->rank - axis : t->rank - used;
      for (; skip; skip--)
        s->axis[axis] = (AxisUse){.kind = AXIS_ALL, .hi = t->dim[axis]}, s->out[s->n_out++] = (uint8_t)axis++;
      continue;
    }
    if (k == n) break;
    if (item[k].kind == INDEX_NONE) {
      s->out[s->n_out++] = 0xff;
      if (s->n_out > 2 * IR_MAX_RANK - 2) return elab_error(E, "E0302", span, "a tensor has at most 8 axes"), false;
      continue;
    }
    AxisUse *u = &s->axis[axis];
    if (item[k].kind == INDEX_SLICE) {
      if (!use_slice(E, u, &item[k], t->dim[axis], s)) return false;
    } else {
      Val v = expr_value(E, item[k].at);
      if (v.kind == V_NONE) {
        s->out[s->n_out++] = 0xff;
        used--;
        continue;
      }
      if (!use_expr(E, u, v, t->dim[axis], item[k].span, s)) return false;
    }
    bool keeps =
        u->kind == AXIS_SLICE || (u->kind == AXIS_START && item[k].kind == INDEX_SLICE) || u->kind == AXIS_GATHER;
    if (keeps) s->out[s->n_out++] = (uint8_t)axis;
    axis++;
  }
  return true;
}

/* ---------------------------------------------------------------- reading */

static NodeId start_node(Elab *E, const AxisUse *u) {
  if (u->kind == AXIS_START) return node_of(E, u->start);
  return ir_scalar_const(&E->g->cur->b, DT_I32, u->kind == AXIS_AT || u->kind == AXIS_SLICE ? (double)u->lo : 0);
}

static int64_t use_extent(const AxisUse *u) {
  if (u->kind == AXIS_AT) return 1;
  if (u->kind == AXIS_SLICE) return (u->hi - u->lo + u->step - 1) / u->step;
  return u->hi;
}

static NodeId constant_part(Elab *E, NodeId x, const Type *t, const Selection *s) {
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], step[IR_MAX_RANK];
  bool cut = false;
  for (uint32_t k = 0; k < t->rank; k++) {
    const AxisUse *u = &s->axis[k];
    bool fixed = u->kind == AXIS_AT || u->kind == AXIS_SLICE;
    lo[k] = fixed ? u->lo : 0;
    hi[k] = u->kind == AXIS_AT ? u->lo + 1 : fixed ? u->hi : t->dim[k];
    step[k] = u->kind == AXIS_SLICE ? u->step : 1;
    cut |= lo[k] != 0 || hi[k] != t->dim[k] || step[k] != 1;
  }
  return cut ? ir_slice(&E->g->cur->b, x, lo, hi, step) : x;
}

static NodeId runtime_part(Elab *E, NodeId x, const Selection *s, uint32_t rank) {
  Builder *b = &E->g->cur->b;
  NodeId in[IR_MAX_RANK + 1] = {x};
  Attr a = {.sizes.n = rank};
  const Type t = *ir_type_of(b, x);
  bool any = false;
  for (uint32_t k = 0; k < rank; k++) {
    bool start = s->axis[k].kind == AXIS_START;
    any |= start;
    in[k + 1] = start ? node_of(E, s->axis[k].start) : IR_NONE;
    a.sizes.v[k] = start ? s->axis[k].hi : t.dim[k];
  }
  if (!any) return x;
  for (uint32_t k = 0; k < rank; k++)
    if (in[k + 1] == IR_NONE) in[k + 1] = ir_scalar_const(b, DT_I32, 0);
  return ir_emit(b, OP_dynamic_slice, in, rank + 1, &a);
}

/* The result's axes: dropped integers, new axes, gathers in place. */
static Val shape_result(Elab *E, NodeId x, const Selection *s, uint16_t ones, const IndexItem *item, uint32_t n) {
  (void)item, (void)n;
  Builder *b = &E->g->cur->b;
  const Type t = *ir_type_of(b, x);
  int64_t dim[2 * IR_MAX_RANK];
  uint16_t out_ones = 0;
  if (s->n_out > IR_MAX_RANK) return elab_error(E, "E0302", E->span, "a tensor has at most 8 axes");
  for (uint32_t k = 0; k < s->n_out; k++) {
    bool fresh = s->out[k] == 0xff;
    dim[k] = fresh ? 1 : t.dim[s->out[k]];
    bool cut = !fresh && s->axis[s->out[k]].kind == AXIS_SLICE && dim[k] == 1;
    if (fresh || cut || (!fresh && (ones >> s->out[k]) & 1 && dim[k] == 1)) out_ones |= (uint16_t)(1u << k);
  }
  bool same = s->n_out == t.rank && memcmp(dim, t.dim, t.rank * sizeof *dim) == 0;
  return val_tensor_ones(E, same ? x : ir_reshape(b, x, s->n_out, dim), out_ones);
}

/* ---------------------------------------------------------------- index tensors */

/* The axes of a selection's result that index tensors stand for, and the indices, of one shape when there are several.
 * Their axes come in the place of the first one; first of all when other axes stand between (as in NumPy). */
typedef struct Gathers {
  uint32_t n;
  uint32_t at[IR_MAX_RANK]; /* among the axes that stay */
  Val index[IR_MAX_RANK];
  uint32_t place, rank; /* of the axes of the indices in the result */
} Gathers;

/* axes: source axis of each axis that stays, 0xff = a new one. */
static bool find_gathers(Elab *E, const Selection *s, const uint8_t *axes, uint32_t n_axes, Gathers *g, Span span) {
  *g = (Gathers){0};
  for (uint32_t k = 0; k < n_axes; k++) {
    if (axes[k] == 0xff || s->axis[axes[k]].kind != AXIS_GATHER) continue;
    g->index[g->n] = s->axis[axes[k]].start;
    g->at[g->n++] = k;
  }
  for (uint32_t pass = 0; pass < 2; pass++)
    for (uint32_t k = 1; k < g->n; k++)
      if (!broadcast_pair(E, &g->index[0], &g->index[k], span, ",")) return false;
  if (!g->n) return true;
  g->rank = type_of(E, g->index[0])->rank;
  g->place = g->at[g->n - 1] - g->at[0] == g->n - 1 ? g->at[0] : 0;
  return true;
}

/* Order of axes in which the gathered ones come first. */
static void gathered_first(const Gathers *g, uint32_t rank, int64_t *perm) {
  uint32_t at = g->n;
  for (uint32_t k = 0, j = 0; k < rank; k++) {
    if (j < g->n && g->at[j] == k)
      perm[j++] = k;
    else
      perm[at++] = k;
  }
}

static NodeId in_order(Builder *b, NodeId x, const int64_t *perm) {
  bool same = true;
  for (uint32_t k = 0; x != IR_NONE && k < ir_type_of(b, x)->rank; k++) same &= perm[k] == k;
  return same ? x : ir_transpose(b, x, perm);
}

/* Order that brings the leading axes of the indices to their place. */
static void indices_placed(const Gathers *g, uint32_t rank, int64_t *perm) {
  for (uint32_t k = 0; k < rank; k++) perm[k] = k < g->place ? k + g->rank : k < g->place + g->rank ? k - g->place : k;
}

static void inverse(const int64_t *perm, uint32_t n, int64_t *out) {
  for (uint32_t k = 0; k < n; k++) out[perm[k]] = k;
}

/* x[i, j, ..]: the entries named by the indices together, taken axis by axis. */
static Val gather_all(Elab *E, Val v, const Selection *s, Span span) {
  Gathers g;
  if (is_error(v) || !find_gathers(E, s, s->out, s->n_out, &g, span)) return val_error();
  if (!g.n) return v;
  Builder *b = &E->g->cur->b;
  if (g.n == 1) return val_tensor(E, ir_gather(b, node_of(E, v), node_of(E, g.index[0]), g.at[0], 0));
  int64_t perm[2 * IR_MAX_RANK];
  gathered_first(&g, s->n_out, perm);
  NodeId x = in_order(b, node_of(E, v), perm);
  for (uint32_t k = 0; k < g.n && x != IR_NONE; k++)
    x = ir_gather(b, x, node_of(E, g.index[k]), k ? g.rank : 0, k ? g.rank : 0);
  if (x == IR_NONE) return val_error();
  indices_placed(&g, ir_type_of(b, x)->rank, perm);
  return val_tensor(E, in_order(b, x, perm));
}

Val index_value(Elab *E, Val v, const IndexItem *item, uint32_t n, Span span) {
  v = read_value(E, v);
  if (is_error(v)) return v;
  if ((is_list(v) && !val_has_tensor(v)) || v.kind == V_RANGE || v.kind == V_STRING ||
      (is_list(v) && n == 1 && (item->kind == INDEX_EXPR || item->kind == INDEX_SLICE))) {
    bool plain = n == 1 && (item->kind == INDEX_EXPR || item->kind == INDEX_SLICE);
    if (plain && item->kind == INDEX_EXPR && val_has_tensor(expr_value(E, item->at))) plain = false;
    if (plain) return container_index(E, v, item, span);
  }
  if (!is_list(v) && v.kind != V_TENSOR) {
    elab_error(E, "E0317", span, "%s cannot be indexed", val_kind_name(E, v));
    if (v.kind == V_INSTANCE) elab_hint(E, "call it first: `%s(..)(x)`", v.instance->layer);
    return val_error();
  }
  v = to_tensor(E, v, DT_COUNT, span);
  if (is_error(v)) return v;
  const Type t = *type_of(E, v);
  Selection s = {0};
  if (!select_axes(E, &t, item, n, span, &s, v)) return val_error();
  NodeId x = constant_part(E, node_of(E, v), &t, &s);
  if (s.runtime) x = runtime_part(E, x, &s, t.rank);
  if (x == IR_NONE) return val_error();
  return gather_all(E, shape_result(E, x, &s, v.ones, item, n), &s, span);
}

/* ---------------------------------------------------------------- writing */

/* The entries of the box that a selection cuts out; axes with an index tensor are whole. */
static NodeId read_box(Elab *E, NodeId x, const Type *t, const Selection *s) {
  x = constant_part(E, x, t, s);
  return s->runtime ? runtime_part(E, x, s, t->rank) : x;
}

/* Spreads the entries of stepped slices over what lies between them in x. */
static NodeId fill_steps(Elab *E, NodeId x, NodeId part, const Type *t, Selection *s) {
  Builder *b = &E->g->cur->b;
  int64_t none[IR_MAX_RANK] = {0}, behind[IR_MAX_RANK] = {0}, between[IR_MAX_RANK] = {0};
  bool steps = false;
  for (uint32_t k = 0; k < t->rank; k++) {
    AxisUse *u = &s->axis[k];
    if (u->kind != AXIS_SLICE || u->step == 1) continue;
    int64_t n = use_extent(u);
    between[k] = n > 1 ? u->step - 1 : 0;
    behind[k] = u->hi - u->lo - (n ? (n - 1) * u->step + 1 : 0);
    u->step = 1;
    steps = true;
  }
  if (!steps || part == IR_NONE) return part;
  NodeId hit = ir_full(b, ir_type(E->m, DT_BOOL, t->rank, ir_type_of(b, part)->dim), 1);
  return ir_select(b, ir_pad(b, hit, none, behind, between), ir_pad(b, part, none, behind, between),
                   read_box(E, x, t, s));
}

static NodeId write_box(Elab *E, NodeId x, NodeId part, const Type *t, Selection *s) {
  NodeId in[IR_MAX_RANK + 2] = {x, fill_steps(E, x, part, t, s)};
  if (in[1] == IR_NONE) return IR_NONE;
  for (uint32_t k = 0; k < t->rank; k++) in[k + 2] = start_node(E, &s->axis[k]);
  return ir_emit(&E->g->cur->b, OP_dynamic_put, in, t->rank + 2u, NULL);
}

/* One index into the axes of extents dim, row-major; -1 where one of them is out of range. */
static NodeId flat_index(Elab *E, const Gathers *g, const int64_t *dim) {
  Builder *b = &E->g->cur->b;
  NodeId flat = node_of(E, g->index[0]), bad = IR_NONE;
  const TypeId type = ir_node(E->m, b->region, flat)->type;
  for (uint32_t k = 0; k < g->n; k++) {
    NodeId i = node_of(E, g->index[k]);
    NodeId out = ir_binary(b, OP_or, ir_binary(b, OP_lt, i, ir_full(b, type, 0)),
                           ir_binary(b, OP_le, ir_full(b, type, (double)dim[k]), i));
    bad = k ? ir_binary(b, OP_or, bad, out) : out;
    if (k) flat = ir_binary(b, OP_add, ir_binary(b, OP_mul, flat, ir_full(b, type, (double)dim[k])), i);
  }
  return ir_select(b, bad, ir_full(b, type, -1), flat);
}

/* part with u written at the indices, the last one winning. u: [axes of the indices.., the other axes of part..]. */
static NodeId scatter_box(Elab *E, NodeId part, NodeId u, const Gathers *g) {
  Builder *b = &E->g->cur->b;
  int64_t perm[IR_MAX_RANK], back[IR_MAX_RANK], dim[IR_MAX_RANK], flat[IR_MAX_RANK] = {1};
  const Type t = *ir_type_of(b, part);
  gathered_first(g, t.rank, perm);
  inverse(perm, t.rank, back);
  for (uint32_t k = 0; k < t.rank; k++) dim[k] = t.dim[perm[k]];
  for (uint32_t k = 0; k < g->n; k++) flat[0] *= dim[k];
  for (uint32_t k = g->n; k < t.rank; k++) flat[k - g->n + 1] = dim[k];
  NodeId x = in_order(b, part, perm);
  if (g->n > 1) x = ir_reshape(b, x, t.rank - g->n + 1, flat);
  NodeId in[3] = {x, g->n > 1 ? flat_index(E, g, dim) : node_of(E, g->index[0]), u};
  x = ir_emit(b, OP_scatter_set, in, 3, &(Attr){0});
  if (x != IR_NONE && g->n > 1) x = ir_reshape(b, x, t.rank, dim);
  return x == IR_NONE ? x : in_order(b, x, back);
}

/* The shape of x[I], of which e may be a part that grows. */
static bool fit_assigned(Elab *E, Val *e, DType dtype, uint32_t rank, const int64_t *dim, Span span) {
  if (rank > IR_MAX_RANK) return elab_error(E, "E0302", span, "a tensor has at most 8 axes"), false;
  Val like = val_tensor(E, ir_full(&E->g->cur->b, ir_type(E->m, dtype, rank, dim), 0));
  bool ok = type_of(E, *e)->rank <= rank && broadcast_pair(E, &like, e, span, "=");
  const Type *t = is_error(*e) ? NULL : type_of(E, *e);
  if (ok && t->rank == rank && memcmp(t->dim, dim, rank * sizeof *dim) == 0) return true;
  if (ok || (t && t->rank > rank))
    elab_error(E, "E0301", span, "%s does not fit into %s", type_text(E, *e), dims_text(E, rank, dim));
  return false;
}

/* What is written into the box, in its shape. */
static NodeId new_box(Elab *E, NodeId x, const Type *t, const Selection *s, Val e, Span span) {
  Builder *b = &E->g->cur->b;
  uint8_t axes[IR_MAX_RANK];
  uint32_t n = 0, rank = 0;
  for (uint32_t k = 0; k < s->n_out; k++)
    if (s->out[k] != 0xff) axes[n++] = s->out[k];
  Gathers g;
  if (!find_gathers(E, s, axes, n, &g, span)) return IR_NONE;
  const Type index = g.n ? *type_of(E, g.index[0]) : (Type){0};
  int64_t dim[3 * IR_MAX_RANK], box[2 * IR_MAX_RANK];
  for (uint32_t k = 0, others = 0; k <= n; k++) { /* the shape of x[I] */
    if (g.n && others == g.place && rank == g.place)
      for (uint32_t j = 0; j < g.rank; j++) dim[rank++] = index.dim[j];
    if (k == n || s->axis[axes[k]].kind == AXIS_GATHER) continue;
    dim[rank++] = use_extent(&s->axis[axes[k]]);
    others++;
  }
  if (!fit_assigned(E, &e, (DType)t->dtype, rank, dim, span)) return IR_NONE;
  uint32_t in_box = g.rank;
  memcpy(box, index.dim, g.rank * sizeof *box);
  for (uint32_t k = 0; k < t->rank; k++)
    if (s->axis[k].kind != AXIS_GATHER) box[in_box++] = use_extent(&s->axis[k]);
  int64_t perm[IR_MAX_RANK], back[IR_MAX_RANK];
  indices_placed(&g, rank, perm);
  inverse(perm, rank, back);
  NodeId u = ir_reshape(b, in_order(b, node_of(E, e), back), in_box, box);
  if (!g.n || u == IR_NONE) return u;
  g.n = 0;
  for (uint32_t k = 0; k < t->rank; k++)
    if (s->axis[k].kind == AXIS_GATHER) g.at[g.n++] = k;
  return scatter_box(E, read_box(E, x, t, s), u, &g);
}

Val index_assign(Elab *E, Val v, const IndexItem *item, uint32_t n, Val e, Span span) {
  Val x = to_tensor(E, v, DT_COUNT, span);
  e = read_value(E, e);
  if (is_error(x) || is_error(e)) return val_error();
  const Type t = *type_of(E, x);
  e = to_tensor(E, e, (DType)t.dtype, span);
  Selection s = {0};
  if (is_error(e) || !select_axes(E, &t, item, n, span, &s, x)) return val_error();
  NodeId part = new_box(E, node_of(E, x), &t, &s, e, span);
  if (part == IR_NONE) return val_error();
  bool whole = true;
  for (uint32_t k = 0; k < t.rank; k++) whole &= s.axis[k].kind == AXIS_ALL || s.axis[k].kind == AXIS_GATHER;
  return val_tensor_ones(E, whole && s.gathers ? part : write_box(E, node_of(E, x), part, &t, &s), x.ones);
}

/* ---------------------------------------------------------------- members */

Val member_value(Elab *E, const Expr *e) {
  Val a = expr(E, e->a);
  const char *name = e->name.text;
  switch ((ValKind)a.kind) {
  case V_ERROR: return a;
  case V_INSTANCE: return instance_member(E, a, name, e->span);
  case V_DATA:
  case V_SPLIT: return data_member(E, a, name, e->span);
  case V_MODULE: {
    Slot *s = scope_here(a.module, name);
    if (s) return s->value;
    elab_error(E, "E0203", e->name.span, "this module has no `%s`", name);
    const char *near = scope_nearest(E, a.module, name);
    if (near) elab_hint(E, "did you mean `%s`?", near);
    return val_error();
  }
  case V_LIST:
  case V_TUPLE: {
    char *end;
    long k = strtol(name, &end, 10);
    if (!*end && k >= 0 && k < (long)a.list->n) return a.list->at[k];
    return elab_error(E, "E0317", e->name.span, "a list of %u items has no item `%s`", a.list->n, name);
  }
  default: break;
  }
  elab_error(E, "E0203", e->name.span, "%s has no member `%s`", val_kind_name(E, a), name);
  if (a.kind == V_TENSOR || a.kind == V_CELL || a.kind == V_FIELD) foreign_member_hint(E, name);
  return val_error();
}
