#include "driver/machine.h"
#include "driver/session/load.h"
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- multiply-adds */

enum { CHAINS = 12, ROUNDS = 40000, WIDEST = 64 }; /* more chains than latency times units, fewer than registers */

/* One loop of independent chains of fused multiply-adds; returns the flops of a call. Each chain's end has a place of
 * its own in `out`: a chain whose end is overwritten would not be computed. */
#define FMA_LOOP(name, features, vector, set, fma, store, lanes)                                                       \
  __attribute__((target(features))) static double name(uint8_t *out) {                                                 \
    vector x[CHAINS], a = set(0.999f), b = set(0.001f);                                                                \
    for (int k = 0; k < CHAINS; k++) x[k] = set((float)k);                                                             \
    for (int i = 0; i < ROUNDS; i++) {                                                                                 \
      _Pragma("GCC unroll 12") for (int k = 0; k < CHAINS; k++) x[k] = fma(x[k], a, b);                                \
    }                                                                                                                  \
    for (int k = 0; k < CHAINS; k++) store((void *)(out + k * WIDEST), x[k]);                                          \
    return 2.0 * CHAINS * ROUNDS * (lanes);                                                                            \
  }
FMA_LOOP(fma_512_f32, "avx512f", __m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_storeu_ps, 16)
FMA_LOOP(fma_512_f64, "avx512f", __m512d, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_storeu_pd, 8)
FMA_LOOP(fma_256_f32, "avx2,fma", __m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_storeu_ps, 8)
FMA_LOOP(fma_256_f64, "avx2,fma", __m256d, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_storeu_pd, 4)
#define MUL_ADD_PS(x, a, b) _mm_add_ps(_mm_mul_ps(x, a), b)
#define MUL_ADD_PD(x, a, b) _mm_add_pd(_mm_mul_pd(x, a), b)
FMA_LOOP(fma_128_f32, "sse2", __m128, _mm_set1_ps, MUL_ADD_PS, _mm_storeu_ps, 4)
FMA_LOOP(fma_128_f64, "sse2", __m128d, _mm_set1_pd, MUL_ADD_PD, _mm_storeu_pd, 2)

typedef double (*FmaLoop)(uint8_t *out);

static FmaLoop widest(bool f64) {
  if (__builtin_cpu_supports("avx512f")) return f64 ? fma_512_f64 : fma_512_f32;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return f64 ? fma_256_f64 : fma_256_f32;
  return f64 ? fma_128_f64 : fma_128_f32;
}

typedef struct Job {
  bool f64;
  double flops; /* of one task */
  uint8_t *memory;
  size_t bytes; /* of one task's half */
} Job;

static void run_fma(struct Context *c, void *const *args, int64_t task) {
  (void)c;
  uint8_t sink[CHAINS * WIDEST];
  Job *job = args[0];
  double flops = widest(job->f64)(sink);
  if (task == 0) job->flops = flops;
}

static void run_copy(struct Context *c, void *const *args, int64_t task) {
  (void)c;
  const Job *job = args[0];
  uint8_t *at = job->memory + (size_t)task * 2 * job->bytes;
  memcpy(at, at + job->bytes, job->bytes);
}

/* Least time of several runs of one task a thread, seconds. */
static double least_seconds(ThreadPool *pool, KernelFn fn, Job *job, int runs) {
  void *const args[] = {job};
  double best = 1e30;
  for (int i = 0; i < runs; i++) {
    double begin = clock_ms();
    pool_run(pool, NULL, fn, args, pool_threads(pool));
    double seconds = (clock_ms() - begin) * 1e-3;
    if (seconds < best) best = seconds;
  }
  return best;
}

/* ---------------------------------------------------------------- the machine */

Machine machine_measure(ThreadPool *pool) {
  Machine m = {.size = {32e3, 512e3, 8e6, 128e6}};
  uint32_t threads = pool_threads(pool);
  Job job = {0};
  for (int f64 = 0; f64 < 2; f64++) {
    job.f64 = f64;
    double seconds = least_seconds(pool, run_fma, &job, 20);
    m.flops[f64] = job.flops * threads / seconds;
  }
  job.memory = malloc((size_t)m.size[MACHINE_SIZES - 1] + 4096);
  if (job.memory) memset(job.memory, 1, (size_t)m.size[MACHINE_SIZES - 1]);
  for (int i = 0; i < MACHINE_SIZES && job.memory; i++) {
    job.bytes = (size_t)(m.size[i] / (2.0 * threads)) / 64 * 64;
    double seconds = least_seconds(pool, run_copy, &job, i < 2 ? 2000 : i == 2 ? 40 : 4);
    m.bytes[i] = 2.0 * (double)job.bytes * threads / seconds;
  }
  free(job.memory);
  return m;
}

double machine_bandwidth(const Machine *m, double bytes) {
  for (int i = 0; i < MACHINE_SIZES; i++)
    if (bytes <= m->size[i] * 2 || i == MACHINE_SIZES - 1) return m->bytes[i];
  return 0;
}
