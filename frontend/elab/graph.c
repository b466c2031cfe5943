/* Graphs under construction: frames (regions), imports of outer values, the current version of every cell. */
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"

static Frame *frame_new(Elab *E, GraphBuild *g, Frame *parent) {
  Frame *f = arena_new(&E->mem, Frame);
  f->parent = parent;
  f->graph = g;
  f->depth = parent ? parent->depth + 1 : 0;
  f->b = ir_builder(E->m, ir_region_new(E->m), &E->ir_sink);
  f->b.loc = E->loc;
  f->key = f->iv = IR_NONE;
  return f;
}

static void frame_release(Frame *f) {
  vec_free(&f->param);
  vec_free(&f->cell);
  vec_free(&f->old);
  free(f->import_key);
  free(f->import_value);
  ir_builder_free(&f->b);
}

GraphBuild *graph_open(Elab *E, GraphKind kind) {
  GraphBuild *g = arena_new(&E->mem, GraphBuild);
  g->kind = (uint8_t)kind;
  g->root = g->cur = frame_new(E, g, NULL);
  g->up = E->g;
  E->g = g;
  return g;
}

NodeId graph_input(Elab *E, GraphBuild *g, InKind kind, uint32_t index, TypeId type) {
  Frame *f = g->root;
  for (uint32_t k = 0; k < g->in.n; k++)
    if (g->in.at[k].kind == kind && g->in.at[k].index == index) return f->param.at[k].param;
  LocId keep = f->b.loc;
  f->b.loc = E->loc;
  NodeId p = ir_param(&f->b, type);
  f->b.loc = keep;
  vec_push(&f->param, ((FrameParam){FP_GRAPH, p, IR_NONE, g->in.n}));
  vec_push(&g->in, ((Binding){(uint8_t)kind, index}));
  return p;
}

void graph_output(Elab *E, GraphBuild *g, OutKind kind, uint32_t index, NodeId node) {
  (void)E;
  vec_push(&g->out, ((GraphOut){(uint8_t)kind, index, node}));
}

/* Results in a fixed order: cells, checks, values. */
static int by_kind(const void *a, const void *b) {
  const GraphOut *x = a, *y = b;
  if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
  if (x->index != y->index) return x->index < y->index ? -1 : 1;
  return x->node < y->node ? -1 : x->node > y->node;
}

Graph graph_close(Elab *E, GraphBuild *g) {
  Frame *f = g->root;
  for (uint32_t k = 0; k < f->cell.n; k++)
    if (f->cell.at[k].dirty) graph_output(E, g, OUT_CELL, f->cell.at[k].cell, f->cell.at[k].node);
  if (g->out.n) qsort(g->out.at, g->out.n, sizeof *g->out.at, by_kind);
  Graph out = {.region = f->b.region, .n_in = g->in.n, .n_out = g->out.n};
  out.in = memdup(&E->m->mem, g->in.at, g->in.n * sizeof *g->in.at);
  out.out = arena_array(&E->m->mem, Binding, g->out.n ? g->out.n : 1);
  for (uint32_t k = 0; k < g->out.n; k++) {
    ir_result(&f->b, g->out.at[k].node);
    out.out[k] = (Binding){g->out.at[k].kind, g->out.at[k].index};
  }
  graph_drop(E, g);
  return out;
}

void graph_drop(Elab *E, GraphBuild *g) {
  vec_free(&g->in);
  vec_free(&g->out);
  vec_free(&g->fields);
  frame_release(g->root);
  if (E->g == g) E->g = g->up;
}

/* ---------------------------------------------------------------- frames */

Frame *frame_open(Elab *E) {
  Frame *f = frame_new(E, E->g, E->g->cur);
  E->g->cur = f;
  return f;
}

void frame_leave(Elab *E, Frame *f) {
  E->g->cur = f->parent;
  f->parent->b.loc = E->loc;
  frame_release(f);
}

NodeId frame_param(Elab *E, Frame *f, FrameParamKind kind, TypeId type, NodeId outer, uint32_t index) {
  LocId keep = f->b.loc;
  f->b.loc = E->loc;
  NodeId p = ir_param(&f->b, type);
  f->b.loc = keep;
  vec_push(&f->param, ((FrameParam){(uint8_t)kind, p, outer, index}));
  return p;
}

static uint32_t *import_slot(Frame *f, NodeId outer) {
  uint32_t mask = f->cap_import - 1, k = (outer * 2654435761u) & mask;
  while (f->import_key[k] != IR_NONE && f->import_key[k] != outer) k = (k + 1) & mask;
  f->import_key[k] = outer;
  return &f->import_value[k];
}

static void import_grow(Frame *f) {
  uint32_t cap = f->cap_import, *key = f->import_key, *value = f->import_value;
  f->cap_import = cap ? cap * 2 : 16;
  f->import_key = malloc(f->cap_import * sizeof *key);
  f->import_value = malloc(f->cap_import * sizeof *value);
  if (!f->import_key || !f->import_value) exit(EXIT_FILES);
  memset(f->import_key, 0xff, f->cap_import * sizeof *key);
  memset(f->import_value, 0xff, f->cap_import * sizeof *value);
  for (uint32_t k = 0; k < cap; k++)
    if (key[k] != IR_NONE) *import_slot(f, key[k]) = value[k];
  free(key);
  free(value);
}

/* The param of `f` that stands for node `outer` of its parent. */
static NodeId import(Elab *E, Frame *f, NodeId outer) {
  if ((f->n_import + 1) * 2 > f->cap_import) import_grow(f);
  uint32_t *slot = import_slot(f, outer);
  if (*slot == IR_NONE) {
    TypeId type = ir_node(E->m, f->parent->b.region, outer)->type;
    *slot = frame_param(E, f, FP_CONST, type, outer, 0);
    f->n_import++;
  }
  return *slot;
}

static NodeId bring(Elab *E, Frame *f, Frame *home, NodeId node) {
  if (f == home) return node;
  if (!f->parent) return IR_NONE;
  NodeId outer = bring(E, f->parent, home, node);
  return outer == IR_NONE ? IR_NONE : import(E, f, outer);
}

NodeId bring_to_root(Elab *E, GraphBuild *g, Val v) { return bring(E, g->root, v.t.frame, v.t.node); }

NodeId node_of(Elab *E, Val v) {
  NodeId n = bring(E, E->g->cur, v.t.frame, v.t.node);
  if (n != IR_NONE) return n;
  if (E->g->kind == GRAPH_INIT) {
    E->init_saw_step = true;
    elab_error(E, "E0412", E->span, "an initial value cannot depend on values of a step");
    elab_hint(
        E, "initialisers see compile-time values, shapes and file-level tensors; in a layer that a `train` calls first "
           "they may use its argument");
  } else {
    elab_error(E, "E0413", E->span, "this value belongs to another step");
    elab_hint(E, "blocks such as `every` run after the step: compute the value again inside");
  }
  return IR_NONE;
}

/* ---------------------------------------------------------------- closing a loop's body */

static bool cell_written(const Frame *f, CellId c) {
  for (uint32_t k = 0; k < f->cell.n; k++)
    if (f->cell.at[k].cell == c) return f->cell.at[k].dirty;
  return false;
}

/* iv, carried names, written cells, sequences, constants. */
static int param_group(const Frame *f, const FrameParam *p) {
  switch (p->kind) {
  case FP_IV: return 0;
  case FP_CARRY: return 1;
  case FP_CELL: return cell_written(f, p->index) ? 2 : 4;
  case FP_XS: return 3;
  default: return 4;
  }
}

void sort_params(const Frame *f, FrameParam *sorted, uint32_t *n_carry, uint32_t *n_xs, uint32_t *n_const) {
  uint32_t at = 0, count[5] = {0};
  for (int group = 0; group < 5; group++)
    for (uint32_t k = 0; k < f->param.n; k++)
      if (param_group(f, &f->param.at[k]) == group) sorted[at++] = f->param.at[k], count[group]++;
  *n_carry = count[1] + count[2];
  *n_xs = count[3];
  *n_const = count[4];
}

/* Numbers the region's nodes anew with its parameters first, in the order of `sorted`; results are mapped too. */
void params_first(Elab *E, Frame *f, FrameParam *sorted) {
  Region *r = ir_region(E->m, f->b.region);
  NodeId *map = arena_array(&E->mem, NodeId, r->node.n + 1), at = 0;
  Node *node = arena_array(&E->mem, Node, r->node.n + 1);
  memset(map, 0xff, r->node.n * sizeof *map);
  for (uint32_t k = 0; k < f->param.n; k++) {
    Node n = r->node.at[sorted[k].param];
    Attr a = *ir_attr_get(E->m, n.attr);
    a.index = k;
    n.attr = ir_attr(E->m, &a);
    map[sorted[k].param] = at;
    r->param.at[k] = sorted[k].param = at;
    node[at++] = n;
  }
  for (NodeId id = 0; id < r->node.n; id++)
    if (map[id] == IR_NONE) map[id] = at, node[at++] = r->node.at[id];
  memcpy(r->node.at, node, at * sizeof *node);
  for (uint32_t k = 0; k < r->operand.n; k++) r->operand.at[k] = map[r->operand.at[k]];
  for (uint32_t k = 0; k < r->result.n; k++) r->result.at[k] = map[r->result.at[k]];
}

/* ---------------------------------------------------------------- cells */

static CellSlot *cell_slot(Elab *E, Frame *f, CellId c) {
  for (uint32_t k = 0; k < f->cell.n; k++)
    if (f->cell.at[k].cell == c) return &f->cell.at[k];
  TypeId type = E->m->cell.at[c].type;
  NodeId n;
  if (f->parent) {
    NodeId outer = cell_slot(E, f->parent, c)->node;
    n = frame_param(E, f, FP_CELL, type, outer, c);
  } else if (E->m->cell.at[c].kind == CELL_LET && f->graph->kind == GRAPH_INIT) {
    E->init_saw_let = true;
    n = graph_input(E, f->graph, IN_CELL, c, type);
  } else {
    n = graph_input(E, f->graph, IN_CELL, c, type);
  }
  vec_push(&f->cell, ((CellSlot){.cell = c, .node = n, .entry = n, .changed = IR_NONE}));
  return &vec_last(&f->cell);
}

NodeId cell_read(Elab *E, Frame *f, CellId c) { return cell_slot(E, f, c)->node; }

void cell_write(Elab *E, Frame *f, CellId c, NodeId value) {
  CellSlot *s = cell_slot(E, f, c);
  vec_push(&f->old, ((OldVersion){c, s->node, E->loc}));
  s->node = value;
  s->dirty = true;
  s->changed = E->loc;
}

/* ---------------------------------------------------------------- keys and counters */

NodeId graph_step_number(Elab *E, InKind kind) { return graph_input(E, E->g, kind, 0, ir_scalar(E->m, DT_I64)); }

/* Random key of a frame: (seed, task, stream), then the step, then each loop's iteration. */
NodeId frame_key(Elab *E, Frame *f) {
  if (f->key != IR_NONE) return f->key;
  if (f->parent) {
    NodeId outer = import(E, f, frame_key(E, f->parent));
    f->key = ir_key_fold(&f->b, outer, f->iv);
  } else {
    f->key = graph_input(E, f->graph, IN_KEY, 0, ir_scalar(E->m, DT_U64));
    if (f->graph->kind == GRAPH_STEP || f->graph->kind == GRAPH_EVENT)
      f->key = ir_key_fold(&f->b, f->key, graph_input(E, f->graph, IN_STEP, 0, ir_scalar(E->m, DT_I64)));
  }
  return f->key;
}

/* Puts a cell back to an earlier version (several updates that must all start from the same one). */
void cell_reset(Elab *E, Frame *f, CellId c, NodeId node) { cell_slot(E, f, c)->node = node; }
