/* Declarations: use, dtype, let, param, state, data, fn, layer, model, optimizer; parameter lists and shapes. */
#include "frontend/syntax/parse_internal.h"
#include <stdlib.h>
#include <string.h>

/* use string ['as' name] */
void parse_use(Parser *p, Stmt *s) {
  if (peek(p) != TOK_STRING && fail_expected(p, "the file's name in quotes"))
    diag_hint(p->sink, "use \"layers.sep\" as layers");
  s->value = parse_expr(p);
  if (accept_word(p, "as")) s->name = parse_name(p, "of the module");
}

/* dtype name */
void parse_dtype(Parser *p, Stmt *s) { s->name = parse_name(p, "of the precision (f32 or f64)"); }

/* let name {',' name} '=' expr */
void parse_let(Parser *p, Stmt *s) {
  Vec(Target) targets = {0};
  do {
    Target t = {.name = parse_name(p, "after `let`")};
    t.span = t.name.span;
    vec_push(&targets, t);
  } while (accept(p, TOK_COMMA));
  s->target = finish(p, targets, &s->n_target);
  vec_free(&targets);
  s->name = s->target[0].name;
  if (peek(p) == TOK_COLON && fail_expected(p, "`=`"))
    diag_hint(p->sink, "a let has no declared shape: let %s = ..", s->name.text);
  expect(p, TOK_ASSIGN, "");
  s->value = parse_expr_or_tuple(p);
}

/* ---------------------------------------------------------------- shapes */

/* dim := name '..' | '..' | expr */
static ShapeItem shape_item(Parser *p) {
  ShapeItem item = {0};
  uint32_t begin = here(p)->begin;
  if (peek(p) == TOK_DOTDOT) {
    take(p);
    item.rest = (Name){intern(p, "", 0), span_from(p, begin)};
  } else if (peek(p) == TOK_NAME && peek_at(p, 1) == TOK_DOTDOT) {
    item.rest = parse_name(p, "of the rest");
    take(p);
  } else
    item.dim = parse_expr(p);
  item.span = span_from(p, begin);
  return item;
}

static void check_one_rest(Parser *p, const ShapeItem *item, uint32_t n) {
  for (uint32_t i = 0; i + 1 < n; i++)
    if (item[i].rest.text && item[n - 1].rest.text) {
      parse_error(p, "E0122", item[n - 1].span, "a shape has at most one rest `..`");
      diag_note(p->sink, item[i].span, "the first is here");
      return;
    }
}

/* shape := '[' [dim {',' dim}] ']' */
Shape parse_shape(Parser *p) {
  Shape shape = {.present = true};
  Vec(ShapeItem) items = {0};
  Token open = open_bracket(p, TOK_LBRACKET, "of the shape");
  while (peek(p) != TOK_RBRACKET && peek(p) != TOK_END) {
    vec_push(&items, shape_item(p));
    if (!p->panic) check_one_rest(p, items.at, items.n);
    if (!accept(p, TOK_COMMA)) break;
  }
  close_bracket(p, open);
  shape.item = finish(p, items, &shape.n);
  vec_free(&items);
  shape.span = span_from(p, open.begin);
  return shape;
}

/* param|state name [':' [dtype] [shape]] ('~' | '=') expr */
void parse_cell(Parser *p, Stmt *s) {
  const char *word = s->kind == STMT_PARAM ? "param" : "state";
  s->name = parse_name(p, arena_printf(&p->ast->mem, "of the %s", word));
  if (accept(p, TOK_COLON)) {
    if (peek(p) == TOK_NAME) s->dtype = parse_name(p, "of the dtype");
    if (peek(p) == TOK_LBRACKET) s->shape = parse_shape(p);
    if (!s->dtype.text && !s->shape.present && fail_expected(p, "a dtype or a shape"))
      diag_hint(p->sink, "%s %s : [n, m] = 0", word, s->name.text);
  }
  s->random_init = peek(p) == TOK_TILDE;
  if (peek(p) != TOK_TILDE && peek(p) != TOK_ASSIGN) {
    bool shape = peek(p) == TOK_LBRACKET,
         told = parse_fail(p, "E0123", span_from(p, s->word.begin), "`%s` has no first value", s->name.text);
    if (told && shape)
      diag_hint(p->sink, "a shape stands behind a colon: `%s : [..] = 0`", s->name.text);
    else if (told)
      diag_hint(p->sink, "%s", *word == 'p' ? "`~ glorot` draws it, `= 0` sets it exactly" : "`= 0` sets it");
    return;
  }
  take(p);
  s->value = parse_expr(p);
}

/* data name '=' expr */
void parse_data(Parser *p, Stmt *s) {
  s->name = parse_name(p, "of the data");
  expect(p, TOK_ASSIGN, "");
  s->value = parse_expr(p);
}

/* ---------------------------------------------------------------- functions */

static void check_param(Parser *p, const Param *param, uint32_t n, const Param *q) {
  for (uint32_t i = 0; i < n; i++)
    if (param[i].name.text == q->name.text) {
      parse_error(p, "E0115", q->name.span, "the parameter `%s` stands here twice", q->name.text);
      diag_note(p->sink, param[i].name.span, "the first is here");
      return;
    }
  if (n && param[n - 1].value && !q->value) {
    parse_error(p, "E0121", q->name.span, "`%s` has no default but follows `%s`, which has one", q->name.text,
                param[n - 1].name.text);
    diag_hint(p->sink, "parameters with defaults come last");
  }
}

/* param := name [':' shape] ['=' expr] */
static Param param(Parser *p, const char *of) {
  Param q = {.name = parse_name(p, arena_printf(&p->ast->mem, "of a parameter of %s", of))};
  if (accept(p, TOK_COLON)) {
    if (peek(p) == TOK_NAME && fail_expected(p, "a shape"))
      diag_hint(p->sink, "a parameter takes any dtype; its shape reads `%s: [n, m]`", q.name.text);
    q.pattern = parse_shape(p);
  }
  if (accept(p, TOK_ASSIGN)) q.value = parse_expr(p);
  return q;
}

Param *parse_params(Parser *p, const char *of, uint32_t *n) {
  Vec(Param) params = {0};
  Token open = open_bracket(p, TOK_LPAREN, arena_printf(&p->ast->mem, "and the parameters of %s", of));
  while (peek(p) != TOK_RPAREN && peek(p) != TOK_END) {
    Param q = param(p, of);
    if (!p->panic) check_param(p, params.at, params.n, &q);
    vec_push(&params, q);
    if (!accept(p, TOK_COMMA)) break;
  }
  close_bracket(p, open);
  Param *out = finish(p, params, n);
  vec_free(&params);
  return out;
}

/* body := '=' expr | block */
static void func_body(Parser *p, Func *f, uint32_t place, const Token *word, const char *of) {
  if (accept(p, TOK_ASSIGN)) {
    f->value = parse_expr_or_tuple(p);
    return;
  }
  if (peek(p) != TOK_LBRACE && peek(p) != TOK_COLON)
    fail_expected(p, arena_printf(&p->ast->mem, "`=` or `{` after the parameters of %s", of));
  f->body = parse_block(p, place, word, "");
}

static Func *new_func(Parser *p, Stmt *s, const char *word) {
  s->func = arena_new(&p->ast->mem, Func);
  s->func->name = parse_name(p, arena_printf(&p->ast->mem, "of the %s", word));
  s->name = s->func->name;
  return s->func;
}

/* fn name params body | model name params body | layer name params params body */
void parse_func(Parser *p, Stmt *s) {
  Token word = p->tokens.token.at[p->at - 1];
  const char *what = s->kind == STMT_FN ? "fn" : s->kind == STMT_MODEL ? "model" : "layer";
  Func *f = new_func(p, s, what);
  const char *of = arena_printf(&p->ast->mem, "`%s`", f->name.text);
  if (s->kind == STMT_LAYER) {
    f->config = parse_params(p, of, &f->n_config);
    if (peek(p) != TOK_LPAREN && fail_expected(p, "the second list of parameters"))
      diag_hint(p->sink, "a layer has two lists: layer %s(n, act = identity)(x) { .. }", f->name.text);
  }
  f->param = parse_params(p, of, &f->n_param);
  func_body(p, f, s->kind == STMT_FN ? IN_FN : IN_LAYER, &word, of);
}

/* optimizer name params ['over' 'group'] '{' {state | update} '}' */
void parse_optimizer(Parser *p, Stmt *s) {
  Token word = p->tokens.token.at[p->at - 1];
  Func *f = new_func(p, s, "optimizer");
  f->config = parse_params(p, arena_printf(&p->ast->mem, "`%s`", f->name.text), &f->n_config);
  if (accept_word(p, "over")) {
    if (!accept_word(p, "group") && fail_expected(p, "`group`"))
      diag_hint(p->sink, "`over group` gives the update all parameters as one vector");
    f->over_group = true;
  }
  f->body = parse_block(p, IN_OPTIMIZER, &word, "of the optimizer");
}

/* update params body, in an optimizer */
void parse_update_fn(Parser *p, Stmt *s) {
  Token word = *here(p);
  Func *f = new_func(p, s, "update");
  f->param = parse_params(p, "`update`", &f->n_param);
  func_body(p, f, IN_FN, &word, "`update`");
}
