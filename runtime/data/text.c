/* Text as sequences of characters: the distinct bytes of the file, in order, are numbered 0 .. vocabulary-1; a row is
 * `length` of them in x and the same moved on by one in y. */
#include "runtime/data/internal.h"
#include <math.h>

static bool add_rows(DataCall *c, const FileText *t, const char *path, int64_t length) {
  bool seen[256] = {false};
  uint8_t number[256];
  uint32_t n = 0;
  for (size_t i = 0; i < t->n; i++) seen[(uint8_t)t->s[i]] = true;
  for (uint32_t b = 0; b < 256; b++) {
    number[b] = (uint8_t)n;
    n += seen[b];
  }
  int64_t rows = t->n > 0 ? ((int64_t)t->n - 1) / length : 0;
  if (rows == 0) return data_broken(c, path, "%zu characters are too few for one row of %lld", t->n, (long long)length);
  DataStore *store = store_new(c, NULL, NULL), *next = store_new(c, NULL, NULL);
  uint8_t *out = store_alloc(c, store, t->n);
  if (!out) return false;
  for (size_t i = 0; i < t->n; i++) out[i] = number[(uint8_t)t->s[i]];
  store->bytes = out;
  next->bytes = out + 1;
  DataSplit *split = source_add_split(c, NULL, rows);
  DataShape shape = {DT_U8, 2, {rows, length}};
  split_add_field(c, split, "x", &shape, store);
  split_add_field(c, split, "y", &shape, next);
  source_add_fact(c, "vocabulary", n);
  return true;
}

bool text_open(DataCall *c, const DataOptions *o) {
  double length = option_number(o, "length", 64);
  if (!(length >= 1 && length <= 1e9 && length == floor(length)))
    return data_misuse(c, option_find(o, "length")->span, "`length` must be a whole number of at least 1");
  const char *path = file_find(c, option_string(o, NULL, NULL));
  FileText t;
  if (!path || !file_text(c, path, &t)) return false;
  c->d->origin = path;
  bool ok = add_rows(c, &t, path, (int64_t)length);
  text_close(&t);
  return ok;
}
