/* Broken text never crashes the parser, and what it takes as faultless the formatter keeps: every prefix of every
 * sample of constructs, and that with one byte changed (of the models a part of these), run under the sanitizers of the
 * build. */
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

typedef struct Result {
  bool faultless;
  StrBuf tree, text;
} Result;

static Result run(const char *text, size_t n) {
  SourceMap sources = {0};
  DiagSink sink = {0};
  Ast *ast = parse_source(&sources, source_add(&sources, "fuzz.sep", text, n, false), &sink);
  Result r = {.faultless = sink.n_errors == 0};
  for (uint32_t i = 0; i < sink.diag.n; i++) {
    Span s = sink.diag.at[i].span;
    assert_true(s.begin <= s.end && s.end <= n);
  }
  if (r.faultless) {
    ast_print(ast, &r.tree);
    format_ast(&sources, ast, &r.text);
  }
  ast_free(ast);
  diag_sink_free(&sink);
  source_map_free(&sources);
  return r;
}

static void drop(Result *r) {
  sb_free(&r->tree);
  sb_free(&r->text);
}

static void check(const char *text, size_t n) {
  Result a = run(text, n);
  if (a.faultless && a.text.n) {
    Result b = run(a.text.s, a.text.n);
    sb_printf(&a.tree, "\n"), sb_printf(&b.tree, "\n"); /* a file of comments has an empty tree */
    if (!b.faultless || strcmp(a.tree.s, b.tree.s) != 0 || strcmp(a.text.s, b.text.s) != 0)
      fprintf(stderr, "---- source\n%.*s\n---- formatted\n%s\n", (int)n, text, a.text.s);
    assert_true(b.faultless);
    assert_string_equal(a.tree.s, b.tree.s);
    assert_string_equal(a.text.s, b.text.s);
    drop(&b);
  }
  drop(&a);
}

static void each_file(void (*body)(const char *text, size_t n, size_t stride)) {
  static const char *const patterns[] = {"models/*.sep", "models/std/*.sep", "tests/golden/syntax/*.sep"};
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    glob_t g;
    assert_int_equal(glob(patterns[i], 0, NULL, &g), 0);
    for (size_t k = 0; k < g.gl_pathc; k++) {
      size_t n;
      char *text = file_need(g.gl_pathv[k], &n);
      body(text, n, i < 2 ? 11 : 1); /* models and library are long: every eleventh place */
      free(text);
    }
    globfree(&g);
  }
}

static void prefixes(const char *text, size_t n, size_t stride) {
  for (size_t k = 0; k < n; k += stride) check(text, k);
}

/* The byte that stands for byte k: marks of the language, letters, and bytes that are no text. */
static char corrupt(size_t k) {
  static const char bytes[] = "(){}[]\"\\=,:;.#+-*/^@~<>!%&|'x0e\n \t\x01\x80\xff\xc3";
  return bytes[k * 2654435761u % (sizeof bytes - 1)];
}

static void corruptions(const char *text, size_t n, size_t stride) {
  char *broken = malloc(n);
  memcpy(broken, text, n);
  for (size_t k = 0; k < n; k += stride) {
    broken[k] = corrupt(k);
    check(broken, n);
    broken[k] = text[k];
  }
  free(broken);
}

static void every_prefix_is_survived(void **state) {
  (void)state;
  each_file(prefixes);
}

static void every_corruption_is_survived(void **state) {
  (void)state;
  each_file(corruptions);
}

static void zero_bytes_are_no_text(void **state) {
  (void)state;
  check("let a = 1\0", 10);
  check("", 0);
  check("\0", 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_prefix_is_survived),
      cmocka_unit_test(every_corruption_is_survived),
      cmocka_unit_test(zero_bytes_are_no_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
