#include "codegen/lower/work.h"
#include <stdlib.h>

typedef struct Walk {
  const KKernel *k;
  uint32_t *end;   /* by K_FOR: its K_END */
  bool *varies;    /* by K_FOR: trip counts or depths inside depend on its counter */
  int64_t *value;  /* of integer instructions */
  double *touched; /* elements accessed, by buffer */
  double flops[2]; /* in f32, in f64 */
} Walk;

/* Finds the ends of loops, and which of them must be walked trip by trip. */
static bool find_loops(Walk *w) {
  const KKernel *k = w->k;
  uint32_t *open = malloc(sizeof *open * (k->inst.n + 1)), depth = 0;
  bool any = false;
  if (!open) exit(3);
  for (uint32_t i = 0; i < k->inst.n; i++) {
    const KInst *x = &k->inst.at[i];
    bool cap =
        (x->kind == K_FOR && k->loop.at[x->aux].cap != K_NONE) ||
        (x->kind == K_MICRO && (k->micro.at[x->aux].depth_cap != K_NONE || k->micro.at[x->aux].columns_cap != K_NONE));
    for (uint32_t d = 0; cap && d < depth; d++) w->varies[open[d]] = true;
    any = any || cap;
    if (x->kind == K_FOR) open[depth++] = i;
    if (x->kind == K_END) w->end[open[--depth]] = i;
  }
  free(open);
  return any;
}

static int64_t integer(const Walk *w, const KInst *x) {
  int64_t a = x->a[0] == K_NONE ? 0 : w->value[x->a[0]], b = x->a[1] == K_NONE ? 0 : w->value[x->a[1]];
  switch (x->kind) {
  case K_LIT: return (int64_t)x->bits;
  case K_UDIV: return b > 0 ? a / b : 0;
  case K_UREM: return b > 0 ? a % b : 0;
  case K_OP: break;
  default: return 0;
  }
  switch (x->op) {
  case OP_add: return (int64_t)((uint64_t)a + (uint64_t)b);
  case OP_sub: return (int64_t)((uint64_t)a - (uint64_t)b);
  case OP_mul: return (int64_t)((uint64_t)a * (uint64_t)b);
  case OP_min: return a < b ? a : b;
  case OP_max: return a > b ? a : b;
  case OP_cast: return a;
  default: return 0;
  }
}

static double op_flops(uint16_t op) {
  switch (op) {
  case OP_add:
  case OP_sub:
  case OP_mul:
  case OP_max:
  case OP_min: return 1;
  case OP_div:
  case OP_sqrt: return 4;
  case OP_pow: return 40;
  default: return ir_is_transcendental((Op)op) ? 20 : 0;
  }
}

static void touch(Walk *w, uint32_t addr, double elements) { w->touched[w->k->addr.at[addr].buf] += elements; }

static void micro(Walk *w, const KMicro *m, double times) {
  int64_t depth = m->depth;
  if (m->depth_cap != K_NONE && w->value[m->depth_cap] < depth) depth = w->value[m->depth_cap];
  if (depth < 0) depth = 0;
  int64_t columns = k_micro_columns(m, m->columns_cap == K_NONE ? m->columns : w->value[m->columns_cap]);
  w->flops[m->dtype == DT_F64] += times * 2.0 * m->mr * (double)(columns * depth);
  touch(w, m->a, times * (double)(m->mr * depth));
  touch(w, m->b, times * (double)(depth * columns));
}

/* Products are counted; LAPACK shows by its operands alone. */
static void call(Walk *w, const KCall *c, double times) {
  if (c->callee == KC_SGEMM || c->callee == KC_DGEMM)
    w->flops[c->callee == KC_DGEMM] += times * 2.0 * (double)c->arg[1].i * (double)c->arg[2].i * (double)c->arg[3].i;
  for (uint32_t i = 0; i < c->n; i++) {
    if (c->arg[i].kind != KCA_ADDR) continue;
    uint32_t buf = w->k->addr.at[c->arg[i].v].buf;
    w->touched[buf] += (double)w->k->buf.at[buf].elems;
  }
}

static void walk(Walk *w, uint32_t at, uint32_t end, double times);

static void loop(Walk *w, uint32_t at, double times) {
  const KLoop *l = &w->k->loop.at[w->k->inst.at[at].aux];
  int64_t trips = l->extent;
  if (l->cap != K_NONE && w->value[l->cap] < trips) trips = w->value[l->cap];
  if (trips <= 0) return;
  int64_t walked = w->varies[at] ? trips : 1;
  for (w->value[at] = 0; w->value[at] < walked; w->value[at]++)
    walk(w, at + 1, w->end[at], times * (double)trips / (double)walked);
}

static void walk(Walk *w, uint32_t at, uint32_t end, double times) {
  for (uint32_t i = at; i < end; i++) {
    const KInst *x = &w->k->inst.at[i];
    bool floats = ir_is_float((DType)x->dtype), wide = x->dtype == DT_F64;
    switch ((KKind)x->kind) {
    case K_FOR:
      loop(w, i, times);
      i = w->end[i];
      break;
    case K_OP:
      if (floats) w->flops[wide] += times * op_flops(x->op);
      break;
    case K_FMA: w->flops[wide] += times * 2; break;
    case K_RANDOM: w->flops[wide] += times * 20; break;
    case K_LOAD:
    case K_STORE: touch(w, x->aux, times); break;
    case K_MICRO: micro(w, &w->k->micro.at[x->aux], times); break;
    case K_CALL: call(w, &w->k->call.at[x->aux], times); break;
    default: break;
    }
    if (!floats && x->kind != K_TASK && x->kind != K_FOR) w->value[i] = integer(w, x);
  }
}

static void set_task(Walk *w, int64_t task) {
  for (uint32_t i = 0; i < w->k->inst.n; i++)
    if (w->k->inst.at[i].kind == K_TASK) w->value[i] = task;
}

static KWork total(const Walk *w) {
  KWork out = {.flops = w->flops[0] + w->flops[1], .widest = w->flops[1] > w->flops[0] ? 8 : 4};
  for (uint32_t b = 0; b < w->k->buf.n; b++) {
    const KBuf *buf = &w->k->buf.at[b];
    if (buf->kind != KB_ARG) continue;
    double once = w->touched[b] < (double)buf->elems ? w->touched[b] : (double)buf->elems;
    out.bytes += once * ir_dtype_size((DType)buf->dtype) * (buf->access == (KA_READ | KA_WRITE) ? 2 : 1);
  }
  return out;
}

KWork k_work(const KKernel *k, int64_t tasks) {
  uint32_t n = k->inst.n + 1;
  Walk w = {.k = k,
            .end = calloc(n, sizeof *w.end),
            .varies = calloc(n, sizeof *w.varies),
            .value = calloc(n, sizeof *w.value),
            .touched = calloc(k->buf.n + 1, sizeof *w.touched)};
  if (!w.end || !w.varies || !w.value || !w.touched) exit(3);
  int64_t walked = find_loops(&w) ? tasks : 1;
  for (int64_t t = 0; t < walked; t++) {
    set_task(&w, t);
    walk(&w, 0, k->inst.n, (double)tasks / (double)walked);
  }
  KWork out = total(&w);
  free(w.end), free(w.varies), free(w.value), free(w.touched);
  return out;
}
