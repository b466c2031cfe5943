/* What all sources share: missing files, wrong options, scaling, splits; text; the named sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "tests/support/data_world.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void missing_files(void **state) {
  DataWorld *w = *state;
  assert_null(world_open(w, "idx", "nowhere"));
  world_expect_error(w, EXIT_FILES, "no file `nowhere`");
  assert_null(world_open(w, "idx", "/nowhere/at/all"));
  world_expect_error(w, EXIT_FILES, "/nowhere/at/all");
  assert_null(world_open(w, "idx", "."));
  world_expect_error(w, EXIT_FILES, "is not a file");
}

static void wrong_options(void **state) {
  DataWorld *w = *state;
  world_put(w, "x", idx_images, sizeof idx_images);
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
    assert_null(world_open_with(w, "idx", o, 2));
    world_expect_error(w, EXIT_MODEL, cases[i].says);
  }
  DataOption typo[] = {text_option(NULL, "mnist"), text_option("scal", "standard")};
  assert_null(world_open_with(w, "dataset", typo, 2));
  world_expect_error(w, EXIT_MODEL, "no option `scal`");
  assert_string_equal(vec_last(&w->sink.diag).hint, "did you mean `scale`?");
  assert_null(world_open(w, "dataset", "mnits"));
  world_expect_error(w, EXIT_MODEL, "no data set `mnits`");
  assert_null(world_open(w, "sql", "x"));
  world_expect_error(w, EXIT_MODEL, "no kind of data `sql`");
}

/* (stored * mul + add) / div maps bytes 0 and 255 to the ends of the range exactly. */
static void scales(void **state) {
  DataWorld *w = *state;
  world_put(w, "x", idx_images, sizeof idx_images);
  static const double range[] = {-1, 1}, shape[] = {6, 1};
  DataOption o[] = {text_option(NULL, "x"), list_option("scale", range, 2), list_option("shape", shape, 2)};
  DataSource *d = world_open_with(w, "idx", o, 3);
  world_no_errors(w);
  const DataField *f = &d->split[0].field[0];
  assert_true((0 * f->mul + f->add) / f->div == -1 && (255 * f->mul + f->add) / f->div == 1);
  assert_int_equal(f->rank, 3);
  assert_int_equal(f->dim[1], 6);
  data_close(d);
  o[1] = text_option("scale", "standard");
  d = world_open_with(w, "idx", o, 2);
  f = &d->split[0].field[0];
  double sum = 0, square = 0;
  for (int i = 0; i < 12; i++) {
    double v = (idx_images[16 + i] * f->mul + f->add) / f->div;
    sum += v;
    square += v * v;
  }
  assert_true(fabs(sum) < 1e-12 && fabs(square / 12 - 1) < 1e-12);
  data_close(d);
}

static void texts(void **state) {
  DataWorld *w = *state;
  world_put(w, "t.txt", "abracadabra", 11);
  DataOption o[] = {text_option(NULL, "t.txt"), number_option("length", 5)};
  DataSource *d = world_open_with(w, "text", o, 2);
  world_no_errors(w);
  static const uint8_t x[] = {0, 1, 4, 0, 2, 0, 3, 0, 1, 4}, y[] = {1, 4, 0, 2, 0, 3, 0, 1, 4, 0};
  assert_memory_equal(world_load(w, d, NULL, "x"), x, sizeof x);
  assert_memory_equal(world_load(w, d, NULL, "y"), y, sizeof y);
  assert_int_equal(d->fact[0].value, 5);
  data_close(d);
  assert_null(world_open(w, "text", "t.txt"));
  world_expect_error(w, EXIT_FILES, "11 characters are too few");
}

static void divided(void **state) {
  DataWorld *w = *state;
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
      const int32_t *l = world_load(w, d, names[i], "label");
      const double *v = world_load(w, d, names[i], "x");
      for (int64_t k = 0; k < data_split_find(d, names[i])->rows; k++) {
        assert_true(v[2 * k] == l[k] && v[2 * k + 1] == -l[k]);
        seen[s][at++] = (uint8_t)l[k];
      }
    }
    assert_int_equal(total, 100);
    assert_int_equal(data_split_find(d, "train")->rows, 70);
    assert_null(data_divide(d, names, parts, 3, 0, &w->sink, SPAN_NONE));
    world_expect_error(w, EXIT_MODEL, "split already");
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
  world_expect_error(w, EXIT_MODEL, "sum to 1.2");
  assert_null(data_divide(d, names, zero, 2, 0, &w->sink, SPAN_NONE));
  world_expect_error(w, EXIT_MODEL, "above 0");
  data_close(d);
  world_forget(w);
  t[1].dim[0] = 99;
  assert_null(data_memory("table", t, 2, &w->sink, SPAN_NONE));
  world_expect_error(w, EXIT_FILES, "differ in their number of rows");
}

static void digits(void **state) {
  DataWorld *w = *state;
  DataOption o[] = {text_option(NULL, "digits"), number_option("n", 500), number_option("test", 100)};
  DataSource *d = world_open_with(w, "dataset", o, 3);
  world_no_errors(w);
  const uint8_t *x = world_load(w, d, "train", "x"), *label = world_load(w, d, "train", "label");
  const uint8_t *other = world_load(w, d, "test", "x");
  assert_int_equal(data_split_find(d, "test")->rows, 100);
  uint32_t count[10] = {0}, ink = 0;
  for (int i = 0; i < 500; i++) count[label[i]]++;
  for (int i = 0; i < 500 * 784; i++) ink += x[i] > 100;
  for (int k = 0; k < 10; k++) assert_in_range(count[k], 25, 80);
  assert_in_range(ink, 500 * 784 / 20, 500 * 784 / 4);
  assert_memory_not_equal(x, other, 784);
  /* the same series whatever its length; another seed draws others */
  DataOption again[] = {text_option(NULL, "digits"), number_option("n", 3), number_option("seed", 0)};
  DataSource *e = world_open_with(w, "dataset", again, 3);
  assert_memory_equal(world_load(w, e, "train", "x"), x, 3 * 784);
  again[2] = number_option("seed", 1);
  DataSource *f = world_open_with(w, "dataset", again, 3);
  assert_memory_not_equal(world_load(w, f, "train", "x"), x, 3 * 784);
  data_close(d);
  data_close(e);
  data_close(f);
}

/* MNIST's files in DIR/mnist, and with one missing. */
static void mnist_folder(void **state) {
  DataWorld *w = *state;
  char *sub = NULL;
  StrBuf b = {0};
  sb_printf(&b, "%s/mnist", w->folder);
  sub = sb_take(&b);
  assert_int_equal(mkdir(sub, 0777), 0);
  free(file_write_gz(sub, "train-images-idx3-ubyte.gz", idx_images, sizeof idx_images));
  free(file_write(sub, "train-labels.idx1-ubyte", idx_labels, sizeof idx_labels));
  free(file_write(sub, "t10k-images-idx3-ubyte", idx_images, sizeof idx_images));
  w->env.data_dir = w->folder;
  assert_null(world_open(w, "dataset", "mnist"));
  world_expect_error(w, EXIT_FILES, "has no t10k-labels");
  world_forget(w);
  free(file_write(sub, "t10k-labels-idx1-ubyte", idx_labels, sizeof idx_labels));
  DataSource *d = world_open(w, "dataset", "mnist");
  world_no_errors(w);
  assert_string_equal(d->origin, sub);
  assert_int_equal(data_split_find(d, "test")->field[0].dim[1], 6);
  assert_memory_equal(world_load(w, d, "train", "x"), idx_images + 16, 12);
  data_close(d);
  free(file_write(sub, "t10k-labels-idx1-ubyte", idx_images, sizeof idx_images));
  assert_null(world_open(w, "dataset", "mnist"));
  world_expect_error(w, EXIT_FILES, "expected labels u8[n]");
  w->env.data_dir = "/nowhere";
  assert_null(world_open(w, "dataset", "mnist"));
  world_expect_error(w, EXIT_FILES, "no folder `/nowhere`");
  free(sub);
}

static void mnist_real(void **state) {
  DataWorld *w = *state;
  w->env.data_dir = real_data();
  if (!w->env.data_dir) skip();
  DataSource *d = world_open(w, "dataset", "mnist");
  world_no_errors(w);
  DataField *x = data_field_find(data_split_find(d, "train"), "x");
  assert_int_equal(x->dim[0], 60000);
  assert_int_equal(x->dim[1], 784);
  const uint8_t *p = world_load(w, d, "train", "x"), *l = world_load(w, d, "train", "label");
  double sum = 0;
  for (int i = 0; i < 60000 * 784; i++) sum += p[i];
  assert_true(fabs(sum / (60000.0 * 784 * 255) - 0.1307) < 1e-4);
  static const uint8_t first[] = {5, 0, 4, 1, 9};
  assert_memory_equal(l, first, 5);
  data_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WORLD_TEST(missing_files), WORLD_TEST(wrong_options), WORLD_TEST(scales),       WORLD_TEST(texts),
      WORLD_TEST(divided),       WORLD_TEST(digits),        WORLD_TEST(mnist_folder), WORLD_TEST(mnist_real),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
