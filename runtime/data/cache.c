/* Converted tensors on disk: one file each under <cache>/data, named by a hash of its key.
 *
 * A file is a header page, the payload in native byte order, and DATA_TAIL zero bytes. It is written under a temporary
 * name, synced and renamed, so a reader sees a whole entry or none. */
#define _GNU_SOURCE /* mkostemp */
#include "runtime/base/folder.h"
#include "runtime/data/internal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER = 4096, KEY_MAX = 3072 };
static const uint64_t usual_limit = UINT64_C(8) << 30;

typedef struct CacheHeader {
  char magic[16];
  uint64_t bytes; /* of the payload */
  uint8_t dtype, rank;
  int64_t dim[DATA_MAX_RANK];
  char key[KEY_MAX];
} CacheHeader;
_Static_assert(sizeof(CacheHeader) <= HEADER, "the header fits its page");

static const char magic[16] = "seppo tensor 1\n";

const char *data_cache_key(DataCall *c, const char *variant, const FileView *v) {
  char *full = realpath(v->path, NULL);
  const char *key =
      arena_printf(&c->d->mem, "%s\n%s\n%zu\n%lld", variant, full ? full : v->path, v->n, (long long)v->mtime_ns);
  free(full);
  return key;
}

/* Two 64-bit FNV-1a hashes with different starts. */
static void hash_key(const char *key, uint64_t out[2]) {
  out[0] = UINT64_C(0xcbf29ce484222325);
  out[1] = UINT64_C(0x84222325cbf29ce4);
  for (const char *p = key; *p; p++)
    for (int i = 0; i < 2; i++) out[i] = (out[i] ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
}

/* The folder of the cache, or NULL when none is known or allowed. */
static const char *cache_folder(DataCall *c) {
  const DataEnv *env = c->d->env;
  if (env->no_cache) return NULL;
  if (env->cache_dir) return arena_printf(&c->d->mem, "%s/data", env->cache_dir);
  const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (xdg && xdg[0] == '/') return arena_printf(&c->d->mem, "%s/seppo/data", xdg);
  if (home && home[0] == '/') return arena_printf(&c->d->mem, "%s/.cache/seppo/data", home);
  return NULL;
}

static const char *entry_path(DataCall *c, const char *folder, const char *key) {
  uint64_t h[2];
  hash_key(key, h);
  return arena_printf(&c->d->mem, "%s/%016llx%016llx", folder, (unsigned long long)h[0], (unsigned long long)h[1]);
}

static uint64_t payload_bytes(const DataShape *s) {
  return (uint64_t)shape_elements(s->rank, s->dim) * dtype_size((DType)s->dtype);
}

static bool header_fits(const CacheHeader *h, const char *key, uint64_t file_bytes) {
  if (memcmp(h->magic, magic, sizeof magic) != 0 || strncmp(h->key, key, KEY_MAX) != 0) return false;
  if (h->rank < 1 || h->rank > DATA_MAX_RANK || dtype_size((DType)h->dtype) == 0) return false;
  int64_t n = shape_elements(h->rank, h->dim);
  return n >= 0 && (uint64_t)n * dtype_size((DType)h->dtype) == h->bytes && file_bytes == HEADER + h->bytes + DATA_TAIL;
}

bool cache_lookup(DataCall *c, const char *key, DataShape *shape, DataStore *s) {
  const char *folder = cache_folder(c);
  if (!folder || strlen(key) >= KEY_MAX) return false;
  const char *path = entry_path(c, folder, key);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat st;
  void *p = MAP_FAILED;
  if (fstat(fd, &st) == 0 && st.st_size >= HEADER) p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (p == MAP_FAILED) return false;
  const CacheHeader *h = p;
  if (!header_fits(h, key, (uint64_t)st.st_size)) {
    munmap(p, (size_t)st.st_size);
    return false;
  }
  *shape = (DataShape){.dtype = h->dtype, .rank = h->rank};
  memcpy(shape->dim, h->dim, sizeof h->dim);
  utimensat(AT_FDCWD, path, NULL, 0); /* used now */
  s->map = p;
  s->map_bytes = (size_t)st.st_size;
  s->bytes = (const uint8_t *)p + HEADER;
  return true;
}

/* ---------------------------------------------------------------- bounding the folder */

typedef struct Entry {
  char *path;
  uint64_t bytes;
  int64_t used;
} Entry;

static int by_use(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  return x->used < y->used ? -1 : x->used > y->used;
}

typedef Vec(Entry) Entries;

static uint64_t list_entries(const char *folder, Entries *out) {
  uint64_t total = 0;
  DIR *d = opendir(folder);
  for (struct dirent *e; d && (e = readdir(d));) {
    StrBuf path = {0};
    struct stat st;
    sb_printf(&path, "%s/%s", folder, e->d_name);
    if (stat(path.s, &st) == 0 && S_ISREG(st.st_mode)) {
      total += (uint64_t)st.st_size;
      vec_push(out, ((Entry){strdup(path.s), (uint64_t)st.st_size, st.st_mtime}));
    }
    sb_free(&path);
  }
  if (d) closedir(d);
  return total;
}

/* Removes what was not used for longest until `room` more bytes fit. A run that has an entry mapped keeps it. */
static void make_room(const char *folder, uint64_t room, uint64_t limit) {
  Entries all = {0};
  uint64_t total = list_entries(folder, &all) + room;
  if (all.n > 0) qsort(all.at, all.n, sizeof *all.at, by_use);
  for (uint32_t i = 0; i < all.n; i++) {
    if (total > limit && unlink(all.at[i].path) == 0) total -= all.at[i].bytes;
    free(all.at[i].path);
  }
  vec_free(&all);
}

/* ---------------------------------------------------------------- new entries */

/* A new entry under a temporary name, mapped for writing. */
typedef struct Draft {
  const char *path, *temporary;
  int fd;
  uint8_t *map;
  size_t bytes;
} Draft;

/* Space is reserved first: a full disk is an error here, never a fault while the mapping is written. */
static bool draft_open(DataCall *c, const char *key, const DataShape *shape, Draft *d) {
  const char *folder = cache_folder(c);
  *d = (Draft){.fd = -1, .bytes = (size_t)(HEADER + payload_bytes(shape) + DATA_TAIL)};
  if (!folder || strlen(key) >= KEY_MAX || !folder_make(folder, NULL)) return false;
  make_room(folder, d->bytes, c->d->env->cache_limit ? c->d->env->cache_limit : usual_limit);
  d->path = entry_path(c, folder, key);
  char *temporary = arena_printf(&c->d->mem, "%s.XXXXXX", d->path);
  d->temporary = temporary;
  d->fd = mkostemp(temporary, O_CLOEXEC);
  if (d->fd < 0) return false;
  if (posix_fallocate(d->fd, 0, (off_t)d->bytes) == 0) {
    d->map = mmap(NULL, d->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);
    if (d->map != MAP_FAILED) return true;
  }
  unlink(d->temporary);
  close(d->fd);
  return false;
}

static void draft_drop(Draft *d) {
  munmap(d->map, d->bytes);
  unlink(d->temporary);
  close(d->fd);
}

static void hand_over(const Draft *d, DataStore *s) {
  s->map = d->map;
  s->map_bytes = d->bytes;
  s->bytes = d->map + HEADER;
}

/* Makes the entry visible. Even when it cannot be renamed, the bytes are good. */
static void draft_commit(Draft *d, const char *key, const DataShape *shape) {
  CacheHeader *h = (CacheHeader *)d->map;
  memcpy(h->magic, magic, sizeof magic);
  h->bytes = payload_bytes(shape);
  h->dtype = shape->dtype;
  h->rank = shape->rank;
  memcpy(h->dim, shape->dim, sizeof h->dim);
  memcpy(h->key, key, strlen(key) + 1);
  if (fsync(d->fd) != 0 || rename(d->temporary, d->path) != 0) unlink(d->temporary);
  close(d->fd);
  mprotect(d->map, d->bytes, PROT_READ);
}

/* ---------------------------------------------------------------- conversions under way */

typedef struct Filling {
  pthread_t thread;
  DataSource own; /* memory that the thread shares with nobody, and the source's environment */
  DiagSink sink;
  DataCall call;
  Draft draft;
  const char *key;
  const DataShape *shape;
  CacheFill fill;
  void *arg;
  bool ok;
} Filling;

static void *fill_draft(void *user) {
  Filling *f = user;
  f->ok = f->fill(&f->call, f->draft.map + HEADER, f->arg);
  if (f->ok) return NULL;
  unlink(f->draft.temporary);
  close(f->draft.fd);
  return NULL;
}

static void *commit_draft(void *user) {
  Filling *f = user;
  draft_commit(&f->draft, f->key, f->shape);
  return NULL;
}

static void free_filling(Filling *f) {
  diag_sink_free(&f->sink);
  arena_free(&f->own.mem);
  free(f);
}

static bool start_filling(DataCall *c, const Filling *what, DataStore *s) {
  Filling *f = malloc(sizeof *f);
  if (!f) return false;
  *f = *what;
  f->own.env = c->d->env;
  f->call = (DataCall){.d = &f->own, .sink = &f->sink, .at = c->at};
  if (pthread_create(&f->thread, NULL, fill_draft, f)) return free(f), false;
  hand_over(&f->draft, s);
  s->filling = f;
  return true;
}

bool cache_join(DataCall *c, DataStore *s) {
  Filling *f = s->filling;
  if (!f) return s->bytes != NULL;
  pthread_join(f->thread, NULL);
  s->filling = NULL;
  for (uint32_t i = 0; i < f->sink.diag.n; i++) {
    const Diag *d = &f->sink.diag.at[i];
    diag_error(c->sink, d->code, d->span, "%s", d->message);
    diag_status(c->sink, f->sink.exit_status);
  }
  if (!f->ok) return free_filling(f), s->bytes = NULL, false;
  if (!pthread_create(&f->thread, NULL, commit_draft, f)) return s->committing = f, true;
  commit_draft(f);
  free_filling(f);
  return true;
}

void cache_end(DataStore *s) {
  Filling *f = s->committing;
  if (!f) return;
  pthread_join(f->thread, NULL);
  free_filling(f);
  s->committing = NULL;
}

bool cache_fill(DataCall *c, const char *key, const DataShape *shape, DataStore *s, CacheFill fill, void *arg) {
  Draft draft;
  if (draft_open(c, key, shape, &draft)) {
    Filling what = {.draft = draft, .key = key, .shape = shape, .fill = fill, .arg = arg};
    if (c->later && start_filling(c, &what, s)) return true;
    if (!fill(c, draft.map + HEADER, arg)) return draft_drop(&draft), false;
    draft_commit(&draft, key, shape);
    hand_over(&draft, s);
    return true;
  }
  void *p = store_alloc(c, s, payload_bytes(shape));
  if (p && fill(c, p, arg)) s->bytes = p;
  return s->bytes != NULL;
}
