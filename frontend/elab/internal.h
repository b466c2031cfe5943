/* Inside the elaborator: values, scopes, frames and the functions its files share.
 *
 * Elaboration executes the program at compile time. Numbers, lists and functions are computed; whatever depends on a
 * cell, a data row or a random draw is a tensor: a node of the region being built. Functions are inlined. A graph loop
 * opens a new frame (region); values of outer frames are imported lazily when they are used.
 */
#ifndef SEPPO_FRONTEND_ELAB_INTERNAL_H
#define SEPPO_FRONTEND_ELAB_INTERNAL_H

#include "frontend/elab.h"
#include "ir/build.h"
#include "runtime/data.h"
#include <stdlib.h>
#include <string.h>

/* Also of nothing. */
static inline void *memdup(Arena *a, const void *p, size_t n) { return n ? arena_memdup(a, p, n) : arena_alloc(a, 1); }

typedef struct Elab Elab;
typedef struct Val Val;
typedef struct Scope Scope;
typedef struct Frame Frame;
typedef struct GraphBuild GraphBuild;
typedef struct Instance Instance;
typedef struct Closure Closure;
typedef struct Builtin Builtin;
typedef struct OptimSite OptimSite;

/* ---------------------------------------------------------------- values */

typedef enum {
  V_ABSENT, /* an argument that was not given */
  V_ERROR,  /* already reported */
  V_NONE,
  V_BOOL,
  V_INT,
  V_FLOAT,
  V_STRING,
  V_LIST,
  V_TUPLE,
  V_RANGE,  /* lo, lo+step, .. (count of them); bounds compile-time */
  V_REST,   /* `b..` of a pattern: leading or middle extents, with the first axis they stand for */
  V_TENSOR, /* a node of a frame */
  V_FIELD,  /* a data field, made into a tensor when it is first used */
  V_CELL,   /* the name of a parameter, state or file-level tensor; reading it gives a tensor */
  V_FN,
  V_BUILTIN,
  V_LAYER,     /* template */
  V_INSTANCE,  /* of a layer or model */
  V_OPTIMIZER, /* template */
  V_OPTIM,     /* with arguments */
  V_GROUP,     /* one tensor per parameter of a list */
  V_DATA,
  V_SPLIT,
  V_MODULE,    /* use .. as name */
  V_TASK,      /* task template */
  V_OBJECTIVE, /* a loss as a function of its parameters in one vector */
  V_COUNTER,   /* step or epoch: i = the InKind, a graph input once it is read */
} ValKind;

typedef struct ValList {
  uint32_t n;
  Val *at;
} ValList;

struct Val {
  uint8_t kind;
  bool literal;   /* a number written as such: an extent 1 that may broadcast */
  bool frozen;    /* V_INSTANCE: its parameters take no gradient; V_CELL likewise */
  bool inference; /* V_FN, V_INSTANCE: `training` is false inside */
  uint16_t ones;  /* V_TENSOR: axes of extent 1 written as such */
  union {
    int64_t i; /* V_INT, V_BOOL */
    double f;
    const char *s;
    ValList *list; /* V_LIST, V_TUPLE */
    struct {
      int64_t lo, step, count;
    } range;
    struct {
      ValList *dims;
      int64_t axis;
    } rest;
    struct {
      NodeId node;
      Frame *frame;
    } t;
    CellId cell;
    Closure *fn; /* V_FN, V_LAYER, V_OPTIMIZER, V_TASK */
    const Builtin *builtin;
    Instance *instance;
    OptimSite *optim;
    struct Group *group;
    struct DataUseSite *data; /* V_DATA, V_SPLIT, V_FIELD */
    Scope *module;
    const struct NameSet *anchors;
    struct Objective *objective;
  };
};

/* A function of any sort with what it sees. */
struct Closure {
  const Func *func;   /* NULL for a lambda */
  const Expr *lambda; /* EXPR_LAMBDA */
  const TaskDecl *task;
  const Stmt *stmt;
  Scope *scope;
  Instance *owner; /* members of a layer body, lambdas written in one */
  const char *name;
};

typedef struct Group {
  uint32_t n;
  CellId *cell;
  Val *value; /* tensors */
} Group;

/* One field, split or source of a data declaration. */
typedef struct DataDecl {
  const char *name;
  DataSource *source; /* files; NULL for generated data */
  uint32_t n_splits;
  struct DataPart *split;
} DataDecl;
typedef struct DataPart {
  const char *name; /* "train"; NULL = the only one */
  int64_t rows;
  uint32_t n_fields;
  struct DataColumn *field;
  uint32_t row_source; /* index in Module.rows, IR_NONE until used */
} DataPart;
typedef struct DataColumn {
  const char *name;
  DataField *stored; /* of a file, or NULL */
  uint32_t field;    /* index in Module.field, IR_NONE until used */
  CellId cell;       /* generated data: the CELL_LET that holds it */
} DataColumn;
typedef struct DataUseSite {
  DataDecl *decl;
  DataPart *part;     /* V_SPLIT, V_FIELD */
  DataColumn *column; /* V_FIELD */
  bool batched;       /* V_FIELD: the rows of this step rather than all */
  Val *rows;          /* of `next`: the numbers of the rows, or NULL */
} DataUseSite;

/* ---------------------------------------------------------------- scopes */

typedef struct Slot {
  const char *name;
  Val value;
  Span span;
  bool library;
} Slot;
struct Scope {
  Scope *parent;
  uint32_t n, cap; /* cap a power of two, or 0 */
  Slot *slot;      /* open addressing, name NULL = free */
  bool function;   /* top scope of a call: assignments do not look further out */
  bool file;       /* file or library scope */
  Frame *frame;    /* frame that was current when it was opened */
  Scope *loops;    /* bodies of the graph loops that ended in it, the last first; chained by `before` */
  Scope *before;
};

Scope *scope_new(Elab *E, Scope *parent);
Slot *scope_find(const Scope *s, const char *name); /* here and outwards */
Slot *scope_here(const Scope *s, const char *name);
Slot *scope_bind(Elab *E, Scope *s, const char *name, Val v, Span span);
/* A scope with the current values of every local binding seen from s: what a lambda captures. */
Scope *scope_snapshot(Elab *E, Scope *s);
/* A name that was local to a loop that ended in s or further out; NULL when there is none. */
Slot *scope_in_loops(const Scope *s, const char *name);
const char *scope_nearest(Elab *E, const Scope *s, const char *name);

/* ---------------------------------------------------------------- frames and graphs */

typedef enum { FP_GRAPH, FP_IV, FP_CARRY, FP_CELL, FP_XS, FP_CONST } FrameParamKind;
typedef struct FrameParam {
  uint8_t kind;
  NodeId param;   /* in this frame */
  NodeId outer;   /* operand in the parent frame */
  uint32_t index; /* FP_GRAPH: number in the graph's bindings; FP_CELL: CellId */
} FrameParam;
typedef struct CellSlot {
  CellId cell;
  NodeId node;  /* current value in this frame */
  NodeId entry; /* the param node */
  bool dirty;
  LocId changed; /* where it was last written */
} CellSlot;
typedef struct OldVersion {
  CellId cell;
  NodeId node;
  LocId changed; /* what replaced it */
} OldVersion;

struct Frame {
  Frame *parent; /* NULL: root of a graph */
  GraphBuild *graph;
  Builder b;
  uint32_t depth;
  Vec(FrameParam) param;
  Vec(CellSlot) cell;
  Vec(OldVersion) old;
  uint32_t *import_key, *import_value; /* outer node -> param */
  uint32_t n_import, cap_import;
  NodeId key, iv;
};

typedef struct GraphOut {
  uint8_t kind;
  uint32_t index;
  NodeId node;
} GraphOut;

typedef struct FieldValue {
  const struct DataColumn *column;
  bool batched;
  Val value;
} FieldValue;

typedef enum { GRAPH_INIT, GRAPH_LET, GRAPH_STEP, GRAPH_EVENT, GRAPH_EVAL, GRAPH_PLAIN } GraphKind;
struct GraphBuild {
  uint8_t kind;
  Frame *root, *cur;
  Vec(Binding) in;
  Vec(GraphOut) out;
  uint32_t n_values;
  DataPart *rows_of; /* STEP: the split whose rows this step reads */
  int64_t batch;     /* rows of the step; 0 = none */
  struct TaskBuild *task;
  Vec(FieldValue) fields; /* data fields already made into tensors */
  GraphBuild *up;         /* the graph being built around this one */
};

/* Opens a graph and makes it current; graph_close turns it into a Graph (or drops it). */
GraphBuild *graph_open(Elab *E, GraphKind kind);
Graph graph_close(Elab *E, GraphBuild *g);
void graph_drop(Elab *E, GraphBuild *g);
NodeId graph_input(Elab *E, GraphBuild *g, InKind kind, uint32_t index, TypeId type);
void graph_output(Elab *E, GraphBuild *g, OutKind kind, uint32_t index, NodeId node);
Frame *frame_open(Elab *E);          /* a loop body inside the current frame */
void frame_leave(Elab *E, Frame *f); /* makes the parent current again */
NodeId frame_param(Elab *E, Frame *f, FrameParamKind kind, TypeId type, NodeId outer, uint32_t index);
/* The body's parameters as the loop ops want them, then the region numbered so. Node ids of the frame change. */
void sort_params(const Frame *f, FrameParam *sorted, uint32_t *n_carry, uint32_t *n_xs, uint32_t *n_const);
void params_first(Elab *E, Frame *f, FrameParam *sorted);
/* The node of a tensor in the current frame. IR_NONE after an error when it belongs to another graph. */
NodeId node_of(Elab *E, Val tensor);
/* IR_NONE when the tensor lives in an inner frame. */
NodeId bring_to_root(Elab *E, GraphBuild *g, Val v);
NodeId cell_read(Elab *E, Frame *f, CellId c);
void cell_reset(Elab *E, Frame *f, CellId c, NodeId node);
void cell_write(Elab *E, Frame *f, CellId c, NodeId value);
NodeId frame_key(Elab *E, Frame *f);
NodeId graph_step_number(Elab *E, InKind kind);

/* ---------------------------------------------------------------- instances */

typedef struct CellInfo {
  bool trained;
  uint16_t ones;
  Instance *owner;
  NodeId init; /* node in the INIT graph, IR_NONE when set elsewhere */
} CellInfo;

struct Instance {
  const char *name; /* "encoder.dense_1" */
  const char *layer;
  Closure *def;
  Scope *config; /* arguments of the first list, parent = where the layer was declared */
  Instance *owner;
  const void *site;
  uint64_t unroll;
  uint32_t depth;
  Vec(Instance *) child;
  Scope *own;     /* parameters, states, named instances: V_CELL, V_INSTANCE */
  Scope *pattern; /* scope of the first call: names bound by the parameter patterns */
  bool auto_named;
  LocId first_call;
  const char *input, *output; /* of the first call */
  Instance *copy_of;
  bool copy_late; /* of trained parameters: copied when its name is known */
  bool busy;
};

/* ---------------------------------------------------------------- activations */

typedef struct LoopCtx {
  struct LoopCtx *up;
  Frame *frame; /* NULL for compile-time loops */
  Vec(Val) yielded;
  struct Building *building; /* graph loops: what it carries */
  uint32_t n_yield;          /* statements run */
  Span yield_span;
  int64_t along; /* axis of the last `yield .. along` */
} LoopCtx;

typedef struct Activation {
  struct Activation *up;
  Scope *scope;
  Instance *owner; /* where new instances belong; NULL in functions and tasks */
  bool frozen;
  bool training;
  bool may_apply; /* layers may be applied here */
  bool is_task;   /* the body of a train, eval or task itself */
  uint64_t path, unroll;
  uint32_t n_calls;
  LocId loc; /* of the call: inlined_at of everything inside */
  Span span; /* of the call */
  const char *what;
  struct OptimUse *optim; /* in an optimiser's body: the parameter it is updating */
  Val result;
  bool returned;
  LoopCtx *loop;
  const struct NameSet *anchors; /* names that are targets of a derivative in this body */
} Activation;

/* ---------------------------------------------------------------- tasks */

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

/* An applied optimiser: its arguments as they stand, and where its state belongs. */
struct OptimSite {
  Closure *def;
  Scope *config;
  const char *name; /* prefix of its cells */
};

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
  Vec(DataSource *) sources_open;
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
  TaskBuild *task;
  const char *suffix;  /* in an `unroll for` of the file: "_gru", behind the names of what is declared there */
  const char *prefix;  /* inside a task that holds tasks: its name */
  const char *skipped; /* the first train that was not picked */
};

/* ---------------------------------------------------------------- report.c */

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
/* Appends to a Vec whose memory is the elaborator's arena: never freed alone. */
void list_grow(Elab *E, void **at, uint32_t *cap, uint32_t n, size_t size);
#define list_push(E, l, x)                                                                                             \
  (list_grow((E), (void **)&(l)->at, &(l)->cap, (l)->n, sizeof *(l)->at), (l)->at[(l)->n++] = (x))
char *elab_text(Elab *E, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool span_in_library(const Elab *E, Span s);

/* ---------------------------------------------------------------- value.c */

static inline Val val_kind(ValKind k) { return (Val){.kind = (uint8_t)k}; }
static inline Val val_none(void) { return val_kind(V_NONE); }
static inline Val val_error(void) { return val_kind(V_ERROR); }
static inline Val val_int(int64_t i) { return (Val){.kind = V_INT, .i = i}; }
static inline Val val_float(double f) { return (Val){.kind = V_FLOAT, .f = f}; }
static inline Val val_bool(bool b) { return (Val){.kind = V_BOOL, .i = b}; }
static inline Val val_string(const char *s) { return (Val){.kind = V_STRING, .s = s}; }
static inline bool is_number(Val v) { return v.kind == V_INT || v.kind == V_FLOAT || v.kind == V_BOOL; }
static inline bool is_list(Val v) { return v.kind == V_LIST || v.kind == V_TUPLE; }
static inline bool is_error(Val v) { return v.kind == V_ERROR; }
static inline bool is_callable(Val v) {
  return v.kind == V_FN || v.kind == V_BUILTIN || v.kind == V_OBJECTIVE || v.kind == V_INSTANCE || v.kind == V_LAYER;
}
Val val_list(Elab *E, ValKind kind, uint32_t n);
/* A hint for a function, layer or instance that stands where its value is wanted: how it is called. */
void callable_hint(Elab *E, Val v);
Val val_tensor(Elab *E, NodeId node); /* of the current frame; V_ERROR for IR_NONE */
Val val_tensor_ones(Elab *E, NodeId node, uint16_t ones);
double val_number(Val v); /* of a number */
bool val_has_tensor(Val v);
const char *val_kind_name(Elab *E, Val v); /* "a number", "f32[64, 10]" */
const char *val_text(Elab *E, Val v);      /* as str() shows it */
bool val_equal(Val a, Val b);
Val val_binary(Elab *E, BinaryOp op, Val a, Val b, Span span); /* compile-time numbers, strings, bools */
const char *binary_sign(BinaryOp op);
Val range_item(Val range, int64_t k);

/* ---------------------------------------------------------------- tensor.c */

const Type *type_of(Elab *E, Val tensor);
const char *type_text(Elab *E, Val tensor);
/* A tensor from a tensor, number, bool, nested list or group member; dtype DT_COUNT = its own kind's default. */
Val to_tensor(Elab *E, Val v, DType dtype, Span span);
Val to_float(Elab *E, Val v, Span span); /* tensor of a float dtype */
NodeId to_node(Elab *E, Val v, DType dtype, Span span);
DType join_dtypes(Elab *E, Val a, Val b, bool want_float);
Val tensor_binary(Elab *E, Op op, Val a, Val b, Span span, const char *sign);
Val tensor_arith(Elab *E, BinaryOp op, Val a, Val b, Span span);
Val tensor_neg(Elab *E, Val a, Span span);
Val tensor_not(Elab *E, Val a, Span span);
Val tensor_matmul(Elab *E, Val a, Val b, Span span);
Val tensor_cast(Elab *E, Val a, DType dtype, Span span);
/* Gives a and b one shape by rule 11; false after an error that names both. */
bool broadcast_pair(Elab *E, Val *a, Val *b, Span span, const char *sign);
Val broadcast_shape(Elab *E, Val a, uint32_t rank, const int64_t *dim, uint16_t ones, Span span);
Val tensor_select(Elab *E, Val c, Val a, Val b, Span span);
/* Entries lo .. hi-1 of an axis. */
Val slice_axis(Elab *E, Val t, int64_t axis, int64_t lo, int64_t hi);
const char *dims_text(Elab *E, uint32_t rank, const int64_t *dim);

/* ---------------------------------------------------------------- expr.c, call.c, index.c */

Val expr(Elab *E, const Expr *e);
/* Counts one expression or iteration; false, with an error the first time, when the program grows without bound. */
bool elab_spend(Elab *E, Span span);
/* After an error that would come again and again: nothing more is looked at. */
void elab_halt(Elab *E);
Val expr_value(Elab *E, const Expr *e); /* reads cells and fields: never V_CELL or V_FIELD */
Val read_value(Elab *E, Val v);
/* Compile-time values with the error when they are not; `what` names the place. */
bool expr_int(Elab *E, const Expr *e, const char *what, int64_t *out);
bool expr_bool(Elab *E, const Expr *e, const char *what, bool *out);
bool expr_string(Elab *E, const Expr *e, const char *what, const char **out);
bool val_to_int(Elab *E, Val v, Span span, const char *what, int64_t *out);
bool val_to_bool(Elab *E, Val v, Span span, const char *what, bool *out);
/* Dimensions from a list value; a rest value is spliced. ones: extents written as the literal 1. */
bool val_to_shape(Elab *E, Val v, Span span, const char *what, uint32_t *rank, int64_t *dim, uint16_t *ones);
Val string_value(Elab *E, const Expr *e);
const char *format_value(Elab *E, Val v, const char *format);

typedef struct Args { /* evaluated arguments of a call */
  uint32_t n;
  Val *value;
  const char **name; /* NULL when positional */
  Span *span;
} Args;
Args args_eval(Elab *E, const Expr *call);
Val call_value(Elab *E, Val f, const Args *a, Span span);
Val call_values(Elab *E, Val f, uint32_t n, const Val *v, Span span); /* positional */
Val call_closure(Elab *E, Closure *c, const Args *a, Span span, bool inference);
/* Around the body of a call: false, with an error, when calls nest too deep; else call_leave follows. */
bool call_enter(Elab *E, const char *callee, Span span);
void call_leave(Elab *E);
/* Binds parameters in `scope`; false after an error. */
bool bind_params(Elab *E, Scope *scope, const Param *param, uint32_t n, const Args *a, Span span, const char *callee);
/* The first list of a layer. */
bool bind_config(Elab *E, Scope *scope, const Closure *layer, const Args *a, Span span);
/* After an argument of a name that the callee does not have: another word for one of its own, or what it has. */
void axis_hint(Elab *E, const char *name, const char *before, const char *signature);
bool bind_pattern(Elab *E, Scope *scope, const Shape *pattern, Val *v, Span span, const char *what);
bool declared_shape(Elab *E, const Shape *s, uint32_t *rank, int64_t *dim, uint16_t *ones);
Activation *activation_push(Elab *E, Activation *a, Scope *scope, Span span, const char *what);
void activation_pop(Elab *E, Activation *a);
Val closure_value(Elab *E, Closure *c, ValKind kind);
uint64_t path_mix(uint64_t path, uint64_t k);
uint64_t text_hash(const char *s);

Val index_value(Elab *E, Val v, const IndexItem *item, uint32_t n, Span span);
Val index_assign(Elab *E, Val v, const IndexItem *item, uint32_t n, Val e, Span span);
Val member_value(Elab *E, const Expr *e);

/* ---------------------------------------------------------------- foreign.c */

/* Hints at what is written here for a name, or a member of a tensor, that other languages have. */
bool foreign_name_hint(Elab *E, const char *name);
void foreign_member_hint(Elab *E, const char *name);

/* ---------------------------------------------------------------- whole.c, unread.c */

/* Errors and warnings on the whole module. */
void check_whole(Elab *E);

/* Warns of values in a file that nothing reads. scope: its declarations. */
void warn_unread_values(Elab *E, const Ast *ast, const Scope *scope);

/* ---------------------------------------------------------------- stmt.c, loop.c */

void exec_block(Elab *E, const Block *b);
void exec_stmt(Elab *E, const Stmt *s);
void assign_name(Elab *E, Name name, Val v);
Val exec_loop(Elab *E, const Loop *l, Span span, bool as_expression);
/* How many times `unroll` runs over a value; false after an error: no sequence, or too long to unroll. */
bool unroll_count(Elab *E, Val over, Span span, int64_t *n);
void yield_value(Elab *E, const Stmt *s);

/* ---------------------------------------------------------------- instance.c */

Val apply_layer(Elab *E, Closure *layer, const Args *config, const void *site, Span span, const char *name);
Val call_instance(Elab *E, Val inst, const Args *a, Span span);
DType declared_dtype(Elab *E, const Stmt *s); /* DT_COUNT after an error */
void declare_cell(Elab *E, const Stmt *s);    /* param and state statements, in layers, trains and files */
CellId cell_new(Elab *E, const char *name, TypeId type, CellKind kind, Instance *owner);
/* A cell with its first value from a declaration, in the INIT graph. IR_NONE after an error. */
CellId initialised_cell(Elab *E, const Stmt *s, const char *full, CellKind kind, bool shaped, uint32_t rank,
                        const int64_t *dim, DType dtype, Instance *owner);
Val instance_member(Elab *E, Val inst, const char *name, Span span);
void instance_rename(Elab *E, Instance *i, const char *name);
Instance *instance_new(Elab *E, Instance *owner, Closure *def, const char *name);
Val copy_instance(Elab *E, Val v, Span span, const char *name);
/* Makes the cells of a copy as far as its original has any; called when the copy's name is settled, and again before
 * they are asked for. */
void finish_copy(Elab *E, Instance *i, Span span);
Val cell_value(Elab *E, CellId c, bool frozen);
void instance_params(Elab *E, const Instance *inst, const char *pattern, void (*fn)(void *, CellId), void *user);

/* ---------------------------------------------------------------- grad.c, group.c, optim.c */

Val grad_value(Elab *E, Val y, Val x, Span span);
Val vjp_value(Elab *E, Val y, Val x, Val w, Span span);
Val jvp_value(Elab *E, Val y, Val x, Val v, Span span);
Val anchor_value(Elab *E, Val v);
/* The value a name is bound to: an anchor when the body takes a derivative with respect to the name. */
Val anchor_binding(Elab *E, Val v, Name name);
/* Parameters of the run that y depends on differentiably. Caller's array by CellId. */
bool reached_params(Elab *E, Val y, bool *reached, Span span);
bool grad_cells(Elab *E, Val y, const CellId *cell, uint32_t n, Span span, Val *out);
bool tensor_depends(Elab *E, Val y, Val x);
const struct NameSet *anchor_names(Elab *E, const void *body, const Block *b, const Expr *value, const Param *param,
                                   uint32_t n_param);
bool name_in(const struct NameSet *s, const char *name);

Val group_from(Elab *E, Val v, const char *pattern, Span span); /* instance, cell, group, list of them */
Val group_map(Elab *E, const Builtin *f, const Args *a, Span span);
Val group_fold(Elab *E, BinaryOp op, const Val *part, uint32_t n, Span span);
Val group_dot(Elab *E, Val a, Val b, Span span);
Val group_binary(Elab *E, BinaryOp op, Val a, Val b, Span span);

Val objective_new(Elab *E, Val y, const Group *g);
Val objective_call(Elab *E, Val f, const Args *args, Span span);
Val group_vector(Elab *E, const Val *v, uint32_t n, Span span);
void split_vector(Elab *E, Val v, const CellId *cell, uint32_t n, Val *out);
void declare_optim_state(Elab *E, const Stmt *s);
void exec_minimize(Elab *E, const Stmt *s);
void exec_update(Elab *E, const Stmt *s);
void exec_set(Elab *E, const Stmt *s);
Val apply_optimizer(Elab *E, Closure *def, const Args *a, const void *site, Span span);

/* ---------------------------------------------------------------- task.c, event.c, data.c, file.c, table.c */

void elab_train(Elab *E, const Stmt *s);
void elab_eval(Elab *E, const Stmt *s);
void file_statement(Elab *E, const Stmt *s); /* as at file level, in the current scope */
void elab_task(Elab *E, const Stmt *s);
void exec_log(Elab *E, const Stmt *s);
void exec_output(Elab *E, const Stmt *s); /* report, print, image, gif, plot, checkpoint, keep, stop */
Val step_value(Elab *E, const char *name, Val v, Span span);
void elab_events(Elab *E, TaskBuild *t);
Val field_tensor(Elab *E, DataUseSite *u, Span span);
Val data_member(Elab *E, Val v, const char *name, Span span);
void elab_data(Elab *E, const Stmt *s);
uint32_t row_source(Elab *E, DataUseSite *u);
void elab_let(Elab *E, const Stmt *s);
const char *file_name(Elab *E, const char *name); /* with the suffix */
void elab_file(Elab *E, const Ast *ast, Scope *scope, bool tasks);
bool setting_for(Elab *E, const char *name, Val *out, const Val *old, Span span);
void setting_record(Elab *E, const char *name, Val v);
void build_table(Elab *E, Elaborated *out);
/* Emits the TASK_LET of a graph that computed cells. */
void push_let_task(Elab *E, GraphBuild *g, const char *name, Span span);

/* ---------------------------------------------------------------- builtins */

#define BUILTIN_MAX_ARGS 8
typedef struct BuiltinCall {
  Elab *E;
  const Builtin *row;
  Val arg[BUILTIN_MAX_ARGS]; /* V_ABSENT when not given */
  Span at[BUILTIN_MAX_ARGS];
  Val *rest; /* further positional arguments of a row that ends in ".." */
  uint32_t n_rest;
  Span span;
} BuiltinCall;
struct Builtin {
  const char *name;
  const char *params; /* "x axis? keep?"; `?` may be left out */
  Val (*fn)(BuiltinCall *c);
  int64_t data;             /* op or other number the function reads */
  double (*number)(double); /* value on compile-time numbers, or NULL */
  bool raw;                 /* arguments are not read: cells stay cells */
  bool group;               /* maps over parameter groups */
};
extern const Builtin builtin_table[];
extern const uint32_t builtin_count;
Val call_builtin(Elab *E, const Builtin *b, const Args *a, Span span);
/* axis argument -> list of axes (negative counted from the end); absent or none = all. */
bool axes_arg(BuiltinCall *c, Val v, const Type *t, uint32_t *n, int64_t *axes);
bool axis_arg(BuiltinCall *c, Val v, int64_t def, const Type *t, int64_t *axis);
bool flag_arg(BuiltinCall *c, uint32_t k, bool def, bool *out);

#define BUILTIN_FN(name) Val name(BuiltinCall *c)
BUILTIN_FN(bi_unary);
BUILTIN_FN(bi_minmax);
BUILTIN_FN(bi_where);
BUILTIN_FN(bi_cast);
BUILTIN_FN(bi_is_finite);
BUILTIN_FN(bi_reduce);
BUILTIN_FN(bi_argmax);
BUILTIN_FN(bi_norm);
BUILTIN_FN(bi_dot);
BUILTIN_FN(bi_count);
BUILTIN_FN(bi_cumsum);
BUILTIN_FN(bi_sort);
BUILTIN_FN(bi_shape);
BUILTIN_FN(bi_rank);
BUILTIN_FN(bi_len);
BUILTIN_FN(bi_reshape);
BUILTIN_FN(bi_flatten);
BUILTIN_FN(bi_transpose);
BUILTIN_FN(bi_broadcast_to);
BUILTIN_FN(bi_concat);
BUILTIN_FN(bi_stack);
BUILTIN_FN(bi_split);
BUILTIN_FN(bi_pad);
BUILTIN_FN(bi_reverse);
BUILTIN_FN(bi_gather);
BUILTIN_FN(bi_pick);
BUILTIN_FN(bi_segment_sum);
BUILTIN_FN(bi_one_hot);
BUILTIN_FN(bi_full);
BUILTIN_FN(bi_iota);
BUILTIN_FN(bi_arange);
BUILTIN_FN(bi_linspace);
BUILTIN_FN(bi_eye);
BUILTIN_FN(bi_normal);
BUILTIN_FN(bi_uniform);
BUILTIN_FN(bi_randint);
BUILTIN_FN(bi_bernoulli);
BUILTIN_FN(bi_categorical);
BUILTIN_FN(bi_permutation);
BUILTIN_FN(bi_einsum);
BUILTIN_FN(bi_solve);
BUILTIN_FN(bi_inv);
BUILTIN_FN(bi_det);
BUILTIN_FN(bi_slogdet);
BUILTIN_FN(bi_cholesky);
BUILTIN_FN(bi_tri_solve);
BUILTIN_FN(bi_eigh);
BUILTIN_FN(bi_svd);
BUILTIN_FN(bi_convolve);
BUILTIN_FN(bi_convolve_transpose);
BUILTIN_FN(bi_pool);
BUILTIN_FN(bi_grad);
BUILTIN_FN(bi_vjp);
BUILTIN_FN(bi_jvp);
BUILTIN_FN(bi_stop_gradient);
BUILTIN_FN(bi_params);
BUILTIN_FN(bi_frozen);
BUILTIN_FN(bi_copy);
BUILTIN_FN(bi_inference);
BUILTIN_FN(bi_next);
BUILTIN_FN(bi_probability);
BUILTIN_FN(bi_zip);
BUILTIN_FN(bi_enumerate);
BUILTIN_FN(bi_is);
BUILTIN_FN(bi_str);

#endif
