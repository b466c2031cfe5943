#include "tests/support/gradcheck.h"
#include "runtime/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct Check {
  const GradCase *s;
  Module *m;
  Arena mem;
  RegionId value, first, second; /* (inputs, w..) -> L; -> dL/dx..; (inputs, w.., v..) -> v . dL/dx, its d/dx.. */
  Value param[32];
  uint32_t n_param, n_w, n_v;
} Check;

static NodeId weighted_sum(Builder *b, NodeId x, NodeId w, NodeId so_far) {
  NodeId p = ir_binary(b, OP_mul, x, w);
  int64_t axes[IR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
  NodeId s = ir_reduce(b, OP_reduce_sum, p, ir_type_of(b, p)->rank, axes);
  return so_far == IR_NONE ? s : ir_binary(b, OP_add, so_far, s);
}

static NodeId add_param(Check *c, Builder *b, const Type *t) {
  return ir_param(b, ir_type(c->m, (DType)t->dtype, t->rank, t->dim));
}

/* Inputs and L = sum of the op's float results times weights, which are further parameters. */
static NodeId build_value(Check *c, Builder *b, NodeId *x) {
  const GradCase *s = c->s;
  for (uint32_t k = 0; k < s->n_in; k++) {
    const GradInput *in = &s->in[k];
    NodeId p = ir_param(b, ir_type(c->m, in->dtype, in->rank, in->dim));
    x[k] = ir_is_float(in->dtype) ? ir_anchor(b, p, k) : p;
  }
  NodeId y = s->build(b, x, s->user), sum = IR_NONE;
  Type t = *ir_type_of(b, y);
  c->n_w = 0;
  for (uint32_t k = 0; k < (t.n_tuple ? t.n_tuple : 1); k++) {
    NodeId member = t.n_tuple ? ir_proj(b, y, k) : y;
    Type mt = *ir_type_of(b, member);
    if (!ir_is_float((DType)mt.dtype)) continue;
    sum = weighted_sum(b, member, add_param(c, b, &mt), sum);
    c->n_w++;
  }
  return sum;
}

static uint32_t variables(const Check *c, const NodeId *x, NodeId *v) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < c->s->n_in; k++)
    if (ir_is_float(c->s->in[k].dtype)) v[n++] = x[k];
  return n;
}

static RegionId finished(Check *c, Builder *b) {
  ir_builder_free(b);
  return ir_differentiate(c->m, b->region, NULL);
}

static void build_regions(Check *c) {
  NodeId x[GRAD_MAX_IN], v[GRAD_MAX_IN];
  Builder b0 = ir_builder(c->m, ir_region_new(c->m), NULL);
  ir_result(&b0, build_value(c, &b0, x));
  c->value = finished(c, &b0);
  Builder b1 = ir_builder(c->m, ir_region_new(c->m), NULL);
  NodeId y = build_value(c, &b1, x), n = variables(c, x, v), g = ir_grad(&b1, y, v, n);
  for (uint32_t k = 0; k < n; k++) ir_result(&b1, ir_proj(&b1, g, k));
  c->first = finished(c, &b1);
  Builder b2 = ir_builder(c->m, ir_region_new(c->m), NULL);
  y = build_value(c, &b2, x), n = variables(c, x, v), g = ir_grad(&b2, y, v, n);
  NodeId dot = IR_NONE;
  for (uint32_t k = 0; k < n; k++)
    dot = weighted_sum(&b2, ir_proj(&b2, g, k), add_param(c, &b2, ir_type_of(&b2, v[k])), dot);
  c->n_v = n;
  ir_result(&b2, dot);
  NodeId gg = ir_grad(&b2, dot, v, n);
  for (uint32_t k = 0; k < n; k++) ir_result(&b2, ir_proj(&b2, gg, k));
  c->second = finished(c, &b2);
}

static void fill(Check *c, Value *v, uint64_t stream, double lo, double hi) {
  const Type *t = ir_type_get(c->m, v->type);
  for (int64_t i = 0, n = ir_elements(t); i < n; i++) {
    double u = random_uniform64(11, stream, (uint64_t)i);
    if (ir_is_float((DType)t->dtype))
      v->f[i] = lo + (hi - lo) * u;
    else
      v->i[i] = (int64_t)floor(lo + (hi - lo + 1) * u);
  }
}

static void draw_params(Check *c, uint64_t seed) {
  const Region *r = ir_region(c->m, c->second);
  c->n_param = r->param.n;
  for (uint32_t k = 0; k < c->n_param; k++) {
    bool input = k < c->s->n_in;
    c->param[k] = value_new(c->m, r->node.at[r->param.at[k]].type, &c->mem);
    fill(c, &c->param[k], seed * 64 + k, input ? c->s->in[k].lo : -1, input ? c->s->in[k].hi : 1);
  }
}

static Value *evaluate(Check *c, RegionId region) {
  Value *out = arena_array(&c->mem, Value, 16);
  if (!eval_region(c->m, region, c->param, out, NULL, &c->mem)) fail_msg("%s: evaluation failed", c->s->name);
  return out;
}

/* Compares d(first result of `of`)/d(input) with the results of `by` from `skip` on. */
static void compare(Check *c, RegionId of, RegionId by, uint32_t skip, const char *what) {
  Value *g = evaluate(c, by);
  for (uint32_t k = 0, j = skip; k < c->s->n_in; k++) {
    if (!ir_is_float(c->s->in[k].dtype)) continue;
    Value *x = &c->param[k], *gx = &g[j++];
    for (int64_t i = 0, n = ir_elements(ir_type_get(c->m, x->type)); i < n; i++) {
      double old = x->f[i], h = 1e-5;
      x->f[i] = old + h;
      double up = evaluate(c, of)[0].f[0];
      x->f[i] = old - h;
      double down = evaluate(c, of)[0].f[0];
      x->f[i] = old;
      double want = (up - down) / (2 * h), scale = 1 + fabs(want) + 1e-4 * (fabs(up) + fabs(down));
      if (!(fabs(want - gx->f[i]) <= 2e-6 * scale))
        fail_msg("%s: %s derivative in input %u, element %lld: %.10g, by differences %.10g", c->s->name, what, k,
                 (long long)i, gx->f[i], want);
    }
  }
}

/* g(w1) - 3 g(w2) = g(w1 - 3 w2). */
static void check_linear(Check *c) {
  uint32_t first = c->s->n_in;
  Value *g1 = evaluate(c, c->first), w1[4], w2[4];
  for (uint32_t k = 0; k < c->n_w; k++) {
    w1[k] = c->param[first + k];
    w2[k] = value_new(c->m, w1[k].type, &c->mem);
    fill(c, &w2[k], 1000 + k, -1, 1);
    c->param[first + k] = w2[k];
  }
  Value *g2 = evaluate(c, c->first);
  for (uint32_t k = 0; k < c->n_w; k++) {
    Value w = value_new(c->m, w1[k].type, &c->mem);
    for (int64_t i = 0, n = ir_elements(ir_type_get(c->m, w.type)); i < n; i++) w.f[i] = w1[k].f[i] - 3 * w2[k].f[i];
    c->param[first + k] = w;
  }
  Value *g = evaluate(c, c->first);
  for (uint32_t j = 0; j < c->n_v; j++)
    for (int64_t i = 0, n = ir_elements(ir_type_get(c->m, g[j].type)); i < n; i++) {
      double want = g1[j].f[i] - 3 * g2[j].f[i];
      if (!(fabs(g[j].f[i] - want) <= 1e-9 * (1 + fabs(want))))
        fail_msg("%s: the rule is not linear in its cotangent", c->s->name);
    }
  for (uint32_t k = 0; k < c->n_w; k++) c->param[first + k] = w1[k];
}

void gradcheck(const GradCase *s) {
  Check c = {.s = s, .m = ir_module_new(NULL)};
  build_regions(&c);
  for (uint64_t seed = 0; seed < 2; seed++) {
    draw_params(&c, seed);
    compare(&c, c.value, c.first, 0, "first");
    compare(&c, c.second, c.second, 1, "second");
    check_linear(&c);
  }
  arena_free(&c.mem);
  ir_module_free(c.m);
}
