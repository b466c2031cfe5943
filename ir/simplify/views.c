/* Rewrite rules of views: what moves elements composes, cancels, or was nothing to begin with. */
#include "ir/simplify/rules.h"

static bool same_type_as_operand(const Match *x) { return x->type == node_of(x->b, x->in[0])->type; }

/* ---------------------------------------------------------------- reshape */

RULE(reshape_same) { return same_type_as_operand(x) ? x->in[0] : IR_NONE; }

RULE(reshape_reshape) {
  if (!is_op(x->b, x->in[0], OP_reshape)) return IR_NONE;
  Type t = result_type(x);
  return ir_reshape(x->b, operand_of(x->b, x->in[0], 0), t.rank, t.dim);
}

RULE(reshape_splat) {
  if (!is_op(x->b, x->in[0], OP_broadcast) || !is_splat(x->b, x->in[0])) return IR_NONE;
  Type t = result_type(x);
  return ir_broadcast(x->b, operand_of(x->b, x->in[0], 0), t.rank, t.dim, NULL);
}

/* ---------------------------------------------------------------- broadcast */

static bool is_identity(const IntList *l) {
  for (uint32_t i = 0; i < l->n; i++) {
    if (l->v[i] != i) return false;
  }
  return true;
}

RULE(broadcast_same) { return same_type_as_operand(x) && is_identity(&x->attr->axes) ? x->in[0] : IR_NONE; }

RULE(broadcast_broadcast) {
  if (!is_op(x->b, x->in[0], OP_broadcast)) return IR_NONE;
  Attr outer = *x->attr, inner = *attr_of(x->b, x->in[0]);
  int64_t axes[IR_MAX_RANK];
  for (uint32_t i = 0; i < inner.axes.n; i++) axes[i] = outer.axes.v[inner.axes.v[i]];
  Type t = result_type(x);
  return ir_broadcast(x->b, operand_of(x->b, x->in[0], 0), t.rank, t.dim, axes);
}

/* A broadcast of a reshape that only inserts axes of extent 1 is a broadcast of what was reshaped. */
RULE(broadcast_of_unit_axes) {
  if (!is_op(x->b, x->in[0], OP_reshape)) return IR_NONE;
  NodeId from = operand_of(x->b, x->in[0], 0);
  Type t = result_type(x), mid = type_of(x->b, x->in[0]), base = type_of(x->b, from);
  Attr a = *x->attr;
  int64_t axes[IR_MAX_RANK];
  uint32_t k = 0;
  for (uint32_t i = 0; i < mid.rank; i++) {
    if (mid.dim[i] == 1) continue;
    if (k == base.rank || base.dim[k] != mid.dim[i]) return IR_NONE;
    axes[k++] = a.axes.v[i];
  }
  return k == base.rank ? ir_broadcast(x->b, from, t.rank, t.dim, axes) : IR_NONE;
}

/* Every operand repeated the same way (or one number everywhere): compute once, then repeat. */
RULE(elementwise_of_broadcast) {
  Builder *b = x->b;
  NodeId pivot = IR_NONE;
  for (uint32_t i = 0; i < x->n; i++) {
    if (!is_op(b, x->in[i], OP_broadcast)) return IR_NONE;
    if (pivot == IR_NONE || !is_splat(b, x->in[i])) pivot = x->in[i];
  }
  if (pivot == IR_NONE) return IR_NONE;
  Attr how = *attr_of(b, pivot);
  Type inner = type_of(b, operand_of(b, pivot, 0)), t = result_type(x);
  if (x->n > 3) return IR_NONE;
  for (uint32_t i = 0; i < x->n; i++) {
    Type it = type_of(b, operand_of(b, x->in[i], 0));
    if (it.rank == 0) continue;
    if (!int_list_equal(&attr_of(b, x->in[i])->axes, &how.axes) || it.rank != inner.rank) return IR_NONE;
  }
  NodeId in[3];
  for (uint32_t i = 0; i < x->n; i++) {
    in[i] = operand_of(b, x->in[i], 0);
    if (inner.rank && type_of(b, in[i]).rank == 0) in[i] = ir_broadcast(b, in[i], inner.rank, inner.dim, NULL);
  }
  return ir_broadcast(b, ir_emit(b, x->op, in, x->n, x->attr), t.rank, t.dim, how.axes.v);
}

/* Is n a reshape that only adds or drops axes of extent 1? */
static bool moves_unit_axes(const Builder *b, NodeId n) {
  if (!is_op(b, n, OP_reshape)) return false;
  Type to = type_of(b, n), from = type_of(b, operand_of(b, n, 0));
  uint32_t k = 0;
  for (uint32_t i = 0; i < to.rank; i++) {
    if (to.dim[i] == 1) continue;
    while (k < from.rank && from.dim[k] == 1) k++;
    if (k == from.rank || from.dim[k++] != to.dim[i]) return false;
  }
  while (k < from.rank && from.dim[k] == 1) k++;
  return k == from.rank;
}

/* Axes of extent 1 wait until after the computation, where they meet a broadcast or another reshape. */
RULE(elementwise_of_unit_axes) {
  Builder *b = x->b;
  NodeId pivot = IR_NONE, in[3];
  if (x->n > 3) return IR_NONE;
  for (uint32_t i = 0; i < x->n; i++) {
    if (moves_unit_axes(b, x->in[i])) pivot = operand_of(b, x->in[i], 0);
  }
  if (pivot == IR_NONE) return IR_NONE;
  Type inner = type_of(b, pivot), t = result_type(x);
  for (uint32_t i = 0; i < x->n; i++) {
    bool splat = is_op(b, x->in[i], OP_broadcast) && is_splat(b, x->in[i]);
    if (!splat && !moves_unit_axes(b, x->in[i])) return IR_NONE;
    in[i] = operand_of(b, x->in[i], 0);
    Type it = type_of(b, in[i]);
    if (!splat && (it.rank != inner.rank || memcmp(it.dim, inner.dim, sizeof it.dim[0] * it.rank))) return IR_NONE;
  }
  for (uint32_t i = 0; i < x->n; i++) {
    if (is_op(b, x->in[i], OP_broadcast) && inner.rank) in[i] = ir_broadcast(b, in[i], inner.rank, inner.dim, NULL);
  }
  return ir_reshape(b, ir_emit(b, x->op, in, x->n, x->attr), t.rank, t.dim);
}

/* ---------------------------------------------------------------- transpose, reverse */

RULE(transpose_same) { return is_identity(&x->attr->axes) ? x->in[0] : IR_NONE; }

RULE(transpose_transpose) {
  if (!is_op(x->b, x->in[0], OP_transpose)) return IR_NONE;
  Attr outer = *x->attr, inner = *attr_of(x->b, x->in[0]);
  int64_t perm[IR_MAX_RANK];
  for (uint32_t i = 0; i < outer.axes.n; i++) perm[i] = inner.axes.v[outer.axes.v[i]];
  return ir_transpose(x->b, operand_of(x->b, x->in[0], 0), perm);
}

/* Moving only axes of extent 1 moves no element. */
RULE(transpose_of_unit_axes) {
  Attr a = *x->attr;
  Type from = type_of(x->b, x->in[0]), t = result_type(x);
  int64_t last = -1;
  for (uint32_t i = 0; i < a.axes.n; i++) {
    if (from.dim[a.axes.v[i]] == 1) continue;
    if (a.axes.v[i] < last) return IR_NONE;
    last = a.axes.v[i];
  }
  return ir_reshape(x->b, x->in[0], t.rank, t.dim);
}

RULE(transpose_broadcast) {
  if (!is_op(x->b, x->in[0], OP_broadcast)) return IR_NONE;
  Attr perm = *x->attr, how = *attr_of(x->b, x->in[0]);
  Type t = result_type(x);
  int64_t axes[IR_MAX_RANK], last = -1;
  for (uint32_t i = 0; i < how.axes.n; i++) {
    for (uint32_t j = 0; j < perm.axes.n; j++) {
      if (perm.axes.v[j] == how.axes.v[i]) axes[i] = j;
    }
    if (axes[i] < last) return IR_NONE;
    last = axes[i];
  }
  return ir_broadcast(x->b, operand_of(x->b, x->in[0], 0), t.rank, t.dim, axes);
}

RULE(reverse_reverse) {
  if (!is_op(x->b, x->in[0], OP_reverse)) return IR_NONE;
  Attr outer = *x->attr, inner = *attr_of(x->b, x->in[0]);
  return int_list_equal(&outer.axes, &inner.axes) ? operand_of(x->b, x->in[0], 0) : IR_NONE;
}

RULE(reverse_nothing) {
  Attr a = *x->attr;
  Type t = result_type(x);
  if (is_splat(x->b, x->in[0])) return x->in[0];
  for (uint32_t i = 0; i < a.axes.n; i++) {
    if (t.dim[a.axes.v[i]] != 1) return IR_NONE;
  }
  return x->in[0];
}

/* ---------------------------------------------------------------- slice, pad, concat */

RULE(slice_all) {
  Attr a = *x->attr;
  if (!same_type_as_operand(x)) return IR_NONE;
  for (uint32_t i = 0; i < a.lo.n; i++) {
    if (a.lo.v[i] != 0 || a.step.v[i] != 1) return result_type(x).dim[i] == 1 ? x->in[0] : IR_NONE;
  }
  return x->in[0];
}

RULE(slice_slice) {
  if (!is_op(x->b, x->in[0], OP_slice)) return IR_NONE;
  Attr o = *x->attr, i = *attr_of(x->b, x->in[0]);
  Type t = result_type(x);
  int64_t lo[IR_MAX_RANK], hi[IR_MAX_RANK], step[IR_MAX_RANK];
  for (uint32_t k = 0; k < o.lo.n; k++) {
    step[k] = o.step.v[k] * i.step.v[k];
    lo[k] = i.lo.v[k] + o.lo.v[k] * i.step.v[k];
    hi[k] = lo[k] + (t.dim[k] - 1) * step[k] + 1;
    if (t.dim[k] == 0) lo[k] = hi[k] = 0;
  }
  return ir_slice(x->b, operand_of(x->b, x->in[0], 0), lo, hi, step);
}

RULE(slice_splat) {
  if (!is_op(x->b, x->in[0], OP_broadcast) || !is_splat(x->b, x->in[0])) return IR_NONE;
  Type t = result_type(x);
  return ir_broadcast(x->b, operand_of(x->b, x->in[0], 0), t.rank, t.dim, NULL);
}

/* Slicing only the axes that a broadcast made. */
RULE(slice_broadcast) {
  if (!is_op(x->b, x->in[0], OP_broadcast)) return IR_NONE;
  Attr s = *x->attr, how = *attr_of(x->b, x->in[0]);
  Type from = type_of(x->b, x->in[0]), t = result_type(x);
  for (uint32_t i = 0; i < how.axes.n; i++) {
    int64_t k = how.axes.v[i];
    if (s.lo.v[k] != 0 || s.step.v[k] != 1 || t.dim[k] != from.dim[k]) return IR_NONE;
  }
  return ir_broadcast(x->b, operand_of(x->b, x->in[0], 0), t.rank, t.dim, how.axes.v);
}

/* A slice that lies within one piece of a concatenation. */
RULE(slice_concat) {
  if (!is_op(x->b, x->in[0], OP_concat)) return IR_NONE;
  Attr s = *x->attr;
  int64_t axis = attr_of(x->b, x->in[0])->axis, at = 0;
  if (result_type(x).dim[axis] == 0) return IR_NONE;
  for (uint32_t i = 0; i < node_of(x->b, x->in[0])->n_in; i++) {
    NodeId piece = operand_of(x->b, x->in[0], i);
    int64_t extent = type_of(x->b, piece).dim[axis];
    if (s.lo.v[axis] >= at && s.hi.v[axis] <= at + extent) {
      s.lo.v[axis] -= at;
      s.hi.v[axis] -= at;
      return ir_slice(x->b, piece, s.lo.v, s.hi.v, s.step.v);
    }
    at += extent;
  }
  return IR_NONE;
}

/* A slice that sees nothing of the padding. */
RULE(slice_pad) {
  if (!is_op(x->b, x->in[0], OP_pad)) return IR_NONE;
  Attr s = *x->attr, p = *attr_of(x->b, x->in[0]);
  NodeId from = operand_of(x->b, x->in[0], 0);
  Type t = type_of(x->b, from), out = result_type(x);
  for (uint32_t k = 0; k < s.lo.n; k++) {
    int64_t lo = s.lo.v[k] - p.lo.v[k], hi = s.hi.v[k] - p.lo.v[k];
    if (p.step.v[k] != 0 || lo < 0 || hi > t.dim[k] || out.dim[k] == 0) return IR_NONE;
    s.lo.v[k] = lo;
    s.hi.v[k] = hi;
  }
  return ir_slice(x->b, from, s.lo.v, s.hi.v, s.step.v);
}

RULE(pad_nothing) {
  for (uint32_t i = 0; i < x->attr->lo.n; i++) {
    if (x->attr->lo.v[i] || x->attr->hi.v[i] || x->attr->step.v[i]) return IR_NONE;
  }
  return x->in[0];
}

/* Two paddings of non-negative width and without interior are one. */
RULE(pad_pad) {
  if (!is_op(x->b, x->in[0], OP_pad)) return IR_NONE;
  Attr o = *x->attr, i = *attr_of(x->b, x->in[0]);
  for (uint32_t k = 0; k < o.lo.n; k++) {
    if (o.step.v[k] || i.step.v[k] || o.lo.v[k] < 0 || o.hi.v[k] < 0 || i.lo.v[k] < 0 || i.hi.v[k] < 0) return IR_NONE;
    o.lo.v[k] += i.lo.v[k];
    o.hi.v[k] += i.hi.v[k];
  }
  return ir_pad(x->b, operand_of(x->b, x->in[0], 0), o.lo.v, o.hi.v, o.step.v);
}

RULE(pad_zeros) {
  if (!is_splat_of(x->b, x->in[0], 0)) return IR_NONE;
  return ir_full(x->b, x->type, 0);
}

RULE(concat_one) { return x->n == 1 ? x->in[0] : IR_NONE; }

/* Pieces of extent 0 leave. */
RULE(concat_empty) {
  int64_t axis = x->attr->axis;
  uint32_t k = 0;
  NodeId in[16];
  if (x->n > 16) return IR_NONE;
  for (uint32_t i = 0; i < x->n; i++) {
    if (type_of(x->b, x->in[i]).dim[axis] != 0) in[k++] = x->in[i];
  }
  return k == 0 || k == x->n ? IR_NONE : ir_concat(x->b, in, k, axis);
}

/* Adjacent slices of one value, put together again. */
RULE(concat_slices) {
  int64_t axis = x->attr->axis;
  if (x->n < 2 || !is_op(x->b, x->in[0], OP_slice)) return IR_NONE;
  Attr whole = *attr_of(x->b, x->in[0]);
  NodeId from = operand_of(x->b, x->in[0], 0);
  if (whole.step.v[axis] != 1) return IR_NONE;
  for (uint32_t i = 1; i < x->n; i++) {
    if (!is_op(x->b, x->in[i], OP_slice) || operand_of(x->b, x->in[i], 0) != from) return IR_NONE;
    Attr a = *attr_of(x->b, x->in[i]);
    for (uint32_t k = 0; k < a.lo.n; k++) {
      bool here = k == (uint64_t)axis;
      if (a.lo.v[k] != (here ? whole.hi.v[k] : whole.lo.v[k]) || a.step.v[k] != whole.step.v[k]) return IR_NONE;
      if (!here && a.hi.v[k] != whole.hi.v[k]) return IR_NONE;
    }
    whole.hi.v[axis] = a.hi.v[axis];
  }
  return ir_slice(x->b, from, whole.lo.v, whole.hi.v, whole.step.v);
}
