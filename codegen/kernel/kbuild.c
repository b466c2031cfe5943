#include "codegen/kernel/kbuild.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- blocks and placement */

static void open_block(KBuilder *b, KVal loop) {
  KBlock block = {.loop = loop, .serial = b->depth_of.n};
  vec_push(&b->open, block);
  vec_push(&b->depth_of, b->open.n);
}

KBuilder kb_new(void) {
  KBuilder b = {.k = k_kernel_new()};
  open_block(&b, K_NONE);
  return b;
}

static uint32_t depth_of(const KBuilder *b, KVal v) { return v == K_NONE ? 0 : b->depth_of.at[b->block_of.at[v]] - 1; }

static uint32_t deeper(const KBuilder *b, uint32_t depth, KVal v) {
  uint32_t d = depth_of(b, v);
  return d > depth ? d : depth;
}

static KVal append(KBuilder *b, const KInst *i, uint32_t depth, int64_t max) {
  KVal v = b->k->inst.n;
  vec_push(&b->k->inst, *i);
  vec_push(&b->block_of, b->open.at[depth].serial);
  vec_push(&b->max_of, max);
  vec_push(&b->open.at[depth].item, v);
  return v;
}

static uint32_t here(const KBuilder *b) { return b->open.n - 1; }

/* ---------------------------------------------------------------- value numbering */

static uint64_t mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * UINT64_C(0x9E3779B97F4A7C15);
  return h ^ (h >> 29);
}

static uint64_t hash_addr(const KKernel *k, uint32_t addr, uint64_t h) {
  const KAddr *a = &k->addr.at[addr];
  h = mix(mix(h, a->buf), (uint64_t)a->c0);
  for (uint32_t i = 0; i < a->n; i++)
    h = mix(mix(h, k->term.at[a->first + i].value), (uint64_t)k->term.at[a->first + i].coef);
  return h;
}

static bool same_addr(const KKernel *k, uint32_t x, uint32_t y) {
  const KAddr *a = &k->addr.at[x], *c = &k->addr.at[y];
  if (a->buf != c->buf || a->c0 != c->c0 || a->n != c->n) return false;
  for (uint32_t i = 0; i < a->n; i++) {
    const KTerm *s = &k->term.at[a->first + i], *t = &k->term.at[c->first + i];
    if (s->value != t->value || s->coef != t->coef) return false;
  }
  return true;
}

static uint64_t hash_inst(const KKernel *k, const KInst *i) {
  uint64_t h = mix(mix(i->kind, i->dtype), i->op);
  for (int j = 0; j < 3; j++) h = mix(h, i->a[j]);
  h = mix(h, i->bits);
  if (i->kind == K_LOAD) return hash_addr(k, i->aux, h);
  if (i->kind == K_RANDOM) return mix(mix(h, k->draw.at[i->aux].site), k->draw.at[i->aux].dist);
  return i->kind == K_CHECK ? mix(h, (uint64_t)k->check.at[i->aux].extent) : h;
}

static bool same_inst(const KKernel *k, const KInst *x, const KInst *y) {
  if (x->kind != y->kind || x->dtype != y->dtype || x->op != y->op || x->bits != y->bits) return false;
  if (x->a[0] != y->a[0] || x->a[1] != y->a[1] || x->a[2] != y->a[2]) return false;
  if (x->kind == K_LOAD) return same_addr(k, x->aux, y->aux);
  if (x->kind == K_RANDOM)
    return k->draw.at[x->aux].site == k->draw.at[y->aux].site && k->draw.at[x->aux].dist == k->draw.at[y->aux].dist;
  if (x->kind == K_CHECK)
    return k->check.at[x->aux].extent == k->check.at[y->aux].extent &&
           k->check.at[x->aux].node == k->check.at[y->aux].node;
  return true;
}

static void table_insert(KBuilder *b, KVal v) {
  uint32_t at = (uint32_t)hash_inst(b->k, &b->k->inst.at[v]) & (b->n_table - 1);
  while (b->table[at]) at = (at + 1) & (b->n_table - 1);
  b->table[at] = v + 1;
}

static void table_grow(KBuilder *b) {
  uint32_t old = b->n_table, *entries = b->table;
  b->n_table = old ? old * 2 : 256;
  b->table = calloc(b->n_table, sizeof *b->table);
  if (!b->table) exit(3);
  for (uint32_t i = 0; i < old; i++)
    if (entries[i] && kb_usable(b, entries[i] - 1)) table_insert(b, entries[i] - 1);
  free(entries);
}

/* The equal instruction that is still in scope, or a new one at `depth`. */
static KVal number(KBuilder *b, const KInst *i, uint32_t depth, int64_t max) {
  if (b->k->inst.n * 2 >= b->n_table) table_grow(b);
  uint32_t at = (uint32_t)hash_inst(b->k, i) & (b->n_table - 1);
  for (; b->table[at]; at = (at + 1) & (b->n_table - 1)) {
    KVal v = b->table[at] - 1;
    if (kb_usable(b, v) && same_inst(b->k, &b->k->inst.at[v], i)) return v;
  }
  KVal v = append(b, i, depth, max);
  b->table[at] = v + 1;
  return v;
}

/* ---------------------------------------------------------------- instructions */

uint32_t kb_buf(KBuilder *b, KBuf buf) {
  vec_push(&b->k->buf, buf);
  return b->k->buf.n - 1;
}

uint32_t kb_scratch(KBuilder *b, DType dtype, int64_t elems) {
  return kb_buf(
      b,
      (KBuf){
          .kind = KB_SCRATCH, .dtype = (uint8_t)dtype, .access = KA_READ | KA_WRITE, .noalias = true, .elems = elems});
}

static KInst inst(KKind kind, DType dtype, KVal x, KVal y, KVal z) {
  return (KInst){.kind = (uint8_t)kind, .dtype = (uint8_t)dtype, .a = {x, y, z}};
}

KVal kb_lit(KBuilder *b, DType dtype, uint64_t bits) {
  KInst i = inst(K_LIT, dtype, K_NONE, K_NONE, K_NONE);
  i.bits = bits;
  return number(b, &i, 0, dtype == DT_I64 && (int64_t)bits >= 0 ? (int64_t)bits : -1);
}

KVal kb_int(KBuilder *b, int64_t v) { return kb_lit(b, DT_I64, (uint64_t)v); }

KVal kb_number(KBuilder *b, DType dtype, double value) {
  uint64_t bits = 0;
  float f = (float)value;
  if (dtype == DT_F32)
    memcpy(&bits, &f, 4);
  else if (dtype == DT_F64)
    memcpy(&bits, &value, 8);
  else
    bits = (uint64_t)(int64_t)value;
  return kb_lit(b, dtype, bits);
}

KVal kb_task(KBuilder *b, int64_t tasks) {
  if (tasks <= 1) return kb_int(b, 0);
  KInst i = inst(K_TASK, DT_I64, K_NONE, K_NONE, K_NONE);
  return number(b, &i, 0, tasks - 1);
}

static bool literal_i64(const KBuilder *b, KVal v, int64_t *out) {
  const KInst *i = &b->k->inst.at[v];
  if (i->kind != K_LIT || i->dtype != DT_I64) return false;
  *out = (int64_t)i->bits;
  return true;
}

static int64_t bound_of(const KBuilder *b, Op op, KVal x, KVal y) {
  int64_t mx = b->max_of.at[x], my = y == K_NONE ? -1 : b->max_of.at[y], r;
  if (mx < 0 || my < 0) return -1;
  if (op == OP_add) return __builtin_add_overflow(mx, my, &r) ? -1 : r;
  if (op == OP_mul) return __builtin_mul_overflow(mx, my, &r) ? -1 : r;
  if (op == OP_min) return mx < my ? mx : my;
  return op == OP_max ? (mx > my ? mx : my) : -1;
}

KVal kb_op(KBuilder *b, Op op, DType dtype, KVal x, KVal y, KVal z) {
  KInst i = inst(K_OP, dtype, x, y, z);
  i.op = (uint16_t)op;
  return number(b, &i, deeper(b, deeper(b, depth_of(b, x), y), z), dtype == DT_I64 ? bound_of(b, op, x, y) : -1);
}

KVal kb_fma(KBuilder *b, DType dtype, KVal x, KVal y, KVal z) {
  KInst i = inst(K_FMA, dtype, x, y, z);
  return number(b, &i, deeper(b, deeper(b, depth_of(b, x), y), z), -1);
}

static KVal divide(KBuilder *b, KKind kind, KVal x, int64_t d) {
  KVal by = kb_int(b, d);
  KInst i = inst(kind, DT_I64, x, by, K_NONE);
  int64_t max = b->max_of.at[x];
  if (kind == K_UDIV)
    max = max < 0 ? INT64_MAX : max / d;
  else
    max = d - 1;
  return number(b, &i, depth_of(b, x), max);
}

KVal kb_random(KBuilder *b, DType dtype, KVal key, KVal element, Dist dist, uint64_t site) {
  KInst i = inst(K_RANDOM, dtype, key, element, K_NONE);
  KDraw d = {.dist = (uint8_t)dist, .site = site};
  i.aux = b->k->draw.n;
  vec_push(&b->k->draw, d);
  return number(b, &i, deeper(b, depth_of(b, key), element), -1);
}

KVal kb_check(KBuilder *b, KVal index, int64_t extent, NodeId node, RegionId region) {
  KInst i = inst(K_CHECK, DT_I64, index, K_NONE, K_NONE);
  KCheck c = {.extent = extent, .node = node, .region = region};
  i.aux = b->k->check.n;
  vec_push(&b->k->check, c);
  return number(b, &i, depth_of(b, index), extent > 0 ? extent - 1 : 0);
}

uint32_t kb_addr(KBuilder *b, uint32_t buf, const Ix *at) {
  KAddr a = {.buf = buf, .first = b->k->term.n, .n = at->n, .c0 = at->c0};
  for (uint32_t i = 0; i < at->n; i++) vec_push(&b->k->term, at->t[i]);
  vec_push(&b->k->addr, a);
  return b->k->addr.n - 1;
}

static uint32_t depth_of_ix(const KBuilder *b, const Ix *x) {
  uint32_t d = 0;
  for (uint32_t i = 0; i < x->n; i++) d = deeper(b, d, x->t[i].value);
  return d;
}

/* A load may not move out of a loop that never runs: its address may not exist. */
static uint32_t below_empty_loops(const KBuilder *b, uint32_t depth) {
  for (uint32_t d = here(b); d > depth; d--)
    if (b->k->loop.at[b->k->inst.at[b->open.at[d].loop].aux].extent == 0) return d;
  return depth;
}

KVal kb_load(KBuilder *b, uint32_t buf, const Ix *at, KVal mask, uint64_t fill) {
  const KBuf *f = &b->k->buf.at[buf];
  KInst i = inst(K_LOAD, f->dtype, mask, K_NONE, K_NONE);
  i.aux = kb_addr(b, buf, at);
  i.bits = mask == K_NONE ? 0 : fill;
  if (f->access & KA_WRITE) return append(b, &i, here(b), -1);
  return number(b, &i, below_empty_loops(b, deeper(b, depth_of_ix(b, at), mask)), -1);
}

void kb_store(KBuilder *b, uint32_t buf, const Ix *at, KVal value, KVal mask) {
  KInst i = inst(K_STORE, b->k->buf.at[buf].dtype, value, mask, K_NONE);
  i.aux = kb_addr(b, buf, at);
  append(b, &i, here(b), -1);
}

KVal kb_acc(KBuilder *b, DType dtype, KVal init, uint32_t width) {
  KInst i = inst(K_ACC, dtype, init, K_NONE, K_NONE);
  i.aux = width;
  return append(b, &i, here(b), -1);
}

KVal kb_get(KBuilder *b, KVal acc) {
  KInst i = inst(K_GET, b->k->inst.at[acc].dtype, acc, K_NONE, K_NONE);
  return append(b, &i, here(b), -1);
}

void kb_set(KBuilder *b, KVal acc, KVal value) {
  KInst i = inst(K_SET, b->k->inst.at[acc].dtype, acc, value, K_NONE);
  append(b, &i, here(b), -1);
}

KVal kb_lanes(KBuilder *b, Op op, KVal acc) {
  KInst i = inst(K_LANES, b->k->inst.at[acc].dtype, acc, K_NONE, K_NONE);
  i.op = (uint16_t)op;
  return append(b, &i, here(b), -1);
}

KVal kb_for(KBuilder *b, KLoopKind kind, uint32_t width, int64_t extent, KVal cap) {
  KLoop l = {.kind = (uint8_t)kind, .width = kind == KL_VECTOR ? width : 1, .extent = extent, .cap = cap};
  KInst i = inst(K_FOR, DT_I64, K_NONE, K_NONE, K_NONE);
  KVal v = b->k->inst.n;
  i.aux = b->k->loop.n;
  vec_push(&b->k->loop, l);
  open_block(b, v);
  vec_push(&b->k->inst, i);
  vec_push(&b->block_of, b->open.at[here(b)].serial);
  vec_push(&b->max_of, extent > 0 ? extent - 1 : 0);
  return v;
}

void kb_end(KBuilder *b) {
  KBlock inner = b->open.at[here(b)];
  b->depth_of.at[inner.serial] = 0;
  b->open.n--;
  KBlock *outer = &b->open.at[here(b)];
  vec_push(&outer->item, inner.loop);
  for (uint32_t i = 0; i < inner.item.n; i++) vec_push(&outer->item, inner.item.at[i]);
  vec_free(&inner.item);
  KInst end = inst(K_END, DT_I64, inner.loop, K_NONE, K_NONE);
  append(b, &end, here(b), -1);
}

void kb_micro(KBuilder *b, KMicro m) {
  KInst i = inst(K_MICRO, m.dtype, K_NONE, K_NONE, K_NONE);
  i.aux = b->k->micro.n;
  vec_push(&b->k->micro, m);
  append(b, &i, here(b), -1);
}

void kb_prefetch(KBuilder *b, uint32_t buf, const Ix *at) {
  KInst i = inst(K_PREFETCH, b->k->buf.at[buf].dtype, K_NONE, K_NONE, K_NONE);
  i.aux = kb_addr(b, buf, at);
  append(b, &i, here(b), -1);
}

void kb_call(KBuilder *b, KCall c) {
  KInst i = inst(K_CALL, DT_I32, K_NONE, K_NONE, K_NONE);
  i.aux = b->k->call.n;
  vec_push(&b->k->call, c);
  append(b, &i, here(b), -1);
}

/* ---------------------------------------------------------------- finishing */

static void renumber(const uint32_t *map, KVal *v) {
  if (*v != K_NONE) *v = map[*v];
}

/* Rewrites every mention of an instruction; addresses keep only those that instructions still name, in their order. */
static void renumber_tables(KKernel *k, const uint32_t *map) {
  for (uint32_t i = 0; i < k->term.n; i++) renumber(map, &k->term.at[i].value);
  for (uint32_t i = 0; i < k->loop.n; i++) renumber(map, &k->loop.at[i].cap);
  for (uint32_t i = 0; i < k->micro.n; i++)
    renumber(map, &k->micro.at[i].depth_cap), renumber(map, &k->micro.at[i].columns_cap);
  for (uint32_t i = 0; i < k->call.n; i++)
    for (uint32_t j = 0; j < k->call.at[i].n; j++)
      if (k->call.at[i].arg[j].kind == KCA_VALUE) renumber(map, &k->call.at[i].arg[j].v);
}

static void need(bool *live, KVal v) {
  if (v != K_NONE) live[v] = true;
}

static void need_addr(const KKernel *k, bool *live, uint32_t addr) {
  const KAddr *a = &k->addr.at[addr];
  for (uint32_t t = 0; t < a->n; t++) live[k->term.at[a->first + t].value] = true;
}

static void need_operands(const KKernel *k, bool *live, const KInst *i) {
  for (int j = 0; j < 3; j++) need(live, i->a[j]);
  if (i->kind == K_LOAD || i->kind == K_STORE || i->kind == K_PREFETCH) need_addr(k, live, i->aux);
  if (i->kind == K_FOR) need(live, k->loop.at[i->aux].cap);
  if (i->kind == K_MICRO) {
    const KMicro *m = &k->micro.at[i->aux];
    need_addr(k, live, m->a), need_addr(k, live, m->b), need_addr(k, live, m->c);
    need(live, m->depth_cap), need(live, m->columns_cap);
  }
  if (i->kind != K_CALL) return;
  for (uint32_t j = 0; j < k->call.at[i->aux].n; j++) {
    const KCallArg *a = &k->call.at[i->aux].arg[j];
    if (a->kind == KCA_VALUE) need(live, a->v);
    if (a->kind == KCA_ADDR) need_addr(k, live, a->v);
  }
}

/* Drops values that no effect needs. Operands stand before their users, so one sweep backwards finds them. */
static void drop_dead(const KKernel *k, KBlock *top) {
  bool *live = calloc(k->inst.n + 1, sizeof *live);
  uint32_t kept = 0;
  if (!live) exit(3);
  for (uint32_t i = top->item.n; i-- > 0;) {
    KVal v = top->item.at[i];
    const KInst *inst = &k->inst.at[v];
    live[v] |= inst->kind >= K_FOR || inst->kind == K_CHECK;
    if (live[v]) need_operands(k, live, inst);
  }
  for (uint32_t i = 0; i < top->item.n; i++)
    if (live[top->item.at[i]]) top->item.at[kept++] = top->item.at[i];
  top->item.n = kept;
  free(live);
}

KKernel *kb_finish(KBuilder *b) {
  KKernel *k = b->k;
  KBlock *top = &b->open.at[0];
  drop_dead(k, top);
  uint32_t *map = malloc(sizeof *map * (k->inst.n + 1));
  KInst *ordered = malloc(sizeof *ordered * (k->inst.n + 1));
  if (!map || !ordered) exit(3);
  memset(map, 0xff, sizeof *map * (k->inst.n + 1));
  for (uint32_t i = 0; i < top->item.n; i++) map[top->item.at[i]] = i, ordered[i] = k->inst.at[top->item.at[i]];
  for (uint32_t i = 0; i < top->item.n; i++)
    for (int j = 0; j < 3; j++) renumber(map, &ordered[i].a[j]);
  renumber_tables(k, map);
  memcpy(k->inst.at, ordered, sizeof *ordered * top->item.n);
  k->inst.n = top->item.n;
  free(ordered), free(map), free(b->table);
  for (uint32_t i = 0; i < b->open.n; i++) vec_free(&b->open.at[i].item);
  vec_free(&b->open), vec_free(&b->block_of), vec_free(&b->depth_of), vec_free(&b->max_of);
  return k;
}

/* ---------------------------------------------------------------- affine forms */

Ix ix_const(int64_t c) { return (Ix){.c0 = c}; }

Ix ix_value(KVal v) { return (Ix){.n = 1, .t = {{v, 1}}}; }

Ix ix_addc(const Ix *x, int64_t c) {
  Ix r = *x;
  r.c0 += c;
  return r;
}

Ix ix_scale(const Ix *x, int64_t by) {
  Ix r = *x;
  if (by == 0) return ix_const(0);
  r.c0 *= by;
  for (uint32_t i = 0; i < r.n; i++) r.t[i].coef *= by;
  return r;
}

/* Adds coef * value, kept sorted by value; folds literals; too many terms collapse into one value first. */
static void add_term(KBuilder *b, Ix *x, KTerm t) {
  int64_t lit;
  if (literal_i64(b, t.value, &lit)) {
    x->c0 += lit * t.coef;
    return;
  }
  uint32_t at = 0;
  while (at < x->n && x->t[at].value < t.value) at++;
  if (at < x->n && x->t[at].value == t.value) {
    x->t[at].coef += t.coef;
    if (x->t[at].coef == 0) memmove(&x->t[at], &x->t[at + 1], sizeof(KTerm) * (--x->n - at));
    return;
  }
  if (x->n == IX_MAX) {
    *x = ix_value(ix_materialise(b, x));
    at = x->t[0].value < t.value;
  }
  memmove(&x->t[at + 1], &x->t[at], sizeof(KTerm) * (x->n++ - at));
  x->t[at] = t;
}

Ix ix_add(KBuilder *b, const Ix *x, const Ix *y) {
  Ix r = *x;
  r.c0 += y->c0;
  for (uint32_t i = 0; i < y->n; i++) add_term(b, &r, y->t[i]);
  return r;
}

KVal ix_materialise(KBuilder *b, const Ix *x) {
  KVal sum = K_NONE;
  for (uint32_t i = 0; i < x->n; i++) {
    KVal v = x->t[i].value;
    if (x->t[i].coef != 1) v = kb_op(b, OP_mul, DT_I64, v, kb_int(b, x->t[i].coef), K_NONE);
    sum = sum == K_NONE ? v : kb_op(b, OP_add, DT_I64, sum, v, K_NONE);
  }
  if (sum == K_NONE) return kb_int(b, x->c0);
  return x->c0 ? kb_op(b, OP_add, DT_I64, sum, kb_int(b, x->c0), K_NONE) : sum;
}

bool ix_range(const KBuilder *b, const Ix *x, int64_t *lo, int64_t *hi) {
  *lo = *hi = x->c0;
  for (uint32_t i = 0; i < x->n; i++) {
    int64_t max = b->max_of.at[x->t[i].value], part;
    if (max < 0 || __builtin_mul_overflow(max, x->t[i].coef, &part)) return false;
    if (__builtin_add_overflow(part < 0 ? *lo : *hi, part, part < 0 ? lo : hi)) return false;
  }
  return true;
}

void ix_divmod(KBuilder *b, const Ix *x, int64_t d, Ix *q, Ix *r) {
  int64_t lo, hi, c_rest = x->c0 % d;
  if (c_rest < 0) c_rest += d;
  Ix quotient = ix_const((x->c0 - c_rest) / d), rest = ix_const(c_rest);
  for (uint32_t i = 0; i < x->n; i++) {
    if (x->t[i].coef % d == 0)
      quotient.t[quotient.n++] = (KTerm){x->t[i].value, x->t[i].coef / d};
    else
      rest.t[rest.n++] = x->t[i];
  }
  /* A reversed axis leaves c0 - coef*v: move whole multiples of d so that the rest may be in range. */
  if (ix_range(b, &rest, &lo, &hi) && lo < 0 && lo >= -d && hi < 0) rest.c0 += d, quotient.c0 -= 1, lo += d, hi += d;
  if (ix_range(b, &rest, &lo, &hi) && lo >= 0 && hi < d) {
    *q = quotient, *r = rest;
    return;
  }
  KVal v = ix_materialise(b, x);
  *q = ix_value(divide(b, K_UDIV, v, d)), *r = ix_value(divide(b, K_UREM, v, d));
}

KVal kb_and(KBuilder *b, KVal x, KVal y) {
  if (x == K_NONE) return y;
  return y == K_NONE ? x : kb_op(b, OP_and, DT_BOOL, x, y, K_NONE);
}

KVal ix_in_range(KBuilder *b, const Ix *x, int64_t lo, int64_t hi) {
  int64_t least, most;
  bool known = ix_range(b, x, &least, &most);
  KVal mask = K_NONE;
  if (known && (most < lo || least >= hi)) return kb_lit(b, DT_BOOL, 0);
  if (!known || least < lo) mask = kb_op(b, OP_le, DT_BOOL, kb_int(b, lo), ix_materialise(b, x), K_NONE);
  if (!known || most >= hi)
    mask = kb_and(b, mask, kb_op(b, OP_lt, DT_BOOL, ix_materialise(b, x), kb_int(b, hi), K_NONE));
  return mask;
}
