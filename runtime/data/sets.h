/* Readers of whole data sets, for the table of kinds and for dataset("name"). */
#ifndef SEPPO_RUNTIME_DATA_SETS_H
#define SEPPO_RUNTIME_DATA_SETS_H

#include "runtime/data/internal.h"

/* The folder holds some of the set's files. */
bool cifar_in(DataCall *c, const char *folder);
bool cifar_from(DataCall *c, const DataOptions *o, const char *folder);

#endif
