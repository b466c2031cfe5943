/* Scans: products out of the loop, after it. acc' = acc + a_t @ b_t becomes one product of the stacked factors that
 * contracts time as well: a recurrent layer's weight gradients then run at the speed of one large product. */
#include "ir/passes/scan.h"
#include <stdlib.h>

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

static bool fits_stack(const Stacking *k, NodeId n) {
  return body_type(k->s, n)->rank < IR_MAX_RANK && scan_may_stack(k->s, n);
}

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
    axes_shift(&a.batch_a), axes_shift(&a.batch_b), axes_shift(&a.contract_a), axes_shift(&a.contract_b);
    list_prepend(&a.contract_a, 0);
    list_prepend(&a.contract_b, 0);
    return ir_dot(b, x, ir_proj(b, scan, first + t->y + 1), &a.batch_a, &a.batch_b, &a.contract_a, &a.contract_b);
  }
  IntList axes = {0};
  if (t->factor[0] != t->node) axes = ir_attr_get(k->s->m, node->attr)->axes;
  axes_shift(&axes);
  list_prepend(&axes, 0);
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
  if (s->attr.recompute) return false;
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
