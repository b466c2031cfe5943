/* Diagnostics: positions, excerpts with carets, the three formats, nearest names. */
#include "runtime/base/diag.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t add_source(SourceMap *m, const char *name, const char *text, bool library) {
  return source_add(m, name, text, strlen(text), library);
}

static Span find(const SourceMap *m, uint32_t source, const char *what) {
  const char *text = m->source.at[source].text, *p = strstr(text, what);
  assert_non_null(p);
  return (Span){source, (uint32_t)(p - text), (uint32_t)(p - text + (ptrdiff_t)strlen(what))};
}

static void expect_print(const DiagSink *s, const SourceMap *m, DiagFormat f, bool color, const char *want) {
  char *text = NULL;
  size_t n = 0;
  FILE *out = open_memstream(&text, &n);
  diag_print(s, m, f, color, out);
  fclose(out);
  assert_string_equal(text, want);
  free(text);
}

static void release(DiagSink *s, SourceMap *m) {
  diag_sink_free(s);
  source_map_free(m);
}

static void positions_count_code_points(void **state) {
  (void)state;
  SourceMap m = {0};
  uint32_t s = add_source(&m, "a.sep", "let x = 1\n# \xC3\xBC\xC3\xBC\nlet y = 2\n", false), line, column;
  Span y = find(&m, s, "y");
  source_position(&m, s, y.begin, &line, &column);
  assert_int_equal(line, 3);
  assert_int_equal(column, 5);
  source_position(&m, s, find(&m, s, "\xBC\nlet").begin + 1, &line, &column);
  assert_int_equal(line, 2);
  assert_int_equal(column, 5);
  source_position(&m, s, 1000, &line, &column);
  assert_int_equal(line, 4);
  source_map_free(&m);
}

static void human_shows_line_carets_label_and_hint(void **state) {
  (void)state;
  SourceMap m = {0};
  DiagSink d = {0};
  uint32_t s = add_source(&m, "mlp.sep", "model m(x) {\n\th = x @ W  # \xC3\xBC\n}\n", false);
  diag_error(&d, "E0301", find(&m, s, "x @ W"), "shapes do not fit: %s", "[64, 784] @ [400, 784]");
  diag_label(&d, "784 against 400");
  diag_hint(&d, "transpose the second operand");
  diag_note(&d, SPAN_NONE, "in the first call of `m`");
  assert_int_equal(d.n_errors, 1);
  assert_int_equal(d.exit_status, EXIT_MODEL);
  expect_print(&d, &m, DIAG_HUMAN, false,
               "error[E0301]: shapes do not fit: [64, 784] @ [400, 784]\n"
               " --> mlp.sep:2:6\n"
               "  |\n"
               "2 |     h = x @ W  # \xC3\xBC\n"
               "  |         ^^^^^ 784 against 400\n"
               "note: in the first call of `m`\n"
               "hint: transpose the second operand\n\n");
  release(&d, &m);
}

static void library_errors_point_at_the_call_first(void **state) {
  (void)state;
  SourceMap m = {0};
  DiagSink d = {0};
  uint32_t lib = add_source(&m, "std/layers.sep", "layer dense(n) {\n  return x @ W\n}\n", true);
  uint32_t user = add_source(&m, "my.sep", "h = dense(10)(x)\n", false);
  diag_error(&d, "E0301", find(&m, lib, "x @ W"), "shapes do not fit");
  diag_note(&d, find(&m, user, "dense(10)(x)"), "in this call");
  expect_print(&d, &m, DIAG_HUMAN, false,
               "error[E0301]: shapes do not fit\n"
               " --> my.sep:1:5\n"
               "  |\n"
               "1 | h = dense(10)(x)\n"
               "  |     ^^^^^^^^^^^^ in this call\n"
               " --> std/layers.sep:2:10 (library)\n"
               "  |\n"
               "2 |   return x @ W\n"
               "  |          ^^^^^\n\n");
  expect_print(&d, &m, DIAG_SHORT, false, "my.sep:1:5: error[E0301]: shapes do not fit\n");
  release(&d, &m);
}

static void several_lines_end_of_file_and_no_place(void **state) {
  (void)state;
  SourceMap m = {0};
  DiagSink d = {0};
  uint32_t s = add_source(&m, "a.sep", "fn f(x) {\n  return x", false);
  Span whole = {s, 0, 1000};
  diag_error(&d, "E0101", whole, "unclosed");
  diag_error(&d, "E0102", (Span){s, 500, 500}, "unexpected end of file");
  diag_warning(&d, "W0001", SPAN_NONE, "no place");
  expect_print(&d, &m, DIAG_HUMAN, false,
               "error[E0101]: unclosed\n --> a.sep:1:1\n  |\n1 | fn f(x) {\n  | ^^^^^^^^^\n\n"
               "error[E0102]: unexpected end of file\n --> a.sep:2:11\n  |\n2 |   return x\n  |           ^\n\n"
               "warning[W0001]: no place\n\n");
  assert_int_equal(d.n_warnings, 1);
  release(&d, &m);
}

static void long_lines_are_cut_around_the_carets(void **state) {
  (void)state;
  char line[2000];
  memset(line, 'a', sizeof line);
  memcpy(line + 1000, "BAD", 3);
  SourceMap m = {0};
  DiagSink d = {0};
  uint32_t s = source_add(&m, "a.sep", line, sizeof line, false);
  diag_error(&d, "E0001", (Span){s, 1000, 1003}, "bad");
  char *text = NULL;
  size_t n = 0;
  FILE *out = open_memstream(&text, &n);
  diag_print(&d, &m, DIAG_HUMAN, false, out);
  fclose(out);
  assert_true(n < 600);
  char *shown = strstr(text, "BAD"), *carets = strstr(text, "^^^");
  assert_non_null(shown);
  assert_non_null(carets);
  char *line1 = shown, *line2 = carets;
  while (line1[-1] != '\n') line1--;
  while (line2[-1] != '\n') line2--;
  assert_int_equal(shown - line1, carets - line2);
  free(text);
  release(&d, &m);
}

static void json_is_one_object_a_line(void **state) {
  (void)state;
  SourceMap m = {0};
  DiagSink d = {0};
  uint32_t s = add_source(&m, "a.sep", "let x = yy\n", false);
  diag_error(&d, "E0201", find(&m, s, "yy"), "unknown name \"%s\"", "yy");
  diag_hint(&d, "did you mean `y`?");
  diag_note(&d, SPAN_NONE, "names\tin scope");
  expect_print(
      &d, &m, DIAG_JSON, true,
      "{\"severity\":\"error\",\"code\":\"E0201\",\"file\":\"a.sep\",\"line\":1,\"column\":9,\"end_line\":1,"
      "\"end_column\":11,\"message\":\"unknown name \\\"yy\\\"\",\"label\":null,\"hint\":\"did you mean `y`?\","
      "\"notes\":[{\"file\":null,\"message\":\"names\\u0009in scope\"}]}\n");
  release(&d, &m);
}

static void colours_are_codes_around_the_same_text(void **state) {
  (void)state;
  SourceMap m = {0};
  DiagSink d = {0};
  diag_error(&d, NULL, SPAN_NONE, "bad");
  expect_print(&d, &m, DIAG_HUMAN, true, "\033[1;31merror\033[0m\033[1m: bad\033[0m\n\n");
  release(&d, &m);
}

static void status_of_the_first_error_counts(void **state) {
  (void)state;
  DiagSink d = {0};
  diag_error(&d, "E0901", SPAN_NONE, "missing file");
  diag_status(&d, EXIT_FILES);
  diag_error(&d, "E0301", SPAN_NONE, "shape");
  diag_status(&d, EXIT_USAGE);
  assert_int_equal(d.exit_status, EXIT_FILES);
  diag_sink_free(&d);
}

static void nearest_name(void **state) {
  (void)state;
  const char *names[] = {"relu", "leaky_relu", "softmax", "log_softmax", "mean", "sum"};
  assert_string_equal(diag_nearest("rleu", names, 6), "relu");
  assert_string_equal(diag_nearest("sofmax", names, 6), "softmax");
  assert_string_equal(diag_nearest("maen", names, 6), "mean");
  assert_string_equal(diag_nearest("W", (const char *[]){"x", "w"}, 2), "w");
  assert_null(diag_nearest("transpose", names, 6));
  assert_string_equal(diag_nearest("widht", (const char *[]){"widths"}, 1), "widths");
  assert_null(diag_nearest("cat", (const char *[]){"cov", "cos"}, 2));
  assert_null(diag_nearest("q", names, 6));
  assert_null(diag_nearest("", names, 6));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(positions_count_code_points),
      cmocka_unit_test(human_shows_line_carets_label_and_hint),
      cmocka_unit_test(library_errors_point_at_the_call_first),
      cmocka_unit_test(several_lines_end_of_file_and_no_place),
      cmocka_unit_test(long_lines_are_cut_around_the_carets),
      cmocka_unit_test(json_is_one_object_a_line),
      cmocka_unit_test(colours_are_codes_around_the_same_text),
      cmocka_unit_test(status_of_the_first_error_counts),
      cmocka_unit_test(nearest_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
