/* Entry of the parser, and what its files share: tokens, names, brackets, errors and recovery. */
#include "frontend/syntax/parser.h"
#include "frontend/syntax/parse_internal.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 200

/* ---------------------------------------------------------------- tokens */

const Token *here(const Parser *p) { return &p->tokens.token.at[p->at]; }

/* Whether the line break before the next token ends a statement. */
static bool line_ended(const Parser *p) {
  return p->brackets == 0 && here(p)->line_start && p->newline != p->at + 1 && p->at > 0 &&
         !token_continues(p->tokens.token.at[p->at - 1].kind);
}

TokenKind peek(const Parser *p) {
  if (p->panic || here(p)->kind == TOK_END) return TOK_END;
  return line_ended(p) ? TOK_NEWLINE : here(p)->kind;
}

TokenKind peek_at(const Parser *p, uint32_t ahead) {
  return p->at + ahead < p->tokens.token.n ? p->tokens.token.at[p->at + ahead].kind : TOK_END;
}

Token take(Parser *p) {
  Token t = *here(p);
  if (t.kind != TOK_END) p->at++;
  return t;
}

bool accept(Parser *p, TokenKind kind) {
  if (peek(p) != kind) return false;
  take(p);
  return true;
}

Token expect(Parser *p, TokenKind kind, const char *where) {
  if (peek(p) == kind) return take(p);
  fail_expected(p, arena_printf(&p->ast->mem, "%s%s%s", token_kind_name(kind), *where ? " " : "", where));
  return *here(p);
}

bool token_is(const Parser *p, const Token *t, const char *word) {
  if (t->kind != TOK_NAME || p->text[t->begin] != *word) return false;
  size_t n = strlen(word);
  return t->end - t->begin == n && !memcmp(p->text + t->begin, word, n);
}

bool peek_word(const Parser *p, const char *word) { return peek(p) == TOK_NAME && token_is(p, here(p), word); }

bool accept_word(Parser *p, const char *word) {
  if (!peek_word(p, word)) return false;
  take(p);
  return true;
}

void skip_newlines(Parser *p) {
  if (peek(p) == TOK_NEWLINE) p->newline = p->at + 1;
}

uint32_t last_end(const Parser *p) { return p->at ? p->tokens.token.at[p->at - 1].end : here(p)->begin; }
Span token_span(const Parser *p, const Token *t) { return (Span){p->source, t->begin, t->end}; }

Span span_from(const Parser *p, uint32_t begin) {
  uint32_t end = last_end(p);
  return (Span){p->source, begin, end < begin ? begin : end};
}

const char *describe(Parser *p) {
  const Token *t = here(p);
  if (t->kind == TOK_END && p->in_string) return "the end of the inserted expression";
  if (t->kind == TOK_END || line_ended(p)) return token_kind_name(t->kind == TOK_END ? TOK_END : TOK_NEWLINE);
  if (t->kind == TOK_STRING) return token_kind_name(TOK_STRING);
  return arena_printf(&p->ast->mem, "`%.*s`", (int)(t->end - t->begin), p->text + t->begin);
}

/* ---------------------------------------------------------------- names */

static uint32_t hash_text(const char *s, size_t n) {
  uint32_t h = 2166136261u; /* FNV-1a */
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
  return h;
}

/* The slot of this text, or the empty one where it belongs. */
static uint32_t *find_slot(Parser *p, const char *s, size_t n) {
  uint32_t mask = p->slot.cap - 1, i = hash_text(s, n) & mask;
  for (;; i = (i + 1) & mask) {
    uint32_t k = p->slot.at[i];
    if (!k || (strlen(p->names.at[k - 1]) == n && !memcmp(p->names.at[k - 1], s, n))) return &p->slot.at[i];
  }
}

static void grow_slots(Parser *p) {
  uint32_t cap = p->slot.cap ? p->slot.cap * 2 : 64;
  vec_free(&p->slot);
  vec_reserve(&p->slot, cap);
  p->slot.cap = cap;
  memset(p->slot.at, 0, cap * sizeof *p->slot.at);
  for (uint32_t k = 0; k < p->names.n; k++) *find_slot(p, p->names.at[k], strlen(p->names.at[k])) = k + 1;
}

const char *intern(Parser *p, const char *s, size_t n) {
  if (p->names.n * 2 >= p->slot.cap) grow_slots(p);
  uint32_t *slot = find_slot(p, s, n);
  if (!*slot) {
    vec_push(&p->names, arena_strndup(&p->ast->mem, s, n));
    *slot = p->names.n;
  }
  return p->names.at[*slot - 1];
}

Name make_name(Parser *p, const Token *t) {
  return (Name){intern(p, p->text + t->begin, t->end - t->begin), token_span(p, t)};
}

Name parse_name(Parser *p, const char *what) {
  if (peek(p) == TOK_NAME) {
    Token t = take(p);
    return make_name(p, &t);
  }
  TokenKind k = peek(p);
  if (k >= TOK_AND && k <= TOK_NONE)
    parse_fail(p, "E0117", token_span(p, here(p)), "`%s` is a reserved word and cannot be a name", token_kind_text(k));
  else
    fail_expected(p, arena_printf(&p->ast->mem, "the name %s", what));
  return (Name){intern(p, "_", 1), token_span(p, here(p))};
}

/* ---------------------------------------------------------------- errors */

/* Whether the lexer found fault with the line of `at`: what the parser says of that line would follow from it. */
static bool line_is_spoilt(const Parser *p, uint32_t at) {
  for (uint32_t i = 0; i < p->spoilt.n; i++) {
    uint32_t a = p->spoilt.at[i], b = at;
    if (a > b) a = at, b = p->spoilt.at[i];
    if (!memchr(p->text + a, '\n', b - a)) return true;
  }
  return false;
}

static bool report(Parser *p, const char *code, Span at, const char *fmt, va_list ap) {
  if (line_is_spoilt(p, at.begin)) return false;
  char message[512];
  vsnprintf(message, sizeof message, fmt, ap);
  diag_error(p->sink, code, at, "%s", message);
  return true;
}

bool parse_fail(Parser *p, const char *code, Span at, const char *fmt, ...) {
  if (p->panic) return false;
  va_list ap;
  va_start(ap, fmt);
  bool told = report(p, code, at, fmt, ap);
  va_end(ap);
  p->panic = true;
  return told;
}

bool parse_error(Parser *p, const char *code, Span at, const char *fmt, ...) {
  if (p->panic) return false;
  va_list ap;
  va_start(ap, fmt);
  bool told = report(p, code, at, fmt, ap);
  va_end(ap);
  return told;
}

/* Where to point when something is missing: the next token, or just behind the last one when the line is over. */
static Span missing_at(const Parser *p) {
  if (here(p)->kind != TOK_END && !line_ended(p)) return token_span(p, here(p));
  uint32_t end = last_end(p);
  return (Span){p->source, end, end};
}

bool fail_expected(Parser *p, const char *what) {
  const char *found = describe(p);
  return parse_fail(p, "E0101", missing_at(p), "expected %s, found %s", what, found);
}

bool enter(Parser *p) {
  if (p->depth++ < MAX_DEPTH) return true;
  parse_fail(p, "E0116", token_span(p, here(p)), "this is nested more than %d levels deep", MAX_DEPTH);
  return false;
}

void leave(Parser *p) { p->depth--; }

/* ---------------------------------------------------------------- brackets */

static TokenKind closing(TokenKind open) { return open + 1; }

Token open_bracket(Parser *p, TokenKind kind, const char *where) {
  Token open = expect(p, kind, where);
  if (!p->panic) p->brackets++;
  return open;
}

/* The first token of the tokens first..last-1 that begins a line, no deeper than the current statement, with the word
 * of a statement; `last` when there is none. There an unclosed bracket has swallowed the next statement. */
static uint32_t swallowed_statement(const Parser *p, uint32_t first, uint32_t last) {
  for (uint32_t i = first; i < last; i++) {
    const Token *t = &p->tokens.token.at[i];
    if (!t->line_start || t->column > p->column || i + 1 >= p->tokens.token.n) continue;
    TokenKind after = p->tokens.token.at[i + 1].kind;
    if (is_statement_word(p, t) && after != TOK_ASSIGN && after != TOK_COMMA) return i;
  }
  return last;
}

/* The bracket was forgotten, not a comma: the text goes on like the next statement. */
static bool left_open(const Parser *p, const Token *open, uint32_t *next) {
  const Token *t = here(p);
  uint32_t k = p->at;
  while (k > 0 && p->tokens.token.at[k].begin > open->begin) k--;
  *next = swallowed_statement(p, k + 1, p->at + 1);
  if (*next <= p->at) return true;
  *next = p->at;
  return t->kind == TOK_END || t->kind == TOK_RBRACE || (t->line_start && t->column <= p->column);
}

/* Just behind the token before this one. */
static Span behind(const Parser *p, uint32_t token) {
  uint32_t end = token ? p->tokens.token.at[token - 1].end : 0;
  return (Span){p->source, end, end};
}

void close_bracket(Parser *p, Token open) {
  if (p->panic) return;
  TokenKind close = closing(open.kind), found = peek(p);
  uint32_t next;
  if (found == close) {
    take(p);
    p->brackets--;
  } else if (left_open(p, &open, &next)) {
    parse_fail(p, "E0102", token_span(p, &open), "%s is never closed", token_kind_name(open.kind));
    diag_note(p->sink, behind(p, next), "expected %s here at the latest", token_kind_name(close));
  } else if (found == TOK_RPAREN || found == TOK_RBRACKET) {
    parse_fail(p, "E0103", token_span(p, here(p)), "%s does not close %s", token_kind_name(found),
               token_kind_name(open.kind));
    diag_note(p->sink, token_span(p, &open), "%s was opened here", token_kind_name(open.kind));
  } else if (fail_expected(p, arena_printf(&p->ast->mem, "`,` or %s", token_kind_name(close))))
    diag_note(p->sink, token_span(p, &open), "%s was opened here", token_kind_name(open.kind));
}

/* ---------------------------------------------------------------- blocks and recovery */

/* After an error: skips to the end of the statement that began in column p->column. A block that belongs to it is
 * skipped too; the `}` of the enclosing block is left. */
static void recover(Parser *p, uint32_t first) {
  p->panic = false;
  p->brackets = 0;
  uint32_t swallowed = swallowed_statement(p, first + 1, p->at);
  if (swallowed < p->at) {
    p->at = swallowed;
    return;
  }
  if (p->at == first) take(p);
  for (uint32_t depth = 0; here(p)->kind != TOK_END;) {
    const Token *t = here(p);
    bool next_line = t->line_start && t->column <= p->column;
    if (t->kind == TOK_RBRACE) {
      if (depth == 0 && !(next_line && t->column == p->column && p->place != IN_FILE)) {
        if (p->place != IN_FILE || !next_line) return;
      }
      if (depth == 0) {
        take(p);
        return;
      }
      depth--;
    } else if (next_line || (depth == 0 && t->kind == TOK_SEMICOLON))
      return;
    else if (t->kind == TOK_LBRACE)
      depth++;
    take(p);
  }
}

/* The statements between the braces, read in their own place. */
static void block_body(Parser *p, Block *b, uint32_t place, const Token *opener) {
  Token saved_opener = p->opener;
  uint32_t saved_place = p->place, saved_brackets = p->brackets, saved_column = p->column;
  p->brackets = 0;
  p->place = place;
  p->opener = *opener;
  parse_statements(p, b, false);
  p->brackets = saved_brackets;
  p->place = saved_place;
  p->opener = saved_opener;
  p->column = saved_column;
}

static void close_block(Parser *p, Token open) {
  if (here(p)->kind == TOK_RBRACE) {
    take(p);
    return;
  }
  p->newline = 0; /* the line's end, taken by the block, is the enclosing statement's again */
  if (p->unclosed_told) return;
  diag_error(p->sink, "E0102", token_span(p, &open), "`{` is never closed");
  diag_note(p->sink, behind(p, p->at), "expected `}` here at the latest");
  p->unclosed_told = true;
}

Block parse_block(Parser *p, uint32_t place, const Token *opener, const char *where) {
  Block b = {.span = token_span(p, here(p))};
  if (peek(p) == TOK_COLON && parse_fail(p, "E0111", token_span(p, here(p)), "a block stands in braces, not after `:`"))
    diag_hint(p->sink, "write `{` here and `}` after the last statement of the block");
  Token open = expect(p, TOK_LBRACE, where);
  if (enter(p) && !p->panic) {
    block_body(p, &b, place, opener);
    close_block(p, open);
  }
  leave(p);
  b.span = span_from(p, b.span.begin);
  return b;
}

/* The next line begins with the word of a declaration that cannot stand in this block, no deeper than the block's own
 * first word: the block's `}` is missing. */
static bool block_left_open(const Parser *p) {
  static const char *const words[] = {"layer", "model", "optimizer", "train", "eval", "task", "data", "use"};
  const Token *t = here(p);
  if (!t->line_start || t->column > p->opener.column || (p->place & (IN_FILE | IN_TASK))) return false;
  if (peek_at(p, 1) == TOK_ASSIGN || peek_at(p, 1) == TOK_COMMA) return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (token_is(p, t, words[i])) return true;
  return false;
}

/* After a statement: its line or the block must end. */
static void end_of_statement(Parser *p) {
  TokenKind k = peek(p);
  if (p->panic || k == TOK_NEWLINE || k == TOK_SEMICOLON || k == TOK_RBRACE || k == TOK_END) return;
  if (k == TOK_RPAREN || k == TOK_RBRACKET) {
    parse_fail(p, "E0103", token_span(p, here(p)), "%s closes nothing", token_kind_name(k));
    return;
  }
  const char *found = describe(p);
  if (!parse_fail(p, "E0107", token_span(p, here(p)), "expected the end of the statement, found %s", found)) return;
  hint_end_of_statement(p);
}

void parse_statements(Parser *p, Block *b, bool file) {
  Vec(Stmt *) list = {0};
  for (;;) {
    skip_newlines(p);
    if (accept(p, TOK_SEMICOLON)) continue;
    if (p->sink->n_errors - p->errors >= MAX_SYNTAX_ERRORS) p->at = p->tokens.token.n - 1, p->unclosed_told = true;
    if (here(p)->kind == TOK_END || (!file && (here(p)->kind == TOK_RBRACE || block_left_open(p)))) break;
    uint32_t first = p->at;
    p->column = here(p)->column;
    Stmt *s = NULL;
    if (here(p)->kind == TOK_RBRACE) {
      parse_fail(p, "E0103", token_span(p, here(p)), "`}` closes nothing");
      take(p);
    } else
      s = parse_statement(p);
    end_of_statement(p);
    if (p->panic)
      recover(p, first);
    else if (s)
      vec_push(&list, s);
  }
  b->stmt = finish(p, list, &b->n);
  vec_free(&list);
}

/* ---------------------------------------------------------------- entry */

typedef struct DiagGroup {
  uint32_t at, first, n; /* offset in the source; entries of the sink: a diagnostic and its notes */
} DiagGroup;

static int by_place(const void *a, const void *b) {
  const DiagGroup *x = a, *y = b;
  if (x->at != y->at) return x->at < y->at ? -1 : 1;
  return x->first < y->first ? -1 : 1;
}

/* Puts the entries from `first` on, the lexer's before the parser's, into the order of the text. */
static void sort_diagnostics(DiagSink *sink, uint32_t first) {
  Vec(DiagGroup) groups = {0};
  Vec(Diag) sorted = {0};
  for (uint32_t i = first; i < sink->diag.n; i += 1 + sink->diag.at[i].n_notes) {
    DiagGroup g = {sink->diag.at[i].span.begin, i, 1 + sink->diag.at[i].n_notes};
    vec_push(&groups, g);
  }
  if (groups.n > 1) qsort(groups.at, groups.n, sizeof *groups.at, by_place);
  for (uint32_t i = 0; i < groups.n; i++)
    for (uint32_t k = 0; k < groups.at[i].n; k++) vec_push(&sorted, sink->diag.at[groups.at[i].first + k]);
  if (sorted.n) memcpy(sink->diag.at + first, sorted.at, sorted.n * sizeof *sorted.at);
  vec_free(&groups);
  vec_free(&sorted);
}

/* Bytes of the character at s, of at most n: 0 when it is none of UTF-8 (RFC 3629) or NUL. */
static uint32_t character_length(const unsigned char *s, uint32_t n) {
  uint32_t length = s[0] < 0x80 ? s[0] != 0 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
  if (length > n) return 0;
  for (uint32_t k = 1; k < length; k++)
    if ((s[k] & 0xC0) != 0x80) return 0;
  bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
  bool outside = (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF4 && s[1] > 0x8F);
  return overlong || outside ? 0 : length;
}

/* How far the text is text: up to the first byte that is no character, or its end. */
static uint32_t text_until(const char *text, uint32_t n) {
  uint32_t at = 0;
  for (uint32_t k; at < n && (k = character_length((const unsigned char *)text + at, n - at)); at += k) {
  }
  return at;
}

Ast *parse_source(const SourceMap *sources, uint32_t source, DiagSink *sink) {
  const Source *src = &sources->source.at[source];
  uint32_t at = text_until(src->text, src->length);
  if (at < src->length) {
    diag_error(sink, "E0007", (Span){source, at, at + 1}, "%s is not a text file", src->name);
    diag_label(sink, "the byte 0x%02x is not UTF-8 text", (unsigned char)src->text[at]);
    return NULL;
  }
  Arena mem = {0};
  Ast *ast = arena_new(&mem, Ast);
  ast->mem = mem;
  ast->source = source;
  uint32_t first = sink->diag.n;
  Parser p = {.ast = ast, .sources = sources, .text = src->text, .source = source, .sink = sink, .place = IN_FILE};
  p.errors = sink->n_errors;
  lex(sources, source, 0, src->length, &p.tokens, sink);
  for (uint32_t i = first; i < sink->diag.n; i++) vec_push(&p.spoilt, sink->diag.at[i].span.begin);
  parse_statements(&p, &ast->file, true);
  sort_diagnostics(sink, first);
  ast->file.span = (Span){source, 0, src->length};
  ast->comment = finish(&p, p.tokens.comment, &ast->n_comments);
  token_list_free(&p.tokens);
  vec_free(&p.names);
  vec_free(&p.slot);
  vec_free(&p.spoilt);
  return ast;
}

void ast_free(Ast *ast) {
  if (!ast) return;
  Arena mem = ast->mem;
  arena_free(&mem);
}
