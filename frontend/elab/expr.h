/* Expressions, indices, and the statements of bodies. */
#ifndef SEPPO_FRONTEND_ELAB_EXPR_H
#define SEPPO_FRONTEND_ELAB_EXPR_H

#include "frontend/elab/value.h"

Val expr(Elab *E, const Expr *e);
/* Counts one expression or iteration; false, with an error the first time, when the program grows without bound. */
bool elab_spend(Elab *E, Span span);
/* After an error that would come again and again: nothing more is looked at. */
void elab_halt(Elab *E);
Val expr_value(Elab *E, const Expr *e); /* reads cells and fields: never V_CELL or V_FIELD */
Val read_value(Elab *E, Val v);
/* Compile-time values with the error when they are not; `what` names the place. */
bool expr_int(Elab *E, const Expr *e, const char *what, int64_t *out);
bool expr_bool(Elab *E, const Expr *e, const char *what, bool *out);
bool expr_string(Elab *E, const Expr *e, const char *what, const char **out);
bool val_to_int(Elab *E, Val v, Span span, const char *what, int64_t *out);
bool val_to_bool(Elab *E, Val v, Span span, const char *what, bool *out);
/* Dimensions from a list value; a rest value is spliced. ones: extents written as the literal 1. */
bool val_to_shape(Elab *E, Val v, Span span, const char *what, uint32_t *rank, int64_t *dim, uint16_t *ones);
Val string_value(Elab *E, const Expr *e);
const char *format_value(Elab *E, Val v, const char *format);

Val index_value(Elab *E, Val v, const IndexItem *item, uint32_t n, Span span);
Val index_assign(Elab *E, Val v, const IndexItem *item, uint32_t n, Val e, Span span);
Val member_value(Elab *E, const Expr *e);

void exec_block(Elab *E, const Block *b);
void exec_stmt(Elab *E, const Stmt *s);
void assign_name(Elab *E, Name name, Val v);
Val exec_loop(Elab *E, const Loop *l, Span span, bool as_expression);
/* How many times `unroll` runs over a value; false after an error: no sequence, or too long to unroll. */
bool unroll_count(Elab *E, Val over, Span span, int64_t *n);
void yield_value(Elab *E, const Stmt *s);

/* Hints at what is written here for a name, or a member of a tensor, that other languages have. */
bool foreign_name_hint(Elab *E, const char *name);
void foreign_member_hint(Elab *E, const char *name);

#endif
