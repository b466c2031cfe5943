/* Rewrite rules applied while nodes are made. */
#ifndef SEPPO_IR_SIMPLIFY_H
#define SEPPO_IR_SIMPLIFY_H

#include "ir/build.h"

/* The value to use instead of op(in.., attr), made with b where new nodes are needed; IR_NONE when no rule fires.
 * A builder with local_rules whose `simplify` is this function applies it to every node it is asked for. */
NodeId ir_simplify_node(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr);

#endif
