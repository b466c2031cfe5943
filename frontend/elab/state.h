/* The state of one elaboration, and its diagnostics. */
#ifndef SEPPO_FRONTEND_ELAB_STATE_H
#define SEPPO_FRONTEND_ELAB_STATE_H

#include "frontend/elab/call.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"

/* A binding that a derivative may be taken with respect to. */
typedef struct AnchoredName {
  Name name;
  const Frame *frame;
  NodeId node;
} AnchoredName;

struct Elab {
  Arena mem;
  Arena *out_mem;
  SourceMap *sources;
  const ElabOptions *o;
  DiagSink *sink;
  DiagSink ir_sink; /* what the type rules say, turned into diagnostics at the user's line */
  Module *m;
  DType fdt; /* the file's float type */
  GraphBuild *g;
  GraphBuild *init;
  Activation *act;
  LocId loc;
  Span span;
  Scope *builtins, *library, *file;
  Vec(CellInfo) info; /* by CellId */
  Scope *cells;       /* every cell by full name */
  Scope *anchor_sets, *optim_sites, *optim_names;
  Vec(Instance *) instance;
  Vec(struct DataSource *) sources_open;
  Vec(const char *) task_names;
  Vec(Slot) used; /* files of `use`: path, scope */
  uint32_t file_source;
  Vec(Ast *) asts;
  Vec(Setting) setting;
  Vec(const char *) note;
  bool *set_used;
  Vec(const char *) settable;
  uint64_t next_anchor;
  Vec(AnchoredName) anchored; /* in the order of the bindings */
  uint32_t n_tasks_done;      /* trains and others already emitted: `copy` then copies trained values */
  bool init_saw_let, init_saw_step;
  bool quiet;     /* warnings are off: a second elaboration of the same text */
  uint32_t depth; /* of calls, against runaway recursion */
  uint64_t work;  /* expressions looked at: inlining and unrolling may double at every level */
  bool halted;
  const char *stack; /* where it began, and how far it may go */
  size_t stack_room;
  struct TaskBuild *task;
  const char *suffix;  /* in an `unroll for` of the file: "_gru", behind the names of what is declared there */
  const char *prefix;  /* inside a task that holds tasks: its name */
  const char *skipped; /* the first train that was not picked */
};

void elab_at(Elab *E, Span span); /* sets the location of what is built next */
/* Adds an error at `span`, or, inside the library, at the user's call with the library line as a note. */
Val elab_error(Elab *E, const char *code, Span span, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void elab_warning(Elab *E, const char *code, Span span, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void elab_hint(Elab *E, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void elab_label(Elab *E, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Forgets what was reported since: the text is looked at again in another way. */
void take_back_errors(Elab *E, DiagSink before);
/* Turns complaints of the type rules into diagnostics; true when there was one. */
bool elab_ir_errors(Elab *E, Span span);
char *elab_text(Elab *E, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool span_in_library(const Elab *E, Span s);

/* Appends to a Vec whose memory is the elaborator's arena: never freed alone. */
void list_grow(Elab *E, void **at, uint32_t *cap, uint32_t n, size_t size);
#define list_push(E, l, x)                                                                                             \
  (list_grow((E), (void **)&(l)->at, &(l)->cap, (l)->n, sizeof *(l)->at), (l)->at[(l)->n++] = (x))

#endif
