/* Parameter groups: one tensor per parameter, with arithmetic, mapped functions and reductions over everything. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"

typedef struct Collect {
  Vec(CellId) cell;
} Collect;

static void collect(void *user, CellId c) {
  Collect *l = user;
  for (uint32_t k = 0; k < l->cell.n; k++)
    if (l->cell.at[k] == c) return;
  vec_push(&l->cell, c);
}

static bool gather_cells(Elab *E, Val v, const char *pattern, Span span, Collect *l) {
  if (is_error(v)) return false;
  if (is_list(v)) {
    for (uint32_t k = 0; k < v.list->n; k++)
      if (!gather_cells(E, v.list->at[k], pattern, span, l)) return false;
    return true;
  }
  if (v.kind == V_CELL && E->m->cell.at[v.cell].kind == CELL_PARAM) return collect(l, v.cell), true;
  if (v.kind == V_GROUP) {
    for (uint32_t k = 0; k < v.group->n; k++) collect(l, v.group->cell[k]);
    return true;
  }
  if (v.kind != V_INSTANCE) {
    elab_error(E, "E0507", span, "expected a parameter, an instance or a group of parameters, found %s",
               val_kind_name(E, v));
    return false;
  }
  uint32_t before = l->cell.n;
  finish_copy(E, v.instance, span);
  instance_params(E, v.instance, pattern, collect, l);
  if (l->cell.n > before) return true;
  elab_error(E, "E0409", span, "`%s` has no parameters%s", v.instance->name, pattern ? " of that name" : " yet");
  if (!pattern) elab_hint(E, "they exist once it has been called");
  return false;
}

static Group *group_new(Elab *E, uint32_t n, const CellId *cell) {
  Group *g = arena_new(&E->mem, Group);
  *g = (Group){.n = n, .value = arena_array(&E->mem, Val, n + 1)};
  g->cell = memdup(&E->mem, cell, (n + 1) * sizeof *cell);
  return g;
}

Val group_from(Elab *E, Val v, const char *pattern, Span span) {
  if (v.kind == V_GROUP && !pattern) return v;
  Collect l = {0};
  Val r = val_error();
  if (gather_cells(E, v, pattern, span, &l)) {
    vec_reserve(&l.cell, l.cell.n + 1);
    Group *g = group_new(E, l.cell.n, l.cell.at);
    for (uint32_t k = 0; k < g->n; k++) g->value[k] = cell_value(E, g->cell[k], false);
    r = (Val){.kind = V_GROUP, .group = g};
  }
  vec_free(&l.cell);
  return r;
}

static bool alike(Elab *E, const Group *a, const Group *b, Span span) {
  bool ok = a->n == b->n;
  for (uint32_t k = 0; k < a->n && ok; k++) {
    const Type *x = type_of(E, a->value[k]), *y = type_of(E, b->value[k]);
    ok = x->rank == y->rank && memcmp(x->dim, y->dim, x->rank * sizeof *x->dim) == 0;
  }
  if (!ok) elab_error(E, "E0410", span, "these parameter groups have different shapes");
  return ok;
}

static Val part(const Val *v, uint32_t k) { return v->kind == V_GROUP ? v->group->value[k] : *v; }

Val group_binary(Elab *E, BinaryOp op, Val a, Val b, Span span) {
  if (a.kind == V_GROUP && b.kind == V_GROUP && !alike(E, a.group, b.group, span)) return val_error();
  const Val *other = a.kind == V_GROUP ? &b : &a;
  if (other->kind != V_GROUP && !is_number(*other) && !(other->kind == V_TENSOR && type_of(E, *other)->rank == 0))
    return elab_error(E, "E0410", span, "a parameter group combines with scalars and like groups, found %s",
                      val_kind_name(E, *other));
  const Group *shape = a.kind == V_GROUP ? a.group : b.group;
  Group *g = group_new(E, shape->n, shape->cell);
  for (uint32_t k = 0; k < g->n; k++)
    if (is_error(g->value[k] = tensor_arith(E, op, part(&a, k), part(&b, k), span))) return val_error();
  return (Val){.kind = V_GROUP, .group = g};
}

Val group_map(Elab *E, const Builtin *f, const Args *a, Span span) {
  const Group *shape = NULL;
  for (uint32_t k = 0; k < a->n; k++)
    if (a->value[k].kind == V_GROUP) {
      if (shape && !alike(E, shape, a->value[k].group, span)) return val_error();
      shape = a->value[k].group;
    }
  Group *g = group_new(E, shape->n, shape->cell);
  for (uint32_t j = 0; j < g->n; j++) {
    Args one = *a;
    one.value = arena_array(&E->mem, Val, a->n + 1);
    for (uint32_t k = 0; k < a->n; k++) one.value[k] = part(&a->value[k], j);
    if (is_error(g->value[j] = call_builtin(E, f, &one, span))) return val_error();
  }
  return (Val){.kind = V_GROUP, .group = g};
}

Val group_fold(Elab *E, BinaryOp op, const Val *part, uint32_t n, Span span) {
  Val r = part[0];
  for (uint32_t k = 1; k < n; k++) r = tensor_arith(E, op, r, part[k], span);
  return r;
}

static Val sum_all(Elab *E, Val v) {
  int64_t axes[IR_MAX_RANK];
  uint32_t n = type_of(E, v)->rank;
  for (uint32_t k = 0; k < n; k++) axes[k] = k;
  return n ? val_tensor(E, ir_reduce(&E->g->cur->b, OP_reduce_sum, node_of(E, v), n, axes)) : v;
}

Val group_dot(Elab *E, Val a, Val b, Span span) {
  if (a.kind != V_GROUP || b.kind != V_GROUP || !alike(E, a.group, b.group, span)) return val_error();
  Val *p = arena_array(&E->mem, Val, a.group->n + 1);
  for (uint32_t k = 0; k < a.group->n; k++) {
    p[k] = tensor_arith(E, BIN_MUL, a.group->value[k], b.group->value[k], span);
    if (is_error(p[k])) return p[k];
    p[k] = sum_all(E, p[k]);
  }
  return group_fold(E, BIN_ADD, p, a.group->n, span);
}
