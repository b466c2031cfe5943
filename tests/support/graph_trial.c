#include "tests/support/graph_trial.h"
#include "ir/passes/passes.h"
#include "tests/support/graph_compare.h"
#include "tests/support/program_run.h"
#include <math.h>
#include <string.h>

static bool run_passes(GraphTrial *t, Module *m, const char *names) {
  DiagSink sink = {0};
  PassOptions o = {.verify_each = true};
  bool ok = pass_run_named(m, names, &o, &sink);
  if (!ok) snprintf(t->what, sizeof t->what, "passes %s: %s", names, sink.diag.n ? sink.diag.at[0].message : "failed");
  diag_sink_free(&sink);
  return ok;
}

/* The reference side of the trial. */
static ReferenceStatus reference(GraphTrial *t, Module *m, GraphReference *ref) {
  double noise = t->graph.dtype == DT_F32 ? 0x1p-24 : 0x1p-52;
  ReferenceStatus status = graph_reference(m, &m->task.at[0].step, t->graph.seed, noise, true, ref);
  t->discarded = status == REFERENCE_DISCARDED;
  if (status == REFERENCE_FAILED) snprintf(t->what, sizeof t->what, "the evaluator failed");
  return status;
}

static bool evaluate_side(GraphTrial *t, Module *m, const Value *in, Value *out, Arena *mem) {
  static const KTarget targets[] = {{64, 14}, {32, 6}, {16, 4}};
  const Graph *g = &m->task.at[0].step;
  int32_t status = RUN_OK;
  switch (t->side) {
  case ON_EVALUATOR: {
    EvalOptions o = {.round_f32 = true};
    if (eval_region(m, g->region, in, out, &o, mem)) return true;
    snprintf(t->what, sizeof t->what, "after the passes the evaluator failed");
    return false;
  }
  case ON_KERNELS: status = program_interpret(m, g, in, out, targets[t->graph.seed % 3], t->no_fusion, mem); break;
  case ON_MACHINE: status = program_execute(m, g, in, out, t->no_fusion, t->threads, mem); break;
  }
  if (status == PROGRAM_THREADS_DIFFER)
    snprintf(t->what, sizeof t->what, "the bits depend on the number of threads");
  else if (status != RUN_OK)
    snprintf(t->what, sizeof t->what, "the program ended with status %d", status);
  return status == RUN_OK;
}

static bool same_values(GraphTrial *t, const Module *m, GraphReference *ref, Module *other) {
  Value *out = arena_array(&ref->mem, Value, ref->n + 1);
  if (!evaluate_side(t, other, ref->in, out, &ref->mem)) return false;
  return graph_first_difference(m, ref, out, t->what, sizeof t->what) < 0;
}

/* ---------------------------------------------------------------- differences */

#define STEP 1e-4

/* The scalars of all levels at x + h v; false when a decision changed on the way. */
static bool levels_at(const Module *m, const Value *x, const Value *v, double h, uint64_t decisions, uint32_t per_level,
                      double *level, Arena *mem) {
  const Graph *g = &m->task.at[0].step;
  Value *in = arena_array(mem, Value, g->n_in + 1), *out = arena_array(mem, Value, g->n_out + 1);
  for (uint32_t i = 0; i < g->n_in; i++) {
    const Type *t = ir_type_get(m, x[i].type);
    in[i] = x[i];
    if (!ir_is_float((DType)t->dtype)) continue;
    in[i] = value_new(m, x[i].type, mem);
    for (int64_t k = 0; k < ir_elements(t); k++) in[i].f[k] = x[i].f[k] + h * v[i].f[k];
  }
  uint64_t now;
  EvalOptions o = {0};
  if (!graph_evaluate(m, g, in, &o, out, &now, mem) || now != decisions) return false;
  for (uint32_t k = 0; k * per_level < g->n_out; k++) level[k] = out[k * per_level].f[0];
  return true;
}

/* gradient of level k in direction v */
static double directional(const Module *m, const Value *out, uint32_t per_level, uint32_t k, const Value *v) {
  const Graph *g = &m->task.at[0].step;
  double sum = 0;
  uint32_t next = k * per_level + 1;
  for (uint32_t i = 0; i < g->n_in; i++) {
    const Type *t = ir_type_get(m, v[i].type);
    if (!ir_is_float((DType)t->dtype)) continue;
    for (int64_t e = 0; e < ir_elements(t); e++) sum += out[next].f[e] * v[i].f[e];
    next++;
  }
  return sum;
}

/* Each level's gradient against central differences of its scalar at two steps: their disagreement is the tolerance. */
static bool matches_differences(GraphTrial *t, const Module *m, Arena *mem) {
  const Graph *g = &m->task.at[0].step;
  static const double at[4] = {STEP, -STEP, 2 * STEP, -2 * STEP};
  Value *x = arena_array(mem, Value, g->n_in + 1), *v = arena_array(mem, Value, g->n_in + 1);
  Value *out = arena_array(mem, Value, g->n_out + 1);
  random_graph_inputs(m, g, t->graph.seed, mem, x);
  random_graph_inputs(m, g, t->graph.seed + 12345, mem, v);
  uint32_t per_level = g->n_out / t->order;
  double y[4][4];
  uint64_t decisions;
  EvalOptions o = {0};
  if (!graph_evaluate(m, g, x, &o, out, &decisions, mem)) return false;
  for (uint32_t s = 0; s < 4; s++) {
    if (levels_at(m, x, v, at[s], decisions, per_level, y[s], mem)) continue;
    t->discarded = true;
    return true;
  }
  for (uint32_t k = 0; k < t->order; k++) {
    double fine = (y[0][k] - y[1][k]) / (2 * STEP), coarse = (y[2][k] - y[3][k]) / (4 * STEP);
    double got = directional(m, out, per_level, k, v), want = (4 * fine - coarse) / 3;
    if (!isfinite(want) || fabs(fine - coarse) > 0.05 * (1 + fabs(fine))) t->discarded = true;
    if (t->discarded || fabs(got - want) <= 2 * fabs(fine - coarse) + 1e-6 * (1 + fabs(want))) continue;
    snprintf(t->what, sizeof t->what, "derivative of order %u: expected %.10g, got %.10g", k + 1, want, got);
    return false;
  }
  return true;
}

static bool differences_fail(GraphTrial *t, Module *m) {
  Arena mem = {0};
  random_graph_add_gradients(m, t->order);
  bool bad = !run_passes(t, m, "differentiate") || !matches_differences(t, m, &mem);
  arena_free(&mem);
  return bad;
}

/* GraphFails */
static bool fails(Module *m, void *user) {
  GraphTrial *t = user;
  t->what[0] = 0;
  t->discarded = false;
  if (!t->passes) return differences_fail(t, m);
  GraphReference ref;
  Module *other = random_graph_copy(m);
  bool bad = true;
  if (run_passes(t, m, "differentiate") && run_passes(t, other, t->passes)) {
    ReferenceStatus status = reference(t, m, &ref);
    bad = status == REFERENCE_FAILED || (status == REFERENCE_OK && !same_values(t, m, &ref, other));
    graph_reference_free(&ref);
  }
  ir_module_free(other);
  return bad;
}

bool graph_trial_run(GraphTrial *t) {
  Module *m = random_graph(&t->graph);
  bool bad = fails(m, t);
  ir_module_free(m);
  return !bad;
}

uint32_t graph_trial_many(GraphTrial t, uint32_t count) {
  uint32_t failed = 0, discarded = 0;
  for (uint64_t seed = 1; seed <= count; seed++) {
    GraphTrial one = t;
    one.graph = random_graph_options(seed, seed % 2 ? DT_F32 : DT_F64);
    one.threads = 2 + (uint32_t)(seed % 3);
    if (!t.passes) { /* differences need smooth graphs in f64, and take their gradients themselves */
      one.order = 1 + (uint32_t)(seed % 3);
      one.graph.dtype = DT_F64;
      one.graph.order = 0;
      one.graph.no_stop = true;
    }
    bool ok = graph_trial_run(&one);
    discarded += one.discarded;
    if (!ok && ++failed <= 3) graph_trial_report(&one, stderr);
  }
  if (discarded > count / 3) {
    fprintf(stderr, "%u of %u samples hang on rounding\n", discarded, count);
    failed++;
  }
  return failed;
}

void graph_trial_report(GraphTrial *t, FILE *out) {
  Module *small = random_graph_shrink(random_graph(&t->graph), fails, t);
  StrBuf text = {0};
  ir_print(small, IR_NONE, &text);
  fails(small, t); /* for the message */
  static const char *const side[] = {"evaluator", "kernels", "machine"};
  fprintf(out, "seed %llu, %s, %s%s, %u threads: %s\n%s\n", (unsigned long long)t->graph.seed,
          t->passes ? t->passes : "differences", side[t->side], t->no_fusion ? " without fusion" : "", t->threads,
          t->what, text.s);
  sb_free(&text);
  ir_module_free(small);
}
