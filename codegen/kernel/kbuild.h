/* Building one kernel: instructions are hash-consed and placed in the outermost open block in which their operands
 * exist, so that what does not vary with a loop is computed before it. Indices are affine forms over i64 values. */
#ifndef SEPPO_CODEGEN_KBUILD_H
#define SEPPO_CODEGEN_KBUILD_H

#include "codegen/kernel/kir.h"

enum { IX_MAX = 10 };
/* c0 + sum coef * value */
typedef struct Ix {
  int64_t c0;
  uint32_t n;
  KTerm t[IX_MAX];
} Ix;

typedef struct KBlock {
  Vec(KVal) item; /* instructions, in order; those of closed inner loops included */
  KVal loop;      /* its K_FOR; K_NONE at the top */
  uint32_t serial;
} KBlock;

typedef struct KBuilder {
  KKernel *k;
  Vec(KBlock) open;
  Vec(uint32_t) block_of; /* per instruction: serial of its block */
  Vec(uint32_t) depth_of; /* per block serial: depth + 1 while open, 0 when closed */
  Vec(int64_t) max_of;    /* per instruction: upper bound of an i64 value known >= 0, else -1 */
  uint32_t *table, n_table;
} KBuilder;

KBuilder kb_new(void);
/* The finished kernel, instructions in program order; frees the builder. */
KKernel *kb_finish(KBuilder *b);

uint32_t kb_buf(KBuilder *b, KBuf buf);
uint32_t kb_scratch(KBuilder *b, DType dtype, int64_t elems);

KVal kb_lit(KBuilder *b, DType dtype, uint64_t bits);
KVal kb_int(KBuilder *b, int64_t v);                    /* i64 literal */
KVal kb_number(KBuilder *b, DType dtype, double value); /* literal of any dtype */
KVal kb_task(KBuilder *b, int64_t tasks);
KVal kb_op(KBuilder *b, Op op, DType dtype, KVal x, KVal y, KVal z);
KVal kb_fma(KBuilder *b, DType dtype, KVal x, KVal y, KVal z);
KVal kb_random(KBuilder *b, DType dtype, KVal key, KVal element, Dist dist, uint64_t site);
KVal kb_check(KBuilder *b, KVal index, int64_t extent, NodeId node, RegionId region);
/* mask K_NONE: always; else `fill` bits where it is false. */
KVal kb_load(KBuilder *b, uint32_t buf, const Ix *at, KVal mask, uint64_t fill);
void kb_store(KBuilder *b, uint32_t buf, const Ix *at, KVal value, KVal mask);
KVal kb_acc(KBuilder *b, DType dtype, KVal init, uint32_t width);
KVal kb_get(KBuilder *b, KVal acc);
void kb_set(KBuilder *b, KVal acc, KVal value);
KVal kb_lanes(KBuilder *b, Op op, KVal acc);
/* Opens a loop; its iv. extent < INT64_MAX, cap an i64 value or K_NONE. */
KVal kb_for(KBuilder *b, KLoopKind kind, uint32_t width, int64_t extent, KVal cap);
void kb_end(KBuilder *b);
void kb_micro(KBuilder *b, KMicro m);
void kb_call(KBuilder *b, KCall c);
void kb_prefetch(KBuilder *b, uint32_t buf, const Ix *at);
uint32_t kb_addr(KBuilder *b, uint32_t buf, const Ix *at);
/* True while a value's block is open, that is while it may be used. */
static inline bool kb_usable(const KBuilder *b, KVal v) { return b->depth_of.at[b->block_of.at[v]] != 0; }

Ix ix_const(int64_t c);
Ix ix_value(KVal v);
Ix ix_add(KBuilder *b, const Ix *x, const Ix *y);
Ix ix_scale(const Ix *x, int64_t by);
Ix ix_addc(const Ix *x, int64_t c);
/* The form as one i64 value. */
KVal ix_materialise(KBuilder *b, const Ix *x);
/* Least and greatest value, when every term is bounded. */
bool ix_range(const KBuilder *b, const Ix *x, int64_t *lo, int64_t *hi);
/* x = q*d + r with 0 <= r < d, x >= 0. */
void ix_divmod(KBuilder *b, const Ix *x, int64_t d, Ix *q, Ix *r);
/* bool value: lo <= x < hi, K_NONE when it always holds. */
KVal ix_in_range(KBuilder *b, const Ix *x, int64_t lo, int64_t hi);
KVal kb_and(KBuilder *b, KVal x, KVal y); /* of masks, K_NONE = true */

#endif
