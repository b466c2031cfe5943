/* Making nodes: type inference, value numbering, appending; copying regions. */
#include "ir/build.h"
#include "ir/attr.h"
#include "ir/typing/typing.h"
#include "ir/values.h"
#include <stdlib.h>
#include <string.h>

Builder ir_builder(Module *m, RegionId region, DiagSink *sink) {
  return (Builder){.m = m, .region = region, .sink = sink, .loc = IR_NONE};
}

void ir_builder_free(Builder *b) { values_free(b); }

/* Appends a node whose type is known. `in` may point into the region's own operand pool. */
static NodeId append(Builder *b, const ValueKey *k, TypeId type) {
  Region *r = ir_region(b->m, b->region);
  bool own = k->n && k->in >= r->operand.at && k->in < r->operand.at + r->operand.n;
  size_t offset = own ? (size_t)(k->in - r->operand.at) : 0;
  vec_reserve(&r->operand, r->operand.n + k->n);
  const NodeId *in = own ? r->operand.at + offset : k->in;
  if (k->n) memcpy(r->operand.at + r->operand.n, in, k->n * sizeof *in);
  Node node = {.op = (uint16_t)k->op,
               .n_in = (uint16_t)k->n,
               .in = r->operand.n,
               .type = type,
               .attr = k->attr,
               .body = {k->body[0], k->body[1]},
               .loc = b->loc};
  r->operand.n += k->n;
  vec_push(&r->node, node);
  values_add(b, r->node.n - 1);
  return r->node.n - 1;
}

static TypeId infer(Builder *b, const ValueKey *k, const Attr *attr) {
  TypeId few[16], *type = few;
  if (k->n > 16) type = arena_array(&b->m->mem, TypeId, k->n);
  for (uint32_t i = 0; i < k->n; i++) type[i] = ir_node(b->m, b->region, k->in[i])->type;
  TypeQuery q = {b, k->op, k->n, k->in, type, attr, k->body};
  return ir_infer_type(&q);
}

TypeId ir_infer_type(TypeQuery *q) {
  const OpInfo *info = &op_table[q->op];
  if (!info->type) return type_error(q, "`%s` is not made by the builder", info->name);
  if (q->n > UINT16_MAX || (info->arity >= 0 && q->n != (uint32_t)info->arity))
    return type_error(q, "`%s` takes %d operand%s, found %u", info->name, info->arity, info->arity == 1 ? "" : "s",
                      q->n);
  return info->type(q);
}

NodeId ir_emit_region(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr, RegionId body0,
                      RegionId body1) {
  static const Attr none;
  for (uint32_t i = 0; i < n; i++)
    if (in[i] == IR_NONE) return IR_NONE;
  if (!attr) attr = &none;
  if (b->local_rules && b->simplify) {
    NodeId v = b->simplify(b, op, in, n, attr);
    if (v != IR_NONE) return v;
  }
  ValueKey k = {op, n, in, ir_op_attr(b->m, op, attr), {body0, body1}};
  if (b->local_rules) {
    NodeId v = values_find(b, &k);
    if (v != IR_NONE) return v;
  }
  TypeId type = infer(b, &k, attr);
  return type == IR_NONE ? IR_NONE : append(b, &k, type);
}

NodeId ir_emit(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr) {
  return ir_emit_region(b, op, in, n, attr, IR_NONE, IR_NONE);
}

NodeId ir_param(Builder *b, TypeId type) {
  if (type == IR_NONE) return IR_NONE;
  Attr a = {.index = ir_region(b->m, b->region)->param.n};
  ValueKey k = {OP_param, 0, NULL, ir_op_attr(b->m, OP_param, &a), {IR_NONE, IR_NONE}};
  NodeId n = append(b, &k, type);
  Region *r = ir_region(b->m, b->region);
  vec_push(&r->param, n);
  return n;
}

void ir_result(Builder *b, NodeId value) {
  Region *r = ir_region(b->m, b->region);
  vec_push(&r->result, value);
}

/* ---------------------------------------------------------------- rebuilding */

Rebuild ir_rebuild(Module *m, RegionId from, DiagSink *sink) {
  RegionId to = ir_region_new(m);
  const Region *r = ir_region(m, from);
  Rebuild rb = {.b = ir_builder(m, to, sink), .from = from};
  vec_reserve_((void **)&rb.map, &(uint32_t){0}, r->node.n + 1, sizeof *rb.map);
  memset(rb.map, 0xFF, (r->node.n + 1) * sizeof *rb.map);
  for (uint32_t i = 0; i < r->param.n; i++) ir_copy_node(&rb, r->param.at[i]);
  return rb;
}

NodeId ir_copy_node(Rebuild *r, NodeId n) {
  Builder *b = &r->b;
  Node node = *ir_node(b->m, r->from, n);
  b->loc = node.loc;
  if (node.op == OP_param) return r->map[n] = ir_param(b, node.type);
  const NodeId *old = ir_operands(b->m, r->from, &node);
  NodeId few[16], *in = node.n_in > 16 ? arena_array(&b->m->mem, NodeId, node.n_in) : few;
  for (uint32_t i = 0; i < node.n_in; i++) in[i] = r->map[old[i]];
  return r->map[n] =
             ir_emit_region(b, node.op, in, node.n_in, ir_attr_get(b->m, node.attr), node.body[0], node.body[1]);
}

RegionId ir_rebuild_finish(Rebuild *r) {
  const Region *from = ir_region(r->b.m, r->from);
  for (uint32_t i = 0; i < from->result.n; i++) ir_result(&r->b, r->map[from->result.at[i]]);
  free(r->map);
  r->map = NULL;
  ir_builder_free(&r->b);
  return r->b.region;
}

bool *ir_live(const Module *m, RegionId region) {
  const Region *r = ir_region(m, region);
  bool *live = calloc(r->node.n + 1, sizeof *live);
  if (!live) exit(EXIT_FILES);
  for (uint32_t i = 0; i < r->result.n; i++)
    if (r->result.at[i] < r->node.n) live[r->result.at[i]] = true;
  for (NodeId n = r->node.n; n-- > 0;) {
    if (!live[n]) continue;
    const Node *node = &r->node.at[n];
    for (uint32_t i = 0; i < node->n_in; i++) live[r->operand.at[node->in + i]] = true;
  }
  return live;
}
