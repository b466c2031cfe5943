/* Time for tests that bound it: of the processor, so that a busy machine fails none. */
#ifndef SEPPO_TESTS_SUPPORT_CPU_TIME_H
#define SEPPO_TESTS_SUPPORT_CPU_TIME_H

#include <time.h>

/* Seconds this process has computed. */
static inline double cpu_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

#endif
