/* Values that nobody reads: `avg = ..` where `state avg` was forgotten, `mm = ..` for the state `m`.
 *
 * Every body is walked from its end to its beginning with the set of names that are read further down. A name bound
 * while it is not in the set is a value that changes nothing. Where the walk cannot know (loops, functions that see
 * the name, blocks that run later) a name counts as read. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/file.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/task.h"
#include "frontend/syntax/visit.h"

#define MAX_NAMES 512 /* of a body; further ones count as read */

typedef struct NameBits {
  bool at[MAX_NAMES];
} NameBits;

typedef enum { BODY_FILE, BODY_PLAIN, BODY_KEEPS } BodyKind; /* KEEPS: where a `state` may be declared */

/* One to report; the walk finds the last one first. */
typedef struct Unread {
  Name name;
  bool elsewhere; /* another value of the name is read */
  BodyKind kind;
  const char *near; /* a parameter or state it may have meant */
} Unread;

typedef struct Check {
  Elab *E;
  const Scope *file;
  Vec(Unread) found;
} Check;

typedef struct Body {
  Check *check;
  const struct Body *up;
  BodyKind kind;
  Scope *index;           /* number of each name, by text */
  Vec(const char *) cell; /* parameters and states declared here: what is written to them stays */
  NameBits anywhere;      /* read somewhere in the body */
  NameBits captured;      /* read by functions, blocks and tasks inside, which may run at any time */
  NameBits live;          /* read below the place of the walk */
  NameBits *reads;        /* what is being collected */
} Body;

static uint32_t number_of(Body *b, const char *name) {
  Slot *s = scope_here(b->index, name);
  if (s) return (uint32_t)s->value.i;
  if (b->index->n == MAX_NAMES) return UINT32_MAX;
  uint32_t k = b->index->n;
  scope_bind(b->check->E, b->index, name, val_int(k), SPAN_NONE);
  return k;
}

static bool is_set(const NameBits *s, uint32_t k) { return k == UINT32_MAX || s->at[k]; }

static void merge(NameBits *to, const NameBits *from) {
  for (uint32_t k = 0; k < MAX_NAMES; k++) to->at[k] |= from->at[k];
}

/* ---------------------------------------------------------------- reads anywhere inside */

static void collect_expr(void *user, const Expr *e);

static void collect_block(void *user, const Block *block);
static void collect_func(void *user, const Func *f);
static void collect_task(void *user, const TaskDecl *t);

static Visitor collector(Body *b) { return (Visitor){collect_expr, collect_block, collect_func, collect_task, b}; }

static void collect_expr(void *user, const Expr *e) {
  Body *b = user;
  uint32_t k = e->kind == EXPR_NAME ? number_of(b, e->name.text) : UINT32_MAX;
  if (k != UINT32_MAX) b->reads->at[k] = true;
  Visitor v = collector(b);
  visit_expr(&v, e);
}

static void collect_block(void *user, const Block *block) {
  Visitor v = collector(user);
  for (uint32_t k = 0; k < block->n; k++) visit_stmt(&v, block->stmt[k]);
}

static void collect_func(void *user, const Func *f) {
  Visitor v = collector(user);
  visit_func(&v, f);
}

static void collect_task(void *user, const TaskDecl *t) {
  Visitor v = collector(user);
  visit_task(&v, t);
}

/* ---------------------------------------------------------------- what a body declares, and what others see of it */

static void survey_block(void *user, const Block *block) {
  Body *b = user;
  for (uint32_t k = 0; k < block->n; k++) {
    const Stmt *s = block->stmt[k];
    b->reads = &b->captured;
    if (s->kind == STMT_PARAM || s->kind == STMT_STATE) vec_push(&b->cell, s->name.text);
    Visitor all = collector(b);
    if (s->kind == STMT_EVERY || s->kind == STMT_AT || s->func || s->task)
      visit_stmt(&all, s);
    else
      visit_stmt(&(Visitor){.block = survey_block, .user = b}, s);
  }
}

static bool is_cell(const Body *b, const char *name) {
  for (const Body *o = b; o; o = o->up)
    for (uint32_t k = 0; k < o->cell.n; k++)
      if (strcmp(o->cell.at[k], name) == 0) return true;
  const Slot *s = scope_find(b->check->file, name);
  return s && s->value.kind == V_CELL;
}

/* ---------------------------------------------------------------- the walk */

static void check_body(const Body *up, BodyKind kind, const Block *block, const char *result);

static void walk_block(Body *b, const Block *block);

static void walk_loop(Body *b, const Loop *l) {
  Visitor v = collector(b);
  b->reads = &b->live;
  visit_loop(&v, l);
  NameBits after = b->live;
  walk_block(b, &l->body);
  merge(&b->live, &after);
}

/* What an expression reads; loops inside are walked, blocks of `generate` are bodies of their own. */
static void read_expr(void *user, const Expr *e) {
  Body *b = user;
  if (e->kind == EXPR_LOOP) {
    walk_loop(b, e->loop);
    return;
  }
  if (e->kind == EXPR_DATA) {
    b->reads = &b->live;
    collect_expr(b, e);
    check_body(b, BODY_PLAIN, &e->block, NULL);
    return;
  }
  uint32_t k = e->kind == EXPR_NAME ? number_of(b, e->name.text) : UINT32_MAX;
  if (k != UINT32_MAX) b->live.at[k] = true;
  visit_expr(&(Visitor){.expr = read_expr, .user = b}, e);
}

static const char *nearest_cell(const Body *b, const char *name) {
  Vec(const char *) all = {0};
  for (const Body *o = b; o; o = o->up)
    for (uint32_t k = 0; k < o->cell.n; k++) vec_push(&all, o->cell.at[k]);
  const char *near = diag_nearest(name, all.at, all.n);
  vec_free(&all);
  return near;
}

static void add_unread(Body *b, Name name) {
  bool elsewhere = is_set(&b->anywhere, number_of(b, name.text));
  Unread u = {name, elsewhere, b->kind, elsewhere ? NULL : nearest_cell(b, name.text)};
  vec_push(&b->check->found, u);
}

static void warn_unread(Elab *E, const Unread *u) {
  const char *name = u->name.text;
  elab_warning(E, "W0202", u->name.span, u->elsewhere ? "this value of `%s` is never read" : "`%s` is never read",
               name);
  if (u->near)
    elab_hint(E, "did you mean `%s`? What nobody is to read is called `_%s`", u->near, name);
  else if (u->kind == BODY_KEEPS)
    elab_hint(E, "what lives on to the next step is declared, `state %s = 0`; what nobody is to read is called `_%s`",
              name, name);
  else
    elab_hint(E, "leave it out, or call it `_%s`", name);
}

/* `loss = 0` above branches that all set it: nothing is lost. */
static bool first_value(Body *b, const Stmt *s) {
  const ExprKind k = s->value->kind;
  return s->n_target == 1 && (k == EXPR_NUMBER || k == EXPR_BOOL || k == EXPR_NONE) &&
         is_set(&b->anywhere, number_of(b, s->target[0].name.text));
}

static void walk_assign(Body *b, const Stmt *s) {
  bool used = b->kind == BODY_FILE || first_value(b, s);
  for (uint32_t k = 0; k < s->n_target; k++) {
    const char *name = s->target[k].name.text;
    used |= *name == '_' || is_set(&b->live, number_of(b, name)) || is_cell(b, name);
  }
  if (!used) add_unread(b, s->target[0].name);
  for (uint32_t k = 0; k < s->n_target; k++) {
    uint32_t n = number_of(b, s->target[k].name.text);
    if (!s->target[k].n_index && n != UINT32_MAX) b->live.at[n] = false;
  }
  visit_stmt(&(Visitor){.expr = read_expr, .user = b}, s);
}

static void walk_if(Body *b, const Stmt *s) {
  NameBits below = b->live;
  walk_block(b, &s->otherwise);
  NameBits otherwise = b->live;
  b->live = below;
  walk_block(b, &s->body);
  merge(&b->live, &otherwise);
  read_expr(b, s->value);
}

static void check_func(Body *b, const Stmt *s) {
  const Func *f = s->func;
  bool update = b->kind == BODY_KEEPS && s->kind == STMT_FN && strcmp(f->name.text, "update") == 0;
  visit_params(&(Visitor){.expr = read_expr, .user = b}, f->config, f->n_config);
  visit_params(&(Visitor){.expr = read_expr, .user = b}, f->param, f->n_param);
  if (f->value) read_expr(b, f->value);
  check_body(b, s->kind == STMT_FN && !update ? BODY_PLAIN : BODY_KEEPS, &f->body,
             update && f->n_param ? f->param[0].name.text : NULL);
}

static void walk_stmt(Body *b, const Stmt *s) {
  switch (s->kind) {
  case STMT_LET:
  case STMT_ASSIGN: walk_assign(b, s); break;
  case STMT_IF: walk_if(b, s); break;
  case STMT_LOOP: walk_loop(b, s->loop); break;
  case STMT_FN:
  case STMT_LAYER:
  case STMT_MODEL:
  case STMT_OPTIMIZER: check_func(b, s); break;
  case STMT_TRAIN:
  case STMT_EVAL:
  case STMT_TASK: check_body(b, s->kind == STMT_TRAIN ? BODY_KEEPS : BODY_PLAIN, &s->task->body, NULL); break;
  case STMT_EVERY:
  case STMT_AT: check_body(b, BODY_PLAIN, &s->body, NULL); break;
  case STMT_RETURN: b->live = b->captured; /* fall through */
  default: visit_stmt(&(Visitor){.expr = read_expr, .user = b}, s);
  }
}

static void walk_block(Body *b, const Block *block) {
  for (uint32_t k = block->n; k-- > 0;) walk_stmt(b, block->stmt[k]);
}

/* result: a name whose value at the end is what the body gives, or NULL. */
static void check_body(const Body *up, BodyKind kind, const Block *block, const char *result) {
  Body *b = arena_new(&up->check->E->mem, Body);
  *b = (Body){.check = up->check, .up = up, .kind = kind, .index = scope_new(up->check->E, NULL)};
  b->reads = &b->anywhere;
  collect_block(b, block);
  survey_block(b, block);
  b->live = b->captured;
  uint32_t k = result ? number_of(b, result) : UINT32_MAX;
  if (k != UINT32_MAX) b->live.at[k] = true;
  walk_block(b, block);
  vec_free(&b->cell);
}

void warn_unread_values(Elab *E, const Ast *ast, const Scope *scope) {
  Check c = {.E = E, .file = scope};
  const Body none = {.check = &c};
  check_body(&none, BODY_FILE, &ast->file, NULL);
  for (uint32_t k = c.found.n; k-- > 0;) warn_unread(E, &c.found.at[k]);
  vec_free(&c.found);
}
