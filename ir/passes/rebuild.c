/* The driver of all passes: read one region, build another, exchange them. */
#include "ir/passes/internal.h"
#include <stdlib.h>
#include <string.h>

static void add_graph(GraphList *list, Graph *g) {
  if (g->region != IR_NONE && (g->n_in || g->n_out)) vec_push(list, g);
}

GraphList pass_graphs(const Module *m) {
  GraphList list = {0};
  for (uint32_t t = 0; t < m->task.n; t++) {
    Task *task = &m->task.at[t];
    add_graph(&list, &task->step);
    add_graph(&list, &task->tail);
    for (uint32_t e = 0; e < task->n_events; e++) add_graph(&list, &task->event[e].graph);
  }
  return list;
}

typedef struct Walk {
  const Module *m;
  bool *seen;
  RegionList *out;
} Walk;

/* Depth is the nesting of loops in the program's text, which the parser bounds. */
static void visit_region(Walk *w, RegionId region) {
  if (w->seen[region]) return;
  w->seen[region] = true;
  const Region *r = ir_region(w->m, region);
  for (uint32_t n = 0; n < r->node.n; n++) {
    for (uint32_t k = 0; k < 2; k++) {
      if (r->node.at[n].body[k] != IR_NONE) visit_region(w, r->node.at[n].body[k]);
    }
  }
  vec_push(w->out, region);
}

RegionList pass_regions(const Module *m) {
  RegionList list = {0};
  Walk w = {m, calloc(m->region.n + 1, 1), &list};
  GraphList graphs = pass_graphs(m);
  for (uint32_t i = 0; i < graphs.n; i++) visit_region(&w, graphs.at[i]->region);
  vec_free(&graphs);
  free(w.seen);
  return list;
}

bool pass_same_region(const Module *m, RegionId one, RegionId other) {
  const Region *a = ir_region(m, one), *b = ir_region(m, other);
  if (a->node.n != b->node.n || a->operand.n != b->operand.n || a->result.n != b->result.n) return false;
  for (uint32_t i = 0; i < a->node.n; i++) {
    const Node *p = &a->node.at[i], *q = &b->node.at[i];
    if (p->op != q->op || p->n_in != q->n_in || p->type != q->type || p->attr != q->attr) return false;
    if (p->body[0] != q->body[0] || p->body[1] != q->body[1]) return false;
    for (uint32_t k = 0; k < p->n_in; k++) {
      if (a->operand.at[p->in + k] != b->operand.at[q->in + k]) return false;
    }
  }
  return !a->result.n || memcmp(a->result.at, b->result.at, sizeof *a->result.at * a->result.n) == 0;
}

void pass_replace_region(Module *m, RegionId region, RegionId built) {
  Region old = *ir_region(m, region);
  *ir_region(m, region) = *ir_region(m, built);
  vec_free(&old.node);
  vec_free(&old.operand);
  vec_free(&old.param);
  vec_free(&old.result);
  memset(ir_region(m, built), 0, sizeof(Region));
  if (built + 1 == m->region.n) m->region.n--;
}

bool pass_rebuild(Module *m, RegionId region, const RebuildPlan *plan) {
  bool *live = ir_live(m, region);
  Rebuild r = ir_rebuild(m, region, NULL);
  r.b.local_rules = plan->merge || plan->rules;
  r.b.simplify = plan->rules;
  uint32_t n = ir_region(m, region)->node.n;
  for (NodeId i = 0; i < n; i++) {
    if (!live[i] || r.map[i] != IR_NONE) continue;
    r.b.loc = ir_node(m, region, i)->loc;
    NodeId made = plan->visit ? plan->visit(&r, i, plan->user) : IR_NONE;
    if (made == IR_NONE)
      ir_copy_node(&r, i);
    else
      r.map[i] = made;
  }
  free(live);
  RegionId built = ir_rebuild_finish(&r);
  bool same = pass_same_region(m, region, built);
  pass_replace_region(m, region, built);
  return !same;
}

void pass_simplify_region(Module *m, RegionId region, SimplifyHook rules) {
  RebuildPlan plan = {.rules = rules};
  for (uint32_t round = 0; round < 3; round++) {
    if (!pass_rebuild(m, region, &plan)) return;
  }
  pass_rebuild(m, region, &(RebuildPlan){0});
}
