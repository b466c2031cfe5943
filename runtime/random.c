/* Scalar reference of the draws defined in runtime/random.h. */
#include "runtime/random.h"
#include <math.h>

enum { ROUNDS = 10 };
static const uint32_t MUL0 = 0xD2511F53u, MUL1 = 0xCD9E8D57u;   /* round multipliers */
static const uint32_t WEYL0 = 0x9E3779B9u, WEYL1 = 0xBB67AE85u; /* key schedule */
static const uint64_t GOLDEN = UINT64_C(0x9E3779B97F4A7C15);
static const double TWO_PI = 6.283185307179586476925286766559;

void random_philox(uint64_t key, const uint32_t counter[4], uint32_t out[4]) {
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  for (int r = 0; r < ROUNDS; r++) {
    uint64_t p0 = (uint64_t)MUL0 * c0, p1 = (uint64_t)MUL1 * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += WEYL0;
    k1 += WEYL1;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void random_block(uint64_t key, uint64_t site, uint64_t block, uint32_t out[4]) {
  const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)site, (uint32_t)(site >> 32)};
  random_philox(key, counter, out);
}

uint64_t random_mix(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

uint64_t random_key_fold(uint64_t key, uint64_t index) { return random_mix(key ^ random_mix(index + GOLDEN)); }

uint32_t random_bits32(uint64_t key, uint64_t site, uint64_t element) {
  uint32_t w[4];
  random_block(key, site, element / 4, w);
  return w[element % 4];
}

/* Half `j` of a block as one 64-bit word. */
static uint64_t half(const uint32_t w[4], uint64_t j) { return (uint64_t)w[2 * j + 1] << 32 | w[2 * j]; }

uint64_t random_bits64(uint64_t key, uint64_t site, uint64_t element) {
  uint32_t w[4];
  random_block(key, site, element / 2, w);
  return half(w, element % 2);
}

double random_uniform32(uint64_t key, uint64_t site, uint64_t element) {
  return (random_bits32(key, site, element) >> 8) * 0x1p-24;
}

double random_uniform64(uint64_t key, uint64_t site, uint64_t element) {
  return (double)(random_bits64(key, site, element) >> 11) * 0x1p-53;
}

/* One member of a Box-Muller pair from u1 in (0, 1] and u2 in [0, 1). */
static double normal(double u1, double u2, uint64_t odd) {
  double r = sqrt(-2 * log(u1)), angle = TWO_PI * u2;
  return r * (odd ? sin(angle) : cos(angle));
}

double random_normal32(uint64_t key, uint64_t site, uint64_t element) {
  uint32_t w[4];
  random_block(key, site, element / 4, w);
  uint64_t pair = element % 4 / 2;
  return normal(((w[2 * pair] >> 8) + 1) * 0x1p-24, (w[2 * pair + 1] >> 8) * 0x1p-24, element % 2);
}

double random_normal64(uint64_t key, uint64_t site, uint64_t element) {
  uint32_t w[4];
  random_block(key, site, element / 2, w);
  return normal((double)((half(w, 0) >> 11) + 1) * 0x1p-53, (double)(half(w, 1) >> 11) * 0x1p-53, element % 2);
}
