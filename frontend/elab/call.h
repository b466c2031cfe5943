/* Activations: the bodies being executed, and how one calls another. */
#ifndef SEPPO_FRONTEND_ELAB_CALL_H
#define SEPPO_FRONTEND_ELAB_CALL_H

#include "frontend/elab/frame.h"

typedef struct LoopCtx {
  struct LoopCtx *up;
  Frame *frame; /* NULL for compile-time loops */
  Vec(Val) yielded;
  struct Building *building; /* graph loops: what it carries */
  uint32_t n_yield;          /* statements run */
  Span yield_span;
  int64_t along; /* axis of the last `yield .. along` */
} LoopCtx;

typedef struct Activation {
  struct Activation *up;
  Scope *scope;
  Instance *owner; /* where new instances belong; NULL in functions and tasks */
  bool frozen;
  bool training;
  bool may_apply; /* layers may be applied here */
  bool is_task;   /* the body of a train, eval or task itself */
  uint64_t path, unroll;
  uint32_t n_calls;
  LocId loc; /* of the call: inlined_at of everything inside */
  Span span; /* of the call */
  const char *what;
  struct OptimUse *optim; /* in an optimiser's body: the parameter it is updating */
  Val result;
  bool returned;
  LoopCtx *loop;
  const struct NameSet *anchors; /* names that are targets of a derivative in this body */
} Activation;

typedef struct Args { /* evaluated arguments of a call */
  uint32_t n;
  Val *value;
  const char **name; /* NULL when positional */
  Span *span;
} Args;
Args args_eval(Elab *E, const Expr *call);
Val call_value(Elab *E, Val f, const Args *a, Span span);
Val call_closure(Elab *E, Closure *c, const Args *a, Span span, bool inference);
/* Around the body of a call: false, with an error, when calls nest too deep; else call_leave follows. */
bool call_enter(Elab *E, const char *callee, Span span);
void call_leave(Elab *E);
/* Binds parameters in `scope`; false after an error. */
bool bind_params(Elab *E, Scope *scope, const Param *param, uint32_t n, const Args *a, Span span, const char *callee);
/* The first list of a layer. */
bool bind_config(Elab *E, Scope *scope, const Closure *layer, const Args *a, Span span);
/* After an argument of a name that the callee does not have: another word for one of its own, or what it has. */
void axis_hint(Elab *E, const char *name, const char *before, const char *signature);
bool bind_pattern(Elab *E, Scope *scope, const Shape *pattern, Val *v, Span span, const char *what);
bool declared_shape(Elab *E, const Shape *s, uint32_t *rank, int64_t *dim, uint16_t *ones);
Activation *activation_push(Elab *E, Activation *a, Scope *scope, Span span, const char *what);
void activation_pop(Elab *E, Activation *a);

/* A hint for a function, layer or instance that stands where its value is wanted: how it is called. */
void callable_hint(Elab *E, Val v);

uint64_t path_mix(uint64_t path, uint64_t k);

#endif
