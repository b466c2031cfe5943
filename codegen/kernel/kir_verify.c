/* Rules of kernel IR, checked for every kernel that lowering makes. */
#include "codegen/kernel/kir.h"
#include <stdlib.h>
#include <string.h>

typedef struct Verify {
  const KKernel *k;
  Arena *mem;
  bool *in_scope;
  Vec(KVal) block; /* values of the open blocks, innermost last */
  Vec(uint32_t) begin;
  Vec(KVal) loop;
  uint32_t vectors; /* open vector loops */
  const char *wrong;
  uint32_t at;
} Verify;

static bool fail(Verify *v, const char *what) {
  if (!v->wrong) v->wrong = arena_printf(v->mem, "kernel instruction %u: %s", v->at, what);
  return false;
}

static bool usable(Verify *v, KVal x) {
  return x < v->k->inst.n && v->in_scope[x] ? true : fail(v, "operand is not defined here");
}

static bool is_i64(Verify *v, KVal x) {
  return usable(v, x) && v->k->inst.at[x].dtype == DT_I64 ? true : fail(v, "an i64 value is wanted");
}

static bool check_addr(Verify *v, uint32_t addr, uint8_t access) {
  if (addr >= v->k->addr.n || v->k->addr.at[addr].buf >= v->k->buf.n) return fail(v, "no such address");
  const KAddr *a = &v->k->addr.at[addr];
  if (!(v->k->buf.at[a->buf].access & access)) return fail(v, "the buffer is not declared for this access");
  for (uint32_t i = 0; i < a->n; i++)
    if (!is_i64(v, v->k->term.at[a->first + i].value)) return false;
  return true;
}

static void define(Verify *v, KVal x) {
  v->in_scope[x] = true;
  vec_push(&v->block, x);
}

static void close_block(Verify *v) {
  uint32_t begin = v->begin.at[--v->begin.n];
  while (v->block.n > begin) v->in_scope[v->block.at[--v->block.n]] = false;
}

static bool check_for(Verify *v, const KInst *i) {
  if (i->aux >= v->k->loop.n) return fail(v, "no such loop");
  const KLoop *l = &v->k->loop.at[i->aux];
  if (l->cap != K_NONE && !is_i64(v, l->cap)) return false;
  if (l->kind == KL_VECTOR && v->vectors++) return fail(v, "a vector loop inside a vector loop");
  vec_push(&v->loop, v->at);
  vec_push(&v->begin, v->block.n);
  return true;
}

static bool check_end(Verify *v, const KInst *i) {
  if (v->loop.n == 0 || vec_last(&v->loop) != i->a[0]) return fail(v, "a loop closed that is not the innermost");
  if (v->k->loop.at[v->k->inst.at[i->a[0]].aux].kind == KL_VECTOR) v->vectors--;
  v->loop.n--;
  close_block(v);
  return true;
}

static bool check_acc(Verify *v, const KInst *i) {
  return usable(v, i->a[0]) && v->k->inst.at[i->a[0]].kind == K_ACC ? true : fail(v, "no accumulator");
}

static bool check_set(Verify *v, const KInst *i) {
  if (!check_acc(v, i) || !usable(v, i->a[1])) return false;
  return v->k->inst.at[i->a[1]].dtype == v->k->inst.at[i->a[0]].dtype ? true : fail(v, "accumulator of another dtype");
}

static bool check_micro(Verify *v, const KInst *i) {
  const KMicro *m = &v->k->micro.at[i->aux];
  if (m->depth_cap != K_NONE && !is_i64(v, m->depth_cap)) return false;
  if (m->columns_cap != K_NONE && !is_i64(v, m->columns_cap)) return false;
  return check_addr(v, m->a, KA_READ) && check_addr(v, m->b, KA_READ) && check_addr(v, m->c, KA_WRITE);
}

static bool check_call(Verify *v, const KInst *i) {
  const KCall *c = &v->k->call.at[i->aux];
  for (uint32_t j = 0; j < c->n; j++) {
    if (c->arg[j].kind == KCA_VALUE && !is_i64(v, c->arg[j].v)) return false;
    if (c->arg[j].kind == KCA_ADDR && !check_addr(v, c->arg[j].v, KA_READ | KA_WRITE)) return false;
  }
  return true;
}

static bool check_store(Verify *v, const KInst *i) {
  if (!check_addr(v, i->aux, KA_WRITE) || !usable(v, i->a[0])) return false;
  if (v->k->inst.at[i->a[0]].dtype != v->k->buf.at[v->k->addr.at[i->aux].buf].dtype)
    return fail(v, "store of another dtype than the buffer's");
  return i->a[1] == K_NONE || usable(v, i->a[1]);
}

static bool check_operands(Verify *v, const KInst *i) {
  for (uint32_t j = 0; j < 3; j++)
    if (i->a[j] != K_NONE && !usable(v, i->a[j])) return false;
  return true;
}

static bool check_inst(Verify *v, const KInst *i) {
  switch (i->kind) {
  case K_FOR: return check_for(v, i);
  case K_END: return check_end(v, i);
  case K_GET:
  case K_LANES: return check_acc(v, i);
  case K_SET: return check_set(v, i);
  case K_LOAD: return check_addr(v, i->aux, KA_READ) && check_operands(v, i);
  case K_STORE: return check_store(v, i);
  case K_MICRO: return check_micro(v, i);
  case K_CALL: return check_call(v, i);
  case K_PREFETCH: return check_addr(v, i->aux, KA_READ);
  default: return check_operands(v, i);
  }
}

const char *k_verify(const KKernel *k, Arena *mem) {
  Verify v = {.k = k, .mem = mem, .in_scope = arena_array(mem, bool, k->inst.n + 1)};
  for (v.at = 0; v.at < k->inst.n && !v.wrong; v.at++) {
    const KInst *i = &k->inst.at[v.at];
    if (check_inst(&v, i) && i->kind <= K_FOR) define(&v, v.at);
  }
  if (!v.wrong && v.loop.n) fail(&v, "a loop is never closed");
  vec_free(&v.block), vec_free(&v.begin), vec_free(&v.loop);
  return v.wrong;
}
