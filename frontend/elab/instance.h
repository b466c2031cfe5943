/* Layers and models that have been applied, and the cells they own. */
#ifndef SEPPO_FRONTEND_ELAB_INSTANCE_H
#define SEPPO_FRONTEND_ELAB_INSTANCE_H

#include "frontend/elab/call.h"
#include "frontend/elab/scope.h"

typedef struct CellInfo {
  bool trained;
  uint16_t ones;
  Instance *owner;
  NodeId init; /* node in the INIT graph, IR_NONE when set elsewhere */
} CellInfo;

struct Instance {
  const char *name; /* "encoder.dense_1" */
  const char *layer;
  Closure *def;
  Scope *config; /* arguments of the first list, parent = where the layer was declared */
  Instance *owner;
  const void *site;
  uint64_t unroll;
  uint32_t depth;
  Vec(Instance *) child;
  Scope *own;     /* parameters, states, named instances: V_CELL, V_INSTANCE */
  Scope *pattern; /* scope of the first call: names bound by the parameter patterns */
  bool auto_named;
  LocId first_call;
  const char *input, *output; /* of the first call */
  Instance *copy_of;
  bool copy_late; /* of trained parameters: copied when its name is known */
  bool busy;
};

Val apply_layer(Elab *E, Closure *layer, const Args *config, const void *site, Span span, const char *name);
Val call_instance(Elab *E, Val inst, const Args *a, Span span);
Val instance_member(Elab *E, Val inst, const char *name, Span span);
void instance_rename(Elab *E, Instance *i, const char *name);
Instance *instance_new(Elab *E, Instance *owner, Closure *def, const char *name);
Val copy_instance(Elab *E, Val v, Span span, const char *name);
/* Makes the cells of a copy as far as its original has any; called when the copy's name is settled, and again before
 * they are asked for. */
void finish_copy(Elab *E, Instance *i, Span span);
Val cell_value(Elab *E, CellId c, bool frozen);
void instance_params(Elab *E, const Instance *inst, const char *pattern, void (*fn)(void *, CellId), void *user);

DType declared_dtype(Elab *E, const Stmt *s); /* DT_COUNT after an error */
void declare_cell(Elab *E, const Stmt *s);    /* param and state statements, in layers, trains and files */
CellId cell_new(Elab *E, const char *name, TypeId type, CellKind kind, Instance *owner);
/* A cell with its first value from a declaration, in the INIT graph. IR_NONE after an error. */
CellId initialised_cell(Elab *E, const Stmt *s, const char *full, CellKind kind, bool shaped, uint32_t rank,
                        const int64_t *dim, DType dtype, Instance *owner);

#endif
