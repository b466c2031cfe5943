#include "tests/support/graph_compare.h"
#include "tests/support/random_graph.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOISE_RUNS 8

/* A fingerprint of every discrete decision of one evaluation. */
typedef struct Decisions {
  const Module *m;
  uint64_t hash;
} Decisions;

static bool watch(void *user, RegionId region, NodeId node, const Value *v) {
  Decisions *d = user;
  const Node *n = ir_node(d->m, region, node);
  const Type *t = ir_type_get(d->m, v->type);
  bool step = n->op == OP_floor || n->op == OP_ceil || n->op == OP_round || n->op == OP_sign;
  if (t->n_tuple || (ir_is_float((DType)t->dtype) && !step)) return true;
  for (int64_t i = 0, count = ir_elements(t); i < count; i++) {
    d->hash = (d->hash ^ (uint64_t)v->i[i]) * 0x9e3779b97f4a7c15u;
    d->hash ^= d->hash >> 29;
  }
  return true;
}

bool graph_evaluate(const Module *m, const Graph *g, const Value *in, const EvalOptions *o, Value *out,
                    uint64_t *decisions, Arena *mem) {
  Decisions d = {m, 0};
  EvalOptions watched = *o;
  watched.watch = watch;
  watched.user = &d;
  bool ok = eval_region(m, g->region, in, out, &watched, mem);
  *decisions = d.hash;
  return ok;
}

static bool is_float(const Module *m, const Value *v) { return ir_is_float((DType)ir_type_get(m, v->type)->dtype); }

static bool all_finite(const Module *m, const Value *v) {
  if (!is_float(m, v)) return true;
  for (int64_t i = 0, n = ir_elements(ir_type_get(m, v->type)); i < n; i++) {
    if (!isfinite(v->f[i]) || fabs(v->f[i]) > 1e30) return false;
  }
  return true;
}

static void widen(const Module *m, GraphReference *ref, const Value *noisy) {
  for (uint32_t k = 0; k < ref->n; k++) {
    if (!ref->tolerance[k]) continue;
    for (int64_t i = 0, n = ir_elements(ir_type_get(m, ref->out[k].type)); i < n; i++)
      ref->tolerance[k][i] = fmax(ref->tolerance[k][i], 8 * fabs(noisy[k].f[i] - ref->out[k].f[i]));
  }
}

/* The inputs under noise too: what a sum of products of them may differ by shows only so. */
static void shake(const Module *m, const GraphReference *ref, double noise, uint64_t seed, uint32_t n, Value *in,
                  Arena *mem) {
  for (uint32_t k = 0; k < n; k++) {
    in[k] = ref->in[k];
    if (!is_float(m, &in[k])) continue;
    int64_t count = ir_elements(ir_type_get(m, in[k].type));
    in[k].f = arena_memdup(mem, in[k].f, sizeof(double) * (size_t)(count + 1));
    for (int64_t i = 0; i < count; i++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      in[k].f[i] *= 1 + noise * ((double)(seed >> 40) * 0x1p-23 - 1);
    }
  }
}

static ReferenceStatus run_noise(const Module *m, const Graph *g, GraphReference *ref, EvalOptions *o, uint64_t seed,
                                 uint64_t decisions) {
  for (uint32_t run = 0; run < NOISE_RUNS; run++) {
    Arena mem = {0};
    Value *noisy = arena_array(&mem, Value, ref->n + 1);
    uint64_t again;
    o->noise_seed = seed * 64 + run + 1;
    Value *shaken = arena_array(&mem, Value, g->n_in + 1);
    shake(m, ref, o->noise, seed * 64 + run + 1, g->n_in, shaken, &mem);
    bool ok = graph_evaluate(m, g, shaken, o, noisy, &again, &mem);
    if (ok && again == decisions) widen(m, ref, noisy);
    arena_free(&mem);
    if (!ok || again != decisions) return REFERENCE_DISCARDED;
  }
  return REFERENCE_OK;
}

ReferenceStatus graph_reference(const Module *m, const Graph *g, uint64_t seed, double noise, bool round_f32,
                                GraphReference *ref) {
  *ref = (GraphReference){.n = g->n_out};
  ref->in = arena_array(&ref->mem, Value, g->n_in + 1);
  ref->out = arena_array(&ref->mem, Value, g->n_out + 1);
  ref->tolerance = arena_array(&ref->mem, double *, g->n_out + 1);
  random_graph_inputs(m, g, seed, &ref->mem, ref->in);
  EvalOptions o = {.round_f32 = round_f32};
  uint64_t decisions;
  if (!graph_evaluate(m, g, ref->in, &o, ref->out, &decisions, &ref->mem)) return REFERENCE_FAILED;
  for (uint32_t k = 0; k < ref->n; k++) {
    if (!all_finite(m, &ref->out[k])) return REFERENCE_DISCARDED;
    int64_t n = ir_elements(ir_type_get(m, ref->out[k].type));
    if (!is_float(m, &ref->out[k])) continue;
    ref->tolerance[k] = arena_array(&ref->mem, double, n + 1);
    for (int64_t i = 0; i < n; i++) ref->tolerance[k][i] = 8 * noise * fabs(ref->out[k].f[i]) + noise * 0x1p-20;
  }
  o.noise = noise;
  return run_noise(m, g, ref, &o, seed, decisions);
}

int graph_first_difference(const Module *m, const GraphReference *ref, const Value *got, char *what, size_t size) {
  for (uint32_t k = 0; k < ref->n; k++) {
    int64_t n = ir_elements(ir_type_get(m, ref->out[k].type));
    for (int64_t i = 0; i < n; i++) {
      if (!ref->tolerance[k]) {
        if (ref->out[k].i[i] == got[k].i[i]) continue;
        snprintf(what, size, "result %u[%lld]: expected %lld, got %lld", k, (long long)i, (long long)ref->out[k].i[i],
                 (long long)got[k].i[i]);
        return (int)k;
      }
      double want = ref->out[k].f[i], have = got[k].f[i];
      if (fabs(want - have) <= ref->tolerance[k][i]) continue;
      snprintf(what, size, "result %u[%lld]: expected %.17g, got %.17g, tolerance %.3g", k, (long long)i, want, have,
               ref->tolerance[k][i]);
      return (int)k;
    }
  }
  return -1;
}

void graph_reference_free(GraphReference *ref) { arena_free(&ref->mem); }
