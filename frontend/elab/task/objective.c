/* Objectives as functions: the part of the graph that leads from parameters to a loss, built again for other values.
 *
 * An optimiser over a group sees its parameters as one vector p and the loss as f(p): calling f copies the nodes
 * between the parameters and the loss with the parameters replaced, so batch and draws stay the same. */
#include "frontend/elab/call.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/reach.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/optim.h"
#include "frontend/elab/tensor.h"

struct Objective {
  Frame *home;
  NodeId y;
  uint32_t n;
  CellId *cell;
  NodeId *from; /* the parameters' nodes in home */
};

Val objective_new(Elab *E, Val y, const Group *g) {
  struct Objective *o = arena_new(&E->mem, struct Objective);
  *o = (struct Objective){.home = y.t.frame, .y = y.t.node, .n = g->n, .cell = g->cell};
  o->from = arena_array(&E->mem, NodeId, g->n + 1);
  for (uint32_t k = 0; k < g->n; k++) o->from[k] = cell_read(E, o->home, g->cell[k]);
  return (Val){.kind = V_OBJECTIVE, .objective = o};
}

/* All values of a group as one vector. */
Val group_vector(Elab *E, const Val *v, uint32_t n, Span span) {
  NodeId *part = arena_array(&E->mem, NodeId, n + 1);
  Builder *b = &E->g->cur->b;
  for (uint32_t k = 0; k < n; k++) {
    Val t = to_float(E, v[k], span);
    if (is_error(t)) return t;
    int64_t size = ir_elements(type_of(E, t));
    part[k] = ir_reshape(b, node_of(E, t), 1, &size);
  }
  return val_tensor(E, n == 1 ? part[0] : ir_concat(b, part, n, 0));
}

/* The k-th parameter's share of a vector, in its own shape. */
void split_vector(Elab *E, Val v, const CellId *cell, uint32_t n, Val *out) {
  int64_t at = 0, step = 1;
  Builder *b = &E->g->cur->b;
  NodeId whole = node_of(E, v);
  for (uint32_t k = 0; k < n; k++) {
    const Type *t = ir_type_get(E->m, E->m->cell.at[cell[k]].type);
    int64_t end = at + ir_elements(t);
    NodeId part = n == 1 ? whole : ir_slice(b, whole, &at, &end, &step);
    out[k] = val_tensor(E, ir_reshape(b, part, t->rank, t->dim));
    at = end;
  }
}

static void clone_node(Elab *E, const Frame *home, NodeId id, NodeId *map, const bool *depends) {
  const Node n = *ir_node(E->m, home->b.region, id);
  NodeId *in = arena_array(&E->mem, NodeId, n.n_in + 1u);
  for (uint32_t k = 0; k < n.n_in; k++) {
    NodeId from = ir_operands(E->m, home->b.region, &n)[k];
    in[k] = depends[from] ? map[from] : node_of(E, (Val){.kind = V_TENSOR, .t = {from, (Frame *)home}});
  }
  Attr a = {0};
  if (n.attr != IR_NONE) a = *ir_attr_get(E->m, n.attr);
  if (n.op == OP_anchor) a.index = (int64_t)E->next_anchor++;
  Builder *b = &E->g->cur->b;
  map[id] = n.body[0] == IR_NONE ? ir_emit(b, (Op)n.op, in, n.n_in, n.attr == IR_NONE ? NULL : &a)
                                 : ir_emit_region(b, (Op)n.op, in, n.n_in, &a, n.body[0], n.body[1]);
}

Val objective_call(Elab *E, Val f, const Args *args, Span span) {
  const struct Objective *o = f.objective;
  if (args->n != 1) return elab_error(E, "E0207", span, "the objective takes one vector of parameters");
  Val v = to_float(E, args->value[0], span);
  if (is_error(v)) return v;
  int64_t size = 0;
  for (uint32_t k = 0; k < o->n; k++) size += ir_elements(ir_type_get(E->m, E->m->cell.at[o->cell[k]].type));
  const Type *t = type_of(E, v);
  if (t->rank != 1 || t->dim[0] != size)
    return elab_error(E, "E0301", span, "the objective takes a vector of %lld parameters, found %s", (long long)size,
                      type_text(E, v));
  NodeId end = o->y + 1;
  NodeId *map = arena_array(&E->mem, NodeId, end);
  bool *depends = arena_array(&E->mem, bool, end);
  Val *value = arena_array(&E->mem, Val, o->n + 1);
  split_vector(E, v, o->cell, o->n, value);
  bool *needed = needed_nodes(E->m, o->home->b.region, o->y);
  for (uint32_t k = 0; k < o->n; k++)
    if (o->from[k] < end) depends[o->from[k]] = true, map[o->from[k]] = node_of(E, value[k]);
  for (NodeId id = 0; id < end; id++) {
    if (depends[id] || !needed[id]) continue;
    const Node *n = ir_node(E->m, o->home->b.region, id);
    for (uint32_t k = 0; k < n->n_in; k++) depends[id] |= depends[ir_operands(E->m, o->home->b.region, n)[k]];
    if (depends[id]) clone_node(E, o->home, id, map, depends);
  }
  free(needed);
  if (!depends[o->y]) return (Val){.kind = V_TENSOR, .t = {o->y, o->home}};
  return val_tensor(E, map[o->y]);
}
