/* Temporaries: live ranges over the step program, packing into one arena, and an independent check of the result. */
#define _GNU_SOURCE
#include "codegen/lower/lower.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, SLACK = 128 };

/* P_END of every loop. */
static uint32_t *loop_ends(const KProgram *p, Arena *mem) {
  uint32_t *end = arena_array(mem, uint32_t, p->inst.n + 1);
  for (uint32_t i = 0; i < p->inst.n; i++)
    if (p->inst.at[i].kind == P_END) end[p->inst.at[i].index] = i;
  return end;
}

static void touch(VBuf *v, uint32_t from, uint32_t to) {
  if (v->first == UINT32_MAX || from < v->first) v->first = from;
  if (v->last == UINT32_MAX || to > v->last) v->last = to;
}

/* A buffer made outside a loop and used inside it lives through the whole loop. */
static void find_ranges(Lower *L) {
  const KProgram *p = L->p;
  uint32_t *end = loop_ends(p, &L->mem);
  uint32_t *parent = arena_array(&L->mem, uint32_t, p->inst.n + 1), loop = K_NONE;
  for (uint32_t v = 0; v < L->vbuf.n; v++) L->vbuf.at[v].first = L->vbuf.at[v].last = UINT32_MAX;
  for (uint32_t i = 0; i < p->inst.n; i++) {
    const PInst *inst = &p->inst.at[i];
    if (inst->kind == P_END) loop = parent[inst->index];
    for (uint32_t a = 0; a < inst->n; a++) {
      const PRef *ref = &p->ref.at[inst->first + a];
      if (ref->space != PS_TEMPS) continue;
      VBuf *v = &L->vbuf.at[ref->index];
      uint32_t from = i, to = i;
      for (uint32_t l = loop; l != K_NONE && l != v->loop; l = parent[l]) from = l, to = end[l];
      touch(v, from, to);
    }
    if (inst->kind == P_LOOP) parent[i] = loop, loop = i;
  }
}

/* ---------------------------------------------------------------- packing: largest first, lowest free gap */

typedef struct Placed {
  int64_t begin, end;
} Placed;

static int by_size(const void *a, const void *b, void *user) {
  const VBuf *v = user, *x = &v[*(const uint32_t *)a], *y = &v[*(const uint32_t *)b];
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x->first != y->first ? (x->first < y->first ? -1 : 1) : (*(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1);
}

static int by_begin(const void *a, const void *b) {
  const Placed *x = a, *y = b;
  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Lowest offset where v fits among the buffers alive with it. */
static int64_t lowest_gap(Placed *alive, uint32_t n, int64_t bytes) {
  qsort(alive, n, sizeof *alive, by_begin);
  int64_t at = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (alive[i].begin - at >= bytes) return at;
    if (alive[i].end > at) at = alive[i].end;
  }
  return at;
}

static int64_t padded(int64_t bytes) { return (bytes + SLACK + ALIGN - 1) / ALIGN * ALIGN; }

/* Few buffers: best offsets by size. Many: a sweep in order of time over free lists, linear in their number. */
static int64_t pack_by_size(Lower *L) {
  uint32_t n = L->vbuf.n, *order = arena_array(&L->mem, uint32_t, n + 1);
  Placed *alive = arena_array(&L->mem, Placed, n + 1);
  int64_t top = 0;
  for (uint32_t i = 0; i < n; i++) order[i] = i;
  qsort_r(order, n, sizeof *order, by_size, L->vbuf.at);
  for (uint32_t i = 0; i < n; i++) {
    VBuf *v = &L->vbuf.at[order[i]];
    uint32_t n_alive = 0;
    for (uint32_t j = 0; j < i; j++) {
      const VBuf *w = &L->vbuf.at[order[j]];
      if (w->first <= v->last && v->first <= w->last)
        alive[n_alive++] = (Placed){w->offset, w->offset + padded(w->bytes)};
    }
    v->offset = lowest_gap(alive, n_alive, padded(v->bytes));
    if (v->offset + padded(v->bytes) > top) top = v->offset + padded(v->bytes);
  }
  return top;
}

static int by_first(const void *a, const void *b, void *user) {
  const VBuf *v = user, *x = &v[*(const uint32_t *)a], *y = &v[*(const uint32_t *)b];
  return x->first != y->first ? (x->first < y->first ? -1 : 1) : (*(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1);
}

enum { SIZE_CLASSES = 64 * 4 };

/* Four classes to each power of two. */
static uint32_t size_class(int64_t bytes, int64_t *rounded) {
  uint32_t log = 63 - (uint32_t)__builtin_clzll((uint64_t)bytes), c = 4 * log;
  int64_t quarter = log >= 8 ? ((int64_t)1 << log) / 4 : ALIGN, size = (int64_t)1 << log;
  while (size < bytes) size += quarter, c++;
  *rounded = size;
  return c;
}

static int64_t pack_by_time(Lower *L) {
  typedef Vec(uint32_t) List;
  uint32_t n = L->vbuf.n, *order = arena_array(&L->mem, uint32_t, n + 1);
  List *ends = arena_array(&L->mem, List, L->p->inst.n + 1);
  List free_list[SIZE_CLASSES] = {{0}};
  int64_t top = 0, size;
  uint32_t now = 0;
  for (uint32_t i = 0; i < n; i++) order[i] = i;
  qsort_r(order, n, sizeof *order, by_first, L->vbuf.at);
  for (uint32_t i = 0; i < n; i++) {
    VBuf *v = &L->vbuf.at[order[i]];
    for (; now < v->first; now++)
      for (uint32_t j = 0; j < ends[now].n; j++)
        vec_push(&free_list[size_class(padded(L->vbuf.at[ends[now].at[j]].bytes), &size)], ends[now].at[j]);
    List *fit = &free_list[size_class(padded(v->bytes), &size)];
    if (fit->n)
      v->offset = L->vbuf.at[fit->at[--fit->n]].offset;
    else
      v->offset = top, top += size;
    vec_push(&ends[v->last], order[i]);
  }
  for (uint32_t i = 0; i < SIZE_CLASSES; i++) vec_free(&free_list[i]);
  for (uint32_t i = 0; i < L->p->inst.n; i++) vec_free(&ends[i]);
  return top;
}

/* ---------------------------------------------------------------- the verifier */

/* Replays the program on a map of the arena: who wrote each stretch of it last. Whatever is read must still be its own
 * buffer's. Loops run twice, so that one trip cannot destroy what the next one reads. Shares nothing with the live
 * ranges above. */
typedef struct Replay {
  const Lower *L;
  int64_t *cut; /* ends of buffers, sorted: stretch i is cut[i] .. cut[i+1] */
  uint32_t n;
  uint32_t *owner; /* per stretch: buffer + 1 */
  uint32_t *first; /* per buffer: its first stretch */
  uint32_t *end;   /* per loop */
  const char *wrong;
} Replay;

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static void cut_arena(Replay *r, Arena *mem) {
  const Lower *L = r->L;
  uint32_t n = 0;
  r->cut = arena_array(mem, int64_t, 2 * L->vbuf.n + 1);
  for (uint32_t v = 0; v < L->vbuf.n; v++) {
    r->cut[n++] = L->vbuf.at[v].offset;
    r->cut[n++] = L->vbuf.at[v].offset + L->vbuf.at[v].bytes;
  }
  qsort(r->cut, n, sizeof *r->cut, by_value);
  for (uint32_t i = 0; i < n; i++)
    if (i == 0 || r->cut[i] != r->cut[r->n - 1]) r->cut[r->n++] = r->cut[i];
  r->owner = arena_array(mem, uint32_t, r->n + 1);
  r->first = arena_array(mem, uint32_t, L->vbuf.n + 1);
  for (uint32_t v = 0; v < L->vbuf.n; v++) {
    const int64_t *at = bsearch(&L->vbuf.at[v].offset, r->cut, r->n, sizeof *r->cut, by_value);
    r->first[v] = (uint32_t)(at - r->cut);
  }
}

static void replay_ref(Replay *r, const PRef *ref, bool reads, bool writes) {
  if (ref->space != PS_TEMPS) return;
  const VBuf *v = &r->L->vbuf.at[ref->index];
  int64_t end = v->offset + v->bytes;
  for (uint32_t i = r->first[ref->index]; i < r->n && r->cut[i] < end; i++) {
    if (reads && !writes && r->owner[i] != ref->index + 1) r->wrong = "a temporary is overwritten before it is read";
    if (writes) r->owner[i] = ref->index + 1;
  }
}

/* What a launch does to its arguments, from the kernel's own declarations. Reads come before writes. */
static void replay_launch(Replay *r, const PInst *inst) {
  const KKernel *k = r->L->p->kernel.at[inst->index];
  for (int pass = 0; pass < 2; pass++)
    for (uint32_t b = 0; b < k->buf.n; b++) {
      const KBuf *f = &k->buf.at[b];
      bool writes = f->access & KA_WRITE;
      if (f->kind == KB_ARG && f->elems > 0 && writes == pass)
        replay_ref(r, &r->L->p->ref.at[inst->first + f->arg], !writes, writes);
    }
}

static void replay(Replay *r, uint32_t begin, uint32_t end) {
  const KProgram *p = r->L->p;
  for (uint32_t i = begin; i < end && !r->wrong; i++) {
    const PInst *inst = &p->inst.at[i];
    if (inst->kind == P_LAUNCH) replay_launch(r, inst);
    if (inst->kind == P_SET_IV || inst->kind == P_TRIPS) replay_ref(r, &p->ref.at[inst->first], false, true);
    if (inst->kind == P_BREAK_UNLESS || inst->kind == P_CHECK_FINITE)
      replay_ref(r, &p->ref.at[inst->first], true, false);
    if (inst->kind != P_LOOP) continue;
    for (int trip = 0; trip < 2 && inst->count > 0; trip++) replay(r, i + 1, r->end[i]);
    i = r->end[i];
  }
}

static void verify(Lower *L) {
  Replay r = {.L = L, .end = loop_ends(L->p, &L->mem)};
  cut_arena(&r, &L->mem);
  replay(&r, 0, L->p->inst.n);
  if (!r.wrong) return;
  fprintf(stderr, "seppo: internal error: %s in %s\n", r.wrong, L->p->name);
  abort();
}

void plan_temps(Lower *L) {
  enum { FEW = 500 };
  find_ranges(L);
  for (uint32_t v = 0; v < L->vbuf.n; v++)
    if (L->vbuf.at[v].first == UINT32_MAX) L->vbuf.at[v].first = L->vbuf.at[v].last = 0;
  int64_t top = L->vbuf.n <= FEW ? pack_by_size(L) : pack_by_time(L);
  verify(L);
  for (uint32_t i = 0; i < L->p->ref.n; i++) {
    PRef *ref = &L->p->ref.at[i];
    if (ref->space == PS_TEMPS) ref->offset += L->vbuf.at[ref->index].offset, ref->index = 0;
  }
  L->p->temp_bytes = (uint64_t)top;
}
