/* Statements: the table of first words, and the statements of bodies. A statement's first word decides; a word of the
 * table followed by `=` or `,` is an ordinary name that is assigned to. */
#include "frontend/syntax/parse_internal.h"
#include <stdlib.h>
#include <string.h>

#define ANY (IN_FILE | IN_FN | IN_LAYER | IN_OPTIMIZER | IN_TRAIN | IN_EVAL | IN_TASK | IN_GENERATE | IN_EVENT)
#define BODY (ANY & ~IN_FILE & ~IN_OPTIMIZER)

typedef struct StmtRow {
  const char *word;
  StmtKind kind;
  StmtParser *parse;
  uint32_t places;
} StmtRow;

static const StmtRow rows[] = {
    /* declarations */
    {"use", STMT_USE, parse_use, IN_FILE},
    {"dtype", STMT_DTYPE, parse_dtype, IN_FILE},
    {"let", STMT_LET, parse_let, ANY},
    {"param", STMT_PARAM, parse_cell, IN_FILE | IN_LAYER | IN_TASK},
    {"state", STMT_STATE, parse_cell, IN_FILE | IN_LAYER | IN_OPTIMIZER | IN_TRAIN | IN_TASK},
    {"data", STMT_DATA, parse_data, IN_FILE | IN_TASK},
    {"fn", STMT_FN, parse_func, ANY & ~IN_EVENT},
    {"layer", STMT_LAYER, parse_func, IN_FILE},
    {"model", STMT_MODEL, parse_func, IN_FILE},
    {"optimizer", STMT_OPTIMIZER, parse_optimizer, IN_FILE},
    {"train", STMT_TRAIN, parse_task_decl, IN_FILE | IN_TASK},
    {"eval", STMT_EVAL, parse_task_decl, IN_FILE | IN_TASK},
    {"task", STMT_TASK, parse_task_decl, IN_FILE},
    /* computing */
    {"return", STMT_RETURN, parse_return, IN_FN | IN_LAYER | IN_GENERATE},
    {"yield", STMT_YIELD, parse_yield, IN_LOOP},
    {"if", STMT_IF, parse_if, ANY},
    {"repeat", STMT_LOOP, parse_loop_stmt, BODY},
    {"for", STMT_LOOP, parse_loop_stmt, BODY},
    {"unroll", STMT_LOOP, parse_loop_stmt, ANY},
    {"require", STMT_REQUIRE, parse_require, ANY},
    /* learning */
    {"minimize", STMT_MINIMIZE, parse_minimize, IN_TRAIN | IN_TASK},
    {"maximize", STMT_MAXIMIZE, parse_minimize, IN_TRAIN | IN_TASK},
    {"update", STMT_UPDATE, parse_update, IN_TRAIN | IN_TASK},
    {"set", STMT_SET, parse_set, IN_TRAIN | IN_TASK | IN_EVENT},
    /* directives */
    {"epochs", STMT_EPOCHS, parse_count, IN_TRAIN},
    {"steps", STMT_STEPS, parse_count, IN_TRAIN},
    {"batch", STMT_BATCH, parse_count, IN_TRAIN | IN_EVAL},
    {"shuffle", STMT_SHUFFLE, parse_shuffle, IN_TRAIN},
    /* what a run leaves behind */
    {"log", STMT_LOG, parse_log, IN_TRAIN | IN_TASK | IN_EVENT},
    {"report", STMT_REPORT, parse_log, IN_TRAIN | IN_EVAL | IN_TASK | IN_EVENT},
    {"print", STMT_PRINT, parse_print, IN_FILE | IN_TRAIN | IN_EVAL | IN_TASK | IN_EVENT},
    {"image", STMT_IMAGE, parse_picture, IN_EVAL | IN_TASK | IN_EVENT},
    {"gif", STMT_GIF, parse_picture, IN_EVAL | IN_TASK | IN_EVENT},
    {"plot", STMT_PLOT, parse_picture, IN_EVAL | IN_TASK | IN_EVENT},
    {"checkpoint", STMT_CHECKPOINT, parse_checkpoint, IN_TASK | IN_EVENT},
    {"keep", STMT_KEEP, parse_keep, IN_EVENT},
    {"stop", STMT_STOP, parse_stop, IN_EVENT},
    {"every", STMT_EVERY, parse_every, IN_TRAIN},
    {"at", STMT_AT, parse_at_moment, IN_TRAIN},
};

enum { N_ROWS = sizeof rows / sizeof *rows };

static const struct {
  uint32_t place;
  const char *name;
} place_names[] = {
    {IN_FILE, "at file level"},
    {IN_FN, "in the body of a function"},
    {IN_LAYER, "in the body of a layer or model"},
    {IN_OPTIMIZER, "in an optimizer"},
    {IN_TRAIN, "in a train"},
    {IN_EVAL, "in an eval"},
    {IN_TASK, "in a task"},
    {IN_GENERATE, "in a generate block"},
    {IN_EVENT, "in an `every` or `at` block"},
    {IN_LOOP, "in a loop"},
};

/* "in a train, in a task or in an `every` or `at` block" */
static const char *place_list(Parser *p, uint32_t places) {
  if ((places & BODY) == BODY) return "in the body of a function, layer, model or task";
  const char *s = "";
  uint32_t n = 0, total = (uint32_t)__builtin_popcount(places);
  for (size_t i = 0; i < sizeof place_names / sizeof *place_names; i++) {
    if (!(places & place_names[i].place)) continue;
    const char *between = n == 0 ? "" : n + 1 == total ? " or " : ", ";
    s = arena_printf(&p->ast->mem, "%s%s%s", s, between, place_names[i].name);
    n++;
  }
  return s;
}

static const char *place_name(uint32_t place) {
  for (size_t i = 0; i < sizeof place_names / sizeof *place_names; i++)
    if (place & place_names[i].place) return place_names[i].name;
  return "here";
}

static void check_place(Parser *p, const StmtRow *row, const Token *t) {
  bool in_loop = p->place & IN_LOOP;
  if (row->kind == STMT_RETURN && in_loop) {
    if (parse_fail(p, "E0106", token_span(p, t), "`return` cannot stand in a loop"))
      diag_hint(p->sink, "collect with `yield`, or return the value after the loop");
  } else if (!(row->places & p->place) &&
             parse_fail(p, "E0106", token_span(p, t), "`%s` cannot stand %s", row->word, place_name(p->place)))
    diag_hint(p->sink, "`%s` stands %s", row->word, place_list(p, row->places));
}

static const StmtRow *find_row(const Parser *p, const Token *t) {
  const char *keyword = t->kind >= TOK_AND && t->kind <= TOK_NONE ? token_kind_text(t->kind) : NULL;
  for (uint32_t i = 0; i < N_ROWS; i++)
    if (keyword ? !strcmp(keyword, rows[i].word) : token_is(p, t, rows[i].word)) return &rows[i];
  return NULL;
}

/* ---------------------------------------------------------------- assignment */

/* target := name ['[' index ']'] */
static Target target(Parser *p) {
  uint32_t begin = here(p)->begin;
  Target t = {.name = parse_name(p, "to assign to")};
  if (peek(p) == TOK_LBRACKET) t.index = parse_index(p, &t.n_index);
  t.span = span_from(p, begin);
  return t;
}

/* target {',' target} '=' expr {',' expr} */
static void assignment(Parser *p, Stmt *s) {
  s->kind = STMT_ASSIGN;
  Vec(Target) targets = {0};
  do vec_push(&targets, target(p));
  while (accept(p, TOK_COMMA));
  s->target = finish(p, targets, &s->n_target);
  vec_free(&targets);
  expect(p, TOK_ASSIGN, "");
  s->value = parse_expr_or_tuple(p);
  if (p->place & IN_FILE && parse_fail(p, "E0106", s->span, "an assignment cannot stand at file level"))
    diag_hint(p->sink, "name a value of the file with `let %s = ..`", s->target[0].name.text);
}

/* Whether a `=` stands at the top level of the rest of the line: an assignment to something else than a name. */
static const Token *assigned_sign(const Parser *p) {
  int32_t depth = 0;
  for (const Token *t = here(p) + 1; t->kind != TOK_END && !t->line_start; t++) {
    depth += t->kind == TOK_LPAREN || t->kind == TOK_LBRACKET || t->kind == TOK_LBRACE;
    depth -= t->kind == TOK_RPAREN || t->kind == TOK_RBRACKET || t->kind == TOK_RBRACE;
    if (depth < 0 || t->kind == TOK_SEMICOLON) break;
    if (depth == 0 && t->kind == TOK_ASSIGN) return t;
  }
  return NULL;
}

/* Whether what follows the first word goes on as an expression does. */
static bool is_expression(const Parser *p, const Token *t) {
  TokenKind after = peek_at(p, 1);
  return after == TOK_LPAREN || (after >= TOK_DOTDOT && after <= TOK_AT) || t->kind != TOK_NAME ||
         (here(p) + 1)->line_start || after == TOK_RBRACE || after == TOK_SEMICOLON || after == TOK_END;
}

/* A first word that is neither a statement's nor assigned to. */
static void no_statement(Parser *p, const Token *t) {
  const Token *sign = t->kind == TOK_NAME && is_expression(p, t) ? assigned_sign(p) : NULL;
  bool told = false;
  if (sign)
    parse_fail(p, "E0109", (Span){p->source, t->begin, (sign - 1)->end},
               "only a name or an indexed name can be assigned to");
  else if (t->kind != TOK_NAME)
    told = parse_fail(p, "E0104", token_span(p, t), "expected a statement, found %s", describe(p));
  else if (is_expression(p, t))
    told = parse_fail(p, "E0104", token_span(p, t), "an expression alone is no statement");
  else
    told = parse_fail(p, "E0105", token_span(p, t), "no statement begins with `%.*s`", (int)(t->end - t->begin),
                      p->text + t->begin);
  if (told) hint_statement(p, t);
}

static bool is_assignment(const Parser *p, const StmtRow *row) {
  TokenKind after = peek_at(p, 1);
  if (here(p)->kind != TOK_NAME || p->tokens.token.at[p->at + 1].line_start) return false;
  if (row && (p->place & IN_FILE)) return false;
  if (after == TOK_ASSIGN) return !row || row->kind != STMT_SHUFFLE;
  if (after == TOK_COMMA) return true;
  return !row && after == TOK_LBRACKET;
}

static void statement(Parser *p, Stmt *s, const Token *t) {
  const StmtRow *row = peek_at(p, 1) == TOK_DOT ? NULL : find_row(p, t); /* `optimizer.step()` is no declaration */
  if (is_assignment(p, row))
    assignment(p, s);
  else if ((p->place & IN_OPTIMIZER) && token_is(p, t, "update") && peek_at(p, 1) == TOK_LPAREN) {
    s->kind = STMT_FN;
    parse_update_fn(p, s);
  } else if (row) {
    s->kind = row->kind;
    check_place(p, row, t);
    if (p->panic) return;
    if (row->kind != STMT_LOOP) take(p);
    row->parse(p, s);
  } else
    no_statement(p, t);
}

bool is_statement_word(const Parser *p, const Token *t) { return find_row(p, t) != NULL; }

const char *const *statement_words(Parser *p, uint32_t *n) {
  const char **words = arena_array(&p->ast->mem, const char *, N_ROWS);
  for (uint32_t i = 0; i < N_ROWS; i++) words[i] = rows[i].word;
  *n = N_ROWS;
  return words;
}

Stmt *parse_statement(Parser *p) {
  Token t = *here(p);
  Stmt *s = arena_new(&p->ast->mem, Stmt);
  s->word = s->span = token_span(p, &t);
  if (enter(p)) statement(p, s, &t);
  leave(p);
  s->span = span_from(p, t.begin);
  return s;
}

/* ---------------------------------------------------------------- statements of bodies */

/* return [expr {',' expr}]; in a generate block: return name '=' expr {',' name '=' expr} */
void parse_return(Parser *p, Stmt *s) {
  TokenKind k = peek(p);
  if (p->place & IN_GENERATE)
    parse_log(p, s);
  else if (k != TOK_NEWLINE && k != TOK_SEMICOLON && k != TOK_RBRACE)
    s->value = parse_expr_or_tuple(p);
}

/* yield expr {',' expr} ['along' expr] */
void parse_yield(Parser *p, Stmt *s) {
  s->value = parse_expr_or_tuple(p);
  if (accept_word(p, "along")) s->value2 = parse_expr(p);
}

/* if expr block ['else' (block | if ..)] */
void parse_if(Parser *p, Stmt *s) {
  Token word = p->tokens.token.at[p->at - 1];
  s->value = parse_expr(p);
  if (peek(p) == TOK_THEN && fail_expected(p, "`{`"))
    diag_hint(p->sink, "`if c then a else b` is an expression: x = if c then a else b");
  s->body = parse_block(p, p->place, &word, "of the if");
  if (p->panic || here(p)->kind != TOK_ELSE) return;
  skip_newlines(p);
  Token other = take(p);
  if (peek(p) != TOK_IF) {
    s->otherwise = parse_block(p, p->place, &other, "of the else");
    return;
  }
  Stmt *nested = parse_statement(p);
  s->otherwise.stmt = arena_memdup(&p->ast->mem, &nested, sizeof nested);
  s->otherwise.n = 1;
  s->otherwise.span = nested->span;
}

void parse_loop_stmt(Parser *p, Stmt *s) {
  s->loop = parse_loop(p);
  if ((p->place & IN_FILE) && s->loop->kind != LOOP_UNROLL &&
      parse_fail(p, "E0106", s->word, "at file level only `unroll for` may stand"))
    diag_hint(p->sink, "put the loop into a fn, train or task");
}

/* source := expr ['along' expr] */
static void loop_sources(Parser *p, Loop *l) {
  Vec(LoopSource) sources = {0};
  do {
    LoopSource s = {.var = parse_name(p, "of the loop variable")};
    vec_push(&sources, s);
  } while (accept(p, TOK_COMMA));
  if (!accept_word(p, "in") && fail_expected(p, "`in`")) diag_hint(p->sink, "for t in 0..n, or for x_t in x");
  uint32_t n = 0;
  uint32_t begin = here(p)->begin;
  do {
    LoopSource s = {.over = parse_expr(p)};
    if (accept_word(p, "along")) s.along = parse_expr(p);
    if (n < sources.n) sources.at[n].over = s.over, sources.at[n].along = s.along;
    n++;
  } while (accept(p, TOK_COMMA));
  if (n != sources.n) {
    parse_fail(p, "E0114", span_from(p, begin), "%u loop variable%s but %u sequence%s", sources.n,
               sources.n == 1 ? "" : "s", n, n == 1 ? "" : "s");
    diag_hint(p->sink, "one for each: for x, y in xs, ys; with their numbers: for k, x in 0..len(xs), xs");
  }
  l->source = finish(p, sources, &l->n_sources);
  vec_free(&sources);
}

/* loop := ('repeat' expr | ['unroll'] 'for' name {',' name} 'in' source {',' source}) ['until' expr] block */
Loop *parse_loop(Parser *p) {
  Loop *l = arena_new(&p->ast->mem, Loop);
  Token first = take(p);
  l->kind = first.kind == TOK_REPEAT ? LOOP_REPEAT : first.kind == TOK_FOR ? LOOP_FOR : LOOP_UNROLL;
  if (l->kind == LOOP_UNROLL) expect(p, TOK_FOR, "after `unroll`");
  if (l->kind == LOOP_REPEAT)
    l->count = parse_expr(p);
  else
    loop_sources(p, l);
  if (accept_word(p, "until")) l->until = parse_expr(p);
  uint32_t loop_bit = l->kind == LOOP_UNROLL && (p->place & IN_FILE) ? 0 : IN_LOOP;
  l->body = parse_block(p, p->place | loop_bit, &first, "of the loop");
  return l;
}

/* require expr ',' expr */
void parse_require(Parser *p, Stmt *s) {
  s->value = parse_expr(p);
  if (!accept(p, TOK_COMMA)) {
    if (fail_expected(p, "`,` and a message")) diag_hint(p->sink, "require n > 0, \"n must be positive, not {n}\"");
  } else
    s->value2 = parse_expr(p);
}
