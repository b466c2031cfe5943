/* The backward walk over one region: sums of cotangents in order of consumers, one derivative rule a node. */
#include "ir/autodiff/autodiff_internal.h"
#include "ir/codes.h"
#include <stdlib.h>

void *diff_array(size_t n, size_t size) {
  void *p = calloc(n + 1, size);
  if (!p) exit(EXIT_FILES);
  return p;
}

bool diff_is_float(const Module *m, TypeId t) {
  const Type *type = ir_type_get(m, t);
  return !type->n_tuple && ir_is_float((DType)type->dtype);
}

void diff_error(Diff *d, LocId at, const char *message, const char *hint) {
  d->failed = true;
  if (!d->sink) return;
  ir_error(d->m, d->sink, at, CODE_DERIVATIVE, "%s", message);
  if (hint) diag_hint(d->sink, "%s", hint);
}

/* ---------------------------------------------------------------- dependence */

/* Can a derivative pass through this node? A while can, so that it is noticed and refused. */
static bool conducts(const Module *m, const Node *n) {
  if (n->op == OP_while) return true;
  const OpInfo *op = &op_table[n->op];
  if (op->flags & OPF_NO_DERIVATIVE) return false;
  return ir_type_get(m, n->type)->n_tuple || diff_is_float(m, n->type);
}

static bool carries_derivative(const Module *m, TypeId t) { return ir_type_get(m, t)->n_tuple || diff_is_float(m, t); }

void diff_spread(const Module *m, RegionId region, uint32_t n, bool *marked) {
  const Region *r = ir_region(m, region);
  for (NodeId id = 0; id < n; id++) {
    const Node *node = &r->node.at[id];
    if (marked[id] || !conducts(m, node)) continue;
    const NodeId *in = ir_operands(m, region, node);
    for (uint32_t k = 0; k < node->n_in && !marked[id]; k++)
      marked[id] = marked[in[k]] && carries_derivative(m, r->node.at[in[k]].type);
  }
}

void diff_spread_back(const Module *m, RegionId region, bool *marked) {
  const Region *r = ir_region(m, region);
  for (NodeId id = r->node.n; id-- > 0;) {
    const Node *node = &r->node.at[id];
    if (!marked[id] || !conducts(m, node)) continue;
    const NodeId *in = ir_operands(m, region, node);
    for (uint32_t k = 0; k < node->n_in; k++)
      if (carries_derivative(m, r->node.at[in[k]].type)) marked[in[k]] = true;
  }
}

/* ---------------------------------------------------------------- the walk */

void sweep_begin(Sweep *s, Diff *d, Builder *b, RegionId region) {
  uint32_t n = ir_region(d->m, region)->node.n, slots = 0;
  *s = (Sweep){.d = d, .b = b, .region = region, .n = n};
  s->varied = diff_array(n, sizeof *s->varied);
  s->slot = diff_array(n, sizeof *s->slot);
  for (NodeId id = 0; id < n; id++) {
    const Type *t = ir_type_get(d->m, ir_node(d->m, region, id)->type);
    s->slot[id] = slots;
    slots += t->n_tuple ? t->n_tuple : 1;
  }
  s->slot[n] = slots;
  s->head = diff_array(slots, sizeof *s->head);
  s->total = diff_array(slots, sizeof *s->total);
  for (uint32_t k = 0; k < slots; k++) s->head[k] = s->total[k] = IR_NONE;
}

void sweep_end(Sweep *s) {
  free(s->varied);
  free(s->slot);
  free(s->head);
  free(s->total);
  free(s->copy);
  vec_free(&s->term);
}

void sweep_spread(Sweep *s) { diff_spread(s->d->m, s->region, s->n, s->varied); }

void sweep_add(Sweep *s, NodeId n, uint32_t k, NodeId ct) {
  if (ct == IR_NONE) return;
  uint32_t slot = s->slot[n] + k;
  Term t = {ct, s->head[slot]};
  vec_push(&s->term, t);
  s->head[slot] = s->term.n - 1;
}

/* Sums each member's cotangent; false when all are zero. */
static bool sum_terms(Sweep *s, NodeId n) {
  Vec(NodeId) list = {0};
  bool any = false;
  for (uint32_t slot = s->slot[n]; slot < s->slot[n + 1]; slot++) {
    list.n = 0;
    for (uint32_t t = s->head[slot]; t != IR_NONE; t = s->term.at[t].next) vec_push(&list, s->term.at[t].value);
    s->total[slot] = ct_add(s->b, list.at, list.n);
    any |= list.n > 0;
  }
  vec_free(&list);
  return any;
}

/* The location of derivative nodes of a node: its own place, one order up. */
static LocId derived_loc(Module *m, LocId loc) {
  Loc l = *ir_loc_get(m, loc);
  l.origin = ORIGIN_GRAD;
  l.order++;
  return ir_loc(m, l);
}

/* Node n as a node of b->region: itself, or a copy whose operands are imported. */
static NodeId local_node(Sweep *s, NodeId n) {
  if (!s->from) return n;
  if (!s->copy) {
    s->copy = diff_array(s->n, sizeof *s->copy);
    for (uint32_t k = 0; k < s->n; k++) s->copy[k] = IR_NONE;
  }
  if (s->copy[n] != IR_NONE) return s->copy[n];
  Module *m = s->d->m;
  Node node = *ir_node(m, s->region, n);
  NodeId *in = diff_array(node.n_in, sizeof *in);
  for (uint32_t k = 0; k < node.n_in; k++) in[k] = frame_import(s->to, s->from, ir_operands(m, s->region, &node)[k]);
  const Attr *attr = node.attr == IR_NONE ? NULL : ir_attr_get(m, node.attr);
  s->copy[n] = ir_emit_region(s->b, (Op)node.op, in, node.n_in, attr, node.body[0], node.body[1]);
  free(in);
  return s->copy[n];
}

static void apply_rule(Sweep *s, const Node *node, NodeId n, NodeId *out) {
  NodeId local = local_node(s, n), *ct = &s->total[s->slot[n]];
  bool *need = diff_array(node->n_in, sizeof *need);
  uint64_t mask = 0;
  for (uint32_t k = 0; k < node->n_in; k++) {
    NodeId in = ir_operands(s->d->m, s->region, node)[k];
    need[k] = s->varied[in] && diff_is_float(s->d->m, ir_node(s->d->m, s->region, in)->type);
    if (need[k]) mask |= UINT64_C(1) << (k < 63 ? k : 63);
  }
  if (node->op == OP_scan)
    diff_scan(s->d, s->b, local, ct, need, out);
  else
    op_table[node->op].vjp(s->b, local, ct, mask, out);
  for (uint32_t k = 0; k < node->n_in; k++)
    if (!need[k]) out[k] = IR_NONE;
  free(need);
}

static void visit(Sweep *s, NodeId n) {
  Module *m = s->d->m;
  Node node = *ir_node(m, s->region, n);
  s->b->loc = derived_loc(m, node.loc);
  if (!sum_terms(s, n)) return;
  if (node.op == OP_while) {
    diff_error(s->d, node.loc, "a `while` loop has no derivative: its number of iterations depends on values",
               "use `repeat n` with a fixed count, or stop_gradient on the loop's result");
    return;
  }
  if (!conducts(m, &node)) return;
  if (node.op == OP_proj) {
    sweep_add(s, ir_operands(m, s->region, &node)[0], (uint32_t)ir_attr_get(m, node.attr)->index, sweep_total(s, n));
    return;
  }
  NodeId *out = diff_array(node.n_in, sizeof *out);
  for (uint32_t k = 0; k < node.n_in; k++) out[k] = IR_NONE;
  apply_rule(s, &node, n, out);
  for (uint32_t k = node.n_in; k-- > 0;) sweep_add(s, ir_operands(m, s->region, &node)[k], 0, out[k]);
  free(out);
}

void sweep_run(Sweep *s) {
  LocId loc = s->b->loc;
  for (NodeId n = s->n; n-- > 0 && !s->d->failed;)
    if (s->varied[n]) visit(s, n);
  s->b->loc = loc;
}
