/* Cursor, words, numbers, names, types and attributes of the text form. */
#include "ir/text/parse.h"
#include <stdlib.h>
#include <string.h>

void parse_advance(Parser *p) { p->token = lex_next(&p->lexer); }

bool parse_expected(Parser *p, const char *what) {
  const Token *t = &p->token;
  if (p->failed) return false;
  p->failed = true;
  if (t->kind == TOKEN_END)
    diag_error(p->sink, CODE_IR_TEXT, t->span, "expected %s, found the end of the text", what);
  else
    diag_error(p->sink, CODE_IR_TEXT, t->span, "expected %s, found `%.*s`", what, (int)(t->span.end - t->span.begin),
               p->lexer.text + t->span.begin);
  return false;
}

bool parse_at_mark(const Parser *p, char mark) { return p->token.kind == TOKEN_MARK && *p->token.s == mark; }

bool parse_at_word(const Parser *p, const char *word) {
  return p->token.kind == TOKEN_WORD && p->token.n == strlen(word) && !memcmp(p->token.s, word, p->token.n);
}

bool parse_take_mark(Parser *p, char mark) {
  if (p->failed || !parse_at_mark(p, mark)) return false;
  parse_advance(p);
  return true;
}

bool parse_take_word(Parser *p, const char *word) {
  if (p->failed || !parse_at_word(p, word)) return false;
  parse_advance(p);
  return true;
}

bool parse_mark(Parser *p, char mark) {
  char what[] = {'`', mark, '`', 0};
  return parse_take_mark(p, mark) || parse_expected(p, what);
}

bool parse_word(Parser *p, const char *word) { return parse_take_word(p, word) || parse_expected(p, word); }

bool parse_int(Parser *p, int64_t lo, int64_t hi, int64_t *out) {
  if (p->failed) return false;
  if (p->token.kind != TOKEN_NUMBER) return parse_expected(p, "a whole number");
  if (!text_read_element(DT_I64, p->token.s, p->token.n, out, 0) || *out < lo || *out > hi)
    return parse_expected(p, "a whole number in range");
  parse_advance(p);
  return true;
}

bool parse_u32(Parser *p, uint32_t *out) {
  int64_t v = 0;
  bool ok = parse_int(p, 0, UINT32_MAX, &v);
  *out = (uint32_t)v;
  return ok;
}

bool parse_u64(Parser *p, uint64_t *out) {
  if (p->failed) return false;
  if (p->token.kind != TOKEN_NUMBER || !text_read_element(DT_U64, p->token.s, p->token.n, out, 0))
    return parse_expected(p, "a whole number of 64 bits");
  parse_advance(p);
  return true;
}

bool parse_choice(Parser *p, const char *const *words, uint32_t n, const char *what, uint32_t *out) {
  for (uint32_t i = 0; i < n; i++)
    if (parse_take_word(p, words[i])) return *out = i, true;
  return parse_expected(p, what);
}

/* ---------------------------------------------------------------- names */

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool parse_string(Parser *p, const char **out) {
  if (p->failed) return false;
  if (p->token.kind != TOKEN_STRING) return parse_expected(p, "a string");
  const char *s = p->token.s, *end = s + p->token.n;
  char *text = arena_alloc(&p->m->mem, p->token.n + 1), *t = text;
  while (s < end) {
    bool hex = s + 3 < end && s[0] == '\\' && s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0;
    if (hex)
      *t++ = (char)(hex_digit(s[2]) << 4 | hex_digit(s[3])), s += 4;
    else if (*s == '\\' && s + 1 < end)
      *t++ = s[1] == 'n' ? '\n' : s[1], s += 2;
    else
      *t++ = *s++;
  }
  *out = text;
  parse_advance(p);
  return true;
}

bool ir_read_name(Parser *p, const char **out) {
  if (p->failed) return false;
  if (p->token.kind == TOKEN_STRING) return parse_string(p, out);
  if (p->token.kind != TOKEN_WORD) return parse_expected(p, "a name");
  *out = parse_at_word(p, "none") ? NULL : arena_strndup(&p->m->mem, p->token.s, p->token.n);
  parse_advance(p);
  return true;
}

static bool same_name(const void *key, const void *owner, uint32_t id) {
  return !strcmp(key, ((const NameTable *)owner)->name.at[id]);
}

void parse_declare(NameTable *t, const char *name) {
  vec_push(&t->name, name);
  if (!name) return;
  uint64_t h = hash_bytes(0, name, strlen(name));
  if (table_find(&t->ids, h, same_name, name, t) == IR_NONE) table_add(&t->ids, h, t->name.n - 1);
}

bool parse_ref(Parser *p, const NameTable *t, const char *what, uint32_t *out) {
  if (p->failed) return false;
  if (p->token.kind == TOKEN_REF) {
    int64_t i;
    if (!text_read_element(DT_I64, p->token.s, p->token.n, &i, 0) || i < 0 || i >= t->name.n)
      return parse_expected(p, what);
    *out = (uint32_t)i;
    parse_advance(p);
    return true;
  }
  Token at = p->token;
  const char *name;
  if (!ir_read_name(p, &name)) return false;
  *out = name ? table_find(&t->ids, hash_bytes(0, name, strlen(name)), same_name, name, t) : IR_NONE;
  if (*out != IR_NONE) return true;
  p->failed = true;
  diag_error(p->sink, CODE_IR_TEXT, at.span, "there is no %s `%s`", what, name ? name : "none");
  const char *near = name ? diag_nearest(name, t->name.at, t->name.n) : NULL;
  if (near) diag_hint(p->sink, "did you mean `%s`?", near);
  return false;
}

/* ---------------------------------------------------------------- types */

static bool parse_dtype(Parser *p, uint32_t *out) {
  const char *words[DT_COUNT];
  for (uint32_t i = 0; i < DT_COUNT; i++) words[i] = ir_dtype_name((DType)i);
  return parse_choice(p, words, DT_COUNT, "an element type (f32, i32, bool, ...)", out);
}

static bool parse_tensor_type(Parser *p, TypeId *out) {
  Token at = p->token;
  uint32_t dtype = 0, rank = 0;
  int64_t dim[IR_MAX_RANK];
  if (!parse_dtype(p, &dtype) || !parse_mark(p, '[')) return false;
  while (!parse_at_mark(p, ']')) {
    if (rank == IR_MAX_RANK) return parse_expected(p, "`]`: a tensor has at most 8 axes");
    if ((rank && !parse_mark(p, ',')) || !parse_int(p, 0, INT64_MAX, &dim[rank])) return false;
    rank++;
  }
  parse_advance(p);
  *out = ir_type(p->m, (DType)dtype, rank, dim);
  if (*out != IR_NONE) return true;
  p->failed = true;
  diag_error(p->sink, CODE_IR_TEXT, at.span, "a tensor holds at most 2^40 elements");
  return false;
}

bool parse_type(Parser *p, TypeId *out) {
  if (!parse_take_mark(p, '(')) return parse_tensor_type(p, out);
  Vec(TypeId) member = {0};
  TypeId t;
  bool ok = true;
  do ok = parse_tensor_type(p, &t) && member.n < UINT16_MAX;
  while (ok && (vec_push(&member, t), parse_take_mark(p, ',')));
  ok = ok && parse_mark(p, ')');
  if (ok) *out = ir_tuple_type(p->m, member.at, member.n);
  vec_free(&member);
  return ok;
}

/* ---------------------------------------------------------------- attributes */

static bool parse_list(Parser *p, IntList *l) {
  if (!parse_mark(p, '[')) return false;
  l->n = 0;
  while (!parse_take_mark(p, ']')) {
    if (l->n == IR_MAX_RANK) return parse_expected(p, "`]`: a list has at most 8 entries");
    if ((l->n && !parse_mark(p, ',')) || !parse_int(p, INT64_MIN, INT64_MAX, &l->v[l->n])) return false;
    l->n++;
  }
  return true;
}

static bool parse_window_axis(Parser *p, WindowAxis *w) {
  int64_t v[6];
  memcpy(v, window_default, sizeof v);
  if (!parse_mark(p, '{')) return false;
  for (int n = 0; !parse_take_mark(p, '}'); n++) {
    uint32_t field = 0;
    if ((n && !parse_mark(p, ',')) || !parse_choice(p, window_word, 6, "a field of a window", &field) ||
        !parse_mark(p, '=') || !parse_int(p, INT64_MIN, INT64_MAX, &v[field]))
      return false;
  }
  *w = (WindowAxis){v[0], v[1], v[2], v[3], v[4], v[5]};
  return true;
}

static bool parse_window(Parser *p, Attr *a) {
  if (!parse_mark(p, '[')) return false;
  for (a->n_window = 0; !parse_take_mark(p, ']'); a->n_window++) {
    if (a->n_window == 3) return parse_expected(p, "`]`: a window has at most 3 axes");
    if ((a->n_window && !parse_mark(p, ',')) || !parse_window_axis(p, &a->window[a->n_window])) return false;
  }
  return true;
}

static bool parse_byte(Parser *p, const char *const *words, uint32_t n, const char *what, uint8_t *out) {
  uint32_t i = 0;
  bool ok = parse_choice(p, words, n, what, &i);
  *out = (uint8_t)i;
  return ok;
}

static bool parse_field(Parser *p, Attr *a, const AttrField *f) {
  static const char *const truth[] = {"false", "true"};
  void *at = (char *)a + f->offset;
  uint32_t dtype = 0;
  switch ((FieldKind)f->kind) {
  case FIELD_LIST: return parse_list(p, at);
  case FIELD_WINDOW: return parse_window(p, a);
  case FIELD_INT: return parse_int(p, INT64_MIN, INT64_MAX, at);
  case FIELD_COUNT: return parse_u32(p, at);
  case FIELD_SITE: return parse_u64(p, at);
  case FIELD_VALUE: return parse_expected(p, "an attribute");
  case FIELD_DTYPE: return parse_dtype(p, &dtype) && (a->dtype = (uint8_t)dtype, true);
  case FIELD_DIST: return parse_byte(p, dist_name, DIST_NORMAL + 1, "bits, uniform or normal", at);
  case FIELD_FLAG: return parse_byte(p, truth, 2, "true or false", at);
  }
  return false;
}

/* Reports an attribute that the op does not have. */
static bool unknown_attr(Parser *p, Op op) {
  diag_error(p->sink, CODE_IR_TEXT, p->token.span, "`%s` has no attribute `%.*s`", op_table[op].name, (int)p->token.n,
             p->token.s);
  if (*op_table[op].attrs) diag_hint(p->sink, "its attributes are: %s", op_table[op].attrs);
  p->failed = true;
  return false;
}

bool parse_attrs(Parser *p, Op op, Attr *a) {
  if (!parse_take_mark(p, '{')) return !p->failed;
  uint32_t allowed = ir_op_fields(p->m, op);
  for (int n = 0; !parse_take_mark(p, '}'); n++) {
    if (n && !parse_mark(p, ',')) return false;
    if (p->token.kind != TOKEN_WORD) return parse_expected(p, "an attribute");
    uint32_t i = attr_field_by_name(p->token.s, p->token.n);
    if (i == attr_field_count || !(allowed >> i & 1)) return unknown_attr(p, op);
    parse_advance(p);
    if (!parse_mark(p, '=') || !parse_field(p, a, &attr_field[i])) return false;
  }
  return true;
}
