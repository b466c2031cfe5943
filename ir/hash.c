#include "ir/hash.h"
#include <stdlib.h>
#include <string.h>

uint64_t hash_bytes(uint64_t h, const void *p, size_t n) {
  const unsigned char *b = p;
  uint64_t word;
  for (; n >= 8; n -= 8, b += 8) {
    memcpy(&word, b, 8);
    h = hash_mix(h, word);
  }
  word = 0;
  if (n) memcpy(&word, b, n);
  return hash_mix(h, word ^ ((uint64_t)n << 56));
}

uint32_t table_find(const IdTable *t, uint64_t hash, IdEqual equal, const void *key, const void *owner) {
  if (!t->cap) return IR_NONE;
  uint32_t mask = t->cap - 1, tag = (uint32_t)hash;
  for (uint32_t i = tag & mask; t->id[i] != IR_NONE; i = (i + 1) & mask)
    if (t->hash[i] == tag && equal(key, owner, t->id[i])) return t->id[i];
  return IR_NONE;
}

static void place(IdTable *t, uint32_t tag, uint32_t id) {
  uint32_t mask = t->cap - 1, i = tag & mask;
  while (t->id[i] != IR_NONE) i = (i + 1) & mask;
  t->id[i] = id;
  t->hash[i] = tag;
}

/* Doubles the table; it is at most half full. */
static void grow(IdTable *t) {
  IdTable old = *t;
  uint32_t cap = old.cap ? old.cap * 2 : 64;
  *t = (IdTable){.cap = cap, .n = old.n};
  vec_reserve_((void **)&t->id, &(uint32_t){0}, cap, sizeof *t->id);
  vec_reserve_((void **)&t->hash, &(uint32_t){0}, cap, sizeof *t->hash);
  memset(t->id, 0xFF, cap * sizeof *t->id);
  for (uint32_t i = 0; i < old.cap; i++)
    if (old.id[i] != IR_NONE) place(t, old.hash[i], old.id[i]);
  free(old.id);
  free(old.hash);
}

void table_add(IdTable *t, uint64_t hash, uint32_t id) {
  if (t->n * 2 >= t->cap) grow(t);
  t->n++;
  place(t, (uint32_t)hash, id);
}

void table_free(IdTable *t) {
  free(t->id);
  free(t->hash);
  *t = (IdTable){0};
}
