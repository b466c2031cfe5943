/* 128-bit hash of bytes, for keys and integrity of cached objects. Fast and well mixed; not meant against an adversary:
 * whoever can write to the cache folder can write to the program. */
#ifndef SEPPO_CODEGEN_HASH_H
#define SEPPO_CODEGEN_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct Hash {
  uint64_t a, b, length;
} Hash;
#define HASH_INIT ((Hash){0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu, 0})

/* Appends n bytes and their count: ("ab", "c") and ("a", "bc") differ. */
void hash_add(Hash *h, const void *bytes, size_t n);
void hash_end(const Hash *h, uint64_t out[2]);

#endif
