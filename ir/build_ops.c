/* One short function an op: what passes and the frontend call. */
#include "ir/build.h"
#include <stdlib.h>
#include <string.h>

static IntList list(uint32_t n, const int64_t *v) {
  IntList l = {.n = n <= IR_MAX_RANK ? n : IR_MAX_RANK};
  if (l.n) memcpy(l.v, v, l.n * sizeof *v);
  return l;
}

static NodeId emit1(Builder *b, Op op, NodeId a, const Attr *attr) { return ir_emit(b, op, &a, 1, attr); }

/* ---------------------------------------------------------------- leaves */

NodeId ir_const(Builder *b, TypeId type, const void *bytes) {
  if (type == IR_NONE) return IR_NONE;
  Attr a = {.value = ir_const_bytes(b->m, type, bytes)};
  return ir_emit(b, OP_const, NULL, 0, &a);
}

/* The whole number nearest below value that an integer type of `bits` can hold. */
static int64_t to_integer(double v, double lo, double hi) {
  if (!(v > lo)) return (int64_t)lo;
  return v >= hi ? (hi == 0x1p63 ? INT64_MAX : (int64_t)hi) : (int64_t)v;
}

static uint64_t to_u64(double v) { return !(v > 0) ? 0 : v >= 0x1p64 ? UINT64_MAX : (uint64_t)v; }

void ir_scalar_bytes(DType dtype, double v, void *bytes) {
  union {
    bool b;
    uint8_t u8;
    int32_t i32;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    float f32;
    double f64;
  } x = {0};
  switch (dtype) {
  case DT_BOOL: x.b = v != 0; break;
  case DT_U8: x.u8 = (uint8_t)to_integer(v, 0, 255); break;
  case DT_I32: x.i32 = (int32_t)to_integer(v, INT32_MIN, INT32_MAX); break;
  case DT_I64: x.i64 = to_integer(v, -0x1p63, 0x1p63); break;
  case DT_U32: x.u32 = (uint32_t)to_integer(v, 0, UINT32_MAX); break;
  case DT_U64: x.u64 = to_u64(v); break;
  case DT_F32: x.f32 = (float)v; break;
  default: x.f64 = v; break;
  }
  memcpy(bytes, &x, ir_dtype_size(dtype));
}

NodeId ir_scalar_const(Builder *b, DType dtype, double value) {
  unsigned char bytes[8];
  ir_scalar_bytes(dtype, value, bytes);
  return ir_const(b, ir_scalar(b->m, dtype), bytes);
}

NodeId ir_full(Builder *b, TypeId type, double value) {
  if (type == IR_NONE) return IR_NONE;
  const Type *t = ir_type_get(b->m, type);
  NodeId c = ir_scalar_const(b, t->dtype, value);
  return t->rank ? ir_broadcast(b, c, t->rank, t->dim, NULL) : c;
}

NodeId ir_full_like(Builder *b, NodeId like, double value) {
  return like == IR_NONE ? IR_NONE : ir_full(b, ir_node(b->m, b->region, like)->type, value);
}

NodeId ir_iota(Builder *b, DType dtype, uint32_t rank, const int64_t *shape, int64_t axis) {
  Attr a = {.dtype = (uint8_t)dtype, .shape = list(rank, shape), .axis = axis};
  return ir_emit(b, OP_iota, NULL, 0, &a);
}

NodeId ir_key_fold(Builder *b, NodeId key, NodeId index) { return ir_binary(b, OP_key_fold, key, index); }

NodeId ir_random(Builder *b, NodeId key, Dist dist, DType dtype, uint32_t rank, const int64_t *shape, uint64_t site) {
  Attr a = {.dist = (uint8_t)dist, .dtype = (uint8_t)dtype, .shape = list(rank, shape), .site = site};
  return emit1(b, OP_random, key, &a);
}

/* ---------------------------------------------------------------- elementwise */

NodeId ir_unary(Builder *b, Op op, NodeId a) { return emit1(b, op, a, NULL); }

NodeId ir_binary(Builder *b, Op op, NodeId a, NodeId c) {
  NodeId in[] = {a, c};
  return ir_emit(b, op, in, 2, NULL);
}

NodeId ir_select(Builder *b, NodeId c, NodeId yes, NodeId no) {
  NodeId in[] = {c, yes, no};
  return ir_emit(b, OP_select, in, 3, NULL);
}

NodeId ir_cast(Builder *b, NodeId a, DType dtype) {
  if (a == IR_NONE || ir_type_of(b, a)->dtype == dtype) return a;
  Attr attr = {.dtype = (uint8_t)dtype};
  return emit1(b, OP_cast, a, &attr);
}

/* ---------------------------------------------------------------- movement */

/* Drops the axes of extent 1 that a broadcast would grow; dims loses their entries. */
static NodeId drop_growing(Builder *b, NodeId a, const IntList *shape, IntList *dims) {
  const Type *t = ir_type_of(b, a);
  IntList kept = {0}, kept_dims = {0};
  for (uint32_t i = 0; i < t->rank && i < dims->n; i++) {
    int64_t d = dims->v[i];
    if (t->dim[i] == 1 && d >= 0 && d < shape->n && shape->v[d] != 1) continue;
    kept.v[kept.n++] = t->dim[i];
    kept_dims.v[kept_dims.n++] = d;
  }
  if (kept.n == t->rank) return a;
  *dims = kept_dims;
  return ir_reshape(b, a, kept.n, kept.v);
}

NodeId ir_broadcast(Builder *b, NodeId a, uint32_t rank, const int64_t *shape, const int64_t *dims) {
  if (a == IR_NONE) return IR_NONE;
  Attr attr = {.shape = list(rank, shape), .axes = list(ir_type_of(b, a)->rank, dims)};
  a = drop_growing(b, a, &attr.shape, &attr.axes);
  return emit1(b, OP_broadcast, a, &attr);
}

NodeId ir_broadcast_to(Builder *b, NodeId a, uint32_t rank, const int64_t *shape) {
  if (a == IR_NONE) return IR_NONE;
  const Type *t = ir_type_of(b, a);
  if (t->rank == rank && !memcmp(t->dim, shape, rank * sizeof *shape)) return a;
  int64_t dims[IR_MAX_RANK] = {0};
  for (uint32_t i = 0; i < t->rank; i++) dims[i] = (int64_t)rank - t->rank + i;
  return ir_broadcast(b, a, rank, shape, dims);
}

NodeId ir_reshape(Builder *b, NodeId a, uint32_t rank, const int64_t *shape) {
  Attr attr = {.shape = list(rank, shape)};
  return emit1(b, OP_reshape, a, &attr);
}

NodeId ir_transpose(Builder *b, NodeId a, const int64_t *perm) {
  if (a == IR_NONE) return IR_NONE;
  Attr attr = {.axes = list(ir_type_of(b, a)->rank, perm)};
  return emit1(b, OP_transpose, a, &attr);
}

NodeId ir_reverse(Builder *b, NodeId a, uint32_t n, const int64_t *axes) {
  Attr attr = {.axes = list(n, axes)};
  return emit1(b, OP_reverse, a, &attr);
}

static NodeId emit_ranges(Builder *b, Op op, NodeId a, const int64_t *lo, const int64_t *hi, const int64_t *step) {
  if (a == IR_NONE) return IR_NONE;
  uint32_t rank = ir_type_of(b, a)->rank;
  Attr attr = {.lo = list(rank, lo), .hi = list(rank, hi), .step = list(rank, step)};
  return emit1(b, op, a, &attr);
}

NodeId ir_slice(Builder *b, NodeId a, const int64_t *lo, const int64_t *hi, const int64_t *step) {
  return emit_ranges(b, OP_slice, a, lo, hi, step);
}

NodeId ir_pad(Builder *b, NodeId a, const int64_t *lo, const int64_t *hi, const int64_t *interior) {
  return emit_ranges(b, OP_pad, a, lo, hi, interior);
}

NodeId ir_concat(Builder *b, const NodeId *a, uint32_t n, int64_t axis) {
  Attr attr = {.axis = axis};
  return ir_emit(b, OP_concat, a, n, &attr);
}

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

NodeId ir_reduce(Builder *b, Op op, NodeId a, uint32_t n, const int64_t *axes) {
  if (n == 0) return a;
  Attr attr = {.axes = list(n, axes)};
  qsort(attr.axes.v, attr.axes.n, sizeof *attr.axes.v, by_value);
  return emit1(b, op, a, &attr);
}

/* ---------------------------------------------------------------- contractions, indexing */

NodeId ir_dot(Builder *b, NodeId a, NodeId c, const IntList *batch_a, const IntList *batch_b, const IntList *contract_a,
              const IntList *contract_b) {
  Attr attr = {.batch_a = *batch_a, .batch_b = *batch_b, .contract_a = *contract_a, .contract_b = *contract_b};
  NodeId in[] = {a, c};
  return ir_emit(b, OP_dot_general, in, 2, &attr);
}

NodeId ir_matmul(Builder *b, NodeId a, NodeId c) {
  if (a == IR_NONE || c == IR_NONE) return IR_NONE;
  int64_t rank = ir_type_of(b, a)->rank, batch = rank > 2 ? rank - 2 : 0;
  IntList lead = {.n = (uint32_t)batch}, last = {1, {rank - 1}}, row = {1, {batch}};
  for (int64_t i = 0; i < batch; i++) lead.v[i] = i;
  return ir_dot(b, a, c, &lead, &lead, &last, &row);
}

NodeId ir_gather(Builder *b, NodeId x, NodeId index, int64_t axis, int64_t n_batch) {
  Attr attr = {.axis = axis, .n_batch = n_batch};
  NodeId in[] = {x, index};
  return ir_emit(b, OP_gather, in, 2, &attr);
}

/* ---------------------------------------------------------------- structure */

NodeId ir_proj(Builder *b, NodeId tuple, uint32_t index) {
  Attr a = {.index = index};
  return emit1(b, OP_proj, tuple, &a);
}

NodeId ir_scan(Builder *b, int64_t count, bool reverse, const NodeId *carry, uint32_t n_carry, const NodeId *xs,
               uint32_t n_xs, const NodeId *consts, uint32_t n_consts, RegionId body) {
  Attr like = {.count = count, .reverse = reverse};
  return ir_scan_like(b, &like, carry, n_carry, xs, n_xs, consts, n_consts, body);
}

NodeId ir_scan_like(Builder *b, const Attr *like, const NodeId *carry, uint32_t n_carry, const NodeId *xs,
                    uint32_t n_xs, const NodeId *consts, uint32_t n_consts, RegionId body) {
  uint32_t results = ir_region(b->m, body)->result.n;
  Attr a = {.count = like->count,
            .reverse = like->reverse,
            .recompute = like->recompute,
            .n_carry = n_carry,
            .n_xs = n_xs,
            .n_consts = n_consts,
            .n_ys = results > n_carry ? results - n_carry : 0};
  uint32_t n = n_carry + n_xs + n_consts;
  NodeId few[32], *in = n > 32 ? arena_array(&b->m->mem, NodeId, n) : few;
  if (n_carry) memcpy(in, carry, n_carry * sizeof *in);
  if (n_xs) memcpy(in + n_carry, xs, n_xs * sizeof *in);
  if (n_consts) memcpy(in + n_carry + n_xs, consts, n_consts * sizeof *in);
  return ir_emit_region(b, OP_scan, in, n, &a, body, IR_NONE);
}
