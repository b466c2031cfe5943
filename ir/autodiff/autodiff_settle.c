/* Settling a region: dead nodes go, loops that grew residual results take the place of the loops they grew from,
 * and in the end the marks that only differentiation reads are stripped. */
#include "ir/autodiff/autodiff_internal.h"
#include <stdlib.h>
#include <string.h>

/* Per node of one region: the loop it is a version of, and (for a root) the version with the most results. */
typedef struct Versions {
  NodeId *root, *latest;
} Versions;

static Versions versions_of(const Diff *d, RegionId region, bool *live) {
  uint32_t n = ir_region(d->m, region)->node.n;
  Versions v = {diff_array(n, sizeof(NodeId)), diff_array(n, sizeof(NodeId))};
  for (NodeId k = 0; k < n; k++) v.root[k] = v.latest[k] = k;
  for (uint32_t k = 0; k < d->grown.n; k++) {
    const Grown *g = &d->grown.at[k];
    if (g->region != region || !live[g->node]) continue;
    v.root[g->node] = g->root;
    v.latest[g->root] = g->node;
    live[g->root] = true;
  }
  return v;
}

static RegionId settled_body(Diff *d, RegionId body, bool strip) {
  return body == IR_NONE || !strip ? body : diff_settle(d, body, true);
}

/* Node n, in the version `as` that takes its place. */
static NodeId emit_version(Diff *d, Rebuild *r, NodeId n, NodeId as, bool strip) {
  Node node = *ir_node(d->m, r->from, as);
  RegionId body0 = settled_body(d, node.body[0], strip), body1 = settled_body(d, node.body[1], strip);
  NodeId *in = diff_array(node.n_in, sizeof *in);
  for (uint32_t k = 0; k < node.n_in; k++) in[k] = r->map[ir_operands(d->m, r->from, &node)[k]];
  r->b.loc = ir_node(d->m, r->from, n)->loc;
  const Attr *attr = node.attr == IR_NONE ? NULL : ir_attr_get(d->m, node.attr);
  NodeId made = ir_emit_region(&r->b, (Op)node.op, in, node.n_in, attr, body0, body1);
  free(in);
  return made;
}

static bool is_mark(Op op) { return op == OP_anchor || op == OP_stop_gradient; }

RegionId diff_settle(Diff *d, RegionId region, bool strip) {
  if (strip && region < d->settled.n && d->settled.at[region] != IR_NONE) return d->settled.at[region];
  bool *live = ir_live(d->m, region);
  Versions v = versions_of(d, region, live);
  Rebuild r = ir_rebuild(d->m, region, NULL);
  for (NodeId n = 0, end = ir_region(d->m, region)->node.n; n < end; n++) {
    const Node *node = ir_node(d->m, region, n);
    if (!live[n] || node->op == OP_param) continue;
    if (v.root[n] != n)
      r.map[n] = r.map[v.root[n]];
    else if (strip && is_mark((Op)node->op))
      r.map[n] = r.map[ir_operands(d->m, region, node)[0]];
    else if (node->body[0] != IR_NONE)
      r.map[n] = emit_version(d, &r, n, v.latest[n], strip);
    else
      ir_copy_node(&r, n);
  }
  free(live);
  free(v.root);
  free(v.latest);
  RegionId made = ir_rebuild_finish(&r);
  if (strip) {
    while (d->settled.n <= region) vec_push(&d->settled, IR_NONE);
    d->settled.at[region] = made;
  }
  return made;
}
