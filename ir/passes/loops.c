/* loops: invariant code and dead carries out, indexed reads made xs, products batched out of the loop. */
#include "ir/passes/scan.h"
#include <stdlib.h>

static const struct {
  Op loop;
  ScanRewrite rewrite;
} rewrites[] = {
    {OP_while, while_prune}, {OP_scan, scan_inline},         {OP_scan, scan_prune}, {OP_scan, scan_hoist},
    {OP_scan, scan_form_xs}, {OP_scan, scan_prune},          {OP_scan, scan_map},   {OP_scan, scan_lift_products},
    {OP_scan, scan_prune},   {OP_scan, scan_stack_products},
};

/* Rewrites may open the way for each other, and for the loops inside the bodies they made. */
#define MAX_ROUNDS 4

static bool rewrite_region(Module *m, RegionId region) {
  bool any = false;
  for (uint32_t round = 0; round < MAX_ROUNDS; round++) {
    bool changed = false;
    for (uint32_t k = 0; k < sizeof rewrites / sizeof *rewrites; k++) {
      if (loop_rewrite_region(m, region, rewrites[k].loop, rewrites[k].rewrite)) changed = true;
    }
    if (!changed) break;
    any = true;
    pass_simplify_region(m, region, ir_layout_node);
  }
  return any;
}

static bool has_loop(const Module *m, RegionId region) {
  const Region *r = ir_region(m, region);
  for (uint32_t n = 0; n < r->node.n; n++) {
    if (r->node.at[n].op == OP_scan || r->node.at[n].op == OP_while) return true;
  }
  return false;
}

bool pass_loops(Module *m, const PassOptions *o, DiagSink *sink) {
  (void)o, (void)sink;
  bool changed = true;
  for (uint32_t round = 0; round < MAX_ROUNDS && changed; round++) {
    RegionList regions = pass_regions(m);
    changed = false;
    for (uint32_t i = 0; i < regions.n; i++) {
      if (has_loop(m, regions.at[i]) && rewrite_region(m, regions.at[i])) changed = true;
    }
    vec_free(&regions);
  }
  return true;
}
