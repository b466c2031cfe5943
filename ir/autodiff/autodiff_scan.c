/* The derivative of a scan is a scan in the other direction.
 *
 * One trip of the body, followed by its derivative, is first built as one straight region ("trip"): parameters
 * (iv, carries, sequences, consts, cotangents of the results), results (those of the body, cotangents of the
 * parameters). What does not depend on a cotangent is primal. Primal values that the derivative reads are kept:
 * hoisted when they depend on consts alone, computed again when that is cheap, and otherwise stacked as further results
 * of the forward loop; those of a loop marked `recompute` are all computed again. The loop with the stacks takes the
 * place of the loop without when the region is settled (autodiff_settle.c). */
#include "ir/autodiff/autodiff_internal.h"
#include <stdlib.h>

typedef enum { UNUSED, AVAILABLE, AGAIN, HOISTED, STACKED } Keep;

typedef struct ScanDiff {
  Diff *d;
  Module *m;
  Builder *b; /* of the region of the loop */
  NodeId loop;
  Node node; /* of the version of the loop with the most results */
  Attr attr;
  uint32_t n_ct; /* results of `loop`, the version that is differentiated */
  const NodeId *ct;
  const bool *need;
  bool *active;       /* carry: varied and useful */
  uint32_t *member;   /* result k of the trip beyond the body's: the operand it is the cotangent of */
  uint32_t n_results; /* of the body */
  uint32_t n_back;    /* further results of the trip */
  RegionId trip;
  bool *back;      /* trip node depends on a cotangent */
  bool *invariant; /* trip node depends on consts alone */
  Keep *keep;
  Vec(NodeId) stack;      /* trip nodes that are stacked */
  Vec(uint32_t) stack_at; /* their member in the grown loop's tuple */
  NodeId grown;
} ScanDiff;

static uint32_t n_nodes(const ScanDiff *s, RegionId r) { return ir_region(s->m, r)->node.n; }
static NodeId param(const ScanDiff *s, RegionId r, uint32_t k) { return ir_region(s->m, r)->param.at[k]; }
static NodeId result(const ScanDiff *s, RegionId r, uint32_t k) { return ir_region(s->m, r)->result.at[k]; }
static NodeId operand(const ScanDiff *s, uint32_t k) { return ir_operands(s->m, s->b->region, &s->node)[k]; }
static TypeId type_in(const ScanDiff *s, RegionId r, NodeId n) { return ir_node(s->m, r, n)->type; }
static bool is_carry(const ScanDiff *s, uint32_t k) { return k < s->attr.n_carry; }
static bool is_sequence(const ScanDiff *s, uint32_t k) { return !is_carry(s, k) && k < s->attr.n_carry + s->attr.n_xs; }

/* ---------------------------------------------------------------- which carries matter */

/* Carries that vary with a wanted operand: a fixpoint, since carries may change places. */
static void find_varied(const ScanDiff *s, bool *varied) {
  RegionId body = s->node.body[0];
  bool *marked = diff_array(n_nodes(s, body), sizeof *marked), grew = true;
  for (uint32_t k = 0; k < s->node.n_in; k++) marked[param(s, body, 1 + k)] = s->need[k];
  while (grew) {
    grew = false;
    diff_spread(s->m, body, n_nodes(s, body), marked);
    for (uint32_t k = 0; k < s->attr.n_carry; k++) {
      NodeId p = param(s, body, 1 + k), r = result(s, body, k);
      if (marked[p] || !marked[r] || !diff_is_float(s->m, type_in(s, body, p))) continue;
      marked[p] = grew = true;
    }
  }
  for (uint32_t k = 0; k < s->attr.n_carry; k++) varied[k] = marked[param(s, body, 1 + k)];
  free(marked);
}

/* Carries that a result with a cotangent depends on; likewise. */
static void find_useful(const ScanDiff *s, bool *useful) {
  RegionId body = s->node.body[0];
  bool *marked = diff_array(n_nodes(s, body), sizeof *marked), grew = true;
  for (uint32_t k = 0; k < s->n_ct; k++) {
    if (s->ct[k] == IR_NONE) continue;
    marked[result(s, body, k)] = true;
    if (k < s->attr.n_carry) useful[k] = true;
  }
  while (grew) {
    grew = false;
    diff_spread_back(s->m, body, marked);
    for (uint32_t k = 0; k < s->attr.n_carry; k++) {
      if (!marked[param(s, body, 1 + k)] || (useful[k] && marked[result(s, body, k)])) continue;
      useful[k] = marked[result(s, body, k)] = grew = true;
    }
  }
  free(marked);
}

static void find_active(ScanDiff *s) {
  bool *useful = diff_array(s->attr.n_carry, sizeof *useful);
  s->active = diff_array(s->attr.n_carry, sizeof *s->active);
  find_varied(s, s->active);
  find_useful(s, useful);
  for (uint32_t k = 0; k < s->attr.n_carry; k++)
    s->active[k] &= useful[k] && diff_is_float(s->m, type_in(s, s->b->region, operand(s, k)));
  free(useful);
}

/* ---------------------------------------------------------------- one trip and its derivative */

static bool has_cotangent(const ScanDiff *s, uint32_t k) {
  return k < s->attr.n_carry ? s->active[k] : k < s->n_ct && s->ct[k] != IR_NONE;
}

/* Gives the results that have cotangents parameters for them, last result first: sums run in consumer order. */
static void seed_results(ScanDiff *s, Sweep *w, const NodeId *mapped) {
  NodeId *p = diff_array(s->n_results, sizeof *p);
  for (uint32_t k = 0; k < s->n_results; k++)
    if (has_cotangent(s, k)) p[k] = ir_param(w->b, type_in(s, w->b->region, mapped[k]));
  for (uint32_t k = s->n_results; k-- > 0;)
    if (has_cotangent(s, k)) sweep_add(w, mapped[k], 0, p[k]);
  free(p);
}

/* Cotangents of the parameters become results of the trip. */
static void collect_cotangents(ScanDiff *s, Sweep *w) {
  s->member = diff_array(s->node.n_in, sizeof *s->member);
  for (uint32_t k = 0; k < s->node.n_in; k++) {
    NodeId p = param(s, w->b->region, 1 + k), ct = w->varied[p] ? sweep_total(w, p) : IR_NONE;
    bool carried = is_carry(s, k) && s->active[k];
    if (ct == IR_NONE && !carried) continue;
    ir_result(w->b, ct != IR_NONE ? ct : ir_full_like(w->b, p, 0));
    s->member[s->n_back++] = k;
  }
}

static void build_trip(ScanDiff *s) {
  RegionId body = s->node.body[0];
  Rebuild r = ir_rebuild(s->m, body, NULL);
  NodeId *mapped = diff_array(s->n_results, sizeof *mapped);
  for (NodeId n = 0; n < n_nodes(s, body); n++)
    if (ir_node(s->m, body, n)->op != OP_param) ir_copy_node(&r, n);
  for (uint32_t k = 0; k < s->n_results; k++) mapped[k] = r.map[result(s, body, k)];
  RegionId trip = ir_rebuild_finish(&r);
  Builder b = ir_builder(s->m, trip, NULL);
  Sweep w;
  sweep_begin(&w, s->d, &b, trip);
  for (uint32_t k = 0; k < s->node.n_in; k++)
    w.varied[param(s, trip, 1 + k)] = is_carry(s, k) ? s->active[k] : s->need[k];
  sweep_spread(&w);
  seed_results(s, &w, mapped);
  sweep_run(&w);
  collect_cotangents(s, &w);
  sweep_end(&w);
  ir_builder_free(&b);
  free(mapped);
  s->trip = diff_settle(s->d, trip, false);
}

/* Marks nodes of the trip that depend on a cotangent, and those that depend on consts alone. */
static void classify(ScanDiff *s) {
  uint32_t n = n_nodes(s, s->trip), first_const = 1 + s->attr.n_carry + s->attr.n_xs, first_ct = 1 + s->node.n_in;
  s->back = diff_array(n, sizeof *s->back);
  s->invariant = diff_array(n, sizeof *s->invariant);
  for (NodeId id = 0; id < n; id++) {
    const Node *node = ir_node(s->m, s->trip, id);
    if (node->op == OP_param) {
      uint32_t k = (uint32_t)ir_attr_get(s->m, node->attr)->index;
      s->back[id] = k >= first_ct;
      s->invariant[id] = k >= first_const && k < first_ct;
      continue;
    }
    const NodeId *in = ir_operands(s->m, s->trip, node);
    s->invariant[id] = true;
    for (uint32_t k = 0; k < node->n_in; k++) {
      s->back[id] |= s->back[in[k]];
      s->invariant[id] &= s->invariant[in[k]];
    }
  }
}

/* ---------------------------------------------------------------- what to keep of the primal values */

static bool is_cheap(Op op) {
  switch (op) {
  case OP_iota:
  case OP_const:
  case OP_random:
  case OP_key_fold: return true;
  default: return (op_table[op].flags & (OPF_ELEMENTWISE | OPF_VIEW)) != 0 && !ir_is_transcendental(op);
  }
}

static int64_t bytes_of(const ScanDiff *s, NodeId n) {
  const Type *t = ir_type_get(s->m, type_in(s, s->trip, n));
  return ir_elements(t) * ir_dtype_size((DType)t->dtype);
}

/* Parameters other than carries are there again in the backward loop. */
static bool is_free(const ScanDiff *s, NodeId n) {
  const Node *node = ir_node(s->m, s->trip, n);
  if (s->invariant[n]) return true;
  if (node->op != OP_param) return false;
  uint32_t k = (uint32_t)ir_attr_get(s->m, node->attr)->index;
  return k == 0 || k > s->attr.n_carry;
}

enum { MAX_CONE = 16 };

/* Adds n to a small set; false when the set is full. */
static bool put(NodeId *set, uint32_t *n_set, NodeId n) {
  for (uint32_t k = 0; k < *n_set; k++)
    if (set[k] == n) return true;
  if (*n_set == MAX_CONE) return false;
  set[(*n_set)++] = n;
  return true;
}

/* Are the values that n follows from cheaply, and that are not kept anyway, no larger than n itself? */
static bool worth_again(const ScanDiff *s, NodeId n) {
  NodeId cone[MAX_CONE] = {n};
  uint32_t n_cone = 1;
  int64_t missing = 0;
  if (!is_cheap((Op)ir_node(s->m, s->trip, n)->op)) return false;
  for (uint32_t at = 0; at < n_cone; at++) {
    const Node *node = ir_node(s->m, s->trip, cone[at]);
    bool again = at == 0 || (is_cheap((Op)node->op) && s->keep[cone[at]] == UNUSED);
    if (!again) missing += bytes_of(s, cone[at]);
    for (uint32_t k = 0; again && k < node->n_in; k++) {
      NodeId in = ir_operands(s->m, s->trip, node)[k];
      if (!is_free(s, in) && s->keep[in] == UNUSED && !put(cone, &n_cone, in)) return false;
    }
  }
  return missing <= bytes_of(s, n);
}

static void want(ScanDiff *s, NodeId n) {
  if (s->keep[n] == UNUSED) s->keep[n] = STACKED; /* until decided */
}

static void want_operands(ScanDiff *s, NodeId n) {
  const Node *node = ir_node(s->m, s->trip, n);
  for (uint32_t k = 0; k < node->n_in; k++) {
    NodeId in = ir_operands(s->m, s->trip, node)[k];
    if (!s->back[in]) want(s, in);
  }
}

static void decide(ScanDiff *s, NodeId n) {
  const Node *node = ir_node(s->m, s->trip, n);
  if (node->op == OP_param) {
    s->keep[n] = is_free(s, n) ? AVAILABLE : STACKED;
  } else if (s->invariant[n] && !is_cheap((Op)node->op)) {
    s->keep[n] = HOISTED;
  } else if (s->invariant[n] || s->attr.recompute || worth_again(s, n)) {
    s->keep[n] = AGAIN;
    want_operands(s, n);
  }
}

/* A stacked value that follows cheaply from others that are kept need not be stacked. */
static void reconsider(ScanDiff *s, NodeId n) {
  const Node *node = ir_node(s->m, s->trip, n);
  if (s->keep[n] != STACKED || !is_cheap((Op)node->op)) return;
  for (uint32_t k = 0; k < node->n_in; k++) {
    NodeId in = ir_operands(s->m, s->trip, node)[k];
    if (s->keep[in] == UNUSED) return;
  }
  s->keep[n] = AGAIN;
}

/* Live nodes of the trip that depend on cotangents stay as they are; the primal values they read are decided on. */
static void choose_kept(ScanDiff *s) {
  uint32_t n = n_nodes(s, s->trip);
  bool *live = diff_array(n, sizeof *live);
  s->keep = diff_array(n, sizeof *s->keep);
  for (uint32_t k = 0; k < s->n_back; k++) {
    NodeId r = result(s, s->trip, s->n_results + k);
    if (s->back[r])
      live[r] = true;
    else
      want(s, r);
  }
  for (NodeId id = n; id-- > 0;) {
    if (!s->back[id]) {
      if (s->keep[id] != UNUSED) decide(s, id);
      continue;
    }
    if (!live[id]) continue;
    const Node *node = ir_node(s->m, s->trip, id);
    s->keep[id] = node->op == OP_param ? AVAILABLE : AGAIN;
    for (uint32_t k = 0; k < node->n_in; k++) live[ir_operands(s->m, s->trip, node)[k]] = true;
    want_operands(s, id);
  }
  for (NodeId id = 0; id < n; id++)
    if (!s->back[id]) reconsider(s, id);
  free(live);
}

/* ---------------------------------------------------------------- copying parts of the trip */

/* Copies node n into b's region; its operands are mapped already. */
static void copy_into(const ScanDiff *s, Builder *b, NodeId n, NodeId *map) {
  Node node = *ir_node(s->m, s->trip, n);
  NodeId *in = diff_array(node.n_in, sizeof *in);
  for (uint32_t k = 0; k < node.n_in; k++) in[k] = map[ir_operands(s->m, s->trip, &node)[k]];
  b->loc = node.loc;
  const Attr *attr = node.attr == IR_NONE ? NULL : ir_attr_get(s->m, node.attr);
  map[n] = ir_emit_region(b, (Op)node.op, in, node.n_in, attr, node.body[0], node.body[1]);
  free(in);
}

/* Copies what the marked nodes need; nodes that have a place in map already stay. */
static void copy_marked(const ScanDiff *s, Builder *b, bool *marked, NodeId *map) {
  uint32_t n = n_nodes(s, s->trip);
  for (NodeId id = n; id-- > 0;) {
    if (!marked[id] || map[id] != IR_NONE) continue;
    const Node *node = ir_node(s->m, s->trip, id);
    for (uint32_t k = 0; k < node->n_in; k++) marked[ir_operands(s->m, s->trip, node)[k]] = true;
  }
  for (NodeId id = 0; id < n; id++)
    if (marked[id] && map[id] == IR_NONE) copy_into(s, b, id, map);
}

static NodeId *new_map(const ScanDiff *s) {
  uint32_t n = n_nodes(s, s->trip);
  NodeId *map = diff_array(n, sizeof *map);
  for (uint32_t k = 0; k < n; k++) map[k] = IR_NONE;
  return map;
}

/* ---------------------------------------------------------------- the forward loop with stacks */

/* Member of the loop's tuple that stacks trip node n already, IR_NONE when none does. */
static uint32_t stacked_as(const ScanDiff *s, NodeId n) {
  for (uint32_t k = s->attr.n_carry; k < s->n_results; k++)
    if (result(s, s->trip, k) == n) return k;
  return IR_NONE;
}

static RegionId forward_body(ScanDiff *s) {
  RegionId made = ir_region_new(s->m);
  Builder b = ir_builder(s->m, made, NULL);
  NodeId *map = new_map(s);
  bool *marked = diff_array(n_nodes(s, s->trip), sizeof *marked);
  for (uint32_t k = 0; k <= s->node.n_in; k++) {
    NodeId p = param(s, s->trip, k);
    b.loc = ir_node(s->m, s->trip, p)->loc;
    map[p] = ir_param(&b, type_in(s, s->trip, p));
  }
  for (uint32_t k = 0; k < s->n_results; k++) marked[result(s, s->trip, k)] = true;
  for (uint32_t k = 0; k < s->stack.n; k++) marked[s->stack.at[k]] = true;
  copy_marked(s, &b, marked, map);
  for (uint32_t k = 0; k < s->n_results; k++) ir_result(&b, map[result(s, s->trip, k)]);
  for (uint32_t k = 0; k < s->stack.n; k++)
    if (s->stack_at.at[k] >= s->n_results) ir_result(&b, map[s->stack.at[k]]);
  free(map);
  free(marked);
  return made;
}

static NodeId root_of(const ScanDiff *s, NodeId loop) {
  for (uint32_t k = 0; k < s->d->grown.n; k++)
    if (s->d->grown.at[k].region == s->b->region && s->d->grown.at[k].node == loop) return s->d->grown.at[k].root;
  return loop;
}

static NodeId latest_of(const ScanDiff *s, NodeId root) {
  for (uint32_t k = s->d->grown.n; k-- > 0;)
    if (s->d->grown.at[k].region == s->b->region && s->d->grown.at[k].root == root) return s->d->grown.at[k].node;
  return root;
}

/* A stack has one axis more than its values. */
static bool can_stack(ScanDiff *s) {
  for (uint32_t k = 0; k < s->stack.n; k++) {
    if (ir_type_get(s->m, type_in(s, s->trip, s->stack.at[k]))->rank < IR_MAX_RANK) continue;
    diff_error(s->d, s->node.loc, "the derivative of this loop has to keep a value of 8 axes for each iteration",
               "reshape it to fewer axes inside the loop");
    return false;
  }
  return true;
}

/* Emits the loop with the stacks that the backward loop reads, unless it has them all. */
static void grow_loop(ScanDiff *s, NodeId latest) {
  uint32_t more = 0;
  for (NodeId n = 0; n < n_nodes(s, s->trip); n++) {
    if (s->back[n] || s->keep[n] != STACKED) continue;
    uint32_t at = stacked_as(s, n);
    vec_push(&s->stack, n);
    vec_push(&s->stack_at, at != IR_NONE ? at : s->n_results + more++);
  }
  s->grown = latest;
  if (!can_stack(s) || !more) return;
  Attr attr = s->attr;
  attr.n_ys += more;
  RegionId body = forward_body(s);
  NodeId *in = diff_array(s->node.n_in, sizeof *in);
  for (uint32_t k = 0; k < s->node.n_in; k++) in[k] = operand(s, k);
  LocId loc = s->b->loc;
  s->b->loc = s->node.loc;
  s->grown = ir_emit_region(s->b, OP_scan, in, s->node.n_in, &attr, body, IR_NONE);
  s->b->loc = loc;
  free(in);
  Grown g = {s->b->region, s->grown, root_of(s, s->loop)};
  vec_push(&s->d->grown, g);
}

/* ---------------------------------------------------------------- the backward loop */

/* Operands of the backward loop and, in step, the parameters of its body. */
typedef struct BackLoop {
  Builder body;
  NodeId *map; /* trip -> body */
  Vec(NodeId) carry, xs, consts;
  Vec(NodeId) acc; /* body parameters that sum the cotangents of consts */
} BackLoop;

static NodeId body_param(BackLoop *l, TypeId t) { return ir_param(&l->body, t); }

/* Carries: cotangents of active carries, then sums of the cotangents of consts. */
static void add_carries(ScanDiff *s, BackLoop *l) {
  uint32_t next_ct = 1 + s->node.n_in;
  for (uint32_t k = 0; k < s->attr.n_carry; k++) {
    if (!s->active[k]) continue;
    NodeId p = param(s, s->trip, next_ct++);
    NodeId init = k < s->n_ct && s->ct[k] != IR_NONE ? s->ct[k] : ir_full(s->b, type_in(s, s->trip, p), 0);
    vec_push(&l->carry, init);
    l->map[p] = body_param(l, type_in(s, s->trip, p));
  }
  for (uint32_t k = 0; k < s->n_back; k++) {
    if (is_carry(s, s->member[k]) || is_sequence(s, s->member[k])) continue;
    TypeId t = type_in(s, s->b->region, operand(s, s->member[k]));
    vec_push(&l->carry, ir_full(s->b, t, 0));
    vec_push(&l->acc, body_param(l, t));
  }
}

/* Sequences: the stacks, the loop's own sequences that are read again, cotangents of what was collected. */
static void add_sequences(ScanDiff *s, BackLoop *l) {
  for (uint32_t k = 0; k < s->stack.n; k++) {
    vec_push(&l->xs, ir_proj(s->b, s->grown, s->stack_at.at[k]));
    l->map[s->stack.at[k]] = body_param(l, type_in(s, s->trip, s->stack.at[k]));
  }
  for (uint32_t k = s->attr.n_carry; k < s->attr.n_carry + s->attr.n_xs; k++) {
    NodeId p = param(s, s->trip, 1 + k);
    if (s->keep[p] == UNUSED) continue;
    vec_push(&l->xs, operand(s, k));
    l->map[p] = body_param(l, type_in(s, s->trip, p));
  }
  uint32_t next_ct = 1 + s->node.n_in;
  for (uint32_t k = 0; k < s->attr.n_carry; k++) next_ct += s->active[k];
  for (uint32_t k = s->attr.n_carry; k < s->n_ct; k++) {
    if (s->ct[k] == IR_NONE) continue;
    NodeId p = param(s, s->trip, next_ct++);
    vec_push(&l->xs, s->ct[k]);
    l->map[p] = body_param(l, type_in(s, s->trip, p));
  }
}

/* Consts: the loop's own that are read again, and what was hoisted, computed before the loop. */
static void add_consts(ScanDiff *s, BackLoop *l) {
  NodeId *outside = new_map(s);
  bool *marked = diff_array(n_nodes(s, s->trip), sizeof *marked);
  for (uint32_t k = s->attr.n_carry + s->attr.n_xs; k < s->node.n_in; k++) {
    NodeId p = param(s, s->trip, 1 + k);
    outside[p] = operand(s, k);
    if (s->keep[p] == UNUSED) continue;
    vec_push(&l->consts, operand(s, k));
    l->map[p] = body_param(l, type_in(s, s->trip, p));
  }
  for (NodeId n = 0; n < n_nodes(s, s->trip); n++) marked[n] = s->keep[n] == HOISTED;
  LocId loc = s->b->loc;
  copy_marked(s, s->b, marked, outside);
  s->b->loc = loc;
  for (NodeId n = 0; n < n_nodes(s, s->trip); n++) {
    if (s->keep[n] != HOISTED) continue;
    vec_push(&l->consts, outside[n]);
    l->map[n] = body_param(l, type_in(s, s->trip, n));
  }
  free(outside);
  free(marked);
}

/* Results of the backward body in its order: carries, sums, parts of sequences' cotangents. */
static void add_results(ScanDiff *s, BackLoop *l) {
  for (uint32_t k = 0; k < s->n_back; k++)
    if (is_carry(s, s->member[k])) ir_result(&l->body, l->map[result(s, s->trip, s->n_results + k)]);
  for (uint32_t k = 0, a = 0; k < s->n_back; k++) {
    if (is_carry(s, s->member[k]) || is_sequence(s, s->member[k])) continue;
    NodeId pair[] = {l->acc.at[a++], l->map[result(s, s->trip, s->n_results + k)]};
    ir_result(&l->body, ct_add(&l->body, pair, 2));
  }
  for (uint32_t k = 0; k < s->n_back; k++)
    if (is_sequence(s, s->member[k])) ir_result(&l->body, l->map[result(s, s->trip, s->n_results + k)]);
}

/* Reads the cotangents of the forward loop's operands off the backward loop's results. */
static void read_results(const ScanDiff *s, NodeId loop, NodeId *out) {
  uint32_t next = 0;
  for (uint32_t pass = 0; pass < 3; pass++)
    for (uint32_t k = 0; k < s->n_back; k++) {
      uint32_t group = is_carry(s, s->member[k]) ? 0 : is_sequence(s, s->member[k]) ? 2 : 1;
      if (group == pass) out[s->member[k]] = ir_proj(s->b, loop, next++);
    }
}

static void emit_back_loop(ScanDiff *s, NodeId *out) {
  BackLoop l = {.body = ir_builder(s->m, ir_region_new(s->m), NULL), .map = new_map(s)};
  l.body.loc = s->b->loc;
  l.map[param(s, s->trip, 0)] = body_param(&l, ir_scalar(s->m, DT_I64));
  add_carries(s, &l);
  add_sequences(s, &l);
  add_consts(s, &l);
  for (NodeId n = 0; n < n_nodes(s, s->trip); n++)
    if (s->keep[n] == AGAIN) copy_into(s, &l.body, n, l.map);
  add_results(s, &l);
  Attr like = s->attr;
  like.reverse = !like.reverse;
  NodeId loop =
      ir_scan_like(s->b, &like, l.carry.at, l.carry.n, l.xs.at, l.xs.n, l.consts.at, l.consts.n, l.body.region);
  read_results(s, loop, out);
  free(l.map);
  ir_builder_free(&l.body);
  vec_free(&l.carry);
  vec_free(&l.xs);
  vec_free(&l.consts);
  vec_free(&l.acc);
}

static void scan_free(ScanDiff *s) {
  free(s->active);
  free(s->member);
  free(s->back);
  free(s->invariant);
  free(s->keep);
  vec_free(&s->stack);
  vec_free(&s->stack_at);
}

void diff_scan(Diff *d, Builder *b, NodeId loop, const NodeId *ct, const bool *need, NodeId *out) {
  ScanDiff s = {.d = d, .m = d->m, .b = b, .loop = loop, .ct = ct, .need = need};
  NodeId latest = latest_of(&s, root_of(&s, loop));
  s.node = *ir_node(d->m, b->region, latest);
  s.attr = *ir_attr_get(d->m, s.node.attr);
  s.n_results = s.attr.n_carry + s.attr.n_ys;
  s.n_ct = ir_type_get(d->m, ir_node(d->m, b->region, loop)->type)->n_tuple;
  find_active(&s);
  build_trip(&s);
  if (!d->failed && s.n_back) {
    classify(&s);
    choose_kept(&s);
    grow_loop(&s, latest);
    if (!d->failed) emit_back_loop(&s, out);
  }
  scan_free(&s);
}
