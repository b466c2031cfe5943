/* Built-in functions: one row each, and what a function is called with. */
#ifndef SEPPO_FRONTEND_ELAB_BUILTINS_BUILTIN_H
#define SEPPO_FRONTEND_ELAB_BUILTINS_BUILTIN_H

#include "frontend/elab/call.h"

#define BUILTIN_MAX_ARGS 8
typedef struct BuiltinCall {
  Elab *E;
  const Builtin *row;
  Val arg[BUILTIN_MAX_ARGS]; /* V_ABSENT when not given */
  Span at[BUILTIN_MAX_ARGS];
  Val *rest; /* further positional arguments of a row that ends in ".." */
  uint32_t n_rest;
  Span span;
} BuiltinCall;
struct Builtin {
  const char *name;
  const char *params; /* "x axis? keep?"; `?` may be left out */
  Val (*fn)(BuiltinCall *c);
  int64_t data;             /* op or other number the function reads */
  double (*number)(double); /* value on compile-time numbers, or NULL */
  bool raw;                 /* arguments are not read: cells stay cells */
  bool group;               /* maps over parameter groups */
};
extern const Builtin builtin_table[];
extern const uint32_t builtin_count;
Val call_builtin(Elab *E, const Builtin *b, const Args *a, Span span);
/* axis argument -> list of axes (negative counted from the end); absent or none = all. */
bool axes_arg(BuiltinCall *c, Val v, const Type *t, uint32_t *n, int64_t *axes);
bool axis_arg(BuiltinCall *c, Val v, int64_t def, const Type *t, int64_t *axis);
bool flag_arg(BuiltinCall *c, uint32_t k, bool def, bool *out);

#define BUILTIN_FN(name) Val name(BuiltinCall *c)
BUILTIN_FN(bi_unary);
BUILTIN_FN(bi_minmax);
BUILTIN_FN(bi_where);
BUILTIN_FN(bi_cast);
BUILTIN_FN(bi_is_finite);
BUILTIN_FN(bi_reduce);
BUILTIN_FN(bi_argmax);
BUILTIN_FN(bi_norm);
BUILTIN_FN(bi_dot);
BUILTIN_FN(bi_count);
BUILTIN_FN(bi_cumsum);
BUILTIN_FN(bi_sort);
BUILTIN_FN(bi_shape);
BUILTIN_FN(bi_rank);
BUILTIN_FN(bi_len);
BUILTIN_FN(bi_reshape);
BUILTIN_FN(bi_flatten);
BUILTIN_FN(bi_transpose);
BUILTIN_FN(bi_broadcast_to);
BUILTIN_FN(bi_concat);
BUILTIN_FN(bi_stack);
BUILTIN_FN(bi_split);
BUILTIN_FN(bi_pad);
BUILTIN_FN(bi_reverse);
BUILTIN_FN(bi_gather);
BUILTIN_FN(bi_pick);
BUILTIN_FN(bi_segment_sum);
BUILTIN_FN(bi_one_hot);
BUILTIN_FN(bi_full);
BUILTIN_FN(bi_iota);
BUILTIN_FN(bi_arange);
BUILTIN_FN(bi_linspace);
BUILTIN_FN(bi_eye);
BUILTIN_FN(bi_normal);
BUILTIN_FN(bi_uniform);
BUILTIN_FN(bi_randint);
BUILTIN_FN(bi_bernoulli);
BUILTIN_FN(bi_categorical);
BUILTIN_FN(bi_permutation);
BUILTIN_FN(bi_einsum);
BUILTIN_FN(bi_solve);
BUILTIN_FN(bi_inv);
BUILTIN_FN(bi_det);
BUILTIN_FN(bi_slogdet);
BUILTIN_FN(bi_cholesky);
BUILTIN_FN(bi_tri_solve);
BUILTIN_FN(bi_eigh);
BUILTIN_FN(bi_svd);
BUILTIN_FN(bi_convolve);
BUILTIN_FN(bi_convolve_transpose);
BUILTIN_FN(bi_pool);
BUILTIN_FN(bi_grad);
BUILTIN_FN(bi_vjp);
BUILTIN_FN(bi_jvp);
BUILTIN_FN(bi_stop_gradient);
BUILTIN_FN(bi_params);
BUILTIN_FN(bi_frozen);
BUILTIN_FN(bi_copy);
BUILTIN_FN(bi_inference);
BUILTIN_FN(bi_next);
BUILTIN_FN(bi_probability);
BUILTIN_FN(bi_zip);
BUILTIN_FN(bi_enumerate);
BUILTIN_FN(bi_is);
BUILTIN_FN(bi_str);
/* Shape and dtype from a shape argument or from `like`; *dtype stays when neither says. */
bool shape_or_like(BuiltinCall *c, Val shape, Val like, uint32_t *rank, int64_t *dim, uint16_t *ones, DType *dtype);

#endif
