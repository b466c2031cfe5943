/* Rewrite rules of reductions and contractions. */
#include "ir/simplify/rules.h"

/* Over no axes, or over axes of extent 1 only, a reduction moves elements at most. */
static NodeId reduce_trivial(const Match *x) {
  Attr a = *x->attr;
  Type from = type_of(x->b, x->in[0]), t = result_type(x);
  for (uint32_t i = 0; i < a.axes.n; i++) {
    if (from.dim[a.axes.v[i]] != 1) return IR_NONE;
  }
  return ir_reshape(x->b, x->in[0], t.rank, t.dim);
}

RULE(reduce_sum_trivial) { return reduce_trivial(x); }
RULE(reduce_max_trivial) { return reduce_trivial(x); }
RULE(reduce_min_trivial) { return reduce_trivial(x); }

/* max over some axes of max over others: one maximum (exact, unlike sums, whose order is kept). */
static NodeId reduce_reduce(const Match *x) {
  if (!is_op(x->b, x->in[0], x->op)) return IR_NONE;
  Attr o = *x->attr, i = *attr_of(x->b, x->in[0]);
  NodeId from = operand_of(x->b, x->in[0], 0);
  bool gone[IR_MAX_RANK] = {false};
  for (uint32_t k = 0; k < i.axes.n; k++) gone[i.axes.v[k]] = true;
  int64_t kept[IR_MAX_RANK], axes[IR_MAX_RANK];
  uint32_t n_kept = 0, n = 0;
  for (uint32_t k = 0; k < type_of(x->b, from).rank; k++) {
    if (!gone[k]) kept[n_kept++] = k;
  }
  for (uint32_t k = 0; k < o.axes.n; k++) gone[kept[o.axes.v[k]]] = true;
  for (uint32_t k = 0; k < type_of(x->b, from).rank; k++) {
    if (gone[k]) axes[n++] = k;
  }
  return ir_reduce(x->b, x->op, from, n, axes);
}

RULE(reduce_max_reduce_max) { return reduce_reduce(x); }
RULE(reduce_min_reduce_min) { return reduce_reduce(x); }

static bool contains(const IntList *l, int64_t v) {
  for (uint32_t i = 0; i < l->n; i++) {
    if (l->v[i] == v) return true;
  }
  return false;
}

/* Operand `side` of a product is a transpose: name its axes where they were, if the free ones keep their order. */
static bool untranspose(const Match *x, NodeId operand, IntList *batch, IntList *contract) {
  IntList perm = attr_of(x->b, operand)->axes;
  int64_t last = -1;
  for (uint32_t i = 0; i < perm.n; i++) {
    if (contains(batch, i) || contains(contract, i)) continue;
    if (perm.v[i] < last) return false;
    last = perm.v[i];
  }
  for (uint32_t i = 0; i < batch->n; i++) batch->v[i] = perm.v[batch->v[i]];
  for (uint32_t i = 0; i < contract->n; i++) contract->v[i] = perm.v[contract->v[i]];
  return true;
}

/* dot_general names its axes, so a transposed operand needs no transposing. */
RULE(dot_of_transpose) {
  Attr a = *x->attr;
  NodeId in[2] = {x->in[0], x->in[1]};
  IntList *batch[2] = {&a.batch_a, &a.batch_b}, *contract[2] = {&a.contract_a, &a.contract_b};
  bool any = false;
  for (uint32_t i = 0; i < 2; i++) {
    if (!is_op(x->b, in[i], OP_transpose) || !untranspose(x, in[i], batch[i], contract[i])) continue;
    in[i] = operand_of(x->b, in[i], 0);
    any = true;
  }
  if (!any) return IR_NONE;
  return ir_dot(x->b, in[0], in[1], &a.batch_a, &a.batch_b, &a.contract_a, &a.contract_b);
}

/* The transpose that swaps the free axes of a product is the product of the swapped operands. */
RULE(transpose_of_dot) {
  if (!is_op(x->b, x->in[0], OP_dot_general)) return IR_NONE;
  Attr a = *attr_of(x->b, x->in[0]);
  IntList perm = x->attr->axes;
  NodeId p = operand_of(x->b, x->in[0], 0), q = operand_of(x->b, x->in[0], 1);
  uint32_t nb = a.batch_a.n, nf = type_of(x->b, p).rank - nb - a.contract_a.n;
  uint32_t ng = type_of(x->b, q).rank - nb - a.contract_a.n;
  for (uint32_t i = 0; i < perm.n; i++) {
    int64_t want = i < nb ? i : i < nb + ng ? (int64_t)(i + nf) : (int64_t)(i - ng);
    if (perm.v[i] != want) return IR_NONE;
  }
  return ir_dot(x->b, q, p, &a.batch_b, &a.batch_a, &a.contract_b, &a.contract_a);
}
