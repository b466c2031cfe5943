/* Files that parse but mean nonsense never crash the checker: models with tokens left out, doubled, exchanged, or put
 * in the place of others. The sanitizers of the build look on. */
#include "tests/support/files.h"
#include "tests/support/mutate.h"
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

enum { ROUNDS = 600, SECONDS = 20 };

static void nonsense_is_survived(void **state) {
  (void)state;
  glob_t models;
  assert_int_equal(glob("models/*.sep", 0, NULL, &models), 0);
  uint32_t parsed = 0, passed = 0, round = 0, complaints = 0;
  for (time_t end = time(NULL) + SECONDS; round < ROUNDS && time(NULL) < end; round++) {
    const char *path = models.gl_pathv[round % models.gl_pathc];
    size_t n;
    char *text = file_need(path, &n);
    StrBuf broken = {0};
    mutate_text(text, n, (Mutation){round, 3}, &broken);
    Verdict v = mutate_check(path, &broken, NULL);
    parsed += v.parsed, passed += v.elaborated;
    if (v.complaint) printf("seed %u (%s): %s\n", round, path, v.complaint), complaints++;
    free(text);
    sb_free(&broken);
  }
  globfree(&models);
  assert_int_equal(complaints, 0);
  assert_true(parsed > round / 10);
  assert_true(passed > round / 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nonsense_is_survived)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
