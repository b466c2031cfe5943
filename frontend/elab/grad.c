/* Derivatives as values: grad, vjp, jvp; which parameters a loss reaches; stale values. */
#include "frontend/elab/grad.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/reach.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"

/* Current versions of all cells of a frame: the walk ends there. */
static bool *current_versions(Elab *E, const Frame *f) {
  bool *stop = calloc(ir_region(E->m, f->b.region)->node.n + 1, 1);
  if (!stop) exit(EXIT_FILES);
  for (uint32_t k = 0; k < f->cell.n; k++) stop[f->cell.at[k].node] = true;
  return stop;
}

/* An error when y was computed from parameters that have been updated since. */
static bool check_stale(Elab *E, const Frame *f, const bool *mark, Span span) {
  for (uint32_t k = 0; k < f->old.n; k++) {
    const OldVersion *o = &f->old.at[k];
    const Cell *c = &E->m->cell.at[o->cell];
    if (c->kind != CELL_PARAM || !mark[o->node] || cell_read(E, (Frame *)f, o->cell) == o->node) continue;
    elab_error(E, "E0501", span, "this was computed with `%s` before it changed", c->name);
    if (o->changed != IR_NONE) diag_note(E->sink, ir_loc_get(E->m, o->changed)->span, "changed here");
    elab_hint(E, "compute it again below the update, or take both gradients first");
    return false;
  }
  return true;
}

bool reached_params(Elab *E, Val y, bool *reached, Span span) {
  Frame *f = y.t.frame;
  bool *stop = current_versions(E, f), *mark = reach_region(E->m, f->b.region, &y.t.node, 1, stop);
  for (uint32_t k = 0; k < f->cell.n; k++)
    if (E->m->cell.at[f->cell.at[k].cell].kind == CELL_PARAM && mark[f->cell.at[k].node])
      reached[f->cell.at[k].cell] = true;
  bool ok = check_stale(E, f, mark, span);
  free(stop);
  free(mark);
  return ok;
}

/* ---------------------------------------------------------------- targets */

typedef struct Targets {
  Vec(NodeId) node;
  Vec(const char *) name;
} Targets;

static NodeId skip_anchors(Elab *E, RegionId r, NodeId n, const bool *mark) {
  while (!mark[n] && ir_node(E->m, r, n)->op == OP_anchor) n = ir_operands(E->m, r, ir_node(E->m, r, n))[0];
  return n;
}

/* The node of y's own frame that a target stands for. */
static NodeId target_node(Elab *E, Frame *f, Val x, Span span) {
  Frame *cur = E->g->cur;
  E->g->cur = f;
  NodeId n = IR_NONE;
  if (x.kind == V_CELL) {
    n = cell_read(E, f, x.cell);
  } else {
    bool deeper = true;
    for (Frame *g = f; g; g = g->parent) deeper &= g != x.t.frame;
    if (deeper)
      elab_error(E, "E0504", span, "the value does not depend on this variable of an inner loop");
    else
      n = node_of(E, x);
  }
  E->g->cur = cur;
  return n;
}

/* The name that a target was bound to: the user's rather than a library function's, NULL when it has none. */
static const AnchoredName *target_binding(Elab *E, Val x) {
  if (x.kind != V_TENSOR) return NULL;
  RegionId r = x.t.frame->b.region;
  const AnchoredName *found = NULL;
  for (NodeId n = x.t.node;; n = ir_operands(E->m, r, ir_node(E->m, r, n))[0]) {
    for (uint32_t k = 0; k < E->anchored.n; k++) {
      const AnchoredName *a = &E->anchored.at[k];
      if (a->frame == x.t.frame && a->node == n && (!found || !span_in_library(E, a->name.span))) found = a;
    }
    if (ir_node(E->m, r, n)->op != OP_anchor) return found;
  }
}

/* "there is no path", and, when the value was computed from an earlier binding of the name, where it was bound anew. */
static void no_path_error(Elab *E, const Frame *f, Val y, const bool *mark, Val x, Span span) {
  const AnchoredName *a = target_binding(E, x);
  const char *name = x.kind == V_CELL ? E->m->cell.at[x.cell].name : a ? a->name.text : NULL;
  elab_error(E, "E0505", span, "there is no path of derivatives to %s from here",
             name ? elab_text(E, "`%s`", name) : "it");
  const Node *from = ir_node(E->m, f->b.region, y.t.node);
  if (from->loc != IR_NONE) diag_note(E->sink, ir_loc_get(E->m, from->loc)->span, "the value comes from here");
  for (const AnchoredName *old = E->anchored.at; a && old < a; old++) {
    if (strcmp(old->name.text, name) != 0 || old->frame != f || !mark[old->node]) continue;
    diag_note(E->sink, a->name.span, "`%s` was bound anew here, after the value had been computed from it", name);
    elab_hint(E, "take the derivative before that line, or give the new value a name of its own");
    return;
  }
}

/* Whether y, reached in frame f by the marked nodes, depends on x through values captured from outer frames. */
static bool reached_outside(Elab *E, const Frame *f, const bool *mark, Val x) {
  if (!f->parent) return false;
  NodeId *y = arena_array(&E->mem, NodeId, f->param.n + 1);
  uint32_t n = 0;
  for (uint32_t k = 0; k < f->param.n; k++) {
    const FrameParam *p = &f->param.at[k];
    if ((p->kind == FP_CONST || p->kind == FP_CELL) && mark[p->param]) y[n++] = p->outer;
  }
  if (!n) return false;
  Frame *up = f->parent;
  bool *stop = current_versions(E, up), *outer = reach_region(E->m, up->b.region, y, n, stop);
  bool here = false, above = x.kind == V_CELL;
  for (const Frame *g = up; g && !above; g = g->parent) above = g == x.t.frame;
  if (above) {
    Frame *cur = E->g->cur;
    E->g->cur = up;
    NodeId node = x.kind == V_CELL ? cell_read(E, up, x.cell) : node_of(E, x);
    E->g->cur = cur;
    here = node != IR_NONE && node < ir_region(E->m, up->b.region)->node.n &&
           outer[skip_anchors(E, up->b.region, node, outer)];
    here = here || reached_outside(E, up, outer, x);
  }
  free(stop);
  free(outer);
  return here;
}

/* One grad op for y (scalar) and n targets, in y's frame. out: tensors. */
static bool emit_grad(Elab *E, Val y, const Val *x, uint32_t n, bool zero_ok, Span span, Val *out) {
  Frame *f = y.t.frame, *cur = E->g->cur;
  NodeId *in = arena_array(&E->mem, NodeId, n + 1);
  in[0] = y.t.node;
  for (uint32_t k = 0; k < n; k++)
    if ((in[k + 1] = target_node(E, f, x[k], span)) == IR_NONE) return false;
  bool *stop = current_versions(E, f);
  bool *mark = reach_region(E->m, f->b.region, &y.t.node, 1, stop);
  bool ok = check_stale(E, f, mark, span);
  for (uint32_t k = 0; k < n && ok; k++) {
    in[k + 1] = skip_anchors(E, f->b.region, in[k + 1], mark);
    if (mark[in[k + 1]] || zero_ok || reached_outside(E, f, mark, x[k])) continue;
    no_path_error(E, f, y, mark, x[k], span);
    ok = false;
  }
  free(stop);
  free(mark);
  if (!ok) return false;
  E->g->cur = f;
  f->b.loc = E->loc;
  Attr a = {.order = n};
  NodeId g = ir_emit(&f->b, OP_grad, in, n + 1, &a);
  for (uint32_t k = 0; k < n; k++) {
    out[k] = val_tensor(E, ir_proj(&f->b, g, k));
    ok &= !is_error(out[k]);
  }
  E->g->cur = cur;
  return ok;
}

bool grad_cells(Elab *E, Val y, const CellId *cell, uint32_t n, Span span, Val *out) {
  Val *x = arena_array(&E->mem, Val, n + 1);
  for (uint32_t k = 0; k < n; k++) x[k] = (Val){.kind = V_CELL, .cell = cell[k]};
  return emit_grad(E, y, x, n, false, span, out);
}

/* ---------------------------------------------------------------- grad */

static Val scalar_objective(Elab *E, Val y, Span span) {
  y = read_value(E, y);
  if (is_error(y)) return y;
  if (y.kind != V_TENSOR) {
    elab_error(E, "E0506", span, "a derivative is taken of a tensor, found %s", val_kind_name(E, y));
    callable_hint(E, y);
    return val_error();
  }
  y = to_float(E, y, span);
  if (is_error(y) || type_of(E, y)->rank == 0) return y;
  elab_error(E, "E0506", span, "the objective must be a scalar, found %s", type_text(E, y));
  elab_hint(E, "reduce it with `mean(..)` or `sum(..)`; row by row, `deriv(y, x)`");
  return val_error();
}

static Val grad_group(Elab *E, Val y, Group *x, Span span) {
  Group *g = arena_new(&E->mem, Group);
  *g = (Group){.n = x->n, .cell = x->cell, .value = arena_array(&E->mem, Val, x->n + 1)};
  bool *reached = calloc(E->m->cell.n + 1, 1);
  if (!reached) exit(EXIT_FILES);
  Val r = val_error();
  if (reached_params(E, y, reached, span)) {
    bool any = false, ok = true;
    for (uint32_t k = 0; k < x->n; k++) any |= reached[x->cell[k]];
    if (!any)
      ok = (elab_error(E, "E0505", span, "there is no path of derivatives to these parameters from here"), false);
    Val *t = arena_array(&E->mem, Val, x->n + 1);
    for (uint32_t k = 0; k < x->n; k++) t[k] = (Val){.kind = V_CELL, .cell = x->cell[k]};
    if (ok && emit_grad(E, y, t, x->n, true, span, g->value)) r = (Val){.kind = V_GROUP, .group = g};
  }
  free(reached);
  return r;
}

Val grad_value(Elab *E, Val y, Val x, Span span) {
  y = scalar_objective(E, y, span);
  if (is_error(y) || is_error(x)) return val_error();
  if (x.kind == V_FIELD) x = read_value(E, x);
  if (is_list(x)) {
    Val l = val_list(E, (ValKind)x.kind, x.list->n);
    for (uint32_t k = 0; k < l.list->n; k++)
      if (is_error(l.list->at[k] = grad_value(E, y, x.list->at[k], span))) return val_error();
    return l;
  }
  if (x.kind == V_INSTANCE || x.kind == V_GROUP) {
    Val g = group_from(E, x, NULL, span);
    return is_error(g) ? g : grad_group(E, y, g.group, span);
  }
  if (x.kind != V_CELL && x.kind != V_TENSOR) {
    elab_error(E, "E0507", span, "a derivative is taken with respect to a name, an instance or `params(m)`, found %s",
               val_kind_name(E, x));
    return val_error();
  }
  Val out;
  return emit_grad(E, y, &x, 1, false, span, &out) ? out : val_error();
}

/* ---------------------------------------------------------------- vjp, jvp */

static Val inner_product(Elab *E, Val a, Val b, Span span) {
  Val p = tensor_arith(E, BIN_MUL, a, b, span);
  if (is_error(p)) return p;
  int64_t axes[IR_MAX_RANK];
  uint32_t n = type_of(E, p)->rank;
  for (uint32_t k = 0; k < n; k++) axes[k] = k;
  return n ? val_tensor(E, ir_reduce(&E->g->cur->b, OP_reduce_sum, node_of(E, p), n, axes)) : p;
}

static bool same_shape(Elab *E, Val a, Val b) {
  const Type *x = type_of(E, a), *y = type_of(E, b);
  return x->rank == y->rank && memcmp(x->dim, y->dim, x->rank * sizeof *x->dim) == 0;
}

/* y^T w: the gradient of <y, w> with w held fixed. */
Val vjp_value(Elab *E, Val y, Val x, Val w, Span span) {
  y = to_float(E, y, span), w = to_float(E, w, span);
  if (is_error(y) || is_error(w)) return val_error();
  if (!same_shape(E, y, w))
    return elab_error(E, "E0508", span, "`vjp` needs a w shaped like y: %s and %s", type_text(E, y), type_text(E, w));
  NodeId fixed = ir_unary(&E->g->cur->b, OP_stop_gradient, node_of(E, w));
  Val target = x.kind == V_FIELD ? read_value(E, x) : x;
  Val wx = target.kind == V_TENSOR || target.kind == V_CELL ? target : val_none();
  bool depends = wx.kind != V_NONE && tensor_depends(E, w, wx);
  return grad_value(E, inner_product(E, y, depends ? val_tensor(E, fixed) : w, span), x, span);
}

/* J v by two reverse passes: with u a variable, d/du <grad(<y, u>, x), v>. */
Val jvp_value(Elab *E, Val y, Val x, Val v, Span span) {
  y = to_float(E, y, span);
  if (is_error(y)) return y;
  Val u = anchor_value(E, val_tensor(E, ir_full_like(&E->g->cur->b, node_of(E, y), 0)));
  Val g = grad_value(E, inner_product(E, y, u, span), x, span);
  if (is_error(g)) return g;
  Val p;
  if (g.kind == V_GROUP) {
    Val along = group_from(E, v, NULL, span);
    if (is_error(along)) return along;
    p = group_dot(E, g, along, span);
  } else {
    v = to_float(E, v, span);
    if (is_error(v)) return v;
    if (!same_shape(E, g, v))
      return elab_error(E, "E0508", span, "`jvp` needs a v shaped like x: %s and %s", type_text(E, g), type_text(E, v));
    p = inner_product(E, g, v, span);
  }
  if (is_error(p)) return p;
  Val out;
  return emit_grad(E, p, &u, 1, true, span, &out) ? out : val_error();
}

bool tensor_depends(Elab *E, Val y, Val x) {
  Frame *f = y.t.frame;
  Frame *cur = E->g->cur;
  E->g->cur = f;
  NodeId n = x.kind == V_CELL ? cell_read(E, f, x.cell) : node_of(E, x);
  E->g->cur = cur;
  if (n == IR_NONE) return false;
  bool *mark = reach_region(E->m, f->b.region, &y.t.node, 1, NULL);
  bool r = mark[skip_anchors(E, f->b.region, n, mark)];
  free(mark);
  return r;
}
