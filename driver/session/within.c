/* Loading a model under a limit of memory. */
#include "driver/session/load.h"
#include "driver/session/memory.h"

/* One loop may keep so small a part of the limit before it is cut. */
enum { part = 16 };

bool load_within(Loaded *l, const char *path, const Options *o, uint64_t seed) {
  Loaded again = *l;
  uint64_t limit;
  if (o->memory && !option_bytes("memory", o->memory, &limit)) return l->sink.exit_status = EXIT_USAGE, false;
  if (!load_model(l, path, o, seed, LOAD_OPT)) return false;
  if (!o->memory || memory_within(l->elab.module, limit, NULL)) return true;
  load_free(l);
  *l = again;
  l->keep_bytes = limit / part + 1;
  return load_model(l, path, o, seed, LOAD_OPT) && memory_within(l->elab.module, limit, &l->sink);
}
