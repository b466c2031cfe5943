/* What is said of a program once all of it is known: tasks picked on the command line, parameters nobody trains. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/file.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"

/* A picked task reads parameters that only a task that was not picked would have trained. */
static void warn_skipped(Elab *E) {
  if (!E->skipped || E->o->loaded) return;
  for (uint32_t k = 0; k < E->m->task.n; k++) {
    const Task *t = &E->m->task.at[k];
    if (t->kind == TASK_INIT || t->kind == TASK_LET) continue;
    for (uint32_t j = 0; j < t->step.n_in; j++) {
      const Binding *b = &t->step.in[j];
      if (b->kind != IN_CELL || E->m->cell.at[b->index].kind != CELL_PARAM || E->info.at[b->index].trained) continue;
      elab_warning(E, "W0502", ir_loc_get(E->m, t->loc)->span,
                   "`%s` reads `%s` as it was first drawn: `%s` does not run", t->name, E->m->cell.at[b->index].name,
                   E->skipped);
      elab_hint(E, "run `%s` too, or load what it trained with --load", E->skipped);
      return;
    }
  }
}

/* The innermost place of the user's own text that a declaration was reached from. */
static Span users_place(const Elab *E, LocId at) {
  Span first = SPAN_NONE;
  for (; at != IR_NONE; at = ir_loc_get(E->m, at)->inlined_at) {
    Span s = ir_loc_get(E->m, at)->span;
    if (s.source == SOURCE_NONE) continue;
    if (!span_in_library(E, s)) return s;
    if (first.source == SOURCE_NONE) first = s;
  }
  return first;
}

static bool is_untrained(const Elab *E, CellId c) {
  const Instance *owner = E->info.at[c].owner;
  while (owner && !owner->copy_of) owner = owner->owner;
  return E->m->cell.at[c].kind == CELL_PARAM && !E->info.at[c].trained && !owner;
}

static const Instance *outermost(const Instance *i) {
  while (i && i->owner) i = i->owner;
  return i;
}

/* One warning for a model or a parameter of the file; a model's parameters are listed. */
static void warn_untrained(Elab *E, CellId first, const Instance *root) {
  StrBuf names = {0};
  uint32_t n = 0;
  for (CellId c = first; c < E->m->cell.n; c++) {
    if (!is_untrained(E, c) || outermost(E->info.at[c].owner) != root || (!root && c != first)) continue;
    if (n++ < 3) sb_printf(&names, "%s`%s`", n > 1 ? ", " : "", E->m->cell.at[c].name);
  }
  if (n > 3) sb_printf(&names, " and %u more", n - 3);
  elab_warning(E, "W0401", users_place(E, E->m->cell.at[first].loc), "no task trains the parameter%s %s",
               n > 1 ? "s" : "", names.s);
  sb_free(&names);
}

/* Warnings on the whole: parameters that no task trains. */
static void check_trained(Elab *E) {
  bool trains = false;
  for (uint32_t k = 0; k < E->m->task.n; k++) trains |= E->m->task.at[k].kind == TASK_TRAIN;
  if (!trains || E->o->n_tasks || E->sink->n_errors) return;
  Vec(const Instance *) told = {0};
  for (CellId c = 0; c < E->m->cell.n; c++) {
    if (!is_untrained(E, c)) continue;
    const Instance *root = outermost(E->info.at[c].owner);
    bool known = false;
    for (uint32_t k = 0; k < told.n; k++) known |= root && told.at[k] == root;
    if (!known) warn_untrained(E, c, root);
    vec_push(&told, root);
  }
  vec_free(&told);
}

static void check_picked(Elab *E) {
  for (uint32_t k = 0; k < E->o->n_tasks; k++) {
    bool found = false;
    for (uint32_t j = 0; j < E->task_names.n; j++) found |= strcmp(E->task_names.at[j], E->o->tasks[k]) == 0;
    if (found) continue;
    diag_error(E->sink, "E0701", SPAN_NONE, "there is no task called `%s`", E->o->tasks[k]);
    diag_status(E->sink, EXIT_USAGE);
    StrBuf b = {0};
    for (uint32_t j = 0; j < E->task_names.n; j++) sb_printf(&b, "%s%s", j ? ", " : "", E->task_names.at[j]);
    diag_hint(E->sink, "tasks of this file: %s", b.s ? b.s : "none");
    sb_free(&b);
  }
}

void check_whole(Elab *E) {
  check_histories(E);
  check_picked(E);
  warn_skipped(E);
  check_trained(E);
}
