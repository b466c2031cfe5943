/* Cotangents of slices, put together again. */
#include "ir/vjp/rules.h"
#include <stdlib.h>

/* A term that is a block at [lo, hi) of one axis and zero elsewhere. */
typedef struct Block {
  uint32_t term; /* its number */
  int64_t axis, lo, hi;
  NodeId value;
} Block;

static bool block_of(const Builder *b, NodeId n, uint32_t term, Block *block) {
  if (ir_node(b->m, b->region, n)->op != OP_pad) return false;
  Attr a = vjp_attr(b, n);
  *block = (Block){.term = term, .axis = -1, .value = vjp_in(b, n, 0)};
  const Type *t = ir_type_of(b, block->value);
  for (uint32_t k = 0; k < t->rank; k++) {
    if (a.lo.v[k] < 0 || a.hi.v[k] < 0 || a.step.v[k] != 0) return false;
    if (a.lo.v[k] == 0 && a.hi.v[k] == 0) continue;
    if (block->axis >= 0) return false;
    block->axis = k;
    block->lo = a.lo.v[k], block->hi = a.lo.v[k] + t->dim[k];
  }
  return block->axis >= 0;
}

static int by_place(const void *x, const void *y) {
  const Block *a = x, *b = y;
  if (a->axis != b->axis) return a->axis < b->axis ? -1 : 1;
  if (a->lo != b->lo) return a->lo < b->lo ? -1 : 1;
  return (a->term > b->term) - (a->term < b->term);
}

/* How many of the blocks from the first on share its axis and follow one another without overlap. */
static uint32_t run_length(const Block *block, uint32_t n) {
  uint32_t k = 1;
  while (k < n && block[k].axis == block[0].axis && block[k].lo >= block[k - 1].hi) k++;
  return k;
}

static NodeId zeros(Builder *b, NodeId like, int64_t axis, int64_t extent) {
  Type t = *ir_type_of(b, like);
  t.dim[axis] = extent;
  return ir_full(b, ir_type(b->m, (DType)t.dtype, t.rank, t.dim), 0);
}

/* The sum of n blocks in order, as one concatenation with zeros between. */
static NodeId join(Builder *b, const Block *block, uint32_t n, int64_t extent) {
  Vec(NodeId) piece = {0};
  int64_t end = 0;
  for (uint32_t k = 0; k < n; k++) {
    if (block[k].lo > end) vec_push(&piece, zeros(b, block[0].value, block[0].axis, block[k].lo - end));
    vec_push(&piece, block[k].value);
    end = block[k].hi;
  }
  if (end < extent) vec_push(&piece, zeros(b, block[0].value, block[0].axis, extent - end));
  NodeId joined = ir_concat(b, piece.at, piece.n, block[0].axis);
  vec_free(&piece);
  return joined;
}

uint32_t ct_join_pads(Builder *b, const NodeId *term, uint32_t n, NodeId *out) {
  Vec(Block) block = {0};
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n; i++) {
    Block found;
    if (term[i] == IR_NONE) continue;
    out[kept++] = term[i];
    if (block_of(b, term[i], kept - 1, &found)) vec_push(&block, found);
  }
  if (block.n > 1) qsort(block.at, block.n, sizeof *block.at, by_place);
  for (uint32_t k = 0, run; k < block.n; k += run) {
    run = run_length(block.at + k, block.n - k);
    if (run < 2) continue;
    int64_t extent = ir_type_of(b, out[block.at[k].term])->dim[block.at[k].axis];
    NodeId joined = join(b, block.at + k, run, extent);
    for (uint32_t j = 0; j < run; j++) out[block.at[k + j].term] = j ? IR_NONE : joined;
  }
  vec_free(&block);
  uint32_t left = 0;
  for (uint32_t i = 0; i < kept; i++)
    if (out[i] != IR_NONE) out[left++] = out[i];
  return left;
}
