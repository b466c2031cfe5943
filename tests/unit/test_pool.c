/* The thread pool: every task once, for any number of threads and tasks. */
#include "runtime/pool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { TASKS = 1000 };

static void count_task(Context *c, void *const *args, int64_t task) {
  (void)c;
  __atomic_fetch_add(&((int32_t *)args[0])[task], 1, __ATOMIC_RELAXED);
}

static void every_task_once(void **state) {
  (void)state;
  for (uint32_t threads = 1; threads <= 5; threads++) {
    ThreadPool *p = pool_new(threads, false);
    assert_int_equal(pool_threads(p), threads);
    for (int64_t n = 0; n < TASKS; n = n * 2 + 1) {
      int32_t count[TASKS] = {0};
      void *args[] = {count};
      for (int round = 0; round < 50; round++) pool_run(p, NULL, count_task, args, n);
      for (int64_t i = 0; i < TASKS; i++) assert_int_equal(count[i], i < n ? 50 : 0);
    }
    pool_free(p);
  }
}

static void wakes_sleeping_workers(void **state) {
  (void)state;
  ThreadPool *p = pool_new(3, true);
  int32_t count[TASKS] = {0};
  void *args[] = {count};
  for (int round = 0; round < 20; round++) {
    usleep(3000);
    pool_run(p, NULL, count_task, args, TASKS);
  }
  for (int64_t i = 0; i < TASKS; i++) assert_int_equal(count[i], 20);
  pool_free(p);
}

static void mark_task(Context *c, void *const *args, int64_t task) {
  (void)c;
  __atomic_fetch_add((int32_t *)args[task], 1, __ATOMIC_RELAXED);
}

/* A thread that is late by a job meets a larger one: it must not take a task for its own that is none. More threads
 * than processors make threads late. */
static void late_threads_take_nothing(void **state) {
  (void)state;
  ThreadPool *p = pool_new(4, false);
  int32_t count[2][24] = {0};
  void *args[2][24];
  for (int i = 0; i < 24; i++) args[0][i] = &count[0][i], args[1][i] = &count[1][i];
  enum { rounds = 60000 };
  for (int round = 0; round < rounds; round++) {
    pool_run(p, NULL, mark_task, args[0], 2);
    pool_run(p, NULL, mark_task, args[1], 24);
  }
  for (int i = 0; i < 24; i++) {
    assert_int_equal(count[0][i], i < 2 ? rounds : 0);
    assert_int_equal(count[1][i], rounds);
  }
  pool_free(p);
}

typedef struct Nested {
  ThreadPool *pool;
  int32_t count[64];
} Nested;

static void outer_task(Context *c, void *const *args, int64_t task) {
  (void)task;
  Nested *n = args[0];
  void *inner[] = {n->count};
  pool_run(n->pool, c, count_task, inner, 64);
}

static void nested_regions_run_serially(void **state) {
  (void)state;
  Nested n = {.pool = pool_new(4, false)};
  void *args[] = {&n};
  pool_run(n.pool, NULL, outer_task, args, 7);
  for (int i = 0; i < 64; i++) assert_int_equal(n.count[i], 7);
  pool_free(n.pool);
}

static void no_pool_is_one_thread(void **state) {
  (void)state;
  int32_t count[3] = {0};
  void *args[] = {count};
  pool_run(NULL, NULL, count_task, args, 3);
  assert_int_equal(count[0] + count[1] + count[2], 3);
  assert_int_equal(pool_threads(NULL), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_task_once),           cmocka_unit_test(wakes_sleeping_workers),
      cmocka_unit_test(late_threads_take_nothing), cmocka_unit_test(nested_regions_run_serially),
      cmocka_unit_test(no_pool_is_one_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
