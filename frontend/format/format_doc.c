#include "frontend/format/format_doc.h"
#include <stdlib.h>
#include <string.h>

typedef struct Line {
  char *code;
  size_t width;
  uint32_t indent;
  bool blank_before;
  const char *comment;
  size_t n_comment;
} Line;

typedef struct Render {
  const Doc *doc;
  uint32_t width, indent;
  size_t column; /* of the line under construction, its indent included */
  StrBuf code;
  Line line;
  Vec(Line) lines;
  Vec(bool) broken; /* of each open group */
} Render;

void doc_put(Doc *d, DocKind kind) {
  DocItem i = {.kind = kind};
  vec_push(&d->item, i);
}

void doc_text(Doc *d, const char *s, size_t n) {
  DocItem i = {.kind = DOC_TEXT, .text = s, .n = n};
  vec_push(&d->item, i);
}

void doc_comment(Doc *d, const char *s, size_t n) {
  DocItem i = {.kind = DOC_COMMENT, .text = s, .n = n};
  vec_push(&d->item, i);
}

void doc_free(Doc *d) { vec_free(&d->item); }

/* Characters of UTF-8 text. */
static size_t text_width(const char *s, size_t n) {
  size_t w = 0;
  for (size_t i = 0; i < n; i++) w += ((unsigned char)s[i] & 0xC0) != 0x80;
  return w;
}

static size_t flat_width(const DocItem *i) {
  switch (i->kind) {
  case DOC_TEXT: return text_width(i->text, i->n);
  case DOC_LINE: return 1;
  case DOC_SEMI: return 2;
  default: return 0;
  }
}

/* Whether the group at `at`, and what clings to its end, fits into the line when written flat. */
static bool fits(const Render *r, uint32_t at) {
  size_t column = r->column;
  uint32_t depth = 0;
  bool closed = false;
  for (uint32_t k = at; k < r->doc->item.n && column <= r->width; k++) {
    const DocItem *i = &r->doc->item.at[k];
    if (closed && i->kind >= DOC_LINE && i->kind <= DOC_HARD) return true;
    if (i->kind == DOC_HARD || i->kind == DOC_BLANK) return false;
    if (i->kind == DOC_COMMENT) return closed;
    depth += i->kind == DOC_GROUP;
    if (i->kind == DOC_END && depth && --depth == 0) closed = true;
    column += flat_width(i);
  }
  return column <= r->width;
}

static void end_line(Render *r) {
  if (r->code.n || r->line.comment) {
    r->line.width = text_width(r->code.s ? r->code.s : "", r->code.n);
    r->line.code = sb_take(&r->code);
    vec_push(&r->lines, r->line);
    r->line = (Line){0};
  }
  r->line.indent = r->indent;
  r->column = r->indent;
}

static void put_text(Render *r, const char *s, size_t n) {
  if (!r->code.n) r->line.indent = r->indent;
  sb_write(&r->code, s, n);
  r->column += text_width(s, n);
}

static void put_break(Render *r, const DocItem *i) {
  if (i->kind == DOC_HARD || r->broken.n == 0 || vec_last(&r->broken) || r->line.comment)
    end_line(r);
  else if (i->kind == DOC_LINE)
    put_text(r, " ", 1);
  else if (i->kind == DOC_SEMI)
    put_text(r, "; ", 2);
}

static void put(Render *r, uint32_t k) {
  const DocItem *i = &r->doc->item.at[k];
  switch (i->kind) {
  case DOC_TEXT: put_text(r, i->text, i->n); break;
  case DOC_LINE:
  case DOC_SOFT:
  case DOC_SEMI:
  case DOC_HARD: put_break(r, i); break;
  case DOC_BLANK: r->line.blank_before = true; break;
  case DOC_GROUP: {
    bool parent_flat = r->broken.n && !vec_last(&r->broken);
    vec_push(&r->broken, !parent_flat && !fits(r, k));
    break;
  }
  case DOC_END: r->broken.n--; break;
  case DOC_INDENT: r->indent += 2; break;
  case DOC_DEDENT: r->indent -= 2; break;
  case DOC_COMMENT:
    if (r->line.comment) end_line(r);
    r->line.comment = i->text;
    r->line.n_comment = i->n;
    break;
  }
}

/* The column of the comments of the run of lines that begins at k; `end` is the line behind the run. */
static size_t comment_column(const Render *r, uint32_t k, uint32_t *end) {
  size_t column = 0;
  uint32_t j = k;
  for (; j < r->lines.n && r->lines.at[j].comment && (j == k || !r->lines.at[j].blank_before); j++) {
    size_t w = r->lines.at[j].indent + r->lines.at[j].width;
    if (w > column) column = w;
  }
  *end = j;
  return column + 2;
}

static void write_line(const Line *l, size_t column, StrBuf *out) {
  if (l->blank_before && out->n) sb_putc(out, '\n');
  for (uint32_t i = 0; i < l->indent; i++) sb_putc(out, ' ');
  sb_puts(out, l->code);
  if (l->comment) {
    if (l->width)
      for (size_t c = l->indent + l->width; c < column; c++) sb_putc(out, ' ');
    sb_write(out, l->comment, l->n_comment);
  }
  sb_putc(out, '\n');
}

void doc_render(const Doc *d, uint32_t width, StrBuf *out) {
  Render r = {.doc = d, .width = width};
  for (uint32_t k = 0; k < d->item.n; k++) put(&r, k);
  end_line(&r);
  for (uint32_t k = 0, end = 0, column = 0; k < r.lines.n; k++) {
    if (k >= end) column = (uint32_t)comment_column(&r, k, &end);
    write_line(&r.lines.at[k], column, out);
    free(r.lines.at[k].code);
  }
  sb_free(&r.code);
  vec_free(&r.lines);
  vec_free(&r.broken);
}
