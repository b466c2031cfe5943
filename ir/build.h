/* Building regions: the only way nodes come into being.
 *
 * A Builder appends to one region, infers every type through the op table, and reports what does not fit to its sink
 * at the location set on it (b->loc). With `local_rules` on, value numbering, exact folding and the rewrite rules of
 * ir/simplify.c are applied as nodes are made (used by passes); the frontend keeps it off, so that the graph prints as
 * written.
 */
#ifndef SEPPO_IR_BUILD_H
#define SEPPO_IR_BUILD_H

#include "ir/ir.h"

struct Builder;
/* A rewrite of the node about to be made: the value to use instead, or IR_NONE when no rule fires (ir/simplify.h). */
typedef NodeId (*SimplifyHook)(struct Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr);

typedef struct Builder {
  Module *m;
  RegionId region;
  DiagSink *sink; /* NULL: a type error is a bug and aborts with the node printed */
  LocId loc;
  bool local_rules;          /* value numbering and, with a hook, rewrite rules */
  SimplifyHook simplify;     /* NULL: value numbering alone */
  struct ValueTable *values; /* value numbering, when local_rules (ir/values.h) */
} Builder;

Builder ir_builder(Module *m, RegionId region, DiagSink *sink);
void ir_builder_free(Builder *b);

/* What a type rule sees. */
typedef struct TypeQuery {
  Builder *b;
  Op op;
  uint32_t n;
  const NodeId *in;
  const TypeId *type; /* of the operands */
  const Attr *attr;   /* never NULL (zeroed when the op has none) */
  const RegionId *body;
} TypeQuery;

/* The type of the node a query asks for; IR_NONE after a diagnostic. */
TypeId ir_infer_type(TypeQuery *q);

/* IR_NONE after a diagnostic; also when an operand is IR_NONE (no second diagnostic). */
NodeId ir_emit(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr);
NodeId ir_emit_region(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr, RegionId body0,
                      RegionId body1);
NodeId ir_param(Builder *b, TypeId type); /* appends to the region's parameters */
void ir_result(Builder *b, NodeId value); /* appends to the region's results */

static inline const Type *ir_type_of(const Builder *b, NodeId n) {
  return ir_type_get(b->m, ir_node(b->m, b->region, n)->type);
}

NodeId ir_const(Builder *b, TypeId type, const void *bytes);
/* The bytes of a number in a dtype; integers saturate and truncate. */
void ir_scalar_bytes(DType dtype, double value, void *bytes);
NodeId ir_scalar_const(Builder *b, DType dtype, double value);
/* A constant of any shape filled with one value: a scalar const under a broadcast. */
NodeId ir_full(Builder *b, TypeId type, double value);
NodeId ir_full_like(Builder *b, NodeId like, double value);
NodeId ir_unary(Builder *b, Op op, NodeId a);
NodeId ir_binary(Builder *b, Op op, NodeId a, NodeId c);
NodeId ir_select(Builder *b, NodeId c, NodeId yes, NodeId no);
NodeId ir_cast(Builder *b, NodeId a, DType dtype); /* a itself when it has the dtype already */
/* dims[i] = axis of the result that axis i of `a` becomes (increasing). Axes of extent 1 may grow: they are reshaped
 * away first, so the op itself only ever adds axes. */
NodeId ir_broadcast(Builder *b, NodeId a, uint32_t rank, const int64_t *shape, const int64_t *dims);
/* NumPy alignment at the right; a itself when shapes agree. */
NodeId ir_broadcast_to(Builder *b, NodeId a, uint32_t rank, const int64_t *shape);
NodeId ir_reshape(Builder *b, NodeId a, uint32_t rank, const int64_t *shape);
NodeId ir_transpose(Builder *b, NodeId a, const int64_t *perm);
NodeId ir_reverse(Builder *b, NodeId a, uint32_t n, const int64_t *axes);
NodeId ir_slice(Builder *b, NodeId a, const int64_t *lo, const int64_t *hi, const int64_t *step);
NodeId ir_pad(Builder *b, NodeId a, const int64_t *lo, const int64_t *hi, const int64_t *interior);
NodeId ir_concat(Builder *b, const NodeId *a, uint32_t n, int64_t axis);
NodeId ir_reduce(Builder *b, Op op, NodeId a, uint32_t n,
                 const int64_t *axes); /* axes in any order; a itself if n == 0 */
NodeId ir_dot(Builder *b, NodeId a, NodeId c, const IntList *batch_a, const IntList *batch_b, const IntList *contract_a,
              const IntList *contract_b);
NodeId ir_matmul(Builder *b, NodeId a, NodeId c); /* rank >= 2, leading axes equal: [.., n, k] @ [.., k, m] */
NodeId ir_iota(Builder *b, DType dtype, uint32_t rank, const int64_t *shape, int64_t axis);
NodeId ir_gather(Builder *b, NodeId x, NodeId index, int64_t axis, int64_t n_batch);
NodeId ir_key_fold(Builder *b, NodeId key, NodeId index);
NodeId ir_random(Builder *b, NodeId key, Dist dist, DType dtype, uint32_t rank, const int64_t *shape, uint64_t site);
NodeId ir_proj(Builder *b, NodeId tuple, uint32_t index);
NodeId ir_scan(Builder *b, int64_t count, bool reverse, const NodeId *carry, uint32_t n_carry, const NodeId *xs,
               uint32_t n_xs, const NodeId *consts, uint32_t n_consts, RegionId body);
/* With count, reverse and recompute of another scan. */
NodeId ir_scan_like(Builder *b, const Attr *like, const NodeId *carry, uint32_t n_carry, const NodeId *xs,
                    uint32_t n_xs, const NodeId *consts, uint32_t n_consts, RegionId body);

/* Rebuilding: an old->new map over one region. */
typedef struct Rebuild {
  Builder b;
  RegionId from;
  NodeId *map; /* IR_NONE where not needed or not yet built */
} Rebuild;
/* A rebuild of region `from` into a new region: parameters are copied already. */
Rebuild ir_rebuild(Module *m, RegionId from, DiagSink *sink);
/* Appends the mapped results, frees the map and returns the new region. */
RegionId ir_rebuild_finish(Rebuild *r);
/* Copies node n of `from` with operands mapped, location kept; its id goes to map[n]. */
NodeId ir_copy_node(Rebuild *r, NodeId n);
/* Nodes of the region that its results need. Caller frees. */
bool *ir_live(const Module *m, RegionId region);

#endif
