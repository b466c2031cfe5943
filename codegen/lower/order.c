/* The order in which groups run.
 *
 * Data dependences, and for every result that is to end in the storage of a parameter (a cell, a carried value): all
 * readers of the old value first. Where that would be a cycle the result goes through a temporary and is copied at the
 * end. Among the groups that may run, the one whose first output stands first in the graph does.
 */
#include "codegen/lower/lower.h"
#include <stdlib.h>
#include <string.h>

typedef struct Edge {
  uint32_t from, to;
  bool anti;
} Edge;

typedef Vec(uint32_t) Heap;

typedef struct Order {
  RegionPlan *r;
  Vec(Edge) edge;
  uint32_t *first;       /* per group: edges leaving it in edge[], after sorting */
  uint32_t *data, *anti; /* per group: edges still to come */
  bool *done;
  uint32_t *dest_of_param; /* per node: destination whose old value it is, or UINT32_MAX */
  Heap ready, blocked;
  uint32_t reader;
} Order;

/* ---------------------------------------------------------------- heap of groups, smallest key first */

static uint64_t key(const Order *o, uint32_t g) {
  const Group *group = &o->r->groups.at[g];
  NodeId first = group->root;
  for (uint32_t i = 0; i < group->output.n; i++)
    if (group->output.at[i] < first) first = group->output.at[i];
  return (uint64_t)(group->kind == GK_COPY ? o->r->n : first) << 32 | g;
}

static void heap_push(Order *o, Heap *h, uint32_t g) {
  vec_push(h, g);
  for (uint32_t i = h->n - 1; i > 0 && key(o, h->at[i]) < key(o, h->at[(i - 1) / 2]); i = (i - 1) / 2) {
    uint32_t t = h->at[i];
    h->at[i] = h->at[(i - 1) / 2], h->at[(i - 1) / 2] = t;
  }
}

static uint32_t heap_pop(Order *o, Heap *h) {
  uint32_t top = h->at[0];
  h->at[0] = h->at[--h->n];
  for (uint32_t i = 0;;) {
    uint32_t c = 2 * i + 1;
    if (c >= h->n) break;
    if (c + 1 < h->n && key(o, h->at[c + 1]) < key(o, h->at[c])) c++;
    if (key(o, h->at[i]) <= key(o, h->at[c])) break;
    uint32_t t = h->at[i];
    h->at[i] = h->at[c], h->at[c] = t, i = c;
  }
  return top;
}

/* ---------------------------------------------------------------- destinations */

static uint32_t add_group(RegionPlan *r, GroupKind kind, uint32_t result, NodeId root) {
  Group g = {.kind = (uint8_t)kind, .root = root, .custom = IR_NONE, .dot = IR_NONE, .result = result};
  vec_push(&r->groups, g);
  return r->groups.n - 1;
}

/* Who writes each result: the group that makes it, when it may do so directly, else a copy. */
static void assign_writers(Order *o) {
  RegionPlan *r = o->r;
  const Region *region = ir_region(r->L->m, r->region);
  for (uint32_t i = 0; i < r->n_dest; i++) {
    Dest *d = &r->dest[i];
    NodeId n = region->result.at[i];
    if (d->check) add_group(r, GK_CHECK, i, n);
    d->writer = UINT32_MAX, d->written = true;
    if (!d->store.set || n == d->in) continue;
    if (r->group[n] < GROUP_LEAF && r->claimed_by[n] == UINT32_MAX)
      d->writer = r->group[n], r->claimed_by[n] = i;
    else
      d->writer = add_group(r, GK_COPY, i, n);
    if (d->in != IR_NONE) o->dest_of_param[d->in] = i;
  }
}

/* ---------------------------------------------------------------- edges */

static void add_edge(Order *o, uint32_t from, uint32_t to, bool anti) {
  Edge e = {from, to, anti};
  vec_push(&o->edge, e);
}

static void saw_read(void *user, NodeId value, bool same) {
  Order *o = user;
  RegionPlan *r = o->r;
  if (r->group[value] < GROUP_LEAF && r->group[value] != o->reader) add_edge(o, r->group[value], o->reader, false);
  uint32_t dest = o->dest_of_param[value];
  if (dest == UINT32_MAX) return;
  Dest *d = &r->dest[dest];
  if (d->writer != o->reader)
    add_edge(o, o->reader, d->writer, true);
  else if (!same)
    d->written = false;
}

static void add_edges(Order *o) {
  RegionPlan *r = o->r;
  for (uint32_t g = 0; g < r->groups.n; g++) {
    o->reader = g;
    Group *group = &r->groups.at[g];
    if (group->kind == GK_COPY || group->kind == GK_CHECK)
      saw_read(o, group->root, false);
    else
      group_reads(r, g, saw_read, o);
  }
}

static void sort_edges(Order *o, uint32_t n) {
  Edge *sorted = arena_array(&o->r->L->mem, Edge, o->edge.n + 1);
  o->first = arena_array(&o->r->L->mem, uint32_t, n + 2);
  for (uint32_t i = 0; i < o->edge.n; i++) o->first[o->edge.at[i].from + 1]++;
  for (uint32_t g = 0; g < n; g++) o->first[g + 1] += o->first[g];
  uint32_t *at = arena_memdup(&o->r->L->mem, o->first, sizeof *at * (n + 1));
  for (uint32_t i = 0; i < o->edge.n; i++) sorted[at[o->edge.at[i].from]++] = o->edge.at[i];
  if (o->edge.n) memcpy(o->edge.at, sorted, sizeof *sorted * o->edge.n);
}

/* ---------------------------------------------------------------- the order */

static void make_ready(Order *o, uint32_t g) {
  if (o->data[g]) return;
  heap_push(o, o->anti[g] ? &o->blocked : &o->ready, g);
}

static void finish(Order *o, uint32_t g) {
  o->done[g] = true;
  o->r->order[o->r->n_order++] = g;
  for (uint32_t i = o->first[g]; i < o->first[g + 1]; i++) {
    const Edge *e = &o->edge.at[i];
    if (o->done[e->to]) continue;
    uint32_t *count = e->anti ? o->anti : o->data;
    count[e->to]--;
    if (e->anti ? !o->anti[e->to] && !o->data[e->to] : !o->data[e->to]) make_ready(o, e->to);
  }
}

/* Readers of an old value wait for this writer: it writes elsewhere, and a copy follows at the end. */
static void give_up_in_place(Order *o, uint32_t g) {
  for (uint32_t i = 0; i < o->r->n_dest; i++)
    if (o->r->dest[i].writer == g && o->r->dest[i].in != IR_NONE) o->r->dest[i].written = false;
}

void order_groups(RegionPlan *r) {
  Order o = {.r = r};
  Arena *mem = &r->L->mem;
  o.dest_of_param = arena_array(mem, uint32_t, r->n + 1);
  memset(o.dest_of_param, 0xff, sizeof(uint32_t) * (r->n + 1));
  assign_writers(&o);
  add_edges(&o);
  uint32_t n = r->groups.n;
  sort_edges(&o, n);
  o.data = arena_array(mem, uint32_t, n + 1), o.anti = arena_array(mem, uint32_t, n + 1);
  o.done = arena_array(mem, bool, n + 1), r->order = arena_array(mem, uint32_t, n + 1);
  for (uint32_t i = 0; i < o.edge.n; i++) (o.edge.at[i].anti ? o.anti : o.data)[o.edge.at[i].to]++;
  for (uint32_t g = 0; g < n; g++) make_ready(&o, g);
  while (r->n_order < n) {
    bool forced = o.ready.n == 0;
    uint32_t g = heap_pop(&o, forced ? &o.blocked : &o.ready);
    if (o.done[g]) continue;
    if (forced && o.anti[g]) give_up_in_place(&o, g);
    finish(&o, g);
  }
  vec_free(&o.edge), vec_free(&o.ready), vec_free(&o.blocked);
}
