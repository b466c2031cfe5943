/* `seppo fmt`: the canonical layout of a model file. */
#ifndef SEPPO_FRONTEND_FORMAT_H
#define SEPPO_FRONTEND_FORMAT_H

#include "frontend/syntax/ast.h"
#include "runtime/base/strbuf.h"

/* Writes the file anew from its tree: two spaces a level, lines up to 100 columns, one statement a line. Comments and
 * single empty lines stay, blocks written on one line stay on one line while they fit, numbers, strings and parentheses
 * stay as they were spelt. The text parses to the same tree and formats to itself. The tree must be free of errors. */
void format_ast(const SourceMap *sources, const Ast *ast, StrBuf *out);

#endif
