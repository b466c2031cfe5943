/* What passes share: the pass functions, walking a module's graphs, rebuilding regions. */
#ifndef SEPPO_IR_PASSES_INTERNAL_H
#define SEPPO_IR_PASSES_INTERNAL_H

#include "ir/autodiff/autodiff.h"
#include "ir/build.h"
#include "ir/hash.h"
#include "ir/passes/passes.h"
#include "ir/simplify.h"

bool pass_stabilise(Module *m, const PassOptions *o, DiagSink *sink);
bool pass_segment(Module *m, const PassOptions *o, DiagSink *sink);
bool pass_simplify(Module *m, const PassOptions *o, DiagSink *sink);
bool pass_loops(Module *m, const PassOptions *o, DiagSink *sink);
bool pass_layout(Module *m, const PassOptions *o, DiagSink *sink);

/* The graphs of all tasks: step, tail, events with something to compute. Caller frees. */
typedef Vec(Graph *) GraphList;
GraphList pass_graphs(const Module *m);
/* Regions reachable from the tasks, every body before the region that loops over it. Caller frees. */
typedef Vec(RegionId) RegionList;
RegionList pass_regions(const Module *m);

/* How a region is rebuilt. */
typedef struct RebuildPlan {
  SimplifyHook rules; /* NULL: none */
  bool merge;         /* value numbering */
  /* Gives the new node for live node n, or IR_NONE to copy it; NULL: every node is copied. */
  NodeId (*visit)(Rebuild *r, NodeId n, void *user);
  void *user;
} RebuildPlan;

/* Replaces the contents of `region` by a rebuilt version with the same parameters and results; its id stays. True when
 * anything changed but order. */
bool pass_rebuild(Module *m, RegionId region, const RebuildPlan *plan);
/* Rules, merging and dead code, to a fixpoint of at most three rounds. */
void pass_simplify_region(Module *m, RegionId region, SimplifyHook rules);
/* Exchanges the contents of `region` for those of `built`, whose old contents are released. */
void pass_replace_region(Module *m, RegionId region, RegionId built);

/* Node for node the same? (Locations aside.) */
bool pass_same_region(const Module *m, RegionId one, RegionId other);
/* Bodies seen so far; `body`, or an earlier one with the same contents. */
typedef struct BodyTable {
  IdTable ids;
} BodyTable;
RegionId pass_share_body(BodyTable *t, const Module *m, RegionId body);
/* Reads the masks of rectifiers off their results (passes/relu_mask.c). */
void pass_relu_masks(Module *m, RegionId region);

#endif
