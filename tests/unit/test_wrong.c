/* Broken model files and what `seppo check` says of them: tests/golden/wrong/NAME.sep gets exactly NAME.txt.
 * SEPPO_UPDATE_GOLDEN=1 build/test_wrong writes the .txt files anew: read the difference before committing it. */
#include "frontend/elab.h"
#include "frontend/syntax/parser.h"
#include "tests/support/files.h"
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void write_all(const char *path, const char *text) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

/* What a user reads who runs the file. */
static char *messages(const char *name, const char *text) {
  SourceMap sources = {0};
  DiagSink sink = {0};
  Ast *ast = parse_source(&sources, source_add(&sources, name, text, strlen(text), false), &sink);
  Elaborated e = {0};
  if (!sink.n_errors) elaborate(&sources, ast, &(ElabOptions){0}, &e, &sink);
  elaborated_free(&e);
  char *out = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&out, &n);
  diag_print(&sink, &sources, DIAG_HUMAN, false, f);
  fclose(f);
  ast_free(ast);
  diag_sink_free(&sink);
  source_map_free(&sources);
  return out;
}

static bool check(const char *path) {
  char golden[512];
  snprintf(golden, sizeof golden, "%.*s.txt", (int)(strlen(path) - 4), path);
  char *text = file_need(path, NULL), *found = messages(strrchr(path, '/') + 1, text),
       *expected = file_read(golden, NULL);
  if (getenv("SEPPO_UPDATE_GOLDEN"))
    write_all(golden, found);
  else if (!expected || strcmp(found, expected) != 0)
    fprintf(stderr, "%s: expected\n%s\nfound\n%s\n", path, expected ? expected : "(no .txt)", found);
  bool same = expected && !strcmp(found, expected) && *found;
  free(text);
  free(found);
  free(expected);
  return same || getenv("SEPPO_UPDATE_GOLDEN");
}

static void broken_files_get_their_messages(void **state) {
  (void)state;
  glob_t g;
  assert_int_equal(glob("tests/golden/wrong/*.sep", 0, NULL, &g), 0);
  uint32_t failed = 0;
  for (size_t i = 0; i < g.gl_pathc; i++) failed += !check(g.gl_pathv[i]);
  globfree(&g);
  assert_int_equal(failed, 0);
}

int main(void) {
  unsetenv("SEPPO_DATA"); /* messages say where files were looked for */
  const struct CMUnitTest tests[] = {cmocka_unit_test(broken_files_get_their_messages)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
