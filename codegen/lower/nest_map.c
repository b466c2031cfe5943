/* Template `map`: every element of the root's space computed once, vectors along the last loop. */
#include "codegen/lower/nest.h"
#include <string.h>

/* ---------------------------------------------------------------- loops */

/* Axes that some view of the group treats apart from their neighbours cannot be run through by one loop. */
typedef struct Cuts {
  RegionPlan *r;
  uint32_t g;
  uint32_t rank, cut; /* bit i: axes i and i+1 must stay apart */
  const int64_t *dim;
} Cuts;

static bool same_shape(const Cuts *c, const Type *t) {
  return t->rank == c->rank && !memcmp(t->dim, c->dim, sizeof *c->dim * c->rank);
}

static uint32_t cuts_of_broadcast(const Attr *a, uint32_t rank) {
  uint32_t kept = 0, cut = 0;
  for (uint32_t i = 0; i < a->axes.n; i++) kept |= 1u << a->axes.v[i];
  for (uint32_t i = 0; i + 1 < rank; i++)
    if ((kept >> i & 1) != (kept >> (i + 1) & 1)) cut |= 1u << i;
  return cut;
}

static uint32_t cuts_of_transpose(const Attr *a, uint32_t rank) {
  uint32_t cut = 0;
  for (uint32_t i = 0; i + 1 < rank; i++)
    if (a->axes.v[i + 1] != a->axes.v[i] + 1) cut |= 1u << i;
  return cut;
}

/* Slices and pads of the first axis alone leave the others in one run. */
static uint32_t cuts_of_range(const Type *from, const Type *to, uint32_t rank) {
  uint32_t cut = 0;
  for (uint32_t i = 0; i < rank; i++)
    if (from->dim[i] != to->dim[i]) cut |= (i ? 1u << (i - 1) : 0) | 1u << i;
  return cut;
}

static uint32_t cuts_of(const Cuts *c, NodeId n) {
  const Node *node = rp_node(c->r, n);
  const Attr *a = rp_attr(c->r, n);
  switch (node->op) {
  case OP_reshape:
  case OP_const: return 0;
  case OP_broadcast: return rp_elements(c->r, rp_in(c->r, n)[0]) == 1 ? 0 : cuts_of_broadcast(a, c->rank);
  case OP_transpose: return cuts_of_transpose(a, c->rank);
  case OP_slice:
  case OP_pad: return cuts_of_range(rp_type(c->r, rp_in(c->r, n)[0]), rp_type(c->r, n), c->rank);
  case OP_gather:
    if (a->n_batch == 0 && a->axis == 0 && rp_type(c->r, rp_in(c->r, n)[1])->rank == 1) return 1;
    return ~0u;
  default: return op_table[node->op].flags & OPF_ELEMENTWISE || node->op == OP_random ? 0 : ~0u;
  }
}

static void add_cuts(Cuts *c, NodeId n) {
  if (c->r->group[n] != c->g && c->r->group[n] != GROUP_INLINE) return;
  if (rp_elements(c->r, n) <= 1) return;
  const Node *node = rp_node(c->r, n);
  if (same_shape(c, rp_type(c->r, n)))
    c->cut |= cuts_of(c, n);
  else if (!(op_table[node->op].flags & OPF_ELEMENTWISE) && node->op != OP_const && node->op != OP_reshape)
    c->cut = ~0u;
}

static void add_cuts_inline(Cuts *c, NodeId n, uint32_t depth) {
  add_cuts(c, n);
  for (uint32_t i = 0; i < rp_node(c->r, n)->n_in && depth < 16; i++) {
    NodeId x = rp_in(c->r, n)[i];
    if (c->r->group[x] == GROUP_INLINE && same_shape(c, rp_type(c->r, n))) add_cuts_inline(c, x, depth + 1);
  }
}

Loops loops_of_space(RegionPlan *r, uint32_t g, uint32_t rank, const int64_t *dim) {
  Cuts c = {.r = r, .g = g, .rank = rank, .dim = dim};
  const Group *group = &r->groups.at[g];
  for (uint32_t i = 0; i < group->member.n; i++) add_cuts_inline(&c, group->member.at[i], 0);
  Loops l = {0};
  for (uint32_t i = 0; i < rank; i++) {
    bool joins = i > 0 && !(c.cut >> (i - 1) & 1) && l.n > 0;
    if (joins)
      l.extent[l.n - 1] *= dim[i];
    else
      l.extent[l.n++] = dim[i];
    l.loop_of[i] = l.n - 1;
  }
  loops_drop_ones(&l, rank);
  return l;
}

/* Loops of one trip are no loops. */
void loops_drop_ones(Loops *l, uint32_t rank) {
  uint32_t map[IR_MAX_RANK], n = 0;
  for (uint32_t i = 0; i < l->n; i++) {
    map[i] = l->extent[i] == 1 ? UINT32_MAX : n;
    if (l->extent[i] != 1) l->extent[n++] = l->extent[i];
  }
  for (uint32_t i = 0; i < rank; i++) l->loop_of[i] = map[l->loop_of[i]];
  l->n = n;
}

void loops_index(KBuilder *b, const Loops *l, const Ix *iv, uint32_t rank, const int64_t *dim, Ix *idx) {
  for (uint32_t i = 0; i < rank;) {
    uint32_t loop = l->loop_of[i], j = i;
    if (loop == UINT32_MAX) {
      idx[i++] = ix_const(0);
      continue;
    }
    while (j < rank && l->loop_of[j] == loop) j++;
    expr_delinearise(b, &iv[loop], j - i, dim + i, idx + i);
    i = j;
  }
}

/* ---------------------------------------------------------------- tasks */

enum { MAX_TASKS = 32 };

int64_t tasks_for(double cost_ns, int64_t units) {
  int64_t tasks = (int64_t)(cost_ns / TASK_NS);
  if (tasks > MAX_TASKS) tasks = MAX_TASKS;
  if (tasks > units) tasks = units;
  return tasks < 1 ? 1 : tasks;
}

int64_t round_up(int64_t x, int64_t to) { return (x + to - 1) / to * to; }

/* Opens the loop over this task's share of `extent`: its iv within the whole. */
Ix open_shared(KBuilder *b, KLoopKind kind, uint32_t width, int64_t extent, int64_t chunk, int64_t tasks) {
  if (tasks <= 1) return ix_value(kb_for(b, kind, width, extent, K_NONE));
  Ix base = ix_value(kb_task(b, tasks)), neg = ix_scale(&base, -chunk);
  KVal cap = K_NONE;
  base = ix_scale(&base, chunk);
  if (chunk * tasks != extent) {
    neg = ix_addc(&neg, extent);
    cap = ix_materialise(b, &neg);
  }
  Ix iv = ix_value(kb_for(b, kind, width, chunk, cap));
  return ix_add(b, &base, &iv);
}

uint32_t group_lanes(const RegionPlan *r, uint32_t g) {
  const Group *group = &r->groups.at[g];
  uint32_t size = 1;
  for (uint32_t i = 0; i < group->member.n; i++) {
    const Type *t = rp_type(r, group->member.at[i]);
    uint32_t s = ir_dtype_size(t->dtype);
    if (!t->n_tuple && (ir_is_float(t->dtype) || !size) && s > size) size = s;
  }
  if (size == 1)
    for (uint32_t i = 0; i < group->member.n; i++) {
      const Type *t = rp_type(r, group->member.at[i]);
      if (!t->n_tuple && ir_dtype_size(t->dtype) > size) size = ir_dtype_size(t->dtype);
    }
  return r->L->target.vector_bytes / (size < 4 ? 4 : size);
}

/* Computes every output at idx of the root's shape, then stores them. */
void store_outputs(Kern *k, const NodeId *output, uint32_t n, const Ix *at) {
  KVal *value = arena_array(&k->r->L->mem, KVal, n + 1);
  for (uint32_t i = 0; i < n; i++) value[i] = expr_linear(k, output[i], at, K_NONE);
  for (uint32_t i = 0; i < n; i++) kb_store(&k->b, kern_out(k, output[i]), at, value[i], K_NONE);
}

double group_cost(const RegionPlan *r, uint32_t g) {
  const Group *group = &r->groups.at[g];
  double cost = 0.04;
  for (uint32_t i = 0; i < group->member.n; i++) {
    uint32_t size = ir_dtype_size(rp_type(r, group->member.at[i])->dtype);
    cost += op_cost(rp_node(r, group->member.at[i])->op) * (size == 8 ? 2 : 1);
  }
  return cost + 0.03 * group->output.n;
}

static void map_body(Kern *k, const Loops *l, const Ix *iv, const Type *root) {
  const Group *group = &k->r->groups.at[k->g];
  Ix idx[IR_MAX_RANK];
  loops_index(&k->b, l, iv, root->rank, root->dim, idx);
  Ix at = expr_linearise(&k->b, root->rank, root->dim, idx);
  KVal *value = arena_array(&k->r->L->mem, KVal, group->output.n + 1);
  for (uint32_t i = 0; i < group->output.n; i++) {
    NodeId n = group->output.at[i];
    const Type *t = rp_type(k->r, n);
    bool same = t->rank == root->rank && !memcmp(t->dim, root->dim, sizeof *t->dim * t->rank);
    value[i] = same ? node_value(k, n, idx, K_NONE) : expr_linear(k, n, &at, K_NONE);
  }
  for (uint32_t i = 0; i < group->output.n; i++)
    kb_store(&k->b, kern_out(k, group->output.at[i]), &at, value[i], K_NONE);
}

/* ---------------------------------------------------------------- rows gathered from far away */

/* The gather of whole rows of a large stored tensor that the group's rows are made of, or IR_NONE. */
static NodeId far_rows(const RegionPlan *r, const Group *group, const Type *root) {
  enum { FAR_BYTES = 4 << 20, ROW_BYTES = 256 };
  for (uint32_t m = 0; m < group->member.n; m++) {
    NodeId n = group->member.at[m];
    if (rp_node(r, n)->op != OP_gather) continue;
    const Attr *a = rp_attr(r, n);
    NodeId x = rp_in(r, n)[0], index = rp_in(r, n)[1];
    const Type *t = rp_type(r, x);
    int64_t bytes = ir_elements(t) * ir_dtype_size(t->dtype);
    bool whole_rows = a->axis == 0 && a->n_batch == 0 && rp_type(r, index)->rank == 1 && r->group[x] == GROUP_LEAF &&
                      r->group[index] == GROUP_LEAF;
    if (whole_rows && bytes >= FAR_BYTES && bytes / t->dim[0] >= ROW_BYTES && root->rank > 0 &&
        root->dim[0] == rp_type(r, index)->dim[0])
      return n;
  }
  return IR_NONE;
}

/* Asks for the lines of the row that comes some rows later: rows drawn at random come from memory. */
static void prefetch_row(Kern *k, NodeId gather, const Ix *row) {
  enum { AHEAD = 4, LINE = 64 };
  RegionPlan *r = k->r;
  KBuilder *b = &k->b;
  NodeId x = rp_in(r, gather)[0], index = rp_in(r, gather)[1];
  const Type *t = rp_type(r, x);
  int64_t rows = rp_elements(r, index), row_elements = ir_elements(t) / t->dim[0],
          step = LINE / ir_dtype_size(t->dtype);
  Ix later = ix_addc(row, AHEAD);
  KVal at = kb_op(b, OP_min, DT_I64, ix_materialise(b, &later), kb_int(b, rows - 1), K_NONE);
  Ix ix = ix_value(at);
  KVal v = kb_op(b, OP_cast, DT_I64, node_value(k, index, &ix, K_NONE), K_NONE, K_NONE);
  v = kb_op(b, OP_max, DT_I64, v, kb_int(b, 0), K_NONE);
  v = kb_op(b, OP_min, DT_I64, v, kb_int(b, t->dim[0] - 1), K_NONE);
  uint32_t buf = kern_buf(k, &r->store[x], t->dtype, ir_elements(t), false);
  Ix begin = ix_value(v), line = ix_value(kb_for(b, KL_SERIAL, 1, (row_elements + step - 1) / step, K_NONE));
  begin = ix_scale(&begin, row_elements), line = ix_scale(&line, step);
  Ix place = ix_add(b, &begin, &line);
  kb_prefetch(b, buf, &place);
  kb_end(b);
}

void nest_map(RegionPlan *r, uint32_t g) {
  const Group *group = &r->groups.at[g];
  const Type *root = rp_type(r, group->root);
  int64_t elements = ir_elements(root);
  if (elements == 0) return;
  Kern k = kern_new(r, g);
  for (uint32_t i = 0; i < group->output.n; i++) kern_out(&k, group->output.at[i]);
  Loops l = loops_of_space(r, g, root->rank, root->dim);
  uint32_t lanes = group_lanes(r, g);
  double cost = group_cost(r, g) * (double)elements;
  int64_t unit = l.n == 1 ? lanes : 1, units = l.n ? round_up(l.extent[0], unit) / unit : 1;
  int64_t tasks = tasks_for(cost, units), chunk = l.n ? round_up(units, tasks) / tasks * unit : 1;
  if (l.n) tasks = round_up(l.extent[0], chunk) / chunk;
  Ix iv[IR_MAX_RANK];
  NodeId far = far_rows(r, group, root);
  for (uint32_t i = 0; i < l.n; i++) {
    bool vector = i + 1 == l.n && l.extent[i] >= 4;
    KLoopKind kind = vector ? KL_VECTOR : KL_SERIAL;
    iv[i] = i == 0 ? open_shared(&k.b, kind, lanes, l.extent[0], chunk, tasks)
                   : ix_value(kb_for(&k.b, kind, lanes, l.extent[i], K_NONE));
    if (i == 0 && l.n == 2 && far != IR_NONE) prefetch_row(&k, far, &iv[0]);
  }
  map_body(&k, &l, iv, root);
  for (uint32_t i = 0; i < l.n; i++) kb_end(&k.b);
  k.cost = cost;
  kern_launch(&k, tasks, "map", group->root);
}
