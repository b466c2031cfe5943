/* Names shared by what emits machine code and what links it. */
#include "codegen/backend.h"
#include "runtime/dtype.h"
#include <stdio.h>

void k_micro_symbol(const KMicro *m, char out[32]) {
  snprintf(out, 32, "mk_%s_%ux%u%s", dtype_name(m->dtype), m->mr, m->nv, m->accumulate ? "_acc" : "");
}
