/* Template `contract`: matrix products by micro-kernels over tiles of the result.
 *
 * Each task owns some column panels (or, when there are few, parts of their rows), in the same order in every product:
 * with several threads the columns of a weight and of its optimiser state stay in the cache of the core that updates
 * them (row by row they crossed between cores each step, 30 % slower on two). A micro-kernel leaves a full tile in
 * scratch that stays in L1; the maps after the product then run over its exact rows and columns. The last row tile
 * overlaps the one before upwards, so that one height of tile serves the whole matrix.
 */
#include "codegen/lower/nest.h"
#include <string.h>

enum { DEEP = 1024, DEPTH_BLOCK = 512, DEEP_TILES = 32 };

/* ---------------------------------------------------------------- strided operands */

static bool is_base(const RegionPlan *r, NodeId n) {
  uint32_t g = r->group[n];
  return r->force[n] || node_class(r, n) != CL_INLINE || (g != GROUP_NONE && g != GROUP_INLINE);
}

static void contiguous(const Type *t, int64_t *stride) {
  int64_t s = 1;
  for (uint32_t i = t->rank; i-- > 0;) stride[i] = s, s *= t->dim[i];
}

/* Strides of a reshape of a strided tensor, when there are any: runs of axes with equal products must be contiguous. */
static bool reshape_strides(const Type *from, const int64_t *stride, const Type *to, int64_t *out) {
  uint32_t i = 0, j = 0;
  while (i < from->rank || j < to->rank) {
    uint32_t i0 = i, j0 = j;
    int64_t a = i < from->rank ? from->dim[i++] : 1, c = j < to->rank ? to->dim[j++] : 1;
    while (a != c || a == 1) {
      if (a <= c && i < from->rank)
        a *= from->dim[i++];
      else if (j < to->rank)
        c *= to->dim[j++];
      else
        break;
    }
    if (a != c) return false;
    int64_t s = 1, expect = 0;
    bool inner = false; /* an axis further in has said what the stride must be */
    for (uint32_t k = i; k-- > i0;) {
      if (from->dim[k] == 1) continue;
      if (inner && stride[k] != expect) return false;
      if (!inner) s = stride[k];
      expect = stride[k] * from->dim[k], inner = true;
    }
    for (uint32_t k = j; k-- > j0;) out[k] = s, s *= to->dim[k];
  }
  return true;
}

/* Strides of view n from those of its operand. */
static bool view_strides(const RegionPlan *r, NodeId n, Strided *v) {
  const Attr *a = rp_attr(r, n);
  const Type *from = rp_type(r, rp_in(r, n)[0]), *to = rp_type(r, n);
  int64_t in[IR_MAX_RANK];
  memcpy(in, v->stride, sizeof in);
  switch (rp_node(r, n)->op) {
  case OP_transpose:
    for (uint32_t i = 0; i < to->rank; i++) v->stride[i] = in[a->axes.v[i]];
    return true;
  case OP_broadcast:
    memset(v->stride, 0, sizeof v->stride);
    for (uint32_t i = 0; i < from->rank; i++) v->stride[a->axes.v[i]] = in[i];
    return true;
  case OP_slice:
    for (uint32_t i = 0; i < to->rank; i++) v->offset += in[i] * a->lo.v[i], v->stride[i] = in[i] * a->step.v[i];
    return true;
  case OP_reverse:
    for (uint32_t i = 0; i < a->axes.n; i++) {
      int64_t x = a->axes.v[i];
      v->offset += in[x] * (from->dim[x] - 1), v->stride[x] = -in[x];
    }
    return true;
  case OP_reshape: return reshape_strides(from, in, to, v->stride);
  default: return false;
  }
}

bool strided_view(const RegionPlan *r, NodeId n, Strided *out) {
  NodeId chain[32];
  uint32_t depth = 0;
  for (; !is_base(r, n); n = rp_in(r, n)[0]) {
    Op op = rp_node(r, n)->op;
    bool view = op == OP_transpose || op == OP_broadcast || op == OP_slice || op == OP_reverse || op == OP_reshape;
    if (!view || depth == 32 || rp_elements(r, n) == 0) return false;
    chain[depth++] = n;
  }
  *out = (Strided){.base = n};
  contiguous(rp_type(r, n), out->stride);
  while (depth > 0)
    if (!view_strides(r, chain[--depth], out)) return false;
  return true;
}

/* Several axes as one: their total extent and common stride. */
static bool collapse(const Type *t, const int64_t *stride, const int64_t *axis, uint32_t n, int64_t *extent,
                     int64_t *out) {
  int64_t expect = 0;
  bool inner = false;
  *extent = 1, *out = 0;
  for (uint32_t i = n; i-- > 0;) {
    int64_t d = t->dim[axis[i]], s = stride[axis[i]];
    *extent *= d;
    if (d == 1) continue;
    if (inner && s != expect) return false;
    if (!inner) *out = s;
    expect = s * d, inner = true;
  }
  return true;
}

static bool collapse_side(const RegionPlan *r, NodeId n, uint32_t side, const int64_t *stride, DotPlan *d) {
  const Attr *a = rp_attr(r, n);
  const Type *t = rp_type(r, rp_in(r, n)[side]);
  const IntList *batch = side ? &a->batch_b : &a->batch_a, *contract = side ? &a->contract_b : &a->contract_a;
  int64_t rest[IR_MAX_RANK];
  uint32_t n_rest = 0, named = 0;
  for (uint32_t i = 0; i < batch->n; i++) named |= 1u << batch->v[i];
  for (uint32_t i = 0; i < contract->n; i++) named |= 1u << contract->v[i];
  for (uint32_t i = 0; i < t->rank; i++)
    if (!(named >> i & 1)) rest[n_rest++] = i;
  return collapse(t, stride, batch->v, batch->n, &d->batch, side ? &d->b_batch : &d->a_batch) &&
         collapse(t, stride, contract->v, contract->n, &d->k, side ? &d->b_k : &d->a_k) &&
         collapse(t, stride, rest, n_rest, side ? &d->n : &d->m, side ? &d->b_n : &d->a_m);
}

static bool plan_side(const RegionPlan *r, NodeId n, uint32_t side, DotPlan *d) {
  NodeId x = rp_in(r, n)[side];
  Strided *v = side ? &d->b : &d->a;
  bool *copy = side ? &d->copy_b : &d->copy_a;
  if (strided_view(r, x, v) && collapse_side(r, n, side, v->stride, d)) return true;
  *copy = true;
  *v = (Strided){.base = x};
  contiguous(rp_type(r, x), v->stride);
  return collapse_side(r, n, side, v->stride, d);
}

DotPlan dot_plan(const RegionPlan *r, NodeId n) {
  DotPlan d = {0};
  d.ok = plan_side(r, n, 0, &d) && plan_side(r, n, 1, &d);
  return d;
}

/* ---------------------------------------------------------------- large products */

bool dot_wants_blas(const RegionPlan *r, NodeId n) {
  enum { LEAST = 256, CACHE_BYTES = 4 << 20 };
  DotPlan d = dot_plan(r, n);
  bool rows = d.a_k == 1 || d.a_m == 1, columns = d.b_n == 1 || d.b_k == 1;
  return d.ok && !d.copy_a && !d.copy_b && rows && columns && d.a_k > 0 && d.a_m > 0 && d.b_n > 0 && d.b_k > 0 &&
         d.m >= LEAST && d.n >= LEAST && d.k >= LEAST && d.k * d.n * ir_dtype_size(rp_type(r, n)->dtype) > CACHE_BYTES;
}

static KCallArg blas_int(int64_t i) { return (KCallArg){.kind = KCA_INT, .i = i}; }
static KCallArg blas_at(KBuilder *b, uint32_t buf, const Ix *at) {
  return (KCallArg){.kind = KCA_ADDR, .v = kb_addr(b, buf, at)};
}

/* Blocks of rows of the result, each one call of OpenBLAS on one thread. */
static void nest_blas(RegionPlan *r, uint32_t g, const DotPlan *d) {
  enum { ROWS = 256 };
  const Group *group = &r->groups.at[g];
  DType dtype = rp_type(r, group->dot)->dtype;
  Kern k = kern_new(r, g);
  KBuilder *b = &k.b;
  uint32_t out = kern_out(&k, group->dot),
           a = kern_buf(&k, &r->store[d->a.base], dtype, rp_elements(r, d->a.base), false);
  uint32_t c = kern_buf(&k, &r->store[d->b.base], dtype, rp_elements(r, d->b.base), false);
  int64_t blocks = (d->m + ROWS - 1) / ROWS, tasks = d->batch * blocks;
  Ix task = ix_value(kb_task(b, tasks)), batch, block;
  ix_divmod(b, &task, blocks, &batch, &block);
  Ix row = ix_scale(&block, ROWS), left = ix_scale(&row, -1), at_a = ix_scale(&row, d->a_m),
     at_c = ix_scale(&row, d->n);
  Ix a_batch = ix_scale(&batch, d->a_batch), at_b = ix_scale(&batch, d->b_batch),
     c_batch = ix_scale(&batch, d->m * d->n);
  left = ix_addc(&left, d->m);
  at_a = ix_add(b, &at_a, &a_batch), at_a = ix_addc(&at_a, d->a.offset), at_b = ix_addc(&at_b, d->b.offset);
  at_c = ix_add(b, &at_c, &c_batch);
  KVal rows = kb_op(b, OP_min, DT_I64, ix_materialise(b, &left), kb_int(b, ROWS), K_NONE);
  bool ta = d->a_k != 1, tb = d->b_n != 1;
  KCall call = {.callee = dtype == DT_F32 ? KC_SGEMM : KC_DGEMM, .n = 10, .node = group->dot, .region = r->region};
  call.arg[0] = blas_int(ta | tb << 1), call.arg[1] = (KCallArg){.kind = KCA_VALUE, .v = rows};
  call.arg[2] = blas_int(d->n), call.arg[3] = blas_int(d->k);
  call.arg[4] = blas_at(b, a, &at_a), call.arg[5] = blas_int(ta ? d->a_k : d->a_m);
  call.arg[6] = blas_at(b, c, &at_b), call.arg[7] = blas_int(tb ? d->b_n : d->b_k);
  call.arg[8] = blas_at(b, out, &at_c), call.arg[9] = blas_int(d->n);
  kb_call(b, call);
  k.cost = 2 * (double)(d->batch * d->m) * (double)d->n * (double)d->k / (dtype == DT_F64 ? 100 : 200);
  kern_launch(&k, tasks, "blas", group->root);
}

/* ---------------------------------------------------------------- the nest */

typedef struct Tile {
  Kern *k;
  NodeId dot;
  DotPlan d;
  DType dtype;
  uint32_t mr, nv, nr;
  int64_t panels, row_tiles, row_parts;
  uint32_t a, b, tile, pack; /* buffers */
  bool packs;
  bool by_rows;        /* tasks own whole rows */
  bool deep;           /* blocks of depth outermost */
  int64_t depth_block; /* of a micro-kernel call */
} Tile;

static void choose_tile(Tile *t, const KTarget *target) {
  uint32_t lanes = k_lanes(target, t->dtype), max = target->tile_rows;
  t->nv = t->d.n > lanes ? 2 : 1;
  t->nr = t->nv * lanes;
  t->panels = (t->d.n + t->nr - 1) / t->nr;
  int64_t tiles = (t->d.m + max - 1) / max;
  t->mr = (uint32_t)((t->d.m + tiles - 1) / tiles);
  t->row_tiles = (t->d.m + t->mr - 1) / t->mr;
}

/* B is read in place when its columns are neighbours and reading past a row's end stays in memory of ours. */
static bool wants_packing(const Tile *t, const Store *b) {
  return t->d.b_n != 1 || t->d.b_k < 0 || b->space == PS_FIELD || b->space == PS_VALUE || b->space == PS_CONTEXT;
}

/* Copies rows k0 .. k0+depth of panel `col` of B into the scratch panel. */
static void emit_pack(Tile *t, const Ix *b_at, const Ix *col, int64_t depth, KVal depth_cap) {
  KBuilder *b = &t->k->b;
  Ix kk = ix_value(kb_for(b, KL_SERIAL, 1, depth, depth_cap)), neg = ix_scale(col, -1);
  neg = ix_addc(&neg, t->d.n);
  KVal cap = t->d.n % t->nr ? ix_materialise(b, &neg) : K_NONE;
  Ix j = ix_value(kb_for(b, KL_VECTOR, t->nr, t->nr, cap));
  Ix from = ix_scale(&kk, t->d.b_k), step = ix_scale(&j, t->d.b_n), to = ix_scale(&kk, t->nr);
  from = ix_add(b, &from, &step), from = ix_add(b, &from, b_at), to = ix_add(b, &to, &j);
  kb_store(b, t->pack, &to, kb_load(b, t->b, &from, K_NONE, 0), K_NONE);
  kb_end(b);
  kb_end(b);
}

/* The columns from `col` to the edge of the matrix, where the last panel has vectors beyond it; else K_NONE. */
static KVal columns_left(Tile *t, const Ix *col) {
  int64_t last = t->d.n % t->nr;
  if (last == 0 || last > t->nr - t->nr / t->nv) return K_NONE;
  Ix left = ix_scale(col, -1);
  left = ix_addc(&left, t->d.n);
  return ix_materialise(&t->k->b, &left);
}

static KMicro micro_of(const Tile *t, KVal columns_cap, bool accumulate, int64_t depth, KVal cap) {
  return (KMicro){.dtype = (uint8_t)t->dtype,
                  .mr = (uint8_t)t->mr,
                  .nv = (uint8_t)t->nv,
                  .columns = (uint16_t)t->nr,
                  .columns_cap = columns_cap,
                  .accumulate = accumulate,
                  .a_row = t->d.a_m,
                  .a_k = t->d.a_k,
                  .b_k = t->packs ? t->nr : t->d.b_k,
                  .c_row = t->nr,
                  .depth = depth,
                  .depth_cap = cap};
}

static void emit_micro(Tile *t, const Ix *a_at, const Ix *b_at, const Ix *c_at, const Ix *col, bool accumulate,
                       int64_t depth, KVal cap) {
  KBuilder *b = &t->k->b;
  KMicro m = micro_of(t, columns_left(t, col), accumulate, depth, cap);
  m.a = kb_addr(b, t->a, a_at);
  m.b = t->packs ? kb_addr(b, t->pack, b_at) : kb_addr(b, t->b, b_at);
  m.c = kb_addr(b, t->tile, c_at);
  kb_micro(b, m);
}

/* Index of the product's axes from (batch, row, col). */
static void result_index(Tile *t, const Ix *batch, const Ix *row, const Ix *col, Ix *idx) {
  RegionPlan *r = t->k->r;
  const Attr *a = rp_attr(r, t->dot);
  const Type *type = rp_type(r, t->dot);
  uint32_t nb = a->batch_a.n, nm = rp_type(r, rp_in(r, t->dot)[0])->rank - nb - a->contract_a.n;
  expr_delinearise(&t->k->b, batch, nb, type->dim, idx);
  expr_delinearise(&t->k->b, row, nm, type->dim + nb, idx + nb);
  expr_delinearise(&t->k->b, col, type->rank - nb - nm, type->dim + nb + nm, idx + nb + nm);
}

/* The maps after the product, over the tile's rows and columns that belong to the matrix. */
static void emit_epilogue(Tile *t, const Ix *batch, const Ix *row_begin, const Ix *skip, const Ix *col_begin,
                          const Ix *scratch) {
  Kern *k = t->k;
  KBuilder *b = &k->b;
  const Group *group = &k->r->groups.at[k->g];
  const Type *type = rp_type(k->r, t->dot);
  Ix rows_left = ix_scale(row_begin, -1), cols_left = ix_scale(col_begin, -1), idx[IR_MAX_RANK];
  rows_left = ix_addc(&rows_left, t->d.m), cols_left = ix_addc(&cols_left, t->d.n);
  KVal row_cap = t->d.m % t->mr ? ix_materialise(b, &rows_left) : K_NONE;
  KVal col_cap = t->d.n % t->nr ? ix_materialise(b, &cols_left) : K_NONE;
  Ix i = ix_value(kb_for(b, KL_SERIAL, 1, t->mr, row_cap));
  Ix j = ix_value(kb_for(b, KL_VECTOR, t->nr, t->nr, col_cap));
  Ix row = ix_add(b, row_begin, &i), col = ix_add(b, col_begin, &j), in_tile = ix_add(b, &i, skip);
  in_tile = ix_scale(&in_tile, t->nr), in_tile = ix_add(b, &in_tile, &j);
  in_tile = ix_add(b, &in_tile, scratch);
  result_index(t, batch, &row, &col, idx);
  Ix at = expr_linearise(b, type->rank, type->dim, idx);
  kern_forget(k);
  kern_override_buf(k, t->dot, t->tile, in_tile);
  KVal *value = arena_array(&k->r->L->mem, KVal, group->output.n);
  for (uint32_t o = 0; o < group->output.n; o++) {
    const Type *out = rp_type(k->r, group->output.at[o]);
    bool same = out->rank == type->rank && !memcmp(out->dim, type->dim, sizeof *out->dim * out->rank);
    value[o] =
        same ? node_value(k, group->output.at[o], idx, K_NONE) : expr_linear(k, group->output.at[o], &at, K_NONE);
  }
  for (uint32_t o = 0; o < group->output.n; o++) kb_store(b, kern_out(k, group->output.at[o]), &at, value[o], K_NONE);
  kb_end(b);
  kb_end(b);
}

/* First row of a tile (the last one overlaps upwards) and how many of its rows belong to the tile before. */
static Ix tile_rows(Tile *t, const Ix *row_begin, Ix *skip) {
  KBuilder *b = &t->k->b;
  *skip = ix_const(0);
  if (t->d.m % t->mr == 0) return *row_begin;
  KVal v = ix_materialise(b, row_begin);
  Ix row0 = ix_value(kb_op(b, OP_min, DT_I64, v, kb_int(b, t->d.m - t->mr), K_NONE)), neg = ix_scale(&row0, -1);
  *skip = ix_add(b, row_begin, &neg);
  return row0;
}

/* Address in A of a tile's first row. */
static Ix a_address(Tile *t, const Ix *row0, const Ix *batch) {
  Ix at = ix_scale(row0, t->d.a_m), base = ix_scale(batch, t->d.a_batch);
  at = ix_add(&t->k->b, &at, &base);
  return ix_addc(&at, t->d.a.offset);
}

static Ix b_address(Tile *t, const Ix *col, const Ix *batch) {
  Ix at = ix_scale(col, t->d.b_n), base = ix_scale(batch, t->d.b_batch);
  at = ix_add(&t->k->b, &at, &base);
  return ix_addc(&at, t->d.b.offset);
}

/* Opens the loop over the row tiles of part number `part`; *local counts them within the part. */
static Ix open_tiles(Tile *t, const Ix *part, Ix *local) {
  KBuilder *b = &t->k->b;
  int64_t per_part = (t->row_tiles + t->row_parts - 1) / t->row_parts;
  Ix first = ix_scale(part, per_part), left = ix_scale(&first, -1);
  left = ix_addc(&left, t->row_tiles);
  KVal cap = t->row_tiles % per_part ? ix_materialise(b, &left) : K_NONE;
  *local = ix_value(kb_for(b, KL_SERIAL, 1, per_part, cap));
  return ix_add(b, local, &first);
}

/* One panel, or a part of its rows. */
static void emit_panel_unit(Tile *t, const Ix *unit) {
  KBuilder *b = &t->k->b;
  Ix part, panel, batch, rest, skip, local, zero = ix_const(0);
  ix_divmod(b, unit, t->row_parts, &rest, &part);
  ix_divmod(b, &rest, t->panels, &batch, &panel);
  Ix col = ix_scale(&panel, t->nr), b_at = b_address(t, &col, &batch);
  if (t->packs) emit_pack(t, &b_at, &col, t->d.k, K_NONE);
  Ix tile = open_tiles(t, &part, &local), row_begin = ix_scale(&tile, t->mr), row0 = tile_rows(t, &row_begin, &skip);
  Ix a_at = a_address(t, &row0, &batch);
  emit_micro(t, &a_at, t->packs ? &zero : &b_at, &zero, &col, false, t->d.k, K_NONE);
  emit_epilogue(t, &batch, &row_begin, &skip, &col, &zero);
  kb_end(b);
}

/* Whole rows: every panel of each tile of a part. */
static void emit_rows_unit(Tile *t, const Ix *unit) {
  KBuilder *b = &t->k->b;
  Ix part, batch, skip, local, zero = ix_const(0);
  ix_divmod(b, unit, t->row_parts, &batch, &part);
  Ix tile = open_tiles(t, &part, &local), row_begin = ix_scale(&tile, t->mr), row0 = tile_rows(t, &row_begin, &skip);
  Ix panel = ix_value(kb_for(b, KL_SERIAL, 1, t->panels, K_NONE)), col = ix_scale(&panel, t->nr);
  Ix a_at = a_address(t, &row0, &batch), b_at = b_address(t, &col, &batch);
  emit_micro(t, &a_at, &b_at, &zero, &col, false, t->d.k, K_NONE);
  emit_epilogue(t, &batch, &row_begin, &skip, &col, &zero);
  kb_end(b);
  kb_end(b);
}

/* One block of depth from k0 on, for every row tile of the part: added to what its scratch tile holds. */
static void emit_depth_block(Tile *t, const Ix *part, const Ix *batch, const Ix *col, const Ix *k0, bool accumulate,
                             KVal depth_cap) {
  KBuilder *b = &t->k->b;
  Ix skip, local, zero = ix_const(0), b_at = b_address(t, col, batch), b_off = ix_scale(k0, t->d.b_k);
  b_at = ix_add(b, &b_at, &b_off);
  if (t->packs) emit_pack(t, &b_at, col, t->depth_block, depth_cap);
  Ix tile = open_tiles(t, part, &local), row_begin = ix_scale(&tile, t->mr), row0 = tile_rows(t, &row_begin, &skip);
  Ix a_at = a_address(t, &row0, batch), a_off = ix_scale(k0, t->d.a_k), c_at = ix_scale(&local, t->mr * t->nr);
  a_at = ix_add(b, &a_at, &a_off);
  emit_micro(t, &a_at, t->packs ? &zero : &b_at, &c_at, col, accumulate, t->depth_block, depth_cap);
  kb_end(b);
}

/* Deep products: blocks of depth outermost, so that what is read of A and B for one block stays in cache; the part's
 * tiles wait in scratch until they are complete. */
static void emit_deep_unit(Tile *t, const Ix *unit) {
  KBuilder *b = &t->k->b;
  Ix part, panel, batch, rest, skip, local, zero = ix_const(0);
  ix_divmod(b, unit, t->row_parts, &rest, &part);
  ix_divmod(b, &rest, t->panels, &batch, &panel);
  Ix col = ix_scale(&panel, t->nr);
  emit_depth_block(t, &part, &batch, &col, &zero, false, K_NONE);
  Ix block = ix_value(kb_for(b, KL_SERIAL, 1, (t->d.k - 1) / t->depth_block, K_NONE)), k0 = ix_addc(&block, 1);
  k0 = ix_scale(&k0, t->depth_block);
  Ix left = ix_scale(&k0, -1);
  left = ix_addc(&left, t->d.k);
  emit_depth_block(t, &part, &batch, &col, &k0, true, t->d.k % t->depth_block ? ix_materialise(b, &left) : K_NONE);
  kb_end(b);
  Ix tile = open_tiles(t, &part, &local), row_begin = ix_scale(&tile, t->mr);
  tile_rows(t, &row_begin, &skip);
  Ix scratch = ix_scale(&local, t->mr * t->nr);
  emit_epilogue(t, &batch, &row_begin, &skip, &col, &scratch);
  kb_end(b);
}

/* Units (batch, panels, parts of the rows) and how many to a task, by the work in them. */
static int64_t share_units(Tile *t, double cost, int64_t *units, int64_t *chunk) {
  int64_t whole = t->d.batch * (t->by_rows ? 1 : t->panels), tasks = tasks_for(cost, whole * t->row_tiles);
  t->row_parts = tasks > whole ? tasks / whole : 1;
  if (t->deep && t->row_parts * DEEP_TILES < t->row_tiles) t->row_parts = (t->row_tiles + DEEP_TILES - 1) / DEEP_TILES;
  if (t->packs && !t->deep && t->row_parts > 2) t->row_parts = 2;
  if (t->row_parts > t->row_tiles) t->row_parts = t->row_tiles;
  int64_t per_part = (t->row_tiles + t->row_parts - 1) / t->row_parts;
  t->row_parts = (t->row_tiles + per_part - 1) / per_part;
  *units = whole * t->row_parts;
  if (tasks > *units) tasks = *units;
  *chunk = (*units + tasks - 1) / tasks;
  return (*units + *chunk - 1) / *chunk;
}

static void as_reduction(RegionPlan *r, uint32_t g) {
  Group *group = &r->groups.at[g];
  group->kind = GK_MAP, group->b_space = B_FULL, group->custom = group->dot, group->has_reduce = true;
  r->cls[group->dot] = CL_CUSTOM;
  nest_reduce(r, g);
}

/* A result that is the larger matrix (a weight's gradient over a batch) and whose rows do not end with cache lines: cut
 * between columns, two threads would write to one line in nearly every row. The right side stays in cache meanwhile. */
static bool wants_rows(const Tile *t) {
  enum { LINE = 64, NEAR_BYTES = 256 << 10 };
  int64_t size = ir_dtype_size(t->dtype);
  return !t->packs && !t->deep && t->panels > 1 && t->d.m > t->d.k && t->d.n * size % LINE != 0 &&
         t->d.k * t->d.n * size <= NEAR_BYTES;
}

/* Order of the loops, operands to be packed, scratch. */
static void plan_memory(Tile *t, const Store *b_store) {
  int64_t size = ir_dtype_size(t->dtype);
  bool columns_of_a = t->d.a_m == 1 && t->d.a_k != 1;
  t->deep = t->d.k > (columns_of_a ? DEEP / 2 : DEEP);
  t->depth_block = t->deep ? (columns_of_a ? DEPTH_BLOCK / 2 : DEPTH_BLOCK) : t->d.k;
  t->packs = wants_packing(t, b_store) || (t->deep && t->row_tiles >= 8 && t->d.b_k * size >= 4096);
  t->by_rows = wants_rows(t);
  int64_t tiles = t->deep ? (t->row_tiles < DEEP_TILES ? t->row_tiles : DEEP_TILES) : 1;
  t->tile = kb_scratch(&t->k->b, t->dtype, tiles * t->mr * t->nr);
  if (t->packs) t->pack = kb_scratch(&t->k->b, t->dtype, t->depth_block * t->nr);
}

void nest_dot(RegionPlan *r, uint32_t g) {
  Group *group = &r->groups.at[g];
  Tile t = {.dot = group->dot, .d = dot_plan(r, group->dot), .dtype = rp_type(r, group->dot)->dtype};
  if (rp_elements(r, group->root) == 0) return;
  if (!t.d.ok || t.d.copy_a || t.d.copy_b) {
    as_reduction(r, g);
    return;
  }
  if (dot_wants_blas(r, group->dot) && group->member.n == 1) {
    nest_blas(r, g, &t.d);
    return;
  }
  Kern k = kern_new(r, g);
  t.k = &k;
  for (uint32_t i = 0; i < group->output.n; i++) kern_out(&k, group->output.at[i]);
  choose_tile(&t, &r->L->target);
  const Store *sa = &r->store[t.d.a.base], *sb = &r->store[t.d.b.base];
  t.a = kern_buf(&k, sa, t.dtype, rp_elements(r, t.d.a.base), false);
  t.b = kern_buf(&k, sb, t.dtype, rp_elements(r, t.d.b.base), false);
  plan_memory(&t, sb);
  double elements = (double)(t.d.batch * t.d.m) * (double)t.d.n, flops = 2 * elements * (double)t.d.k;
  double cost = flops / (t.dtype == DT_F64 ? 100 : 200) + elements * group_cost(r, g);
  int64_t chunk, units, tasks = share_units(&t, cost, &units, &chunk);
  Ix unit = chunk == 1 ? ix_value(kb_task(&k.b, tasks)) : open_shared(&k.b, KL_SERIAL, 1, units, chunk, tasks);
  if (t.deep)
    emit_deep_unit(&t, &unit);
  else if (t.by_rows)
    emit_rows_unit(&t, &unit);
  else
    emit_panel_unit(&t, &unit);
  if (chunk > 1) kb_end(&k.b);
  k.cost = cost;
  kern_launch(&k, tasks, "dot", group->root);
}
