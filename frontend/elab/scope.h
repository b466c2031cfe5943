/* Names in sight: tables of bindings, chained outwards. */
#ifndef SEPPO_FRONTEND_ELAB_SCOPE_H
#define SEPPO_FRONTEND_ELAB_SCOPE_H

#include "frontend/elab/value.h"

typedef struct Slot {
  const char *name;
  Val value;
  Span span;
  bool library;
} Slot;
struct Scope {
  Scope *parent;
  uint32_t n, cap; /* cap a power of two, or 0 */
  Slot *slot;      /* open addressing, name NULL = free */
  bool function;   /* top scope of a call: assignments do not look further out */
  bool file;       /* file or library scope */
  Frame *frame;    /* frame that was current when it was opened */
  Scope *loops;    /* bodies of the graph loops that ended in it, the last first; chained by `before` */
  Scope *before;
};

Scope *scope_new(Elab *E, Scope *parent);
Slot *scope_find(const Scope *s, const char *name); /* here and outwards */
Slot *scope_here(const Scope *s, const char *name);
Slot *scope_bind(Elab *E, Scope *s, const char *name, Val v, Span span);
/* A scope with the current values of every local binding seen from s: what a lambda captures. */
Scope *scope_snapshot(Elab *E, Scope *s);
/* A name that was local to a loop that ended in s or further out; NULL when there is none. */
Slot *scope_in_loops(const Scope *s, const char *name);
const char *scope_nearest(Elab *E, const Scope *s, const char *name);

uint64_t text_hash(const char *s);

#endif
