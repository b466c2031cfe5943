#include "frontend/syntax/lexer.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Lexer {
  const char *text;
  uint32_t source, at, end, line_begin;
  bool line_start;
  TokenList *out;
  DiagSink *sink;
} Lexer;

static const char *const token_text[TOK_COUNT] = {
#define TOKEN(id, text) [TOK_##id] = text,
#include "frontend/syntax/tokens.def"
#undef TOKEN
};

static const char *const token_name[TOK_COUNT] = {
    [TOK_END] = "the end of the file",
    [TOK_NEWLINE] = "the end of the line",
    [TOK_NAME] = "a name",
    [TOK_INTEGER] = "a number",
    [TOK_FLOAT] = "a number",
    [TOK_STRING] = "a string",
#define TOKEN(id, text) [TOK_##id] = "`" text "`",
#include "frontend/syntax/tokens.def"
#undef TOKEN
};

const char *token_kind_name(TokenKind kind) { return token_name[kind]; }
const char *token_kind_text(TokenKind kind) { return token_text[kind] ? token_text[kind] : ""; }

bool token_continues(TokenKind kind) {
  switch (kind) {
  case TOK_AND:
  case TOK_OR:
  case TOK_NOT:
  case TOK_THEN:
  case TOK_ELSE:
  case TOK_COMMA:
  case TOK_TILDE: return true;
  default: return kind >= TOK_SLASHSLASH && kind <= TOK_AT;
  }
}

static bool is_digit(int c) { return c >= '0' && c <= '9'; }
static bool is_word_start(int c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_word(int c) { return is_word_start(c) || is_digit(c); }

/* The byte `ahead` of the current place, 0 beyond the end. */
static int look(const Lexer *x, uint32_t ahead) {
  return x->at + ahead < x->end ? (unsigned char)x->text[x->at + ahead] : 0;
}

static Span span(const Lexer *x, uint32_t begin, uint32_t end) { return (Span){x->source, begin, end}; }

static Token *push(Lexer *x, TokenKind kind, uint32_t begin) {
  Token t = {.kind = kind, .begin = begin, .end = x->at, .column = begin - x->line_begin, .line_start = x->line_start};
  x->line_start = false;
  vec_push(&x->out->token, t);
  return &vec_last(&x->out->token);
}

/* comment := '#' up to the end of the line */
static void comment(Lexer *x) {
  uint32_t begin = x->at;
  while (x->at < x->end && x->text[x->at] != '\n') x->at++;
  uint32_t end = x->at;
  while (end > begin && (x->text[end - 1] == ' ' || x->text[end - 1] == '\t' || x->text[end - 1] == '\r')) end--;
  Comment c = {.span = span(x, begin, end), .own_line = x->line_start};
  vec_push(&x->out->comment, c);
}

/* name := letter { letter | digit | '_' }; the first rows of tokens.def are reserved words */
static void word(Lexer *x) {
  uint32_t begin = x->at;
  while (is_word(look(x, 0))) x->at++;
  TokenKind kind = TOK_NAME;
  for (TokenKind k = TOK_AND; k <= TOK_NONE; k++)
    if (*token_text[k] == x->text[begin] && strlen(token_text[k]) == x->at - begin &&
        !memcmp(token_text[k], x->text + begin, x->at - begin))
      kind = k;
  push(x, kind, begin);
}

/* Digits of an exponent or nothing: 1e-3 but not 1em. */
static bool exponent(Lexer *x) {
  if (look(x, 0) != 'e' && look(x, 0) != 'E') return false;
  uint32_t sign = look(x, 1) == '+' || look(x, 1) == '-';
  if (!is_digit(look(x, 1 + sign))) return false;
  x->at += 1 + sign;
  while (is_digit(look(x, 0))) x->at++;
  return true;
}

static double number_value(const Lexer *x, uint32_t begin) {
  char buffer[64];
  size_t n = x->at - begin;
  char *s = n < sizeof buffer ? buffer : malloc(n + 1);
  if (!s) return 0;
  memcpy(s, x->text + begin, n);
  s[n] = 0;
  double v = strtod(s, NULL);
  if (s != buffer) free(s);
  return v;
}

static void check_number(Lexer *x, uint32_t begin, bool integer, double value) {
  if (is_word(look(x, 0))) {
    while (is_word(look(x, 0))) x->at++;
    diag_error(x->sink, "E0003", span(x, begin, x->at), "malformed number `%.*s`", (int)(x->at - begin),
               x->text + begin);
    if (memchr(x->text + begin, '_', x->at - begin))
      diag_hint(x->sink, "write the digits without `_`");
    else
      diag_hint(x->sink, "numbers read 3, 0.5, .5 or 1e-3; a product needs its `*`: 2*x");
  } else if (integer && value > 9007199254740992.0) {
    diag_error(x->sink, "E0004", span(x, begin, x->at), "the integer %.*s is too large", (int)(x->at - begin),
               x->text + begin);
    diag_label(x->sink, "whole numbers go up to 2^53 = 9007199254740992");
  } else if (!isfinite(value)) {
    diag_error(x->sink, "E0004", span(x, begin, x->at), "the number is too large");
    diag_label(x->sink, "f64 ends near 1.8e308; infinity is written `inf`");
  }
}

/* number := digits ['.' digits] [exponent] | '.' digits [exponent]; the dot of 0..4 is no part of the 0 */
static void number(Lexer *x) {
  uint32_t begin = x->at;
  bool integer = true;
  while (is_digit(look(x, 0))) x->at++;
  if (look(x, 0) == '.' && look(x, 1) != '.' && !is_word_start(look(x, 1))) {
    integer = false;
    x->at++;
    while (is_digit(look(x, 0))) x->at++;
  }
  if (exponent(x)) integer = false;
  double value = number_value(x, begin);
  check_number(x, begin, integer, value);
  push(x, integer ? TOK_INTEGER : TOK_FLOAT, begin)->number = value;
}

/* string := '"' { any but '"', '\' and newline | '\' any } '"' */
static void string(Lexer *x) {
  uint32_t begin = x->at++;
  while (x->at < x->end && x->text[x->at] != '"' && x->text[x->at] != '\n')
    x->at += x->text[x->at] == '\\' && x->at + 1 < x->end && x->text[x->at + 1] != '\n' ? 2 : 1;
  if (look(x, 0) == '"') {
    x->at++;
  } else {
    diag_error(x->sink, "E0002", span(x, begin, x->at), "this string is not closed");
    diag_hint(x->sink, "a string ends with `\"` on the line where it began");
  }
  push(x, TOK_STRING, begin);
}

/* 'text': reported once for the whole of it, and taken as a string. */
static void single_quotes(Lexer *x) {
  uint32_t begin = x->at++;
  if (begin && (isalnum((unsigned char)x->text[begin - 1]) || x->text[begin - 1] == ')')) {
    diag_error(x->sink, "E0110", span(x, begin, x->at), "`'` is not part of the language");
    diag_hint(x->sink, "the transpose is `transpose(x)`, a derivative `grad(y, x)`");
    return;
  }
  while (x->at < x->end && x->text[x->at] != '\'' && x->text[x->at] != '\n') x->at++;
  if (look(x, 0) == '\'') x->at++;
  diag_error(x->sink, "E0001", span(x, begin, x->at), "strings are written in double quotes");
  diag_hint(x->sink, "write \"..\" for '..'");
  push(x, TOK_STRING, begin);
}

/* Marks of other languages, and signs that word processors put for ours. `as` is what the parser goes on with. */
static const struct {
  const char *mark, *hint;
  TokenKind as;
} foreign[] = {
    {"**", "the power is `^`: x^2", TOK_CARET},
    {"&&", "write `and`", TOK_AND},
    {"||", "write `or`", TOK_OR},
    {"===", "equality is `==`", TOK_EQ},
    {"->", "a function says what it gives with `=` or `return`", TOK_END},
    {"=>", "a function without a name is written `fn(x) = x^2`", TOK_END},
    {":=", "write `=`", TOK_ASSIGN},
    {"++", "write `x = x + 1`", TOK_END},
    {"+=", "write `x = x + ..`", TOK_ASSIGN},
    {"-=", "write `x = x - ..`", TOK_ASSIGN},
    {"*=", "write `x = x * ..`", TOK_ASSIGN},
    {"/=", "write `x = x / ..`", TOK_ASSIGN},
    {"/*", "a comment begins with `#` and ends with the line", TOK_END},
    {"!", "write `not x`, or `!=` for unequal", TOK_NOT},
    {"&", "write `and`", TOK_AND},
    {"|", "write `or`", TOK_OR},
    {"?", "write `if c then a else b`, or `where(c, a, b)` on tensors", TOK_END},
    {"$", NULL, TOK_END},
    {"\\", "a statement goes on in the next line after an operator, a comma or inside brackets", TOK_END},
    {"`", NULL, TOK_END},
    {"\xE2\x88\x92", "write `-`", TOK_MINUS},                  /* minus sign */
    {"\xE2\x80\x93", "write `-`", TOK_MINUS},                  /* en dash */
    {"\xC3\x97", "write `*`", TOK_STAR},                       /* multiplication sign */
    {"\xC2\xB7", "write `*`", TOK_STAR},                       /* middle dot */
    {"\xE2\x8B\x85", "write `*`", TOK_STAR},                   /* dot operator */
    {"\xE2\x89\xA4", "write `<=`", TOK_LE},                    /* less or equal */
    {"\xE2\x89\xA5", "write `>=`", TOK_GE},                    /* greater or equal */
    {"\xE2\x89\xA0", "write `!=`", TOK_NE},                    /* not equal */
    {"\xE2\x80\x9C", "strings stand between \"..\"", TOK_END}, /* curly quotes */
    {"\xE2\x80\x9D", "strings stand between \"..\"", TOK_END},
    {"\xC2\xA0", "this is a no-break space: put an ordinary space", TOK_END},
};

static uint32_t code_point_bytes(int c) { return c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4; }

/* Reports a character that begins no token and steps over it. */
static void bad_character(Lexer *x) {
  uint32_t begin = x->at, n = code_point_bytes(look(x, 0));
  x->at = begin + n < x->end ? begin + n : x->end;
  if (n == 1 && (unsigned char)x->text[begin] < 0x20)
    diag_error(x->sink, "E0001", span(x, begin, x->at), "the control character 0x%02x is not part of the language",
               (unsigned)(unsigned char)x->text[begin]);
  else {
    diag_error(x->sink, "E0001", span(x, begin, x->at), "`%.*s` is not part of the language", (int)(x->at - begin),
               x->text + begin);
    if (n > 1) diag_hint(x->sink, "names are made of letters a-z, digits and `_`; other signs may stand in strings");
  }
}

static bool foreign_mark(Lexer *x) {
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
    uint32_t n = (uint32_t)strlen(foreign[i].mark), begin = x->at;
    if (n > x->end - x->at || memcmp(x->text + x->at, foreign[i].mark, n) != 0) continue;
    x->at += n;
    diag_error(x->sink, "E0110", span(x, begin, x->at), "`%s` is not part of the language", foreign[i].mark);
    if (foreign[i].hint) diag_hint(x->sink, "%s", foreign[i].hint);
    if (foreign[i].as != TOK_END) push(x, foreign[i].as, begin);
    return true;
  }
  return false;
}

/* Marks that are wrong although a right one begins them: `**`, `+=`, ... */
static bool double_mark(Lexer *x) {
  static const char *const marks[] = {"**", "===", "->", "=>", ":=", "++", "+=", "-=", "*=", "/=", "/*"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (*marks[i] == x->text[x->at] && strlen(marks[i]) <= x->end - x->at &&
        !memcmp(x->text + x->at, marks[i], strlen(marks[i])))
      return foreign_mark(x);
  return false;
}

static void mark(Lexer *x) {
  if (double_mark(x)) return;
  uint32_t begin = x->at;
  for (TokenKind k = TOK_DOTDOT; k < TOK_COUNT; k++) {
    if (*token_text[k] != x->text[begin]) continue;
    uint32_t n = (uint32_t)strlen(token_text[k]);
    if (n > x->end - x->at || memcmp(x->text + x->at, token_text[k], n) != 0) continue;
    x->at += n;
    push(x, k, begin);
    return;
  }
  if (!foreign_mark(x)) bad_character(x);
}

static void token(Lexer *x) {
  int c = look(x, 0);
  if (c == '\n') {
    x->line_begin = ++x->at;
    x->line_start = true;
  } else if (c == ' ' || c == '\t' || c == '\r')
    x->at++;
  else if (c == '#')
    comment(x);
  else if (is_word_start(c))
    word(x);
  else if (is_digit(c) || (c == '.' && is_digit(look(x, 1))))
    number(x);
  else if (c == '"')
    string(x);
  else if (c == '\'')
    single_quotes(x);
  else
    mark(x);
}

void lex(const SourceMap *sources, uint32_t source, uint32_t begin, uint32_t end, TokenList *out, DiagSink *sink) {
  Lexer x = {.text = sources->source.at[source].text,
             .source = source,
             .at = begin,
             .end = end,
             .line_begin = begin,
             .line_start = begin == 0,
             .out = out,
             .sink = sink};
  uint32_t errors = sink->n_errors;
  if (begin == 0 && end >= 3 && !memcmp(x.text, "\xEF\xBB\xBF", 3)) x.at = x.line_begin = 3; /* byte order mark */
  while (x.at < x.end && sink->n_errors - errors < MAX_SYNTAX_ERRORS) token(&x);
  x.line_start = true;
  push(&x, TOK_END, x.at);
}

void token_list_free(TokenList *t) {
  vec_free(&t->token);
  vec_free(&t->comment);
}
