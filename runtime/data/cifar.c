/* CIFAR-10 in its binary format (Krizhevsky 2009): records of one label byte and 32x32 pixels as three planes. Pixels
 * are turned once to channels last, [32, 32, 3], and kept in the cache. */
#include "runtime/data/internal.h"
#include <string.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE, RECORD = 1 + PIXELS, MAX_FILES = 5 };

typedef struct Batches {
  uint32_t n;
  const char *path[MAX_FILES];
  int64_t rows[MAX_FILES];
  int64_t total;
  bool labels;
  const char *key;
  DataShape shape;
} Batches;

static void planes_to_pixels(const uint8_t *in, uint8_t *out) {
  for (int i = 0; i < PLANE; i++)
    for (int k = 0; k < 3; k++) out[3 * i + k] = in[k * PLANE + i];
}

static bool fill(DataCall *c, void *out, void *arg) {
  const Batches *b = arg;
  uint8_t *to = out;
  for (uint32_t i = 0; i < b->n; i++) {
    FileView v;
    if (!file_view(c, b->path[i], &v)) return false;
    bool whole = v.n == (size_t)b->rows[i] * RECORD;
    for (int64_t r = 0; whole && r < b->rows[i]; r++) {
      const uint8_t *record = v.bytes + r * RECORD;
      if (b->labels)
        *to++ = record[0];
      else
        planes_to_pixels(record + 1, to), to += PIXELS;
    }
    bool bad_label = false;
    for (int64_t r = 0; whole && b->labels && r < b->rows[i]; r++) bad_label |= v.bytes[r * RECORD] > 9;
    file_close(&v);
    if (!whole) return data_broken(c, b->path[i], "has changed its length");
    if (bad_label) return data_broken(c, b->path[i], "not CIFAR-10: a label is above 9");
  }
  return true;
}

static bool load(DataCall *c, DataStore *s) {
  Batches *b = s->detail;
  return cache_fill(c, b->key, &b->shape, s, fill, b);
}

static void add_field(DataCall *c, DataSplit *split, const Batches *files, const char *field, const char *key) {
  Batches *b = arena_memdup(&c->d->mem, files, sizeof *files);
  b->labels = strcmp(field, "label") == 0;
  b->key = arena_printf(&c->d->mem, "cifar %s\n%s", field, key);
  b->shape = (DataShape){DT_U8, b->labels ? 1 : 4, {b->total, SIDE, SIDE, 3}};
  DataStore *store = store_new(c, load, b);
  DataShape known;
  cache_lookup(c, b->key, &known, store);
  split_add_field(c, split, field, &b->shape, store);
}

/* The split's files in the folder; none is fine, a file that is no whole number of records is not. */
static bool add_split(DataCall *c, const char *folder, const char *name, const char *const *file, uint32_t n) {
  Batches b = {0};
  StrBuf key = {0};
  bool ok = true;
  for (uint32_t i = 0; i < n && ok; i++) {
    const char *path = arena_printf(&c->d->mem, "%s/%s", folder, file[i]);
    FileView v;
    if (!file_exists(path)) continue;
    ok = file_view(c, path, &v);
    if (!ok) break;
    if (v.n == 0 || v.n % RECORD != 0)
      ok = data_broken(c, path, "not CIFAR-10: %zu bytes are no whole number of records of %d", v.n, RECORD);
    b.path[b.n] = path;
    b.rows[b.n++] = (int64_t)(v.n / RECORD);
    b.total += (int64_t)(v.n / RECORD);
    sb_printf(&key, "%s\n", data_cache_key(c, "", &v));
    file_close(&v);
  }
  if (ok && b.n > 0) {
    DataSplit *split = source_add_split(c, name, b.total);
    add_field(c, split, &b, "x", key.s);
    add_field(c, split, &b, "label", key.s);
  }
  sb_free(&key);
  return ok;
}

static const char *const train_files[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                          "data_batch_4.bin", "data_batch_5.bin"};
static const char *const test_files[] = {"test_batch.bin"};

bool cifar_in(DataCall *c, const char *folder) {
  return file_exists(arena_printf(&c->d->mem, "%s/%s", folder, train_files[0])) ||
         file_exists(arena_printf(&c->d->mem, "%s/%s", folder, test_files[0]));
}

bool cifar_from(DataCall *c, const DataOptions *o, const char *folder) {
  static const double unit[2] = {0, 1};
  c->d->origin = folder;
  if (!add_split(c, folder, "train", train_files, MAX_FILES) || !add_split(c, folder, "test", test_files, 1))
    return false;
  if (c->d->n_splits == 0) return data_missing(c, "%s has no data_batch_*.bin and no test_batch.bin", folder);
  source_add_fact(c, "classes", 10);
  return source_shape(c, o, "x") && source_scale(c, o, "x", unit);
}
