/* Scans: dead and invariant carries, unread ys, unread or repeated operands leave; operands that are cheap to make are
 * made inside. Loops of no or one iteration are written out. */
#include "ir/passes/scan.h"
#include <stdlib.h>
#include <string.h>

static const Node *outer_node(const Rebuild *r, NodeId n) { return ir_node(r->b.m, r->b.region, n); }
static NodeId outer_operand(const Rebuild *r, NodeId n) {
  return ir_operands(r->b.m, r->b.region, outer_node(r, n))[0];
}

/* A value cheaper to make inside the loop than to bring in: a scalar constant, iota, or a broadcast of something. */
static bool is_made_inside(const Rebuild *r, NodeId n) {
  const Node *node = outer_node(r, n);
  if (node->op == OP_const) return ir_type_get(r->b.m, node->type)->rank == 0;
  return node->op == OP_iota || node->op == OP_broadcast;
}

/* The xs that is the same in every iteration: a broadcast that made axis 0. */
static bool is_constant_xs(const Rebuild *r, NodeId n) {
  const Node *node = outer_node(r, n);
  if (node->op != OP_broadcast) return false;
  const IntList *axes = &ir_attr_get(r->b.m, node->attr)->axes;
  return axes->n == 0 || axes->v[0] != 0;
}

/* Parameters for the leaves that `value` needs inside. */
static void import_leaves(ScanBuild *b, NodeId value) {
  while (is_made_inside(b->outer, value) && outer_node(b->outer, value)->op == OP_broadcast)
    value = outer_operand(b->outer, value);
  if (!is_made_inside(b->outer, value)) scan_add_const(b, value);
}

/* The value inside the loop; its leaf has its parameter already. */
static NodeId import(ScanBuild *b, NodeId value) {
  if (!is_made_inside(b->outer, value)) return scan_add_const(b, value);
  const Node node = *outer_node(b->outer, value);
  const Attr *a = ir_attr_get(b->of->m, node.attr);
  if (node.op != OP_broadcast) return ir_emit(&b->body.b, (Op)node.op, NULL, 0, a);
  NodeId inner = import(b, outer_operand(b->outer, value));
  return ir_broadcast(&b->body.b, inner, a->shape.n, a->shape.v, a->axes.v);
}

/* One iteration's value of an xs that does not change: the broadcast without its first axis. */
static NodeId import_constant_xs(ScanBuild *b, NodeId xs) {
  const Attr *a = ir_attr_get(b->of->m, outer_node(b->outer, xs)->attr);
  int64_t axes[IR_MAX_RANK];
  for (uint32_t i = 0; i < a->axes.n; i++) axes[i] = a->axes.v[i] - 1;
  NodeId inner = import(b, outer_operand(b->outer, xs));
  return ir_broadcast(&b->body.b, inner, a->shape.n - 1, a->shape.v + 1, axes);
}

static bool repeated(const NodeId *list, uint32_t k) {
  for (uint32_t i = 0; i < k; i++) {
    if (list[i] == list[k]) return true;
  }
  return false;
}

/* Is y number k a value that needs no stack: an xs, or a parameter that does not change? */
static bool is_passed_through(const ScanView *s, uint32_t k, ScanParam *kind, uint32_t *which) {
  NodeId y = scan_result(s, s->n_carry + k);
  const Node *node = ir_node(s->m, s->body, y);
  if (node->op != OP_param) return false;
  *kind = scan_param_kind(s, (uint32_t)ir_attr_get(s->m, node->attr)->index, which);
  return *kind == PARAM_XS || *kind == PARAM_CONST || (*kind == PARAM_CARRY && loop_carry_is_invariant(s, *which));
}

/* Does anything leave? */
static bool worth_pruning(const Rebuild *r, const ScanView *s, const LoopNeed *d) {
  ScanParam kind;
  uint32_t which;
  for (uint32_t k = 0; k < s->n_carry; k++) {
    if (!d->carry[k] || loop_carry_is_invariant(s, k)) return true;
  }
  for (uint32_t k = 0; k < s->n_ys; k++) {
    if (!s->used[s->n_carry + k] || is_passed_through(s, k, &kind, &which)) return true;
    for (uint32_t i = 0; i < k; i++) {
      if (scan_result(s, s->n_carry + i) == scan_result(s, s->n_carry + k)) return true;
    }
  }
  for (uint32_t k = 0; k < s->n_xs; k++) {
    if (!d->node[scan_xs_param(s, k)] || is_constant_xs(r, s->xs[k]) || repeated(s->xs, k)) return true;
  }
  for (uint32_t k = 0; k < s->n_consts; k++) {
    if (!d->node[scan_const_param(s, k)] || is_made_inside(r, s->consts[k]) || repeated(s->consts, k)) return true;
  }
  return false;
}

/* Parameters of the new body, in the order carries, xs, consts. */
static void prune_operands(ScanBuild *b, const LoopNeed *d) {
  const ScanView *s = b->of;
  NodeId *map = b->body.map;
  for (uint32_t k = 0; k < s->n_carry; k++) {
    if (d->carry[k] && !loop_carry_is_invariant(s, k)) map[scan_carry_param(s, k)] = scan_add_carry(b, s->carry[k]);
  }
  for (uint32_t k = 0; k < s->n_xs; k++) {
    if (!d->node[scan_xs_param(s, k)] || is_constant_xs(b->outer, s->xs[k])) continue;
    for (uint32_t i = 0; i < k; i++) {
      if (s->xs[i] == s->xs[k]) map[scan_xs_param(s, k)] = map[scan_xs_param(s, i)];
    }
    if (map[scan_xs_param(s, k)] == IR_NONE) map[scan_xs_param(s, k)] = scan_add_xs(b, s->xs[k]);
  }
  for (uint32_t pass = 0; pass < 2; pass++) { /* all leaves get parameters before the first node is made */
    for (uint32_t k = 0; k < s->n_carry; k++) {
      if (!d->carry[k] || !loop_carry_is_invariant(s, k)) continue;
      if (pass)
        map[scan_carry_param(s, k)] = import(b, s->carry[k]);
      else
        import_leaves(b, s->carry[k]);
    }
    for (uint32_t k = 0; k < s->n_xs; k++) {
      if (!d->node[scan_xs_param(s, k)] || !is_constant_xs(b->outer, s->xs[k])) continue;
      if (pass)
        map[scan_xs_param(s, k)] = import_constant_xs(b, s->xs[k]);
      else
        import_leaves(b, s->xs[k]);
    }
    for (uint32_t k = 0; k < s->n_consts; k++) {
      if (!d->node[scan_const_param(s, k)]) continue;
      if (pass)
        map[scan_const_param(s, k)] = import(b, s->consts[k]);
      else
        import_leaves(b, s->consts[k]);
    }
  }
}

/* `value` repeated along a new axis 0, once an iteration. */
static NodeId repeat_value(Rebuild *r, NodeId value, int64_t count) {
  Type t = *ir_type_of(&r->b, value);
  int64_t shape[IR_MAX_RANK] = {count}, axes[IR_MAX_RANK];
  for (uint32_t i = 0; i < t.rank; i++) {
    shape[i + 1] = t.dim[i];
    axes[i] = i + 1;
  }
  return ir_broadcast(&r->b, value, t.rank + 1u, shape, axes);
}

/* Results of the new body; slot[k] = number of the new scan's output, UINT32_MAX when it comes from elsewhere. */
static uint32_t prune_results(ScanBuild *b, const LoopNeed *d, uint32_t *slot, NodeId *out) {
  const ScanView *s = b->of;
  uint32_t n = 0;
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    ScanParam kind;
    uint32_t which;
    slot[k] = UINT32_MAX;
    if (k < s->n_carry) {
      if (!d->carry[k]) continue;
      if (loop_carry_is_invariant(s, k)) {
        out[k] = s->carry[k];
        continue;
      }
    } else {
      if (!s->used[k]) continue;
      if (is_passed_through(s, k - s->n_carry, &kind, &which)) {
        out[k] = kind == PARAM_XS
                     ? s->xs[which]
                     : repeat_value(b->outer, kind == PARAM_CONST ? s->consts[which] : s->carry[which], s->attr.count);
        continue;
      }
      for (uint32_t i = s->n_carry; i < k; i++) {
        if (slot[i] != UINT32_MAX && scan_result(s, i) == scan_result(s, k)) slot[k] = slot[i];
      }
      if (slot[k] != UINT32_MAX) continue;
    }
    slot[k] = n++;
    ir_result(&b->body.b, b->body.map[scan_result(s, k)]);
  }
  return n;
}

bool scan_prune(Rebuild *r, const ScanView *s, NodeId *out) {
  LoopNeed d = loop_need(s);
  if (!worth_pruning(r, s, &d)) {
    loop_need_free(&d);
    return false;
  }
  ScanBuild b = scan_build(r, s);
  prune_operands(&b, &d);
  scan_copy_live(&b, d.node);
  uint32_t *slot = malloc(sizeof *slot * (s->n_carry + s->n_ys + 1u));
  uint32_t n = prune_results(&b, &d, slot, out);
  NodeId scan = n ? scan_finish(&b) : IR_NONE;
  if (!n) scan_discard(&b);
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    if (slot[k] != UINT32_MAX) out[k] = ir_proj(&r->b, scan, slot[k]);
  }
  free(slot);
  loop_need_free(&d);
  return true;
}

/* ---------------------------------------------------------------- no iteration, or one */

static NodeId empty_stack(Rebuild *r, TypeId element) {
  Type t = *ir_type_get(r->b.m, element);
  int64_t shape[IR_MAX_RANK] = {0};
  memcpy(shape + 1, t.dim, sizeof *shape * t.rank);
  return ir_full(&r->b, ir_type(r->b.m, (DType)t.dtype, t.rank + 1u, shape), 0);
}

/* The value with its leading axis of extent 1 dropped, or put on. */
static NodeId drop_axis(Rebuild *r, NodeId n) {
  Type t = *ir_type_of(&r->b, n);
  return ir_reshape(&r->b, n, t.rank - 1u, t.dim + 1);
}

static NodeId add_axis(Rebuild *r, NodeId n) {
  Type t = *ir_type_of(&r->b, n);
  int64_t shape[IR_MAX_RANK] = {1};
  memcpy(shape + 1, t.dim, sizeof *shape * t.rank);
  return ir_reshape(&r->b, n, t.rank + 1u, shape);
}

/* The body's results with its parameters replaced, emitted into the outer region. */
static void write_out(Rebuild *r, const ScanView *s, NodeId *out) {
  uint32_t n = ir_region(s->m, s->body)->node.n;
  Rebuild inner = {.b = r->b, .from = s->body, .map = malloc(sizeof(NodeId) * (n + 1))};
  for (uint32_t i = 0; i < n; i++) inner.map[i] = IR_NONE;
  int64_t zero = 0;
  inner.map[scan_param(s, 0)] = ir_const(&inner.b, ir_node(s->m, s->body, scan_param(s, 0))->type, &zero);
  for (uint32_t k = 0; k < s->n_carry; k++) inner.map[scan_carry_param(s, k)] = s->carry[k];
  for (uint32_t k = 0; k < s->n_consts; k++) inner.map[scan_const_param(s, k)] = s->consts[k];
  for (uint32_t k = 0; k < s->n_xs; k++) inner.map[scan_xs_param(s, k)] = drop_axis(&inner, s->xs[k]);
  bool *live = ir_live(s->m, s->body);
  for (NodeId i = 0; i < n; i++) {
    if (live[i] && inner.map[i] == IR_NONE) ir_copy_node(&inner, i);
  }
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    NodeId v = inner.map[scan_result(s, k)];
    out[k] = k < s->n_carry ? v : add_axis(&inner, v);
  }
  free(live);
  free(inner.map);
  r->b = inner.b;
}

bool scan_inline(Rebuild *r, const ScanView *s, NodeId *out) {
  if (s->attr.count > 1) return false;
  if (s->attr.count == 1) {
    write_out(r, s, out);
    return true;
  }
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    if (!s->used[k]) continue;
    out[k] = k < s->n_carry ? s->carry[k] : empty_stack(r, ir_node(s->m, s->body, scan_result(s, k))->type);
  }
  return true;
}
