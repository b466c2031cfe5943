/* One run of a model file: its engine, its run folder, and what it has reported so far. */
#ifndef SEPPO_DRIVER_SESSION_H
#define SEPPO_DRIVER_SESSION_H

#include "driver/session/engine.h"
#include "driver/session/load.h"
#include "runtime/progress.h"
#include "runtime/rundir.h"

/* Where a run stands: with the cells, all that is needed to go on. */
typedef struct Place {
  TaskId task;   /* being run, or the next one; the number of tasks when the run is complete */
  bool begun;    /* a training of which `step` steps are done and reported on */
  int64_t step;  /* of the task */
  int64_t epoch; /* that these steps end in */
} Place;

/* What `keep best` of a training has found so far. */
typedef struct Best {
  const Action *action; /* NULL: nothing kept yet */
  double value;
  int64_t step;   /* of the training, that it was found after */
  int64_t misses; /* times without improvement since */
  uint8_t *cells; /* copy of the cell arena, of which parameters and states count */
} Best;

/* Hashes, in hexadecimal, of what decides a run's bits: text of the model's files, settings in force, data. */
typedef struct RunIdentity {
  const char *model, *settings, *data;
} RunIdentity;

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
  int64_t steps;        /* training steps of completed tasks */
  RunIdentity identity;
  Place place;
  Best best;                 /* of the training at `place` */
  bool save_asked;           /* `checkpoint` was said */
  Vec(const char *) save_as; /* and the names it was said with */
  double saved_ms;           /* clock at the last checkpoint */
  double save_cost_ms;       /* time the last one took */
  double save_every_ms;      /* least time between two */
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

/* report.html. False after a diagnostic. */
bool session_report(Session *s);
/* What has been drawn, for a checkpoint: NULL when nothing was. And back from there. */
json_t *session_pictures(const Session *s);
bool session_pictures_resume(Session *s, const json_t *was);
/* Completes open GIFs and forgets the pictures. */
void session_pictures_free(Session *s);

/* ---------------------------------------------------------------- checkpoints */

/* DIR/checkpoint.safetensors: all cells and the place. False after a diagnostic; the earlier file is then untouched. */
bool session_save(Session *s);
/* The same when it is due: asked for by the program, or the last one is long enough ago for its cost. */
bool session_save_when_due(Session *s);
/* Parameters and states of s->best to DIR/best.safetensors. */
bool session_save_best(Session *s);
/* --load, if given, after a task: behind TASK_INIT parameters and whatever else the file has under this model's names;
 * behind a TASK_LET the parameters and states whose first values that task computed. */
bool session_load(Session *s, TaskId after);
/* --resume: cells, place and records as they were when DIR/checkpoint.safetensors was written; nothing when there is
 * no such file yet. */
bool session_resume(Session *s);

/* ---------------------------------------------------------------- keep best */

/* One evaluation of `keep best value, patience = ..`. Sets *stop when patience is at its end. */
bool session_keep(Session *s, const Action *a, double value, int64_t step, bool *stop);
/* The kept parameters and states become the run's, and best.safetensors; nothing when nothing was kept. */
bool session_keep_end(Session *s);

/* In the engine's arena; of the data nothing yet. */
RunIdentity session_identity(Session *s);
/* Waits for the stored tensors, which are read while the first task is compiled, and completes s->identity. False after
 * diagnostics. Comes before anything that reads data. */
bool session_data(Session *s);

#endif
