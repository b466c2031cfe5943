/* Data sources: what is opened, what it says, and every broken file answered by a diagnostic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "runtime/data.h"
#include "tests/support/files.h"
#include <math.h>
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
  diag_sink_free(&w->sink);
  w->sink = (DiagSink){0};
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
      diag_sink_free(&w->sink);
      w->sink = (DiagSink){0};
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
  diag_sink_free(&w->sink);
  w->sink = (DiagSink){0};
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
      T(idx_plain_and_gz), T(idx_big_endian_types), T(idx_truncated), T(idx_corrupt_gz), T(idx_absurd),
      T(missing_files),    T(cache_damage),         T(wrong_options), T(scales),         T(digits),
      T(mnist_folder),     T(mnist_real),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
