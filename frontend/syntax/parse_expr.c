/* Expressions. Each function's comment is its rule of the grammar; docs/language.md has the whole.
 *
 *   expr    := 'if' expr 'then' expr 'else' expr | 'fn' params '=' expr | loop | range
 *   range   := binary ['..' binary]
 *   binary  := operators by `binding` below, weakest first: or; and; not; comparisons; + -; * / // % @
 *   unary   := ('-' | '+') unary | power
 *   power   := postfix ['^' unary]                                   right-associative, binds tighter than unary minus
 *   postfix := primary { '(' args ')' | '[' index ']' | '.' name }
 */
#include "frontend/syntax/parse_internal.h"
#include <stdlib.h>
#include <string.h>

Expr *new_expr(Parser *p, ExprKind kind, uint32_t begin) {
  Expr *e = arena_new(&p->ast->mem, Expr);
  e->kind = kind;
  e->span = (Span){p->source, begin, begin};
  return e;
}

static Expr *done(Parser *p, Expr *e) {
  e->span = span_from(p, e->span.begin);
  return e;
}

/* ---------------------------------------------------------------- lists of things */

static bool literal_end(const Parser *p, TokenKind close) {
  TokenKind k = peek(p);
  return k == close || k == TOK_END;
}

/* Item of a list: an expression, `b..` or `..` (the dimensions of a rest). */
static Expr *list_item(Parser *p) {
  uint32_t begin = here(p)->begin, named = peek(p) == TOK_NAME;
  TokenKind after = peek_at(p, named + 1);
  if (peek(p) == TOK_END || peek_at(p, named) != TOK_DOTDOT || (after != TOK_COMMA && after != TOK_RBRACKET))
    return parse_expr(p);
  Expr *e = new_expr(p, EXPR_RANGE, begin);
  if (named) e->a = parse_name_expr(p, "of the rest");
  take(p);
  return done(p, e);
}

/* 'for' name 'in' expr ']' after the first item: [e for k in xs] */
static Expr *comprehension(Parser *p, Expr *value, Token open) {
  Expr *e = new_expr(p, EXPR_COMPREHENSION, open.begin);
  take(p);
  e->a = value;
  e->name = parse_name(p, "of the loop variable");
  if (!accept_word(p, "in")) fail_expected(p, "`in`");
  e->b = parse_expr(p);
  close_bracket(p, open);
  return done(p, e);
}

/* list := '[' [item {',' item} [',']] ']' | '[' expr 'for' name 'in' expr ']' */
static Expr *list(Parser *p) {
  Token open = open_bracket(p, TOK_LBRACKET, "");
  Expr *e = new_expr(p, EXPR_LIST, open.begin);
  Vec(Expr *) items = {0};
  while (!literal_end(p, TOK_RBRACKET)) {
    Expr *item = list_item(p);
    if (peek(p) == TOK_FOR && items.n == 0) {
      vec_free(&items);
      return comprehension(p, item, open);
    }
    vec_push(&items, item);
    if (!accept(p, TOK_COMMA)) break;
  }
  close_bracket(p, open);
  e->item = finish(p, items, &e->n);
  vec_free(&items);
  return done(p, e);
}

/* '(' expr ')' | '(' expr ',' [expr {',' expr}] ')' */
static Expr *parenthesised(Parser *p) {
  Token open = open_bracket(p, TOK_LPAREN, "");
  if (peek(p) == TOK_RPAREN) {
    parse_fail(p, "E0101", token_span(p, here(p)), "expected an expression between the parentheses");
    return new_expr(p, EXPR_NONE, open.begin);
  }
  Expr *first = parse_expr(p);
  bool tuple = peek(p) == TOK_COMMA;
  Vec(Expr *) items = {0};
  vec_push(&items, first);
  while (accept(p, TOK_COMMA) && !literal_end(p, TOK_RPAREN)) vec_push(&items, parse_expr(p));
  close_bracket(p, open);
  Expr *e = first;
  if (tuple) {
    e = new_expr(p, EXPR_TUPLE, open.begin);
    e->item = finish(p, items, &e->n);
  }
  vec_free(&items);
  e->parens = true;
  e->span = span_from(p, open.begin);
  return e;
}

Expr *parse_expr_or_tuple(Parser *p) {
  Expr *first = parse_expr(p);
  if (peek(p) != TOK_COMMA) return first;
  Expr *e = new_expr(p, EXPR_TUPLE, first->span.begin);
  Vec(Expr *) items = {0};
  vec_push(&items, first);
  while (accept(p, TOK_COMMA)) vec_push(&items, parse_expr(p));
  e->item = finish(p, items, &e->n);
  vec_free(&items);
  return done(p, e);
}

/* ---------------------------------------------------------------- calls and indexing */

static void check_argument(Parser *p, const Arg *arg, uint32_t n, const Arg *a) {
  if (!a->name.text && n && arg[n - 1].name.text) {
    parse_error(p, "E0112", a->value->span, "a positional argument follows a named one");
    diag_hint(p->sink, "put it before `%s = ..`, or name it too", arg[n - 1].name.text);
  }
  for (uint32_t i = 0; a->name.text && i < n; i++)
    if (arg[i].name.text == a->name.text) {
      parse_error(p, "E0115", a->name.span, "the argument `%s` is given twice", a->name.text);
      diag_note(p->sink, arg[i].name.span, "given here first");
    }
}

/* arg := expr | name '=' expr */
static Arg argument(Parser *p) {
  Arg a = {0};
  if (peek(p) == TOK_NAME && peek_at(p, 1) == TOK_ASSIGN) {
    a.name = parse_name(p, "of the argument");
    take(p);
  }
  a.value = parse_expr(p);
  return a;
}

/* '(' [arg {',' arg} [',']] ')' */
static Expr *call(Parser *p, Expr *callee) {
  Expr *e = new_expr(p, EXPR_CALL, callee->span.begin);
  Token open = open_bracket(p, TOK_LPAREN, "");
  e->a = callee;
  e->op_span = token_span(p, &open);
  Vec(Arg) args = {0};
  while (!literal_end(p, TOK_RPAREN)) {
    Arg a = argument(p);
    if (!p->panic) check_argument(p, args.at, args.n, &a);
    vec_push(&args, a);
    if (!accept(p, TOK_COMMA)) break;
  }
  close_bracket(p, open);
  e->arg = finish(p, args, &e->n);
  vec_free(&args);
  return done(p, e);
}

static bool slice_part_missing(const Parser *p) {
  TokenKind k = peek(p);
  return k == TOK_COLON || k == TOK_COMMA || k == TOK_RBRACKET || k == TOK_END;
}

/* [expr] ':' [expr] [':' [expr]] with the first expression already read */
static void slice(Parser *p, IndexItem *item, Expr *lo) {
  item->kind = INDEX_SLICE;
  item->lo = lo;
  take(p);
  if (!slice_part_missing(p)) item->hi = parse_expr(p);
  if (accept(p, TOK_COLON) && !slice_part_missing(p)) item->step = parse_expr(p);
}

/* index := expr | slice | '..' | 'none' */
static IndexItem index_item(Parser *p) {
  IndexItem item = {.kind = INDEX_EXPR};
  uint32_t begin = here(p)->begin;
  TokenKind after = peek_at(p, 1);
  bool alone = after == TOK_COMMA || after == TOK_RBRACKET;
  if (peek(p) == TOK_DOTDOT && alone) {
    item.kind = INDEX_ELLIPSIS;
    take(p);
  } else if (peek(p) == TOK_NONE && alone) {
    item.kind = INDEX_NONE;
    take(p);
  } else if (peek(p) == TOK_COLON)
    slice(p, &item, NULL);
  else {
    Expr *e = parse_expr(p);
    if (peek(p) == TOK_COLON)
      slice(p, &item, e);
    else
      item.at = e;
    if (item.at && e->kind == EXPR_RANGE && parse_fail(p, "E0120", e->span, "a slice is written with `:`, not `..`"))
      diag_hint(p->sink, "x[a:b] takes a, a+1, .. b-1");
  }
  item.span = span_from(p, begin);
  return item;
}

IndexItem *parse_index(Parser *p, uint32_t *n) {
  Token open = open_bracket(p, TOK_LBRACKET, "");
  Vec(IndexItem) items = {0};
  while (!literal_end(p, TOK_RBRACKET)) {
    vec_push(&items, index_item(p));
    if (!accept(p, TOK_COMMA)) break;
  }
  if (!items.n && peek(p) == TOK_RBRACKET) {
    parse_fail(p, "E0120", token_span(p, here(p)), "nothing stands between the brackets");
    diag_hint(p->sink, "x[0], x[1:5], x[.., none] or x[rows]");
  }
  close_bracket(p, open);
  IndexItem *items_out = finish(p, items, n);
  vec_free(&items);
  return items_out;
}

static Expr *indexed(Parser *p, Expr *base) {
  Expr *e = new_expr(p, EXPR_INDEX, base->span.begin);
  e->a = base;
  e->op_span = token_span(p, here(p));
  e->index = parse_index(p, &e->n);
  return done(p, e);
}

static Expr *member(Parser *p, Expr *base) {
  Expr *e = new_expr(p, EXPR_MEMBER, base->span.begin);
  Token dot = take(p);
  e->op_span = token_span(p, &dot);
  e->a = base;
  e->name = parse_name(p, "of a member after `.`");
  return done(p, e);
}

/* ---------------------------------------------------------------- primaries */

static Expr *number(Parser *p) {
  Token t = take(p);
  Expr *e = new_expr(p, EXPR_NUMBER, t.begin);
  e->number = t.number;
  e->is_integer = t.kind == TOK_INTEGER;
  e->name = make_name(p, &t);
  return done(p, e);
}

static Expr *word(Parser *p, ExprKind kind, double value) {
  Token t = take(p);
  Expr *e = new_expr(p, kind, t.begin);
  e->number = value;
  return done(p, e);
}

static Expr *string(Parser *p) {
  Token t = take(p);
  Expr *e = new_expr(p, EXPR_STRING, t.begin);
  e->name = make_name(p, &t);
  done(p, e);
  parse_string_parts(p, e, &t);
  return e;
}

/* Whether `generate` here begins a data block: '{' follows at once or behind its parentheses. */
static bool begins_generate(const Parser *p) {
  if (!peek_word(p, "generate")) return false;
  uint32_t i = 1, depth = 0;
  do {
    TokenKind k = peek_at(p, i);
    if (k == TOK_END) return false;
    depth += k == TOK_LPAREN;
    if (k == TOK_RPAREN && depth) depth--;
    if (depth || k == TOK_RPAREN) i++;
  } while (depth);
  return peek_at(p, i) == TOK_LBRACE;
}

/* 'generate' ['(' [name 'in'] expr ')'] block */
static Expr *generate(Parser *p) {
  Token t = take(p);
  Expr *e = new_expr(p, EXPR_DATA, t.begin);
  if (peek(p) == TOK_LPAREN) {
    Token open = open_bracket(p, TOK_LPAREN, "");
    const Token *second = &p->tokens.token.at[p->at + (peek(p) == TOK_NAME)];
    if (peek(p) == TOK_NAME && token_is(p, second, "in")) {
      e->name = parse_name(p, "of the row number");
      take(p);
    }
    e->a = parse_expr(p);
    close_bracket(p, open);
  }
  e->block = parse_block(p, IN_GENERATE, &t, "of generate");
  return done(p, e);
}

static Expr *name(Parser *p) {
  if (begins_generate(p)) return generate(p);
  Token t = take(p);
  Expr *e = new_expr(p, EXPR_NAME, t.begin);
  e->name = make_name(p, &t);
  return done(p, e);
}

Expr *parse_name_expr(Parser *p, const char *what) {
  uint32_t begin = here(p)->begin;
  Name n = parse_name(p, what);
  Expr *e = new_expr(p, EXPR_NAME, begin);
  e->name = n;
  return done(p, e);
}

static const struct {
  const char *word, *hint;
} foreign_value[] = {
    {"lambda", "a function without a name is written `fn(x) = x^2`"},
    {"True", "write `true`"},
    {"False", "write `false`"},
    {"None", "write `none`"},
    {"while", "a loop that stops early is written `repeat n until c { .. }`"},
};

/* A word of Python where a value was expected gets its own hint. */
static void hint_foreign_value(Parser *p, const Token *t) {
  for (size_t i = 0; i < sizeof foreign_value / sizeof *foreign_value; i++)
    if (token_is(p, t, foreign_value[i].word)) diag_hint(p->sink, "%s", foreign_value[i].hint);
}

static bool is_foreign_value(const Parser *p) {
  static const char *const words[] = {"lambda", "while"};
  TokenKind after = peek_at(p, 1);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (token_is(p, here(p), words[i]) && (after == TOK_NAME || after == TOK_COLON)) return true;
  return false;
}

static Expr *no_expression(Parser *p) {
  Expr *e = new_expr(p, EXPR_NONE, here(p)->begin);
  bool key = peek_at(p, 1) == TOK_NAME || peek_at(p, 1) == TOK_STRING;
  bool brace = peek(p) == TOK_LBRACE && key && peek_at(p, 2) == TOK_COLON;
  if (fail_expected(p, "an expression") && brace)
    diag_hint(p->sink, "there are no dictionaries: values have names of their own, or stand in a list `[a, b]`");
  return e;
}

/* The next line is a statement of its own: the one before it ends in an operator without an operand. */
static bool next_statement(const Parser *p) {
  const Token *t = here(p);
  TokenKind after = peek_at(p, 1);
  return t->line_start && t->column <= p->column && is_statement_word(p, t) &&
         (after == TOK_NAME || after == TOK_STRING || after == TOK_INTEGER) && !(t + 1)->line_start;
}

static Expr *missing_operand(Parser *p) {
  uint32_t end = last_end(p);
  parse_fail(p, "E0101", (Span){p->source, end, end}, "expected an expression, found the end of the line");
  return new_expr(p, EXPR_NONE, end);
}

/* primary := number | string | 'true' | 'false' | 'none' | name | list | '(' .. ')' | generate */
static Expr *primary(Parser *p) {
  switch (peek(p)) {
  case TOK_INTEGER:
  case TOK_FLOAT: return number(p);
  case TOK_STRING: return string(p);
  case TOK_TRUE: return word(p, EXPR_BOOL, 1);
  case TOK_FALSE: return word(p, EXPR_BOOL, 0);
  case TOK_NONE: return word(p, EXPR_NONE, 0);
  case TOK_LBRACKET: return list(p);
  case TOK_LPAREN: return parenthesised(p);
  case TOK_NAME:
    if (next_statement(p)) return missing_operand(p);
    if (!is_foreign_value(p)) return name(p);
    if (parse_fail(p, "E0111", token_span(p, here(p)), "`%s` is not part of the language", make_name(p, here(p)).text))
      hint_foreign_value(p, here(p));
    return new_expr(p, EXPR_NONE, here(p)->begin);
  default: return no_expression(p);
  }
}

/* Trees that lean to the left grow without recursion here, but not in those who walk them. */
static void check_chain(Parser *p, uint32_t n) {
  if (n > 500) parse_fail(p, "E0116", token_span(p, here(p)), "more than 500 operations in one chain");
}

static Expr *postfix(Parser *p) {
  Expr *e = primary(p);
  for (uint32_t n = 0;; n++) {
    check_chain(p, n);
    switch (peek(p)) {
    case TOK_LPAREN: e = call(p, e); break;
    case TOK_LBRACKET: e = indexed(p, e); break;
    case TOK_DOT: e = member(p, e); break;
    default: return e;
    }
  }
}

/* ---------------------------------------------------------------- operators */

static Expr *unary(Parser *p);

static Expr *binary_node(Parser *p, BinaryOp op, Expr *a, Token t, Expr *b) {
  Expr *e = new_expr(p, EXPR_BINARY, a->span.begin);
  e->bin = op;
  e->op_span = token_span(p, &t);
  e->a = a;
  e->b = b;
  return done(p, e);
}

static Expr *power(Parser *p) {
  Expr *base = postfix(p);
  if (peek(p) != TOK_CARET) return base;
  Token t = take(p);
  Expr *exponent = enter(p) ? unary(p) : base;
  leave(p);
  return binary_node(p, BIN_POW, base, t, exponent);
}

static Expr *unary_node(Parser *p, UnaryOp op, Expr *(*operand)(Parser *)) {
  Token t = take(p);
  Expr *e = new_expr(p, EXPR_UNARY, t.begin);
  e->un = op;
  e->op_span = token_span(p, &t);
  if (enter(p))
    e->a = operand(p);
  else
    e->a = new_expr(p, EXPR_NONE, t.begin);
  leave(p);
  return done(p, e);
}

static Expr *unary(Parser *p) {
  if (peek(p) == TOK_MINUS) return unary_node(p, UN_NEG, unary);
  if (peek(p) == TOK_PLUS) {
    parse_fail(p, "E0101", token_span(p, here(p)), "a sign `+` is not written");
    diag_hint(p->sink, "leave it out");
  }
  return power(p);
}

enum { LEVEL_NONE, LEVEL_OR, LEVEL_AND, LEVEL_NOT, LEVEL_COMPARE, LEVEL_SUM, LEVEL_PRODUCT };

/* How binary operators bind; level 0 for tokens that are none. */
static const struct {
  uint8_t level;
  uint8_t op;
} binding[TOK_COUNT] = {
    [TOK_OR] = {LEVEL_OR, BIN_OR},
    [TOK_AND] = {LEVEL_AND, BIN_AND},
    [TOK_EQ] = {LEVEL_COMPARE, BIN_EQ},
    [TOK_NE] = {LEVEL_COMPARE, BIN_NE},
    [TOK_LT] = {LEVEL_COMPARE, BIN_LT},
    [TOK_LE] = {LEVEL_COMPARE, BIN_LE},
    [TOK_GT] = {LEVEL_COMPARE, BIN_GT},
    [TOK_GE] = {LEVEL_COMPARE, BIN_GE},
    [TOK_PLUS] = {LEVEL_SUM, BIN_ADD},
    [TOK_MINUS] = {LEVEL_SUM, BIN_SUB},
    [TOK_STAR] = {LEVEL_PRODUCT, BIN_MUL},
    [TOK_SLASH] = {LEVEL_PRODUCT, BIN_DIV},
    [TOK_SLASHSLASH] = {LEVEL_PRODUCT, BIN_FLOORDIV},
    [TOK_PERCENT] = {LEVEL_PRODUCT, BIN_MOD},
    [TOK_AT] = {LEVEL_PRODUCT, BIN_MATMUL},
};

static Expr *binary(Parser *p, uint32_t level);
static Expr *not_operand(Parser *p) { return binary(p, LEVEL_NOT); }

static bool is_comparison(const Expr *e) {
  return e->kind == EXPR_BINARY && e->bin >= BIN_EQ && e->bin <= BIN_GE && !e->parens;
}

/* Operators of at least this level, left-associative. */
static Expr *binary(Parser *p, uint32_t level) {
  Expr *e = level <= LEVEL_NOT && peek(p) == TOK_NOT ? unary_node(p, UN_NOT, not_operand) : unary(p);
  for (uint32_t n = 0;; n++) {
    TokenKind k = peek(p);
    if (binding[k].level < level || !binding[k].level) return e;
    check_chain(p, n);
    if (binding[k].level == LEVEL_COMPARE && is_comparison(e) &&
        parse_fail(p, "E0108", token_span(p, here(p)), "comparisons do not chain"))
      diag_hint(p->sink, "write `a < b and b < c`");
    Token t = take(p);
    e = binary_node(p, (BinaryOp)binding[k].op, e, t, binary(p, binding[k].level + 1u));
  }
}

/* range := binary ['..' binary] */
static Expr *range(Parser *p) {
  Expr *lo = binary(p, LEVEL_OR);
  if (peek(p) != TOK_DOTDOT) return lo;
  Expr *e = new_expr(p, EXPR_RANGE, lo->span.begin);
  Token t = take(p);
  e->op_span = token_span(p, &t);
  e->a = lo;
  e->b = binary(p, LEVEL_OR);
  return done(p, e);
}

/* 'if' expr 'then' expr 'else' expr; 'else' may begin the next line */
static Expr *conditional(Parser *p) {
  Token t = take(p);
  Expr *e = new_expr(p, EXPR_IF, t.begin);
  e->a = parse_expr(p);
  if (peek(p) == TOK_LBRACE) {
    parse_fail(p, "E0101", token_span(p, here(p)), "an `if` that gives a value is written `if c then a else b`");
    diag_hint(p->sink, "`if c { .. }` is a statement");
  }
  expect(p, TOK_THEN, "");
  e->b = parse_expr(p);
  if (here(p)->kind == TOK_ELSE) skip_newlines(p);
  if (peek(p) != TOK_ELSE && fail_expected(p, "`else`"))
    diag_hint(p->sink, "an `if` that gives a value needs both: if c then a else b");
  accept(p, TOK_ELSE);
  e->c = parse_expr(p);
  return done(p, e);
}

/* 'fn' params '=' expr */
static Expr *lambda(Parser *p) {
  Token t = take(p);
  Expr *e = new_expr(p, EXPR_LAMBDA, t.begin);
  e->param = parse_params(p, "the function", &e->n);
  if (peek(p) == TOK_LBRACE) {
    parse_fail(p, "E0101", token_span(p, here(p)), "a function without a name has one expression: fn(x) = ..");
    diag_hint(p->sink, "give it a name to write a body: fn f(x) { .. }");
  }
  expect(p, TOK_ASSIGN, "after the parameters");
  e->a = parse_expr(p);
  return done(p, e);
}

static Expr *loop(Parser *p) {
  Expr *e = new_expr(p, EXPR_LOOP, here(p)->begin);
  uint32_t place = p->place;
  if (place & IN_FILE) p->place = IN_FN; /* its body computes; it declares nothing of the file */
  e->loop = parse_loop(p);
  p->place = place;
  return done(p, e);
}

static Expr *any_expr(Parser *p) {
  switch (peek(p)) {
  case TOK_IF: return conditional(p);
  case TOK_FN: return lambda(p);
  case TOK_REPEAT:
  case TOK_FOR:
  case TOK_UNROLL: return loop(p);
  default: return range(p);
  }
}

Expr *parse_expr(Parser *p) {
  uint32_t begin = here(p)->begin;
  Expr *e = enter(p) ? any_expr(p) : new_expr(p, EXPR_NONE, begin);
  leave(p);
  return e;
}
