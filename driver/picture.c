#include "driver/picture.h"
#include "driver/graphviz/graphviz.h"
#include "runtime/module.h"
#include <errno.h>
#include <string.h>

bool svg_from_dot(const char *dot, StrBuf *svg, DiagSink *sink) {
  char why[256];
  const GraphvizModule *m = module_symbol("libseppo_graphviz.so", "seppo_graphviz_module", why, sizeof why);
  if (m && m->svg_from_dot(dot, svg)) return true;
  diag_error(sink, "E0608", SPAN_NONE, "Graphviz could not draw the graph%s%s", m ? "" : ": ", m ? "" : why);
  return false;
}

int write_text(const char *path, const char *text, size_t length) {
  FILE *f = path ? fopen(path, "wb") : stdout;
  bool ok = f && fwrite(text, 1, length, f) == length && fflush(f) == 0;
  int reason = errno;
  if (f && path) ok = fclose(f) == 0 && ok;
  if (!ok) fprintf(stderr, "seppo: cannot write `%s`: %s\n", path ? path : "standard output", strerror(reason));
  return ok ? EXIT_DONE : EXIT_FILES;
}
