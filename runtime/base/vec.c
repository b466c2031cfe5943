#include "runtime/base/vec.h"
#include <stdio.h>
#include <stdlib.h>

void vec_reserve_(void **at, uint32_t *cap, uint32_t need, size_t size) {
  if (need <= *cap) return;
  uint64_t grown = *cap ? (uint64_t)*cap * 2 : 8;
  if (grown < need) grown = need;
  if (grown > UINT32_MAX) grown = UINT32_MAX;
  void *p = realloc(*at, (size_t)grown * size);
  if (!p) {
    fputs("seppo: out of memory\n", stderr);
    exit(3);
  }
  *at = p;
  *cap = (uint32_t)grown;
}
