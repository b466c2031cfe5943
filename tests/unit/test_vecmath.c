/* Generated elementwise functions: at most 2 ulp in f32 against libm in f64, 1e-15 relative in f64 against libm in
 * long double, special values, and bits that do not depend on the vector.
 *
 * `test_vecmath all [NAME..]` goes through all 2^32 f32 and ten million f64 arguments of these one-argument functions,
 * or of every one (minutes each). */
#include "tests/support/jit.h"
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Function {
  const char *name;
  Op op;
  double (*reference)(double);
  long double (*precise)(long double);
} Function;

static double ref_logistic(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double ref_softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static long double precise_logistic(long double x) { return x >= 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x)); }
static long double precise_softplus(long double x) { return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x)); }

static const Function functions[] = {
    {"exp", OP_exp, exp, expl},
    {"expm1", OP_expm1, expm1, expm1l},
    {"log", OP_log, log, logl},
    {"log1p", OP_log1p, log1p, log1pl},
    {"sqrt", OP_sqrt, sqrt, sqrtl},
    {"sin", OP_sin, sin, sinl},
    {"cos", OP_cos, cos, cosl},
    {"tanh", OP_tanh, tanh, tanhl},
    {"logistic", OP_logistic, ref_logistic, precise_logistic},
    {"softplus", OP_softplus, ref_softplus, precise_softplus},
    {"erf", OP_erf, erf, erfl},
    {"atan", OP_atan, atan, atanl},
};
enum { N_FUNCTIONS = sizeof functions / sizeof *functions, CHUNK = 4096 };

/* y[i] = op(x[i], z[i]) over CHUNK elements, one kernel a function; width 1 makes a serial loop. */
static KKernel *map_kernel(Op op, DType t, uint32_t width, bool binary) {
  KKernel *k = k_kernel_new();
  const uint32_t x = tk_arg(k, t, KA_READ, CHUNK), z = tk_arg(k, t, KA_READ, CHUNK), y = tk_arg(k, t, KA_WRITE, CHUNK);
  const KVal iv = tk_for(k, width > 1 ? KL_VECTOR : KL_SERIAL, width, CHUNK);
  const KVal a = tk_load(k, t, x, 0, iv, 1), b = binary ? tk_load(k, t, z, 0, iv, 1) : K_NONE;
  tk_store(k, y, 0, iv, 1, tk_op(k, op, t, a, b, K_NONE));
  tk_end(k, iv);
  return k;
}

typedef struct Compiled {
  Jit jit;
  KernelFn vector[N_FUNCTIONS], scalar[N_FUNCTIONS];
} Compiled;

static Compiled compile(DType t, KTarget target) {
  KKernel *k[2 * N_FUNCTIONS];
  Compiled c;
  for (int i = 0; i < N_FUNCTIONS; i++) {
    k[2 * i] = map_kernel(functions[i].op, t, k_lanes(&target, t), false);
    k[2 * i + 1] = map_kernel(functions[i].op, t, 1, false);
  }
  c.jit = jit_kernels((const KKernel *const *)k, 2 * N_FUNCTIONS, &target);
  for (uint32_t i = 0; i < N_FUNCTIONS; i++) {
    c.vector[i] = jit_kernel(&c.jit, 2 * i);
    c.scalar[i] = jit_kernel(&c.jit, 2 * i + 1);
  }
  for (int i = 0; i < 2 * N_FUNCTIONS; i++) k_kernel_free(k[i]);
  return c;
}

static float from_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

/* Distance in units of the last place of the correctly rounded f32 result; 0 for equal specials. */
static double ulps32(float got, double want) {
  if (isnan(want)) return isnan(got) ? 0 : INFINITY;
  if (isnan(got)) return INFINITY;
  const float rounded = (float)want;
  if (isinf(rounded) || isinf(got)) {
    if (isinf(rounded) && isinf(got)) return (rounded > 0) == (got > 0) ? 0 : INFINITY;
    return fabs((isinf(got) ? copysign(0x1p128, got) : got) - (isinf(rounded) ? copysign(0x1p128, want) : want)) /
           0x1p104;
  }
  const int e = want == 0 ? -126 : ilogb(want);
  return fabs(got - want) / ldexp(1, (e < -126 ? -126 : e) - 23);
}

/* A result of 0 keeps the sign libm gives it. */
static bool same_zero(float got, double want) { return want != 0 || got != 0 || !signbit(got) == !signbit(want); }

static _Alignas(64) float in32[CHUNK], zero32[CHUNK], out32[CHUNK], scalar32[CHUNK];

typedef struct Worst {
  double ulps;
  float at;
} Worst;

/* Runs function i over every `stride`-th bit pattern. Correctly rounded results count as half a unit. */
static Worst sweep(const Compiled *c, int i, uint32_t stride) {
  Worst worst = {0.5, 0};
  uint64_t next = 0;
  while (next <= UINT32_MAX) {
    int n = 0;
    for (; n < CHUNK && next <= UINT32_MAX; n++, next += stride) in32[n] = from_bits((uint32_t)next);
    for (int j = n; j < CHUNK; j++) in32[j] = 1;
    void *args[] = {in32, zero32, out32}, *args_scalar[] = {in32, zero32, scalar32};
    c->vector[i](NULL, args, 0);
    if (stride > 1) {
      c->scalar[i](NULL, args_scalar, 0);
      for (int j = 0; j < n; j++)
        if (isnan(out32[j]) ? !isnan(scalar32[j]) : memcmp(&out32[j], &scalar32[j], 4) != 0)
          fail_msg("%s(%a): %a in a vector, %a alone", functions[i].name, in32[j], out32[j], scalar32[j]);
    }
    for (int j = 0; j < n; j++) {
      const double want = functions[i].reference(in32[j]);
      if (want != 0 && out32[j] == (float)want) continue;
      const double u = ulps32(out32[j], want);
      if (u > worst.ulps) worst = (Worst){u, in32[j]};
      if (!same_zero(out32[j], want)) fail_msg("%s(%a): sign of zero", functions[i].name, in32[j]);
    }
  }
  return worst;
}

typedef struct Sweep {
  uint32_t stride;
  char **names; /* NULL behind the last; none: every function */
} Sweep;

static bool chosen(const Sweep *s, const char *name) {
  for (char **n = s->names; *n; n++)
    if (!strcmp(*n, name)) return true;
  return !*s->names;
}

static void check_f32(KTarget target, const Sweep *s) {
  const Compiled c = compile(DT_F32, target);
  const uint32_t stride = s->stride;
  bool bad = false;
  for (int i = 0; i < N_FUNCTIONS; i++) {
    if (!chosen(s, functions[i].name)) continue;
    const Worst w = sweep(&c, i, stride);
    printf("f32 %-9s %.3f ulp at %a (%g)\n", functions[i].name, w.ulps, w.at, w.at);
    fflush(stdout);
    bad |= !(w.ulps <= 2);
  }
  code_free(c.jit.code);
  assert_false(bad);
}

/* As for this machine, and as for one whose vectors are half as long. */
static void f32_functions_within_2_ulp(void **state) {
  const Sweep *s = *state;
  const KTarget host = k_target_host(), less = {32, 6};
  check_f32(host, s);
  if (host.vector_bytes > 32 && s->stride > 1) check_f32(less, s);
}

static _Alignas(64) double in64[CHUNK], other64[CHUNK], out64[CHUNK];

static uint64_t random_state = 88172645463325252u;
static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  return random_state ^= random_state << 17;
}

/* Sizes spread over the exponents in [-60, 11) and, one in eight, over all bit patterns. */
static double sample(void) {
  const uint64_t r = next_random();
  double v;
  if (r % 8 == 0) {
    const uint64_t bits = next_random();
    memcpy(&v, &bits, 8);
    return v;
  }
  v = ldexp(1 + (double)(next_random() >> 12) * 0x1p-52, (int)(r >> 8) % 71 - 60);
  return r >> 63 ? -v : v;
}

/* Relative error; absolute in units of the smallest normal number below it. */
static double relative64(double got, long double want) {
  if (want != want) return got != got ? 0 : INFINITY;
  if (got != got) return INFINITY;
  if (isinf((double)want) || isinf(got))
    return got == (double)want || fabsl(want) > 0x1.fffffffffffffp1023L ? 0 : INFINITY;
  const long double size = fabsl(want) < 0x1p-1022L ? 0x1p-1022L : fabsl(want);
  return (double)(fabsl(got - want) / size);
}

static void f64_functions_within_1e15(void **state) {
  const Sweep *s = *state;
  const int rounds = s->stride > 1 ? 25 : 2500;
  const Compiled c = compile(DT_F64, k_target_host());
  bool bad = false;
  for (int i = 0; i < N_FUNCTIONS; i++) {
    double worst = 0, at = 0;
    if (!chosen(s, functions[i].name)) continue;
    for (int round = 0; round < rounds; round++) {
      for (int j = 0; j < CHUNK; j++) in64[j] = sample();
      void *args[] = {in64, other64, out64};
      c.vector[i](NULL, args, 0);
      for (int j = 0; j < CHUNK; j++) {
        const double r = relative64(out64[j], functions[i].precise(in64[j]));
        if (r > worst) worst = r, at = in64[j];
      }
    }
    printf("f64 %-9s %.2e at %a (%g)\n", functions[i].name, worst, at, at);
    bad |= !(worst <= 1e-15);
  }
  code_free(c.jit.code);
  assert_false(bad);
}

static void special_values(void **state) {
  (void)state;
  const double special[] = {0.0,       -0.0,       INFINITY, -INFINITY, NAN,   1,      -1,   DBL_MIN, -DBL_MIN,
                            0x1p-1074, -0x1p-1074, DBL_MAX,  -DBL_MAX,  710,   -745.1, -746, 0.5,     2,
                            3,         -2,         -3,       0x1p53,    1e300, 2.5,    -2.5};
  enum { N = sizeof special / sizeof *special };
  const Compiled c = compile(DT_F64, k_target_host());
  for (int i = 0; i < N_FUNCTIONS; i++) {
    for (int j = 0; j < CHUNK; j++) in64[j] = special[j % N];
    void *args[] = {in64, other64, out64};
    c.vector[i](NULL, args, 0);
    for (int j = 0; j < N; j++) {
      const double want = functions[i].reference(in64[j]);
      if (relative64(out64[j], want) > 2e-15 || (want == 0 && out64[j] == 0 && signbit(want) != signbit(out64[j])))
        fail_msg("%s(%g) = %g, not %g", functions[i].name, in64[j], out64[j], want);
    }
  }
  code_free(c.jit.code);
}

/* Bases and exponents whose powers are finite, and every pair of special values. */
static void powers(void **state) {
  (void)state;
  const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN,    1,      -1,     2,          -2,
                            3,   -3,   0.5,      -0.5,      1e-300, -1e300, 0x1p53, 0x1p52 + 1, 1 + DBL_EPSILON};
  enum { N = sizeof special / sizeof *special };
  const KTarget target = k_target_host();
  KKernel *k[] = {map_kernel(OP_pow, DT_F64, k_lanes(&target, DT_F64), true),
                  map_kernel(OP_pow, DT_F32, k_lanes(&target, DT_F32), true)};
  Jit jit = jit_kernels((const KKernel *const *)k, 2, &target);
  double worst = 0, worst32 = 0;
  for (int round = 0; round < 25; round++) {
    for (int j = 0; j < CHUNK; j++) {
      in64[j] = round ? fabs(sample()) : special[j / N % N];
      other64[j] =
          round ? 600 * ((double)(next_random() >> 11) * 0x1p-53 - 0.5) / fmax(1, fabs(log(in64[j]))) : special[j % N];
      in32[j] = (float)in64[j];
      zero32[j] = (float)other64[j];
    }
    void *args[] = {in64, other64, out64}, *args32[] = {in32, zero32, out32};
    jit_kernel(&jit, 0)(NULL, args, 0);
    jit_kernel(&jit, 1)(NULL, args32, 0);
    for (int j = 0; j < CHUNK; j++) {
      const double r = relative64(out64[j], powl(in64[j], other64[j])), r32 = ulps32(out32[j], pow(in32[j], zero32[j]));
      if (r > 1e-15)
        fail_msg("pow(%a, %a) = %g, not %g: %g", in64[j], other64[j], out64[j], pow(in64[j], other64[j]), r);
      if (r32 > 2) fail_msg("f32 pow(%a, %a) = %g", in32[j], zero32[j], out32[j]);
      worst = fmax(worst, r);
      worst32 = fmax(worst32, r32);
    }
  }
  printf("pow: f64 %.2e relative, f32 %.3f ulp\n", worst, worst32);
  jit_free(&jit);
  k_kernel_free(k[0]);
  k_kernel_free(k[1]);
}

int main(int argc, char **argv) {
  static char *none[] = {NULL};
  const bool all = argc > 1 && !strcmp(argv[1], "all");
  Sweep sweep = {all ? 1 : 8191, all ? argv + 2 : none};
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate(f32_functions_within_2_ulp, &sweep),
      cmocka_unit_test_prestate(f64_functions_within_1e15, &sweep),
      cmocka_unit_test(special_values),
      cmocka_unit_test(powers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
