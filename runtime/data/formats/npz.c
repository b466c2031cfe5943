/* NPZ archives: a ZIP file of NPY arrays, stored or deflated, through libzip. */
#include "runtime/data/formats.h"
#include "runtime/data/npy.h"
#include <stdlib.h>
#include <string.h>
#include <zip.h>

typedef struct NpzArray {
  const char *path, *entry, *key;
  const char *title; /* "PATH: entry x.npy" for messages */
  NpyHeader h;
} NpzArray;

static zip_t *archive_open(DataCall *c, const char *path) {
  int code = 0;
  zip_t *z = zip_open(path, ZIP_RDONLY, &code);
  if (z) return z;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  data_broken(c, path, "not an NPZ archive: %s", zip_error_strerror(&error));
  zip_error_fini(&error);
  return NULL;
}

/* Reads exactly n bytes; false at an early end or any fault (checksums are compared at the end of an entry). */
static bool read_exactly(zip_file_t *f, void *out, uint64_t n) {
  uint64_t done = 0;
  while (done < n) {
    zip_int64_t got = zip_fread(f, (uint8_t *)out + done, n - done);
    if (got <= 0) return false;
    done += (uint64_t)got;
  }
  return true;
}

static bool read_header(DataCall *c, NpzArray *a, zip_t *z, zip_uint64_t index) {
  zip_stat_t st;
  zip_file_t *f = zip_stat_index(z, index, 0, &st) == 0 ? zip_fopen_index(z, index, 0) : NULL;
  if (!f) return data_broken(c, a->title, "cannot be read: %s", zip_strerror(z));
  uint8_t first[12];
  uint64_t size = read_exactly(f, first, sizeof first) ? npy_header_bytes(first, sizeof first) : 0;
  uint8_t *all = size >= sizeof first && size <= 1 << 20 ? malloc(size) : NULL;
  bool ok = false;
  if (all) {
    memcpy(all, first, sizeof first);
    ok = read_exactly(f, all + sizeof first, size - sizeof first) ? npy_parse(c, a->title, all, size, &a->h)
                                                                  : data_broken(c, a->title, "truncated or corrupt");
  } else {
    data_broken(c, a->title, "not an NPY array");
  }
  if (ok && st.size != a->h.offset + a->h.bytes)
    ok = data_broken(c, a->title, "%llu bytes where its shape %s needs %llu", (unsigned long long)st.size,
                     data_shape_text(c, a->h.shape.rank, a->h.shape.dim),
                     (unsigned long long)(a->h.offset + a->h.bytes));
  if (ok && st.size / 1032 > st.comp_size) ok = data_broken(c, a->title, "an impossible compression");
  free(all);
  zip_fclose(f);
  return ok;
}

/* Inflates the whole entry, then converts it. */
static bool fill(DataCall *c, void *out, void *arg) {
  const NpzArray *a = arg;
  zip_t *z = archive_open(c, a->path);
  if (!z) return false;
  zip_file_t *f = zip_fopen(z, a->entry, 0);
  uint64_t total = a->h.offset + a->h.bytes;
  uint8_t *all = f ? malloc(total + 1) : NULL, past;
  bool ok = all && read_exactly(f, all, total) && zip_fread(f, &past, 1) == 0; /* reading the end checks the CRC */
  if (!ok) data_broken(c, a->title, "truncated or corrupt");
  if (ok && npy_is_native(&a->h))
    memcpy(out, all + a->h.offset, a->h.bytes);
  else if (ok)
    ok = npy_convert(c, a->title, &a->h, all + a->h.offset, out);
  free(all);
  if (f) zip_fclose(f);
  zip_discard(z);
  return ok;
}

static bool load(DataCall *c, DataStore *s) {
  NpzArray *a = s->detail;
  return cache_fill(c, a->key, &a->h.shape, s, fill, a);
}

/* ---------------------------------------------------------------- fields and splits */

static bool wanted(const DataOptions *o, const char *name) {
  const DataOption *p = option_find(o, "fields");
  for (uint32_t i = 0; p && i < p->n; i++)
    if (strcmp(p->strings[i], name) == 0) return true;
  return p == NULL;
}

/* x_train -> x of train: what Keras and others write. */
static const char *split_of(DataCall *c, const char *name, const char **field) {
  static const char *const known[] = {"train", "test", "valid", "val"};
  const char *mark = strrchr(name, '_');
  *field = name;
  for (uint32_t i = 0; mark && mark > name && i < 4; i++) {
    if (strcmp(mark + 1, known[i]) != 0) continue;
    *field = arena_strndup(&c->d->mem, name, (size_t)(mark - name));
    return known[i];
  }
  return NULL;
}

static bool add_array(DataCall *c, const char *path, const FileView *v, zip_t *z, zip_uint64_t index,
                      const char *name) {
  const char *entry = zip_get_name(z, index, 0), *field;
  NpzArray *a = arena_new(&c->d->mem, NpzArray);
  *a = (NpzArray){.path = path, .entry = arena_strdup(&c->d->mem, entry)};
  a->title = arena_printf(&c->d->mem, "%s: %s", path, entry);
  a->key = data_cache_key(c, arena_printf(&c->d->mem, "npz %s", entry), v);
  DataStore *store = store_new(c, load, a);
  if (!cache_lookup(c, a->key, &a->h.shape, store) && !read_header(c, a, z, index)) return false;
  const char *split_name = split_of(c, name, &field);
  DataSplit *split = data_split_find(c->d, split_name);
  if (!split) split = source_add_split(c, split_name, a->h.shape.dim[0]);
  split_add_field(c, split, field, &a->h.shape, store);
  return true;
}

static bool add_arrays(DataCall *c, const DataOptions *o, const char *path, const FileView *v, zip_t *z) {
  zip_int64_t n = zip_get_num_entries(z, 0);
  for (zip_int64_t i = 0; i < n; i++) {
    const char *entry = zip_get_name(z, (zip_uint64_t)i, 0);
    size_t length = entry ? strlen(entry) : 0;
    if (length < 5 || strcmp(entry + length - 4, ".npy") != 0) continue;
    const char *name = arena_strndup(&c->d->mem, entry, length - 4);
    if (wanted(o, name) && !add_array(c, path, v, z, (zip_uint64_t)i, name)) return false;
  }
  if (c->d->n_splits == 0) return data_broken(c, path, "holds no arrays that are asked for");
  for (uint32_t i = 0; i < c->d->n_splits; i++) {
    if (c->d->n_splits > 1 && !c->d->split[i].name)
      return data_broken(c, path, "some arrays are named for a split (x_train) and some are not: choose with `fields`");
    if (!split_check_rows(c, &c->d->split[i])) return false;
  }
  return true;
}

static bool check_wanted(DataCall *c, const DataOptions *o, zip_t *z, const char *path) {
  const DataOption *p = option_find(o, "fields");
  for (uint32_t i = 0; p && i < p->n; i++) {
    const char *entry = arena_printf(&c->d->mem, "%s.npy", p->strings[i]);
    if (zip_name_locate(z, entry, 0) < 0) return data_misuse(c, p->span, "%s has no array `%s`", path, p->strings[i]);
  }
  return true;
}

bool format_npz(DataCall *c, const DataOptions *o) {
  const char *path = file_find(c, option_string(o, NULL, NULL));
  FileView v;
  if (!path || !file_view(c, path, &v)) return false;
  zip_t *z = archive_open(c, path);
  c->d->origin = path;
  bool ok = z && check_wanted(c, o, z, path) && add_arrays(c, o, path, &v, z) && source_shape(c, o, "x") &&
            source_scale(c, o, "x", NULL);
  if (z) zip_discard(z);
  file_close(&v);
  return ok;
}
