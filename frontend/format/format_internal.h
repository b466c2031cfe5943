/* What format.c (statements) and format_expr.c (expressions) share. */
#ifndef SEPPO_FRONTEND_FORMAT_INTERNAL_H
#define SEPPO_FRONTEND_FORMAT_INTERNAL_H

#include "frontend/format/format_doc.h"
#include "frontend/syntax/ast.h"

typedef struct Formatter {
  const Ast *ast;
  const char *text;
  uint32_t comment; /* next comment to write */
  Doc doc;
} Formatter;

void put_word(Formatter *f, const char *s);
void put_name(Formatter *f, Name n);
/* Inside brackets: a break before the text at `offset`, with the comments that stand there. */
void put_inner_break(Formatter *f, DocKind kind, uint32_t offset);
/* Comments behind the last item of a bracket that closes at `offset`. */
void put_last_comments(Formatter *f, uint32_t offset);

void put_expr(Formatter *f, const Expr *e);
void put_exprs(Formatter *f, Expr *const *e, uint32_t n);
/* " = value", broken behind the sign when that helps. */
void put_value(Formatter *f, const char *sign, const Expr *e);
void put_index(Formatter *f, const IndexItem *item, uint32_t n);
void put_shape(Formatter *f, const Shape *s);
void put_params(Formatter *f, const Param *p, uint32_t n);
void put_loop(Formatter *f, const Loop *l);
void put_block(Formatter *f, const Block *b);

#endif
