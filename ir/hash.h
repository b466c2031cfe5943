/* Hashing and an open-addressing table of 32-bit ids; the entries themselves live with the owner. */
#ifndef SEPPO_IR_HASH_H
#define SEPPO_IR_HASH_H

#include "ir/ir.h"

static inline uint64_t hash_mix(uint64_t h, uint64_t x) {
  h = (h ^ x) * 0x9E3779B97F4A7C15u;
  return h ^ (h >> 32);
}
uint64_t hash_bytes(uint64_t h, const void *p, size_t n);

typedef struct IdTable {
  uint32_t *id;   /* IR_NONE = free */
  uint32_t *hash; /* of the id beside it */
  uint32_t cap, n;
} IdTable;

typedef bool (*IdEqual)(const void *key, const void *owner, uint32_t id);

/* The id whose entry equals key, or IR_NONE. */
uint32_t table_find(const IdTable *t, uint64_t hash, IdEqual equal, const void *key, const void *owner);
void table_add(IdTable *t, uint64_t hash, uint32_t id);
void table_free(IdTable *t);

#endif
