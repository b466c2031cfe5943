#include "ir/autodiff/gradcheck.h"
#include "ir/autodiff/autodiff.h"
#include "runtime/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One grad node under check. */
typedef struct Case {
  GradCheck *c;
  RegionId region;
  NodeId grad;
  const NodeId *x;
  uint32_t n_x;
  const Value *param;
  bool stopped; /* a loop between x and y has a stop_gradient in its body */
  Arena mem;
} Case;

static const Node *node_at(const GradCheck *c, RegionId r, NodeId n) { return ir_node(c->m, r, n); }

/* ---------------------------------------------------------------- regions to evaluate */

/* Marks what `root` needs, itself included. */
static void mark_needed(const Module *m, RegionId region, NodeId root, bool *needed) {
  needed[root] = true;
  for (NodeId n = root + 1; n-- > 0;) {
    if (!needed[n]) continue;
    const Node *node = ir_node(m, region, n);
    for (uint32_t k = 0; k < node->n_in; k++) needed[ir_operands(m, region, node)[k]] = true;
  }
}

static uint32_t node_count(const GradCheck *c, RegionId r) { return ir_region(c->m, r)->node.n; }

static RegionId close(Rebuild *r, DiagSink *sink) {
  RegionId made = r->b.region;
  Module *m = r->b.m;
  free(r->map);
  ir_builder_free(&r->b);
  return ir_differentiate(m, made, sink);
}

/* A region with the values of some nodes as results, gradients expanded. */
static RegionId region_of(GradCheck *c, RegionId from, const NodeId *want, uint32_t n) {
  bool *needed = calloc(node_count(c, from) + 1, sizeof *needed);
  NodeId last = 0;
  for (uint32_t k = 0; k < n; k++) {
    mark_needed(c->m, from, want[k], needed);
    if (want[k] > last) last = want[k];
  }
  Rebuild r = ir_rebuild(c->m, from, c->sink);
  for (NodeId i = 0; i <= last && n; i++)
    if (needed[i] && node_at(c, from, i)->op != OP_param) ir_copy_node(&r, i);
  for (uint32_t k = 0; k < n; k++) {
    NodeId made = r.map[want[k]];
    uint32_t parts = ir_type_get(c->m, node_at(c, from, want[k])->type)->n_tuple;
    if (!parts) ir_result(&r.b, made);
    for (uint32_t p = 0; p < parts; p++) ir_result(&r.b, ir_proj(&r.b, made, p));
  }
  free(needed);
  return close(&r, c->sink);
}

/* Is there a stop_gradient in this loop's body, however deep? */
static bool stops_inside(const Module *m, const Node *loop) {
  for (int b = 0; b < 2; b++) {
    if (loop->body[b] == IR_NONE) continue;
    const Region *r = ir_region(m, loop->body[b]);
    for (NodeId i = 0; i < r->node.n; i++)
      if (r->node.at[i].op == OP_stop_gradient || stops_inside(m, &r->node.at[i])) return true;
  }
  return false;
}

static uint32_t variable_of(const Case *k, NodeId n) {
  for (uint32_t i = 0; i < k->n_x; i++)
    if (k->x[i] == n) return i;
  return k->n_x;
}

/* Node n with moved operands; IR_NONE when none of them moves. */
static NodeId moved_copy(Case *k, Rebuild *r, const NodeId *moved, NodeId n) {
  Module *m = k->c->m;
  Node node = *node_at(k->c, k->region, n);
  NodeId *in = malloc(sizeof *in * (node.n_in + 1u));
  bool moves = false;
  for (uint32_t i = 0; i < node.n_in; i++) {
    NodeId from = ir_operands(m, k->region, &node)[i];
    in[i] = moved[from];
    moves = moves || moved[from] != r->map[from];
  }
  NodeId made = IR_NONE;
  if (moves && node.op != OP_stop_gradient) {
    k->stopped = k->stopped || stops_inside(m, &node);
    const Attr *a = node.attr == IR_NONE ? NULL : ir_attr_get(m, node.attr);
    made = ir_emit_region(&r->b, (Op)node.op, in, node.n_in, a, node.body[0], node.body[1]);
  }
  free(in);
  return made;
}

/* y of the variables moved by further parameters, one for each variable. Every node on the way stands twice, as it was
 * and moved, so that stop_gradient can go on reading the former. */
static RegionId moved_region(Case *k) {
  GradCheck *c = k->c;
  NodeId y = ir_operands(c->m, k->region, node_at(c, k->region, k->grad))[0];
  uint32_t n = node_count(c, k->region);
  bool *needed = calloc(n + 1, sizeof *needed);
  NodeId *moved = malloc(sizeof *moved * (n + 1)), *delta = malloc(sizeof *delta * (k->n_x + 1));
  mark_needed(c->m, k->region, y, needed);
  Rebuild r = ir_rebuild(c->m, k->region, c->sink);
  for (uint32_t i = 0; i < k->n_x; i++) delta[i] = ir_param(&r.b, node_at(c, k->region, k->x[i])->type);
  for (NodeId i = 0; i <= y; i++) {
    if (!needed[i]) continue;
    const Node *node = node_at(c, k->region, i);
    if (node->op != OP_param) ir_copy_node(&r, i);
    r.b.loc = node_at(c, k->region, i)->loc;
    NodeId copy = moved_copy(k, &r, moved, i);
    moved[i] = copy == IR_NONE ? r.map[i] : copy;
    uint32_t v = variable_of(k, i);
    if (v < k->n_x) moved[i] = ir_anchor(&r.b, ir_binary(&r.b, OP_add, moved[i], delta[v]), 1000000 + v);
  }
  ir_result(&r.b, moved[y]);
  free(needed);
  free(moved);
  free(delta);
  return close(&r, c->sink);
}

/* ---------------------------------------------------------------- numbers */

static int64_t count_of(const GradCheck *c, const Value *v) { return ir_elements(ir_type_get(c->m, v->type)); }

static bool evaluate(const GradCheck *c, RegionId region, const Value *param, Value *result, Arena *mem) {
  return region != IR_NONE && eval_region(c->m, region, param, result, &(EvalOptions){0}, mem);
}

static double dot(const double *a, const double *b, int64_t n) {
  double s = 0;
  for (int64_t i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

/* A direction of length 1: along the gradient, or random when `along` is NULL or zero. */
static void make_direction(const GradCheck *c, uint64_t stream, const double *along, double *v, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    v[i] = along ? along[i] : random_normal64(random_key_fold(c->seed, stream), 0, (uint64_t)i);
  double length = sqrt(dot(v, v, n));
  for (int64_t i = 0; i < n && length > 0; i++) v[i] /= length;
}

/* y with variable `which` moved by t*v. */
static double moved_y(Case *k, RegionId moved, Value *param, uint32_t which, const double *v, double t) {
  uint32_t first = ir_region(k->c->m, k->region)->param.n;
  Arena mem = {0};
  Value y = {0};
  double *delta = param[first + which].f;
  int64_t n = count_of(k->c, &param[first + which]);
  for (int64_t i = 0; i < n; i++) delta[i] = t * v[i];
  bool ok = evaluate(k->c, moved, param, &y, &mem);
  double out = ok ? y.f[0] : NAN;
  memset(delta, 0, sizeof *delta * (size_t)n);
  arena_free(&mem);
  return out;
}

/* Least relative error over several step sizes. */
static double direction_error(Case *k, RegionId moved, Value *param, uint32_t which, const double *v, double slope,
                              double scale) {
  double best = INFINITY;
  for (double h = 1e-2; h > 1e-7; h *= 0.1) {
    double wide = (moved_y(k, moved, param, which, v, h) - moved_y(k, moved, param, which, v, -h)) / (2 * h);
    double near = (moved_y(k, moved, param, which, v, h / 2) - moved_y(k, moved, param, which, v, -h / 2)) / h;
    double difference = (4 * near - wide) / 3;
    double error = fabs(difference - slope) / fmax(fmax(fabs(difference), fabs(slope)), scale);
    if (error < best) best = error;
    if (best < 1e-2 * k->c->tolerance) break;
  }
  return best;
}

/* The greater error of two directions: the gradient's own, where most can be seen, and a random one. */
static double variable_error(Case *k, RegionId moved, Value *param, uint32_t which, const Value *gradient, double y) {
  int64_t n = count_of(k->c, gradient);
  double *v = malloc(sizeof *v * (size_t)(n + 1)), worst = 0, length = sqrt(dot(gradient->f, gradient->f, n));
  double scale = fmax(length / sqrt((double)(n ? n : 1)), 1e-8 * fmax(fabs(y), 1e-8));
  for (int pass = length > 0 ? 0 : 1; v && pass < 2; pass++) {
    make_direction(k->c, (uint64_t)k->grad * 64 + which, pass ? NULL : gradient->f, v, n);
    double e = direction_error(k, moved, param, which, v, dot(gradient->f, v, n), scale);
    if (!(e <= worst)) worst = e;
  }
  free(v);
  return worst;
}

static bool all_finite(const GradCheck *c, const Value *v) {
  for (int64_t i = 0, n = count_of(c, v); i < n; i++)
    if (!isfinite(v->f[i])) return false;
  return true;
}

static void say(const Case *k, uint32_t which, GradVerdict verdict, double error) {
  GradFinding f = {k->region, k->grad, k->x[which], verdict, error};
  k->c->found(k->c->user, &f);
}

static void check_variables(Case *k, RegionId moved, const Value *gradient, double y) {
  GradCheck *c = k->c;
  uint32_t first = ir_region(c->m, k->region)->param.n;
  Value *param = arena_array(&k->mem, Value, first + k->n_x);
  memcpy(param, k->param, sizeof *param * first);
  for (uint32_t i = 0; i < k->n_x; i++)
    param[first + i] = value_new(c->m, node_at(c, k->region, k->x[i])->type, &k->mem);
  for (uint32_t i = 0; i < k->n_x; i++) {
    if (!isfinite(y) || !all_finite(c, &gradient[i])) {
      say(k, i, GRAD_NOT_FINITE, NAN);
      continue;
    }
    double e = variable_error(k, moved, param, i, &gradient[i], y);
    say(k, i, e <= c->tolerance ? GRAD_OK : k->stopped ? GRAD_STOPPED : GRAD_WRONG, e);
  }
}

static bool check_grad(GradCheck *c, RegionId region, NodeId grad, const Value *param) {
  const Node *node = node_at(c, region, grad);
  Case k = {.c = c, .region = region, .grad = grad, .n_x = node->n_in - 1u, .param = param};
  k.x = arena_memdup(&k.mem, ir_operands(c->m, region, node) + 1, sizeof(NodeId) * k.n_x);
  NodeId y = ir_operands(c->m, region, node)[0];
  RegionId gradients = region_of(c, region, (NodeId[]){grad, y}, 2), moved = moved_region(&k);
  bool made = gradients != IR_NONE && moved != IR_NONE;
  Value *result = arena_array(&k.mem, Value, k.n_x + 1);
  if (made && evaluate(c, gradients, param, result, &k.mem))
    check_variables(&k, moved, result, result[k.n_x].f[0]);
  else
    for (uint32_t i = 0; made && i < k.n_x; i++) say(&k, i, GRAD_FAILED, NAN);
  arena_free(&k.mem);
  return made;
}

/* ---------------------------------------------------------------- loops */

static bool has_grad(const Module *m, RegionId region) {
  if (region == IR_NONE) return false;
  const Region *r = ir_region(m, region);
  for (NodeId i = 0; i < r->node.n; i++) {
    const Node *n = &r->node.at[i];
    if (n->op == OP_grad || has_grad(m, n->body[0]) || has_grad(m, n->body[1])) return true;
  }
  return false;
}

/* The parameters of a loop's body in its first trip, from the loop's operands. */
static Value *first_trip(const GradCheck *c, const Node *loop, const Value *operand, Arena *mem) {
  const Attr *a = ir_attr_get(c->m, loop->attr);
  RegionId body = loop->op == OP_scan ? loop->body[0] : loop->body[1];
  const Region *r = ir_region(c->m, body);
  Value *param = arena_array(mem, Value, r->param.n + 1);
  int64_t trip = loop->op == OP_scan && a->reverse && a->count > 0 ? a->count - 1 : 0;
  for (uint32_t i = 0; i < r->param.n; i++) {
    param[i] = value_new(c->m, r->node.at[r->param.at[i]].type, mem);
    int64_t n = count_of(c, &param[i]);
    bool slice = i > a->n_carry && i <= a->n_carry + (loop->op == OP_scan ? a->n_xs : 0);
    if (i == 0)
      param[0].i[0] = trip;
    else
      memcpy(param[i].i, operand[i - 1].i + (slice ? trip * n : 0), sizeof(int64_t) * (size_t)n);
  }
  return param;
}

static bool check_loop(GradCheck *c, RegionId region, NodeId n, const Value *param) {
  Node loop = *node_at(c, region, n);
  RegionId body = loop.op == OP_scan ? loop.body[0] : loop.body[1];
  if (!has_grad(c->m, body)) return true;
  Arena mem = {0};
  Value *operand = arena_array(&mem, Value, loop.n_in + 1u);
  NodeId *in = arena_memdup(&mem, ir_operands(c->m, region, &loop), sizeof(NodeId) * loop.n_in);
  RegionId before = region_of(c, region, in, loop.n_in);
  bool ok = before != IR_NONE;
  if (ok && evaluate(c, before, param, operand, &mem))
    ok = gradcheck_region(c, body, first_trip(c, &loop, operand, &mem));
  arena_free(&mem);
  return ok;
}

bool gradcheck_region(GradCheck *c, RegionId region, const Value *param) {
  uint32_t n = node_count(c, region);
  for (NodeId i = 0; i < n; i++) {
    uint16_t op = node_at(c, region, i)->op;
    if (op == OP_grad && !check_grad(c, region, i, param)) return false;
    if ((op == OP_scan || op == OP_while) && !check_loop(c, region, i, param)) return false;
  }
  return true;
}
