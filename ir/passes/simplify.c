/* simplify: rewrite rules, exact folding, common subexpressions and dead code, to a fixpoint.
 * stabilise: the few rules that must run before differentiation, nothing merged or dropped.
 * layout: transposes absorbed into the products that read or make them. */
#include "ir/passes/internal.h"
#include <stdlib.h>

static void simplify_all(Module *m, SimplifyHook rules) {
  RegionList regions = pass_regions(m);
  for (uint32_t i = 0; i < regions.n; i++) pass_simplify_region(m, regions.at[i], rules);
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
  return true;
}
