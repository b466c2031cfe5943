/* Derivatives of indexed reads and writes. */
#include "ir/vjp/rules.h"
#include <string.h>

/* Does each batch of y = x[B.., N], i[B..] pick one element, as a loss picks the label's logit? */
static bool picks_one(const Builder *b, NodeId y, const Attr *a) {
  uint32_t rank_x = ir_type_of(b, vjp_in(b, y, 0))->rank, rank_i = ir_type_of(b, vjp_in(b, y, 1))->rank;
  return a->n_batch > 0 && a->axis == a->n_batch && rank_i == a->n_batch && rank_x == a->axis + 1;
}

/* g where the place is the index, else 0: elementwise, so that it fuses with what it is added to. */
static NodeId at_index(Builder *b, NodeId y, NodeId g, int64_t axis) {
  Type t = *ir_type_of(b, vjp_in(b, y, 0));
  int64_t dims[IR_MAX_RANK];
  for (uint32_t k = 0; k < axis; k++) dims[k] = k;
  NodeId place = ir_iota(b, DT_I32, t.rank, t.dim, axis);
  NodeId hit = ir_binary(b, OP_eq, place, ir_broadcast(b, vjp_in(b, y, 1), t.rank, t.dim, dims));
  NodeId spread = ir_broadcast(b, g, t.rank, t.dim, dims);
  return ir_select(b, hit, spread, ir_full_like(b, spread, 0));
}

VJP(gather) {
  (void)need;
  Attr a = vjp_attr(b, y);
  if (picks_one(b, y, &a)) {
    out[0] = at_index(b, y, ct[0], a.axis);
    return;
  }
  NodeId in[] = {ir_full_like(b, vjp_in(b, y, 0), 0), vjp_in(b, y, 1), ct[0]};
  out[0] = ir_emit(b, OP_scatter_add, in, 3, &a);
}

static NodeId gather_like(Builder *b, NodeId y, NodeId g) {
  Attr a = vjp_attr(b, y);
  return ir_gather(b, g, vjp_in(b, y, 1), a.axis, a.n_batch);
}

VJP(scatter_add) {
  if (ct_needed(need, 0)) out[0] = ct[0];
  if (ct_needed(need, 2)) out[2] = gather_like(b, y, ct[0]);
}

/* bool of the update's shape: did this element survive, or did a later write to its place win? Every place of an
 * i32 tensor [B.., N] takes the number of the last index written there. */
static NodeId survivors(Builder *b, NodeId y) {
  Attr a = vjp_attr(b, y);
  NodeId index = vjp_in(b, y, 1), u = vjp_in(b, y, 2);
  Type x = *ir_type_of(b, y), it = *ir_type_of(b, index), ut = *ir_type_of(b, u);
  uint32_t nb = (uint32_t)a.n_batch;
  int64_t places[IR_MAX_RANK], flat = 1, dims[IR_MAX_RANK];
  for (uint32_t k = 0; k < nb; k++) places[k] = x.dim[k];
  places[nb] = x.dim[a.axis];
  for (uint32_t k = nb; k < it.rank; k++) flat *= it.dim[k];
  NodeId number = ir_reshape(b, ir_iota(b, DT_I32, 1, &flat, 0), it.rank - nb, it.dim + nb);
  for (uint32_t k = nb; k < it.rank; k++) dims[k - nb] = k;
  number = nb ? ir_broadcast(b, number, it.rank, it.dim, dims) : number;
  NodeId none = ir_full(b, ir_type(b->m, DT_I32, nb + 1, places), -1);
  Attr at = {.axis = nb, .n_batch = nb};
  NodeId in[] = {none, index, number}, last = ir_emit(b, OP_scatter_set, in, 3, &at);
  NodeId wins = ir_binary(b, OP_eq, ir_gather(b, last, index, nb, nb), number);
  for (uint32_t k = 0; k < it.rank; k++) dims[k] = k < nb ? k : a.axis + k - nb;
  return ir_broadcast(b, wins, ut.rank, ut.dim, dims);
}

VJP(scatter_set) {
  Attr a = vjp_attr(b, y);
  if (ct_needed(need, 0)) {
    NodeId in[] = {ct[0], vjp_in(b, y, 1), ir_full_like(b, vjp_in(b, y, 2), 0)};
    out[0] = ir_emit(b, OP_scatter_set, in, 3, &a);
  }
  if (ct_needed(need, 2)) {
    NodeId g = gather_like(b, y, ct[0]);
    out[2] = ir_select(b, survivors(b, y), g, ir_full_like(b, g, 0));
  }
}

/* ---------------------------------------------------------------- blocks at run-time places */

/* Operands of a dynamic op on (first, second or IR_NONE, the starts of y's operands from `from` on). */
static NodeId at_starts(Builder *b, Op op, NodeId first, NodeId second, NodeId y, uint32_t from, const Attr *attr) {
  NodeId in[IR_MAX_RANK + 2];
  uint32_t n = 0;
  in[n++] = first;
  if (second != IR_NONE) in[n++] = second;
  for (uint32_t k = from, end = vjp_count(b, y); k < end; k++) in[n++] = vjp_in(b, y, k);
  return ir_emit(b, op, in, n, attr);
}

VJP(dynamic_slice) {
  (void)need;
  out[0] = at_starts(b, OP_dynamic_add, ir_full_like(b, vjp_in(b, y, 0), 0), ct[0], y, 1, NULL);
}

static NodeId block_of(Builder *b, NodeId y, NodeId g) {
  Type u = *ir_type_of(b, vjp_in(b, y, 1));
  Attr a = {.sizes = {.n = u.rank}};
  memcpy(a.sizes.v, u.dim, u.rank * sizeof *u.dim);
  return at_starts(b, OP_dynamic_slice, g, IR_NONE, y, 2, &a);
}

VJP(dynamic_add) {
  if (ct_needed(need, 0)) out[0] = ct[0];
  if (ct_needed(need, 1)) out[1] = block_of(b, y, ct[0]);
}
VJP(dynamic_put) {
  NodeId u = vjp_in(b, y, 1);
  if (ct_needed(need, 0)) out[0] = at_starts(b, OP_dynamic_put, ct[0], ir_full_like(b, u, 0), y, 2, NULL);
  if (ct_needed(need, 1)) out[1] = block_of(b, y, ct[0]);
}
