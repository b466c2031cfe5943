#include "runtime/order.h"
#include "runtime/random.h"

enum { WORDS = 1024 }; /* words drawn at a time; a block gives four */

typedef struct WordStream {
  uint64_t key, site, block;
  uint32_t used;
  uint32_t word[WORDS];
} WordStream;

static uint32_t next_word(WordStream *s) {
  if (s->used == WORDS) {
    for (uint32_t i = 0; i < WORDS; i += 4) random_block(s->key, s->site, s->block++, &s->word[i]);
    s->used = 0;
  }
  return s->word[s->used++];
}

/* Uniform on 0 .. n-1 without bias: multiply and reject (Lemire, "Fast random integer generation in an interval",
 * 2019). */
static uint32_t below(WordStream *s, uint32_t n) {
  uint64_t m = (uint64_t)next_word(s) * n;
  if ((uint32_t)m < n) {
    uint32_t bad = (uint32_t)-n % n;
    while ((uint32_t)m < bad) m = (uint64_t)next_word(s) * n;
  }
  return (uint32_t)(m >> 32);
}

void order_identity(int32_t *order, int64_t n) {
  for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
}

void order_shuffle(int32_t *order, int64_t n, uint64_t seed, uint64_t stream, uint64_t epoch) {
  WordStream s = {.key = random_key_fold(random_key_fold(seed, stream), epoch), .site = 0, .used = WORDS};
  order_identity(order, n);
  for (int64_t i = n - 1; i > 0; i--) {
    uint32_t j = below(&s, (uint32_t)i + 1);
    int32_t t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
}
