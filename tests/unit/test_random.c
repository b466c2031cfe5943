/* Draws are frozen: known answers of Philox4x32-10, and of the layout of keys, sites and elements over blocks. */
#include "runtime/random.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The known-answer vectors published with Salmon et al. 2011 for philox4x32, 10 rounds. */
static void philox_known_answers(void **state) {
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], out[4];
  } kat[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t k = 0; k < sizeof kat / sizeof *kat; k++) {
    uint32_t out[4];
    random_philox((uint64_t)kat[k].key[1] << 32 | kat[k].key[0], kat[k].counter, out);
    for (int i = 0; i < 4; i++) assert_int_equal(out[i], kat[k].out[i]);
  }
}

static void elements_share_blocks_as_documented(void **state) {
  (void)state;
  uint64_t key = UINT64_C(0x299f31d0a4093822), site = UINT64_C(0x0370734413198a2e);
  uint64_t block = UINT64_C(0x85a308d3243f6a88);
  uint32_t w[4];
  random_block(key, site, block, w);
  assert_int_equal(w[0], 0xd16cfe09);
  for (uint64_t j = 0; j < 4; j++) {
    assert_int_equal(random_bits32(key, site, 4 * 7 + j), (random_block(key, site, 7, w), w[j]));
    assert_true(random_uniform32(key, site, 4 * 7 + j) == (w[j] >> 8) / 16777216.0);
  }
  random_block(key, site, 9, w);
  assert_true(random_bits64(key, site, 18) == ((uint64_t)w[1] << 32 | w[0]));
  assert_true(random_bits64(key, site, 19) == ((uint64_t)w[3] << 32 | w[2]));
  double r2 = -2 * log(((w[0] >> 8) + 1) / 16777216.0);
  double a = random_normal32(key, site, 36), b = random_normal32(key, site, 37);
  assert_true(fabs(a * a + b * b - r2) < 1e-12 * (1 + r2));
}

static void folds_are_frozen(void **state) {
  (void)state;
  assert_true(random_mix(0) == 0);
  /* first outputs of SplitMix64 seeded with 0 */
  assert_true(random_mix(UINT64_C(0x9E3779B97F4A7C15)) == UINT64_C(0xE220A8397B1DCDAF));
  assert_true(random_mix(2 * UINT64_C(0x9E3779B97F4A7C15)) == UINT64_C(0x6E789E6AA1B965F4));
  assert_true(random_key_fold(0, 0) == random_mix(UINT64_C(0xE220A8397B1DCDAF)));
  assert_true(random_key_fold(random_key_fold(1, 2), 3) != random_key_fold(random_key_fold(1, 3), 2));
}

static void normals_have_the_moments(void **state) {
  (void)state;
  double s1 = 0, s2 = 0, s4 = 0, t2 = 0;
  enum { N = 40000 };
  for (uint64_t i = 0; i < N; i++) {
    double z = random_normal32(5, 6, i), y = random_normal64(5, 6, i);
    s1 += z, s2 += z * z, s4 += z * z * z * z, t2 += y * y;
  }
  assert_true(fabs(s1 / N) < 0.02 && fabs(s2 / N - 1) < 0.03 && fabs(s4 / N - 3) < 0.2 && fabs(t2 / N - 1) < 0.03);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_known_answers),
      cmocka_unit_test(elements_share_blocks_as_documented),
      cmocka_unit_test(folds_are_frozen),
      cmocka_unit_test(normals_have_the_moments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
