/* Writing a checkpoint: sorted header, tensors, atomic replacement. */
#include "runtime/checkpoint/safetensors.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool trouble(DiagSink *sink, Span at, const char *path, const char *what) {
  diag_error(sink, "E0604", at, "%s: %s: %s", path, what, strerror(errno));
  diag_status(sink, EXIT_FILES);
  return false;
}

/* The order of the format's own package: wide types first, so that every tensor is aligned to its type; then names. */
static int by_place(const void *a, const void *b) {
  const CheckpointTensor *const *x = a, *const *y = b;
  int order = safetensors_order((DType)(*y)->dtype) - safetensors_order((DType)(*x)->dtype);
  return order ? order : strcmp((*x)->name, (*y)->name);
}

static int by_name(const void *a, const void *b) {
  const CheckpointTensor *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

static int by_key(const void *a, const void *b) {
  const CheckpointMeta *const *x = a, *const *y = b;
  return strcmp((*x)->key, (*y)->key);
}

static const void **sorted(const void *at, uint32_t n, size_t size, int (*compare)(const void *, const void *)) {
  const void **p = calloc(n + 1, sizeof *p);
  if (!p) return NULL;
  for (uint32_t i = 0; i < n; i++) p[i] = (const char *)at + i * size;
  if (n > 0) qsort(p, n, sizeof *p, compare);
  return p;
}

static void put_string(StrBuf *b, const char *s) {
  json_t *v = json_string(s);
  char *text = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL; /* NULL: not UTF-8 */
  sb_puts(b, text ? text : "\"?\"");
  free(text);
  json_decref(v);
}

static void put_tensor(StrBuf *b, const CheckpointTensor *t, uint64_t begin) {
  put_string(b, t->name);
  sb_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", safetensors_dtype((DType)t->dtype));
  for (uint32_t i = 0; i < t->rank; i++) sb_printf(b, "%s%lld", i ? "," : "", (long long)t->dim[i]);
  sb_printf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
            (unsigned long long)(begin + checkpoint_tensor_bytes(t)));
}

/* The header's JSON, padded so that the tensors begin at a multiple of 8. */
static void put_header(StrBuf *b, const CheckpointTensor *const *t, uint32_t n, const CheckpointMeta *const *meta,
                       uint32_t n_meta) {
  uint64_t at = 0;
  sb_puts(b, "{");
  if (n_meta > 0) {
    sb_puts(b, "\"__metadata__\":{");
    for (uint32_t i = 0; i < n_meta; i++) {
      if (i > 0) sb_putc(b, ',');
      put_string(b, meta[i]->key);
      sb_putc(b, ':');
      put_string(b, meta[i]->value);
    }
    sb_putc(b, '}');
  }
  for (uint32_t i = 0; i < n; i++) {
    if (i > 0 || n_meta > 0) sb_putc(b, ',');
    put_tensor(b, t[i], at);
    at += checkpoint_tensor_bytes(t[i]);
  }
  sb_puts(b, "}");
  while (b->n % 8 != 0) sb_putc(b, ' ');
}

static bool put_all(FILE *f, const StrBuf *header, const CheckpointTensor *const *t, uint32_t n) {
  uint8_t length[8];
  for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)header->n >> 8 * i);
  bool ok = fwrite(length, 1, 8, f) == 8 && fwrite(header->s, 1, header->n, f) == header->n;
  for (uint32_t i = 0; i < n && ok; i++) {
    size_t bytes = (size_t)checkpoint_tensor_bytes(t[i]);
    ok = bytes == 0 || fwrite(t[i]->bytes, 1, bytes, f) == bytes;
  }
  return ok && fflush(f) == 0 && fsync(fileno(f)) == 0;
}

/* After a rename only a synced folder is sure to name the new file. */
static bool sync_folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
  int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  free(folder);
  if (fd < 0) return false;
  bool ok = fsync(fd) == 0 || errno == EINVAL; /* EINVAL: the file system has no such thing */
  int keep = errno;
  close(fd);
  errno = keep;
  return ok;
}

static bool write_file(const char *path, const StrBuf *header, const CheckpointTensor *const *t, uint32_t n,
                       DiagSink *sink, Span at) {
  StrBuf temporary = {0};
  sb_printf(&temporary, "%s.part", path); /* one name: what a kill leaves is written over by the next */
  FILE *f = fopen(temporary.s, "wb");
  bool ok = f && put_all(f, header, t, n);
  if (f && fclose(f) != 0) ok = false;
  ok = ok && rename(temporary.s, path) == 0;
  if (!ok) {
    trouble(sink, at, path, "the checkpoint could not be written");
    if (f) unlink(temporary.s);
  } else if (!sync_folder_of(path)) {
    ok = trouble(sink, at, path, "the folder could not be synced");
  }
  sb_free(&temporary);
  return ok;
}

/* Two tensors of one name would make a file no reader understands. `t` is sorted by name. */
static bool names_differ(const CheckpointTensor *const *t, uint32_t n, const char *path, DiagSink *sink, Span at) {
  for (uint32_t i = 0; i < n; i++) {
    if (strcmp(t[i]->name, "__metadata__") != 0 && (i == 0 || strcmp(t[i - 1]->name, t[i]->name) != 0)) continue;
    diag_error(sink, "E0604", at, "%s: a checkpoint cannot hold two tensors named `%s`", path, t[i]->name);
    diag_status(sink, EXIT_FILES);
    return false;
  }
  return true;
}

bool checkpoint_write(const char *path, const CheckpointTensor *tensor, uint32_t n, const CheckpointMeta *meta,
                      uint32_t n_meta, DiagSink *sink, Span at) {
  const CheckpointTensor **t = (const CheckpointTensor **)sorted(tensor, n, sizeof *tensor, by_name);
  const CheckpointMeta **m = (const CheckpointMeta **)sorted(meta, n_meta, sizeof *meta, by_key);
  StrBuf header = {0};
  bool ok = t && m && names_differ(t, n, path, sink, at);
  if (ok && n > 0) qsort(t, n, sizeof *t, by_place);
  if (ok) put_header(&header, t, n, m, n_meta);
  ok = ok && write_file(path, &header, t, n, sink, at);
  sb_free(&header);
  free(t);
  free(m);
  return ok;
}
