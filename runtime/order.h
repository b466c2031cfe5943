/* Row orders of a task: a permutation for each epoch, or the identity.
 *
 * order[] depends on (seed, stream, epoch) alone, so a stopped run goes on from (epoch, position) with nothing stored.
 */
#ifndef SEPPO_RUNTIME_ORDER_H
#define SEPPO_RUNTIME_ORDER_H

#include <stdint.h>

/* Streams keep shuffles of different tasks apart: (number of the task's row source in the module) for a task. */
void order_identity(int32_t *order, int64_t n);
/* Fisher-Yates with Philox draws without bias; 0 <= n <= INT32_MAX. */
void order_shuffle(int32_t *order, int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch);

#endif
