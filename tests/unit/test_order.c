/* Row orders: permutations that depend on (seed, stream, epoch) alone, without bias. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/order.h"
#include <string.h>

enum { N = 60000 };
static int32_t order[N], other[N];

static void is_permutation(void **state) {
  (void)state;
  static const int64_t lengths[] = {0, 1, 2, 3, 1000, N};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    static uint8_t seen[N];
    memset(seen, 0, sizeof seen);
    order_shuffle(order, lengths[i], 1, 2, 3);
    for (int64_t k = 0; k < lengths[i]; k++) {
      assert_in_range(order[k], 0, lengths[i] - 1);
      assert_int_equal(seen[order[k]]++, 0);
    }
  }
}

static void depends_on_its_key(void **state) {
  (void)state;
  order_shuffle(order, N, 1, 2, 3);
  order_shuffle(other, N, 1, 2, 3);
  assert_memory_equal(order, other, sizeof order);
  static const uint64_t keys[][3] = {{2, 2, 3}, {1, 3, 3}, {1, 2, 4}};
  for (int i = 0; i < 3; i++) {
    order_shuffle(other, N, keys[i][0], keys[i][1], keys[i][2]);
    assert_memory_not_equal(order, other, sizeof order);
  }
  order_identity(order, 5);
  assert_true(order[0] == 0 && order[4] == 4);
}

/* Over 24,000 shuffles of four, each of the 24 orders comes about 1000 times (chi-squared, 23 degrees: 49.7 at 0.1 %).
 */
static void is_uniform(void **state) {
  (void)state;
  uint32_t count[256] = {0};
  for (uint64_t e = 0; e < 24000; e++) {
    order_shuffle(order, 4, 7, 0, e);
    count[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
  }
  double chi = 0;
  uint32_t kinds = 0;
  for (int i = 0; i < 256; i++) {
    if (count[i] == 0) continue;
    kinds++;
    chi += (count[i] - 1000.0) * (count[i] - 1000.0) / 1000.0;
  }
  assert_int_equal(kinds, 24);
  assert_true(chi < 49.7);
}

/* Frozen: a checkpoint's position means something only while these stay. */
static void known_answer(void **state) {
  (void)state;
  static const int32_t expected[8] = {0, 5, 4, 7, 2, 1, 3, 6};
  order_shuffle(order, 8, 42, 1, 1);
  assert_memory_equal(order, expected, sizeof expected);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(is_permutation), cmocka_unit_test(depends_on_its_key),
                                     cmocka_unit_test(is_uniform), cmocka_unit_test(known_answer)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
