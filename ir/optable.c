/* The op table, expanded from ir/ops.def. */
#include "ir/build.h"
#include "ir/eval.h"
#include <string.h>

#define OP(name, arity, attrs, flags, typer, vjp, eval, meaning)                                                       \
  TypeId typer(TypeQuery *q);                                                                                          \
  void vjp(Builder *b, NodeId node, const NodeId *ct, uint64_t need, NodeId *out);                                     \
  void eval(EvalCall *c);
#include "ir/ops.def"
#undef OP

#define type_none NULL
#define vjp_none NULL
#define eval_none NULL
const OpInfo op_table[OP_COUNT] = {
#define OP(name, arity, attrs, flags, typer, vjp, eval, meaning)                                                       \
  {#name, arity, flags, attrs, typer, vjp, eval, meaning},
#include "ir/ops.def"
#undef OP
};

Op op_by_name(const char *name, size_t length) {
  for (uint32_t i = 0; i < OP_COUNT; i++)
    if (!strncmp(op_table[i].name, name, length) && !op_table[i].name[length]) return (Op)i;
  return OP_COUNT;
}
