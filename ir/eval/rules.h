/* The evaluation rules named in ir/ops.def, by family, and what they share. */
#ifndef SEPPO_IR_EVAL_RULES_H
#define SEPPO_IR_EVAL_RULES_H

#include "ir/eval.h"
#include <string.h>

/* leaf.c */
void eval_const(EvalCall *c);
void eval_iota(EvalCall *c);
void eval_key_fold(EvalCall *c);
void eval_random(EvalCall *c);
/* elementwise.c */
void eval_add(EvalCall *c);
void eval_sub(EvalCall *c);
void eval_neg(EvalCall *c);
void eval_mul(EvalCall *c);
void eval_div(EvalCall *c);
void eval_pow(EvalCall *c);
void eval_max(EvalCall *c);
void eval_min(EvalCall *c);
void eval_rem(EvalCall *c);
void eval_abs(EvalCall *c);
void eval_sign(EvalCall *c);
void eval_floor(EvalCall *c);
void eval_ceil(EvalCall *c);
void eval_round(EvalCall *c);
void eval_exp(EvalCall *c);
void eval_expm1(EvalCall *c);
void eval_log(EvalCall *c);
void eval_log1p(EvalCall *c);
void eval_sqrt(EvalCall *c);
void eval_sin(EvalCall *c);
void eval_cos(EvalCall *c);
void eval_tanh(EvalCall *c);
void eval_logistic(EvalCall *c);
void eval_softplus(EvalCall *c);
void eval_erf(EvalCall *c);
void eval_atan(EvalCall *c);
void eval_cast(EvalCall *c);
void eval_eq(EvalCall *c);
void eval_ne(EvalCall *c);
void eval_lt(EvalCall *c);
void eval_le(EvalCall *c);
void eval_and(EvalCall *c);
void eval_or(EvalCall *c);
void eval_xor(EvalCall *c);
void eval_not(EvalCall *c);
void eval_shl(EvalCall *c);
void eval_shr(EvalCall *c);
void eval_is_finite(EvalCall *c);
void eval_select(EvalCall *c);
/* movement.c */
void eval_broadcast(EvalCall *c);
void eval_reshape(EvalCall *c);
void eval_transpose(EvalCall *c);
void eval_reverse(EvalCall *c);
void eval_slice(EvalCall *c);
void eval_pad(EvalCall *c);
void eval_concat(EvalCall *c);
/* reduce.c */
void eval_reduce_sum(EvalCall *c);
void eval_reduce_max(EvalCall *c);
void eval_reduce_min(EvalCall *c);
void eval_argmax(EvalCall *c);
void eval_argmin(EvalCall *c);
void eval_cumsum(EvalCall *c);
void eval_sort(EvalCall *c);
void eval_argsort(EvalCall *c);
/* index.c */
void eval_gather(EvalCall *c);
void eval_scatter_add(EvalCall *c);
void eval_scatter_set(EvalCall *c);
void eval_dynamic_slice(EvalCall *c);
void eval_dynamic_add(EvalCall *c);
void eval_dynamic_put(EvalCall *c);
/* contract.c */
void eval_dot(EvalCall *c);
void eval_conv(EvalCall *c);
void eval_window_sum(EvalCall *c);
void eval_window_argmax(EvalCall *c);
void eval_window_pick(EvalCall *c);
void eval_window_place(EvalCall *c);
/* linalg.c, svd.c */
void eval_cholesky(EvalCall *c);
void eval_tri_solve(EvalCall *c);
void eval_solve(EvalCall *c);
void eval_slogdet(EvalCall *c);
void eval_eigh(EvalCall *c);
void eval_svd(EvalCall *c);
/* structure.c */
void eval_proj(EvalCall *c);
void eval_identity(EvalCall *c);

static inline const Type *eval_in_type(const EvalCall *c, uint32_t k) { return ir_type_get(c->m, c->in[k].type); }
static inline const Type *eval_out_type(const EvalCall *c) { return ir_type_get(c->m, c->out->type); }
static inline bool eval_float(const EvalCall *c) { return ir_is_float((DType)eval_out_type(c)->dtype); }
static inline int64_t eval_count(const EvalCall *c) { return ir_elements(eval_out_type(c)); }

/* Wraps to the width of an integer dtype; the result is how a Value holds it. */
int64_t eval_wrap(DType t, uint64_t v);
/* -1, 0, 1 as a < b, a == b, a > b in the dtype's own order. */
int eval_int_compare(DType t, int64_t a, int64_t b);

/* Elements are 8 bytes whatever they mean; moving them must not look at them. */
static inline void eval_move(Value *to, int64_t i, const Value *from, int64_t j) {
  memcpy((char *)to->i + 8 * i, (const char *)from->i + 8 * j, 8);
}
/* Product of the extents of axes first .. last-1. */
static inline int64_t eval_extent(const Type *t, uint32_t first, uint32_t last) {
  int64_t n = 1;
  for (uint32_t k = first; k < last; k++) n *= t->dim[k];
  return n;
}
/* Coordinates of a row-major position, and back. */
static inline void eval_unravel(const Type *t, int64_t i, int64_t *at) {
  for (uint32_t k = t->rank; k-- > 0;) at[k] = i % t->dim[k], i /= t->dim[k];
}
static inline int64_t eval_ravel(const Type *t, const int64_t *at) {
  int64_t i = 0;
  for (uint32_t k = 0; k < t->rank; k++) i = i * t->dim[k] + at[k];
  return i;
}

#endif
