/* The graph IR: pure SSA graphs over statically shaped tensors.
 *
 * A Module holds interned types, attributes, constants and locations, the regions (graphs), the cells (every tensor
 * that outlives a step) and the tasks. A region is a list of nodes in topological order: an operand's id is always
 * smaller than its user's. Regions are closed: a loop body names only its own nodes; outside values enter as operands
 * of the loop. Nothing in the graph has an effect: a task's step maps cells to new cells.
 *
 * Passes never change a region in place: they read one region and build another (ir/build.h).
 */
#ifndef SEPPO_IR_IR_H
#define SEPPO_IR_IR_H

#include "runtime/base/arena.h"
#include "runtime/base/diag.h"
#include "runtime/base/strbuf.h"
#include "runtime/base/vec.h"
#include "runtime/dtype.h"
#include <stdbool.h>
#include <stdint.h>

typedef uint32_t NodeId, TypeId, AttrId, LocId, RegionId, ConstId, CellId, TaskId;
#define IR_NONE UINT32_MAX
#define IR_MAX_RANK 8
#define IR_MAX_ELEMENTS ((int64_t)1 << 40)

/* ---------------------------------------------------------------- types */

typedef struct Type {
  uint8_t dtype;
  uint8_t rank;     /* 0 = scalar */
  uint16_t n_tuple; /* > 0: a tuple of types (result of a multi-result op), dtype/rank/dim unused */
  int64_t dim[IR_MAX_RANK];
  TypeId *tuple;
} Type;

/* ---------------------------------------------------------------- attributes */

typedef struct IntList {
  uint32_t n;
  int64_t v[IR_MAX_RANK];
} IntList;

/* One spatial axis of a window or convolution: y[p] = sum_k x^[p*stride + k*dilation - lo] w[k],
 * x^ = x with lhs_dilation-1 zeros between elements; lo/hi padding may be negative. */
typedef struct WindowAxis {
  int64_t size, stride, lo, hi, lhs_dilation, dilation;
} WindowAxis;

typedef enum { DIST_BITS, DIST_UNIFORM, DIST_NORMAL } Dist; /* u32/u64 bits; [0,1); standard normal */

/* Every attribute any op can have. Which fields an op uses, and how they print, is said once, in its row of ops.def
 * and the field table of ir/attr.c. Unused fields are zero, so equal attributes are equal bytes. */
typedef struct Attr {
  IntList shape;  /* iota, random, broadcast, reshape, window_place: the result's shape */
  IntList axes;   /* reduce axes; transpose permutation; broadcast dims (operand axis -> result axis); reverse axes */
  IntList lo, hi; /* slice start and limit; pad low and high (may be negative) */
  IntList step;   /* slice step; pad interior */
  IntList sizes;  /* dynamic_slice */
  IntList batch_a, batch_b, contract_a, contract_b; /* dot_general */
  uint32_t n_window;
  WindowAxis window[3];                   /* conv_general, window_* (size ignored by conv) */
  int64_t axis;                           /* concat, gather, scatter, argmax, cumsum, iota */
  int64_t n_batch;                        /* gather/scatter: leading batch axes */
  int64_t count;                          /* scan: trip count; while: static bound */
  int64_t index;                          /* param: position; proj: result number; anchor: unique id */
  uint64_t site;                          /* random: hash of the textual site (ARCHITECTURE-NOTES section 7) */
  ConstId value;                          /* const */
  uint32_t n_carry, n_xs, n_consts, n_ys; /* scan/while operand and result groups */
  uint32_t order;                         /* grad: how many wrt operands follow y */
  uint8_t dtype;                          /* cast, const, iota, random */
  uint8_t dist;                           /* random */
  uint8_t reverse;                        /* scan, cumsum */
  uint8_t recompute;          /* scan: nothing is held for all its iterations at once that can be computed again */
  uint8_t lower, trans, unit; /* triangular and general solves */
} Attr;

/* ---------------------------------------------------------------- locations */

enum { ORIGIN_SOURCE, ORIGIN_GRAD, ORIGIN_PASS };
typedef struct Loc {
  Span span;
  LocId inlined_at; /* the call this was inlined from, IR_NONE at top level */
  uint8_t origin;   /* written by the user, by differentiation, or by a pass */
  uint8_t order;    /* of derivative: 1 in a gradient, 2 in a gradient of a gradient */
} Loc;

/* ---------------------------------------------------------------- ops */

typedef enum Op {
#define OP(name, arity, attrs, flags, typer, vjp, eval, meaning) OP_##name,
#include "ir/ops.def"
#undef OP
  OP_COUNT
} Op;

/* ---------------------------------------------------------------- graphs */

typedef struct Node {
  uint16_t op;
  uint16_t n_in;
  uint32_t in; /* operands: region->operand[in .. in+n_in) */
  TypeId type;
  AttrId attr;      /* IR_NONE when the op has none */
  RegionId body[2]; /* scan: body; while: condition, body; else IR_NONE */
  LocId loc;
} Node;

typedef struct Region {
  Vec(Node) node;
  Vec(NodeId) operand; /* pool */
  Vec(NodeId) param;   /* the `param` nodes, in order */
  Vec(NodeId) result;
} Region;

/* scan[count, reverse](carry.., xs.., consts..), body(iv i64, c.., x.., w..) -> (c'.., y..); result: tuple (carry..,
 * ys..) where xs and ys have the trip count as leading axis. iv counts 0..count-1 in the loop's own sense (with
 * reverse, from count-1 down; xs and ys are indexed by iv). while[bound](carry.., consts..), condition(c.., w..) ->
 * bool, body(iv, c.., w..) -> c'..; result: tuple (carry.., i64 trips). grad(y, x..; order = number of x): tuple of
 * cotangents of x; pseudo op, gone after `differentiate`. anchor(x; index): identity that is never merged: the target
 * of a grad. stop_gradient(x): identity with no derivative. */

/* ---------------------------------------------------------------- cells, graphs with an interface, tasks */

typedef enum { CELL_PARAM, CELL_STATE, CELL_OPT, CELL_LET, CELL_METRIC, CELL_COUNTER } CellKind;
typedef struct Cell {
  const char *name; /* "encoder.dense_1.W": the name of the model table and of the checkpoint */
  TypeId type;
  uint8_t kind;
  LocId loc;
} Cell;

/* What a graph's parameter is bound to, and what a result means. */
typedef enum {
  IN_CELL,  /* index = CellId */
  IN_FIELD, /* index = index in Module.field: the whole stored tensor, in its stored dtype (u8 stays u8) */
  IN_ROWS,  /* index = row source: i32 [batch] numbers of the rows of this step */
  IN_KEY,   /* u64: random key of (seed, task, stream); step graphs fold the step in themselves */
  IN_STEP,  /* i64, counts from 1 */
  IN_EPOCH  /* i64, counts from 1 */
} InKind;
typedef enum {
  OUT_CELL,  /* index = CellId: the new value */
  OUT_CHECK, /* scalar that must be finite before updates are kept (losses) */
  OUT_VALUE  /* index = number of a value the host reads (log, report, print, pictures) */
} OutKind;
typedef struct {
  uint8_t kind;
  uint32_t index;
} Binding;

typedef struct Graph {
  RegionId region;
  uint32_t n_in, n_out;
  Binding *in, *out; /* one per region parameter / result */
} Graph;

/* A tensor of a data source, as stored, or one that a program gives to a task (`task f(x: [n, m])`, "f.x"). */
typedef struct Field {
  const char *name;  /* "mnist.train.x" */
  TypeId type;       /* leading axis = rows */
  const void *bytes; /* owned by the data source (runtime/data); NULL in a parsed module and for the latter */
} Field;

/* The host's side of a task: what to print, save or draw, and when. Values are numbered as the event graph's
 * OUT_VALUEs. */
typedef enum {
  ACT_LOG,
  ACT_REPORT,
  ACT_REPORT_BY,
  ACT_PRINT,
  ACT_IMAGE,
  ACT_GIF,
  ACT_PLOT,
  ACT_CHECKPOINT,
  ACT_KEEP,
  ACT_STOP
} ActionKind;
typedef struct Action {
  uint8_t kind;
  const char *name; /* of a metric, or of a file: the latter with {epoch} or {step:d} to fill in; print: the text
                       with {0}, {1:.3f} for its values */
  const char *form; /* image/plot: "grid", "heatmap", "history", "lines", "scatter", "histogram" */
  uint32_t n_values;
  uint32_t *value;    /* indices of OUT_VALUEs; for ACT_LOG at step level: metric numbers */
  const char **label; /* per value, may hold NULLs; history: metric names */
  int64_t option[4];  /* grid: h, w, columns, channels; keep: patience; history: number of names; plots: [1] log_y */
  int64_t panels;     /* image, gif, plot: how many actions from this one on are panels of one picture; 0: it is the
                         only one, -1: a panel of an earlier one */
  LocId loc;
} Action;

typedef enum { WHEN_START, WHEN_EPOCHS, WHEN_STEPS, WHEN_AT_EPOCHS, WHEN_END } WhenKind;
typedef struct Event {
  uint8_t when;
  int64_t every; /* WHEN_EPOCHS/WHEN_STEPS: period */
  uint32_t n_at;
  int64_t *at; /* WHEN_AT_EPOCHS */
  Graph graph; /* n_in == n_out == 0 and region IR_NONE: nothing to compute */
  uint32_t n_actions;
  Action *action;
} Event;

/* `log e` at step level: two f64 cells, weighted sum and weight; the value shown is sum/weight over the interval. */
typedef struct Metric {
  const char *name;
  CellId sum, weight;
} Metric;

typedef enum { TASK_INIT, TASK_LET, TASK_TRAIN, TASK_EVAL, TASK_PLAIN } TaskKind;
typedef struct Task {
  const char *name;
  uint8_t kind;
  LocId loc;
  uint32_t source; /* row source the batches come from: index in Module.rows; IR_NONE = no data set */
  int64_t batch;   /* rows a step; the whole split when the program names none */
  bool shuffle, drop_last;
  int64_t epochs, steps; /* one of them > 0 for a train */
  Graph step;            /* TASK_TRAIN: one step; INIT, LET, EVAL, PLAIN: run once */
  Graph tail;            /* the short last batch; region IR_NONE when there is none */
  uint32_t n_metrics, n_events;
  Metric *metric;
  Event *event; /* EVAL and PLAIN have one WHEN_END event without graph whose values are the step graph's */
} Task;

/* A source of row numbers: the rows of a split, reshuffled every epoch by (seed, epoch) when the task says so. */
typedef struct RowSource {
  const char *name; /* "mnist.train" */
  int64_t rows;
} RowSource;

typedef struct Module {
  Arena mem;
  const SourceMap *sources; /* may be NULL */
  Vec(Region) region;
  Vec(Cell) cell;
  Vec(Field) field;
  Vec(RowSource) rows;
  Vec(Task) task;          /* in file order */
  struct IrTables *tables; /* interned types, attributes, constants, locations (ir/module.c) */
} Module;

Module *ir_module_new(const SourceMap *sources);
void ir_module_free(Module *m);

/* True when rank and extents are in range and the product is at most IR_MAX_ELEMENTS. */
bool ir_shape_ok(uint32_t rank, const int64_t *dim);
/* IR_NONE when the shape is not ok. */
TypeId ir_type(Module *m, DType dtype, uint32_t rank, const int64_t *dim);
TypeId ir_scalar(Module *m, DType dtype);
TypeId ir_tuple_type(Module *m, const TypeId *types, uint32_t n);
const Type *ir_type_get(const Module *m, TypeId t);
int64_t ir_elements(const Type *t); /* 1 for rank 0 */
bool ir_is_float(DType t);
bool ir_is_int(DType t); /* u8 and the four integers; not bool */
uint32_t ir_dtype_size(DType t);
const char *ir_dtype_name(DType t);
/* "f32[64, 784]"; scalars "f32[]". Result lives in the module's arena. */
const char *ir_type_str(const Module *m, TypeId t);
void ir_type_print(const Module *m, TypeId t, StrBuf *out);

/* Interned; pointers from the *_get functions stay valid as long as the module. */
AttrId ir_attr(Module *m, const Attr *a);
const Attr *ir_attr_get(const Module *m, AttrId a);
ConstId ir_const_bytes(Module *m, TypeId type, const void *bytes); /* interned by content */
/* How many there are: ids are smaller. */
uint32_t ir_type_count(const Module *m);
uint32_t ir_attr_count(const Module *m);
uint32_t ir_const_count(const Module *m);
TypeId ir_const_type(const Module *m, ConstId c);
const void *ir_const_data(const Module *m, ConstId c);
LocId ir_loc(Module *m, Loc loc); /* interned */
const Loc *ir_loc_get(const Module *m, LocId l);
/* The innermost place of a location outside the library; SPAN_NONE when there is none. */
Span ir_user_span(const Module *m, LocId l);
/* An error at a location, with the calls it was inlined from as notes. */
void ir_error(const Module *m, DiagSink *sink, LocId at, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Region pointers are valid until the next ir_region_new, node pointers until the next node of that region. */
RegionId ir_region_new(Module *m);
static inline Region *ir_region(const Module *m, RegionId r) { return &m->region.at[r]; }
static inline Node *ir_node(const Module *m, RegionId r, NodeId n) { return &m->region.at[r].node.at[n]; }
static inline const NodeId *ir_operands(const Module *m, RegionId r, const Node *n) {
  return m->region.at[r].operand.at + n->in;
}

/* ---------------------------------------------------------------- op table (ir/optable.c) */

enum {
  OPF_ELEMENTWISE = 1, /* equal shapes in and out, one scalar expression */
  OPF_COMMUTATIVE = 2,
  OPF_VIEW = 4,    /* moves elements, computes nothing */
  OPF_LINEAR = 8,  /* linear in every operand that has a derivative */
  OPF_PSEUDO = 16, /* gone after differentiate */
  OPF_NO_DERIVATIVE = 32,
  OPF_EXACT = 64,  /* correctly rounded: may be folded at compile time */
  OPF_MULTI = 128, /* result is a tuple, read by proj */
  OPF_REGION = 256,
  OPF_LAPACK = 512,
  OPF_NO_MERGE = 1024 /* never CSEd (anchor) */
};

struct Builder;
struct TypeQuery;
struct EvalCall;

/* Result type of the op on these operands; adds a diagnostic and returns IR_NONE when the operands do not fit. */
typedef TypeId (*TypeRule)(struct TypeQuery *q);
/* Adds to out[i] the cotangent of operand i for every i in the `need` mask; IR_NONE = symbolic zero
 * (ir/autodiff/autodiff.h). */
typedef void (*VjpRule)(struct Builder *b, NodeId node, const NodeId *ct, uint64_t need, NodeId *out);
/* Reference evaluation in f64 (ir/eval.h). */
typedef void (*EvalRule)(struct EvalCall *c);

typedef struct OpInfo {
  const char *name;
  int8_t arity; /* -1 = any number */
  uint32_t flags;
  const char *attrs; /* space-separated field names, in print order */
  TypeRule type;
  VjpRule vjp; /* NULL for OPF_NO_DERIVATIVE and OPF_REGION ops */
  EvalRule eval;
  const char *meaning; /* one line, for the reference */
} OpInfo;
extern const OpInfo op_table[OP_COUNT];
/* Elementwise functions that cost many instructions and are not correctly rounded: pow, exp, log, sin, tanh .. */
static inline bool ir_is_transcendental(Op op) {
  return (op_table[op].flags & (OPF_ELEMENTWISE | OPF_EXACT)) == OPF_ELEMENTWISE;
}
/* OP_COUNT when unknown. */
Op op_by_name(const char *name, size_t length);

/* ---------------------------------------------------------------- text, pictures, checks */

/* The text form of a whole module, or of one task (IR_NONE: everything). Parses back to the same module. */
void ir_print(const Module *m, TaskId task, StrBuf *out);
/* The same with the source place of every node as a comment. */
void ir_print_places(const Module *m, TaskId task, StrBuf *out);
/* Returns NULL after adding diagnostics. `source` is the text's index in `sources`. */
Module *ir_parse(const SourceMap *sources, uint32_t source, DiagSink *sink);
void ir_print_json(const Module *m, TaskId task, StrBuf *out);
void ir_print_dot(const Module *m, TaskId task, StrBuf *out);
void ir_print_dot_step(const Module *m, TaskId task, StrBuf *out); /* without short last batch and events */
/* Types, operand order, closed regions, bindings, attribute ranges. Reports every violation; true when there is none.
 */
bool ir_verify(const Module *m, DiagSink *sink);

#endif
