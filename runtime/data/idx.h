/* The IDX reader, for the named sets built on it. */
#ifndef SEPPO_RUNTIME_DATA_IDX_H
#define SEPPO_RUNTIME_DATA_IDX_H

#include "runtime/data/internal.h"

/* Opens one file: its shape at once, its bytes when loaded. NULL after a diagnostic. */
DataStore *idx_store(DataCall *c, const char *path, DataShape *shape);

#endif
