/* Arena: bump allocation for everything that lives as long as one compilation.
 * Nothing allocated here is freed alone; arena_free releases all of it at once. */
#ifndef SEPPO_BASE_ARENA_H
#define SEPPO_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct ArenaBlock ArenaBlock;
typedef struct Arena {
  ArenaBlock *head;
  size_t used; /* bytes handed out, for tests and memory reports */
} Arena;

/* Zeroed memory aligned to 16 bytes; never NULL (exits with status 3 when the machine is out of memory). */
void *arena_alloc(Arena *a, size_t bytes);
char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *arena_memdup(Arena *a, const void *p, size_t n);
void arena_free(Arena *a);

#define arena_new(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

#endif
