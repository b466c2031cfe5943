/* The table of the module of readers (runtime/data/formats/). */
#ifndef SEPPO_RUNTIME_DATA_FORMATS_H
#define SEPPO_RUNTIME_DATA_FORMATS_H

#include "runtime/data/internal.h"

typedef struct DataFormats {
  bool (*npz)(DataCall *c, const DataOptions *o);
  bool (*images)(DataCall *c, const DataOptions *o);
} DataFormats;

/* Inside the module. */
bool format_npz(DataCall *c, const DataOptions *o);
bool format_images(DataCall *c, const DataOptions *o);

#endif
