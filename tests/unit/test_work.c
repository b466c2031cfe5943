/* Work counted in kernels, against what the shapes say. */
#include "codegen/lower/lower.h"
#include "codegen/lower/work.h"
#include "ir/build.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* The work of all launches of y = f(x, w), no loops around them. */
static KWork work_of(Module *m, RegionId region) {
  Binding in[2] = {{IN_CELL, 0}, {IN_CELL, 1}}, out = {OUT_VALUE, 0};
  Graph g = {region, ir_region(m, region)->param.n, 1, in, &out};
  uint64_t offset[] = {0, (uint64_t)64 << 20};
  KProgram *p = lower_graph(m, &g, "work", offset, 0, k_target_host(), false);
  KWork sum = {0};
  for (uint32_t i = 0; i < p->inst.n; i++) {
    if (p->inst.at[i].kind != P_LAUNCH) continue;
    KWork w = k_work(p->kernel.at[p->inst.at[i].index], p->inst.at[i].tasks);
    sum.flops += w.flops, sum.bytes += w.bytes;
    if (w.widest > sum.widest) sum.widest = w.widest;
  }
  k_program_free(p);
  return sum;
}

static Module *two_cells(void) {
  Module *m = ir_module_new(NULL);
  Cell c = {.name = "a"};
  vec_push(&m->cell, c);
  vec_push(&m->cell, c);
  return m;
}

static void product(DType d, int64_t rows, int64_t depth, int64_t columns) {
  Module *m = two_cells();
  RegionId region = ir_region_new(m);
  Builder b = ir_builder(m, region, NULL);
  NodeId x = ir_param(&b, ir_type(m, d, 2, (int64_t[]){rows, depth}));
  NodeId w = ir_param(&b, ir_type(m, d, 2, (int64_t[]){depth, columns}));
  m->cell.at[0].type = ir_node(m, region, x)->type, m->cell.at[1].type = ir_node(m, region, w)->type;
  ir_result(&b, ir_matmul(&b, x, w));
  ir_builder_free(&b);
  KWork k = work_of(m, region);
  double flops = 2.0 * (double)(rows * depth * columns), size = ir_dtype_size(d);
  double bytes = size * (double)(rows * depth + depth * columns + rows * columns);
  /* tiles overlap at the edges: a little more than the product itself, never less */
  assert_true(k.flops >= flops && k.flops <= 1.3 * flops);
  assert_true(k.bytes >= 0.99 * bytes && k.bytes <= 1.6 * bytes);
  assert_true(k.widest == size);
  ir_module_free(m);
}

static void products(void **state) {
  (void)state;
  product(DT_F32, 64, 784, 256);
  product(DT_F64, 64, 256, 64);
  product(DT_F32, 200, 300, 128);
}

static void elementwise(void **state) {
  (void)state;
  Module *m = two_cells();
  RegionId region = ir_region_new(m);
  Builder b = ir_builder(m, region, NULL);
  TypeId type = ir_type(m, DT_F32, 1, (int64_t[]){5000});
  NodeId x = ir_param(&b, type), w = ir_param(&b, type);
  m->cell.at[0].type = m->cell.at[1].type = type;
  ir_result(&b, ir_unary(&b, OP_exp, ir_binary(&b, OP_sub, x, w)));
  ir_builder_free(&b);
  KWork k = work_of(m, region);
  assert_true(k.flops == 5000 * 21.0);
  assert_true(k.bytes == 5000 * 3 * 4.0);
  ir_module_free(m);
}

/* 16 rows of a part of a table of bytes over 255: no more of the table is divided than the rows that are read. */
static void rows_of_a_part(void **state) {
  (void)state;
  enum { ROWS = 4000, COLUMNS = 64, READ = 16 };
  Module *m = two_cells();
  RegionId region = ir_region_new(m);
  Builder b = ir_builder(m, region, NULL);
  NodeId x = ir_param(&b, ir_type(m, DT_U8, 2, (int64_t[]){ROWS, COLUMNS}));
  NodeId row = ir_param(&b, ir_type(m, DT_I32, 1, (int64_t[]){READ}));
  m->cell.at[0].type = ir_node(m, region, x)->type, m->cell.at[1].type = ir_node(m, region, row)->type;
  NodeId f = ir_cast(&b, x, DT_F32);
  f = ir_binary(&b, OP_div, f, ir_full_like(&b, f, 255));
  f = ir_slice(&b, f, (int64_t[]){100, 0}, (int64_t[]){3100, COLUMNS}, (int64_t[]){1, 1});
  ir_result(&b, ir_gather(&b, f, row, 0, 0));
  ir_builder_free(&b);
  assert_true(work_of(m, region).flops <= 10.0 * READ * COLUMNS);
  ir_module_free(m);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(products), cmocka_unit_test(elementwise),
                                     cmocka_unit_test(rows_of_a_part)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
