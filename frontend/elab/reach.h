/* Differentiable dependence inside one region. */
#ifndef SEPPO_FRONTEND_ELAB_REACH_H
#define SEPPO_FRONTEND_ELAB_REACH_H

#include "frontend/elab/value.h"

/* mark[id] for every node that some y depends on through derivatives; the walk does not go past nodes of `stop` (by
 * node id, may be NULL). The caller frees the array. */
bool *reach_region(const Module *m, RegionId region, const NodeId *y, uint32_t n_y, const bool *stop);

/* needed[id] for every node of the region that y is computed from. The caller frees the array. */
bool *needed_nodes(const Module *m, RegionId region, NodeId y);

#endif
