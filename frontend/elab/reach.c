/* What a value depends on differentiably: the backward walk behind `grad`, `minimize` and their errors. */
#include "frontend/elab/reach.h"

static bool no_derivative(Op op) {
  return op == OP_sign || op == OP_floor || op == OP_ceil || op == OP_round ||
         (op_table[op].flags & OPF_NO_DERIVATIVE) != 0;
}

static bool carries_gradient(const Module *m, RegionId r, NodeId n) {
  const Type *t = ir_type_get(m, ir_node(m, r, n)->type);
  return t->n_tuple || ir_is_float((DType)t->dtype);
}

/* Which operands of a scan its needed results depend on: a fixpoint over the carries. */
static void reach_scan(const Module *m, RegionId region, NodeId id, const bool *need, bool *operand) {
  const Node *n = ir_node(m, region, id);
  const Attr *a = ir_attr_get(m, n->attr);
  const Region *body = ir_region(m, n->body[0]);
  uint32_t n_out = a->n_carry + a->n_ys;
  bool *wanted = calloc(n_out + 1, 1), *mark = NULL;
  if (!wanted) exit(EXIT_FILES);
  memcpy(wanted, need, n_out);
  for (bool changed = true; changed;) {
    changed = false;
    free(mark);
    NodeId *y = calloc(n_out + 1, sizeof *y);
    if (!y) exit(EXIT_FILES);
    uint32_t n_y = 0;
    for (uint32_t k = 0; k < n_out && k < body->result.n; k++)
      if (wanted[k]) y[n_y++] = body->result.at[k];
    mark = reach_region(m, n->body[0], y, n_y, NULL);
    free(y);
    for (uint32_t k = 0; k < a->n_carry; k++)
      if (mark[body->param.at[k + 1]] && !wanted[k]) wanted[k] = changed = true;
  }
  for (uint32_t k = 0; k + 1 < body->param.n && k < n->n_in; k++)
    operand[k] = mark[body->param.at[k + 1]] || (k < a->n_carry && wanted[k] && a->count == 0);
  free(mark);
  free(wanted);
}

bool *reach_region(const Module *m, RegionId region, const NodeId *y, uint32_t n_y, const bool *stop) {
  const Region *r = ir_region(m, region);
  bool *mark = calloc(r->node.n + 1, 1);
  bool **need = calloc(r->node.n + 1, sizeof *need);
  if (!mark || !need) exit(EXIT_FILES);
  for (uint32_t k = 0; k < n_y; k++)
    if (y[k] != IR_NONE && carries_gradient(m, region, y[k])) mark[y[k]] = true;
  for (NodeId id = r->node.n; id-- > 0;) {
    const Node *n = &r->node.at[id];
    if (!mark[id] || (stop && stop[id]) || no_derivative((Op)n->op)) continue;
    const NodeId *in = r->operand.at + n->in;
    bool *operand = NULL;
    if (n->op == OP_scan && need[id]) {
      operand = calloc(n->n_in + 1u, 1);
      if (!operand) exit(EXIT_FILES);
      reach_scan(m, region, id, need[id], operand);
    }
    for (uint32_t k = 0; k < n->n_in; k++) {
      if ((operand && !operand[k]) || !carries_gradient(m, region, in[k])) continue;
      mark[in[k]] = true;
    }
    if (n->op == OP_proj && r->node.at[in[0]].op == OP_scan) {
      const Attr *a = ir_attr_get(m, r->node.at[in[0]].attr);
      if (!need[in[0]]) need[in[0]] = calloc(a->n_carry + a->n_ys + 1u, 1);
      if (!need[in[0]]) exit(EXIT_FILES);
      need[in[0]][ir_attr_get(m, n->attr)->index] = true;
    }
    free(operand);
  }
  for (NodeId id = 0; id < r->node.n; id++) free(need[id]);
  free(need);
  return mark;
}

bool *needed_nodes(const Module *m, RegionId region, NodeId y) {
  const Region *r = ir_region(m, region);
  bool *need = calloc(r->node.n + 1, 1);
  if (!need) exit(EXIT_FILES);
  need[y] = true;
  for (NodeId id = y + 1; id-- > 0;)
    for (uint32_t k = 0; need[id] && k < r->node.at[id].n_in; k++) need[r->operand.at[r->node.at[id].in + k]] = true;
  return need;
}
