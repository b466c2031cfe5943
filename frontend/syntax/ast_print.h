/* `--stage ast`: the syntax tree as text, a line for each statement, expressions in prefix form. */
#ifndef SEPPO_FRONTEND_AST_PRINT_H
#define SEPPO_FRONTEND_AST_PRINT_H

#include "frontend/syntax/ast.h"
#include "runtime/base/strbuf.h"

/* Two trees print alike exactly when they have the same structure; places, comments and parentheses do not show. */
void ast_print(const Ast *ast, StrBuf *out);

#endif
