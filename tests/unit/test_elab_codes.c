/* Every code of the elaborator: its failing example gets it, its mended one is right. */
#include "frontend/diag_codes.h"
#include "tests/support/model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Whether elaborating the text reports the code; with NULL, whether there is no error. */
static bool reports(const char *text, const char *code) {
  Model *m = model_new(text);
  bool found = !code && m->sink.n_errors == 0;
  for (uint32_t i = 0; i < m->sink.diag.n; i++)
    if (code && m->sink.diag.at[i].code && !strcmp(m->sink.diag.at[i].code, code)) found = true;
  if (!found) print_error("%s expected of\n%s\n%s\n", code ? code : "no error", text, model_messages(m));
  model_free(m);
  return found;
}

static void examples_do_what_they_say(void **state) {
  (void)state;
  uint32_t wrong = 0;
  for (uint32_t i = 0; i < n_diag_codes; i++) {
    const DiagCode *c = &diag_codes[i];
    bool syntax = !strncmp(c->code, "E00", 3) || !strncmp(c->code, "E01", 3);
    if (!c->wrong || strstr(c->wrong, "csv(")) continue; /* needs a file */
    if (!syntax) wrong += !reports(c->wrong, c->code);
    wrong += !reports(c->mended, NULL);
  }
  assert_int_equal(wrong, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(examples_do_what_they_say)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
