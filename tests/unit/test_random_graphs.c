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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients),
      cmocka_unit_test(simplify),
      cmocka_unit_test(everything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
