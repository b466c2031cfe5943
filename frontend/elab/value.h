/* Values of the elaborator.
 *
 * Elaboration executes the program at compile time. Numbers, lists and functions are computed; whatever depends on a
 * cell, a data row or a random draw is a tensor: a node of the region being built. Functions are inlined. A graph loop
 * opens a new frame (region); values of outer frames are imported lazily when they are used.
 */
#ifndef SEPPO_FRONTEND_ELAB_VALUE_H
#define SEPPO_FRONTEND_ELAB_VALUE_H

#include "frontend/elab.h"
#include "ir/build.h"
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
    struct OptimSite *optim;
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

#endif
