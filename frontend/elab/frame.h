/* Graphs under construction: a frame for each region, with what it takes from the frame around it. */
#ifndef SEPPO_FRONTEND_ELAB_FRAME_H
#define SEPPO_FRONTEND_ELAB_FRAME_H

#include "frontend/elab/value.h"

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
  struct DataPart *rows_of; /* STEP: the split whose rows this step reads */
  int64_t batch;            /* rows of the step; 0 = none */
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

#endif
