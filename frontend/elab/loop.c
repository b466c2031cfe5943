/* Loops: `unroll` at compile time; `repeat` and `for` as closed regions with what they carry. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"

#define MAX_CARRY 128
#define MAX_UNROLL 100000
#define MAX_TOGETHER 16
#define MAX_NESTED 64

/* ---------------------------------------------------------------- names assigned in a body */

typedef Vec(const char *) Names;

static void add_name(Names *n, const char *name) {
  for (uint32_t k = 0; k < n->n; k++)
    if (strcmp(n->at[k], name) == 0) return;
  vec_push(n, name);
}

static void assigned_in(const Block *b, Names *n) {
  for (uint32_t k = 0; k < b->n; k++) {
    const Stmt *s = b->stmt[k];
    if (s->kind == STMT_ASSIGN)
      for (uint32_t j = 0; j < s->n_target; j++) add_name(n, s->target[j].name.text);
    if (s->kind == STMT_ASSIGN && s->value->kind == EXPR_LOOP) assigned_in(&s->value->loop->body, n);
    if (s->kind == STMT_IF) assigned_in(&s->body, n);
    if (s->kind == STMT_IF && s->otherwise.stmt) assigned_in(&s->otherwise, n);
    if (s->kind == STMT_LOOP) assigned_in(&s->loop->body, n);
  }
}

/* ---------------------------------------------------------------- unroll */

/* A stack whose new axis 0 goes to `along`. */
static Val collect_along(Elab *E, Val v, int64_t along, Span span) {
  const Type t = *type_of(E, v);
  int64_t axis = along < 0 ? along + t.rank : along;
  if (axis < 0 || axis >= t.rank)
    return elab_error(E, "E0314", span, "no axis %lld to collect along", (long long)along);
  if (!axis) return v;
  int64_t perm[IR_MAX_RANK];
  for (int64_t j = 0; j < t.rank; j++) perm[j] = j < axis ? j + 1 : j == axis ? 0 : j;
  return val_tensor(E, ir_transpose(&E->g->cur->b, node_of(E, v), perm));
}

static Val stack_yields(Elab *E, LoopCtx *c, Span span) {
  if (!c->yielded.n) return val_kind(V_NONE);
  Val l = val_list(E, V_LIST, c->yielded.n);
  memcpy(l.list->at, c->yielded.at, c->yielded.n * sizeof(Val));
  for (uint32_t k = 0; k < l.list->n; k++)
    if (!is_number(l.list->at[k]) && l.list->at[k].kind != V_TENSOR) return l;
  Val t = to_tensor(E, l, DT_COUNT, span);
  return is_error(t) ? t : collect_along(E, t, c->along, span);
}

bool unroll_count(Elab *E, Val v, Span span, int64_t *n) {
  if (v.kind == V_RANGE)
    *n = v.range.count;
  else if (is_list(v))
    *n = v.list->n;
  else if (v.kind == V_TENSOR && type_of(E, v)->rank)
    *n = type_of(E, v)->dim[0];
  else
    return elab_error(E, "E0309", span, "a loop runs over a range, a list or a tensor, found %s", val_kind_name(E, v)),
           false;
  if (*n <= MAX_UNROLL) return true;
  elab_error(E, "E0309", span, "%lld iterations are too many to unroll", (long long)*n);
  return false;
}

static Val unroll_item(Elab *E, Val over, int64_t k, Span span) {
  if (over.kind == V_RANGE) return range_item(over, k);
  if (is_list(over)) return over.list->at[k];
  Expr at = {.kind = EXPR_NUMBER, .is_integer = true, .number = (double)k, .span = span};
  IndexItem item = {.kind = INDEX_EXPR, .at = &at, .span = span};
  return index_value(E, over, &item, 1, span);
}

static Val exec_unroll(Elab *E, const Loop *l, Span span) {
  Val *over = arena_array(&E->mem, Val, l->n_sources);
  int64_t n = 0;
  for (uint32_t k = 0; k < l->n_sources; k++) {
    int64_t m;
    over[k] = expr_value(E, l->source[k].over);
    if (is_error(over[k]) || !unroll_count(E, over[k], l->source[k].over->span, &m)) return val_error();
    if (k && m != n)
      return elab_error(E, "E0309", l->source[k].over->span, "sequences of %lld and %lld items", (long long)n,
                        (long long)m);
    n = m;
  }
  LoopCtx c = {.up = E->act->loop};
  E->act->loop = &c;
  uint64_t unroll = E->act->unroll;
  uint32_t errors = E->sink->n_errors;
  for (int64_t i = 0; i < n && !E->act->returned && E->sink->n_errors == errors; i++) {
    if (!elab_spend(E, span)) break;
    E->act->unroll = path_mix(unroll, (uint64_t)i + 1);
    for (uint32_t k = 0; k < l->n_sources; k++)
      scope_bind(E, E->act->scope, l->source[k].var.text, unroll_item(E, over[k], i, span), l->source[k].var.span);
    exec_block(E, &l->body);
  }
  E->act->unroll = unroll;
  E->act->loop = c.up;
  Val r = stack_yields(E, &c, span);
  vec_free(&c.yielded);
  return r;
}

/* ---------------------------------------------------------------- graph loops */

typedef struct Carried {
  const char *name;
  Slot *slot; /* outside */
  Val first;  /* before the loop, a tensor */
  bool weak;  /* a compile-time number: takes the dtype the body gives it */
  DType dtype;
  NodeId param;
} Carried;

typedef struct Sequence {
  Val over; /* range or tensor, its axis moved to the front */
} Sequence;

typedef struct Building {
  const Loop *l;
  Span span;
  int64_t count;
  Sequence *seq;
  Carried carry[MAX_CARRY];
  uint32_t n_carry;
  int64_t along; /* axis that `yield` collects along */
  bool retry;    /* a weak carried number must start with another dtype */
} Building;

/* The binding a name has before the loop, in this function. */
static Slot *bound_before(Elab *E, const char *name) {
  for (Scope *s = E->act->scope; s; s = s->parent) {
    Slot *slot = scope_here(s, name);
    if (slot) return slot;
    if (s->function) return NULL;
  }
  return NULL;
}

static bool find_carried(Elab *E, Building *w) {
  Names names = {0};
  assigned_in(&w->l->body, &names);
  bool ok = true;
  for (uint32_t k = 0; k < names.n && ok; k++) {
    Slot *slot = bound_before(E, names.at[k]);
    if (!slot || slot->value.kind == V_CELL) continue;
    Val v = read_value(E, slot->value);
    if (is_error(v)) ok = false;
    if (ok && v.kind != V_TENSOR && !is_number(v) && !is_list(v)) {
      elab_error(E, "E0313", w->span, "`%s` is assigned in a graph loop but is %s", names.at[k], val_kind_name(E, v));
      elab_hint(E, "loops carry tensors; use `unroll` for compile-time values");
      ok = false;
    }
    if (ok && w->n_carry == MAX_CARRY) ok = (elab_error(E, "E0313", w->span, "too many carried names"), false);
    if (!ok) break;
    Carried *c = &w->carry[w->n_carry++];
    *c = (Carried){.name = names.at[k], .slot = slot, .weak = v.kind != V_TENSOR && !val_has_tensor(v), .first = v};
    c->dtype = DT_COUNT;
  }
  vec_free(&names);
  return ok;
}

static bool open_sequences(Elab *E, Building *w) {
  const Loop *l = w->l;
  if (l->kind == LOOP_REPEAT) {
    if (!expr_int(E, l->count, "the count of `repeat`", &w->count)) return false;
    if (w->count < 0)
      return elab_error(E, "E0309", l->count->span, "`repeat` needs a count of 0 or more, found %lld",
                        (long long)w->count),
             false;
    return true;
  }
  for (uint32_t k = 0; k < l->n_sources; k++) {
    const LoopSource *s = &l->source[k];
    Val v = expr_value(E, s->over);
    if (is_error(v)) return false;
    int64_t axis = 0, n;
    if (s->along && !expr_int(E, s->along, "the axis of `along`", &axis)) return false;
    if (v.kind == V_RANGE) {
      n = v.range.count;
    } else {
      v = to_tensor(E, v, DT_COUNT, s->over->span);
      if (is_error(v)) return false;
      const Type t = *type_of(E, v);
      if (axis < 0) axis += t.rank;
      if (axis < 0 || axis >= t.rank)
        return elab_error(E, "E0314", s->over->span, "no axis %lld to run along in %s", (long long)axis,
                          type_text(E, v)),
               false;
      n = t.dim[axis];
      if (axis) {
        int64_t perm[IR_MAX_RANK] = {axis};
        for (int64_t j = 0, at = 1; j < t.rank; j++)
          if (j != axis) perm[at++] = j;
        v = val_tensor(E, ir_transpose(&E->g->cur->b, node_of(E, v), perm));
      }
    }
    if (k && n != w->count)
      return elab_error(E, "E0309", s->over->span, "the sequences of a loop have %lld and %lld items",
                        (long long)w->count, (long long)n),
             false;
    w->count = n;
    w->seq[k].over = v;
  }
  return true;
}

/* The type of one item of a tensor that a loop runs over. */
static TypeId item_type(Elab *E, Val v) {
  const Type *t = type_of(E, v);
  return ir_type(E->m, (DType)t->dtype, t->rank - 1u, t->dim + 1);
}

static void bind_sequences(Elab *E, Building *w, Frame *f, const NodeId *outer) {
  for (uint32_t k = 0; k < w->l->n_sources; k++) {
    const LoopSource *s = &w->l->source[k];
    Val v;
    if (w->seq[k].over.kind == V_RANGE) {
      NodeId i = ir_cast(&f->b, f->iv, DT_I32);
      v = val_tensor(E, i);
      if (w->seq[k].over.range.step != 1) v = tensor_arith(E, BIN_MUL, v, val_int(w->seq[k].over.range.step), w->span);
      if (w->seq[k].over.range.lo != 0) v = tensor_arith(E, BIN_ADD, v, val_int(w->seq[k].over.range.lo), w->span);
    } else {
      TypeId t;
      Frame *cur = E->g->cur;
      E->g->cur = f->parent;
      t = item_type(E, w->seq[k].over);
      E->g->cur = cur;
      v = val_tensor(E, frame_param(E, f, FP_XS, t, outer[k], k));
    }
    v = anchor_binding(E, v, s->var);
    scope_bind(E, E->act->scope, s->var.text, v, s->var.span);
  }
}

static void bind_carried(Elab *E, Building *w, Frame *f, const NodeId *outer) {
  for (uint32_t k = 0; k < w->n_carry; k++) {
    Carried *c = &w->carry[k];
    TypeId t = ir_node(E->m, f->parent->b.region, outer[k])->type;
    c->param = frame_param(E, f, FP_CARRY, t, outer[k], k);
    Val v = val_tensor_ones(E, c->param, c->first.ones);
    v = anchor_binding(E, v, (Name){c->name, w->span});
    scope_bind(E, E->act->scope, c->name, v, w->span);
  }
}

/* A loop inside gives a name another dtype that a loop around it carries as a weak number: that loop starts again. */
static bool widen_outer(Elab *E, const Carried *c, DType dtype) {
  if (c->first.kind != V_TENSOR) return false;
  for (const Activation *a = E->act; a; a = a->up)
    for (const LoopCtx *l = a->loop; l; l = l->up) {
      Building *w = l->building;
      for (uint32_t k = 0; w && k < w->n_carry; k++) {
        Carried *o = &w->carry[k];
        bool same = (a == E->act && strcmp(o->name, c->name) == 0) ||
                    (c->first.t.frame == l->frame && c->first.t.node == o->param);
        if (!o->weak || o->dtype != DT_COUNT || !same) continue;
        o->dtype = dtype;
        return w->retry = true;
      }
    }
  return false;
}

/* What the body leaves in a carried name, checked against what it started with; w->retry: a weak number wants dtype. */
static NodeId carried_result(Elab *E, Building *w, Carried *c, TypeId want) {
  Slot *slot = scope_find(E->act->scope, c->name);
  Val v = slot ? to_tensor(E, slot->value, DT_COUNT, w->span) : val_error();
  if (is_error(v)) return IR_NONE;
  const Type *t = type_of(E, v), *first = ir_type_get(E->m, want);
  if (t->dtype != first->dtype && c->weak && c->dtype == DT_COUNT) {
    c->dtype = (DType)t->dtype;
    w->retry = true;
    return IR_NONE;
  }
  if (!val_has_tensor(slot->value)) v = to_tensor(E, slot->value, (DType)first->dtype, w->span), t = type_of(E, v);
  if (t->dtype != first->dtype || t->rank != first->rank || memcmp(t->dim, first->dim, t->rank * sizeof *t->dim) != 0) {
    if (t->dtype != first->dtype) widen_outer(E, c, (DType)t->dtype);
    elab_error(E, "E0315", w->span, "`%s` changes its type in the loop", c->name);
    elab_label(E, "%s before the loop, %s after the body", ir_type_str(E->m, want), type_text(E, v));
    if (t->dtype != first->dtype)
      elab_hint(E, "a carried value keeps shape and dtype: start it as `%s(..)`", ir_dtype_name((DType)t->dtype));
    else
      elab_hint(E, "a carried value keeps shape and dtype: start it as `zeros(..)` of the right shape");
    return IR_NONE;
  }
  c->first.ones &= v.ones;
  return node_of(E, v);
}

/* `until`: the condition region says go on while the first carried value, `done`, is false. */
static RegionId while_condition(Elab *E, const FrameParam *p, uint32_t n, RegionId body) {
  Builder b = ir_builder(E->m, ir_region_new(E->m), &E->ir_sink);
  b.loc = E->loc;
  NodeId done = IR_NONE;
  for (uint32_t k = 0; k < n; k++) {
    NodeId q = ir_param(&b, ir_node(E->m, body, p[k].param)->type);
    if (k == 0) done = q;
  }
  ir_result(&b, ir_unary(&b, OP_not, done));
  RegionId r = b.region;
  ir_builder_free(&b);
  return r;
}

static Val yields_result(Elab *E, Building *w, NodeId tuple, uint32_t first, uint32_t n) {
  if (!n) return val_kind(V_NONE);
  int64_t along = w->along;
  Val out = val_list(E, V_TUPLE, n);
  for (uint32_t k = 0; k < n; k++) {
    Val v = val_tensor(E, ir_proj(&E->g->cur->b, tuple, first + k));
    if (is_error(v)) return v;
    if (is_error(v = collect_along(E, v, along, w->span))) return v;
    out.list->at[k] = v;
  }
  return n == 1 ? out.list->at[0] : out;
}

/* Closes the body and emits the loop; rebinds what it carried. */
static Val emit_loop(Elab *E, Building *w, Frame *f, const NodeId *result, const NodeId *yield, uint32_t n_yield,
                     bool until) {
  uint32_t n_carry, n_xs, n_const;
  FrameParam *p = arena_array(&E->mem, FrameParam, f->param.n + 1);
  sort_params(f, p, &n_carry, &n_xs, &n_const);
  uint32_t n_named = w->n_carry + until, n_cells = n_carry - n_named;
  for (uint32_t k = 0; k < n_named; k++) ir_result(&f->b, result[k]);
  CellId *cells = arena_array(&E->mem, CellId, n_cells + 1);
  for (uint32_t k = 0; k < n_cells; k++) {
    cells[k] = p[1 + n_named + k].index;
    for (uint32_t j = 0; j < f->cell.n; j++)
      if (f->cell.at[j].cell == cells[k]) ir_result(&f->b, f->cell.at[j].node);
  }
  for (uint32_t k = 0; k < n_yield; k++) ir_result(&f->b, yield[k]);
  params_first(E, f, p);
  if (!n_carry && !n_yield) {
    frame_leave(E, f);
    elab_error(E, "E0309", w->span, "this loop computes nothing");
    elab_hint(E, "assign to a name that is bound before the loop, or collect values with `yield`");
    return val_error();
  }
  RegionId body = f->b.region;
  uint32_t n = n_carry + n_xs + n_const;
  NodeId *in = arena_array(&E->mem, NodeId, n + 1);
  for (uint32_t k = 0; k < n; k++) in[k] = p[k + 1].outer;
  frame_leave(E, f);
  Builder *b = &E->g->cur->b;
  NodeId tuple;
  if (until) {
    Attr a = {.count = w->count, .n_carry = n_carry, .n_consts = n_const};
    tuple = ir_emit_region(b, OP_while, in, n, &a, while_condition(E, p + 1, n, body), body);
  } else {
    tuple = ir_scan(b, w->count, false, in, n_carry, in + n_carry, n_xs, in + n_carry + n_xs, n_const, body);
  }
  if (elab_ir_errors(E, w->span) || tuple == IR_NONE) return val_error();
  for (uint32_t k = 0; k < w->n_carry; k++) {
    Val v = val_tensor_ones(E, ir_proj(b, tuple, k + until), w->carry[k].first.ones);
    v = anchor_binding(E, v, (Name){w->carry[k].name, w->span});
    Slot *slot = bound_before(E, w->carry[k].name);
    if (slot) slot->value = v;
  }
  for (uint32_t k = 0; k < n_cells; k++) cell_write(E, E->g->cur, cells[k], ir_proj(b, tuple, n_named + k));
  return yields_result(E, w, tuple, n_carry, n_yield);
}

static NodeId until_result(Elab *E, Building *w) {
  Val v = to_tensor(E, expr_value(E, w->l->until), DT_COUNT, w->l->until->span);
  if (is_error(v)) return IR_NONE;
  if (type_of(E, v)->dtype == DT_BOOL && type_of(E, v)->rank == 0) return node_of(E, v);
  elab_error(E, "E0308", w->l->until->span, "the condition of `until` must be one bool, found %s", type_text(E, v));
  return IR_NONE;
}

/* One elaboration of the body. */
static Val try_loop(Elab *E, Building *w) {
  const Loop *l = w->l;
  bool until = l->until != NULL;
  NodeId outer[MAX_CARRY], seq[MAX_TOGETHER];
  for (uint32_t k = 0; k < w->n_carry; k++) {
    Val v = to_tensor(E, w->carry[k].first, w->carry[k].dtype, w->span);
    if (is_error(v)) return v;
    if (w->carry[k].weak) w->carry[k].first.ones = v.ones;
    outer[k] = node_of(E, v);
  }
  for (uint32_t k = 0; k < l->n_sources; k++)
    if (w->seq[k].over.kind == V_TENSOR) seq[k] = node_of(E, w->seq[k].over);
  NodeId first_done = until ? ir_scalar_const(&E->g->cur->b, DT_BOOL, 0) : IR_NONE;
  Activation *act = E->act;
  Scope *back = act->scope;
  uint32_t calls = act->n_calls, errors = E->sink->n_errors;
  Frame *f = frame_open(E);
  f->iv = frame_param(E, f, FP_IV, ir_scalar(E->m, DT_I64), IR_NONE, 0);
  if (until) frame_param(E, f, FP_CARRY, ir_scalar(E->m, DT_BOOL), first_done, 0);
  act->scope = scope_new(E, back);
  bind_carried(E, w, f, outer);
  bind_sequences(E, w, f, seq);
  LoopCtx c = {.up = act->loop, .frame = f, .building = w};
  act->loop = &c;
  exec_block(E, &l->body);
  NodeId result[MAX_CARRY + 1], yield[MAX_TOGETHER];
  uint32_t at = 0, n_yield = 0;
  bool ok = E->sink->n_errors == errors;
  if (ok && until) ok = (result[at++] = until_result(E, w)) != IR_NONE;
  for (uint32_t k = 0; k < w->n_carry && ok; k++) {
    TypeId want = ir_node(E->m, f->b.region, w->carry[k].param)->type;
    result[at] = carried_result(E, w, &w->carry[k], want);
    ok = result[at++] != IR_NONE;
  }
  for (uint32_t k = 0; k < c.yielded.n && ok; k++) {
    Val v = to_tensor(E, c.yielded.at[k], DT_COUNT, c.yield_span);
    ok = !is_error(v);
    if (ok) yield[n_yield++] = node_of(E, v);
  }
  if (ok && until && n_yield)
    ok = (elab_error(E, "E0316", c.yield_span, "`yield` cannot stand in a loop with `until`"), false);
  if (ok && until && l->n_sources && w->l->kind == LOOP_FOR)
    for (uint32_t k = 0; k < l->n_sources; k++)
      if (w->seq[k].over.kind != V_RANGE)
        ok = (elab_error(E, "E0316", w->span, "`until` goes with `repeat` or a range"), false);
  ok = !elab_ir_errors(E, w->span) && ok;
  act->loop = c.up;
  act->scope->before = back->loops;
  back->loops = act->scope;
  act->scope = back;
  w->along = c.along;
  vec_free(&c.yielded);
  if (!ok) {
    if (w->retry) act->n_calls = calls;
    frame_leave(E, f);
    return val_error();
  }
  return emit_loop(E, w, f, result, yield, n_yield, until);
}

Val exec_loop(Elab *E, const Loop *l, Span span, bool as_expression) {
  (void)as_expression;
  if (l->kind == LOOP_UNROLL) return exec_unroll(E, l, span);
  if (l->n_sources > MAX_TOGETHER)
    return elab_error(E, "E0309", span, "a loop runs over at most %d sequences", MAX_TOGETHER);
  if (E->g->cur->depth >= MAX_NESTED) return elab_error(E, "E0309", span, "more than %d loops nest here", MAX_NESTED);
  Building *w = arena_new(&E->mem, Building);
  w->l = l, w->span = span;
  w->seq = arena_array(&E->mem, Sequence, l->n_sources + 1);
  if (!open_sequences(E, w) || !find_carried(E, w)) return val_error();
  elab_at(E, span);
  for (uint32_t attempt = 0; attempt <= w->n_carry + 1; attempt++) {
    const DiagSink before = *E->sink;
    w->retry = false;
    Val v = try_loop(E, w);
    if (!w->retry) {
      if (is_error(v))
        for (uint32_t k = 0; k < w->n_carry; k++) w->carry[k].slot->value = val_error();
      return v;
    }
    take_back_errors(E, before);
  }
  return val_error();
}

void yield_value(Elab *E, const Stmt *s) {
  LoopCtx *c = E->act->loop;
  if (!c) {
    elab_error(E, "E0316", s->span, "`yield` stands in a loop");
    return;
  }
  if (c->frame && c->n_yield++) {
    elab_error(E, "E0316", s->span, "a graph loop has one `yield`");
    elab_hint(E, "`yield a, b` collects two values");
    return;
  }
  c->yield_span = s->span;
  if (s->value2 && !expr_int(E, s->value2, "the axis of `along`", &c->along)) return;
  Val v = expr_value(E, s->value);
  if (c->frame && v.kind == V_TUPLE) {
    if (v.list->n > MAX_TOGETHER) elab_error(E, "E0316", s->span, "a `yield` collects at most %d values", MAX_TOGETHER);
    for (uint32_t k = 0; k < v.list->n && k < MAX_TOGETHER; k++) vec_push(&c->yielded, v.list->at[k]);
    return;
  }
  vec_push(&c->yielded, v);
}
