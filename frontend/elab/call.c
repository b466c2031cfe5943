/* Calls: arguments, parameter patterns, inlining of functions. */
#include "frontend/elab/call.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/optim.h"
#include "frontend/elab/tensor.h"

#define MAX_CALL_DEPTH 200

uint64_t path_mix(uint64_t path, uint64_t k) {
  uint64_t z = path + 0x9e3779b97f4a7c15u * (k + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

Args args_eval(Elab *E, const Expr *call) {
  Args a = {.n = call->n};
  a.value = arena_array(&E->mem, Val, call->n + 1);
  a.name = arena_array(&E->mem, const char *, call->n + 1);
  a.span = arena_array(&E->mem, Span, call->n + 1);
  for (uint32_t k = 0; k < call->n; k++) {
    a.value[k] = expr(E, call->arg[k].value);
    a.name[k] = call->arg[k].name.text;
    a.span[k] = call->arg[k].value->span;
  }
  return a;
}

/* ---------------------------------------------------------------- activations */

Activation *activation_push(Elab *E, Activation *a, Scope *scope, Span span, const char *what) {
  Activation *up = E->act;
  *a = (Activation){.up = up, .scope = scope, .span = span, .what = what, .loc = E->loc};
  a->result = val_kind(V_NONE);
  if (up) {
    a->training = up->training;
    a->frozen = up->frozen;
    a->path = path_mix(up->path, up->n_calls++);
  }
  E->act = a;
  return a;
}

void activation_pop(Elab *E, Activation *a) {
  E->act = a->up;
  elab_at(E, a->span);
}

/* ---------------------------------------------------------------- parameters */

static const char *signature(Elab *E, const char *callee, const Param *param, uint32_t n) {
  StrBuf b = {0};
  sb_printf(&b, "%s(", callee);
  for (uint32_t k = 0; k < n; k++)
    sb_printf(&b, "%s%s%s", k ? ", " : "", param[k].name.text, param[k].value ? " = .." : "");
  sb_putc(&b, ')');
  const char *s = arena_strdup(&E->mem, b.s);
  sb_free(&b);
  return s;
}

/* `cell(16, h, x)`: the arguments of a layer's two lists in one. */
static bool one_list_hint(Elab *E, const Closure *layer, const Args *a) {
  const Func *f = layer->func;
  uint32_t first = a->n - f->n_param;
  if (a->n < f->n_param || first > f->n_config) return false;
  StrBuf b = {0};
  sb_printf(&b, "%s(", layer->name);
  for (uint32_t k = 0; k < a->n; k++) {
    if (k == first)
      sb_puts(&b, ")(");
    else if (k)
      sb_puts(&b, ", ");
    const Span s = a->span[k];
    if (a->name[k]) sb_printf(&b, "%s = ", a->name[k]);
    sb_printf(&b, "%.*s", (int)(s.end - s.begin), E->sources->source.at[s.source].text + s.begin);
  }
  elab_hint(E, "what it is, then what it is applied to: `%s)`", b.s);
  sb_free(&b);
  return true;
}

/* `dense(x)`: what the layer is to be applied to stands in its first list. */
static bool tensor_config_hint(Elab *E, const Instance *i) {
  const Func *f = i->def->func;
  const Slot *s = f->n_config && f->n_param ? scope_here(i->config, f->config[0].name.text) : NULL;
  if (!s || s->value.kind != V_TENSOR) return false;
  const char *config = f->config[0].name.text, *x = f->param[0].name.text;
  elab_hint(E, "a layer takes two lists: `%s(%s)(%s)`", i->layer, config, x);
  return true;
}

void callable_hint(Elab *E, Val v) {
  if (v.kind == V_INSTANCE && tensor_config_hint(E, v.instance)) return;
  if (v.kind == V_BUILTIN) elab_hint(E, "call it: `%s(..)`", v.builtin->name);
  if (v.kind == V_LAYER) elab_hint(E, "a layer takes two lists: `%s(..)(x)`", v.fn->name);
  if (v.kind != V_FN && v.kind != V_INSTANCE) return;
  const Closure *c = v.kind == V_FN ? v.fn : v.instance->def;
  const char *name = c->name;
  if (v.kind == V_INSTANCE && v.instance->auto_named) name = elab_text(E, "%s(..)", c->name);
  if (v.kind == V_INSTANCE && !v.instance->auto_named) {
    const char *dot = strrchr(v.instance->name, '.');
    name = dot ? dot + 1 : v.instance->name;
  }
  const Param *param = c->lambda ? c->lambda->param : c->func->param;
  StrBuf b = {0};
  for (uint32_t k = 0; k < (c->lambda ? c->lambda->n : c->func->n_param); k++)
    if (!param[k].value) sb_printf(&b, "%s%s", b.n ? ", " : "", param[k].name.text);
  elab_hint(E, "call it: `%s(%s)`", name, b.s ? b.s : "");
  sb_free(&b);
}

void axis_hint(Elab *E, const char *name, const char *before, const char *signature) {
  bool dim = strcmp(name, "dim") == 0 && strstr(signature, "axis");
  bool keep = strncmp(name, "keepdim", 7) == 0 && strstr(signature, "keep");
  if (dim || keep)
    elab_hint(E, "it is called `%s` here", dim ? "axis" : "keep");
  else
    elab_hint(E, "%s %s", before, signature);
}

/* Which argument each parameter takes; UINT32_MAX = its default. */
static bool match_args(Elab *E, const Param *param, uint32_t n, const Args *a, Span span, const char *callee,
                       uint32_t *from) {
  for (uint32_t k = 0; k < n; k++) from[k] = UINT32_MAX;
  uint32_t position = 0;
  for (uint32_t k = 0; k < a->n; k++) {
    uint32_t p = 0;
    if (!a->name[k]) {
      p = position++;
      if (p >= n) {
        elab_error(E, "E0204", a->span[k], "`%s` takes %u argument%s, found more", callee, n, n == 1 ? "" : "s");
        elab_hint(E, "it is declared as %s", signature(E, callee, param, n));
        return false;
      }
    } else {
      while (p < n && strcmp(param[p].name.text, a->name[k]) != 0) p++;
      if (p == n) {
        elab_error(E, "E0205", a->span[k], "`%s` has no parameter `%s`", callee, a->name[k]);
        axis_hint(E, a->name[k], "it is declared as", signature(E, callee, param, n));
        return false;
      }
    }
    if (from[p] != UINT32_MAX) {
      elab_error(E, "E0206", a->span[k], "`%s` of `%s` is given twice", param[p].name.text, callee);
      return false;
    }
    from[p] = k;
  }
  for (uint32_t k = 0; k < n; k++)
    if (from[k] == UINT32_MAX && !param[k].value) {
      elab_error(E, "E0207", span, "`%s` needs a value for `%s`", callee, param[k].name.text);
      elab_hint(E, "it is declared as %s", signature(E, callee, param, n));
      return false;
    }
  return true;
}

bool bind_config(Elab *E, Scope *scope, const Closure *layer, const Args *a, Span span) {
  const Func *f = layer->func;
  uint32_t positional = 0, errors = E->sink->n_errors;
  for (uint32_t k = 0; k < a->n; k++) positional += !a->name[k];
  if (positional > f->n_config && f->n_param) {
    elab_error(E, "E0401", span, "`%s` is a layer: it takes two lists of arguments", layer->name);
    if (!one_list_hint(E, layer, a))
      elab_hint(E, "it is declared as %s%s", signature(E, layer->name, f->config, f->n_config),
                signature(E, "", f->param, f->n_param));
  }
  return E->sink->n_errors == errors && bind_params(E, scope, f->config, f->n_config, a, span, layer->name);
}

bool bind_params(Elab *E, Scope *scope, const Param *param, uint32_t n, const Args *a, Span span, const char *callee) {
  uint32_t *from = arena_array(&E->mem, uint32_t, n + 1);
  if (!match_args(E, param, n, a, span, callee, from)) return false;
  for (uint32_t k = 0; k < n; k++) {
    Val v = from[k] == UINT32_MAX ? expr_value(E, param[k].value) : read_value(E, a->value[from[k]]);
    Span at = from[k] == UINT32_MAX ? span : a->span[from[k]];
    if (is_error(v)) return false;
    v.literal = false;
    if (param[k].pattern.present && !bind_pattern(E, scope, &param[k].pattern, &v, at, param[k].name.text))
      return false;
    v = anchor_binding(E, v, param[k].name);
    scope_bind(E, scope, param[k].name.text, v, param[k].name.span);
  }
  return true;
}

/* ---------------------------------------------------------------- shape patterns */

static const char *pattern_text(Elab *E, const Shape *p) {
  StrBuf b = {0};
  sb_putc(&b, '[');
  for (uint32_t k = 0; k < p->n; k++) {
    if (k) sb_puts(&b, ", ");
    const ShapeItem *s = &p->item[k];
    if (!s->dim)
      sb_printf(&b, "%s..", s->rest.text ? s->rest.text : "");
    else if (s->dim->kind == EXPR_NAME)
      sb_puts(&b, s->dim->name.text);
    else {
      Val v = expr_value(E, s->dim);
      sb_puts(&b, is_error(v) ? "?" : val_text(E, v));
    }
  }
  sb_putc(&b, ']');
  const char *s = arena_strdup(&E->mem, b.s);
  sb_free(&b);
  return s;
}

static bool pattern_error(Elab *E, const Shape *p, Val v, Span span, const char *what) {
  elab_error(E, "E0310", span, "`%s` has the wrong shape", what);
  elab_label(E, "expected %s, found %s", pattern_text(E, p), type_text(E, v));
  return false;
}

static bool bind_dim(Elab *E, Scope *scope, const Shape *p, const ShapeItem *item, int64_t extent, Val v, Span span,
                     const char *what) {
  int64_t want;
  if (item->dim->kind == EXPR_NAME) {
    const char *name = item->dim->name.text;
    Slot *s = scope_find(scope, name);
    if (!s || s->value.kind != V_INT) {
      scope_bind(E, scope, name, val_int(extent), item->span);
      return true;
    }
    want = s->value.i;
  } else if (!expr_int(E, item->dim, "an extent", &want)) {
    return false;
  }
  if (want == extent) return true;
  pattern_error(E, p, v, span, what);
  if (item->dim->kind == EXPR_NAME) elab_hint(E, "`%s` is %lld here", item->dim->name.text, (long long)want);
  return false;
}

bool bind_pattern(Elab *E, Scope *scope, const Shape *p, Val *v, Span span, const char *what) {
  if (v->kind != V_TENSOR)
    *v =
        is_number(*v) ? to_tensor(E, *v, v->kind == V_BOOL ? DT_BOOL : E->fdt, span) : to_tensor(E, *v, DT_COUNT, span);
  if (is_error(*v)) return false;
  const Type *t = type_of(E, *v);
  uint32_t rest = UINT32_MAX, fixed = 0;
  for (uint32_t k = 0; k < p->n; k++) {
    if (p->item[k].dim)
      fixed++;
    else
      rest = k;
  }
  if (rest == UINT32_MAX ? t->rank != p->n : t->rank < fixed) return pattern_error(E, p, *v, span, what);
  uint32_t axis = 0;
  for (uint32_t k = 0; k < p->n; k++) {
    const ShapeItem *item = &p->item[k];
    if (item->dim) {
      if (!bind_dim(E, scope, p, item, t->dim[axis], *v, span, what)) return false;
      axis++;
      continue;
    }
    uint32_t n = t->rank - fixed;
    Val dims = val_list(E, V_LIST, n);
    for (uint32_t j = 0; j < n; j++) dims.list->at[j] = val_int(t->dim[axis + j]);
    const char *name = item->rest.text && item->rest.text[0] ? item->rest.text : "..";
    scope_bind(E, scope, name, (Val){.kind = V_REST, .rest = {dims.list, axis}}, item->span);
    axis += n;
  }
  return true;
}

bool declared_shape(Elab *E, const Shape *s, uint32_t *rank, int64_t *dim, uint16_t *ones) {
  Val l = val_list(E, V_LIST, s->n);
  for (uint32_t k = 0; k < s->n; k++) {
    const ShapeItem *item = &s->item[k];
    if (item->dim) {
      l.list->at[k] = expr_value(E, item->dim);
    } else {
      Slot *slot = scope_find(E->act->scope, item->rest.text && item->rest.text[0] ? item->rest.text : "..");
      if (!slot || slot->value.kind != V_REST)
        return elab_error(E, "E0201", item->span, "a rest `..` in a declared shape names axes of a pattern"), false;
      l.list->at[k] = slot->value;
    }
    if (is_error(l.list->at[k])) return false;
  }
  if (!val_to_shape(E, l, s->span, "a shape", rank, dim, ones)) return false;
  for (uint32_t k = 0; k < *rank; k++)
    if (dim[k] < 0)
      return elab_error(E, "E0302", s->span, "an extent cannot be negative, found %lld", (long long)dim[k]), false;
  return true;
}

/* ---------------------------------------------------------------- inlining */

static Val run_body(Elab *E, const Block *b) {
  exec_block(E, b);
  return E->act->result;
}

bool call_enter(Elab *E, const char *callee, Span span) {
  if (E->depth == MAX_CALL_DEPTH) {
    elab_error(E, "E0208", span, "calls nest deeper than %d: does `%s` call itself?", MAX_CALL_DEPTH, callee);
    elab_hint(E, "functions are inlined; write a loop instead");
    elab_halt(E);
    return false;
  }
  E->depth++;
  return true;
}

void call_leave(Elab *E) { E->depth--; }

Val call_closure(Elab *E, Closure *c, const Args *a, Span span, bool inference) {
  if (!call_enter(E, c->name, span)) return val_error();
  Activation act;
  Scope *scope = scope_new(E, c->scope);
  scope->function = true;
  activation_push(E, &act, scope, span, c->name);
  if (inference) act.training = false;
  act.owner = c->owner;
  act.may_apply = c->owner != NULL;
  const Param *param = c->lambda ? c->lambda->param : c->func->param;
  uint32_t n = c->lambda ? c->lambda->n : c->func->n_param;
  const Expr *value = c->lambda ? c->lambda->a : c->func->value;
  act.anchors = anchor_names(E, c->lambda ? (const void *)c->lambda : c->func, c->lambda ? NULL : &c->func->body, value,
                             param, n);
  Val r = val_error();
  if (bind_params(E, scope, param, n, a, span, c->name)) r = value ? expr_value(E, value) : run_body(E, &c->func->body);
  activation_pop(E, &act);
  call_leave(E);
  return r;
}

Val call_value(Elab *E, Val f, const Args *a, Span span) {
  switch ((ValKind)f.kind) {
  case V_ERROR: return f;
  case V_FN: return call_closure(E, f.fn, a, span, f.inference);
  case V_BUILTIN: return call_builtin(E, f.builtin, a, span);
  case V_OBJECTIVE: return objective_call(E, f, a, span);
  case V_INSTANCE: return call_instance(E, f, a, span);
  case V_LAYER: {
    elab_error(E, "E0401", span, "`%s` is a layer: it needs both argument lists", f.fn->name);
    elab_hint(E, "write `%s(..)(x)`; the first list may be empty", f.fn->name);
    return val_error();
  }
  case V_CELL:
  case V_TENSOR: {
    elab_error(E, "E0202", span, "%s is no function", val_kind_name(E, f));
    elab_hint(E, "multiplication is written `*`, indexing `x[..]`");
    return val_error();
  }
  default: return elab_error(E, "E0202", span, "%s is no function", val_kind_name(E, f));
  }
}
