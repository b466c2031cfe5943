/* What the writer of a line that begins no statement may have meant. */
#include "frontend/syntax/parse_internal.h"
#include <string.h>

static const struct {
  const char *word, *hint;
} foreign[] = {
    {"def", "a function is declared with `fn f(x) = ..` or `fn f(x) { .. return .. }`"},
    {"class", "a network is declared with `model m(x) { .. }` or `layer l(n)(x) { .. }`"},
    {"import", "another file is taken in with `use \"other.sep\"`; the library needs no import"},
    {"from", "another file is taken in with `use \"other.sep\"`; the library needs no import"},
    {"while", "a loop that stops early is written `repeat n until c { .. }`"},
    {"elif", "write `else if`"},
    {"else", "`else` stands behind the `}` of its `if`"},
    {"const", "write `let`"},
    {"var", "inside a body write `x = ..`; at file level `let x = ..`"},
    {"with", "there is no `with`; gradients are expressions: grad(y, x)"},
    {"pass", "an empty block is written `{ }`"},
    {"del", "values need no freeing"},
    {"global", "parameters and states of the file can be read everywhere"},
    {"break", "a loop that stops early is written `repeat n until c { .. }`"},
    {"continue", "there is no `continue`; use `where(c, a, b)`"},
    {"assert", "write `require c, \"message\"`"},
    {"function", "write `fn`"},
    {"func", "write `fn`"},
    {"lambda", "a function without a name is written `fn(x) = x^2`"},
    {"optimiser", "the word is spelt `optimizer`"},
    {"test", "write `eval on d { .. }`"},
};

/* The rest of the line from `begin`, without comment, up to 40 bytes. */
static const char *rest_of_line(Parser *p, uint32_t begin) {
  size_t n = strcspn(p->text + begin, "\n#;}");
  while (n > 0 && p->text[begin + n - 1] == ' ') n--;
  if (n > 40) return arena_printf(&p->ast->mem, "%.40s..", p->text + begin);
  return arena_strndup(&p->ast->mem, p->text + begin, n);
}

static void hint_expression(Parser *p, const Token *t) {
  if (t->kind == TOK_SLASHSLASH) diag_hint(p->sink, "a comment begins with `#`");
  if (t->kind != TOK_NAME) return;
  const char *text = rest_of_line(p, t->begin);
  if (strstr(text, ".backward(") || strstr(text, ".step(") || strstr(text, ".zero_grad(")) {
    diag_hint(p->sink, "`minimize loss using adam(1e-3)` differentiates and takes the step");
    return;
  }
  diag_hint(p->sink, "keep its value, `y = %s`, or drop it, `_ = %s`", text, text);
}

static bool hint_foreign(Parser *p, const Token *t) {
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
    bool keyword = t->kind == TOK_ELSE && !strcmp(foreign[i].word, "else");
    if (!keyword && !token_is(p, t, foreign[i].word)) continue;
    diag_hint(p->sink, "%s", foreign[i].hint);
    return true;
  }
  return false;
}

void hint_statement(Parser *p, const Token *t) {
  if (hint_foreign(p, t)) return;
  uint32_t n;
  const char *const *words = statement_words(p, &n);
  TokenKind after = peek_at(p, 1);
  bool expression = after == TOK_LPAREN || after == TOK_DOT || (after >= TOK_SLASHSLASH && after <= TOK_AT);
  const char *near = t->kind == TOK_NAME && !expression ? diag_nearest(make_name(p, t).text, words, n) : NULL;
  if (near)
    diag_hint(p->sink, "did you mean `%s`?", near);
  else
    hint_expression(p, t);
}

void hint_end_of_statement(Parser *p) {
  const Token *t = here(p);
  TokenKind after = peek_at(p, 1), before = p->tokens.token.at[p->at - 1].kind;
  bool operand = t->kind == TOK_NAME || t->kind == TOK_INTEGER || t->kind == TOK_FLOAT || t->kind == TOK_STRING;
  if (hint_foreign(p, t)) return;
  const Token *left = &p->tokens.token.at[p->at - 1];
  if (t->kind == TOK_IF)
    diag_hint(p->sink, "a choice is written `if c then a else b`");
  else if (t->kind == TOK_STRING && before == TOK_STRING)
    diag_hint(p->sink, "a text stands on one line in one pair of quotes; a comment begins with `#`");
  else if (t->kind == TOK_STRING && before == TOK_NAME && left->end == t->begin)
    diag_hint(p->sink, "a text takes no letter before it: `\"x = {x:.3f}\"` inserts the value");
  else if (t->kind == TOK_ASSIGN)
    diag_hint(p->sink, "only a name or an indexed name can be assigned to");
  else if (t->kind == TOK_LBRACE)
    diag_hint(p->sink, "a block follows only the words that take one");
  else if (is_statement_word(p, t) || (t->kind == TOK_NAME && after == TOK_ASSIGN))
    diag_hint(p->sink, "two statements on one line are separated by `;`");
  else if (operand && (before == TOK_NAME || before == TOK_RPAREN || before == TOK_INTEGER || before == TOK_FLOAT))
    diag_hint(p->sink, "a call needs its parentheses, f(x), a product its `*`");
}

bool hint_word(Parser *p, const char *word) {
  const Token *t = here(p);
  if (t->kind != TOK_NAME || t->line_start || !diag_nearest(make_name(p, t).text, &word, 1)) return false;
  diag_hint(p->sink, "did you mean `%s`?", word);
  return true;
}
