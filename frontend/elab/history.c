/* Names in `plot .. = history(..)`: each must be logged by its task, or by the one that stands before its dot. */
#include "frontend/elab/file.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"

typedef Vec(const char *) Names;

static void add_logged(const Task *t, Names *out) {
  for (uint32_t k = 0; k < t->n_metrics; k++) vec_push(out, t->metric[k].name);
  for (uint32_t k = 0; k < t->n_events; k++)
    for (uint32_t j = 0; j < t->event[k].n_actions; j++) {
      const Action *a = &t->event[k].action[j];
      if (a->kind == ACT_LOG || a->kind == ACT_REPORT) vec_push(out, a->name);
    }
}

static bool is_among(const Names *names, const char *name) {
  for (uint32_t k = 0; k < names->n; k++)
    if (strcmp(names->at[k], name) == 0) return true;
  return false;
}

/* "task.value" of a task of the file. */
static bool logged_elsewhere(const Elab *E, const char *label) {
  const char *dot = strchr(label, '.');
  bool found = false;
  for (uint32_t k = 0; dot && k < E->m->task.n && !found; k++) {
    const Task *t = &E->m->task.at[k];
    if (strncmp(t->name, label, (size_t)(dot - label)) != 0 || t->name[dot - label]) continue;
    Names names = {0};
    add_logged(t, &names);
    found = is_among(&names, dot + 1);
    vec_free(&names);
  }
  return found;
}

static void check_action(Elab *E, const Action *a, const Names *logged) {
  if (a->kind != ACT_PLOT || !a->form || strcmp(a->form, "history") != 0) return;
  for (int64_t k = 0; k < a->option[0]; k++) {
    const char *label = a->label[k];
    bool skipped = E->o->n_tasks && strchr(label, '.'); /* by a task that does not run now */
    if (skipped || is_among(logged, label) || logged_elsewhere(E, label)) continue;
    elab_error(E, "E0518", ir_loc_get(E->m, a->loc)->span, "nothing is logged as `%s`", label);
    const char *near = diag_nearest(label, logged->at, logged->n);
    if (near)
      elab_hint(E, "did you mean `%s`?", near);
    else
      elab_hint(E, "`log %s = ..` in the same task, or `task.%s` for that of another", label, label);
  }
}

void check_histories(Elab *E) {
  for (uint32_t k = 0; k < E->m->task.n; k++) {
    const Task *t = &E->m->task.at[k];
    Names logged = {0};
    add_logged(t, &logged);
    for (uint32_t i = 0; i < t->n_events; i++)
      for (uint32_t j = 0; j < t->event[i].n_actions; j++) check_action(E, &t->event[i].action[j], &logged);
    vec_free(&logged);
  }
}
