/* Matrix products of many shapes, layouts and epilogues: interpreter of kernel IR and machine code against the
 * evaluator. The shapes meet every branch of the tile plan: exact and ragged tiles, one panel or several, rows or
 * panels outermost, packed operands, deep sums in blocks, batches, and what is too small for tiles. */
#include "ir/build.h"
#include "tests/support/graph_compare.h"
#include "tests/support/program_run.h"
#include "tests/support/random_graph.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Shape {
  int64_t batch, m, n, k; /* batch 0: rank 2 */
  bool ta, tb;            /* operands given transposed: A[k, m], B[n, k] */
  enum { PLAIN, BIAS_RELU, UPDATE } epilogue;
} Shape;

static const Shape shapes[] = {
    {0, 64, 256, 50, false, false, BIAS_RELU},   {0, 64, 10, 256, false, false, BIAS_RELU},
    {0, 70, 96, 20, true, false, UPDATE},        {0, 64, 70, 10, false, true, PLAIN},
    {0, 13, 33, 17, false, false, PLAIN},        {0, 3, 40, 64, true, true, BIAS_RELU},
    {0, 29, 16, 2500, false, false, PLAIN},      {0, 20, 33, 2100, false, true, PLAIN},
    {0, 500, 40, 1030, false, false, BIAS_RELU}, {0, 30, 40, 700, true, false, UPDATE},
    {0, 1, 50, 100, false, false, BIAS_RELU},    {0, 50, 1, 100, true, false, BIAS_RELU},
    {3, 20, 30, 40, false, false, PLAIN},        {2, 17, 65, 33, false, true, BIAS_RELU},
    {0, 5, 4, 3, false, false, UPDATE},          {0, 200, 300, 30, true, false, UPDATE},
    {3, 50, 35, 20, true, false, UPDATE},        {0, 90, 100, 64, true, false, UPDATE},
    {0, 0, 4, 3, false, false, PLAIN},           {0, 8, 16, 0, false, false, BIAS_RELU},
};

static NodeId operand(Builder *b, DType d, const Shape *s, bool transposed, int64_t rows, int64_t cols) {
  int64_t dim[3] = {s->batch, transposed ? cols : rows, transposed ? rows : cols};
  int64_t perm2[] = {1, 0}, perm3[] = {0, 2, 1};
  bool batched = s->batch > 0;
  NodeId p = ir_param(b, ir_type(b->m, d, batched ? 3 : 2, batched ? dim : dim + 1));
  return transposed ? ir_transpose(b, p, batched ? perm3 : perm2) : p;
}

/* relu(y + bias): columns' bias broadcast over rows. */
static NodeId bias_relu(Builder *b, NodeId y, NodeId bias) {
  Type t = *ir_type_of(b, y);
  NodeId z = ir_binary(b, OP_add, y, ir_broadcast_to(b, bias, t.rank, t.dim)), zero = ir_full_like(b, z, 0);
  return ir_select(b, ir_binary(b, OP_le, z, zero), zero, z);
}

static Graph *build(Module *m, const Shape *s, DType d) {
  Graph *g = arena_new(&m->mem, Graph);
  RegionId region = ir_region_new(m);
  Builder b = ir_builder(m, region, NULL);
  NodeId x = operand(&b, d, s, s->ta, s->m, s->k), w = operand(&b, d, s, s->tb, s->k, s->n);
  NodeId y = ir_matmul(&b, x, w);
  NodeId bias = ir_param(&b, ir_type(m, d, 1, &s->n)), p = ir_param(&b, ir_node(m, region, y)->type);
  if (s->epilogue == BIAS_RELU) y = bias_relu(&b, y, bias);
  if (s->epilogue == UPDATE) y = ir_binary(&b, OP_sub, p, ir_binary(&b, OP_mul, y, ir_full_like(&b, y, 0.125)));
  ir_result(&b, y);
  ir_builder_free(&b);
  g->region = region, g->n_in = 4, g->n_out = 1;
  g->in = arena_array(&m->mem, Binding, 4), g->out = arena_array(&m->mem, Binding, 1);
  for (uint32_t i = 0; i < 4; i++) {
    Cell c = {.name = arena_printf(&m->mem, "x%u", i), .type = ir_node(m, region, i)->type, .kind = CELL_PARAM};
    c.type = ir_node(m, region, ir_region(m, region)->param.at[i])->type;
    vec_push(&m->cell, c);
    g->in[i] = (Binding){IN_CELL, i};
  }
  /* The update ends in the cell it read. */
  g->out[0] = s->epilogue == UPDATE ? (Binding){OUT_CELL, 3} : (Binding){OUT_VALUE, 0};
  return g;
}

static bool agrees(const Shape *s, DType d, int machine, KTarget target) {
  Module *m = ir_module_new(NULL);
  Graph *g = build(m, s, d);
  GraphReference ref;
  char what[300] = "reference"; /* long sums in one chain: noise of some roundings */
  ReferenceStatus status = graph_reference(m, g, 7, d == DT_F32 ? 0x1p-21 : 0x1p-49, true, &ref);
  bool ok = status == REFERENCE_OK;
  if (ok) {
    Value out;
    int32_t got = machine ? program_execute(m, g, ref.in, &out, machine == 2, 2, &ref.mem)
                          : program_interpret(m, g, ref.in, &out, target, false, &ref.mem);
    ok = got == RUN_OK && graph_first_difference(m, &ref, &out, what, sizeof what) < 0;
  } else if (status == REFERENCE_DISCARDED)
    ok = true;
  if (!ok)
    print_message("batch %d m %d n %d k %d ta %d tb %d epilogue %d %s vectors of %u: %s\n", (int)s->batch, (int)s->m,
                  (int)s->n, (int)s->k, s->ta, s->tb, s->epilogue, ir_dtype_name(d), target.vector_bytes, what);
  graph_reference_free(&ref);
  ir_module_free(m);
  return ok;
}

static void check_all(int machine, KTarget target) {
  uint32_t failed = 0;
  for (uint32_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (DType d = DT_F32; d <= DT_F64; d++) failed += !agrees(&shapes[i], d, machine, target);
  assert_int_equal(failed, 0);
}

static void interpreted(void **state) {
  (void)state;
  check_all(0, (KTarget){64, 14});
  check_all(0, (KTarget){32, 6});
  check_all(0, (KTarget){16, 4});
}

static void machine(void **state) {
  (void)state;
  check_all(1, k_target_host());
}

static void machine_unfused(void **state) {
  (void)state;
  check_all(2, k_target_host());
}

/* Products for OpenBLAS: too many elements for the evaluator, so some of them are computed here. */
static void large(void **state) {
  (void)state;
  static const Shape big[] = {{0, 300, 1100, 1100, false, false, PLAIN}, {0, 257, 1100, 1100, true, true, BIAS_RELU}};
  for (uint32_t i = 0; i < 2; i++) {
    const Shape *s = &big[i];
    Module *m = ir_module_new(NULL);
    Graph *g = build(m, s, DT_F32);
    Arena mem = {0};
    Value in[4], out;
    random_graph_inputs(m, g, 11, &mem, in);
    assert_int_equal(program_execute(m, g, in, &out, false, 2, &mem), RUN_OK);
    for (int64_t e = 0; e < s->m * s->n; e += 997) {
      int64_t r = e / s->n, c = e % s->n;
      double sum = 0;
      for (int64_t k = 0; k < s->k; k++)
        sum += (double)(float)in[0].f[s->ta ? k * s->m + r : r * s->k + k] *
               (float)in[1].f[s->tb ? c * s->k + k : k * s->n + c];
      if (s->epilogue == BIAS_RELU) sum = fmax(sum + (float)in[2].f[c], 0);
      assert_true(fabs(out.f[e] - sum) < 1e-3);
    }
    arena_free(&mem);
    ir_module_free(m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(interpreted), cmocka_unit_test(machine),
                                     cmocka_unit_test(machine_unfused), cmocka_unit_test(large)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
