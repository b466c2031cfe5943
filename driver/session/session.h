/* One run of a model file: its engine, its run folder, and what it has reported so far. */
#ifndef SEPPO_DRIVER_SESSION_H
#define SEPPO_DRIVER_SESSION_H

#include "driver/session/engine.h"
#include "driver/session/load.h"
#include "runtime/progress.h"
#include "runtime/rundir.h"

typedef struct Session {
  const Options *options;
  Loaded *l;
  const Module *m;
  DiagSink *sink;
  Engine engine;
  RunDir *dir;
  Progress *progress;
  bool quiet;
  double started_ms;    /* clock at process start */
  double first_step_ms; /* clock when the first training step could begin */
  double train_ms;      /* inside training loops */
  int64_t steps;        /* training steps done */
  bool interrupted;
  struct Pictures *pictures; /* NULL until one is drawn */
} Session;

/* Why a task ended. */
typedef enum { TASK_DONE, TASK_INTERRUPTED, TASK_FAILED } TaskEnd;

/* TASK_FAILED after diagnostics in s->sink (with the exit status set). */
TaskEnd session_train(Session *s, TaskId t);
/* INIT, LET, EVAL and PLAIN: the step graph once. */
TaskEnd session_once(Session *s, TaskId t);
/* Turns a RunStatus of native code into a diagnostic at the node's source line. */
void session_bad_run(Session *s, TaskId t, const Graph *g, const Context *c, RunStatus status);

/* Where a record of metrics.jsonl and a report belong. */
typedef struct Moment_ {
  const char *task;
  int64_t epoch, step; /* 0 outside training */
} RunMoment;

/* Carries out an event's actions on the values its graph left in g. Sets *stop for `stop if`. */
bool session_actions(Session *s, RunMoment at, const Event *event, const ReadyGraph *g, bool *stop);

/* report.html, when the run drew pictures. False after a diagnostic. */
bool session_report(Session *s);
/* Completes open GIFs and forgets the pictures. */
void session_pictures_free(Session *s);

/* Parameters, states and everything else that outlives a step, to and from DIR/checkpoint.safetensors. */
bool session_save(Session *s, const char *path);
bool session_load(Session *s, const char *path);

#endif
