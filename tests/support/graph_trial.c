#include "tests/support/graph_trial.h"
#include "ir/passes.h"
#include "tests/support/graph_compare.h"
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
  bool f32 = t->graph.dtype == DT_F32;
  ReferenceStatus status = graph_reference(m, &m->task.at[0].step, t->graph.seed, f32 ? 0x1p-24 : 0x1p-52, f32, ref);
  t->discarded = status == REFERENCE_DISCARDED;
  if (status == REFERENCE_FAILED) snprintf(t->what, sizeof t->what, "the evaluator failed");
  return status;
}

static bool same_values(GraphTrial *t, const Module *m, GraphReference *ref, const Module *other) {
  Value *out = arena_array(&ref->mem, Value, ref->n + 1);
  EvalOptions o = {.round_f32 = t->graph.dtype == DT_F32};
  if (!eval_region(other, other->task.at[0].step.region, ref->in, out, &o, &ref->mem)) {
    snprintf(t->what, sizeof t->what, "after %s the evaluator failed", t->passes);
    return false;
  }
  return graph_first_difference(m, ref, out, t->what, sizeof t->what) < 0;
}

/* GraphFails */
static bool fails(Module *m, void *user) {
  GraphTrial *t = user;
  GraphReference ref;
  Module *other = random_graph_copy(m);
  bool bad = true;
  t->what[0] = 0;
  t->discarded = false;
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

void graph_trial_report(GraphTrial *t, FILE *out) {
  Module *small = random_graph_shrink(random_graph(&t->graph), fails, t);
  StrBuf text = {0};
  ir_print(small, IR_NONE, &text);
  fails(small, t); /* for the message */
  fprintf(out, "seed %llu, passes %s: %s\n%s\n", (unsigned long long)t->graph.seed, t->passes, t->what, text.s);
  sb_free(&text);
  ir_module_free(small);
}
