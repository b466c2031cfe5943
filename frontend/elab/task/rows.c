/* Which axis of a value counts the rows: one rule for each op that keeps rows apart. */
#include "frontend/elab/task/chunk.h"

typedef struct RowQuery {
  const Module *m;
  const Node *node;
  const Attr *attr;
  const NodeId *in;
  RegionId region;
  const int *axis; /* of all earlier nodes */
  int64_t rows;
} RowQuery;

static const Type *in_type(const RowQuery *q, uint32_t k) {
  return ir_type_get(q->m, ir_node(q->m, q->region, q->in[k])->type);
}

static int in_axis(const RowQuery *q, uint32_t k) { return q->axis[q->in[k]]; }

static bool holds(const IntList *l, int64_t x) {
  for (uint32_t k = 0; k < l->n; k++)
    if (l->v[k] == x) return true;
  return false;
}

static int place_in(const IntList *l, int64_t x) {
  for (uint32_t k = 0; k < l->n; k++)
    if (l->v[k] == x) return (int)k;
  return ROWS_UNKNOWN;
}

/* The one axis that every operand with rows has. */
static int same_axis(const RowQuery *q) {
  int a = ROWS_NONE;
  for (uint32_t k = 0; k < q->node->n_in; k++) {
    int b = in_axis(q, k);
    if (b == ROWS_NONE) continue;
    if (a != ROWS_NONE && a != b) return ROWS_UNKNOWN;
    a = b;
  }
  return a;
}

static int rows_broadcast(const RowQuery *q) {
  int64_t a = q->attr->axes.v[in_axis(q, 0)];
  return q->attr->shape.v[a] == q->rows ? (int)a : ROWS_UNKNOWN;
}

/* The axis survives when as many elements lie before it and it keeps its extent. */
static int rows_reshape(const RowQuery *q) {
  const Type *t = in_type(q, 0);
  int64_t before = 1, at = 1;
  for (int k = 0; k < in_axis(q, 0); k++) before *= t->dim[k];
  for (uint32_t k = 0; k < q->attr->shape.n; k++) {
    if (at == before && q->attr->shape.v[k] == q->rows) return (int)k;
    at *= q->attr->shape.v[k];
  }
  return ROWS_UNKNOWN;
}

static int rows_transpose(const RowQuery *q) { return place_in(&q->attr->axes, in_axis(q, 0)); }

static int rows_reverse(const RowQuery *q) {
  return holds(&q->attr->axes, in_axis(q, 0)) ? ROWS_UNKNOWN : in_axis(q, 0);
}

static int rows_slice(const RowQuery *q) {
  int a = in_axis(q, 0);
  bool whole = q->attr->lo.v[a] == 0 && q->attr->hi.v[a] == q->rows && q->attr->step.v[a] == 1;
  return whole ? a : ROWS_UNKNOWN;
}

static int rows_pad(const RowQuery *q) {
  int a = in_axis(q, 0);
  return q->attr->lo.v[a] || q->attr->hi.v[a] || q->attr->step.v[a] ? ROWS_UNKNOWN : a;
}

static int rows_concat(const RowQuery *q) {
  int a = same_axis(q);
  return a == q->attr->axis ? ROWS_UNKNOWN : a;
}

static int rows_reduce(const RowQuery *q) {
  int a = in_axis(q, 0), left = a;
  bool integer = !ir_is_float((DType)in_type(q, 0)->dtype);
  if (holds(&q->attr->axes, a)) return integer && q->node->op != OP_reduce_sum ? ROWS_UNKNOWN : ROWS_SUMMED;
  for (uint32_t k = 0; k < q->attr->axes.n; k++) left -= q->attr->axes.v[k] < a;
  return left;
}

static int rows_argmax(const RowQuery *q) {
  int a = in_axis(q, 0);
  return q->attr->axis == a ? ROWS_UNKNOWN : a - (q->attr->axis < a);
}

static int rows_along(const RowQuery *q) { return q->attr->axis == in_axis(q, 0) ? ROWS_UNKNOWN : in_axis(q, 0); }

/* x[B.., pre.., N, post..], i[B.., I..] -> [B.., pre.., I.., post..] */
static int rows_gather(const RowQuery *q) {
  int x = in_axis(q, 0), i = in_axis(q, 1), batch = (int)q->attr->n_batch, axis = (int)q->attr->axis;
  if (x != ROWS_NONE && i != ROWS_NONE) return x == i && x < batch ? x : ROWS_UNKNOWN;
  if (i != ROWS_NONE) return i < batch ? i : axis + i - batch;
  if (x < batch) return x;
  if (x == axis) return ROWS_UNKNOWN;
  return x < axis ? x : x - 1 + in_type(q, 1)->rank - batch;
}

/* Result axis of a free axis of operand k. */
static int free_axis(const RowQuery *q, uint32_t k, int a) {
  const IntList *batch = k ? &q->attr->batch_b : &q->attr->batch_a;
  const IntList *contract = k ? &q->attr->contract_b : &q->attr->contract_a;
  int at = (int)q->attr->batch_a.n;
  if (k) at += in_type(q, 0)->rank - (int)q->attr->batch_a.n - (int)q->attr->contract_a.n;
  for (int j = 0; j < a; j++) at += !holds(batch, j) && !holds(contract, j);
  return at;
}

static int rows_dot(const RowQuery *q) {
  int a = in_axis(q, 0), b = in_axis(q, 1);
  int pa = a < 0 ? ROWS_UNKNOWN : place_in(&q->attr->batch_a, a),
      ca = a < 0 ? ROWS_UNKNOWN : place_in(&q->attr->contract_a, a);
  int pb = b < 0 ? ROWS_UNKNOWN : place_in(&q->attr->batch_b, b),
      cb = b < 0 ? ROWS_UNKNOWN : place_in(&q->attr->contract_b, b);
  if (a >= 0 && b >= 0) {
    if (pa >= 0 && pa == pb) return pa;
    return ca >= 0 && ca == cb ? ROWS_SUMMED : ROWS_UNKNOWN;
  }
  if (pa >= 0 || pb >= 0) return pa >= 0 ? pa : pb;
  if (ca >= 0 || cb >= 0) return ROWS_SUMMED;
  return a >= 0 ? free_axis(q, 0, a) : free_axis(q, 1, b);
}

static int rows_conv(const RowQuery *q) { return in_axis(q, 0) == 1 && in_axis(q, 1) == ROWS_NONE ? 1 : ROWS_UNKNOWN; }

static int rows_window(const RowQuery *q) {
  int a = same_axis(q);
  return a >= 0 && a + (int)q->attr->n_window < in_type(q, 0)->rank ? a : ROWS_UNKNOWN;
}

static int rows_matrix(const RowQuery *q) {
  int a = same_axis(q);
  return a >= 0 && a + 2 < in_type(q, 0)->rank ? a : ROWS_UNKNOWN;
}

typedef int (*RowRule)(const RowQuery *);

static RowRule rule_of(Op op) {
  if (op_table[op].flags & OPF_ELEMENTWISE) return same_axis;
  switch (op) {
  case OP_stop_gradient:
  case OP_anchor: return same_axis;
  case OP_broadcast: return rows_broadcast;
  case OP_reshape: return rows_reshape;
  case OP_transpose: return rows_transpose;
  case OP_reverse: return rows_reverse;
  case OP_slice: return rows_slice;
  case OP_pad: return rows_pad;
  case OP_concat: return rows_concat;
  case OP_reduce_sum:
  case OP_reduce_max:
  case OP_reduce_min: return rows_reduce;
  case OP_argmax:
  case OP_argmin: return rows_argmax;
  case OP_cumsum:
  case OP_sort:
  case OP_argsort: return rows_along;
  case OP_gather: return rows_gather;
  case OP_dot_general: return rows_dot;
  case OP_conv_general: return rows_conv;
  case OP_window_sum:
  case OP_window_argmax:
  case OP_window_pick: return rows_window;
  case OP_cholesky:
  case OP_solve:
  case OP_tri_solve: return rows_matrix;
  default: return NULL;
  }
}

/* A draw as long as the split has a row for each; its rows are neighbours when they are the first axis. */
static int rows_random(const Type *t, int64_t rows) { return t->rank && t->dim[0] == rows ? 0 : ROWS_NONE; }

static RowQuery query(const Module *m, RegionId region, NodeId id, const int *axis, int64_t rows) {
  static const Attr none = {0};
  const Node *n = ir_node(m, region, id);
  return (RowQuery){.m = m,
                    .node = n,
                    .attr = n->attr == IR_NONE ? &none : ir_attr_get(m, n->attr),
                    .in = ir_operands(m, region, n),
                    .region = region,
                    .axis = axis,
                    .rows = rows};
}

int row_axis(const Module *m, RegionId region, NodeId id, const int *axis, int64_t rows) {
  RowQuery q = query(m, region, id, axis, rows);
  if (q.node->op == OP_random) return rows_random(ir_type_get(m, q.node->type), rows);
  bool depends = false;
  for (uint32_t k = 0; k < q.node->n_in; k++) {
    if (in_axis(&q, k) == ROWS_UNKNOWN || in_axis(&q, k) == ROWS_SUMMED) return ROWS_UNKNOWN;
    depends |= in_axis(&q, k) >= 0;
  }
  if (!depends) return ROWS_NONE;
  RowRule rule = rule_of((Op)q.node->op);
  return rule ? rule(&q) : ROWS_UNKNOWN;
}

int operand_row_axis(const Module *m, RegionId region, NodeId id, uint32_t k, const int *axis, int64_t rows) {
  RowQuery q = query(m, region, id, axis, rows);
  Op op = (Op)q.node->op;
  if ((op_table[op].flags & OPF_ELEMENTWISE) || op == OP_concat || op == OP_window_pick || op == OP_solve ||
      op == OP_tri_solve)
    return same_axis(&q);
  if (op == OP_gather) {
    int other = in_axis(&q, 1 - k);
    return other < q.attr->n_batch ? other : ROWS_NONE;
  }
  if (op == OP_dot_general) {
    const Attr *a = q.attr;
    int other = in_axis(&q, 1 - k);
    int p = place_in(k ? &a->batch_a : &a->batch_b, other), c = place_in(k ? &a->contract_a : &a->contract_b, other);
    if (p >= 0) return (int)(k ? a->batch_b : a->batch_a).v[p];
    if (c >= 0) return (int)(k ? a->contract_b : a->contract_a).v[c];
  }
  return ROWS_NONE;
}
