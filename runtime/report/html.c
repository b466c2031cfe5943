/* The report as HTML. Pictures are data URLs: each SVG keeps its own ids that way. */
#include "runtime/base/strbuf.h"
#include "runtime/report.h"
#include "runtime/rundir.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct Report {
  StrBuf html;
};

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:1480px;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ddd}"
    "table{border-collapse:collapse}td{padding:.15em 1.2em .15em 0;vertical-align:top}td:first-child{color:#666}"
    "pre{background:#f6f6f6;padding:.8em;overflow-x:auto;font-size:13px}"
    "figure{display:inline-block;margin:.6em 1em .6em 0;vertical-align:top}img{max-width:100%;height:auto}"
    "figcaption{color:#666;font-size:13px}"
    ".wide{display:block;overflow:auto;border:1px solid #ddd}.wide input{display:none}.wide img{cursor:zoom-in}"
    ".wide input:checked+img{max-width:none;cursor:zoom-out}";

static void put_escaped(StrBuf *b, const char *s) {
  for (; *s; s++) {
    switch (*s) {
    case '<': sb_puts(b, "&lt;"); break;
    case '>': sb_puts(b, "&gt;"); break;
    case '&': sb_puts(b, "&amp;"); break;
    case '"': sb_puts(b, "&quot;"); break;
    default: sb_putc(b, *s);
    }
  }
}

static void put_element(StrBuf *b, const char *tag, const char *text) {
  sb_printf(b, "<%s>", tag);
  put_escaped(b, text);
  sb_printf(b, "</%s>\n", tag);
}

Report *report_new(const char *title) {
  Report *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  sb_puts(&r->html, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
  put_element(&r->html, "title", title);
  put_element(&r->html, "style", style);
  sb_puts(&r->html, "</head><body>\n");
  put_element(&r->html, "h1", title);
  return r;
}

void report_heading(Report *r, const char *text) { put_element(&r->html, "h2", text); }

void report_pairs(Report *r, const char *const *name, const char *const *value, uint32_t n) {
  sb_puts(&r->html, "<table>\n");
  for (uint32_t i = 0; i < n; i++) {
    sb_puts(&r->html, "<tr>");
    put_element(&r->html, "td", name[i]);
    put_element(&r->html, "td", value[i]);
    sb_puts(&r->html, "</tr>\n");
  }
  sb_puts(&r->html, "</table>\n");
}

void report_text(Report *r, const char *text) { put_element(&r->html, "pre", text); }

/* ---------------------------------------------------------------- pictures */

static void put_base64(StrBuf *b, const uint8_t *p, size_t n) {
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
    sb_putc(b, digit[v >> 18]);
    sb_putc(b, digit[v >> 12 & 63]);
    sb_putc(b, i + 1 < n ? digit[v >> 6 & 63] : '=');
    sb_putc(b, i + 2 < n ? digit[v & 63] : '=');
  }
}

static void put_image(Report *r, const char *type, const uint8_t *bytes, size_t n, const char *caption) {
  sb_puts(&r->html, "<img alt=\"");
  put_escaped(&r->html, caption);
  sb_printf(&r->html, "\" src=\"data:%s;base64,", type);
  put_base64(&r->html, bytes, n);
  sb_puts(&r->html, "\">");
}

static void end_figure(Report *r, const char *caption) {
  if (*caption) put_element(&r->html, "figcaption", caption);
  sb_puts(&r->html, "</figure>\n");
}

static void put_figure(Report *r, const char *type, const uint8_t *bytes, size_t n, const char *caption) {
  sb_puts(&r->html, "<figure>");
  put_image(r, type, bytes, n, caption);
  end_figure(r, caption);
}

void report_svg(Report *r, const char *svg, size_t n, const char *caption) {
  put_figure(r, "image/svg+xml", (const uint8_t *)svg, n, caption);
}

void report_wide_svg(Report *r, const char *svg, size_t n, const char *caption) {
  sb_puts(&r->html, "<figure class=\"wide\"><label><input type=\"checkbox\">");
  put_image(r, "image/svg+xml", (const uint8_t *)svg, n, caption);
  sb_puts(&r->html, "</label>");
  end_figure(r, caption);
}

/* The file's bytes, heap; NULL with errno set. */
static uint8_t *read_all(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  StrBuf b = {0};
  char piece[1 << 16];
  for (size_t got; (got = fread(piece, 1, sizeof piece, f)) > 0;) sb_write(&b, piece, got);
  bool bad = ferror(f) != 0;
  fclose(f);
  *n = b.n;
  if (!bad) return (uint8_t *)sb_take(&b);
  sb_free(&b);
  return NULL;
}

void report_picture(Report *r, const char *path, const char *caption) {
  static const char *const types[][2] = {{".png", "image/png"}, {".gif", "image/gif"}, {".svg", "image/svg+xml"}};
  const char *dot = strrchr(path, '.'), *type = NULL;
  for (int i = 0; i < 3; i++)
    if (dot && strcmp(dot, types[i][0]) == 0) type = types[i][1];
  size_t n = 0;
  uint8_t *bytes = type ? read_all(path, &n) : NULL;
  if (bytes) {
    put_figure(r, type, bytes, n, caption);
  } else {
    StrBuf line = {0};
    sb_printf(&line, "%s: %s", path, type ? strerror(errno) : "not a picture");
    put_element(&r->html, "p", line.s);
    sb_free(&line);
  }
  free(bytes);
}

/* ---------------------------------------------------------------- the file */

bool report_write(const Report *r, const char *path, DiagSink *sink) {
  StrBuf all = {0};
  sb_write(&all, r->html.s, r->html.n);
  sb_puts(&all, "</body></html>\n");
  bool ok = file_write_whole(path, all.s, all.n);
  if (!ok) {
    diag_error(sink, "E0605", SPAN_NONE, "%s: the report cannot be written: %s", path, strerror(errno));
    diag_status(sink, EXIT_FILES);
  }
  sb_free(&all);
  return ok;
}

void report_free(Report *r) {
  if (!r) return;
  sb_free(&r->html);
  free(r);
}
