#include "runtime/base/arena.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = 1 << 20 };

struct ArenaBlock {
  ArenaBlock *next;
  size_t size, at; /* of data, in bytes */
  _Alignas(16) unsigned char data[];
};

static void out_of_memory(void) {
  fputs("seppo: out of memory\n", stderr);
  exit(3);
}

/* Pushes a block with room for `bytes`; blocks double in size up to LARGEST_BLOCK. */
static ArenaBlock *new_block(Arena *a, size_t bytes) {
  size_t size = a->head ? a->head->size * 2 : FIRST_BLOCK;
  if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
  if (size < bytes) size = bytes;
  if (size > SIZE_MAX - sizeof(ArenaBlock)) out_of_memory();
  ArenaBlock *b = calloc(1, sizeof *b + size);
  if (!b) out_of_memory();
  b->size = size;
  b->next = a->head;
  a->head = b;
  return b;
}

void *arena_alloc(Arena *a, size_t bytes) {
  if (bytes > SIZE_MAX - 64) out_of_memory();
  bytes = (bytes + 15) & ~(size_t)15;
  ArenaBlock *b = a->head;
  if (!b || b->size - b->at < bytes) b = new_block(a, bytes);
  void *p = b->data + b->at;
  b->at += bytes;
  a->used += bytes;
  return p;
}

void *arena_memdup(Arena *a, const void *p, size_t n) {
  void *copy = arena_alloc(a, n);
  if (n) memcpy(copy, p, n);
  return copy;
}

char *arena_strndup(Arena *a, const char *s, size_t n) {
  char *copy = arena_alloc(a, n + 1);
  if (n) memcpy(copy, s, n);
  return copy;
}

char *arena_strdup(Arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_printf(Arena *a, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n < 0) return arena_strdup(a, "");
  char *s = arena_alloc(a, (size_t)n + 1);
  va_start(ap, fmt);
  vsnprintf(s, (size_t)n + 1, fmt, ap);
  va_end(ap);
  return s;
}

void arena_free(Arena *a) {
  for (ArenaBlock *b = a->head; b;) {
    ArenaBlock *next = b->next;
    free(b);
    b = next;
  }
  *a = (Arena){0};
}
