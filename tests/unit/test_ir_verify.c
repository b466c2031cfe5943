/* The verifier finds every kind of broken module. Each case breaks one thing of a sound one. */
#include "ir/build.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char sound[] = "field d.x : u8[100, 4]\n"
                            "rows d : 100\n"
                            "param w : f32[3, 4]\n"
                            "metric s : f64[]\n"
                            "metric n : f64[]\n"
                            "task train fit on d {\n"
                            "  batch 10\n"
                            "  metric loss = s / n\n"
                            "  step {\n"
                            "    %0 = cell w : f32[3, 4]\n"
                            "    %1 = rows d : i32[10]\n"
                            "    %2 = field d.x : u8[100, 4]\n"
                            "    %3 = key : u64[]\n"
                            "    %4 = const 0 : f32[]\n"
                            "    %5 = scan %4, %0 {count=3, n_carry=1, n_xs=1, n_consts=0, n_ys=0} : (f32[]) body {\n"
                            "      %0 = param : i64[]\n"
                            "      %1 = param : f32[]\n"
                            "      %2 = param : f32[4]\n"
                            "      %3 = reduce_sum %2 {axes=[0]} : f32[]\n"
                            "      %4 = add %1, %3 : f32[]\n"
                            "      return %4\n"
                            "    }\n"
                            "    %6 = proj %5 {index=0} : f32[]\n"
                            "    %7 = exp %0 : f32[3, 4]\n"
                            "    cell w = %7\n"
                            "    check = %6\n"
                            "    value 0 = %6\n"
                            "  }\n"
                            "  every 1 epochs { log \"a\" values 0 }\n"
                            "  at end { graph { %0 = cell w : f32[3, 4] value 3 = %0 } image \"b\" values 3 }\n"
                            "}\n";

static Module *m;
static Region *step;
static Task *task;

static void drop_operand(void) { step->operand.at[step->node.at[7].in] = IR_NONE; }
static void use_before_definition(void) { step->operand.at[step->node.at[6].in] = 7; }
static void pool_too_short(void) { step->node.at[7].in = 1000; }
static void unknown_op(void) { step->node.at[7].op = OP_COUNT; }
static void unknown_type(void) { step->node.at[7].type = 100000; }
static void operand_without_type(void) { step->node.at[0].type = IR_NONE; }
static void unknown_attr(void) { step->node.at[6].attr = 100000; }
static void wrong_type(void) { step->node.at[7].type = ir_scalar(m, DT_F32); }
static void attr_out_of_range(void) {
  Attr a = {.index = 4};
  step->node.at[6].attr = ir_attr(m, &a);
}
static void arity(void) { step->node.at[7].n_in = 2, step->node.at[7].in = 0; }
static void body_missing(void) { step->node.at[5].body[0] = 1000; }
static void body_recursive(void) { step->node.at[5].body[0] = task->step.region; }
static void body_broken(void) {
  Region *b = ir_region(m, step->node.at[5].body[0]);
  b->result.at[0] = 99;
}
static void body_too_many(void) { step->node.at[7].body[0] = 0; }
static void param_order(void) {
  NodeId t = step->param.at[0];
  step->param.at[0] = step->param.at[1];
  step->param.at[1] = t;
}
static void param_missing(void) { step->param.at[0] = 7; }
static void result_missing(void) { step->result.at[0] = IR_NONE; }
static void cell_range(void) { task->step.in[0].index = 50; }
static void field_range(void) { task->step.in[2].index = 50; }
static void rows_range(void) { task->step.in[1].index = 50; }
static void rows_type(void) {
  task->step.in[1].kind = IN_CELL, task->step.in[0].kind = IN_ROWS, task->step.in[0].index = 0;
}
static void key_type(void) { task->step.in[3].kind = IN_STEP; }
static void input_kind(void) { task->step.in[3].kind = 77; }
static void output_range(void) { task->step.out[0].index = 50; }
static void output_type(void) { task->step.out[0].index = 1; }
static void output_kind(void) { task->step.out[0].kind = 9; }
static void check_type(void) { task->step.out[0].kind = OUT_CHECK; }
static void output_twice(void) { task->step.out[1] = task->step.out[0], step->result.at[1] = step->result.at[0]; }
static void binding_count(void) { task->step.n_in = 2; }
static void region_range(void) { task->step.region = 1000; }
static void metric_cell(void) { task->metric[0].sum = 0; }
static void action_value(void) { task->event[0].action[0].value[0] = 8; }
static void event_value(void) { task->event[1].action[0].value[0] = 0; }
static void event_period(void) { task->event[0].every = 0; }
static void source_range(void) { task->source = 3; }
static void negative_batch(void) { task->batch = -1; }
static void cell_type(void) { m->cell.at[1].type = IR_NONE; }
static void cell_kind(void) { m->cell.at[1].kind = 99; }
static void field_type(void) { m->field.at[0].type = IR_NONE; }
static void rows_negative(void) { m->rows.at[0].rows = -4; }

typedef struct Case {
  void (*damage)(void);
  const char *want; /* somewhere in the messages */
} Case;

static const Case cases[] = {
    {drop_operand, "task `fit`, step: %7: operand 0 is missing"},
    {use_before_definition, "%6: operand %7 is not defined before it"},
    {pool_too_short, "%7: its operands lie outside"},
    {unknown_op, "%7: there is no op number"},
    {unknown_type, "%7: it has no type"},
    {operand_without_type, "%0: it has no type"},
    {unknown_attr, "%6: no such attribute"},
    {wrong_type, "%7: its type is f32[], `exp` gives f32[3, 4]"},
    {attr_out_of_range, "there is no member 4 in (f32[])"},
    {arity, "`exp` takes 1 operand, found 2"},
    {body_missing, "%5: its body is missing"},
    {body_recursive, "%5: its body contains itself"},
    {body_broken, "result 0 of a region is not one of its nodes"},
    {body_too_many, "%7: a body too many"},
    {param_order, "%0: parameter 0 of the region is another node"},
    {param_missing, "parameter 0 of a region is no `param` node"},
    {result_missing, "result 0 of a region is not one of its nodes"},
    {cell_range, "input 0 is cell 50, which does not exist"},
    {field_range, "input 2 is field 50, which does not exist"},
    {rows_range, "input 1 is of no row source"},
    {rows_type, "input 0, row numbers, is f32[3, 4]"},
    {key_type, "input 3 is u64[], what it is bound to is i64[]"},
    {input_kind, "input 3 has no kind"},
    {output_range, "result 0 is for cell 50, which does not exist"},
    {output_type, "result 0 is f32[3, 4], the cell `s` is f64[]"},
    {output_kind, "result 0 has no kind"},
    {check_type, "a value to check is f32[3, 4], not a float scalar"},
    {output_twice, "the cell `w` gets two new values"},
    {binding_count, "4 parameters and 3 results for 2 and 3 bindings"},
    {region_range, "there is no region 1000"},
    {metric_cell, "the metric `loss` wants two f64 cells"},
    {action_value, "an action shows value 8, which nothing gives"},
    {event_value, "an action shows value 0, which nothing gives"},
    {event_period, "an event without a period"},
    {source_range, "there is no row source 3"},
    {negative_batch, "a negative number of rows or steps"},
    {cell_type, "cell 1 is no tensor"},
    {cell_kind, "cell 1 has no kind"},
    {field_type, "field 0 is no tensor"},
    {rows_negative, "row source 0 has a negative number of rows"},
};

/* Verifies the sound module after the damage; true when a message contains `want`, or when sound for NULL. */
static bool verify_after(const Case *c) {
  SourceMap map = {0};
  DiagSink sink = {0};
  m = ir_parse(&map, source_add(&map, "t.ir", sound, strlen(sound), false), &sink);
  if (!m) diag_print(&sink, &map, DIAG_HUMAN, false, stderr);
  assert_non_null(m);
  task = &m->task.at[0];
  step = ir_region(m, task->step.region);
  if (c) c->damage();
  bool ok = ir_verify(m, &sink), found = false;
  assert_int_equal(ok, sink.n_errors == 0);
  for (uint32_t i = 0; c && i < sink.diag.n; i++) found = found || strstr(sink.diag.at[i].message, c->want);
  if (c && !found) diag_print(&sink, &map, DIAG_HUMAN, false, stderr);
  ir_module_free(m);
  diag_sink_free(&sink);
  source_map_free(&map);
  return c ? found && !ok : ok;
}

static void sound_modules_pass(void **state) {
  (void)state;
  assert_true(verify_after(NULL));
}

static void each_damage_is_found(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (!verify_after(&cases[i])) fail_msg("not found: %s", cases[i].want);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sound_modules_pass),
      cmocka_unit_test(each_damage_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
