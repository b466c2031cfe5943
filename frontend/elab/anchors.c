/* Which names of a body are differentiated with respect to: their bindings become anchors, so that a gradient belongs
 * to a binding and never to an equal expression elsewhere. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"
#include "frontend/syntax/visit.h"

typedef struct NameSet {
  const void *body;
  Vec(const char *) name;
} NameSet;

bool name_in(const NameSet *s, const char *name) {
  if (!s) return false;
  for (uint32_t k = 0; k < s->name.n; k++)
    if (strcmp(s->name.at[k], name) == 0) return true;
  return false;
}

typedef struct Scan {
  Elab *E;
  NameSet *set;
  const Scope *scope;
} Scan;

static void scan_block(void *user, const Block *b);

static void add_target(Scan *s, const Expr *e) {
  if (e->kind == EXPR_NAME && !name_in(s->set, e->name.text)) list_push(s->E, &s->set->name, e->name.text);
  if (e->kind == EXPR_LIST || e->kind == EXPR_TUPLE)
    for (uint32_t k = 0; k < e->n; k++) add_target(s, e->item[k]);
}

/* A call whose parameter number k (or named p) is a derivative's target. */
static void scan_call(Scan *s, const Expr *e) {
  if (e->a->kind != EXPR_NAME) return;
  const char *callee = e->a->name.text;
  bool builtin = strcmp(callee, "grad") == 0 || strcmp(callee, "vjp") == 0 || strcmp(callee, "jvp") == 0;
  const Slot *slot = builtin ? NULL : scope_find(s->scope, callee);
  const Func *f = slot && slot->value.kind == V_FN ? slot->value.fn->func : NULL;
  const NameSet *inner = NULL;
  if (f) {
    const Scope *keep = s->E->act->scope;
    s->E->act->scope = slot->value.fn->scope;
    inner = anchor_names(s->E, f, &f->body, f->value, f->param, f->n_param);
    s->E->act->scope = (Scope *)keep;
  }
  uint32_t position = 0;
  for (uint32_t k = 0; k < e->n; k++) {
    const char *name = e->arg[k].name.text;
    uint32_t at = name ? UINT32_MAX : position++;
    if (builtin && (at == 1 || (name && strcmp(name, "x") == 0))) add_target(s, e->arg[k].value);
    if (!inner) continue;
    if (!name && at < f->n_param) name = f->param[at].name.text;
    if (name && name_in(inner, name)) add_target(s, e->arg[k].value);
  }
}

static void scan_expr(void *user, const Expr *e) {
  visit_expr(&(Visitor){.expr = scan_expr, .block = scan_block, .user = user}, e);
  if (e->kind == EXPR_CALL) scan_call(user, e);
}

static void scan_block(void *user, const Block *b) {
  for (uint32_t k = 0; k < b->n; k++)
    visit_stmt(&(Visitor){.expr = scan_expr, .block = scan_block, .user = user}, b->stmt[k]);
}

const NameSet *anchor_names(Elab *E, const void *body, const Block *b, const Expr *value, const Param *param,
                            uint32_t n_param) {
  (void)param, (void)n_param;
  Slot *known = scope_here(E->anchor_sets, elab_text(E, "%p", body));
  if (known) return known->value.anchors;
  NameSet *set = arena_new(&E->mem, NameSet);
  set->body = body;
  scope_bind(E, E->anchor_sets, elab_text(E, "%p", body), (Val){.anchors = set}, SPAN_NONE);
  Scan s = {E, set, E->act->scope};
  if (b) scan_block(&s, b);
  if (value) scan_expr(&s, value);
  return set;
}

/* Numbers, however deeply listed: a variable made of them is a tensor. */
static bool numeric(Val v) {
  if (is_number(v)) return true;
  if (!is_list(v) || !v.list->n) return false;
  for (uint32_t k = 0; k < v.list->n; k++)
    if (!numeric(v.list->at[k]) && v.list->at[k].kind != V_TENSOR) return false;
  return true;
}

/* Numbers become tensors: a variable. */
Val anchor_value(Elab *E, Val v) {
  v = read_value(E, v);
  if (numeric(v)) v = to_tensor(E, v, E->fdt, E->span);
  if (v.kind != V_TENSOR || !ir_is_float((DType)type_of(E, v)->dtype)) return v;
  NodeId n = node_of(E, v);
  Attr a = {.index = (int64_t)E->next_anchor++};
  return n == IR_NONE ? val_error() : val_tensor_ones(E, ir_emit(&E->g->cur->b, OP_anchor, &n, 1, &a), v.ones);
}

Val anchor_binding(Elab *E, Val v, Name name) {
  if (!name_in(E->act->anchors, name.text)) return v;
  v = anchor_value(E, v);
  if (v.kind == V_TENSOR) vec_push(&E->anchored, ((AnchoredName){name, v.t.frame, v.t.node}));
  return v;
}
