#include "ir/autodiff_internal.h"
void diff_scan(Diff *d, Builder *b, NodeId loop, const NodeId *ct, const bool *need, NodeId *out) {
  (void)ct, (void)need, (void)out;
  diff_error(d, ir_node(b->m, b->region, loop)->loc, "a gradient through a loop is not there yet", NULL);
}
