#include "runtime/blas.h"
#include "runtime/dtype.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

/* Opened once for the whole process: a library is process-wide whatever we do. */
static struct {
  pthread_once_t once;
  bool ok;
  Blas f32, f64;
} lib = {.once = PTHREAD_ONCE_INIT};

static const char *const names[] = {"gemm", "trsm", "potrf", "getrf", "getrs", "syevd", "gesdd"};

static bool bind_all(void *handle, char letter, Blas *out) {
  void **slot = (void **)out;
  char name[16];
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(name, sizeof name, "%c%s_", letter, names[i]);
    if (!(slot[i] = dlsym(handle, name))) return false;
  }
  return true;
}

static void open_library(void) {
  static const char *const files[] = {"libopenblas.so.0", "libopenblas.so"};
  void *handle = NULL;
  for (unsigned i = 0; i < 2 && !handle; i++) handle = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
  if (!handle) return;
  union {
    void *object;
    void (*call)(int);
  } threads = {dlsym(handle, "openblas_set_num_threads")};
  if (threads.object) threads.call(1);
  lib.ok = bind_all(handle, 's', &lib.f32) && bind_all(handle, 'd', &lib.f64);
}

const Blas *blas_open(int32_t dtype) {
  pthread_once(&lib.once, open_library);
  return !lib.ok ? NULL : dtype == DT_F32 ? &lib.f32 : &lib.f64;
}
