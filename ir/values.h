/* Value numbering of one region: the node that already computes op(in.., attr, bodies). */
#ifndef SEPPO_IR_VALUES_H
#define SEPPO_IR_VALUES_H

#include "ir/build.h"

typedef struct ValueKey {
  Op op;
  uint32_t n;
  const NodeId *in;
  AttrId attr;
  RegionId body[2];
} ValueKey;

/* IR_NONE when there is none, or when the op is never merged. Operands of commutative ops match in either order. */
NodeId values_find(Builder *b, const ValueKey *k);
/* Records the region's latest node. */
void values_add(Builder *b, NodeId n);
void values_free(Builder *b);

#endif
