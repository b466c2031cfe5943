/* Step programs cut into compilation units: batches of kernels, micro-kernels, one step function each.
 *
 * A kernel's symbol is the hash of its canonical text, so that equal kernels of several programs are one function; a
 * unit's text says everything that decides its object. */
#ifndef SEPPO_CODEGEN_UNITS_H
#define SEPPO_CODEGEN_UNITS_H

#include "codegen/backend.h"

typedef struct UnitEntry {
  Unit unit;
  StrBuf text; /* canonical: the cache's key */
} UnitEntry;

typedef struct Units {
  Arena mem;
  UnitEntry *at;
  uint32_t n;
} Units;

Units units_of(KProgram *const *program, uint32_t n);
void units_free(Units *u);

#endif
