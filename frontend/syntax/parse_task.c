/* Tasks (train, eval, task) and what only their bodies hold: learning, directives, results, moments. */
#include "frontend/syntax/parse_internal.h"
#include <stdlib.h>
#include <string.h>

/* train|eval ['on' expr] ['as' (name | string)] block | task name [params] block */
void parse_task_decl(Parser *p, Stmt *s) {
  Token word = p->tokens.token.at[p->at - 1];
  TaskDecl *t = s->task = arena_new(&p->ast->mem, TaskDecl);
  if (s->kind == STMT_TASK) {
    t->name = parse_name(p, "of the task");
    if (peek(p) == TOK_LPAREN)
      t->param = parse_params(p, arena_printf(&p->ast->mem, "`%s`", t->name.text), &t->n_param);
  } else {
    if (accept_word(p, "on")) t->on = parse_expr(p);
    if (accept_word(p, "as")) {
      if (peek(p) == TOK_STRING)
        t->name_value = parse_expr(p);
      else
        t->name = parse_name(p, arena_printf(&p->ast->mem, "of the %s", s->kind == STMT_TRAIN ? "train" : "eval"));
    }
    if (peek(p) == TOK_NAME && fail_expected(p, t->on || t->name.text ? "`{`" : "`on`, `as` or `{`"))
      diag_hint(p->sink, "%s on data.%s as NAME { .. }", s->kind == STMT_TRAIN ? "train" : "eval",
                s->kind == STMT_TRAIN ? "train" : "test");
  }
  uint32_t place = s->kind == STMT_TRAIN ? IN_TRAIN : s->kind == STMT_EVAL ? IN_EVAL : IN_TASK;
  t->body = parse_block(p, place, &word, "of the body");
}

/* ---------------------------------------------------------------- learning */

static Expr **expr_list(Parser *p, uint32_t *n) {
  Vec(Expr *) items = {0};
  do vec_push(&items, parse_expr(p));
  while (accept(p, TOK_COMMA));
  Expr **out = finish(p, items, n);
  vec_free(&items);
  return out;
}

static Expr *using_clause(Parser *p, uint32_t begin) {
  if (accept_word(p, "using")) return parse_expr(p);
  const char *found = describe(p);
  if (parse_fail(p, "E0113", span_from(p, begin), "this statement does not say with which optimizer, found %s",
                 found) &&
      !hint_word(p, "using"))
    diag_hint(p->sink, "end it with `using adam(1e-3)` or another optimizer");
  return NULL;
}

/* minimize|maximize expr ['over' expr {',' expr}] 'using' expr */
void parse_minimize(Parser *p, Stmt *s) {
  s->value = parse_expr(p);
  if (accept_word(p, "over")) s->over = expr_list(p, &s->n_over);
  s->value2 = using_clause(p, s->word.begin);
}

/* update expr {',' expr} 'by' expr 'using' expr */
void parse_update(Parser *p, Stmt *s) {
  s->over = expr_list(p, &s->n_over);
  if (!accept_word(p, "by") && fail_expected(p, "`by`"))
    diag_hint(p->sink, "update net by grad(loss, net) using adam(1e-3)");
  s->value = parse_expr_or_tuple(p);
  s->value2 = using_clause(p, s->word.begin);
}

/* set expr '=' expr */
void parse_set(Parser *p, Stmt *s) {
  s->value = parse_expr(p);
  expect(p, TOK_ASSIGN, "");
  s->value2 = parse_expr(p);
}

/* ---------------------------------------------------------------- directives */

/* epochs|steps expr | batch expr ['drop_last'] */
void parse_count(Parser *p, Stmt *s) {
  s->value = parse_expr(p);
  if (s->kind == STMT_BATCH) s->flag = accept_word(p, "drop_last");
}

/* shuffle '=' expr */
void parse_shuffle(Parser *p, Stmt *s) {
  expect(p, TOK_ASSIGN, "after `shuffle`");
  s->value = parse_expr(p);
}

/* ---------------------------------------------------------------- results */

/* output := (name | string) ['by' expr] '=' expr | name */
static Output output(Parser *p, const char *word) {
  Output o = {0};
  TokenKind k = peek(p);
  if (k == TOK_STRING)
    o.name_value = parse_expr(p);
  else if (k == TOK_NAME)
    o.name = parse_name(p, "to report under");
  TokenKind after = peek(p);
  bool named = k == TOK_STRING || k == TOK_NAME;
  bool complete = after == TOK_NEWLINE || after == TOK_COMMA || after == TOK_SEMICOLON || after == TOK_RBRACE;
  if (named && accept_word(p, "by")) o.by = parse_expr(p);
  if (named && accept(p, TOK_ASSIGN))
    o.value = parse_expr(p);
  else if (k == TOK_NAME && (complete || after == TOK_END) && !o.by) {
    o.value = new_expr(p, EXPR_NAME, o.name.span.begin);
    o.value->span = o.name.span;
    o.value->name = o.name;
  } else if (parse_fail(p, "E0119", token_span(p, here(p)), "`%s` needs a name for the value", word))
    diag_hint(p->sink, "%s %s", word, *word == 'l' || word[2] == 'p' ? "loss = .." : "x = .., y = ..");
  return o;
}

/* log|report|return output {',' output} */
void parse_log(Parser *p, Stmt *s) {
  const char *word = s->kind == STMT_LOG ? "log" : s->kind == STMT_REPORT ? "report" : "return";
  Vec(Output) outputs = {0};
  do vec_push(&outputs, output(p, word));
  while (accept(p, TOK_COMMA));
  s->output = finish(p, outputs, &s->n_output);
  vec_free(&outputs);
}

/* print expr {',' expr} */
void parse_print(Parser *p, Stmt *s) { s->value = parse_expr_or_tuple(p); }

/* image|gif|plot string '=' expr {',' expr} */
void parse_picture(Parser *p, Stmt *s) {
  if (peek(p) != TOK_STRING && fail_expected(p, "the picture's name in quotes"))
    diag_hint(p->sink, "image \"samples\" = grid(x, 28, 28)");
  s->value = parse_expr(p);
  expect(p, TOK_ASSIGN, "");
  s->value2 = parse_expr_or_tuple(p);
}

/* checkpoint [string] */
void parse_checkpoint(Parser *p, Stmt *s) {
  if (peek(p) == TOK_STRING) s->value = parse_expr(p);
}

/* keep 'best' expr [',' 'patience' '=' expr] */
void parse_keep(Parser *p, Stmt *s) {
  if (!accept_word(p, "best") && fail_expected(p, "`best`")) diag_hint(p->sink, "keep best loss, patience = 5");
  s->value = parse_expr(p);
  if (!accept(p, TOK_COMMA)) return;
  if (!accept_word(p, "patience")) fail_expected(p, "`patience = n`");
  expect(p, TOK_ASSIGN, "after `patience`");
  s->value2 = parse_expr(p);
}

/* stop 'if' expr */
void parse_stop(Parser *p, Stmt *s) {
  if (!accept(p, TOK_IF) && fail_expected(p, "`if`")) diag_hint(p->sink, "stop if loss < 1e-6");
  s->value = parse_expr(p);
}

/* ---------------------------------------------------------------- moments */

static bool unit(Parser *p, Moment *m) {
  if (accept_word(p, "epoch") || accept_word(p, "epochs"))
    *m = EVERY_EPOCHS;
  else if (accept_word(p, "step") || accept_word(p, "steps"))
    *m = EVERY_STEPS;
  else
    return false;
  return true;
}

static bool unit_alone(const Parser *p) {
  static const char *const words[] = {"epoch", "epochs", "step", "steps"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (peek_word(p, words[i]) && peek_at(p, 1) == TOK_LBRACE) return true;
  return false;
}

/* every [expr] ('epoch' | 'epochs' | 'step' | 'steps') block */
void parse_every(Parser *p, Stmt *s) {
  Token word = p->tokens.token.at[p->at - 1];
  if (!unit_alone(p)) s->value = parse_expr(p);
  if (!unit(p, &s->moment) &&
      parse_fail(p, "E0118", token_span(p, here(p)), "expected `epochs` or `steps`, found %s", describe(p)))
    diag_hint(p->sink, "every epoch { .. }, every 5 epochs { .. } or every 100 steps { .. }");
  s->body = parse_block(p, IN_EVENT, &word, "of the block");
}

/* at ('start' | 'end' | 'epoch' expr {',' expr}) block */
void parse_at_moment(Parser *p, Stmt *s) {
  Token word = p->tokens.token.at[p->at - 1];
  if (accept_word(p, "start"))
    s->moment = AT_START;
  else if (accept_word(p, "end"))
    s->moment = AT_END;
  else if (accept_word(p, "epoch") || accept_word(p, "epochs")) {
    s->moment = AT_EPOCH;
    s->at = expr_list(p, &s->n_at);
  } else if (parse_fail(p, "E0118", token_span(p, here(p)), "expected `start`, `end` or `epoch`, found %s",
                        describe(p)))
    diag_hint(p->sink, "at start { .. }, at end { .. } or at epoch 1, 2, 4 { .. }");
  s->body = parse_block(p, IN_EVENT, &word, "of the block");
}
