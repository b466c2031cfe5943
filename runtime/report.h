/* report.html: one self-contained file that shows a run; pictures are inside it. */
#ifndef SEPPO_RUNTIME_REPORT_H
#define SEPPO_RUNTIME_REPORT_H

#include "runtime/base/diag.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Report Report;

Report *report_new(const char *title);
void report_heading(Report *r, const char *text);
/* A table of two columns: configuration, time and memory. */
void report_pairs(Report *r, const char *const *name, const char *const *value, uint32_t n);
/* Text as it stands, in a fixed-width font: the model table, the model file. */
void report_text(Report *r, const char *text);
/* A picture with a caption: a file (.png, .gif, .svg), or SVG text. A file that cannot be read becomes a line that says
 * so; the report is not lost for it. */
void report_picture(Report *r, const char *path, const char *caption);
void report_svg(Report *r, const char *svg, size_t n, const char *caption);
/* SVG text that may be much larger than the page: fitted to it, and in its own size after a click. */
void report_wide_svg(Report *r, const char *svg, size_t n, const char *caption);
/* Written whole. False after a diagnostic (E0605). */
bool report_write(const Report *r, const char *path, DiagSink *sink);
void report_free(Report *r);

#endif
