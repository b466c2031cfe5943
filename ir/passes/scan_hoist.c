/* Scans: what does not change from one iteration to the next is computed once, before the loop. */
#include "ir/passes/scan.h"
#include <stdlib.h>

/* Cheap enough to make again in every iteration, so that nothing large is stored for it. */
static bool is_cheap(const Module *m, const Node *n) {
  if (op_table[n->op].flags & OPF_VIEW) return n->op != OP_concat && n->op != OP_pad;
  if (n->op == OP_const) return ir_type_get(m, n->type)->rank == 0;
  return n->op == OP_iota || n->op == OP_param || n->op == OP_proj;
}

typedef struct Hoist {
  bool *invariant; /* by body node: the same in every iteration */
  bool *inside;    /* wanted in the new body */
  bool *outside;   /* wanted before the loop */
  bool any;
} Hoist;

static void find_invariant(const ScanView *s, Hoist *h) {
  const Region *body = ir_region(s->m, s->body);
  for (NodeId n = 0; n < body->node.n; n++) {
    const Node *node = &body->node.at[n];
    uint32_t k;
    h->invariant[n] = true;
    if (node->op == OP_param)
      h->invariant[n] = scan_param_kind(s, (uint32_t)ir_attr_get(s->m, node->attr)->index, &k) == PARAM_CONST;
    for (uint32_t i = 0; i < node->n_in; i++) h->invariant[n] &= h->invariant[body->operand.at[node->in + i]];
  }
}

/* A tuple's parts stand or fall with it, so a proj follows its operand. */
static bool is_boundary(const ScanView *s, const Hoist *h, NodeId n) {
  const Node *node = ir_node(s->m, s->body, n);
  if (!h->invariant[n]) return false;
  if (node->op == OP_proj) return true;
  return !is_cheap(s->m, node);
}

static void find_wanted(const ScanView *s, Hoist *h) {
  const Region *body = ir_region(s->m, s->body);
  for (uint32_t i = 0; i < body->result.n; i++) h->inside[body->result.at[i]] = true;
  for (NodeId n = body->node.n; n-- > 0;) {
    const Node *node = &body->node.at[n];
    bool boundary = h->inside[n] && is_boundary(s, h, n);
    if (boundary) h->any = h->outside[n] = true;
    for (uint32_t i = 0; i < node->n_in; i++) {
      NodeId operand = body->operand.at[node->in + i];
      if (h->outside[n]) h->outside[operand] = true;
      if (h->inside[n] && !boundary) h->inside[operand] = true;
    }
  }
}

/* Emits the wanted invariants before the loop; at[n] is body node n there. */
static NodeId *hoist_nodes(Rebuild *r, const ScanView *s, const Hoist *h) {
  uint32_t n = ir_region(s->m, s->body)->node.n;
  Rebuild outer = {.b = r->b, .from = s->body, .map = malloc(sizeof(NodeId) * (n + 1))};
  for (uint32_t i = 0; i < n; i++) outer.map[i] = IR_NONE;
  for (uint32_t k = 0; k < s->n_consts; k++) outer.map[scan_const_param(s, k)] = s->consts[k];
  for (NodeId i = 0; i < n; i++) {
    if (h->outside[i] && outer.map[i] == IR_NONE) ir_copy_node(&outer, i);
  }
  r->b = outer.b;
  return outer.map;
}

static void build_body(Rebuild *r, const ScanView *s, const Hoist *h, NodeId *out) {
  uint32_t n = ir_region(s->m, s->body)->node.n;
  NodeId *at = hoist_nodes(r, s, h);
  ScanBuild b = scan_build(r, s);
  scan_keep_operands(&b);
  for (NodeId i = 0; i < n; i++) {
    if (h->inside[i] && h->outside[i] && is_boundary(s, h, i)) b.body.map[i] = scan_add_const(&b, at[i]);
  }
  scan_copy_live(&b, h->inside);
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) ir_result(&b.body.b, b.body.map[scan_result(s, k)]);
  NodeId scan = scan_finish(&b);
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    if (s->used[k]) out[k] = ir_proj(&r->b, scan, k);
  }
  free(at);
}

bool scan_hoist(Rebuild *r, const ScanView *s, NodeId *out) {
  uint32_t n = ir_region(s->m, s->body)->node.n + 1;
  Hoist h = {calloc(n, 1), calloc(n, 1), calloc(n, 1), false};
  find_invariant(s, &h);
  find_wanted(s, &h);
  if (h.any) build_body(r, s, &h, out);
  free(h.invariant);
  free(h.inside);
  free(h.outside);
  return h.any;
}
