/* The cache of compiled objects on disk: one file per unit, named by the hash of everything it depends on.
 *
 * Writers make a temporary file and rename it, so concurrent runs see whole files or none. A file whose content does not
 * match its own header, as after a loss of power, is ignored and removed: waiting for the disk would gain nothing. The folder is kept under a size limit by removing the
 * files used longest ago (their modification time is renewed on use). A cache that cannot be used is no error: the
 * caller compiles.
 */
#ifndef SEPPO_CODEGEN_CACHE_H
#define SEPPO_CODEGEN_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CACHE_DEFAULT_LIMIT ((uint64_t)256 << 20)

typedef struct CacheKey {
  uint64_t h[2];
} CacheKey;

/* Key of one unit: its canonical text, and a description of the target (host id, LLVM version, codegen version). */
CacheKey cache_key(const char *text, size_t n, const char *target);

typedef struct Cache Cache;

/* dir NULL: $XDG_CACHE_HOME/seppo or ~/.cache/seppo. The folder is made on the first store. NULL when there is no
 * place for a cache. */
Cache *cache_open(const char *dir, uint64_t limit_bytes);
void cache_close(Cache *c);
const char *cache_dir(const Cache *c);

/* The object's bytes, 16-byte aligned, to be freed by the caller; NULL when absent or damaged. */
void *cache_load(Cache *c, CacheKey key, size_t *size);
bool cache_store(Cache *c, CacheKey key, const void *bytes, size_t size);

typedef struct CacheEntry {
  CacheKey key;
  uint64_t bytes; /* of the file */
  time_t used;
} CacheEntry;

/* All entries, newest first; free(*out). Returns their number. */
uint32_t cache_list(Cache *c, CacheEntry **out);
/* Reads every entry and removes the damaged ones; returns how many were damaged. */
uint32_t cache_verify(Cache *c);
/* Removes every entry and every left-over temporary file; returns the number of files. */
uint32_t cache_clear(Cache *c);

#endif
