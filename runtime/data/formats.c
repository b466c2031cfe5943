/* Readers that need libraries of their own (libzip, libpng) live in a module, opened for the first such source. */
#include "runtime/data/formats.h"
#include "runtime/module.h"
#include <pthread.h>

/* Opened once for the whole process: a library is process-wide whatever we do. */
static struct {
  pthread_once_t once;
  const DataFormats *formats;
  char why[256];
} opened = {.once = PTHREAD_ONCE_INIT};

static void open_formats(void) {
  opened.formats = module_symbol("libseppo_formats.so", "seppo_data_formats", opened.why, sizeof opened.why);
}

static const DataFormats *formats(DataCall *c) {
  pthread_once(&opened.once, open_formats);
  if (!opened.formats) data_missing(c, "the module that reads this kind of data cannot be opened: %s", opened.why);
  return opened.formats;
}

bool npz_open(DataCall *c, const DataOptions *o) { return formats(c) && formats(c)->npz(c, o); }

bool images_open(DataCall *c, const DataOptions *o) { return formats(c) && formats(c)->images(c, o); }
