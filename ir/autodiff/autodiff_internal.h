/* Inside of differentiation: what autodiff*.c share. */
#ifndef SEPPO_IR_AUTODIFF_INTERNAL_H
#define SEPPO_IR_AUTODIFF_INTERNAL_H

#include "ir/autodiff/autodiff.h"

/* A loop of `region` was built again with more results (and equal operands) as node `node`; `root` is the loop as the
 * program has it. The last entry of a root has the most results; ir_settle puts it in the root's place. */
typedef struct Grown {
  RegionId region;
  NodeId node, root;
} Grown;

/* One run of the pass. */
typedef struct Diff {
  Module *m;
  DiagSink *sink;
  bool failed;
  Vec(Grown) grown;
  Vec(RegionId) settled; /* old region -> new region, IR_NONE where not done */
} Diff;

/* One sum under construction: a list of cotangents, first consumer first. */
typedef struct Term {
  NodeId value;
  uint32_t next;
} Term;

struct Frame;
/* A walk back over the nodes of `region` below `n`, making derivative nodes in b->region. */
typedef struct Sweep {
  Diff *d;
  Builder *b;
  RegionId region;
  uint32_t n;
  bool *varied;   /* depends on a variable */
  uint32_t *slot; /* node -> its first slot; a tuple has one for each member */
  uint32_t *head; /* slot -> first term */
  NodeId *total;  /* slot -> cotangent, once visited */
  Vec(Term) term;
  /* When region is not b->region: frames that own the two, and the copies made so far. */
  struct Frame *from, *to;
  NodeId *copy;
} Sweep;

void sweep_begin(Sweep *s, Diff *d, Builder *b, RegionId region);
void sweep_end(Sweep *s);
/* Marks every node that depends on one marked in s->varied already, which stay marked. */
void sweep_spread(Sweep *s);
/* Adds to the cotangent of member k of a node (0 for a tensor). */
void sweep_add(Sweep *s, NodeId n, uint32_t k, NodeId ct);
void sweep_run(Sweep *s);
static inline NodeId sweep_total(const Sweep *s, NodeId n) { return s->total[s->slot[n]]; }

/* Marks the nodes of a region that depend on a marked one through differentiable ops. */
void diff_spread(const Module *m, RegionId region, uint32_t n, bool *marked);
/* Marks the nodes that a marked node depends on through differentiable ops. */
void diff_spread_back(const Module *m, RegionId region, bool *marked);
/* Zeroed array of n elements (and one to spare); free it. */
void *diff_array(size_t n, size_t size);
bool diff_is_float(const Module *m, TypeId t);
void diff_error(Diff *d, LocId at, const char *message, const char *hint);

/* Cotangents out[] of a scan's operands from those of its results (autodiff_scan.c). `loop` is in b->region. */
void diff_scan(Diff *d, Builder *b, NodeId loop, const NodeId *ct, const bool *need, NodeId *out);

/* The region without dead nodes, loops replaced by their grown versions; `strip`: no anchors and stop_gradients, in
 * bodies too. */
RegionId diff_settle(Diff *d, RegionId region, bool strip);

/* ---------------------------------------------------------------- regions under expansion (autodiff.c) */

/* A region whose grads are being expanded: nodes of `from` go to b.region. A loop body knows the loop it is in. */
typedef struct Frame {
  Diff *d;
  struct Frame *outer;
  Builder b;
  RegionId from;
  NodeId *map;       /* old -> new */
  uint32_t *grad_at; /* old grad node -> index of its first result in grad_result */
  Vec(NodeId) grad_result;
  const Attr *loop;                /* of the loop this is a body of; NULL at the top */
  NodeId *operand;                 /* of the loop, in outer->b.region */
  uint32_t n_operand, first_param; /* operand k is parameter first_param + k */
  Vec(NodeId) captured;            /* further consts, ids in outer->b.region; they follow the operands as parameters */
  Vec(NodeId) import;              /* node of outer->b.region -> parameter here, IR_NONE where none */
} Frame;

/* A node of an enclosing frame as a value here. */
NodeId frame_import(Frame *f, const Frame *owner, NodeId n);
/* Replaces an old grad node: the cotangents of its variables go to f->grad_result. */
void frame_expand_grad(Frame *f, NodeId grad);

#endif
