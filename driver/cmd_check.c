/* `seppo check`: the model table, the tasks and the memory a run will need. */
#include "codegen/program.h"
#include "driver/commands.h"
#include "driver/model_table.h"
#include "driver/session/load.h"
#include "driver/session/memory.h"
#include <stdio.h>
#include <string.h>

static void print_task(const Module *m, const Task *t) {
  static const char *const kind[] = {"init", "let", "train", "eval", "task"};
  char number[32];
  printf("  %-5s %-16s", kind[t->kind], t->name);
  if (t->source != IR_NONE) {
    const RowSource *r = &m->rows.at[t->source];
    printf(" on %s, %s rows", r->name, number_grouped(r->rows, number));
    if (t->kind == TASK_TRAIN) {
      printf(", batch %lld: %lld steps an epoch", (long long)t->batch, (long long)(r->rows / t->batch));
      int64_t rest = r->rows % t->batch;
      if (rest && t->drop_last)
        printf(", the last %lld rows of each epoch left out", (long long)rest);
      else if (rest)
        printf(" and one of %lld rows", (long long)rest);
    }
  }
  if (t->epochs > 0 && t->kind == TASK_TRAIN) printf(", %lld epochs", (long long)t->epochs);
  if (t->steps > 0 && t->kind == TASK_TRAIN) printf(", %lld steps", (long long)t->steps);
  printf("\n");
}

static void print_memory(const Module *m) {
  uint64_t by_kind[CELL_COUNTER + 1] = {0}, temps = 0;
  char text[32];
  for (uint32_t i = 0; i < m->cell.n; i++) {
    const Type *t = ir_type_get(m, m->cell.at[i].type);
    by_kind[m->cell.at[i].kind] += (uint64_t)ir_elements(t) * ir_dtype_size(t->dtype);
  }
  Program *p = program_new(m, &(CompileOptions){0});
  for (TaskId t = 0; t < m->task.n; t++) {
    if (m->task.at[t].step.region == IR_NONE) continue;
    uint64_t bytes = program_temp_bytes(p, t, &m->task.at[t].step);
    if (bytes > temps) temps = bytes;
  }
  program_free(p);
  printf("\nmemory\n  parameters            %s\n", memory_text(by_kind[CELL_PARAM], text));
  printf("  states                %s\n", memory_text(by_kind[CELL_STATE] + by_kind[CELL_LET], text));
  printf("  optimiser             %s\n", memory_text(by_kind[CELL_OPT], text));
  printf("  intermediate results  %s at most\n", memory_text(temps, text));
}

static void print_check(const char *path, const Elaborated *e) {
  printf("%s: no errors\n\n", path);
  StrBuf table = {0};
  model_table_print(e, &table);
  fputs(table.s, stdout);
  sb_free(&table);
  printf("\ntasks\n");
  for (uint32_t i = 0; i < e->module->task.n; i++)
    if (e->module->task.at[i].kind >= TASK_TRAIN) print_task(e->module, &e->module->task.at[i]);
  print_memory(e->module);
  for (uint32_t i = 0; i < e->n_notes; i++) printf("%snote: %s\n", i ? "" : "\n", e->note[i]);
}

int cmd_check(const Options *o) {
  Loaded l = {.inputs = true};
  bool ok = load_within(&l, o->word[0], o, 0);
  int status = load_report(&l, o);
  if (ok) print_check(o->word[0], &l.elab);
  load_free(&l);
  return status;
}
