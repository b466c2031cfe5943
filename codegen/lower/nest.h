/* What the loop nest templates share. */
#ifndef SEPPO_CODEGEN_NEST_H
#define SEPPO_CODEGEN_NEST_H

#include "codegen/lower/lower.h"

/* Loops over a space: neighbouring axes that nothing tells apart run in one loop; axes of extent 1 in none. */
typedef struct Loops {
  uint32_t n;
  int64_t extent[2 * IR_MAX_RANK];
  uint32_t loop_of[IR_MAX_RANK]; /* per axis; UINT32_MAX: extent 1 */
} Loops;

Loops loops_of_space(RegionPlan *r, uint32_t g, uint32_t rank, const int64_t *dim);
void loops_drop_ones(Loops *l, uint32_t rank);
/* The index along every axis from the loops' positions. */
void loops_index(KBuilder *b, const Loops *l, const Ix *iv, uint32_t rank, const int64_t *dim, Ix *idx);

enum { TASK_NS = 1500 }; /* work that is worth handing to another thread */
/* Number of tasks for this much work in `units` indivisible pieces: a function of the shapes alone. */
int64_t tasks_for(double cost_ns, int64_t units);
int64_t round_up(int64_t x, int64_t to);
/* Opens the loop over a task's share of `extent` (chunk each, the last one short); position in the whole. */
Ix open_shared(KBuilder *b, KLoopKind kind, uint32_t width, int64_t extent, int64_t chunk, int64_t tasks);
/* Lanes for the widest float (else integer) of the group. */
uint32_t group_lanes(const RegionPlan *r, uint32_t g);
double group_cost(const RegionPlan *r, uint32_t g); /* ns per element */
/* Computes outputs at row-major position `at`, then stores them: no output sees another's new value. */
void store_outputs(Kern *k, const NodeId *output, uint32_t n, const Ix *at);

#endif
