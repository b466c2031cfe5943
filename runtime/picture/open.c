/* Opens the drawing module on first use and turns its messages into diagnostics. */
#include "runtime/module.h"
#include "runtime/picture.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

/* Opened once for the whole process: a library is process-wide whatever we do. */
static struct {
  pthread_once_t once;
  const PictureModule *module;
  char why[256];
} opened = {.once = PTHREAD_ONCE_INIT};

static void open_module(void) {
  opened.module = module_symbol("libseppo_picture.so", "seppo_picture_module", opened.why, sizeof opened.why);
}

static const PictureModule *module(void) {
  pthread_once(&opened.once, open_module);
  errno = 0; /* what is there after a call of the module is its own */
  return opened.module;
}

static bool report(const char *path, const char *message, DiagSink *sink) {
  int reason = errno;
  if (!message) return true;
  diag_error(sink, "E0605", SPAN_NONE, reason ? "%s: %s: %s" : "%s: %s", path, message, strerror(reason));
  diag_status(sink, EXIT_FILES);
  return false;
}

static bool no_module(DiagSink *sink) { return report("the drawing module cannot be opened", opened.why, sink); }

bool picture_grid(const char *path, const PictureGrid *g, DiagSink *sink) {
  return module() ? report(path, module()->grid(path, g), sink) : no_module(sink);
}

PictureGif *picture_gif_new(const char *path, int milliseconds, DiagSink *sink) {
  return picture_gif_continue(path, milliseconds, 0, sink);
}

PictureGif *picture_gif_continue(const char *path, int milliseconds, int64_t bytes, DiagSink *sink) {
  PictureGif *gif = NULL;
  if (!module())
    no_module(sink);
  else
    report(path, module()->gif_new(path, milliseconds, bytes, &gif), sink);
  return gif;
}

int64_t picture_gif_bytes(const PictureGif *gif) { return module()->gif_bytes(gif); }

bool picture_gif_add(PictureGif *gif, const PictureGrid *g, DiagSink *sink) {
  const PictureModule *m = module();
  return report(m->gif_path(gif), m->gif_add(gif, g), sink);
}

void picture_gif_free(PictureGif *gif) {
  if (gif) module()->gif_free(gif);
}

bool picture_plot(const char *stem, const Plot *plot, DiagSink *sink) {
  return module() ? report(stem, module()->plot(stem, plot), sink) : no_module(sink);
}
