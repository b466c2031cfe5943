/* One element of a node as kernel values: views become index arithmetic and masks, everything that has storage becomes
 * a load, the rest is computed where it is used. Depth is bounded by the caps on groups and on inline chains. */
#include "codegen/lower/lower.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- index forms */

/* A materialised sum as the affine form it was made from. */
static Ix expand(KBuilder *b, KVal v) {
  const KInst *i = &b->k->inst.at[v];
  if (i->kind == K_LIT) return ix_const((int64_t)i->bits);
  if (i->kind != K_OP || i->dtype != DT_I64) return ix_value(v);
  KVal x = i->a[0], y = i->a[1];
  if (i->op == OP_add) {
    Ix s = expand(b, x), t = expand(b, y);
    return ix_add(b, &s, &t);
  }
  if (i->op == OP_mul && b->k->inst.at[y].kind == K_LIT) {
    Ix s = expand(b, x);
    return ix_scale(&s, (int64_t)b->k->inst.at[y].bits);
  }
  return ix_value(v);
}

/* c*d*(v/d) + c*(v%d) is c*v: undoes a delinearisation that only served to name axes. */
static bool merge_division(KBuilder *b, Ix *x) {
  for (uint32_t i = 0; i < x->n; i++) {
    const KInst *rem = &b->k->inst.at[x->t[i].value];
    if (rem->kind != K_UREM) continue;
    int64_t d = (int64_t)b->k->inst.at[rem->a[1]].bits, c = x->t[i].coef;
    for (uint32_t j = 0; j < x->n; j++) {
      const KInst *div = &b->k->inst.at[x->t[j].value];
      if (div->kind != K_UDIV || div->a[0] != rem->a[0] || div->a[1] != rem->a[1] || x->t[j].coef != c * d) continue;
      Ix rest = {.c0 = x->c0}, v = expand(b, rem->a[0]);
      for (uint32_t k = 0; k < x->n; k++)
        if (k != i && k != j) rest.t[rest.n++] = x->t[k];
      v = ix_scale(&v, c);
      *x = ix_add(b, &rest, &v);
      return true;
    }
  }
  return false;
}

Ix expr_linearise(KBuilder *b, uint32_t rank, const int64_t *dim, const Ix *idx) {
  Ix sum = ix_const(0);
  int64_t stride = 1;
  for (uint32_t a = rank; a-- > 0;) {
    Ix part = ix_scale(&idx[a], stride);
    sum = ix_add(b, &sum, &part);
    stride *= dim[a];
  }
  while (merge_division(b, &sum)) {
  }
  return sum;
}

void expr_delinearise(KBuilder *b, const Ix *at, uint32_t rank, const int64_t *dim, Ix *idx) {
  Ix rest = *at;
  for (uint32_t a = rank; a-- > 0;) {
    if (dim[a] <= 1)
      idx[a] = ix_const(0);
    else if (a == 0)
      idx[a] = rest;
    else {
      Ix q;
      bool last = true;
      for (uint32_t i = 0; i < a; i++) last &= dim[i] <= 1;
      if (last)
        idx[a] = rest;
      else
        ix_divmod(b, &rest, dim[a], &q, &idx[a]), rest = q;
    }
  }
}

/* ---------------------------------------------------------------- memo */

static bool same_ix(const Ix *a, const Ix *c) {
  return a->c0 == c->c0 && a->n == c->n && !memcmp(a->t, c->t, a->n * sizeof(KTerm));
}

static uint32_t memo_hash(NodeId n, const Ix *idx, uint32_t rank, KVal mask) {
  uint64_t h = n * UINT64_C(0x9E3779B97F4A7C15) ^ mask;
  for (uint32_t a = 0; a < rank; a++) {
    h = (h ^ (uint64_t)idx[a].c0) * UINT64_C(0xff51afd7ed558ccd);
    for (uint32_t i = 0; i < idx[a].n; i++)
      h = (h ^ ((uint64_t)idx[a].t[i].value << 32) ^ (uint64_t)idx[a].t[i].coef) * UINT64_C(0xc4ceb9fe1a85ec53);
  }
  return (uint32_t)(h >> 32);
}

static bool memo_matches(const Kern *k, const MemoEntry *e, NodeId n, const Ix *idx, KVal mask) {
  if (e->node != n || e->mask != mask || !kb_usable(&k->b, e->value)) return false;
  for (uint32_t a = 0; a < e->n; a++)
    if (!same_ix(&k->memo_ix.at[e->first + a], &idx[a])) return false;
  return true;
}

static KVal memo_find(const Kern *k, NodeId n, const Ix *idx, uint32_t rank, KVal mask) {
  if (!k->n_memo_table) return K_NONE;
  uint32_t at = memo_hash(n, idx, rank, mask) & (k->n_memo_table - 1);
  for (; k->memo_table[at]; at = (at + 1) & (k->n_memo_table - 1)) {
    const MemoEntry *e = &k->memo.at[k->memo_table[at] - 1];
    if (memo_matches(k, e, n, idx, mask)) return e->value;
  }
  return K_NONE;
}

static void memo_place(Kern *k, uint32_t entry) {
  const MemoEntry *e = &k->memo.at[entry];
  uint32_t at = memo_hash(e->node, &k->memo_ix.at[e->first], e->n, e->mask) & (k->n_memo_table - 1);
  while (k->memo_table[at]) at = (at + 1) & (k->n_memo_table - 1);
  k->memo_table[at] = entry + 1;
}

static void memo_add(Kern *k, NodeId n, const Ix *idx, uint32_t rank, KVal mask, KVal value) {
  MemoEntry e = {.node = n, .mask = mask, .value = value, .first = k->memo_ix.n, .n = rank};
  for (uint32_t a = 0; a < rank; a++) vec_push(&k->memo_ix, idx[a]);
  vec_push(&k->memo, e);
  if (k->memo.n * 2 >= k->n_memo_table) {
    k->n_memo_table = k->n_memo_table ? k->n_memo_table * 2 : 128;
    free(k->memo_table);
    k->memo_table = calloc(k->n_memo_table, sizeof *k->memo_table);
    if (!k->memo_table) exit(3);
    for (uint32_t i = 0; i + 1 < k->memo.n; i++) memo_place(k, i);
  }
  memo_place(k, k->memo.n - 1);
}

void kern_override(Kern *k, NodeId n, KVal value) {
  Override o = {.node = n, .value = value};
  vec_push(&k->over, o);
}

void kern_override_buf(Kern *k, NodeId n, uint32_t buf, Ix at) {
  Override o = {.node = n, .value = K_NONE, .in_memory = true, .buf = buf, .at = at};
  vec_push(&k->over, o);
}

void kern_forget(Kern *k) {
  k->over.n = k->memo.n = k->memo_ix.n = 0;
  if (k->n_memo_table) memset(k->memo_table, 0, k->n_memo_table * sizeof *k->memo_table);
}

/* ---------------------------------------------------------------- buffers and literals of a kernel */

bool same_store(const Store *a, const Store *c) {
  if (a->space != c->space || a->index != c->index || a->offset != c->offset || a->n_terms != c->n_terms) return false;
  for (uint32_t i = 0; i < a->n_terms; i++)
    if (a->term[i].loop != c->term[i].loop || a->term[i].parity != c->term[i].parity ||
        a->term[i].stride != c->term[i].stride)
      return false;
  return true;
}

uint32_t kern_buf(Kern *k, const Store *s, DType dtype, int64_t elems, bool written) {
  uint32_t arg = 0;
  while (arg < k->arg.n && !same_store(&k->arg.at[arg], s)) arg++;
  if (arg == k->arg.n) vec_push(&k->arg, *s);
  for (uint32_t i = 0; i < k->b.k->buf.n; i++) {
    KBuf *f = &k->b.k->buf.at[i];
    if (f->kind != KB_ARG || f->arg != arg || f->dtype != dtype) continue;
    f->access |= written ? KA_WRITE : KA_READ;
    if (elems > f->elems) f->elems = elems;
    return i;
  }
  KBuf f = {.kind = KB_ARG,
            .dtype = (uint8_t)dtype,
            .access = written ? KA_WRITE : KA_READ,
            .unaligned = s->unaligned,
            .arg = arg,
            .elems = elems};
  return kb_buf(&k->b, f);
}

uint32_t kern_out(Kern *k, NodeId n) {
  const Type *t = rp_type(k->r, n);
  return kern_buf(k, &k->r->store[n], t->dtype, ir_elements(t), true);
}

static bool common_literal(DType dtype, uint64_t bits) {
  static const double common[] = {0, 1, -1, 2, 0.5};
  for (uint32_t i = 0; i < 5; i++) {
    float f = (float)common[i];
    uint64_t b = 0;
    if (dtype == DT_F64)
      memcpy(&b, &common[i], 8);
    else
      memcpy(&b, &f, 4);
    if (b == bits) return true;
  }
  return false;
}

/* The argument that will hold the kernel's literals; its place in the constants is known when the kernel is done. */
static uint32_t literal_buf(Kern *k, DType dtype) {
  Store s = {.set = true, .space = PS_CONSTS, .index = 1 + (dtype == DT_F64)};
  return kern_buf(k, &s, dtype, 1, false);
}

/* Floats other than the common ones are loaded from a table of the kernel, so that changing a learning rate changes
 * data, not code. */
KVal kern_literal(Kern *k, DType dtype, const void *bytes) {
  uint64_t bits = 0;
  uint32_t size = ir_dtype_size(dtype);
  memcpy(&bits, bytes, size);
  if (!ir_is_float(dtype)) {
    if (dtype == DT_I32) bits = (uint64_t)(int64_t)(int32_t)bits;
    return kb_lit(&k->b, dtype, bits);
  }
  if (common_literal(dtype, bits)) return kb_lit(&k->b, dtype, bits);
  uint32_t which = dtype == DT_F64, at = 0;
  uint32_t n = k->lit[which].n / size;
  while (at < n && memcmp(&k->lit[which].at[at * size], bytes, size)) at++;
  if (at == n)
    for (uint32_t i = 0; i < size; i++) vec_push(&k->lit[which], ((const uint8_t *)bytes)[i]);
  Ix ix = ix_const(at);
  return kb_load(&k->b, literal_buf(k, dtype), &ix, K_NONE, 0);
}

/* ---------------------------------------------------------------- elements */

static KVal select_value(Kern *k, DType d, KVal mask, KVal yes, KVal no) {
  return mask == K_NONE ? yes : kb_op(&k->b, OP_select, d, mask, yes, no);
}

static KVal load_stored(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Type *t = rp_type(k->r, n);
  for (uint32_t i = k->over.n; i-- > 0;) {
    Override *o = &k->over.at[i];
    if (o->node != n) continue;
    if (o->in_memory && (o->value == K_NONE || !kb_usable(&k->b, o->value)))
      o->value = kb_load(&k->b, o->buf, &o->at, K_NONE, 0);
    return o->value;
  }
  Ix at = expr_linearise(&k->b, t->rank, t->dim, idx);
  return kb_load(&k->b, kern_buf(k, &k->r->store[n], t->dtype, ir_elements(t), false), &at, mask, 0);
}

static bool is_overridden(const Kern *k, NodeId n) {
  for (uint32_t i = 0; i < k->over.n; i++)
    if (k->over.at[i].node == n) return true;
  return false;
}

static bool is_stored(const Kern *k, NodeId n) {
  uint32_t g = k->r->group[n];
  return is_overridden(k, n) || (g != GROUP_INLINE && g != k->g);
}

static KVal value_iota(Kern *k, NodeId n, const Ix *idx) {
  const Attr *a = rp_attr(k->r, n);
  KVal v = ix_materialise(&k->b, &idx[a->axis]);
  return a->dtype == DT_I64 ? v : kb_op(&k->b, OP_cast, a->dtype, v, K_NONE, K_NONE);
}

static KVal value_broadcast(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Attr *a = rp_attr(k->r, n);
  Ix in[IR_MAX_RANK];
  for (uint32_t i = 0; i < a->axes.n; i++) in[i] = idx[a->axes.v[i]];
  return node_value(k, rp_in(k->r, n)[0], in, mask);
}

static KVal value_reshape(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Type *to = rp_type(k->r, n), *from = rp_type(k->r, rp_in(k->r, n)[0]);
  Ix in[IR_MAX_RANK], at = expr_linearise(&k->b, to->rank, to->dim, idx);
  expr_delinearise(&k->b, &at, from->rank, from->dim, in);
  return node_value(k, rp_in(k->r, n)[0], in, mask);
}

static KVal value_transpose(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Attr *a = rp_attr(k->r, n);
  Ix in[IR_MAX_RANK];
  for (uint32_t i = 0; i < a->axes.n; i++) in[a->axes.v[i]] = idx[i];
  return node_value(k, rp_in(k->r, n)[0], in, mask);
}

static KVal value_reverse(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Type *t = rp_type(k->r, n);
  const Attr *a = rp_attr(k->r, n);
  Ix in[IR_MAX_RANK];
  memcpy(in, idx, sizeof(Ix) * t->rank);
  for (uint32_t i = 0; i < a->axes.n; i++) {
    int64_t axis = a->axes.v[i];
    Ix neg = ix_scale(&idx[axis], -1);
    in[axis] = ix_addc(&neg, t->dim[axis] - 1);
  }
  return node_value(k, rp_in(k->r, n)[0], in, mask);
}

static KVal value_slice(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Attr *a = rp_attr(k->r, n);
  Ix in[IR_MAX_RANK];
  for (uint32_t i = 0; i < rp_type(k->r, n)->rank; i++) {
    Ix s = ix_scale(&idx[i], a->step.v[i]);
    in[i] = ix_addc(&s, a->lo.v[i]);
  }
  return node_value(k, rp_in(k->r, n)[0], in, mask);
}

static KVal value_pad(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Attr *a = rp_attr(k->r, n);
  const Type *from = rp_type(k->r, rp_in(k->r, n)[0]), *to = rp_type(k->r, n);
  Ix in[IR_MAX_RANK];
  KVal inside = mask;
  for (uint32_t i = 0; i < to->rank; i++) {
    int64_t gap = a->step.v[i] + 1;
    Ix at = ix_addc(&idx[i], -a->lo.v[i]);
    inside = kb_and(&k->b, inside, ix_in_range(&k->b, &at, 0, from->dim[i] ? (from->dim[i] - 1) * gap + 1 : 0));
    if (gap > 1) {
      /* Counted from a multiple of the gap below the first element, so that the dividend is not negative. */
      int64_t up = a->lo.v[i] > 0 ? (a->lo.v[i] + gap - 1) / gap : 0;
      Ix q, rem, shifted = ix_addc(&at, up * gap);
      ix_divmod(&k->b, &shifted, gap, &q, &rem);
      inside = kb_and(&k->b, inside, ix_in_range(&k->b, &rem, 0, 1));
      at = ix_addc(&q, -up);
    }
    in[i] = at;
  }
  KVal v = node_value(k, rp_in(k->r, n)[0], in, inside);
  return select_value(k, to->dtype, inside, v, kb_number(&k->b, to->dtype, 0));
}

static KVal value_concat(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Type *t = rp_type(k->r, n);
  const NodeId *part = rp_in(k->r, n);
  int64_t axis = rp_attr(k->r, n)->axis, begin = 0;
  KVal sum = kb_number(&k->b, t->dtype, 0);
  for (uint32_t i = 0; i < rp_node(k->r, n)->n_in; i++) {
    int64_t extent = rp_type(k->r, part[i])->dim[axis];
    if (!extent) continue;
    Ix in[IR_MAX_RANK];
    memcpy(in, idx, sizeof(Ix) * t->rank);
    in[axis] = ix_addc(&idx[axis], -begin);
    KVal inside = ix_in_range(&k->b, &in[axis], 0, extent);
    KVal v = node_value(k, part[i], in, kb_and(&k->b, mask, inside));
    sum = select_value(k, t->dtype, inside, v, sum);
    begin += extent;
  }
  return sum;
}

/* An index read from a tensor, checked against the extent. */
static Ix checked_index(Kern *k, NodeId n, NodeId index, const Ix *idx, KVal mask, int64_t extent) {
  KVal v = node_value(k, index, idx, mask);
  if (rp_type(k->r, index)->dtype != DT_I64) v = kb_op(&k->b, OP_cast, DT_I64, v, K_NONE, K_NONE);
  if (mask != K_NONE) v = kb_op(&k->b, OP_select, DT_I64, mask, v, kb_int(&k->b, 0));
  return ix_value(kb_check(&k->b, v, extent, n, k->r->region));
}

/* x[B.., P.., N, R..] at i[B.., I..] gives [B.., P.., I.., R..]. */
static KVal value_gather(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Attr *a = rp_attr(k->r, n);
  NodeId x = rp_in(k->r, n)[0], i = rp_in(k->r, n)[1];
  uint32_t batch = (uint32_t)a->n_batch, axis = (uint32_t)a->axis, n_i = rp_type(k->r, i)->rank - batch;
  Ix at_i[IR_MAX_RANK], at_x[IR_MAX_RANK];
  memcpy(at_i, idx, sizeof(Ix) * batch);
  memcpy(at_i + batch, idx + axis, sizeof(Ix) * n_i);
  memcpy(at_x, idx, sizeof(Ix) * axis);
  at_x[axis] = checked_index(k, n, i, at_i, mask, rp_type(k->r, x)->dim[axis]);
  for (uint32_t d = axis + 1; d < rp_type(k->r, x)->rank; d++) at_x[d] = idx[d - 1 + n_i];
  return node_value(k, x, at_x, mask);
}

static KVal value_dynamic_slice(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const NodeId *in = rp_in(k->r, n);
  const Type *x = rp_type(k->r, in[0]), *t = rp_type(k->r, n);
  Ix at[IR_MAX_RANK];
  for (uint32_t i = 0; i < x->rank; i++) {
    Ix start = checked_index(k, n, in[1 + i], NULL, K_NONE, x->dim[i] - t->dim[i] + 1);
    at[i] = ix_add(&k->b, &start, &idx[i]);
  }
  return node_value(k, in[0], at, mask);
}

/* Element of x that tap number `taps` of the window at idx names; outside the operand there is none (0). */
static KVal value_window_pick(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const NodeId *in = rp_in(k->r, n);
  const Attr *a = rp_attr(k->r, n);
  const Type *x = rp_type(k->r, in[0]);
  Ix at[IR_MAX_RANK], tap[3];
  KVal v = node_value(k, in[1], idx, mask), inside = mask;
  int64_t size[3];
  for (uint32_t i = 0; i < a->n_window; i++) size[i] = a->window[i].size;
  Ix flat = ix_value(kb_op(&k->b, OP_cast, DT_I64, v, K_NONE, K_NONE));
  expr_delinearise(&k->b, &flat, a->n_window, size, tap);
  for (uint32_t i = 0; i < x->rank; i++) {
    at[i] = idx[i];
    if (i + a->n_window < x->rank) continue;
    uint32_t w = i + a->n_window - x->rank;
    Ix p = ix_scale(&idx[i], a->window[w].stride), d = ix_scale(&tap[w], a->window[w].dilation);
    p = ix_add(&k->b, &p, &d);
    at[i] = ix_addc(&p, -a->window[w].lo);
    inside = kb_and(&k->b, inside, ix_in_range(&k->b, &at[i], 0, x->dim[i]));
  }
  KVal loaded = node_value(k, in[0], at, inside);
  return select_value(k, x->dtype, inside, loaded, kb_number(&k->b, x->dtype, 0));
}

static KVal value_random(Kern *k, NodeId n, const Ix *idx) {
  const Attr *a = rp_attr(k->r, n);
  const Type *t = rp_type(k->r, n);
  KVal key = node_value(k, rp_in(k->r, n)[0], NULL, K_NONE);
  Ix at = expr_linearise(&k->b, t->rank, t->dim, idx);
  if (rp_node(k->r, n)->n_in > 1) {
    Ix first = ix_value(node_value(k, rp_in(k->r, n)[1], NULL, K_NONE));
    at = ix_add(&k->b, &first, &at);
  }
  return kb_random(&k->b, t->dtype, key, ix_materialise(&k->b, &at), a->dist, a->site);
}

/* a*b + c of a product that nothing else uses here, rounded once. In f64 product and sum are rounded apart: who asks
 * for it compares with other programs, which do so, to the last digits. */
static KVal try_fma(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  RegionPlan *r = k->r;
  const NodeId *in = rp_in(r, n);
  if (rp_node(r, n)->op != OP_add || rp_type(r, n)->dtype != DT_F32) return K_NONE;
  for (uint32_t i = 0; i < 2; i++) {
    if (rp_node(r, in[i])->op != OP_mul || r->n_uses[in[i]] != 1 || is_stored(k, in[i])) continue;
    const NodeId *f = rp_in(r, in[i]);
    KVal x = node_value(k, f[0], idx, mask), y = node_value(k, f[1], idx, mask),
         z = node_value(k, in[1 - i], idx, mask);
    k->cost_per_element += 0.01;
    return kb_fma(&k->b, rp_type(r, n)->dtype, x, y, z);
  }
  return K_NONE;
}

/* ---------------------------------------------------------------- bytes divided by a constant */

/* The scalar constant that n spreads, if it is one. */
static const float *spread_constant(const RegionPlan *r, NodeId n) {
  while (rp_node(r, n)->op == OP_broadcast || rp_node(r, n)->op == OP_reshape) n = rp_in(r, n)[0];
  if (rp_node(r, n)->op != OP_const || rp_elements(r, n) != 1 || rp_type(r, n)->dtype != DT_F32) return NULL;
  return ir_const_data(r->L->m, rp_attr(r, n)->value);
}

/* x/c as x*(1/c) put right by one step: q + (x - q*c)/c. */
static float corrected_quotient(float x, float c, float reciprocal) {
  float q = x * reciprocal;
  return fmaf(fmaf(-q, c, x), reciprocal, q);
}

/* Pixels over 255: there are 256 quotients, so it can be seen whether the products give the very same ones. */
static KVal try_byte_quotient(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  RegionPlan *r = k->r;
  const NodeId *in = rp_in(r, n);
  if (rp_node(r, n)->op != OP_div || rp_type(r, n)->dtype != DT_F32 || rp_node(r, in[0])->op != OP_cast) return K_NONE;
  const float *c = spread_constant(r, in[1]);
  if (!c || rp_type(r, rp_in(r, in[0])[0])->dtype != DT_U8) return K_NONE;
  float reciprocal = 1 / *c, minus = -*c;
  for (int x = 0; x < 256; x++)
    if (corrected_quotient((float)x, *c, reciprocal) != (float)x / *c) return K_NONE;
  KBuilder *b = &k->b;
  KVal x = node_value(k, in[0], idx, mask), by = kern_literal(k, DT_F32, &reciprocal),
       m = kern_literal(k, DT_F32, &minus);
  KVal q = kb_op(b, OP_mul, DT_F32, x, by, K_NONE);
  return kb_fma(b, DT_F32, kb_fma(b, DT_F32, q, m, x), by, q);
}

static KVal value_elementwise(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Node *node = rp_node(k->r, n);
  const NodeId *in = rp_in(k->r, n);
  KVal v[3] = {K_NONE, K_NONE, K_NONE}, fused = try_fma(k, n, idx, mask);
  if (fused == K_NONE) fused = try_byte_quotient(k, n, idx, mask);
  if (fused != K_NONE) return fused;
  for (uint32_t i = 0; i < node->n_in; i++) v[i] = node_value(k, in[i], idx, mask);
  k->cost_per_element += op_cost(node->op);
  return kb_op(&k->b, node->op, rp_type(k->r, n)->dtype, v[0], v[1], v[2]);
}

static KVal compute(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  const Node *node = rp_node(k->r, n);
  switch (node->op) {
  case OP_const: return kern_literal(k, rp_type(k->r, n)->dtype, ir_const_data(k->r->L->m, rp_attr(k->r, n)->value));
  case OP_iota: return value_iota(k, n, idx);
  case OP_broadcast: return value_broadcast(k, n, idx, mask);
  case OP_reshape: return value_reshape(k, n, idx, mask);
  case OP_transpose: return value_transpose(k, n, idx, mask);
  case OP_reverse: return value_reverse(k, n, idx, mask);
  case OP_slice: return value_slice(k, n, idx, mask);
  case OP_pad: return value_pad(k, n, idx, mask);
  case OP_concat: return value_concat(k, n, idx, mask);
  case OP_gather: return value_gather(k, n, idx, mask);
  case OP_dynamic_slice: return value_dynamic_slice(k, n, idx, mask);
  case OP_window_pick: return value_window_pick(k, n, idx, mask);
  case OP_random: return value_random(k, n, idx);
  default: return value_elementwise(k, n, idx, mask);
  }
}

KVal node_value(Kern *k, NodeId n, const Ix *idx, KVal mask) {
  uint32_t rank = rp_type(k->r, n)->rank;
  if (is_stored(k, n)) return load_stored(k, n, idx, mask);
  KVal v = memo_find(k, n, idx, rank, mask);
  if (v != K_NONE) return v;
  v = compute(k, n, idx, mask);
  memo_add(k, n, idx, rank, mask, v);
  return v;
}

KVal expr_linear(Kern *k, NodeId n, const Ix *at, KVal mask) {
  const Type *t = rp_type(k->r, n);
  Ix idx[IR_MAX_RANK];
  expr_delinearise(&k->b, at, t->rank, t->dim, idx);
  return node_value(k, n, idx, mask);
}
