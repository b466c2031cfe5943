#include "tests/support/scratch.h"

Scratch scratch;

int scratch_setup(void **state) {
  (void)state;
  scratch.folder = folder_new();
  return 0;
}

int scratch_teardown(void **state) {
  (void)state;
  folder_remove(scratch.folder);
  scratch_forget();
  return 0;
}

void scratch_forget(void) {
  diag_sink_free(&scratch.sink);
  scratch.sink = (DiagSink){0};
}
