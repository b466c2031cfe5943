/* Evaluation of reductions, running sums and sorting. */
#include "ir/eval/rules.h"
#include <math.h>

/* Position in the result of element i of the operand: its coordinates on the axes that stay. */
static int64_t kept_position(const EvalCall *c, const Type *from, int64_t i) {
  int64_t at[IR_MAX_RANK], p = 0;
  eval_unravel(from, i, at);
  for (uint32_t k = 0; k < from->rank; k++) {
    bool reduced = false;
    for (uint32_t j = 0; j < c->attr->axes.n; j++) reduced |= c->attr->axes.v[j] == k;
    if (!reduced) p = p * from->dim[k] + at[k];
  }
  return p;
}

void eval_reduce_sum(EvalCall *c) {
  const Type *from = eval_in_type(c, 0);
  DType t = (DType)eval_out_type(c)->dtype;
  for (int64_t i = 0, n = ir_elements(from); i < n; i++) {
    int64_t p = kept_position(c, from, i);
    if (ir_is_float(t))
      c->out->f[p] += c->in[0].f[i];
    else
      c->out->i[p] = eval_wrap(t, (uint64_t)c->out->i[p] + (uint64_t)c->in[0].i[i]);
  }
}

/* Least value of an integer dtype, greatest when `most`. */
static int64_t int_limit(DType t, bool most) {
  switch (t) {
  case DT_BOOL: return most;
  case DT_U8: return most ? UINT8_MAX : 0;
  case DT_I32: return most ? INT32_MAX : INT32_MIN;
  case DT_U32: return most ? UINT32_MAX : 0;
  case DT_U64: return most ? -1 : 0;
  default: return most ? INT64_MAX : INT64_MIN;
  }
}

/* Does x take the place of y as extreme value? NaN beats every number. */
static bool beats(const EvalCall *c, int64_t i, const Value *best, int64_t p, int sense) {
  DType t = (DType)eval_in_type(c, 0)->dtype;
  if (!ir_is_float(t)) return eval_int_compare(t, c->in[0].i[i], best->i[p]) * sense > 0;
  double x = c->in[0].f[i], y = best->f[p];
  return (x != x && y == y) || (x - y) * sense > 0;
}

static void extreme(EvalCall *c, int sense) {
  const Type *from = eval_in_type(c, 0);
  DType t = (DType)from->dtype;
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    if (ir_is_float(t))
      c->out->f[i] = -sense * (double)INFINITY;
    else
      c->out->i[i] = int_limit(t, sense < 0);
  }
  for (int64_t i = 0, n = ir_elements(from); i < n; i++) {
    int64_t p = kept_position(c, from, i);
    if (beats(c, i, c->out, p, sense)) eval_move(c->out, p, &c->in[0], i);
  }
}

void eval_reduce_max(EvalCall *c) { extreme(c, 1); }
void eval_reduce_min(EvalCall *c) { extreme(c, -1); }

/* A tensor seen as [outer, n, inner] around one axis. */
typedef struct Lines {
  int64_t outer, n, inner;
} Lines;

static Lines lines_of(const EvalCall *c) {
  const Type *t = eval_in_type(c, 0);
  uint32_t axis = (uint32_t)c->attr->axis;
  return (Lines){eval_extent(t, 0, axis), t->dim[axis], eval_extent(t, axis + 1, t->rank)};
}

static void arg_extreme(EvalCall *c, int sense) {
  Lines l = lines_of(c);
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t r = 0; r < l.inner; r++) {
      int64_t first = o * l.n * l.inner + r, best = 0;
      for (int64_t k = 1; k < l.n; k++)
        if (beats(c, first + k * l.inner, &c->in[0], first + best * l.inner, sense)) best = k;
      c->out->i[o * l.inner + r] = best;
    }
}

void eval_argmax(EvalCall *c) { arg_extreme(c, 1); }
void eval_argmin(EvalCall *c) { arg_extreme(c, -1); }

void eval_cumsum(EvalCall *c) {
  Lines l = lines_of(c);
  DType t = (DType)eval_out_type(c)->dtype;
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t r = 0; r < l.inner; r++) {
      double sum = 0;
      uint64_t whole = 0;
      for (int64_t j = 0; j < l.n; j++) {
        int64_t at = (o * l.n + (c->attr->reverse ? l.n - 1 - j : j)) * l.inner + r;
        if (ir_is_float(t))
          c->out->f[at] = sum += c->in[0].f[at];
        else
          c->out->i[at] = eval_wrap(t, whole += (uint64_t)c->in[0].i[at]);
      }
    }
}

/* Ascending with NaN last. */
static bool comes_after(const EvalCall *c, int64_t i, int64_t j) {
  DType t = (DType)eval_in_type(c, 0)->dtype;
  if (!ir_is_float(t)) return eval_int_compare(t, c->in[0].i[i], c->in[0].i[j]) > 0;
  double x = c->in[0].f[i], y = c->in[0].f[j];
  return x > y || (x != x && y == y);
}

/* Stable merge sort of the line's numbers 0..n-1, bottom up. */
static void order_line(const EvalCall *c, int64_t first, Lines l, int64_t *order, int64_t *spare) {
  for (int64_t k = 0; k < l.n; k++) order[k] = k;
  for (int64_t width = 1; width < l.n; width *= 2) {
    for (int64_t lo = 0; lo < l.n; lo += 2 * width) {
      int64_t mid = lo + width < l.n ? lo + width : l.n, hi = mid + width < l.n ? mid + width : l.n;
      for (int64_t k = lo, a = lo, b = mid; k < hi; k++) {
        bool left = b >= hi || (a < mid && !comes_after(c, first + order[a] * l.inner, first + order[b] * l.inner));
        spare[k] = left ? order[a++] : order[b++];
      }
    }
    memcpy(order, spare, sizeof *order * (size_t)l.n);
  }
}

static void sort_lines(EvalCall *c, bool indices) {
  Lines l = lines_of(c);
  int64_t *order = arena_array(c->mem, int64_t, l.n + 1), *spare = arena_array(c->mem, int64_t, l.n + 1);
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t r = 0; r < l.inner; r++) {
      int64_t first = o * l.n * l.inner + r;
      order_line(c, first, l, order, spare);
      for (int64_t k = 0; k < l.n; k++) {
        if (indices)
          c->out->i[first + k * l.inner] = order[k];
        else
          eval_move(c->out, first + k * l.inner, &c->in[0], first + order[k] * l.inner);
      }
    }
}

void eval_sort(EvalCall *c) { sort_lines(c, false); }
void eval_argsort(EvalCall *c) { sort_lines(c, true); }
