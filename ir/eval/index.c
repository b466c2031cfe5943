/* Evaluation of indexed reads and writes. An index out of range sets index_error and touches nothing. */
#include "ir/eval/rules.h"

/* x[B.., P.., N, R..], i[B.., I..], u[B.., P.., I.., R..] as flat extents. */
typedef struct Places {
  int64_t batch, outer, n, inner, count;
} Places;

static Places places_of(const EvalCall *c) {
  const Type *x = eval_in_type(c, 0), *i = eval_in_type(c, 1);
  uint32_t axis = (uint32_t)c->attr->axis, nb = (uint32_t)c->attr->n_batch;
  return (Places){eval_extent(x, 0, nb), eval_extent(x, nb, axis), x->dim[axis], eval_extent(x, axis + 1, x->rank),
                  eval_extent(i, nb, i->rank)};
}

static void add_element(EvalCall *c, int64_t to, const Value *u, int64_t from) {
  DType t = (DType)eval_out_type(c)->dtype;
  if (ir_is_float(t))
    c->out->f[to] += u->f[from];
  else
    c->out->i[to] = eval_wrap(t, (uint64_t)c->out->i[to] + (uint64_t)u->i[from]);
}

typedef enum { READ, ADD, SET } Access;

/* Walks every (update element, place in x) pair, in index order. */
static void visit(EvalCall *c, Access access) {
  Places p = places_of(c);
  for (int64_t b = 0; b < p.batch; b++)
    for (int64_t o = 0; o < p.outer; o++)
      for (int64_t k = 0; k < p.count; k++) {
        int64_t row = c->in[1].i[b * p.count + k];
        if (row < 0 || row >= p.n) {
          c->index_error = true;
          continue;
        }
        int64_t x = ((b * p.outer + o) * p.n + row) * p.inner, u = ((b * p.outer + o) * p.count + k) * p.inner;
        for (int64_t r = 0; r < p.inner; r++) {
          if (access == READ)
            eval_move(c->out, u + r, &c->in[0], x + r);
          else if (access == SET)
            eval_move(c->out, x + r, &c->in[2], u + r);
          else
            add_element(c, x + r, &c->in[2], u + r);
        }
      }
}

static void copy_base(EvalCall *c) {
  for (int64_t i = 0, n = eval_count(c); i < n; i++) eval_move(c->out, i, &c->in[0], i);
}

void eval_gather(EvalCall *c) { visit(c, READ); }
void eval_scatter_add(EvalCall *c) { copy_base(c), visit(c, ADD); }
void eval_scatter_set(EvalCall *c) { copy_base(c), visit(c, SET); }

/* Walks the window of x that starts at the operands from `first` on; `window` has its extents. */
static void visit_window(EvalCall *c, const Type *window, uint32_t first, Access access) {
  const Type *x = eval_in_type(c, 0);
  int64_t start[IR_MAX_RANK], at[IR_MAX_RANK];
  for (uint32_t k = 0; k < x->rank; k++) {
    start[k] = c->in[first + k].i[0];
    if (start[k] < 0 || start[k] + window->dim[k] > x->dim[k]) c->index_error = true;
  }
  if (c->index_error) return;
  for (int64_t i = 0, n = ir_elements(window); i < n; i++) {
    eval_unravel(window, i, at);
    for (uint32_t k = 0; k < x->rank; k++) at[k] += start[k];
    int64_t place = eval_ravel(x, at);
    if (access == READ)
      eval_move(c->out, i, &c->in[0], place);
    else if (access == SET)
      eval_move(c->out, place, &c->in[1], i);
    else
      add_element(c, place, &c->in[1], i);
  }
}

void eval_dynamic_slice(EvalCall *c) { visit_window(c, eval_out_type(c), 1, READ); }
void eval_dynamic_add(EvalCall *c) { copy_base(c), visit_window(c, eval_in_type(c, 1), 2, ADD); }
void eval_dynamic_put(EvalCall *c) { copy_base(c), visit_window(c, eval_in_type(c, 1), 2, SET); }
