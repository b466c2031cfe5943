/* The model table: layers, shapes, parameters. */
#ifndef SEPPO_DRIVER_MODEL_TABLE_H
#define SEPPO_DRIVER_MODEL_TABLE_H

#include "frontend/elab.h"
#include "runtime/base/strbuf.h"

/* 203530 -> "203,530" */
const char *number_grouped(int64_t v, char out[32]);
void model_table_print(const Elaborated *e, StrBuf *out);

#endif
