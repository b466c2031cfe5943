/* Random graphs as machine code, every pass on and every pass off, with the same bits on one thread and on more: equal
 * to the reference evaluator. `./dev fuzz` does the same with more of them. */
#include "ir/passes/passes.h"
#include "tests/support/graph_trial.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_pass_on(void **state) {
  (void)state;
  GraphTrial t = {.passes = pass_pipeline_opt, .side = ON_MACHINE};
  assert_int_equal(graph_trial_many(t, 200), 0);
}

static void every_pass_off(void **state) {
  (void)state;
  GraphTrial t = {.passes = "differentiate", .side = ON_MACHINE, .no_fusion = true};
  assert_int_equal(graph_trial_many(t, 60), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_pass_on), cmocka_unit_test(every_pass_off)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
