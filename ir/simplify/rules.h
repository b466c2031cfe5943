/* Declarations of the rule functions; the rows are in rules.def. */
#ifndef SEPPO_IR_SIMPLIFY_RULES_H
#define SEPPO_IR_SIMPLIFY_RULES_H

#include "ir/simplify/match.h"

#define REWRITE(name, op, phases) RULE(name);
#include "ir/simplify/rules.def"
#undef REWRITE

#endif
