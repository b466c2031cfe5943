/* Threads that execute the tasks of one kernel at a time.
 *
 * The tasks of a kernel are fixed by its shapes; the pool only decides who executes which, so results do not depend on
 * the number of threads. The calling thread takes part. Workers spin for a fraction of a millisecond after their last
 * task and then sleep, so a region costs about 0.2 us between kernels of a step and nothing while the host is idle.
 */
#ifndef SEPPO_RUNTIME_POOL_H
#define SEPPO_RUNTIME_POOL_H

#include "runtime/context.h"
#include <stdbool.h>

typedef struct ThreadPool ThreadPool;

/* `threads` counts the caller; 0 = one per processor this process may use. `pin` ties each thread, the caller
 * included, to its own processor. NULL when out of memory; fewer threads when the system refuses more. */
ThreadPool *pool_new(uint32_t threads, bool pin);
uint32_t pool_threads(const ThreadPool *p);
/* Runs fn for every task in 0 .. n-1 and returns when all are done. Called from inside a task it runs serially. */
void pool_run(ThreadPool *p, struct Context *c, KernelFn fn, void *const *args, int64_t n);
void pool_free(ThreadPool *p);

#endif
