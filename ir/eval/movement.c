/* Evaluation of ops that move elements. */
#include "ir/eval/rules.h"

void eval_broadcast(EvalCall *c) {
  const Type *from = eval_in_type(c, 0), *to = eval_out_type(c);
  int64_t at[IR_MAX_RANK], src[IR_MAX_RANK] = {0};
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    eval_unravel(to, i, at);
    for (uint32_t k = 0; k < from->rank; k++) src[k] = from->dim[k] == 1 ? 0 : at[c->attr->axes.v[k]];
    eval_move(c->out, i, &c->in[0], eval_ravel(from, src));
  }
}

void eval_reshape(EvalCall *c) {
  for (int64_t i = 0, n = eval_count(c); i < n; i++) eval_move(c->out, i, &c->in[0], i);
}

/* Axis k of the result is axis axes[k] of the operand. */
void eval_transpose(EvalCall *c) {
  const Type *from = eval_in_type(c, 0), *to = eval_out_type(c);
  int64_t at[IR_MAX_RANK], src[IR_MAX_RANK] = {0};
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    eval_unravel(to, i, at);
    for (uint32_t k = 0; k < to->rank; k++) src[c->attr->axes.v[k]] = at[k];
    eval_move(c->out, i, &c->in[0], eval_ravel(from, src));
  }
}

void eval_reverse(EvalCall *c) {
  const Type *t = eval_out_type(c);
  int64_t at[IR_MAX_RANK];
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    eval_unravel(t, i, at);
    for (uint32_t k = 0; k < c->attr->axes.n; k++) {
      int64_t axis = c->attr->axes.v[k];
      at[axis] = t->dim[axis] - 1 - at[axis];
    }
    eval_move(c->out, i, &c->in[0], eval_ravel(t, at));
  }
}

void eval_slice(EvalCall *c) {
  const Type *from = eval_in_type(c, 0), *to = eval_out_type(c);
  int64_t at[IR_MAX_RANK];
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    eval_unravel(to, i, at);
    for (uint32_t k = 0; k < to->rank; k++) at[k] = c->attr->lo.v[k] + at[k] * c->attr->step.v[k];
    eval_move(c->out, i, &c->in[0], eval_ravel(from, at));
  }
}

/* The result starts zeroed; elements pushed outside by a negative pad are dropped. */
void eval_pad(EvalCall *c) {
  const Type *from = eval_in_type(c, 0), *to = eval_out_type(c);
  int64_t at[IR_MAX_RANK];
  for (int64_t i = 0, n = ir_elements(from); i < n; i++) {
    eval_unravel(from, i, at);
    bool inside = true;
    for (uint32_t k = 0; k < to->rank; k++) {
      at[k] = c->attr->lo.v[k] + at[k] * (c->attr->step.v[k] + 1);
      inside &= at[k] >= 0 && at[k] < to->dim[k];
    }
    if (inside) eval_move(c->out, eval_ravel(to, at), &c->in[0], i);
  }
}

void eval_concat(EvalCall *c) {
  const Type *to = eval_out_type(c);
  int64_t at[IR_MAX_RANK], start = 0;
  for (uint32_t p = 0; p < c->node->n_in; p++) {
    const Type *from = eval_in_type(c, p);
    for (int64_t i = 0, n = ir_elements(from); i < n; i++) {
      eval_unravel(from, i, at);
      at[c->attr->axis] += start;
      eval_move(c->out, eval_ravel(to, at), &c->in[p], i);
    }
    start += from->dim[c->attr->axis];
  }
}
