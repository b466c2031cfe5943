/* Source text to syntax tree. */
#ifndef SEPPO_FRONTEND_PARSER_H
#define SEPPO_FRONTEND_PARSER_H

#include "frontend/syntax/ast.h"

/* Parses one source of the map (grammar: docs/language.md). Reports every independent mistake to `sink` and goes on
 * after each, so the tree holds the statements that could be read; a caller that wants a faultless tree looks at
 * sink->n_errors. NULL only when the source is no text at all (E0007). Free it with ast_free. */
Ast *parse_source(const SourceMap *sources, uint32_t source, DiagSink *sink);
void ast_free(Ast *ast);

#endif
