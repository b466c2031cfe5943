#include "driver/picture.h"
#include <errno.h>
#include <graphviz/gvc.h>
#include <string.h>

bool svg_from_dot(const char *dot, StrBuf *svg, DiagSink *sink) {
  GVC_t *gvc = gvContext();
  Agraph_t *g = agmemread(dot);
  char *text = NULL;
  unsigned length = 0;
  bool ok = g && !gvLayout(gvc, g, "dot") && !gvRenderData(gvc, g, "svg", &text, &length);
  if (ok)
    sb_write(svg, text, length);
  else
    diag_error(sink, "E0608", SPAN_NONE, "Graphviz could not draw the graph");
  if (text) gvFreeRenderData(text);
  if (g) {
    gvFreeLayout(gvc, g);
    agclose(g);
  }
  gvFreeContext(gvc);
  return ok;
}

int write_text(const char *path, const char *text, size_t length) {
  FILE *f = path ? fopen(path, "wb") : stdout;
  bool ok = f && fwrite(text, 1, length, f) == length && fflush(f) == 0;
  int reason = errno;
  if (f && path) ok = fclose(f) == 0 && ok;
  if (!ok) fprintf(stderr, "seppo: cannot write `%s`: %s\n", path ? path : "standard output", strerror(reason));
  return ok ? EXIT_DONE : EXIT_FILES;
}
