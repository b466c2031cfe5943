/* Text laid out within a width (after Oppen 1980): a stream of words, breaks and groups. The breaks of a group become
 * spaces when the whole group fits into the rest of the line, and line ends otherwise. Private to the formatter. */
#ifndef SEPPO_FRONTEND_FORMAT_DOC_H
#define SEPPO_FRONTEND_FORMAT_DOC_H

#include "runtime/base/arena.h"
#include "runtime/base/strbuf.h"
#include "runtime/base/vec.h"
#include <stdbool.h>

typedef enum {
  DOC_TEXT,
  DOC_LINE,  /* a space, or a line end in a broken group */
  DOC_SOFT,  /* nothing, or a line end */
  DOC_SEMI,  /* "; ", or a line end */
  DOC_HARD,  /* a line end, always */
  DOC_BLANK, /* an empty line before the next one */
  DOC_GROUP,
  DOC_END,
  DOC_INDENT,
  DOC_DEDENT,
  DOC_COMMENT, /* at the end of its line; breaks the groups around it */
} DocKind;

typedef struct DocItem {
  DocKind kind;
  const char *text;
  size_t n;
} DocItem;

typedef struct Doc {
  Vec(DocItem) item;
} Doc;

void doc_put(Doc *d, DocKind kind);
/* The text is not copied. */
void doc_text(Doc *d, const char *s, size_t n);
void doc_comment(Doc *d, const char *s, size_t n);
/* Lays out; comments at line ends stand in one column over neighbouring lines. */
void doc_render(const Doc *d, uint32_t width, StrBuf *out);
void doc_free(Doc *d);

#endif
