/* NPY and NPZ: recorded files, headers written by hand, every file cut or changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "tests/support/data_world.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void npy_arrays(void **state) {
  DataWorld *w = *state;
  static const double quarters[] = {0, .25, .5, .75, 1, 1.25};
  w->env.base_dir = "tests/data";
  static const char *const same[] = {"f64.npy", "fortran.npy"};
  for (int i = 0; i < 2; i++) {
    DataSource *d = world_open(w, "npy", same[i]);
    world_no_errors(w);
    DataField *f = &d->split[0].field[0];
    assert_true(f->rank == 2 && f->dim[0] == 2 && f->dim[1] == 3 && f->dtype == DT_F64 && !f->integer);
    assert_memory_equal(world_load(w, d, NULL, "x"), quarters, sizeof quarters);
    data_close(d);
  }
  static const float halves[] = {0.5f, -2, 65504, 0x1p-24f, INFINITY};
  DataSource *d = world_open(w, "npy", "f16.npy");
  assert_memory_equal(world_load(w, d, NULL, "x"), halves, sizeof halves);
  data_close(d);
  static const int32_t wide[] = {-5, 2147483647, 7}, big[] = {-2, 258};
  d = world_open(w, "npy", "i64.npy");
  assert_true(d->split[0].field[0].integer);
  assert_memory_equal(world_load(w, d, NULL, "x"), wide, sizeof wide);
  data_close(d);
  d = world_open(w, "npy", "big_i16.npy");
  assert_memory_equal(world_load(w, d, NULL, "x"), big, sizeof big);
  data_close(d);
  d = world_open(w, "npy", "fortran3.npy");
  const int32_t *v = world_load(w, d, NULL, "x");
  for (int i = 0; i < 24; i++) assert_int_equal(v[i], i);
  data_close(d);
}

static void npy_refused(void **state) {
  DataWorld *w = *state;
  w->env.base_dir = "tests/data";
  assert_null(world_open(w, "npy", "complex.npy"));
  world_expect_error(w, EXIT_FILES, "type `<c16`");
  assert_null(world_open(w, "npy", "scalar.npy"));
  world_expect_error(w, EXIT_FILES, "a scalar has no rows");
  DataSource *d = world_open(w, "npy", "i64_wide.npy");
  assert_null(world_load(w, d, NULL, "x"));
  world_expect_error(w, EXIT_FILES, "element 1 does not fit");
  data_close(d);
}

/* An NPY file whose header is this dict. */
static void put_npy(DataWorld *w, const char *dict, size_t data) {
  StrBuf b = {0};
  size_t n = strlen(dict);
  sb_write(&b, "\x93NUMPY\x01", 7);
  sb_putc(&b, 0);
  sb_putc(&b, (char)(n & 255));
  sb_putc(&b, (char)(n >> 8));
  sb_puts(&b, dict);
  for (size_t i = 0; i < data; i++) sb_putc(&b, 0);
  world_put(w, "hand.npy", b.s, b.n);
  sb_free(&b);
}

static void npy_headers(void **state) {
  DataWorld *w = *state;
  put_npy(w, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8);
  DataSource *d = world_open(w, "npy", "hand.npy");
  world_no_errors(w);
  assert_non_null(world_load(w, d, NULL, "x"));
  data_close(d);
  static const struct {
    const char *dict, *says;
  } cases[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", "8 bytes of data where its shape [3] needs 12"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999,999999999999), }", "absurd shape"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (0,99999999999999999999999), }", "absurd shape"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2), }", "malformed"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "malformed"},
      {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", "malformed"},
      {"{'descr': '<f4', 'shape': (2,), }", "malformed"},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 3}", "malformed"},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "type `a record`"},
      {"{'descr': '<f9', 'fortran_order': False, 'shape': (2,), }", "type `<f9`"},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "type `|O`"},
      {"{'descr", "malformed"},
      {"", "malformed"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put_npy(w, cases[i].dict, 8);
    assert_null(world_open(w, "npy", "hand.npy"));
    world_expect_error(w, EXIT_FILES, cases[i].says);
  }
}

static void truncate_recorded(DataWorld *w, const char *kind, const char *file) {
  StrBuf path = {0};
  size_t n;
  sb_printf(&path, "tests/data/%s", file);
  char *all = file_read(path.s, &n);
  assert_non_null(all);
  w->env.no_cache = true;
  world_truncate_everywhere(w, kind, "cut", all, n);
  free(all);
  sb_free(&path);
}

static void npy_truncated(void **state) { truncate_recorded(*state, "npy", "fortran.npy"); }

static void npz_truncated(void **state) { truncate_recorded(*state, "npz", "plain.npz"); }

static void npz_archives(void **state) {
  DataWorld *w = *state;
  w->env.base_dir = "tests/data";
  for (int pass = 0; pass < 2; pass++) { /* into the cache, out of it */
    DataSource *d = world_open(w, "npz", "splits.npz");
    world_no_errors(w);
    assert_int_equal(d->n_splits, 2);
    const uint8_t *x = world_load(w, d, "train", "x");
    for (int i = 0; i < 12; i++) assert_int_equal(x[i], i);
    const int32_t *y = world_load(w, d, "test", "y");
    assert_true(y[0] == 0 && y[1] == 1);
    assert_int_equal(data_split_find(d, "test")->rows, 2);
    data_close(d);
  }
  assert_null(world_open(w, "npz", "plain.npz"));
  world_expect_error(w, EXIT_FILES, "differ in their number of rows");
  world_forget(w);
  static const char *const two[] = {"x", "y"}, *const wrong[] = {"z"};
  DataOption o[] = {text_option(NULL, "plain.npz"), {.name = "fields", .kind = DATA_STRINGS, .n = 2, .strings = two}};
  DataSource *d = world_open_with(w, "npz", o, 2);
  world_no_errors(w);
  assert_true(((const float *)world_load(w, d, NULL, "y"))[1] == 1.5f);
  data_close(d);
  o[1] = (DataOption){.name = "fields", .kind = DATA_STRINGS, .n = 1, .strings = wrong};
  assert_null(world_open_with(w, "npz", o, 2));
  world_expect_error(w, EXIT_MODEL, "no array `z`");
}

/* Every byte of an archive changed: refused, or the very same numbers (bytes that ZIP readers ignore). */
static void npz_corrupt(void **state) {
  DataWorld *w = *state;
  size_t n;
  char *all = file_read("tests/data/splits.npz", &n);
  w->env.no_cache = true;
  for (size_t i = 0; i < n; i++) {
    all[i] ^= 0x55;
    world_put(w, "flip.npz", all, n);
    all[i] ^= 0x55;
    world_forget(w);
    DataSource *d = world_open(w, "npz", "flip.npz");
    DataSplit *s = d ? data_split_find(d, "train") : NULL;
    DataField *f = s ? data_field_find(s, "x") : NULL;
    const uint8_t *x = f ? data_load(d, f, &w->sink, SPAN_NONE) : NULL;
    if (x) {
      for (int k = 0; k < 12; k++) assert_int_equal(x[k], k);
    } else {
      assert_true(w->sink.n_errors == 0 || w->sink.exit_status == EXIT_FILES);
    }
    data_close(d);
  }
  free(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WORLD_TEST(npy_arrays),   WORLD_TEST(npy_refused),   WORLD_TEST(npy_headers), WORLD_TEST(npy_truncated),
      WORLD_TEST(npz_archives), WORLD_TEST(npz_truncated), WORLD_TEST(npz_corrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
