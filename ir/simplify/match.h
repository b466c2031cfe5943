/* What the rewrite rules share: looking at nodes of the region under construction. */
#ifndef SEPPO_IR_SIMPLIFY_MATCH_H
#define SEPPO_IR_SIMPLIFY_MATCH_H

#include "ir/simplify.h"
#include <string.h>

static inline const Node *node_of(const Builder *b, NodeId n) { return ir_node(b->m, b->region, n); }
static inline bool is_op(const Builder *b, NodeId n, Op op) { return node_of(b, n)->op == op; }
static inline NodeId operand_of(const Builder *b, NodeId n, uint32_t i) {
  return ir_operands(b->m, b->region, node_of(b, n))[i];
}
/* NULL when the op has none. */
static inline const Attr *attr_of(const Builder *b, NodeId n) {
  AttrId a = node_of(b, n)->attr;
  return a == IR_NONE ? NULL : ir_attr_get(b->m, a);
}
static inline Type type_of(const Builder *b, NodeId n) { return *ir_type_of(b, n); }
static inline DType dtype_of(const Builder *b, NodeId n) { return (DType)ir_type_of(b, n)->dtype; }
static inline Type result_type(const Match *x) { return *ir_type_get(x->b->m, x->type); }
static inline bool same_type(const Builder *b, NodeId a, NodeId c) {
  return node_of(b, a)->type == node_of(b, c)->type;
}

/* Does every element equal one compile-time number? True for a scalar constant and for a broadcast of one. */
bool splat_value(const Builder *b, NodeId n, double *value);
bool is_splat_of(const Builder *b, NodeId n, double value);
/* A value all of whose elements are equal: rank 0 or a broadcast of rank 0. */
bool is_splat(const Builder *b, NodeId n);
static inline bool int_list_equal(const IntList *a, const IntList *b) {
  return a->n == b->n && memcmp(a->v, b->v, sizeof a->v[0] * a->n) == 0;
}
/* The rule's match on a commutative root: finds the operand for which `test` holds and gives the other one too. */
bool pick_operand(const Match *x, Op op, NodeId *found, NodeId *other);

/* The node as a constant when it is exact, small and has constant operands; else IR_NONE. */
NodeId simplify_fold(const Match *x);

#define RULE(name) NodeId rule_##name(const Match *x)

#endif
