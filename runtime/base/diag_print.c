/* Printing a sink: human (source excerpt with carets), short (one line each), json (one object a line). */
#include "runtime/base/diag.h"
#include "runtime/base/strbuf.h"
#include <stdlib.h>
#include <string.h>

enum { TAB = 4, WIDEST = 150, MOST = 50 };

static const char *const severity_name[] = {"error", "warning", "note"};
static const char *const severity_color[] = {"\033[1;31m", "\033[1;33m", "\033[1;36m"};

typedef struct Printer {
  const DiagSink *sink;
  const SourceMap *m;
  bool color;
  StrBuf b;
} Printer;

static void paint(Printer *p, const char *code) {
  if (p->color) sb_puts(&p->b, code);
}
static void plain(Printer *p) { paint(p, "\033[0m"); }

static bool has_place(const Printer *p, Span s) { return p->m && s.source < p->m->source.n; }

/* One source line as columns of the terminal: tabs expanded, control bytes shown as '?'. */
typedef struct Excerpt {
  StrBuf text;
  uint32_t from, to;   /* byte range in text shown */
  uint32_t begin, end; /* display columns of the carets, from 0 */
} Excerpt;

/* Fills text; the columns where the byte offsets b and e of the line stand go to begin and end. */
static void expand_line(Excerpt *x, const char *line, uint32_t length, uint32_t b, uint32_t e,
                        uint32_t *byte_of_begin) {
  uint32_t column = 0;
  for (uint32_t i = 0; i <= length; i++) {
    if (i == b) x->begin = column, *byte_of_begin = (uint32_t)x->text.n;
    if (i == e) x->end = column;
    if (i == length) break;
    unsigned char c = (unsigned char)line[i];
    if (c == '\t') {
      do sb_putc(&x->text, ' ');
      while (++column % TAB);
    } else {
      sb_putc(&x->text, c < 32 || c == 127 ? '?' : (char)c);
      column += (c & 0xC0) != 0x80;
    }
  }
}

/* Shows a part of a very long line, with the carets near its beginning. */
static void cut_line(Excerpt *x, uint32_t byte_of_begin) {
  x->from = 0;
  x->to = (uint32_t)x->text.n;
  if (x->to <= WIDEST) return;
  const char *s = x->text.s;
  uint32_t from = byte_of_begin > WIDEST / 3 ? byte_of_begin - WIDEST / 3 : 0;
  while (from > 0 && ((unsigned char)s[from] & 0xC0) == 0x80) from--;
  uint32_t hidden = 0;
  for (uint32_t i = 0; i < from; i++) hidden += ((unsigned char)s[i] & 0xC0) != 0x80;
  x->from = from;
  if (x->to - from > WIDEST) x->to = from + WIDEST;
  while (x->to < x->text.n && ((unsigned char)s[x->to] & 0xC0) == 0x80) x->to--;
  x->begin -= hidden;
  x->end -= hidden;
  if (x->end > WIDEST) x->end = WIDEST;
  if (x->end <= x->begin) x->end = x->begin + 1;
}

static Excerpt excerpt(const Source *s, Span at) {
  uint32_t b = at.begin < s->length ? at.begin : s->length, e = at.end < s->length ? at.end : s->length;
  uint32_t line = b, end = b;
  while (line > 0 && s->text[line - 1] != '\n') line--;
  while (end < s->length && s->text[end] != '\n') end++;
  if (end > line && s->text[end - 1] == '\r') end--;
  if (e > end) e = end; /* a range over several lines is underlined to the end of its first */
  if (b > end) b = end;
  Excerpt x = {0};
  uint32_t byte_of_begin = 0;
  expand_line(&x, s->text + line, end - line, b - line, (e < b ? b : e) - line, &byte_of_begin);
  if (x.end <= x.begin) x.end = x.begin + 1;
  sb_puts(&x.text, "");
  cut_line(&x, byte_of_begin);
  return x;
}

/* " --> file:3:7", the line, carets, and the label beside them. */
static void print_place(Printer *p, Span at, const char *label, const char *caret_color) {
  const Source *s = &p->m->source.at[at.source];
  uint32_t line, column;
  source_position(p->m, at.source, at.begin, &line, &column);
  int width = snprintf(NULL, 0, "%u", line);
  Excerpt x = excerpt(s, at);
  paint(p, "\033[34m");
  sb_printf(&p->b, "%*s-->", width, "");
  plain(p);
  sb_printf(&p->b, " %s:%u:%u%s\n", s->name, line, column, s->library ? " (library)" : "");
  paint(p, "\033[34m");
  sb_printf(&p->b, "%*s |\n%u |", width, "", line);
  plain(p);
  sb_puts(&p->b, x.from ? " ..." : " ");
  sb_write(&p->b, x.text.s + x.from, x.to - x.from);
  sb_puts(&p->b, x.to < x.text.n ? "...\n" : "\n");
  paint(p, "\033[34m");
  sb_printf(&p->b, "%*s |", width, "");
  plain(p);
  sb_printf(&p->b, " %*s", (int)(x.begin + (x.from ? 3 : 0)), "");
  paint(p, caret_color);
  for (uint32_t i = x.begin; i < x.end; i++) sb_putc(&p->b, '^');
  if (label) sb_printf(&p->b, " %s", label);
  plain(p);
  sb_putc(&p->b, '\n');
  sb_free(&x.text);
}

static bool in_library(const Printer *p, Span s) { return has_place(p, s) && p->m->source.at[s.source].library; }

/* The note whose place the user should see first: the first one in his own text when the error itself lies in the
 * library. Returns 0 when the error's own place comes first. */
static uint32_t leading_note(const Printer *p, const Diag *d) {
  if (!in_library(p, d->span)) return 0;
  for (uint32_t i = 1; i <= d->n_notes; i++)
    if (has_place(p, d[i].span) && !in_library(p, d[i].span)) return i;
  return 0;
}

static void print_note(Printer *p, const Diag *d) {
  paint(p, severity_color[DIAG_NOTE]);
  sb_puts(&p->b, "note");
  plain(p);
  sb_printf(&p->b, ": %s\n", d->message);
  if (has_place(p, d->span)) print_place(p, d->span, d->label, severity_color[DIAG_NOTE]);
}

static void print_human(Printer *p, const Diag *d) {
  const char *color = severity_color[d->severity];
  uint32_t lead = leading_note(p, d);
  paint(p, color);
  sb_puts(&p->b, severity_name[d->severity]);
  if (d->code) sb_printf(&p->b, "[%s]", d->code);
  plain(p);
  paint(p, "\033[1m");
  sb_printf(&p->b, ": %s", d->message);
  plain(p);
  sb_putc(&p->b, '\n');
  if (lead) {
    print_place(p, d[lead].span, d[lead].message, color);
    print_place(p, d->span, d->label, color);
  } else if (has_place(p, d->span)) {
    print_place(p, d->span, d->label, color);
  } else if (d->label) {
    sb_printf(&p->b, "  %s\n", d->label);
  }
  for (uint32_t i = 1; i <= d->n_notes; i++)
    if (i != lead) print_note(p, &d[i]);
  if (d->hint) {
    paint(p, "\033[1;32m");
    sb_puts(&p->b, "hint");
    plain(p);
    sb_printf(&p->b, ": %s\n", d->hint);
  }
  sb_putc(&p->b, '\n');
}

static Span first_place(const Printer *p, const Diag *d) { return d[leading_note(p, d)].span; }

static void print_short(Printer *p, const Diag *d) {
  Span at = first_place(p, d);
  if (has_place(p, at)) {
    uint32_t line, column;
    source_position(p->m, at.source, at.begin, &line, &column);
    sb_printf(&p->b, "%s:%u:%u: ", p->m->source.at[at.source].name, line, column);
  }
  sb_puts(&p->b, severity_name[d->severity]);
  if (d->code) sb_printf(&p->b, "[%s]", d->code);
  sb_printf(&p->b, ": %s", d->message);
  if (d->label) sb_printf(&p->b, " (%s)", d->label);
  sb_putc(&p->b, '\n');
}

static void json_text(StrBuf *b, const char *key, const char *s) {
  sb_printf(b, "\"%s\":", key);
  if (!s) {
    sb_puts(b, "null");
    return;
  }
  sb_putc(b, '"');
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') sb_putc(b, '\\');
    if (c < 32)
      sb_printf(b, "\\u%04x", c);
    else
      sb_putc(b, (char)c);
  }
  sb_putc(b, '"');
}

static void json_place(Printer *p, Span at) {
  if (!has_place(p, at)) {
    sb_puts(&p->b, "\"file\":null");
    return;
  }
  uint32_t line, column;
  json_text(&p->b, "file", p->m->source.at[at.source].name);
  source_position(p->m, at.source, at.begin, &line, &column);
  sb_printf(&p->b, ",\"line\":%u,\"column\":%u", line, column);
  source_position(p->m, at.source, at.end, &line, &column);
  sb_printf(&p->b, ",\"end_line\":%u,\"end_column\":%u", line, column);
}

static void print_json(Printer *p, const Diag *d) {
  sb_putc(&p->b, '{');
  json_text(&p->b, "severity", severity_name[d->severity]);
  sb_putc(&p->b, ',');
  json_text(&p->b, "code", d->code);
  sb_putc(&p->b, ',');
  json_place(p, d->span);
  sb_putc(&p->b, ',');
  json_text(&p->b, "message", d->message);
  sb_putc(&p->b, ',');
  json_text(&p->b, "label", d->label);
  sb_putc(&p->b, ',');
  json_text(&p->b, "hint", d->hint);
  sb_puts(&p->b, ",\"notes\":[");
  for (uint32_t i = 1; i <= d->n_notes; i++) {
    sb_puts(&p->b, i > 1 ? ",{" : "{");
    json_place(p, d[i].span);
    sb_putc(&p->b, ',');
    json_text(&p->b, "message", d[i].message);
    sb_putc(&p->b, '}');
  }
  sb_puts(&p->b, "]}\n");
}

void diag_print(const DiagSink *s, const SourceMap *m, DiagFormat format, bool color, FILE *out) {
  static void (*const print[])(Printer *, const Diag *) = {print_human, print_short, print_json};
  Printer p = {.sink = s, .m = m, .color = color && format == DIAG_HUMAN};
  uint32_t shown = 0, left[DIAG_NOTE] = {0};
  for (uint32_t i = 0; i < s->diag.n; i += 1 + s->diag.at[i].n_notes) {
    const Diag *d = &s->diag.at[i];
    if (format != DIAG_JSON && ++shown > MOST)
      left[d->severity]++;
    else
      print[format](&p, d);
  }
  if (left[DIAG_ERROR]) sb_printf(&p.b, "and %u more errors\n", left[DIAG_ERROR]);
  if (left[DIAG_WARNING]) sb_printf(&p.b, "and %u more warnings\n", left[DIAG_WARNING]);
  if (p.b.n) fwrite(p.b.s, 1, p.b.n, out);
  sb_free(&p.b);
}
