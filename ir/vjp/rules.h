/* What the derivative rules share. Rules: void vjp_x(Builder *b, NodeId y, const NodeId *ct, uint64_t need, NodeId
 * *out), named in ir/ops.def, signature in ir/ir.h. ct[i] is the cotangent of result i (one unless the op gives a
 * tuple); out[i] enters as IR_NONE and receives the cotangent of operand i. Nodes may move as new ones are made: keep
 * ids. */
#ifndef SEPPO_IR_VJP_RULES_H
#define SEPPO_IR_VJP_RULES_H

#include "ir/autodiff/autodiff.h"

static inline NodeId vjp_in(const Builder *b, NodeId y, uint32_t k) {
  return ir_operands(b->m, b->region, ir_node(b->m, b->region, y))[k];
}
static inline uint32_t vjp_count(const Builder *b, NodeId y) { return ir_node(b->m, b->region, y)->n_in; }
static inline Attr vjp_attr(const Builder *b, NodeId y) {
  AttrId a = ir_node(b->m, b->region, y)->attr;
  return a == IR_NONE ? (Attr){0} : *ir_attr_get(b->m, a);
}
static inline NodeId vjp_binary(Builder *b, Op op, NodeId a, NodeId c) { return ir_binary(b, op, a, c); }

/* Copies the terms that are not IR_NONE to `out` and returns how many there are. Terms that are blocks padded with
 * zeros along one axis, and do not overlap, become one concatenation: a tensor read in n slices gets its cotangent in
 * one piece, not as a sum of n tensors of its size. */
uint32_t ct_join_pads(Builder *b, const NodeId *term, uint32_t n, NodeId *out);

#define VJP(name) void vjp_##name(Builder *b, NodeId y, const NodeId *ct, uint64_t need, NodeId *out)

#endif
