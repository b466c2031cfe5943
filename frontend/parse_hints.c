/* What the writer of a line that begins no statement may have meant. */
#include "frontend/parse_internal.h"
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

static void hint_expression(Parser *p, const Token *t) {
  int n = (int)(t->end - t->begin);
  if (t->kind == TOK_NAME && peek_at(p, 1) == TOK_LPAREN && token_is(p, t, "print"))
    diag_hint(p->sink, "write `print x` without parentheses");
  else if (t->kind == TOK_NAME)
    diag_hint(p->sink, "give its value a name, `y = %.*s..`, or drop it, `_ = %.*s..`", n, p->text + t->begin, n,
              p->text + t->begin);
}

void hint_statement(Parser *p, const Token *t) {
  if (p->sink->diag.n == 0) return;
  for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
    bool keyword = t->kind == TOK_ELSE && !strcmp(foreign[i].word, "else");
    if (!keyword && !token_is(p, t, foreign[i].word)) continue;
    diag_hint(p->sink, "%s", foreign[i].hint);
    return;
  }
  uint32_t n;
  const char *const *words = statement_words(p, &n);
  const char *near = t->kind == TOK_NAME ? diag_nearest(make_name(p, t).text, words, n) : NULL;
  if (near)
    diag_hint(p->sink, "did you mean `%s`?", near);
  else
    hint_expression(p, t);
}
