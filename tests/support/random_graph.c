/* Makes random graphs: one maker per family of ops, chosen with equal chance, operands from the values made so far. */
#include "tests/support/random_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BIG 30.0 /* a value whose bound exceeds this is squashed before it is used on */

uint64_t gen_next(Gen *g) {
  uint64_t z = (g->state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
uint32_t gen_below(Gen *g, uint32_t n) { return n ? (uint32_t)(gen_next(g) % n) : 0; }
bool gen_chance(Gen *g, uint32_t percent) { return gen_below(g, 100) < percent; }
int64_t gen_some_dim(Gen *g) { return g->dims[gen_below(g, 5)]; }

const Type *gen_type_of(const Gen *g, NodeId n) { return ir_type_of(&g->b, n); }
int64_t gen_max_elements(const Gen *g) { return g->o->large ? 50000 : 1500; }
bool gen_small_shape(const Gen *g, uint32_t rank, const int64_t *dim) {
  int64_t n = 1;
  for (uint32_t i = 0; i < rank; i++) n *= dim[i];
  return rank <= 6 && n <= gen_max_elements(g);
}

void gen_keep(Gen *g, NodeId n, double bound) {
  if (n == IR_NONE) return;
  Entry e = {n, bound};
  vec_push(&g->pool, e);
}

/* Half of the picks are among the latest values, so that graphs grow deep as well as wide. */
Entry gen_pick(Gen *g) {
  uint32_t n = g->pool.n, recent = n < 6 ? n : 6;
  Entry e = g->pool.at[gen_chance(g, 50) ? n - 1 - gen_below(g, recent) : gen_below(g, n)];
  if (e.bound <= BIG) return e;
  NodeId c = ir_full_like(&g->b, e.node, 1 / e.bound);
  return (Entry){ir_unary(&g->b, OP_tanh, ir_binary(&g->b, OP_mul, e.node, c)), 1};
}

TypeId gen_float_type(Gen *g, uint32_t rank, const int64_t *dim) { return ir_type(g->b.m, g->o->dtype, rank, dim); }

/* The elements of n in another shape: some left out, or zeros added. */
static NodeId refitted(Gen *g, NodeId n, int64_t count, int64_t want, uint32_t rank, const int64_t *dim) {
  int64_t zero = 0, one = 1, more = want - count;
  NodeId flat = ir_reshape(&g->b, n, 1, &count);
  flat = more < 0 ? ir_slice(&g->b, flat, &zero, &want, &one) : ir_pad(&g->b, flat, &zero, &more, &zero);
  return ir_reshape(&g->b, flat, rank, dim);
}

/* A value of this shape: from the pool, or something made to fit. */
Entry gen_of_shape(Gen *g, uint32_t rank, const int64_t *dim) {
  for (uint32_t tries = 0; tries < 6; tries++) {
    Entry e = gen_pick(g);
    const Type *t = gen_type_of(g, e.node);
    if (t->rank == rank && (rank == 0 || !memcmp(t->dim, dim, sizeof *dim * rank))) return e;
  }
  Entry e = gen_pick(g);
  Type t = *gen_type_of(g, e.node);
  int64_t count = 1, want = 1;
  for (uint32_t i = 0; i < rank; i++) want *= dim[i];
  for (uint32_t i = 0; i < t.rank; i++) count *= t.dim[i];
  if (count == want) return (Entry){ir_reshape(&g->b, e.node, rank, dim), e.bound};
  if (t.rank == 0) return (Entry){ir_broadcast(&g->b, e.node, rank, dim, NULL), e.bound};
  if (count && gen_chance(g, 60)) return (Entry){refitted(g, e.node, count, want, rank, dim), e.bound};
  if (gen_chance(g, 50)) {
    double v = (double)((int64_t)gen_below(g, 9) - 4) / 2;
    return (Entry){ir_full(&g->b, gen_float_type(g, rank, dim), v), fabs(v)};
  }
  double *f = calloc((size_t)want + 1, sizeof *f);
  for (int64_t i = 0; i < want; i++) {
    f[i] = (double)((int64_t)gen_below(g, 33) - 16) / 8;
    if (g->o->dtype == DT_F32) ((float *)f)[i] = (float)((double)((int64_t)gen_below(g, 33) - 16) / 8);
  }
  NodeId c = ir_const(&g->b, gen_float_type(g, rank, dim), f);
  free(f);
  return (Entry){c, 2};
}
Entry gen_like(Gen *g, NodeId n) {
  Type t = *gen_type_of(g, n);
  return gen_of_shape(g, t.rank, t.dim);
}

NodeId gen_unary(Gen *g, Op op, NodeId a) { return ir_unary(&g->b, op, a); }
NodeId gen_binary(Gen *g, Op op, NodeId a, NodeId c) { return ir_binary(&g->b, op, a, c); }
NodeId gen_scaled(Gen *g, NodeId a, double c) { return gen_binary(g, OP_mul, a, ir_full_like(&g->b, a, c)); }
NodeId gen_shifted(Gen *g, NodeId a, double c) { return gen_binary(g, OP_add, a, ir_full_like(&g->b, a, c)); }
/* Positive and away from zero. */
NodeId gen_positive(Gen *g, NodeId a) { return gen_shifted(g, gen_unary(g, OP_abs, a), 0.5); }
NodeId gen_squashed(Gen *g, NodeId a) { return gen_unary(g, OP_tanh, a); }

/* ---------------------------------------------------------------- loops */

static void grow(Gen *g, uint32_t nodes);

static NodeId indexed_read(Gen *g, NodeId x, NodeId iv) {
  Attr a = {.axis = 0};
  NodeId in[2] = {x, ir_cast(&g->b, iv, DT_I32)};
  return ir_emit(&g->b, OP_gather, in, 2, &a);
}

/* x @ m with m fitted to x's last axis: what a recurrent layer does with its input. */
static void make_projection(Gen *g, Entry x) {
  Type t = *gen_type_of(g, x.node);
  if (t.rank == 0 || t.rank > 3) return;
  int64_t shape[2] = {t.dim[t.rank - 1], gen_some_dim(g)};
  Entry m = gen_of_shape(g, 2, shape);
  IntList none = {0}, last = {1, {t.rank - 1}}, first = {1, {0}};
  if (ir_elements(&t) / (shape[0] ? shape[0] : 1) * shape[1] > gen_max_elements(g)) return;
  NodeId p = gen_chance(g, 70) ? ir_dot(&g->b, x.node, m.node, &none, &none, &last, &first)
                               : ir_dot(&g->b, m.node, x.node, &none, &none, &first, &last);
  gen_keep(g, p, x.bound * m.bound * (double)(shape[0] + 1));
}

/* carry + a @ b, what the gradient of a weight does in a loop. */
static NodeId accumulated(Gen *g, NodeId carry) {
  Type t = *gen_type_of(g, carry);
  int64_t k = 1 + gen_below(g, 3), left[2] = {t.dim[0], k}, right[2] = {k, t.dim[1]};
  NodeId a = gen_squashed(g, gen_of_shape(g, 2, left).node), b = gen_squashed(g, gen_of_shape(g, 2, right).node);
  return gen_binary(g, gen_chance(g, 80) ? OP_add : OP_sub, carry, ir_matmul(&g->b, a, b));
}

/* The loop body: carries, parts of xs, consts; squashed so that carries stay bounded. */
static RegionId loop_body(Gen *outer, const Entry *in, uint32_t nc, uint32_t nx, uint32_t nw, uint32_t ny,
                          int64_t count) {
  Module *m = outer->b.m;
  Gen g = *outer;
  g.b = ir_builder(m, ir_region_new(m), NULL);
  memset(&g.pool, 0, sizeof g.pool);
  memset(&g.key, 0, sizeof g.key);
  g.depth++;
  NodeId iv = ir_param(&g.b, ir_scalar(m, DT_I64)), carry[3];
  for (uint32_t i = 0; i < nc + nx + nw; i++) {
    Type t = *gen_type_of(outer, in[i].node);
    bool part = i >= nc && i < nc + nx;
    NodeId p = ir_param(&g.b, part ? gen_float_type(&g, t.rank - 1u, t.dim + 1) : gen_float_type(&g, t.rank, t.dim));
    if (i < nc) carry[i] = p;
    gen_keep(&g, p, i < nc ? 3 : in[i].bound);
    if (part && gen_chance(&g, 40)) make_projection(&g, vec_last(&g.pool));
    if (i >= nc + nx && t.rank && t.dim[0] >= count && t.dim[0] > 0 && gen_chance(&g, 60))
      gen_keep(&g, indexed_read(&g, p, iv), in[i].bound);
  }
  if (outer->key.n) {
    NodeId key = ir_param(&g.b, ir_scalar(m, DT_U64));
    NodeId folded = ir_key_fold(&g.b, key, iv);
    vec_push(&g.key, folded);
  }
  if (gen_chance(&g, 30)) gen_keep(&g, gen_scaled(&g, ir_cast(&g.b, iv, g.o->dtype), 0.1), 2);
  grow(&g, 2 + gen_below(&g, 6));
  for (uint32_t i = 0; i < nc; i++) {
    Entry e = gen_like(&g, carry[i]);
    NodeId next_value = gen_chance(&g, 30) ? gen_scaled(&g, e.node, 0.5) : gen_squashed(&g, e.node);
    if (gen_chance(&g, 25)) next_value = gen_binary(&g, OP_add, carry[i], gen_scaled(&g, e.node, 0.25));
    if (gen_chance(&g, 10))
      next_value = nc > 1 && gen_type_of(&g, carry[0]) == gen_type_of(&g, carry[1]) ? carry[1 - (i & 1)] : carry[i];
    if (gen_type_of(&g, carry[i])->rank == 2 && gen_chance(&g, 35)) next_value = accumulated(&g, carry[i]);
    ir_result(&g.b, next_value);
  }
  for (uint32_t i = 0; i < ny; i++) {
    Entry e = gen_pick(&g);
    ir_result(&g.b, gen_type_of(&g, e.node)->rank < 5 ? gen_squashed(&g, e.node) : gen_squashed(&g, carry[0]));
  }
  outer->state = g.state;
  ir_builder_free(&g.b);
  vec_free(&g.pool);
  vec_free(&g.key);
  return g.b.region;
}

static void make_scan(Gen *g) {
  static const int64_t counts[] = {0, 1, 2, 3, 5};
  if (!g->o->loops || g->depth >= 2) return;
  int64_t count = counts[gen_below(g, 5)];
  uint32_t nc = 1 + gen_below(g, 2), nx = gen_below(g, 3), nw = gen_below(g, 3), ny = gen_below(g, 3), n = nc + nx + nw;
  Entry in[7];
  NodeId operand[8];
  for (uint32_t i = 0; i < n; i++) {
    in[i] = gen_pick(g);
    if (i < nc) in[i] = (Entry){gen_squashed(g, in[i].node), 1};
    if (i >= nc && i < nc + nx) {
      int64_t shape[2] = {count, gen_some_dim(g)};
      in[i] = gen_of_shape(g, 1 + gen_below(g, 2), shape);
    }
    if (gen_type_of(g, in[i].node)->rank > 4) return;
    operand[i] = in[i].node;
  }
  RegionId body = loop_body(g, in, nc, nx, nw, ny, count);
  if (g->key.n) operand[n++] = g->key.at[0], nw++;
  NodeId s = ir_scan(&g->b, count, gen_chance(g, 40), operand, nc, operand + nc, nx, operand + nc + nx, nw, body);
  if (s == IR_NONE) return;
  for (uint32_t i = 0; i < nc + ny; i++) {
    NodeId p = ir_proj(&g->b, s, i);
    if (gen_small_shape(g, gen_type_of(g, p)->rank, gen_type_of(g, p)->dim)) gen_keep(g, p, 8);
  }
}

/* ---------------------------------------------------------------- whole graphs */

typedef void (*Maker)(Gen *g);
static const Maker makers[] = {make_unary,     make_unary,   make_binary,    make_binary,     make_select, make_cast,
                               make_broadcast, make_reshape, make_transpose, make_reverse,    make_slice,  make_pad,
                               make_concat,    make_reduce,  make_reduce,    make_along_axis, make_gather, make_dynamic,
                               make_dot,       make_dot,     make_conv,      make_window,     make_leaf,   make_scan,
                               make_scan,      make_lapack,  make_marker};

static void grow(Gen *g, uint32_t nodes) {
  for (uint32_t i = 0; i < nodes; i++) {
    Maker make = makers[gen_below(g, sizeof makers / sizeof *makers)];
    if ((make == make_lapack && !g->o->lapack) || (make == make_marker && g->o->no_stop)) continue;
    make(g);
  }
}

RandomGraphOptions random_graph_options(uint64_t seed, DType dtype) {
  return (RandomGraphOptions){.seed = seed,
                              .nodes = 4 + (uint32_t)(seed * 7 % 23),
                              .dtype = dtype,
                              .order = (uint32_t)(seed % 8 < 4 ? seed % 4 : seed % 2),
                              .loops = seed % 3 != 0,
                              .lapack = seed % 5 == 0,
                              .large = seed % 13 == 6};
}

static NodeId add_input(Gen *g, Graph *step, uint32_t *n_in, uint8_t kind, TypeId type) {
  Module *m = g->b.m;
  Binding bind = {.kind = kind};
  if (kind == IN_CELL) {
    Cell c = {.name = arena_printf(&m->mem, "x%u", m->cell.n), .type = type, .kind = CELL_PARAM, .loc = IR_NONE};
    vec_push(&m->cell, c);
    bind.index = m->cell.n - 1;
  }
  step->in[(*n_in)++] = bind;
  return ir_param(&g->b, type);
}

/* sum over the results that depend on floats, as one scalar. */
static NodeId total(Gen *g, const NodeId *v, uint32_t n) {
  NodeId sum = ir_scalar_const(&g->b, g->o->dtype, 0);
  for (uint32_t i = 0; i < n; i++) {
    int64_t axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    sum = gen_binary(g, OP_add, sum,
                     ir_reduce(&g->b, OP_reduce_sum, gen_squashed(g, v[i]), gen_type_of(g, v[i])->rank, axes));
  }
  return sum;
}

/* Gradients of order 1, 2, ..: each is of the sum of the one before. Returns the number of results. */
static uint32_t add_gradients(Gen *g, NodeId *result, uint32_t n, const NodeId *anchor, uint32_t n_anchor) {
  NodeId level[4], in[5];
  uint32_t n_level = n;
  memcpy(level, result, sizeof *level * n);
  for (uint32_t k = 0; k < g->o->order; k++) {
    in[0] = total(g, level, n_level);
    memcpy(in + 1, anchor, sizeof *in * n_anchor);
    Attr a = {.order = n_anchor};
    NodeId grad = ir_emit(&g->b, OP_grad, in, 1 + n_anchor, &a);
    n_level = n_anchor;
    for (uint32_t i = 0; i < n_anchor; i++) level[i] = result[n++] = ir_proj(&g->b, grad, i);
  }
  return n;
}

void random_graph_add_gradients(Module *m, uint32_t order) {
  Graph *step = &m->task.at[0].step;
  Rebuild r = ir_rebuild(m, step->region, NULL);
  const Region *from = ir_region(m, step->region);
  NodeId x[8], v[8], in[9];
  uint32_t n_x = 0, n = from->result.n, n_node = from->node.n, n_out = 0;
  RandomGraphOptions o = {.dtype = DT_F64};
  for (uint32_t i = 0; i < from->param.n && n_x < 8; i++) {
    NodeId p = from->param.at[i];
    DType t = (DType)ir_type_get(m, from->node.at[p].type)->dtype;
    if (!ir_is_float(t)) continue;
    Attr a = {.index = i + 1};
    o.dtype = t;
    r.map[p] = x[n_x++] = ir_emit(&r.b, OP_anchor, &r.map[p], 1, &a);
  }
  for (NodeId i = 0; i < n_node; i++) {
    if (ir_node(m, step->region, i)->op != OP_param) ir_copy_node(&r, i);
  }
  if (n > 8) n = 8;
  for (uint32_t i = 0; i < n; i++) v[i] = r.map[ir_region(m, step->region)->result.at[i]];
  Gen g = {.b = r.b, .o = &o};
  for (uint32_t k = 0; k < order; k++) {
    in[0] = total(&g, v, n);
    memcpy(in + 1, x, sizeof *x * n_x);
    Attr a = {.order = n_x};
    NodeId grad = ir_emit(&g.b, OP_grad, in, 1 + n_x, &a);
    ir_result(&g.b, in[0]);
    for (n = 0; n < n_x; n++) ir_result(&g.b, v[n] = ir_proj(&g.b, grad, n));
    n_out += 1 + n_x;
  }
  free(r.map);
  step->region = g.b.region;
  step->n_out = n_out;
  step->out = arena_array(&m->mem, Binding, n_out + 1);
  for (uint32_t i = 0; i < n_out; i++) step->out[i] = (Binding){OUT_VALUE, i};
}

static void choose_dims(Gen *g) {
  static const int64_t odd[] = {3, 5, 7, 13}, edge[] = {1, 2, 4, 17, 64};
  g->dims[0] = odd[gen_below(g, 4)];
  g->dims[1] = edge[gen_below(g, 5)];
  g->dims[2] = odd[gen_below(g, 4)];
  g->dims[3] = gen_chance(g, 15) ? 0 : 2;
  g->dims[4] = edge[gen_below(g, 5)];
  if (!g->o->large) return;
  static const int64_t wide[] = {65, 100, 128, 131, 200, 256};
  g->dims[0] = wide[gen_below(g, 6)];
  g->dims[4] = wide[gen_below(g, 6)];
}

Module *random_graph(const RandomGraphOptions *o) {
  Module *m = ir_module_new(NULL);
  uint64_t site = o->seed << 8;
  Gen g = {
      .b = ir_builder(m, ir_region_new(m), NULL), .state = o->seed * 0x2545f4914f6cdd1du + 1, .o = o, .site = &site};
  choose_dims(&g);
  Task task = {.name = "main", .kind = TASK_PLAIN, .loc = IR_NONE, .source = IR_NONE};
  task.tail.region = IR_NONE;
  task.step.in = arena_array(&m->mem, Binding, 8);
  NodeId anchor[4], result[4 + 3 * 3];
  uint32_t n_in = 0, n_anchor = 1 + gen_below(&g, 3);
  for (uint32_t i = 0; i < n_anchor; i++) {
    int64_t shape[3] = {gen_some_dim(&g), gen_some_dim(&g), gen_some_dim(&g)};
    uint32_t rank = gen_below(&g, 4);
    while (!gen_small_shape(&g, rank, shape)) rank--;
    anchor[i] = add_input(&g, &task.step, &n_in, IN_CELL, gen_float_type(&g, rank, shape));
  }
  if (gen_chance(&g, 40)) {
    NodeId key = add_input(&g, &task.step, &n_in, IN_KEY, ir_scalar(m, DT_U64));
    vec_push(&g.key, key);
  }
  for (uint32_t i = 0; i < n_anchor; i++) {
    Attr a = {.index = i + 1};
    if (o->order) anchor[i] = ir_emit(&g.b, OP_anchor, &anchor[i], 1, &a);
    gen_keep(&g, anchor[i], 2);
  }
  grow(&g, o->nodes);
  uint32_t n = 1 + gen_below(&g, 4);
  for (uint32_t i = 0; i < n; i++)
    result[i] = i < 2 && i < g.pool.n ? g.pool.at[g.pool.n - 1 - i].node : gen_pick(&g).node;
  n = add_gradients(&g, result, n, anchor, n_anchor);
  task.step.n_in = n_in;
  task.step.n_out = n;
  task.step.region = g.b.region;
  task.step.out = arena_array(&m->mem, Binding, n);
  for (uint32_t i = 0; i < n; i++) {
    task.step.out[i] = (Binding){OUT_VALUE, i};
    ir_result(&g.b, result[i]);
  }
  vec_push(&m->task, task);
  vec_free(&g.pool);
  vec_free(&g.key);
  ir_builder_free(&g.b);
  return m;
}

void random_graph_inputs(const Module *m, const Graph *g, uint64_t seed, Arena *mem, Value *in) {
  Gen gen = {.state = seed * 77 + 5};
  for (uint32_t i = 0; i < g->n_in; i++) {
    TypeId type = ir_node(m, g->region, ir_region(m, g->region)->param.at[i])->type;
    const Type *t = ir_type_get(m, type);
    in[i] = value_new(m, type, mem);
    for (int64_t k = 0; k < ir_elements(t); k++) {
      uint64_t bits = gen_next(&gen);
      if (ir_is_float((DType)t->dtype))
        in[i].f[k] = (double)(float)((double)(bits >> 11) * 0x1p-51 - 2);
      else
        in[i].i[k] = g->in[i].kind == IN_KEY ? (int64_t)bits : (int64_t)(bits % 4);
    }
  }
}
