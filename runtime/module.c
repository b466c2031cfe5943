#define _GNU_SOURCE /* readlink */
#include "runtime/module.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool path_beside_program(const char *file, char *path, size_t size) {
  ssize_t n = readlink("/proc/self/exe", path, size - 1);
  if (n <= 0) return false;
  path[n] = 0;
  char *slash = strrchr(path, '/');
  size_t used = slash ? (size_t)(slash + 1 - path) : 0;
  if (used + strlen(file) >= size) return false;
  strcpy(path + used, file);
  return true;
}

static void *open_beside_program(const char *file) {
  char path[4096];
  return path_beside_program(file, path, sizeof path) ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

void *module_symbol(const char *file, const char *symbol, char *why, size_t n) {
  void *handle = open_beside_program(file);
  if (!handle) handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  void *address = handle ? dlsym(handle, symbol) : NULL;
  const char *reason = address ? "" : dlerror();
  snprintf(why, n, "%s", reason ? reason : "unknown reason");
  return address;
}
