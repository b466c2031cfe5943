/* Nonsense for the checker: model texts with tokens deleted, doubled, exchanged, or replaced by strangers. */
#ifndef SEPPO_TESTS_MUTATE_H
#define SEPPO_TESTS_MUTATE_H

#include "runtime/base/strbuf.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Mutation {
  uint64_t seed; /* which one: the same seed makes the same text */
  uint32_t most; /* changes, at least one is made */
} Mutation;

/* The text of length n with some tokens changed. */
void mutate_text(const char *text, size_t n, Mutation how, StrBuf *out);

typedef struct Verdict {
  bool parsed, elaborated;
  const char *complaint; /* what the checker did wrong, NULL when nothing */
} Verdict;

/* Parses and elaborates the text as `seppo check` does; what passes is differentiated and goes through the passes. A
 * complaint: an error without a place, failure without an error, a graph that breaks the rules. Diagnostics are
 * printed on `out` when it is not NULL. */
Verdict mutate_check(const char *name, const StrBuf *text, FILE *out);

#endif
