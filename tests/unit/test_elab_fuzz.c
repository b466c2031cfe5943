/* Files that parse but mean nonsense never crash the checker: models with tokens left out, doubled, or put in the place
 * of others. The sanitizers of the build look on. */
#include "frontend/elab.h"
#include "frontend/lexer.h"
#include "frontend/parser.h"
#include "runtime/base/strbuf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const models[] = {"models/hidden.sep",     "models/two_two_one.sep", "models/surface.sep",
                                     "models/optimizers.sep", "models/regression.sep",  "models/logistic.sep"};
enum { N_MODELS = sizeof models / sizeof *models, ROUNDS = 1200 };

static const char *const strangers[] = {
    "0",    "1",     "-1",   "2.5",        "1e18",      "none", "true", "\"a\"", "[1, 2]", "[]",   "(1, 2)",
    "relu", "dense", "grad", "zeros([2])", "fn(x) = x", "sgd",  "..",   "x[0]",  "^",      "step", "[[1], [2, 3]]",
};

static uint32_t state_of_numbers = 12345;

static uint32_t draw(uint32_t n) {
  state_of_numbers = state_of_numbers * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)state_of_numbers * n) >> 32);
}

static char *read_all(const char *path, size_t *n) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  char *text = malloc(1 << 16);
  *n = fread(text, 1, 1 << 16, f);
  fclose(f);
  return text;
}

/* The text with one token replaced by another of its own, by a stranger, or by nothing. */
static void mutate(const char *text, size_t n, StrBuf *out) {
  SourceMap sources = {0};
  DiagSink sink = {0};
  TokenList t = {0};
  lex(&sources, source_add(&sources, "fuzz.sep", text, n, false), 0, (uint32_t)n, &t, &sink);
  const Token *gone = &t.token.at[draw(t.token.n)], *other = &t.token.at[draw(t.token.n)];
  sb_write(out, text, gone->begin);
  uint32_t kind = draw(3);
  if (kind == 0) sb_write(out, text + other->begin, other->end - other->begin);
  if (kind == 1) sb_puts(out, strangers[draw(sizeof strangers / sizeof *strangers)]);
  sb_write(out, text + gone->end, n - gone->end);
  token_list_free(&t);
  diag_sink_free(&sink);
  source_map_free(&sources);
}

/* Whether the text parsed, so that the checker saw it. */
static bool check(const char *name, const StrBuf *text) {
  SourceMap sources = {0};
  DiagSink sink = {0};
  Elaborated e = {0};
  Ast *ast = parse_source(&sources, source_add(&sources, name, text->s, text->n, false), &sink);
  bool parsed = sink.n_errors == 0;
  if (parsed) {
    bool ok = elaborate(&sources, ast, &(ElabOptions){0}, &e, &sink);
    assert_int_equal(ok, sink.n_errors == 0);
  }
  elaborated_free(&e);
  ast_free(ast);
  diag_sink_free(&sink);
  source_map_free(&sources);
  return parsed;
}

static void nonsense_is_survived(void **state) {
  (void)state;
  char *text[N_MODELS];
  size_t n[N_MODELS];
  for (uint32_t k = 0; k < N_MODELS; k++) text[k] = read_all(models[k], &n[k]);
  uint32_t parsed = 0;
  for (uint32_t round = 0; round < ROUNDS; round++) {
    uint32_t k = draw(N_MODELS);
    StrBuf broken = {0};
    mutate(text[k], n[k], &broken);
    parsed += check(models[k], &broken);
    sb_free(&broken);
  }
  for (uint32_t k = 0; k < N_MODELS; k++) free(text[k]);
  assert_true(parsed > ROUNDS / 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nonsense_is_survived)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
