/* The mask of a rectifier from its result: where y = select(x <= 0, c x, x) with c >= 0, x <= 0 is y <= 0. The backward
 * pass then reads y, which the next layer keeps anyway, and x need not be stored. */
#include "ir/passes/internal.h"
#include <stdlib.h>

typedef struct Masks {
  NodeId *last_use;    /* by node: the latest node that reads it */
  uint32_t *other_use; /* by node: uses that are not part of a rectifier of it */
} Masks;

static const Node *node_at(const Rebuild *r, NodeId n) { return ir_node(r->b.m, r->from, n); }
static NodeId operand_at(const Rebuild *r, NodeId n, uint32_t i) {
  return ir_operands(r->b.m, r->from, node_at(r, n))[i];
}

/* A scalar constant or a broadcast of one. */
static bool splat(const Rebuild *r, NodeId n, double *value) {
  if (node_at(r, n)->op == OP_broadcast) n = operand_at(r, n, 0);
  const Node *node = node_at(r, n);
  const Type *t = ir_type_get(r->b.m, node->type);
  if (node->op != OP_const || t->rank != 0) return false;
  const void *p = ir_const_data(r->b.m, ir_attr_get(r->b.m, node->attr)->value);
  if (t->dtype == DT_F32)
    *value = (double)*(const float *)p;
  else if (t->dtype == DT_F64)
    *value = *(const double *)p;
  else
    return false;
  return true;
}

/* Is n = c x with c >= 0? Then it is <= 0 where x is. */
static bool is_scaled(const Rebuild *r, NodeId n, NodeId x) {
  double c;
  if (splat(r, n, &c)) return c == 0;
  if (node_at(r, n)->op != OP_mul) return false;
  for (uint32_t i = 0; i < 2; i++) {
    if (operand_at(r, n, i) == x && splat(r, operand_at(r, n, 1 - i), &c)) return c > 0;
  }
  return false;
}

/* x <= 0 */
static bool is_mask(const Rebuild *r, NodeId n) {
  double zero;
  return node_at(r, n)->op == OP_le && splat(r, operand_at(r, n, 1), &zero) && zero == 0;
}

/* n = select(x <= 0, c x, x)? */
static bool is_rectifier(const Rebuild *r, NodeId n) {
  if (node_at(r, n)->op != OP_select) return false;
  NodeId mask = operand_at(r, n, 0), x = operand_at(r, n, 2);
  if (!is_mask(r, mask) || operand_at(r, mask, 0) != x) return false;
  return is_scaled(r, operand_at(r, n, 1), x);
}

static NodeId visit(Rebuild *r, NodeId n, void *user) {
  const Masks *m = user;
  if (!is_rectifier(r, n)) return IR_NONE;
  NodeId mask = operand_at(r, n, 0), x = operand_at(r, n, 2);
  NodeId y = ir_copy_node(r, n);
  if (m->last_use[mask] > n && m->other_use[x] == 0)
    r->map[mask] = ir_binary(&r->b, OP_le, y, r->map[operand_at(r, mask, 1)]);
  return y;
}

static void count(const Rebuild *r, Masks *m, const bool *live) {
  const Region *region = ir_region(r->b.m, r->from);
  for (NodeId n = 0; n < region->node.n; n++) {
    const Node *node = &region->node.at[n];
    for (uint32_t i = 0; live[n] && i < node->n_in; i++) {
      NodeId in = region->operand.at[node->in + i];
      bool part =
          is_mask(r, n) || (node->op == OP_select && is_rectifier(r, n)) || (node->op == OP_mul && is_scaled(r, n, in));
      m->last_use[in] = n;
      m->other_use[in] += !part;
    }
  }
  for (uint32_t i = 0; i < region->result.n; i++) m->other_use[region->result.at[i]]++;
}

void pass_relu_masks(Module *m, RegionId region) {
  uint32_t n = ir_region(m, region)->node.n + 1;
  Masks masks = {calloc(n, sizeof(NodeId)), calloc(n, sizeof(uint32_t))};
  Rebuild look = {.b = ir_builder(m, region, NULL), .from = region};
  bool *live = ir_live(m, region);
  count(&look, &masks, live);
  free(live);
  RebuildPlan plan = {.merge = true, .visit = visit, .user = &masks};
  pass_rebuild(m, region, &plan);
  free(masks.last_use);
  free(masks.other_use);
}
