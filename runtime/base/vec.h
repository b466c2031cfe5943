/* Vec(T): a growable array on the heap. Zero-initialised is empty; vec_free releases it. */
#ifndef SEPPO_BASE_VEC_H
#define SEPPO_BASE_VEC_H

#include <stddef.h>
#include <stdint.h>

#define Vec(T)                                                                                                         \
  struct {                                                                                                             \
    T *at;                                                                                                             \
    uint32_t n;                                                                                                        \
    uint32_t cap;                                                                                                      \
  }

/* Grows *at to hold `need` elements of `size` bytes; exits with status 3 when out of memory. */
void vec_reserve_(void **at, uint32_t *cap, uint32_t need, size_t size);

#define vec_reserve(v, need) vec_reserve_((void **)&(v)->at, &(v)->cap, (need), sizeof *(v)->at)
#define vec_push(v, x) (vec_reserve((v), (v)->n + 1), (v)->at[(v)->n++] = (x))
#define vec_last(v) ((v)->at[(v)->n - 1])
#define vec_free(v) (free((v)->at), (v)->at = NULL, (v)->n = (v)->cap = 0)

#endif
