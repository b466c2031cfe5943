/* The op reference: one markdown section an op, written from the op table. */
#ifndef SEPPO_IR_REFERENCE_H
#define SEPPO_IR_REFERENCE_H

#include "runtime/base/strbuf.h"

void ir_print_reference(StrBuf *out);

#endif
