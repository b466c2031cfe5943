/* Source text to tokens. Newlines are no tokens: each token knows whether a line ended before it, and the parser, which
 * knows the open brackets, decides whether that ends a statement. */
#ifndef SEPPO_FRONTEND_LEXER_H
#define SEPPO_FRONTEND_LEXER_H

#include "frontend/syntax/ast.h"

typedef enum {
  TOK_END,     /* end of the source; also what the parser sees while it unwinds from an error */
  TOK_NEWLINE, /* made by the parser only */
  TOK_NAME,
  TOK_INTEGER,
  TOK_FLOAT,
  TOK_STRING,
#define TOKEN(id, text) TOK_##id,
#include "frontend/syntax/tokens.def"
#undef TOKEN
  TOK_COUNT
} TokenKind;

typedef struct Token {
  TokenKind kind;
  uint32_t begin, end; /* bytes of the source; a string includes its quotes */
  uint32_t column;     /* bytes since the start of the line */
  bool line_start;     /* first token of its line */
  double number;
} Token;

typedef struct TokenList {
  Vec(Token) token; /* ends with TOK_END */
  Vec(Comment) comment;
} TokenList;

/* A file with more mistakes than these is given up: the rest would hardly help. */
#define MAX_SYNTAX_ERRORS 50

/* Tokens of bytes begin..end of a source. Errors (E00xx) go to the sink; a bad character is left out. */
void lex(const SourceMap *sources, uint32_t source, uint32_t begin, uint32_t end, TokenList *out, DiagSink *sink);
void token_list_free(TokenList *t);

/* "`(`", "a number", "the end of the line": for messages. */
const char *token_kind_name(TokenKind kind);
/* The spelling of a keyword or punctuation mark. */
const char *token_kind_text(TokenKind kind);
/* Whether a line that ends in this token goes on in the next one. */
bool token_continues(TokenKind kind);

#endif
