#include "driver/graphviz/graphviz.h"
#include <graphviz/gvc.h>
#include <pthread.h>

/* One for the process, never freed: the text layout of Graphviz keeps pointers to a context's fonts beyond its end. */
static struct {
  pthread_once_t once;
  GVC_t *gvc;
} opened = {.once = PTHREAD_ONCE_INIT};

static void open_context(void) { opened.gvc = gvContext(); }

static bool svg_from_dot(const char *dot, StrBuf *svg) {
  pthread_once(&opened.once, open_context);
  GVC_t *gvc = opened.gvc;
  Agraph_t *g = agmemread(dot);
  char *text = NULL;
  unsigned length = 0;
  bool ok = g && !gvLayout(gvc, g, "dot") && !gvRenderData(gvc, g, "svg", &text, &length);
  if (ok) sb_write(svg, text, length);
  if (text) gvFreeRenderData(text);
  if (g) {
    gvFreeLayout(gvc, g);
    agclose(g);
  }
  return ok;
}

extern const GraphvizModule seppo_graphviz_module;
const GraphvizModule seppo_graphviz_module = {svg_from_dot};
