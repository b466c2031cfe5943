/* Scans: work out of the loop, before it. What depends on the iteration number, xs and consts alone is computed for all
 * iterations at once when a product with a constant factor is in it; a loop that carries nothing is replaced whole. */
#include "ir/passes/scan.h"
#include <stdlib.h>

typedef enum { VARIES, CONSTANT, LIFTABLE } Lift; /* LIFTABLE: depends on xs and consts, and can be computed for all */

typedef struct Lifting {
  Rebuild *r;
  const ScanView *s;
  uint8_t *kind;
  bool *want;    /* computed before the loop */
  bool *inside;  /* still wanted inside */
  NodeId *outer; /* of CONSTANT nodes: the value; of LIFTABLE: the values of all iterations, stacked */
} Lifting;

static bool is_lifted_product(const Lifting *l, NodeId n) {
  if (l->kind[n] != LIFTABLE || body_node(l->s, n)->op != OP_dot_general) return false;
  return l->kind[body_operand(l->s, n, 0)] != l->kind[body_operand(l->s, n, 1)];
}

/* What changes in an op's attributes when its operands get a leading axis. */
typedef enum {
  LIFT_NEVER,
  LIFT_SAME,
  LIFT_AXIS,
  LIFT_AXES,
  LIFT_SHAPE,
  LIFT_BROADCAST,
  LIFT_PERM,
  LIFT_SLICE,
  LIFT_PAD,
  LIFT_INDEXED,
  LIFT_DOT
} LiftRule;

static LiftRule lift_rule(Op op) {
  if (op_table[op].flags & OPF_ELEMENTWISE) return LIFT_SAME;
  switch (op) {
  case OP_broadcast: return LIFT_BROADCAST;
  case OP_reshape:
  case OP_window_place: return LIFT_SHAPE;
  case OP_transpose: return LIFT_PERM;
  case OP_slice: return LIFT_SLICE;
  case OP_pad: return LIFT_PAD;
  case OP_reverse:
  case OP_reduce_sum:
  case OP_reduce_max:
  case OP_reduce_min: return LIFT_AXES;
  case OP_concat:
  case OP_argmax:
  case OP_argmin:
  case OP_cumsum:
  case OP_sort:
  case OP_argsort: return LIFT_AXIS;
  case OP_gather:
  case OP_scatter_add:
  case OP_scatter_set: return LIFT_INDEXED;
  case OP_window_sum:
  case OP_window_argmax:
  case OP_window_pick:
  case OP_cholesky:
  case OP_solve:
  case OP_tri_solve: return LIFT_SAME;
  case OP_dot_general: return LIFT_DOT;
  default: return LIFT_NEVER;
  }
}

static bool can_lift(const Lifting *l, NodeId n) {
  const Node *node = body_node(l->s, n);
  LiftRule rule = lift_rule((Op)node->op);
  if (rule == LIFT_NEVER || body_type(l->s, n)->rank >= IR_MAX_RANK || !scan_may_stack(l->s, n)) return false;
  const Attr *a = ir_attr_get(l->s->m, node->attr);
  for (uint32_t i = 0; i < node->n_in; i++) { /* a constant operand is repeated, unless the op can do without */
    if (body_type(l->s, body_operand(l->s, n, i))->rank >= IR_MAX_RANK) return false;
  }
  bool first_constant = l->kind[body_operand(l->s, n, 0)] == CONSTANT;
  if (op_table[node->op].flags & OPF_LAPACK) return !first_constant;
  if (node->op == OP_gather && first_constant) return a->axis == 0 && a->n_batch == 0;
  if (rule == LIFT_DOT) {
    bool both = l->kind[body_operand(l->s, n, 0)] == l->kind[body_operand(l->s, n, 1)];
    return both || a->batch_a.n == 0;
  }
  return true;
}

static void classify(Lifting *l) {
  const ScanView *s = l->s;
  for (NodeId n = 0; n < ir_region(s->m, s->body)->node.n; n++) {
    const Node *node = body_node(s, n);
    uint32_t k;
    l->kind[n] = CONSTANT;
    if (node->op == OP_param) {
      ScanParam p = scan_param_kind(s, (uint32_t)ir_attr_get(s->m, node->attr)->index, &k);
      l->kind[n] = p == PARAM_CONST ? CONSTANT : p == PARAM_CARRY ? VARIES : LIFTABLE;
      continue;
    }
    for (uint32_t i = 0; i < node->n_in; i++) {
      uint8_t in = l->kind[body_operand(s, n, i)];
      if (in == VARIES)
        l->kind[n] = VARIES;
      else if (in == LIFTABLE && l->kind[n] == CONSTANT)
        l->kind[n] = LIFTABLE;
    }
    if (l->kind[n] == LIFTABLE && !can_lift(l, n)) l->kind[n] = VARIES;
  }
}

/* Which nodes go before the loop and which stay wanted inside; false when no product goes. */
static bool find_lifted(Lifting *l) {
  const ScanView *s = l->s;
  const Region *body = ir_region(s->m, s->body);
  bool any = false;
  for (uint32_t i = 0; i < body->result.n; i++) l->inside[body->result.at[i]] = true;
  for (NodeId n = body->node.n; n-- > 0;) {
    bool product = l->inside[n] && is_lifted_product(l, n);
    if (product) any = l->want[n] = true;
    for (uint32_t i = 0; i < body->node.at[n].n_in; i++) {
      NodeId operand = body_operand(s, n, i);
      if (l->want[n]) l->want[operand] = true;
      if (l->inside[n] && !product) l->inside[operand] = true;
    }
  }
  return any;
}

static NodeId for_all(Lifting *l, NodeId n) {
  if (l->kind[n] == LIFTABLE) return l->outer[n];
  Type t = *ir_type_of(&l->r->b, l->outer[n]);
  int64_t shape[IR_MAX_RANK] = {l->s->attr.count}, axes[IR_MAX_RANK];
  for (uint32_t i = 0; i < t.rank; i++) {
    shape[i + 1] = t.dim[i];
    axes[i] = i + 1;
  }
  return ir_broadcast(&l->r->b, l->outer[n], t.rank + 1u, shape, axes);
}

static NodeId lift_product(Lifting *l, NodeId n) {
  Builder *b = &l->r->b;
  Attr a = *ir_attr_get(l->s->m, body_node(l->s, n)->attr);
  NodeId x = body_operand(l->s, n, 0), y = body_operand(l->s, n, 1);
  bool lx = l->kind[x] == LIFTABLE, ly = l->kind[y] == LIFTABLE;
  if (lx) axes_shift(&a.batch_a), axes_shift(&a.contract_a);
  if (ly) axes_shift(&a.batch_b), axes_shift(&a.contract_b);
  if (lx && ly) {
    list_prepend(&a.batch_a, 0);
    list_prepend(&a.batch_b, 0);
  }
  if (lx) return ir_dot(b, l->outer[x], l->outer[y], &a.batch_a, &a.batch_b, &a.contract_a, &a.contract_b);
  /* [time, free b, free a], then the free axes change places */
  NodeId dot = ir_dot(b, l->outer[y], l->outer[x], &a.batch_b, &a.batch_a, &a.contract_b, &a.contract_a);
  uint32_t nb = body_type(l->s, y)->rank - a.contract_b.n, na = body_type(l->s, x)->rank - a.contract_a.n;
  int64_t perm[IR_MAX_RANK] = {0};
  for (uint32_t i = 0; i < na; i++) perm[1 + i] = 1 + nb + i;
  for (uint32_t i = 0; i < nb; i++) perm[1 + na + i] = 1 + i;
  return ir_transpose(b, dot, perm);
}

/* Attributes of the node for all iterations: they speak of axes one further right. */
static void lift_attr(Attr *a, LiftRule rule, int64_t count) {
  switch (rule) {
  case LIFT_BROADCAST:
  case LIFT_PERM: axes_shift(&a->axes), list_prepend(&a->axes, 0); break;
  case LIFT_AXES: axes_shift(&a->axes); break;
  case LIFT_AXIS: a->axis++; break;
  case LIFT_INDEXED: a->axis++, a->n_batch++; break;
  case LIFT_SLICE: list_prepend(&a->lo, 0), list_prepend(&a->hi, count), list_prepend(&a->step, 1); break;
  case LIFT_PAD: list_prepend(&a->lo, 0), list_prepend(&a->hi, 0), list_prepend(&a->step, 0); break;
  default: break;
  }
  if (rule == LIFT_SHAPE || rule == LIFT_BROADCAST) list_prepend(&a->shape, count);
}

static NodeId lift_node(Lifting *l, NodeId n) {
  const Node node = *body_node(l->s, n);
  if (node.op == OP_dot_general) return lift_product(l, n);
  Attr a = *ir_attr_get(l->s->m, node.attr);
  if (node.op == OP_gather && l->kind[body_operand(l->s, n, 0)] == CONSTANT) {
    NodeId in[2] = {l->outer[body_operand(l->s, n, 0)], l->outer[body_operand(l->s, n, 1)]};
    return ir_emit(&l->r->b, OP_gather, in, 2, &a);
  }
  lift_attr(&a, lift_rule((Op)node.op), l->s->attr.count);
  NodeId few[8], *in = node.n_in <= 8 ? few : malloc(sizeof *in * node.n_in);
  for (uint32_t i = 0; i < node.n_in; i++) in[i] = for_all(l, body_operand(l->s, n, i));
  NodeId made = ir_emit(&l->r->b, (Op)node.op, in, node.n_in, &a);
  if (in != few) free(in);
  return made;
}

static NodeId copy_constant(Lifting *l, NodeId n) {
  const Node node = *body_node(l->s, n);
  NodeId few[8], *in = node.n_in <= 8 ? few : malloc(sizeof *in * node.n_in);
  for (uint32_t i = 0; i < node.n_in; i++) in[i] = l->outer[body_operand(l->s, n, i)];
  NodeId made =
      ir_emit_region(&l->r->b, (Op)node.op, in, node.n_in, ir_attr_get(l->s->m, node.attr), node.body[0], node.body[1]);
  if (in != few) free(in);
  return made;
}

static void emit_lifted(Lifting *l) {
  const ScanView *s = l->s;
  if (l->want[scan_param(s, 0)]) l->outer[scan_param(s, 0)] = ir_iota(&l->r->b, DT_I64, 1, &s->attr.count, 0);
  for (uint32_t k = 0; k < s->n_xs; k++) l->outer[scan_xs_param(s, k)] = s->xs[k];
  for (uint32_t k = 0; k < s->n_consts; k++) l->outer[scan_const_param(s, k)] = s->consts[k];
  for (NodeId n = 0; n < ir_region(s->m, s->body)->node.n; n++) {
    if (!l->want[n] || l->outer[n] != IR_NONE) continue;
    l->outer[n] = l->kind[n] == LIFTABLE ? lift_node(l, n) : copy_constant(l, n);
  }
}

static void lift(Lifting *l, NodeId *out) {
  const ScanView *s = l->s;
  emit_lifted(l);
  ScanBuild b = scan_build(l->r, s);
  NodeId *map = b.body.map;
  for (uint32_t k = 0; k < s->n_carry; k++) map[scan_carry_param(s, k)] = scan_add_carry(&b, s->carry[k]);
  for (uint32_t k = 0; k < s->n_xs; k++) map[scan_xs_param(s, k)] = scan_add_xs(&b, s->xs[k]);
  for (NodeId n = 0; n < ir_region(s->m, s->body)->node.n; n++) {
    if (l->inside[n] && is_lifted_product(l, n)) map[n] = scan_add_xs(&b, l->outer[n]);
  }
  for (uint32_t k = 0; k < s->n_consts; k++) map[scan_const_param(s, k)] = scan_add_const(&b, s->consts[k]);
  scan_copy_live(&b, l->inside);
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) ir_result(&b.body.b, map[scan_result(s, k)]);
  NodeId scan = scan_finish(&b);
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    if (s->used[k]) out[k] = ir_proj(&l->r->b, scan, k);
  }
}

static Lifting lifting_new(Rebuild *r, const ScanView *s) {
  uint32_t n = ir_region(s->m, s->body)->node.n + 1;
  Lifting l = {r, s, calloc(n, 1), calloc(n, 1), calloc(n, 1), malloc(sizeof(NodeId) * n)};
  for (uint32_t i = 0; i < n; i++) l.outer[i] = IR_NONE;
  classify(&l);
  return l;
}

static void lifting_free(Lifting *l) {
  free(l->kind);
  free(l->want);
  free(l->inside);
  free(l->outer);
}

bool scan_lift_products(Rebuild *r, const ScanView *s, NodeId *out) {
  if (s->attr.recompute) return false;
  Lifting l = lifting_new(r, s);
  bool any = find_lifted(&l);
  if (any) lift(&l, out);
  lifting_free(&l);
  return any;
}

/* ---------------------------------------------------------------- maps */

/* What a replaced loop may hold at once, in elements: a loop is also a way of using less memory. */
#define MAP_MAX_ELEMENTS ((int64_t)1 << 22)

/* Marks what the results need; false when something is carried, cannot be computed for all, or is too large. */
static bool find_map(Lifting *l) {
  const ScanView *s = l->s;
  const Region *body = ir_region(s->m, s->body);
  int64_t elements = 0;
  if (s->n_carry) return false;
  for (uint32_t i = 0; i < body->result.n; i++) l->want[body->result.at[i]] = true;
  for (NodeId n = body->node.n; n-- > 0;) {
    if (!l->want[n]) continue;
    if (l->kind[n] == VARIES) return false;
    if (l->kind[n] == LIFTABLE) elements += ir_elements(body_type(s, n));
    if (elements > MAP_MAX_ELEMENTS / s->attr.count) return false;
    for (uint32_t i = 0; i < body->node.at[n].n_in; i++) l->want[body_operand(s, n, i)] = true;
  }
  return true;
}

bool scan_map(Rebuild *r, const ScanView *s, NodeId *out) {
  if (s->n_carry || s->attr.count < 2 || s->attr.recompute) return false;
  Lifting l = lifting_new(r, s);
  bool all = find_map(&l);
  if (all) {
    emit_lifted(&l);
    for (uint32_t k = 0; k < s->n_ys; k++) {
      if (s->used[k]) out[k] = for_all(&l, scan_result(s, k));
    }
  }
  lifting_free(&l);
  return all;
}
