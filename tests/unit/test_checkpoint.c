/* Checkpoints: the bytes written, what reads back, and every damaged file refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/checkpoint.h"
#include "tests/support/scratch.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const float b[] = {0.5f, -1.25f};
static const double w[] = {0, .125, .25, .375, .5, .625};
static const int64_t step = 7;
static const uint8_t labels[] = {3, 1, 2};
static const int32_t counts[] = {1, -2};
static const CheckpointTensor tensors[] = {
    {"labels", DT_U8, 1, {3}, labels}, {"decoder.W", DT_F64, 2, {2, 3}, w}, {"counts", DT_I32, 2, {1, 2}, counts},
    {"step", DT_I64, 0, {0}, &step},   {"decoder.b", DT_F32, 1, {2}, b},    {"empty", DT_F32, 2, {0, 4}, NULL},
};
static const CheckpointMeta meta[] = {{"note", "written by the Python package"}, {"epoch", "3"}};
enum { N = sizeof tensors / sizeof *tensors };

static char *path_of(const char *name) {
  StrBuf s = {0};
  sb_printf(&s, "%s/%s", scratch.folder, name);
  return sb_take(&s);
}

/* tests/data/package.safetensors was written by safetensors.numpy.save_file from the same tensors. */
static void same_bytes_as_the_package(void **state) {
  (void)state;
  char *path = path_of("a.safetensors");
  assert_true(checkpoint_write(path, tensors, N, meta, 2, &scratch.sink, SPAN_NONE));
  size_t n, m;
  char *ours = file_read(path, &n), *theirs = file_read("tests/data/package.safetensors", &m);
  assert_non_null(theirs);
  assert_int_equal(n, m);
  assert_memory_equal(ours, theirs, n);
  free(ours);
  free(theirs);
  free(path);
}

static void reads_the_package(void **state) {
  (void)state;
  Checkpoint *c = checkpoint_open("tests/data/package.safetensors", &scratch.sink, SPAN_NONE);
  assert_non_null(c);
  assert_int_equal(c->n, N);
  for (int i = 0; i < N; i++) {
    const CheckpointTensor *t = checkpoint_find(c, tensors[i].name);
    assert_non_null(t);
    assert_int_equal(t->dtype, tensors[i].dtype);
    assert_int_equal(t->rank, tensors[i].rank);
    assert_memory_equal(t->dim, tensors[i].dim, sizeof(int64_t) * t->rank);
    if (tensors[i].bytes) assert_memory_equal(t->bytes, tensors[i].bytes, checkpoint_tensor_bytes(t));
  }
  assert_null(checkpoint_find(c, "decoder"));
  assert_string_equal(checkpoint_meta(c, "epoch"), "3");
  assert_null(checkpoint_meta(c, "step"));
  StrBuf list = {0};
  checkpoint_list(c, &list);
  assert_non_null(strstr(list.s, "decoder.W  f64[2, 3]"));
  assert_non_null(strstr(list.s, "6 tensors, 14 elements, 75 bytes"));
  sb_free(&list);
  checkpoint_close(c);
}

/* Order of tensors and names that need escaping make no difference to what reads back. */
static void round_trip(void **state) {
  (void)state;
  static const CheckpointTensor odd[] = {{"a \"quoted\" \\ name\n", DT_BOOL, 1, {3}, labels},
                                         {"\xc3\xa4", DT_U64, 8, {1, 1, 1, 1, 1, 1, 1, 1}, &step}};
  char *path = path_of("odd.safetensors");
  assert_true(checkpoint_write(path, odd, 2, NULL, 0, &scratch.sink, SPAN_NONE));
  Checkpoint *c = checkpoint_open(path, &scratch.sink, SPAN_NONE);
  assert_non_null(c);
  assert_non_null(checkpoint_find(c, odd[0].name));
  assert_int_equal(checkpoint_find(c, odd[1].name)->rank, 8);
  checkpoint_close(c);
  assert_true(checkpoint_write(path, NULL, 0, NULL, 0, &scratch.sink, SPAN_NONE));
  c = checkpoint_open(path, &scratch.sink, SPAN_NONE);
  assert_non_null(c);
  assert_int_equal(c->n, 0);
  checkpoint_close(c);
  free(path);
}

static void duplicate_names(void **state) {
  (void)state;
  CheckpointTensor two[] = {tensors[0], tensors[1]};
  two[1].name = two[0].name;
  char *path = path_of("two");
  assert_false(checkpoint_write(path, two, 2, NULL, 0, &scratch.sink, SPAN_NONE));
  assert_int_equal(scratch.sink.exit_status, EXIT_FILES);
  free(path);
}

static bool accepted(const char *path) {
  scratch_forget();
  Checkpoint *c = checkpoint_open(path, &scratch.sink, SPAN_NONE);
  bool ok = c != NULL;
  checkpoint_close(c);
  assert_true(ok || (scratch.sink.n_errors == 1 && scratch.sink.exit_status == EXIT_FILES));
  return ok;
}

static void truncated_anywhere(void **state) {
  (void)state;
  size_t n;
  char *all = file_read("tests/data/package.safetensors", &n);
  for (size_t i = 0; i < n; i++) {
    char *path = file_write(scratch.folder, "cut", all, i);
    if (accepted(path)) fail_msg("cut to %zu bytes was accepted", i);
    free(path);
  }
  free(all);
}

/* Any byte of the header changed: refused, or still a file all of whose tensors lie inside it. */
static void header_bytes_changed(void **state) {
  (void)state;
  size_t n, header = 448;
  char *all = file_read("tests/data/package.safetensors", &n);
  for (size_t i = 0; i < header; i++) {
    for (int x = 1; x < 256; x = x * 3 + 1) {
      all[i] ^= (char)x;
      char *path = file_write(scratch.folder, "flip", all, n);
      all[i] ^= (char)x;
      scratch_forget();
      Checkpoint *c = checkpoint_open(path, &scratch.sink, SPAN_NONE);
      uint64_t sum = 0;
      for (uint32_t k = 0; c && k < c->n; k++) {
        const uint8_t *p = c->tensor[k].bytes;
        for (uint64_t q = 0; q < checkpoint_tensor_bytes(&c->tensor[k]); q++) sum += p[q];
      }
      assert_true(sum < 100000);
      checkpoint_close(c);
      free(path);
    }
  }
  free(all);
}

/* A header by hand, `data` bytes of zeros behind it. */
static bool accepts_header(const char *json, size_t data) {
  StrBuf f = {0};
  size_t n = strlen(json);
  for (int i = 0; i < 8; i++) sb_putc(&f, (char)((uint64_t)n >> 8 * i));
  sb_puts(&f, json);
  for (size_t i = 0; i < data; i++) sb_putc(&f, 0);
  char *path = file_write(scratch.folder, "hand", f.s, f.n);
  bool ok = accepted(path);
  free(path);
  sb_free(&f);
  return ok;
}

static void foreign_headers(void **state) {
  (void)state;
  assert_true(accepts_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4));
  static const struct {
    const char *json;
    size_t data;
    const char *says;
  } cases[] = {
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 5, "behind the last tensor"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[1,5]}}", 5, "hole"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
       "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
       6, "overlap"},
      {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "unknown type `BF16`"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "4 bytes where its shape needs 8"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "impossible shape"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "impossible shape"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, "impossible shape"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,0]}}", 4, "impossible offsets"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0]}}", 4, "malformed"},
      {"{\"a\":3}", 0, "malformed"},
      {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
       "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
       0, "not JSON: duplicate"},
      {"{\"__metadata__\":{\"step\":3}}", 0, "metadata `step` is not a string"},
      {"{\"__metadata__\":[]}", 0, "metadata is not an object"},
      {"{\"a\"", 0, "not JSON"},
      {"[1,2,3]", 0, "no safetensors header"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (accepts_header(cases[i].json, cases[i].data)) fail_msg("accepted: %s", cases[i].json);
    if (!strstr(scratch.sink.diag.at[0].message, cases[i].says))
      fail_msg("`%s` is not about `%s`", scratch.sink.diag.at[0].message, cases[i].says);
  }
  static const uint8_t huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{'};
  char *path = file_write(scratch.folder, "huge", huge, sizeof huge);
  assert_false(accepted(path));
  free(path);
  assert_false(accepted(scratch.folder));
  assert_false(accepted("/nowhere/at/all"));
}

/* A write that runs out of space leaves the earlier file as it was and no temporary behind. */
static void failed_write_keeps_the_old(void **state) {
  (void)state;
  char *path = path_of("kept");
  assert_true(checkpoint_write(path, tensors, N, meta, 2, &scratch.sink, SPAN_NONE));
  size_t n, m;
  char *before = file_read(path, &n);
  double *large = calloc(1 << 16, sizeof *large);
  CheckpointTensor big = {"big", DT_F64, 1, {1 << 16}, large};
  struct rlimit old, tight = {.rlim_cur = 4096};
  getrlimit(RLIMIT_FSIZE, &old);
  tight.rlim_max = old.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tight);
  bool ok = checkpoint_write(path, &big, 1, NULL, 0, &scratch.sink, SPAN_NONE);
  setrlimit(RLIMIT_FSIZE, &old);
  assert_false(ok);
  assert_int_equal(scratch.sink.exit_status, EXIT_FILES);
  char *after = file_read(path, &m);
  assert_int_equal(n, m);
  assert_memory_equal(before, after, n);
  StrBuf list = {0};
  sb_printf(&list, "test $(ls %s | wc -l) = 1", scratch.folder);
  assert_int_equal(system(list.s), 0);
  sb_free(&list);
  free(large);
  free(before);
  free(after);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SCRATCH_TEST(same_bytes_as_the_package),
      SCRATCH_TEST(reads_the_package),
      SCRATCH_TEST(round_trip),
      SCRATCH_TEST(duplicate_names),
      SCRATCH_TEST(truncated_anywhere),
      SCRATCH_TEST(header_bytes_changed),
      SCRATCH_TEST(foreign_headers),
      SCRATCH_TEST(failed_write_keeps_the_old),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
