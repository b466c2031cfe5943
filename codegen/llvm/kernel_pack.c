/* Copies that transpose an operand of a product: by square blocks in registers. */
#include "codegen/llvm/kernel.h"

/* for k to depth { for vector j { scratch[.. + C*k + j] = x[.. + k + S*j] } }: the vector loop alone would gather. */
typedef struct Packing {
  const KAddr *from, *to;
  const KLoop *columns;
  uint32_t k, j; /* the two ivs */
  int64_t depth;
  unsigned n; /* lanes of a machine vector = extent of a block */
  DType dtype;
} Packing;

static int64_t coefficient(const KernelEmit *g, const KAddr *a, KVal v) {
  int64_t sum = 0;
  for (uint32_t i = 0; i < a->n; i++)
    if (g->k->term.at[a->first + i].value == v) sum += g->k->term.at[a->first + i].coef;
  return sum;
}

static bool is_packing(const KernelEmit *g, uint32_t at, uint32_t end, Packing *p) {
  const KInst *inst = g->k->inst.at;
  if (g->lanes || end != at + 5 || inst[at + 1].kind != K_FOR || inst[at + 2].kind != K_LOAD ||
      inst[at + 3].kind != K_STORE || inst[at + 4].kind != K_END)
    return false;
  const KLoop *rows = &g->k->loop.at[inst[at].aux], *columns = &g->k->loop.at[inst[at + 1].aux];
  const KAddr *from = &g->k->addr.at[inst[at + 2].aux], *to = &g->k->addr.at[inst[at + 3].aux];
  const KBuf *source = &g->k->buf.at[from->buf], *target = &g->k->buf.at[to->buf];
  const DType t = inst[at + 2].dtype;
  const uint32_t n = t == DT_F32 || t == DT_F64 ? g->e->target->vector_bytes / dtype_size(t) : 0;
  *p = (Packing){from, to, columns, at, at + 1, rows->extent, n, t};
  return n && rows->kind == KL_SERIAL && rows->cap == K_NONE && rows->extent >= n && columns->kind == KL_VECTOR &&
         columns->extent == columns->width && columns->width % n == 0 && inst[at + 2].a[0] == K_NONE &&
         inst[at + 3].a[0] == at + 2 && inst[at + 3].a[1] == K_NONE && target->kind == KB_SCRATCH &&
         target->dtype == t && source->dtype == t && coefficient(g, from, at) == 1 && coefficient(g, to, at + 1) == 1 &&
         coefficient(g, from, at + 1) != 1;
}

/* Element 0 of an access at (k, j). */
static Val packing_place(KernelEmit *g, const Packing *p, const KAddr *a, Val k, Val j) {
  Val at = i64(g, 0);
  for (uint32_t i = 0; i < a->n; i++) {
    const KTerm *t = &g->k->term.at[a->first + i];
    Val v = t->value == p->k ? k : t->value == p->j ? j : g->value[t->value];
    at = LLVMBuildAdd(g->b, at, kg_scaled(g, v, t->coef), "");
  }
  return kg_place_address(g, &g->buf[a->buf], emit_memory_type(g->e, p->dtype), at,
                          a->c0 * (int64_t)dtype_size(p->dtype));
}

/* One block: n rows of x from column k on, transposed, to n rows of the scratch. Rows past the last are read again, and
 * what they give is not stored. */
static void emit_block_pack(KernelEmit *g, const Packing *p, Val k, Val j, Val trips) {
  const uint32_t bytes = dtype_size(p->dtype);
  LLVMTypeRef type = emit_vector(emit_type(g->e, p->dtype), p->n);
  Val row[64], last = LLVMBuildSub(g->b, trips, i64(g, 1), "");
  for (unsigned i = 0; i < p->n; i++) {
    Val r = LLVMBuildAdd(g->b, j, i64(g, i), "");
    if (p->columns->cap != K_NONE) r = emit_select(g->e, LLVMBuildICmp(g->b, LLVMIntSLT, r, last, ""), r, last);
    row[i] = kg_aligned_load(g, type, packing_place(g, p, p->from, k, r), bytes);
  }
  emit_transpose(g->e, row, p->n);
  Val mask = p->columns->cap != K_NONE ? kg_tail_mask(g, j, trips, p->n) : NULL;
  for (unsigned i = 0; i < p->n; i++) {
    Val at = packing_place(g, p, p->to, LLVMBuildAdd(g->b, k, i64(g, i), ""), j);
    Val args[] = {row[i], at, emit_i32(g->e, (int32_t)bytes), mask};
    if (mask)
      kg_masked_call(g, "llvm.masked.store", g->e->none, type, g->e->ptr, args, 4);
    else
      LLVMSetAlignment(LLVMBuildStore(g->b, row[i], at), bytes);
  }
}

/* Opens a loop 0, step, .. below a limit that is above 0; emit_loop_end closes it. */
typedef struct Counter {
  Val iv, limit;
  int64_t step;
  LLVMBasicBlockRef before, body;
} Counter;

static Counter emit_loop_begin(KernelEmit *g, Val limit, int64_t step) {
  Counter c = {.limit = limit, .step = step, .before = emit_here(g->e), .body = emit_block(g->e, "block")};
  LLVMBuildBr(g->b, c.body);
  emit_at(g->e, c.body);
  c.iv = LLVMBuildPhi(g->b, g->e->i64, "");
  return c;
}

static void emit_loop_end(KernelEmit *g, const Counter *c) {
  LLVMBasicBlockRef latch = emit_here(g->e), after = emit_block(g->e, "packed");
  Val next = LLVMBuildAdd(g->b, c->iv, i64(g, c->step), "");
  LLVMAddIncoming(c->iv, (Val[]){i64(g, 0), next}, (LLVMBasicBlockRef[]){c->before, latch}, 2);
  LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntSLT, next, c->limit, ""), c->body, after);
  emit_at(g->e, after);
}

/* Blocks over the depth and the columns; the last block of the depth is moved back to end with it. */
static void emit_packing(KernelEmit *g, const Packing *p) {
  Val trips = kg_capped(g, p->columns->extent, p->columns->cap), none = i64(g, 0);
  LLVMBasicBlockRef some = emit_block(g->e, "pack"), after = emit_block(g->e, "no_pack");
  LLVMBuildCondBr(g->b, LLVMBuildICmp(g->b, LLVMIntSGT, trips, none, ""), some, after);
  emit_at(g->e, some);
  Counter columns = emit_loop_begin(g, trips, p->n), depth = emit_loop_begin(g, i64(g, p->depth), p->n);
  Val end = i64(g, p->depth - p->n);
  Val k = emit_select(g->e, LLVMBuildICmp(g->b, LLVMIntSLT, depth.iv, end, ""), depth.iv, end);
  emit_block_pack(g, p, k, columns.iv, trips);
  emit_loop_end(g, &depth);
  emit_loop_end(g, &columns);
  LLVMBuildBr(g->b, after);
  emit_at(g->e, after);
}

bool kg_packing(KernelEmit *g, uint32_t at, uint32_t end) {
  Packing p;
  const bool is = is_packing(g, at, end, &p);
  if (is) emit_packing(g, &p);
  return is;
}
