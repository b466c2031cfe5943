/* What a graph reads, as values of the reference evaluator. */
#ifndef SEPPO_DRIVER_BIND_H
#define SEPPO_DRIVER_BIND_H

#include "ir/eval.h"

typedef struct GraphInputs {
  const uint8_t *cells; /* by the offsets of the cell layout */
  const uint64_t *offset;
  const int32_t *rows; /* of the batch; NULL without data */
  int64_t step, epoch;
  uint64_t key;
} GraphInputs;

/* One value for each parameter of the graph's region. A stored tensor that is read by the batch's row numbers alone is
 * cut down to these rows. */
Value *bind_inputs(Module *m, const Graph *g, const GraphInputs *in, Arena *mem);

#endif
