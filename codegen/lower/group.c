/* Fusion: which nodes are computed together.
 *
 * One sweep from the results backwards. When a node is reached every user of it has been placed, so the question is
 * only whether all of them are in one group and read it element for element (path A or B); then it joins them, and the
 * group stays convex without any search. Nodes that cost nothing (views, casts, iota, scalars) are inline: they belong
 * to whoever uses them.
 */
#include "codegen/lower/lower.h"
#include <stdlib.h>
#include <string.h>

enum {
  FEW = 4
}; /* an expensive tensor of which no more than one part in so many is read is computed where it is read */
enum { MAX_OPS = 96, MAX_LOADS = 24, MAX_INLINE_CHAIN = 12 };
static const int64_t ROW_BYTES = 16384; /* a row that stays in L1 between sweeps */
static const int64_t MICRO_WORK = 4096; /* multiply-adds below which a product is a plain reduction */

/* ---------------------------------------------------------------- classes */

double op_cost(Op op) {
  switch (op) {
  case OP_exp:
  case OP_log:
  case OP_expm1:
  case OP_log1p: return 0.12;
  case OP_tanh:
  case OP_logistic:
  case OP_erf:
  case OP_atan: return 0.16;
  case OP_sin:
  case OP_cos:
  case OP_softplus: return 0.3;
  case OP_pow: return 0.5;
  case OP_random: return 0.5;
  case OP_div:
  case OP_sqrt:
  case OP_rem: return 0.06;
  default: return 0.01;
  }
}

static bool op_is_expensive(Op op) { return op_cost(op) > 0.02; }

static bool is_custom_reduction(Op op) {
  return op == OP_conv_general || op == OP_window_sum || op == OP_window_argmax || op == OP_argmax || op == OP_argmin;
}

static bool micro_fits(const RegionPlan *r, NodeId n) {
  const Type *t = rp_type(r, n);
  if (!ir_is_float(t->dtype)) return false;
  DotPlan d = dot_plan(r, n);
  return d.ok && d.m > 1 && d.n > 1 && d.k > 0 && d.m * d.n * d.k >= MICRO_WORK &&
         d.m * d.k + d.k * d.n < (int64_t)1 << 40;
}

static Class find_class(const RegionPlan *r, NodeId n) {
  const Node *node = rp_node(r, n);
  uint32_t flags = op_table[node->op].flags;
  switch (node->op) {
  case OP_param:
  case OP_proj: return CL_LEAF;
  case OP_const: return rp_elements(r, n) == 1 ? CL_INLINE : CL_LEAF;
  case OP_iota:
  case OP_cast: return CL_INLINE;
  case OP_random:
  case OP_key_fold:
  case OP_gather:
  case OP_dynamic_slice:
  case OP_window_pick: return CL_MAP;
  case OP_reduce_sum:
  case OP_reduce_max:
  case OP_reduce_min: return CL_REDUCE;
  case OP_dot_general: return micro_fits(r, n) ? CL_DOT : CL_CUSTOM;
  case OP_scan:
  case OP_while: return CL_LOOP;
  case OP_concat: return node->n_in <= 3 ? CL_INLINE : CL_OPAQUE;
  default: break;
  }
  if (is_custom_reduction(node->op)) return CL_CUSTOM;
  if (flags & OPF_VIEW) return CL_INLINE;
  return flags & OPF_ELEMENTWISE ? CL_MAP : CL_OPAQUE;
}

bool is_update(Op op) {
  return op == OP_scatter_add || op == OP_scatter_set || op == OP_dynamic_add || op == OP_dynamic_put;
}

Class node_class(const RegionPlan *r, NodeId n) { return (Class)r->cls[n]; }

/* ---------------------------------------------------------------- spaces */

Spec spec_of(const Type *full, uint32_t red_axes) {
  Spec s = {0};
  for (uint32_t i = 0; i < full->rank; i++) {
    if (full->dim[i] == 1) continue;
    if (red_axes >> i & 1) s.red |= 1u << s.rank;
    s.dim[s.rank++] = full->dim[i];
  }
  return s;
}

static bool spec_equal(const Spec *a, const Spec *b) {
  return a->rank == b->rank && a->red == b->red && !memcmp(a->dim, b->dim, a->rank * sizeof *a->dim);
}

/* Reduced axes are the last ones: each kept element owns a contiguous row. */
static bool spec_is_rows(const Spec *s, uint32_t dtype_size) {
  int64_t row = dtype_size;
  uint32_t i = s->rank;
  while (i > 0 && s->red >> (i - 1) & 1) row *= s->dim[--i];
  return s->red && (s->red & ((1u << i) - 1)) == 0 && row <= ROW_BYTES;
}

static Spec spec_of_reduce(const RegionPlan *r, NodeId n) {
  const IntList *axes = &rp_attr(r, n)->axes;
  uint32_t red = 0;
  for (uint32_t i = 0; i < axes->n; i++) red |= 1u << axes->v[i];
  return spec_of(rp_type(r, rp_in(r, n)[0]), red);
}

/* The space whose kept part a broadcast's operand is. */
static Spec spec_of_broadcast(const RegionPlan *r, NodeId n) {
  const IntList *axes = &rp_attr(r, n)->axes;
  const Type *from = rp_type(r, rp_in(r, n)[0]), *to = rp_type(r, n);
  uint32_t red = (1u << to->rank) - 1;
  for (uint32_t i = 0; i < axes->n; i++)
    if (from->dim[i] == to->dim[axes->v[i]]) red &= ~(1u << axes->v[i]);
  return spec_of(to, red);
}

/* ---------------------------------------------------------------- uses */

/* Root ids order the groups: whatever a group reads is made by a group of smaller root. A value used by several groups
 * may therefore be made inside the one of smallest root, as an extra output, and no cycle can come of it. */
static void use(RegionPlan *r, NodeId n, uint32_t g, uint8_t path, bool many, int64_t evals) {
  uint32_t old = r->user[n];
  r->many[n] |= many;
  if (old == GROUP_NONE)
    r->user[n] = g, r->path[n] = path;
  else if (old == g)
    r->path[n] = r->path[n] == path ? path : PATH_MANY;
  else {
    r->many[n] = true;
    if (r->groups.at[g].root < r->groups.at[old].root) r->user[n] = g, r->path[n] = path;
  }
  if (evals > r->evals[n]) r->evals[n] = evals;
}

/* Path of a broadcast's operand when the broadcast itself is read at `path`. */
static uint8_t broadcast_path(RegionPlan *r, NodeId n, uint32_t g, uint8_t path) {
  Group *group = &r->groups.at[g];
  if (group->kind != GK_MAP && group->kind != GK_DOT) return PATH_OTHER;
  if (rp_elements(r, rp_in(r, n)[0]) <= 1 || group->custom != IR_NONE) return PATH_OTHER;
  Spec s = spec_of_broadcast(r, n);
  if (!spec_is_rows(&s, ir_dtype_size(rp_type(r, n)->dtype))) return PATH_OTHER;
  if (group->b_space == B_FULL) return path == PATH_B && spec_equal(&s, &group->spec) ? PATH_A : PATH_OTHER;
  if (path != PATH_A) return PATH_OTHER;
  if (group->b_space == B_NONE) group->b_space = B_KEPT, group->spec = s;
  return spec_equal(&s, &group->spec) ? PATH_B : PATH_OTHER;
}

/* How operand i of n is read when n itself is evaluated at `path` in group g. */
static uint8_t operand_path(RegionPlan *r, NodeId n, uint32_t i, uint32_t g, uint8_t path) {
  const Node *node = rp_node(r, n);
  if (path != PATH_A && path != PATH_B) return PATH_OTHER;
  if (node->op == OP_broadcast) return broadcast_path(r, n, g, path);
  if (node->op == OP_reshape) return path;
  if (op_table[node->op].flags & OPF_ELEMENTWISE) return path;
  return node->op == OP_window_pick && i == 1 ? path : PATH_OTHER;
}

/* `at_use`: n is computed where it is used, as often as it is asked for, and not once for each of its elements. */
static void use_operands(RegionPlan *r, NodeId n, uint32_t g, uint8_t path, bool many, bool at_use) {
  const NodeId *in = rp_in(r, n);
  int64_t evals = rp_elements(r, n);
  if (at_use && (r->evals[n] < evals || rp_node(r, n)->op != OP_broadcast)) evals = r->evals[n];
  for (uint32_t i = 0; i < rp_node(r, n)->n_in; i++) use(r, in[i], g, operand_path(r, n, i, g, path), many, evals);
}

/* ---------------------------------------------------------------- joining */

static uint32_t new_group(RegionPlan *r, GroupKind kind, NodeId root) {
  Group g = {.kind = (uint8_t)kind, .root = root, .custom = IR_NONE, .dot = IR_NONE, .result = UINT32_MAX};
  vec_push(&r->groups, g);
  return r->groups.n - 1;
}

static void add_member(RegionPlan *r, uint32_t g, NodeId n, bool output) {
  Group *group = &r->groups.at[g];
  r->group[n] = g;
  vec_push(&group->member, n);
  if (output) vec_push(&group->output, n);
  group->ops += op_is_expensive(rp_node(r, n)->op) ? 6 : 1; /* by the code they become */
}

/* The group that n might join: the one of smallest root among its users. */
static Group *host_group(RegionPlan *r, NodeId n) {
  if (r->L->no_fusion || r->user[n] == GROUP_NONE) return NULL;
  Group *g = &r->groups.at[r->user[n]];
  if (g->kind != GK_MAP && g->kind != GK_DOT) return NULL;
  return g->ops < MAX_OPS ? g : NULL;
}

static bool needs_storage(const RegionPlan *r, NodeId n) { return r->force[n] || r->many[n]; }

static bool map_may_join(RegionPlan *r, NodeId n) {
  Group *g = host_group(r, n);
  if (!g) return false;
  if (r->path[n] == PATH_A) return true;
  if (needs_storage(r, n)) return false;
  if (r->path[n] == PATH_B) return true;
  if (op_is_expensive(rp_node(r, n)->op) && r->evals[n] > rp_elements(r, n) / FEW) return false;
  if (rp_elements(r, n) == 1) return g->ops < MAX_OPS / 2;
  return r->path[n] == PATH_OTHER && r->evals[n] <= rp_elements(r, n) && g->kind == GK_MAP;
}

/* A reduction joins as producer of a map over its result, or as the reduction of rows that the group broadcasts back.
 */
static bool reduce_may_join(RegionPlan *r, NodeId n) {
  Group *g = host_group(r, n);
  if (!g || g->kind != GK_MAP || g->custom != IR_NONE) return false;
  Spec s = spec_of_reduce(r, n);
  if (r->path[n] == PATH_A && g->b_space == B_NONE) {
    g->b_space = B_FULL, g->spec = s;
    return true;
  }
  bool at_kept = g->b_space == B_FULL ? r->path[n] == PATH_A : r->path[n] == PATH_B && !needs_storage(r, n);
  return at_kept && spec_equal(&s, &g->spec);
}

static bool custom_may_join(RegionPlan *r, NodeId n) {
  Group *g = host_group(r, n);
  if (!g || g->kind != GK_MAP || g->b_space != B_NONE || r->path[n] != PATH_A) return false;
  g->b_space = B_FULL, g->custom = n;
  return true;
}

static bool dot_may_join(RegionPlan *r, NodeId n) {
  Group *g = host_group(r, n);
  if (!g || g->kind != GK_MAP || g->has_reduce || g->b_space == B_FULL || r->path[n] != PATH_A) return false;
  if (dot_wants_blas(r, n)) return false; /* leaves no tile for the maps after it */
  g->kind = GK_DOT, g->dot = n;
  return true;
}

/* ---------------------------------------------------------------- the sweep */

static void place_inline(RegionPlan *r, NodeId n) {
  r->group[n] = GROUP_INLINE;
  if (r->user[n] != GROUP_NONE) use_operands(r, n, r->user[n], r->path[n], r->many[n], true);
}

static void place_map(RegionPlan *r, NodeId n) {
  bool join = map_may_join(r, n);
  uint32_t g = join ? r->user[n] : new_group(r, GK_MAP, n);
  uint8_t path = join ? r->path[n] : PATH_A;
  add_member(r, g, n, !join || needs_storage(r, n));
  use_operands(r, n, g, path, false, join && path == PATH_OTHER);
}

static void place_reduce(RegionPlan *r, NodeId n) {
  bool join = reduce_may_join(r, n);
  uint32_t g = join ? r->user[n] : new_group(r, GK_MAP, n);
  Group *group = &r->groups.at[g];
  if (!join) group->b_space = B_FULL, group->spec = spec_of_reduce(r, n);
  group->has_reduce = true;
  add_member(r, g, n, !join || needs_storage(r, n));
  NodeId x = rp_in(r, n)[0];
  use(r, x, g, r->groups.at[g].b_space == B_FULL ? PATH_B : PATH_A, false, rp_elements(r, x));
}

static void place_custom(RegionPlan *r, NodeId n) {
  bool join = custom_may_join(r, n);
  uint32_t g = join ? r->user[n] : new_group(r, GK_MAP, n);
  Group *group = &r->groups.at[g];
  if (!join) group->b_space = B_FULL, group->custom = n;
  group->has_reduce = true;
  add_member(r, g, n, !join || needs_storage(r, n));
  Space s = reduce_space(r, n);
  int64_t evals = rp_elements(r, n);
  for (uint32_t i = 0; i < s.n_red; i++) evals *= s.red[i];
  for (uint32_t i = 0; i < rp_node(r, n)->n_in; i++) use(r, rp_in(r, n)[i], g, PATH_OTHER, false, evals);
}

static void place_dot(RegionPlan *r, NodeId n) {
  bool join = dot_may_join(r, n);
  uint32_t g = join ? r->user[n] : new_group(r, GK_DOT, n);
  r->groups.at[g].dot = n;
  add_member(r, g, n, !join || needs_storage(r, n));
  DotPlan d = dot_plan(r, n);
  const NodeId *in = rp_in(r, n);
  if (d.copy_a) r->force[in[0]] = true;
  if (d.copy_b) r->force[in[1]] = true;
  for (uint32_t i = 0; i < 2; i++) use(r, in[i], g, PATH_OTHER, false, INT64_MAX);
}

/* Operands that an opaque nest reads as plain memory rather than element by element. */
static bool wants_memory(const RegionPlan *r, NodeId n) {
  const Node *node = rp_node(r, n);
  return node_class(r, n) == CL_LOOP || op_table[node->op].flags & OPF_LAPACK || node->op == OP_sort ||
         node->op == OP_argsort;
}

static void place_opaque(RegionPlan *r, NodeId n, GroupKind kind) {
  uint32_t g = new_group(r, kind, n);
  const Node *node = rp_node(r, n);
  add_member(r, g, n, !(op_table[node->op].flags & OPF_MULTI));
  for (uint32_t i = 0; i < node->n_in; i++) {
    NodeId x = rp_in(r, n)[i];
    if (wants_memory(r, n)) r->force[x] = true;
    use(r, x, g, PATH_OTHER, false, INT64_MAX);
  }
}

/* A tensor that several groups read through inline nodes; long chains of those are cut by storage now and then. */
static void measure_chains(RegionPlan *r) {
  uint8_t *chain = arena_array(&r->L->mem, uint8_t, r->n + 1);
  for (NodeId n = 0; n < r->n; n++) {
    if (node_class(r, n) != CL_INLINE) continue;
    for (uint32_t i = 0; i < rp_node(r, n)->n_in; i++)
      if (chain[rp_in(r, n)[i]] >= chain[n]) chain[n] = chain[rp_in(r, n)[i]] + 1;
    if (chain[n] >= MAX_INLINE_CHAIN) r->force[n] = true, chain[n] = 0;
  }
}

static void place(RegionPlan *r, NodeId n) {
  Class c = node_class(r, n);
  bool unfused = r->L->no_fusion && rp_node(r, n)->op != OP_const;
  if (c == CL_LEAF) {
    r->group[n] = GROUP_LEAF;
    if (rp_node(r, n)->op == OP_proj) {
      NodeId tuple = rp_in(r, n)[0];
      if (r->user[tuple] == GROUP_NONE) r->user[tuple] = r->user[n];
      r->live[tuple] = true;
    }
    return;
  }
  if (c == CL_INLINE && !r->force[n] && !unfused)
    place_inline(r, n);
  else if (c == CL_INLINE || c == CL_MAP)
    place_map(r, n);
  else if (c == CL_REDUCE)
    place_reduce(r, n);
  else if (c == CL_CUSTOM)
    place_custom(r, n);
  else if (c == CL_DOT)
    place_dot(r, n);
  else
    place_opaque(r, n, c == CL_LOOP ? GK_LOOP : GK_OPAQUE);
}

static void reverse_members(Group *g) {
  for (uint32_t i = 0; i < g->member.n / 2; i++) {
    NodeId t = g->member.at[i];
    g->member.at[i] = g->member.at[g->member.n - 1 - i];
    g->member.at[g->member.n - 1 - i] = t;
  }
}

/* The projections of a multi-result node are its group's outputs. */
static void collect_projections(RegionPlan *r) {
  for (NodeId n = 0; n < r->n; n++) {
    if (rp_node(r, n)->op != OP_proj || !r->live[n]) continue;
    uint32_t g = r->group[rp_in(r, n)[0]];
    r->group[n] = g;
    vec_push(&r->groups.at[g].output, n);
  }
}

void group_region(RegionPlan *r) {
  const Region *region = ir_region(r->L->m, r->region);
  for (NodeId n = 0; n < r->n; n++) r->user[n] = r->group[n] = GROUP_NONE;
  for (NodeId n = 0; n < r->n; n++) r->cls[n] = (uint8_t)find_class(r, n);
  measure_chains(r);
  for (uint32_t i = 0; i < r->n_dest; i++) r->force[region->result.at[i]] = r->live[region->result.at[i]] = true;
  for (NodeId n = r->n; n-- > 0;)
    if (r->live[n] || r->user[n] != GROUP_NONE) {
      r->live[n] = true;
      place(r, n);
    }
  for (uint32_t g = 0; g < r->groups.n; g++) reverse_members(&r->groups.at[g]);
  collect_projections(r);
}

/* ---------------------------------------------------------------- what a group reads */

typedef struct Walk {
  RegionPlan *r;
  uint32_t g;
  void (*f)(void *, NodeId, bool);
  void *user;
} Walk;

/* Operand x read at `path`: a value with storage, or an inline node to look through (chains are short). */
static void walk_operand(Walk *w, NodeId x, uint8_t path) {
  RegionPlan *r = w->r;
  if (r->group[x] == w->g) return;
  if (r->group[x] != GROUP_INLINE) {
    w->f(w->user, x, path == PATH_A);
    return;
  }
  for (uint32_t i = 0; i < rp_node(r, x)->n_in; i++) walk_operand(w, rp_in(r, x)[i], operand_path(r, x, i, w->g, path));
}

/* The first operand of an update, and the first value of a carry that ends where it began, may be overwritten. */
static bool starts_in_place(const RegionPlan *r, const Group *g, NodeId n, uint32_t operand) {
  if (is_update(rp_node(r, n)->op)) return operand == 0;
  if (g->kind != GK_LOOP || operand >= rp_attr(r, n)->n_carry) return false;
  for (uint32_t i = 0; i < g->output.n; i++) {
    NodeId p = g->output.at[i];
    uint32_t dest = r->claimed_by[p];
    if (rp_attr(r, p)->index == operand && dest != UINT32_MAX && r->dest[dest].in == rp_in(r, n)[operand]) return true;
  }
  return false;
}

void group_reads(RegionPlan *r, uint32_t g, void (*f)(void *user, NodeId value, bool same), void *user) {
  Walk w = {r, g, f, user};
  const Group *group = &r->groups.at[g];
  for (uint32_t m = 0; m < group->member.n; m++) {
    NodeId n = group->member.at[m];
    const Node *node = rp_node(r, n);
    Class c = node_class(r, n);
    bool is_output = false;
    for (uint32_t i = 0; i < group->output.n; i++) is_output |= group->output.at[i] == n;
    uint8_t at = is_output ? PATH_A : r->path[n];
    for (uint32_t i = 0; i < node->n_in; i++) {
      uint8_t path = c == CL_MAP || c == CL_INLINE ? operand_path(r, n, i, g, at) : PATH_OTHER;
      if (starts_in_place(r, group, n, i)) path = PATH_A;
      if (c == CL_REDUCE) path = group->b_space == B_FULL ? PATH_B : PATH_A;
      walk_operand(&w, rp_in(r, n)[i], path);
    }
  }
}
