/* `seppo cache`: what lies in the cache of compiled objects. */
#include "codegen/object/cache.h"
#include "driver/commands.h"
#include <stdio.h>
#include <stdlib.h>

static int list(Cache *c) {
  CacheEntry *entry = NULL;
  uint32_t n = cache_list(c, &entry);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < n; i++) {
    char when[32];
    struct tm tm;
    localtime_r(&entry[i].used, &tm);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
    printf("%016llx%016llx  %8llu bytes  used %s\n", (unsigned long long)entry[i].key.h[0],
           (unsigned long long)entry[i].key.h[1], (unsigned long long)entry[i].bytes, when);
    bytes += entry[i].bytes;
  }
  printf("%u objects, %.1f MB in %s\n", n, (double)bytes * 1e-6, cache_dir(c));
  free(entry);
  return EXIT_DONE;
}

static int verify(Cache *c) {
  uint32_t damaged = cache_verify(c);
  printf("%u damaged objects removed from %s\n", damaged, cache_dir(c));
  return damaged ? EXIT_FILES : EXIT_DONE;
}

static int clear(Cache *c) {
  printf("%u files removed from %s\n", cache_clear(c), cache_dir(c));
  return EXIT_DONE;
}

int cmd_cache(const Options *o) {
  static const char *const verbs[] = {"list", "verify", "clear", NULL};
  static int (*const run[])(Cache *) = {list, verify, clear};
  int k = option_choice("`seppo cache`", o->word[0], verbs);
  if (k < 0) return EXIT_USAGE;
  Cache *c = cache_open(NULL, CACHE_DEFAULT_LIMIT);
  if (!c) return fprintf(stderr, "seppo: there is no cache folder: set XDG_CACHE_HOME or HOME\n"), EXIT_FILES;
  int status = run[k](c);
  cache_close(c);
  return status;
}
