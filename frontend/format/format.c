/* Layout of statements, blocks and comments. */
#include "frontend/format/format.h"
#include "frontend/format/format_internal.h"
#include <string.h>

#define LINE_WIDTH 100

void put_word(Formatter *f, const char *s) { doc_text(&f->doc, s, strlen(s)); }
void put_name(Formatter *f, Name n) { put_word(f, n.text); }

/* ---------------------------------------------------------------- comments and empty lines */

static const Comment *pending(const Formatter *f, uint32_t offset) {
  if (f->comment >= f->ast->n_comments) return NULL;
  const Comment *c = &f->ast->comment[f->comment];
  return c->span.begin < offset ? c : NULL;
}

static void put_comment_text(Formatter *f, const Comment *c) {
  doc_text(&f->doc, f->text + c->span.begin, c->span.end - c->span.begin);
}

/* Whether an empty line stands before the text at `offset`. */
static bool blank_before(const Formatter *f, uint32_t offset) {
  uint32_t newlines = 0;
  while (offset > 0 && strchr(" \t\r\n", f->text[offset - 1])) newlines += f->text[--offset] == '\n';
  return newlines > 1;
}

void put_inner_break(Formatter *f, DocKind kind, uint32_t offset) {
  const Comment *c;
  for (; (c = pending(f, offset)) && !c->own_line; f->comment++)
    doc_comment(&f->doc, f->text + c->span.begin, c->span.end - c->span.begin);
  doc_put(&f->doc, kind);
  for (; (c = pending(f, offset)); f->comment++) {
    put_comment_text(f, c);
    doc_put(&f->doc, DOC_HARD);
  }
}

void put_last_comments(Formatter *f, uint32_t offset) {
  for (const Comment *c; (c = pending(f, offset)); f->comment++) {
    if (c->own_line) {
      doc_put(&f->doc, DOC_HARD);
      put_comment_text(f, c);
    } else
      doc_comment(&f->doc, f->text + c->span.begin, c->span.end - c->span.begin);
  }
}

/* Comments before `offset` between statements. `first`: nothing stands above them in their block. */
static bool put_comments(Formatter *f, uint32_t offset, bool first) {
  for (const Comment *c; (c = pending(f, offset)); f->comment++) {
    if (!c->own_line) {
      doc_comment(&f->doc, f->text + c->span.begin, c->span.end - c->span.begin);
      continue;
    }
    doc_put(&f->doc, DOC_HARD);
    if (!first && blank_before(f, c->span.begin)) doc_put(&f->doc, DOC_BLANK);
    put_comment_text(f, c);
    first = false;
  }
  return first;
}

/* ---------------------------------------------------------------- blocks */

static void put_stmt(Formatter *f, const Stmt *s);

static void put_statements(Formatter *f, const Block *b, uint32_t end, DocKind separator) {
  bool first = true;
  for (uint32_t i = 0; i < b->n; i++) {
    const Stmt *s = b->stmt[i];
    first = put_comments(f, s->span.begin, first);
    if (separator == DOC_HARD)
      doc_put(&f->doc, DOC_HARD);
    else if (i > 0)
      doc_put(&f->doc, separator);
    if (!first && separator == DOC_HARD && blank_before(f, s->span.begin)) doc_put(&f->doc, DOC_BLANK);
    put_stmt(f, s);
    first = false;
  }
  put_comments(f, end, first);
}

static bool on_one_line(const Formatter *f, const Block *b) {
  const char *text = f->text + b->span.begin;
  size_t n = b->span.end - b->span.begin;
  return !memchr(text, '\n', n) && !memchr(text, '#', n);
}

/* { a; b } when written so and fitting, else a line for each statement. Comments that wait for a place to stand since
 * before the block come behind its brace. */
void put_block(Formatter *f, const Block *b) {
  bool flat = on_one_line(f, b) && !pending(f, b->span.begin), empty = b->n == 0 && !pending(f, b->span.end);
  put_word(f, "{");
  if (empty) {
    put_word(f, " }");
    return;
  }
  if (flat) doc_put(&f->doc, DOC_GROUP);
  doc_put(&f->doc, DOC_INDENT);
  if (flat) doc_put(&f->doc, DOC_LINE);
  put_statements(f, b, b->span.end - 1, flat ? DOC_SEMI : DOC_HARD);
  doc_put(&f->doc, DOC_DEDENT);
  doc_put(&f->doc, flat ? DOC_LINE : DOC_HARD);
  if (flat) doc_put(&f->doc, DOC_END);
  put_word(f, "}");
}

void put_loop(Formatter *f, const Loop *l) {
  if (l->kind == LOOP_REPEAT) {
    put_word(f, "repeat ");
    put_expr(f, l->count);
  } else {
    put_word(f, l->kind == LOOP_UNROLL ? "unroll for " : "for ");
    for (uint32_t i = 0; i < l->n_sources; i++) {
      put_word(f, i ? ", " : "");
      put_name(f, l->source[i].var);
    }
    for (uint32_t i = 0; i < l->n_sources; i++) {
      put_word(f, i ? ", " : " in ");
      put_expr(f, l->source[i].over);
      if (!l->source[i].along) continue;
      put_word(f, " along ");
      put_expr(f, l->source[i].along);
    }
  }
  if (l->until) {
    put_word(f, " until ");
    put_expr(f, l->until);
  }
  put_word(f, " ");
  put_block(f, &l->body);
}

/* ---------------------------------------------------------------- declarations */

static void put_use(Formatter *f, const Stmt *s) {
  put_word(f, "use ");
  put_expr(f, s->value);
  if (!s->name.text) return;
  put_word(f, " as ");
  put_name(f, s->name);
}

static void put_targets(Formatter *f, const Stmt *s) {
  for (uint32_t i = 0; i < s->n_target; i++) {
    put_word(f, i ? ", " : "");
    put_name(f, s->target[i].name);
    if (s->target[i].n_index) put_index(f, s->target[i].index, s->target[i].n_index);
  }
  put_value(f, " =", s->value);
}

static void put_cell(Formatter *f, const Stmt *s) {
  put_word(f, s->kind == STMT_PARAM ? "param " : "state ");
  put_name(f, s->name);
  if (s->dtype.text || s->shape.present) put_word(f, " :");
  if (s->dtype.text) {
    put_word(f, " ");
    put_name(f, s->dtype);
  }
  if (s->shape.present) {
    put_word(f, " ");
    put_shape(f, &s->shape);
  }
  put_value(f, s->random_init ? " ~" : " =", s->value);
}

static void put_func_body(Formatter *f, const Func *fn) {
  if (fn->value) {
    put_value(f, " =", fn->value);
    return;
  }
  put_word(f, " ");
  put_block(f, &fn->body);
}

static void put_func(Formatter *f, const Stmt *s) {
  const Func *fn = s->func;
  bool update = s->kind == STMT_FN && s->word.begin == fn->name.span.begin;
  put_word(f, s->kind == STMT_LAYER ? "layer " : s->kind == STMT_MODEL ? "model " : update ? "" : "fn ");
  put_name(f, fn->name);
  if (s->kind == STMT_LAYER) put_params(f, fn->config, fn->n_config);
  put_params(f, fn->param, fn->n_param);
  put_func_body(f, fn);
}

static void put_optimizer(Formatter *f, const Stmt *s) {
  put_word(f, "optimizer ");
  put_name(f, s->func->name);
  put_params(f, s->func->config, s->func->n_config);
  put_word(f, s->func->over_group ? " over group " : " ");
  put_block(f, &s->func->body);
}

static void put_task(Formatter *f, const Stmt *s) {
  const TaskDecl *t = s->task;
  put_word(f, s->kind == STMT_TRAIN ? "train" : s->kind == STMT_EVAL ? "eval" : "task ");
  if (s->kind == STMT_TASK) {
    put_name(f, t->name);
    if (t->n_param) put_params(f, t->param, t->n_param);
  }
  if (t->on) {
    put_word(f, " on ");
    put_expr(f, t->on);
  }
  if (s->kind != STMT_TASK && (t->name.text || t->name_value)) {
    put_word(f, " as ");
    if (t->name_value)
      put_expr(f, t->name_value);
    else
      put_name(f, t->name);
  }
  put_word(f, " ");
  put_block(f, &t->body);
}

/* ---------------------------------------------------------------- statements of bodies */

/* else { .. } or else if .. */
static void put_else(Formatter *f, const Stmt *s) {
  put_word(f, " else ");
  if (s->otherwise.n == 1 && f->text[s->otherwise.span.begin] != '{')
    put_stmt(f, s->otherwise.stmt[0]);
  else
    put_block(f, &s->otherwise);
}

static void put_if(Formatter *f, const Stmt *s) {
  put_word(f, "if ");
  put_expr(f, s->value);
  put_word(f, " ");
  put_block(f, &s->body);
  if (s->otherwise.span.end > s->otherwise.span.begin) put_else(f, s);
}

static void put_using(Formatter *f, const Stmt *s) {
  put_word(f, " using ");
  put_expr(f, s->value2);
}

static void put_minimize(Formatter *f, const Stmt *s) {
  put_word(f, s->kind == STMT_MINIMIZE ? "minimize " : "maximize ");
  put_expr(f, s->value);
  if (s->n_over) {
    put_word(f, " over ");
    put_exprs(f, s->over, s->n_over);
  }
  put_using(f, s);
}

static void put_update(Formatter *f, const Stmt *s) {
  put_word(f, "update ");
  put_exprs(f, s->over, s->n_over);
  put_word(f, " by ");
  put_expr(f, s->value);
  put_using(f, s);
}

static void put_output(Formatter *f, const Output *o) {
  if (o->name_value)
    put_expr(f, o->name_value);
  else
    put_name(f, o->name);
  if (o->by) {
    put_word(f, " by ");
    put_expr(f, o->by);
  }
  if (o->name.text && o->value->span.begin == o->name.span.begin) return;
  put_word(f, " = ");
  put_expr(f, o->value);
}

static void put_outputs(Formatter *f, const char *word, const Stmt *s) {
  put_word(f, word);
  doc_put(&f->doc, DOC_GROUP);
  doc_put(&f->doc, DOC_INDENT);
  for (uint32_t i = 0; i < s->n_output; i++) {
    put_output(f, &s->output[i]);
    if (i + 1 == s->n_output) break;
    put_word(f, ",");
    doc_put(&f->doc, DOC_LINE);
  }
  doc_put(&f->doc, DOC_DEDENT);
  doc_put(&f->doc, DOC_END);
}

static void put_return(Formatter *f, const Stmt *s) {
  if (s->n_output)
    put_outputs(f, "return ", s);
  else
    put_word(f, s->value ? "return " : "return");
  if (s->value) put_expr(f, s->value);
}

static void put_every(Formatter *f, const Stmt *s) {
  put_word(f, "every ");
  if (s->value) {
    put_expr(f, s->value);
    put_word(f, s->moment == EVERY_EPOCHS ? " epochs " : " steps ");
  } else
    put_word(f, s->moment == EVERY_EPOCHS ? "epoch " : "step ");
  put_block(f, &s->body);
}

static void put_at(Formatter *f, const Stmt *s) {
  put_word(f, s->moment == AT_START ? "at start" : s->moment == AT_END ? "at end" : "at epoch ");
  if (s->moment == AT_EPOCH) put_exprs(f, s->at, s->n_at);
  put_word(f, " ");
  put_block(f, &s->body);
}

/* word value [joint value2] [tail]: statements of one or two expressions */
static void put_words(Formatter *f, const char *word, const Expr *a, const char *joint, const Expr *b) {
  put_word(f, word);
  if (a) put_expr(f, a);
  if (!b) return;
  put_word(f, joint);
  put_expr(f, b);
}

static void put_stmt(Formatter *f, const Stmt *s) {
  const Expr *a = s->value, *b = s->value2;
  switch (s->kind) {
  case STMT_USE: put_use(f, s); break;
  case STMT_DTYPE: put_word(f, "dtype "), put_name(f, s->name); break;
  case STMT_LET: put_word(f, "let "), put_targets(f, s); break;
  case STMT_PARAM:
  case STMT_STATE: put_cell(f, s); break;
  case STMT_DATA: put_word(f, "data "), put_name(f, s->name), put_value(f, " =", a); break;
  case STMT_FN:
  case STMT_LAYER:
  case STMT_MODEL: put_func(f, s); break;
  case STMT_OPTIMIZER: put_optimizer(f, s); break;
  case STMT_TRAIN:
  case STMT_EVAL:
  case STMT_TASK: put_task(f, s); break;
  case STMT_ASSIGN: put_targets(f, s); break;
  case STMT_RETURN: put_return(f, s); break;
  case STMT_YIELD: put_words(f, "yield ", a, " along ", b); break;
  case STMT_IF: put_if(f, s); break;
  case STMT_LOOP: put_loop(f, s->loop); break;
  case STMT_REQUIRE: put_words(f, "require ", a, ", ", b); break;
  case STMT_MINIMIZE:
  case STMT_MAXIMIZE: put_minimize(f, s); break;
  case STMT_UPDATE: put_update(f, s); break;
  case STMT_SET: put_words(f, "set ", a, " = ", b); break;
  case STMT_EPOCHS: put_words(f, "epochs ", a, "", NULL); break;
  case STMT_STEPS: put_words(f, "steps ", a, "", NULL); break;
  case STMT_BATCH: put_words(f, "batch ", a, "", NULL), put_word(f, s->flag ? " drop_last" : ""); break;
  case STMT_SHUFFLE: put_words(f, "shuffle = ", a, "", NULL); break;
  case STMT_LOG: put_outputs(f, "log ", s); break;
  case STMT_REPORT: put_outputs(f, "report ", s); break;
  case STMT_PRINT: put_words(f, "print ", a, "", NULL); break;
  case STMT_IMAGE: put_words(f, "image ", a, " = ", b); break;
  case STMT_GIF: put_words(f, "gif ", a, " = ", b); break;
  case STMT_PLOT: put_words(f, "plot ", a, " = ", b); break;
  case STMT_CHECKPOINT: put_words(f, a ? "checkpoint " : "checkpoint", a, "", NULL); break;
  case STMT_KEEP: put_words(f, "keep best ", a, ", patience = ", b); break;
  case STMT_STOP: put_words(f, "stop if ", a, "", NULL); break;
  case STMT_EVERY: put_every(f, s); break;
  case STMT_AT: put_at(f, s); break;
  }
}

void format_ast(const SourceMap *sources, const Ast *ast, StrBuf *out) {
  const Source *source = &sources->source.at[ast->source];
  Formatter f = {.ast = ast, .text = source->text};
  put_statements(&f, &ast->file, source->length + 1, DOC_HARD);
  doc_render(&f.doc, LINE_WIDTH, out);
  doc_free(&f.doc);
}
