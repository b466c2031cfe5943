#include "frontend/syntax/ast_print.h"

typedef struct Printer {
  StrBuf *out;
  uint32_t indent;
} Printer;

static const char *const binary_name[] = {
    [BIN_ADD] = "+", [BIN_SUB] = "-",   [BIN_MUL] = "*", [BIN_DIV] = "/",    [BIN_FLOORDIV] = "//", [BIN_MOD] = "%",
    [BIN_POW] = "^", [BIN_EQ] = "==",   [BIN_NE] = "!=", [BIN_LT] = "<",     [BIN_LE] = "<=",       [BIN_GT] = ">",
    [BIN_GE] = ">=", [BIN_AND] = "and", [BIN_OR] = "or", [BIN_MATMUL] = "@",
};

static const char *const stmt_name[] = {
    [STMT_USE] = "use",       [STMT_DTYPE] = "dtype",     [STMT_LET] = "let",
    [STMT_PARAM] = "param",   [STMT_STATE] = "state",     [STMT_DATA] = "data",
    [STMT_FN] = "fn",         [STMT_LAYER] = "layer",     [STMT_MODEL] = "model",
    [STMT_TRAIN] = "train",   [STMT_EVAL] = "eval",       [STMT_TASK] = "task",
    [STMT_ASSIGN] = "assign", [STMT_RETURN] = "return",   [STMT_YIELD] = "yield",
    [STMT_IF] = "if",         [STMT_LOOP] = "loop",       [STMT_REQUIRE] = "require",
    [STMT_UPDATE] = "update", [STMT_SET] = "set",         [STMT_MINIMIZE] = "minimize",
    [STMT_EPOCHS] = "epochs", [STMT_STEPS] = "steps",     [STMT_MAXIMIZE] = "maximize",
    [STMT_BATCH] = "batch",   [STMT_SHUFFLE] = "shuffle", [STMT_OPTIMIZER] = "optimizer",
    [STMT_LOG] = "log",       [STMT_REPORT] = "report",   [STMT_PRINT] = "print",
    [STMT_IMAGE] = "image",   [STMT_GIF] = "gif",         [STMT_PLOT] = "plot",
    [STMT_KEEP] = "keep",     [STMT_STOP] = "stop",       [STMT_CHECKPOINT] = "checkpoint",
    [STMT_EVERY] = "every",   [STMT_AT] = "at",
};

static void print_block(Printer *p, const Block *b);
static void print_expr(Printer *p, const Expr *e);

static void new_line(Printer *p) {
  sb_putc(p->out, '\n');
  for (uint32_t i = 0; i < p->indent; i++) sb_puts(p->out, "  ");
}

/* " label expr", nothing when absent */
static void print_field(Printer *p, const char *label, const Expr *e) {
  if (!e) return;
  sb_printf(p->out, " %s%s", label, *label ? " " : "");
  print_expr(p, e);
}

static void print_exprs(Printer *p, Expr *const *e, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) print_field(p, "", e[i]);
}

static void print_shape(Printer *p, const Shape *s) {
  if (!s->present) return;
  sb_puts(p->out, " : [");
  for (uint32_t i = 0; i < s->n; i++) {
    if (i) sb_putc(p->out, ' ');
    if (s->item[i].dim)
      print_expr(p, s->item[i].dim);
    else
      sb_printf(p->out, "%s..", s->item[i].rest.text);
  }
  sb_putc(p->out, ']');
}

static void print_params(Printer *p, const Param *q, uint32_t n) {
  sb_puts(p->out, " (");
  for (uint32_t i = 0; i < n; i++) {
    sb_printf(p->out, "%s%s", i ? ", " : "", q[i].name.text);
    print_shape(p, &q[i].pattern);
    print_field(p, "=", q[i].value);
  }
  sb_putc(p->out, ')');
}

static void print_index(Printer *p, const IndexItem *item, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    switch (item[i].kind) {
    case INDEX_EXPR: print_field(p, "", item[i].at); break;
    case INDEX_ELLIPSIS: sb_puts(p->out, " .."); break;
    case INDEX_NONE: sb_puts(p->out, " none"); break;
    case INDEX_SLICE:
      sb_puts(p->out, " (slice");
      print_field(p, "from", item[i].lo);
      print_field(p, "to", item[i].hi);
      print_field(p, "step", item[i].step);
      sb_putc(p->out, ')');
    }
  }
}

static void print_loop(Printer *p, const Loop *l) {
  sb_puts(p->out, l->kind == LOOP_REPEAT ? "repeat" : l->kind == LOOP_FOR ? "for" : "unroll for");
  print_field(p, "", l->count);
  for (uint32_t i = 0; i < l->n_sources; i++) {
    sb_printf(p->out, " %s", l->source[i].var.text);
    print_field(p, "in", l->source[i].over);
    print_field(p, "along", l->source[i].along);
  }
  print_field(p, "until", l->until);
  print_block(p, &l->body);
}

static void print_string(Printer *p, const Expr *e) {
  sb_puts(p->out, e->name.text);
  for (uint32_t i = 0; i < e->n; i++) print_field(p, e->part[i].format ? e->part[i].format : "", e->part[i].value);
}

static void print_call(Printer *p, const Expr *e) {
  print_expr(p, e->a);
  for (uint32_t i = 0; i < e->n; i++) {
    sb_putc(p->out, ' ');
    if (e->arg[i].name.text) sb_printf(p->out, "%s=", e->arg[i].name.text);
    print_expr(p, e->arg[i].value);
  }
}

/* What stands between the parentheses of a compound expression. */
static void print_compound(Printer *p, const Expr *e) {
  switch (e->kind) {
  case EXPR_LIST: sb_puts(p->out, "list"), print_exprs(p, e->item, e->n); break;
  case EXPR_TUPLE: sb_puts(p->out, "tuple"), print_exprs(p, e->item, e->n); break;
  case EXPR_UNARY: sb_puts(p->out, e->un == UN_NEG ? "-" : "not"), print_field(p, "", e->a); break;
  case EXPR_BINARY: sb_puts(p->out, binary_name[e->bin]), print_field(p, "", e->a), print_field(p, "", e->b); break;
  case EXPR_CALL: sb_puts(p->out, "call "), print_call(p, e); break;
  case EXPR_MEMBER: sb_printf(p->out, ".%s", e->name.text), print_field(p, "", e->a); break;
  case EXPR_INDEX: sb_puts(p->out, "index"), print_field(p, "", e->a), print_index(p, e->index, e->n); break;
  case EXPR_IF:
    sb_puts(p->out, "if"), print_field(p, "", e->a), print_field(p, "then", e->b), print_field(p, "else", e->c);
    break;
  case EXPR_RANGE: sb_puts(p->out, ".."), print_field(p, "", e->a), print_field(p, "", e->b); break;
  case EXPR_LAMBDA: sb_puts(p->out, "fn"), print_params(p, e->param, e->n), print_field(p, "=", e->a); break;
  case EXPR_COMPREHENSION:
    sb_printf(p->out, "each %s", e->name.text), print_field(p, "in", e->b), print_field(p, "", e->a);
    break;
  case EXPR_LOOP: print_loop(p, e->loop); break;
  default:
    sb_printf(p->out, "generate%s%s", e->name.text ? " " : "", e->name.text ? e->name.text : "");
    print_field(p, "rows", e->a);
    print_block(p, &e->block);
  }
}

static void print_expr(Printer *p, const Expr *e) {
  switch (e->kind) {
  case EXPR_NUMBER:
  case EXPR_NAME: sb_puts(p->out, e->name.text); return;
  case EXPR_STRING: print_string(p, e); return;
  case EXPR_BOOL: sb_puts(p->out, e->number != 0 ? "true" : "false"); return;
  case EXPR_NONE: sb_puts(p->out, "none"); return;
  default: break;
  }
  sb_putc(p->out, '(');
  print_compound(p, e);
  sb_putc(p->out, ')');
}

static void print_func(Printer *p, const Func *f) {
  if (f->config) print_params(p, f->config, f->n_config);
  print_params(p, f->param, f->n_param);
  if (f->over_group) sb_puts(p->out, " over group");
  print_field(p, "=", f->value);
  print_block(p, &f->body);
}

static void print_task(Printer *p, const TaskDecl *t) {
  if (t->name.text) sb_printf(p->out, " %s", t->name.text);
  print_field(p, "as", t->name_value);
  print_field(p, "on", t->on);
  if (t->n_param) print_params(p, t->param, t->n_param);
  print_block(p, &t->body);
}

static void print_outputs(Printer *p, const Stmt *s) {
  for (uint32_t i = 0; i < s->n_output; i++) {
    const Output *o = &s->output[i];
    if (o->name.text) sb_printf(p->out, " %s", o->name.text);
    print_field(p, "", o->name_value);
    print_field(p, "by", o->by);
    print_field(p, "=", o->value);
  }
}

static void print_targets(Printer *p, const Stmt *s) {
  for (uint32_t i = 0; i < s->n_target; i++) {
    sb_printf(p->out, " %s", s->target[i].name.text);
    if (!s->target[i].n_index) continue;
    sb_putc(p->out, '[');
    print_index(p, s->target[i].index, s->target[i].n_index);
    sb_puts(p->out, " ]");
  }
}

static void print_moment(Printer *p, const Stmt *s) {
  static const char *const names[] = {"epochs", "steps", "start", "end", "epoch"};
  if (s->kind != STMT_EVERY && s->kind != STMT_AT) return;
  sb_printf(p->out, " %s", names[s->moment]);
  print_exprs(p, s->at, s->n_at);
}

static void print_stmt(Printer *p, const Stmt *s) {
  sb_puts(p->out, stmt_name[s->kind]);
  if (s->name.text && s->kind != STMT_LET) sb_printf(p->out, " %s", s->name.text);
  if (s->dtype.text) sb_printf(p->out, " %s", s->dtype.text);
  print_shape(p, &s->shape);
  print_targets(p, s);
  print_moment(p, s);
  if (s->n_over) sb_puts(p->out, " over"), print_exprs(p, s->over, s->n_over);
  print_field(p, s->random_init ? "~" : "", s->value);
  print_field(p, "with", s->value2);
  if (s->flag) sb_puts(p->out, " drop_last");
  print_outputs(p, s);
  if (s->loop) sb_putc(p->out, ' '), print_loop(p, s->loop);
  if (s->func) print_func(p, s->func);
  if (s->task) print_task(p, s->task);
  print_block(p, &s->body);
  if (s->otherwise.n) {
    new_line(p);
    sb_puts(p->out, "else");
    print_block(p, &s->otherwise);
  }
}

static void print_block(Printer *p, const Block *b) {
  p->indent++;
  for (uint32_t i = 0; i < b->n; i++) {
    new_line(p);
    print_stmt(p, b->stmt[i]);
  }
  p->indent--;
}

void ast_print(const Ast *ast, StrBuf *out) {
  Printer p = {.out = out};
  for (uint32_t i = 0; i < ast->file.n; i++) {
    print_stmt(&p, ast->file.stmt[i]);
    sb_putc(out, '\n');
  }
}
