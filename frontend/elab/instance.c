/* Layers and models: instances, their identity and names, parameters and states. */
#include "frontend/elab/instance.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/file.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/optim.h"
#include "frontend/elab/task/task.h"
#include "frontend/elab/tensor.h"
#include <fnmatch.h>

/* ---------------------------------------------------------------- instances */

static uint32_t same_layer(const Instance *owner, const Elab *E, const char *layer) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < E->instance.n; k++) {
    const Instance *i = E->instance.at[k];
    if (i->owner == owner && i->auto_named && strcmp(i->layer, layer) == 0) n++;
  }
  return n;
}

Instance *instance_new(Elab *E, Instance *owner, Closure *def, const char *name) {
  Instance *i = arena_new(&E->mem, Instance);
  i->layer = def->name;
  i->def = def;
  i->owner = owner;
  i->depth = owner ? owner->depth + 1 : 0;
  i->auto_named = name == NULL;
  if (!name) name = elab_text(E, "%s_%u", def->name, same_layer(owner, E, def->name) + 1);
  i->name = owner ? elab_text(E, "%s.%s", owner->name, name) : name;
  i->own = scope_new(E, NULL);
  vec_push(&E->instance, i);
  if (owner) vec_push(&owner->child, i);
  return i;
}

/* An instance first seen as the value of a name takes that name. */
void instance_rename(Elab *E, Instance *i, const char *name) {
  if (!i->auto_named || i->own->n || i->child.n) return;
  i->auto_named = false;
  i->name = i->owner ? elab_text(E, "%s.%s", i->owner->name, name) : name;
}

static Instance *find_instance(Elab *E, const Instance *owner, const void *site, uint64_t unroll) {
  for (uint32_t k = 0; k < E->instance.n; k++) {
    Instance *i = E->instance.at[k];
    if (i->owner == owner && i->site == site && i->unroll == unroll) return i;
  }
  return NULL;
}

static Val instance_val(Elab *E, Instance *i) {
  return (Val){.kind = V_INSTANCE, .frozen = E->act->frozen, .instance = i};
}

Val apply_layer(Elab *E, Closure *layer, const Args *config, const void *site, Span span, const char *name) {
  if (!E->act->may_apply) {
    elab_error(E, "E0402", span, "`%s` may not be applied here: each task would own different weights", layer->name);
    elab_hint(E, "name it once, `let %s1 = %s(..)` at file level, or put this code into a `model`", layer->name,
              layer->name);
    return val_error();
  }
  Instance *found = find_instance(E, E->act->owner, site, E->act->unroll);
  if (found) return instance_val(E, found);
  for (uint32_t k = 0; k < config->n; k++)
    if (is_error(config->value[k])) return val_error();
  Scope *scope = scope_new(E, layer->scope);
  Activation act;
  Instance *owner = E->act->owner;
  uint64_t unroll = E->act->unroll;
  activation_push(E, &act, scope, span, layer->name);
  bool ok = bind_config(E, scope, layer, config, span);
  activation_pop(E, &act);
  if (!ok) return val_error();
  Instance *i = instance_new(E, owner, layer, name);
  i->config = scope;
  i->site = site;
  i->unroll = unroll;
  return instance_val(E, i);
}

static const char *types_of_args(Elab *E, const Args *a) {
  StrBuf b = {0};
  for (uint32_t k = 0; k < a->n; k++) {
    Val v = read_value(E, a->value[k]);
    sb_printf(&b, "%s%s", k ? ", " : "", v.kind == V_TENSOR ? type_text(E, v) : val_text(E, v));
  }
  const char *s = arena_strdup(&E->mem, b.s ? b.s : "");
  sb_free(&b);
  return s;
}

static const char *types_of_value(Elab *E, Val v) {
  if (v.kind != V_TUPLE) return v.kind == V_TENSOR ? type_text(E, v) : val_text(E, v);
  Args a = {.n = v.list->n, .value = v.list->at};
  return types_of_args(E, &a);
}

Val call_instance(Elab *E, Val v, const Args *a, Span span) {
  Instance *i = v.instance;
  const Func *f = i->def->func;
  if (i->busy) return elab_error(E, "E0208", span, "`%s` calls itself", i->name);
  if (!call_enter(E, i->def->name, span)) return val_error();
  Scope *scope = scope_new(E, i->config);
  scope->function = true;
  Activation act;
  activation_push(E, &act, scope, span, i->name);
  act.owner = i;
  act.may_apply = true;
  act.frozen |= v.frozen;
  if (v.inference) act.training = false;
  act.anchors = anchor_names(E, f, &f->body, f->value, f->param, f->n_param);
  i->busy = true;
  Val r = val_error();
  if (!i->input) i->input = types_of_args(E, a);
  if (i->first_call == IR_NONE || !i->output) i->first_call = act.loc;
  if (bind_params(E, scope, f->param, f->n_param, a, span, i->def->name)) {
    if (!i->output) i->pattern = scope;
    if (f->value)
      r = expr_value(E, f->value);
    else
      exec_block(E, &f->body), r = E->act->result;
  }
  i->busy = false;
  if (!is_error(r) && !i->output) i->output = types_of_value(E, r);
  activation_pop(E, &act);
  call_leave(E);
  return r;
}

/* ---------------------------------------------------------------- cells */

Val cell_value(Elab *E, CellId c, bool frozen) {
  NodeId n = cell_read(E, E->g->cur, c);
  Cell *cell = &E->m->cell.at[c];
  if (cell->kind == CELL_PARAM && (frozen || E->act->frozen)) n = ir_unary(&E->g->cur->b, OP_stop_gradient, n);
  return val_tensor_ones(E, n, E->info.at[c].ones);
}

CellId cell_new(Elab *E, const char *name, TypeId type, CellKind kind, Instance *owner) {
  CellId c = E->m->cell.n;
  char *own = arena_strdup(&E->m->mem, name);
  vec_push(&E->m->cell, ((Cell){.name = own, .type = type, .kind = (uint8_t)kind, .loc = E->loc}));
  vec_push(&E->info, ((CellInfo){.owner = owner, .init = IR_NONE}));
  scope_bind(E, E->cells, own, (Val){.kind = V_CELL, .cell = c}, E->span);
  return c;
}

/* Gives a value a declared type: numbers fill, tensors must have the shape. */
static Val fit_value(Elab *E, Val v, bool shaped, uint32_t rank, const int64_t *dim, DType dtype, Span span,
                     const char *name) {
  if (!is_number(v) && v.kind != V_TENSOR && !is_list(v))
    return elab_error(E, "E0303", span, "`%s` starts as a tensor, found %s", name, val_kind_name(E, v));
  v = to_tensor(E, v, dtype, span);
  if (is_error(v) || !shaped) return v;
  const Type *t = type_of(E, v);
  if (t->rank == rank && memcmp(t->dim, dim, rank * sizeof *dim) == 0) return v;
  if (t->rank == 0) return broadcast_shape(E, v, rank, dim, 0, span);
  elab_error(E, "E0403", span, "the first value of `%s` has another shape than declared", name);
  elab_label(E, "expected %s, found %s", dims_text(E, rank, dim), type_text(E, v));
  return val_error();
}

/* Value of `~ f(args)`: the initialiser with the declared shape put first. */
static Val random_initial(Elab *E, const Expr *e, uint32_t rank, const int64_t *dim) {
  Val shape = val_list(E, V_LIST, rank);
  for (uint32_t k = 0; k < rank; k++) shape.list->at[k] = val_int(dim[k]);
  const Expr *callee = e->kind == EXPR_CALL ? e->a : e;
  Val f = expr(E, callee);
  if (is_error(f)) return f;
  if (f.kind != V_FN && f.kind != V_BUILTIN) {
    elab_error(E, "E0404", e->span, "`~` takes an initialiser such as `glorot` or `normal(0, 0.1)`, found %s",
               val_kind_name(E, f));
    elab_hint(E, "an exact value is written with `=`");
    return val_error();
  }
  Args a = {0};
  if (e->kind == EXPR_CALL) a = args_eval(E, e);
  Args b = {.n = a.n + 1};
  b.value = arena_array(&E->mem, Val, b.n);
  b.name = arena_array(&E->mem, const char *, b.n);
  b.span = arena_array(&E->mem, Span, b.n);
  b.value[0] = shape, b.span[0] = e->span;
  for (uint32_t k = 0; k < a.n; k++) b.value[k + 1] = a.value[k], b.name[k + 1] = a.name[k], b.span[k + 1] = a.span[k];
  elab_at(E, e->span);
  return call_value(E, f, &b, e->span);
}

static Val initial_value(Elab *E, const Stmt *s, bool shaped, uint32_t rank, const int64_t *dim, DType dtype) {
  Val v = val_int(0);
  if (s->value && s->random_init)
    v = random_initial(E, s->value, rank, dim);
  else if (s->value)
    v = expr_value(E, s->value);
  if (is_error(v)) return v;
  v = fit_value(E, v, shaped, rank, dim, dtype, s->value ? s->value->span : s->span, s->name.text);
  return elab_ir_errors(E, s->span) ? val_error() : v;
}

/* Where the draws of an initialiser come from: a copy draws as its original does, so both start from equal values. */
static const char *drawing_name(Elab *E, const char *full, const Instance *owner) {
  for (const Instance *i = owner; i; i = i->owner)
    if (i->copy_of) return drawing_name(E, elab_text(E, "%s%s", i->copy_of->name, full + strlen(i->name)), i->copy_of);
  return full;
}

/* Runs the initialiser in the INIT graph, or, when it reads a file-level tensor, in a graph of its own. */
static bool make_initial(Elab *E, GraphBuild *g, const Stmt *s, const char *full, bool shaped, uint32_t rank,
                         const int64_t *dim, DType dtype, Val *out) {
  GraphBuild *back = E->g;
  E->g = g;
  Activation act;
  activation_push(E, &act, E->act->scope, s->span, s->name.text);
  E->act->up->n_calls--;
  act.path = text_hash(drawing_name(E, full, E->act->up->owner));
  act.training = false;
  act.span = SPAN_NONE;
  E->init_saw_let = false;
  *out = initial_value(E, s, shaped, rank, dim, dtype);
  activation_pop(E, &act);
  E->g = back;
  elab_at(E, s->span);
  return !is_error(*out);
}

CellId initialised_cell(Elab *E, const Stmt *s, const char *full, CellKind kind, bool shaped, uint32_t rank,
                        const int64_t *dim, DType dtype, Instance *owner) {
  Val v;
  GraphBuild *g = E->init;
  if (!make_initial(E, g, s, full, shaped, rank, dim, dtype, &v)) return IR_NONE;
  bool own_task = E->init_saw_let;
  if (own_task) {
    GraphBuild *back = E->g;
    g = graph_open(E, GRAPH_LET);
    E->g = back;
    if (!make_initial(E, g, s, full, shaped, rank, dim, dtype, &v)) return IR_NONE;
  }
  CellId c = cell_new(E, full, ir_node(E->m, g->root->b.region, v.t.node)->type, kind, owner);
  E->info.at[c].ones = v.ones;
  E->info.at[c].init = own_task ? IR_NONE : v.t.node;
  graph_output(E, g, OUT_CELL, c, v.t.node);
  if (own_task) push_let_task(E, g, full, s->span);
  return c;
}

/* A parameter whose first value depends on the layer's argument: until it has been set, its value is that of the
 * initialiser in the step itself, so the first training batch decides. */
static CellId batch_cell(Elab *E, const Stmt *s, const char *full, CellKind kind, bool shaped, uint32_t rank,
                         const int64_t *dim, DType dtype, Instance *owner) {
  Val v = initial_value(E, s, shaped, rank, dim, dtype);
  if (is_error(v)) return IR_NONE;
  Frame *f = E->g->cur;
  NodeId first = ir_unary(&f->b, OP_stop_gradient, node_of(E, v));
  TypeId type = ir_node(E->m, f->b.region, first)->type, flag = ir_scalar(E->m, DT_BOOL);
  CellId c = cell_new(E, full, type, kind, owner),
         set = cell_new(E, elab_text(E, "%s.set", full), flag, CELL_COUNTER, NULL);
  E->info.at[c].ones = v.ones;
  Builder *init = &E->init->root->b;
  graph_output(E, E->init, OUT_CELL, c, ir_full(init, type, 0));
  graph_output(E, E->init, OUT_CELL, set, ir_full(init, flag, 0));
  const Type *t = ir_type_get(E->m, type);
  NodeId is_set = ir_broadcast_to(&f->b, cell_read(E, f, set), t->rank, t->dim);
  Val now = val_tensor(E, ir_select(&f->b, is_set, cell_read(E, f, c), first));
  cell_write(E, f, c, node_of(E, kind == CELL_PARAM ? anchor_value(E, now) : now));
  cell_write(E, f, set, ir_scalar_const(&f->b, DT_BOOL, 1));
  return c;
}

static CellId first_cell(Elab *E, const Stmt *s, const char *full, CellKind kind, bool shaped, uint32_t rank,
                         const int64_t *dim, DType dtype, Instance *owner) {
  DiagSink before = *E->sink;
  E->init_saw_step = false;
  CellId c = initialised_cell(E, s, full, kind, shaped, rank, dim, dtype, owner);
  bool late = c == IR_NONE && E->init_saw_step && E->g->kind == GRAPH_STEP && owner;
  if (!late) return c;
  take_back_errors(E, before);
  return batch_cell(E, s, full, kind, shaped, rank, dim, dtype, owner);
}

DType declared_dtype(Elab *E, const Stmt *s) {
  if (!s->dtype.text) return E->fdt;
  static const char *const names[] = {"bool", "u8", "i32", "i64", "u32", "u64", "f32", "f64"};
  for (uint32_t k = 0; k < DT_COUNT; k++)
    if (strcmp(s->dtype.text, names[k]) == 0) return (DType)k;
  elab_error(E, "E0405", s->dtype.span, "unknown dtype `%s`", s->dtype.text);
  elab_hint(E, "dtypes are bool, u8, i32, i64, f32, f64");
  return DT_COUNT;
}

static void check_again(Elab *E, const Stmt *s, CellId c, uint32_t rank, const int64_t *dim) {
  const Type *t = ir_type_get(E->m, E->m->cell.at[c].type);
  if (t->rank == rank && memcmp(t->dim, dim, rank * sizeof *dim) == 0) return;
  const Instance *i = E->info.at[c].owner;
  elab_error(E, "E0406", i ? E->act->span : s->span, "`%s` already has the shape %s, this call needs %s",
             E->m->cell.at[c].name, ir_type_str(E->m, E->m->cell.at[c].type), dims_text(E, rank, dim));
  if (i && i->first_call != IR_NONE) {
    diag_note(E->sink, ir_loc_get(E->m, i->first_call)->span, "`%s` was first called here", i->name);
    elab_hint(E, "an instance keeps its shapes; apply the layer again for another input width");
  } else if (E->task && E->task->tail) {
    elab_hint(E, "the last batch is shorter: write `batch n drop_last` or choose a batch that divides the rows");
  }
}

/* Full name of a cell declared where we are: in an instance, a train body, or the file. */
static const char *full_name(Elab *E, const Stmt *s) {
  if (E->act->owner) return elab_text(E, "%s.%s", E->act->owner->name, s->name.text);
  if (E->act->is_task) return elab_text(E, "%s.%s", E->task->task.name, s->name.text);
  return file_name(E, s->name.text);
}

void declare_cell(Elab *E, const Stmt *s) {
  bool is_param = s->kind == STMT_PARAM;
  if (E->act->optim && !is_param) {
    declare_optim_state(E, s);
    return;
  }
  CellKind kind = is_param ? CELL_PARAM : CELL_STATE;
  bool in_task = E->act->is_task && !is_param;
  if (!E->act->owner && !E->act->scope->file && !in_task) {
    elab_error(E, "E0407", s->span, "`%s` stands in a layer, a model or at file level", is_param ? "param" : "state");
    elab_hint(E, "a `fn` has none of its own: make it a `layer` or `model`");
    return;
  }
  uint32_t rank = 0;
  int64_t dim[IR_MAX_RANK] = {0};
  uint16_t ones = 0;
  DType dtype = declared_dtype(E, s);
  if (dtype == DT_COUNT || (s->shape.present && !declared_shape(E, &s->shape, &rank, dim, &ones))) return;
  if (is_param && dtype != DT_F32 && dtype != DT_F64) {
    elab_error(E, "E0405", s->dtype.span, "a parameter is f32 or f64; what is not trained is a `state`");
    return;
  }
  bool shaped = s->shape.present || s->random_init;
  const char *full = full_name(E, s);
  Slot *known = scope_here(E->cells, full);
  CellId c = known ? known->value.cell : first_cell(E, s, full, kind, shaped, rank, dim, dtype, E->act->owner);
  if (c == IR_NONE) {
    scope_bind(E, E->act->scope, s->name.text, val_error(), s->name.span);
    return;
  }
  if (known && shaped) check_again(E, s, c, rank, dim);
  if (known && E->act->owner) E->info.at[c].owner = E->act->owner;
  if (shaped) E->info.at[c].ones = ones;
  Val v = {.kind = V_CELL, .cell = c};
  if (E->act->owner) scope_bind(E, E->act->owner->own, s->name.text, v, s->name.span);
  scope_bind(E, E->act->scope, s->name.text, v, s->name.span);
}

/* ---------------------------------------------------------------- members, parameters by pattern */

static bool under(const char *name, const char *prefix) {
  size_t n = strlen(prefix);
  return strncmp(name, prefix, n) == 0 && name[n] == '.';
}

void instance_params(Elab *E, const Instance *i, const char *pattern, void (*fn)(void *, CellId), void *user) {
  for (CellId c = 0; c < E->m->cell.n; c++) {
    const Cell *cell = &E->m->cell.at[c];
    if (cell->kind != CELL_PARAM || !under(cell->name, i->name)) continue;
    if (!pattern || fnmatch(pattern, cell->name, 0) == 0 || fnmatch(pattern, cell->name + strlen(i->name) + 1, 0) == 0)
      fn(user, c);
  }
}

static const Stmt *member_fn(const Instance *i, const char *name) {
  const Block *b = &i->def->func->body;
  for (uint32_t k = 0; k < b->n; k++)
    if (b->stmt[k]->kind == STMT_FN && strcmp(b->stmt[k]->func->name.text, name) == 0) return b->stmt[k];
  return NULL;
}

/* `m.inverse`: a closure over the parameters of the instance, which are declared now if no call has done it. */
static Val bound_member(Elab *E, Val v, const Stmt *s, Span span) {
  Instance *i = v.instance;
  Scope *scope = scope_new(E, i->pattern ? i->pattern : i->config);
  scope->function = true;
  Activation act;
  activation_push(E, &act, scope, span, i->name);
  E->act->up->n_calls--;
  act.owner = i;
  act.may_apply = true;
  const Block *b = &i->def->func->body;
  uint32_t errors = E->sink->n_errors;
  for (uint32_t k = 0; k < b->n; k++)
    if (b->stmt[k]->kind == STMT_PARAM || b->stmt[k]->kind == STMT_STATE || b->stmt[k]->kind == STMT_LET ||
        b->stmt[k]->kind == STMT_FN)
      exec_stmt(E, b->stmt[k]);
  activation_pop(E, &act);
  if (E->sink->n_errors > errors) {
    if (!i->pattern)
      elab_hint(E, "call `%s` itself first: its parameters take their shapes from its argument", i->name);
    return val_error();
  }
  Closure *c = arena_new(&E->mem, Closure);
  *c = (Closure){.func = s->func, .stmt = s, .scope = scope, .owner = i, .name = s->func->name.text};
  return (Val){.kind = V_FN, .fn = c, .inference = v.inference};
}

Val instance_member(Elab *E, Val v, const char *name, Span span) {
  Instance *i = v.instance;
  Slot *s = scope_here(i->own, name);
  if (s) {
    Val m = s->value;
    m.frozen |= v.frozen;
    return m;
  }
  const Stmt *fn = member_fn(i, name);
  if (fn) return bound_member(E, v, fn, span);
  for (uint32_t k = 0; k < i->child.n; k++) {
    const char *dot = strrchr(i->child.at[k]->name, '.');
    if (dot && strcmp(dot + 1, name) == 0)
      return (Val){.kind = V_INSTANCE, .frozen = v.frozen, .instance = i->child.at[k]};
  }
  elab_error(E, "E0203", span, "`%s` has no member `%s`", i->name, name);
  if (!i->own->n && !i->child.n) elab_hint(E, "its parameters exist after its first call");
  return val_error();
}

/* ---------------------------------------------------------------- copies */

static void copy_cell(Elab *E, GraphBuild *g, Instance *to, const Instance *from, CellId c) {
  const Cell cell = E->m->cell.at[c];
  const char *full = elab_text(E, "%s%s", to->name, cell.name + strlen(from->name));
  CellId copy = cell_new(E, full, cell.type, (CellKind)cell.kind, to);
  E->info.at[copy].ones = E->info.at[c].ones;
  graph_output(E, g, OUT_CELL, copy, cell_read(E, g->root, c));
}

/* After training: the values of this moment, copied by a task of its own. */
static void copy_trained(Elab *E, Instance *to, const Instance *from, Span span) {
  CellId n = E->m->cell.n;
  GraphBuild *g = graph_open(E, GRAPH_LET);
  for (CellId c = 0; c < n; c++) {
    uint8_t kind = E->m->cell.at[c].kind;
    if ((kind == CELL_PARAM || kind == CELL_STATE) && under(E->m->cell.at[c].name, from->name))
      copy_cell(E, g, to, from, c);
  }
  push_let_task(E, g, elab_text(E, "copy %s", to->name), span);
}

Val copy_instance(Elab *E, Val v, Span span, const char *name) {
  if (v.kind != V_INSTANCE)
    return elab_error(E, "E0408", span, "`copy` takes an instance of a layer or model, found %s", val_kind_name(E, v));
  if (!E->act->may_apply) {
    elab_error(E, "E0402", span, "`copy` makes new parameters and stands in a `let` or a model");
    return val_error();
  }
  const void *site = (const void *)(uintptr_t)(((uint64_t)span.source << 32 | span.begin) + 1);
  Instance *found = find_instance(E, E->act->owner, site, E->act->unroll);
  if (found) return instance_val(E, found);
  Instance *i = instance_new(E, E->act->owner, v.instance->def, name);
  i->config = v.instance->config;
  i->site = site;
  i->unroll = E->act->unroll;
  i->copy_of = v.instance;
  i->pattern = v.instance->pattern;
  if (E->n_tasks_done) i->copy_late = true;
  return instance_val(E, i);
}

/* Before any training: the same first values. */
static void copy_initial(Elab *E, Instance *to, const Instance *from, Span span) {
  CellId n = E->m->cell.n;
  for (CellId c = 0; c < n; c++) {
    const Cell cell = E->m->cell.at[c];
    if ((cell.kind != CELL_PARAM && cell.kind != CELL_STATE) || !under(cell.name, from->name)) continue;
    const char *full = elab_text(E, "%s%s", to->name, cell.name + strlen(from->name));
    if (scope_here(E->cells, full)) continue;
    if (E->info.at[c].init == IR_NONE) {
      GraphBuild *g = graph_open(E, GRAPH_LET);
      copy_cell(E, g, to, from, c);
      push_let_task(E, g, full, span);
      continue;
    }
    CellId copy = cell_new(E, full, cell.type, (CellKind)cell.kind, to);
    E->info.at[copy].ones = E->info.at[c].ones;
    E->info.at[copy].init = E->info.at[c].init;
    graph_output(E, E->init, OUT_CELL, copy, E->info.at[c].init);
  }
}

void finish_copy(Elab *E, Instance *i, Span span) {
  if (!i->copy_of) return;
  if (i->copy_late)
    copy_trained(E, i, i->copy_of, span);
  else
    copy_initial(E, i, i->copy_of, span);
  i->copy_late = false;
}
