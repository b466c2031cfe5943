#include "frontend/syntax/visit.h"

static void one(const Visitor *v, const Expr *e) {
  if (e && v->expr) v->expr(v->user, e);
}

static void block(const Visitor *v, const Block *b) {
  if (b->stmt && v->block) v->block(v->user, b);
}

static void items(const Visitor *v, Expr *const *e, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) one(v, e[k]);
}

static void indices(const Visitor *v, const IndexItem *item, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) {
    one(v, item[k].at);
    one(v, item[k].lo);
    one(v, item[k].hi);
    one(v, item[k].step);
  }
}

static void shape(const Visitor *v, const Shape *s) {
  for (uint32_t k = 0; k < s->n; k++) one(v, s->item[k].dim);
}

void visit_params(const Visitor *v, const Param *p, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) {
    shape(v, &p[k].pattern);
    one(v, p[k].value);
  }
}

void visit_loop(const Visitor *v, const Loop *l) {
  one(v, l->count);
  for (uint32_t k = 0; k < l->n_sources; k++) {
    one(v, l->source[k].over);
    one(v, l->source[k].along);
  }
  one(v, l->until);
  block(v, &l->body);
}

void visit_expr(const Visitor *v, const Expr *e) {
  one(v, e->a);
  one(v, e->b);
  one(v, e->c);
  switch (e->kind) {
  case EXPR_STRING:
    for (uint32_t k = 0; k < e->n; k++) one(v, e->part[k].value);
    break;
  case EXPR_LIST:
  case EXPR_TUPLE: items(v, e->item, e->n); break;
  case EXPR_CALL:
    for (uint32_t k = 0; k < e->n; k++) one(v, e->arg[k].value);
    break;
  case EXPR_INDEX: indices(v, e->index, e->n); break;
  case EXPR_LAMBDA: visit_params(v, e->param, e->n); break;
  case EXPR_LOOP: visit_loop(v, e->loop); break;
  case EXPR_DATA: block(v, &e->block); break;
  default: break;
  }
}

void visit_stmt(const Visitor *v, const Stmt *s) {
  shape(v, &s->shape);
  one(v, s->value);
  one(v, s->value2);
  for (uint32_t k = 0; k < s->n_target; k++) indices(v, s->target[k].index, s->target[k].n_index);
  items(v, s->over, s->n_over);
  items(v, s->at, s->n_at);
  for (uint32_t k = 0; k < s->n_output; k++) {
    one(v, s->output[k].name_value);
    one(v, s->output[k].by);
    one(v, s->output[k].value);
  }
  if (s->loop) visit_loop(v, s->loop);
  if (s->func && v->func) v->func(v->user, s->func);
  if (s->task && v->task) v->task(v->user, s->task);
  block(v, &s->body);
  block(v, &s->otherwise);
}

void visit_func(const Visitor *v, const Func *f) {
  visit_params(v, f->config, f->n_config);
  visit_params(v, f->param, f->n_param);
  one(v, f->value);
  block(v, &f->body);
}

void visit_task(const Visitor *v, const TaskDecl *t) {
  one(v, t->name_value);
  one(v, t->on);
  visit_params(v, t->param, t->n_param);
  block(v, &t->body);
}
