/* Evaluation of projections and identities. Loops are the driver's (eval.c). */
#include "ir/eval/rules.h"

void eval_proj(EvalCall *c) {
  const Value *member = &c->in[0].tuple[c->attr->index];
  for (int64_t i = 0, n = eval_count(c); i < n; i++) eval_move(c->out, i, member, i);
}

void eval_identity(EvalCall *c) {
  for (int64_t i = 0, n = eval_count(c); i < n; i++) eval_move(c->out, i, &c->in[0], i);
}
