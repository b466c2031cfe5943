/* Arena, vector, string buffer. */
#include "runtime/base/arena.h"
#include "runtime/base/strbuf.h"
#include "runtime/base/vec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void arena_gives_zeroed_aligned_memory(void **state) {
  (void)state;
  Arena a = {0};
  for (size_t n = 0; n < 3000; n += 7) {
    unsigned char *p = arena_alloc(&a, n);
    assert_int_equal((uintptr_t)p % 16, 0);
    for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
    memset(p, 0xAB, n);
  }
  unsigned char *big = arena_alloc(&a, 5 << 20);
  big[(5 << 20) - 1] = 1;
  assert_true(a.used > 5 << 20);
  arena_free(&a);
  assert_null(a.head);
}

static void arena_text(void **state) {
  (void)state;
  Arena a = {0};
  assert_string_equal(arena_strdup(&a, "loss"), "loss");
  assert_string_equal(arena_strndup(&a, "encoder.W", 7), "encoder");
  assert_string_equal(arena_printf(&a, "[%d, %s]", 64, "n"), "[64, n]");
  int x[3] = {1, 2, 3};
  int *y = arena_memdup(&a, x, sizeof x);
  assert_int_equal(y[2], 3);
  arena_free(&a);
}

static void vec_grows(void **state) {
  (void)state;
  Vec(int64_t) v = {0};
  for (int64_t i = 0; i < 1000; i++) vec_push(&v, i * i);
  assert_int_equal(v.n, 1000);
  assert_int_equal(v.at[31], 961);
  assert_int_equal(vec_last(&v), 999 * 999);
  vec_free(&v);
  assert_null(v.at);
}

static void strbuf_builds_text(void **state) {
  (void)state;
  StrBuf b = {0};
  for (int i = 0; i < 200; i++) sb_printf(&b, "%d,", i);
  sb_putc(&b, '!');
  assert_int_equal(b.n, strlen(b.s));
  assert_memory_equal(b.s, "0,1,2,", 6);
  char long_text[300];
  memset(long_text, 'x', 299);
  long_text[299] = 0;
  sb_printf(&b, "%s", long_text);
  assert_int_equal(b.n, strlen(b.s));
  sb_free(&b);
  char *empty = sb_take(&b);
  assert_string_equal(empty, "");
  free(empty);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(arena_gives_zeroed_aligned_memory),
      cmocka_unit_test(arena_text),
      cmocka_unit_test(vec_grows),
      cmocka_unit_test(strbuf_builds_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
