/* Where NaN or Inf came from: a step run again in the reference evaluator.
 *
 * A value may hold infinities and be right (a mask of -inf, the branch of a `where` that is not taken), so the search
 * goes backwards from a loss or cell that is bad: from a bad value to a bad operand, until all operands are good. In
 * loops it starts at the end of the first trip with a bad result.
 */
#include "driver/session/trace.h"
#include "ir/eval.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is remembered of a value. */
typedef struct Range {
  double lo, hi; /* of the finite elements */
  int64_t n, nan, inf;
} Range;

/* The node found in a region, with its operands as they were then. */
typedef struct Culprit {
  NodeId node; /* IR_NONE: none yet */
  Range value;
  Range *operand;
} Culprit;

typedef struct Trace {
  Session *s;
  const Module *m;
  Arena mem;
  Range **range; /* by region, by node: the value last computed */
  bool **fixed;  /* made of constants alone */
  Culprit *culprit;
  RegionId top;
} Trace;

static bool is_bad(const Range *r) { return r->nan || r->inf; }

static void add_value(const Module *m, const Value *v, Range *r) {
  const Type *t = ir_type_get(m, v->type);
  for (uint32_t k = 0; k < t->n_tuple; k++) add_value(m, &v->tuple[k], r);
  if (t->n_tuple || !ir_is_float((DType)t->dtype)) return;
  for (int64_t i = 0, n = ir_elements(t); i < n; i++) {
    double x = v->f[i];
    r->n++;
    if (isnan(x))
      r->nan++;
    else if (isinf(x))
      r->inf++;
    else
      r->lo = fmin(r->lo, x), r->hi = fmax(r->hi, x);
  }
}

static Range range_of(const Module *m, const Value *v) {
  Range r = {.lo = INFINITY, .hi = -INFINITY};
  add_value(m, v, &r);
  return r;
}

static void open_region(Trace *t, RegionId id) {
  const Region *r = ir_region(t->m, id);
  t->range[id] = arena_array(&t->mem, Range, r->node.n + 1);
  t->fixed[id] = arena_array(&t->mem, bool, r->node.n + 1);
  for (NodeId n = 0; n < r->node.n; n++) {
    const Node *node = &r->node.at[n];
    const NodeId *in = ir_operands(t->m, id, node);
    bool fixed = node->op == OP_const || node->op == OP_iota || node->n_in > 0;
    for (uint32_t k = 0; k < node->n_in; k++) fixed = fixed && t->fixed[id][in[k]];
    t->fixed[id][n] = fixed;
  }
}

/* A bad operand to go on with: one with NaN if there is one, never a constant. IR_NONE: this node made it. */
static NodeId bad_operand(const Trace *t, RegionId region, NodeId n) {
  const Node *node = ir_node(t->m, region, n);
  const NodeId *in = ir_operands(t->m, region, node);
  NodeId found = IR_NONE;
  for (uint32_t k = 0; k < node->n_in; k++) {
    const Range *r = &t->range[region][in[k]];
    if (!is_bad(r) || t->fixed[region][in[k]]) continue;
    if (r->nan) return in[k];
    if (found == IR_NONE) found = in[k];
  }
  return found;
}

static void find_culprit(Trace *t, RegionId region, NodeId n) {
  for (NodeId next; (next = bad_operand(t, region, n)) != IR_NONE;) n = next;
  const Node *node = ir_node(t->m, region, n);
  const NodeId *in = ir_operands(t->m, region, node);
  Culprit *c = &t->culprit[region];
  c->node = n;
  c->value = t->range[region][n];
  c->operand = arena_array(&t->mem, Range, node->n_in + 1u);
  for (uint32_t k = 0; k < node->n_in; k++) c->operand[k] = t->range[region][in[k]];
}

/* After the last node of a loop's body: did this trip go wrong? */
static void end_of_trip(Trace *t, RegionId region) {
  const Region *r = ir_region(t->m, region);
  for (uint32_t i = 0; i < r->result.n && t->culprit[region].node == IR_NONE; i++)
    if (is_bad(&t->range[region][r->result.at[i]])) find_culprit(t, region, r->result.at[i]);
}

static bool watch(void *user, RegionId region, NodeId node, const Value *v) {
  Trace *t = user;
  if (!t->range[region]) open_region(t, region);
  t->range[region][node] = range_of(t->m, v);
  if (region != t->top && node + 1 == ir_region(t->m, region)->node.n) end_of_trip(t, region);
  return true;
}

static bool evaluate(Trace *t, const BadStep *bad) {
  Arena mem = {0};
  const Graph *g = bad->graph;
  Value *param = bind_inputs(t->s->l->elab.module, g, &bad->inputs, &mem);
  Value *result = arena_array(&mem, Value, g->n_out + 1);
  EvalOptions o = {.round_f32 = true, .watch = watch, .user = t};
  bool ok = eval_region(t->m, g->region, param, result, &o, &mem);
  arena_free(&mem);
  return ok;
}

/* ---------------------------------------------------------------- what is said */

static void put_range(StrBuf *b, const Range *r) {
  bool some = r->lo <= r->hi;
  if (r->n == 1 && is_bad(r)) {
    sb_puts(b, r->nan ? "is NaN" : "is infinite");
    return;
  }
  if (r->nan) sb_printf(b, "has %lld NaN%s", (long long)r->nan, r->inf ? " and " : "");
  if (r->inf) sb_printf(b, "%s%lld infinite", r->nan ? "" : "has ", (long long)r->inf);
  if (is_bad(r)) sb_printf(b, " among %lld", (long long)r->n);
  if (!some) return;
  sb_puts(b, is_bad(r) ? ", else " : "");
  sb_printf(b, r->lo == r->hi ? "is %.6g" : "lies in %.6g .. %.6g", r->lo, r->hi);
}

/* What a bad parameter of the step is, in the user's words. */
static const char *binding_name(const Trace *t, const Graph *g, NodeId n) {
  const Region *r = ir_region(t->m, g->region);
  for (uint32_t i = 0; i < g->n_in; i++) {
    if (r->param.at[i] != n) continue;
    if (g->in[i].kind == IN_CELL) return t->m->cell.at[g->in[i].index].name;
    if (g->in[i].kind == IN_FIELD) return t->m->field.at[g->in[i].index].name;
  }
  return "an input";
}

static void say_node(Trace *t, RegionId region, const Culprit *c, const Graph *g) {
  DiagSink *sink = t->s->sink;
  const Node *node = ir_node(t->m, region, c->node);
  const NodeId *in = ir_operands(t->m, region, node);
  const Loc *loc = node->loc == IR_NONE ? NULL : ir_loc_get(t->m, node->loc);
  StrBuf text = {0};
  put_range(&text, &c->value);
  if (node->op == OP_param) {
    diag_note(sink, SPAN_NONE, "`%s` was bad before the step: %s", binding_name(t, g, c->node), text.s);
    sb_free(&text);
    return;
  }
  diag_note(sink, SPAN_NONE, "the first bad value is the result of `%s` %s, %s: %s", op_table[node->op].name,
            loc && loc->origin == ORIGIN_GRAD ? "in the gradient of this line" : "in this line",
            ir_type_str(t->m, node->type), text.s);
  for (uint32_t k = 0; k < node->n_in && k < 8; k++) {
    text.n = 0;
    put_range(&text, &c->operand[k]);
    if (c->operand[k].n)
      diag_note(sink, SPAN_NONE, "operand %u, %s, %s", k + 1, ir_type_str(t->m, ir_node(t->m, region, in[k])->type),
                text.s);
  }
  sb_free(&text);
}

/* From a loop that made bad numbers of good ones to the node in its body that did. */
static RegionId innermost(const Trace *t, RegionId region) {
  for (;;) {
    const Node *node = ir_node(t->m, region, t->culprit[region].node);
    RegionId body = node->body[1] != IR_NONE ? node->body[1] : node->body[0];
    if (node->op != OP_scan && node->op != OP_while) return region;
    if (t->culprit[body].node == IR_NONE) return region;
    region = body;
  }
}

static const char *result_name(const Trace *t, const Graph *g, uint32_t i) {
  return g->out[i].kind == OUT_CELL ? t->m->cell.at[g->out[i].index].name : "the loss";
}

/* What helps, by the operation and the operand that asks for it. */
static const char *hint_for(const Trace *t, RegionId region, const Culprit *c) {
  static const struct {
    Op op;
    uint32_t operand;
    double least, most; /* the operand has elements in here */
    const char *hint, *in_gradient;
  } rows[] = {
      {OP_log, 0, -INFINITY, 0, "`log` needs numbers above 0: bound them, as in log(max(x, 1e-6)), or work with logits",
       NULL},
      {OP_sqrt, 0, -INFINITY, 0, "`sqrt` needs numbers of 0 or more", NULL},
      {OP_div, 1, 0, 0, "a division by 0: keep the divisor away from it, as in a / (b + 1e-6)",
       "the derivative is infinite here: keep away from the place, as in sqrt(x + 1e-12)"},
      {OP_exp, 0, 88, INFINITY, "`exp` overflows here: `logsumexp`, `softmax` and `log_softmax` do not", NULL},
      {OP_slogdet, 0, -INFINITY, INFINITY, "the matrix is singular: add a small multiple of `eye(n)`", NULL},
  };
  const Node *node = ir_node(t->m, region, c->node);
  const Loc *loc = node->loc == IR_NONE ? NULL : ir_loc_get(t->m, node->loc);
  for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (rows[i].op != (Op)node->op) continue;
    const Range *r = &c->operand[rows[i].operand];
    if (r->lo > rows[i].most || r->hi < rows[i].least) continue;
    return rows[i].in_gradient && loc && loc->origin == ORIGIN_GRAD ? rows[i].in_gradient : rows[i].hint;
  }
  return "a smaller learning rate, or `clip_norm` on the gradient, often helps";
}

static void say(Trace *t, TaskId task, const BadStep *bad, uint32_t result) {
  Session *s = t->s;
  RegionId region = innermost(t, t->top);
  const Culprit *c = &t->culprit[region];
  LocId loc = ir_node(t->m, region, c->node)->loc;
  Span at = ir_user_span(s->m, loc);
  bool loss = bad->graph->out[result].kind == OUT_CHECK;
  diag_error(s->sink, "E1001", at,
             loss ? "%s became NaN or infinite in step %lld of `%s`"
                  : "`%s` became NaN or infinite in step %lld of `%s`",
             result_name(t, bad->graph, result), (long long)bad->inputs.step, s->m->task.at[task].name);
  diag_hint(s->sink, "%s", hint_for(t, region, c));
  if (loc != IR_NONE && ir_loc_get(t->m, loc)->span.source != at.source)
    diag_note(s->sink, ir_loc_get(t->m, loc)->span, "inside the library, here");
  say_node(t, region, c, bad->graph);
}

/* The loss that is checked, or else the parameter, that this step spoilt. */
static uint32_t bad_result(const Trace *t, const Graph *g) {
  const Region *r = ir_region(t->m, g->region);
  for (uint32_t kind = 0; kind < 2; kind++)
    for (uint32_t i = 0; i < g->n_out; i++) {
      bool wanted = kind == 0 ? g->out[i].kind == OUT_CHECK
                              : g->out[i].kind == OUT_CELL && t->m->cell.at[g->out[i].index].kind == CELL_PARAM;
      if (wanted && is_bad(&t->range[g->region][r->result.at[i]])) return i;
    }
  return IR_NONE;
}

void trace_bad_step(Session *s, TaskId task, const BadStep *bad) {
  uint32_t n = s->m->region.n;
  Trace t = {.s = s, .m = s->m, .top = bad->graph->region};
  t.range = arena_array(&t.mem, Range *, n);
  t.fixed = arena_array(&t.mem, bool *, n);
  t.culprit = arena_array(&t.mem, Culprit, n);
  for (uint32_t i = 0; i < n; i++) t.culprit[i].node = IR_NONE;
  uint32_t result = evaluate(&t, bad) ? bad_result(&t, bad->graph) : IR_NONE;
  if (result != IR_NONE) {
    find_culprit(&t, t.top, ir_region(s->m, t.top)->result.at[result]);
    say(&t, task, bad, result);
  } else {
    diag_error(s->sink, "E1001", SPAN_NONE, "a loss or parameter became NaN or infinite in step %lld of `%s`",
               (long long)bad->inputs.step, s->m->task.at[task].name);
    diag_note(s->sink, SPAN_NONE, "the reference evaluator, which computes in f64, stays finite in this step");
  }
  diag_status(s->sink, EXIT_NUMBERS);
  arena_free(&t.mem);
}
