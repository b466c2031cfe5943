/* Evaluation of contractions, convolutions and windows, by their defining sums. */
#include "ir/eval/rules.h"
#include <math.h>

static void multiply_add(EvalCall *c, int64_t to, int64_t a, int64_t b) {
  DType t = (DType)eval_out_type(c)->dtype;
  if (ir_is_float(t))
    c->out->f[to] += c->in[0].f[a] * c->in[1].f[b];
  else
    c->out->i[to] = eval_wrap(t, (uint64_t)c->out->i[to] + (uint64_t)c->in[0].i[a] * (uint64_t)c->in[1].i[b]);
}

/* ---------------------------------------------------------------- dot_general */

static bool listed(const IntList *l, int64_t axis) {
  for (uint32_t k = 0; k < l->n; k++)
    if (l->v[k] == axis) return true;
  return false;
}

/* Coordinates of an operand from those of the result: batch axes first, then its own free axes from `free` on. */
static void operand_place(const Type *t, const IntList *batch, const IntList *contract, const int64_t *out,
                          uint32_t free, int64_t *at) {
  for (uint32_t k = 0; k < batch->n; k++) at[batch->v[k]] = out[k];
  for (uint32_t k = 0; k < t->rank; k++)
    if (!listed(batch, k) && !listed(contract, k)) at[k] = out[free++];
}

/* Distance in x between position 0 and position `term` (row-major) of the contracted axes. */
static int64_t term_offset(const Type *x, const IntList *contract, int64_t term) {
  int64_t at[IR_MAX_RANK] = {0};
  for (uint32_t k = contract->n; k-- > 0;) {
    at[contract->v[k]] = term % x->dim[contract->v[k]];
    term /= x->dim[contract->v[k]];
  }
  return eval_ravel(x, at);
}

/* One element of the result, its terms at the given steps from the first. */
static void sum_products(EvalCall *c, int64_t to, int64_t a, int64_t b, const int64_t *step_a, const int64_t *step_b,
                         int64_t terms) {
  if (!eval_float(c)) {
    for (int64_t s = 0; s < terms; s++) multiply_add(c, to, a + step_a[s], b + step_b[s]);
    return;
  }
  const double *x = c->in[0].f + a, *y = c->in[1].f + b;
  double sum = 0;
  for (int64_t s = 0; s < terms; s++) sum += x[step_a[s]] * y[step_b[s]];
  c->out->f[to] = sum;
}

void eval_dot(EvalCall *c) {
  const Attr *d = c->attr;
  const Type *a = eval_in_type(c, 0), *b = eval_in_type(c, 1), *y = eval_out_type(c);
  int64_t at_y[IR_MAX_RANK], at_a[IR_MAX_RANK] = {0}, at_b[IR_MAX_RANK] = {0}, terms = 1;
  uint32_t free_a = a->rank - d->batch_a.n - d->contract_a.n;
  for (uint32_t k = 0; k < d->contract_a.n; k++) terms *= a->dim[d->contract_a.v[k]];
  if (eval_count(c) == 0) return;
  int64_t *step_a = arena_array(c->mem, int64_t, terms + 1), *step_b = arena_array(c->mem, int64_t, terms + 1);
  for (int64_t s = 0; s < terms; s++) {
    step_a[s] = term_offset(a, &d->contract_a, s);
    step_b[s] = term_offset(b, &d->contract_b, s);
  }
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    eval_unravel(y, i, at_y);
    operand_place(a, &d->batch_a, &d->contract_a, at_y, d->batch_a.n, at_a);
    operand_place(b, &d->batch_b, &d->contract_b, at_y, d->batch_a.n + free_a, at_b);
    sum_products(c, i, eval_ravel(a, at_a), eval_ravel(b, at_b), step_a, step_b, terms);
  }
}

/* ---------------------------------------------------------------- windows */

/* Place on one axis of x that tap k of window p reads; -1 when it is padding or a gap of the dilated operand. */
static int64_t tap_place(const WindowAxis *w, int64_t extent, int64_t p, int64_t k) {
  int64_t at = p * w->stride + k * w->dilation - w->lo;
  if (at < 0 || at % w->lhs_dilation != 0 || at / w->lhs_dilation >= extent) return -1;
  return at / w->lhs_dilation;
}

/* y[g, n, o, p..] = sum over k.., c of x[g, n, c, place..] w[g, o, c, k..] */
void eval_conv(EvalCall *c) {
  const Type *x = eval_in_type(c, 0), *w = eval_in_type(c, 1), *y = eval_out_type(c);
  int64_t at_y[IR_MAX_RANK], at_x[IR_MAX_RANK], at_w[IR_MAX_RANK];
  int64_t next_x = eval_extent(x, 3, x->rank), next_w = eval_extent(w, 3, w->rank); /* from channel to channel */
  Type taps = *w;
  taps.dim[0] = taps.dim[1] = taps.dim[2] = 1;
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    eval_unravel(y, i, at_y);
    double sum = 0;
    for (int64_t s = 0, m = ir_elements(&taps); s < m; s++) {
      eval_unravel(&taps, s, at_w);
      at_w[0] = at_x[0] = at_y[0], at_x[1] = at_y[1], at_w[1] = at_y[2], at_x[2] = 0;
      bool inside = true;
      for (uint32_t k = 0; k < c->attr->n_window; k++) {
        at_x[3 + k] = tap_place(&c->attr->window[k], x->dim[3 + k], at_y[3 + k], at_w[3 + k]);
        inside &= at_x[3 + k] >= 0;
      }
      if (!inside) continue;
      const double *a = c->in[0].f + eval_ravel(x, at_x), *b = c->in[1].f + eval_ravel(w, at_w);
      for (int64_t k = 0; k < x->dim[2]; k++) sum += a[k * next_x] * b[k * next_w];
    }
    c->out->f[i] = sum;
  }
}

/* Windows slide over the trailing n_window axes of a tensor; leading axes are batch. */
typedef struct Slide {
  const Attr *attr;
  const Type *x, *y; /* the tensor under the windows; one element per window */
  uint32_t lead;
  int64_t taps;
} Slide;

static Slide slide_of(const EvalCall *c, const Type *x, const Type *y) {
  Slide s = {c->attr, x, y, x->rank - c->attr->n_window, 1};
  for (uint32_t k = 0; k < c->attr->n_window; k++) s.taps *= c->attr->window[k].size;
  return s;
}

/* Position in x of tap `tap` (row-major over the window) of the window at position i of y; -1 = padding. */
static int64_t tap_of(const Slide *s, int64_t i, int64_t tap) {
  int64_t at[IR_MAX_RANK];
  eval_unravel(s->y, i, at);
  for (uint32_t k = s->attr->n_window; k-- > 0;) {
    const WindowAxis *w = &s->attr->window[k];
    int64_t *axis = &at[s->lead + k];
    *axis = tap_place(w, s->x->dim[s->lead + k], *axis, tap % w->size);
    if (*axis < 0) return -1;
    tap /= w->size;
  }
  return eval_ravel(s->x, at);
}

void eval_window_sum(EvalCall *c) {
  Slide s = slide_of(c, eval_in_type(c, 0), eval_out_type(c));
  DType t = (DType)s.y->dtype;
  for (int64_t i = 0, n = eval_count(c); i < n; i++)
    for (int64_t k = 0; k < s.taps; k++) {
      int64_t from = tap_of(&s, i, k);
      if (from < 0) continue;
      if (ir_is_float(t))
        c->out->f[i] += c->in[0].f[from];
      else
        c->out->i[i] = eval_wrap(t, (uint64_t)c->out->i[i] + (uint64_t)c->in[0].i[from]);
    }
}

/* First greatest tap; NaN wins; padding loses to everything; 0 for a window of padding alone. */
void eval_window_argmax(EvalCall *c) {
  Slide s = slide_of(c, eval_in_type(c, 0), eval_out_type(c));
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    double best = 0;
    bool found = false;
    for (int64_t k = 0; k < s.taps; k++) {
      int64_t from = tap_of(&s, i, k);
      if (from < 0) continue;
      double v = c->in[0].f[from];
      if (!found || v > best || (v != v && best == best)) best = v, c->out->i[i] = k, found = true;
    }
  }
}

/* The window's tap of that number; 0 where it is padding. */
void eval_window_pick(EvalCall *c) {
  Slide s = slide_of(c, eval_in_type(c, 0), eval_out_type(c));
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    int64_t from = tap_of(&s, i, c->in[1].i[i]);
    if (from >= 0) c->out->f[i] = c->in[0].f[from];
  }
}

void eval_window_place(EvalCall *c) {
  Slide s = slide_of(c, eval_out_type(c), eval_in_type(c, 0));
  for (int64_t i = 0, n = ir_elements(s.y); i < n; i++) {
    int64_t to = tap_of(&s, i, c->in[1].i[i]);
    if (to >= 0) c->out->f[to] += c->in[0].f[i];
  }
}
