/* Expressions: one function per kind, dispatched by a table. */
#include "frontend/elab/expr.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/data.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/optim.h"
#include "frontend/elab/task/task.h"
#include "frontend/elab/tensor.h"
#include <math.h>

/* `step` and `epoch`: inputs of the graph, i64, counting from 1. */
static Val counter_value(Elab *E, InKind kind) {
  if (E->g->kind != GRAPH_STEP && E->g->kind != GRAPH_EVENT)
    return elab_error(E, "E0614", E->span, "steps and epochs are counted in a `train`");
  NodeId n = graph_step_number(E, kind);
  return (Val){.kind = V_TENSOR, .t = {n, E->g->root}};
}

Val read_value(Elab *E, Val v) {
  if (v.kind == V_CELL) return cell_value(E, v.cell, v.frozen);
  if (v.kind == V_FIELD) return field_tensor(E, v.data, E->span);
  if (v.kind == V_COUNTER) return counter_value(E, (InKind)v.i);
  return v;
}

Val expr_value(Elab *E, const Expr *e) { return read_value(E, expr(E, e)); }

/* ---------------------------------------------------------------- compile-time results */

bool val_to_int(Elab *E, Val v, Span span, const char *what, int64_t *out) {
  v = read_value(E, v);
  if (is_error(v)) return false;
  if (v.kind == V_INT || v.kind == V_BOOL) return *out = v.i, true;
  if (v.kind == V_FLOAT && v.f == floor(v.f) && fabs(v.f) < 9e15) return *out = (int64_t)v.f, true;
  if (v.kind == V_TENSOR) {
    elab_error(E, "E0307", span, "%s must be known at compile time, found the tensor %s", what, type_text(E, v));
    elab_hint(E, "only numbers, `let` values and shapes are compile-time; tensors are computed when the program runs");
    return false;
  }
  elab_error(E, "E0308", span, "%s must be an integer, found %s", what, val_kind_name(E, v));
  return false;
}

bool val_to_bool(Elab *E, Val v, Span span, const char *what, bool *out) {
  v = read_value(E, v);
  if (is_error(v)) return false;
  if (is_number(v)) return *out = val_number(v) != 0, true;
  if (v.kind == V_TENSOR) {
    elab_error(E, "E0307", span, "%s must be known at compile time, found the tensor %s", what, type_text(E, v));
    elab_hint(E, "choose between tensors with `where(c, a, b)`");
    return false;
  }
  elab_error(E, "E0308", span, "%s must be true or false, found %s", what, val_kind_name(E, v));
  return false;
}

bool expr_int(Elab *E, const Expr *e, const char *what, int64_t *out) {
  return val_to_int(E, expr(E, e), e->span, what, out);
}

bool expr_bool(Elab *E, const Expr *e, const char *what, bool *out) {
  return val_to_bool(E, expr(E, e), e->span, what, out);
}

bool expr_string(Elab *E, const Expr *e, const char *what, const char **out) {
  Val v = expr(E, e);
  if (v.kind == V_STRING) return *out = v.s, true;
  if (!is_error(v)) elab_error(E, "E0308", e->span, "%s must be a string, found %s", what, val_kind_name(E, v));
  return false;
}

bool val_to_shape(Elab *E, Val v, Span span, const char *what, uint32_t *rank, int64_t *dim, uint16_t *ones) {
  *rank = 0;
  if (ones) *ones = 0;
  if (is_error(v)) return false;
  if (is_number(v) || v.kind == V_REST) {
    Val l = val_list(E, V_LIST, 1);
    l.list->at[0] = v;
    v = l;
  }
  if (!is_list(v))
    return elab_error(E, "E0308", span, "%s must be a list of extents, found %s", what, val_kind_name(E, v)), false;
  for (uint32_t k = 0; k < v.list->n; k++) {
    Val item = v.list->at[k];
    uint32_t n = item.kind == V_REST ? item.rest.dims->n : 1;
    if (*rank + n > IR_MAX_RANK) return elab_error(E, "E0302", span, "a tensor has at most 8 axes"), false;
    if (item.kind == V_REST) {
      for (uint32_t j = 0; j < n; j++) dim[(*rank)++] = item.rest.dims->at[j].i;
      continue;
    }
    if (!val_to_int(E, item, span, "an extent", &dim[*rank])) return false;
    if (ones && dim[*rank] == 1 && item.literal) *ones |= (uint16_t)(1u << *rank);
    (*rank)++;
  }
  return true;
}

/* ---------------------------------------------------------------- literals and names */

static Val expr_number(Elab *E, const Expr *e) {
  (void)E;
  Val v = e->is_integer ? val_int((int64_t)e->number) : val_float(e->number);
  v.literal = true;
  return v;
}

static Val expr_bool_(Elab *E, const Expr *e) {
  (void)E;
  return val_bool(e->number != 0);
}

static Val expr_none(Elab *E, const Expr *e) {
  (void)E, (void)e;
  return val_kind(V_NONE);
}

const char *format_value(Elab *E, Val v, const char *format) {
  if (!format || !is_number(v)) return val_text(E, v);
  size_t n = strlen(format);
  char kind = n ? format[n - 1] : 'g';
  int width = 0, precision = 6;
  const char *dot = strchr(format, '.');
  width = atoi(format);
  if (dot) precision = atoi(dot + 1);
  if (width > 60) width = 60;
  if (precision > 30) precision = 30;
  if (kind == 'd') return elab_text(E, "%*lld", width, (long long)val_number(v));
  if (kind == 'f') return elab_text(E, "%*.*f", width, precision, val_number(v));
  if (kind == 'e') return elab_text(E, "%*.*e", width, precision, val_number(v));
  return elab_text(E, "%*.*g", width, precision, val_number(v));
}

Val string_value(Elab *E, const Expr *e) {
  if (e->n == 1 && e->part[0].text) return val_string(e->part[0].text);
  StrBuf b = {0};
  for (uint32_t k = 0; k < e->n; k++) {
    if (e->part[k].text) {
      sb_puts(&b, e->part[k].text);
      continue;
    }
    Val v = expr(E, e->part[k].value);
    if (val_has_tensor(v)) {
      elab_error(E, "E0307", e->part[k].value->span, "a name must be known at compile time, found %s",
                 val_kind_name(E, read_value(E, v)));
      sb_free(&b);
      return val_error();
    }
    if (is_error(v)) {
      sb_free(&b);
      return v;
    }
    sb_puts(&b, format_value(E, v, e->part[k].format));
  }
  Val v = val_string(arena_strdup(&E->mem, b.s ? b.s : ""));
  sb_free(&b);
  return v;
}

static Val expr_name(Elab *E, const Expr *e) {
  Slot *s = scope_find(E->act->scope, e->name.text);
  if (s) {
    Val v = s->value;
    if (v.kind == V_CELL || v.kind == V_INSTANCE) v.frozen |= E->act->frozen;
    bool past = v.kind == V_TENSOR && E->task && E->task->in_event && v.t.frame->graph == E->task->step;
    if (past) return step_value(E, e->name.text, v, e->span);
    return v;
  }
  if (strcmp(e->name.text, "training") == 0) return val_bool(E->act->training);
  elab_error(E, "E0201", e->span, "unknown name `%s`", e->name.text);
  Slot *local = scope_in_loops(E->act->scope, e->name.text);
  if (local) {
    diag_note(E->sink, local->span, "it is local to the loop that binds it here");
    elab_hint(E, "bind it before the loop: then it is carried, and keeps its last value");
    return val_error();
  }
  if (foreign_name_hint(E, e->name.text)) return val_error();
  const char *near = scope_nearest(E, E->act->scope, e->name.text);
  if (near) elab_hint(E, "did you mean `%s`?", near);
  return val_error();
}

/* ---------------------------------------------------------------- lists, ranges */

static Val expr_list(Elab *E, const Expr *e) {
  Val l = val_list(E, e->kind == EXPR_TUPLE ? V_TUPLE : V_LIST, e->n);
  bool bad = false;
  for (uint32_t k = 0; k < e->n; k++) {
    l.list->at[k] = expr_value(E, e->item[k]);
    bad |= is_error(l.list->at[k]);
  }
  return bad ? val_error() : l;
}

static Val expr_range(Elab *E, const Expr *e) {
  if (!e->b) { /* `b..` or `..`: the dimensions of a pattern's rest */
    Slot *s = e->a ? NULL : scope_find(E->act->scope, "..");
    if (!e->a && !s) return elab_error(E, "E0201", e->span, "there is no pattern whose rest `..` could mean");
    Val v = s ? s->value : expr(E, e->a);
    if (v.kind == V_REST || is_error(v)) return v;
    return elab_error(E, "E0308", e->span, "`..` after a name stands for the rest of a shape pattern, found %s",
                      val_kind_name(E, v));
  }
  int64_t lo, hi;
  if (!expr_int(E, e->a, "the start of a range", &lo) || !expr_int(E, e->b, "the end of a range", &hi))
    return val_error();
  int64_t count;
  if (__builtin_sub_overflow(hi, lo, &count)) return elab_error(E, "E0210", e->span, "this range is too long");
  return (Val){.kind = V_RANGE, .range = {lo, 1, count > 0 ? count : 0}};
}

static Val expr_comprehension(Elab *E, const Expr *e) {
  Val over = expr_value(E, e->b);
  if (is_error(over)) return over;
  int64_t n;
  if (over.kind == V_RANGE)
    n = over.range.count;
  else if (is_list(over))
    n = over.list->n;
  else
    return elab_error(E, "E0309", e->b->span, "a comprehension runs over a compile-time range or list, found %s",
                      val_kind_name(E, over));
  if (n > 100000) return elab_error(E, "E0309", e->b->span, "%lld items are too many to unroll", (long long)n);
  Val l = val_list(E, V_LIST, (uint32_t)n);
  Scope *outer = E->act->scope;
  uint64_t unroll = E->act->unroll;
  E->act->scope = scope_new(E, outer);
  for (uint32_t k = 0; k < n; k++) {
    E->act->unroll = path_mix(unroll, k + 1);
    scope_bind(E, E->act->scope, e->name.text, over.kind == V_RANGE ? range_item(over, k) : over.list->at[k],
               e->name.span);
    l.list->at[k] = expr_value(E, e->a);
    if (is_error(l.list->at[k])) l = val_error(), n = 0;
  }
  E->act->scope = outer;
  E->act->unroll = unroll;
  return l;
}

/* ---------------------------------------------------------------- operators */

static Val expr_unary(Elab *E, const Expr *e) {
  Val a = expr_value(E, e->a);
  elab_at(E, e->span);
  if (is_error(a)) return a;
  if (e->un == UN_NOT) {
    if (is_number(a)) return val_bool(val_number(a) == 0);
    return tensor_not(E, a, e->span);
  }
  if (a.kind == V_BOOL) return val_int(-a.i);
  if (a.kind == V_INT) {
    if (a.i == INT64_MIN) return elab_error(E, "E0210", e->span, "-(%lld) does not fit in 64 bits", (long long)a.i);
    return val_int(-a.i);
  }
  if (a.kind == V_FLOAT) return val_float(-a.f);
  if (a.kind == V_GROUP) return group_binary(E, BIN_SUB, val_int(0), a, e->span);
  return tensor_neg(E, a, e->span);
}

static bool compile_time(Val v) { return !val_has_tensor(v) && v.kind != V_GROUP; }

/* An operator on a function: the call may have been forgotten. */
static Val with_call_hint(Elab *E, Val r, Val a, Val b) {
  if (is_error(r) && (is_callable(a) || is_callable(b))) callable_hint(E, is_callable(a) ? a : b);
  return r;
}

static Val expr_binary(Elab *E, const Expr *e) {
  Val a = expr_value(E, e->a);
  /* `and`, `or` decide at compile time without looking at the right side when the left settles it */
  if ((e->bin == BIN_AND || e->bin == BIN_OR) && is_number(a) && (val_number(a) != 0) == (e->bin == BIN_OR))
    return val_bool(e->bin == BIN_OR);
  Val b = expr_value(E, e->b);
  elab_at(E, e->span);
  if (is_error(a) || is_error(b)) return val_error();
  if (a.kind == V_GROUP || b.kind == V_GROUP) return group_binary(E, e->bin, a, b, e->span);
  bool ordered = e->bin < BIN_EQ || (e->bin >= BIN_LT && e->bin <= BIN_GE);
  bool lists = (is_list(a) || is_list(b)) && ordered && !(is_list(a) && is_list(b) && e->bin == BIN_ADD);
  if (compile_time(a) && compile_time(b) && !(lists && (is_number(a) || is_number(b) || (is_list(a) && is_list(b)))))
    return with_call_hint(E, val_binary(E, e->bin, a, b, e->span), a, b);
  if ((!is_number(a) && !is_list(a) && a.kind != V_TENSOR) || (!is_number(b) && !is_list(b) && b.kind != V_TENSOR)) {
    elab_error(E, "E0303", e->span, "`%s` does not take %s and %s", binary_sign(e->bin), val_kind_name(E, a),
               val_kind_name(E, b));
    return with_call_hint(E, val_error(), a, b);
  }
  Val r = tensor_arith(E, e->bin, a, b, e->span);
  if (elab_ir_errors(E, e->span)) return val_error();
  return r;
}

static Val expr_if(Elab *E, const Expr *e) {
  bool c;
  if (!expr_bool(E, e->a, "the condition of `if`", &c)) return val_error();
  return expr(E, c ? e->b : e->c);
}

/* ---------------------------------------------------------------- calls, members, indices */

static Val expr_call(Elab *E, const Expr *e) {
  Val f = expr(E, e->a);
  if (is_error(f)) {
    args_eval(E, e);
    return f;
  }
  if (f.kind == V_LAYER) {
    Args config = args_eval(E, e);
    return apply_layer(E, f.fn, &config, e, e->span, NULL);
  }
  if (f.kind == V_OPTIMIZER) {
    Args config = args_eval(E, e);
    return apply_optimizer(E, f.fn, &config, e, e->span);
  }
  Args a = args_eval(E, e);
  for (uint32_t k = 0; k < a.n; k++)
    if (is_error(a.value[k])) return val_error();
  elab_at(E, e->span);
  return call_value(E, f, &a, e->span);
}

static Val expr_index(Elab *E, const Expr *e) {
  Val v = expr_value(E, e->a);
  if (is_error(v)) return v;
  elab_at(E, e->span);
  Val r = index_value(E, v, e->index, e->n, e->span);
  if (elab_ir_errors(E, e->span)) return val_error();
  return r;
}

static Val expr_lambda(Elab *E, const Expr *e) {
  Closure *c = arena_new(&E->mem, Closure);
  c->lambda = e;
  c->scope = scope_snapshot(E, E->act->scope);
  c->owner = E->act->may_apply ? E->act->owner : NULL;
  c->name = "fn";
  return (Val){.kind = V_FN, .fn = c};
}

static Val expr_loop(Elab *E, const Expr *e) { return exec_loop(E, e->loop, e->span, true); }

static Val expr_data(Elab *E, const Expr *e) {
  return elab_error(E, "E0601", e->span, "`generate` stands at the right of `data name =`");
}

#define MAX_WORK 2000000

void elab_halt(Elab *E) { E->halted = true; }

bool elab_spend(Elab *E, Span span) {
  if (E->halted) return false;
  size_t deep = (size_t)(E->stack - (const char *)__builtin_frame_address(0));
  if (deep <= E->stack_room && ++E->work <= MAX_WORK) return true;
  elab_halt(E);
  if (deep > E->stack_room) return elab_error(E, "E0208", span, "calls and expressions nest too deep here"), false;
  elab_error(E, "E0214", span, "this program is too large: more than %d expressions once everything is unrolled",
             MAX_WORK);
  elab_hint(E, "calls are inlined and `unroll` repeats its text; a graph loop (`repeat`, `for`) is built once");
  return false;
}

Val expr(Elab *E, const Expr *e) {
  static Val (*const rows[])(Elab *, const Expr *) = {
      [EXPR_NUMBER] = expr_number,  [EXPR_STRING] = string_value,
      [EXPR_BOOL] = expr_bool_,     [EXPR_NONE] = expr_none,
      [EXPR_NAME] = expr_name,      [EXPR_LIST] = expr_list,
      [EXPR_TUPLE] = expr_list,     [EXPR_UNARY] = expr_unary,
      [EXPR_BINARY] = expr_binary,  [EXPR_CALL] = expr_call,
      [EXPR_MEMBER] = member_value, [EXPR_INDEX] = expr_index,
      [EXPR_IF] = expr_if,          [EXPR_RANGE] = expr_range,
      [EXPR_LAMBDA] = expr_lambda,  [EXPR_COMPREHENSION] = expr_comprehension,
      [EXPR_LOOP] = expr_loop,      [EXPR_DATA] = expr_data,
  };
  if (!elab_spend(E, e->span)) return val_error();
  elab_at(E, e->span);
  Val v = rows[e->kind](E, e);
  if (is_error(v) && !E->sink->n_errors && !elab_ir_errors(E, e->span))
    elab_error(E, "E0303", e->span, "this has no value");
  return v;
}
