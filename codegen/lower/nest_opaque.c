/* Nests of the ops that are no map and no reduction: one node, one kernel or a few, plain loops. */
#include "codegen/lower/nest.h"
#include <string.h>

/* Loops over every axis of a shape, the last as vectors; positions per axis. Returns the number of loops opened. */
static uint32_t open_all(Kern *k, const Type *t, Ix *idx, bool vector) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->rank; i++) {
    idx[i] = ix_const(0);
    if (t->dim[i] == 1) continue;
    bool v = vector && i + 1 == t->rank && t->dim[i] >= 4;
    uint32_t lanes = k->r->L->target.vector_bytes / (ir_dtype_size(t->dtype) == 8 ? 8 : 4);
    idx[i] = ix_value(kb_for(&k->b, v ? KL_VECTOR : KL_SERIAL, lanes, t->dim[i], K_NONE));
    n++;
  }
  return n;
}

static void close_n(Kern *k, uint32_t n) {
  while (n-- > 0) kb_end(&k->b);
}

static Ix position(Kern *k, const Type *t, const Ix *idx) { return expr_linearise(&k->b, t->rank, t->dim, idx); }

/* out = x, everywhere; nothing when it is there already. */
static void copy_whole(Kern *k, NodeId x, NodeId n, uint32_t out) {
  if (k->r->group[x] != GROUP_INLINE && same_store(&k->r->store[x], &k->r->store[n])) return;
  const Type *t = rp_type(k->r, x);
  Ix idx[IR_MAX_RANK];
  uint32_t loops = open_all(k, t, idx, true);
  Ix at = position(k, t, idx);
  kb_store(&k->b, out, &at, node_value(k, x, idx, K_NONE), K_NONE);
  close_n(k, loops);
}

static void done(Kern *k, const char *what, NodeId n, double elements) {
  k->cost = 1 + elements;
  kern_launch(k, 1, what, n);
}

/* ---------------------------------------------------------------- concat */

static void nest_concat(RegionPlan *r, uint32_t g, NodeId n) {
  int64_t begin = 0, axis = rp_attr(r, n)->axis;
  const Type *t = rp_type(r, n);
  for (uint32_t i = 0; i < rp_node(r, n)->n_in; i++) {
    NodeId x = rp_in(r, n)[i];
    const Type *part = rp_type(r, x);
    if (ir_elements(part) == 0) continue;
    Kern k = kern_new(r, g);
    uint32_t out = kern_out(&k, n);
    Ix idx[IR_MAX_RANK], to[IR_MAX_RANK];
    uint32_t loops = open_all(&k, part, idx, true);
    memcpy(to, idx, sizeof to);
    to[axis] = ix_addc(&idx[axis], begin);
    Ix at = position(&k, t, to);
    kb_store(&k.b, out, &at, node_value(&k, x, idx, K_NONE), K_NONE);
    close_n(&k, loops);
    done(&k, "concat", n, 0.05 * (double)ir_elements(part));
    begin += part->dim[axis];
  }
}

/* ---------------------------------------------------------------- running sums and sorting */

static void nest_cumsum(RegionPlan *r, uint32_t g, NodeId n) {
  Kern k = kern_new(r, g);
  uint32_t out = kern_out(&k, n);
  Type t = *rp_type(r, n);
  const Attr *a = rp_attr(r, n);
  int64_t extent = t.dim[a->axis];
  Ix idx[IR_MAX_RANK];
  t.dim[a->axis] = 1;
  uint32_t loops = open_all(&k, &t, idx, (uint32_t)a->axis + 1 < t.rank);
  t.dim[a->axis] = extent;
  KVal sum = kb_acc(&k.b, t.dtype, kb_number(&k.b, t.dtype, 0), 1);
  Ix iv = ix_value(kb_for(&k.b, KL_SERIAL, 1, extent, K_NONE));
  if (a->reverse) iv = ix_scale(&iv, -1), iv = ix_addc(&iv, extent - 1);
  idx[a->axis] = iv;
  KVal v = node_value(&k, rp_in(r, n)[0], idx, K_NONE);
  KVal next = kb_op(&k.b, OP_add, t.dtype, kb_get(&k.b, sum), v, K_NONE);
  kb_set(&k.b, sum, next);
  Ix at = position(&k, &t, idx);
  kb_store(&k.b, out, &at, next, K_NONE);
  kb_end(&k.b);
  close_n(&k, loops);
  done(&k, "cumsum", n, (double)ir_elements(&t));
}

static KCallArg call_int(int64_t i) { return (KCallArg){.kind = KCA_INT, .i = i}; }
static KCallArg call_addr(Kern *k, uint32_t buf, const Ix *at) {
  return (KCallArg){.kind = KCA_ADDR, .v = kb_addr(&k->b, buf, at)};
}

static uint32_t buf_of(Kern *k, NodeId n) {
  const Type *t = rp_type(k->r, n);
  return kern_buf(k, &k->r->store[n], t->dtype, ir_elements(t), false);
}

static void nest_sort(RegionPlan *r, uint32_t g, NodeId n) {
  Kern k = kern_new(r, g);
  uint32_t out = kern_out(&k, n), in = buf_of(&k, rp_in(r, n)[0]);
  Type t = *rp_type(r, rp_in(r, n)[0]);
  int64_t axis = rp_attr(r, n)->axis, extent = t.dim[axis], stride = 1;
  for (uint32_t i = (uint32_t)axis + 1; i < t.rank; i++) stride *= t.dim[i];
  Type rows = t;
  Ix idx[IR_MAX_RANK];
  rows.dim[axis] = 1;
  uint32_t loops = open_all(&k, &rows, idx, false);
  Ix at = position(&k, &t, idx);
  bool order = rp_node(r, n)->op == OP_argsort;
  KCallArg none = {.kind = KCA_NULL};
  KCall c = {.callee = KC_SORT, .n = 6, .node = n, .region = r->region};
  c.arg[0] = call_int(t.dtype), c.arg[1] = call_int(extent), c.arg[2] = call_int(stride);
  c.arg[3] = call_addr(&k, in, &at);
  c.arg[4] = order ? none : call_addr(&k, out, &at);
  c.arg[5] = order ? call_addr(&k, out, &at) : none;
  kb_call(&k.b, c);
  close_n(&k, loops);
  done(&k, "sort", n, 20 * (double)ir_elements(&t));
}

/* ---------------------------------------------------------------- scatter and dynamic updates */

static KVal as_index(Kern *k, NodeId n, NodeId index, const Ix *idx, int64_t extent) {
  KVal v = node_value(k, index, idx, K_NONE);
  if (rp_type(k->r, index)->dtype != DT_I64) v = kb_op(&k->b, OP_cast, DT_I64, v, K_NONE, K_NONE);
  return kb_check(&k->b, v, extent, n, k->r->region);
}

static void put(Kern *k, uint32_t out, const Ix *at, KVal u, bool add, DType d) {
  if (add) u = kb_op(&k->b, OP_add, d, kb_load(&k->b, out, at, K_NONE, 0), u, K_NONE);
  kb_store(&k->b, out, at, u, K_NONE);
}

static void nest_scatter(RegionPlan *r, uint32_t g, NodeId n) {
  const NodeId *in = rp_in(r, n);
  const Attr *a = rp_attr(r, n);
  const Type *t = rp_type(r, n), *u = rp_type(r, in[2]);
  uint32_t axis = (uint32_t)a->axis, batch = (uint32_t)a->n_batch, n_i = rp_type(r, in[1])->rank - batch;
  Kern k = kern_new(r, g);
  uint32_t out = kern_buf(&k, &r->store[n], t->dtype, ir_elements(t), true);
  kern_buf(&k, &r->store[n], t->dtype, ir_elements(t), false);
  copy_whole(&k, in[0], n, out);
  if (ir_elements(u) > 0) {
    Ix at_u[IR_MAX_RANK], at_i[IR_MAX_RANK], to[IR_MAX_RANK];
    uint32_t loops = open_all(&k, u, at_u, axis + n_i < u->rank);
    memcpy(at_i, at_u, sizeof(Ix) * batch);
    memcpy(at_i + batch, at_u + axis, sizeof(Ix) * n_i);
    memcpy(to, at_u, sizeof(Ix) * axis);
    to[axis] = ix_value(as_index(&k, n, in[1], at_i, t->dim[axis]));
    for (uint32_t d = axis + 1; d < t->rank; d++) to[d] = at_u[d - 1 + n_i];
    Ix at = position(&k, t, to);
    put(&k, out, &at, node_value(&k, in[2], at_u, K_NONE), rp_node(r, n)->op == OP_scatter_add, t->dtype);
    close_n(&k, loops);
  }
  done(&k, "scatter", n, 0.05 * (double)ir_elements(t) + 2 * (double)ir_elements(u));
}

static void nest_dynamic_update(RegionPlan *r, uint32_t g, NodeId n) {
  const NodeId *in = rp_in(r, n);
  const Type *t = rp_type(r, n), *u = rp_type(r, in[1]);
  Kern k = kern_new(r, g);
  uint32_t out = kern_buf(&k, &r->store[n], t->dtype, ir_elements(t), true);
  kern_buf(&k, &r->store[n], t->dtype, ir_elements(t), false);
  copy_whole(&k, in[0], n, out);
  if (ir_elements(u) > 0) {
    Ix start[IR_MAX_RANK], at_u[IR_MAX_RANK], to[IR_MAX_RANK];
    for (uint32_t i = 0; i < t->rank; i++)
      start[i] = ix_value(as_index(&k, n, in[2 + i], NULL, t->dim[i] - u->dim[i] + 1));
    uint32_t loops = open_all(&k, u, at_u, true);
    for (uint32_t i = 0; i < t->rank; i++) to[i] = ix_add(&k.b, &start[i], &at_u[i]);
    Ix at = position(&k, t, to);
    put(&k, out, &at, node_value(&k, in[1], at_u, K_NONE), rp_node(r, n)->op == OP_dynamic_add, t->dtype);
    close_n(&k, loops);
  }
  done(&k, "dynamic", n, 0.05 * (double)(ir_elements(t) + ir_elements(u)));
}

/* ---------------------------------------------------------------- window_place */

/* y[p*stride + k*dilation - lo] += g[p], k the tap that was picked at p. */
static void nest_window_place(RegionPlan *r, uint32_t g, NodeId n) {
  const NodeId *in = rp_in(r, n);
  const Attr *a = rp_attr(r, n);
  const Type *t = rp_type(r, n), *p = rp_type(r, in[0]);
  Kern k = kern_new(r, g);
  uint32_t out = kern_buf(&k, &r->store[n], t->dtype, ir_elements(t), true);
  kern_buf(&k, &r->store[n], t->dtype, ir_elements(t), false);
  Ix idx[IR_MAX_RANK], to[IR_MAX_RANK], tap[3];
  uint32_t loops = open_all(&k, t, idx, true), lead = t->rank - a->n_window;
  Ix at = position(&k, t, idx);
  kb_store(&k.b, out, &at, kb_number(&k.b, t->dtype, 0), K_NONE);
  close_n(&k, loops);
  loops = open_all(&k, p, idx, false);
  int64_t size[3];
  KVal inside = K_NONE;
  for (uint32_t i = 0; i < a->n_window; i++) size[i] = a->window[i].size;
  Ix flat = ix_value(kb_op(&k.b, OP_cast, DT_I64, node_value(&k, in[1], idx, K_NONE), K_NONE, K_NONE));
  expr_delinearise(&k.b, &flat, a->n_window, size, tap);
  memcpy(to, idx, sizeof to);
  for (uint32_t i = 0; i < a->n_window; i++) {
    Ix s = ix_scale(&idx[lead + i], a->window[i].stride), d = ix_scale(&tap[i], a->window[i].dilation);
    s = ix_add(&k.b, &s, &d);
    to[lead + i] = ix_addc(&s, -a->window[i].lo);
    inside = kb_and(&k.b, inside, ix_in_range(&k.b, &to[lead + i], 0, t->dim[lead + i]));
  }
  at = position(&k, t, to);
  KVal old = kb_load(&k.b, out, &at, inside, 0), v = node_value(&k, in[0], idx, K_NONE);
  kb_store(&k.b, out, &at, kb_op(&k.b, OP_add, t->dtype, old, v, K_NONE), inside);
  close_n(&k, loops);
  done(&k, "place", n, 0.05 * (double)ir_elements(t) + 3 * (double)ir_elements(p));
}

/* ---------------------------------------------------------------- LAPACK */

static int64_t leading(const Type *t) {
  int64_t batch = 1;
  for (uint32_t i = 0; i + 2 < t->rank; i++) batch *= t->dim[i];
  return batch;
}

static KCallArg whole(Kern *k, uint32_t buf) {
  Ix zero = ix_const(0);
  return call_addr(k, buf, &zero);
}

static KCallArg result(Kern *k, const Group *g, uint32_t i) {
  const Type *t = rp_type(k->r, g->root), *m = t->n_tuple ? ir_type_get(k->r->L->m, t->tuple[i]) : t;
  Store s = t->n_tuple ? result_store(k->r, g, i, t->tuple[i]) : k->r->store[g->root];
  return whole(k, kern_buf(k, &s, m->dtype, ir_elements(m), true));
}

static void push_arg(KCall *c, KCallArg a) { c->arg[c->n++] = a; }

static void nest_lapack(RegionPlan *r, uint32_t g, NodeId n) {
  static const struct {
    Op op;
    KCallee callee;
    uint32_t results;
  } rows[] = {{OP_cholesky, KC_CHOLESKY, 1}, {OP_tri_solve, KC_TRI_SOLVE, 1}, {OP_solve, KC_SOLVE, 1},
              {OP_slogdet, KC_SLOGDET, 2},   {OP_eigh, KC_EIGH, 2},           {OP_svd, KC_SVD, 3}};
  const Group *group = &r->groups.at[g];
  const NodeId *in = rp_in(r, n);
  const Attr *a = rp_attr(r, n);
  const Type *t = rp_type(r, in[0]);
  Op op = rp_node(r, n)->op;
  uint32_t row = 0;
  while (rows[row].op != op) row++;
  Kern k = kern_new(r, g);
  KCall c = {.callee = rows[row].callee, .node = n, .region = r->region};
  push_arg(&c, call_int(t->dtype));
  if (op == OP_tri_solve) push_arg(&c, call_int(a->lower));
  if (op == OP_tri_solve || op == OP_solve) push_arg(&c, call_int(a->trans));
  if (op == OP_tri_solve) push_arg(&c, call_int(a->unit));
  push_arg(&c, call_int(leading(t)));
  if (op == OP_svd) push_arg(&c, call_int(t->dim[t->rank - 2]));
  push_arg(&c, call_int(t->dim[t->rank - 1]));
  if (rp_node(r, n)->n_in == 2) push_arg(&c, call_int(rp_type(r, in[1])->dim[rp_type(r, in[1])->rank - 1]));
  for (uint32_t i = 0; i < rp_node(r, n)->n_in; i++) push_arg(&c, whole(&k, buf_of(&k, in[i])));
  for (uint32_t i = 0; i < rows[row].results; i++) push_arg(&c, result(&k, group, i));
  kb_call(&k.b, c);
  done(&k, "lapack", n, 1000 + (double)ir_elements(t) * (double)t->dim[t->rank - 1]);
}

/* ---------------------------------------------------------------- dispatch */

void nest_opaque(RegionPlan *r, uint32_t g) {
  NodeId n = r->groups.at[g].root;
  const Type *t = rp_type(r, n);
  if (!t->n_tuple && ir_elements(t) == 0) return;
  switch (rp_node(r, n)->op) {
  case OP_concat: nest_concat(r, g, n); break;
  case OP_cumsum: nest_cumsum(r, g, n); break;
  case OP_sort:
  case OP_argsort: nest_sort(r, g, n); break;
  case OP_scatter_add:
  case OP_scatter_set: nest_scatter(r, g, n); break;
  case OP_dynamic_add:
  case OP_dynamic_put: nest_dynamic_update(r, g, n); break;
  case OP_window_place: nest_window_place(r, g, n); break;
  default: nest_lapack(r, g, n);
  }
}
