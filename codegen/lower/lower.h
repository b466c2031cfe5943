/* Lowering of a graph to a step program: what the files of this stage share.
 *
 *   group.c     nodes of a region -> fusion groups, with the group in which each node is computed
 *   order.c     groups -> total order, with the cells updated in place
 *   lower.c     regions -> launches, loops, checks; values -> storage
 *   expr.c      one element of a node -> kernel values, through views
 *   nest_*.c    loop nests of the templates
 *   plan.c      temporaries -> one arena, and its verifier
 */
#ifndef SEPPO_CODEGEN_LOWER_H
#define SEPPO_CODEGEN_LOWER_H

#include "codegen/kernel/kbuild.h"
#include "codegen/kernel/kir.h"
#include "ir/ir.h"
#include "runtime/context.h"

/* ---------------------------------------------------------------- storage */

/* Where a value lives: row-major and contiguous. PS_TEMPS: index is a virtual buffer until the plan is made. */
typedef struct Store {
  bool set, unaligned;
  uint8_t space, n_terms;
  uint32_t index;
  int64_t offset;
  PTerm term[IR_MAX_RANK]; /* each takes an axis away, so there are no more */
} Store;

typedef struct VBuf {
  int64_t bytes;
  uint32_t loop;        /* P_LOOP inside which it is made anew in each trip; K_NONE: at the top */
  uint32_t first, last; /* program instructions between which it is live (set by the plan) */
  int64_t offset;
} VBuf;

/* ---------------------------------------------------------------- groups */

typedef enum {
  GK_MAP,    /* elements of the root's shape, with reductions (see `path`) */
  GK_DOT,    /* matrix product by micro-kernels, the maps after it as epilogue */
  GK_OPAQUE, /* one node with a nest of its own */
  GK_LOOP,   /* scan, while */
  GK_COPY,   /* a result moved to where it is wanted */
  GK_CHECK   /* a loss that must be finite */
} GroupKind;

/* How a node's elements relate to the loops of its group. A: the root's row-major index. B: that of the group's other
 * space. OTHER: any other map. */
typedef enum { PATH_NONE, PATH_A, PATH_B, PATH_OTHER, PATH_MANY } Path;
typedef enum { B_NONE, B_FULL, B_KEPT } BSpace;

/* A space with some axes reduced: extents without the ones. */
typedef struct Spec {
  uint32_t rank, red; /* bit i: axis i is reduced */
  int64_t dim[IR_MAX_RANK];
} Spec;

typedef struct Group {
  uint8_t kind, b_space;
  bool has_reduce;
  NodeId root;
  NodeId custom; /* B_FULL of a contraction, window or argmax: the only reduction, with a space of its own */
  NodeId dot;    /* GK_DOT */
  Spec spec;     /* when b_space != B_NONE and custom == IR_NONE */
  uint32_t ops;
  Vec(NodeId) member; /* descending ids while grouping, ascending afterwards; inline nodes are not listed */
  Vec(NodeId) output; /* values with storage that this group makes */
  uint32_t result;    /* GK_COPY, GK_CHECK: which result of the region */
} Group;

#define GROUP_NONE UINT32_MAX
#define GROUP_INLINE (UINT32_MAX - 1) /* computed wherever it is used */
#define GROUP_LEAF (UINT32_MAX - 2)   /* param, tensor constant: has storage from the start */

/* What must become of a result of the region. */
typedef struct Dest {
  Store store;  /* where it must be at the end; !set: anywhere */
  NodeId in;    /* parameter whose storage that is (its readers come first), or IR_NONE */
  bool check;   /* OUT_CHECK */
  bool written; /* by its group, in place (order.c); else through a temporary and a copy at the end */
  uint32_t writer;
  Store temp; /* of a GK_COPY that is not written in place */
} Dest;

typedef struct Lower Lower;

/* One region as it is lowered (a loop's body once per loop). */
typedef struct RegionPlan {
  Lower *L;
  RegionId region;
  uint32_t n;           /* nodes */
  uint8_t *cls;         /* per node: Class */
  uint32_t *group;      /* per node */
  bool *force;          /* per node: must have storage of its own */
  uint8_t *path;        /* per node: path of its uses inside the group `user` */
  uint32_t *user;       /* per node: the group of smallest root that uses it, or GROUP_NONE */
  bool *many;           /* per node: other groups use it too */
  bool *is_result;      /* per node */
  bool *live;           /* per node: some result needs it */
  uint32_t *n_uses;     /* per node: operand places that name it */
  int64_t *evals;       /* per node: elements its users ask for */
  Store *store;         /* per node */
  uint32_t *claimed_by; /* per node: destination it is written to, or UINT32_MAX */
  uint32_t n_dest;
  Dest *dest; /* per result */
  Vec(Group) groups;
  uint32_t *order; /* groups in the order they run */
  uint32_t n_order;
} RegionPlan;

struct Lower {
  const Module *m;
  KProgram *p;
  KTarget target;
  bool no_fusion;
  uint32_t n_inline; /* instructions of kernels in line so far */
  Arena mem;
  Vec(VBuf) vbuf;
  uint32_t loop; /* innermost open P_LOOP, K_NONE at the top */
  uint32_t *kernel_table, n_kernel_table;
  Vec(char *) kernel_text;
};

static inline Node *rp_node(const RegionPlan *r, NodeId n) { return ir_node(r->L->m, r->region, n); }
static inline const NodeId *rp_in(const RegionPlan *r, NodeId n) {
  return ir_operands(r->L->m, r->region, rp_node(r, n));
}
static inline const Type *rp_type(const RegionPlan *r, NodeId n) { return ir_type_get(r->L->m, rp_node(r, n)->type); }
static inline const Attr *rp_attr(const RegionPlan *r, NodeId n) {
  static const Attr none;
  AttrId a = rp_node(r, n)->attr;
  return a == IR_NONE ? &none : ir_attr_get(r->L->m, a);
}
static inline int64_t rp_elements(const RegionPlan *r, NodeId n) { return ir_elements(rp_type(r, n)); }

/* ---------------------------------------------------------------- classification (group.c) */

typedef enum {
  CL_LEAF,   /* param, tensor constant, proj */
  CL_INLINE, /* views, casts, iota, scalar constants */
  CL_MAP,    /* elementwise, random, gathers */
  CL_REDUCE, /* reductions of an operand's axes */
  CL_CUSTOM, /* reductions over a space of their own: small products, convolutions, windows, argmax */
  CL_DOT,    /* matrix products for the micro-kernels */
  CL_OPAQUE,
  CL_LOOP
} Class;
Class node_class(const RegionPlan *r, NodeId n);
/* Writes into its first operand: scatters, dynamic updates. */
bool is_update(Op op);
bool same_store(const Store *a, const Store *b);

/* Requires dest[] and store[] of parameters. Ensures groups, group[], outputs. */
void group_region(RegionPlan *r);
/* Ensures order[], dest[].written. */
void order_groups(RegionPlan *r);
/* Calls f for every value with storage that the group reads, inline nodes resolved; `same` when only at path A. */
void group_reads(RegionPlan *r, uint32_t g, void (*f)(void *user, NodeId value, bool same), void *user);
Spec spec_of(const Type *full, uint32_t red_axes);

/* ---------------------------------------------------------------- kernels (expr.c, nest_*.c) */

/* The space of a reduction: kept axes (the result's) then reduced ones. */
typedef struct Space {
  uint32_t n_kept, n_red;
  int64_t kept[IR_MAX_RANK], red[IR_MAX_RANK];
} Space;

enum { KERN_MAX_ARGS = 120 };

typedef struct Override {
  NodeId node;
  KVal value; /* the node's element, for whatever index; in memory: the latest load of it */
  bool in_memory;
  uint32_t buf; /* scratch or argument holding it */
  Ix at;        /* its address in that buffer for the present element */
} Override;

typedef struct MemoEntry {
  NodeId node;
  KVal mask, value;
  uint32_t first, n; /* index forms: memo_ix[first .. first+n) */
} MemoEntry;

typedef struct Kern {
  RegionPlan *r;
  uint32_t g; /* group, for what is computed here */
  KBuilder b;
  Vec(Store) arg;
  Vec(Override) over;
  Vec(MemoEntry) memo;
  Vec(Ix) memo_ix;
  uint32_t *memo_table, n_memo_table;
  Vec(uint8_t) lit[2];     /* f32 and f64 literals of the kernel's table: the arguments PS_CONSTS index 1 and 2 */
  double cost_per_element; /* ns, of what node_value computed since it was last reset */
  double cost;             /* ns, of the whole kernel */
  int64_t tasks;
} Kern;

Kern kern_new(RegionPlan *r, uint32_t g);
/* Finishes the kernel and appends its launch. */
void kern_launch(Kern *k, int64_t tasks, const char *what, NodeId named_after);
/* Buffer of a store; `written` marks it so, and must be said before the first load from it. */
uint32_t kern_buf(Kern *k, const Store *s, DType dtype, int64_t elems, bool written);
/* Marks the storage of the group's outputs as written before anything is read. */
uint32_t kern_out(Kern *k, NodeId n);
KVal kern_literal(Kern *k, DType dtype, const void *bytes);
/* Element idx (one form per axis) of node n; under the mask only, when it is not K_NONE. */
KVal node_value(Kern *k, NodeId n, const Ix *idx, KVal mask);
/* Element at row-major position `at` of node n. */
KVal expr_linear(Kern *k, NodeId n, const Ix *at, KVal mask);
void expr_delinearise(KBuilder *b, const Ix *at, uint32_t rank, const int64_t *dim, Ix *idx);
Ix expr_linearise(KBuilder *b, uint32_t rank, const int64_t *dim, const Ix *idx);
void kern_override(Kern *k, NodeId n, KVal value);
void kern_override_buf(Kern *k, NodeId n, uint32_t buf, Ix at);
void kern_forget(Kern *k); /* drops overrides and memo */
/* Elementwise op as a kernel value; used for combinations too. */
double op_cost(Op op); /* ns per f32 element */

Space reduce_space(const RegionPlan *r, NodeId n);
void nest_map(RegionPlan *r, uint32_t g);    /* GK_MAP without reductions */
void nest_reduce(RegionPlan *r, uint32_t g); /* GK_MAP with */
void nest_dot(RegionPlan *r, uint32_t g);
void nest_opaque(RegionPlan *r, uint32_t g);
Store result_store(RegionPlan *r, const Group *g, uint32_t index, TypeId type);

/* A matrix operand as strided memory: element (i.., k..) at base + offset + strides. */
typedef struct Strided {
  NodeId base;
  int64_t offset;
  int64_t stride[IR_MAX_RANK];
} Strided;
bool strided_view(const RegionPlan *r, NodeId n, Strided *out);

/* C[batch, m, n] = A[batch, m, k] B[batch, k, n] with strided operands, when both operands are. */
typedef struct DotPlan {
  bool ok;
  bool copy_a, copy_b; /* operand must be copied (made contiguous) first */
  int64_t batch, m, n, k;
  Strided a, b;
  int64_t a_batch, a_m, a_k, b_batch, b_n, b_k; /* strides; batch axes collapse into one */
} DotPlan;
DotPlan dot_plan(const RegionPlan *r, NodeId n);
/* Too large to stay in cache panel by panel: OpenBLAS blocks better. Decided by shape alone. */
bool dot_wants_blas(const RegionPlan *r, NodeId n);

/* ---------------------------------------------------------------- programs (lower.c, plan.c) */

/* The graph as a step program, temporaries placed. Never NULL. */
KProgram *lower_graph(const Module *m, const Graph *g, const char *name, const uint64_t *cell_offset, int64_t rows,
                      KTarget target, bool no_fusion);
Store store_temp(Lower *L, int64_t bytes);
PRef store_ref(Lower *L, const Store *s);
void emit_launch(Lower *L, KKernel *k, const Store *arg, uint32_t n, int64_t tasks, bool in_line);
/* Offset of a block of constants in the program. */
int64_t lower_consts(Lower *L, const void *bytes, size_t n);
/* Live ranges, packing, resolution of references; then the verifier. Aborts on a plan that overlaps: a bug here. */
void plan_temps(Lower *L);

#endif
