/* Built-in functions: linear algebra through LAPACK ops. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"

static Builder *builder(BuiltinCall *c) { return &c->E->g->cur->b; }

static bool matrix_arg(BuiltinCall *c, uint32_t k, bool square, Val *out) {
  Elab *E = c->E;
  *out = to_float(E, c->arg[k], c->at[k]);
  if (is_error(*out)) return false;
  const Type *t = type_of(E, *out);
  if (t->rank >= 2 && (!square || t->dim[t->rank - 1] == t->dim[t->rank - 2])) return true;
  elab_error(E, "E0301", c->at[k], "`%s` takes a %smatrix, found %s", c->row->name, square ? "square " : "",
             type_text(E, *out));
  return false;
}

/* The right-hand side of a system: a vector is one column. *vector says that the column must be dropped again. */
static bool right_side(BuiltinCall *c, Val a, Val *b, bool *vector) {
  Elab *E = c->E;
  *b = to_float(E, c->arg[1], c->at[1]);
  if (is_error(*b)) return false;
  const Type ta = *type_of(E, a), tb = *type_of(E, *b);
  *vector = tb.rank + 1 == ta.rank;
  uint32_t lead = ta.rank - 2;
  bool ok = tb.rank == ta.rank || *vector;
  for (uint32_t k = 0; k < lead && ok; k++) ok = ta.dim[k] == tb.dim[k];
  ok = ok && tb.dim[lead] == ta.dim[lead];
  if (!ok) {
    elab_error(E, "E0301", c->span, "`%s` of %s and %s: the rows differ", c->row->name, type_text(E, a),
               type_text(E, *b));
    return false;
  }
  DType d = ta.dtype > tb.dtype ? (DType)ta.dtype : (DType)tb.dtype;
  if (d != ta.dtype) return elab_error(E, "E0304", c->span, "`%s` of f32 and f64", c->row->name), false;
  *b = tensor_cast(E, *b, d, c->span);
  if (!*vector) return true;
  int64_t dim[IR_MAX_RANK];
  memcpy(dim, tb.dim, sizeof dim);
  dim[tb.rank] = 1;
  *b = val_tensor(E, ir_reshape(builder(c), node_of(E, *b), tb.rank + 1u, dim));
  return !is_error(*b);
}

static Val drop_column(BuiltinCall *c, NodeId x, bool vector) {
  if (x == IR_NONE || !vector) return val_tensor(c->E, x);
  const Type t = *ir_type_of(builder(c), x);
  return val_tensor(c->E, ir_reshape(builder(c), x, t.rank - 1u, t.dim));
}

static Val solve(BuiltinCall *c, Op op, const Attr *attr) {
  Val a, b;
  bool vector;
  if (!matrix_arg(c, 0, true, &a) || !right_side(c, a, &b, &vector)) return val_error();
  NodeId in[2] = {node_of(c->E, a), node_of(c->E, b)};
  return drop_column(c, ir_emit(builder(c), op, in, 2, attr), vector);
}

Val bi_solve(BuiltinCall *c) {
  Attr a = {0};
  return solve(c, OP_solve, &a);
}

Val bi_tri_solve(BuiltinCall *c) {
  bool lower, trans, unit;
  if (!flag_arg(c, 2, true, &lower) || !flag_arg(c, 3, false, &trans) || !flag_arg(c, 4, false, &unit))
    return val_error();
  Attr a = {.lower = lower, .trans = trans, .unit = unit};
  return solve(c, OP_tri_solve, &a);
}

Val bi_inv(BuiltinCall *c) {
  Elab *E = c->E;
  Val a;
  if (!matrix_arg(c, 0, true, &a)) return val_error();
  const Type t = *type_of(E, a);
  Builder *b = builder(c);
  int64_t dim[2] = {t.dim[t.rank - 1], t.dim[t.rank - 1]};
  NodeId eye = ir_binary(b, OP_eq, ir_iota(b, DT_I32, 2, dim, 0), ir_iota(b, DT_I32, 2, dim, 1));
  eye = ir_broadcast_to(b, ir_cast(b, eye, (DType)t.dtype), t.rank, t.dim);
  Attr attr = {0};
  NodeId in[2] = {node_of(E, a), eye};
  return val_tensor(E, ir_emit(b, OP_solve, in, 2, &attr));
}

static NodeId one_result(BuiltinCall *c, Op op, Val a) {
  NodeId in = node_of(c->E, a);
  return ir_emit(builder(c), op, &in, 1, NULL);
}

Val bi_slogdet(BuiltinCall *c) {
  Elab *E = c->E;
  Val a;
  if (!matrix_arg(c, 0, true, &a)) return val_error();
  NodeId n = one_result(c, OP_slogdet, a);
  if (c->row->data) return val_tensor(E, ir_proj(builder(c), n, 1));
  Val p = val_list(E, V_TUPLE, 2);
  for (uint32_t k = 0; k < 2; k++) p.list->at[k] = val_tensor(E, ir_proj(builder(c), n, k));
  return p;
}

Val bi_det(BuiltinCall *c) {
  Elab *E = c->E;
  Val a;
  if (!matrix_arg(c, 0, true, &a)) return val_error();
  Builder *b = builder(c);
  NodeId n = one_result(c, OP_slogdet, a);
  return val_tensor(E, ir_binary(b, OP_mul, ir_proj(b, n, 0), ir_unary(b, OP_exp, ir_proj(b, n, 1))));
}

Val bi_cholesky(BuiltinCall *c) {
  Val a;
  return matrix_arg(c, 0, true, &a) ? val_tensor(c->E, one_result(c, OP_cholesky, a)) : val_error();
}

static Val decomposition(BuiltinCall *c, Op op, bool square, uint32_t parts) {
  Val a;
  if (!matrix_arg(c, 0, square, &a)) return val_error();
  NodeId n = one_result(c, op, a);
  Val p = val_list(c->E, V_TUPLE, parts);
  for (uint32_t k = 0; k < parts; k++)
    if (is_error(p.list->at[k] = val_tensor(c->E, ir_proj(builder(c), n, k)))) return val_error();
  return p;
}

Val bi_eigh(BuiltinCall *c) { return decomposition(c, OP_eigh, true, 2); }
Val bi_svd(BuiltinCall *c) { return decomposition(c, OP_svd, false, 3); }
