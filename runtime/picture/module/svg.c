/* SVG files that depend on what is drawn alone: cairo numbers surfaces and images through the whole process. */
#include "runtime/picture/module/raster.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IDS = 256 };

typedef struct Ids {
  unsigned long seen[MAX_IDS];
  uint32_t n;
} Ids;

/* The place of cairo's number among those met so far; the number itself when there are more than anyone draws. */
static unsigned long renumber(Ids *ids, unsigned long id) {
  for (uint32_t i = 0; i < ids->n; i++)
    if (ids->seen[i] == id) return i;
  if (ids->n == MAX_IDS) return id;
  ids->seen[ids->n] = id;
  return ids->n++;
}

/* Length of `"surface` or `#image` at s when a number follows, else 0. */
static size_t id_prefix(const char *s) {
  static const char *const words[] = {"surface", "image"};
  if (*s != '"' && *s != '#') return 0;
  for (int i = 0; i < 2; i++) {
    size_t n = 1 + strlen(words[i]);
    if (strncmp(s + 1, words[i], n - 1) == 0 && isdigit((unsigned char)s[n])) return n;
  }
  return 0;
}

bool svg_write(const char *path, const StrBuf *drawn) {
  FILE *f = fopen(path, "wb");
  if (!f) return false;
  Ids ids = {0};
  for (const char *s = drawn->s, *end = s + drawn->n; s && s < end;) {
    size_t n = id_prefix(s);
    if (n) {
      char *behind;
      unsigned long id = strtoul(s + n, &behind, 10);
      fprintf(f, "%.*s%lu", (int)n, s, renumber(&ids, id));
      s = behind;
      continue;
    }
    n = 1 + strcspn(s + 1, "\"#");
    fwrite(s, 1, n, f);
    s += n;
  }
  bool ok = !ferror(f);
  return fclose(f) == 0 && ok;
}
