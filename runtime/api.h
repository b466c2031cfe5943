/* The table through which generated code reaches the runtime (RuntimeApi of runtime/context.h).
 *
 * OpenBLAS, with the LAPACK it contains, is opened at the first call that needs it: programs without linear algebra
 * start without it. Its own threads stay at one; parallel work is the pool's.
 */
#ifndef SEPPO_RUNTIME_API_H
#define SEPPO_RUNTIME_API_H

#include "runtime/context.h"

extern const RuntimeApi runtime_api;

/* What the linear algebra functions return when OpenBLAS cannot be opened. */
#define LAPACK_MISSING INT32_MIN

#endif
