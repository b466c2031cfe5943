/* Every row of diag_codes.def: unique, in order, its failing example gets its code and its mended one none. */
#include "frontend/diag_codes.h"
#include "frontend/elab.h"
#include "frontend/syntax/parser.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Whether checking the text reports the code; with NULL, whether it reports nothing. */
static bool reports(const char *text, const char *code) {
  SourceMap sources = {0};
  DiagSink sink = {0};
  Ast *ast = parse_source(&sources, source_add(&sources, "example.sep", text, strlen(text), false), &sink);
  Elaborated e = {0};
  if (!sink.n_errors) elaborate(&sources, ast, &(ElabOptions){0}, &e, &sink);
  elaborated_free(&e);
  ast_free(ast);
  bool found = !code && sink.diag.n == 0;
  for (uint32_t i = 0; i < sink.diag.n; i++)
    if (code && sink.diag.at[i].code && !strcmp(sink.diag.at[i].code, code)) found = true;
  if (!found) diag_print(&sink, &sources, DIAG_HUMAN, false, stderr);
  diag_sink_free(&sink);
  source_map_free(&sources);
  return found;
}

static void rows_are_in_order(void **state) {
  (void)state;
  for (uint32_t i = 0; i < n_diag_codes; i++) {
    assert_non_null(diag_codes[i].title);
    assert_int_equal(strlen(diag_codes[i].code), 5);
    if (i && diag_codes[i].code[0] == diag_codes[i - 1].code[0])
      assert_true(strcmp(diag_codes[i - 1].code, diag_codes[i].code) < 0);
  }
}

static void examples_do_what_they_say(void **state) {
  (void)state;
  for (uint32_t i = 0; i < n_diag_codes; i++) {
    const DiagCode *c = &diag_codes[i];
    if (!c->wrong || strchr("$#", c->wrong[0]) || strstr(c->wrong, ".csv")) continue; /* some would need a file */
    bool running = !strncmp(c->code, "E10", 3); /* found by the run: tests/cli/diag_codes.sh */
    bool ok = reports(c->wrong, running ? NULL : c->code) && reports(c->mended, NULL);
    if (!ok) fprintf(stderr, "%s: the examples do not do what they say\n", c->code);
    assert_true(ok);
  }
}

static void codes_are_found(void **state) {
  (void)state;
  assert_string_equal(diag_code_find("e0102")->code, "E0102");
  assert_null(diag_code_find("E9999"));
  assert_null(diag_code_find(""));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_in_order),
      cmocka_unit_test(examples_do_what_they_say),
      cmocka_unit_test(codes_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
