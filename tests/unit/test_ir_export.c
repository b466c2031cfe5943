/* DOT, JSON and the op reference. */
#include "ir/build.h"
#include "ir/reference.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "rows d : 100\n"
                           "param enc.W : f32[3, 4]\n"
                           "task train \"a \\\"b\\\"\" on d {\n"
                           "  batch 10\n"
                           "  step {\n"
                           "    %0 = cell enc.W : f32[3, 4] ; say \"hello\"\n"
                           "    %1 = const inf : f32[]\n"
                           "    %2 = const [1, 2, 18446744073709551615] : u64[3]\n"
                           "    %3 = scan %1, %0 {count=3, n_carry=1, n_xs=1, n_consts=0, n_ys=0} : (f32[]) body {\n"
                           "      %0 = param : i64[]\n"
                           "      %1 = param : f32[]\n"
                           "      %2 = param : f32[4]\n"
                           "      %3 = reduce_sum %2 {axes=[0]} : f32[]\n"
                           "      %4 = add %1, %3 : f32[]\n"
                           "      return %4\n"
                           "    }\n"
                           "    %4 = proj %3 {index=0} : f32[]\n"
                           "    %5 = exp %0 : f32[3, 4]\n"
                           "    cell enc.W = %5\n"
                           "    check = %4\n"
                           "    value 0 = %4\n"
                           "  }\n"
                           "  at end { log \"a\" values 0 \"x\" }\n"
                           "}\n";

static SourceMap map;
static DiagSink sink;
static Module *m;

static int begin(void **state) {
  (void)state;
  m = ir_parse(&map, source_add(&map, "t.ir", text, strlen(text), false), &sink);
  return m ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  ir_module_free(m);
  diag_sink_free(&sink);
  source_map_free(&map);
  map = (SourceMap){0};
  return 0;
}

/* Every end of an edge is a node that was drawn. */
static void check_edges(const char *dot) {
  for (const char *p = dot; (p = strstr(p, " -> ")); p++) {
    const char *from = p;
    while (from[-1] != ' ') from--;
    char name[2][40], want[128];
    snprintf(name[0], sizeof name[0], "%.*s", (int)(p - from), from);
    snprintf(name[1], sizeof name[1], "%.*s", (int)strcspn(p + 4, " ;"), p + 4);
    for (int i = 0; i < 2; i++) {
      snprintf(want, sizeof want, " %s [label=", name[i]);
      assert_non_null(strstr(dot, want));
    }
  }
}

static void dot_marks_inputs_outputs_and_loops(void **state) {
  (void)state;
  StrBuf b = {0};
  ir_print_dot(m, IR_NONE, &b);
  assert_non_null(strstr(b.s, "label=\"cell enc.W\\nf32[3, 4]\", shape=box3d"));
  assert_non_null(strstr(b.s, "label=\"new enc.W\", shape=octagon"));
  assert_non_null(strstr(b.s, "label=\"body of %3\""));
  assert_non_null(strstr(b.s, "label=\"carry\\nf32[]\""));
  assert_non_null(strstr(b.s, "label=\"a \\\"b\\\": train\""));
  assert_non_null(strstr(b.s, "\\n%5 = exp %0 : f32[3, 4]\", shape=box")); /* the source line */
  assert_non_null(strstr(b.s, "label=\"inf\", shape=plaintext"));
  check_edges(b.s);
  int depth = 0, quotes = 0;
  for (const char *p = b.s; *p; p++) {
    if (*p == '\\')
      p++;
    else if (*p == '"')
      quotes ^= 1;
    else if (!quotes)
      depth += (*p == '{') - (*p == '}');
  }
  assert_int_equal(depth, 0);
  assert_int_equal(quotes, 0);
  sb_free(&b);
}

static json_t *at(json_t *o, const char *key, size_t i) { return json_array_get(json_object_get(o, key), i); }

static const char *word(json_t *o, const char *key) { return json_string_value(json_object_get(o, key)); }

static void json_says_what_the_text_says(void **state) {
  (void)state;
  StrBuf b = {0};
  ir_print_json(m, IR_NONE, &b);
  json_t *o = json_loads(b.s, 0, NULL);
  assert_non_null(o);
  sb_free(&b);
  assert_string_equal(word(at(o, "cells", 0), "name"), "enc.W");
  json_t *task = at(o, "tasks", 0), *step = json_object_get(task, "step");
  assert_string_equal(word(task, "name"), "a \"b\"");
  assert_int_equal(json_integer_value(json_object_get(task, "batch")), 10);
  assert_int_equal(json_array_size(json_object_get(step, "nodes")), 6);
  json_t *scan = at(step, "nodes", 3), *body = json_object_get(scan, "body");
  assert_string_equal(word(scan, "op"), "scan");
  assert_int_equal(json_array_size(json_object_get(body, "nodes")), 5);
  assert_int_equal(json_integer_value(json_object_get(json_object_get(scan, "attributes"), "count")), 3);
  json_t *value = json_object_get(json_object_get(at(step, "nodes", 2), "attributes"), "value");
  assert_string_equal(json_string_value(json_array_get(value, 2)), "18446744073709551615");
  assert_int_equal(json_integer_value(json_array_get(value, 1)), 2);
  value = json_object_get(json_object_get(at(step, "nodes", 1), "attributes"), "value");
  assert_string_equal(json_string_value(value), "inf");
  json_t *place = json_object_get(at(step, "nodes", 5), "place");
  assert_string_equal(word(place, "file"), "t.ir");
  assert_int_equal(json_integer_value(json_object_get(place, "line")), 18);
  assert_string_equal(word(at(step, "outputs", 1), "kind"), "check");
  json_decref(o);
}

static void the_reference_has_every_op(void **state) {
  (void)state;
  StrBuf b = {0};
  ir_print_reference(&b);
  char want[64];
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    snprintf(want, sizeof want, "### %s\n\n", op_table[op].name);
    assert_non_null(strstr(b.s, want));
    assert_non_null(strstr(b.s, op_table[op].meaning));
  }
  assert_non_null(strstr(b.s, "    %y = slice %a {lo=.., hi=.., step=..}\n"));
  sb_free(&b);
}

static char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  StrBuf b = {0};
  for (int c; (c = fgetc(f)) != EOF;) sb_putc(&b, (char)c);
  fclose(f);
  return sb_take(&b);
}

/* When this fails: `./dev docs` writes the part of docs/ir.md below "## Leaves" anew. */
static void the_page_holds_the_reference(void **state) {
  (void)state;
  StrBuf b = {0};
  ir_print_reference(&b);
  char *page = read_file("docs/ir.md"), *ops = strstr(page, "\n## Leaves");
  assert_non_null(ops);
  assert_string_equal(ops + 1, b.s);
  sb_free(&b);
  free(page);
}

/* The lines of the page's first example, without their indentation. */
static char *page_example(const char *page) {
  StrBuf b = {0};
  const char *p = strstr(page, "## A module\n\n");
  for (p = p ? p + 13 : ""; *p == '\n' || !strncmp(p, "    ", 4); p += strcspn(p, "\n") + 1) {
    const char *line = *p == '\n' ? p : p + 4;
    sb_write(&b, line, strcspn(line, "\n") + 1);
  }
  b.n--; /* the blank line that ends the example */
  b.s[b.n] = 0;
  return sb_take(&b);
}

static void the_page_s_example_reads(void **state) {
  (void)state;
  char *page = read_file("docs/ir.md"), *example = page_example(page);
  SourceMap sources = {0};
  Module *x = ir_parse(&sources, source_add(&sources, "docs/ir.md", example, strlen(example), false), &sink);
  if (!x) diag_print(&sink, &sources, DIAG_HUMAN, false, stderr);
  assert_non_null(x);
  assert_true(ir_verify(x, &sink));
  StrBuf b = {0};
  ir_print(x, IR_NONE, &b);
  assert_string_equal(b.s, example);
  sb_free(&b);
  ir_module_free(x);
  source_map_free(&sources);
  free(example);
  free(page);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(dot_marks_inputs_outputs_and_loops),     TEST(json_says_what_the_text_says),
      cmocka_unit_test(the_reference_has_every_op), cmocka_unit_test(the_page_holds_the_reference),
      cmocka_unit_test(the_page_s_example_reads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
