/* Machine code of kernels built by hand: loops, tails, masks, gathers, accumulators, checks, draws, micro-kernels. */
#include "runtime/random.h"
#include "tests/support/jit.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 256 };
static _Alignas(64) float x[MOST + 64], y[MOST + 64];
static Context context;

static Jit compile_one(KKernel *k) {
  const KTarget t = k_target_host();
  Jit j = jit_kernels((const KKernel *const *)&k, 1, &t);
  k_kernel_free(k);
  return j;
}

static void run_one(KKernel *k, void *const *args, int64_t task) {
  Jit j = compile_one(k);
  jit_kernel(&j, 0)(&context, args, task);
  jit_free(&j);
}

static void fill(void) {
  for (int i = 0; i < MOST + 64; i++) {
    x[i] = (float)(i * 37 % 101) - 50;
    y[i] = -1;
  }
}

/* y[i] = 2 x[i] for every trip count, as a constant and as a cap; nothing beyond is written. */
static void tails_write_only_their_rows(void **state) {
  (void)state;
  for (int capped = 0; capped < 2; capped++)
    for (int64_t n = 0; n <= 70; n += n < 34 ? 1 : 9) {
      KKernel *k = k_kernel_new();
      const uint32_t bx = tk_arg(k, DT_F32, KA_READ, MOST), by = tk_arg(k, DT_F32, KA_WRITE, MOST);
      const KVal task = tk_inst(k, (KInst){.kind = K_TASK, .dtype = DT_I64, .a = {K_NONE, K_NONE, K_NONE}});
      const KVal two = tk_lit(k, DT_F32, 2), iv = tk_for(k, KL_VECTOR, 16, capped ? 70 : n);
      if (capped) k->loop.at[0].cap = task;
      tk_store(k, by, 0, iv, 1, tk_op(k, OP_mul, DT_F32, tk_load(k, DT_F32, bx, 0, iv, 1), two, K_NONE));
      tk_end(k, iv);
      fill();
      run_one(k, (void *[]){x, y}, n);
      for (int i = 0; i < MOST; i++) assert_true(y[i] == (i < n ? 2 * x[i] : -1));
    }
}

/* Strided, reversed and indexed reads; a strided write. */
static void gathers_and_scatters(void **state) {
  (void)state;
  int32_t index[40];
  for (int i = 0; i < 40; i++) index[i] = i * 7 % 40;
  KKernel *k = k_kernel_new();
  const uint32_t bx = tk_arg(k, DT_F32, KA_READ, MOST), by = tk_arg(k, DT_F32, KA_WRITE, MOST),
                 bi = tk_arg(k, DT_I32, KA_READ, 40);
  const KVal iv = tk_for(k, KL_VECTOR, 16, 37);
  const KVal strided = tk_load(k, DT_F32, bx, 1, iv, 3), back = tk_load(k, DT_F32, bx, 100, iv, -1);
  const KVal i = tk_op(k, OP_cast, DT_I64, tk_load(k, DT_I32, bi, 0, iv, 1), K_NONE, K_NONE);
  const KVal picked = tk_load(k, DT_F32, bx, 2, i, 4);
  const KVal sum = tk_op(k, OP_add, DT_F32, tk_op(k, OP_add, DT_F32, strided, back, K_NONE), picked, K_NONE);
  tk_store(k, by, 5, iv, 2, sum);
  tk_end(k, iv);
  fill();
  run_one(k, (void *[]){x, y, index}, 0);
  for (int n = 0; n < MOST; n++) {
    const int j = (n - 5) / 2;
    const bool written = n >= 5 && (n - 5) % 2 == 0 && j < 37;
    assert_true(y[n] == (written ? x[1 + 3 * j] + x[100 - j] + x[2 + 4 * index[j]] : -1));
  }
}

/* y[0] = sum, y[1] = max of x over n elements, through 32 lanes and their tree; bits as the tree says. */
static void reductions_follow_the_tree(void **state) {
  (void)state;
  for (int64_t n = 1; n < 200; n += 13) {
    KKernel *k = k_kernel_new();
    const uint32_t bx = tk_arg(k, DT_F32, KA_READ, MOST), by = tk_arg(k, DT_F32, KA_WRITE, MOST);
    const KVal zero = tk_lit(k, DT_F32, 0), low = tk_lit(k, DT_F32, -INFINITY);
    const KVal sum = tk_inst(k, (KInst){.kind = K_ACC, .dtype = DT_F32, .a = {zero, K_NONE, K_NONE}, .aux = 32});
    const KVal top = tk_inst(k, (KInst){.kind = K_ACC, .dtype = DT_F32, .a = {low, K_NONE, K_NONE}, .aux = 32});
    const KVal iv = tk_for(k, KL_VECTOR, 32, n), v = tk_load(k, DT_F32, bx, 0, iv, 1);
    const KVal third = tk_op(k, OP_div, DT_F32, v, tk_lit(k, DT_F32, 3), K_NONE);
    const KVal s = tk_inst(k, (KInst){.kind = K_GET, .dtype = DT_F32, .a = {sum, K_NONE, K_NONE}});
    tk_inst(k, (KInst){.kind = K_SET, .a = {sum, tk_op(k, OP_add, DT_F32, s, third, K_NONE), K_NONE}});
    const KVal t = tk_inst(k, (KInst){.kind = K_GET, .dtype = DT_F32, .a = {top, K_NONE, K_NONE}});
    tk_inst(k, (KInst){.kind = K_SET, .a = {top, tk_op(k, OP_max, DT_F32, t, v, K_NONE), K_NONE}});
    tk_end(k, iv);
    tk_store(k, by, 0, K_NONE, 0,
             tk_inst(k, (KInst){.kind = K_LANES, .dtype = DT_F32, .op = OP_add, .a = {sum, K_NONE, K_NONE}}));
    tk_store(k, by, 1, K_NONE, 0,
             tk_inst(k, (KInst){.kind = K_LANES, .dtype = DT_F32, .op = OP_max, .a = {top, K_NONE, K_NONE}}));
    fill();
    run_one(k, (void *[]){x, y}, 0);
    float lane[32] = {0}, most = -INFINITY;
    for (int i = 0; i < n; i++) {
      lane[i % 32] += x[i] / 3;
      most = fmaxf(most, x[i]);
    }
    for (int half = 16; half; half /= 2)
      for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    assert_true(y[0] == lane[0] && y[1] == most);
  }
}

/* Masked loads fill, masked stores leave alone, also for single elements; nothing off the mask is touched. */
static void masks_guard_accesses(void **state) {
  (void)state;
  KKernel *k = k_kernel_new();
  const uint32_t bx = tk_arg(k, DT_F32, KA_READ, MOST), by = tk_arg(k, DT_F32, KA_WRITE, MOST);
  const KVal ten = tk_lit(k, DT_I64, 10),
             task = tk_inst(k, (KInst){.kind = K_TASK, .dtype = DT_I64, .a = {K_NONE, K_NONE, K_NONE}});
  const KVal never = tk_op(k, OP_lt, DT_BOOL, task, tk_lit(k, DT_I64, 0), K_NONE);
  const uint32_t far = tk_addr(k, bx, (int64_t)1 << 40, K_NONE, 0);
  const float seven = 7;
  KInst guarded = {.kind = K_LOAD, .dtype = DT_F32, .a = {never, K_NONE, K_NONE}, .aux = far};
  memcpy(&guarded.bits, &seven, 4);
  const KVal one = tk_inst(k, guarded);
  const uint32_t far_y = tk_addr(k, by, (int64_t)1 << 40, K_NONE, 0);
  tk_inst(k, (KInst){.kind = K_STORE, .a = {one, never, K_NONE}, .aux = far_y});
  const KVal iv = tk_for(k, KL_VECTOR, 16, 40), on = tk_op(k, OP_lt, DT_BOOL, iv, ten, K_NONE);
  guarded.a[0] = on;
  guarded.aux = tk_addr(k, bx, 0, iv, 1);
  const KVal some = tk_inst(k, guarded);
  const KVal sum = tk_op(k, OP_add, DT_F32, some, one, K_NONE);
  const KVal late =
      tk_op(k, OP_not, DT_BOOL, tk_op(k, OP_lt, DT_BOOL, iv, tk_lit(k, DT_I64, 3), K_NONE), K_NONE, K_NONE);
  const uint32_t to = tk_addr(k, by, 0, iv, 1);
  tk_inst(k, (KInst){.kind = K_STORE, .a = {sum, late, K_NONE}, .aux = to});
  tk_end(k, iv);
  fill();
  run_one(k, (void *[]){x, y}, 0);
  for (int i = 0; i < MOST; i++) assert_true(y[i] == (i >= 3 && i < 40 ? (i < 10 ? x[i] : 7) + 7 : -1));
}

/* Row sums by a serial loop inside a vector loop: one accumulator a lane. */
static void accumulators_inside_vector_loops(void **state) {
  (void)state;
  KKernel *k = k_kernel_new();
  const uint32_t bx = tk_arg(k, DT_F32, KA_READ, MOST), by = tk_arg(k, DT_F32, KA_WRITE, MOST);
  const KVal zero = tk_lit(k, DT_F32, 0), col = tk_for(k, KL_VECTOR, 16, 21);
  const KVal acc = tk_inst(k, (KInst){.kind = K_ACC, .dtype = DT_F32, .a = {zero, K_NONE, K_NONE}, .aux = 1});
  const KVal row = tk_for(k, KL_SERIAL, 1, 10);
  const KAddr a = {.buf = bx, .first = k->term.n, .n = 2};
  vec_push(&k->term, ((KTerm){col, 1}));
  vec_push(&k->term, ((KTerm){row, 21}));
  vec_push(&k->addr, a);
  const KVal v =
      tk_inst(k, (KInst){.kind = K_LOAD, .dtype = DT_F32, .a = {K_NONE, K_NONE, K_NONE}, .aux = k->addr.n - 1});
  const KVal s = tk_inst(k, (KInst){.kind = K_GET, .dtype = DT_F32, .a = {acc, K_NONE, K_NONE}});
  tk_inst(k, (KInst){.kind = K_SET, .a = {acc, tk_op(k, OP_add, DT_F32, s, v, K_NONE), K_NONE}});
  tk_end(k, row);
  tk_store(k, by, 0, col, 1, tk_inst(k, (KInst){.kind = K_GET, .dtype = DT_F32, .a = {acc, K_NONE, K_NONE}}));
  tk_end(k, col);
  fill();
  run_one(k, (void *[]){x, y}, 0);
  for (int i = 0; i < 21; i++) {
    float sum = 0;
    for (int r = 0; r < 10; r++) sum += x[r * 21 + i];
    assert_true(y[i] == sum);
  }
  assert_true(y[21] == -1);
}

static void checks_record_the_first_bad_index(void **state) {
  (void)state;
  for (int width = 1; width <= 16; width += 15) {
    int32_t index[20];
    for (int i = 0; i < 20; i++) index[i] = i == 17 ? 50 : i == 18 ? -3 : i;
    KKernel *k = k_kernel_new();
    const uint32_t bx = tk_arg(k, DT_F32, KA_READ, 20), by = tk_arg(k, DT_F32, KA_WRITE, MOST),
                   bi = tk_arg(k, DT_I32, KA_READ, 20);
    const KVal iv = tk_for(k, width > 1 ? KL_VECTOR : KL_SERIAL, (uint32_t)width, 20);
    const KVal i = tk_op(k, OP_cast, DT_I64, tk_load(k, DT_I32, bi, 0, iv, 1), K_NONE, K_NONE);
    vec_push(&k->check, ((KCheck){.extent = 20, .node = 5, .region = 2}));
    const KVal safe = tk_inst(k, (KInst){.kind = K_CHECK, .dtype = DT_I64, .a = {i, K_NONE, K_NONE}, .aux = 0});
    tk_store(k, by, 0, iv, 1, tk_load(k, DT_F32, bx, 0, safe, 1));
    tk_end(k, iv);
    fill();
    memset(&context, 0, sizeof context);
    run_one(k, (void *[]){x, y, index}, 0);
    assert_int_equal(context.status, RUN_BAD_INDEX);
    assert_int_equal(context.bad_node, 5);
    assert_int_equal(context.bad_region, 2);
    assert_int_equal(context.bad_index, 50);
    assert_int_equal(context.bad_extent, 20);
    for (int n = 0; n < 20; n++) assert_true(y[n] == x[n == 17 || n == 18 ? 0 : n]);
  }
}

/* Draws equal runtime/random.h: bits and uniforms exactly, normals to a few units. */
static void draws_match_their_definition(void **state) {
  (void)state;
  enum { N = 53 };
  static const struct {
    DType t;
    uint8_t dist;
  } kind[] = {{DT_U32, DIST_BITS},    {DT_U64, DIST_BITS},   {DT_F32, DIST_UNIFORM},
              {DT_F64, DIST_UNIFORM}, {DT_F32, DIST_NORMAL}, {DT_F64, DIST_NORMAL}};
  const uint64_t key = 0x123456789abcdef0u, site = 0xfedcba9876543210u;
  for (size_t c = 0; c < sizeof kind / sizeof *kind; c++)
    for (int64_t first = 0; first < 8; first += 3) {
      _Alignas(64) char out[1024];
      static char from_zero[1024]; /* whole blocks at once; the other starts compute lane by lane */
      uint64_t key_cell = key;
      KKernel *k = k_kernel_new();
      const uint32_t by = tk_arg(k, kind[c].t, KA_WRITE, N), bk = tk_arg(k, DT_U64, KA_READ, 1);
      vec_push(&k->draw, ((KDraw){.dist = kind[c].dist, .site = site}));
      const KVal kv = tk_load(k, DT_U64, bk, 0, K_NONE, 0), begin = tk_lit(k, DT_I64, (double)first);
      const KVal iv = tk_for(k, KL_VECTOR, 8, N), at = tk_op(k, OP_add, DT_I64, iv, begin, K_NONE);
      const KVal r =
          tk_inst(k, (KInst){.kind = K_RANDOM, .dtype = (uint8_t)kind[c].t, .a = {kv, at, K_NONE}, .aux = 0});
      tk_store(k, by, 0, iv, 1, r);
      tk_end(k, iv);
      run_one(k, (void *[]){out, &key_cell}, 0);
      const size_t size = ir_dtype_size(kind[c].t), shift = (size_t)first * size;
      if (first == 0) memcpy(from_zero, out, sizeof out);
      assert_memory_equal(out, from_zero + shift, N * size - shift);
      for (int i = 0; i < N; i++) {
        const uint64_t n = (uint64_t)(i + first);
        if (c == 0) assert_int_equal(((uint32_t *)out)[i], random_bits32(key, site, n));
        if (c == 1) assert_int_equal(((uint64_t *)out)[i], random_bits64(key, site, n));
        if (c == 2) assert_true(((float *)out)[i] == random_uniform32(key, site, n));
        if (c == 3) assert_true(((double *)out)[i] == random_uniform64(key, site, n));
        if (c == 4) assert_true(fabs(((float *)out)[i] / random_normal32(key, site, n) - 1) < 4e-7);
        if (c == 5) assert_true(fabs(((double *)out)[i] - random_normal64(key, site, n)) < 4e-15);
      }
    }
}

/* One K_MICRO over every tile height, plain and transposed A, added to what was there, all its columns and the first
 * vector of them, against sums in order. */
static void micro_kernels_multiply(void **state) {
  (void)state;
  enum { ROWS = 16, DEPTH = 9, COLS = 64 };
  static float a[ROWS * DEPTH + 64], b[DEPTH * COLS + 64], c[ROWS * COLS];
  for (int i = 0; i < ROWS * DEPTH; i++) a[i] = (float)(i * 29 % 23) - 11;
  for (int i = 0; i < DEPTH * COLS; i++) b[i] = (float)(i * 31 % 19) - 9;
  const KTarget target = k_target_host();
  for (uint32_t mr = 1; mr <= target.tile_rows; mr++)
    for (int form = 0; form < 8; form++) {
      const bool transposed = form & 1, add = form & 2, narrow = form & 4;
      const int lanes = (int)k_lanes(&target, DT_F32), cols = narrow ? lanes : 2 * lanes;
      KKernel *k = k_kernel_new();
      const uint32_t ba = tk_arg(k, DT_F32, KA_READ, ROWS * DEPTH), bb = tk_arg(k, DT_F32, KA_READ, DEPTH * COLS),
                     bc = tk_arg(k, DT_F32, KA_READ | KA_WRITE, ROWS * COLS);
      KMicro m = {.dtype = DT_F32,
                  .mr = (uint8_t)mr,
                  .nv = 2,
                  .columns = (uint16_t)(2 * lanes),
                  .accumulate = add,
                  .depth = DEPTH,
                  .depth_cap = K_NONE,
                  .columns_cap = K_NONE,
                  .a_row = transposed ? 1 : DEPTH,
                  .a_k = transposed ? ROWS : 1,
                  .b_k = COLS,
                  .c_row = COLS};
      m.a = tk_addr(k, ba, 0, K_NONE, 0), m.b = tk_addr(k, bb, 0, K_NONE, 0), m.c = tk_addr(k, bc, 0, K_NONE, 0);
      if (narrow) m.columns_cap = tk_inst(k, (KInst){.kind = K_LIT, .dtype = DT_I64, .bits = (uint64_t)lanes - 3});
      vec_push(&k->micro, m);
      tk_inst(k, (KInst){.kind = K_MICRO, .a = {K_NONE, K_NONE, K_NONE}, .aux = 0});
      for (int i = 0; i < ROWS * COLS; i++) c[i] = 3;
      run_one(k, (void *[]){a, b, c}, 0);
      for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) {
          float sum = add ? 3 : 0;
          for (int d = 0; d < DEPTH; d++)
            sum += a[i * (transposed ? 1 : DEPTH) + d * (transposed ? ROWS : 1)] * b[d * COLS + j];
          assert_true(c[i * COLS + j] == (i < (int)mr && j < cols ? sum : 3));
        }
    }
}

/* y[k*32 + j] = x[k + S*j] by way of a scratch, for depths about the block and columns cut by a cap. */
static void transposed_copies(void **state) {
  (void)state;
  enum { STRIDE = 61, COLUMNS = 32 };
  static float in[STRIDE * COLUMNS], out[61 * COLUMNS];
  for (int i = 0; i < STRIDE * COLUMNS; i++) in[i] = (float)i;
  for (int64_t depth = 15; depth <= 61; depth += depth < 18 ? 1 : 43)
    for (int64_t cap = 1; cap <= COLUMNS; cap += cap % 16 ? 15 : 1) {
      KKernel *k = k_kernel_new();
      const uint32_t bx = tk_arg(k, DT_F32, KA_READ, (cap - 1) * STRIDE + depth),
                     by = tk_arg(k, DT_F32, KA_WRITE, 61 * COLUMNS);
      vec_push(&k->buf,
               ((KBuf){.kind = KB_SCRATCH, .dtype = DT_F32, .access = KA_READ | KA_WRITE, .elems = depth * COLUMNS}));
      const KVal task = tk_inst(k, (KInst){.kind = K_TASK, .dtype = DT_I64, .a = {K_NONE, K_NONE, K_NONE}});
      for (int back = 0; back < 2; back++) {
        const KVal row = tk_for(k, KL_SERIAL, 1, depth), col = tk_for(k, KL_VECTOR, COLUMNS, COLUMNS);
        k->loop.at[k->loop.n - 1].cap = task;
        const uint32_t from = tk_addr(k, back ? 2 : bx, 0, row, back ? COLUMNS : 1);
        vec_push(&k->term, ((KTerm){col, back ? 1 : STRIDE}));
        k->addr.at[from].n++;
        const KVal v = tk_inst(k, (KInst){.kind = K_LOAD, .dtype = DT_F32, .a = {K_NONE, K_NONE, K_NONE}, .aux = from});
        const uint32_t to = tk_addr(k, back ? by : 2, 0, row, COLUMNS);
        vec_push(&k->term, ((KTerm){col, 1}));
        k->addr.at[to].n++;
        tk_inst(k, (KInst){.kind = K_STORE, .a = {v, K_NONE, K_NONE}, .aux = to});
        tk_end(k, col);
        tk_end(k, row);
      }
      for (int i = 0; i < 61 * COLUMNS; i++) out[i] = -1;
      run_one(k, (void *[]){in, out}, cap);
      for (int r = 0; r < 61; r++)
        for (int c = 0; c < COLUMNS; c++)
          assert_true(out[r * COLUMNS + c] == (r < depth && c < cap ? in[r + STRIDE * c] : -1));
    }
}

/* Floats whose remainders and integers whose quotients are easy to get wrong. */
static void remainders_and_integer_division(void **state) {
  (void)state;
  static const float fa[] = {5.5f, -5.5f, 5.5f, -5.5f, 1e30f, 3, INFINITY, 3, 0, -0.0f, 1e-40f, 7};
  static const float fb[] = {2, 2, -2, -2, 3, INFINITY, 2, -INFINITY, 5, 5, 3e-42f, 0};
  static const int32_t ia[] = {7, -7, 7, -7, INT32_MIN, 5, INT32_MIN, 0, INT32_MAX, -1};
  static const int32_t ib[] = {2, 2, -2, -2, -1, 0, INT32_MAX, 3, -1, INT32_MAX};
  enum { NF = sizeof fa / sizeof *fa, NI = sizeof ia / sizeof *ia };
  float fr[NF];
  int32_t quotient[NI], rest[NI];
  KKernel *k = k_kernel_new();
  const uint32_t ba = tk_arg(k, DT_F32, KA_READ, NF), bb = tk_arg(k, DT_F32, KA_READ, NF),
                 br = tk_arg(k, DT_F32, KA_WRITE, NF), ja = tk_arg(k, DT_I32, KA_READ, NI),
                 jb = tk_arg(k, DT_I32, KA_READ, NI), jq = tk_arg(k, DT_I32, KA_WRITE, NI),
                 jr = tk_arg(k, DT_I32, KA_WRITE, NI);
  KVal iv = tk_for(k, KL_VECTOR, 16, NF);
  tk_store(k, br, 0, iv, 1,
           tk_op(k, OP_rem, DT_F32, tk_load(k, DT_F32, ba, 0, iv, 1), tk_load(k, DT_F32, bb, 0, iv, 1), K_NONE));
  tk_end(k, iv);
  iv = tk_for(k, KL_VECTOR, 16, NI);
  const KVal p = tk_load(k, DT_I32, ja, 0, iv, 1), q = tk_load(k, DT_I32, jb, 0, iv, 1);
  tk_store(k, jq, 0, iv, 1, tk_op(k, OP_div, DT_I32, p, q, K_NONE));
  tk_store(k, jr, 0, iv, 1, tk_op(k, OP_rem, DT_I32, p, q, K_NONE));
  tk_end(k, iv);
  run_one(k,
          (void *[]){(void *)(uintptr_t)fa, (void *)(uintptr_t)fb, fr, (void *)(uintptr_t)ia, (void *)(uintptr_t)ib,
                     quotient, rest},
          0);
  for (int i = 0; i < NF; i++) {
    double want = fmod(fa[i], fb[i]);
    if (want != 0 && (want < 0) != (fb[i] < 0)) want += fb[i];
    assert_true(isnan(want) ? isnan(fr[i]) : fr[i] == (float)want);
  }
  static const int32_t want_q[] = {3, -4, -4, 3, INT32_MIN, 0, -2, 0, -INT32_MAX, -1};
  static const int32_t want_r[] = {1, 1, -1, -1, 0, 0, INT32_MAX - 1, 0, 0, INT32_MAX - 1};
  assert_memory_equal(quotient, want_q, sizeof want_q);
  assert_memory_equal(rest, want_r, sizeof want_r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tails_write_only_their_rows),      cmocka_unit_test(gathers_and_scatters),
      cmocka_unit_test(reductions_follow_the_tree),       cmocka_unit_test(masks_guard_accesses),
      cmocka_unit_test(accumulators_inside_vector_loops), cmocka_unit_test(checks_record_the_first_bad_index),
      cmocka_unit_test(draws_match_their_definition),     cmocka_unit_test(micro_kernels_multiply),
      cmocka_unit_test(remainders_and_integer_division),  cmocka_unit_test(transposed_copies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
