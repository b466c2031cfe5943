/* Random graphs: what a graph computes does not depend on the passes that ran on it. */
#include "ir/passes/passes.h"
#include "tests/support/graph_trial.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 200

static void gradients(void **state) {
  (void)state;
  assert_int_equal(graph_trial_many((GraphTrial){.passes = pass_pipeline_grad}, COUNT), 0);
}

static void simplify(void **state) {
  (void)state;
  assert_int_equal(graph_trial_many((GraphTrial){.passes = "differentiate,simplify"}, COUNT), 0);
}

static void everything(void **state) {
  (void)state;
  assert_int_equal(graph_trial_many((GraphTrial){.passes = pass_pipeline_opt}, COUNT), 0);
}

/* Derivatives of order 1 to 3 of whole graphs. */
static void differences(void **state) {
  (void)state;
  assert_int_equal(graph_trial_many((GraphTrial){0}, COUNT), 0);
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
