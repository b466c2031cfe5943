/* Long programs: cut step functions compute what short ones do, work grows in proportion to the graph, and a loop's
 * trip count is no part of its code. */
#include "ir/build.h"
#include "tests/support/graph_compare.h"
#include "tests/support/program_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* n layers x = tanh(x W + x), every tenth one a sum of rows that is broadcast back. */
static NodeId layers(Builder *b, NodeId x, NodeId w, uint32_t n) {
  Type t = *ir_type_of(b, x);
  int64_t axis = 1, rows = 0;
  for (uint32_t i = 0; i < n; i++) {
    NodeId y = ir_binary(b, OP_add, ir_matmul(b, x, w), x);
    x = ir_unary(b, OP_tanh, y);
    if (i % 10 == 9)
      x = ir_binary(b, OP_add, x, ir_broadcast(b, ir_reduce(b, OP_reduce_max, x, 1, &axis), 2, t.dim, &rows));
  }
  return x;
}

static void bind(Module *m, Graph *g, RegionId region) {
  const Region *r = ir_region(m, region);
  g->region = region, g->n_in = r->param.n, g->n_out = r->result.n;
  g->in = arena_array(&m->mem, Binding, g->n_in + 1), g->out = arena_array(&m->mem, Binding, g->n_out + 1);
  for (uint32_t i = 0; i < g->n_in; i++) {
    Cell c = {.name = arena_printf(&m->mem, "x%u", i), .kind = CELL_PARAM};
    c.type = ir_node(m, region, r->param.at[i])->type;
    vec_push(&m->cell, c);
    g->in[i] = (Binding){IN_CELL, i};
  }
  for (uint32_t i = 0; i < g->n_out; i++) g->out[i] = (Binding){OUT_VALUE, i};
}

static Graph plain(Module *m, uint32_t n) {
  Graph g = {0};
  int64_t dx[] = {6, 5}, dw[] = {5, 5};
  RegionId region = ir_region_new(m);
  Builder b = ir_builder(m, region, NULL);
  NodeId x = ir_param(&b, ir_type(m, DT_F64, 2, dx)), w = ir_param(&b, ir_type(m, DT_F64, 2, dw));
  ir_result(&b, layers(&b, x, w, n));
  ir_builder_free(&b);
  bind(m, &g, region);
  return g;
}

/* The same inside a loop that collects every state. */
static Graph looped(Module *m, uint32_t n, int64_t trips) {
  Graph g = {0};
  int64_t dx[] = {6, 5}, dw[] = {5, 5};
  RegionId body = ir_region_new(m), region = ir_region_new(m);
  Builder b = ir_builder(m, body, NULL);
  ir_param(&b, ir_scalar(m, DT_I64));
  NodeId x = ir_param(&b, ir_type(m, DT_F64, 2, dx)), w = ir_param(&b, ir_type(m, DT_F64, 2, dw));
  NodeId y = layers(&b, x, w, n);
  ir_result(&b, y);
  ir_result(&b, y);
  ir_builder_free(&b);
  b = ir_builder(m, region, NULL);
  x = ir_param(&b, ir_type(m, DT_F64, 2, dx)), w = ir_param(&b, ir_type(m, DT_F64, 2, dw));
  NodeId loop = ir_scan(&b, trips, false, &x, 1, NULL, 0, &w, 1, body);
  ir_result(&b, ir_proj(&b, loop, 0));
  ir_result(&b, ir_proj(&b, loop, 1));
  ir_builder_free(&b);
  bind(m, &g, region);
  return g;
}

static void check(Module *m, const Graph *g) {
  GraphReference ref;
  assert_int_equal(graph_reference(m, g, 5, 0x1p-50, false, &ref), REFERENCE_OK);
  for (int run = 0; run < 2; run++) {
    char what[300] = "";
    Value out[2];
    int32_t status = run ? program_execute(m, g, ref.in, out, true, 2, &ref.mem)
                         : program_interpret(m, g, ref.in, out, k_target_host(), false, &ref.mem);
    assert_int_equal(status, RUN_OK);
    if (graph_first_difference(m, &ref, out, what, sizeof what) >= 0) fail_msg("%s", what);
  }
  graph_reference_free(&ref);
}

static void cut_programs_compute_the_same(void **state) {
  (void)state;
  Module *m = ir_module_new(NULL);
  Graph g = plain(m, 100);
  check(m, &g);
  ir_module_free(m);
  m = ir_module_new(NULL);
  g = looped(m, 80, 3);
  check(m, &g);
  ir_module_free(m);
}

typedef struct Size {
  uint32_t launches, kernels;
  uint64_t temps;
} Size;

static Size size_of(Module *m, const Graph *g) {
  uint64_t offset[4] = {0, 4096, 8192, 12288};
  KProgram *p = lower_graph(m, g, "size", offset, 0, (KTarget){64, 14}, false);
  Size s = {.kernels = p->kernel.n, .temps = p->temp_bytes};
  for (uint32_t i = 0; i < p->inst.n; i++) s.launches += p->inst.at[i].kind == P_LAUNCH;
  k_program_free(p);
  return s;
}

static void programs_grow_with_their_graphs(void **state) {
  (void)state;
  Module *m = ir_module_new(NULL);
  Graph small = plain(m, 500), large = plain(m, 4000);
  Size a = size_of(m, &small), b = size_of(m, &large);
  assert_true(b.launches <= 8 * a.launches + 8);
  assert_true(b.kernels <= a.kernels + 4); /* equal layers are equal kernels */
  assert_true(b.temps <= 2 * a.temps);     /* each layer's memory is used again */
  ir_module_free(m);
}

static void trip_count_is_not_code(void **state) {
  (void)state;
  char *text[2];
  for (int i = 0; i < 2; i++) {
    Module *m = ir_module_new(NULL);
    Graph g = looped(m, 3, i ? 10000 : 10);
    uint64_t offset[4] = {0, 4096, 8192, 12288};
    KProgram *p = lower_graph(m, &g, "trips", offset, 0, (KTarget){64, 14}, false);
    StrBuf b = {0};
    for (uint32_t k = 0; k < p->kernel.n; k++) k_print_kernel(p->kernel.at[k], false, &b);
    text[i] = sb_take(&b);
    k_program_free(p);
    ir_module_free(m);
  }
  assert_string_equal(text[0], text[1]);
  free(text[0]);
  free(text[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cut_programs_compute_the_same),
      cmocka_unit_test(programs_grow_with_their_graphs),
      cmocka_unit_test(trip_count_is_not_code),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
