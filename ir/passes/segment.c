/* segment: loops that a derivative runs through, and that would keep too much for it, are cut.
 *
 * A scan of n iterations becomes a scan of n/s segments around a scan of s = sqrt(n) iterations, and what is left over
 * a scan of its own. The outer one is marked `recompute`: its derivative keeps the carries at the beginning of each
 * segment and computes a segment again when it comes to it, so that of n iterations' values only about 2 sqrt(n) are
 * held at once, for one more evaluation of the body (Griewank and Walther, "Algorithm 799: revolve", 2000, with one
 * level). */
#include "ir/passes/internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST = 4 }; /* iterations worth cutting */

/* ---------------------------------------------------------------- which loops */

static int64_t bytes_of(const Module *m, TypeId id) {
  const Type *t = ir_type_get(m, id);
  return t->n_tuple ? 0 : ir_elements(t) * ir_dtype_size((DType)t->dtype);
}

/* About what the derivative of one iteration keeps: results of all but cheap ops, those of inner loops each time. */
static double kept_bytes(const Module *m, RegionId body) {
  const Region *r = ir_region(m, body);
  double bytes = 0;
  for (NodeId n = 0; n < r->node.n; n++) {
    const Node *node = &r->node.at[n];
    bool cheap = (op_table[node->op].flags & (OPF_ELEMENTWISE | OPF_VIEW)) && !ir_is_transcendental((Op)node->op);
    if (node->op == OP_scan) bytes += (double)ir_attr_get(m, node->attr)->count * kept_bytes(m, node->body[0]);
    if (node->op == OP_param || node->op == OP_const || cheap) continue;
    bytes += (double)bytes_of(m, node->type);
  }
  return bytes;
}

/* Stacks of segments have one axis more than those of iterations. */
static bool has_room(const Module *m, const Node *node, const Attr *a, const NodeId *in, RegionId region) {
  for (uint32_t k = a->n_carry; k < a->n_carry + a->n_xs; k++)
    if (ir_type_get(m, ir_node(m, region, in[k])->type)->rank == IR_MAX_RANK) return false;
  const Type *t = ir_type_get(m, node->type);
  for (uint32_t k = a->n_carry; k < t->n_tuple; k++)
    if (ir_type_get(m, t->tuple[k])->rank == IR_MAX_RANK) return false;
  return true;
}

static bool is_cut(const Module *m, RegionId region, const Node *node, uint64_t keep) {
  if (node->op != OP_scan) return false;
  const Attr *a = ir_attr_get(m, node->attr);
  if (a->count < LEAST || a->recompute) return false;
  double bytes = kept_bytes(m, node->body[0]);
  for (uint32_t k = 0; k < a->n_carry; k++)
    bytes += (double)bytes_of(m, ir_node(m, region, ir_operands(m, region, node)[k])->type);
  return bytes * (double)a->count > (double)keep && has_room(m, node, a, ir_operands(m, region, node), region);
}

/* ---------------------------------------------------------------- cutting */

typedef struct Cut {
  Module *m;
  Rebuild *r;
  Node node;
  Attr a;
  NodeId *in;      /* operands in the new region */
  RegionId inner;  /* the body with one constant more: the number of its first iteration */
  int64_t segment; /* iterations of one */
  int64_t whole;   /* iterations in segments */
} Cut;

static NodeId number(Builder *b, int64_t v) { return ir_const(b, ir_scalar(b->m, DT_I64), &v); }

/* The body, whose index counts from a number given as its last constant. */
static RegionId shifted_body(const Cut *c) {
  Module *m = c->m;
  RegionId from = c->node.body[0];
  uint32_t n = ir_region(m, from)->node.n, n_params = ir_region(m, from)->param.n;
  Rebuild in = {.b = ir_builder(m, ir_region_new(m), NULL), .from = from, .map = malloc(sizeof(NodeId) * (n + 1))};
  for (NodeId i = 0; i < n; i++) in.map[i] = IR_NONE;
  for (uint32_t k = 0; k < n_params; k++) {
    NodeId p = ir_region(m, from)->param.at[k];
    in.b.loc = ir_node(m, from, p)->loc;
    in.map[p] = ir_param(&in.b, ir_node(m, from, p)->type);
  }
  NodeId first = ir_param(&in.b, ir_scalar(m, DT_I64)), iv = ir_region(m, from)->param.at[0];
  in.map[iv] = ir_binary(&in.b, OP_add, in.map[iv], first);
  for (NodeId i = 0; i < n; i++)
    if (in.map[i] == IR_NONE) ir_copy_node(&in, i);
  for (uint32_t k = 0; k < ir_region(m, from)->result.n; k++)
    ir_result(&in.b, in.map[ir_region(m, from)->result.at[k]]);
  RegionId out = in.b.region;
  free(in.map);
  ir_builder_free(&in.b);
  return out;
}

/* A scan over iterations of the old body: operands carries, xs, consts, and the number of the first iteration. */
static NodeId emit_inner(const Cut *c, Builder *b, int64_t count, const NodeId *in, NodeId first) {
  uint32_t n = c->node.n_in;
  NodeId *all = malloc(sizeof *all * (n + 2));
  memcpy(all, in, sizeof *all * n);
  all[n] = first;
  Attr a = c->a;
  a.count = count, a.n_consts++;
  NodeId scan = ir_emit_region(b, OP_scan, all, n + 1, &a, c->inner, IR_NONE);
  free(all);
  return scan;
}

/* A segment: xs have its iterations as leading axis, ys come out in the same way. */
static RegionId segment_body(const Cut *c) {
  Module *m = c->m;
  Builder b = ir_builder(m, ir_region_new(m), NULL);
  b.loc = c->node.loc;
  NodeId *in = malloc(sizeof *in * (c->node.n_in + 1u)), iv = ir_param(&b, ir_scalar(m, DT_I64));
  for (uint32_t k = 0; k < c->node.n_in; k++) {
    Type t = *ir_type_of(&c->r->b, c->in[k]);
    bool sequence = k >= c->a.n_carry && k < c->a.n_carry + c->a.n_xs;
    if (sequence) t.dim[0] = c->segment;
    in[k] = ir_param(&b, ir_type(m, (DType)t.dtype, t.rank, t.dim));
  }
  NodeId first = ir_binary(&b, OP_mul, iv, number(&b, c->segment));
  NodeId scan = emit_inner(c, &b, c->segment, in, first);
  for (uint32_t k = 0; k < c->a.n_carry + c->a.n_ys; k++) ir_result(&b, ir_proj(&b, scan, k));
  RegionId out = b.region;
  free(in);
  ir_builder_free(&b);
  return out;
}

/* Rows lo .. hi of the leading axis. */
static NodeId rows(Builder *b, NodeId x, int64_t lo, int64_t hi) {
  Type t = *ir_type_of(b, x);
  int64_t from[IR_MAX_RANK] = {lo}, to[IR_MAX_RANK], step[IR_MAX_RANK];
  if (lo == 0 && hi == t.dim[0]) return x;
  for (uint32_t k = 0; k < t.rank; k++) to[k] = k ? t.dim[k] : hi, step[k] = 1;
  return ir_slice(b, x, from, to, step);
}

/* The leading axis [n] as [n / s, s], and back. */
static NodeId fold_rows(Builder *b, NodeId x, int64_t s) {
  Type t = *ir_type_of(b, x);
  int64_t dim[IR_MAX_RANK] = {t.dim[0] / s, s};
  for (uint32_t k = 1; k < t.rank; k++) dim[k + 1] = t.dim[k];
  return ir_reshape(b, x, t.rank + 1u, dim);
}

static NodeId unfold_rows(Builder *b, NodeId x) {
  Type t = *ir_type_of(b, x);
  int64_t dim[IR_MAX_RANK] = {t.dim[0] * t.dim[1]};
  for (uint32_t k = 2; k < t.rank; k++) dim[k - 1] = t.dim[k];
  return ir_reshape(b, x, t.rank - 1u, dim);
}

static bool is_sequence(const Cut *c, uint32_t k) { return k >= c->a.n_carry && k < c->a.n_carry + c->a.n_xs; }

/* The segments, from the carries in `out`, which become those behind them; ys to out as well. */
static void emit_segments(Cut *c, NodeId *out) {
  Builder *b = &c->r->b;
  NodeId *in = malloc(sizeof *in * (c->node.n_in + 1u));
  for (uint32_t k = 0; k < c->node.n_in; k++)
    in[k] = k < c->a.n_carry    ? out[k]
            : is_sequence(c, k) ? fold_rows(b, rows(b, c->in[k], 0, c->whole), c->segment)
                                : c->in[k];
  Attr a = c->a;
  a.count = c->whole / c->segment, a.recompute = 1;
  NodeId scan = ir_emit_region(b, OP_scan, in, c->node.n_in, &a, segment_body(c), IR_NONE);
  for (uint32_t k = 0; k < c->a.n_carry + c->a.n_ys; k++) {
    out[k] = ir_proj(b, scan, k);
    if (k >= c->a.n_carry) out[k] = unfold_rows(b, out[k]);
  }
  free(in);
}

/* The iterations behind the segments, likewise. */
static void emit_rest(Cut *c, NodeId *out) {
  Builder *b = &c->r->b;
  NodeId *in = malloc(sizeof *in * (c->node.n_in + 1u));
  for (uint32_t k = 0; k < c->node.n_in; k++)
    in[k] = k < c->a.n_carry ? out[k] : is_sequence(c, k) ? rows(b, c->in[k], c->whole, c->a.count) : c->in[k];
  NodeId scan = emit_inner(c, b, c->a.count - c->whole, in, number(b, c->whole));
  for (uint32_t k = 0; k < c->a.n_carry + c->a.n_ys; k++) out[k] = ir_proj(b, scan, k);
  free(in);
}

/* Values of the scan's outputs. */
static NodeId *cut_scan(Rebuild *r, NodeId n) {
  Module *m = r->b.m;
  Cut c = {.m = m, .r = r, .node = *ir_node(m, r->from, n)};
  c.a = *ir_attr_get(m, c.node.attr);
  c.in = malloc(sizeof *c.in * (c.node.n_in + 1u));
  for (uint32_t k = 0; k < c.node.n_in; k++) c.in[k] = r->map[ir_operands(m, r->from, &c.node)[k]];
  c.segment = (int64_t)ceil(sqrt((double)c.a.count));
  c.whole = c.a.count / c.segment * c.segment;
  c.inner = shifted_body(&c);
  uint32_t n_out = c.a.n_carry + c.a.n_ys;
  NodeId *out = malloc(sizeof *out * (n_out + 1)), *ys = malloc(sizeof *ys * (c.a.n_ys + 1));
  memcpy(out, c.in, sizeof *out * c.a.n_carry);
  bool rest = c.whole < c.a.count;
  if (rest && c.a.reverse) emit_rest(&c, out); /* the last come first */
  memcpy(ys, out + c.a.n_carry, sizeof *ys * c.a.n_ys);
  emit_segments(&c, out);
  if (rest && !c.a.reverse) {
    memcpy(ys, out + c.a.n_carry, sizeof *ys * c.a.n_ys);
    emit_rest(&c, out);
  }
  for (uint32_t k = 0; rest && k < c.a.n_ys; k++) {
    NodeId here = out[c.a.n_carry + k], pair[] = {c.a.reverse ? here : ys[k], c.a.reverse ? ys[k] : here};
    out[c.a.n_carry + k] = ir_concat(&r->b, pair, 2, 0);
  }
  free(ys);
  free(c.in);
  return out;
}

/* ---------------------------------------------------------------- the pass */

typedef struct Segments {
  uint64_t keep;
  NodeId **value; /* by node of the old region: outputs of a scan that was cut */
} Segments;

static NodeId visit(Rebuild *r, NodeId n, void *user) {
  Segments *s = user;
  const Node *node = ir_node(r->b.m, r->from, n);
  if (node->op == OP_proj) {
    NodeId *value = s->value[ir_operands(r->b.m, r->from, node)[0]];
    return value ? value[ir_attr_get(r->b.m, node->attr)->index] : IR_NONE;
  }
  if (!is_cut(r->b.m, r->from, node, s->keep)) return IR_NONE;
  s->value[n] = cut_scan(r, n);
  return 0; /* only proj reads a scan, and finds its value above */
}

static bool differentiates(const Module *m, RegionId region) {
  const Region *r = ir_region(m, region);
  for (NodeId n = 0; n < r->node.n; n++)
    if (r->node.at[n].op == OP_grad) return true;
  return false;
}

bool pass_segment(Module *m, const PassOptions *o, DiagSink *sink) {
  (void)sink;
  RegionList regions = pass_regions(m);
  for (uint32_t i = 0; i < regions.n; i++) {
    if (!differentiates(m, regions.at[i])) continue;
    uint32_t n = ir_region(m, regions.at[i])->node.n;
    Segments s = {o->keep_bytes, calloc(n + 1, sizeof(NodeId *))};
    pass_rebuild(m, regions.at[i], &(RebuildPlan){.visit = visit, .user = &s});
    for (NodeId k = 0; k < n; k++) free(s.value[k]);
    free(s.value);
  }
  vec_free(&regions);
  return true;
}
