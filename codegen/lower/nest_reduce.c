/* Templates `row`, `col` and `all`: groups with reductions.
 *
 * Kept loops outside, reduced loops inside; vectors along the last axis of the space, whichever kind it is. Reductions
 * that need the result of others (softmax: the sum of exp(x - max)) take several sweeps over the same row. A reduction
 * with little kept space is cut into chunks by shape: one kernel leaves a partial result for each, a second combines
 * them in order, so that the bits do not depend on threads.
 */
#include "codegen/lower/nest.h"
#include <math.h>
#include <string.h>

enum { SPLIT_FROM = 512 };

typedef struct Nest {
  RegionPlan *r;
  uint32_t g;
  Kern k;
  Loops kept, red; /* loop_of unused: positions are per loop */
  uint32_t n_dims; /* spec or space dims */
  int64_t dim[2 * IR_MAX_RANK];
  uint32_t loop[2 * IR_MAX_RANK]; /* loop of each dim, in kept or red */
  uint32_t red_mask;
  bool vector_red; /* the last reduced loop carries the lanes */
  uint32_t width;  /* of the vector loop; 0: no vectors */
  uint32_t levels;
  uint8_t *level; /* per member */
  Ix kept_iv[2 * IR_MAX_RANK], red_iv[2 * IR_MAX_RANK];
  int64_t tasks, chunk;
  bool split; /* the first reduced loop is cut over tasks */
} Nest;

/* ---------------------------------------------------------------- spaces */

static void dot_space(const RegionPlan *r, NodeId n, Space *s) {
  const Attr *a = rp_attr(r, n);
  const Type *x = rp_type(r, rp_in(r, n)[0]);
  for (uint32_t i = 0; i < a->contract_a.n; i++) s->red[s->n_red++] = x->dim[a->contract_a.v[i]];
}

static void conv_space(const RegionPlan *r, NodeId n, Space *s) {
  const Type *w = rp_type(r, rp_in(r, n)[1]);
  for (uint32_t i = 2; i < w->rank; i++) s->red[s->n_red++] = w->dim[i];
}

static void window_space(const RegionPlan *r, NodeId n, Space *s) {
  const Attr *a = rp_attr(r, n);
  for (uint32_t i = 0; i < a->n_window; i++) s->red[s->n_red++] = a->window[i].size;
}

Space reduce_space(const RegionPlan *r, NodeId n) {
  Space s = {0};
  const Type *t = rp_type(r, n);
  s.n_kept = t->rank;
  memcpy(s.kept, t->dim, sizeof *t->dim * t->rank);
  switch (rp_node(r, n)->op) {
  case OP_dot_general: dot_space(r, n, &s); break;
  case OP_conv_general: conv_space(r, n, &s); break;
  case OP_window_sum:
  case OP_window_argmax: window_space(r, n, &s); break;
  default: s.red[s.n_red++] = rp_type(r, rp_in(r, n)[0])->dim[rp_attr(r, n)->axis];
  }
  return s;
}

/* ---------------------------------------------------------------- elements of the contractions */

/* Position p*stride + k*dilation - lo on one axis of x spread by lhs_dilation: index in x, and where it exists. */
static Ix window_position(KBuilder *b, const WindowAxis *w, const Ix *p, const Ix *tap, int64_t extent, KVal *inside) {
  Ix at = ix_scale(p, w->stride), t = ix_scale(tap, w->dilation);
  at = ix_add(b, &at, &t);
  at = ix_addc(&at, -w->lo);
  int64_t ld = w->lhs_dilation;
  *inside = kb_and(b, *inside, ix_in_range(b, &at, 0, (extent - 1) * ld + 1));
  if (ld <= 1) return at;
  int64_t up = w->lo > 0 ? (w->lo + ld - 1) / ld : 0;
  Ix q, rem, shifted = ix_addc(&at, up * ld);
  ix_divmod(b, &shifted, ld, &q, &rem);
  *inside = kb_and(b, *inside, ix_in_range(b, &rem, 0, 1));
  return ix_addc(&q, -up);
}

/* Element of the windowed operand x[lead.., spatial..] under the window at kept with the taps in red. */
static KVal window_element(Nest *s, NodeId n, NodeId x, Ix *at, const Ix *kept, const Ix *taps, KVal *inside) {
  const Attr *a = rp_attr(s->r, n);
  const Type *t = rp_type(s->r, x);
  uint32_t lead = t->rank - a->n_window;
  for (uint32_t i = 0; i < a->n_window; i++)
    at[lead + i] = window_position(&s->k.b, &a->window[i], &kept[lead + i], &taps[i], t->dim[lead + i], inside);
  return node_value(&s->k, x, at, *inside);
}

/* The two factors of element (kept, red) of a dot. */
static void dot_factors(Nest *s, NodeId n, const Ix *kept, const Ix *red, KVal f[2]) {
  const Attr *a = rp_attr(s->r, n);
  uint32_t at = a->batch_a.n;
  for (uint32_t side = 0; side < 2; side++) {
    NodeId x = rp_in(s->r, n)[side];
    const IntList *batch = side ? &a->batch_b : &a->batch_a, *contract = side ? &a->contract_b : &a->contract_a;
    Ix idx[IR_MAX_RANK];
    uint32_t named = 0;
    for (uint32_t i = 0; i < batch->n; i++) idx[batch->v[i]] = kept[i], named |= 1u << batch->v[i];
    for (uint32_t i = 0; i < contract->n; i++) idx[contract->v[i]] = red[i], named |= 1u << contract->v[i];
    for (uint32_t i = 0; i < rp_type(s->r, x)->rank; i++)
      if (!(named >> i & 1)) idx[i] = kept[at++];
    f[side] = node_value(&s->k, x, idx, K_NONE);
  }
}

static void conv_factors(Nest *s, NodeId n, const Ix *kept, const Ix *red, KVal f[2], KVal *inside) {
  const NodeId *in = rp_in(s->r, n);
  uint32_t spatial = rp_attr(s->r, n)->n_window;
  Ix at[IR_MAX_RANK] = {kept[0], kept[1], red[0]}, at_w[IR_MAX_RANK] = {kept[0], kept[2]};
  f[0] = window_element(s, n, in[0], at, kept, red + 1, inside);
  for (uint32_t i = 0; i <= spatial; i++) at_w[2 + i] = red[i];
  f[1] = node_value(&s->k, in[1], at_w, K_NONE);
}

/* ---------------------------------------------------------------- one reduction */

typedef struct Running {
  NodeId node;
  Op combine;
  KVal acc, where; /* where: index of the best, for argmax */
} Running;

static Op combine_of(Op op) {
  if (op == OP_reduce_max || op == OP_argmax || op == OP_window_argmax) return OP_max;
  return op == OP_reduce_min || op == OP_argmin ? OP_min : OP_add;
}

static KVal extreme(KBuilder *b, DType d, bool lowest) {
  static const int64_t low[DT_COUNT] = {[DT_I32] = INT32_MIN, [DT_I64] = INT64_MIN};
  static const uint64_t high[DT_COUNT] = {[DT_BOOL] = 1,        [DT_U8] = 255,         [DT_I32] = INT32_MAX,
                                          [DT_I64] = INT64_MAX, [DT_U32] = UINT32_MAX, [DT_U64] = UINT64_MAX};
  if (ir_is_float(d)) return kb_number(b, d, lowest ? -INFINITY : INFINITY);
  return kb_lit(b, d, lowest ? (uint64_t)low[d] : high[d]);
}

static bool is_argument(Op op) { return op == OP_argmax || op == OP_argmin || op == OP_window_argmax; }

static Running start(Nest *s, NodeId n, uint32_t width) {
  Op op = rp_node(s->r, n)->op, combine = combine_of(op);
  DType d = rp_type(s->r, rp_in(s->r, n)[0])->dtype;
  KVal init = combine == OP_add ? kb_number(&s->k.b, d, 0) : extreme(&s->k.b, d, combine == OP_max);
  Running run = {.node = n, .combine = combine, .where = K_NONE};
  run.acc = kb_acc(&s->k.b, d, init, width);
  if (is_argument(op)) run.where = kb_acc(&s->k.b, DT_I32, kb_number(&s->k.b, DT_I32, 0), width);
  return run;
}

/* First strictly better element wins, NaN beats everything. */
static void step_argument(Nest *s, Running *run, KVal v, KVal where) {
  KBuilder *b = &s->k.b;
  DType d = b->k->inst.at[v].dtype;
  KVal best = kb_get(b, run->acc);
  KVal better =
      run->combine == OP_max ? kb_op(b, OP_lt, DT_BOOL, best, v, K_NONE) : kb_op(b, OP_lt, DT_BOOL, v, best, K_NONE);
  if (ir_is_float(d)) {
    KVal nan = kb_op(b, OP_ne, DT_BOOL, v, v, K_NONE), known = kb_op(b, OP_eq, DT_BOOL, best, best, K_NONE);
    better = kb_op(b, OP_or, DT_BOOL, better, kb_op(b, OP_and, DT_BOOL, nan, known, K_NONE), K_NONE);
  }
  kb_set(b, run->acc, kb_op(b, OP_select, d, better, v, best));
  KVal at = kb_op(b, OP_cast, DT_I32, where, K_NONE, K_NONE);
  kb_set(b, run->where, kb_op(b, OP_select, DT_I32, better, at, kb_get(b, run->where)));
}

/* acc += x*y where `inside`. */
static void step_product(Nest *s, Running *run, const KVal f[2], KVal inside) {
  KBuilder *b = &s->k.b;
  DType d = b->k->inst.at[f[0]].dtype;
  KVal old = kb_get(b, run->acc);
  KVal sum = ir_is_float(d) ? kb_fma(b, d, f[0], f[1], old)
                            : kb_op(b, OP_add, d, kb_op(b, OP_mul, d, f[0], f[1], K_NONE), old, K_NONE);
  kb_set(b, run->acc, inside == K_NONE ? sum : kb_op(b, OP_select, d, inside, sum, old));
}

static void step_plain(Nest *s, Running *run, KVal v) {
  KBuilder *b = &s->k.b;
  KVal old = kb_get(b, run->acc);
  kb_set(b, run->acc, kb_op(b, run->combine, b->k->inst.at[v].dtype, old, v, K_NONE));
}

static void dims_index(const Nest *s, Ix *kept, Ix *red) {
  KBuilder *b = (KBuilder *)&s->k.b;
  uint32_t nk = 0, nr = 0;
  for (uint32_t i = 0; i < s->n_dims;) {
    bool is_red = s->red_mask >> i & 1;
    uint32_t j = i, *n = is_red ? &nr : &nk;
    Ix *out = is_red ? red : kept;
    if (s->loop[i] == UINT32_MAX) {
      out[(*n)++] = ix_const(0);
      i++;
      continue;
    }
    while (j < s->n_dims && s->loop[j] == s->loop[i] && (s->red_mask >> j & 1) == is_red) j++;
    expr_delinearise(b, is_red ? &s->red_iv[s->loop[i]] : &s->kept_iv[s->loop[i]], j - i, s->dim + i, out + *n);
    *n += j - i, i = j;
  }
}

/* Row-major position in the whole space, reduced axes included. */
static Ix full_position(Nest *s) {
  Ix kept[2 * IR_MAX_RANK], red[2 * IR_MAX_RANK], all[2 * IR_MAX_RANK];
  uint32_t nk = 0, nr = 0;
  dims_index(s, kept, red);
  for (uint32_t i = 0; i < s->n_dims; i++) all[i] = s->red_mask >> i & 1 ? red[nr++] : kept[nk++];
  return expr_linearise(&s->k.b, s->n_dims, s->dim, all);
}

static Ix kept_position(Nest *s) {
  Ix kept[2 * IR_MAX_RANK], red[2 * IR_MAX_RANK];
  int64_t dim[2 * IR_MAX_RANK];
  uint32_t n = 0;
  for (uint32_t i = 0; i < s->red.n; i++) s->red_iv[i] = ix_const(0);
  dims_index(s, kept, red);
  for (uint32_t i = 0; i < s->n_dims; i++)
    if (!(s->red_mask >> i & 1)) dim[n++] = s->dim[i];
  return expr_linearise(&s->k.b, n, dim, kept);
}

static void step(Nest *s, Running *run) {
  NodeId n = run->node, x = rp_in(s->r, n)[0];
  Op op = rp_node(s->r, n)->op;
  Ix kept[2 * IR_MAX_RANK], red[2 * IR_MAX_RANK], at[IR_MAX_RANK];
  KVal f[2], inside = K_NONE, v;
  if (node_class(s->r, n) == CL_REDUCE) {
    Ix full = full_position(s);
    step_plain(s, run, expr_linear(&s->k, x, &full, K_NONE));
    return;
  }
  dims_index(s, kept, red);
  int64_t axis = rp_attr(s->r, n)->axis;
  switch (op) {
  case OP_dot_general:
    dot_factors(s, n, kept, red, f);
    step_product(s, run, f, K_NONE);
    break;
  case OP_conv_general:
    conv_factors(s, n, kept, red, f, &inside);
    step_product(s, run, f, inside);
    break;
  case OP_window_sum:
    memcpy(at, kept, sizeof at);
    v = window_element(s, n, x, at, kept, red, &inside);
    if (inside != K_NONE)
      v = kb_op(&s->k.b, OP_select, s->k.b.k->inst.at[v].dtype, inside, v,
                kb_number(&s->k.b, s->k.b.k->inst.at[v].dtype, 0));
    step_plain(s, run, v);
    break;
  case OP_window_argmax: {
    memcpy(at, kept, sizeof at);
    v = window_element(s, n, x, at, kept, red, &inside);
    DType d = s->k.b.k->inst.at[v].dtype;
    if (inside != K_NONE) v = kb_op(&s->k.b, OP_select, d, inside, v, kb_number(&s->k.b, d, -INFINITY));
    Space space = reduce_space(s->r, n);
    Ix tap = expr_linearise(&s->k.b, space.n_red, space.red, red);
    step_argument(s, run, v, ix_materialise(&s->k.b, &tap));
    break;
  }
  default:
    for (uint32_t i = 0, j = 0; i < rp_type(s->r, x)->rank; i++) at[i] = i == (uint32_t)axis ? red[0] : kept[j++];
    step_argument(s, run, node_value(&s->k, x, at, K_NONE), ix_materialise(&s->k.b, &red[0]));
  }
}

/* ---------------------------------------------------------------- the shape of the nest */

static void add_dim(Nest *s, int64_t extent, bool red, bool apart) {
  Loops *l = red ? &s->red : &s->kept;
  uint32_t i = s->n_dims++;
  s->dim[i] = extent;
  if (red) s->red_mask |= 1u << i;
  if (extent == 1) {
    s->loop[i] = UINT32_MAX;
    return;
  }
  bool joins = !apart && i > 0 && l->n > 0 && s->loop[i - 1] == l->n - 1 && ((s->red_mask >> (i - 1) & 1) != 0) == red;
  if (joins)
    l->extent[l->n - 1] *= extent;
  else
    l->extent[l->n++] = extent;
  s->loop[i] = l->n - 1;
}

static void shape_of_spec(Nest *s, const Spec *spec) {
  Loops l = loops_of_space(s->r, s->g, spec->rank, spec->dim);
  for (uint32_t i = 0; i < spec->rank; i++)
    add_dim(s, spec->dim[i], spec->red >> i & 1, i > 0 && l.loop_of[i] != l.loop_of[i - 1]);
  uint32_t last = spec->rank ? spec->rank - 1 : 0;
  s->vector_red = spec->rank && spec->red >> last & 1;
}

/* Contracted axis of unit stride in the larger operand: lanes run along it. */
static bool dot_wants_row(const Nest *s, NodeId n) {
  const Attr *a = rp_attr(s->r, n);
  const NodeId *in = rp_in(s->r, n);
  bool second = rp_elements(s->r, in[1]) > rp_elements(s->r, in[0]);
  const IntList *contract = second ? &a->contract_b : &a->contract_a;
  Strided v;
  if (contract->n == 0 || s->red.n == 0) return false;
  int64_t axis = contract->v[contract->n - 1];
  if (!strided_view(s->r, in[second], &v)) return axis + 1 == rp_type(s->r, in[second])->rank;
  return v.stride[axis] == 1 || s->kept.n == 0;
}

static void shape_of_custom(Nest *s, NodeId n) {
  Space space = reduce_space(s->r, n);
  for (uint32_t i = 0; i < space.n_kept; i++) add_dim(s, space.kept[i], false, true);
  for (uint32_t i = 0; i < space.n_red; i++) add_dim(s, space.red[i], true, true);
  s->vector_red = rp_node(s->r, n)->op == OP_dot_general && dot_wants_row(s, n);
}

/* Number of the sweep in which a node's value is known: reductions add one. */
static uint8_t level_of(const Nest *s, NodeId n, uint32_t depth) {
  const Group *group = &s->r->groups.at[s->g];
  if (s->r->group[n] == s->g) {
    uint32_t lo = 0, hi = group->member.n;
    while (lo + 1 < hi) {
      uint32_t mid = (lo + hi) / 2;
      if (group->member.at[mid] <= n)
        lo = mid;
      else
        hi = mid;
    }
    return s->level[lo];
  }
  uint8_t max = 0;
  if (s->r->group[n] != GROUP_INLINE || depth > 64) return 0;
  for (uint32_t i = 0; i < rp_node(s->r, n)->n_in; i++) {
    uint8_t l = level_of(s, rp_in(s->r, n)[i], depth + 1);
    if (l > max) max = l;
  }
  return max;
}

static void find_levels(Nest *s) {
  const Group *group = &s->r->groups.at[s->g];
  s->level = arena_array(&s->r->L->mem, uint8_t, group->member.n);
  for (uint32_t m = 0; m < group->member.n; m++) {
    NodeId n = group->member.at[m];
    Class c = node_class(s->r, n);
    uint8_t max = 0;
    for (uint32_t i = 0; i < rp_node(s->r, n)->n_in; i++) {
      uint8_t l = level_of(s, rp_in(s->r, n)[i], 0);
      if (l > max) max = l;
    }
    s->level[m] = max + (c == CL_REDUCE || c == CL_CUSTOM);
    if (s->level[m] > s->levels) s->levels = s->level[m];
  }
}

static int64_t product(const Loops *l) {
  int64_t p = 1;
  for (uint32_t i = 0; i < l->n; i++) p *= l->extent[i];
  return p;
}

/* Wide enough for several independent sums where the loop is long, no wider than pays for the last, partial one. */
static uint32_t vector_width(const Nest *s) {
  uint32_t lanes = group_lanes(s->r, s->g);
  const Loops *l = s->vector_red ? &s->red : &s->kept;
  if (l->n == 0 || l->extent[l->n - 1] < 4) return 0;
  int64_t extent = l->extent[l->n - 1];
  if (s->vector_red) return extent >= 16 * lanes ? 4 * lanes : extent >= 8 * lanes ? 2 * lanes : lanes;
  if (extent > 4 * lanes && extent <= 8 * lanes) return 8 * lanes; /* columns whole, each its own sum */
  return extent >= 4 * lanes ? 4 * lanes : extent >= 2 * lanes ? 2 * lanes : lanes;
}

static void share_work(Nest *s) {
  int64_t kept = product(&s->kept), red = product(&s->red);
  double cost = group_cost(s->r, s->g) * (double)kept * (double)(red ? red : 1);
  bool vector_first = s->kept.n == 1 && !s->vector_red && s->width;
  int64_t unit = vector_first ? s->width : 1;
  int64_t units = s->kept.n ? round_up(s->kept.extent[0], unit) / unit : 1;
  s->tasks = tasks_for(cost, units);
  s->k.cost = cost;
  const Group *group = &s->r->groups.at[s->g];
  bool argument = group->custom != IR_NONE && is_argument(rp_node(s->r, group->custom)->op);
  bool few = s->tasks < 2 || (s->tasks < 4 && cost > 16 * TASK_NS);
  if (few && red >= SPLIT_FROM && s->levels == 1 && !argument && group->b_space == B_FULL && s->red.n) {
    unit = s->red.n == 1 && s->vector_red && s->width ? s->width : 1;
    units = round_up(s->red.extent[0], unit) / unit;
    int64_t parts = tasks_for(cost, units);
    if (parts > s->tasks) {
      s->split = true, s->tasks = parts;
      s->chunk = round_up(units, parts) / parts * unit;
      s->tasks = round_up(s->red.extent[0], s->chunk) / s->chunk;
      return;
    }
  }
  if (!s->kept.n) return;
  s->chunk = round_up(units, s->tasks) / s->tasks * unit;
  s->tasks = round_up(s->kept.extent[0], s->chunk) / s->chunk;
}

/* ---------------------------------------------------------------- emission */

static void open_kept(Nest *s, bool shared) {
  for (uint32_t i = 0; i < s->kept.n; i++) {
    bool vector = i + 1 == s->kept.n && !s->vector_red && s->width;
    KLoopKind kind = vector ? KL_VECTOR : KL_SERIAL;
    s->kept_iv[i] = i == 0 && shared ? open_shared(&s->k.b, kind, s->width, s->kept.extent[0], s->chunk, s->tasks)
                                     : ix_value(kb_for(&s->k.b, kind, s->width, s->kept.extent[i], K_NONE));
  }
}

static void open_red(Nest *s) {
  for (uint32_t i = 0; i < s->red.n; i++) {
    bool vector = i + 1 == s->red.n && s->vector_red && s->width;
    KLoopKind kind = vector ? KL_VECTOR : KL_SERIAL;
    s->red_iv[i] = i == 0 && s->split ? open_shared(&s->k.b, kind, s->width, s->red.extent[0], s->chunk, s->tasks)
                                      : ix_value(kb_for(&s->k.b, kind, s->width, s->red.extent[i], K_NONE));
  }
}

static void close_loops(Nest *s, const Loops *l) {
  for (uint32_t i = 0; i < l->n; i++) kb_end(&s->k.b);
}

/* One sweep: every reduction of this level; their results stand for the nodes afterwards. */
static void sweep(Nest *s, uint8_t level) {
  const Group *group = &s->r->groups.at[s->g];
  Running *run = arena_array(&s->r->L->mem, Running, group->member.n);
  uint32_t n = 0, width = s->vector_red && s->width && s->red.n ? s->width : 1;
  for (uint32_t m = 0; m < group->member.n; m++) {
    Class c = node_class(s->r, group->member.at[m]);
    if ((c == CL_REDUCE || c == CL_CUSTOM) && s->level[m] == level) run[n++] = start(s, group->member.at[m], width);
  }
  open_red(s);
  for (uint32_t i = 0; i < n; i++) step(s, &run[i]);
  close_loops(s, &s->red);
  for (uint32_t i = 0; i < n; i++) {
    KVal acc = run[i].where != K_NONE ? run[i].where : run[i].acc;
    kern_override(&s->k, run[i].node, width > 1 ? kb_lanes(&s->k.b, run[i].combine, acc) : kb_get(&s->k.b, acc));
  }
}

static void store_full(Nest *s) {
  const Group *group = &s->r->groups.at[s->g];
  open_red(s);
  Ix at = full_position(s);
  store_outputs(&s->k, group->output.at, group->output.n, &at);
  close_loops(s, &s->red);
}

static void emit_whole(Nest *s) {
  const Group *group = &s->r->groups.at[s->g];
  for (uint32_t i = 0; i < group->output.n; i++) kern_out(&s->k, group->output.at[i]);
  open_kept(s, true);
  for (uint8_t level = 1; level <= s->levels; level++) sweep(s, level);
  if (group->b_space == B_FULL) {
    Ix at = kept_position(s);
    store_outputs(&s->k, group->output.at, group->output.n, &at);
  } else
    store_full(s);
  close_loops(s, &s->kept);
  kern_launch(&s->k, s->tasks, s->vector_red ? "row" : "col", group->root);
}

/* First kernel of a split reduction: partial[i][task, kept]. */
static void emit_partials(Nest *s, const NodeId *node, uint32_t n, const Store *partial) {
  int64_t kept = product(&s->kept);
  uint32_t *buf = arena_array(&s->r->L->mem, uint32_t, n);
  for (uint32_t i = 0; i < n; i++)
    buf[i] = kern_buf(&s->k, &partial[i], rp_type(s->r, node[i])->dtype, kept * s->tasks, true);
  open_kept(s, false);
  sweep(s, 1);
  Ix at = kept_position(s), task = ix_value(kb_task(&s->k.b, s->tasks));
  task = ix_scale(&task, kept);
  at = ix_add(&s->k.b, &at, &task);
  for (uint32_t i = 0; i < n; i++) kb_store(&s->k.b, buf[i], &at, expr_linear(&s->k, node[i], &at, K_NONE), K_NONE);
  close_loops(s, &s->kept);
  kern_launch(&s->k, s->tasks, "partial", node[0]);
}

/* Second kernel: partial results summed in the order of the chunks, then the maps over the kept space. */
static void emit_combine(Nest *s, const NodeId *node, uint32_t n, const Store *partial) {
  const Group *group = &s->r->groups.at[s->g];
  int64_t kept = product(&s->kept), parts = s->tasks;
  s->k = kern_new(s->r, s->g);
  s->k.cost = 0.05 * (double)(kept * parts);
  for (uint32_t i = 0; i < group->output.n; i++) kern_out(&s->k, group->output.at[i]);
  s->vector_red = false;
  s->width = vector_width(s);
  open_kept(s, false);
  Running *run = arena_array(&s->r->L->mem, Running, n);
  for (uint32_t i = 0; i < n; i++) run[i] = start(s, node[i], 1);
  Ix part = ix_value(kb_for(&s->k.b, KL_SERIAL, 1, parts, K_NONE)), at = kept_position(s);
  part = ix_scale(&part, kept);
  Ix from = ix_add(&s->k.b, &at, &part);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t buf = kern_buf(&s->k, &partial[i], rp_type(s->r, node[i])->dtype, kept * parts, false);
    step_plain(s, &run[i], kb_load(&s->k.b, buf, &from, K_NONE, 0));
  }
  kb_end(&s->k.b);
  for (uint32_t i = 0; i < n; i++) kern_override(&s->k, node[i], kb_get(&s->k.b, run[i].acc));
  store_outputs(&s->k, group->output.at, group->output.n, &at);
  close_loops(s, &s->kept);
  kern_launch(&s->k, 1, "combine", group->root);
}

static void emit_split(Nest *s) {
  const Group *group = &s->r->groups.at[s->g];
  NodeId *node = arena_array(&s->r->L->mem, NodeId, group->member.n);
  Store *partial = arena_array(&s->r->L->mem, Store, group->member.n);
  uint32_t n = 0;
  for (uint32_t m = 0; m < group->member.n; m++) {
    Class c = node_class(s->r, group->member.at[m]);
    if (c == CL_REDUCE || c == CL_CUSTOM) node[n++] = group->member.at[m];
  }
  for (uint32_t i = 0; i < n; i++)
    partial[i] = store_temp(s->r->L, product(&s->kept) * s->tasks * ir_dtype_size(rp_type(s->r, node[i])->dtype));
  emit_partials(s, node, n, partial);
  emit_combine(s, node, n, partial);
}

void nest_reduce(RegionPlan *r, uint32_t g) {
  const Group *group = &r->groups.at[g];
  if (rp_elements(r, group->root) == 0) return;
  Nest s = {.r = r, .g = g, .k = kern_new(r, g), .tasks = 1, .chunk = 1};
  if (group->custom != IR_NONE)
    shape_of_custom(&s, group->custom);
  else
    shape_of_spec(&s, &group->spec);
  s.width = vector_width(&s);
  find_levels(&s);
  share_work(&s);
  if (s.split)
    emit_split(&s);
  else
    emit_whole(&s);
}
