/* The object cache: what is stored comes back, what is damaged does not, the size stays bounded. */
#define _GNU_SOURCE
#include "codegen/object/cache.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct Fixture {
  char dir[64], sub[80];
  Cache *cache;
} Fixture;

static int open_fixture(void **state) {
  Fixture *f = calloc(1, sizeof *f);
  strcpy(f->dir, "/tmp/seppo-cache-XXXXXX");
  assert_non_null(mkdtemp(f->dir));
  snprintf(f->sub, sizeof f->sub, "%s/a/b", f->dir);
  f->cache = cache_open(f->sub, 1 << 20);
  *state = f;
  return 0;
}

static int close_fixture(void **state) {
  Fixture *f = *state;
  char parent[80];
  cache_clear(f->cache);
  cache_close(f->cache);
  snprintf(parent, sizeof parent, "%s/a", f->dir);
  rmdir(f->sub), rmdir(parent), rmdir(f->dir);
  free(f);
  return 0;
}

static void keys_depend_on_everything(void **state) {
  (void)state;
  const CacheKey k = cache_key("text", 4, "znver5"), same = cache_key("text", 4, "znver5");
  const CacheKey other[] = {cache_key("texu", 4, "znver5"), cache_key("tex", 3, "znver5"),
                            cache_key("text", 4, "znver4"), cache_key("textz", 5, "nver5")};
  assert_memory_equal(&k, &same, sizeof k);
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) assert_memory_not_equal(&k, &other[i], sizeof k);
}

static void stored_objects_come_back(void **state) {
  Fixture *f = *state;
  size_t size = 0;
  const CacheKey key = cache_key("k", 1, "t");
  assert_null(cache_load(f->cache, key, &size));
  assert_true(cache_store(f->cache, key, "hello", 6));
  char *got = cache_load(f->cache, key, &size);
  assert_non_null(got);
  assert_int_equal(size, 6);
  assert_string_equal(got, "hello");
  free(got);
  assert_true(cache_store(f->cache, cache_key("empty", 5, "t"), "", 0));
  CacheEntry *all;
  assert_int_equal(cache_list(f->cache, &all), 2);
  free(all);
  assert_int_equal(cache_clear(f->cache), 2);
  assert_null(cache_load(f->cache, key, &size));
}

/* Overwrites one byte of the only entry. */
static void damage(Fixture *f, CacheKey key, long at) {
  char path[160];
  snprintf(path, sizeof path, "%s/%016llx%016llx.o", f->sub, (unsigned long long)key.h[0],
           (unsigned long long)key.h[1]);
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  fseek(file, at, SEEK_SET);
  const int c = fgetc(file);
  fseek(file, at, SEEK_SET);
  fputc(c ^ 1, file);
  fclose(file);
}

static void damaged_entries_are_refused(void **state) {
  Fixture *f = *state;
  const CacheKey key = cache_key("k", 1, "t");
  size_t size;
  char bytes[100] = "object";
  for (long at = 0; at < 64 + 100; at++) {
    if (at >= 48 && at < 64) continue; /* reserved */
    assert_true(cache_store(f->cache, key, bytes, sizeof bytes));
    damage(f, key, at);
    assert_null(cache_load(f->cache, key, &size));
  }
  assert_true(cache_store(f->cache, key, bytes, sizeof bytes));
  assert_int_equal(cache_verify(f->cache), 0);
  damage(f, key, 80);
  assert_int_equal(cache_verify(f->cache), 1);
  assert_int_equal(cache_clear(f->cache), 0);
}

static void size_stays_under_the_limit(void **state) {
  Fixture *f = *state;
  char *bytes = calloc(1, 100000);
  char text[16];
  for (int i = 0; i < 40; i++) {
    const int n = snprintf(text, sizeof text, "k%d", i);
    assert_true(cache_store(f->cache, cache_key(text, (size_t)n, "t"), bytes, 100000));
  }
  CacheEntry *all;
  uint64_t total = 0;
  const uint32_t n = cache_list(f->cache, &all);
  for (uint32_t i = 0; i < n; i++) total += all[i].bytes;
  assert_in_range(total, 1, (1 << 20) + (1 << 17) + 100064);
  free(all);
  free(bytes);
}

static void writers_do_not_disturb_each_other(void **state) {
  Fixture *f = *state;
  const CacheKey key = cache_key("shared", 6, "t");
  char bytes[5000];
  memset(bytes, 7, sizeof bytes);
  for (int child = 0; child < 4; child++)
    if (!fork()) {
      for (int i = 0; i < 30; i++) {
        size_t size;
        cache_store(f->cache, key, bytes, sizeof bytes);
        char *got = cache_load(f->cache, key, &size);
        if (!got || size != sizeof bytes || memcmp(got, bytes, size)) _exit(1);
        free(got);
      }
      _exit(0);
    }
  for (int child = 0, status; child < 4; child++) {
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
  }
  assert_int_equal(cache_clear(f->cache), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_depend_on_everything),
      cmocka_unit_test_setup_teardown(stored_objects_come_back, open_fixture, close_fixture),
      cmocka_unit_test_setup_teardown(damaged_entries_are_refused, open_fixture, close_fixture),
      cmocka_unit_test_setup_teardown(size_stays_under_the_limit, open_fixture, close_fixture),
      cmocka_unit_test_setup_teardown(writers_do_not_disturb_each_other, open_fixture, close_fixture),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
