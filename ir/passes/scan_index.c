/* Scans: reads x[iv + c] of a tensor that does not change become xs, writes acc[iv + c] to one that nothing else reads
 * become ys. Left inside the loop, each would touch the whole tensor once an iteration. */
#include "ir/passes/scan.h"
#include <stdlib.h>
#include <string.h>

/* One indexed access: the block of a tensor that iteration iv touches. `axis` has extent 1 there and moves with iv. */
typedef struct Access {
  NodeId node, tensor, update; /* body nodes; update: IR_NONE for a read */
  uint32_t axis;
  int64_t lo[IR_MAX_RANK], size[IR_MAX_RANK]; /* of the block; lo[axis] at iv = 0 */
  bool set;                                   /* a write that replaces instead of adding */
  uint32_t carry;                             /* of a write */
} Access;
typedef Vec(Access) AccessList;

/* A one-element integer constant, seen through reshapes and broadcasts. */
static bool const_index(const ScanView *s, NodeId n, int64_t *value) {
  if (ir_elements(body_type(s, n)) != 1) return false;
  while (body_node(s, n)->op == OP_reshape || body_node(s, n)->op == OP_broadcast || body_node(s, n)->op == OP_cast)
    n = body_operand(s, n, 0);
  if (body_node(s, n)->op != OP_const) return false;
  const void *p = ir_const_data(s->m, ir_attr_get(s->m, body_node(s, n)->attr)->value);
  if (body_type(s, n)->dtype == DT_I32)
    *value = *(const int32_t *)p;
  else if (body_type(s, n)->dtype == DT_I64)
    *value = *(const int64_t *)p;
  else
    return false;
  return *value > -INT32_MAX && *value < INT32_MAX;
}

/* Is n = iv + c, as one element? */
static bool moves_with_iv(const ScanView *s, NodeId n, int64_t *c) {
  *c = 0;
  if (ir_elements(body_type(s, n)) != 1) return false;
  for (;;) {
    const Node *node = body_node(s, n);
    int64_t k;
    if (n == scan_param(s, 0)) return true;
    if (node->op == OP_cast || node->op == OP_reshape || node->op == OP_broadcast) {
      if (!ir_is_int((DType)body_type(s, n)->dtype)) return false;
      n = body_operand(s, n, 0);
    } else if ((node->op == OP_add || node->op == OP_sub) && const_index(s, body_operand(s, n, 1), &k)) {
      *c += node->op == OP_add ? k : -k;
      n = body_operand(s, n, 0);
    } else if (node->op == OP_add && const_index(s, body_operand(s, n, 0), &k)) {
      *c += k;
      n = body_operand(s, n, 1);
    } else {
      return false;
    }
  }
}

static bool in_range(const ScanView *s, const Access *a) {
  const Type *t = body_type(s, a->tensor);
  for (uint32_t i = 0; i < t->rank; i++) {
    int64_t extent = i == a->axis ? s->attr.count : a->size[i];
    if (a->lo[i] < 0 || a->lo[i] + extent > t->dim[i]) return false;
  }
  return true;
}

/* dynamic_slice, dynamic_add, dynamic_put: starts are operands from `first`, the block has `block`'s shape. */
static bool match_dynamic(const ScanView *s, uint32_t first, const Type *block, Access *a) {
  uint32_t moving = 0;
  for (uint32_t i = 0; i < block->rank; i++) {
    NodeId start = body_operand(s, a->node, first + i);
    a->size[i] = block->dim[i];
    if (const_index(s, start, &a->lo[i])) continue;
    if (block->dim[i] != 1 || !moves_with_iv(s, start, &a->lo[i])) return false;
    a->axis = i;
    moving++;
  }
  return moving == 1 && in_range(s, a);
}

/* gather, scatter_*: one index along one axis. */
static bool match_indexed(const ScanView *s, Access *a) {
  const Attr *attr = ir_attr_get(s->m, body_node(s, a->node)->attr);
  const Type *t = body_type(s, a->tensor);
  if (attr->n_batch != 0) return false;
  a->axis = (uint32_t)attr->axis;
  for (uint32_t i = 0; i < t->rank; i++) {
    a->size[i] = i == a->axis ? 1 : t->dim[i];
    a->lo[i] = 0;
  }
  return moves_with_iv(s, body_operand(s, a->node, 1), &a->lo[a->axis]) && in_range(s, a);
}

static bool is_const_param(const ScanView *s, NodeId n) {
  uint32_t k;
  const Node *node = body_node(s, n);
  return node->op == OP_param && scan_param_kind(s, (uint32_t)ir_attr_get(s->m, node->attr)->index, &k) == PARAM_CONST;
}

static bool match_read(const ScanView *s, NodeId n, Access *a) {
  const Node *node = body_node(s, n);
  *a = (Access){.node = n, .update = IR_NONE};
  if (node->op != OP_dynamic_slice && node->op != OP_gather) return false;
  a->tensor = body_operand(s, n, 0);
  if (!is_const_param(s, a->tensor)) return false;
  return node->op == OP_gather ? match_indexed(s, a) : match_dynamic(s, 1, body_type(s, n), a);
}

/* Carry k is only ever written to, by one indexed update. */
static bool match_write(const ScanView *s, uint32_t k, const uint32_t *uses, Access *a) {
  NodeId p = scan_carry_param(s, k), n = scan_result(s, k);
  const Node *node = body_node(s, n);
  bool add = node->op == OP_dynamic_add || node->op == OP_scatter_add;
  bool put = node->op == OP_dynamic_put || node->op == OP_scatter_set;
  if ((!add && !put) || body_operand(s, n, 0) != p || uses[p] != 1 || uses[n] != 1) return false;
  bool dynamic = node->op == OP_dynamic_add || node->op == OP_dynamic_put;
  *a = (Access){.node = n, .tensor = p, .update = body_operand(s, n, dynamic ? 1 : 2), .set = put, .carry = k};
  return dynamic ? match_dynamic(s, 2, body_type(s, a->update), a) : match_indexed(s, a);
}

/* ---------------------------------------------------------------- rewriting */

/* perm that moves `axis` to the front, or (inverse) the front axis to `axis`. */
static void front_perm(uint32_t rank, uint32_t axis, bool inverse, int64_t *perm) {
  for (uint32_t i = 0; i < rank; i++) {
    uint32_t from = i == 0 ? axis : i <= axis ? i - 1 : i;
    if (inverse)
      perm[from] = i;
    else
      perm[i] = from;
  }
}

/* The rows that the loop reads, iteration first. */
static NodeId stacked_reads(Rebuild *r, const ScanView *s, const Access *a, NodeId tensor) {
  Type t = *ir_type_of(&r->b, tensor);
  int64_t hi[IR_MAX_RANK], step[IR_MAX_RANK], perm[IR_MAX_RANK];
  for (uint32_t i = 0; i < t.rank; i++) {
    hi[i] = a->lo[i] + (i == a->axis ? s->attr.count : a->size[i]);
    step[i] = 1;
  }
  front_perm(t.rank, a->axis, false, perm);
  return ir_transpose(&r->b, ir_slice(&r->b, tensor, a->lo, hi, step), perm);
}

/* The final value of a written tensor, from its first value and the stack of updates. */
static NodeId unstacked_writes(Rebuild *r, const Access *a, NodeId init, NodeId stack) {
  Type t = *ir_type_of(&r->b, init);
  Type block = *ir_type_of(&r->b, stack);
  int64_t perm[IR_MAX_RANK], hi[IR_MAX_RANK], interior[IR_MAX_RANK] = {0};
  front_perm(t.rank, a->axis, true, perm);
  NodeId placed = ir_transpose(&r->b, stack, perm);
  block = *ir_type_of(&r->b, placed);
  bool whole = memcmp(block.dim, t.dim, sizeof *t.dim * t.rank) == 0;
  if (a->set && whole) return placed;
  if (a->set) {
    NodeId in[2 + IR_MAX_RANK] = {init, placed};
    for (uint32_t i = 0; i < t.rank; i++) in[2 + i] = ir_scalar_const(&r->b, DT_I32, (double)a->lo[i]);
    return ir_emit(&r->b, OP_dynamic_put, in, 2 + t.rank, NULL);
  }
  for (uint32_t i = 0; i < t.rank; i++) hi[i] = t.dim[i] - a->lo[i] - block.dim[i];
  return ir_binary(&r->b, OP_add, init, ir_pad(&r->b, placed, a->lo, hi, interior));
}

static uint32_t *count_uses(const ScanView *s) {
  const Region *body = ir_region(s->m, s->body);
  uint32_t *uses = calloc(body->node.n + 1, sizeof *uses);
  bool *live = ir_live(s->m, s->body);
  for (NodeId n = 0; n < body->node.n; n++) {
    for (uint32_t i = 0; live[n] && i < body->node.at[n].n_in; i++) uses[body->operand.at[body->node.at[n].in + i]]++;
  }
  for (uint32_t i = 0; i < body->result.n; i++) uses[body->result.at[i]]++;
  free(live);
  return uses;
}

static void find_accesses(const ScanView *s, AccessList *reads, AccessList *writes) {
  uint32_t *uses = count_uses(s);
  Access a;
  for (NodeId n = 0; n < ir_region(s->m, s->body)->node.n; n++) {
    if (uses[n] && match_read(s, n, &a)) vec_push(reads, a);
  }
  for (uint32_t k = 0; k < s->n_carry; k++) {
    if (match_write(s, k, uses, &a)) vec_push(writes, a);
  }
  free(uses);
}

static const Access *write_of(const AccessList *writes, uint32_t carry) {
  for (uint32_t i = 0; i < writes->n; i++) {
    if (writes->at[i].carry == carry) return &writes->at[i];
  }
  return NULL;
}

static uint32_t const_number(const ScanView *s, NodeId param) {
  uint32_t k = 0;
  scan_param_kind(s, (uint32_t)ir_attr_get(s->m, body_node(s, param)->attr)->index, &k);
  return k;
}

/* Parameters: the carries that are not written stacks, xs and one more a read, consts. */
static void add_operands(ScanBuild *b, const AccessList *reads, const AccessList *writes) {
  const ScanView *s = b->of;
  NodeId *map = b->body.map, *row = malloc(sizeof *row * (reads->n + 1));
  for (uint32_t k = 0; k < s->n_carry; k++) {
    if (!write_of(writes, k)) map[scan_carry_param(s, k)] = scan_add_carry(b, s->carry[k]);
  }
  for (uint32_t k = 0; k < s->n_xs; k++) map[scan_xs_param(s, k)] = scan_add_xs(b, s->xs[k]);
  for (uint32_t i = 0; i < reads->n; i++) {
    const Access *a = &reads->at[i];
    row[i] = scan_add_xs(b, stacked_reads(b->outer, s, a, s->consts[const_number(s, a->tensor)]));
  }
  for (uint32_t k = 0; k < s->n_consts; k++) map[scan_const_param(s, k)] = scan_add_const(b, s->consts[k]);
  for (uint32_t i = 0; i < reads->n; i++) {
    Type t = *body_type(s, reads->at[i].node);
    map[reads->at[i].node] = ir_reshape(&b->body.b, row[i], t.rank, t.dim);
  }
  free(row);
}

/* The written block of this iteration without its axis of extent 1. */
static NodeId update_row(ScanBuild *b, const Access *a) {
  int64_t shape[IR_MAX_RANK];
  uint32_t n = 0, rank = body_type(b->of, a->tensor)->rank;
  for (uint32_t i = 0; i < rank; i++) {
    if (i != a->axis) shape[n++] = a->size[i];
  }
  return ir_reshape(&b->body.b, b->body.map[a->update], n, shape);
}

static void rewrite(Rebuild *r, const ScanView *s, const AccessList *reads, const AccessList *writes, NodeId *out) {
  ScanBuild b = scan_build(r, s);
  add_operands(&b, reads, writes);
  bool *live = ir_live(s->m, s->body);
  for (uint32_t i = 0; i < writes->n; i++) live[writes->at[i].node] = live[writes->at[i].tensor] = false;
  scan_copy_live(&b, live);
  free(live);
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    if (k >= s->n_carry || !write_of(writes, k)) ir_result(&b.body.b, b.body.map[scan_result(s, k)]);
  }
  for (uint32_t i = 0; i < writes->n; i++) ir_result(&b.body.b, update_row(&b, &writes->at[i]));
  NodeId scan = scan_finish(&b);
  uint32_t next = 0, stack = s->n_carry + s->n_ys - writes->n;
  for (uint32_t k = 0; k < s->n_carry + s->n_ys; k++) {
    if (k < s->n_carry && write_of(writes, k)) continue;
    out[k] = ir_proj(&r->b, scan, next++);
  }
  for (uint32_t i = 0; i < writes->n; i++) {
    const Access *a = &writes->at[i];
    out[a->carry] = unstacked_writes(r, a, s->carry[a->carry], ir_proj(&r->b, scan, stack + i));
  }
}

bool scan_form_xs(Rebuild *r, const ScanView *s, NodeId *out) {
  AccessList reads = {0}, writes = {0};
  find_accesses(s, &reads, &writes);
  bool any = reads.n || writes.n;
  if (any) rewrite(r, s, &reads, &writes, out);
  vec_free(&reads);
  vec_free(&writes);
  return any;
}
