/* Tasks: their steps, events and what they leave behind. */
#ifndef SEPPO_FRONTEND_ELAB_TASK_TASK_H
#define SEPPO_FRONTEND_ELAB_TASK_TASK_H

#include "frontend/elab/frame.h"

typedef struct EventDecl {
  const Stmt *stmt;
  Scope *scope;
} EventDecl;
typedef struct TaskBuild {
  Task task; /* under construction */
  Vec(Metric) metric;
  Vec(Event) event;
  Vec(Action) action; /* of the step graph (eval, plain) or the event being built */
  Vec(EventDecl) pending;
  bool tail; /* second elaboration, of the short batch */
  bool in_event, at_start;
  GraphBuild *step, *tail_graph; /* open until the blocks are done */
  Scope *tail_scope;
} TaskBuild;

void elab_train(Elab *E, const Stmt *s);
void elab_eval(Elab *E, const Stmt *s);
void elab_task(Elab *E, const Stmt *s);
void exec_log(Elab *E, const Stmt *s);
void exec_output(Elab *E, const Stmt *s); /* report, print, image, gif, plot, checkpoint, keep, stop */
Val step_value(Elab *E, const char *name, Val v, Span span);
void elab_events(Elab *E, TaskBuild *t);

#endif
