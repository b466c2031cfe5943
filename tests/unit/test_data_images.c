/* CIFAR records and folders of PNG files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "tests/support/data_world.h"
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void cifar(void **state) {
  DataWorld *w = *state;
  uint8_t record[2][3073];
  for (int r = 0; r < 2; r++)
    for (int i = 0; i < 3073; i++) record[r][i] = (uint8_t)(i == 0 ? 3 + r : i % 251);
  world_put(w, "data_batch_1.bin", record, sizeof record);
  world_put(w, "test_batch.bin", record, 3073);
  DataSource *d = world_open(w, "cifar", ".");
  world_no_errors(w);
  const uint8_t *x = world_load(w, d, "train", "x"), *label = world_load(w, d, "train", "label");
  assert_true(label[0] == 3 && label[1] == 4);
  const DataField *f = data_field_find(data_split_find(d, "train"), "x");
  assert_true(f->rank == 4 && f->dim[0] == 2 && f->dim[3] == 3);
  for (int p = 0; p < 1024; p++)
    for (int k = 0; k < 3; k++) assert_int_equal(x[3072 + 3 * p + k], record[1][1 + k * 1024 + p]);
  assert_int_equal(data_split_find(d, "test")->rows, 1);
  data_close(d);
  world_put(w, "test_batch.bin", record, 3072);
  assert_null(world_open(w, "cifar", "."));
  world_expect_error(w, EXIT_FILES, "no whole number of records");
  record[1][0] = 10;
  world_put(w, "test_batch.bin", record, sizeof record);
  d = world_open(w, "cifar", ".");
  assert_null(world_load(w, d, "test", "label"));
  world_expect_error(w, EXIT_FILES, "a label is above 9");
  data_close(d);
}

static void write_png(DataWorld *w, const char *name, uint32_t width, uint32_t height, bool color, uint8_t value) {
  StrBuf path = {0};
  uint8_t pixels[3 * 64];
  sb_printf(&path, "%s/%s", w->folder, name);
  memset(pixels, value, sizeof pixels);
  png_image image = {.version = PNG_IMAGE_VERSION, .width = width, .height = height};
  image.format = color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  assert_true(png_image_write_to_file(&image, path.s, 0, pixels, 0, NULL));
  sb_free(&path);
}

static void make_folder(DataWorld *w, const char *name) {
  StrBuf path = {0};
  sb_printf(&path, "%s/%s", w->folder, name);
  assert_int_equal(mkdir(path.s, 0777), 0);
  sb_free(&path);
}

static void pictures(void **state) {
  DataWorld *w = *state;
  static const char *const folders[] = {"p",      "p/train",    "p/train/cat", "p/train/dog",
                                        "p/test", "p/test/cat", "p/test/dog"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) make_folder(w, folders[i]);
  write_png(w, "p/train/cat/2.png", 4, 2, false, 20);
  write_png(w, "p/train/cat/1.png", 4, 2, false, 10);
  write_png(w, "p/train/dog/1.png", 4, 2, false, 30);
  write_png(w, "p/test/cat/1.png", 4, 2, true, 40);
  write_png(w, "p/test/dog/1.png", 4, 2, false, 50);
  for (int pass = 0; pass < 2; pass++) {
    DataSource *d = world_open(w, "images", "p");
    world_no_errors(w);
    const DataField *f = data_field_find(data_split_find(d, "train"), "x");
    assert_true(f->rank == 4 && f->dim[0] == 3 && f->dim[1] == 2 && f->dim[2] == 4 && f->dim[3] == 1);
    const uint8_t *x = world_load(w, d, "train", "x");
    assert_true(x[0] == 10 && x[8] == 20 && x[16] == 30);
    static const int32_t label[] = {0, 0, 1};
    assert_memory_equal(world_load(w, d, "train", "label"), label, sizeof label);
    assert_int_equal(((const uint8_t *)world_load(w, d, "test", "x"))[0], 40);
    data_close(d);
  }
  write_png(w, "p/test/cat/1.png", 3, 2, false, 40);
  DataSource *d = world_open(w, "images", "p");
  assert_null(world_load(w, d, "test", "x"));
  world_expect_error(w, EXIT_FILES, "is 3x2 where the first picture is 4x2");
  data_close(d);
  make_folder(w, "p/test/eel");
  assert_null(world_open(w, "images", "p"));
  world_expect_error(w, EXIT_FILES, "different classes");
  make_folder(w, "none");
  assert_null(world_open(w, "images", "none"));
  world_expect_error(w, EXIT_FILES, "holds no PNG pictures");
}

static void pictures_cut(void **state) {
  DataWorld *w = *state;
  size_t n;
  make_folder(w, "p");
  write_png(w, "whole.png", 8, 8, false, 77);
  StrBuf path = {0};
  sb_printf(&path, "%s/whole.png", w->folder);
  char *all = file_read(path.s, &n);
  w->env.no_cache = true;
  for (size_t i = 0; i + 12 < n; i++) { /* the last 12 bytes are the end mark */
    world_put(w, "p/cut.png", all, i);
    world_expect_broken(w, "images", "p", i);
  }
  free(all);
  sb_free(&path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      WORLD_TEST(cifar),
      WORLD_TEST(pictures),
      WORLD_TEST(pictures_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
