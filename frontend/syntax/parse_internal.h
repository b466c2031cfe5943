/* What the files of the parser share (parser.c, parse_expr.c, parse_string.c, parse_stmt.c, parse_decl.c,
 * parse_task.c).
 *
 * Errors: `parse_fail` reports once and puts the parser in panic, where every look at the next token shows the end of
 * the source; so each parsing function runs to its end without checks, giving back a node nobody will use, and the
 * statement loop drops the statement, skips to the next one and ends the panic. */
#ifndef SEPPO_FRONTEND_PARSE_INTERNAL_H
#define SEPPO_FRONTEND_PARSE_INTERNAL_H

#include "frontend/syntax/lexer.h"

/* Where a statement stands: decides which statements are allowed (the table in parse_stmt.c). */
typedef enum {
  IN_FILE = 1 << 0,
  IN_FN = 1 << 1,
  IN_LAYER = 1 << 2, /* layer and model bodies */
  IN_OPTIMIZER = 1 << 3,
  IN_TRAIN = 1 << 4,
  IN_EVAL = 1 << 5,
  IN_TASK = 1 << 6,
  IN_GENERATE = 1 << 7,
  IN_EVENT = 1 << 8, /* every and at blocks */
  IN_LOOP = 1 << 9,  /* added to the place a loop stands in */
} Place;

typedef struct Parser {
  Ast *ast;
  const SourceMap *sources;
  const char *text;
  uint32_t source;
  DiagSink *sink;
  TokenList tokens;
  uint32_t at;       /* next token */
  uint32_t newline;  /* 1 + index of the token whose line break was taken, 0 = none */
  uint32_t brackets; /* open ( and [ since the last { : inside them line ends mean nothing */
  uint32_t depth;    /* nesting of expressions and blocks */
  bool panic;
  bool unclosed_told;      /* a missing `}` was reported: once is enough */
  uint32_t column;         /* of the statement being read, for recovery */
  uint32_t place;          /* Place bits of the block being read */
  Token opener;            /* the word that opened the block being read */
  uint32_t errors;         /* in the sink before this file */
  bool in_string;          /* reading an expression inserted in a string */
  Vec(uint32_t) spoilt;    /* offsets of the lexer's errors */
  Vec(const char *) names; /* interned: open-addressed in `slot` */
  Vec(uint32_t) slot;
} Parser;

/* ---------------------------------------------------------------- tokens (parser.c) */

/* Kind of the next token: TOK_NEWLINE where a statement ends, TOK_END in panic. */
TokenKind peek(const Parser *p);
/* Kind of the token `ahead` after the next, whatever line it stands on. */
TokenKind peek_at(const Parser *p, uint32_t ahead);
/* The next token whatever `peek` says of it. */
const Token *here(const Parser *p);
/* Takes the next token (never beyond the end). */
Token take(Parser *p);
bool accept(Parser *p, TokenKind kind);
/* Takes a token of this kind or fails: "expected `=`, found ..". */
Token expect(Parser *p, TokenKind kind, const char *where);
/* Whether the next token is this word (words of statements are ordinary names). */
bool peek_word(const Parser *p, const char *word);
bool accept_word(Parser *p, const char *word);
bool token_is(const Parser *p, const Token *t, const char *word);
void skip_newlines(Parser *p);
/* The end of the last token taken. */
uint32_t last_end(const Parser *p);
Span token_span(const Parser *p, const Token *t);
Span span_from(const Parser *p, uint32_t begin);
const char *describe(Parser *p); /* what stands next, for "found .." */

const char *intern(Parser *p, const char *s, size_t n);
Name make_name(Parser *p, const Token *t);
/* A name, or an error that says what the name is for ("of the parameter"). */
Name parse_name(Parser *p, const char *what);

/* ( and [ .. : between them line ends mean nothing; `open` is pointed at when the closing one is missing. */
Token open_bracket(Parser *p, TokenKind kind, const char *where);
void close_bracket(Parser *p, Token open);

/* Nesting guard: false (and an error) when the text is nested too deep. Call leave() in either case. */
bool enter(Parser *p);
void leave(Parser *p);

/* ---------------------------------------------------------------- errors (parser.c) */

/* Reports at a span unless in panic, and begins the panic. True when it did report (then label, hint, notes may
 * follow). */
bool parse_fail(Parser *p, const char *code, Span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* "expected X, found Y" at the next token. */
bool fail_expected(Parser *p, const char *what);
/* Reports without panic: the tree is usable. */
bool parse_error(Parser *p, const char *code, Span at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* ---------------------------------------------------------------- expressions */

Expr *new_expr(Parser *p, ExprKind kind, uint32_t begin);
Expr *parse_expr(Parser *p);
/* expr { ',' expr }: one expression, or a tuple without parentheses. */
Expr *parse_expr_or_tuple(Parser *p);
/* Fills part[n] of a string. */
void parse_string_parts(Parser *p, Expr *string, const Token *t);
/* '(' [param {',' param}] ')' */
Param *parse_params(Parser *p, const char *of, uint32_t *n);
Shape parse_shape(Parser *p);
Expr *parse_name_expr(Parser *p, const char *what);
/* Index items between brackets, from the opening one on. */
IndexItem *parse_index(Parser *p, uint32_t *n);

/* ---------------------------------------------------------------- statements */

/* '{' statements '}' */
Block parse_block(Parser *p, uint32_t place, const Token *opener, const char *where);
void parse_statements(Parser *p, Block *b, bool file);
Loop *parse_loop(Parser *p);
Stmt *parse_statement(Parser *p);
bool is_statement_word(const Parser *p, const Token *t);
/* The first words of all statements, for "did you mean". */
const char *const *statement_words(Parser *p, uint32_t *n);
/* Copies a finished vector of pointers or structs into the arena. */
#define finish(p, v, n_out)                                                                                            \
  (*(n_out) = (v).n, (v).n ? arena_memdup(&(p)->ast->mem, (v).at, (size_t)(v).n * sizeof *(v).at) : NULL)

/* Statement parsers: the first word is taken, s->kind, s->span.begin and s->word are set. */
typedef void StmtParser(Parser *p, Stmt *s);
StmtParser parse_use, parse_dtype, parse_let, parse_cell, parse_data, parse_func, parse_optimizer, parse_task_decl;
StmtParser parse_return, parse_yield, parse_if, parse_loop_stmt, parse_require, parse_minimize, parse_update, parse_set;
StmtParser parse_count, parse_shuffle, parse_log, parse_print, parse_picture, parse_checkpoint, parse_keep, parse_stop;
StmtParser parse_every, parse_at_moment;
/* The optimizer's update(p, g) { .. }. */
StmtParser parse_update_fn;

/* ---------------------------------------------------------------- hints */

/* After an error at a statement's first word: what the writer may have meant (words of other languages, slips). */
void hint_statement(Parser *p, const Token *word);
/* After an error at a token that goes on where a statement should end. */
void hint_end_of_statement(Parser *p);
/* "did you mean `using`?" when the next token is nearly that word; false when it is not. */
bool hint_word(Parser *p, const char *word);

#endif
