/* Kernel IR to LLVM IR: loops, vector loops with masked tails, accumulators as phis, loads, stores, gathers.
 *
 * Values of a vector loop are LLVM vectors of its width when they vary with the lane, scalars otherwise; the LLVM type
 * tells. The vector loop's own iv is kept as its first lane (`base`), from which contiguous addresses follow, and is
 * made a vector only where it is used as a value.
 */
#include "codegen/llvm/kernel.h"
#include "runtime/context.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define UNBOUNDED UINT64_MAX

/* ---------------------------------------------------------------- integers that address */

static uint64_t bound_add(uint64_t a, uint64_t b) { return a > UNBOUNDED - b ? UNBOUNDED : a + b; }

static uint64_t bound_mul(uint64_t a, uint64_t b) {
  uint64_t r;
  return __builtin_mul_overflow(a, b, &r) ? UNBOUNDED : r;
}

static uint64_t bound_of(const KernelEmit *g, const KInst *i) {
  const uint64_t a = i->a[0] < g->k->inst.n ? g->bound[i->a[0]] : UNBOUNDED;
  const uint64_t b = i->a[1] < g->k->inst.n ? g->bound[i->a[1]] : UNBOUNDED;
  if (i->dtype != DT_I64) return UNBOUNDED;
  switch (i->kind) {
  case K_LIT: return (int64_t)i->bits >= 0 ? i->bits : UNBOUNDED;
  case K_FOR: return (uint64_t)g->k->loop.at[i->aux].extent;
  case K_CHECK: return (uint64_t)g->k->check.at[i->aux].extent;
  case K_UDIV: return a;
  case K_UREM: return a < b ? a : b;
  case K_OP:
    if (a == UNBOUNDED || b == UNBOUNDED) return UNBOUNDED;
    return i->op == OP_add ? bound_add(a, b) : i->op == OP_mul ? bound_mul(a, b) : UNBOUNDED;
  default: return UNBOUNDED;
  }
}

/* Quotient or remainder of non-negative numbers, in 32 bits where vectors allow it: there is no 64-bit vector
 * multiplication high. */
static Val emit_unsigned_divide(KernelEmit *g, const KInst *i) {
  Val a[3];
  kg_operands(g, i, a);
  const bool narrow = is_vector(a[0]) && g->bound[i->a[0]] <= INT32_MAX && g->bound[i->a[1]] <= INT32_MAX;
  LLVMTypeRef wide = LLVMTypeOf(a[0]), t = emit_like(a[0], g->e->i32);
  for (int j = 0; narrow && j < 2; j++) a[j] = LLVMBuildTrunc(g->b, a[j], t, "");
  Val r = i->kind == K_UDIV ? LLVMBuildUDiv(g->b, a[0], a[1], "") : LLVMBuildURem(g->b, a[0], a[1], "");
  return narrow ? LLVMBuildZExt(g->b, r, wide, "") : r;
}

/* ---------------------------------------------------------------- the Context */

static Val context_field(KernelEmit *g, size_t offset) {
  return emit_byte_address(g->e, g->context, i64(g, (int64_t)offset));
}

static void set_field(KernelEmit *g, size_t offset, Val v) { LLVMBuildStore(g->b, v, context_field(g, offset)); }

/* In a block of its own, taken when `bad`: records the first failure. Leaves the builder behind it. */
static void record(KernelEmit *g, Val bad, int32_t status, NodeId node, RegionId region, Val index, int64_t extent) {
  Emit *e = g->e;
  LLVMBasicBlockRef test = emit_block(e, "bad"), note = emit_block(e, "note"), after = emit_block(e, "good");
  LLVMBuildCondBr(g->b, bad, test, after);
  emit_at(e, test);
  Val now = LLVMBuildLoad2(g->b, e->i32, context_field(g, offsetof(Context, status)), "");
  LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntEQ, now, emit_i32(e, 0), ""), note, after);
  emit_at(e, note);
  set_field(g, offsetof(Context, status), emit_i32(e, status));
  set_field(g, offsetof(Context, bad_node), emit_i32(e, (int32_t)node));
  set_field(g, offsetof(Context, bad_region), emit_i32(e, (int32_t)region));
  if (index) {
    set_field(g, offsetof(Context, bad_index), index);
    set_field(g, offsetof(Context, bad_extent), i64(g, extent));
  }
  LLVMBuildBr(g->b, after);
  emit_at(e, after);
}

/* Element of the first lane whose bit is set. */
static Val first_lane(KernelEmit *g, Val v, Val bits) {
  if (!is_vector(v)) return v;
  LLVMTypeRef t = LLVMIntTypeInContext(g->e->context, emit_lanes(v)), params[] = {t, g->e->i1};
  Val f = LLVMGetIntrinsicDeclaration(g->e->module, LLVMLookupIntrinsicID("llvm.cttz", 9), &t, 1);
  Val args[] = {LLVMBuildBitCast(g->b, bits, t, ""), LLVMConstInt(g->e->i1, 0, false)};
  Val lane = LLVMBuildCall2(g->b, LLVMFunctionType(t, params, 2, false), f, args, 2, "");
  lane = LLVMBuildIntCast2(g->b, lane, g->e->i32, false, "");
  lane = LLVMBuildAnd(g->b, lane, emit_i32(g->e, (int32_t)emit_lanes(v) - 1), "");
  return LLVMBuildExtractElement(g->b, v, lane, "");
}

static Val emit_check(KernelEmit *g, const KInst *i) {
  const KCheck *c = &g->k->check.at[i->aux];
  Val v = kg_operand(g, i->a[0]), extent = emit_int(LLVMTypeOf(v), (uint64_t)c->extent);
  Val bad = LLVMBuildICmp(g->b, LLVMIntUGE, v, extent, ""), on = bad;
  if (is_vector(v) && g->mask) on = LLVMBuildAnd(g->b, bad, g->mask, "");
  Val first = first_lane(g, v, on);
  record(g, emit_any(g->e, on), RUN_BAD_INDEX, c->node, c->region, first, c->extent);
  return emit_select(g->e, bad, LLVMConstNull(LLVMTypeOf(v)), v);
}

/* ---------------------------------------------------------------- calls */

static void call_micro(KernelEmit *g, const KMicro *m, Val *args) {
  char name[32];
  k_micro_symbol(m, name);
  LLVMTypeRef type = emit_micro_type(g->e);
  LLVMBuildCall2(g->b, type, emit_declare(g->e, name, type), args, 8, "");
}

static void emit_micro(KernelEmit *g, const KMicro *m) {
  Val args[] = {kg_capped(g, m->depth, m->depth_cap),
                kg_address(g, m->a).base,
                i64(g, m->a_row),
                i64(g, m->a_k),
                kg_address(g, m->b).base,
                i64(g, m->b_k),
                kg_address(g, m->c).base,
                i64(g, m->c_row)};
  LLVMBasicBlockRef after = emit_block(g->e, "multiplied");
  for (uint32_t nv = k_micro_least(m); nv < m->nv; nv++) {
    const KMicro narrow = k_micro_narrow(m, nv);
    LLVMBasicBlockRef few = emit_block(g->e, "narrow"), more = emit_block(g->e, "wider");
    Val fits = LLVMBuildICmp(g->b, LLVMIntSLE, g->value[m->columns_cap], i64(g, narrow.columns), "");
    LLVMBuildCondBr(g->b, fits, few, more);
    emit_at(g->e, few);
    call_micro(g, &narrow, args);
    LLVMBuildBr(g->b, after);
    emit_at(g->e, more);
  }
  call_micro(g, m, args);
  LLVMBuildBr(g->b, after);
  emit_at(g->e, after);
}

static const struct {
  size_t offset;
  bool status;
} callees[KC_COUNT] = {
    [KC_SGEMM] = {offsetof(RuntimeApi, sgemm), false},      [KC_DGEMM] = {offsetof(RuntimeApi, dgemm), false},
    [KC_CHOLESKY] = {offsetof(RuntimeApi, cholesky), true}, [KC_TRI_SOLVE] = {offsetof(RuntimeApi, tri_solve), true},
    [KC_SOLVE] = {offsetof(RuntimeApi, solve), true},       [KC_SLOGDET] = {offsetof(RuntimeApi, slogdet), true},
    [KC_EIGH] = {offsetof(RuntimeApi, eigh), true},         [KC_SVD] = {offsetof(RuntimeApi, svd), true},
    [KC_SORT] = {offsetof(RuntimeApi, sort), false},
};

/* Integers of 32 bits are passed as 64: the callee reads the low half of the register or slot. */
static void emit_call(KernelEmit *g, const KCall *c) {
  Emit *e = g->e;
  Val args[12], api = LLVMBuildLoad2(g->b, e->ptr, context_field(g, offsetof(Context, api)), "");
  LLVMTypeRef params[12];
  for (uint32_t j = 0; j < c->n; j++) {
    const KCallArg *a = &c->arg[j];
    args[j] = a->kind == KCA_INT     ? i64(g, a->i)
              : a->kind == KCA_VALUE ? g->value[a->v]
              : a->kind == KCA_ADDR  ? kg_address(g, a->v).base
                                     : LLVMConstNull(e->ptr);
    params[j] = LLVMTypeOf(args[j]);
  }
  const bool status = callees[c->callee].status;
  Val at = emit_byte_address(e, api, i64(g, (int64_t)callees[c->callee].offset));
  Val f = LLVMBuildLoad2(g->b, e->ptr, at, "");
  Val r = LLVMBuildCall2(g->b, LLVMFunctionType(status ? e->i32 : e->none, params, c->n, false), f, args, c->n, "");
  if (status) record(g, LLVMBuildICmp(g->b, LLVMIntNE, r, emit_i32(e, 0), ""), RUN_LAPACK, c->node, c->region, NULL, 0);
}

/* ---------------------------------------------------------------- accumulators */

static Val emit_acc(KernelEmit *g, const KInst *i) {
  Val v = kg_operand(g, i->a[0]);
  if (g->lanes) return kg_widen(g, v);
  return emit_splat(g->e, v, i->aux > 1 ? i->aux : 1);
}

/* Lanes that are off keep the value of an accumulator that outlives the loop. */
static void emit_set(KernelEmit *g, const KInst *i) {
  const KVal acc = i->a[0];
  Val v = kg_operand(g, i->a[1]), old = g->value[acc];
  if (is_vector(old)) v = is_vector(v) ? v : emit_splat(g->e, v, emit_lanes(old));
  if (g->mask && acc < g->iv) v = emit_select(g->e, g->mask, v, old);
  g->value[acc] = v;
}

/* The fixed tree: upper half onto lower half until one lane is left. */
static Val emit_lanes_tree(KernelEmit *g, const KInst *i) {
  Val v = g->value[i->a[0]];
  for (unsigned n = emit_lanes(v) / 2; n; n /= 2) {
    Val half[2], index[128];
    for (unsigned h = 0; h < 2; h++) {
      for (unsigned j = 0; j < n; j++) index[j] = emit_i32(g->e, (int32_t)(h * n + j));
      half[h] = n == 1 ? LLVMBuildExtractElement(g->b, v, emit_i32(g->e, (int32_t)h), "")
                       : LLVMBuildShuffleVector(g->b, v, LLVMGetPoison(LLVMTypeOf(v)), LLVMConstVector(index, n), "");
    }
    v = emit_op(g->e, (Op)i->op, i->dtype, i->dtype, half);
  }
  return v;
}

/* ---------------------------------------------------------------- loops */

static void emit_range(KernelEmit *g, uint32_t from, uint32_t to);

static uint32_t loop_end(const KKernel *k, uint32_t at) {
  uint32_t depth = 0;
  for (uint32_t n = at; n < k->inst.n; n++) {
    if (k->inst.at[n].kind == K_FOR) depth++;
    if (k->inst.at[n].kind == K_END && --depth == 0) return n;
  }
  return k->inst.n;
}

/* Accumulators declared before the loop and set inside: these become its phis. */
typedef struct Carried {
  uint32_t n;
  KVal *acc;
  Val *before, *phi;
} Carried;

static void find_carried(const KernelEmit *g, uint32_t at, uint32_t end, Carried *c) {
  for (uint32_t n = at + 1; n < end; n++) {
    const KInst *i = &g->k->inst.at[n];
    if (i->kind != K_SET || i->a[0] > at) continue;
    uint32_t j = 0;
    while (j < c->n && c->acc[j] != i->a[0]) j++;
    if (j < c->n) continue;
    c->acc = realloc(c->acc, (c->n + 1) * sizeof *c->acc);
    c->acc[c->n++] = i->a[0];
  }
  c->before = calloc(c->n + 1, sizeof *c->before);
  c->phi = calloc(c->n + 1, sizeof *c->phi);
  for (uint32_t j = 0; j < c->n; j++) c->before[j] = g->value[c->acc[j]];
}

static void free_carried(Carried *c) {
  free(c->acc);
  free(c->before);
  free(c->phi);
}

static void open_phis(KernelEmit *g, Carried *c) {
  for (uint32_t j = 0; j < c->n; j++)
    g->value[c->acc[j]] = c->phi[j] = LLVMBuildPhi(g->b, LLVMTypeOf(c->before[j]), "");
}

/* A loop that ran once without being one needs no phis: the values simply went on. */
static void close_phis(KernelEmit *g, Carried *c, LLVMBasicBlockRef before, LLVMBasicBlockRef latch) {
  for (uint32_t j = 0; j < c->n; j++)
    LLVMAddIncoming(c->phi[j], (Val[]){c->before[j], g->value[c->acc[j]]}, (LLVMBasicBlockRef[]){before, latch}, 2);
}

/* After a loop that may not have run at all, each value is the old or the last one. */
static void merge_skipped(KernelEmit *g, Carried *c, LLVMBasicBlockRef skipped, LLVMBasicBlockRef latch) {
  for (uint32_t j = 0; j < c->n; j++) {
    Val phi = LLVMBuildPhi(g->b, LLVMTypeOf(c->before[j]), "");
    LLVMAddIncoming(phi, (Val[]){c->before[j], g->value[c->acc[j]]}, (LLVMBasicBlockRef[]){skipped, latch}, 2);
    g->value[c->acc[j]] = phi;
  }
}

/* One pass over the body with the iv (or, in vectors, its first lane) given. */
static void emit_body(KernelEmit *g, uint32_t at, uint32_t end, Val iv, Val trips, bool masked) {
  const KLoop *l = &g->k->loop.at[g->k->inst.at[at].aux];
  const bool vector = l->kind == KL_VECTOR && l->width > 1;
  if (!vector) {
    g->value[at] = iv;
    emit_range(g, at + 1, end);
    return;
  }
  g->lanes = l->width;
  g->iv = at;
  g->base = iv;
  g->value[at] = NULL;
  g->mask = masked ? kg_tail_mask(g, iv, trips, l->width) : NULL;
  kg_operand(g, at); /* here, where it dominates every use; nothing is computed if there is none */
  emit_range(g, at + 1, end);
  g->lanes = 0;
  g->iv = K_NONE;
  g->mask = NULL;
}

static void emit_counted(KernelEmit *g, uint32_t at, uint32_t end, Val trips, bool maybe_none, int64_t step,
                         bool masked) {
  Emit *e = g->e;
  Carried c = {0};
  find_carried(g, at, end, &c);
  LLVMBasicBlockRef before = emit_here(e), body = emit_block(e, "loop"), after = emit_block(e, "after");
  if (maybe_none)
    LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntSGT, trips, i64(g, 0), ""), body, after);
  else
    LLVMBuildBr(g->b, body);
  emit_at(e, body);
  Val iv = LLVMBuildPhi(g->b, e->i64, "");
  open_phis(g, &c);
  emit_body(g, at, end, iv, trips, masked);
  Val next = LLVMBuildAdd(g->b, iv, i64(g, step), "");
  LLVMBasicBlockRef latch = emit_here(e);
  LLVMAddIncoming(iv, (Val[]){i64(g, 0), next}, (LLVMBasicBlockRef[]){before, latch}, 2);
  close_phis(g, &c, before, latch);
  LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntSLT, next, trips, ""), body, after);
  emit_at(e, after);
  if (maybe_none) merge_skipped(g, &c, before, latch);
  free_carried(&c);
}

/* Instructions of a loop's body, those that expand into many counted so. */
static int64_t body_weight(const KernelEmit *g, uint32_t at, uint32_t end) {
  enum { EXPANDED = 30 };
  int64_t sum = 0;
  for (uint32_t n = at + 1; n < end; n++) {
    const KInst *i = &g->k->inst.at[n];
    const bool function =
        i->kind == K_OP && (i->op == OP_pow || i->op == OP_rem || (i->op >= OP_exp && i->op <= OP_atan));
    sum += function || i->kind == K_RANDOM || i->kind == K_CHECK ? EXPANDED : 1;
  }
  return sum;
}

/* A vector loop of constant length: a small one as straight code; else whole vectors in a loop without a mask and the
 * rest once under a constant mask, where the body is small enough to stand twice. */
static void emit_fixed_vectors(KernelEmit *g, uint32_t at, uint32_t end, int64_t extent, int64_t step, bool masked) {
  enum { STRAIGHT = 64, TWICE = 40 };
  const int64_t rest = masked ? extent % step : 0, whole = extent - rest, body = body_weight(g, at, end);
  const Val trips = i64(g, extent);
  if ((extent + step - 1) / step * body > STRAIGHT && body > TWICE) {
    emit_counted(g, at, end, trips, false, step, masked);
    return;
  }
  if ((extent + step - 1) / step * body <= STRAIGHT)
    for (int64_t t = 0; t < whole; t += step) emit_body(g, at, end, i64(g, t), trips, false);
  else
    emit_counted(g, at, end, i64(g, whole), false, step, false);
  if (rest) emit_body(g, at, end, i64(g, whole), trips, true);
}

static void emit_for(KernelEmit *g, uint32_t at, uint32_t end) {
  const KLoop *l = &g->k->loop.at[g->k->inst.at[at].aux];
  const int64_t step = l->kind == KL_VECTOR && l->width > 1 ? l->width : 1;
  if (l->extent <= 0 || kg_packing(g, at, end)) return;
  if (l->kind == KL_UNROLL && l->cap == K_NONE) {
    for (int64_t t = 0; t < l->extent; t++) emit_body(g, at, end, i64(g, t), NULL, false);
    return;
  }
  const bool fixed = l->cap == K_NONE, masked = step > 1 && !l->overrun && (!fixed || l->extent % step);
  if (fixed && l->extent <= step)
    emit_body(g, at, end, i64(g, 0), i64(g, l->extent), masked);
  else if (fixed && step > 1)
    emit_fixed_vectors(g, at, end, l->extent, step, masked);
  else
    emit_counted(g, at, end, kg_capped(g, l->extent, l->cap), !fixed, step, masked);
}

/* ---------------------------------------------------------------- draws */

/* An index as coef * iv of the vector loop plus a multiple of `align` (a power of two). */
typedef struct Affine {
  int64_t coef;
  uint64_t align;
} Affine;

static uint64_t power_of_two_in(int64_t v) { return v ? (uint64_t)v & -(uint64_t)v : (uint64_t)1 << 62; }

static Affine affine_of(const KernelEmit *g, KVal n) {
  const KInst *i = &g->k->inst.at[n];
  if (n == g->iv) return (Affine){1, (uint64_t)1 << 62};
  if (i->kind == K_LIT) return (Affine){0, power_of_two_in((int64_t)i->bits)};
  if (i->kind == K_OP && i->op == OP_add) {
    const Affine a = affine_of(g, i->a[0]), b = affine_of(g, i->a[1]);
    return (Affine){a.coef + b.coef, a.align < b.align ? a.align : b.align};
  }
  if (i->kind == K_OP && i->op == OP_mul && g->k->inst.at[i->a[1]].kind == K_LIT) {
    const Affine a = affine_of(g, i->a[0]);
    const int64_t by = (int64_t)g->k->inst.at[i->a[1]].bits;
    const uint64_t power = power_of_two_in(by);
    return (Affine){a.coef * by, a.align > ((uint64_t)1 << 62) / power ? (uint64_t)1 << 62 : a.align * power};
  }
  /* A vector that is none of these has no first lane to count from. */
  return (Affine){0, g->value[n] && is_vector(g->value[n]) ? 0 : 1};
}

/* Neighbouring lanes that draw neighbouring elements, in whole blocks, share the work. */
static Val emit_draw(KernelEmit *g, const KInst *i) {
  const KDraw *d = &g->k->draw.at[i->aux];
  const unsigned run = emit_random_run_length(i->dtype);
  Val a[3];
  kg_operands(g, i, a);
  const Affine at = g->lanes ? affine_of(g, i->a[1]) : (Affine){0, 0};
  if (at.coef == 1 && at.align >= run && g->lanes % run == 0 && g->lanes >= 2 * run && !is_vector(g->value[i->a[0]])) {
    Val first = LLVMBuildExtractElement(g->b, a[1], emit_i32(g->e, 0), "");
    return emit_random_run(g->e, i->dtype, d->dist, d->site, g->value[i->a[0]], first, g->lanes);
  }
  return emit_random(g->e, i->dtype, d->dist, d->site, a[0], a[1]);
}

/* ---------------------------------------------------------------- instructions */

static Val emit_elementwise(KernelEmit *g, const KInst *i) {
  Val a[3];
  kg_operands(g, i, a);
  const KVal last = i->op == OP_select ? i->a[1] : i->a[0];
  return emit_op(g->e, (Op)i->op, g->k->inst.at[last].dtype, i->dtype, a);
}

/* For reading, to stay in every level of cache. */
static void emit_prefetch(KernelEmit *g, const KInst *i) {
  Emit *e = g->e;
  Val args[] = {kg_address(g, i->aux).base, emit_i32(e, 0), emit_i32(e, 3), emit_i32(e, 1)};
  LLVMTypeRef params[] = {e->ptr, e->i32, e->i32, e->i32};
  Val f = LLVMGetIntrinsicDeclaration(e->module, LLVMLookupIntrinsicID("llvm.prefetch", 13), &e->ptr, 1);
  LLVMBuildCall2(g->b, LLVMFunctionType(e->none, params, 4, false), f, args, 4, "");
}

static Val emit_value(KernelEmit *g, const KInst *i) {
  Val a[3];
  switch (i->kind) {
  case K_LIT: return kg_literal(g, i->dtype, i->bits);
  case K_TASK: return g->task;
  case K_OP: return emit_elementwise(g, i);
  case K_FMA: kg_operands(g, i, a); return emit_fma(g->e, a[0], a[1], a[2]);
  case K_UDIV:
  case K_UREM: return emit_unsigned_divide(g, i);
  case K_LOAD: return kg_load(g, i);
  case K_RANDOM: return emit_draw(g, i);
  case K_CHECK: return emit_check(g, i);
  case K_ACC: return emit_acc(g, i);
  case K_GET: return g->value[i->a[0]];
  case K_LANES: return emit_lanes_tree(g, i);
  default: emit_fail(g->e, "kernel IR instruction of unknown kind %u", i->kind); return NULL;
  }
}

static void emit_range(KernelEmit *g, uint32_t from, uint32_t to) {
  for (uint32_t n = from; n < to && !g->e->error; n++) {
    const KInst *i = &g->k->inst.at[n];
    g->bound[n] = bound_of(g, i);
    switch (i->kind) {
    case K_FOR: {
      const uint32_t end = loop_end(g->k, n);
      emit_for(g, n, end);
      n = end;
      break;
    }
    case K_END: break;
    case K_SET: emit_set(g, i); break;
    case K_STORE: kg_store(g, i); break;
    case K_MICRO: emit_micro(g, &g->k->micro.at[i->aux]); break;
    case K_CALL: emit_call(g, &g->k->call.at[i->aux]); break;
    case K_PREFETCH: emit_prefetch(g, i); break;
    default: g->value[n] = emit_value(g, i);
    }
  }
}

/* ---------------------------------------------------------------- kernels */

static Val scratch(KernelEmit *g, const KBuf *f) {
  return kg_frame_slot(g, LLVMArrayType2(emit_memory_type(g->e, f->dtype), (uint64_t)f->elems), "scratch");
}

void emit_kernel_body(Emit *e, const KKernel *k, Val context, const Place *args, Val task) {
  KernelEmit g = {.e = e, .b = e->builder, .k = k, .context = context, .task = task, .iv = K_NONE};
  g.value = calloc(k->inst.n + 1, sizeof *g.value);
  g.bound = calloc(k->inst.n + 1, sizeof *g.bound);
  g.buf = calloc(k->buf.n + 1, sizeof *g.buf);
  for (uint32_t b = 0; b < k->buf.n; b++)
    g.buf[b] = k->buf.at[b].kind == KB_ARG ? args[k->buf.at[b].arg] : (Place){scratch(&g, &k->buf.at[b]), 0};
  emit_range(&g, 0, k->inst.n);
  free(g.value);
  free(g.bound);
  free(g.buf);
}

void emit_kernel(Emit *e, const KKernel *k, const char *symbol) {
  Val f = emit_function(e, symbol, emit_kernel_type(e), true);
  Place *args = calloc(k->n_args + 1, sizeof *args);
  for (uint32_t i = 0; i < k->n_args; i++) {
    Val slot = emit_byte_address(e, LLVMGetParam(f, 1), emit_i64(e, 8 * (int64_t)i));
    args[i].base = LLVMBuildLoad2(e->builder, e->ptr, slot, "");
  }
  emit_kernel_body(e, k, LLVMGetParam(f, 0), args, LLVMGetParam(f, 2));
  LLVMBuildRetVoid(e->builder);
  free(args);
}
