/* Statements of bodies: assignment, if, return, local declarations, and the table that says which word goes where. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/data.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/optim.h"
#include "frontend/elab/task/task.h"
#include "frontend/elab/tensor.h"

void exec_block(Elab *E, const Block *b) {
  for (uint32_t k = 0; k < b->n && !E->act->returned; k++) exec_stmt(E, b->stmt[k]);
}

/* ---------------------------------------------------------------- assignment */

/* The binding an assignment changes: in this function, or a parameter or state further out. */
static Slot *assigned_slot(Elab *E, const char *name, bool *outside) {
  *outside = false;
  for (Scope *s = E->act->scope; s; s = s->parent) {
    Slot *slot = scope_here(s, name);
    if (slot) return !*outside || slot->value.kind == V_CELL ? slot : NULL;
    *outside |= s->function;
  }
  return NULL;
}

static bool state_writable(Elab *E, Span span, const char *name) {
  if (E->g->kind != GRAPH_EVAL && E->g->kind != GRAPH_EVENT && E->g->kind != GRAPH_LET && E->g->kind != GRAPH_INIT)
    return true;
  elab_error(E, "E0415", span, "the state `%s` cannot be written here", name);
  elab_hint(E, "states change in the steps of a `train` and in a `task`; `training` is false elsewhere: "
               "write `if training { .. }`");
  return false;
}

/* The new value of a state: of its own shape and dtype, without gradient. */
static void write_state(Elab *E, CellId c, Val v, Span span) {
  const Cell *cell = &E->m->cell.at[c];
  if (cell->kind == CELL_PARAM || cell->kind == CELL_LET) {
    elab_error(E, "E0416", span, "`%s` is a %s and cannot be assigned", cell->name,
               cell->kind == CELL_PARAM ? "parameter" : "constant");
    if (cell->kind == CELL_PARAM)
      elab_hint(E, "write `set %s = ..`, or let `minimize` or `update` train it", cell->name);
    return;
  }
  if (!state_writable(E, span, cell->name)) return;
  const Type want = *ir_type_get(E->m, cell->type);
  v = to_tensor(E, v, DT_COUNT, span);
  if (is_error(v)) return;
  if (ir_is_float((DType)type_of(E, v)->dtype) && !ir_is_float((DType)want.dtype)) {
    elab_error(E, "E0417", span, "the state `%s` is %s, the value %s", cell->name, ir_type_str(E->m, cell->type),
               type_text(E, v));
    return;
  }
  v = tensor_cast(E, v, (DType)want.dtype, span);
  const Type *t = type_of(E, v);
  if (t->rank == 0 && want.rank) v = broadcast_shape(E, v, want.rank, want.dim, 0, span);
  t = type_of(E, v);
  if (t->rank != want.rank || memcmp(t->dim, want.dim, want.rank * sizeof *want.dim) != 0) {
    elab_error(E, "E0417", span, "the state `%s` keeps its shape", cell->name);
    elab_label(E, "expected %s, found %s", ir_type_str(E->m, cell->type), type_text(E, v));
    if (E->task && E->task->tail) elab_hint(E, "the last batch is shorter: write `batch n drop_last`");
    return;
  }
  NodeId n = node_of(E, v);
  Builder *b = &E->g->cur->b;
  if (ir_is_float((DType)want.dtype)) n = ir_unary(b, OP_stop_gradient, n);
  cell_write(E, E->g->cur, c, n);
}

/* A name bound outside the innermost graph loop and assigned inside is carried by it: exec_loop has bound it in the
 * loop's scope already, so the nearest binding is always the right one. */
void assign_name(Elab *E, Name name, Val v) {
  if (strcmp(name.text, "_") == 0) return;
  bool outside;
  Slot *slot = assigned_slot(E, name.text, &outside);
  if (slot && slot->value.kind == V_CELL) {
    write_state(E, slot->value.cell, v, name.span);
    return;
  }
  v.literal = false;
  if (v.kind == V_INSTANCE) instance_rename(E, v.instance, name.text);
  v = anchor_binding(E, v, name);
  if (slot && !outside)
    slot->value = v;
  else
    scope_bind(E, E->act->scope, name.text, v, name.span);
}

static void assign_target(Elab *E, const Target *t, Val v) {
  if (!t->n_index) {
    assign_name(E, t->name, v);
    return;
  }
  Slot *slot = scope_find(E->act->scope, t->name.text);
  if (!slot) {
    elab_error(E, "E0201", t->name.span, "unknown name `%s`", t->name.text);
    return;
  }
  Val old = read_value(E, slot->value);
  if (is_error(old)) return;
  elab_at(E, t->span);
  Val r = index_assign(E, old, t->index, t->n_index, v, t->span);
  if (elab_ir_errors(E, t->span) || is_error(r)) return;
  assign_name(E, t->name, r);
}

static void exec_assign(Elab *E, const Stmt *s) {
  Val v = expr_value(E, s->value);
  elab_at(E, s->span);
  if (s->n_target == 1) {
    assign_target(E, &s->target[0], v);
    return;
  }
  if (v.kind == V_TENSOR && type_of(E, v)->rank && type_of(E, v)->dim[0] == s->n_target) {
    for (uint32_t k = 0; k < s->n_target; k++) {
      Expr at = {.kind = EXPR_NUMBER, .is_integer = true, .number = k, .span = s->value->span};
      IndexItem item = {.kind = INDEX_EXPR, .at = &at, .span = s->value->span};
      assign_target(E, &s->target[k], index_value(E, v, &item, 1, s->value->span));
    }
    return;
  }
  if (!is_error(v) && (!is_list(v) || v.list->n != s->n_target))
    v = elab_error(E, "E0209", s->value->span, "%u names for %s", s->n_target,
                   is_list(v) ? elab_text(E, "%u values", v.list->n) : val_kind_name(E, v));
  for (uint32_t k = 0; k < s->n_target; k++) assign_target(E, &s->target[k], is_error(v) ? v : v.list->at[k]);
}

/* ---------------------------------------------------------------- control */

static void exec_return(Elab *E, const Stmt *s) {
  for (const LoopCtx *l = E->act->loop; l; l = l->up)
    if (l->frame) {
      elab_error(E, "E0311", s->span, "`return` cannot stand inside a graph loop");
      elab_hint(E, "assign the value to a name bound before the loop and return it afterwards");
      return;
    }
  E->act->result = s->value ? expr_value(E, s->value) : val_kind(V_NONE);
  E->act->returned = true;
}

static void exec_if(Elab *E, const Stmt *s) {
  bool c;
  if (!expr_bool(E, s->value, "the condition of `if`", &c)) return;
  if (c)
    exec_block(E, &s->body);
  else if (s->otherwise.stmt)
    exec_block(E, &s->otherwise);
}

static void exec_loop_stmt(Elab *E, const Stmt *s) { exec_loop(E, s->loop, s->span, false); }

/* `require c, "message {x}"`: reported at the caller's line. */
static void exec_require(Elab *E, const Stmt *s) {
  bool c;
  if (!expr_bool(E, s->value, "the condition of `require`", &c) || c) return;
  const char *text = "a requirement does not hold";
  if (s->value2) expr_string(E, s->value2, "the message of `require`", &text);
  Span at = E->act->span.source != SOURCE_NONE ? E->act->span : s->span;
  elab_error(E, "E0312", at, "%s", text);
  E->act->result = val_error();
  E->act->returned = true;
}

static void exec_local_let(Elab *E, const Stmt *s) {
  Val v = expr_value(E, s->value);
  if (v.kind == V_INSTANCE) instance_rename(E, v.instance, s->name.text);
  assign_name(E, s->name, v);
}

static void exec_fn(Elab *E, const Stmt *s) {
  static const ValKind kinds[] = {[STMT_FN] = V_FN, [STMT_LAYER] = V_LAYER, [STMT_OPTIMIZER] = V_OPTIMIZER};
  Closure *c = arena_new(&E->mem, Closure);
  *c =
      (Closure){.func = s->func, .stmt = s, .scope = E->act->scope, .owner = E->act->owner, .name = s->func->name.text};
  scope_bind(E, E->act->scope, c->name, (Val){.kind = (uint8_t)kinds[s->kind], .fn = c}, s->func->name.span);
}

static void exec_state(Elab *E, const Stmt *s) { declare_cell(E, s); }

static void skip(Elab *E, const Stmt *s) { (void)E, (void)s; }

static void exec_event(Elab *E, const Stmt *s) {
  if (!E->task || !E->act->is_task || E->task->in_event) {
    elab_error(E, "E0502", s->span, "`%s` blocks stand directly in the body of a `train`",
               s->kind == STMT_EVERY ? "every" : "at");
    return;
  }
  if (!E->task->tail) vec_push(&E->task->pending, ((EventDecl){s, E->act->scope}));
}

static void misplaced(Elab *E, const Stmt *s) {
  elab_error(E, "E0503", s->span, "this declaration stands at file level");
}

void exec_stmt(Elab *E, const Stmt *s) {
  static void (*const rows[])(Elab *, const Stmt *) = {
      [STMT_USE] = misplaced,
      [STMT_DTYPE] = misplaced,
      [STMT_LET] = exec_local_let,
      [STMT_PARAM] = declare_cell,
      [STMT_STATE] = exec_state,
      [STMT_DATA] = elab_data,
      [STMT_FN] = exec_fn,
      [STMT_LAYER] = exec_fn,
      [STMT_MODEL] = misplaced,
      [STMT_OPTIMIZER] = exec_fn,
      [STMT_TRAIN] = misplaced,
      [STMT_EVAL] = misplaced,
      [STMT_TASK] = misplaced,
      [STMT_ASSIGN] = exec_assign,
      [STMT_RETURN] = exec_return,
      [STMT_YIELD] = yield_value,
      [STMT_IF] = exec_if,
      [STMT_LOOP] = exec_loop_stmt,
      [STMT_REQUIRE] = exec_require,
      [STMT_MINIMIZE] = exec_minimize,
      [STMT_MAXIMIZE] = exec_minimize,
      [STMT_UPDATE] = exec_update,
      [STMT_SET] = exec_set,
      [STMT_EPOCHS] = skip,
      [STMT_STEPS] = skip,
      [STMT_BATCH] = skip,
      [STMT_SHUFFLE] = skip,
      [STMT_LOG] = exec_log,
      [STMT_REPORT] = exec_output,
      [STMT_PRINT] = exec_output,
      [STMT_IMAGE] = exec_output,
      [STMT_GIF] = exec_output,
      [STMT_PLOT] = exec_output,
      [STMT_CHECKPOINT] = exec_output,
      [STMT_KEEP] = exec_output,
      [STMT_STOP] = exec_output,
      [STMT_EVERY] = exec_event,
      [STMT_AT] = exec_event,
  };
  elab_at(E, s->span);
  rows[s->kind](E, s);
}
