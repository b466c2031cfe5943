/* loops: invariant code and dead carries out, indexed reads made xs, products batched out of the loop. */
#include "ir/passes/scan.h"
#include <stdlib.h>

static const ScanRewrite rewrites[] = {scan_inline, scan_prune,         scan_hoist, scan_prune,          scan_form_xs,
                                       scan_prune,  scan_lift_products, scan_prune, scan_stack_products, scan_prune};

bool pass_loops(Module *m, const PassOptions *o, DiagSink *sink) {
  (void)o, (void)sink;
  RegionList regions = pass_regions(m);
  for (uint32_t i = 0; i < regions.n; i++) {
    for (uint32_t k = 0; k < sizeof rewrites / sizeof *rewrites; k++) {
      scan_rewrite_region(m, regions.at[i], rewrites[k]);
    }
    pass_simplify_region(m, regions.at[i], ir_simplify_node);
  }
  vec_free(&regions);
  return true;
}
