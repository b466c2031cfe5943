/* `batch n` in an eval: the part of the graph that goes row by row runs in chunks of n rows. */
#ifndef SEPPO_FRONTEND_ELAB_CHUNK_H
#define SEPPO_FRONTEND_ELAB_CHUNK_H

#include "frontend/elab/value.h"

enum { ROWS_NONE = -1, ROWS_UNKNOWN = -2, ROWS_SUMMED = -3, ROWS_LOOP = -4 };

/* Which axis of a node's result counts the rows of the split: an axis, ROWS_NONE (does not depend on rows),
 * ROWS_SUMMED (a sum, maximum or minimum over the rows: chunks accumulate), ROWS_LOOP (the results of a loop whose body
 * goes row by row; chunk.c finds these) or ROWS_UNKNOWN (needs all rows at once).
 * axis[] holds the answer for every earlier node; rows is the extent. */
int row_axis(const Module *m, RegionId region, NodeId node, const int *axis, int64_t rows);

/* The axis of operand k that must be cut to the chunk's rows when the operand itself does not depend on rows;
 * ROWS_NONE when it is used whole. `axis` is the row axis of the node's result. */
int operand_row_axis(const Module *m, RegionId region, NodeId node, uint32_t k, const int *axis, int64_t rows);

/* Rebuilds the region of an eval's graph so. row_param[k] says that parameter k is a field of the split. */
RegionId chunk_rows(Elab *E, RegionId region, const bool *row_param, int64_t rows, int64_t chunk);

#endif
