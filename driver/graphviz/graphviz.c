#include "driver/graphviz/graphviz.h"
#include <graphviz/gvc.h>

static bool svg_from_dot(const char *dot, StrBuf *svg) {
  GVC_t *gvc = gvContext();
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
  gvFreeContext(gvc);
  return ok;
}

extern const GraphvizModule seppo_graphviz_module;
const GraphvizModule seppo_graphviz_module = {svg_from_dot};
