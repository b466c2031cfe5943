/* Tokens of the text form. */
#ifndef SEPPO_IR_LEX_H
#define SEPPO_IR_LEX_H

#include "runtime/base/diag.h"

typedef enum {
  TOKEN_END,
  TOKEN_WORD,   /* letters, digits, '_' and '.', e.g. encoder.dense_1.W */
  TOKEN_VALUE,  /* %12, %loss: text without the % */
  TOKEN_REF,    /* @3: text without the @ */
  TOKEN_NUMBER, /* 12, -1.5e-07, 0x1p-3, -inf */
  TOKEN_STRING, /* between the quotes, escapes as written */
  TOKEN_MARK    /* one character */
} TokenKind;

typedef struct Token {
  TokenKind kind;
  const char *s;
  uint32_t n;
  Span span;
} Token;

typedef struct Lexer {
  const char *text;
  uint32_t source, length, at;
} Lexer;

/* Blanks and comments (';' to the end of the line) separate tokens. */
Token lex_next(Lexer *x);

#endif
