/* Will it fit? Memory a run needs against what the machine has left, before anything is allocated. */
#ifndef SEPPO_DRIVER_MEMORY_H
#define SEPPO_DRIVER_MEMORY_H

#include "codegen/program.h"

/* Bytes that can still be had without the system ending the program: free memory and swap, less what the process's
 * control groups (a container, a batch job) and its own limit leave. UINT64_MAX when that is not known. */
uint64_t memory_left(void);
/* "2.4 GB", in powers of ten */
const char *memory_text(uint64_t bytes, char out[32]);
/* Small sizes always do. */
bool memory_fits(uint64_t bytes);
/* E0607 for something that could not be allocated after all. */
void memory_error(DiagSink *sink, const char *what, uint64_t bytes);
/* Everything the module's tasks hold at once: cells, the intermediate results of the largest graph, results handed out.
 * False after E0607 with what takes how much, the largest tensors and what would help. */
bool memory_check(const Module *m, Program *p, DiagSink *sink);
/* The same against a limit of the user's; sink NULL: only the answer. */
bool memory_within(const Module *m, uint64_t limit, DiagSink *sink);

#endif
