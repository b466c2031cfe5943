/* Strings: escapes, and the interpolated parts of "loss {x:.3f} at {step}". */
#include "frontend/syntax/parse_internal.h"
#include "runtime/base/strbuf.h"
#include <stdlib.h>
#include <string.h>

typedef Vec(StrPart) Parts;

/* Ends the literal text gathered so far. */
static void flush(Parser *p, StrBuf *text, Parts *parts) {
  if (!text->n) return;
  StrPart part = {.text = arena_strndup(&p->ast->mem, text->s, text->n)};
  vec_push(parts, part);
  text->n = 0;
}

/* escape := '\' ( n | t | '"' | '\' | '{' | '}' ) */
static void escape(Parser *p, uint32_t at, StrBuf *text) {
  static const char from[] = "nt\"\\{}", to[] = "\n\t\"\\{}";
  const char *k = strchr(from, p->text[at + 1]);
  if (k && *k)
    sb_putc(text, to[k - from]);
  else {
    parse_error(p, "E0005", (Span){p->source, at, at + 2}, "unknown escape `\\%c`", p->text[at + 1]);
    diag_hint(p->sink, "the escapes are \\n \\t \\\" \\\\ \\{ \\}");
  }
}

/* The end of the expression that `{` at `begin` opens: its `}`, and the `:` of its format if it has one. */
static uint32_t find_close(const char *s, uint32_t begin, uint32_t end, uint32_t *colon) {
  uint32_t depth = 0;
  *colon = 0;
  for (uint32_t i = begin + 1; i < end; i++) {
    char c = s[i];
    if (c == '(' || c == '[' || c == '{')
      depth++;
    else if (c == '}' && depth == 0)
      return i;
    else if (c == ')' || c == ']' || c == '}')
      depth -= depth > 0;
    else if (c == ':' && depth == 0 && !*colon)
      *colon = i;
  }
  return end;
}

/* format := ['.' digits] ('f' | 'e' | 'g' | 'd') */
static const char *number_format(Parser *p, uint32_t begin, uint32_t end) {
  uint32_t i = begin;
  if (i < end && p->text[i] == '.') i++;
  while (i > begin && i < end && i < begin + 3 && p->text[i] >= '0' && p->text[i] <= '9') i++;
  if (i + 1 != end || !strchr("fegd", p->text[i])) {
    parse_error(p, "E0006", (Span){p->source, begin, end}, "`%.*s` is no number format", (int)(end - begin),
                p->text + begin);
    diag_hint(p->sink, "write {x:.3f}, {x:.2e}, {x:g} or {n:d}");
  }
  return arena_strndup(&p->ast->mem, p->text + begin, end - begin);
}

/* Parses bytes begin..end of the source as one expression, with tokens of their own. */
static Expr *parse_range(Parser *p, uint32_t begin, uint32_t end) {
  Parser saved = *p;
  p->tokens = (TokenList){0};
  p->at = p->newline = 0;
  p->in_string = true;
  p->brackets = 1; /* line ends mean nothing here */
  lex(p->sources, p->source, begin, end, &p->tokens, p->sink);
  for (uint32_t i = 0; i < p->tokens.token.n; i++) p->tokens.token.at[i].column = saved.column + 1;
  Expr *e = parse_expr(p);
  if (peek(p) != TOK_END) parse_fail(p, "E0006", token_span(p, here(p)), "expected `}` or `:` here");
  token_list_free(&p->tokens);
  p->tokens = saved.tokens;
  p->in_string = saved.in_string;
  p->at = saved.at;
  p->newline = saved.newline;
  p->brackets = saved.brackets;
  return e;
}

/* '{' expr [':' format] '}' */
static uint32_t interpolation(Parser *p, uint32_t at, uint32_t end, Parts *parts) {
  uint32_t colon, close = find_close(p->text, at, end, &colon), stop = colon ? colon : close;
  StrPart part = {0};
  if (close == end) {
    parse_error(p, "E0006", (Span){p->source, at, at + 1}, "`{` in a string begins an expression and is not closed");
    diag_hint(p->sink, "write `{x}` to insert x, or `\\{` for the brace itself");
    return end;
  }
  if (stop == at + 1)
    parse_error(p, "E0006", (Span){p->source, at, close + 1}, "nothing to insert between the braces");
  else
    part.value = parse_range(p, at + 1, stop);
  if (colon) part.format = number_format(p, colon + 1, close);
  if (part.value) vec_push(parts, part);
  return close + 1;
}

/* string := '"' { character | escape | interpolation } '"' */
void parse_string_parts(Parser *p, Expr *string, const Token *t) {
  uint32_t end = t->end - (t->end > t->begin + 1 && p->text[t->end - 1] == '"');
  StrBuf text = {0};
  Parts parts = {0};
  for (uint32_t i = t->begin + 1; i < end && !p->panic;) {
    if (p->text[i] == '\\' && i + 1 < end) {
      escape(p, i, &text);
      i += 2;
    } else if (p->text[i] == '{') {
      flush(p, &text, &parts);
      i = interpolation(p, i, end, &parts);
    } else
      sb_putc(&text, p->text[i++]);
  }
  flush(p, &text, &parts);
  sb_free(&text);
  string->part = finish(p, parts, &string->n);
  vec_free(&parts);
}
