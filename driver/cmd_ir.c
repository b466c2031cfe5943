#include "codegen/program.h"
#include "driver/commands.h"
#include "driver/picture.h"
#include "driver/session/load.h"
#include "frontend/syntax/ast_print.h"
#include "ir/reference.h"
#include <stdlib.h>
#include <string.h>

enum { IR_AST, IR_GRAPH, IR_GRAD, IR_OPT, IR_KERNELS, IR_LLVM, IR_ASM };
enum { FORM_TEXT, FORM_DOT, FORM_SVG, FORM_JSON };
static const char *const stages[] = {"ast", "graph", "grad", "opt", "kernels", "llvm", "asm", NULL};
static const char *const formats[] = {"text", "dot", "svg", "json", NULL};

static bool find_task(Loaded *l, const char *name, TaskId *task) {
  *task = IR_NONE;
  if (!name) return true;
  const Module *m = l->elab.module;
  const char **names = arena_array(&l->sink.mem, const char *, m->task.n + 1);
  for (uint32_t i = 0; i < m->task.n; i++) {
    names[i] = m->task.at[i].name;
    if (!strcmp(names[i], name)) return *task = i, true;
  }
  diag_error(&l->sink, "E0701", SPAN_NONE, "the file has no task `%s`", name);
  const char *near = diag_nearest(name, names, m->task.n);
  if (near) diag_hint(&l->sink, "did you mean `%s`?", near);
  diag_status(&l->sink, EXIT_USAGE);
  return false;
}

/* Every graph of the chosen tasks, each under its own name. */
static bool print_native(Loaded *l, TaskId only, ProgramStage stage, StrBuf *out) {
  const Module *m = l->elab.module;
  Program *p = program_new(m, &(CompileOptions){0});
  bool ok = true;
  for (TaskId t = 0; ok && t < m->task.n; t++) {
    const Task *task = &m->task.at[t];
    if (only != IR_NONE && only != t) continue;
    if (task->step.region != IR_NONE) ok = program_print(p, t, &task->step, task->name, stage, out, &l->sink);
    if (ok && task->tail.region != IR_NONE)
      ok = program_print(p, t, &task->tail, arena_printf(&l->sink.mem, "%s.tail", task->name), stage, out, &l->sink);
    for (uint32_t i = 0; ok && i < task->n_events; i++)
      if (task->event[i].graph.region != IR_NONE)
        ok = program_print(p, t, &task->event[i].graph, arena_printf(&l->sink.mem, "%s.event%u", task->name, i), stage,
                           out, &l->sink);
  }
  program_free(p);
  return ok;
}

static bool print_graph(Loaded *l, TaskId task, int format, StrBuf *out) {
  const Module *m = l->elab.module;
  switch (format) {
  case FORM_TEXT: ir_print(m, task, out); return true;
  case FORM_JSON: ir_print_json(m, task, out); return true;
  case FORM_DOT: ir_print_dot(m, task, out); return true;
  default: {
    StrBuf dot = {0};
    ir_print_dot(m, task, &dot);
    bool ok = svg_from_dot(dot.s ? dot.s : "", out, &l->sink);
    sb_free(&dot);
    return ok;
  }
  }
}

static bool print_stage(Loaded *l, const Options *o, int stage, int format, StrBuf *out) {
  static const LoadStage upto[] = {LOAD_AST, LOAD_GRAPH, LOAD_GRAD, LOAD_OPT, LOAD_OPT, LOAD_OPT, LOAD_OPT};
  if (!load_model(l, o->word[0], o, 0, upto[stage])) return false;
  if (stage == IR_AST) return ast_print(l->ast, out), true;
  TaskId task;
  if (!find_task(l, o->task, &task)) return false;
  if (stage < IR_KERNELS) return print_graph(l, task, format, out);
  return print_native(l, task, (ProgramStage)(STAGE_KERNELS + stage - IR_KERNELS), out);
}

static int print_reference(void) {
  StrBuf text = {0};
  ir_print_reference(&text);
  fputs(text.s, stdout);
  sb_free(&text);
  return EXIT_DONE;
}

int cmd_ir(const Options *o) {
  if (o->reference) return print_reference();
  if (!o->n_words) return fprintf(stderr, "seppo ir: expected FILE\n"), EXIT_USAGE;
  int stage = o->stage ? option_choice("--stage", o->stage, stages) : IR_GRAPH;
  int format = o->format ? option_choice("--format", o->format, formats) : FORM_TEXT;
  if (stage < 0 || format < 0) return EXIT_USAGE;
  if (format != FORM_TEXT && (stage == IR_AST || stage >= IR_KERNELS)) {
    fprintf(stderr, "seppo ir: --format %s is for the graph stages (graph, grad, opt)\n", formats[format]);
    return EXIT_USAGE;
  }
  Loaded l = {.inputs = true};
  StrBuf text = {0};
  bool ok = print_stage(&l, o, stage, format, &text);
  int status = load_report(&l, o);
  if (ok) status = write_text(o->output, text.s ? text.s : "", text.n);
  sb_free(&text);
  load_free(&l);
  return status;
}
