/* Layout of expressions. */
#include "frontend/format/format_internal.h"
#include <string.h>

static const char *const binary_sign[] = {
    [BIN_ADD] = "+", [BIN_SUB] = "-", [BIN_MUL] = "*",   [BIN_DIV] = "/",    [BIN_FLOORDIV] = "//", [BIN_MOD] = "%",
    [BIN_POW] = "^", [BIN_EQ] = "==", [BIN_NE] = "!=",   [BIN_MATMUL] = "@", [BIN_LT] = "<",        [BIN_LE] = "<=",
    [BIN_GT] = ">",  [BIN_GE] = ">=", [BIN_AND] = "and", [BIN_OR] = "or",
};

/* Opens a bracket whose first item begins at `first`. */
static void open(Formatter *f, const char *bracket, uint32_t first) {
  put_word(f, bracket);
  doc_put(&f->doc, DOC_GROUP);
  doc_put(&f->doc, DOC_INDENT);
  put_inner_break(f, DOC_SOFT, first);
}

/* The comma before the item that begins at `next`. */
static void between(Formatter *f, uint32_t next) {
  put_word(f, ",");
  put_inner_break(f, DOC_LINE, next);
}

/* Closes a bracket at `end`; comments before it stand with the items. */
static void close(Formatter *f, const char *bracket, uint32_t end) {
  put_last_comments(f, end);
  doc_put(&f->doc, DOC_DEDENT);
  doc_put(&f->doc, DOC_SOFT);
  doc_put(&f->doc, DOC_END);
  put_word(f, bracket);
}

static void put_items(Formatter *f, Expr *const *item, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    put_expr(f, item[i]);
    if (i + 1 < n) between(f, item[i + 1]->span.begin);
  }
}

static void put_bracketed(Formatter *f, const Expr *e, const char *left, const char *right) {
  if (e->n == 0) {
    put_word(f, left);
    put_word(f, right);
    return;
  }
  open(f, left, e->item[0]->span.begin);
  put_items(f, e->item, e->n);
  close(f, right, e->span.end);
}

void put_exprs(Formatter *f, Expr *const *e, uint32_t n) {
  doc_put(&f->doc, DOC_GROUP);
  doc_put(&f->doc, DOC_INDENT);
  put_items(f, e, n);
  doc_put(&f->doc, DOC_DEDENT);
  doc_put(&f->doc, DOC_END);
}

static void put_tuple(Formatter *f, const Expr *e) {
  if (!e->parens)
    put_exprs(f, e->item, e->n);
  else if (e->n == 1) {
    put_word(f, "(");
    put_expr(f, e->item[0]);
    put_word(f, ",)");
  } else
    put_bracketed(f, e, "(", ")");
}

static uint32_t arg_begin(const Arg *a) { return a->name.text ? a->name.span.begin : a->value->span.begin; }

static void put_call(Formatter *f, const Expr *e) {
  put_expr(f, e->a);
  if (e->n == 0) {
    put_word(f, "()");
    return;
  }
  open(f, "(", arg_begin(e->arg));
  for (uint32_t i = 0; i < e->n; i++) {
    const Arg *a = &e->arg[i];
    if (a->name.text) {
      put_name(f, a->name);
      put_word(f, " = ");
    }
    put_expr(f, a->value);
    if (i + 1 < e->n) between(f, arg_begin(a + 1));
  }
  close(f, ")", e->span.end);
}

static bool is_short(const Expr *e) {
  if (!e || e->parens) return true;
  if (e->kind == EXPR_UNARY) return is_short(e->a);
  return e->kind == EXPR_NUMBER || e->kind == EXPR_NAME || e->kind == EXPR_MEMBER || e->kind == EXPR_CALL;
}

static void put_slice(Formatter *f, const IndexItem *s) {
  bool tight = is_short(s->lo) && is_short(s->hi) && is_short(s->step);
  const char *colon = tight ? ":" : s->lo && s->hi ? " : " : s->lo ? " :" : ": ";
  if (s->lo) put_expr(f, s->lo);
  put_word(f, colon);
  if (s->hi) put_expr(f, s->hi);
  if (s->step) {
    put_word(f, tight ? ":" : " : ");
    put_expr(f, s->step);
  }
}

void put_index(Formatter *f, const IndexItem *item, uint32_t n) {
  open(f, "[", item[0].span.begin);
  for (uint32_t i = 0; i < n; i++) {
    switch (item[i].kind) {
    case INDEX_EXPR: put_expr(f, item[i].at); break;
    case INDEX_SLICE: put_slice(f, &item[i]); break;
    case INDEX_ELLIPSIS: put_word(f, ".."); break;
    case INDEX_NONE: put_word(f, "none"); break;
    }
    if (i + 1 < n) between(f, item[i + 1].span.begin);
  }
  close(f, "]", item[n - 1].span.end);
}

void put_shape(Formatter *f, const Shape *s) {
  put_word(f, "[");
  for (uint32_t i = 0; i < s->n; i++) {
    if (s->item[i].dim)
      put_expr(f, s->item[i].dim);
    else {
      put_name(f, s->item[i].rest);
      put_word(f, "..");
    }
    if (i + 1 < s->n) put_word(f, ", ");
  }
  put_word(f, "]");
}

void put_params(Formatter *f, const Param *p, uint32_t n) {
  if (n == 0) {
    put_word(f, "()");
    return;
  }
  open(f, "(", p[0].name.span.begin);
  for (uint32_t i = 0; i < n; i++) {
    put_name(f, p[i].name);
    if (p[i].pattern.present) {
      put_word(f, ": ");
      put_shape(f, &p[i].pattern);
    }
    if (p[i].value) {
      put_word(f, " = ");
      put_expr(f, p[i].value);
    }
    if (i + 1 < n) between(f, p[i + 1].name.span.begin);
  }
  close(f, ")", 0);
}

/* Operands of a chain of equal operators break together. */
static void put_binary(Formatter *f, const Expr *e) {
  if (e->bin == BIN_POW) {
    put_expr(f, e->a);
    put_word(f, "^");
    put_expr(f, e->b);
    return;
  }
  doc_put(&f->doc, DOC_GROUP);
  put_expr(f, e->a);
  put_word(f, " ");
  put_word(f, binary_sign[e->bin]);
  doc_put(&f->doc, DOC_INDENT);
  doc_put(&f->doc, DOC_LINE);
  put_expr(f, e->b);
  doc_put(&f->doc, DOC_DEDENT);
  doc_put(&f->doc, DOC_END);
}

static void put_conditional(Formatter *f, const Expr *e) {
  put_word(f, "if ");
  put_expr(f, e->a);
  put_word(f, " then ");
  put_expr(f, e->b);
  doc_put(&f->doc, DOC_GROUP);
  doc_put(&f->doc, DOC_LINE);
  put_word(f, "else ");
  put_expr(f, e->c);
  doc_put(&f->doc, DOC_END);
}

static void put_range(Formatter *f, const Expr *e) {
  if (e->a) put_expr(f, e->a);
  put_word(f, "..");
  if (e->b) put_expr(f, e->b);
}

static void put_comprehension(Formatter *f, const Expr *e) {
  open(f, "[", e->a->span.begin);
  put_expr(f, e->a);
  doc_put(&f->doc, DOC_LINE);
  put_word(f, "for ");
  put_name(f, e->name);
  put_word(f, " in ");
  put_expr(f, e->b);
  close(f, "]", e->span.end);
}

static void put_generate(Formatter *f, const Expr *e) {
  put_word(f, "generate");
  if (e->a) {
    put_word(f, "(");
    if (e->name.text) {
      put_name(f, e->name);
      put_word(f, " in ");
    }
    put_expr(f, e->a);
    put_word(f, ")");
  }
  put_word(f, " ");
  put_block(f, &e->block);
}

static void put_member(Formatter *f, const Expr *e) {
  put_expr(f, e->a);
  put_word(f, ".");
  put_name(f, e->name);
}

static void put_unary(Formatter *f, const Expr *e) {
  put_word(f, e->un == UN_NEG ? "-" : "not ");
  put_expr(f, e->a);
}

static void put_indexed(Formatter *f, const Expr *e) {
  put_expr(f, e->a);
  put_index(f, e->index, e->n);
}

static void put_lambda(Formatter *f, const Expr *e) {
  put_word(f, "fn");
  put_params(f, e->param, e->n);
  put_word(f, " = ");
  put_expr(f, e->a);
}

static void put_bare(Formatter *f, const Expr *e) {
  switch (e->kind) {
  case EXPR_NUMBER:
  case EXPR_STRING:
  case EXPR_NAME: put_name(f, e->name); break;
  case EXPR_BOOL: put_word(f, e->number != 0 ? "true" : "false"); break;
  case EXPR_NONE: put_word(f, "none"); break;
  case EXPR_LIST: put_bracketed(f, e, "[", "]"); break;
  case EXPR_TUPLE: put_tuple(f, e); break;
  case EXPR_UNARY: put_unary(f, e); break;
  case EXPR_BINARY: put_binary(f, e); break;
  case EXPR_CALL: put_call(f, e); break;
  case EXPR_MEMBER: put_member(f, e); break;
  case EXPR_INDEX: put_indexed(f, e); break;
  case EXPR_IF: put_conditional(f, e); break;
  case EXPR_RANGE: put_range(f, e); break;
  case EXPR_LAMBDA: put_lambda(f, e); break;
  case EXPR_COMPREHENSION: put_comprehension(f, e); break;
  case EXPR_LOOP: put_loop(f, e->loop); break;
  case EXPR_DATA: put_generate(f, e); break;
  }
}

void put_expr(Formatter *f, const Expr *e) {
  bool parens = e->parens && e->kind != EXPR_TUPLE;
  if (parens) put_word(f, "(");
  put_bare(f, e);
  if (parens) put_word(f, ")");
}

void put_value(Formatter *f, const char *sign, const Expr *e) {
  put_word(f, sign);
  bool breaks = !e->parens && (e->kind == EXPR_BINARY || e->kind == EXPR_IF);
  if (!breaks) {
    put_word(f, " ");
    put_expr(f, e);
    return;
  }
  doc_put(&f->doc, DOC_INDENT);
  doc_put(&f->doc, DOC_GROUP);
  doc_put(&f->doc, DOC_LINE);
  put_expr(f, e);
  doc_put(&f->doc, DOC_END);
  doc_put(&f->doc, DOC_DEDENT);
}
