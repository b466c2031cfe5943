/* Derivatives as values, what they are taken with respect to, and groups of parameters. */
#ifndef SEPPO_FRONTEND_ELAB_GRAD_H
#define SEPPO_FRONTEND_ELAB_GRAD_H

#include "frontend/elab/call.h"

Val grad_value(Elab *E, Val y, Val x, Span span);
Val vjp_value(Elab *E, Val y, Val x, Val w, Span span);
Val jvp_value(Elab *E, Val y, Val x, Val v, Span span);
Val anchor_value(Elab *E, Val v);
/* The value a name is bound to: an anchor when the body takes a derivative with respect to the name. */
Val anchor_binding(Elab *E, Val v, Name name);
/* Parameters of the run that y depends on differentiably. Caller's array by CellId. */
bool reached_params(Elab *E, Val y, bool *reached, Span span);
bool grad_cells(Elab *E, Val y, const CellId *cell, uint32_t n, Span span, Val *out);
bool tensor_depends(Elab *E, Val y, Val x);
const struct NameSet *anchor_names(Elab *E, const void *body, const Block *b, const Expr *value, const Param *param,
                                   uint32_t n_param);
bool name_in(const struct NameSet *s, const char *name);

Val group_from(Elab *E, Val v, const char *pattern, Span span); /* instance, cell, group, list of them */
Val group_map(Elab *E, const Builtin *f, const Args *a, Span span);
Val group_fold(Elab *E, BinaryOp op, const Val *part, uint32_t n, Span span);
Val group_dot(Elab *E, Val a, Val b, Span span);
Val group_binary(Elab *E, BinaryOp op, Val a, Val b, Span span);

#endif
