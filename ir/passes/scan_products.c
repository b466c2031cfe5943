/* Scans: products out of the loop.
 *
 * Before it: what depends on xs and consts alone is computed for all iterations at once, when a product with a constant
 * factor is in it. After it: acc' = acc + a_t @ b_t becomes one product that contracts time as well. A recurrent
 * layer's input products and weight gradients then run at the speed of one large product instead of many small ones. */
#include "ir/passes/scan.h"
#include <stdlib.h>
#include <string.h>

static const Node *body_node(const ScanView *s, NodeId n) { return ir_node(s->m, s->body, n); }
static NodeId body_operand(const ScanView *s, NodeId n, uint32_t i) {
  return ir_operands(s->m, s->body, body_node(s, n))[i];
}
static const Type *body_type(const ScanView *s, NodeId n) { return ir_type_get(s->m, body_node(s, n)->type); }

/* ---------------------------------------------------------------- lifting */

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

static bool can_lift(const Lifting *l, NodeId n) {
  const Node *node = body_node(l->s, n);
  if (body_type(l->s, n)->n_tuple || body_type(l->s, n)->rank >= IR_MAX_RANK) return false;
  if (op_table[node->op].flags & OPF_ELEMENTWISE) return true;
  switch (node->op) {
  case OP_broadcast:
  case OP_reshape:
  case OP_transpose:
  case OP_reverse:
  case OP_slice:
  case OP_pad:
  case OP_concat:
  case OP_reduce_sum:
  case OP_reduce_max:
  case OP_reduce_min: return true;
  case OP_dot_general: {
    bool both = l->kind[body_operand(l->s, n, 0)] == l->kind[body_operand(l->s, n, 1)];
    return both || ir_attr_get(l->s->m, node->attr)->batch_a.n == 0;
  }
  default: return false;
  }
}

static void classify(Lifting *l) {
  const ScanView *s = l->s;
  for (NodeId n = 0; n < ir_region(s->m, s->body)->node.n; n++) {
    const Node *node = body_node(s, n);
    uint32_t k;
    l->kind[n] = CONSTANT;
    if (node->op == OP_param) {
      ScanParam p = scan_param_kind(s, (uint32_t)ir_attr_get(s->m, node->attr)->index, &k);
      l->kind[n] = p == PARAM_CONST ? CONSTANT : p == PARAM_XS ? LIFTABLE : VARIES;
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

/* v becomes first, v[0] + by, v[1] + by, ... */
static void prepend(IntList *list, int64_t first, int64_t by) {
  for (uint32_t i = list->n; i-- > 0;) list->v[i + 1] = list->v[i] + by;
  list->v[0] = first;
  list->n++;
}

static void shift(IntList *list) {
  for (uint32_t i = 0; i < list->n; i++) list->v[i]++;
}

static NodeId lift_product(Lifting *l, NodeId n) {
  Builder *b = &l->r->b;
  Attr a = *ir_attr_get(l->s->m, body_node(l->s, n)->attr);
  NodeId x = body_operand(l->s, n, 0), y = body_operand(l->s, n, 1);
  bool lx = l->kind[x] == LIFTABLE, ly = l->kind[y] == LIFTABLE;
  if (lx) shift(&a.batch_a), shift(&a.contract_a);
  if (ly) shift(&a.batch_b), shift(&a.contract_b);
  if (lx && ly) {
    prepend(&a.batch_a, 0, 0);
    prepend(&a.batch_b, 0, 0);
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

/* The node for all iterations: attributes speak of axes one further right. */
static NodeId lift_node(Lifting *l, NodeId n) {
  const Node node = *body_node(l->s, n);
  if (node.op == OP_dot_general) return lift_product(l, n);
  Attr a = *ir_attr_get(l->s->m, node.attr);
  int64_t count = l->s->attr.count;
  switch (node.op) {
  case OP_broadcast: prepend(&a.shape, count, 0), prepend(&a.axes, 0, 1); break;
  case OP_reshape: prepend(&a.shape, count, 0); break;
  case OP_transpose: prepend(&a.axes, 0, 1); break;
  case OP_slice: prepend(&a.lo, 0, 0), prepend(&a.hi, count, 0), prepend(&a.step, 1, 0); break;
  case OP_pad: prepend(&a.lo, 0, 0), prepend(&a.hi, 0, 0), prepend(&a.step, 0, 0); break;
  case OP_concat: a.axis++; break;
  case OP_reverse:
  case OP_reduce_sum:
  case OP_reduce_max:
  case OP_reduce_min: shift(&a.axes); break;
  default: break;
  }
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

bool scan_lift_products(Rebuild *r, const ScanView *s, NodeId *out) {
  uint32_t n = ir_region(s->m, s->body)->node.n + 1;
  Lifting l = {r, s, calloc(n, 1), calloc(n, 1), calloc(n, 1), malloc(sizeof(NodeId) * n)};
  for (uint32_t i = 0; i < n; i++) l.outer[i] = IR_NONE;
  classify(&l);
  bool any = find_lifted(&l);
  if (any) lift(&l, out);
  free(l.kind);
  free(l.want);
  free(l.inside);
  free(l.outer);
  return any;
}

/* ---------------------------------------------------------------- stacking */

/* One term of acc' = acc + .. - ..: what it sums over all iterations, from which stacks. */
typedef struct Term {
  uint32_t carry;
  NodeId node, factor[2]; /* dot: both; reduce_sum or plain: the first */
  bool minus;
  uint32_t y; /* number of the first new stack */
} Term;

typedef struct Stacking {
  Rebuild *r;
  const ScanView *s;
  uint32_t *uses;
  bool *invariant;
  bool *gone; /* carries */
  Vec(Term) term;
  Vec(NodeId) stack; /* body nodes to be stacked */
} Stacking;

static void count_uses(Stacking *k) {
  const Region *body = ir_region(k->s->m, k->s->body);
  bool *live = ir_live(k->s->m, k->s->body);
  for (NodeId n = 0; n < body->node.n; n++) {
    const Node *node = &body->node.at[n];
    k->invariant[n] = true;
    uint32_t which;
    if (node->op == OP_param)
      k->invariant[n] = scan_param_kind(k->s, (uint32_t)ir_attr_get(k->s->m, node->attr)->index, &which) == PARAM_CONST;
    for (uint32_t i = 0; i < node->n_in; i++) {
      NodeId operand = body->operand.at[node->in + i];
      k->uses[operand] += live[n];
      k->invariant[n] &= k->invariant[operand];
    }
  }
  for (uint32_t i = 0; i < body->result.n; i++) k->uses[body->result.at[i]]++;
  free(live);
}

static bool is_stacked(const Stacking *k, NodeId n) {
  for (uint32_t i = 0; i < k->stack.n; i++) {
    if (k->stack.at[i] == n) return true;
  }
  const Node *node = body_node(k->s, n);
  uint32_t which;
  if (node->op == OP_param)
    return scan_param_kind(k->s, (uint32_t)ir_attr_get(k->s->m, node->attr)->index, &which) == PARAM_XS;
  for (uint32_t i = 0; i < k->s->n_ys; i++) {
    if (scan_result(k->s, k->s->n_carry + i) == n) return true;
  }
  return false;
}

static bool fits_stack(const Stacking *k, NodeId n) { return body_type(k->s, n)->rank < IR_MAX_RANK; }

static bool match_product(const Stacking *k, NodeId n, Term *t) {
  const Node *node = body_node(k->s, n);
  if (node->op != OP_dot_general || k->uses[n] != 1) return false;
  t->factor[0] = body_operand(k->s, n, 0);
  t->factor[1] = body_operand(k->s, n, 1);
  if (k->invariant[t->factor[0]] || k->invariant[t->factor[1]]) return false;
  return fits_stack(k, t->factor[0]) && fits_stack(k, t->factor[1]);
}

/* Sums whose summand is stacked anyway. */
static bool match_sum(const Stacking *k, NodeId n, Term *t) {
  const Node *node = body_node(k->s, n);
  bool reduce = node->op == OP_reduce_sum && k->uses[n] == 1;
  t->factor[0] = reduce ? body_operand(k->s, n, 0) : n;
  t->factor[1] = IR_NONE;
  return fits_stack(k, t->factor[0]) && is_stacked(k, t->factor[0]);
}

static bool match_product_or_sum(const Stacking *k, NodeId n, Term *t) {
  return match_product(k, n, t) || match_sum(k, n, t);
}

typedef bool (*TermMatch)(const Stacking *k, NodeId n, Term *t);

/* Is carry c's next value its old one plus and minus terms that all match? Collects them. */
static bool match_carry(Stacking *k, uint32_t c, TermMatch match) {
  const ScanView *s = k->s;
  NodeId p = scan_carry_param(s, c), n = scan_result(s, c);
  uint32_t start = k->term.n;
  if (k->uses[p] != 1 || n == p || !ir_is_float((DType)body_type(s, n)->dtype)) return false;
  while (n != p) { /* down the spine of additions that ends in the carry */
    const Node *node = body_node(s, n);
    Term t = {.carry = c};
    if ((node->op != OP_add && node->op != OP_sub) || k->uses[n] != 1) break;
    NodeId a = body_operand(s, n, 0), b = body_operand(s, n, 1);
    bool ab = match(k, b, &t);
    if (!ab && (node->op == OP_sub || !match(k, a, &t))) break;
    t.node = ab ? b : a;
    t.minus = node->op == OP_sub;
    vec_push(&k->term, t);
    n = ab ? a : b;
  }
  if (n != p) k->term.n = start;
  return n == p;
}

static void find_terms(Stacking *k) {
  static const TermMatch kinds[] = {match_product, match_product_or_sum};
  for (uint32_t kind = 0; kind < 2; kind++) {
    for (uint32_t c = 0; c < k->s->n_carry; c++) {
      uint32_t start = k->term.n;
      if (k->gone[c] || !match_carry(k, c, kinds[kind])) continue;
      k->gone[c] = true;
      for (uint32_t i = start; i < k->term.n; i++) {
        k->term.at[i].y = k->stack.n;
        vec_push(&k->stack, k->term.at[i].factor[0]);
        if (k->term.at[i].factor[1] != IR_NONE) vec_push(&k->stack, k->term.at[i].factor[1]);
      }
    }
  }
}

/* A term summed over all iterations. */
static NodeId sum_term(Stacking *k, const Term *t, NodeId scan, uint32_t first) {
  Builder *b = &k->r->b;
  NodeId x = ir_proj(b, scan, first + t->y);
  const Node *node = body_node(k->s, t->node);
  if (t->factor[1] != IR_NONE) {
    Attr a = *ir_attr_get(k->s->m, node->attr);
    shift(&a.batch_a), shift(&a.batch_b), shift(&a.contract_a), shift(&a.contract_b);
    prepend(&a.contract_a, 0, 0);
    prepend(&a.contract_b, 0, 0);
    return ir_dot(b, x, ir_proj(b, scan, first + t->y + 1), &a.batch_a, &a.batch_b, &a.contract_a, &a.contract_b);
  }
  IntList axes = {0};
  if (t->factor[0] != t->node) axes = ir_attr_get(k->s->m, node->attr)->axes;
  shift(&axes);
  prepend(&axes, 0, 0);
  return ir_reduce(b, OP_reduce_sum, x, axes.n, axes.v);
}

static void stack(Stacking *k, NodeId *out) {
  const ScanView *s = k->s;
  ScanBuild b = scan_build(k->r, s);
  NodeId *map = b.body.map;
  bool *live = ir_live(s->m, s->body);
  for (uint32_t c = 0; c < s->n_carry; c++) {
    if (!k->gone[c])
      map[scan_carry_param(s, c)] = scan_add_carry(&b, s->carry[c]);
    else
      live[scan_carry_param(s, c)] = false;
  }
  for (uint32_t c = 0; c < s->n_xs; c++) map[scan_xs_param(s, c)] = scan_add_xs(&b, s->xs[c]);
  for (uint32_t c = 0; c < s->n_consts; c++) map[scan_const_param(s, c)] = scan_add_const(&b, s->consts[c]);
  for (uint32_t c = 0; c < s->n_carry; c++) { /* the additions go with their carry */
    NodeId n = scan_result(s, c);
    for (uint32_t i = 0; k->gone[c] && i < k->term.n; i++) {
      if (k->term.at[i].carry != c) continue;
      live[n] = false;
      n = body_operand(s, n, body_operand(s, n, 0) == k->term.at[i].node ? 1 : 0);
    }
  }
  scan_copy_live(&b, live);
  free(live);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < s->n_carry + s->n_ys; i++) {
    if (i < s->n_carry && k->gone[i]) continue;
    ir_result(&b.body.b, map[scan_result(s, i)]);
    kept++;
  }
  for (uint32_t i = 0; i < k->stack.n; i++) ir_result(&b.body.b, map[k->stack.at[i]]);
  NodeId scan = scan_finish(&b);
  uint32_t next = 0;
  for (uint32_t i = 0; i < s->n_carry + s->n_ys; i++) {
    out[i] = i < s->n_carry && k->gone[i] ? s->carry[i] : ir_proj(&k->r->b, scan, next++);
  }
  for (uint32_t i = 0; i < k->term.n; i++) {
    const Term *t = &k->term.at[i];
    out[t->carry] = ir_binary(&k->r->b, t->minus ? OP_sub : OP_add, out[t->carry], sum_term(k, t, scan, kept));
  }
}

bool scan_stack_products(Rebuild *r, const ScanView *s, NodeId *out) {
  uint32_t n = ir_region(s->m, s->body)->node.n + 1;
  Stacking k = {.r = r, .s = s, .uses = calloc(n, sizeof(uint32_t)), .invariant = calloc(n, 1)};
  k.gone = calloc(s->n_carry + 1, 1);
  count_uses(&k);
  find_terms(&k);
  bool any = k.term.n > 0;
  if (any) stack(&k, out);
  free(k.uses);
  free(k.invariant);
  free(k.gone);
  vec_free(&k.term);
  vec_free(&k.stack);
  return any;
}
