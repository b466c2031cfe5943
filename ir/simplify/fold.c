/* Constant folding: correctly rounded ops on small constants, computed by the reference rules.
 * Anything else (exp and friends) is computed at run time, so that every optimisation level gets the same bits. */
#include "ir/eval.h"
#include "ir/simplify/rules.h"
#include <stdlib.h>

#define FOLD_MAX_ELEMENTS 4096
#define FOLD_MAX_OPERANDS 8

/* The constant a node stands for: a const, or the scalar const under a broadcast. IR_NONE: neither. */
static NodeId constant_under(const Builder *b, NodeId n) {
  if (is_op(b, n, OP_broadcast)) n = operand_of(b, n, 0);
  return is_op(b, n, OP_const) ? n : IR_NONE;
}

/* May this node be folded? A node of splats alone is left to elementwise_of_broadcast. */
static bool foldable(const Match *x) {
  const Builder *b = x->b;
  if (!(op_table[x->op].flags & OPF_EXACT) || x->op == OP_broadcast) return false;
  if (x->n == 0 || x->n > FOLD_MAX_OPERANDS) return false;
  const Type *t = ir_type_get(b->m, x->type);
  if (x->op == OP_rem && ir_is_float((DType)t->dtype)) return false;
  if (ir_elements(t) > FOLD_MAX_ELEMENTS) return false;
  bool dense = false;
  for (uint32_t i = 0; i < x->n; i++) {
    NodeId c = constant_under(b, x->in[i]);
    if (c == IR_NONE) return false;
    if (c != x->in[i] && ir_type_of(b, c)->rank != 0) return false;
    if (ir_elements(ir_type_of(b, x->in[i])) > FOLD_MAX_ELEMENTS) return false;
    dense |= c == x->in[i];
  }
  return dense;
}

static Value operand_value(const Builder *b, NodeId n, Arena *mem) {
  NodeId c = constant_under(b, n);
  const void *bytes = ir_const_data(b->m, attr_of(b, c)->value);
  Value v = value_from_bytes(b->m, node_of(b, c)->type, bytes, mem);
  if (c == n) return v;
  Value wide = value_new(b->m, node_of(b, n)->type, mem);
  int64_t count = ir_elements(ir_type_of(b, n));
  for (int64_t i = 0; i < count; i++) memcpy(&wide.i[i], v.i, sizeof *v.i);
  return wide;
}

static bool uniform_bytes(const Type *t, const uint8_t *bytes) {
  uint32_t size = ir_dtype_size((DType)t->dtype);
  int64_t count = ir_elements(t);
  for (int64_t i = 1; i < count; i++) {
    if (memcmp(bytes, bytes + i * size, size) != 0) return false;
  }
  return count > 0;
}

static NodeId splat_of_bytes(Builder *b, const Type *t, const void *bytes) {
  NodeId one = ir_const(b, ir_scalar(b->m, (DType)t->dtype), bytes);
  return ir_broadcast(b, one, t->rank, t->dim, NULL);
}

NodeId simplify_fold(const Match *x) {
  if (!foldable(x)) return IR_NONE;
  Builder *b = x->b;
  Arena mem = {0};
  Value in[FOLD_MAX_OPERANDS];
  for (uint32_t i = 0; i < x->n; i++) in[i] = operand_value(b, x->in[i], &mem);
  Node node = {.op = (uint16_t)x->op, .n_in = (uint16_t)x->n, .type = x->type, .attr = IR_NONE, .loc = b->loc};
  Value out = value_new(b->m, x->type, &mem);
  EvalCall call = {.m = b->m, .mem = &mem, .node = &node, .attr = x->attr, .in = in, .out = &out};
  op_table[x->op].eval(&call);
  const Type *t = ir_type_get(b->m, x->type);
  uint8_t *bytes = arena_alloc(&mem, (size_t)ir_elements(t) * ir_dtype_size((DType)t->dtype) + 1);
  value_to_bytes(b->m, &out, bytes);
  NodeId folded = ir_const(b, x->type, bytes); /* const_uniform turns it into a splat if it can */
  arena_free(&mem);
  return folded;
}

/* A dense constant of one repeated number becomes a splat, which rules can see through. */
RULE(const_uniform) {
  Type t = result_type(x);
  if (t.rank == 0 || ir_elements(&t) == 0) return IR_NONE;
  const uint8_t *bytes = ir_const_data(x->b->m, x->attr->value);
  return uniform_bytes(&t, bytes) ? splat_of_bytes(x->b, &t, bytes) : IR_NONE;
}
