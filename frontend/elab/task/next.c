/* next(d, n): the next n shuffled rows of a source beside the one a task runs over.
 *
 * The order of the rows is a state of the task: when fewer than n rows of it are left, it is drawn anew (a `while` of
 * at most one turn, so that a step that needs no new order draws none). */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/data.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/task.h"

typedef struct Order { /* the cells behind one textual place */
  CellId order, at;
} Order;

static CellId state_cell(Elab *E, const char *name, TypeId type, double first) {
  Slot *known = scope_here(E->cells, name);
  if (known) return known->value.cell;
  CellId c = cell_new(E, name, type, CELL_COUNTER, NULL);
  LocId keep = E->init->root->b.loc;
  E->init->root->b.loc = E->loc;
  graph_output(E, E->init, OUT_CELL, c, ir_full(&E->init->root->b, type, first));
  E->init->root->b.loc = keep;
  return c;
}

static Order order_cells(Elab *E, const DataUseSite *u, Span span) {
  int64_t rows = u->part->rows;
  const char *key = elab_text(E, "next/%s/%u/%u/%llx", E->task->task.name, span.source, span.begin,
                              (unsigned long long)E->act->unroll);
  Slot *known = scope_here(E->optim_sites, key);
  const char *name = known ? known->value.s : NULL;
  const char *base = elab_text(E, "%s.next.%s", E->task->task.name, u->decl->name);
  if (!name) {
    name = base;
    for (uint32_t k = 2; scope_here(E->optim_names, name); k++) name = elab_text(E, "%s_%u", base, k);
    scope_bind(E, E->optim_names, name, val_none(), SPAN_NONE);
    scope_bind(E, E->optim_sites, key, val_string(name), SPAN_NONE);
  }
  Order o;
  o.order = state_cell(E, elab_text(E, "%s.order", name), ir_type(E->m, DT_I32, 1, &rows), 0);
  o.at = state_cell(E, elab_text(E, "%s.at", name), ir_scalar(E->m, DT_I32), (double)rows);
  return o;
}

/* Condition of the loop that draws a new order: not done yet. */
static RegionId while_not_done(Elab *E, const TypeId *type, uint32_t n) {
  Builder b = ir_builder(E->m, ir_region_new(E->m), &E->ir_sink);
  b.loc = E->loc;
  NodeId done = IR_NONE;
  for (uint32_t k = 0; k < n; k++) {
    NodeId p = ir_param(&b, type[k]);
    if (!k) done = p;
  }
  ir_result(&b, ir_unary(&b, OP_not, done));
  RegionId r = b.region;
  ir_builder_free(&b);
  return r;
}

/* (iv, done, at, order, key) -> (true, 0, a new permutation) */
static RegionId draw_order(Elab *E, const TypeId *type, int64_t rows, uint64_t site) {
  Builder b = ir_builder(E->m, ir_region_new(E->m), &E->ir_sink);
  b.loc = E->loc;
  ir_param(&b, ir_scalar(E->m, DT_I64));
  NodeId key = IR_NONE;
  for (uint32_t k = 0; k < 4; k++) key = ir_param(&b, type[k]);
  NodeId u = ir_random(&b, key, DIST_UNIFORM, DT_F64, 1, &rows, site);
  Attr a = {.axis = 0};
  NodeId order = ir_emit(&b, OP_argsort, &u, 1, &a);
  ir_result(&b, ir_scalar_const(&b, DT_BOOL, 1));
  ir_result(&b, ir_scalar_const(&b, DT_I32, 0));
  ir_result(&b, order);
  RegionId r = b.region;
  ir_builder_free(&b);
  return r;
}

/* The row numbers of this call, i32 [n]. */
static NodeId next_rows(Elab *E, const Order *o, int64_t rows, int64_t n) {
  Frame *f = E->g->cur;
  Builder *b = &f->b;
  NodeId at = cell_read(E, f, o->at), order = cell_read(E, f, o->order), key = frame_key(E, f);
  NodeId last = ir_scalar_const(b, DT_I32, (double)(rows - n));
  NodeId in[4] = {ir_binary(b, OP_le, at, last), at, order, key};
  TypeId type[4];
  for (uint32_t k = 0; k < 4; k++) type[k] = ir_node(E->m, b->region, in[k])->type;
  uint64_t site = path_mix(path_mix(E->act->path, E->act->unroll), E->act->n_calls++);
  Attr a = {.count = 1, .n_carry = 3, .n_consts = 1};
  RegionId condition = while_not_done(E, type, 4);
  NodeId drawn = ir_emit_region(b, OP_while, in, 4, &a, condition, draw_order(E, type, rows, site));
  at = ir_proj(b, drawn, 1), order = ir_proj(b, drawn, 2);
  Attr slice = {.sizes = {1, {n}}};
  NodeId part[2] = {order, at};
  NodeId chosen = ir_emit(b, OP_dynamic_slice, part, 2, &slice);
  cell_write(E, f, o->at, ir_binary(b, OP_add, at, ir_scalar_const(b, DT_I32, (double)n)));
  cell_write(E, f, o->order, order);
  return chosen;
}

Val bi_next(BuiltinCall *c) {
  Elab *E = c->E;
  Val d = c->arg[0];
  int64_t n;
  if (d.kind == V_DATA && d.data->decl->n_splits == 1) {
    DataUseSite *u = arena_new(&E->mem, DataUseSite);
    *u = (DataUseSite){d.data->decl, d.data->decl->split, NULL, false, NULL};
    d = (Val){.kind = V_SPLIT, .data = u};
  }
  if (d.kind != V_SPLIT || d.data->rows)
    return elab_error(E, "E0611", c->at[0], "`next` takes a split of a data source, found %s", val_kind_name(E, d));
  if (!val_to_int(E, c->arg[1], c->at[1], "the number of rows", &n)) return val_error();
  if (n < 1 || n > d.data->part->rows)
    return elab_error(E, "E0612", c->at[1], "`next` of %lld rows where there are %lld", (long long)n,
                      (long long)d.data->part->rows);
  if (!E->task || (E->g->kind != GRAPH_STEP && E->g->kind != GRAPH_PLAIN))
    return elab_error(E, "E0614", c->span, "`next` stands in the step of a `train` or in a `task`");
  Order o = order_cells(E, d.data, c->span);
  NodeId rows = next_rows(E, &o, d.data->part->rows, n);
  DataUseSite *u = arena_new(&E->mem, DataUseSite);
  *u = *d.data;
  u->rows = arena_new(&E->mem, Val);
  *u->rows = val_tensor(E, rows);
  return is_error(*u->rows) ? val_error() : (Val){.kind = V_SPLIT, .data = u};
}
