/* The module that lays out graphs: Graphviz is opened when a picture of a graph is asked for. */
#ifndef SEPPO_DRIVER_GRAPHVIZ_H
#define SEPPO_DRIVER_GRAPHVIZ_H

#include "runtime/base/strbuf.h"
#include <stdbool.h>

typedef struct GraphvizModule {
  bool (*svg_from_dot)(const char *dot, StrBuf *svg);
} GraphvizModule;

#endif
