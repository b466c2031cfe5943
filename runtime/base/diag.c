#include "runtime/base/diag.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- sources */

uint32_t source_add(SourceMap *m, const char *name, const char *text, size_t length, bool library) {
  Source s = {.name = arena_strdup(&m->mem, name),
              .text = arena_strndup(&m->mem, text, length),
              .length = (uint32_t)length,
              .library = library};
  vec_push(&m->source, s);
  return m->source.n - 1;
}

enum { source_most = 16 << 20 };

uint32_t source_read(SourceMap *m, const char *path, const char **why) {
  uint32_t source = SOURCE_NONE;
  FILE *f = fopen(path, "rb");
  char *text = f ? malloc(source_most + 1) : NULL;
  size_t n = text ? fread(text, 1, source_most + 1, f) : 0;
  if (!f || !text || ferror(f)) {
    *why = strerror(errno);
  } else if (n > source_most) {
    *why = "it is larger than 16 MiB";
  } else {
    size_t mark = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    source = source_add(m, path, text + mark, n - mark, false);
  }
  free(text);
  if (f) fclose(f);
  return source;
}

void source_position(const SourceMap *m, uint32_t source, uint32_t offset, uint32_t *line, uint32_t *column) {
  *line = *column = 1;
  if (source >= m->source.n) return;
  const Source *s = &m->source.at[source];
  if (offset > s->length) offset = s->length;
  const char *p = s->text, *end = s->text + offset;
  for (const char *nl; (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1) ++*line;
  for (; p < end; p++) *column += ((unsigned char)*p & 0xC0) != 0x80;
}

void source_map_free(SourceMap *m) {
  vec_free(&m->source);
  arena_free(&m->mem);
}

/* ---------------------------------------------------------------- adding */

static char *format(Arena *mem, const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  char *s = arena_alloc(mem, n < 0 ? 1 : (size_t)n + 1);
  if (n >= 0) vsnprintf(s, (size_t)n + 1, fmt, again);
  va_end(again);
  return s;
}

static uint32_t add(DiagSink *s, Severity severity, const char *code, Span at, const char *fmt, va_list ap) {
  Diag d = {.severity = severity, .code = code, .span = at, .message = format(&s->mem, fmt, ap)};
  vec_push(&s->diag, d);
  return s->diag.n - 1;
}

uint32_t diag_error(DiagSink *s, const char *code, Span at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  uint32_t i = add(s, DIAG_ERROR, code, at, fmt, ap);
  va_end(ap);
  if (s->n_errors++ == 0) s->exit_status = EXIT_MODEL;
  return i;
}

uint32_t diag_warning(DiagSink *s, const char *code, Span at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  uint32_t i = add(s, DIAG_WARNING, code, at, fmt, ap);
  va_end(ap);
  s->n_warnings++;
  return i;
}

/* The latest error or warning; NULL when there is none yet. */
static Diag *latest(DiagSink *s) {
  for (uint32_t i = s->diag.n; i-- > 0;)
    if (s->diag.at[i].severity != DIAG_NOTE) return &s->diag.at[i];
  return NULL;
}

void diag_note(DiagSink *s, Span at, const char *fmt, ...) {
  if (!latest(s)) return;
  va_list ap;
  va_start(ap, fmt);
  add(s, DIAG_NOTE, NULL, at, fmt, ap);
  va_end(ap);
  latest(s)->n_notes++;
}

void diag_label(DiagSink *s, const char *fmt, ...) {
  Diag *d = latest(s);
  if (!d) return;
  va_list ap;
  va_start(ap, fmt);
  d->label = format(&s->mem, fmt, ap);
  va_end(ap);
}

void diag_hint(DiagSink *s, const char *fmt, ...) {
  Diag *d = latest(s);
  if (!d) return;
  va_list ap;
  va_start(ap, fmt);
  d->hint = format(&s->mem, fmt, ap);
  va_end(ap);
}

void diag_status(DiagSink *s, int exit_status) {
  if (s->n_errors == 1) s->exit_status = exit_status;
}

void diag_sink_free(DiagSink *s) {
  vec_free(&s->diag);
  arena_free(&s->mem);
  *s = (DiagSink){0};
}

/* ---------------------------------------------------------------- did you mean */

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t m = a < b ? a : b;
  return m < c ? m : c;
}

/* Optimal string alignment distance (Damerau 1964: insert, delete, replace, swap neighbours); words up to 63 bytes. */
static uint32_t edit_distance(const char *a, uint32_t na, const char *b, uint32_t nb) {
  uint32_t row[3][64];
  for (uint32_t j = 0; j <= nb; j++) row[0][j] = j;
  for (uint32_t i = 1; i <= na; i++) {
    uint32_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
    now[0] = i;
    for (uint32_t j = 1; j <= nb; j++) {
      now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
        now[j] = before[j - 2] + 1;
    }
  }
  return row[na % 3][nb];
}

/* Among candidates equally near: one that the word begins, one that begins alike, one of the same length. */
static int likeness(const char *word, const char *candidate) {
  size_t n = strlen(word);
  return 4 * !strncmp(word, candidate, n) + 2 * (*candidate == *word) + (strlen(candidate) == n);
}

const char *diag_nearest(const char *word, const char *const *candidate, uint32_t n) {
  size_t length = strlen(word);
  if (length > 63) return NULL;
  const char *best = NULL;
  uint32_t best_distance = UINT32_MAX;
  for (uint32_t i = 0; i < n; i++) {
    size_t m = candidate[i] ? strlen(candidate[i]) : 64, longer = m > length ? m : length;
    if (m == length && !strcasecmp(word, candidate[i])) return candidate[i];
    uint32_t limit = longer < 6 ? 1 : (uint32_t)longer / 3; /* one slip in up to five letters, two up to eight, ... */
    if (m > 63 || m > length + limit || length > m + limit) continue;
    uint32_t d = edit_distance(word, (uint32_t)length, candidate[i], (uint32_t)m);
    if (d >= length || d > limit || d > best_distance ||
        (d == best_distance && likeness(word, candidate[i]) <= likeness(word, best)))
      continue;
    best = candidate[i];
    best_distance = d;
  }
  return best;
}
