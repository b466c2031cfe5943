/* Rewriting loops: offering them to a rewrite, what they need, and building the new ones. */
#include "ir/passes/scan.h"
#include <stdlib.h>
#include <string.h>

ScanParam scan_param_kind(const ScanView *s, uint32_t index, uint32_t *k) {
  if (index == 0) return PARAM_IV;
  *k = index - 1;
  if (*k < s->n_carry) return PARAM_CARRY;
  *k -= s->n_carry;
  if (*k < s->n_xs) return PARAM_XS;
  *k -= s->n_xs;
  return PARAM_CONST;
}

typedef struct ScanPass {
  ScanRewrite rewrite;
  bool **used;    /* by node of the old region: which outputs of a loop are read; NULL for others */
  NodeId **value; /* by node of the old region: the outputs of a rewritten loop */
  bool any;
} ScanPass;

static ScanView view_scan(Rebuild *r, NodeId n, NodeId *in, const bool *used) {
  Module *m = r->b.m;
  const Node *node = ir_node(m, r->from, n);
  bool is_while = node->op == OP_while;
  ScanView s = {.m = m, .node = n, .attr = *ir_attr_get(m, node->attr), .body = node->body[is_while], .used = used};
  s.condition = is_while ? node->body[0] : IR_NONE;
  s.loc = node->loc;
  for (uint32_t i = 0; i < node->n_in; i++) in[i] = r->map[ir_operands(m, r->from, node)[i]];
  s.n_carry = s.attr.n_carry;
  s.n_xs = s.attr.n_xs;
  s.n_consts = s.attr.n_consts;
  s.n_ys = s.attr.n_ys;
  s.carry = in;
  s.xs = in + s.n_carry;
  s.consts = s.xs + s.n_xs;
  return s;
}

static NodeId visit(Rebuild *r, NodeId n, void *user) {
  ScanPass *p = user;
  const Node *node = ir_node(r->b.m, r->from, n);
  if (node->op == OP_proj) {
    NodeId scan = ir_operands(r->b.m, r->from, node)[0];
    return p->value[scan] ? p->value[scan][ir_attr_get(r->b.m, node->attr)->index] : IR_NONE;
  }
  if (!p->used[n]) return IR_NONE;
  NodeId *in = malloc(sizeof *in * (node->n_in + 1u));
  ScanView s = view_scan(r, n, in, p->used[n]);
  uint32_t n_out = s.n_carry + s.n_ys + 1;
  NodeId *out = malloc(sizeof *out * (n_out + 1));
  for (uint32_t i = 0; i < n_out; i++) out[i] = IR_NONE;
  bool done = p->rewrite(r, &s, out);
  free(in);
  if (!done) {
    free(out);
    return IR_NONE;
  }
  p->any = true;
  p->value[n] = out;
  return 0; /* only proj reads a loop, and finds its value above */
}

/* Which outputs of each live loop of the kind are read. */
static bool **used_outputs(const Module *m, RegionId region, Op loop) {
  const Region *r = ir_region(m, region);
  bool *live = ir_live(m, region), **used = calloc(r->node.n + 1, sizeof *used);
  for (NodeId n = 0; n < r->node.n; n++) {
    const Node *node = &r->node.at[n];
    if (!live[n]) continue;
    if (node->op == loop) {
      const Attr *a = ir_attr_get(m, node->attr);
      used[n] = calloc(a->n_carry + a->n_ys + 1u, 1);
    } else if (node->op == OP_proj && used[ir_operands(m, region, node)[0]]) {
      used[ir_operands(m, region, node)[0]][ir_attr_get(m, node->attr)->index] = true;
    }
  }
  free(live);
  return used;
}

bool loop_rewrite_region(Module *m, RegionId region, Op loop, ScanRewrite rewrite) {
  uint32_t n = ir_region(m, region)->node.n;
  ScanPass p = {rewrite, used_outputs(m, region, loop), calloc(n + 1, sizeof(NodeId *)), false};
  RebuildPlan plan = {.rules = ir_layout_node, .visit = visit, .user = &p};
  pass_rebuild(m, region, &plan);
  for (uint32_t i = 0; i < n; i++) {
    free(p.used[i]);
    free(p.value[i]);
  }
  free(p.used);
  free(p.value);
  return p.any;
}

/* ---------------------------------------------------------------- what is needed */

static void need_node(LoopNeed *d, NodeId n) {
  if (d->node[n]) return;
  d->node[n] = true;
  d->stack[d->n_stack++] = n;
}

static void need_carry(LoopNeed *d, uint32_t k) {
  if (d->carry[k]) return;
  d->carry[k] = true;
  need_node(d, scan_result(d->s, k));
}

/* The condition's parameters are the carries and the constants, without an index. */
static void need_condition(LoopNeed *d) {
  const ScanView *s = d->s;
  bool *live = ir_live(s->m, s->condition);
  for (uint32_t k = 0; k < s->n_carry + s->n_consts; k++) {
    d->condition[k] = live[ir_region(s->m, s->condition)->param.at[k]];
    if (d->condition[k] && k < s->n_carry) need_carry(d, k);
  }
  free(live);
}

/* The fixpoint by a worklist: a carry's parameter that is read makes its next value needed. */
static void need_all(LoopNeed *d) {
  const ScanView *s = d->s;
  if (d->condition) need_condition(d);
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    if (!s->used[k]) continue;
    if (k < s->n_carry)
      need_carry(d, k);
    else
      need_node(d, scan_result(s, k));
  }
  while (d->n_stack) {
    NodeId n = d->stack[--d->n_stack];
    const Node *node = body_node(s, n);
    uint32_t k;
    if (node->op == OP_param && scan_param_kind(s, (uint32_t)ir_attr_get(s->m, node->attr)->index, &k) == PARAM_CARRY)
      need_carry(d, k);
    for (uint32_t i = 0; i < node->n_in; i++) need_node(d, body_operand(s, n, i));
  }
}

LoopNeed loop_need(const ScanView *s) {
  uint32_t n = ir_region(s->m, s->body)->node.n + 1;
  LoopNeed d = {.s = s, .node = calloc(n, 1), .carry = calloc(s->n_carry + 1, 1), .stack = malloc(sizeof(NodeId) * n)};
  if (s->condition != IR_NONE) d.condition = calloc(s->n_carry + s->n_consts + 1, 1);
  need_all(&d);
  return d;
}

void loop_need_free(LoopNeed *d) {
  free(d->node);
  free(d->carry);
  free(d->condition);
  free(d->stack);
}

/* ---------------------------------------------------------------- building */

ScanBuild scan_build(Rebuild *outer, const ScanView *s) {
  ScanBuild b = {.outer = outer, .of = s};
  RegionId to = ir_region_new(s->m);
  uint32_t n = ir_region(s->m, s->body)->node.n;
  b.body = (Rebuild){.b = ir_builder(s->m, to, NULL), .from = s->body, .map = malloc(sizeof(NodeId) * (n + 1))};
  for (uint32_t i = 0; i < n; i++) b.body.map[i] = IR_NONE;
  b.body.b.loc = s->loc;
  b.body.b.local_rules = true;
  b.body.b.simplify = ir_layout_node;
  b.body.map[scan_param(s, 0)] = ir_param(&b.body.b, body_node(s, scan_param(s, 0))->type);
  return b;
}

NodeId scan_add_carry(ScanBuild *b, NodeId init) {
  vec_push(&b->carry, init);
  return ir_param(&b->body.b, ir_node(b->outer->b.m, b->outer->b.region, init)->type);
}

NodeId scan_add_xs(ScanBuild *b, NodeId xs) {
  Type t = *ir_type_of(&b->outer->b, xs);
  vec_push(&b->xs, xs);
  return ir_param(&b->body.b, ir_type(b->outer->b.m, (DType)t.dtype, t.rank - 1u, t.dim + 1));
}

NodeId scan_add_const(ScanBuild *b, NodeId value) {
  const Region *body = ir_region(b->outer->b.m, b->body.b.region);
  for (uint32_t i = 0; i < b->consts.n; i++) {
    if (b->consts.at[i] == value) return body->param.at[1 + b->carry.n + b->xs.n + i];
  }
  vec_push(&b->consts, value);
  return ir_param(&b->body.b, ir_node(b->outer->b.m, b->outer->b.region, value)->type);
}

void scan_keep_operands(ScanBuild *b) {
  const ScanView *s = b->of;
  for (uint32_t i = 0; i < s->n_carry; i++) b->body.map[scan_carry_param(s, i)] = scan_add_carry(b, s->carry[i]);
  for (uint32_t i = 0; i < s->n_xs; i++) b->body.map[scan_xs_param(s, i)] = scan_add_xs(b, s->xs[i]);
  for (uint32_t i = 0; i < s->n_consts; i++) b->body.map[scan_const_param(s, i)] = scan_add_const(b, s->consts[i]);
}

void scan_copy_live(ScanBuild *b, const bool *live) {
  uint32_t n = ir_region(b->of->m, b->of->body)->node.n;
  for (NodeId i = 0; i < n; i++) {
    if (live[i] && b->body.map[i] == IR_NONE) ir_copy_node(&b->body, i);
  }
}

static void free_operands(ScanBuild *b) {
  vec_free(&b->carry);
  vec_free(&b->xs);
  vec_free(&b->consts);
}

NodeId scan_finish(ScanBuild *b) {
  const ScanView *s = b->of;
  RegionId body = b->body.b.region;
  free(b->body.map);
  ir_builder_free(&b->body.b);
  pass_simplify_region(s->m, body, ir_layout_node);
  NodeId scan =
      ir_scan_like(&b->outer->b, &s->attr, b->carry.at, b->carry.n, b->xs.at, b->xs.n, b->consts.at, b->consts.n, body);
  free_operands(b);
  return scan;
}

void scan_discard(ScanBuild *b) {
  free(b->body.map);
  ir_builder_free(&b->body.b);
  free_operands(b);
}
