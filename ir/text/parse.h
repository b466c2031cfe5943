/* Inside of the parser of the text form: the cursor (parse_base.c), graphs (parse_graph.c), modules (parse.c). */
#ifndef SEPPO_IR_PARSE_H
#define SEPPO_IR_PARSE_H

#include "ir/build.h"
#include "ir/codes.h"
#include "ir/hash.h"
#include "ir/text/lex.h"
#include "ir/text/text.h"

/* Declarations by name. */
typedef struct NameTable {
  IdTable ids;
  Vec(const char *) name; /* NULL for those without */
} NameTable;

typedef struct Parser {
  Module *m;
  const SourceMap *sources;
  DiagSink *sink;
  Lexer lexer;
  Token token; /* the next one */
  bool failed; /* after the first syntax error everything returns at once */
  int depth;   /* of nested bodies */
  NameTable cell, field, rows;
} Parser;

void parse_advance(Parser *p);
/* Reports "expected WHAT, found ..." at the next token. Always false. */
bool parse_expected(Parser *p, const char *what);
bool parse_at_mark(const Parser *p, char mark);
bool parse_at_word(const Parser *p, const char *word);
/* Take the next token if it is this one. */
bool parse_take_mark(Parser *p, char mark);
bool parse_take_word(Parser *p, const char *word);
/* The same, reporting when it is not. */
bool parse_mark(Parser *p, char mark);
bool parse_word(Parser *p, const char *word);
/* Whole numbers within a range. */
bool parse_int(Parser *p, int64_t lo, int64_t hi, int64_t *out);
bool parse_u32(Parser *p, uint32_t *out);
bool parse_u64(Parser *p, uint64_t *out);
/* Index of the next word among n words. */
bool parse_choice(Parser *p, const char *const *words, uint32_t n, const char *what, uint32_t *out);
/* A word or string; NULL for the word `none`. */
bool ir_read_name(Parser *p, const char **out);
bool parse_string(Parser *p, const char **out);
bool parse_type(Parser *p, TypeId *out);
/* Index of a declaration, by name or @number. */
bool parse_ref(Parser *p, const NameTable *t, const char *what, uint32_t *out);
void parse_declare(NameTable *t, const char *name);
/* {axes=[1], ...} of an op, when there is one. */
bool parse_attrs(Parser *p, Op op, Attr *a);
/* `{ nodes outputs }` of a graph with an interface. */
bool parse_graph(Parser *p, Graph *g);

#endif
