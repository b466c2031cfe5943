/* Copying modules and shrinking failing ones. */
#include "tests/support/random_graph.h"
#include <stdlib.h>
#include <string.h>

/* One change made while copying. */
typedef struct Edit {
  RegionId region;  /* IR_NONE: no node changes */
  NodeId node;      /* of that region */
  uint32_t operand; /* becomes this operand; UINT32_MAX: becomes zeros */
  uint32_t drop;    /* this result of the task is left out; UINT32_MAX: none */
} Edit;
static const Edit no_edit = {IR_NONE, IR_NONE, UINT32_MAX, UINT32_MAX};

static TypeId copy_type(Module *to, const Module *from, TypeId type) {
  const Type *t = ir_type_get(from, type);
  return ir_type(to, (DType)t->dtype, t->rank, t->dim);
}

static NodeId copy_node(Builder *b, const Module *from, RegionId region, NodeId n, const NodeId *map, const Edit *e);

static RegionId copy_region(Module *to, const Module *from, RegionId region, const Edit *e, bool top) {
  const Region *r = ir_region(from, region);
  Builder b = ir_builder(to, ir_region_new(to), NULL);
  NodeId *map = malloc(sizeof *map * (r->node.n + 1));
  bool *live = ir_live(from, region);
  for (uint32_t i = 0; i < r->param.n; i++) {
    NodeId p = r->param.at[i];
    map[p] = ir_param(&b, copy_type(to, from, r->node.at[p].type));
  }
  for (NodeId n = 0; n < r->node.n; n++) {
    if (live[n] && r->node.at[n].op != OP_param) map[n] = copy_node(&b, from, region, n, map, e);
  }
  for (uint32_t i = 0; i < r->result.n; i++) {
    if (!top || i != e->drop) ir_result(&b, map[r->result.at[i]]);
  }
  free(live);
  free(map);
  ir_builder_free(&b);
  return b.region;
}

static NodeId copy_node(Builder *b, const Module *from, RegionId region, NodeId n, const NodeId *map, const Edit *e) {
  const Node *node = ir_node(from, region, n);
  const NodeId *operand = ir_operands(from, region, node);
  if (e->region == region && e->node == n) {
    if (e->operand != UINT32_MAX) return map[operand[e->operand]];
    return ir_full(b, copy_type(b->m, from, node->type), 0);
  }
  NodeId *in = malloc(sizeof *in * (node->n_in + 1u));
  for (uint32_t i = 0; i < node->n_in; i++) in[i] = map[operand[i]];
  Attr a = {0};
  if (node->attr != IR_NONE) a = *ir_attr_get(from, node->attr);
  if (node->op == OP_const) {
    a.value = ir_const_bytes(b->m, copy_type(b->m, from, node->type), ir_const_data(from, a.value));
  }
  RegionId body[2] = {IR_NONE, IR_NONE};
  for (uint32_t k = 0; k < 2; k++) {
    if (node->body[k] != IR_NONE) body[k] = copy_region(b->m, from, node->body[k], e, false);
  }
  NodeId made = ir_emit_region(b, (Op)node->op, in, node->n_in, node->attr == IR_NONE ? NULL : &a, body[0], body[1]);
  free(in);
  return made;
}

static Module *copy_module(const Module *from, const Edit *e) {
  Module *m = ir_module_new(NULL);
  for (uint32_t i = 0; i < from->cell.n; i++) {
    Cell c = from->cell.at[i];
    c.name = arena_strdup(&m->mem, c.name);
    c.type = copy_type(m, from, c.type);
    c.loc = IR_NONE;
    vec_push(&m->cell, c);
  }
  const Graph *old = &from->task.at[0].step;
  Task task = {.name = "main", .kind = TASK_PLAIN, .loc = IR_NONE, .source = IR_NONE};
  task.tail.region = IR_NONE;
  task.step.region = copy_region(m, from, old->region, e, true);
  task.step.in = arena_memdup(&m->mem, old->in, sizeof *old->in * old->n_in + 1);
  task.step.n_in = old->n_in;
  task.step.n_out = ir_region(m, task.step.region)->result.n;
  task.step.out = arena_array(&m->mem, Binding, task.step.n_out + 1);
  for (uint32_t i = 0; i < task.step.n_out; i++) task.step.out[i] = (Binding){OUT_VALUE, i};
  vec_push(&m->task, task);
  return m;
}

Module *random_graph_copy(const Module *m) { return copy_module(m, &no_edit); }

/* Does the failure survive the edit? */
static bool still_fails(const Module *m, const Edit *e, GraphFails fails, void *user) {
  Module *copy = copy_module(m, e);
  bool yes = fails(copy, user);
  ir_module_free(copy);
  return yes;
}

static bool try_edit(Module **m, const Edit *e, GraphFails fails, void *user) {
  if (!still_fails(*m, e, fails, user)) return false;
  Module *smaller = copy_module(*m, e);
  ir_module_free(*m);
  *m = smaller;
  return true;
}

/* Replaces node n by an operand of its type, else by zeros. */
static bool try_node(Module **m, RegionId region, NodeId n, GraphFails fails, void *user) {
  const Node *node = ir_node(*m, region, n);
  const Type *t = ir_type_get(*m, node->type);
  if (node->op == OP_param || node->op == OP_const || node->op == OP_broadcast || t->n_tuple) return false;
  for (uint32_t i = 0; i < node->n_in; i++) {
    if (ir_node(*m, region, ir_operands(*m, region, node)[i])->type != node->type) continue;
    Edit e = {region, n, i, UINT32_MAX};
    if (try_edit(m, &e, fails, user)) return true;
  }
  Edit zero = {region, n, UINT32_MAX, UINT32_MAX};
  return try_edit(m, &zero, fails, user);
}

static bool try_results(Module **m, GraphFails fails, void *user) {
  bool any = false;
  for (uint32_t i = 0; (*m)->task.at[0].step.n_out > 1 && i < (*m)->task.at[0].step.n_out;) {
    Edit e = {IR_NONE, IR_NONE, UINT32_MAX, i};
    if (try_edit(m, &e, fails, user))
      any = true;
    else
      i++;
  }
  return any;
}

/* One sweep over all nodes, latest first; ids change with every success, so the sweep goes on from there. */
static bool try_nodes(Module **m, GraphFails fails, void *user) {
  for (RegionId r = 0; r < (*m)->region.n; r++) {
    for (NodeId n = ir_region(*m, r)->node.n; n-- > 0;) {
      if (try_node(m, r, n, fails, user)) return true;
    }
  }
  return false;
}

Module *random_graph_shrink(Module *m, GraphFails fails, void *user) {
  for (uint32_t round = 0; round < 400; round++) {
    bool any = try_results(&m, fails, user);
    if (!try_nodes(&m, fails, user) && !any) break;
  }
  return m;
}
