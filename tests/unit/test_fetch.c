/* Fetching data: with a program in curl's place, so that no test needs the internet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "runtime/data.h"
#include "tests/support/scratch.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *old_path;

static int setup(void **state) {
  scratch_setup(state);
  old_path = strdup(getenv("PATH"));
  return 0;
}

static int teardown(void **state) {
  setenv("PATH", old_path, 1);
  free(old_path);
  return scratch_teardown(state);
}

/* A `curl` that runs this script; its argument after -o is $out. */
static void fake_curl(const char *script) {
  StrBuf s = {0};
  sb_printf(&s, "#!/bin/sh\nwhile [ \"$1\" != -o ]; do shift; done\nout=$2\nurl=$3\n%s\n", script);
  char *path = file_write(scratch.folder, "curl", s.s, s.n);
  chmod(path, 0755);
  free(path);
  sb_free(&s);
  sb_printf(&s, "%s:%s", scratch.folder, old_path);
  setenv("PATH", s.s, 1);
  sb_free(&s);
}

static int fetch(const char *set) {
  FILE *out = fopen("/dev/null", "w");
  int status = data_fetch(set, scratch.folder, out, &scratch.sink);
  fclose(out);
  return status;
}

static void expect(int status, const char *set, const char *says) {
  assert_int_equal(fetch(set), status);
  assert_int_equal(scratch.sink.n_errors, 1);
  if (!strstr(scratch.sink.diag.at[0].message, says))
    fail_msg("`%s` is not about `%s`", scratch.sink.diag.at[0].message, says);
}

/* Nothing but the `curl` program may lie in the set's folder after a failure. */
static void nothing_kept(void) {
  StrBuf s = {0};
  sb_printf(&s, "test -z \"$(ls %s/mnist)\"", scratch.folder);
  assert_int_equal(system(s.s), 0);
  sb_free(&s);
}

static void wrong_bytes(void **state) {
  (void)state;
  fake_curl("echo junk > $out");
  expect(EXIT_FILES, "mnist", "wrong checksum");
  nothing_kept();
}

static void no_network(void **state) {
  (void)state;
  fake_curl("echo half > $out; exit 6");
  expect(EXIT_FILES, "mnist", "status 6");
  nothing_kept();
}

static void no_curl(void **state) {
  (void)state;
  StrBuf s = {0};
  sb_printf(&s, "ln -s $(command -v sha256sum) %s/sha256sum", scratch.folder);
  assert_int_equal(system(s.s), 0);
  sb_free(&s);
  setenv("PATH", scratch.folder, 1);
  expect(EXIT_FILES, "mnist", "`curl` is needed");
}

static void unknown_set(void **state) {
  (void)state;
  expect(EXIT_USAGE, "imagenet", "no data set");
}

static void folder_that_cannot_be(void **state) {
  (void)state;
  free(file_write(scratch.folder, "mnist", "x", 1));
  fake_curl("exit 1");
  assert_int_equal(fetch("mnist"), EXIT_FILES);
}

static long lines_of(const char *name) {
  StrBuf path = {0};
  size_t n;
  long lines = 0;
  sb_printf(&path, "%s/%s", scratch.folder, name);
  char *text = file_read(path.s, &n);
  for (size_t i = 0; text && i < n; i++) lines += text[i] == '\n';
  free(text);
  sb_free(&path);
  return lines;
}

/* Right files are kept and not fetched again. The copy of train-images beside this project may be a rebuilt one, whose
 * digest differs: then that file, and only that one, is refused. */
static void right_files(void **state) {
  (void)state;
  const char *data = real_data();
  if (!data) skip();
  char *full = realpath(data, NULL);
  StrBuf s = {0};
  sb_printf(&s, "cp %s/mnist/${url##*/} $out; echo ${url##*/} >> %s/log", full, scratch.folder);
  fake_curl(s.s);
  bool rebuilt = fetch("mnist") != EXIT_DONE;
  if (rebuilt)
    assert_non_null(strstr(scratch.sink.diag.at[0].message, "`train-images-idx3-ubyte.gz` came with a wrong"));
  assert_int_equal(lines_of("log"), 4);
  s.n = 0;
  sb_printf(&s,
            "cd %s/mnist && cmp -s t10k-images-idx3-ubyte.gz %s/mnist/t10k-images-idx3-ubyte.gz && "
            "test $(ls | wc -l) = %d",
            scratch.folder, full, rebuilt ? 3 : 4);
  assert_int_equal(system(s.s), 0);
  fetch("mnist");
  assert_int_equal(lines_of("log"), rebuilt ? 5 : 4);
  free(full);
  sb_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
      T(wrong_bytes), T(no_network), T(no_curl), T(unknown_set), T(folder_that_cannot_be), T(right_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
