/* Nodes, bodies and graphs with an interface of the text form. */
#include "ir/text/parse.h"
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 64 };

/* One region under construction, with the labels of its values. */
typedef struct Scope {
  Builder b;
  Graph *graph; /* NULL in a body */
  IdTable ids;
  Vec(Token) label;
  Vec(NodeId) value; /* by label */
  Vec(Binding) in, out;
} Scope;

static bool same_label(const void *key, const void *owner, uint32_t id) {
  const Token *a = key, *b = &((const Scope *)owner)->label.at[id];
  return a->n == b->n && !memcmp(a->s, b->s, a->n);
}

static uint64_t label_hash(const Token *t) { return hash_bytes(0, t->s, t->n); }

static bool parse_label(Parser *p, Token *out) {
  if (p->failed) return false;
  if (p->token.kind != TOKEN_VALUE || p->token.n == 0) return parse_expected(p, "a value (%1)");
  *out = p->token;
  parse_advance(p);
  return true;
}

static bool define(Parser *p, Scope *s, const Token *label, NodeId value) {
  uint64_t h = label_hash(label);
  uint32_t i = table_find(&s->ids, h, same_label, label, s);
  if (i != IR_NONE) {
    diag_error(p->sink, CODE_IR_TEXT, label->span, "%%%.*s is defined twice", (int)label->n, label->s);
    diag_note(p->sink, s->label.at[i].span, "first here");
    p->failed = true;
    return false;
  }
  vec_push(&s->label, *label);
  vec_push(&s->value, value);
  table_add(&s->ids, h, s->label.n - 1);
  return true;
}

/* A use of a value; the node may be IR_NONE when its definition had an error that is reported already. */
static bool parse_use(Parser *p, Scope *s, NodeId *out) {
  Token t;
  if (!parse_label(p, &t)) return false;
  uint32_t i = table_find(&s->ids, label_hash(&t), same_label, &t, s);
  if (i == IR_NONE) {
    diag_error(p->sink, CODE_IR_TEXT, t.span, "%%%.*s is not defined above in this body", (int)t.n, t.s);
    p->failed = true;
    return false;
  }
  *out = s->value.at[i];
  return true;
}

static void scope_open(Parser *p, Scope *s, Graph *g) {
  *s = (Scope){.b = ir_builder(p->m, ir_region_new(p->m), p->sink), .graph = g};
}

static void scope_close(Scope *s) {
  table_free(&s->ids);
  vec_free(&s->label);
  vec_free(&s->value);
  vec_free(&s->in);
  vec_free(&s->out);
  ir_builder_free(&s->b);
}

/* ---------------------------------------------------------------- constants */

/* The words between `const` and the type, kept until the type says what they are. */
typedef struct Elements {
  Vec(Span) span;
} Elements;

/* A number, inf, nan, nan(0x7fc00001), true or false. */
static bool parse_element(Parser *p, Elements *e) {
  if (p->failed || (p->token.kind != TOKEN_NUMBER && p->token.kind != TOKEN_WORD)) return parse_expected(p, "a number");
  Span span = p->token.span;
  bool nan = parse_at_word(p, "nan");
  parse_advance(p);
  if (nan && parse_take_mark(p, '(')) {
    uint64_t bits;
    if (!parse_u64(p, &bits)) return false;
    span.end = p->token.span.end;
    if (!parse_mark(p, ')')) return false;
  }
  vec_push(&e->span, span);
  return true;
}

static bool parse_elements(Parser *p, Elements *e) {
  if (!parse_take_mark(p, '[')) return parse_element(p, e);
  for (int n = 0; !parse_take_mark(p, ']'); n = 1)
    if ((n && !parse_mark(p, ',')) || !parse_element(p, e)) return false;
  return true;
}

static bool const_bytes(Parser *p, const Elements *e, const Type *t, Span at, Attr *a, TypeId type) {
  int64_t n = t->n_tuple ? -1 : ir_elements(t);
  if (n != e->span.n) {
    diag_error(p->sink, CODE_IR_TEXT, at, "%u elements for the type %s", e->span.n, ir_type_str(p->m, type));
    return false;
  }
  char *bytes = calloc((size_t)n + 1, ir_dtype_size(t->dtype));
  if (!bytes) exit(EXIT_FILES);
  bool ok = true;
  for (uint32_t i = 0; ok && i < e->span.n; i++) {
    Span s = e->span.at[i];
    ok = text_read_element(t->dtype, p->lexer.text + s.begin, s.end - s.begin, bytes, i);
    if (!ok) diag_error(p->sink, CODE_IR_TEXT, s, "this is no %s", ir_dtype_name(t->dtype));
  }
  if (ok) a->value = ir_const_bytes(p->m, type, bytes);
  free(bytes);
  return ok;
}

static bool parse_const(Parser *p, Scope *s, Span at, NodeId *out) {
  Elements e = {0};
  TypeId type;
  bool ok = parse_elements(p, &e) && parse_mark(p, ':') && parse_type(p, &type);
  Attr a = {0};
  if (ok && const_bytes(p, &e, ir_type_get(p->m, type), at, &a, type)) *out = ir_emit(&s->b, OP_const, NULL, 0, &a);
  vec_free(&e.span);
  return ok;
}

/* ---------------------------------------------------------------- nodes */

static bool parse_body(Parser *p, RegionId *out);

static bool parse_bodies(Parser *p, Op op, RegionId body[2]) {
  if (op == OP_while && (!parse_word(p, "condition") || !parse_body(p, &body[0]))) return false;
  return parse_word(p, "body") && parse_body(p, &body[op == OP_while]);
}

/* A parameter of a graph: its binding after the word that was read. */
static bool parse_binding(Parser *p, Scope *s, uint32_t kind) {
  Binding in = {.kind = (uint8_t)kind};
  bool ok = true;
  if (kind == IN_CELL)
    ok = parse_ref(p, &p->cell, "cell", &in.index);
  else if (kind == IN_FIELD)
    ok = parse_ref(p, &p->field, "field", &in.index);
  else if (kind == IN_ROWS)
    ok = parse_ref(p, &p->rows, "row source", &in.index);
  else if (p->token.kind == TOKEN_NUMBER)
    ok = parse_u32(p, &in.index);
  vec_push(&s->in, in);
  return ok;
}

static bool parse_param(Parser *p, Scope *s, NodeId *out) {
  TypeId type;
  if (s->graph) {
    uint32_t kind = 0;
    if (!parse_choice(p, input_word, INPUT_WORDS, "cell, field, rows, key, step or epoch", &kind)) return false;
    if (!parse_binding(p, s, kind)) return false;
  } else if (!parse_word(p, "param")) {
    return false;
  }
  if (!parse_mark(p, ':') || !parse_type(p, &type)) return false;
  *out = ir_param(&s->b, type);
  return true;
}

static void check_type(Parser *p, Scope *s, NodeId n, TypeId said, Span at) {
  if (n == IR_NONE) return;
  TypeId is = ir_node(p->m, s->b.region, n)->type;
  if (is != said)
    diag_error(p->sink, CODE_IR_TEXT, at, "the type is %s, not %s", ir_type_str(p->m, is), ir_type_str(p->m, said));
}

typedef struct Operands {
  Vec(NodeId) in;
} Operands;

static bool parse_operands(Parser *p, Scope *s, Operands *o) {
  for (int n = 0; n ? parse_take_mark(p, ',') : p->token.kind == TOKEN_VALUE; n = 1) {
    NodeId v = IR_NONE;
    if (!parse_use(p, s, &v)) return false;
    vec_push(&o->in, v);
  }
  return !p->failed;
}

static bool parse_op(Parser *p, Scope *s, Op op, NodeId *out) {
  Operands o = {0};
  Attr a = {0};
  TypeId type = IR_NONE;
  RegionId body[2] = {IR_NONE, IR_NONE};
  bool ok = parse_operands(p, s, &o) && parse_attrs(p, op, &a);
  Span type_at = p->token.span;
  if (ok && parse_take_mark(p, ':')) {
    type_at = p->token.span;
    ok = parse_type(p, &type);
  }
  if (ok && op_table[op].flags & OPF_REGION) ok = parse_bodies(p, op, body);
  if (ok) *out = ir_emit_region(&s->b, op, o.in.at, o.in.n, &a, body[0], body[1]);
  if (ok && type != IR_NONE) check_type(p, s, *out, type, type_at);
  vec_free(&o.in);
  return ok;
}

static Op known_op(Parser *p) {
  Op op = op_by_name(p->token.s, p->token.n);
  if (op != OP_COUNT) return op;
  const char *names[OP_COUNT], *word = arena_strndup(&p->m->mem, p->token.s, p->token.n);
  for (uint32_t i = 0; i < OP_COUNT; i++) names[i] = op_table[i].name;
  diag_error(p->sink, CODE_IR_TEXT, p->token.span, "there is no op `%s`", word);
  const char *near = diag_nearest(word, names, OP_COUNT);
  if (near) diag_hint(p->sink, "did you mean `%s`?", near);
  p->failed = true;
  return OP_COUNT;
}

/* True when the next word begins a parameter of this scope. */
static bool at_param(const Parser *p, const Scope *s) {
  if (!s->graph) return parse_at_word(p, "param");
  for (uint32_t i = 0; i < INPUT_WORDS; i++)
    if (parse_at_word(p, input_word[i])) return true;
  return false;
}

/* %5 = op ... : type */
static bool parse_node(Parser *p, Scope *s) {
  Token label;
  if (!parse_label(p, &label) || !parse_mark(p, '=')) return false;
  if (p->token.kind != TOKEN_WORD) return parse_expected(p, "an op");
  s->b.loc = ir_loc(p->m, (Loc){{p->lexer.source, label.span.begin, p->token.span.end}, IR_NONE, ORIGIN_SOURCE, 0});
  Span at = p->token.span;
  NodeId n = IR_NONE;
  if (at_param(p, s)) {
    if (!parse_param(p, s, &n)) return false;
  } else {
    Op op = known_op(p);
    if (op == OP_COUNT) return false;
    parse_advance(p);
    if (!(op == OP_const ? parse_const(p, s, at, &n) : parse_op(p, s, op, &n))) return false;
  }
  return define(p, s, &label, n);
}

/* ---------------------------------------------------------------- bodies and graphs */

static bool parse_body_lines(Parser *p, Scope *s) {
  if (!parse_mark(p, '{')) return false;
  while (!p->failed && p->token.kind == TOKEN_VALUE)
    if (!parse_node(p, s)) return false;
  if (!parse_word(p, "return")) return false;
  Operands o = {0};
  bool ok = parse_operands(p, s, &o);
  for (uint32_t i = 0; ok && i < o.in.n; i++) ir_result(&s->b, o.in.at[i]);
  vec_free(&o.in);
  return ok && parse_mark(p, '}');
}

static bool parse_body(Parser *p, RegionId *out) {
  if (p->depth == DEEPEST) return parse_expected(p, "less than 64 nested bodies");
  p->depth++;
  Scope s;
  scope_open(p, &s, NULL);
  *out = s.b.region;
  bool ok = parse_body_lines(p, &s);
  scope_close(&s);
  p->depth--;
  return ok;
}

/* cell NAME = %3, check = %4, value 0 = %5 */
static bool parse_output(Parser *p, Scope *s) {
  uint32_t kind = 0;
  Binding out = {0};
  NodeId value = IR_NONE;
  if (!parse_choice(p, output_word, OUTPUT_WORDS, "a value, cell, check or `}`", &kind)) return false;
  out.kind = (uint8_t)kind;
  if (kind == OUT_CELL && !parse_ref(p, &p->cell, "cell", &out.index)) return false;
  if (kind != OUT_CELL && p->token.kind == TOKEN_NUMBER && !parse_u32(p, &out.index)) return false;
  if (!parse_mark(p, '=') || !parse_use(p, s, &value)) return false;
  vec_push(&s->out, out);
  ir_result(&s->b, value);
  return true;
}

bool parse_graph(Parser *p, Graph *g) {
  Scope s;
  scope_open(p, &s, g);
  bool ok = parse_mark(p, '{');
  while (ok && p->token.kind == TOKEN_VALUE) ok = parse_node(p, &s);
  while (ok && !parse_take_mark(p, '}')) ok = parse_output(p, &s);
  if (ok)
    *g = (Graph){s.b.region, s.in.n, s.out.n, arena_memdup(&p->m->mem, s.in.at, s.in.n * sizeof *s.in.at),
                 arena_memdup(&p->m->mem, s.out.at, s.out.n * sizeof *s.out.at)};
  scope_close(&s);
  return ok;
}
