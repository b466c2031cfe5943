/* Built-in functions: random draws. A draw belongs to its textual place: the site is a hash of the path of calls. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"
#include <math.h>

static Builder *builder(BuiltinCall *c) { return &c->E->g->cur->b; }

static Val draw(BuiltinCall *c, Dist dist, DType dtype, uint32_t rank, const int64_t *dim, uint16_t ones) {
  Elab *E = c->E;
  uint64_t site = path_mix(path_mix(E->act->path, E->act->unroll), E->act->n_calls++);
  NodeId key = frame_key(E, E->g->cur);
  return val_tensor_ones(E, ir_random(builder(c), key, dist, dtype, rank, dim, site), ones);
}

static bool is_value(Val v, double x) { return v.kind == V_ABSENT || (is_number(v) && val_number(v) == x); }

/* `uniform(0, 1)`: a number where the shape is meant, found by what follows it. */
static bool shape_first(BuiltinCall *c) {
  bool more = c->arg[1].kind != V_ABSENT || c->arg[2].kind != V_ABSENT;
  if (!is_number(c->arg[0]) || !more) return true;
  elab_error(c->E, "E0302", c->span, "the shape comes first, as a list");
  elab_hint(c->E, "write `normal([n], mean, std)` or `uniform([n], lo, hi)`; one number: `uniform([], lo, hi)`");
  return false;
}

/* x * scale + shift, where the arguments are not the default 1 and 0. */
static Val affine(BuiltinCall *c, Val x, Val scale, Val shift) {
  if (!is_error(x) && !is_value(scale, 1)) x = tensor_arith(c->E, BIN_MUL, x, scale, c->span);
  if (!is_error(x) && !is_value(shift, 0)) x = tensor_arith(c->E, BIN_ADD, x, shift, c->span);
  return x;
}

Val bi_normal(BuiltinCall *c) {
  uint32_t rank;
  int64_t dim[IR_MAX_RANK];
  uint16_t ones;
  DType d = c->E->fdt;
  if (!shape_first(c) || !shape_or_like(c, c->arg[0], c->arg[3], &rank, dim, &ones, &d)) return val_error();
  return affine(c, draw(c, DIST_NORMAL, d, rank, dim, ones), c->arg[2], c->arg[1]);
}

Val bi_uniform(BuiltinCall *c) {
  Elab *E = c->E;
  uint32_t rank;
  int64_t dim[IR_MAX_RANK];
  uint16_t ones;
  DType d = E->fdt;
  if (!shape_first(c) || !shape_or_like(c, c->arg[0], c->arg[3], &rank, dim, &ones, &d)) return val_error();
  Val lo = c->arg[1].kind == V_ABSENT ? val_int(0) : c->arg[1],
      hi = c->arg[2].kind == V_ABSENT ? val_int(1) : c->arg[2];
  Val width = is_number(lo) && is_number(hi) ? val_binary(E, BIN_SUB, hi, lo, c->span)
                                             : tensor_arith(E, BIN_SUB, hi, lo, c->span);
  return is_error(width) ? width : affine(c, draw(c, DIST_UNIFORM, d, rank, dim, ones), width, lo);
}

/* Integers by a float in [0, 1): exact for ranges up to 2^24 in f32, 2^53 in f64. */
Val bi_randint(BuiltinCall *c) {
  Elab *E = c->E;
  uint32_t rank;
  int64_t dim[IR_MAX_RANK], lo, hi;
  uint16_t ones;
  DType d = E->fdt;
  if (!shape_or_like(c, c->arg[0], val_kind(V_ABSENT), &rank, dim, &ones, &d) ||
      !val_to_int(E, c->arg[1], c->at[1], "the lower end", &lo) ||
      !val_to_int(E, c->arg[2], c->at[2], "the upper end", &hi))
    return val_error();
  if (hi <= lo || lo < INT32_MIN || hi > (int64_t)INT32_MAX + 1)
    return elab_error(E, "E0302", c->span, "`randint` between %lld and %lld", (long long)lo, (long long)hi);
  Val u = draw(c, DIST_UNIFORM, DT_F64, rank, dim, ones);
  if (is_error(u)) return u;
  Val k = tensor_arith(E, BIN_MUL, u, val_int(hi - lo), c->span);
  k = val_tensor_ones(E, ir_unary(builder(c), OP_floor, node_of(E, k)), ones);
  k = tensor_cast(E, k, DT_I32, c->span);
  return lo ? tensor_arith(E, BIN_ADD, k, val_int(lo), c->span) : k;
}

Val bi_bernoulli(BuiltinCall *c) {
  Elab *E = c->E;
  Val p = to_tensor(E, c->arg[0], is_number(c->arg[0]) ? E->fdt : DT_COUNT, c->at[0]);
  if (is_error(p)) return p;
  p = to_float(E, p, c->at[0]);
  uint32_t rank;
  int64_t dim[IR_MAX_RANK];
  uint16_t ones;
  DType d = (DType)type_of(E, p)->dtype;
  bool shaped = c->arg[1].kind != V_ABSENT && c->arg[1].kind != V_NONE;
  if (!shape_or_like(c, c->arg[1], shaped ? val_kind(V_ABSENT) : p, &rank, dim, &ones, &d)) return val_error();
  Val u = draw(c, DIST_UNIFORM, d, rank, dim, ones);
  Val less = is_error(u) ? u : tensor_arith(E, BIN_LT, u, p, c->span);
  return is_error(less) ? less : tensor_cast(E, less, d, c->span);
}

/* argmax(logits + Gumbel noise). */
Val bi_categorical(BuiltinCall *c) {
  Elab *E = c->E;
  Val z = to_float(E, c->arg[0], c->at[0]);
  if (is_error(z)) return z;
  const Type type = *type_of(E, z);
  if (!type.rank) return elab_error(E, "E0314", c->span, "`categorical` needs an axis of logits");
  uint32_t rank = type.rank;
  int64_t dim[IR_MAX_RANK];
  memcpy(dim, type.dim, sizeof dim);
  if (c->arg[1].kind != V_ABSENT && c->arg[1].kind != V_NONE) {
    if (!val_to_shape(E, c->arg[1], c->at[1], "a shape", &rank, dim, NULL)) return val_error();
    if (rank >= IR_MAX_RANK) return elab_error(E, "E0302", c->span, "a tensor has at most 8 axes");
    dim[rank++] = type.dim[type.rank - 1];
  }
  Val u = draw(c, DIST_UNIFORM, (DType)type.dtype, rank, dim, 0);
  if (is_error(u)) return u;
  Builder *b = builder(c);
  /* 1 - u is in (0, 1]: its log is finite but at 0, where -log is 0 and the noise +inf; tiny keeps it finite */
  Val e = tensor_arith(E, BIN_SUB, val_int(1), u, c->span);
  e = tensor_neg(E, val_tensor(E, ir_unary(b, OP_log, node_of(E, e))), c->span);
  e = tensor_binary(E, OP_max, e, to_tensor(E, val_float(1e-30), (DType)type.dtype, c->span), c->span, "max");
  Val noise = tensor_neg(E, val_tensor(E, ir_unary(b, OP_log, node_of(E, e))), c->span);
  Val sum = tensor_arith(E, BIN_ADD, z, noise, c->span);
  if (is_error(sum)) return sum;
  Attr a = {.axis = rank - 1};
  NodeId n = node_of(E, sum);
  return val_tensor(E, ir_emit(b, OP_argmax, &n, 1, &a));
}

/* The order of n random numbers. */
Val bi_permutation(BuiltinCall *c) {
  Elab *E = c->E;
  int64_t n;
  if (!val_to_int(E, c->arg[0], c->at[0], "a length", &n)) return val_error();
  if (n < 0 || n > INT32_MAX) return elab_error(E, "E0302", c->span, "a length cannot be %lld", (long long)n);
  Val u = draw(c, DIST_UNIFORM, DT_F64, 1, &n, 0);
  if (is_error(u)) return u;
  Attr a = {0};
  NodeId node = u.t.node;
  return val_tensor(E, ir_emit(builder(c), OP_argsort, &node, 1, &a));
}
