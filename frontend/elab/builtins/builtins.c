/* The table of built-in functions (docs/builtins.md) and how a call finds its arguments. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/state.h"
#include <math.h>

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }

#define UNARY(name, op, f)                                                                                             \
  { name, "x", bi_unary, op, f, .group = true }
#define REDUCE(name, code)                                                                                             \
  { name, "x axis? keep?", bi_reduce, code }

const Builtin builtin_table[] = {
    UNARY("abs", OP_abs, fabs),
    UNARY("sign", OP_sign, sign),
    UNARY("floor", OP_floor, floor),
    UNARY("ceil", OP_ceil, ceil),
    UNARY("round", OP_round, nearbyint),
    UNARY("exp", OP_exp, exp),
    UNARY("expm1", OP_expm1, expm1),
    UNARY("log", OP_log, log),
    UNARY("log1p", OP_log1p, log1p),
    UNARY("sqrt", OP_sqrt, sqrt),
    UNARY("sin", OP_sin, sin),
    UNARY("cos", OP_cos, cos),
    UNARY("tanh", OP_tanh, tanh),
    UNARY("atan", OP_atan, atan),
    UNARY("sigmoid", OP_logistic, sigmoid),
    UNARY("softplus", OP_softplus, softplus),
    UNARY("erf", OP_erf, erf),
    {"is_finite", "x", bi_is_finite},
    {"min", "x y? axis? keep?", bi_minmax, OP_min},
    {"max", "x y? axis? keep?", bi_minmax, OP_max},
    {"where", "c a b", bi_where},
    {"bool", "x", bi_cast, DT_BOOL, .group = true},
    {"u8", "x", bi_cast, DT_U8, .group = true},
    {"i32", "x", bi_cast, DT_I32, .group = true},
    {"i64", "x", bi_cast, DT_I64, .group = true},
    {"f32", "x", bi_cast, DT_F32, .group = true},
    {"f64", "x", bi_cast, DT_F64, .group = true},
    {"float", "x", bi_cast, DT_COUNT, .group = true},
    REDUCE("sum", 's'),
    REDUCE("mean", 'm'),
    REDUCE("prod", 'p'),
    REDUCE("any", 'o'),
    REDUCE("all", 'a'),
    {"argmax", "x axis? keep?", bi_argmax, OP_argmax},
    {"argmin", "x axis? keep?", bi_argmax, OP_argmin},
    {"norm", "x axis? keep?", bi_norm},
    {"dot", "a b", bi_dot},
    {"count", "x", bi_count},
    {"cumsum", "x axis? reverse?", bi_cumsum},
    {"sort", "x axis?", bi_sort, OP_sort},
    {"argsort", "x axis?", bi_sort, OP_argsort},
    {"shape", "x", bi_shape},
    {"rank", "x", bi_rank},
    {"len", "x", bi_len},
    {"reshape", "x shape", bi_reshape},
    {"flatten", "x", bi_flatten},
    {"transpose", "x axes?", bi_transpose},
    {"broadcast_to", "x shape", bi_broadcast_to},
    {"concat", "list axis?", bi_concat},
    {"stack", "list axis?", bi_stack},
    {"split", "x parts axis?", bi_split},
    {"pad", "x widths value?", bi_pad},
    {"reverse", "x axis?", bi_reverse},
    {"gather", "x i axis?", bi_gather},
    {"take", "x i axis?", bi_gather},
    {"pick", "x i", bi_pick},
    {"segment_sum", "x i n", bi_segment_sum},
    {"one_hot", "i n", bi_one_hot},
    {"zeros", "shape? like?", bi_full, 0},
    {"ones", "shape? like?", bi_full, 1},
    {"full", "shape? value? like?", bi_full, 2},
    {"iota", "n", bi_iota},
    {"arange", "a b step?", bi_arange},
    {"linspace", "a b n", bi_linspace},
    {"eye", "n", bi_eye},
    {"normal", "shape? mean? std? like?", bi_normal},
    {"uniform", "shape? lo? hi? like?", bi_uniform},
    {"randint", "shape lo hi", bi_randint},
    {"bernoulli", "p shape?", bi_bernoulli},
    {"categorical", "logits shape?", bi_categorical},
    {"permutation", "n", bi_permutation},
    {"einsum", "spec ..", bi_einsum},
    {"solve", "A B", bi_solve},
    {"inv", "A", bi_inv},
    {"det", "A", bi_det},
    {"slogdet", "A", bi_slogdet, 0},
    {"logdet", "A", bi_slogdet, 1},
    {"cholesky", "A", bi_cholesky},
    {"tri_solve", "L B lower? trans? unit?", bi_tri_solve},
    {"eigh", "A", bi_eigh},
    {"svd", "A", bi_svd},
    {"convolve", "x w stride? padding? dilation? groups?", bi_convolve},
    {"convolve_transpose", "x w stride? padding? output_padding?", bi_convolve_transpose},
    {"pool_max", "x size stride? padding?", bi_pool, 1},
    {"pool_sum", "x size stride? padding?", bi_pool, 0},
    {"grad", "y x", bi_grad, .raw = true},
    {"vjp", "y x w", bi_vjp, .raw = true},
    {"jvp", "y x v", bi_jvp, .raw = true},
    {"stop_gradient", "x", bi_stop_gradient, .group = true},
    {"params", "m pattern?", bi_params, .raw = true},
    {"frozen", "m", bi_frozen, .raw = true},
    {"copy", "m", bi_copy, .raw = true},
    {"inference", "f", bi_inference, .raw = true},
    {"next", "d n", bi_next, .raw = true},
    {"probability", "x", bi_probability},
    {"zip", "a b", bi_zip},
    {"enumerate", "a", bi_enumerate},
    {"is_tensor", "x", bi_is, 't'},
    {"is_none", "x", bi_is, 'n'},
    {"is_function", "x", bi_is, 'f'},
    {"str", "x", bi_str},
};
const uint32_t builtin_count = sizeof builtin_table / sizeof *builtin_table;

/* ---------------------------------------------------------------- arguments */

/* Length of the k-th parameter name in a signature; *name points at it; 0 at the end. */
static size_t param_name(const char *params, uint32_t k, const char **name, bool *optional) {
  for (;; k--) {
    while (*params == ' ') params++;
    size_t n = strcspn(params, " ?");
    *name = params;
    *optional = params[n] == '?';
    if (k == 0 || n == 0) return n;
    params += n + *optional;
  }
}

static uint32_t named_param(const char *params, const char *want) {
  const char *name;
  bool optional;
  size_t n;
  for (uint32_t k = 0; (n = param_name(params, k, &name, &optional)); k++)
    if (strlen(want) == n && strncmp(name, want, n) == 0) return k;
  return UINT32_MAX;
}

static bool place_args(BuiltinCall *c, const Args *a) {
  Elab *E = c->E;
  const char *params = c->row->params, *name;
  bool optional, open = strstr(params, "..") != NULL;
  uint32_t n = 0, position = 0;
  while (param_name(params, n, &name, &optional)) n++;
  uint32_t fixed = open ? n - 1 : n;
  c->rest = arena_array(&E->mem, Val, a->n + 1);
  for (uint32_t k = 0; k < a->n; k++) {
    Val v = c->row->raw ? a->value[k] : read_value(E, a->value[k]);
    if (is_error(v)) return false;
    uint32_t p = a->name[k] ? named_param(params, a->name[k]) : position++;
    if (!a->name[k] && open && p >= fixed) {
      c->rest[c->n_rest++] = v;
      continue;
    }
    if (p >= fixed) {
      if (a->name[k])
        elab_error(E, "E0205", a->span[k], "`%s` has no parameter `%s`", c->row->name, a->name[k]);
      else
        elab_error(E, "E0204", a->span[k], "`%s` takes %u argument%s, found more", c->row->name, fixed,
                   fixed == 1 ? "" : "s");
      axis_hint(E, a->name[k] ? a->name[k] : "", "its parameters are:", params);
      return false;
    }
    if (c->arg[p].kind != V_ABSENT) {
      elab_error(E, "E0206", a->span[k], "an argument of `%s` is given twice", c->row->name);
      return false;
    }
    c->arg[p] = v;
    c->at[p] = a->span[k];
  }
  for (uint32_t k = 0; k < fixed; k++) {
    size_t length = param_name(params, k, &name, &optional);
    if (c->arg[k].kind != V_ABSENT) continue;
    c->at[k] = c->span;
    if (optional) continue;
    elab_error(E, "E0207", c->span, "`%s` needs a value for `%.*s`", c->row->name, (int)length, name);
    elab_hint(E, "its parameters are: %s", params);
    return false;
  }
  return true;
}

Val call_builtin(Elab *E, const Builtin *b, const Args *a, Span span) {
  if (b->group)
    for (uint32_t k = 0; k < a->n; k++)
      if (a->value[k].kind == V_GROUP) return group_map(E, b, a, span);
  BuiltinCall c = {.E = E, .row = b, .span = span};
  if (!place_args(&c, a)) return val_error();
  elab_at(E, span);
  Val v = b->fn(&c);
  return elab_ir_errors(E, span) ? val_error() : v;
}

/* ---------------------------------------------------------------- axis arguments */

static bool one_axis(BuiltinCall *c, int64_t k, const Type *t, Span span, int64_t *axis) {
  *axis = k < 0 ? k + t->rank : k;
  if (*axis >= 0 && *axis < t->rank) return true;
  elab_error(c->E, "E0314", span, "axis %lld is out of range for a tensor of %d ax%s", (long long)k, t->rank,
             t->rank == 1 ? "is" : "es");
  return false;
}

bool axis_arg(BuiltinCall *c, Val v, int64_t def, const Type *t, int64_t *axis) {
  int64_t k = def;
  if (v.kind != V_ABSENT && v.kind != V_NONE && !val_to_int(c->E, v, c->span, "an axis", &k)) return false;
  return one_axis(c, k, t, c->span, axis);
}

bool axes_arg(BuiltinCall *c, Val v, const Type *t, uint32_t *n, int64_t *axes) {
  *n = 0;
  if (v.kind == V_ABSENT || v.kind == V_NONE) {
    for (; *n < t->rank; (*n)++) axes[*n] = *n;
    return true;
  }
  if (v.kind == V_REST) {
    for (; *n < v.rest.dims->n; (*n)++) axes[*n] = v.rest.axis + *n;
    return true;
  }
  uint32_t count = is_list(v) ? v.list->n : 1;
  for (uint32_t k = 0; k < count; k++) {
    Val item = is_list(v) ? v.list->at[k] : v;
    if (item.kind == V_REST) {
      for (uint32_t j = 0; j < item.rest.dims->n && *n < IR_MAX_RANK; j++) axes[(*n)++] = item.rest.axis + j;
      continue;
    }
    int64_t axis;
    if (!val_to_int(c->E, item, c->span, "an axis", &axis) || !one_axis(c, axis, t, c->span, &axis)) return false;
    for (uint32_t j = 0; j < *n; j++)
      if (axes[j] == axis)
        return elab_error(c->E, "E0314", c->span, "axis %lld is named twice", (long long)axis), false;
    axes[(*n)++] = axis;
  }
  return true;
}

bool flag_arg(BuiltinCall *c, uint32_t k, bool def, bool *out) {
  *out = def;
  return c->arg[k].kind == V_ABSENT || val_to_bool(c->E, c->arg[k], c->at[k], "a switch", out);
}
