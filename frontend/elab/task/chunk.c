/* Evals in chunks of rows.
 *
 * The graph of an eval is written for the whole split. Nodes that go row by row are computed in a loop over chunks;
 * sums over rows accumulate there; a value that is needed for all rows at once is collected; the rest runs once,
 * before or after. The last, shorter chunk is computed behind the loop in the same way. */
#include "frontend/elab/task/chunk.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"
#include <math.h>

/* A loop that goes row by row: the row axis of every node of its body, and of its results. */
typedef struct RowLoop {
  int *body, *result; /* carries first, as the body has them; then what it collects */
} RowLoop;

typedef struct Chunks {
  Elab *E;
  RegionId from;
  int64_t rows, chunk;
  uint32_t n;
  int *axis;     /* by node */
  RowLoop *loop; /* by node, of those with ROWS_LOOP */
  bool *need;    /* needed at all */
  bool *inside;  /* computed chunk by chunk */
  bool *whole;   /* of those: collected for all rows */
  NodeId *map;   /* in the new region: what does not depend on rows, and after the loop everything needed */
  Builder b;
} Chunks;

/* One place where a chunk is computed: the loop's body, or behind the loop for the last rows. */
typedef struct Place {
  Chunks *c;
  Builder *b;
  int64_t rows;
  NodeId start; /* i32: first row; IR_NONE: `first` is known */
  int64_t first;
  NodeId number;  /* i64: the chunk's number */
  NodeId *map;    /* nodes of this place */
  NodeId *import; /* nodes of the new region as seen here; NULL: the same region */
  Vec(NodeId) * consts;
} Place;

static const Node *node_at(const Chunks *c, NodeId id) { return ir_node(c->E->m, c->from, id); }
static const NodeId *operands(const Chunks *c, NodeId id) { return ir_operands(c->E->m, c->from, node_at(c, id)); }
static const Type *type_at(const Chunks *c, NodeId id) { return ir_type_get(c->E->m, node_at(c, id)->type); }

/* ---------------------------------------------------------------- analysis */

/* Row axes of the body's nodes when its parameters have those of `axis`; false when one needs all rows. */
static bool body_rows(const Chunks *c, RegionId body, int *axis) {
  const Region *r = ir_region(c->E->m, body);
  for (NodeId id = 0; id < r->node.n; id++) {
    if (r->node.at[id].op == OP_param) continue;
    axis[id] = row_axis(c->E->m, body, id, axis, c->rows);
    if (axis[id] == ROWS_UNKNOWN || axis[id] == ROWS_SUMMED) return false;
  }
  return true;
}

/* A carry that begins the same for all rows may differ between them after the first iteration: repeated until none
 * changes. False when the loop does not go row by row. */
static bool settle_carries(const Chunks *c, NodeId id, RowLoop *l) {
  const Attr *a = ir_attr_get(c->E->m, node_at(c, id)->attr);
  RegionId body = node_at(c, id)->body[0];
  const Region *r = ir_region(c->E->m, body);
  for (bool changed = true; changed;) {
    changed = false;
    if (!body_rows(c, body, l->body)) return false;
    for (uint32_t k = 0; k < a->n_carry; k++) {
      int *before = &l->body[r->param.at[k + 1]], after = l->body[r->result.at[k]];
      if (after == *before || after == ROWS_NONE) continue;
      if (*before != ROWS_NONE) return false;
      *before = after;
      changed = true;
    }
  }
  for (uint32_t k = 0; k < r->result.n; k++) {
    int axis = k < a->n_carry ? l->body[r->param.at[k + 1]] : l->body[r->result.at[k]];
    if (axis < 0) return false;
    l->result[k] = k < a->n_carry ? axis : axis + 1;
  }
  return true;
}

static bool goes_by_row(const Chunks *c, NodeId id, RowLoop *l) {
  const Node *n = node_at(c, id);
  const Attr *a = ir_attr_get(c->E->m, n->attr);
  const Region *r = ir_region(c->E->m, n->body[0]);
  uint32_t n_xs = n->n_in - a->n_carry - a->n_consts;
  l->body = arena_array(&c->E->mem, int, r->node.n + 1);
  l->result = arena_array(&c->E->mem, int, r->result.n + 1);
  bool rows = false;
  l->body[r->param.at[0]] = ROWS_NONE;
  for (uint32_t k = 0; k < n->n_in; k++) {
    int axis = c->axis[operands(c, id)[k]];
    bool sequence = k >= a->n_carry && k < a->n_carry + n_xs;
    if (axis < ROWS_NONE || (sequence && axis == 0)) return false;
    rows |= axis >= 0;
    l->body[r->param.at[k + 1]] = sequence && axis > 0 ? axis - 1 : axis;
  }
  return rows && settle_carries(c, id, l);
}

static int axis_of(Chunks *c, NodeId id) {
  const Node *n = node_at(c, id);
  if (n->op == OP_scan && goes_by_row(c, id, &c->loop[id])) return ROWS_LOOP;
  if (n->op == OP_proj && c->axis[operands(c, id)[0]] == ROWS_LOOP)
    return c->loop[operands(c, id)[0]].result[ir_attr_get(c->E->m, n->attr)->index];
  return row_axis(c->E->m, c->from, id, c->axis, c->rows);
}

static void classify(Chunks *c, const bool *row_param) {
  const Module *m = c->E->m;
  const Region *r = ir_region(m, c->from);
  for (uint32_t k = 0; k < r->param.n; k++) c->axis[r->param.at[k]] = row_param[k] ? 0 : ROWS_NONE;
  for (NodeId id = 0; id < c->n; id++)
    if (node_at(c, id)->op != OP_param) c->axis[id] = axis_of(c, id);
  for (uint32_t k = 0; k < r->result.n; k++) c->need[r->result.at[k]] = true;
  for (NodeId id = c->n; id-- > 0;)
    for (uint32_t k = 0; c->need[id] && k < node_at(c, id)->n_in; k++) c->need[operands(c, id)[k]] = true;
}

/* All rows of it are there before the loop. */
static bool is_field(const Chunks *c, NodeId id) { return node_at(c, id)->op == OP_param; }

/* A value with rows is collected when something that is not computed by chunks wants it, and computed by chunks when
 * it is collected, summed or wanted by such a value. */
static void place_nodes(Chunks *c) {
  const Region *r = ir_region(c->E->m, c->from);
  for (uint32_t k = 0; k < r->result.n; k++)
    if (c->axis[r->result.at[k]] >= 0 && !is_field(c, r->result.at[k])) c->whole[r->result.at[k]] = true;
  for (NodeId id = c->n; id-- > 0;) {
    if (!c->need[id]) continue;
    bool by_chunk = c->axis[id] >= 0 || c->axis[id] == ROWS_SUMMED || c->axis[id] == ROWS_LOOP;
    if (c->axis[id] >= 0) c->inside[id] |= c->whole[id];
    if (c->axis[id] == ROWS_SUMMED) c->inside[id] = true;
    for (uint32_t k = 0; k < node_at(c, id)->n_in; k++) {
      NodeId in = operands(c, id)[k];
      if (c->axis[in] < 0 && c->axis[in] != ROWS_LOOP) continue;
      if (by_chunk && c->inside[id])
        c->inside[in] = true;
      else if (!by_chunk && !is_field(c, in))
        c->whole[in] = c->inside[in] = true;
    }
  }
}

/* ---------------------------------------------------------------- one chunk */

/* A node of the new region, seen from the place. */
static NodeId bring_in(Place *p, NodeId id) {
  NodeId outer = p->c->map[id];
  if (!p->import) return outer;
  if (p->import[id] == IR_NONE && node_at(p->c, id)->op == OP_const) {
    p->import[id] = ir_emit(p->b, OP_const, NULL, 0, ir_attr_get(p->c->E->m, node_at(p->c, id)->attr));
  } else if (p->import[id] == IR_NONE) {
    p->import[id] = ir_param(p->b, ir_node(p->c->E->m, p->c->b.region, outer)->type);
    vec_push(p->consts, outer);
  }
  return p->import[id];
}

/* Rows of the place from a value that has all of them. */
static NodeId cut(Place *p, NodeId x, int axis) {
  const Type t = *ir_type_of(p->b, x);
  if (p->start == IR_NONE) {
    int64_t lo[IR_MAX_RANK] = {0}, hi[IR_MAX_RANK], step[IR_MAX_RANK];
    for (uint32_t k = 0; k < t.rank; k++) hi[k] = t.dim[k], step[k] = 1;
    lo[axis] = p->first, hi[axis] = p->first + p->rows;
    return ir_slice(p->b, x, lo, hi, step);
  }
  NodeId in[IR_MAX_RANK + 1] = {x};
  Attr a = {.sizes.n = t.rank};
  for (int k = 0; k < t.rank; k++) {
    in[k + 1] = k == axis ? p->start : ir_scalar_const(p->b, DT_I32, 0);
    a.sizes.v[k] = k == axis ? p->rows : t.dim[k];
  }
  return ir_emit(p->b, OP_dynamic_slice, in, t.rank + 1u, &a);
}

/* An operand that does not depend on rows but runs along them: cut, or, when it only repeats, repeated less. */
static NodeId shared_operand(Place *p, NodeId id, int axis) {
  const Chunks *c = p->c;
  if (axis < 0 || type_at(c, id)->rank <= axis || type_at(c, id)->dim[axis] != c->rows) return bring_in(p, id);
  const Node *n = node_at(c, id);
  if (n->op == OP_broadcast) {
    Attr a = *ir_attr_get(c->E->m, n->attr);
    bool repeats = true;
    for (uint32_t k = 0; k < a.axes.n; k++) repeats &= a.axes.v[k] != axis;
    if (repeats) {
      NodeId x = bring_in(p, operands(c, id)[0]);
      a.shape.v[axis] = p->rows;
      return ir_emit(p->b, OP_broadcast, &x, 1, &a);
    }
  }
  return cut(p, bring_in(p, id), axis);
}

/* Attributes that spell out the extent of the row axis. */
static void fit_attr(const Place *p, NodeId id, Attr *a) {
  int out = p->c->axis[id];
  switch (node_at(p->c, id)->op) {
  case OP_random:
  case OP_broadcast:
  case OP_reshape: a->shape.v[out] = p->rows; break;
  case OP_slice: a->hi.v[out] = p->rows; break;
  default: break;
  }
}

/* The draws of the place's rows, the same as in a draw for all rows. */
static NodeId emit_draw_part(Place *p, NodeId id, NodeId key, const Attr *a) {
  int64_t row = p->c->rows ? ir_elements(type_at(p->c, id)) / p->c->rows : 0;
  NodeId in[] = {key, ir_binary(p->b, OP_mul, p->number, ir_scalar_const(p->b, DT_I64, (double)(p->c->chunk * row)))};
  return ir_emit(p->b, OP_random, in, 2, a);
}

static NodeId *empty_map(const Chunks *c) {
  NodeId *map = arena_array(&c->E->mem, NodeId, c->n + 1);
  memset(map, 0xff, c->n * sizeof *map);
  return map;
}

static NodeId emit_row_loop(Place *p, NodeId id);

static NodeId emit_in(Place *p, NodeId id) {
  Chunks *c = p->c;
  const Node n = *node_at(c, id);
  if (n.op == OP_param) return cut(p, bring_in(p, id), 0);
  if (c->axis[id] == ROWS_LOOP) return emit_row_loop(p, id);
  Attr a = {0};
  if (n.attr != IR_NONE) a = *ir_attr_get(c->E->m, n.attr);
  if (c->axis[id] >= 0) fit_attr(p, id, &a);
  NodeId *in = arena_array(&c->E->mem, NodeId, n.n_in + 1u);
  for (uint32_t k = 0; k < n.n_in; k++) {
    NodeId from = operands(c, id)[k];
    in[k] = c->axis[from] >= 0 || c->axis[from] == ROWS_LOOP
                ? p->map[from]
                : shared_operand(p, from, operand_row_axis(c->E->m, c->from, id, k, c->axis, c->rows));
  }
  p->b->loc = n.loc;
  if (n.op == OP_random) return emit_draw_part(p, id, in[0], &a);
  if (n.body[0] != IR_NONE) return ir_emit_region(p->b, (Op)n.op, in, n.n_in, &a, n.body[0], n.body[1]);
  return ir_emit(p->b, (Op)n.op, in, n.n_in, n.attr == IR_NONE ? NULL : &a);
}

/* The body of a loop for the rows of a place; params: its new parameters, `extra` of them the place's start and number.
 */
static RegionId emit_row_body(Place *p, NodeId id, const TypeId *params, uint32_t n_params, bool extra) {
  Chunks *c = p->c;
  const RowLoop *l = &c->loop[id];
  const Attr a = *ir_attr_get(c->E->m, node_at(c, id)->attr);
  RegionId from = node_at(c, id)->body[0];
  Chunks inner = {.E = c->E, .from = from, .rows = c->rows, .chunk = c->chunk, .axis = l->body};
  inner.n = ir_region(c->E->m, from)->node.n;
  inner.map = empty_map(&inner);
  Builder b = ir_builder(c->E->m, ir_region_new(c->E->m), &c->E->ir_sink);
  NodeId *param = arena_array(&c->E->mem, NodeId, n_params + 1);
  for (uint32_t k = 0; k < n_params; k++) param[k] = ir_param(&b, params[k]);
  for (uint32_t k = 0; k + 2u * extra < n_params; k++) inner.map[ir_region(c->E->m, from)->param.at[k]] = param[k];
  Place q = {&inner, &b, p->rows, extra ? param[n_params - 2] : IR_NONE, p->first, IR_NONE, inner.map, NULL, NULL};
  q.number = extra ? param[n_params - 1] : ir_scalar_const(&b, DT_I64, (double)(p->first / c->chunk));
  for (NodeId k = 0; k < inner.n; k++)
    if (node_at(&inner, k)->op != OP_param) inner.map[k] = emit_in(&q, k);
  for (uint32_t k = 0; k < ir_region(c->E->m, from)->result.n; k++) {
    NodeId r = ir_region(c->E->m, from)->result.at[k];
    bool cut_here = l->body[r] < 0 && k < a.n_carry;
    ir_result(&b, cut_here ? shared_operand(&q, r, l->result[k]) : inner.map[r]);
  }
  RegionId body = b.region;
  ir_builder_free(&b);
  return body;
}

static NodeId emit_row_loop(Place *p, NodeId id) {
  Chunks *c = p->c;
  const Node n = *node_at(c, id);
  const Attr a = *ir_attr_get(c->E->m, n.attr);
  bool extra = p->start != IR_NONE;
  uint32_t n_xs = n.n_in - a.n_carry - a.n_consts, n_in = n.n_in + 2u * extra;
  NodeId *in = arena_array(&c->E->mem, NodeId, n_in + 1u);
  TypeId *type = arena_array(&c->E->mem, TypeId, n_in + 2u);
  type[0] = ir_node(c->E->m, n.body[0], ir_region(c->E->m, n.body[0])->param.at[0])->type;
  for (uint32_t k = 0; k < n_in; k++) {
    NodeId from = k < n.n_in ? operands(c, id)[k] : IR_NONE;
    if (k >= n.n_in)
      in[k] = k == n.n_in ? p->start : p->number;
    else if (c->axis[from] >= 0)
      in[k] = p->map[from];
    else
      in[k] = k < a.n_carry ? shared_operand(p, from, c->loop[id].result[k]) : bring_in(p, from);
    const Type t = *ir_type_of(p->b, in[k]);
    bool sequence = k >= a.n_carry && k < a.n_carry + n_xs;
    type[k + 1] = sequence ? ir_type(c->E->m, (DType)t.dtype, t.rank - 1u, t.dim + 1)
                           : ir_node(c->E->m, p->b->region, in[k])->type;
  }
  RegionId body = emit_row_body(p, id, type, n_in + 1u, extra);
  p->b->loc = n.loc;
  return ir_scan_like(p->b, &a, in, a.n_carry, in + a.n_carry, n_xs, in + a.n_carry + n_xs, a.n_consts + 2u * extra,
                      body);
}

static void emit_chunk(Place *p) {
  for (NodeId id = 0; id < p->c->n; id++)
    if (p->c->inside[id]) p->map[id] = emit_in(p, id);
}

static Op joining_op(Op op) { return op == OP_reduce_max ? OP_max : op == OP_reduce_min ? OP_min : OP_add; }

/* ---------------------------------------------------------------- the loop */

/* [chunks, .., n, ..] -> [.., chunks * n, ..] */
static NodeId join_chunks(Builder *b, NodeId y, int axis) {
  const Type t = *ir_type_of(b, y);
  int64_t perm[IR_MAX_RANK], dim[IR_MAX_RANK];
  for (int k = 0; k < t.rank; k++) perm[k] = k < axis ? k + 1 : k == axis ? 0 : k;
  y = axis ? ir_transpose(b, y, perm) : y;
  const Type moved = *ir_type_of(b, y);
  for (int k = 0, at = 0; k < t.rank; k++) {
    dim[at] = moved.dim[k];
    if (k == axis) dim[at] *= moved.dim[++k];
    at++;
  }
  return ir_reshape(b, y, t.rank - 1u, dim);
}

/* All chunks of full size as one loop; fills map with sums and collected values. */
static void emit_loop(Chunks *c, int64_t count) {
  Elab *E = c->E;
  Builder body = ir_builder(E->m, ir_region_new(E->m), &E->ir_sink);
  body.loc = E->loc;
  NodeId iv = ir_param(&body, ir_scalar(E->m, DT_I64));
  NodeId *carry = arena_array(&E->mem, NodeId, c->n + 1), *held = empty_map(c);
  uint32_t n_carry = 0;
  for (NodeId id = 0; id < c->n; id++) {
    if (!c->inside[id] || c->axis[id] != ROWS_SUMMED) continue;
    Op op = (Op)node_at(c, id)->op;
    double first = op == OP_reduce_max ? -INFINITY : op == OP_reduce_min ? INFINITY : 0;
    carry[n_carry++] = ir_full(&c->b, node_at(c, id)->type, first);
    held[id] = ir_param(&body, node_at(c, id)->type);
  }
  Vec(NodeId) consts = {0};
  NodeId start = ir_binary(&body, OP_mul, ir_cast(&body, iv, DT_I32), ir_scalar_const(&body, DT_I32, (double)c->chunk));
  Place p = {c, &body, c->chunk, start, 0, iv, empty_map(c), empty_map(c), (void *)&consts};
  emit_chunk(&p);
  for (NodeId id = 0; id < c->n; id++)
    if (held[id] != IR_NONE)
      ir_result(&body, ir_binary(&body, joining_op((Op)node_at(c, id)->op), held[id], p.map[id]));
  for (NodeId id = 0; id < c->n; id++)
    if (c->inside[id] && c->whole[id]) ir_result(&body, p.map[id]);
  RegionId region = body.region;
  ir_builder_free(&body);
  NodeId scan = ir_scan(&c->b, count, false, carry, n_carry, NULL, 0, consts.at, consts.n, region);
  vec_free(&consts);
  uint32_t at = 0;
  for (NodeId id = 0; id < c->n; id++)
    if (held[id] != IR_NONE) c->map[id] = ir_proj(&c->b, scan, at++);
  for (NodeId id = 0; id < c->n; id++)
    if (c->inside[id] && c->whole[id]) c->map[id] = join_chunks(&c->b, ir_proj(&c->b, scan, at++), c->axis[id]);
}

/* The last rows, fewer than a chunk: joined to what the loop has. */
static void emit_rest(Chunks *c, int64_t count) {
  Builder *b = &c->b;
  int64_t first = count * c->chunk;
  Place p = {c,    b,   c->rows - first, IR_NONE, first, ir_scalar_const(b, DT_I64, (double)count), empty_map(c),
             NULL, NULL};
  emit_chunk(&p);
  for (NodeId id = 0; id < c->n; id++) {
    if (!c->inside[id]) continue;
    if (c->axis[id] == ROWS_SUMMED)
      c->map[id] = ir_binary(b, joining_op((Op)node_at(c, id)->op), c->map[id], p.map[id]);
    if (c->whole[id]) {
      NodeId parts[2] = {c->map[id], p.map[id]};
      c->map[id] = ir_concat(b, parts, 2, c->axis[id]);
    }
  }
}

/* A node that does not depend on rows, or runs once behind the loop. */
static void emit_once(Chunks *c, NodeId id) {
  const Node n = *node_at(c, id);
  NodeId *in = arena_array(&c->E->mem, NodeId, n.n_in + 1u);
  for (uint32_t k = 0; k < n.n_in; k++) in[k] = c->map[operands(c, id)[k]];
  const Attr *a = n.attr == IR_NONE ? NULL : ir_attr_get(c->E->m, n.attr);
  c->b.loc = n.loc;
  c->map[id] = n.body[0] == IR_NONE ? ir_emit(&c->b, (Op)n.op, in, n.n_in, a)
                                    : ir_emit_region(&c->b, (Op)n.op, in, n.n_in, a, n.body[0], n.body[1]);
}

RegionId chunk_rows(Elab *E, RegionId region, const bool *row_param, int64_t rows, int64_t chunk) {
  Chunks *c = arena_new(&E->mem, Chunks);
  *c = (Chunks){.E = E, .from = region, .rows = rows, .chunk = chunk, .n = ir_region(E->m, region)->node.n};
  c->axis = arena_array(&E->mem, int, c->n + 1);
  c->loop = arena_array(&E->mem, RowLoop, c->n + 1);
  c->need = arena_array(&E->mem, bool, c->n + 1);
  c->inside = arena_array(&E->mem, bool, c->n + 1);
  c->whole = arena_array(&E->mem, bool, c->n + 1);
  c->map = empty_map(c);
  classify(c, row_param);
  place_nodes(c);
  bool any = false;
  for (NodeId id = 0; id < c->n; id++) any |= c->inside[id] && (c->whole[id] || c->axis[id] == ROWS_SUMMED);
  if (!any) return region;
  c->b = ir_builder(E->m, ir_region_new(E->m), &E->ir_sink);
  c->b.loc = E->loc;
  for (uint32_t k = 0; k < ir_region(E->m, region)->param.n; k++) {
    NodeId p = ir_region(E->m, region)->param.at[k];
    c->b.loc = node_at(c, p)->loc;
    c->map[p] = ir_param(&c->b, node_at(c, p)->type);
  }
  for (NodeId id = 0; id < c->n; id++)
    if (c->need[id] && c->axis[id] == ROWS_NONE && node_at(c, id)->op != OP_param) emit_once(c, id);
  int64_t count = rows / chunk;
  emit_loop(c, count);
  if (rows % chunk) emit_rest(c, count);
  for (NodeId id = 0; id < c->n; id++)
    if (c->need[id] && c->axis[id] == ROWS_UNKNOWN) emit_once(c, id);
  uint32_t n_results = ir_region(E->m, region)->result.n;
  for (uint32_t k = 0; k < n_results; k++) ir_result(&c->b, c->map[ir_region(E->m, region)->result.at[k]]);
  RegionId out = c->b.region;
  ir_builder_free(&c->b);
  return out;
}
