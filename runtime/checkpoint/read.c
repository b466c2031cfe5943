/* Reading a checkpoint: nothing of the file is believed before it is checked. */
#include "runtime/checkpoint/safetensors.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_MAX = 100 << 20 }; /* the limit of the format's own readers */

typedef struct Reading {
  Checkpoint *c;
  DiagSink *sink;
  Span at;
  const uint8_t *data; /* first byte behind the header */
  uint64_t data_bytes;
} Reading;

static bool wrong(Reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(Reading *r, const char *fmt, ...) {
  StrBuf text = {0};
  va_list ap;
  va_start(ap, fmt);
  sb_vprintf(&text, fmt, ap);
  va_end(ap);
  diag_error(r->sink, "E0604", r->at, "%s: %s", r->c->path, text.s);
  diag_status(r->sink, EXIT_FILES);
  sb_free(&text);
  return false;
}

static bool map_file(Reading *r) {
  int fd = open(r->c->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return wrong(r, "cannot be opened: %s", strerror(errno));
  struct stat st;
  bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  if (regular && st.st_size >= 8) {
    r->c->map_bytes = (size_t)st.st_size;
    r->c->map = mmap(NULL, r->c->map_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (r->c->map == MAP_FAILED) r->c->map = NULL;
  }
  close(fd);
  if (!regular) return wrong(r, "is not a file");
  if (st.st_size < 8) return wrong(r, "not a checkpoint: too short for a safetensors header");
  return r->c->map || wrong(r, "cannot be mapped: %s", strerror(errno));
}

/* The shape's bytes, or false when it is no shape. */
static bool read_shape(const json_t *shape, CheckpointTensor *t, uint64_t *bytes) {
  *bytes = dtype_size((DType)t->dtype);
  if (!json_is_array(shape) || json_array_size(shape) > CHECKPOINT_MAX_RANK) return false;
  t->rank = (uint8_t)json_array_size(shape);
  uint64_t extent = 1;
  for (uint32_t i = 0; i < t->rank; i++) {
    const json_t *d = json_array_get(shape, i);
    json_int_t v = json_is_integer(d) ? json_integer_value(d) : -1;
    if (v < 0 || (v > 0 && (uint64_t)v > (UINT64_C(1) << 40) / extent)) return false;
    t->dim[i] = v;
    if (v > 0) extent *= (uint64_t)v;
    *bytes *= (uint64_t)v;
  }
  return true;
}

static bool read_tensor(Reading *r, const char *name, const json_t *entry, CheckpointTensor *t) {
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  const json_t *offsets = json_object_get(entry, "data_offsets");
  if (!dtype || json_object_size(entry) != 3 || !json_is_array(offsets) || json_array_size(offsets) != 2)
    return wrong(r, "the entry of tensor `%s` is malformed", name);
  DType d = safetensors_dtype_by_name(dtype);
  if (d == DT_COUNT) return wrong(r, "tensor `%s` has the unknown type `%s`", name, dtype);
  *t = (CheckpointTensor){.name = arena_strdup(&r->c->mem, name), .dtype = (uint8_t)d};
  uint64_t bytes;
  if (!read_shape(json_object_get(entry, "shape"), t, &bytes))
    return wrong(r, "tensor `%s` has an impossible shape", name);
  json_t *b = json_array_get(offsets, 0), *e = json_array_get(offsets, 1);
  if (!json_is_integer(b) || !json_is_integer(e) || json_integer_value(b) < 0 ||
      json_integer_value(e) < json_integer_value(b))
    return wrong(r, "tensor `%s` has impossible offsets", name);
  uint64_t begin = (uint64_t)json_integer_value(b), end = (uint64_t)json_integer_value(e);
  if (end > r->data_bytes)
    return wrong(r, "truncated: tensor `%s` ends at byte %llu of %llu", name, (unsigned long long)end,
                 (unsigned long long)r->data_bytes);
  if (end - begin != bytes)
    return wrong(r, "tensor `%s` has %llu bytes where its shape needs %llu", name, (unsigned long long)(end - begin),
                 (unsigned long long)bytes);
  t->bytes = r->data + begin;
  return true;
}

static bool read_metadata(Reading *r, const json_t *meta) {
  Checkpoint *c = r->c;
  if (!json_is_object(meta)) return wrong(r, "its metadata is not an object");
  c->meta = arena_array(&c->mem, CheckpointMeta, json_object_size(meta));
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)meta, key, value) {
    if (!json_is_string(value)) return wrong(r, "its metadata `%s` is not a string", key);
    c->meta[c->n_meta++] =
        (CheckpointMeta){arena_strdup(&c->mem, key), arena_strdup(&c->mem, json_string_value(value))};
  }
  return true;
}

static int by_place(const void *a, const void *b) {
  const CheckpointTensor *const *x = a, *const *y = b;
  if ((*x)->bytes != (*y)->bytes) return (*x)->bytes < (*y)->bytes ? -1 : 1;
  uint64_t m = checkpoint_tensor_bytes(*x), n = checkpoint_tensor_bytes(*y);
  return m < n ? -1 : m > n;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const CheckpointTensor *)a)->name, ((const CheckpointTensor *)b)->name);
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const CheckpointMeta *)a)->key, ((const CheckpointMeta *)b)->key);
}

/* The tensors must fill the rest of the file without holes and without sharing a byte. */
static bool check_cover(Reading *r) {
  const Checkpoint *c = r->c;
  const CheckpointTensor **p = calloc(c->n + 1, sizeof *p);
  if (!p) return wrong(r, "out of memory");
  for (uint32_t i = 0; i < c->n; i++) p[i] = &c->tensor[i];
  if (c->n > 0) qsort(p, c->n, sizeof *p, by_place);
  uint64_t at = 0;
  bool ok = true;
  for (uint32_t i = 0; i < c->n && ok; i++) {
    uint64_t begin = (uint64_t)((const uint8_t *)p[i]->bytes - r->data);
    if (begin < at)
      ok = wrong(r, "tensors `%s` and `%s` overlap", p[i - 1]->name, p[i]->name);
    else if (begin > at)
      ok = wrong(r, "there is a hole before tensor `%s`", p[i]->name);
    at = begin + checkpoint_tensor_bytes(p[i]);
  }
  free(p);
  if (ok && at != r->data_bytes)
    ok = wrong(r, "%llu bytes behind the last tensor belong to nothing", (unsigned long long)(r->data_bytes - at));
  return ok;
}

static bool read_entries(Reading *r, const json_t *header) {
  Checkpoint *c = r->c;
  c->tensor = arena_array(&c->mem, CheckpointTensor, json_object_size(header));
  const char *name;
  json_t *entry;
  json_object_foreach((json_t *)(uintptr_t)header, name, entry) {
    bool ok =
        strcmp(name, "__metadata__") == 0 ? read_metadata(r, entry) : read_tensor(r, name, entry, &c->tensor[c->n++]);
    if (!ok) return false;
  }
  if (c->n > 0) qsort(c->tensor, c->n, sizeof *c->tensor, by_name);
  if (c->n_meta > 0) qsort(c->meta, c->n_meta, sizeof *c->meta, by_key);
  return check_cover(r);
}

static bool read_all(Reading *r) {
  if (!map_file(r)) return false;
  const uint8_t *p = r->c->map;
  uint64_t length = 0, rest = r->c->map_bytes - 8;
  for (int i = 7; i >= 0; i--) length = length << 8 | p[i];
  if (length < 2 || length > HEADER_MAX || p[8] != '{') return wrong(r, "not a checkpoint: no safetensors header");
  if (length > rest)
    return wrong(r, "truncated inside its header: %llu of %llu bytes", (unsigned long long)rest,
                 (unsigned long long)length);
  r->data = p + 8 + length;
  r->data_bytes = rest - length;
  json_error_t error;
  json_t *header = json_loadb((const char *)p + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
  bool ok = json_is_object(header) ? read_entries(r, header) : wrong(r, "its header is not JSON: %s", error.text);
  json_decref(header);
  return ok;
}

Checkpoint *checkpoint_open(const char *path, DiagSink *sink, Span at) {
  Checkpoint *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->path = arena_strdup(&c->mem, path);
  Reading r = {.c = c, .sink = sink, .at = at};
  if (read_all(&r)) return c;
  checkpoint_close(c);
  return NULL;
}

const CheckpointTensor *checkpoint_find(const Checkpoint *c, const char *name) {
  CheckpointTensor key = {.name = name};
  return c->n > 0 ? bsearch(&key, c->tensor, c->n, sizeof key, by_name) : NULL;
}

const char *checkpoint_meta(const Checkpoint *c, const char *key) {
  CheckpointMeta k = {.key = key};
  const CheckpointMeta *m = c->n_meta > 0 ? bsearch(&k, c->meta, c->n_meta, sizeof k, by_key) : NULL;
  return m ? m->value : NULL;
}

void checkpoint_close(Checkpoint *c) {
  if (!c) return;
  if (c->map) munmap(c->map, c->map_bytes);
  arena_free(&c->mem);
  free(c);
}
