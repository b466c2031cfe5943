/* Updates: `minimize`, `update .. by .. using`, `set`, and optimisers written in the language. */
#include "frontend/elab/task/optim.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/task.h"
#include "frontend/elab/tensor.h"

/* ---------------------------------------------------------------- applied optimisers */

typedef struct KnownSite {
  const void *site;
  uint64_t unroll;
  const char *task;
} KnownSite;

/* The prefix of an optimiser's cells: the task and the optimiser's name, numbered when a task uses it twice. */
static const char *site_prefix(Elab *E, const Closure *def, const void *site) {
  const char *task = E->task ? E->task->task.name : "";
  const char *key = elab_text(E, "%p/%llx/%s", site, (unsigned long long)E->act->unroll, task);
  Slot *known = scope_here(E->optim_sites, key);
  if (known) return known->value.s;
  const char *base = *task ? elab_text(E, "%s.%s", task, def->name) : def->name, *name = base;
  for (uint32_t k = 2; scope_here(E->optim_names, name); k++) name = elab_text(E, "%s_%u", base, k);
  scope_bind(E, E->optim_names, name, val_kind(V_NONE), SPAN_NONE);
  scope_bind(E, E->optim_sites, key, val_string(name), SPAN_NONE);
  return name;
}

Val apply_optimizer(Elab *E, Closure *def, const Args *a, const void *site, Span span) {
  for (uint32_t k = 0; k < a->n; k++)
    if (is_error(a->value[k])) return val_error();
  OptimSite *s = arena_new(&E->mem, OptimSite);
  *s = (OptimSite){.def = def, .config = scope_new(E, def->scope), .name = site_prefix(E, def, site)};
  Activation act;
  activation_push(E, &act, s->config, span, def->name);
  bool ok = bind_params(E, s->config, def->func->config, def->func->n_config, a, span, def->name);
  activation_pop(E, &act);
  return ok ? (Val){.kind = V_OPTIM, .optim = s} : val_error();
}

static const Stmt *update_of(const Closure *def) {
  for (uint32_t k = 0; k < def->func->body.n; k++) {
    const Stmt *s = def->func->body.stmt[k];
    if (s->kind == STMT_FN && strcmp(s->func->name.text, "update") == 0) return s;
  }
  return NULL;
}

/* A state that belongs to the site advances once, however many parameters the statement has. */
typedef struct SiteState {
  CellId cell;
  NodeId before, after;
} SiteState;
typedef struct SiteStates {
  Vec(SiteState) at;
} SiteStates;

/* What an optimiser's body is working on. */
typedef struct OptimUse {
  const OptimSite *site;
  Type type;        /* of p */
  const char *name; /* of the parameter; NULL for a group as one vector */
  SiteStates *shared;
} OptimUse;

/* The first use in a statement remembers the value before; every further one starts from it again. */
static void share_state(Elab *E, SiteStates *l, CellId c) {
  for (uint32_t k = 0; k < l->at.n; k++)
    if (l->at.at[k].cell == c) {
      cell_reset(E, E->g->cur, c, l->at.at[k].before);
      return;
    }
  NodeId now = cell_read(E, E->g->cur, c);
  vec_push(&l->at, ((SiteState){c, now, now}));
}

/* A state of an optimiser: shaped like p, or, with a declared shape, one for the whole site. */
void declare_optim_state(Elab *E, const Stmt *s) {
  const OptimUse *u = E->act->optim;
  uint32_t rank = u->type.rank;
  int64_t dim[IR_MAX_RANK];
  memcpy(dim, u->type.dim, sizeof dim);
  DType dtype = (DType)u->type.dtype;
  bool shared = s->shape.present;
  for (uint32_t k = 0; k < s->shape.n; k++) shared &= s->shape.item[k].dim != NULL;
  if (s->shape.present && !declared_shape(E, &s->shape, &rank, dim, NULL)) return;
  if (s->dtype.text && (dtype = declared_dtype(E, s)) == DT_COUNT) return;
  const char *full = shared || !u->name ? elab_text(E, "%s.%s", u->site->name, s->name.text)
                                        : elab_text(E, "%s.%s.%s", u->site->name, u->name, s->name.text);
  Slot *known = scope_here(E->cells, full);
  CellId c = known ? known->value.cell : initialised_cell(E, s, full, CELL_OPT, true, rank, dim, dtype, NULL);
  if (c == IR_NONE) return;
  scope_bind(E, E->act->scope, s->name.text, (Val){.kind = V_CELL, .cell = c}, s->name.span);
  if (shared) share_state(E, u->shared, c);
}

static void write_param(Elab *E, CellId c, Val v, Span span) {
  const Type want = *ir_type_get(E->m, E->m->cell.at[c].type);
  v = to_tensor(E, v, (DType)want.dtype, span);
  if (is_error(v)) return;
  const Type *t = type_of(E, v);
  if (t->rank != want.rank || memcmp(t->dim, want.dim, want.rank * sizeof *want.dim) != 0) {
    elab_error(E, "E0411", span, "the new value of `%s` has another shape", E->m->cell.at[c].name);
    elab_label(E, "expected %s, found %s", ir_type_str(E->m, E->m->cell.at[c].type), type_text(E, v));
    return;
  }
  v = anchor_value(E, v);
  if (is_error(v)) return;
  cell_write(E, E->g->cur, c, node_of(E, v));
  E->info.at[c].trained = true;
}

/* Runs the optimiser's body on p and g (and the objective f of a group). The last p is the result. */
static Val run_update(Elab *E, OptimUse *use, Val p, Val g, const Val *f, Span span) {
  const OptimSite *o = use->site;
  const Stmt *u = update_of(o->def);
  Scope *scope = scope_new(E, o->config);
  scope->function = true;
  Activation act;
  activation_push(E, &act, scope, span, o->def->name);
  act.optim = use;
  act.anchors = anchor_names(E, u->func, &u->func->body, u->func->value, NULL, 0);
  Val rest = val_list(E, V_LIST, use->type.rank);
  for (uint32_t k = 0; k < use->type.rank; k++) rest.list->at[k] = val_int(use->type.dim[k]);
  scope_bind(E, scope, "..", (Val){.kind = V_REST, .rest = {rest.list, 0}}, span);
  uint32_t errors = E->sink->n_errors;
  const Block *b = &o->def->func->body;
  for (uint32_t k = 0; k < b->n; k++)
    if (b->stmt[k] != u) exec_stmt(E, b->stmt[k]);
  const Param *param = u->func->param;
  scope_bind(E, scope, param[0].name.text, p, param[0].name.span);
  scope_bind(E, scope, param[1].name.text, g, param[1].name.span);
  if (f) scope_bind(E, scope, param[2].name.text, *f, param[2].name.span);
  Val r;
  if (u->func->value) {
    r = expr_value(E, u->func->value);
  } else {
    exec_block(E, &u->func->body);
    r = act.returned ? act.result : read_value(E, scope_here(scope, param[0].name.text)->value);
  }
  if (elab_ir_errors(E, span) || E->sink->n_errors != errors) r = val_error();
  activation_pop(E, &act);
  return r;
}

/* One parameter's update by the optimiser's `update(p, g)`. */
static bool update_one(Elab *E, const OptimSite *o, CellId c, Val g, Span span, SiteStates *shared) {
  const Cell *cell = &E->m->cell.at[c];
  OptimUse use = {o, *ir_type_get(E->m, cell->type), cell->name, shared};
  Val r = run_update(E, &use, cell_value(E, c, false), g, NULL, span);
  for (uint32_t k = 0; k < shared->at.n; k++) shared->at.at[k].after = cell_read(E, E->g->cur, shared->at.at[k].cell);
  if (is_error(r)) return false;
  write_param(E, c, r, span);
  return true;
}

/* All parameters as one vector, the loss as a function of it. */
static void update_group(Elab *E, const OptimSite *o, const Val *f, uint32_t n, const CellId *cell, const Val *g,
                         Span span) {
  if (!f) {
    elab_error(E, "E0510", span, "`%s` needs the objective: write `minimize L using %s(..)`", o->def->name,
               o->def->name);
    return;
  }
  Val *p = arena_array(&E->mem, Val, n + 1);
  for (uint32_t k = 0; k < n; k++) p[k] = cell_value(E, cell[k], false);
  Val all = group_vector(E, p, n, span), slope = group_vector(E, g, n, span);
  if (is_error(all) || is_error(slope)) return;
  SiteStates shared = {0};
  OptimUse use = {o, *type_of(E, all), NULL, &shared};
  Val r = run_update(E, &use, all, slope, f, span);
  vec_free(&shared.at);
  if (is_error(r)) return;
  r = to_tensor(E, r, (DType)use.type.dtype, span);
  const Type *t = is_error(r) ? NULL : type_of(E, r);
  if (!t || t->rank != 1 || t->dim[0] != use.type.dim[0]) {
    if (t) elab_error(E, "E0411", span, "`%s` changes the shape of its parameters", o->def->name);
    return;
  }
  split_vector(E, r, cell, n, p);
  for (uint32_t k = 0; k < n; k++) write_param(E, cell[k], p[k], span);
}

static bool updates_allowed(Elab *E, Span span) {
  if (E->g->kind == GRAPH_STEP || E->g->kind == GRAPH_PLAIN) return true;
  elab_error(E, "E0509", span, "parameters change in a `train` or a `task`, not here");
  return false;
}

/* f: the objective, NULL when the statement has none. */
static void update_cells(Elab *E, Val opt, const Val *f, uint32_t n, const CellId *cell, const Val *g, Span span) {
  if (!updates_allowed(E, span)) return;
  const Closure *def = opt.optim->def;
  const Stmt *u = update_of(def);
  uint32_t want = def->func->over_group ? 3 : 2;
  if (!u || u->func->n_param != want) {
    elab_error(E, "E0510", span, "the optimiser `%s` has no `update(p, g%s)`", def->name, want == 3 ? ", f" : "");
    return;
  }
  if (def->func->over_group) {
    update_group(E, opt.optim, f, n, cell, g, span);
    return;
  }
  SiteStates shared = {0};
  bool ok = true;
  for (uint32_t k = 0; k < n && ok; k++) ok = update_one(E, opt.optim, cell[k], g[k], span, &shared);
  for (uint32_t k = 0; k < shared.at.n; k++) {
    SiteState *s = &shared.at.at[k];
    cell_reset(E, E->g->cur, s->cell, s->before);
    if (s->after != s->before) cell_write(E, E->g->cur, s->cell, s->after);
  }
  vec_free(&shared.at);
}

/* The optimiser after `using`. */
static Val using_value(Elab *E, const Expr *e) {
  Val v = expr_value(E, e);
  if (v.kind == V_OPTIM || is_error(v)) return v;
  elab_error(E, "E0510", e->span, "`using` takes an optimiser such as `adam(1e-3)`, found %s", val_kind_name(E, v));
  if (v.kind == V_OPTIMIZER) elab_hint(E, "give its arguments: `%s(..)`", v.fn->name);
  return val_error();
}

static Val over_group(Elab *E, const Stmt *s) {
  Val l = val_list(E, V_LIST, s->n_over);
  for (uint32_t k = 0; k < s->n_over; k++)
    if (is_error(l.list->at[k] = expr(E, s->over[k]))) return val_error();
  return group_from(E, s->n_over == 1 ? l.list->at[0] : l, NULL, s->n_over ? s->over[0]->span : s->span);
}

/* ---------------------------------------------------------------- statements */

static Val objective(Elab *E, const Stmt *s) {
  Val y = expr_value(E, s->value);
  if (is_error(y)) return y;
  Span span = s->value->span;
  if (y.kind != V_TENSOR)
    return elab_error(E, "E0506", span, "`%s` takes a tensor, found %s",
                      s->kind == STMT_MINIMIZE ? "minimize" : "maximize", val_kind_name(E, y));
  y = to_float(E, y, span);
  if (is_error(y)) return y;
  if (type_of(E, y)->rank) {
    elab_error(E, "E0506", span, "the objective must be a scalar, found %s", type_text(E, y));
    elab_hint(E, "reduce it with `mean(..)` or `sum(..)`");
    return val_error();
  }
  return s->kind == STMT_MAXIMIZE ? tensor_neg(E, y, span) : y;
}

/* Without `over`: every parameter with a path of derivatives from the objective. */
static Group *reached_group(Elab *E, Val y, Span span) {
  bool *reached = calloc(E->m->cell.n + 1, 1);
  if (!reached) exit(EXIT_FILES);
  Group *g = arena_new(&E->mem, Group);
  g->cell = arena_array(&E->mem, CellId, E->m->cell.n + 1);
  if (!reached_params(E, y, reached, span)) {
    free(reached);
    return NULL;
  }
  for (CellId c = 0; c < E->m->cell.n; c++)
    if (reached[c]) g->cell[g->n++] = c;
  free(reached);
  if (!g->n) {
    elab_error(E, "E0511", span, "the objective depends on no parameter");
    elab_hint(E, "parameters come from layers, models and `param`; `frozen` and `stop_gradient` cut the path");
    return NULL;
  }
  return g;
}

void exec_minimize(Elab *E, const Stmt *s) {
  uint32_t errors = E->sink->n_errors;
  Val y = objective(E, s);
  elab_ir_errors(E, s->value->span);
  Val opt = s->value2 ? using_value(E, s->value2)
                      : elab_error(E, "E0510", s->span, "say which optimiser: `using adam(1e-3)`");
  if (is_error(y) || is_error(opt) || E->sink->n_errors > errors || !updates_allowed(E, s->span)) return;
  elab_at(E, s->span);
  Group *g;
  if (s->n_over) {
    Val over = over_group(E, s);
    if (is_error(over)) return;
    g = over.group;
  } else if (!(g = reached_group(E, y, s->value->span))) {
    return;
  }
  Val *d = arena_array(&E->mem, Val, g->n + 1);
  if (!grad_cells(E, y, g->cell, g->n, s->span, d)) return;
  if (!E->g->cur->parent) graph_output(E, E->g, OUT_CHECK, 0, node_of(E, y));
  Val f = objective_new(E, y, g);
  update_cells(E, opt, &f, g->n, g->cell, d, s->span);
}

/* `update m by G using opt`: G a group of m's parameters, or one tensor for one parameter. */
void exec_update(Elab *E, const Stmt *s) {
  Val over = over_group(E, s), g = expr_value(E, s->value);
  Val opt = s->value2 ? using_value(E, s->value2)
                      : elab_error(E, "E0510", s->span, "say which optimiser: `using adam(1e-3)`");
  if (is_error(over) || is_error(g) || is_error(opt)) return;
  elab_at(E, s->span);
  const Group *m = over.group;
  Val *d = arena_array(&E->mem, Val, m->n + 1);
  if (g.kind == V_TENSOR && m->n == 1) {
    d[0] = g;
  } else if (is_list(g) && g.list->n == m->n) {
    for (uint32_t k = 0; k < m->n; k++) d[k] = read_value(E, g.list->at[k]);
  } else if (g.kind == V_GROUP && g.group->n == m->n) {
    for (uint32_t k = 0; k < m->n; k++) d[k] = g.group->value[k];
  } else {
    elab_error(E, "E0410", s->value->span, "expected one value for each of %u parameters, found %s", m->n,
               val_kind_name(E, g));
    return;
  }
  update_cells(E, opt, NULL, m->n, m->cell, d, s->span);
}

/* `set params(target) = G`, `set W = e`. */
void exec_set(Elab *E, const Stmt *s) {
  Val target = expr(E, s->value), v = expr_value(E, s->value2);
  if (is_error(target) || is_error(v) || !updates_allowed(E, s->span)) return;
  elab_at(E, s->span);
  if (target.kind == V_CELL && E->m->cell.at[target.cell].kind != CELL_PARAM) {
    elab_error(E, "E0411", s->value->span, "`%s` is a state: assign it, `%s = ..`", E->m->cell.at[target.cell].name,
               E->m->cell.at[target.cell].name);
    return;
  }
  Val group = group_from(E, target, NULL, s->value->span);
  if (is_error(group)) return;
  const Group *m = group.group;
  if (v.kind == V_GROUP && v.group->n == m->n) {
    for (uint32_t k = 0; k < m->n; k++) write_param(E, m->cell[k], v.group->value[k], s->value2->span);
  } else if (m->n == 1 && v.kind != V_GROUP) {
    Val t = to_tensor(E, v, E->fdt, s->value2->span);
    const Type *want = ir_type_get(E->m, E->m->cell.at[m->cell[0]].type);
    if (!is_error(t) && type_of(E, t)->rank == 0) t = broadcast_shape(E, t, want->rank, want->dim, 0, s->span);
    if (!is_error(t)) write_param(E, m->cell[0], t, s->value2->span);
  } else {
    elab_error(E, "E0410", s->value2->span, "expected one value for each of %u parameters, found %s", m->n,
               val_kind_name(E, v));
  }
}
