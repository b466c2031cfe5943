/* Names: scopes are small hash tables, chained outwards. */
#include "frontend/elab/scope.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"

uint64_t text_hash(const char *s) {
  uint64_t h = 1469598103934665603u;
  for (; *s; s++) h = (h ^ (uint8_t)*s) * 1099511628211u;
  return h;
}

Scope *scope_new(Elab *E, Scope *parent) {
  Scope *s = arena_new(&E->mem, Scope);
  s->parent = parent;
  s->frame = E->g ? E->g->cur : NULL;
  return s;
}

/* Where the name is or would go. */
static Slot *probe(const Scope *s, const char *name) {
  if (!s->cap) return NULL;
  uint32_t mask = s->cap - 1;
  for (uint32_t k = (uint32_t)text_hash(name) & mask;; k = (k + 1) & mask) {
    Slot *slot = &s->slot[k];
    if (!slot->name || strcmp(slot->name, name) == 0) return slot;
  }
}

Slot *scope_here(const Scope *s, const char *name) {
  Slot *slot = probe(s, name);
  return slot && slot->name ? slot : NULL;
}

Slot *scope_find(const Scope *s, const char *name) {
  for (; s; s = s->parent) {
    Slot *slot = scope_here(s, name);
    if (slot) return slot;
  }
  return NULL;
}

static void grow(Elab *E, Scope *s) {
  Slot *old = s->slot;
  uint32_t cap = s->cap;
  s->cap = cap ? cap * 2 : 8;
  s->slot = arena_array(&E->mem, Slot, s->cap);
  for (uint32_t k = 0; k < cap; k++)
    if (old[k].name) *probe(s, old[k].name) = old[k];
}

Slot *scope_bind(Elab *E, Scope *s, const char *name, Val v, Span span) {
  if ((s->n + 1) * 4 > s->cap * 3) grow(E, s);
  Slot *slot = probe(s, name);
  if (!slot->name) s->n++;
  *slot = (Slot){.name = name, .value = v, .span = span};
  return slot;
}

Scope *scope_snapshot(Elab *E, Scope *s) {
  if (s->file || !s->parent) return s;
  Scope *copy = scope_new(E, scope_snapshot(E, s->parent));
  *copy = (Scope){.parent = copy->parent, .n = s->n, .cap = s->cap, .function = s->function, .frame = s->frame};
  copy->slot = memdup(&E->mem, s->slot, s->cap * sizeof *s->slot);
  return copy;
}

Slot *scope_in_loops(const Scope *s, const char *name) {
  for (; s; s = s->parent)
    for (const Scope *body = s->loops; body; body = body->before) {
      Slot *slot = scope_here(body, name);
      if (slot) return slot;
    }
  return NULL;
}

const char *scope_nearest(Elab *E, const Scope *s, const char *name) {
  Vec(const char *) all = {0};
  for (; s; s = s->parent)
    for (uint32_t k = 0; k < s->cap; k++)
      if (s->slot[k].name) vec_push(&all, s->slot[k].name);
  const char *best = diag_nearest(name, all.at, all.n);
  vec_free(&all);
  return best ? arena_strdup(&E->mem, best) : NULL;
}
