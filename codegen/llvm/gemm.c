/* GEMM micro-kernels free of shapes: mr rows by nv vectors of columns, accumulated in registers over the whole depth.
 *
 * c[i*c_row + j] (+)= sum_k a[i*a_row + k*a_k] * b[k*b_k + j]. With 14 x 2 vectors of 32 registers each step loads two
 * vectors of B and broadcasts 14 elements of A from memory into the multiply-adds. The rows of A are addressed from two
 * pointers with the strides 1, 3 and 5, which the processor's addressing modes combine, so no register is spilled.
 */
#include "codegen/llvm/emit.h"
#include <string.h>

enum { MAX_ROWS = 16, MAX_VECTORS = 4 };

typedef struct Micro {
  const KMicro *shape;
  LLVMTypeRef element, vector;
  unsigned lanes, bytes;
  Val depth, a, a_row, a_k, b, b_k, c, c_row; /* strides in bytes */
  Val acc[MAX_ROWS][MAX_VECTORS];
} Micro;

LLVMTypeRef emit_micro_type(Emit *e) {
  LLVMTypeRef params[] = {e->i64, e->ptr, e->i64, e->i64, e->ptr, e->i64, e->ptr, e->i64};
  return LLVMFunctionType(e->none, params, 8, false);
}

static Val load_vector(Emit *e, LLVMTypeRef type, Val at, unsigned align) {
  Val v = LLVMBuildLoad2(e->builder, type, at, "");
  LLVMSetAlignment(v, align);
  return v;
}

static Val c_address(Emit *e, const Micro *m, unsigned row, unsigned vector) {
  Val at = emit_byte_address(e, m->c, LLVMBuildMul(e->builder, m->c_row, emit_i64(e, row), ""));
  return emit_byte_address(e, at, emit_i64(e, (int64_t)vector * m->lanes * m->bytes));
}

/* Row `i` of A as a second pointer plus a multiple of a stride that is 1, 2, 4 or 8 times a register. */
static Val a_address(Emit *e, Val a0, Val a7, const Val *times, unsigned i) {
  static const struct {
    uint8_t second, stride, scale;
  } form[MAX_ROWS] = {{0, 0, 0}, {0, 1, 1}, {0, 1, 2}, {0, 3, 1}, {0, 1, 4}, {0, 5, 1}, {0, 3, 2}, {1, 0, 0},
                      {1, 1, 1}, {1, 1, 2}, {1, 3, 1}, {1, 1, 4}, {1, 5, 1}, {1, 3, 2}, {1, 0, 0}, {1, 1, 8}};
  Val base = form[i].second ? a7 : a0;
  if (!form[i].scale) return base;
  return emit_byte_address(e, base, LLVMBuildMul(e->builder, times[form[i].stride], emit_i64(e, form[i].scale), ""));
}

/* One step of the depth: all rows times all vectors. */
static void emit_depth_step(Emit *e, Micro *m, Val a0, Val a7, const Val *times, Val b) {
  Val column[MAX_VECTORS];
  for (unsigned j = 0; j < m->shape->nv; j++)
    column[j] =
        load_vector(e, m->vector, emit_byte_address(e, b, emit_i64(e, (int64_t)j * m->lanes * m->bytes)), m->bytes);
  for (unsigned i = 0; i < m->shape->mr; i++) {
    Val x = emit_splat(e, load_vector(e, m->element, a_address(e, a0, a7, times, i), m->bytes), m->lanes);
    for (unsigned j = 0; j < m->shape->nv; j++) m->acc[i][j] = emit_fma(e, x, column[j], m->acc[i][j]);
  }
}

static void store_tile(Emit *e, Micro *m) {
  for (unsigned i = 0; i < m->shape->mr; i++)
    for (unsigned j = 0; j < m->shape->nv; j++)
      LLVMSetAlignment(LLVMBuildStore(e->builder, m->acc[i][j], c_address(e, m, i, j)), m->bytes);
}

/* The phi of a tile: one per accumulator. */
static void open_tile(Emit *e, const Micro *m, Val phi[MAX_ROWS][MAX_VECTORS]) {
  for (unsigned i = 0; i < m->shape->mr; i++)
    for (unsigned j = 0; j < m->shape->nv; j++) phi[i][j] = LLVMBuildPhi(e->builder, m->vector, "");
}

static void close_tile(const Micro *m, Val phi[MAX_ROWS][MAX_VECTORS], Val start[MAX_ROWS][MAX_VECTORS],
                       LLVMBasicBlockRef *from) {
  for (unsigned i = 0; i < m->shape->mr; i++)
    for (unsigned j = 0; j < m->shape->nv; j++) LLVMAddIncoming(phi[i][j], (Val[]){start[i][j], m->acc[i][j]}, from, 2);
}

/* The whole function: the loop over the depth, skipped when there is none, then the store. */
static void emit_depth_loop(Emit *e, Micro *m) {
  Val times[6] = {NULL, m->a_row}, zero = LLVMConstNull(m->vector);
  times[3] = LLVMBuildMul(e->builder, m->a_row, emit_i64(e, 3), "");
  times[5] = LLVMBuildMul(e->builder, m->a_row, emit_i64(e, 5), "");
  Val second = emit_byte_address(e, m->a, LLVMBuildMul(e->builder, m->a_row, emit_i64(e, 7), ""));
  Val start[MAX_ROWS][MAX_VECTORS], phi[MAX_ROWS][MAX_VECTORS], result[MAX_ROWS][MAX_VECTORS];
  for (unsigned i = 0; i < m->shape->mr; i++)
    for (unsigned j = 0; j < m->shape->nv; j++)
      start[i][j] = m->shape->accumulate ? load_vector(e, m->vector, c_address(e, m, i, j), m->bytes) : zero;
  LLVMBasicBlockRef before = emit_here(e), loop = emit_block(e, "depth"), after = emit_block(e, "store");
  LLVMBasicBlockRef from[] = {before, loop};
  LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntSGT, m->depth, emit_i64(e, 0), ""), loop, after);
  emit_at(e, loop);
  Val k = LLVMBuildPhi(e->builder, e->i64, ""), a0 = LLVMBuildPhi(e->builder, e->ptr, ""),
      a7 = LLVMBuildPhi(e->builder, e->ptr, ""), b = LLVMBuildPhi(e->builder, e->ptr, "");
  open_tile(e, m, phi);
  memcpy(m->acc, phi, sizeof phi);
  emit_depth_step(e, m, a0, a7, times, b);
  Val next[] = {LLVMBuildSub(e->builder, k, emit_i64(e, 1), ""), emit_byte_address(e, a0, m->a_k),
                emit_byte_address(e, a7, m->a_k), emit_byte_address(e, b, m->b_k)};
  Val first[] = {m->depth, m->a, second, m->b}, phis[] = {k, a0, a7, b};
  for (unsigned i = 0; i < 4; i++) LLVMAddIncoming(phis[i], (Val[]){first[i], next[i]}, from, 2);
  close_tile(m, phi, start, from);
  LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntNE, next[0], emit_i64(e, 0), ""), loop, after);
  emit_at(e, after);
  open_tile(e, m, result);
  close_tile(m, result, start, from);
  memcpy(m->acc, result, sizeof result);
  store_tile(e, m);
  LLVMBuildRetVoid(e->builder);
}

void emit_micro_kernel(Emit *e, const KMicro *shape) {
  char name[32];
  k_micro_symbol(shape, name);
  if (shape->mr < 1 || shape->mr > 14 || shape->nv < 1 || shape->nv > MAX_VECTORS ||
      (shape->dtype != DT_F32 && shape->dtype != DT_F64)) {
    emit_fail(e, "no micro-kernel %s", name);
    return;
  }
  Micro m = {.shape = shape, .element = emit_type(e, shape->dtype), .bytes = dtype_size(shape->dtype)};
  m.lanes = e->target->vector_bytes / m.bytes;
  m.vector = emit_vector(m.element, m.lanes);
  Val f = emit_function(e, name, emit_micro_type(e), true), size = emit_i64(e, m.bytes);
  m.depth = LLVMGetParam(f, 0);
  m.a = LLVMGetParam(f, 1);
  m.a_row = LLVMBuildMul(e->builder, LLVMGetParam(f, 2), size, "");
  m.a_k = LLVMBuildMul(e->builder, LLVMGetParam(f, 3), size, "");
  m.b = LLVMGetParam(f, 4);
  m.b_k = LLVMBuildMul(e->builder, LLVMGetParam(f, 5), size, "");
  m.c = LLVMGetParam(f, 6);
  m.c_row = LLVMBuildMul(e->builder, LLVMGetParam(f, 7), size, "");
  emit_depth_loop(e, &m);
}
