/* The formatter and the tree printer, over every model file, the library and the construct samples. */
#include "frontend/format/format.h"
#include "frontend/syntax/ast_print.h"
#include "frontend/syntax/parser.h"
#include "tests/support/files.h"
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Forms {
  char *tree, *text; /* NULL when the source has errors */
} Forms;

static Forms forms(const char *name, const char *text, size_t n) {
  SourceMap sources = {0};
  DiagSink sink = {0};
  Ast *ast = parse_source(&sources, source_add(&sources, name, text, n, false), &sink);
  Forms f = {0};
  if (sink.n_errors)
    diag_print(&sink, &sources, DIAG_HUMAN, false, stderr);
  else {
    StrBuf tree = {0}, laid_out = {0};
    ast_print(ast, &tree);
    format_ast(&sources, ast, &laid_out);
    f.tree = sb_take(&tree);
    f.text = sb_take(&laid_out);
  }
  ast_free(ast);
  diag_sink_free(&sink);
  source_map_free(&sources);
  return f;
}

static void drop(Forms f) {
  free(f.tree);
  free(f.text);
}

static uint32_t count(const char *s, char c) {
  uint32_t n = 0;
  for (; *s; s++) n += *s == c;
  return n;
}

static void check_laws(const char *name, const char *text, size_t n) {
  Forms a = forms(name, text, n);
  assert_non_null(a.text);
  Forms b = forms(name, a.text, strlen(a.text));
  assert_non_null(b.text);
  assert_string_equal(a.tree, b.tree);
  assert_string_equal(a.text, b.text);
  assert_int_equal(count(text, '#'), count(a.text, '#'));
  drop(a);
  drop(b);
}

static void every_file_formats_to_itself_and_keeps_its_tree(void **state) {
  (void)state;
  static const char *const patterns[] = {"models/*.sep", "models/std/*.sep", "tests/golden/syntax/*.sep"};
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    glob_t g;
    assert_int_equal(glob(patterns[i], 0, NULL, &g), 0);
    for (size_t k = 0; k < g.gl_pathc; k++) {
      size_t n;
      char *text = file_need(g.gl_pathv[k], &n);
      check_laws(g.gl_pathv[k], text, n);
      if (i < 2) {
        Forms f = forms(g.gl_pathv[k], text, n);
        assert_string_equal(f.text, text); /* the models are kept in canonical layout */
        drop(f);
      }
      free(text);
    }
    globfree(&g);
  }
}

static void becomes(const char *from, const char *to) {
  Forms f = forms("test.sep", from, strlen(from));
  assert_non_null(f.text);
  assert_string_equal(f.text, to);
  drop(f);
  check_laws("test.sep", from, strlen(from));
}

static void lays_out(void **state) {
  (void)state;
  becomes("let   a=3 ;let b =-a ^2", "let a = 3\nlet b = -a^2\n");
  becomes("\n\n\nlet a = 1\n\n\n\nlet b = 2\n\n", "let a = 1\n\nlet b = 2\n");
  becomes("fn f( x ,y:[n,..]= 2 ){return x[ 1 :2,.. ]}", "fn f(x, y: [n, ..] = 2) { return x[1:2, ..] }\n");
  becomes("fn f(x) {\nreturn x }", "fn f(x) {\n  return x\n}\n");
  becomes("\xEF\xBB\xBFlet a = 1\r\n\tlet b = 2\r\n", "let a = 1\nlet b = 2\n");
  becomes("fn f(x) = x[i : i + n, a:b]", "fn f(x) = x[i : i + n, a:b]\n");
}

static void keeps_comments(void **state) {
  (void)state;
  becomes("# top\n\nlet a = 1# one\nlet bcd = 2      # two\n# end",
          "# top\n\nlet a = 1    # one\nlet bcd = 2  # two\n# end\n");
  becomes("fn f(x) {# head\n# in\nreturn x\n# last\n}# tail\n",
          "fn f(x) {  # head\n  # in\n  return x\n  # last\n}  # tail\n");
  becomes("let a = [1, # one\n2] # two", "let a = [\n  1,  # one\n  2\n]  # two\n");
  becomes("let a = f(1, # one\n2 # two\n# last\n)\n", "let a = f(\n  1,  # one\n  2   # two\n  # last\n)\n");
  becomes("let a = f(\n  # first\n  1)", "let a = f(\n  # first\n  1\n)\n");
}

/* Whether the text has no errors; its forms then. */
static bool quiet_forms(const char *text, Forms *out) {
  SourceMap sources = {0};
  DiagSink sink = {0};
  Ast *ast = parse_source(&sources, source_add(&sources, "commented.sep", text, strlen(text), false), &sink);
  bool ok = sink.n_errors == 0;
  if (ok) {
    StrBuf tree = {0}, laid_out = {0};
    ast_print(ast, &tree);
    format_ast(&sources, ast, &laid_out);
    *out = (Forms){sb_take(&tree), sb_take(&laid_out)};
  }
  ast_free(ast);
  diag_sink_free(&sink);
  source_map_free(&sources);
  return ok;
}

/* A comment put at one place of the text: the tree stays, formatting again changes nothing, no comment is lost. */
static bool survives(const char *text, size_t at, const char *comment, const char *tree) {
  char *with = malloc(strlen(text) + strlen(comment) + 1);
  sprintf(with, "%.*s%s%s", (int)at, text, comment, text + at);
  Forms a = {0}, b = {0};
  bool ok = !quiet_forms(with, &a) || strcmp(a.tree, tree) != 0;
  if (!ok) {
    ok = quiet_forms(a.text, &b) && !strcmp(a.tree, b.tree) && !strcmp(a.text, b.text) &&
         count(with, '#') == count(a.text, '#');
    if (!ok) print_error("%s\nbecomes\n%s\nbecomes\n%s\n", with, a.text, b.text ? b.text : "(errors)");
  }
  drop(a);
  drop(b);
  free(with);
  return ok;
}

static void keeps_comments_wherever_they_stand(void **state) {
  (void)state;
  size_t n;
  char *all = file_need("tests/golden/syntax/comments.sep", &n);
  Forms f;
  assert_true(quiet_forms(all, &f));
  uint32_t lost = 0;
  for (size_t at = 0; at < n && lost < 3; at++)
    lost += !survives(all, at, " # c\n", f.tree) + !survives(all, at, "\n# c\n", f.tree);
  assert_int_equal(lost, 0);
  drop(f);
  free(all);
}

static void breaks_long_lines(void **state) {
  (void)state;
  const char *from = "let alpha = function_with_a_name(first_argument, second_argument, third = argument, "
                     "fourth = argument)\n";
  const char *to = "let alpha = function_with_a_name(\n  first_argument,\n  second_argument,\n  third = argument,\n"
                   "  fourth = argument\n)\n";
  becomes(from, to);
}

static void prints_the_tree(void **state) {
  (void)state;
  const char *text =
      "let a = -b^2 + f(x, k = 1)[0, ..]\ntrain on d {\n  epochs 2\n  minimize a over w using sgd(1)\n}\n";
  Forms f = forms("test.sep", text, strlen(text));
  assert_string_equal(f.tree, "let a (+ (- (^ b 2)) (index (call f x k=1) 0 ..))\ntrain on d\n  epochs 2\n"
                              "  minimize over w a with (call sgd 1)\n");
  drop(f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_file_formats_to_itself_and_keeps_its_tree),
      cmocka_unit_test(lays_out),
      cmocka_unit_test(keeps_comments),
      cmocka_unit_test(keeps_comments_wherever_they_stand),
      cmocka_unit_test(breaks_long_lines),
      cmocka_unit_test(prints_the_tree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
