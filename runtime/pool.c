#define _GNU_SOURCE
#include "runtime/pool.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE 64            /* bytes a core owns exclusively when it writes */
#define SPIN_PAUSES 20000  /* about 0.3 ms before a worker sleeps */
#define YIELD_PAUSES 50000 /* before the caller lets a worker run that lost its processor */
#define MAX_THREADS 256
#define MAX_TASKS ((int64_t)1 << 31)

/* One thread's share of the current job. The word holds the job number and how many tasks of the share are left, so
 * that a claim by a thread that is late by a job fails, whatever else has changed. */
typedef struct Share {
  _Alignas(LINE) _Atomic uint64_t left;
} Share;

struct ThreadPool {
  _Alignas(LINE) _Atomic uint32_t job; /* number of the current job; workers wait for it to change */
  _Atomic(KernelFn) fn;
  _Atomic(struct Context *) context;
  _Atomic(void *const *) args;
  _Atomic int64_t n;
  _Alignas(LINE) _Atomic int64_t finished; /* tasks of the current job that are done */
  _Alignas(LINE) _Atomic uint32_t sleepers;
  _Atomic uint32_t quit;
  bool busy; /* the caller is inside pool_run */
  uint32_t threads;
  Share *share;
  pthread_t *worker;
};

typedef struct Start {
  ThreadPool *pool;
  uint32_t me;
  int cpu; /* -1: not pinned */
} Start;

static void relax(void) { __builtin_ia32_pause(); }

static long futex(_Atomic uint32_t *word, int op, uint32_t value) {
  return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void pin_thread(int cpu) {
  cpu_set_t set;
  if (cpu < 0) return;
  CPU_ZERO(&set);
  CPU_SET((unsigned)cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* First task of thread t's share; the last share ends at n. */
static int64_t share_begin(const ThreadPool *p, int64_t n, uint32_t t) { return n * t / p->threads; }

/* Executes what is left of thread t's share of this job; returns the number of tasks done.
 * The job's function and sizes are read behind a claim only: a job cannot end before its claimed tasks do, whereas a
 * thread that is late, with nothing claimed, may find the fields of the next job beside the shares of this one. */
static int64_t drain(ThreadPool *p, uint32_t job, uint32_t t) {
  int64_t done = 0;
  uint64_t left = atomic_load_explicit(&p->share[t].left, memory_order_acquire);
  while (left >> 32 == job && (left & UINT32_MAX) > 0) {
    if (!atomic_compare_exchange_weak_explicit(&p->share[t].left, &left, left - 1, memory_order_acq_rel,
                                               memory_order_acquire))
      continue;
    const KernelFn fn = atomic_load_explicit(&p->fn, memory_order_relaxed);
    struct Context *c = atomic_load_explicit(&p->context, memory_order_relaxed);
    void *const *args = atomic_load_explicit(&p->args, memory_order_relaxed);
    const int64_t end = share_begin(p, atomic_load_explicit(&p->n, memory_order_relaxed), t + 1);
    fn(c, args, end - (int64_t)(left & UINT32_MAX));
    left = atomic_load_explicit(&p->share[t].left, memory_order_acquire);
    done++;
  }
  return done;
}

/* Own share first, then what the others have not begun. */
static void work(ThreadPool *p, uint32_t job, uint32_t me) {
  int64_t done = 0;
  for (uint32_t i = 0; i < p->threads; i++) done += drain(p, job, (me + i) % p->threads);
  if (done) atomic_fetch_add_explicit(&p->finished, done, memory_order_release);
}

/* Waits until the job number is no longer `seen`; returns the new one. */
static uint32_t await_job(ThreadPool *p, uint32_t seen) {
  for (;;) {
    for (int i = 0; i < SPIN_PAUSES; i++) {
      const uint32_t job = atomic_load_explicit(&p->job, memory_order_acquire);
      if (job != seen) return job;
      relax();
    }
    atomic_fetch_add(&p->sleepers, 1);
    futex(&p->job, FUTEX_WAIT_PRIVATE, seen);
    atomic_fetch_sub(&p->sleepers, 1);
  }
}

static void *worker_main(void *arg) {
  const Start s = *(Start *)arg;
  free(arg);
  pin_thread(s.cpu);
  for (uint32_t job = 0;;) {
    job = await_job(s.pool, job);
    if (atomic_load_explicit(&s.pool->quit, memory_order_relaxed)) return NULL;
    work(s.pool, job, s.me);
  }
}

static void publish(ThreadPool *p, uint32_t job) {
  atomic_store(&p->job, job);
  if (atomic_load(&p->sleepers)) futex(&p->job, FUTEX_WAKE_PRIVATE, INT_MAX);
}

static void run_serially(struct Context *c, KernelFn fn, void *const *args, int64_t n) {
  for (int64_t i = 0; i < n; i++) fn(c, args, i);
}

void pool_run(ThreadPool *p, struct Context *c, KernelFn fn, void *const *args, int64_t n) {
  if (!p || p->threads == 1 || n < 2 || n >= MAX_TASKS || p->busy) {
    run_serially(c, fn, args, n);
    return;
  }
  const uint32_t job = atomic_load_explicit(&p->job, memory_order_relaxed) + 1;
  p->busy = true;
  atomic_store_explicit(&p->fn, fn, memory_order_relaxed);
  atomic_store_explicit(&p->context, c, memory_order_relaxed);
  atomic_store_explicit(&p->args, args, memory_order_relaxed);
  atomic_store_explicit(&p->n, n, memory_order_relaxed);
  atomic_store_explicit(&p->finished, 0, memory_order_relaxed);
  for (uint32_t t = 0; t < p->threads; t++)
    atomic_store_explicit(&p->share[t].left,
                          (uint64_t)job << 32 | (uint64_t)(share_begin(p, n, t + 1) - share_begin(p, n, t)),
                          memory_order_release);
  publish(p, job);
  work(p, job, 0);
  for (uint32_t i = 0; atomic_load_explicit(&p->finished, memory_order_acquire) != n; i++) {
    relax();
    if (i > YIELD_PAUSES) sched_yield();
  }
  p->busy = false;
}

/* The i-th processor this process may use, -1 when there are fewer. */
static int allowed_cpu(const cpu_set_t *set, uint32_t i) {
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET((unsigned)cpu, set) && i-- == 0) return cpu;
  return -1;
}

static bool start_worker(ThreadPool *p, uint32_t me, int cpu) {
  Start *s = malloc(sizeof *s);
  if (!s) return false;
  *s = (Start){p, me, cpu};
  if (!pthread_create(&p->worker[me], NULL, worker_main, s)) return true;
  free(s);
  return false;
}

ThreadPool *pool_new(uint32_t threads, bool pin) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set)) pin = false;
  if (!threads) threads = CPU_COUNT(&set) > 0 ? (uint32_t)CPU_COUNT(&set) : 1;
  if (threads > MAX_THREADS) threads = MAX_THREADS;
  ThreadPool *p = aligned_alloc(LINE, sizeof *p);
  Share *share = aligned_alloc(LINE, sizeof *share * threads);
  pthread_t *worker = calloc(threads, sizeof *worker);
  if (!p || !share || !worker) return free(p), free(share), free(worker), NULL;
  *p = (ThreadPool){.share = share, .worker = worker, .threads = threads};
  for (uint32_t t = 0; t < threads; t++) share[t] = (Share){0};
  if (pin) pin_thread(allowed_cpu(&set, 0));
  /* A worker reads `threads` only inside a job, so it may still shrink here. */
  for (uint32_t t = 1; t < threads; t++)
    if (!start_worker(p, t, pin ? allowed_cpu(&set, t) : -1)) {
      p->threads = t;
      break;
    }
  return p;
}

uint32_t pool_threads(const ThreadPool *p) { return p ? p->threads : 1; }

void pool_free(ThreadPool *p) {
  if (!p) return;
  atomic_store(&p->quit, 1);
  publish(p, atomic_load(&p->job) + 1);
  for (uint32_t t = 1; t < p->threads; t++) pthread_join(p->worker[t], NULL);
  free(p->share);
  free(p->worker);
  free(p);
}
