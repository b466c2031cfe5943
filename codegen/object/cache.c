#define _GNU_SOURCE
#include "codegen/object/cache.h"
#include "codegen/object/hash.h"
#include "runtime/base/folder.h"
#include "runtime/base/vec.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAGIC 0x314a424f4f505045u
#define NAME_CHARS 34 /* 32 hexadecimal digits and ".o" */

struct Cache {
  char *dir;
  uint64_t limit;
  uint64_t stored; /* bytes written by this process since the folder was last measured */
  bool measured;
};

typedef struct FileHead {
  uint64_t magic, size, key[2], content[2], reserved[2];
} FileHead;

CacheKey cache_key(const char *text, size_t n, const char *target) {
  Hash h = HASH_INIT;
  CacheKey key;
  hash_add(&h, text, n);
  hash_add(&h, target, strlen(target));
  hash_end(&h, key.h);
  return key;
}

static char *default_dir(void) {
  const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  char *dir = NULL;
  int n = -1;
  if (xdg && *xdg == '/')
    n = asprintf(&dir, "%s/seppo", xdg);
  else if (home && *home)
    n = asprintf(&dir, "%s/.cache/seppo", home);
  return n < 0 ? NULL : dir;
}

Cache *cache_open(const char *dir, uint64_t limit_bytes) {
  char *path = dir ? strdup(dir) : default_dir();
  Cache *c = path ? calloc(1, sizeof *c) : NULL;
  if (!c) return free(path), NULL;
  *c = (Cache){.dir = path, .limit = limit_bytes};
  return c;
}

void cache_close(Cache *c) {
  if (!c) return;
  free(c->dir);
  free(c);
}

const char *cache_dir(const Cache *c) { return c->dir; }

static char *entry_path(const Cache *c, CacheKey key) {
  char *path;
  const int n =
      asprintf(&path, "%s/%016llx%016llx.o", c->dir, (unsigned long long)key.h[0], (unsigned long long)key.h[1]);
  return n < 0 ? NULL : path;
}

static bool read_all(int fd, void *to, size_t n) {
  for (size_t done = 0; done < n;) {
    const ssize_t got = read(fd, (char *)to + done, n - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += (size_t)got;
  }
  return true;
}

static bool write_all(int fd, const void *from, size_t n) {
  for (size_t done = 0; done < n;) {
    const ssize_t put = write(fd, (const char *)from + done, n - done);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    done += (size_t)put;
  }
  return true;
}

static void content_hash(const void *bytes, size_t n, uint64_t out[2]) {
  Hash h = HASH_INIT;
  hash_add(&h, bytes, n);
  hash_end(&h, out);
}

/* Reads and checks an open file. NULL when it is not a whole, undamaged entry of this key. */
static void *read_entry(int fd, CacheKey key, size_t *size) {
  FileHead head;
  struct stat st;
  uint64_t content[2];
  if (fstat(fd, &st) || !read_all(fd, &head, sizeof head) || head.magic != FILE_MAGIC ||
      memcmp(head.key, key.h, sizeof key.h) || head.size != (uint64_t)st.st_size - sizeof head)
    return NULL;
  void *bytes = malloc(head.size + 1);
  if (!bytes) return NULL;
  if (read_all(fd, bytes, head.size)) {
    content_hash(bytes, head.size, content);
    *size = head.size;
    if (!memcmp(content, head.content, sizeof content)) return bytes;
  }
  free(bytes);
  return NULL;
}

void *cache_load(Cache *c, CacheKey key, size_t *size) {
  char *path = entry_path(c, key);
  const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *bytes = NULL;
  if (fd >= 0) {
    bytes = read_entry(fd, key, size);
    if (bytes)
      futimens(fd, NULL);
    else
      unlink(path);
    close(fd);
  }
  free(path);
  return bytes;
}

static bool write_entry(const Cache *c, CacheKey key, const void *bytes, size_t size, const char *path) {
  char *temp;
  if (asprintf(&temp, "%s/tmp-XXXXXX", c->dir) < 0) return false;
  const int fd = mkostemp(temp, O_CLOEXEC);
  bool ok = false;
  if (fd >= 0) {
    FileHead head = {.magic = FILE_MAGIC, .size = size, .key = {key.h[0], key.h[1]}};
    content_hash(bytes, size, head.content);
    ok = write_all(fd, &head, sizeof head) && write_all(fd, bytes, size);
    ok = !close(fd) && ok && !rename(temp, path);
    if (!ok) unlink(temp);
  }
  free(temp);
  return ok;
}

/* True, with the key filled in, when the name is one of an entry. */
static bool parse_name(const char *name, CacheKey *key) {
  unsigned long long a, b;
  int end = 0;
  if (strlen(name) != NAME_CHARS || sscanf(name, "%16llx%16llx.o%n", &a, &b, &end) != 2 || end != NAME_CHARS)
    return false;
  *key = (CacheKey){{a, b}};
  return true;
}

static int newest_first(const void *a, const void *b) {
  const CacheEntry *x = a, *y = b;
  if (x->used != y->used) return x->used < y->used ? 1 : -1;
  return memcmp(&x->key, &y->key, sizeof x->key);
}

uint32_t cache_list(Cache *c, CacheEntry **out) {
  Vec(CacheEntry) all = {0};
  DIR *d = opendir(c->dir);
  for (struct dirent *e; d && (e = readdir(d));) {
    CacheEntry entry;
    struct stat st;
    if (!parse_name(e->d_name, &entry.key) || fstatat(dirfd(d), e->d_name, &st, 0)) continue;
    entry.bytes = (uint64_t)st.st_size;
    entry.used = st.st_mtime;
    vec_push(&all, entry);
  }
  if (d) closedir(d);
  if (all.n) qsort(all.at, all.n, sizeof *all.at, newest_first);
  *out = all.at;
  return all.n;
}

/* Keeps the newest entries that fit three quarters of the limit once the whole exceeds it. */
static void evict(Cache *c) {
  CacheEntry *all;
  const uint32_t n = cache_list(c, &all);
  uint64_t total = 0, kept = 0;
  for (uint32_t i = 0; i < n; i++) total += all[i].bytes;
  for (uint32_t i = 0; total > c->limit && i < n; i++) {
    kept += all[i].bytes;
    char *path = kept > c->limit / 4 * 3 ? entry_path(c, all[i].key) : NULL;
    if (path) unlink(path);
    free(path);
  }
  free(all);
  c->measured = true;
  c->stored = 0;
}

bool cache_store(Cache *c, CacheKey key, const void *bytes, size_t size) {
  char *path = entry_path(c, key);
  const bool ok = path && folder_make(c->dir, NULL) && write_entry(c, key, bytes, size, path);
  free(path);
  if (!ok) return false;
  c->stored += size + sizeof(FileHead);
  if (!c->measured || c->stored > c->limit / 8) evict(c);
  return true;
}

uint32_t cache_verify(Cache *c) {
  CacheEntry *all;
  const uint32_t n = cache_list(c, &all);
  uint32_t damaged = 0;
  for (uint32_t i = 0; i < n; i++) {
    char *path = entry_path(c, all[i].key);
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    size_t size;
    void *bytes = fd >= 0 ? read_entry(fd, all[i].key, &size) : NULL;
    if (fd >= 0) close(fd);
    if (fd >= 0 && !bytes) damaged += !unlink(path);
    free(bytes);
    free(path);
  }
  free(all);
  return damaged;
}

uint32_t cache_clear(Cache *c) {
  uint32_t removed = 0;
  CacheKey key;
  DIR *d = opendir(c->dir);
  for (struct dirent *e; d && (e = readdir(d));)
    if (parse_name(e->d_name, &key) || !strncmp(e->d_name, "tmp-", 4)) removed += !unlinkat(dirfd(d), e->d_name, 0);
  if (d) closedir(d);
  return removed;
}
