/* simplify: rewrite rules, exact folding, common subexpressions and dead code, to a fixpoint.
 * stabilise: the few rules that must run before differentiation, nothing merged or dropped.
 * layout: transposes absorbed into the products that read or make them, masks of rectifiers read off their results. */
#include "ir/passes/internal.h"
#include <stdlib.h>

/* Names loop bodies by their first equal, so that equal loops have equal operands. */
static void rename_bodies(Module *m, RegionId region, const RegionId *name) {
  Region *r = ir_region(m, region);
  for (uint32_t n = 0; n < r->node.n; n++) {
    for (uint32_t k = 0; k < 2; k++) {
      if (r->node.at[n].body[k] != IR_NONE) r->node.at[n].body[k] = name[r->node.at[n].body[k]];
    }
  }
}

/* The regions that some loop names; the others belong to tasks and keep their own. */
static bool *find_bodies(const Module *m, const RegionList *regions) {
  bool *is_body = calloc(m->region.n + 1, 1);
  for (uint32_t i = 0; i < regions->n; i++) {
    const Region *r = ir_region(m, regions->at[i]);
    for (uint32_t n = 0; n < r->node.n; n++) {
      for (uint32_t k = 0; k < 2; k++) {
        if (r->node.at[n].body[k] != IR_NONE) is_body[r->node.at[n].body[k]] = true;
      }
    }
  }
  return is_body;
}

static void simplify_all(Module *m, SimplifyHook rules) {
  RegionList regions = pass_regions(m);
  bool *is_body = find_bodies(m, &regions);
  RegionId *name = malloc(sizeof *name * (m->region.n + 1));
  BodyTable bodies = {0};
  for (uint32_t i = 0; i < regions.n; i++) {
    RegionId r = regions.at[i];
    rename_bodies(m, r, name);
    pass_simplify_region(m, r, rules);
    name[r] = is_body[r] ? pass_share_body(&bodies, m, r) : r;
  }
  table_free(&bodies.ids);
  free(name);
  free(is_body);
  vec_free(&regions);
}

bool pass_stabilise(Module *m, const PassOptions *o, DiagSink *sink) {
  (void)o, (void)sink;
  RegionList regions = pass_regions(m);
  RebuildPlan plan = {.rules = ir_stabilise_node};
  for (uint32_t i = 0; i < regions.n; i++) {
    pass_rebuild(m, regions.at[i], &plan);
    pass_rebuild(m, regions.at[i], &(RebuildPlan){0});
  }
  vec_free(&regions);
  return true;
}

bool pass_simplify(Module *m, const PassOptions *o, DiagSink *sink) {
  (void)o, (void)sink;
  simplify_all(m, ir_simplify_node);
  return true;
}

bool pass_layout(Module *m, const PassOptions *o, DiagSink *sink) {
  (void)o, (void)sink;
  simplify_all(m, ir_layout_node);
  RegionList regions = pass_regions(m);
  for (uint32_t i = 0; i < regions.n; i++) pass_relu_masks(m, regions.at[i]);
  vec_free(&regions);
  return true;
}
