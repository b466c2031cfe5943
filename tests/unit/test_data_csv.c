/* Tables: columns and labels, forms of CSV, and every line that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/data/number.h"
#include "tests/support/data_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char houses[] = "area,\"rooms, all\",kind,price\r\n"
                             "100.5,3,\"a \"\"big\"\" one\",1e5\r\n"
                             " -2 ,4,small,0.1\n"
                             "\n"
                             "7,.5,small,123456789012345678901234567890";

static void csv_columns(void **state) {
  DataWorld *w = *state;
  world_put(w, "h.csv", houses, sizeof houses - 1);
  static const char *const columns[] = {"rooms, all", "area"};
  DataOption o[] = {text_option(NULL, "h.csv"),
                    text_option("target", "price"),
                    text_option("label", "kind"),
                    {.name = "columns", .kind = DATA_STRINGS, .n = 2, .strings = columns}};
  DataSource *d = world_open_with(w, "csv", o, 4);
  world_no_errors(w);
  static const double x[] = {3, 100.5, 4, -2, .5, 7}, y[] = {1e5, 0.1, 123456789012345678901234567890.0};
  assert_memory_equal(world_load(w, d, NULL, "x"), x, sizeof x);
  assert_memory_equal(world_load(w, d, NULL, "y"), y, sizeof y);
  static const int32_t label[] = {0, 1, 1};
  assert_memory_equal(world_load(w, d, NULL, "label"), label, sizeof label);
  assert_string_equal(d->fact[0].name, "classes");
  assert_int_equal(d->fact[0].value, 2);
  data_close(d);
  d = world_open_with(w, "csv", o, 3); /* without `columns`: all that are left */
  assert_int_equal(data_field_find(&d->split[0], "x")->dim[1], 2);
  assert_true(((const double *)world_load(w, d, NULL, "x"))[0] == 100.5);
  data_close(d);
}

static void csv_forms(void **state) {
  DataWorld *w = *state;
  static const char curve[] = "\xef\xbb\xbft (s);value\n0;1\n1;2.5\n";
  world_put(w, "c.csv", curve, sizeof curve - 1);
  DataOption o[] = {text_option(NULL, "c.csv"), text_option("separator", ";"), {.name = "header", .kind = DATA_BOOL}};
  DataSource *d = world_open_with(w, "csv", o, 2);
  world_no_errors(w);
  assert_true(((const double *)world_load(w, d, NULL, "value"))[1] == 2.5);
  assert_int_equal(data_field_find(&d->split[0], "t_s")->rank, 1);
  data_close(d);
  world_put(w, "c.csv", "1;2;10\n3;4;30\n", 14);
  DataOption last[] = {o[0], o[1], o[2], number_option("label", -1)};
  d = world_open_with(w, "csv", last, 4);
  world_no_errors(w);
  static const double x[] = {1, 2, 3, 4};
  static const int32_t label[] = {0, 1};
  assert_memory_equal(world_load(w, d, NULL, "x"), x, sizeof x);
  assert_memory_equal(world_load(w, d, NULL, "label"), label, sizeof label);
  data_close(d);
  last[3] = text_option("scale", "standard");
  d = world_open_with(w, "csv", last, 4);
  world_no_errors(w);
  static const double scaled[] = {-1, -1, -1, 1, 1, 1};
  assert_memory_equal(world_load(w, d, NULL, "x"), scaled, sizeof scaled);
  data_close(d);
  free(file_write_gz(w->folder, "c.csv.gz", "a,b\n1,2\n", 8));
  d = world_open(w, "csv", "c.csv.gz");
  world_no_errors(w);
  assert_true(((const double *)world_load(w, d, NULL, "b"))[0] == 2);
  data_close(d);
}

static void csv_refused(void **state) {
  DataWorld *w = *state;
  static const struct {
    const char *text, *says;
  } cases[] = {
      {"", "holds no rows"},
      {"\n\n", "holds no rows"},
      {"a,b\n", "holds no rows"},
      {"a,b\n1,2\n3\n", "c.csv: 3: 1 cells where the first line has 2"},
      {"a,b\n1,2\n3,4,5\n", "3: 3 cells where the first line has 2"},
      {"a,b\n1,2\n3, x\n", "3:3: `x` is not a number (column `b`)"},
      {"a,b\n1,\n", "2:3: an empty cell"},
      {"a,b\n1,nan\n", "`nan` is not a number"},
      {"a,b\n1,0x10\n", "`0x10` is not a number"},
      {"a,b\n1,1e999\n", "`1e999` is not a number"},
      {"a,b\n1,\"2\n", "2:3: a quoted cell has no end"},
      {"a,b\n1,\"2\"3\n", "2:6: text behind a closing quote"},
      {"a,a\n1,2\n", "two columns are named `a`"},
      {"a,b\n\"x\ny\",1\n3,z\n", "2:1: `x\ny` is not a number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    world_put(w, "c.csv", cases[i].text, strlen(cases[i].text));
    assert_null(world_open(w, "csv", "c.csv"));
    world_expect_error(w, EXIT_FILES, cases[i].says);
  }
  world_forget(w);
  world_put(w, "h.csv", houses, sizeof houses - 1);
  DataOption o[] = {text_option(NULL, "h.csv"), text_option("target", "prise")};
  assert_null(world_open_with(w, "csv", o, 2));
  world_expect_error(w, EXIT_MODEL, "no column `prise`");
  assert_string_equal(vec_last(&w->sink.diag).hint, "did you mean `price`?");
  o[1] = number_option("target", 4);
  assert_null(world_open_with(w, "csv", o, 2));
  world_expect_error(w, EXIT_MODEL, "no column 4");
  o[1] = text_option("separator", "e");
  assert_null(world_open_with(w, "csv", o, 2));
  world_expect_error(w, EXIT_MODEL, "`separator`");
  world_put(w, "c.csv", "1,2\n3,4\n", 8);
  data_close(world_open(w, "csv", "c.csv"));
  assert_int_equal(w->sink.n_warnings, 1);
}

/* Cut anywhere, a table either reads (a shorter last number is still a number) or is refused; it never crashes. */
static void csv_cut_anywhere(void **state) {
  DataWorld *w = *state;
  DataOption o[] = {text_option(NULL, "cut.csv"), text_option("label", "kind")};
  for (size_t i = 0; i < sizeof houses; i++) {
    world_put(w, "cut.csv", houses, i);
    world_forget(w);
    DataSource *d = world_open_with(w, "csv", o, 2);
    assert_true(d || w->sink.n_errors == 1);
    data_close(d);
  }
}

/* The fast reading of decimals and the C library's agree to the last bit. */
static void decimals_are_exact(void **state) {
  DataWorld *w = *state;
  uint64_t seed = 1;
  for (int i = 0; i < 20000; i++) {
    char s[64];
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    int digits = 1 + (int)(seed >> 60), exponent = (int)(seed >> 40 & 63) - 32;
    snprintf(s, sizeof s, "%.*ge%d", digits + 4, (double)(seed >> 11) * 0x1p-40, exponent);
    char *e = strchr(s, 'e'), *second = e ? strchr(e + 1, 'e') : NULL;
    if (second) continue; /* the number printed with an exponent of its own */
    double v;
    assert_true(number_parse(s, strlen(s), &v));
    assert_true(v == strtod(s, NULL));
  }
  (void)w;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WORLD_TEST(csv_columns),      WORLD_TEST(csv_forms),          WORLD_TEST(csv_refused),
      WORLD_TEST(csv_cut_anywhere), WORLD_TEST(decimals_are_exact),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
