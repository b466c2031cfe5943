/* Diagnostics: errors are values with a source location.
 *
 * A SourceMap owns every source text of a run (model file, `use`d modules, the embedded library, .ir files).
 * A Span is a half-open byte range of one source. Code that finds an error adds a Diag to a DiagSink and goes on
 * where independent errors can still be found; the driver prints the sink (human, short or json) and picks the exit
 * status.
 */
#ifndef SEPPO_BASE_DIAG_H
#define SEPPO_BASE_DIAG_H

#include "runtime/base/arena.h"
#include "runtime/base/vec.h"
#include <stdbool.h>
#include <stdio.h>

#define SOURCE_NONE UINT32_MAX

typedef struct Span {
  uint32_t source; /* index in SourceMap, SOURCE_NONE = no place */
  uint32_t begin, end;
} Span;
static const Span SPAN_NONE = {SOURCE_NONE, 0, 0};

typedef struct Source {
  const char *name; /* as shown to the user; library files are "std/layers.sep" */
  const char *text;
  uint32_t length;
  bool library; /* embedded std file: diagnostics point at the user's call first */
} Source;

typedef struct SourceMap {
  Arena mem;
  Vec(Source) source;
} SourceMap;

/* Copies name and text. Returns the source's index. */
uint32_t source_add(SourceMap *m, const char *name, const char *text, size_t length, bool library);
/* Reads a file, a byte order mark at its beginning left out. SOURCE_NONE, and *why says why, when it cannot be read or
 * is larger than any model file (16 MiB). */
uint32_t source_read(SourceMap *m, const char *path, const char **why);
/* 1-based line and column (in code points) of a byte offset. */
void source_position(const SourceMap *m, uint32_t source, uint32_t offset, uint32_t *line, uint32_t *column);
void source_map_free(SourceMap *m);

/* Exit statuses (DESIGN section 2). */
enum {
  EXIT_DONE = 0,
  EXIT_MODEL = 1,   /* the model file is wrong */
  EXIT_USAGE = 2,   /* wrong options */
  EXIT_FILES = 3,   /* data, checkpoint or file trouble */
  EXIT_NUMBERS = 4, /* NaN or Inf in a loss or parameter, index out of range */
  EXIT_INTERRUPTED = 130
};

typedef enum { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE } Severity;

typedef struct Diag {
  Severity severity;
  const char *code;    /* "E0301": a row of frontend/diag_codes.def; NULL for notes */
  Span span;           /* what the caret range underlines */
  const char *message; /* one line, no final stop */
  const char *label;   /* beside the carets, e.g. "expected [784, n], found [400, n]"; may be NULL */
  const char *hint;    /* "did you mean `relu`?"; may be NULL */
  uint32_t n_notes;    /* the n_notes entries that follow in the sink are notes to this one */
} Diag;

typedef struct DiagSink {
  Arena mem;
  Vec(Diag) diag;
  uint32_t n_errors, n_warnings;
  int exit_status; /* status of the first error: EXIT_MODEL unless diag_status said otherwise */
} DiagSink;

/* Adds an entry with a printf-formatted message; label and hint are set on the returned index. */
uint32_t diag_error(DiagSink *s, const char *code, Span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
uint32_t diag_warning(DiagSink *s, const char *code, Span at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Attaches to the latest error or warning. */
void diag_note(DiagSink *s, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_label(DiagSink *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void diag_hint(DiagSink *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Makes the latest error count as data/file trouble and so on (EXIT_FILES ...), not as a wrong model file. */
void diag_status(DiagSink *s, int exit_status);
void diag_sink_free(DiagSink *s);

typedef enum { DIAG_HUMAN, DIAG_SHORT, DIAG_JSON } DiagFormat;
void diag_print(const DiagSink *s, const SourceMap *m, DiagFormat format, bool color, FILE *out);

/* Nearest candidate by edit distance for "did you mean", or NULL when none is close. */
const char *diag_nearest(const char *word, const char *const *candidate, uint32_t n);

#endif
