/* Files from top to bottom, settings, and what is said of the whole. */
#ifndef SEPPO_FRONTEND_ELAB_FILE_H
#define SEPPO_FRONTEND_ELAB_FILE_H

#include "frontend/elab/value.h"

void file_statement(Elab *E, const Stmt *s); /* as at file level, in the current scope */
void elab_let(Elab *E, const Stmt *s);
const char *file_name(Elab *E, const char *name); /* with the suffix */
void elab_file(Elab *E, const Ast *ast, Scope *scope, bool tasks);
bool setting_for(Elab *E, const char *name, Val *out, const Val *old, Span span);
void setting_record(Elab *E, const char *name, Val v);
void build_table(Elab *E, Elaborated *out);
/* Emits the TASK_LET of a graph that computed cells. */
void push_let_task(Elab *E, GraphBuild *g, const char *name, Span span);

/* Errors and warnings on the whole module. */
void check_whole(Elab *E);
void check_histories(Elab *E); /* names of plots that nothing is logged as */

/* Warns of values in a file that nothing reads. scope: its declarations. */
void warn_unread_values(Elab *E, const Ast *ast, const Scope *scope);

#endif
