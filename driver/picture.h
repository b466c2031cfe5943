/* Graph pictures through the Graphviz library, and writing text where the user wants it. */
#ifndef SEPPO_DRIVER_PICTURE_H
#define SEPPO_DRIVER_PICTURE_H

#include "runtime/base/diag.h"
#include "runtime/base/strbuf.h"

/* Lays the DOT text out and appends the picture as SVG. False after a diagnostic. */
bool svg_from_dot(const char *dot, StrBuf *svg, DiagSink *sink);
/* To a file, or to stdout when path is NULL. Returns the exit status. */
int write_text(const char *path, const char *text, size_t length);

#endif
