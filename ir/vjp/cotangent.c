/* Arithmetic on cotangents: sums, and products in which a zero cotangent annihilates. */
#include "ir/vjp/rules.h"

/* ---------------------------------------------------------------- looking at nodes */

static const Node *node_at(const Builder *b, NodeId n) { return ir_node(b->m, b->region, n); }

/* The value of a float constant, also under broadcasts and reshapes. */
static bool constant_value(const Builder *b, NodeId n, double *value) {
  const Node *node = node_at(b, n);
  while (node->op == OP_broadcast || node->op == OP_reshape) node = node_at(b, ir_operands(b->m, b->region, node)[0]);
  const Type *t = ir_type_get(b->m, node->type);
  if (node->op != OP_const || t->n_tuple || ir_elements(t) != 1) return false;
  const void *data = ir_const_data(b->m, ir_attr_get(b->m, node->attr)->value);
  if (t->dtype == DT_F32)
    *value = *(const float *)data;
  else if (t->dtype == DT_F64)
    *value = *(const double *)data;
  else
    return false;
  return true;
}

static bool is_zero(const Builder *b, NodeId n) {
  double v;
  return constant_value(b, n, &v) && v == 0;
}

bool ct_known_nonzero(const Builder *b, NodeId n) {
  double v;
  return constant_value(b, n, &v) && v != 0 && v - v == 0;
}

/* ---------------------------------------------------------------- sums */

/* The same write into `acc` when n is a write into zeros, IR_NONE otherwise. */
static NodeId write_into(Builder *b, NodeId acc, NodeId n) {
  Node node = *node_at(b, n);
  if (node.op != OP_scatter_add && node.op != OP_dynamic_add) return IR_NONE;
  NodeId in[IR_MAX_RANK + 2];
  for (uint32_t k = 0; k < node.n_in; k++) in[k] = ir_operands(b->m, b->region, &node)[k];
  if (!is_zero(b, in[0])) return IR_NONE;
  in[0] = acc;
  return ir_emit(b, (Op)node.op, in, node.n_in, node.attr == IR_NONE ? NULL : ir_attr_get(b->m, node.attr));
}

NodeId ct_add(Builder *b, const NodeId *term, uint32_t n) {
  NodeId few[8], *joined = n <= 8 ? few : arena_array(&b->m->mem, NodeId, n), sum = IR_NONE;
  n = ct_join_pads(b, term, n, joined);
  for (uint32_t i = 0; i < n; i++) {
    NodeId next = joined[i];
    if (sum == IR_NONE) {
      sum = next;
      continue;
    }
    NodeId written = write_into(b, sum, next);
    if (written == IR_NONE) written = write_into(b, next, sum);
    sum = written != IR_NONE ? written : ir_binary(b, OP_add, sum, next);
  }
  return sum;
}

/* ---------------------------------------------------------------- choices with a zero arm */

enum { MAX_VIEWS = 8 };

/* A cotangent that is select(c, u, 0) or select(c, 0, u) under a few linear ops of one operand. */
typedef struct Masked {
  NodeId select;
  NodeId view[MAX_VIEWS]; /* outermost first */
  uint32_t n_views;
  bool zero_first;
} Masked;

static bool is_unary_view(Op op) {
  return op == OP_broadcast || op == OP_reshape || op == OP_transpose || op == OP_reverse || op == OP_slice ||
         op == OP_pad || op == OP_neg;
}

static bool find_mask(const Builder *b, NodeId g, Masked *m) {
  *m = (Masked){0};
  while (is_unary_view((Op)node_at(b, g)->op)) {
    if (m->n_views == MAX_VIEWS) return false;
    m->view[m->n_views++] = g;
    g = vjp_in(b, g, 0);
  }
  if (node_at(b, g)->op != OP_select) return false;
  m->select = g;
  m->zero_first = is_zero(b, vjp_in(b, g, 1));
  return m->zero_first || is_zero(b, vjp_in(b, g, 2));
}

/* Applies the views above the select to one of its operands. */
static NodeId under_views(Builder *b, const Masked *m, NodeId n, bool condition) {
  for (uint32_t k = m->n_views; k-- > 0;) {
    Op op = (Op)node_at(b, m->view[k])->op;
    Attr a = vjp_attr(b, m->view[k]);
    if (!(condition && op == OP_neg)) n = ir_emit(b, op, &n, 1, &a);
  }
  return n;
}

typedef enum { TIMES, OVER, MINUS } Sunk;

static NodeId apply(Builder *b, Sunk f, NodeId g, NodeId d, bool pole);

/* f on the live arm of the choice, the zero arm kept. */
static NodeId sink(Builder *b, Sunk f, const Masked *m, NodeId d, bool pole) {
  NodeId c = under_views(b, m, vjp_in(b, m->select, 0), true);
  NodeId arm = under_views(b, m, vjp_in(b, m->select, m->zero_first ? 2 : 1), false);
  NodeId v = apply(b, f, arm, d, pole), zero = ir_full_like(b, v, 0);
  return m->zero_first ? ir_select(b, c, zero, v) : ir_select(b, c, v, zero);
}

/* v where it is a number or g is not 0; else 0. The test on v keeps the derivative of the product where g is 0. */
static NodeId guard(Builder *b, NodeId g, NodeId v) {
  if (ct_known_nonzero(b, g)) return v;
  NodeId zero = ir_full_like(b, g, 0);
  NodeId lost = ir_binary(b, OP_and, ir_binary(b, OP_eq, g, zero), ir_binary(b, OP_ne, v, v));
  return ir_select(b, lost, zero, v);
}

static NodeId apply(Builder *b, Sunk f, NodeId g, NodeId d, bool pole) {
  Masked m;
  if (find_mask(b, g, &m)) return sink(b, f, &m, d, pole);
  if (f == MINUS) return ir_unary(b, OP_neg, g);
  NodeId v = ir_binary(b, f == TIMES ? OP_mul : OP_div, g, d);
  return pole && !ct_known_nonzero(b, d) ? guard(b, g, v) : v;
}

NodeId ct_mul(Builder *b, NodeId g, NodeId d) { return apply(b, TIMES, g, d, false); }
NodeId ct_div(Builder *b, NodeId g, NodeId d) { return apply(b, OVER, g, d, false); }
NodeId ct_neg(Builder *b, NodeId g) { return apply(b, MINUS, g, IR_NONE, false); }
NodeId ct_scale(Builder *b, NodeId g, double factor) { return ct_mul(b, g, ir_full_like(b, g, factor)); }
NodeId ct_div_pole(Builder *b, NodeId g, NodeId d) { return apply(b, OVER, g, d, true); }
NodeId ct_mul_pole(Builder *b, NodeId g, NodeId d) { return apply(b, TIMES, g, d, true); }
