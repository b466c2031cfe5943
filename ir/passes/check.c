/* Evaluating a module's graphs before and after a pass. */
#include "ir/passes/check.h"
#include "ir/codes.h"
#include "ir/passes/internal.h"
#include <math.h>
#include <stdlib.h>

struct PassCheck {
  Arena mem;
  uint32_t n;
  Value **result; /* per graph, NULL when it cannot be evaluated */
  uint32_t *n_result;
};

static uint64_t next_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static int64_t random_integer(const Module *m, const Binding *bind, DType t, uint64_t r) {
  if (bind->kind == IN_ROWS && bind->index < m->rows.n && m->rows.at[bind->index].rows > 0)
    return (int64_t)(r % (uint64_t)m->rows.at[bind->index].rows);
  if (bind->kind == IN_STEP || bind->kind == IN_EPOCH) return 1;
  if (t == DT_BOOL) return (int64_t)(r & 1);
  return bind->kind == IN_KEY ? (int64_t)r : (int64_t)(r % 5);
}

void check_inputs(const Module *m, const Graph *g, uint64_t seed, Arena *mem, Value *in) {
  const Region *r = ir_region(m, g->region);
  for (uint32_t i = 0; i < g->n_in; i++) {
    TypeId type = r->node.at[r->param.at[i]].type;
    const Type *t = ir_type_get(m, type);
    in[i] = value_new(m, type, mem);
    uint64_t state = seed * 1000003u + i;
    for (int64_t k = 0; k < ir_elements(t); k++) {
      uint64_t bits = next_random(&state);
      if (ir_is_float((DType)t->dtype))
        in[i].f[k] = (double)(float)((double)(bits >> 11) * 0x1p-52 * 2 - 2);
      else
        in[i].i[k] = random_integer(m, &g->in[i], (DType)t->dtype, bits);
    }
  }
}

static bool has_grad(const Module *m, RegionId region) {
  const Region *r = ir_region(m, region);
  for (uint32_t n = 0; n < r->node.n; n++) {
    if (r->node.at[n].op == OP_grad) return true;
    for (uint32_t k = 0; k < 2; k++) {
      if (r->node.at[n].body[k] != IR_NONE && has_grad(m, r->node.at[n].body[k])) return true;
    }
  }
  return false;
}

/* The graph's results on its random inputs; NULL when an index was out of range. */
static Value *evaluate(const Module *m, const Graph *g, Arena *mem) {
  Value *in = arena_array(mem, Value, g->n_in + 1), *out = arena_array(mem, Value, g->n_out + 1);
  check_inputs(m, g, 1, mem, in);
  EvalOptions o = {0};
  return eval_region(m, g->region, in, out, &o, mem) ? out : NULL;
}

PassCheck *pass_check_begin(const Module *m) {
  PassCheck *c = calloc(1, sizeof *c);
  GraphList graphs = pass_graphs(m);
  c->n = graphs.n;
  c->result = arena_array(&c->mem, Value *, graphs.n + 1);
  c->n_result = arena_array(&c->mem, uint32_t, graphs.n + 1);
  for (uint32_t i = 0; i < graphs.n; i++) {
    if (has_grad(m, graphs.at[i]->region)) continue;
    c->result[i] = evaluate(m, graphs.at[i], &c->mem);
    c->n_result[i] = graphs.at[i]->n_out;
  }
  vec_free(&graphs);
  return c;
}

static bool close_enough(double a, double b, double scale) {
  if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
  return a == b || fabs(a - b) <= 1e-9 * scale + 1e-12;
}

/* The index of the first element that differs, -1 when none does. */
static int64_t first_difference(const Module *m, const Value *a, const Value *b) {
  const Type *t = ir_type_get(m, a->type);
  int64_t n = ir_elements(t);
  if (!ir_is_float((DType)t->dtype)) {
    for (int64_t i = 0; i < n; i++) {
      if (a->i[i] != b->i[i]) return i;
    }
    return -1;
  }
  double scale = 0;
  for (int64_t i = 0; i < n; i++) {
    if (isfinite(a->f[i])) scale = fmax(scale, fabs(a->f[i]));
  }
  for (int64_t i = 0; i < n; i++) {
    if (!close_enough(a->f[i], b->f[i], scale)) return i;
  }
  return -1;
}

static bool compare_graph(const PassCheck *c, uint32_t graph, const Module *m, const Value *now, const char *pass,
                          DiagSink *sink) {
  for (uint32_t k = 0; k < c->n_result[graph]; k++) {
    const Value *a = &c->result[graph][k], *b = &now[k];
    int64_t at = a->type == b->type ? first_difference(m, a, b) : 0;
    if (at < 0) continue;
    diag_error(sink, CODE_PASS_CHANGED, SPAN_NONE, "pass `%s` changed result %u of graph %u at element %lld", pass, k,
               graph, (long long)at);
    return false;
  }
  return true;
}

bool pass_check_end(PassCheck *before, const Module *m, const char *pass, DiagSink *sink) {
  Arena mem = {0};
  GraphList graphs = pass_graphs(m);
  bool ok = true;
  for (uint32_t i = 0; i < graphs.n && ok; i++) {
    if (!before->result[i]) continue;
    Value *now = evaluate(m, graphs.at[i], &mem);
    ok = now && compare_graph(before, i, m, now, pass, sink);
  }
  vec_free(&graphs);
  arena_free(&mem);
  arena_free(&before->mem);
  free(before);
  return ok;
}
