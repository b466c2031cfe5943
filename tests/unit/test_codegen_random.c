/* Random graphs through lowering and the interpreter of kernel IR: equal to the reference evaluator. */
#include "ir/passes/passes.h"
#include "tests/support/graph_trial.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void unfused(void **state) {
  (void)state;
  GraphTrial t = {.passes = "differentiate", .side = ON_KERNELS, .no_fusion = true};
  assert_int_equal(graph_trial_many(t, 200), 0);
}

static void fused(void **state) {
  (void)state;
  GraphTrial t = {.passes = "differentiate", .side = ON_KERNELS};
  assert_int_equal(graph_trial_many(t, 200), 0);
}

static void optimised(void **state) {
  (void)state;
  GraphTrial t = {.passes = pass_pipeline_opt, .side = ON_KERNELS};
  assert_int_equal(graph_trial_many(t, 200), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(unfused), cmocka_unit_test(fused), cmocka_unit_test(optimised)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
