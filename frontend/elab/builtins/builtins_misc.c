/* Built-in functions: derivatives, parameters, compile-time helpers. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"

Val bi_grad(BuiltinCall *c) { return grad_value(c->E, c->arg[0], c->arg[1], c->span); }
Val bi_vjp(BuiltinCall *c) {
  return vjp_value(c->E, read_value(c->E, c->arg[0]), c->arg[1], read_value(c->E, c->arg[2]), c->span);
}
Val bi_jvp(BuiltinCall *c) {
  return jvp_value(c->E, read_value(c->E, c->arg[0]), c->arg[1], read_value(c->E, c->arg[2]), c->span);
}

Val bi_stop_gradient(BuiltinCall *c) {
  Elab *E = c->E;
  if (is_number(c->arg[0])) return c->arg[0];
  if (is_list(c->arg[0])) {
    Val l = val_list(E, (ValKind)c->arg[0].kind, c->arg[0].list->n);
    for (uint32_t k = 0; k < l.list->n; k++) {
      BuiltinCall one = *c;
      one.arg[0] = c->arg[0].list->at[k];
      if (is_error(l.list->at[k] = bi_stop_gradient(&one))) return val_error();
    }
    return l;
  }
  Val t = to_tensor(E, c->arg[0], DT_COUNT, c->at[0]);
  if (is_error(t) || !ir_is_float((DType)type_of(E, t)->dtype)) return t;
  return val_tensor_ones(E, ir_unary(&E->g->cur->b, OP_stop_gradient, node_of(E, t)), t.ones);
}

Val bi_params(BuiltinCall *c) {
  const char *pattern = NULL;
  if (c->arg[1].kind == V_STRING)
    pattern = c->arg[1].s;
  else if (c->arg[1].kind != V_ABSENT)
    return elab_error(c->E, "E0308", c->at[1], "the pattern of `params` is a string such as \"*.W\"");
  return group_from(c->E, c->arg[0], pattern, c->at[0]);
}

Val bi_frozen(BuiltinCall *c) {
  Val v = c->arg[0];
  if (v.kind == V_TENSOR) return bi_stop_gradient(c);
  if (v.kind != V_INSTANCE && v.kind != V_CELL)
    return elab_error(c->E, "E0408", c->at[0], "`frozen` takes an instance or a parameter, found %s",
                      val_kind_name(c->E, v));
  v.frozen = true;
  return v;
}

Val bi_copy(BuiltinCall *c) { return copy_instance(c->E, c->arg[0], c->span, NULL); }

Val bi_inference(BuiltinCall *c) {
  Val v = c->arg[0];
  if (v.kind != V_INSTANCE && v.kind != V_FN)
    return elab_error(c->E, "E0408", c->at[0], "`inference` takes a function or an instance, found %s",
                      val_kind_name(c->E, v));
  v.inference = true;
  return v;
}

static bool items(BuiltinCall *c, uint32_t k, Val *list) {
  Val v = c->arg[k];
  if (v.kind == V_RANGE) {
    *list = val_list(c->E, V_LIST, (uint32_t)v.range.count);
    for (uint32_t j = 0; j < list->list->n; j++) list->list->at[j] = range_item(v, j);
    return true;
  }
  *list = v;
  if (is_list(v)) return true;
  elab_error(c->E, "E0303", c->at[k], "`%s` takes compile-time lists, found %s", c->row->name, val_kind_name(c->E, v));
  return false;
}

static Val pair(Elab *E, Val a, Val b) {
  Val p = val_list(E, V_TUPLE, 2);
  p.list->at[0] = a, p.list->at[1] = b;
  return p;
}

Val bi_zip(BuiltinCall *c) {
  Val a, b;
  if (!items(c, 0, &a) || !items(c, 1, &b)) return val_error();
  if (a.list->n != b.list->n)
    return elab_error(c->E, "E0309", c->span, "`zip` of %u and %u items", a.list->n, b.list->n);
  Val l = val_list(c->E, V_LIST, a.list->n);
  for (uint32_t k = 0; k < l.list->n; k++) l.list->at[k] = pair(c->E, a.list->at[k], b.list->at[k]);
  return l;
}

Val bi_enumerate(BuiltinCall *c) {
  Val a;
  if (!items(c, 0, &a)) return val_error();
  Val l = val_list(c->E, V_LIST, a.list->n);
  for (uint32_t k = 0; k < l.list->n; k++) l.list->at[k] = pair(c->E, val_int(k), a.list->at[k]);
  return l;
}

Val bi_is(BuiltinCall *c) {
  switch (c->row->data) {
  case 't': return val_bool(c->arg[0].kind == V_TENSOR);
  case 'n': return val_bool(c->arg[0].kind == V_NONE);
  default: return val_bool(is_callable(c->arg[0]));
  }
}

Val bi_str(BuiltinCall *c) { return val_string(val_text(c->E, c->arg[0])); }

/* Through views and sums down to what computes the values. */
static bool visibly_unbounded(const Module *m, RegionId r, NodeId n) {
  for (;;) {
    const Node *node = ir_node(m, r, n);
    const NodeId *in = ir_operands(m, r, node);
    if (node->op == OP_dot_general || node->op == OP_conv_general || node->op == OP_tanh) return true;
    if (node->op == OP_add) return visibly_unbounded(m, r, in[0]) || visibly_unbounded(m, r, in[1]);
    if (!(op_table[node->op].flags & OPF_VIEW) || !node->n_in) return false;
    n = in[0];
  }
}

Val bi_probability(BuiltinCall *c) {
  Elab *E = c->E;
  Val t = to_float(E, c->arg[0], c->at[0]);
  if (is_error(t) || !visibly_unbounded(E->m, t.t.frame->b.region, t.t.node)) return t;
  elab_warning(E, "W0301", c->span, "probabilities are wanted here, but this value is not kept in 0 .. 1");
  elab_hint(E, "the loss of logits is `bce_logits(z, y)`; a sigmoid makes probabilities of them");
  return t;
}
