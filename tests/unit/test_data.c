/* Data sources: what is opened, what it says, and every broken file answered by a diagnostic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "runtime/data.h"
#include "runtime/data/number.h"
#include "tests/support/files.h"
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A folder with its own cache, and a sink. */
typedef struct World {
  char *folder;
  DataEnv env;
  DiagSink sink;
} World;

static int setup(void **state) {
  World *w = calloc(1, sizeof *w);
  w->folder = folder_new();
  w->env = (DataEnv){.base_dir = w->folder, .cache_dir = w->folder};
  *state = w;
  return 0;
}

static int teardown(void **state) {
  World *w = *state;
  folder_remove(w->folder);
  diag_sink_free(&w->sink);
  free(w);
  return 0;
}

static void put(World *w, const char *name, const void *bytes, size_t n) {
  free(file_write(w->folder, name, bytes, n));
}

static DataOption text_option(const char *name, const char *s) {
  return (DataOption){.name = name, .kind = DATA_STRING, .string = s};
}
static DataOption number_option(const char *name, double v) {
  return (DataOption){.name = name, .kind = DATA_NUMBER, .number = v};
}
static DataOption list_option(const char *name, const double *v, uint32_t n) {
  return (DataOption){.name = name, .kind = DATA_NUMBERS, .numbers = v, .n = n};
}

static DataSource *open_with(World *w, const char *kind, const DataOption *o, uint32_t n) {
  return data_open(kind, o, n, &w->env, &w->sink, SPAN_NONE);
}

static DataSource *open_file(World *w, const char *kind, const char *file) {
  DataOption o = text_option(NULL, file);
  return open_with(w, kind, &o, 1);
}

static const void *load(World *w, DataSource *d, const char *split, const char *field) {
  DataField *f = data_field_find(data_split_find(d, split), field);
  assert_non_null(f);
  return data_load(d, f, &w->sink, SPAN_NONE);
}

/* The latest error has this status and mentions this text. */
static void expect_error(World *w, int status, const char *text) {
  assert_true(w->sink.n_errors > 0);
  assert_int_equal(w->sink.exit_status, status);
  const Diag *d = &vec_last(&w->sink.diag);
  if (!strstr(d->message, text)) fail_msg("message is `%s`, not about `%s`", d->message, text);
}

/* Starts a new sink: the exit status of a sink is that of its first error. */
static void forget(World *w) {
  diag_sink_free(&w->sink);
  w->sink = (DiagSink){0};
}

static void no_errors(World *w) {
  if (w->sink.n_errors > 0) fail_msg("unexpected: %s", w->sink.diag.at[0].message);
}

/* ---------------------------------------------------------------- IDX */

/* Two images of 2x3 and two labels. */
static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0,   0,   0,   2,   0,   0,
                                 0, 3, 0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 3};

static void check_idx(World *w, const char *x, const char *label) {
  DataOption o[] = {text_option("x", x), text_option("label", label)};
  DataSource *d = open_with(w, "idx", o, 2);
  no_errors(w);
  assert_non_null(d);
  DataSplit *s = data_split_find(d, NULL);
  assert_int_equal(s->rows, 2);
  DataField *f = data_field_find(s, "x");
  assert_int_equal(f->rank, 3);
  assert_int_equal(f->dim[2], 3);
  assert_int_equal(f->dtype, DT_U8);
  assert_false(f->integer);
  assert_true(f->mul == 1 && f->add == 0 && f->div == 255);
  assert_memory_equal(load(w, d, NULL, "x"), images + 16, 12);
  assert_true(data_field_find(s, "label")->integer);
  assert_memory_equal(load(w, d, NULL, "label"), labels + 8, 2);
  data_close(d);
}

static void idx_plain_and_gz(void **state) {
  World *w = *state;
  put(w, "x", images, sizeof images);
  put(w, "y", labels, sizeof labels);
  free(file_write_gz(w->folder, "x.gz", images, sizeof images));
  free(file_write_gz(w->folder, "y.gz", labels, sizeof labels));
  check_idx(w, "x", "y");
  check_idx(w, "x.gz", "y.gz"); /* fills the cache */
  check_idx(w, "x.gz", "y.gz"); /* reads it */
  w->env.no_cache = true;
  check_idx(w, "x.gz", "y.gz");
}

static void idx_big_endian_types(void **state) {
  World *w = *state;
  static const uint8_t i16[] = {0, 0, 0x0B, 1, 0, 0, 0, 2, 0xff, 0xfe, 0x01, 0x02};
  static const uint8_t i8[] = {0, 0, 0x09, 1, 0, 0, 0, 2, 0xff, 0x7f};
  static const uint8_t f64[] = {0, 0, 0x0E, 1, 0, 0, 0, 1, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0};
  put(w, "i16", i16, sizeof i16);
  put(w, "i8", i8, sizeof i8);
  put(w, "f64", f64, sizeof f64);
  DataSource *d = open_file(w, "idx", "i16");
  const int32_t *v = load(w, d, NULL, "x");
  assert_int_equal(v[0], -2);
  assert_int_equal(v[1], 258);
  data_close(d);
  d = open_file(w, "idx", "i8");
  v = load(w, d, NULL, "x");
  assert_int_equal(v[0], -1);
  assert_int_equal(v[1], 127);
  data_close(d);
  d = open_file(w, "idx", "f64");
  assert_true(*(const double *)load(w, d, NULL, "x") == 1.5);
  data_close(d);
}

/* Opens and, where that works, loads: every prefix must end in a diagnostic with status 3. */
static void expect_broken(World *w, const char *kind, const char *file, size_t length) {
  forget(w);
  DataSource *d = open_file(w, kind, file);
  bool good = d != NULL;
  for (uint32_t i = 0; good && i < d->split[0].n_fields; i++)
    good = data_load(d, &d->split[0].field[i], &w->sink, SPAN_NONE) != NULL;
  data_close(d);
  if (good) fail_msg("%s cut to %zu bytes was accepted", file, length);
  assert_int_equal(w->sink.exit_status, EXIT_FILES);
  assert_true(w->sink.n_errors == 1);
}

static void truncate_everywhere(World *w, const char *kind, const char *name, const void *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) {
    put(w, name, bytes, i);
    expect_broken(w, kind, name, i);
  }
}

static void idx_truncated(void **state) {
  World *w = *state;
  truncate_everywhere(w, "idx", "cut", images, sizeof images);
  size_t n;
  char *path = file_write_gz(w->folder, "whole.gz", images, sizeof images);
  char *gz = file_read(path, &n);
  truncate_everywhere(w, "idx", "cut.gz", gz, n);
  free(gz);
  free(path);
}

/* Every byte of the gzip file changed in turn: an error, or (in fields gzip ignores) the very same data. */
static void idx_corrupt_gz(void **state) {
  World *w = *state;
  size_t n;
  char *path = file_write_gz(w->folder, "whole.gz", images, sizeof images);
  char *gz = file_read(path, &n);
  w->env.no_cache = true;
  for (size_t i = 0; i < n; i++) {
    for (int bit = 0; bit < 8; bit++) {
      gz[i] ^= (char)(1 << bit);
      put(w, "flip.gz", gz, n);
      gz[i] ^= (char)(1 << bit);
      forget(w);
      DataSource *d = open_file(w, "idx", "flip.gz");
      const void *x = d ? load(w, d, NULL, "x") : NULL;
      if (x)
        assert_memory_equal(x, images + 16, 12);
      else
        assert_int_equal(w->sink.exit_status, EXIT_FILES);
      data_close(d);
    }
  }
  free(gz);
  free(path);
}

static void idx_absurd(void **state) {
  World *w = *state;
  static const struct {
    uint8_t bytes[16];
    const char *says;
  } cases[] = {
      {{0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}, "absurd shape"},
      {{0, 0, 8, 3, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255}, "absurd shape"},
      {{0, 0, 8, 1, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, "too short for its shape [1048576]"},
      {{0, 0, 8, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}, "6 bytes too long"},
      {{0, 0, 7, 1, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}, "not an IDX file"},
      {{0, 0, 8, 0, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}, "not an IDX file"},
      {{0, 0, 8, 9, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}, "not an IDX file"},
      {{'P', 'K', 3, 4, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8}, "not an IDX file: it starts with 50 4b 03 04"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put(w, "absurd", cases[i].bytes, 16);
    assert_null(open_file(w, "idx", "absurd"));
    expect_error(w, EXIT_FILES, cases[i].says);
  }
  uint8_t huge[16] = {0, 0, 8, 2, 0, 0x0f, 0, 0, 0, 0x0f, 0, 0};
  free(file_write_gz(w->folder, "huge.gz", huge, sizeof huge));
  assert_null(open_file(w, "idx", "huge.gz"));
  expect_error(w, EXIT_FILES, "too short for its shape [983040, 983040]");
}

static void missing_files(void **state) {
  World *w = *state;
  assert_null(open_file(w, "idx", "nowhere"));
  expect_error(w, EXIT_FILES, "no file `nowhere`");
  assert_null(open_file(w, "idx", "/nowhere/at/all"));
  expect_error(w, EXIT_FILES, "/nowhere/at/all");
  assert_null(open_file(w, "idx", "."));
  expect_error(w, EXIT_FILES, "is not a file");
}

/* A cache entry that was cut or scribbled on is not used. */
static void cache_damage(void **state) {
  World *w = *state;
  free(file_write_gz(w->folder, "x.gz", images, sizeof images));
  free(file_write_gz(w->folder, "y.gz", labels, sizeof labels));
  check_idx(w, "x.gz", "y.gz");
  StrBuf command = {0};
  sb_printf(&command, "for f in %s/data/*; do truncate -s 4100 $f; done", w->folder);
  assert_int_equal(system(command.s), 0);
  sb_free(&command);
  check_idx(w, "x.gz", "y.gz");
}

/* Entries of about 4.2 KB each under a limit of 10 KB: two stay, the one not used for longest goes. */
static void cache_is_bounded(void **state) {
  World *w = *state;
  static const char *const names[] = {"a.gz", "b.gz", "c.gz"};
  w->env.cache_limit = 10000;
  for (int i = 0; i < 3; i++) free(file_write_gz(w->folder, names[i], images, sizeof images));
  for (int i = 0; i < 3; i++) {
    DataSource *d = open_file(w, "idx", names[i]);
    assert_memory_equal(load(w, d, NULL, "x"), images + 16, 12);
    data_close(d);
    StrBuf command = {0};
    sb_printf(&command, "test $(ls %s/data | wc -l) = %d && touch -d '1 hour ago' %s/data/*", w->folder,
              i < 2 ? i + 1 : 2, w->folder);
    assert_int_equal(system(command.s), 0);
    sb_free(&command);
  }
  no_errors(w);
}

/* ---------------------------------------------------------------- options */

static void wrong_options(void **state) {
  World *w = *state;
  put(w, "x", images, sizeof images);
  static const double backwards[] = {1, 0}, odd[] = {5, 5};
  const struct {
    DataOption o;
    const char *says;
  } cases[] = {
      {number_option("x", 3), "`x` must be a string"},
      {text_option("scale", "normal"), "`scale` is [lo, hi] or \"standard\""},
      {list_option("scale", backwards, 2), "lo < hi"},
      {list_option("shape", odd, 2), "as many elements"},
      {number_option("shape", 2.5), "whole number"},
      {text_option(NULL, "x"), "takes one positional argument"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    DataOption o[] = {text_option(NULL, "x"), cases[i].o};
    assert_null(open_with(w, "idx", o, 2));
    expect_error(w, EXIT_MODEL, cases[i].says);
  }
  DataOption typo[] = {text_option(NULL, "mnist"), text_option("scal", "standard")};
  assert_null(open_with(w, "dataset", typo, 2));
  expect_error(w, EXIT_MODEL, "no option `scal`");
  assert_string_equal(vec_last(&w->sink.diag).hint, "did you mean `scale`?");
  assert_null(open_file(w, "dataset", "mnits"));
  expect_error(w, EXIT_MODEL, "no data set `mnits`");
  assert_null(open_file(w, "sql", "x"));
  expect_error(w, EXIT_MODEL, "no kind of data `sql`");
}

/* (stored * mul + add) / div maps bytes 0 and 255 to the ends of the range exactly. */
static void scales(void **state) {
  World *w = *state;
  put(w, "x", images, sizeof images);
  static const double range[] = {-1, 1}, shape[] = {6, 1};
  DataOption o[] = {text_option(NULL, "x"), list_option("scale", range, 2), list_option("shape", shape, 2)};
  DataSource *d = open_with(w, "idx", o, 3);
  no_errors(w);
  const DataField *f = &d->split[0].field[0];
  assert_true((0 * f->mul + f->add) / f->div == -1 && (255 * f->mul + f->add) / f->div == 1);
  assert_int_equal(f->rank, 3);
  assert_int_equal(f->dim[1], 6);
  data_close(d);
  o[1] = text_option("scale", "standard");
  d = open_with(w, "idx", o, 2);
  f = &d->split[0].field[0];
  double sum = 0, square = 0;
  for (int i = 0; i < 12; i++) {
    double v = (images[16 + i] * f->mul + f->add) / f->div;
    sum += v;
    square += v * v;
  }
  assert_true(fabs(sum) < 1e-12 && fabs(square / 12 - 1) < 1e-12);
  data_close(d);
}

/* ---------------------------------------------------------------- NPY and NPZ */

static void npy_arrays(void **state) {
  World *w = *state;
  static const double quarters[] = {0, .25, .5, .75, 1, 1.25};
  w->env.base_dir = "tests/data";
  static const char *const same[] = {"f64.npy", "fortran.npy"};
  for (int i = 0; i < 2; i++) {
    DataSource *d = open_file(w, "npy", same[i]);
    no_errors(w);
    DataField *f = &d->split[0].field[0];
    assert_true(f->rank == 2 && f->dim[0] == 2 && f->dim[1] == 3 && f->dtype == DT_F64 && !f->integer);
    assert_memory_equal(load(w, d, NULL, "x"), quarters, sizeof quarters);
    data_close(d);
  }
  static const float halves[] = {0.5f, -2, 65504, 0x1p-24f, INFINITY};
  DataSource *d = open_file(w, "npy", "f16.npy");
  assert_memory_equal(load(w, d, NULL, "x"), halves, sizeof halves);
  data_close(d);
  static const int32_t wide[] = {-5, 2147483647, 7}, big[] = {-2, 258};
  d = open_file(w, "npy", "i64.npy");
  assert_true(d->split[0].field[0].integer);
  assert_memory_equal(load(w, d, NULL, "x"), wide, sizeof wide);
  data_close(d);
  d = open_file(w, "npy", "big_i16.npy");
  assert_memory_equal(load(w, d, NULL, "x"), big, sizeof big);
  data_close(d);
  d = open_file(w, "npy", "fortran3.npy");
  const int32_t *v = load(w, d, NULL, "x");
  for (int i = 0; i < 24; i++) assert_int_equal(v[i], i);
  data_close(d);
}

static void npy_refused(void **state) {
  World *w = *state;
  w->env.base_dir = "tests/data";
  assert_null(open_file(w, "npy", "complex.npy"));
  expect_error(w, EXIT_FILES, "type `<c16`");
  assert_null(open_file(w, "npy", "scalar.npy"));
  expect_error(w, EXIT_FILES, "a scalar has no rows");
  DataSource *d = open_file(w, "npy", "i64_wide.npy");
  assert_null(load(w, d, NULL, "x"));
  expect_error(w, EXIT_FILES, "element 1 does not fit");
  data_close(d);
}

/* An NPY file whose header is this dict. */
static void put_npy(World *w, const char *dict, size_t data) {
  StrBuf b = {0};
  size_t n = strlen(dict);
  sb_write(&b, "\x93NUMPY\x01", 7);
  sb_putc(&b, 0);
  sb_putc(&b, (char)(n & 255));
  sb_putc(&b, (char)(n >> 8));
  sb_puts(&b, dict);
  for (size_t i = 0; i < data; i++) sb_putc(&b, 0);
  put(w, "hand.npy", b.s, b.n);
  sb_free(&b);
}

static void npy_headers(void **state) {
  World *w = *state;
  put_npy(w, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8);
  DataSource *d = open_file(w, "npy", "hand.npy");
  no_errors(w);
  assert_non_null(load(w, d, NULL, "x"));
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
    assert_null(open_file(w, "npy", "hand.npy"));
    expect_error(w, EXIT_FILES, cases[i].says);
  }
}

static void truncate_recorded(World *w, const char *kind, const char *file) {
  StrBuf path = {0};
  size_t n;
  sb_printf(&path, "tests/data/%s", file);
  char *all = file_read(path.s, &n);
  assert_non_null(all);
  w->env.no_cache = true;
  truncate_everywhere(w, kind, "cut", all, n);
  free(all);
  sb_free(&path);
}

static void npy_truncated(void **state) { truncate_recorded(*state, "npy", "fortran.npy"); }
static void npz_truncated(void **state) { truncate_recorded(*state, "npz", "plain.npz"); }

static void npz_archives(void **state) {
  World *w = *state;
  w->env.base_dir = "tests/data";
  for (int pass = 0; pass < 2; pass++) { /* into the cache, out of it */
    DataSource *d = open_file(w, "npz", "splits.npz");
    no_errors(w);
    assert_int_equal(d->n_splits, 2);
    const uint8_t *x = load(w, d, "train", "x");
    for (int i = 0; i < 12; i++) assert_int_equal(x[i], i);
    const int32_t *y = load(w, d, "test", "y");
    assert_true(y[0] == 0 && y[1] == 1);
    assert_int_equal(data_split_find(d, "test")->rows, 2);
    data_close(d);
  }
  assert_null(open_file(w, "npz", "plain.npz"));
  expect_error(w, EXIT_FILES, "differ in their number of rows");
  forget(w);
  static const char *const two[] = {"x", "y"}, *const wrong[] = {"z"};
  DataOption o[] = {text_option(NULL, "plain.npz"), {.name = "fields", .kind = DATA_STRINGS, .n = 2, .strings = two}};
  DataSource *d = open_with(w, "npz", o, 2);
  no_errors(w);
  assert_true(((const float *)load(w, d, NULL, "y"))[1] == 1.5f);
  data_close(d);
  o[1] = (DataOption){.name = "fields", .kind = DATA_STRINGS, .n = 1, .strings = wrong};
  assert_null(open_with(w, "npz", o, 2));
  expect_error(w, EXIT_MODEL, "no array `z`");
}

/* Every byte of an archive changed: refused, or the very same numbers (bytes that ZIP readers ignore). */
static void npz_corrupt(void **state) {
  World *w = *state;
  size_t n;
  char *all = file_read("tests/data/splits.npz", &n);
  w->env.no_cache = true;
  for (size_t i = 0; i < n; i++) {
    all[i] ^= 0x55;
    put(w, "flip.npz", all, n);
    all[i] ^= 0x55;
    forget(w);
    DataSource *d = open_file(w, "npz", "flip.npz");
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

/* ---------------------------------------------------------------- CSV */

static const char houses[] = "area,\"rooms, all\",kind,price\r\n"
                             "100.5,3,\"a \"\"big\"\" one\",1e5\r\n"
                             " -2 ,4,small,0.1\n"
                             "\n"
                             "7,.5,small,123456789012345678901234567890";

static void csv_columns(void **state) {
  World *w = *state;
  put(w, "h.csv", houses, sizeof houses - 1);
  static const char *const columns[] = {"rooms, all", "area"};
  DataOption o[] = {text_option(NULL, "h.csv"),
                    text_option("target", "price"),
                    text_option("label", "kind"),
                    {.name = "columns", .kind = DATA_STRINGS, .n = 2, .strings = columns}};
  DataSource *d = open_with(w, "csv", o, 4);
  no_errors(w);
  static const double x[] = {3, 100.5, 4, -2, .5, 7}, y[] = {1e5, 0.1, 123456789012345678901234567890.0};
  assert_memory_equal(load(w, d, NULL, "x"), x, sizeof x);
  assert_memory_equal(load(w, d, NULL, "y"), y, sizeof y);
  static const int32_t label[] = {0, 1, 1};
  assert_memory_equal(load(w, d, NULL, "label"), label, sizeof label);
  assert_string_equal(d->fact[0].name, "classes");
  assert_int_equal(d->fact[0].value, 2);
  data_close(d);
  d = open_with(w, "csv", o, 3); /* without `columns`: all that are left */
  assert_int_equal(data_field_find(&d->split[0], "x")->dim[1], 2);
  assert_true(((const double *)load(w, d, NULL, "x"))[0] == 100.5);
  data_close(d);
}

static void csv_forms(void **state) {
  World *w = *state;
  static const char curve[] = "\xef\xbb\xbft (s);value\n0;1\n1;2.5\n";
  put(w, "c.csv", curve, sizeof curve - 1);
  DataOption o[] = {text_option(NULL, "c.csv"), text_option("separator", ";"), {.name = "header", .kind = DATA_BOOL}};
  DataSource *d = open_with(w, "csv", o, 2);
  no_errors(w);
  assert_true(((const double *)load(w, d, NULL, "value"))[1] == 2.5);
  assert_int_equal(data_field_find(&d->split[0], "t_s")->rank, 1);
  data_close(d);
  put(w, "c.csv", "1;2;10\n3;4;30\n", 14);
  DataOption last[] = {o[0], o[1], o[2], number_option("label", -1)};
  d = open_with(w, "csv", last, 4);
  no_errors(w);
  static const double x[] = {1, 2, 3, 4};
  static const int32_t label[] = {0, 1};
  assert_memory_equal(load(w, d, NULL, "x"), x, sizeof x);
  assert_memory_equal(load(w, d, NULL, "label"), label, sizeof label);
  data_close(d);
  last[3] = text_option("scale", "standard");
  d = open_with(w, "csv", last, 4);
  no_errors(w);
  static const double scaled[] = {-1, -1, -1, 1, 1, 1};
  assert_memory_equal(load(w, d, NULL, "x"), scaled, sizeof scaled);
  data_close(d);
  free(file_write_gz(w->folder, "c.csv.gz", "a,b\n1,2\n", 8));
  d = open_file(w, "csv", "c.csv.gz");
  no_errors(w);
  assert_true(((const double *)load(w, d, NULL, "b"))[0] == 2);
  data_close(d);
}

static void csv_refused(void **state) {
  World *w = *state;
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
    put(w, "c.csv", cases[i].text, strlen(cases[i].text));
    assert_null(open_file(w, "csv", "c.csv"));
    expect_error(w, EXIT_FILES, cases[i].says);
  }
  forget(w);
  put(w, "h.csv", houses, sizeof houses - 1);
  DataOption o[] = {text_option(NULL, "h.csv"), text_option("target", "prise")};
  assert_null(open_with(w, "csv", o, 2));
  expect_error(w, EXIT_MODEL, "no column `prise`");
  assert_string_equal(vec_last(&w->sink.diag).hint, "did you mean `price`?");
  o[1] = number_option("target", 4);
  assert_null(open_with(w, "csv", o, 2));
  expect_error(w, EXIT_MODEL, "no column 4");
  o[1] = text_option("separator", "e");
  assert_null(open_with(w, "csv", o, 2));
  expect_error(w, EXIT_MODEL, "`separator`");
  put(w, "c.csv", "1,2\n3,4\n", 8);
  data_close(open_file(w, "csv", "c.csv"));
  assert_int_equal(w->sink.n_warnings, 1);
}

/* Cut anywhere, a table either reads (a shorter last number is still a number) or is refused; it never crashes. */
static void csv_cut_anywhere(void **state) {
  World *w = *state;
  DataOption o[] = {text_option(NULL, "cut.csv"), text_option("label", "kind")};
  for (size_t i = 0; i < sizeof houses; i++) {
    put(w, "cut.csv", houses, i);
    forget(w);
    DataSource *d = open_with(w, "csv", o, 2);
    assert_true(d || w->sink.n_errors == 1);
    data_close(d);
  }
}

/* The fast reading of decimals and the C library's agree to the last bit. */
static void decimals_are_exact(void **state) {
  World *w = *state;
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

/* ---------------------------------------------------------------- CIFAR, pictures, text */

static void cifar(void **state) {
  World *w = *state;
  uint8_t record[2][3073];
  for (int r = 0; r < 2; r++)
    for (int i = 0; i < 3073; i++) record[r][i] = (uint8_t)(i == 0 ? 3 + r : i % 251);
  put(w, "data_batch_1.bin", record, sizeof record);
  put(w, "test_batch.bin", record, 3073);
  DataSource *d = open_file(w, "cifar", ".");
  no_errors(w);
  const uint8_t *x = load(w, d, "train", "x"), *label = load(w, d, "train", "label");
  assert_true(label[0] == 3 && label[1] == 4);
  const DataField *f = data_field_find(data_split_find(d, "train"), "x");
  assert_true(f->rank == 4 && f->dim[0] == 2 && f->dim[3] == 3);
  for (int p = 0; p < 1024; p++)
    for (int k = 0; k < 3; k++) assert_int_equal(x[3072 + 3 * p + k], record[1][1 + k * 1024 + p]);
  assert_int_equal(data_split_find(d, "test")->rows, 1);
  data_close(d);
  put(w, "test_batch.bin", record, 3072);
  assert_null(open_file(w, "cifar", "."));
  expect_error(w, EXIT_FILES, "no whole number of records");
  record[1][0] = 10;
  put(w, "test_batch.bin", record, sizeof record);
  d = open_file(w, "cifar", ".");
  assert_null(load(w, d, "test", "label"));
  expect_error(w, EXIT_FILES, "a label is above 9");
  data_close(d);
}

static void write_png(World *w, const char *name, uint32_t width, uint32_t height, bool color, uint8_t value) {
  StrBuf path = {0};
  uint8_t pixels[3 * 64];
  sb_printf(&path, "%s/%s", w->folder, name);
  memset(pixels, value, sizeof pixels);
  png_image image = {.version = PNG_IMAGE_VERSION, .width = width, .height = height};
  image.format = color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  assert_true(png_image_write_to_file(&image, path.s, 0, pixels, 0, NULL));
  sb_free(&path);
}

static void make_folder(World *w, const char *name) {
  StrBuf path = {0};
  sb_printf(&path, "%s/%s", w->folder, name);
  assert_int_equal(mkdir(path.s, 0777), 0);
  sb_free(&path);
}

static void pictures(void **state) {
  World *w = *state;
  static const char *const folders[] = {"p",      "p/train",    "p/train/cat", "p/train/dog",
                                        "p/test", "p/test/cat", "p/test/dog"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) make_folder(w, folders[i]);
  write_png(w, "p/train/cat/2.png", 4, 2, false, 20);
  write_png(w, "p/train/cat/1.png", 4, 2, false, 10);
  write_png(w, "p/train/dog/1.png", 4, 2, false, 30);
  write_png(w, "p/test/cat/1.png", 4, 2, true, 40);
  write_png(w, "p/test/dog/1.png", 4, 2, false, 50);
  for (int pass = 0; pass < 2; pass++) {
    DataSource *d = open_file(w, "images", "p");
    no_errors(w);
    const DataField *f = data_field_find(data_split_find(d, "train"), "x");
    assert_true(f->rank == 4 && f->dim[0] == 3 && f->dim[1] == 2 && f->dim[2] == 4 && f->dim[3] == 1);
    const uint8_t *x = load(w, d, "train", "x");
    assert_true(x[0] == 10 && x[8] == 20 && x[16] == 30);
    static const int32_t label[] = {0, 0, 1};
    assert_memory_equal(load(w, d, "train", "label"), label, sizeof label);
    assert_int_equal(((const uint8_t *)load(w, d, "test", "x"))[0], 40);
    data_close(d);
  }
  write_png(w, "p/test/cat/1.png", 3, 2, false, 40);
  DataSource *d = open_file(w, "images", "p");
  assert_null(load(w, d, "test", "x"));
  expect_error(w, EXIT_FILES, "is 3x2 where the first picture is 4x2");
  data_close(d);
  make_folder(w, "p/test/eel");
  assert_null(open_file(w, "images", "p"));
  expect_error(w, EXIT_FILES, "different classes");
  make_folder(w, "none");
  assert_null(open_file(w, "images", "none"));
  expect_error(w, EXIT_FILES, "holds no PNG pictures");
}

static void pictures_cut(void **state) {
  World *w = *state;
  size_t n;
  make_folder(w, "p");
  write_png(w, "whole.png", 8, 8, false, 77);
  StrBuf path = {0};
  sb_printf(&path, "%s/whole.png", w->folder);
  char *all = file_read(path.s, &n);
  w->env.no_cache = true;
  for (size_t i = 0; i + 12 < n; i++) { /* the last 12 bytes are the end mark */
    put(w, "p/cut.png", all, i);
    expect_broken(w, "images", "p", i);
  }
  free(all);
  sb_free(&path);
}

static void texts(void **state) {
  World *w = *state;
  put(w, "t.txt", "abracadabra", 11);
  DataOption o[] = {text_option(NULL, "t.txt"), number_option("length", 5)};
  DataSource *d = open_with(w, "text", o, 2);
  no_errors(w);
  static const uint8_t x[] = {0, 1, 4, 0, 2, 0, 3, 0, 1, 4}, y[] = {1, 4, 0, 2, 0, 3, 0, 1, 4, 0};
  assert_memory_equal(load(w, d, NULL, "x"), x, sizeof x);
  assert_memory_equal(load(w, d, NULL, "y"), y, sizeof y);
  assert_int_equal(d->fact[0].value, 5);
  data_close(d);
  assert_null(open_file(w, "text", "t.txt"));
  expect_error(w, EXIT_FILES, "11 characters are too few");
}

/* ---------------------------------------------------------------- split */

static void divided(void **state) {
  World *w = *state;
  int32_t id[100];
  double x[100][2];
  for (int i = 0; i < 100; i++) id[i] = i, x[i][0] = i, x[i][1] = -i;
  DataTensor t[] = {{"x", DT_F64, 2, false, {100, 2}, x}, {"label", DT_I32, 1, true, {100}, id}};
  static const char *const names[] = {"train", "valid", "test"};
  static const double parts[] = {.7, .15, .15};
  uint8_t seen[2][100] = {{0}};
  for (int s = 0; s < 2; s++) {
    DataSource *d = data_memory("table", t, 2, &w->sink, SPAN_NONE);
    assert_non_null(data_divide(d, names, parts, 3, (uint64_t)s, &w->sink, SPAN_NONE));
    assert_int_equal(d->n_splits, 3);
    int64_t total = 0, at = 0;
    for (int i = 0; i < 3; i++) {
      total += data_split_find(d, names[i])->rows;
      const int32_t *l = load(w, d, names[i], "label");
      const double *v = load(w, d, names[i], "x");
      for (int64_t k = 0; k < data_split_find(d, names[i])->rows; k++) {
        assert_true(v[2 * k] == l[k] && v[2 * k + 1] == -l[k]);
        seen[s][at++] = (uint8_t)l[k];
      }
    }
    assert_int_equal(total, 100);
    assert_int_equal(data_split_find(d, "train")->rows, 70);
    assert_null(data_divide(d, names, parts, 3, 0, &w->sink, SPAN_NONE));
    expect_error(w, EXIT_MODEL, "split already");
    data_close(d);
  }
  assert_memory_not_equal(seen[0], seen[1], 100);
  for (int s = 0; s < 2; s++) {
    uint8_t count[100] = {0};
    for (int i = 0; i < 100; i++) count[seen[s][i]]++;
    for (int i = 0; i < 100; i++) assert_int_equal(count[i], 1);
  }
  static const double wrong[] = {.7, .5}, zero[] = {0, .5};
  DataSource *d = data_memory("table", t, 2, &w->sink, SPAN_NONE);
  assert_null(data_divide(d, names, wrong, 2, 0, &w->sink, SPAN_NONE));
  expect_error(w, EXIT_MODEL, "sum to 1.2");
  assert_null(data_divide(d, names, zero, 2, 0, &w->sink, SPAN_NONE));
  expect_error(w, EXIT_MODEL, "above 0");
  data_close(d);
  forget(w);
  t[1].dim[0] = 99;
  assert_null(data_memory("table", t, 2, &w->sink, SPAN_NONE));
  expect_error(w, EXIT_FILES, "differ in their number of rows");
}

/* ---------------------------------------------------------------- named sets */

static void digits(void **state) {
  World *w = *state;
  DataOption o[] = {text_option(NULL, "digits"), number_option("n", 500), number_option("test", 100)};
  DataSource *d = open_with(w, "dataset", o, 3);
  no_errors(w);
  const uint8_t *x = load(w, d, "train", "x"), *label = load(w, d, "train", "label");
  const uint8_t *other = load(w, d, "test", "x");
  assert_int_equal(data_split_find(d, "test")->rows, 100);
  uint32_t count[10] = {0}, ink = 0;
  for (int i = 0; i < 500; i++) count[label[i]]++;
  for (int i = 0; i < 500 * 784; i++) ink += x[i] > 100;
  for (int k = 0; k < 10; k++) assert_in_range(count[k], 25, 80);
  assert_in_range(ink, 500 * 784 / 20, 500 * 784 / 4);
  assert_memory_not_equal(x, other, 784);
  /* the same series whatever its length; another seed draws others */
  DataOption again[] = {text_option(NULL, "digits"), number_option("n", 3), number_option("seed", 0)};
  DataSource *e = open_with(w, "dataset", again, 3);
  assert_memory_equal(load(w, e, "train", "x"), x, 3 * 784);
  again[2] = number_option("seed", 1);
  DataSource *f = open_with(w, "dataset", again, 3);
  assert_memory_not_equal(load(w, f, "train", "x"), x, 3 * 784);
  data_close(d);
  data_close(e);
  data_close(f);
}

/* MNIST's files in DIR/mnist, and with one missing. */
static void mnist_folder(void **state) {
  World *w = *state;
  char *sub = NULL;
  StrBuf b = {0};
  sb_printf(&b, "%s/mnist", w->folder);
  sub = sb_take(&b);
  assert_int_equal(mkdir(sub, 0777), 0);
  free(file_write_gz(sub, "train-images-idx3-ubyte.gz", images, sizeof images));
  free(file_write(sub, "train-labels.idx1-ubyte", labels, sizeof labels));
  free(file_write(sub, "t10k-images-idx3-ubyte", images, sizeof images));
  w->env.data_dir = w->folder;
  assert_null(open_file(w, "dataset", "mnist"));
  expect_error(w, EXIT_FILES, "has no t10k-labels");
  forget(w);
  free(file_write(sub, "t10k-labels-idx1-ubyte", labels, sizeof labels));
  DataSource *d = open_file(w, "dataset", "mnist");
  no_errors(w);
  assert_string_equal(d->origin, sub);
  assert_int_equal(data_split_find(d, "test")->field[0].dim[1], 6);
  assert_memory_equal(load(w, d, "train", "x"), images + 16, 12);
  data_close(d);
  free(file_write(sub, "t10k-labels-idx1-ubyte", images, sizeof images));
  assert_null(open_file(w, "dataset", "mnist"));
  expect_error(w, EXIT_FILES, "expected labels u8[n]");
  w->env.data_dir = "/nowhere";
  assert_null(open_file(w, "dataset", "mnist"));
  expect_error(w, EXIT_FILES, "no folder `/nowhere`");
  free(sub);
}

static void mnist_real(void **state) {
  World *w = *state;
  w->env.data_dir = real_data();
  if (!w->env.data_dir) skip();
  DataSource *d = open_file(w, "dataset", "mnist");
  no_errors(w);
  DataField *x = data_field_find(data_split_find(d, "train"), "x");
  assert_int_equal(x->dim[0], 60000);
  assert_int_equal(x->dim[1], 784);
  const uint8_t *p = load(w, d, "train", "x"), *l = load(w, d, "train", "label");
  double sum = 0;
  for (int i = 0; i < 60000 * 784; i++) sum += p[i];
  assert_true(fabs(sum / (60000.0 * 784 * 255) - 0.1307) < 1e-4);
  static const uint8_t first[] = {5, 0, 4, 1, 9};
  assert_memory_equal(l, first, 5);
  data_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
      T(idx_plain_and_gz),
      T(idx_big_endian_types),
      T(idx_truncated),
      T(idx_corrupt_gz),
      T(idx_absurd),
      T(missing_files),
      T(cache_damage),
      T(cache_is_bounded),
      T(wrong_options),
      T(scales),
      T(digits),
      T(mnist_folder),
      T(mnist_real),
      T(npy_arrays),
      T(npy_refused),
      T(npy_headers),
      T(npy_truncated),
      T(npz_archives),
      T(npz_truncated),
      T(npz_corrupt),
      T(csv_columns),
      T(csv_forms),
      T(csv_refused),
      T(csv_cut_anywhere),
      T(decimals_are_exact),
      T(cifar),
      T(pictures),
      T(pictures_cut),
      T(texts),
      T(divided),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
