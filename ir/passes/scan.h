/* Rewriting loops: what the loop passes share. */
#ifndef SEPPO_IR_PASSES_SCAN_H
#define SEPPO_IR_PASSES_SCAN_H

#include "ir/passes/internal.h"

/* One scan of the region being rebuilt, or one while: a loop without xs and ys whose last output is the number of
 * trips. Operands are nodes of the new region; the body is the old one. */
typedef struct ScanView {
  Module *m;
  NodeId node; /* in the old region */
  Attr attr;
  RegionId body;
  RegionId condition; /* of a while; IR_NONE */
  const NodeId *carry, *xs, *consts;
  uint32_t n_carry, n_xs, n_consts, n_ys;
  const bool *used; /* by output: carries, then ys, then trips */
  LocId loc;
} ScanView;

/* Body parameters and results by group. */
static inline NodeId scan_param(const ScanView *s, uint32_t i) { return ir_region(s->m, s->body)->param.at[i]; }
static inline NodeId scan_carry_param(const ScanView *s, uint32_t k) { return scan_param(s, 1 + k); }
static inline NodeId scan_xs_param(const ScanView *s, uint32_t k) { return scan_param(s, 1 + s->n_carry + k); }
static inline NodeId scan_const_param(const ScanView *s, uint32_t k) {
  return scan_param(s, 1 + s->n_carry + s->n_xs + k);
}
static inline NodeId scan_result(const ScanView *s, uint32_t k) { return ir_region(s->m, s->body)->result.at[k]; }
static inline const Node *body_node(const ScanView *s, NodeId n) { return ir_node(s->m, s->body, n); }
static inline NodeId body_operand(const ScanView *s, NodeId n, uint32_t i) {
  return ir_operands(s->m, s->body, body_node(s, n))[i];
}
static inline const Type *body_type(const ScanView *s, NodeId n) { return ir_type_get(s->m, body_node(s, n)->type); }
/* Axis lists of the stacked form: every axis one further right; with `first` put in front. */
static inline void axes_shift(IntList *list) {
  for (uint32_t i = 0; i < list->n; i++) list->v[i]++;
}
static inline void list_prepend(IntList *list, int64_t first) {
  for (uint32_t i = list->n++; i > 0; i--) list->v[i] = list->v[i - 1];
  list->v[0] = first;
}
/* May the values of all iterations be held at once? (Never those of a loop marked `recompute`.) A loop is also a way of
 * using less memory: at most 64M elements. */
static inline bool scan_may_stack(const ScanView *s, NodeId n) {
  return s->attr.count == 0 || ir_elements(body_type(s, n)) <= ((int64_t)1 << 26) / s->attr.count;
}
/* What a body parameter stands for. */
typedef enum { PARAM_IV, PARAM_CARRY, PARAM_XS, PARAM_CONST } ScanParam;
ScanParam scan_param_kind(const ScanView *s, uint32_t index, uint32_t *k);

/* Writes the value of every used output in the new region to out; false: leave the loop as it is. */
typedef bool (*ScanRewrite)(Rebuild *r, const ScanView *s, NodeId *out);
/* Rebuilds the region with every scan, or every while, offered to `rewrite`; true when one was rewritten. */
bool loop_rewrite_region(Module *m, RegionId region, Op loop, ScanRewrite rewrite);

/* What the outputs that are read, and the condition of a while, need of the body. */
typedef struct LoopNeed {
  const ScanView *s;
  bool *node;      /* by body node */
  bool *carry;     /* by carry */
  bool *condition; /* by parameter of the condition; NULL for a scan */
  NodeId *stack;
  uint32_t n_stack;
} LoopNeed;
LoopNeed loop_need(const ScanView *s);
void loop_need_free(LoopNeed *d);
static inline bool loop_carry_is_invariant(const ScanView *s, uint32_t k) {
  return scan_result(s, k) == scan_carry_param(s, k);
}

/* A scan under construction: operands in the outer region, body with its parameters in the same order. */
typedef struct ScanBuild {
  Rebuild *outer;
  const ScanView *of;
  Rebuild body; /* map: old body node -> new body node */
  Vec(NodeId) carry, xs, consts;
} ScanBuild;
/* Begins with the index parameter; then carries, xs and consts are added in this order, then nodes are copied. */
ScanBuild scan_build(Rebuild *outer, const ScanView *s);
NodeId scan_add_carry(ScanBuild *b, NodeId init);
NodeId scan_add_xs(ScanBuild *b, NodeId xs);
NodeId scan_add_const(ScanBuild *b, NodeId value); /* the existing parameter when the value was added before */
/* Adds every carry, xs and const of the old scan and maps its parameters. */
void scan_keep_operands(ScanBuild *b);
/* Copies the nodes of the old body that `live` names and that are not mapped yet. */
void scan_copy_live(ScanBuild *b, const bool *live);
/* Emits the scan (its body simplified); its outputs are proj of the result. Results must have been added in order. */
NodeId scan_finish(ScanBuild *b);
/* Gives up a scan that turned out to have no results. */
void scan_discard(ScanBuild *b);

/* The rewrites, in the order in which the pass tries them. */
bool scan_prune(Rebuild *r, const ScanView *s, NodeId *out);
bool scan_inline(Rebuild *r, const ScanView *s, NodeId *out);
bool scan_hoist(Rebuild *r, const ScanView *s, NodeId *out);
bool scan_form_xs(Rebuild *r, const ScanView *s, NodeId *out);
bool scan_map(Rebuild *r, const ScanView *s, NodeId *out);
bool scan_lift_products(Rebuild *r, const ScanView *s, NodeId *out);
bool scan_stack_products(Rebuild *r, const ScanView *s, NodeId *out);
bool while_prune(Rebuild *r, const ScanView *s, NodeId *out);

#endif
