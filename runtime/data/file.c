/* Finding files and mapping them. */
#include "runtime/data/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool file_exists(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool folder_exists(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

uint32_t data_folders(DataCall *c, const char *folder[3]) {
  uint32_t n = 0;
  const char *from_environment = getenv("SEPPO_DATA");
  if (c->d->env->data_dir) folder[n++] = c->d->env->data_dir;
  if (from_environment && *from_environment) folder[n++] = arena_strdup(&c->d->mem, from_environment);
  folder[n++] = "./data";
  return n;
}

const char *file_find(DataCall *c, const char *name) {
  const char *folder[5];
  uint32_t n = 0;
  if (name[0] == '/') {
    folder[n++] = "";
  } else {
    if (c->d->env->base_dir) folder[n++] = c->d->env->base_dir;
    n += data_folders(c, folder + n);
    folder[n++] = ".";
  }
  StrBuf tried = {0};
  for (uint32_t i = 0; i < n; i++) {
    const char *path = name[0] == '/' ? name : arena_printf(&c->d->mem, "%s/%s", folder[i], name);
    struct stat st;
    if (stat(path, &st) == 0) {
      sb_free(&tried);
      return path;
    }
    sb_printf(&tried, "%s%s", i ? ", " : "", folder[i]);
  }
  data_missing(c, "no file `%s`", name);
  if (name[0] != '/') diag_label(c->sink, "looked in %s", tried.s);
  sb_free(&tried);
  return NULL;
}

/* A read-only mapping of the file with at least DATA_TAIL zero bytes behind it. */
static void *map_with_tail(int fd, size_t n, size_t *mapped) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  *mapped = (n / page + 2) * page;
  uint8_t *p = mmap(NULL, *mapped, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  if (n > 0 && mmap(p, n, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED) {
    munmap(p, *mapped);
    return NULL;
  }
  return p;
}

bool file_view(DataCall *c, const char *path, FileView *out) {
  *out = (FileView){.path = path};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return data_missing(c, "cannot open `%s`: %s", path, strerror(errno));
  struct stat st;
  bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  if (ok) {
    out->n = (size_t)st.st_size;
    out->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    out->map = map_with_tail(fd, out->n, &out->map_bytes);
    out->bytes = out->map;
  }
  close(fd);
  if (!ok) return data_missing(c, "`%s` is not a file", path);
  if (!out->map) return data_missing(c, "cannot map `%s`: %s", path, strerror(errno));
  return true;
}

void file_close(FileView *v) {
  if (v->map) munmap(v->map, v->map_bytes);
  v->map = NULL;
}

void file_keep(FileView *v, DataStore *s, size_t offset) {
  s->map = v->map;
  s->map_bytes = v->map_bytes;
  s->bytes = v->bytes + offset;
  v->map = NULL;
}

bool file_text(DataCall *c, const char *path, FileText *out) {
  *out = (FileText){0};
  if (!file_view(c, path, &out->view)) return false;
  out->s = (const char *)out->view.bytes;
  out->n = out->view.n;
  if (!gz_is(&out->view)) return true;
  out->heap = gz_inflate_all(c, &out->view, &out->n);
  out->s = out->heap;
  if (!out->heap) file_close(&out->view);
  return out->heap != NULL;
}

void text_close(FileText *t) {
  free(t->heap);
  file_close(&t->view);
}
