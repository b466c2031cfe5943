#include "frontend/syntax/parser.h"
#include "tests/support/files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Parsed {
  SourceMap sources;
  DiagSink sink;
  Ast *ast;
} Parsed;

static Parsed parse(const char *text, size_t n) {
  Parsed r = {0};
  uint32_t k = source_add(&r.sources, "test.sep", text, n, false);
  r.ast = parse_source(&r.sources, k, &r.sink);
  return r;
}

static void drop(Parsed *r) {
  ast_free(r->ast);
  diag_sink_free(&r->sink);
  source_map_free(&r->sources);
}

/* The value of `let x = TEXT`, written with every operation in parentheses. */
static void show(const Expr *e, char *out, size_t cap) {
  static const char *const ops[] = {"+",  "-",  "*", "/",  "//", "%",  "^",   "@",
                                    "==", "!=", "<", "<=", ">",  ">=", "and", "or"};
  char a[256] = "", b[256] = "";
  if (e->a) show(e->a, a, sizeof a);
  if (e->b) show(e->b, b, sizeof b);
  switch (e->kind) {
  case EXPR_BINARY: snprintf(out, cap, "(%.100s %s %.100s)", a, ops[e->bin], b); break;
  case EXPR_UNARY: snprintf(out, cap, "(%s%.100s)", e->un == UN_NEG ? "-" : "not ", a); break;
  case EXPR_RANGE: snprintf(out, cap, "(%.100s .. %.100s)", a, b); break;
  case EXPR_CALL: snprintf(out, cap, "%.100s()", a); break;
  case EXPR_MEMBER: snprintf(out, cap, "%.100s.%s", a, e->name.text); break;
  case EXPR_INDEX: snprintf(out, cap, "%.100s[]", a); break;
  default: snprintf(out, cap, "%s", e->name.text); break;
  }
}

static void binds(const char *text, const char *expected) {
  char source[256], out[256];
  snprintf(source, sizeof source, "let x = %s\n", text);
  Parsed r = parse(source, strlen(source));
  assert_int_equal(r.sink.n_errors, 0);
  show(r.ast->file.stmt[0]->value, out, sizeof out);
  assert_string_equal(out, expected);
  drop(&r);
}

static void operators_bind_as_documented(void **state) {
  (void)state;
  binds("a + b * c", "(a + (b * c))");
  binds("a - b - c", "((a - b) - c)");
  binds("a ^ b ^ c", "(a ^ (b ^ c))");
  binds("-a ^ b", "(-(a ^ b))");
  binds("a ^ -b", "(a ^ (-b))");
  binds("-a @ b", "((-a) @ b)");
  binds("a // b % c / d", "(((a // b) % c) / d)");
  binds("not a == b and c or d", "(((not (a == b)) and c) or d)");
  binds("0..n - 1", "(0 .. (n - 1))");
  binds("a < b and b <= c", "((a < b) and (b <= c))");
  binds("f(x)(y).z[0] ^ 2", "(f()().z[] ^ 2)");
  binds("(a + b) * c", "((a + b) * c)");
}

static void every_construct_parses(void **state) {
  (void)state;
  const struct {
    const char *path;
    uint32_t statements;
  } files[] = {{"tests/golden/syntax/vae.sep", 8},
               {"tests/golden/syntax/gan.sep", 2},
               {"tests/golden/syntax/constructs.sep", 23}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    size_t n;
    char *text = file_need(files[i].path, &n);
    Parsed r = parse(text, n);
    diag_print(&r.sink, &r.sources, DIAG_HUMAN, false, stderr);
    assert_int_equal(r.sink.n_errors, 0);
    assert_int_equal(r.ast->file.n, files[i].statements);
    drop(&r);
    free(text);
  }
}

/* A statement after a wrong one is still read, and each mistake is reported. */
static void recovers_and_goes_on(void **state) {
  (void)state;
  const char *text =
      "let a = (1 + \nlet b = 2\nlet = 3\nfn f(x) {\n  y = x +* 2\n  z = y\n  return z\n}\nlet c = a b\nlet d = 4\n";
  Parsed r = parse(text, strlen(text));
  assert_int_equal(r.sink.n_errors, 4);
  assert_int_equal(r.ast->file.n, 3);
  assert_string_equal(r.ast->file.stmt[0]->name.text, "b");
  assert_int_equal(r.ast->file.stmt[1]->func->body.n, 2);
  assert_string_equal(r.ast->file.stmt[2]->name.text, "d");
  drop(&r);
}

static void interpolates(void **state) {
  (void)state;
  const char *text = "let s = \"a {x[0:2]:.3f} \\{b\\}\\n\"\n";
  Parsed r = parse(text, strlen(text));
  assert_int_equal(r.sink.n_errors, 0);
  const Expr *e = r.ast->file.stmt[0]->value;
  assert_int_equal(e->n, 3);
  assert_string_equal(e->part[0].text, "a ");
  assert_int_equal(e->part[1].value->kind, EXPR_INDEX);
  assert_string_equal(e->part[1].format, ".3f");
  assert_string_equal(e->part[2].text, " {b}\n");
  drop(&r);
}

static bool reports(const DiagSink *sink, const char *code) {
  for (uint32_t i = 0; i < sink->diag.n; i++)
    if (sink->diag.at[i].code && !strcmp(sink->diag.at[i].code, code)) return true;
  return false;
}

static void deep_nesting_is_an_error(void **state) {
  (void)state;
  enum { N = 20000 };
  const char *const units[] = {"(", "[", "-", "f(", "2^", "if ", "fn(x) = ", "1+", "not ", "x[", "repeat 2 { y = "};
  char *text = malloc(N * 20);
  for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
    strcpy(text, "let x = ");
    char *end = text + strlen(text);
    for (int i = 0; i < N; i++) end = stpcpy(end, units[u]);
    Parsed r = parse(text, (size_t)(end - text));
    assert_true(reports(&r.sink, "E0116"));
    drop(&r);
  }
  free(text);
}

/* Garbage is given up early: neither time nor messages grow with it. */
static void garbage_is_given_up(void **state) {
  (void)state;
  enum { N = 400000 };
  char *text = malloc(N);
  for (int i = 0; i < N; i++) text[i] = "let = $ ) \n\x01\x7f{"[i % 14];
  Parsed r = parse(text, N);
  assert_in_range(r.sink.n_errors, 10, 200);
  drop(&r);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operators_bind_as_documented), cmocka_unit_test(every_construct_parses),
      cmocka_unit_test(recovers_and_goes_on),         cmocka_unit_test(interpolates),
      cmocka_unit_test(deep_nesting_is_an_error),     cmocka_unit_test(garbage_is_given_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
