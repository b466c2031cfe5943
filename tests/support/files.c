#define _GNU_SOURCE /* nftw, asprintf */
#include "tests/support/files.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static void *checked(void *p) {
  if (p) return p;
  perror("test support");
  abort();
}

static char *join(const char *folder, const char *name) {
  char *path = NULL;
  if (asprintf(&path, "%s/%s", folder, name) < 0) path = NULL;
  return checked(path);
}

char *folder_new(void) {
  const char *tmp = getenv("TMPDIR");
  char *folder = join(tmp && *tmp ? tmp : "/tmp", "seppo-test-XXXXXX");
  return checked(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

void folder_remove(char *folder) {
  nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  free(folder);
}

char *file_write(const char *folder, const char *name, const void *bytes, size_t n) {
  char *path = join(folder, name);
  FILE *f = checked(fopen(path, "wb"));
  if (fwrite(bytes, 1, n, f) != n || fclose(f) != 0) checked(NULL);
  return path;
}

char *file_write_gz(const char *folder, const char *name, const void *bytes, size_t n) {
  char *path = join(folder, name);
  gzFile f = checked(gzopen(path, "wb"));
  if (gzwrite(f, bytes, (unsigned)n) != (int)n || gzclose(f) != Z_OK) checked(NULL);
  return path;
}

char *file_read(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  struct stat st;
  if (!f) return NULL;
  if (fstat(fileno(f), &st) != 0) checked(NULL);
  char *s = checked(malloc((size_t)st.st_size + 1));
  const size_t got = fread(s, 1, (size_t)st.st_size, f);
  s[got] = 0;
  if (n) *n = got;
  fclose(f);
  return s;
}

char *file_need(const char *path, size_t *n) { return checked(file_read(path, n)); }

const char *real_data(void) {
  static const char *const usual[] = {"../shared/data", "../../shared/data"};
  const char *named = getenv("SEPPO_DATA");
  if (named && *named) return named;
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
    if (access(usual[i], R_OK) == 0) return usual[i];
  return NULL;
}
