/* Whiles: carries that neither an output that is read nor the condition needs leave; carries that never change become
 * constants; constants that nobody reads, or that stand there twice, leave. */
#include "ir/passes/scan.h"
#include <stdlib.h>

static bool stays(const LoopNeed *d, uint32_t k) { return d->carry[k] && !loop_carry_is_invariant(d->s, k); }

static bool const_is_read(const LoopNeed *d, uint32_t k) {
  return d->node[scan_const_param(d->s, k)] || d->condition[d->s->n_carry + k];
}

static bool worth_pruning(const LoopNeed *d) {
  const ScanView *s = d->s;
  uint32_t kept = 0;
  bool any = false;
  for (uint32_t k = 0; k < s->n_carry; k++) kept += stays(d, k);
  for (uint32_t k = 0; k < s->n_consts; k++) {
    any |= !const_is_read(d, k);
    for (uint32_t i = 0; i < k; i++) any |= s->consts[i] == s->consts[k];
  }
  return kept && (any || kept < s->n_carry);
}

/* The outer value of a constant of the new loop that was carry or constant k; IR_NONE when it was neither read. */
static NodeId const_value(const LoopNeed *d, uint32_t k) {
  const ScanView *s = d->s;
  if (k >= s->n_carry) return const_is_read(d, k - s->n_carry) ? s->consts[k - s->n_carry] : IR_NONE;
  return d->carry[k] && !stays(d, k) ? s->carry[k] : IR_NONE;
}

/* Parameters of the new body: carries, then constants. */
static void add_operands(ScanBuild *b, const LoopNeed *d) {
  const ScanView *s = d->s;
  for (uint32_t k = 0; k < s->n_carry; k++)
    if (stays(d, k)) b->body.map[scan_carry_param(s, k)] = scan_add_carry(b, s->carry[k]);
  for (uint32_t k = 0; k < s->n_carry + s->n_consts; k++) {
    NodeId value = const_value(d, k);
    if (value != IR_NONE) b->body.map[scan_param(s, 1 + k)] = scan_add_const(b, value);
  }
}

/* The condition on the new parameters, which have the order of the body's. */
static RegionId new_condition(const ScanBuild *b, const LoopNeed *d) {
  const ScanView *s = d->s;
  Module *m = s->m;
  uint32_t n = ir_region(m, s->condition)->node.n;
  Rebuild c = {
      .b = ir_builder(m, ir_region_new(m), NULL), .from = s->condition, .map = malloc(sizeof(NodeId) * (n + 1))};
  for (NodeId i = 0; i < n; i++) c.map[i] = IR_NONE;
  uint32_t n_params = b->carry.n + b->consts.n, carry = 0;
  c.b.loc = s->loc;
  for (uint32_t i = 0; i < n_params; i++) {
    NodeId outer = i < b->carry.n ? b->carry.at[i] : b->consts.at[i - b->carry.n];
    ir_param(&c.b, ir_node(m, b->outer->b.region, outer)->type);
  }
  for (uint32_t k = 0; k < s->n_carry + s->n_consts; k++) {
    NodeId old = ir_region(m, s->condition)->param.at[k], value = const_value(d, k);
    if (k < s->n_carry && stays(d, k)) c.map[old] = ir_region(m, c.b.region)->param.at[carry++];
    for (uint32_t i = 0; value != IR_NONE && i < b->consts.n; i++)
      if (b->consts.at[i] == value) c.map[old] = ir_region(m, c.b.region)->param.at[b->carry.n + i];
  }
  bool *live = ir_live(m, s->condition);
  for (NodeId i = 0; i < n; i++)
    if (live[i] && c.map[i] == IR_NONE) ir_copy_node(&c, i);
  ir_result(&c.b, c.map[ir_region(m, s->condition)->result.at[0]]);
  free(live);
  free(c.map);
  RegionId out = c.b.region;
  ir_builder_free(&c.b);
  pass_simplify_region(m, out, ir_layout_node);
  return out;
}

/* Emits the new while from its body and operands. */
static NodeId finish(ScanBuild *b, RegionId condition) {
  const ScanView *s = b->of;
  RegionId body = b->body.b.region;
  uint32_t n = b->carry.n + b->consts.n;
  NodeId *in = malloc(sizeof *in * (n + 1));
  for (uint32_t i = 0; i < n; i++) in[i] = i < b->carry.n ? b->carry.at[i] : b->consts.at[i - b->carry.n];
  Attr a = {.count = s->attr.count, .n_carry = b->carry.n, .n_consts = b->consts.n};
  scan_discard(b);
  pass_simplify_region(s->m, body, ir_layout_node);
  NodeId loop = ir_emit_region(&b->outer->b, OP_while, in, n, &a, condition, body);
  free(in);
  return loop;
}

bool while_prune(Rebuild *r, const ScanView *s, NodeId *out) {
  LoopNeed d = loop_need(s);
  bool worth = worth_pruning(&d);
  if (worth) {
    ScanBuild b = scan_build(r, s);
    add_operands(&b, &d);
    scan_copy_live(&b, d.node);
    for (uint32_t k = 0; k < s->n_carry; k++)
      if (stays(&d, k)) ir_result(&b.body.b, b.body.map[scan_result(s, k)]);
    NodeId loop = finish(&b, new_condition(&b, &d));
    uint32_t slot = 0;
    for (uint32_t k = 0; k < s->n_carry; k++) out[k] = stays(&d, k) ? ir_proj(&r->b, loop, slot++) : s->carry[k];
    out[s->n_carry] = ir_proj(&r->b, loop, slot);
  }
  loop_need_free(&d);
  return worth;
}
