/* The pass `differentiate`: rebuilds regions in order, expanding grads as they come, loop bodies in place. */
#include "ir/autodiff/autodiff_internal.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- asking for derivatives */

NodeId ir_grad(Builder *b, NodeId y, const NodeId *x, uint32_t n) {
  NodeId few[16], *in = n < 16 ? few : arena_array(&b->m->mem, NodeId, n + 1);
  in[0] = y;
  if (n) memcpy(in + 1, x, n * sizeof *x);
  Attr a = {.order = n};
  return ir_emit(b, OP_grad, in, n + 1, &a);
}

NodeId ir_anchor(Builder *b, NodeId x, int64_t id) {
  Attr a = {.index = id};
  return ir_emit(b, OP_anchor, &x, 1, &a);
}

/* ---------------------------------------------------------------- frames */

NodeId frame_import(Frame *f, const Frame *owner, NodeId n) {
  if (f == owner) return n;
  NodeId outer = frame_import(f->outer, owner, n);
  while (f->import.n <= outer) vec_push(&f->import, IR_NONE);
  if (f->import.at[outer] != IR_NONE) return f->import.at[outer];
  Node node = *ir_node(f->d->m, f->outer->b.region, outer);
  NodeId here;
  if (node.op == OP_const) {
    here = ir_emit(&f->b, OP_const, NULL, 0, ir_attr_get(f->d->m, node.attr));
  } else {
    vec_push(&f->captured, outer);
    here = ir_param(&f->b, node.type);
  }
  return f->import.at[outer] = here;
}

static Frame frame_begin(Diff *d, Frame *outer, RegionId from) {
  Frame f = {.d = d, .outer = outer, .b = ir_builder(d->m, ir_region_new(d->m), NULL), .from = from};
  uint32_t n = ir_region(d->m, from)->node.n;
  f.map = diff_array(n, sizeof *f.map);
  f.grad_at = diff_array(n, sizeof *f.grad_at);
  for (uint32_t k = 0; k < n; k++) f.map[k] = IR_NONE;
  for (uint32_t k = 0; k < ir_region(d->m, from)->param.n; k++) {
    NodeId p = ir_region(d->m, from)->param.at[k];
    f.b.loc = ir_node(d->m, from, p)->loc;
    f.map[p] = ir_param(&f.b, ir_node(d->m, from, p)->type);
  }
  return f;
}

/* Names what the body's parameters stand for. */
static void frame_enter_loop(Frame *f, const Node *loop, NodeId *operand, uint32_t first_param) {
  f->loop = ir_attr_get(f->d->m, loop->attr);
  f->operand = operand;
  f->n_operand = loop->n_in;
  f->first_param = first_param;
  for (uint32_t k = f->loop->n_carry + f->loop->n_xs; k < loop->n_in; k++) {
    while (f->import.n <= operand[k]) vec_push(&f->import, IR_NONE);
    f->import.at[operand[k]] = ir_region(f->d->m, f->b.region)->param.at[first_param + k];
  }
}

static void frame_end(Frame *f) {
  free(f->map);
  free(f->grad_at);
  vec_free(&f->grad_result);
  vec_free(&f->captured);
  vec_free(&f->import);
  ir_builder_free(&f->b);
}

/* ---------------------------------------------------------------- rebuilding regions */

/* Is there a grad in the region or in a body inside it? */
static bool has_grad(const Module *m, RegionId region) {
  if (region == IR_NONE) return false;
  for (NodeId n = 0; n < ir_region(m, region)->node.n; n++) {
    const Node *node = ir_node(m, region, n);
    if (node->op == OP_grad || has_grad(m, node->body[0]) || has_grad(m, node->body[1])) return true;
  }
  return false;
}

static void fill_frame(Frame *f);

/* Gives a finished body the parameters that its loop has more than it. */
static void add_params(Module *m, RegionId region, const Frame *outer, const NodeId *captured, uint32_t n) {
  Builder b = ir_builder(m, region, NULL);
  for (uint32_t k = 0; k < n; k++) ir_param(&b, ir_node(m, outer->b.region, captured[k])->type);
  ir_builder_free(&b);
}

/* Expands the grads in a loop's bodies; values they turn out to need become further consts of the loop. */
static NodeId expand_loop(Frame *f, const Node *loop, NodeId *operand) {
  Diff *d = f->d;
  Attr attr = *ir_attr_get(d->m, loop->attr);
  RegionId body[2] = {IR_NONE, IR_NONE};
  Vec(NodeId) in = {0};
  uint32_t had[2] = {0};
  for (uint32_t k = 0; k < loop->n_in; k++) vec_push(&in, operand[k]);
  for (uint32_t i = 0; i < 2 && loop->body[i] != IR_NONE; i++) {
    Frame inner = frame_begin(d, f, loop->body[i]);
    frame_enter_loop(&inner, loop, operand, loop->op == OP_while && i == 0 ? 0 : 1);
    for (uint32_t k = loop->n_in; k < in.n; k++) frame_import(&inner, f, in.at[k]);
    fill_frame(&inner);
    for (uint32_t k = in.n - loop->n_in; k < inner.captured.n; k++) vec_push(&in, inner.captured.at[k]);
    body[i] = inner.b.region;
    had[i] = in.n;
    frame_end(&inner);
  }
  if (body[1] != IR_NONE && !d->failed) add_params(d->m, body[0], f, in.at + had[0], in.n - had[0]);
  attr.n_consts += in.n - loop->n_in;
  NodeId made = IR_NONE;
  if (!d->failed) made = ir_emit_region(&f->b, (Op)loop->op, in.at, in.n, &attr, body[0], body[1]);
  vec_free(&in);
  return made;
}

static void copy_node(Frame *f, NodeId n) {
  Module *m = f->d->m;
  Node node = *ir_node(m, f->from, n);
  NodeId *in = diff_array(node.n_in, sizeof *in);
  for (uint32_t k = 0; k < node.n_in; k++) in[k] = f->map[ir_operands(m, f->from, &node)[k]];
  f->b.loc = node.loc;
  if (has_grad(m, node.body[0]) || has_grad(m, node.body[1])) {
    f->map[n] = expand_loop(f, &node, in);
  } else {
    const Attr *attr = node.attr == IR_NONE ? NULL : ir_attr_get(m, node.attr);
    f->map[n] = ir_emit_region(&f->b, (Op)node.op, in, node.n_in, attr, node.body[0], node.body[1]);
  }
  free(in);
}

static void expand_node(Frame *f, NodeId n) {
  Module *m = f->d->m;
  const Node *node = ir_node(m, f->from, n);
  if (node->op == OP_param) return;
  if (node->op == OP_grad) {
    frame_expand_grad(f, n);
    return;
  }
  NodeId in = node->op == OP_proj ? ir_operands(m, f->from, node)[0] : IR_NONE;
  if (in != IR_NONE && ir_node(m, f->from, in)->op == OP_grad)
    f->map[n] = f->grad_result.at[f->grad_at[in] + ir_attr_get(m, node->attr)->index];
  else
    copy_node(f, n);
}

/* Rebuilds the live nodes of f->from and its results. */
static void fill_frame(Frame *f) {
  bool *live = ir_live(f->d->m, f->from);
  for (NodeId n = 0, end = ir_region(f->d->m, f->from)->node.n; n < end && !f->d->failed; n++)
    if (live[n]) expand_node(f, n);
  free(live);
  for (uint32_t k = 0; k < ir_region(f->d->m, f->from)->result.n && !f->d->failed; k++)
    ir_result(&f->b, f->map[ir_region(f->d->m, f->from)->result.at[k]]);
}

/* ---------------------------------------------------------------- the pass */

static RegionId differentiate(Diff *d, RegionId region) {
  RegionId filled = region;
  if (has_grad(d->m, region)) {
    Frame f = frame_begin(d, NULL, region);
    fill_frame(&f);
    filled = f.b.region;
    frame_end(&f);
  }
  return d->failed ? IR_NONE : diff_settle(d, filled, true);
}

static void diff_free(Diff *d) {
  vec_free(&d->grown);
  vec_free(&d->settled);
}

RegionId ir_differentiate(Module *m, RegionId region, DiagSink *sink) {
  Diff d = {.m = m, .sink = sink};
  RegionId made = differentiate(&d, region);
  diff_free(&d);
  return made;
}

static void differentiate_graph(Diff *d, Graph *g) {
  if (g->region == IR_NONE) return;
  RegionId made = differentiate(d, g->region);
  if (made != IR_NONE) g->region = made;
}

bool pass_differentiate(Module *m, const PassOptions *o, DiagSink *sink) {
  (void)o;
  bool ok = true;
  for (uint32_t t = 0; t < m->task.n; t++) {
    Diff d = {.m = m, .sink = sink};
    Task *task = &m->task.at[t];
    differentiate_graph(&d, &task->step);
    differentiate_graph(&d, &task->tail);
    for (uint32_t e = 0; e < task->n_events; e++) differentiate_graph(&d, &task->event[e].graph);
    ok &= !d.failed;
    diff_free(&d);
  }
  return ok;
}
