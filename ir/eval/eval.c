/* Driver of the reference evaluator: walks regions, runs loops, rounds and perturbs results. */
#include "ir/build.h"
#include "ir/eval/rules.h"
#include "runtime/random.h"
#include <math.h>
#include <stdlib.h>

/* ---------------------------------------------------------------- values */

Value value_new(const Module *m, TypeId type, Arena *mem) {
  const Type *t = ir_type_get(m, type);
  Value v = {.type = type};
  if (t->n_tuple) {
    v.tuple = arena_array(mem, Value, t->n_tuple);
    for (uint32_t k = 0; k < t->n_tuple; k++) v.tuple[k] = value_new(m, t->tuple[k], mem);
  } else {
    v.i = arena_array(mem, int64_t, ir_elements(t) + 1);
  }
  return v;
}

/* How each dtype is stored, and in which member of a Value it is held. */
#define STORED_TYPES(X)                                                                                                \
  X(DT_BOOL, uint8_t, i)                                                                                               \
  X(DT_U8, uint8_t, i)                                                                                                 \
  X(DT_I32, int32_t, i)                                                                                                \
  X(DT_U32, uint32_t, i)                                                                                               \
  X(DT_I64, int64_t, i)                                                                                                \
  X(DT_U64, int64_t, i)                                                                                                \
  X(DT_F32, float, f)                                                                                                  \
  X(DT_F64, double, f)
/* One element between its stored form and the evaluator's. */
#define LOAD(dtype, ctype, member)                                                                                     \
  case dtype: {                                                                                                        \
    ctype x;                                                                                                           \
    memcpy(&x, at, sizeof x);                                                                                          \
    v.member[i] = x;                                                                                                   \
    break;                                                                                                             \
  }
#define STORE(dtype, ctype, member)                                                                                    \
  case dtype: {                                                                                                        \
    ctype x = (ctype)v->member[i];                                                                                     \
    memcpy(at, &x, sizeof x);                                                                                          \
    break;                                                                                                             \
  }

Value value_from_bytes(const Module *m, TypeId type, const void *bytes, Arena *mem) {
  Value v = value_new(m, type, mem);
  const Type *t = ir_type_get(m, type);
  const char *at = bytes;
  for (int64_t i = 0, n = ir_elements(t); i < n; i++, at += ir_dtype_size((DType)t->dtype)) {
    switch ((DType)t->dtype) {
      STORED_TYPES(LOAD)
    default: break;
    }
  }
  return v;
}

void value_to_bytes(const Module *m, const Value *v, void *bytes) {
  const Type *t = ir_type_get(m, v->type);
  char *at = bytes;
  for (int64_t i = 0, n = ir_elements(t); i < n; i++, at += ir_dtype_size((DType)t->dtype)) {
    switch ((DType)t->dtype) {
      STORED_TYPES(STORE)
    default: break;
    }
  }
}

static void copy_value(const Module *m, Value *to, const Value *from) {
  memcpy(to->i, from->i, 8 * (size_t)ir_elements(ir_type_get(m, from->type)));
}

/* Copies new carries over old ones; a body may return its own parameters in another order. */
static void update_carries(const Module *m, Value *arg, const Value *result, uint32_t n, Arena *mem) {
  Value *fresh = arena_array(mem, Value, n + 1);
  for (uint32_t k = 0; k < n; k++) {
    fresh[k] = value_new(m, result[k].type, mem);
    copy_value(m, &fresh[k], &result[k]);
  }
  for (uint32_t k = 0; k < n; k++) copy_value(m, &arg[k], &fresh[k]);
}

/* Part of `stack` (leading axis = trip) at trip i, as a value of its own. */
static void read_trip(const Module *m, const Value *stack, int64_t i, Value *out) {
  int64_t n = ir_elements(ir_type_get(m, out->type));
  for (int64_t k = 0; k < n; k++) eval_move(out, k, stack, i * n + k);
}

static void write_trip(const Module *m, Value *stack, int64_t i, const Value *from) {
  int64_t n = ir_elements(ir_type_get(m, from->type));
  for (int64_t k = 0; k < n; k++) eval_move(stack, i * n + k, from, k);
}

/* ---------------------------------------------------------------- rounding and noise */

typedef struct Run {
  const Module *m;
  const EvalOptions *o;
  uint64_t noise_count;
} Run;

/* Ops whose results are elements of their operands, or exact at any precision. */
static bool moves_only(Op op) {
  switch (op) {
  case OP_param:
  case OP_const:
  case OP_iota:
  case OP_proj:
  case OP_anchor:
  case OP_stop_gradient:
  case OP_select:
  case OP_neg:
  case OP_abs:
  case OP_sign:
  case OP_floor:
  case OP_ceil:
  case OP_round:
  case OP_max:
  case OP_min:
  case OP_reduce_max:
  case OP_reduce_min:
  case OP_sort:
  case OP_gather:
  case OP_scatter_set:
  case OP_dynamic_slice:
  case OP_dynamic_put:
  case OP_window_pick:
  case OP_window_place:
  case OP_scan:
  case OP_while: return true;
  default: return (op_table[op].flags & OPF_VIEW) != 0;
  }
}

/* How many terms the op adds up into one element (about as many steps for a solver); 1 for ops that do not. They round
 * on the way, relative to the terms and not to the result. */
static double terms_of(const Run *r, const Node *n, const Attr *a, const Value *in) {
  const Type *x = n->n_in ? ir_type_get(r->m, in[0].type) : NULL, *w = n->n_in > 1 ? ir_type_get(r->m, in[1].type) : x;
  double terms = 1;
  switch (n->op) {
  case OP_reduce_sum:
    for (uint32_t i = 0; i < a->axes.n; i++) terms *= (double)x->dim[a->axes.v[i]];
    return terms;
  case OP_dot_general:
    for (uint32_t i = 0; i < a->contract_a.n; i++) terms *= (double)x->dim[a->contract_a.v[i]];
    return terms;
  case OP_conv_general:
    for (uint32_t i = 2; i < w->rank; i++) terms *= (double)w->dim[i];
    return terms;
  case OP_cumsum: return (double)x->dim[a->axis];
  case OP_scatter_add: return (double)ir_elements(w);
  case OP_window_sum:
  case OP_window_place:
    for (uint32_t i = 0; i < a->n_window; i++) terms *= (double)a->window[i].size;
    return terms;
  default: return op_table[n->op].flags & OPF_LAPACK ? (double)x->dim[x->rank - 1] : 1;
  }
}

static double noise(Run *r) { return r->o->noise * (2 * random_uniform64(r->o->noise_seed, 0, r->noise_count++) - 1); }

static void perturb(Run *r, const Value *v, double size) {
  int64_t n = ir_elements(ir_type_get(r->m, v->type));
  for (int64_t i = 0; i < n; i++) v->f[i] *= 1 + size * noise(r);
}

/* A normal draw is a length times a cosine, which is exact to a part of one and not of itself. */
static void perturb_normal(Run *r, const Value *v) {
  int64_t n = ir_elements(ir_type_get(r->m, v->type));
  for (int64_t i = 0; i < n; i++) v->f[i] += 4 * noise(r);
}

/* Operands with every element perturbed: the errors of n equal terms may add up like n, not only like its root. */
static const Value *perturbed(Run *r, const Value *in, uint32_t n, double terms, Arena *mem) {
  double size = fmax(1, terms);
  Value *copy = arena_array(mem, Value, n + 1);
  for (uint32_t k = 0; k < n; k++) {
    const Type *t = ir_type_get(r->m, in[k].type);
    copy[k] = in[k];
    if (t->n_tuple || !ir_is_float((DType)t->dtype)) continue;
    copy[k] = value_new(r->m, in[k].type, mem);
    copy_value(r->m, &copy[k], &in[k]);
    perturb(r, &copy[k], size);
  }
  return copy;
}

/* Rounds and perturbs a fresh result as the options ask. */
static void finish(Run *r, Op op, const Value *v) {
  const Type *t = ir_type_get(r->m, v->type);
  for (uint32_t k = 0; k < t->n_tuple; k++) finish(r, op, &v->tuple[k]);
  if (t->n_tuple || !ir_is_float((DType)t->dtype)) return;
  if (r->o->noise != 0 && !moves_only(op)) perturb(r, v, 1);
  if (r->o->round_f32 && t->dtype == DT_F32)
    for (int64_t i = 0, n = ir_elements(t); i < n; i++) v->f[i] = (float)v->f[i];
}

/* ---------------------------------------------------------------- loops */

static bool run_region(Run *r, RegionId region, const Value *param, Value *result, Arena *mem);

/* Fresh values of the types of a region's parameters. */
static Value *new_params(const Module *m, RegionId region, Arena *mem) {
  const Region *body = ir_region(m, region);
  Value *v = arena_array(mem, Value, body->param.n + 1);
  for (uint32_t k = 0; k < body->param.n; k++) v[k] = value_new(m, ir_node(m, region, body->param.at[k])->type, mem);
  return v;
}

static bool run_scan(Run *r, const Node *n, const Attr *a, const Value *in, Value *out, Arena *mem) {
  Value *arg = new_params(r->m, n->body[0], mem);
  uint32_t n_xs_end = a->n_carry + a->n_xs;
  for (uint32_t k = 0; k < n->n_in; k++)
    if (k < a->n_carry || k >= n_xs_end) copy_value(r->m, &arg[1 + k], &in[k]);
  bool ok = true;
  for (int64_t t = 0; t < a->count && ok; t++) {
    Arena trip = {0};
    Value *result = arena_array(&trip, Value, a->n_carry + a->n_ys + 1);
    int64_t iv = a->reverse ? a->count - 1 - t : t;
    arg[0].i[0] = iv;
    for (uint32_t k = a->n_carry; k < n_xs_end; k++) read_trip(r->m, &in[k], iv, &arg[1 + k]);
    ok = run_region(r, n->body[0], arg, result, &trip);
    for (uint32_t k = 0; ok && k < a->n_ys; k++)
      write_trip(r->m, &out->tuple[a->n_carry + k], iv, &result[a->n_carry + k]);
    if (ok) update_carries(r->m, arg + 1, result, a->n_carry, &trip);
    arena_free(&trip);
  }
  for (uint32_t k = 0; k < a->n_carry; k++) copy_value(r->m, &out->tuple[k], &arg[1 + k]);
  return ok;
}

static bool run_while(Run *r, const Node *n, const Attr *a, const Value *in, Value *out, Arena *mem) {
  Value *arg = new_params(r->m, n->body[1], mem);
  for (uint32_t k = 0; k < n->n_in; k++) copy_value(r->m, &arg[1 + k], &in[k]);
  int64_t trips = 0;
  bool ok = true, go = true;
  while (ok && trips < a->count) {
    Arena trip = {0};
    Value test, *result = arena_array(&trip, Value, a->n_carry + 1);
    arg[0].i[0] = trips;
    ok = run_region(r, n->body[0], arg + 1, &test, &trip);
    go = ok && test.i[0];
    if (go) ok = run_region(r, n->body[1], arg, result, &trip);
    if (ok && go) update_carries(r->m, arg + 1, result, a->n_carry, &trip);
    arena_free(&trip);
    if (!go) break;
    trips++;
  }
  for (uint32_t k = 0; k < a->n_carry; k++) copy_value(r->m, &out->tuple[k], &arg[1 + k]);
  out->tuple[a->n_carry].i[0] = trips;
  return ok;
}

/* ---------------------------------------------------------------- regions */

static bool run_node(Run *r, const Node *n, const Value *in, Value *out, Arena *mem) {
  static const Attr no_attr;
  const Attr *attr = n->attr == IR_NONE ? &no_attr : ir_attr_get(r->m, n->attr);
  if (n->op == OP_scan) return run_scan(r, n, attr, in, out, mem);
  if (n->op == OP_while) return run_while(r, n, attr, in, out, mem);
  if (!op_table[n->op].eval) return false; /* grad: only what has been differentiated can be evaluated */
  double terms = r->o->noise != 0 ? terms_of(r, n, attr, in) : 1;
  if (terms > 1) in = perturbed(r, in, n->n_in, terms, mem);
  EvalCall c = {.m = r->m, .mem = mem, .node = n, .attr = attr, .in = in, .out = out};
  op_table[n->op].eval(&c);
  if (r->o->noise != 0 && n->op == OP_random && attr->dist == DIST_NORMAL) perturb_normal(r, out);
  return !c.index_error;
}

static bool run_live(Run *r, RegionId region, const bool *live, Value *value, Arena *mem) {
  const Region *g = ir_region(r->m, region);
  for (NodeId id = 0; id < g->node.n; id++) {
    const Node *n = &g->node.at[id];
    if (!live[id]) continue;
    if (n->op != OP_param) {
      const NodeId *operand = ir_operands(r->m, region, n);
      Value *in = arena_array(mem, Value, n->n_in + 1);
      for (uint32_t k = 0; k < n->n_in; k++) in[k] = value[operand[k]];
      value[id] = value_new(r->m, n->type, mem);
      if (!run_node(r, n, in, &value[id], mem)) return false;
      finish(r, (Op)n->op, &value[id]);
    }
    if (r->o->watch && !r->o->watch(r->o->user, region, id, &value[id])) return false;
  }
  return true;
}

static bool run_region(Run *r, RegionId region, const Value *param, Value *result, Arena *mem) {
  const Region *g = ir_region(r->m, region);
  Value *value = arena_array(mem, Value, g->node.n + 1);
  for (uint32_t k = 0; k < g->param.n; k++) value[g->param.at[k]] = param[k];
  bool *live = ir_live(r->m, region);
  bool ok = run_live(r, region, live, value, mem);
  free(live);
  for (uint32_t k = 0; ok && k < g->result.n; k++) result[k] = value[g->result.at[k]];
  return ok;
}

bool eval_region(const Module *m, RegionId region, const Value *param, Value *result, const EvalOptions *o,
                 Arena *mem) {
  static const EvalOptions none;
  Run r = {.m = m, .o = o ? o : &none};
  return run_region(&r, region, param, result, mem);
}
