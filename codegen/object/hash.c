/* Two lanes of multiply-and-fold over 64-bit words, with different odd constants. */
#include "codegen/object/hash.h"
#include <string.h>

static uint64_t fold(uint64_t x, uint64_t y) {
  const unsigned __int128 p = (unsigned __int128)x * y;
  return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static void word(Hash *h, uint64_t v) {
  h->a = fold(h->a ^ v, 0xa0761d6478bd642fu) + 0x8ebc6af09c88c6e3u;
  h->b = fold(h->b + v, 0xe7037ed1a0b428dbu) ^ (h->a >> 29);
}

void hash_add(Hash *h, const void *bytes, size_t n) {
  const uint8_t *p = bytes;
  size_t i = 0;
  uint64_t v;
  for (; i + 8 <= n; i += 8) {
    memcpy(&v, p + i, 8);
    word(h, v);
  }
  v = 0;
  if (i < n) memcpy(&v, p + i, n - i);
  word(h, v);
  word(h, n);
  h->length += n;
}

void hash_end(const Hash *h, uint64_t out[2]) {
  Hash e = *h;
  for (int i = 0; i < 3; i++) word(&e, e.length);
  out[0] = fold(e.a ^ 0x589965cc75374cc3u, 0x1d8e4e27c47d124fu);
  out[1] = fold(e.b ^ 0xeb44accab455d165u, 0x9e3779b97f4a7c15u) ^ e.a;
}
