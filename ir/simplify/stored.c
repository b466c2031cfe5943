/* Some rows of a decoded data set: the rows are taken from the bytes as they are stored, and only they are decoded. */
#include "ir/simplify/rules.h"

enum { MAX_STEPS = 8 };

static bool decodes(uint16_t op) {
  return op == OP_cast || op == OP_add || op == OP_sub || op == OP_mul || op == OP_div;
}

/* A cast, or arithmetic of one tensor and numbers: which operand the tensor is, or -1. */
static int decoded_operand(const Builder *b, NodeId n) {
  const Node *node = node_of(b, n);
  int at = -1;
  if (!decodes(node->op)) return -1;
  for (uint32_t i = 0; i < node->n_in; i++) {
    if (is_splat(b, operand_of(b, n, i))) continue;
    if (at >= 0) return -1;
    at = (int)i;
  }
  return at;
}

/* Is n what the graph was given, decoded? (Within a region a field is a parameter like any other.) */
static bool is_stored(const Builder *b, NodeId n) {
  for (int k = 0; k < MAX_STEPS && !is_op(b, n, OP_param); k++) {
    int at = decoded_operand(b, n);
    if (at < 0) return false;
    n = operand_of(b, n, (uint32_t)at);
  }
  return is_op(b, n, OP_param);
}

/* The root's read of f(a, numbers) as f(its read of a, numbers). */
static NodeId read_before(const Match *x) {
  Builder *b = x->b;
  int at = is_stored(b, x->in[0]) ? decoded_operand(b, x->in[0]) : -1;
  if (at < 0) return IR_NONE;
  const Node node = *node_of(b, x->in[0]);
  const Attr *own = attr_of(b, x->in[0]), attr = own ? *own : (Attr){0};
  Type t = result_type(x);
  NodeId in[4], read[2 + IR_MAX_RANK];
  for (uint32_t i = 0; i < node.n_in; i++) {
    NodeId c = operand_of(b, x->in[0], i);
    in[i] = is_op(b, c, OP_broadcast) ? ir_broadcast(b, operand_of(b, c, 0), t.rank, t.dim, NULL) : c;
  }
  memcpy(read, x->in, x->n * sizeof *read);
  read[0] = operand_of(b, x->in[0], (uint32_t)at);
  in[at] = ir_emit(b, x->op, read, x->n, x->attr);
  return ir_emit(b, node.op, in, node.n_in, &attr);
}

/* Reads of fewer elements than there are. */
static NodeId fewer(const Match *x) {
  Type t = result_type(x);
  return ir_elements(&t) < ir_elements(ir_type_of(x->b, x->in[0])) ? read_before(x) : IR_NONE;
}

RULE(slice_stored) { return fewer(x); }
RULE(dynamic_slice_stored) { return fewer(x); }
RULE(gather_stored) { return fewer(x); }
