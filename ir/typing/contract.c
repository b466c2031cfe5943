/* Type rules of contractions, convolutions and windows. */
#include "ir/typing/typing.h"

/* ---------------------------------------------------------------- dot_general */

/* Axes of each operand that are neither batch nor contracted. */
static uint32_t free_axes(const Type *t, const IntList *batch, const IntList *contract, int64_t *dim, uint32_t n) {
  uint32_t used = 0;
  for (uint32_t i = 0; i < batch->n; i++) used |= 1u << batch->v[i];
  for (uint32_t i = 0; i < contract->n; i++) used |= 1u << contract->v[i];
  for (uint32_t i = 0; i < t->rank; i++)
    if (!(used >> i & 1)) dim[n++] = t->dim[i];
  return n;
}

/* The pairs of axes named by two lists have equal extents. */
static bool pairs_agree(TypeQuery *q, const IntList *a, const IntList *b, const char *what) {
  if (a->n != b->n)
    return type_error(q, "%s names %u %s axes of the first operand and %u of the second", call_text(q, false), a->n,
                      what, b->n),
           false;
  const Type *x = type_at(q, 0), *y = type_at(q, 1);
  for (uint32_t i = 0; i < a->n; i++) {
    int64_t m = x->dim[a->v[i]], n = y->dim[b->v[i]];
    if (m == n) continue;
    shape_error(q, "shapes do not fit: %s (%s axis %lld of the first is %lld, axis %lld of the second is %lld)",
                call_text(q, false), what, (long long)a->v[i], (long long)m, (long long)b->v[i], (long long)n);
    bool turned = x->rank == 2 && y->rank == 2 && y->dim[1 - b->v[i]] == m;
    if (turned)
      type_hint(q, "the transposed second operand would fit: %s", shape_text(q, 2, (int64_t[]){y->dim[1], y->dim[0]}));
    return false;
  }
  return true;
}

/* No axis is batch and contracted at once. */
static bool disjoint(TypeQuery *q, const IntList *batch, const IntList *contract) {
  for (uint32_t i = 0; i < batch->n; i++)
    for (uint32_t k = 0; k < contract->n; k++)
      if (batch->v[i] == contract->v[k])
        return type_error(q, "axis %lld is both a batch axis and contracted", (long long)batch->v[i]), false;
  return true;
}

TypeId type_dot(TypeQuery *q) {
  if (!all_tensors(q)) return IR_NONE;
  const Attr *a = q->attr;
  const Type *x = type_at(q, 0), *y = type_at(q, 1);
  if (x->dtype != y->dtype || x->dtype == DT_BOOL) return dtype_error(q, "dtypes do not fit: %s", call_text(q, true));
  if (!axes_ok(q, &a->batch_a, "batch_a", x->rank, false) || !axes_ok(q, &a->batch_b, "batch_b", y->rank, false) ||
      !axes_ok(q, &a->contract_a, "contract_a", x->rank, false) ||
      !axes_ok(q, &a->contract_b, "contract_b", y->rank, false) || !disjoint(q, &a->batch_a, &a->contract_a) ||
      !disjoint(q, &a->batch_b, &a->contract_b) || !pairs_agree(q, &a->batch_a, &a->batch_b, "batch") ||
      !pairs_agree(q, &a->contract_a, &a->contract_b, "contracted"))
    return IR_NONE;
  int64_t dim[3 * IR_MAX_RANK];
  uint32_t n = 0;
  for (uint32_t i = 0; i < a->batch_a.n; i++) dim[n++] = x->dim[a->batch_a.v[i]];
  n = free_axes(x, &a->batch_a, &a->contract_a, dim, n);
  n = free_axes(y, &a->batch_b, &a->contract_b, dim, n);
  return result_type(q, x->dtype, n, dim);
}

/* ---------------------------------------------------------------- windows */

/* Number of window positions over an axis of extent n with a window of k elements; 0 after a diagnostic. */
static int64_t positions(TypeQuery *q, const WindowAxis *w, int64_t n, int64_t k) {
  const char *op = op_table[q->op].name;
  int64_t bound = (int64_t)1 << 30;
  bool sane = n < bound && k < bound && w->lo > -bound && w->lo < bound && w->hi > -bound && w->hi < bound &&
              w->stride > 0 && w->stride < bound && w->lhs_dilation > 0 && w->lhs_dilation < bound && w->dilation > 0 &&
              w->dilation < bound;
  if (!sane)
    return type_error(q,
                      "`%s`: a window of %lld with stride %lld, padding %lld and %lld, dilations %lld and %lld"
                      " is out of range",
                      op, (long long)k, (long long)w->stride, (long long)w->lo, (long long)w->hi,
                      (long long)w->lhs_dilation, (long long)w->dilation),
           0;
  if (n < 1 || k < 1)
    return shape_error(q, "`%s`: a window of %lld over an axis of %lld", op, (long long)k, (long long)n), 0;
  int64_t room = (n - 1) * w->lhs_dilation + 1 + w->lo + w->hi, span = (k - 1) * w->dilation + 1;
  if (room < span)
    return shape_error(q, "`%s`: a window that spans %lld does not fit in an axis of %lld with padding %lld and %lld",
                       op, (long long)span, (long long)n, (long long)w->lo, (long long)w->hi),
           0;
  return (room - span) / w->stride + 1;
}

TypeId type_conv(TypeQuery *q) {
  if (!all_tensors(q)) return IR_NONE;
  const Type *x = type_at(q, 0), *w = type_at(q, 1);
  uint32_t spatial = q->attr->n_window;
  if (x->dtype != w->dtype || !ir_is_float(x->dtype))
    return dtype_error(q, "a convolution wants two tensors of f32 or f64, found %s", call_text(q, true));
  if (spatial < 1 || spatial > 3 || x->rank != spatial + 3 || w->rank != spatial + 3)
    return shape_error(q, "a convolution over %u axes wants %u axes in both operands: %s", spatial, spatial + 3,
                       call_text(q, false));
  if (x->dim[0] != w->dim[0] || x->dim[2] != w->dim[2])
    return shape_error(q, "shapes do not fit: %s (%lld groups of %lld channels against %lld of %lld)",
                       call_text(q, false), (long long)x->dim[0], (long long)x->dim[2], (long long)w->dim[0],
                       (long long)w->dim[2]);
  int64_t dim[IR_MAX_RANK] = {x->dim[0], x->dim[1], w->dim[1]};
  for (uint32_t i = 0; i < spatial; i++)
    if (!(dim[3 + i] = positions(q, &q->attr->window[i], x->dim[3 + i], w->dim[3 + i]))) return IR_NONE;
  return result_type(q, x->dtype, x->rank, dim);
}

/* The shape after sliding the window over the trailing axes of `full`; false after a diagnostic. */
static bool windowed(TypeQuery *q, uint32_t rank, const int64_t *full, int64_t *dim) {
  uint32_t n = q->attr->n_window;
  if (n < 1 || n > 3 || n > rank)
    return shape_error(q, "a window over %u axes of %s", n, shape_text(q, rank, full)), false;
  bool tapped = q->op != OP_window_sum;
  for (uint32_t i = 0; i < rank; i++) {
    dim[i] = full[i];
    if (i + n < rank) continue;
    const WindowAxis *w = &q->attr->window[i + n - rank];
    if (tapped && w->lhs_dilation != 1)
      return type_error(q, "`%s` with an operand dilated by %lld", op_table[q->op].name, (long long)w->lhs_dilation),
             false;
    if (!(dim[i] = positions(q, w, full[i], w->size))) return false;
  }
  return true;
}

static bool float_operand(TypeQuery *q) {
  if (!all_tensors(q)) return false;
  if (ir_is_float(type_at(q, 0)->dtype)) return true;
  dtype_error(q, "`%s` is defined on f32 and f64, found %s", op_table[q->op].name, type_name(q, 0));
  return false;
}

TypeId type_window_sum(TypeQuery *q) {
  int64_t dim[IR_MAX_RANK];
  const Type *x = type_at(q, 0);
  if (!float_operand(q) || !windowed(q, x->rank, x->dim, dim)) return IR_NONE;
  return result_type(q, x->dtype, x->rank, dim);
}

TypeId type_window_argmax(TypeQuery *q) {
  int64_t dim[IR_MAX_RANK];
  const Type *x = type_at(q, 0);
  if (!float_operand(q) || !windowed(q, x->rank, x->dim, dim)) return IR_NONE;
  return result_type(q, DT_I32, x->rank, dim);
}

/* The taps are i32 of the window's result shape. */
static bool taps_ok(TypeQuery *q, uint32_t rank, const int64_t *dim) {
  TypeId want = result_type(q, DT_I32, rank, dim);
  if (want == IR_NONE || want == q->type[1]) return want != IR_NONE;
  shape_error(q, "the taps of this window are %s, found %s", ir_type_str(q->b->m, want), type_name(q, 1));
  return false;
}

TypeId type_window_pick(TypeQuery *q) {
  int64_t dim[IR_MAX_RANK];
  const Type *x = type_at(q, 0);
  if (!float_operand(q) || !windowed(q, x->rank, x->dim, dim) || !taps_ok(q, x->rank, dim)) return IR_NONE;
  return result_type(q, x->dtype, x->rank, dim);
}

TypeId type_window_place(TypeQuery *q) {
  int64_t dim[IR_MAX_RANK];
  const IntList *shape = &q->attr->shape;
  const Type *g = type_at(q, 0);
  if (!float_operand(q)) return IR_NONE;
  TypeId full = result_type(q, g->dtype, shape->n, shape->v);
  if (full == IR_NONE || !windowed(q, shape->n, shape->v, dim) || !taps_ok(q, shape->n, dim)) return IR_NONE;
  if (ir_type(q->b->m, g->dtype, shape->n, dim) != q->type[0])
    return shape_error(q, "windows over %s give %s, found %s", shape_text(q, shape->n, shape->v),
                       shape_text(q, shape->n, dim), shape_name(q, 0));
  return full;
}
