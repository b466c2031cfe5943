/* Optimisers and the statements that change parameters. */
#ifndef SEPPO_FRONTEND_ELAB_TASK_OPTIM_H
#define SEPPO_FRONTEND_ELAB_TASK_OPTIM_H

#include "frontend/elab/call.h"

/* An applied optimiser: its arguments as they stand, and where its state belongs. */
typedef struct OptimSite {
  Closure *def;
  Scope *config;
  const char *name; /* prefix of its cells */
} OptimSite;

Val objective_new(Elab *E, Val y, const Group *g);
Val objective_call(Elab *E, Val f, const Args *args, Span span);
Val group_vector(Elab *E, const Val *v, uint32_t n, Span span);
void split_vector(Elab *E, Val v, const CellId *cell, uint32_t n, Val *out);
void declare_optim_state(Elab *E, const Stmt *s);
void exec_minimize(Elab *E, const Stmt *s);
void exec_update(Elab *E, const Stmt *s);
void exec_set(Elab *E, const Stmt *s);
Val apply_optimizer(Elab *E, Closure *def, const Args *a, const void *site, Span span);

#endif
