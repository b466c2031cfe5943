/* The children of a syntax node, one function for every walk over the tree. */
#ifndef SEPPO_FRONTEND_SYNTAX_VISIT_H
#define SEPPO_FRONTEND_SYNTAX_VISIT_H

#include "frontend/syntax/ast.h"

/* What a walk does at the children it is given; a NULL function skips children of its kind. */
typedef struct Visitor {
  void (*expr)(void *user, const Expr *e);
  void (*block)(void *user, const Block *b); /* of statements and loops */
  void (*func)(void *user, const Func *f);   /* declared by a statement */
  void (*task)(void *user, const TaskDecl *t);
  void *user;
} Visitor;

/* The direct children of a node, in the order of the text; their own children are the visitor's business. */
void visit_expr(const Visitor *v, const Expr *e);
void visit_stmt(const Visitor *v, const Stmt *s);
void visit_loop(const Visitor *v, const Loop *l);
void visit_params(const Visitor *v, const Param *p, uint32_t n);
/* Parameters, value and body. */
void visit_func(const Visitor *v, const Func *f);
void visit_task(const Visitor *v, const TaskDecl *t);

#endif
