/* Indexing: one bracket for integers, slices, `..`, `none` and gathers; updates `x[I] = e`; members `a.name`. */
#include "frontend/elab/internal.h"

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

/* One index tensor: its axes take the place of the axis it indexes. */
static Val gather_one(Elab *E, Val v, const Selection *s) {
  for (uint32_t k = 0; k < s->n_out && !is_error(v); k++)
    if (s->out[k] != 0xff && s->axis[s->out[k]].kind == AXIS_GATHER)
      return val_tensor(E, ir_gather(&E->g->cur->b, node_of(E, v), node_of(E, s->axis[s->out[k]].start), k, 0));
  return v;
}

/* x[i, j]: pairs of indices into the two leading axes. */
static Val gather_pairs(Elab *E, Val v, const Selection *s, Span span) {
  bool leading = s->n_out >= 2 && s->out[0] != 0xff && s->out[1] != 0xff && s->axis[s->out[0]].kind == AXIS_GATHER &&
                 s->axis[s->out[1]].kind == AXIS_GATHER;
  if (!leading || is_error(v)) {
    if (!leading) elab_error(E, "E0900", span, "two index tensors in one bracket stand for the two leading axes");
    return val_error();
  }
  Val i = s->axis[s->out[0]].start, j = s->axis[s->out[1]].start;
  if (!broadcast_pair(E, &i, &j, span, ",")) return val_error();
  int64_t rank = type_of(E, i)->rank;
  Builder *b = &E->g->cur->b;
  NodeId rows = ir_gather(b, node_of(E, v), node_of(E, i), 0, 0);
  return val_tensor(E, ir_gather(b, rows, node_of(E, j), rank, rank));
}

static uint32_t count_gathers(const Selection *s, uint32_t rank) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < rank; k++) n += s->axis[k].kind == AXIS_GATHER;
  return n;
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
  uint32_t gathers = count_gathers(&s, t.rank);
  if (gathers > 2) return elab_error(E, "E0900", span, "more than two index tensors in one bracket are not there yet");
  NodeId x = constant_part(E, node_of(E, v), &t, &s);
  if (s.runtime) x = runtime_part(E, x, &s, t.rank);
  if (x == IR_NONE) return val_error();
  Val r = shape_result(E, x, &s, v.ones, item, n);
  return gathers == 2 ? gather_pairs(E, r, &s, span) : gather_one(E, r, &s);
}

/* ---------------------------------------------------------------- writing */

/* x[i] = e with an index tensor on one axis: a scatter, the last write wins. */
static Val scatter_assign(Elab *E, Val x, const Selection *s, uint32_t rank, Val e, Span span) {
  uint32_t axis = 0;
  for (uint32_t k = 0; k < rank; k++) {
    if (s->axis[k].kind == AXIS_GATHER)
      axis = k;
    else if (s->axis[k].kind != AXIS_ALL)
      return elab_error(E, "E0900", span, "an assignment mixes an index tensor with other indices");
  }
  if (axis) return elab_error(E, "E0900", span, "an assignment by an index tensor goes along axis 0");
  Val i = s->axis[axis].start;
  const Type ti = *type_of(E, i), tx = *type_of(E, x);
  if (ti.rank + tx.rank - 1u > IR_MAX_RANK) return elab_error(E, "E0302", span, "a tensor has at most 8 axes");
  int64_t dim[IR_MAX_RANK];
  memcpy(dim, ti.dim, ti.rank * sizeof *dim);
  memcpy(dim + ti.rank, tx.dim + 1, (tx.rank - 1u) * sizeof *dim);
  Val target = val_tensor(E, ir_full(&E->g->cur->b, ir_type(E->m, (DType)tx.dtype, ti.rank + tx.rank - 1u, dim), 0));
  Val u = e;
  if (!broadcast_pair(E, &target, &u, span, "=")) return val_error();
  Attr a = {0};
  NodeId in[3] = {node_of(E, x), node_of(E, i), node_of(E, u)};
  return val_tensor_ones(E, ir_emit(&E->g->cur->b, OP_scatter_set, in, 3, &a), x.ones);
}

/* A step other than 1: a gather of positions. */
static bool has_step(const Selection *s, uint32_t rank) {
  for (uint32_t k = 0; k < rank; k++)
    if (s->axis[k].kind == AXIS_SLICE && s->axis[k].step != 1) return true;
  return false;
}

Val index_assign(Elab *E, Val v, const IndexItem *item, uint32_t n, Val e, Span span) {
  Val x = to_tensor(E, v, DT_COUNT, span);
  e = read_value(E, e);
  if (is_error(x) || is_error(e)) return val_error();
  const Type t = *type_of(E, x);
  e = to_tensor(E, e, (DType)t.dtype, span);
  Selection s = {0};
  if (is_error(e) || !select_axes(E, &t, item, n, span, &s, x)) return val_error();
  if (s.gathers) return scatter_assign(E, x, &s, t.rank, e, span);
  if (has_step(&s, t.rank)) {
    elab_error(E, "E0900", span, "an assignment to a slice with a step is not there yet");
    elab_hint(E, "assign by an index tensor: `x[arange(a, b, step)] = e`");
    return val_error();
  }
  int64_t part[IR_MAX_RANK], full[IR_MAX_RANK];
  uint32_t rank = 0;
  for (uint32_t k = 0; k < t.rank; k++) full[k] = use_extent(&s.axis[k]);
  for (uint32_t k = 0; k < s.n_out; k++)
    if (s.out[k] != 0xff) part[rank++] = full[s.out[k]];
  Val like = val_tensor(E, ir_full(&E->g->cur->b, ir_type(E->m, (DType)t.dtype, rank, part), 0));
  const Type *te = type_of(E, e);
  if (te->rank > rank)
    return elab_error(E, "E0301", span, "%s does not fit into %s", type_text(E, e), type_text(E, like));
  if (!broadcast_pair(E, &like, &e, span, "=")) return val_error();
  te = type_of(E, e);
  if (te->rank != rank || memcmp(te->dim, part, rank * sizeof *part) != 0)
    return elab_error(E, "E0301", span, "%s does not fit into %s", type_text(E, e), dims_text(E, rank, part));
  Builder *b = &E->g->cur->b;
  NodeId in[IR_MAX_RANK + 2] = {node_of(E, x), ir_reshape(b, node_of(E, e), t.rank, full)};
  for (uint32_t k = 0; k < t.rank; k++) in[k + 2] = start_node(E, &s.axis[k]);
  return val_tensor_ones(E, ir_emit(b, OP_dynamic_put, in, t.rank + 2u, NULL), x.ones);
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
  if (a.kind == V_TENSOR || a.kind == V_CELL) elab_hint(E, "functions take tensors as arguments: `shape(x)`, `sum(x)`");
  return val_error();
}
