#include "ir/text/lex.h"
#include <string.h>

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static char peek(const Lexer *x, uint32_t ahead) { return x->at + ahead < x->length ? x->text[x->at + ahead] : 0; }

static void skip_blanks(Lexer *x) {
  for (;; x->at++) {
    char c = peek(x, 0);
    if (c == ';')
      while (x->at < x->length && x->text[x->at] != '\n') x->at++;
    if (x->at >= x->length || !strchr(" \t\r\n;", x->text[x->at]) || !x->text[x->at]) return;
  }
}

static void skip_word(Lexer *x) {
  while (is_letter(peek(x, 0)) || is_digit(peek(x, 0)) || peek(x, 0) == '.') x->at++;
}

/* Digits, letters and the sign after an exponent mark; what it means is decided by whoever wants a number. */
static void skip_number(Lexer *x) {
  x->at++;
  for (;; x->at++) {
    char c = peek(x, 0);
    bool exponent = strchr("eEpP", peek(x, (uint32_t)-1)) != NULL;
    if (!is_letter(c) && !is_digit(c) && c != '.' && !((c == '-' || c == '+') && exponent)) return;
  }
}

static void skip_string(Lexer *x) {
  for (x->at++; x->at < x->length && x->text[x->at] != '"' && x->text[x->at] != '\n'; x->at++)
    if (x->text[x->at] == '\\' && peek(x, 1) != '\n') x->at++;
  if (x->at > x->length) x->at = x->length;
}

static TokenKind kind_at(const Lexer *x) {
  char c = peek(x, 0), d = peek(x, 1);
  if (x->at >= x->length) return TOKEN_END;
  if (is_letter(c)) return TOKEN_WORD;
  if (c == '%') return TOKEN_VALUE;
  if (c == '@') return TOKEN_REF;
  if (is_digit(c) || ((c == '-' || c == '+') && (is_digit(d) || is_letter(d) || d == '.'))) return TOKEN_NUMBER;
  return c == '"' ? TOKEN_STRING : TOKEN_MARK;
}

Token lex_next(Lexer *x) {
  skip_blanks(x);
  Token t = {.kind = kind_at(x), .s = x->text + x->at};
  uint32_t begin = x->at, cut = 0;
  switch (t.kind) {
  case TOKEN_END: break;
  case TOKEN_WORD: skip_word(x); break;
  case TOKEN_VALUE:
  case TOKEN_REF:
    x->at++;
    skip_word(x);
    cut = 1;
    break;
  case TOKEN_NUMBER: skip_number(x); break;
  case TOKEN_STRING: skip_string(x); break;
  case TOKEN_MARK: x->at++; break;
  }
  t.n = x->at - begin - cut;
  t.s += cut;
  if (t.kind == TOKEN_STRING) {
    bool closed = x->at < x->length && x->text[x->at] == '"';
    t.s++;
    t.n--;
    if (closed)
      x->at++;
    else
      t.kind = TOKEN_MARK; /* an unclosed string is no token anyone expects */
  }
  t.span = (Span){x->source, begin, x->at};
  return t;
}
