/* Expanding one grad node: the walk back from y, through enclosing regions where y reaches its variables by captured
 * values. */
#include "ir/autodiff/autodiff_internal.h"
#include <stdlib.h>

/* The part of the walk in one enclosing region; level 0 is the region of the grad. */
typedef struct Level {
  Frame *frame;
  Sweep sweep;
  NodeId *target; /* each variable's node here, IR_NONE when it does not reach this far out */
  bool *earlier;  /* parameter (by position): carried, depends on a variable through earlier iterations */
} Level;

typedef struct Walk {
  Frame *frame;
  uint32_t n_target;
  LocId loc;
  Vec(Level) level;
} Walk;

/* ---------------------------------------------------------------- parameters of loop bodies */

typedef enum { OWN, CARRY, SEQUENCE, OUTER } ParamSource;

/* What parameter number `p` of a body stands for; *operand becomes the loop's operand in the outer region. */
static ParamSource source_of(const Frame *f, uint32_t p, NodeId *operand) {
  if (!f->outer || p < f->first_param) return OWN;
  uint32_t k = p - f->first_param;
  if (k >= f->n_operand) {
    *operand = f->captured.at[k - f->n_operand];
    return OUTER;
  }
  *operand = f->operand[k];
  return k < f->loop->n_carry ? CARRY : k < f->loop->n_carry + f->loop->n_xs ? SEQUENCE : OUTER;
}

static uint32_t param_count(const Frame *f) { return ir_region(f->d->m, f->b.region)->param.n; }
static NodeId param_node(const Frame *f, uint32_t p) { return ir_region(f->d->m, f->b.region)->param.at[p]; }

/* The node of the outer region that a variable captured by the body stands for, IR_NONE when it is the body's own. */
static NodeId captured_as(const Frame *f, NodeId target) {
  const Node *n = ir_node(f->d->m, f->b.region, target);
  NodeId operand = IR_NONE;
  if (n->op != OP_param) return IR_NONE;
  ParamSource s = source_of(f, (uint32_t)ir_attr_get(f->d->m, n->attr)->index, &operand);
  return s == OUTER ? operand : IR_NONE;
}

/* ---------------------------------------------------------------- levels */

static void push_level(Walk *w, Frame *f, NodeId *target) {
  Level l = {.frame = f, .target = target, .earlier = diff_array(param_count(f), sizeof(bool))};
  sweep_begin(&l.sweep, f->d, &w->frame->b, f->b.region);
  if (f != w->frame) l.sweep.from = f, l.sweep.to = w->frame;
  for (uint32_t i = 0; i < w->n_target; i++)
    if (target[i] != IR_NONE) l.sweep.varied[target[i]] = true;
  vec_push(&w->level, l);
}

/* Adds regions outwards as long as some variable is captured. */
static void build_levels(Walk *w, NodeId *target) {
  push_level(w, w->frame, target);
  for (Frame *f = w->frame; f->outer; f = f->outer) {
    NodeId *outer = diff_array(w->n_target, sizeof *outer);
    bool any = false;
    for (uint32_t i = 0; i < w->n_target; i++) {
      outer[i] = target[i] == IR_NONE ? IR_NONE : captured_as(f, target[i]);
      any |= outer[i] != IR_NONE;
    }
    if (!any) {
      free(outer);
      return;
    }
    push_level(w, f->outer, outer);
    target = outer;
  }
}

/* Finds the carries of a body that depend on a variable by way of earlier iterations, on the body as the program has
 * it: it is still being rebuilt. Marks are by parameter position. */
static void carried_dependence(const Level *l, bool *param) {
  const Frame *f = l->frame;
  const Region *old = ir_region(f->d->m, f->from);
  bool *marked = diff_array(old->node.n, sizeof *marked), grew = true;
  while (grew) {
    grew = false;
    for (uint32_t p = 0; p < old->param.n; p++)
      if (param[p]) marked[old->param.at[p]] = true;
    diff_spread(f->d->m, f->from, old->node.n, marked);
    for (uint32_t k = 0; k < f->loop->n_carry && old->result.n >= f->loop->n_carry; k++) {
      uint32_t p = f->first_param + k;
      if (param[p] || !marked[old->result.at[k]]) continue;
      param[p] = l->earlier[p] = grew = true;
    }
  }
  free(marked);
}

/* Marks the parameters of a body that depend on a variable through the region around it. */
static void mark_captured(Level *l, const Level *outer) {
  const Frame *f = l->frame;
  uint32_t n = param_count(f);
  bool *param = diff_array(n, sizeof *param);
  for (uint32_t p = 0; p < n; p++) {
    NodeId operand = IR_NONE;
    ParamSource s = source_of(f, p, &operand);
    if (s == OWN || !outer->sweep.varied[operand] ||
        !diff_is_float(f->d->m, ir_node(f->d->m, f->b.region, param_node(f, p))->type))
      continue;
    param[p] = true;
    if (s == CARRY) l->earlier[p] = true;
  }
  carried_dependence(l, param);
  for (uint32_t p = 0; p < n; p++)
    if (param[p]) l->sweep.varied[param_node(f, p)] = true;
  free(param);
}

/* ---------------------------------------------------------------- walking */

static bool is_target(const Walk *w, const Level *l, NodeId n) {
  for (uint32_t i = 0; i < w->n_target; i++)
    if (l->target[i] == n) return true;
  return false;
}

/* The cotangent of a whole sequence from that of the part read in this iteration. */
static NodeId part_of_sequence(const Walk *w, const Level *l, const Level *outer, NodeId sequence, NodeId ct) {
  Builder *b = &w->frame->b;
  const Module *m = b->m;
  TypeId type = ir_node(m, outer->frame->b.region, sequence)->type;
  Type t = *ir_type_get(m, type);
  int64_t block[IR_MAX_RANK] = {1};
  for (uint32_t k = 1; k < t.rank; k++) block[k] = t.dim[k];
  NodeId in[IR_MAX_RANK + 2] = {ir_full(b, type, 0), ir_reshape(b, ct, t.rank, block)};
  in[2] = frame_import(w->frame, l->frame, param_node(l->frame, 0));
  for (uint32_t k = 1; k < t.rank; k++) in[2 + k] = ir_scalar_const(b, DT_I64, 0);
  return ir_emit(b, OP_dynamic_add, in, 2 + t.rank, NULL);
}

/* Hands the cotangents of captured parameters to the region around. */
static void hand_out(Walk *w, Level *l, Level *outer) {
  Frame *f = l->frame;
  uint32_t known = l->sweep.n;
  for (uint32_t p = 0; p < param_count(f); p++) {
    NodeId node = param_node(f, p), operand = IR_NONE;
    if (node >= known || !l->sweep.varied[node] || is_target(w, l, node)) continue;
    NodeId ct = sweep_total(&l->sweep, node);
    ParamSource s = source_of(f, p, &operand);
    if (ct == IR_NONE || s == OWN) continue;
    if (l->earlier[p]) {
      diff_error(f->d, w->loc, "this gradient would have to run back through earlier iterations of the loop around it",
                 "take it after the loop, or put stop_gradient on the carried value");
      return;
    }
    sweep_add(&outer->sweep, operand, 0, s == SEQUENCE ? part_of_sequence(w, l, outer, operand, ct) : ct);
  }
}

static NodeId total_of(Walk *w, uint32_t i) {
  NodeId sum = IR_NONE;
  for (uint32_t k = 0; k < w->level.n; k++) {
    const Level *l = &w->level.at[k];
    if (l->target[i] == IR_NONE) break;
    NodeId pair[] = {sum, sweep_total(&l->sweep, l->target[i])};
    sum = ct_add(&w->frame->b, pair, 2);
  }
  return sum;
}

static void run_walk(Walk *w, NodeId y) {
  for (uint32_t k = w->level.n; k-- > 0;) {
    if (k + 1 < w->level.n) mark_captured(&w->level.at[k], &w->level.at[k + 1]);
    sweep_spread(&w->level.at[k].sweep);
  }
  Level *inner = &w->level.at[0];
  if (inner->sweep.varied[y]) sweep_add(&inner->sweep, y, 0, ir_full_like(&w->frame->b, y, 1));
  for (uint32_t k = 0; k < w->level.n && !w->frame->d->failed; k++) {
    sweep_run(&w->level.at[k].sweep);
    if (k + 1 < w->level.n) hand_out(w, &w->level.at[k], &w->level.at[k + 1]);
  }
}

void frame_expand_grad(Frame *f, NodeId grad) {
  Node node = *ir_node(f->d->m, f->from, grad);
  const NodeId *in = ir_operands(f->d->m, f->from, &node);
  Walk w = {.frame = f, .n_target = node.n_in - 1u, .loc = node.loc};
  NodeId y = f->map[in[0]], *target = diff_array(w.n_target, sizeof *target);
  for (uint32_t i = 0; i < w.n_target; i++) target[i] = f->map[in[1 + i]];
  f->b.loc = node.loc;
  build_levels(&w, target);
  run_walk(&w, y);
  f->grad_at[grad] = f->grad_result.n;
  for (uint32_t i = 0; i < w.n_target; i++) {
    NodeId ct = total_of(&w, i);
    vec_push(&f->grad_result, ct != IR_NONE ? ct : ir_full_like(&f->b, w.level.at[0].target[i], 0));
  }
  for (uint32_t k = 0; k < w.level.n; k++) {
    sweep_end(&w.level.at[k].sweep);
    free(w.level.at[k].target);
    free(w.level.at[k].earlier);
  }
  vec_free(&w.level);
}
