/* Random graphs: what a graph computes does not depend on the passes that ran on it. */
#include "ir/passes.h"
#include "tests/support/graph_trial.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 200

static void check_passes(const char *passes) {
  uint32_t discarded = 0, failed = 0;
  for (uint64_t seed = 1; seed <= COUNT; seed++) {
    GraphTrial t = {.graph = random_graph_options(seed, seed % 2 ? DT_F32 : DT_F64), .passes = passes};
    bool ok = graph_trial_run(&t);
    discarded += t.discarded;
    if (!ok && ++failed <= 3) graph_trial_report(&t, stderr);
  }
  print_message("%s: %u of %d discarded\n", passes, discarded, COUNT);
  assert_int_equal(failed, 0);
  assert_true(discarded < COUNT / 3);
}

static void gradients(void **state) {
  (void)state;
  check_passes(pass_pipeline_grad);
}

static void simplify(void **state) {
  (void)state;
  check_passes("differentiate,simplify");
}

static void everything(void **state) {
  (void)state;
  check_passes(pass_pipeline_opt);
}

/* Derivatives of order 1 to 3 of whole graphs against differences. */
static void differences(void **state) {
  (void)state;
  uint32_t discarded = 0, failed = 0;
  for (uint64_t seed = 1; seed <= COUNT; seed++) {
    GraphTrial t = {.graph = random_graph_options(seed, DT_F64), .order = 1 + (uint32_t)(seed % 3)};
    t.graph.order = 0;
    t.graph.no_stop = true;
    bool ok = graph_trial_run(&t);
    discarded += t.discarded;
    if (!ok && ++failed <= 3) graph_trial_report(&t, stderr);
  }
  assert_int_equal(failed, 0);
  assert_true(discarded < COUNT / 3);
}

static char *printed(const Module *m) {
  StrBuf b = {0};
  ir_print(m, IR_NONE, &b);
  return sb_take(&b);
}

/* The draws of a region and its bodies, in the order of their nodes. */
static void collect_sites(const Module *m, RegionId region, StrBuf *out) {
  const Region *r = ir_region(m, region);
  for (uint32_t n = 0; n < r->node.n; n++) {
    const Node *node = &r->node.at[n];
    if (node->op == OP_random)
      sb_printf(out, "|%llx %s|", (unsigned long long)ir_attr_get(m, node->attr)->site, ir_type_str(m, node->type));
    for (uint32_t k = 0; k < 2; k++) {
      if (node->body[k] != IR_NONE) collect_sites(m, node->body[k], out);
    }
  }
}

/* A second run of what follows differentiation changes nothing; no draw appears that was not there. */
static void idempotent(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= COUNT; seed++) {
    RandomGraphOptions o = random_graph_options(seed, DT_F32);
    Module *m = random_graph(&o);
    StrBuf before = {0}, after = {0};
    collect_sites(m, m->task.at[0].step.region, &before);
    DiagSink sink = {0};
    assert_true(pass_run_named(m, pass_pipeline_opt, NULL, &sink));
    char *once = printed(m);
    assert_true(pass_run_named(m, pass_pipeline_opt + strlen(pass_pipeline_grad) + 1, NULL, &sink));
    char *twice = printed(m);
    assert_string_equal(once, twice);
    collect_sites(m, m->task.at[0].step.region, &after);
    for (char *site = after.s ? strtok(after.s, "|") : NULL; site; site = strtok(NULL, "|"))
      assert_non_null(strstr(before.s, site));
    free(once);
    free(twice);
    sb_free(&before);
    sb_free(&after);
    diag_sink_free(&sink);
    ir_module_free(m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients),  cmocka_unit_test(simplify),    cmocka_unit_test(everything),
      cmocka_unit_test(idempotent), cmocka_unit_test(differences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
