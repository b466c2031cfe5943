/* The syntax tree of a model file: what was written, with spans; no names resolved, no shapes.
 * Grammar and meaning: docs/language.md. The parser (frontend/syntax/parser.h) makes it, the formatter prints it, the
 * elaborator turns it into a graph. All nodes live in one arena and are never changed after parsing. */
#ifndef SEPPO_FRONTEND_AST_H
#define SEPPO_FRONTEND_AST_H

#include "runtime/base/diag.h"

typedef struct Expr Expr;
typedef struct Stmt Stmt;

typedef struct Name {
  const char *text; /* interned in the AST's table: equal names are equal pointers; NULL = absent */
  Span span;
} Name;

typedef struct Block {
  Stmt **stmt;
  uint32_t n;
  Span span;
} Block;

typedef struct Arg { /* f(x, name = value) */
  Name name;         /* text NULL when positional */
  Expr *value;
} Arg;

/* One part of "loss {x:.3f} at {step}". */
typedef struct StrPart {
  const char *text;   /* literal part, or NULL */
  Expr *value;        /* interpolated part, or NULL */
  const char *format; /* ".3f", or NULL */
} StrPart;

/* One item of x[...]. */
typedef enum { INDEX_EXPR, INDEX_SLICE, INDEX_ELLIPSIS, INDEX_NONE } IndexKind;
typedef struct IndexItem {
  IndexKind kind;
  Expr *at;             /* INDEX_EXPR */
  Expr *lo, *hi, *step; /* INDEX_SLICE, each may be NULL */
  Span span;
} IndexItem;

typedef enum {
  UN_NEG,
  UN_NOT,
} UnaryOp;
typedef enum {
  BIN_ADD,
  BIN_SUB,
  BIN_MUL,
  BIN_DIV,
  BIN_FLOORDIV,
  BIN_MOD,
  BIN_POW,
  BIN_MATMUL,
  BIN_EQ,
  BIN_NE,
  BIN_LT,
  BIN_LE,
  BIN_GT,
  BIN_GE,
  BIN_AND,
  BIN_OR
} BinaryOp;

/* [b.., t, 3]: a parameter's shape pattern or a declared shape. */
typedef struct ShapeItem {
  Expr *dim; /* a name that binds or refers, or any compile-time expression; NULL for a rest item */
  Name rest; /* `b..` (named) or `..` (span set, text "") */
  Span span;
} ShapeItem;
typedef struct Shape {
  ShapeItem *item;
  uint32_t n;
  bool present;
  Span span;
} Shape;

typedef struct Param { /* of a fn, layer, model, optimizer, task */
  Name name;
  Shape pattern;
  Expr *value; /* default, or NULL */
} Param;

/* for a, b in xs, ys along -2 until c { .. } */
typedef struct LoopSource {
  Name var;
  Expr *over;  /* a range expression or a tensor */
  Expr *along; /* or NULL */
} LoopSource;

typedef enum {
  EXPR_NUMBER, /* number; is_integer tells 3 from 3.0; name.text = the spelling */
  EXPR_STRING, /* part[n]; a plain string has one literal part or none; name.text = the spelling, quotes too */
  EXPR_BOOL,   /* number = 0 or 1 */
  EXPR_NONE,   /* none */
  EXPR_NAME,   /* name */
  EXPR_LIST,   /* [a, b]: item[n] */
  EXPR_TUPLE,  /* (a, b) or a, b: item[n] */
  EXPR_UNARY,  /* un, a */
  EXPR_BINARY, /* bin, a, b; comparisons do not chain */
  EXPR_CALL,   /* a(arg[n]) */
  EXPR_MEMBER, /* a.name */
  EXPR_INDEX,  /* a[index[n]] */
  EXPR_IF,     /* if a then b else c (compile-time a) */
  EXPR_RANGE,  /* a..b, b excluded; in a list also `b..` (b NULL) or `..` (both NULL): the dimensions of a rest */
  EXPR_LAMBDA, /* fn(param[n]) = a */
  EXPR_COMPREHENSION, /* [a for name in b] */
  EXPR_LOOP,          /* repeat/for as an expression (with yield) */
  EXPR_DATA, /* generate { .. }, generate(a) { .. }: the body of one of a rows, generate(name in a) { .. }: with
                the row's number as `name`; block */
} ExprKind;

typedef enum { LOOP_REPEAT, LOOP_FOR, LOOP_UNROLL } LoopKind;
typedef struct Loop {
  LoopKind kind;
  Expr *count;        /* repeat n; NULL otherwise */
  LoopSource *source; /* for / unroll for */
  uint32_t n_sources;
  Expr *until; /* or NULL */
  Block body;  /* its yields carry their own `along` */
} Loop;

struct Expr {
  ExprKind kind;
  bool parens; /* written in parentheses (the span includes them) */
  Span span;
  double number;
  bool is_integer;
  Name name;
  UnaryOp un;
  BinaryOp bin;
  Span op_span; /* of the operator, for carets */
  Expr *a, *b, *c;
  Expr **item;
  uint32_t n;
  Arg *arg;
  IndexItem *index;
  StrPart *part;
  Param *param;
  Loop *loop;
  Block block;
};

/* Targets of `a, b = e`, `x[I] = e`, `_ = e`. */
typedef struct Target {
  Name name;        /* "_" drops */
  IndexItem *index; /* x[I] = e */
  uint32_t n_index;
  Span span;
} Target;

typedef enum {
  /* declarations */
  STMT_USE,   /* use "f.sep" as name */
  STMT_DTYPE, /* dtype f64: name */
  STMT_LET,   /* let name = value; let a, b = value has all its names in target[n], name = the first */
  STMT_PARAM, /* param name : dtype [shape] ~ value   or   = value */
  STMT_STATE,
  STMT_DATA, /* data name = value */
  STMT_FN,
  STMT_LAYER,
  STMT_MODEL,
  STMT_OPTIMIZER, /* func */
  STMT_TRAIN,
  STMT_EVAL,
  STMT_TASK, /* task */
  /* inside bodies */
  STMT_ASSIGN,  /* target[n] = value */
  STMT_RETURN,  /* value (a tuple for several) or NULL; of a generate block: output[n], the fields by name */
  STMT_YIELD,   /* value; along in value2 */
  STMT_IF,      /* value; body; otherwise */
  STMT_LOOP,    /* loop (repeat, for, unroll for) */
  STMT_REQUIRE, /* require value, value2 (message) */
  STMT_MINIMIZE,
  STMT_MAXIMIZE, /* value over arg.. using value2 */
  STMT_UPDATE,   /* update arg.. by value using value2 */
  STMT_SET,      /* set value = value2 (params(target) = ..) */
  /* directives of a train or eval */
  STMT_EPOCHS,
  STMT_STEPS,
  STMT_BATCH,   /* value; flag = drop_last */
  STMT_SHUFFLE, /* shuffle = false: value */
  /* what a run leaves behind */
  STMT_LOG,
  STMT_REPORT, /* output[n]; report .. by value2 = .. */
  STMT_PRINT,  /* value */
  STMT_IMAGE,
  STMT_GIF,
  STMT_PLOT, /* value = name string, value2 = the picture expression */
  STMT_CHECKPOINT,
  STMT_KEEP,  /* keep best value, patience = value2 */
  STMT_STOP,  /* stop if value */
  STMT_EVERY, /* every value epochs|steps { body }; value NULL = 1 */
  STMT_AT,    /* at start|end|epoch 1, 2 { body } */
} StmtKind;

typedef struct Output { /* log name = value */
  Name name;            /* for `log a` the name a; text NULL when computed */
  Expr *name_value;     /* report "loss_{k}" = value, or NULL */
  Expr *by;             /* report name by field = e */
  Expr *value;
} Output;

/* fn, layer, model, optimizer. A layer has two parameter lists, others one (in `param`). */
typedef struct Func {
  Name name;
  Param *config; /* layer's first list; optimizer's arguments */
  uint32_t n_config;
  Param *param;
  uint32_t n_param;
  bool over_group; /* optimizer .. over group */
  Expr *value;     /* `= expr` form, or NULL */
  Block body;      /* `{ .. }` form; an optimizer's states and its `update` as a STMT_FN */
} Func;

typedef struct TaskDecl {
  Name name;        /* as NAME; text NULL when unnamed */
  Expr *name_value; /* computed name (a string expression), or NULL */
  Expr *on;         /* data expression, or NULL */
  Param *param;     /* task name(args) template */
  uint32_t n_param;
  Block body;
} TaskDecl;

typedef enum { EVERY_EPOCHS, EVERY_STEPS, AT_START, AT_END, AT_EPOCH } Moment;

struct Stmt {
  StmtKind kind;
  Span span;        /* whole statement */
  Span word;        /* its first word */
  Name name;        /* let, param, state, data, use .. as, dtype */
  Name dtype;       /* declared dtype of a param or state; text NULL when absent */
  Shape shape;      /* declared shape */
  bool random_init; /* `~` rather than `=` */
  Expr *value, *value2;
  Target *target;
  uint32_t n_target;
  Expr **over; /* over m1, m2 / update m1, m2 */
  uint32_t n_over;
  Output *output;
  uint32_t n_output;
  Loop *loop;
  Func *func;
  TaskDecl *task;
  Moment moment;
  Expr **at; /* at epoch 1, 2, 4 */
  uint32_t n_at;
  bool flag;             /* batch n drop_last */
  Block body, otherwise; /* otherwise.stmt == NULL: no else */
};

/* A comment, kept for the formatter: the text between begin and end, with its place. */
typedef struct Comment {
  Span span;
  bool own_line;
} Comment;

typedef struct Ast {
  Arena mem;
  uint32_t source;
  Block file;
  Comment *comment;
  uint32_t n_comments;
} Ast;

#endif
