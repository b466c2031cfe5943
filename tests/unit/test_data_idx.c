/* IDX files, plain and gzipped, whole and broken; the cache of what was inflated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "tests/support/data_world.h"
#include <stdlib.h>

static void check_idx(DataWorld *w, const char *x, const char *label) {
  DataOption o[] = {text_option("x", x), text_option("label", label)};
  DataSource *d = world_open_with(w, "idx", o, 2);
  world_no_errors(w);
  assert_non_null(d);
  DataSplit *s = data_split_find(d, NULL);
  assert_int_equal(s->rows, 2);
  DataField *f = data_field_find(s, "x");
  assert_int_equal(f->rank, 3);
  assert_int_equal(f->dim[2], 3);
  assert_int_equal(f->dtype, DT_U8);
  assert_false(f->integer);
  assert_true(f->mul == 1 && f->add == 0 && f->div == 255);
  assert_memory_equal(world_load(w, d, NULL, "x"), idx_images + 16, 12);
  assert_true(data_field_find(s, "label")->integer);
  assert_memory_equal(world_load(w, d, NULL, "label"), idx_labels + 8, 2);
  data_close(d);
}

static void idx_plain_and_gz(void **state) {
  DataWorld *w = *state;
  world_put(w, "x", idx_images, sizeof idx_images);
  world_put(w, "y", idx_labels, sizeof idx_labels);
  free(file_write_gz(w->folder, "x.gz", idx_images, sizeof idx_images));
  free(file_write_gz(w->folder, "y.gz", idx_labels, sizeof idx_labels));
  check_idx(w, "x", "y");
  check_idx(w, "x.gz", "y.gz"); /* fills the cache */
  check_idx(w, "x.gz", "y.gz"); /* reads it */
  w->env.no_cache = true;
  check_idx(w, "x.gz", "y.gz");
}

static void idx_big_endian_types(void **state) {
  DataWorld *w = *state;
  static const uint8_t i16[] = {0, 0, 0x0B, 1, 0, 0, 0, 2, 0xff, 0xfe, 0x01, 0x02};
  static const uint8_t i8[] = {0, 0, 0x09, 1, 0, 0, 0, 2, 0xff, 0x7f};
  static const uint8_t f64[] = {0, 0, 0x0E, 1, 0, 0, 0, 1, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0};
  world_put(w, "i16", i16, sizeof i16);
  world_put(w, "i8", i8, sizeof i8);
  world_put(w, "f64", f64, sizeof f64);
  DataSource *d = world_open(w, "idx", "i16");
  const int32_t *v = world_load(w, d, NULL, "x");
  assert_int_equal(v[0], -2);
  assert_int_equal(v[1], 258);
  data_close(d);
  d = world_open(w, "idx", "i8");
  v = world_load(w, d, NULL, "x");
  assert_int_equal(v[0], -1);
  assert_int_equal(v[1], 127);
  data_close(d);
  d = world_open(w, "idx", "f64");
  assert_true(*(const double *)world_load(w, d, NULL, "x") == 1.5);
  data_close(d);
}

static void idx_truncated(void **state) {
  DataWorld *w = *state;
  world_truncate_everywhere(w, "idx", "cut", idx_images, sizeof idx_images);
  size_t n;
  char *path = file_write_gz(w->folder, "whole.gz", idx_images, sizeof idx_images);
  char *gz = file_read(path, &n);
  world_truncate_everywhere(w, "idx", "cut.gz", gz, n);
  free(gz);
  free(path);
}

/* Every byte of the gzip file changed in turn: an error, or (in fields gzip ignores) the very same data. */
static void idx_corrupt_gz(void **state) {
  DataWorld *w = *state;
  size_t n;
  char *path = file_write_gz(w->folder, "whole.gz", idx_images, sizeof idx_images);
  char *gz = file_read(path, &n);
  w->env.no_cache = true;
  for (size_t i = 0; i < n; i++) {
    for (int bit = 0; bit < 8; bit++) {
      gz[i] ^= (char)(1 << bit);
      world_put(w, "flip.gz", gz, n);
      gz[i] ^= (char)(1 << bit);
      world_forget(w);
      DataSource *d = world_open(w, "idx", "flip.gz");
      const void *x = d ? world_load(w, d, NULL, "x") : NULL;
      if (x)
        assert_memory_equal(x, idx_images + 16, 12);
      else
        assert_int_equal(w->sink.exit_status, EXIT_FILES);
      data_close(d);
    }
  }
  free(gz);
  free(path);
}

static void idx_absurd(void **state) {
  DataWorld *w = *state;
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
    world_put(w, "absurd", cases[i].bytes, 16);
    assert_null(world_open(w, "idx", "absurd"));
    world_expect_error(w, EXIT_FILES, cases[i].says);
  }
  uint8_t huge[16] = {0, 0, 8, 2, 0, 0x0f, 0, 0, 0, 0x0f, 0, 0};
  free(file_write_gz(w->folder, "huge.gz", huge, sizeof huge));
  assert_null(world_open(w, "idx", "huge.gz"));
  world_expect_error(w, EXIT_FILES, "too short for its shape [983040, 983040]");
}

/* A cache entry that was cut or scribbled on is not used. */
static void cache_damage(void **state) {
  DataWorld *w = *state;
  free(file_write_gz(w->folder, "x.gz", idx_images, sizeof idx_images));
  free(file_write_gz(w->folder, "y.gz", idx_labels, sizeof idx_labels));
  check_idx(w, "x.gz", "y.gz");
  StrBuf command = {0};
  sb_printf(&command, "for f in %s/data/*; do truncate -s 4100 $f; done", w->folder);
  assert_int_equal(system(command.s), 0);
  sb_free(&command);
  check_idx(w, "x.gz", "y.gz");
}

/* Entries of about 4.2 KB each under a limit of 10 KB: two stay, the one not used for longest goes. */
static void cache_is_bounded(void **state) {
  DataWorld *w = *state;
  static const char *const names[] = {"a.gz", "b.gz", "c.gz"};
  w->env.cache_limit = 10000;
  for (int i = 0; i < 3; i++) free(file_write_gz(w->folder, names[i], idx_images, sizeof idx_images));
  for (int i = 0; i < 3; i++) {
    DataSource *d = world_open(w, "idx", names[i]);
    assert_memory_equal(world_load(w, d, NULL, "x"), idx_images + 16, 12);
    data_close(d);
    StrBuf command = {0};
    sb_printf(&command, "test $(ls %s/data | wc -l) = %d && touch -d '1 hour ago' %s/data/*", w->folder,
              i < 2 ? i + 1 : 2, w->folder);
    assert_int_equal(system(command.s), 0);
    sb_free(&command);
  }
  world_no_errors(w);
}

/* A conversion goes on while the program does something else; what is wrong with it is said when it is waited for. */
static void inflated_meanwhile(void **state) {
  DataWorld *w = *state;
  size_t n;
  char *path = file_write_gz(w->folder, "x.gz", idx_images, sizeof idx_images), *gz = file_read(path, &n);
  for (int cached = 0; cached < 2; cached++) {
    DataSource *d = world_open(w, "idx", "x.gz");
    DataField *x = data_field_find(d->split, "x");
    const void *bytes = data_begin(d, x, &w->sink, SPAN_NONE);
    assert_non_null(bytes);
    assert_ptr_equal(data_begin(d, x, &w->sink, SPAN_NONE), bytes);
    assert_true(data_wait(d, &w->sink));
    assert_memory_equal(bytes, idx_images + 16, 12);
    assert_ptr_equal(world_load(w, d, NULL, "x"), bytes);
    data_close(d);
  }
  world_no_errors(w);
  gz[n - 5] ^= 1; /* of the checksum */
  world_put(w, "broken.gz", gz, n);
  DataSource *d = world_open(w, "idx", "broken.gz");
  assert_non_null(data_begin(d, data_field_find(d->split, "x"), &w->sink, SPAN_NONE));
  assert_int_equal(w->sink.n_errors, 0);
  assert_false(data_wait(d, &w->sink));
  world_expect_error(w, EXIT_FILES, "corrupt");
  data_close(d);
  d = world_open(w, "idx", "broken.gz"); /* closed without being waited for */
  data_begin(d, data_field_find(d->split, "x"), &w->sink, SPAN_NONE);
  data_close(d);
  StrBuf command = {0};
  sb_printf(&command, "test $(ls %s/data | wc -l) = 1", w->folder);
  assert_int_equal(system(command.s), 0);
  sb_free(&command);
  free(path);
  free(gz);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WORLD_TEST(idx_plain_and_gz), WORLD_TEST(idx_big_endian_types), WORLD_TEST(idx_truncated),
      WORLD_TEST(idx_corrupt_gz),   WORLD_TEST(idx_absurd),           WORLD_TEST(cache_damage),
      WORLD_TEST(cache_is_bounded), WORLD_TEST(inflated_meanwhile),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
