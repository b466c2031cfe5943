/* Nanoseconds in which a cache line goes from one processor to another and back: `cores [A B]`, processors 0 and 1 if
 * not said. About 100 where the two share a cache, several hundred where they do not; on a rented machine that changes
 * from one moment to the next, and with it all times on two threads. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TRIPS = 5000 };

static _Alignas(128) atomic_int there;
static _Alignas(128) atomic_int back;

static cpu_set_t only(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)processor, &set);
  return set;
}

static void await(const atomic_int *line, int trip) {
  while (atomic_load_explicit(line, memory_order_acquire) != trip) __builtin_ia32_pause();
}

static void *answer(void *arg) {
  (void)arg;
  for (int i = 1; i <= TRIPS; i++) {
    await(&there, i);
    atomic_store_explicit(&back, i, memory_order_release);
  }
  return NULL;
}

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  const cpu_set_t here = only(argc > 2 ? atoi(argv[1]) : 0), other = only(argc > 2 ? atoi(argv[2]) : 1);
  pthread_attr_t attr;
  pthread_t thread;
  pthread_attr_init(&attr);
  pthread_attr_setaffinity_np(&attr, sizeof other, &other);
  if (sched_setaffinity(0, sizeof here, &here) || pthread_create(&thread, &attr, answer, NULL)) return 1;
  double least = 1e18; /* of a hundredth of the trips each: what else runs here must not count */
  for (int i = 1, part = TRIPS / 100; i <= TRIPS; i += part) {
    const double begin = now_ns();
    for (int j = i; j < i + part; j++) {
      atomic_store_explicit(&there, j, memory_order_release);
      await(&back, j);
    }
    const double each = (now_ns() - begin) / part;
    if (each < least) least = each;
  }
  pthread_join(thread, NULL);
  printf("%.0f\n", least);
  return 0;
}
