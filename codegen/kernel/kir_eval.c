/* Interpreter of kernel IR and step programs: one element after the other, every access checked. Tests compare
 * it with the reference evaluator (lowering is right) and with machine code (emission is right). */
#include "codegen/kernel/kir.h"
#include "runtime/context.h"
#include "runtime/random.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Floats as double (rounded to f32 where the dtype says so), integers wrapped to their width in an int64. */
typedef union Num {
  int64_t i;
  double f;
} Num;

typedef struct Machine {
  const KKernel *k;
  Context *c;
  void *const *args;
  void **base; /* per buffer */
  int64_t task;
  Num *value;
  int64_t *trip; /* per loop */
  Num **lane;    /* per accumulator of several lanes */
  KVal vector;   /* K_FOR of the open vector loop, K_NONE outside */
  Arena *mem;
} Machine;

static void broken(const Machine *m, uint32_t at, const char *what, int64_t index) {
  StrBuf text = {0};
  k_print_kernel(m->k, true, &text);
  fprintf(stderr, "kernel interpreter: instruction %u: %s (%" PRId64 ")\n%s", at, what, index, text.s);
  abort();
}

/* ---------------------------------------------------------------- scalars */

static int64_t wrap(DType t, uint64_t v) {
  switch (t) {
  case DT_BOOL: return (int64_t)(v & 1);
  case DT_U8: return (uint8_t)v;
  case DT_I32: return (int32_t)(uint32_t)v;
  case DT_U32: return (uint32_t)v;
  default: return (int64_t)v;
  }
}

static Num load_num(DType t, const void *at) {
  Num n = {0};
  float f;
  uint32_t u;
  switch (t) {
  case DT_F32: memcpy(&f, at, 4), n.f = f; break;
  case DT_F64: memcpy(&n.f, at, 8); break;
  case DT_BOOL: n.i = *(const uint8_t *)at & 1; break;
  case DT_U8: n.i = *(const uint8_t *)at; break;
  case DT_I32:
  case DT_U32: memcpy(&u, at, 4), n.i = wrap(t, u); break;
  default: memcpy(&n.i, at, 8);
  }
  return n;
}

static void store_num(DType t, void *at, Num n) {
  float f = (float)n.f;
  uint32_t u = (uint32_t)n.i;
  if (t == DT_F32)
    memcpy(at, &f, 4);
  else if (t == DT_BOOL || t == DT_U8)
    *(uint8_t *)at = (uint8_t)n.i;
  else if (t == DT_I32 || t == DT_U32)
    memcpy(at, &u, 4);
  else
    memcpy(at, &n, 8);
}

static double float_binary(Op op, double a, double b) {
  double r;
  switch (op) {
  case OP_add: return a + b;
  case OP_sub: return a - b;
  case OP_mul: return a * b;
  case OP_div: return a / b;
  case OP_pow: return pow(a, b);
  case OP_max: return a != a || a > b ? a : b;
  case OP_min: return a != a || a < b ? a : b;
  case OP_rem: r = fmod(a, b); return r != 0 && (r < 0) != (b < 0) ? r + b : r;
  default: return NAN;
  }
}

static double float_unary(Op op, double x) {
  double e = exp(-fabs(x));
  switch (op) {
  case OP_neg: return -x;
  case OP_abs: return fabs(x);
  case OP_sign: return x > 0 ? 1 : x < 0 ? -1 : x;
  case OP_floor: return floor(x);
  case OP_ceil: return ceil(x);
  case OP_round: return rint(x);
  case OP_exp: return exp(x);
  case OP_expm1: return expm1(x);
  case OP_log: return log(x);
  case OP_log1p: return log1p(x);
  case OP_sqrt: return sqrt(x);
  case OP_sin: return sin(x);
  case OP_cos: return cos(x);
  case OP_tanh: return tanh(x);
  case OP_logistic: return x >= 0 ? 1 / (1 + e) : e / (1 + e);
  case OP_softplus: return x > 0 ? x + log1p(e) : log1p(exp(x));
  case OP_erf: return erf(x);
  case OP_atan: return atan(x);
  default: return NAN;
  }
}

static bool is_negative(DType t, int64_t a) { return (t == DT_I32 || t == DT_I64) && a < 0; }
static uint64_t magnitude(DType t, int64_t a) { return is_negative(t, a) ? 0 - (uint64_t)a : (uint64_t)a; }

static uint64_t int_divide(DType t, int64_t a, int64_t b, bool remainder) {
  if (b == 0) return 0;
  uint64_t q = magnitude(t, a) / magnitude(t, b), r = magnitude(t, a) % magnitude(t, b);
  bool minus = is_negative(t, a) != is_negative(t, b);
  if (minus && r) q++, r = magnitude(t, b) - r;
  if (remainder) return is_negative(t, b) ? 0 - r : r;
  return minus ? 0 - q : q;
}

static bool int_less(DType t, int64_t a, int64_t b) { return t == DT_U64 ? (uint64_t)a < (uint64_t)b : a < b; }

static uint64_t int_shift(Op op, DType t, int64_t a, int64_t b) {
  uint64_t width = 8 * (uint64_t)ir_dtype_size(t), by = (uint64_t)b;
  if (op == OP_shl) return by < width ? (uint64_t)a << by : 0;
  if (!is_negative(t, a)) return by >= width ? 0 : (uint64_t)a >> by;
  return by >= width ? UINT64_MAX : ~(~(uint64_t)a >> by);
}

static uint64_t int_op(Op op, DType t, int64_t a, int64_t b) {
  switch (op) {
  case OP_add: return (uint64_t)a + (uint64_t)b;
  case OP_sub: return (uint64_t)a - (uint64_t)b;
  case OP_mul: return (uint64_t)a * (uint64_t)b;
  case OP_neg: return 0 - (uint64_t)a;
  case OP_div: return int_divide(t, a, b, false);
  case OP_rem: return int_divide(t, a, b, true);
  case OP_max: return (uint64_t)(int_less(t, b, a) ? a : b);
  case OP_min: return (uint64_t)(int_less(t, a, b) ? a : b);
  case OP_abs: return magnitude(t, a);
  case OP_sign: return is_negative(t, a) ? UINT64_MAX : (uint64_t)(a != 0);
  case OP_and: return (uint64_t)a & (uint64_t)b;
  case OP_or: return (uint64_t)a | (uint64_t)b;
  case OP_xor: return (uint64_t)a ^ (uint64_t)b;
  case OP_not: return ~(uint64_t)a;
  default: return int_shift(op, t, a, b);
  }
}

static int64_t float_to_int(DType t, double x) {
  if (x != x) return 0;
  x = trunc(x);
  switch (t) {
  case DT_U8: return (int64_t)fmin(fmax(x, 0), 255);
  case DT_I32: return (int64_t)fmin(fmax(x, INT32_MIN), INT32_MAX);
  case DT_U32: return (int64_t)fmin(fmax(x, 0), UINT32_MAX);
  case DT_U64: return x <= 0 ? 0 : x >= 0x1p64 ? -1 : (int64_t)(uint64_t)x;
  default: return x >= 0x1p63 ? INT64_MAX : x < -0x1p63 ? INT64_MIN : (int64_t)x;
  }
}

static Num cast(DType from, DType to, Num x) {
  Num n = {0};
  if (ir_is_float(from) && ir_is_float(to))
    n = x;
  else if (ir_is_float(to))
    n.f = from == DT_U64 ? (double)(uint64_t)x.i : (double)x.i;
  else if (to == DT_BOOL)
    n.i = ir_is_float(from) ? x.f != 0 : x.i != 0;
  else
    n.i = ir_is_float(from) ? float_to_int(to, x.f) : wrap(to, (uint64_t)x.i);
  return n;
}

static bool compare(Op op, DType t, Num a, Num b) {
  if (ir_is_float(t)) return op == OP_eq ? a.f == b.f : op == OP_ne ? a.f != b.f : op == OP_lt ? a.f < b.f : a.f <= b.f;
  bool less = int_less(t, a.i, b.i), more = int_less(t, b.i, a.i);
  return op == OP_eq ? !less && !more : op == OP_ne ? less || more : op == OP_lt ? less : !more;
}

static Num elementwise(const Machine *m, const KInst *i) {
  DType from = m->k->inst.at[i->a[0]].dtype, t = i->dtype;
  Num a = m->value[i->a[0]], b = i->a[1] == K_NONE ? a : m->value[i->a[1]], n = {0};
  switch (i->op) {
  case OP_select: return a.i ? b : m->value[i->a[2]];
  case OP_cast: n = cast(from, t, a); break;
  case OP_is_finite: n.i = isfinite(a.f); return n;
  case OP_key_fold: n.i = (int64_t)random_key_fold((uint64_t)a.i, (uint64_t)b.i); return n;
  case OP_eq:
  case OP_ne:
  case OP_lt:
  case OP_le: n.i = compare(i->op, from, a, b); return n;
  default:
    if (!ir_is_float(t))
      n.i = wrap(t, int_op(i->op, t, a.i, b.i));
    else
      n.f = i->a[1] == K_NONE ? float_unary(i->op, a.f) : float_binary(i->op, a.f, b.f);
  }
  if (t == DT_F32) n.f = (float)n.f;
  return n;
}

static Num draw(const Machine *m, const KInst *i) {
  const KDraw *d = &m->k->draw.at[i->aux];
  uint64_t key = (uint64_t)m->value[i->a[0]].i, at = (uint64_t)m->value[i->a[1]].i;
  Num n = {0};
  bool wide = ir_dtype_size(i->dtype) == 8;
  if (d->dist == DIST_BITS)
    n.i = wide ? (int64_t)random_bits64(key, d->site, at) : wrap(i->dtype, random_bits32(key, d->site, at));
  else if (d->dist == DIST_UNIFORM)
    n.f = wide ? random_uniform64(key, d->site, at) : random_uniform32(key, d->site, at);
  else
    n.f = wide ? random_normal64(key, d->site, at) : (float)random_normal32(key, d->site, at);
  return n;
}

/* ---------------------------------------------------------------- memory */

static int64_t element(const Machine *m, uint32_t addr) {
  const KAddr *a = &m->k->addr.at[addr];
  int64_t at = a->c0;
  for (uint32_t t = 0; t < a->n; t++)
    at += m->k->term.at[a->first + t].coef * m->value[m->k->term.at[a->first + t].value].i;
  return at;
}

static uint8_t *address(const Machine *m, uint32_t addr, uint32_t at, bool write) {
  const KBuf *f = &m->k->buf.at[m->k->addr.at[addr].buf];
  int64_t i = element(m, addr), slack = write ? 0 : 128 / ir_dtype_size(f->dtype);
  if (i < 0 || i >= f->elems + slack) broken(m, at, "address outside the buffer", i);
  return (uint8_t *)m->base[m->k->addr.at[addr].buf] + i * ir_dtype_size(f->dtype);
}

static Num literal(DType t, uint64_t bits) {
  Num n;
  if (ir_is_float(t)) return load_num(t, &bits);
  n.i = wrap(t, bits);
  return n;
}

static Num do_load(const Machine *m, const KInst *i, uint32_t at) {
  if (i->a[0] != K_NONE && !m->value[i->a[0]].i) return literal(i->dtype, i->bits);
  return load_num(i->dtype, address(m, i->aux, at, false));
}

static void do_micro(const Machine *m, const KInst *i) {
  const KMicro *g = &m->k->micro.at[i->aux];
  int64_t depth = g->depth, cap = g->depth_cap == K_NONE ? depth : m->value[g->depth_cap].i,
          size = ir_dtype_size(g->dtype);
  int64_t a0 = element(m, g->a), b0 = element(m, g->b), c0 = element(m, g->c);
  const uint8_t *a = m->base[m->k->addr.at[g->a].buf], *b = m->base[m->k->addr.at[g->b].buf];
  uint8_t *c = m->base[m->k->addr.at[g->c].buf];
  int64_t b_elems = m->k->buf.at[m->k->addr.at[g->b].buf].elems;
  if (cap < depth) depth = cap;
  int64_t columns = k_micro_columns(g, g->columns_cap == K_NONE ? g->columns : m->value[g->columns_cap].i);
  for (uint32_t r = 0; r < g->mr; r++)
    for (int64_t j = 0; j < columns; j++) {
      uint8_t *to = c + (c0 + r * g->c_row + j) * size;
      double sum = g->accumulate ? load_num(g->dtype, to).f : 0;
      for (int64_t k = 0; k < depth; k++) {
        int64_t bi = b0 + k * g->b_k + j;
        if (bi >= b_elems) continue;
        double x = load_num(g->dtype, a + (a0 + r * g->a_row + k * g->a_k) * size).f;
        sum += x * load_num(g->dtype, b + bi * size).f;
        if (g->dtype == DT_F32) sum = (float)sum;
      }
      store_num(g->dtype, to, (Num){.f = sum});
    }
}

/* ---------------------------------------------------------------- runtime calls */

typedef struct CallArgs {
  int64_t i[12];
  void *p[12];
} CallArgs;

static int32_t lapack(const RuntimeApi *api, KCallee f, const CallArgs *a) {
  const int64_t *i = a->i;
  void *const *p = a->p;
  int32_t d = (int32_t)i[0];
  switch (f) {
  case KC_CHOLESKY: return api->cholesky(d, i[1], i[2], p[3], p[4]);
  case KC_TRI_SOLVE:
    return api->tri_solve(d, (int32_t)i[1], (int32_t)i[2], (int32_t)i[3], i[4], i[5], i[6], p[7], p[8], p[9]);
  case KC_SOLVE: return api->solve(d, (int32_t)i[1], i[2], i[3], i[4], p[5], p[6], p[7]);
  case KC_SLOGDET: return api->slogdet(d, i[1], i[2], p[3], p[4], p[5]);
  case KC_EIGH: return api->eigh(d, i[1], i[2], p[3], p[4], p[5]);
  case KC_SVD: return api->svd(d, i[1], i[2], i[3], p[4], p[5], p[6], p[7]);
  case KC_SGEMM: api->sgemm(i[0], i[1], i[2], i[3], p[4], i[5], p[6], i[7], p[8], i[9]); return 0;
  case KC_DGEMM: api->dgemm(i[0], i[1], i[2], i[3], p[4], i[5], p[6], i[7], p[8], i[9]); return 0;
  case KC_SORT: api->sort(d, i[1], i[2], p[3], p[4], p[5]); return 0;
  default: return -1;
  }
}

static void do_call(const Machine *m, const KInst *i) {
  const KCall *c = &m->k->call.at[i->aux];
  CallArgs a = {{0}, {0}};
  for (uint32_t j = 0; j < c->n; j++) {
    if (c->arg[j].kind == KCA_INT) a.i[j] = c->arg[j].i;
    if (c->arg[j].kind == KCA_VALUE) a.i[j] = m->value[c->arg[j].v].i;
    if (c->arg[j].kind != KCA_ADDR) continue;
    const KAddr *at = &m->k->addr.at[c->arg[j].v];
    a.p[j] = (uint8_t *)m->base[at->buf] + element(m, c->arg[j].v) * ir_dtype_size(m->k->buf.at[at->buf].dtype);
  }
  if (lapack(m->c->api, c->callee, &a) == 0 || m->c->status) return;
  m->c->status = RUN_LAPACK, m->c->bad_node = c->node, m->c->bad_region = c->region;
}

static Num do_check(const Machine *m, const KInst *i) {
  const KCheck *k = &m->k->check.at[i->aux];
  Num n = m->value[i->a[0]];
  if (n.i >= 0 && n.i < k->extent) return n;
  m->c->status = RUN_BAD_INDEX, m->c->bad_node = k->node, m->c->bad_region = k->region;
  m->c->bad_index = n.i, m->c->bad_extent = k->extent;
  return (Num){.i = 0};
}

/* ---------------------------------------------------------------- accumulators */

/* Lanes are kept apart as in machine code: iteration iv of a vector loop belongs to lane iv % width. */
static Num *accumulator(const Machine *m, KVal acc) {
  if (!m->lane[acc]) return &m->value[acc];
  uint32_t width = m->k->inst.at[acc].aux;
  return &m->lane[acc][m->vector == K_NONE ? 0 : (uint64_t)m->value[m->vector].i % width];
}

static void declare(Machine *m, uint32_t at, const KInst *i) {
  m->value[at] = m->value[i->a[0]];
  if (i->aux <= 1) return;
  if (!m->lane[at]) m->lane[at] = arena_array(m->mem, Num, i->aux);
  for (uint32_t l = 0; l < i->aux; l++) m->lane[at][l] = m->value[i->a[0]];
}

static Num combine_lanes(Machine *m, const KInst *i) {
  const KInst *acc = &m->k->inst.at[i->a[0]];
  if (acc->aux <= 1) return m->value[i->a[0]];
  Num *lane = m->lane[i->a[0]];
  for (uint32_t half = acc->aux / 2; half > 0; half /= 2)
    for (uint32_t l = 0; l < half; l++) {
      Num n = {0};
      if (ir_is_float(i->dtype))
        n.f = float_binary(i->op, lane[l].f, lane[l + half].f);
      else
        n.i = wrap(i->dtype, int_op(i->op, i->dtype, lane[l].i, lane[l + half].i));
      if (i->dtype == DT_F32) n.f = (float)n.f;
      lane[l] = n;
    }
  return lane[0];
}

/* ---------------------------------------------------------------- kernels */

static int64_t trips(const Machine *m, const KLoop *l) {
  int64_t n = l->extent;
  if (l->cap != K_NONE && m->value[l->cap].i < n) n = m->value[l->cap].i;
  return n < 0 ? 0 : n;
}

static uint32_t end_of(const KKernel *k, uint32_t at) {
  uint32_t depth = 0;
  for (;; at++) {
    if (k->inst.at[at].kind == K_FOR) depth++;
    if (k->inst.at[at].kind == K_END && --depth == 0) return at;
  }
}

/* Executes one instruction; the next one's number. */
static uint32_t step(Machine *m, uint32_t at) {
  const KInst *i = &m->k->inst.at[at];
  Num *v = &m->value[at];
  switch (i->kind) {
  case K_LIT: *v = literal(i->dtype, i->bits); break;
  case K_TASK: v->i = m->task; break;
  case K_OP: *v = elementwise(m, i); break;
  case K_FMA:
    v->f = i->dtype == DT_F32
               ? (double)fmaf((float)m->value[i->a[0]].f, (float)m->value[i->a[1]].f, (float)m->value[i->a[2]].f)
               : fma(m->value[i->a[0]].f, m->value[i->a[1]].f, m->value[i->a[2]].f);
    break;
  case K_UDIV: v->i = (int64_t)((uint64_t)m->value[i->a[0]].i / (uint64_t)m->value[i->a[1]].i); break;
  case K_UREM: v->i = (int64_t)((uint64_t)m->value[i->a[0]].i % (uint64_t)m->value[i->a[1]].i); break;
  case K_LOAD: *v = do_load(m, i, at); break;
  case K_RANDOM: *v = draw(m, i); break;
  case K_CHECK: *v = do_check(m, i); break;
  case K_ACC: declare(m, at, i); break;
  case K_GET: *v = *accumulator(m, i->a[0]); break;
  case K_LANES: *v = combine_lanes(m, i); break;
  case K_SET: *accumulator(m, i->a[0]) = m->value[i->a[1]]; break;
  case K_STORE:
    if (i->a[1] == K_NONE || m->value[i->a[1]].i) store_num(i->dtype, address(m, i->aux, at, true), m->value[i->a[0]]);
    break;
  case K_MICRO: do_micro(m, i); break;
  case K_CALL: do_call(m, i); break;
  case K_PREFETCH: address(m, i->aux, at, false); break;
  case K_FOR:
    m->trip[i->aux] = trips(m, &m->k->loop.at[i->aux]);
    v->i = 0;
    if (!m->trip[i->aux]) return end_of(m->k, at) + 1;
    if (m->k->loop.at[i->aux].kind == KL_VECTOR) m->vector = at;
    break;
  case K_END: {
    const KInst *f = &m->k->inst.at[i->a[0]];
    if (++m->value[i->a[0]].i < m->trip[f->aux]) return i->a[0] + 1;
    if (m->vector == i->a[0]) m->vector = K_NONE;
    break;
  }
  default: broken(m, at, "unknown instruction", i->kind);
  }
  return at + 1;
}

static void run_kernel(Context *c, const KKernel *k, void *const *args, int64_t task, Arena *mem) {
  Machine m = {.k = k, .c = c, .args = args, .task = task, .vector = K_NONE, .mem = mem};
  m.value = arena_array(mem, Num, k->inst.n + 1);
  m.trip = arena_array(mem, int64_t, k->loop.n + 1);
  m.lane = arena_array(mem, Num *, k->inst.n + 1);
  m.base = arena_array(mem, void *, k->buf.n + 1);
  for (uint32_t b = 0; b < k->buf.n; b++) {
    const KBuf *f = &k->buf.at[b];
    size_t bytes = (size_t)f->elems * ir_dtype_size(f->dtype) + 128;
    m.base[b] = f->kind == KB_ARG ? args[f->arg] : memset(arena_alloc(mem, bytes), 0xff, bytes);
  }
  for (uint32_t at = 0; at < k->inst.n;) at = step(&m, at);
}

/* ---------------------------------------------------------------- step programs */

typedef struct Steps {
  const KProgram *p;
  Context *c;
  int64_t *done; /* per instruction: completed trips of a loop */
} Steps;

static int64_t iv_of(const Steps *s, uint32_t loop) {
  const PInst *l = &s->p->inst.at[loop];
  return l->reverse ? l->count - 1 - s->done[loop] : s->done[loop];
}

static void *resolve(const Steps *s, uint32_t ref) {
  const PRef *r = &s->p->ref.at[ref];
  int64_t at = r->offset;
  for (uint32_t t = 0; t < r->n; t++) {
    const PTerm *term = &s->p->term.at[r->first + t];
    at += term->stride * (term->parity ? s->done[term->loop] & 1 : iv_of(s, term->loop));
  }
  switch (r->space) {
  case PS_CELLS: return s->c->cells + at;
  case PS_TEMPS: return s->c->temps + at;
  case PS_CONSTS: return s->p->consts + at;
  case PS_FIELD: return (uint8_t *)(uintptr_t)s->c->field[r->index] + at;
  case PS_ROWS: return (uint8_t *)(uintptr_t)(s->c->order + s->c->position) + at;
  case PS_CONTEXT: return (uint8_t *)s->c + at;
  default: return (uint8_t *)s->c->value[r->index] + at;
  }
}

static void launch(const Steps *s, const PInst *i) {
  Arena mem = {0};
  void **args = arena_array(&mem, void *, i->n + 1);
  for (uint32_t a = 0; a < i->n; a++) args[a] = resolve(s, i->first + a);
  for (int64_t task = 0; task < i->tasks; task++) {
    Arena call = {0};
    run_kernel(s->c, s->p->kernel.at[i->index], args, task, &call);
    arena_free(&call);
  }
  arena_free(&mem);
}

static uint32_t loop_end(const KProgram *p, uint32_t loop) {
  uint32_t at = loop;
  while (p->inst.at[at].kind != P_END || p->inst.at[at].index != loop) at++;
  return at;
}

/* The next instruction, or UINT32_MAX when the step ends with a status. */
static uint32_t step_program(Steps *s, uint32_t at) {
  const PInst *i = &s->p->inst.at[at];
  Num n;
  switch (i->kind) {
  case P_LAUNCH: launch(s, i); break;
  case P_LOOP: s->done[at] = 0; return i->count > 0 ? at + 1 : loop_end(s->p, at) + 1;
  case P_END: return ++s->done[i->index] < s->p->inst.at[i->index].count ? i->index + 1 : at + 1;
  case P_SET_IV: n.i = iv_of(s, i->index), store_num(DT_I64, resolve(s, i->first), n); break;
  case P_BREAK_UNLESS:
    if (!*(uint8_t *)resolve(s, i->first)) return loop_end(s->p, i->index) + 1;
    break;
  case P_TRIPS: n.i = s->done[i->index], store_num(DT_I64, resolve(s, i->first), n); break;
  default:
    if (isfinite(load_num(i->dtype, resolve(s, i->first)).f)) break;
    s->c->status = RUN_NOT_FINITE, s->c->bad_node = i->node, s->c->bad_region = i->region;
    return UINT32_MAX;
  }
  return at + 1;
}

int32_t k_run(const KProgram *p, Context *c, int64_t n) {
  Steps s = {.p = p, .c = c, .done = calloc(p->inst.n + 1, sizeof(int64_t))};
  if (!s.done) exit(3);
  int32_t status = RUN_OK;
  for (int64_t t = 0; t < n && status == RUN_OK; t++) {
    for (uint32_t at = 0; at < p->inst.n && at != UINT32_MAX;) at = step_program(&s, at);
    status = c->status;
    if (status) break;
    c->step++, c->position += p->rows;
    if (c->stop && *c->stop) status = RUN_STOPPED;
  }
  free(s.done);
  return status;
}
