#include "runtime/base/folder.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool folder_make(const char *path, bool *existed) {
  char *p = strdup(path);
  struct stat st;
  if (!p) return false;
  for (char *s = *p ? p + 1 : p; *s; s++) {
    if (*s != '/') continue;
    *s = 0;
    mkdir(p, 0777);
    *s = '/';
  }
  bool made = mkdir(p, 0777) == 0, ok = made || errno == EEXIST;
  if (existed) *existed = ok && !made;
  if (ok && !made && (stat(p, &st) != 0 || !S_ISDIR(st.st_mode))) ok = false, errno = ENOTDIR;
  free(p);
  return ok;
}
