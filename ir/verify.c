/* Checks everything a module promises; what breaks is reported with the place of the node or declaration. */
#include "ir/build.h"
#include "ir/codes.h"
#include "ir/typing/typing.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { UNSEEN, OPEN, SOUND, BROKEN };

typedef struct Verifier {
  Module *m;
  DiagSink *sink;
  uint8_t *region; /* UNSEEN ... by RegionId */
  const char *task, *part;
  bool ok;
} Verifier;

__attribute__((format(printf, 3, 4))) static bool broken(Verifier *v, LocId loc, const char *fmt, ...) {
  StrBuf b = {0};
  if (v->task) sb_printf(&b, "task `%s`, %s: ", v->task, v->part);
  va_list ap;
  va_start(ap, fmt);
  sb_vprintf(&b, fmt, ap);
  va_end(ap);
  ir_error(v->m, v->sink, loc, CODE_IR_VERIFY, "%s", b.s);
  sb_free(&b);
  return v->ok = false;
}

/* ---------------------------------------------------------------- nodes */

static bool tensor_type(const Verifier *v, TypeId t) {
  return t < ir_type_count(v->m) && ir_type_get(v->m, t)->n_tuple == 0;
}

static bool operands_ok(Verifier *v, const Region *r, NodeId id) {
  const Node *n = &r->node.at[id];
  if ((uint64_t)n->in + n->n_in > r->operand.n)
    return broken(v, n->loc, "%%%u: its operands lie outside the operand pool", id);
  for (uint32_t i = 0; i < n->n_in; i++) {
    NodeId in = r->operand.at[n->in + i];
    if (in == IR_NONE) return broken(v, n->loc, "%%%u: operand %u is missing", id, i);
    if (in >= id) return broken(v, n->loc, "%%%u: operand %%%u is not defined before it", id, in);
  }
  return true;
}

static bool verify_region(Verifier *v, RegionId id);

static bool bodies_ok(Verifier *v, const Node *n, NodeId id) {
  for (int i = 0; i < 2; i++) {
    bool wanted = op_table[n->op].flags & OPF_REGION && (i == 0 || n->op == OP_while);
    if (!wanted && n->body[i] != IR_NONE) return broken(v, n->loc, "%%%u: a body too many", id);
    if (!wanted) continue;
    if (n->body[i] >= v->m->region.n) return broken(v, n->loc, "%%%u: its body is missing", id);
    if (v->region[n->body[i]] == OPEN) return broken(v, n->loc, "%%%u: its body contains itself", id);
    if (!verify_region(v, n->body[i])) return false;
  }
  return true;
}

static bool param_ok(Verifier *v, const Region *r, NodeId id) {
  const Node *n = &r->node.at[id];
  int64_t i = ir_attr_get(v->m, n->attr)->index;
  if (i < 0 || i >= r->param.n || r->param.at[i] != id)
    return broken(v, n->loc, "%%%u: parameter %lld of the region is another node", id, (long long)i);
  return true;
}

/* The type written on the node is the one its rule gives. */
static bool type_ok(Verifier *v, RegionId region, NodeId id) {
  const Node n = *ir_node(v->m, region, id);
  TypeId few[16], *type = n.n_in > 16 ? arena_array(&v->m->mem, TypeId, n.n_in) : few;
  const NodeId *in = ir_operands(v->m, region, &n);
  for (uint32_t i = 0; i < n.n_in; i++) {
    type[i] = ir_node(v->m, region, in[i])->type;
    if (type[i] >= ir_type_count(v->m)) return false; /* reported at that node */
  }
  Builder b = ir_builder(v->m, region, v->sink);
  b.loc = n.loc;
  TypeQuery q = {&b, n.op, n.n_in, in, type, ir_attr_get(v->m, n.attr), n.body};
  TypeId t = ir_infer_type(&q);
  if (t == IR_NONE) return v->ok = false;
  if (t == n.type) return true;
  return broken(v, n.loc, "%%%u: its type is %s, `%s` gives %s", id, ir_type_str(v->m, n.type), op_table[n.op].name,
                ir_type_str(v->m, t));
}

static bool node_ok(Verifier *v, RegionId region, NodeId id) {
  const Region *r = ir_region(v->m, region);
  const Node *n = &r->node.at[id];
  if (n->op >= OP_COUNT) return broken(v, n->loc, "%%%u: there is no op number %u", id, n->op);
  if (n->type >= ir_type_count(v->m)) return broken(v, n->loc, "%%%u: it has no type", id);
  if (n->attr != IR_NONE && n->attr >= ir_attr_count(v->m)) return broken(v, n->loc, "%%%u: no such attribute", id);
  if (!operands_ok(v, r, id)) return false;
  if (n->op == OP_param) return param_ok(v, r, id);
  return bodies_ok(v, n, id) && type_ok(v, region, id);
}

static bool interface_ok(Verifier *v, const Region *r) {
  for (uint32_t i = 0; i < r->param.n; i++) {
    NodeId p = r->param.at[i];
    if (p >= r->node.n || r->node.at[p].op != OP_param)
      return broken(v, IR_NONE, "parameter %u of a region is no `param` node", i);
  }
  for (uint32_t i = 0; i < r->result.n; i++)
    if (r->result.at[i] >= r->node.n) return broken(v, IR_NONE, "result %u of a region is not one of its nodes", i);
  return true;
}

/* Nodes after a broken one are checked too, unless they use it. */
static bool verify_region(Verifier *v, RegionId id) {
  if (v->region[id] != UNSEEN) return v->region[id] == SOUND;
  v->region[id] = OPEN;
  uint32_t n = ir_region(v->m, id)->node.n;
  bool ok = interface_ok(v, ir_region(v->m, id));
  for (NodeId i = 0; i < n; i++) ok = node_ok(v, id, i) && ok;
  v->region[id] = ok ? SOUND : BROKEN;
  return ok;
}

/* ---------------------------------------------------------------- graphs with an interface */

/* The type a binding wants; IR_NONE when several would do or the binding is out of range (reported). */
static bool input_ok(Verifier *v, const Binding *in, TypeId is, uint32_t i) {
  const Module *m = v->m;
  const Type *t = ir_type_get(m, is);
  TypeId want = is;
  if (in->kind == IN_CELL) {
    if (in->index >= m->cell.n) return broken(v, IR_NONE, "input %u is cell %u, which does not exist", i, in->index);
    want = m->cell.at[in->index].type;
  } else if (in->kind == IN_FIELD) {
    if (in->index >= m->field.n) return broken(v, IR_NONE, "input %u is field %u, which does not exist", i, in->index);
    want = m->field.at[in->index].type;
  } else if (in->kind == IN_ROWS) {
    if (in->index >= m->rows.n) return broken(v, IR_NONE, "input %u is of no row source", i);
    if (t->n_tuple || t->dtype != DT_I32 || t->rank != 1)
      return broken(v, IR_NONE, "input %u, row numbers, is %s", i, ir_type_str(m, is));
  } else if (in->kind > IN_EPOCH) {
    return broken(v, IR_NONE, "input %u has no kind", i);
  } else {
    want = ir_scalar(v->m, in->kind == IN_KEY ? DT_U64 : DT_I64);
  }
  if (want == is) return true;
  return broken(v, IR_NONE, "input %u is %s, what it is bound to is %s", i, ir_type_str(m, is), ir_type_str(m, want));
}

static bool output_ok(Verifier *v, const Binding *out, TypeId is, uint32_t i) {
  const Module *m = v->m;
  if (!tensor_type(v, is)) return broken(v, IR_NONE, "result %u is no tensor", i);
  if (out->kind == OUT_CELL) {
    if (out->index >= m->cell.n)
      return broken(v, IR_NONE, "result %u is for cell %u, which does not exist", i, out->index);
    const Cell *c = &m->cell.at[out->index];
    if (c->type == is) return true;
    return broken(v, c->loc, "result %u is %s, the cell `%s` is %s", i, ir_type_str(m, is), c->name ? c->name : "",
                  ir_type_str(m, c->type));
  }
  if (out->kind > OUT_VALUE) return broken(v, IR_NONE, "result %u has no kind", i);
  const Type *t = ir_type_get(m, is);
  if (out->kind == OUT_CHECK && (t->rank || !ir_is_float(t->dtype)))
    return broken(v, IR_NONE, "a value to check is %s, not a float scalar", ir_type_str(m, is));
  return true;
}

/* No cell gets two new values. */
static bool cells_once(Verifier *v, const Graph *g) {
  bool *seen = calloc(v->m->cell.n + 1, sizeof *seen), ok = true;
  if (!seen) exit(EXIT_FILES);
  for (uint32_t i = 0; i < g->n_out; i++) {
    CellId c = g->out[i].kind == OUT_CELL ? g->out[i].index : IR_NONE;
    if (c >= v->m->cell.n) continue;
    if (seen[c]) ok = broken(v, v->m->cell.at[c].loc, "the cell `%s` gets two new values", v->m->cell.at[c].name);
    seen[c] = true;
  }
  free(seen);
  return ok;
}

static void verify_graph(Verifier *v, const Graph *g, const char *part) {
  v->part = part;
  if (g->region == IR_NONE) return;
  if (g->region >= v->m->region.n) {
    broken(v, IR_NONE, "there is no region %u", g->region);
    return;
  }
  if (!verify_region(v, g->region)) {
    v->ok = false;
    return;
  }
  const Region r = *ir_region(v->m, g->region);
  if (r.param.n != g->n_in || r.result.n != g->n_out) {
    broken(v, IR_NONE, "%u parameters and %u results for %u and %u bindings", r.param.n, r.result.n, g->n_in, g->n_out);
    return;
  }
  for (uint32_t i = 0; i < g->n_in; i++) input_ok(v, &g->in[i], r.node.at[r.param.at[i]].type, i);
  for (uint32_t i = 0; i < g->n_out; i++) output_ok(v, &g->out[i], r.node.at[r.result.at[i]].type, i);
  cells_once(v, g);
}

/* ---------------------------------------------------------------- tasks */

static bool gives_value(const Graph *g, uint32_t number) {
  for (uint32_t i = 0; g->region != IR_NONE && i < g->n_out; i++)
    if (g->out[i].kind == OUT_VALUE && g->out[i].index == number) return true;
  return false;
}

static void verify_action(Verifier *v, const Task *t, const Event *e, const Action *a) {
  if (a->kind > ACT_STOP) broken(v, a->loc, "an action has no kind");
  const Graph *g = e->graph.region == IR_NONE ? &t->step : &e->graph;
  for (uint32_t i = 0; a->value && i < a->n_values; i++) {
    bool metric = a->kind == ACT_LOG && e->graph.region == IR_NONE && a->value[i] < t->n_metrics;
    if (!metric && !gives_value(g, a->value[i]))
      broken(v, a->loc, "an action shows value %u, which nothing gives", a->value[i]);
  }
}

static void verify_metric(Verifier *v, const Metric *x) {
  const CellId cell[] = {x->sum, x->weight};
  for (int i = 0; i < 2; i++)
    if (cell[i] >= v->m->cell.n || v->m->cell.at[cell[i]].type != ir_scalar(v->m, DT_F64))
      broken(v, IR_NONE, "the metric `%s` wants two f64 cells", x->name ? x->name : "");
}

static void verify_task(Verifier *v, const Task *t) {
  v->task = t->name ? t->name : "none";
  v->part = "schedule";
  if (t->kind > TASK_PLAIN) broken(v, t->loc, "it has no kind");
  if (t->source != IR_NONE && t->source >= v->m->rows.n) broken(v, t->loc, "there is no row source %u", t->source);
  if (t->batch < 0 || t->epochs < 0 || t->steps < 0) broken(v, t->loc, "a negative number of rows or steps");
  for (uint32_t i = 0; i < t->n_metrics; i++) verify_metric(v, &t->metric[i]);
  verify_graph(v, &t->step, "step");
  verify_graph(v, &t->tail, "tail");
  for (uint32_t i = 0; i < t->n_events; i++) {
    const Event *e = &t->event[i];
    verify_graph(v, &e->graph, "event");
    if (e->when > WHEN_END) broken(v, t->loc, "an event has no kind");
    if ((e->when == WHEN_EPOCHS || e->when == WHEN_STEPS) && e->every < 1)
      broken(v, t->loc, "an event without a period");
    for (uint32_t k = 0; k < e->n_actions; k++) verify_action(v, t, e, &e->action[k]);
  }
}

static void verify_declarations(Verifier *v) {
  for (uint32_t i = 0; i < v->m->cell.n; i++) {
    const Cell *c = &v->m->cell.at[i];
    if (c->kind > CELL_COUNTER) broken(v, c->loc, "cell %u has no kind", i);
    if (!tensor_type(v, c->type)) broken(v, c->loc, "cell %u is no tensor", i);
  }
  for (uint32_t i = 0; i < v->m->field.n; i++)
    if (!tensor_type(v, v->m->field.at[i].type)) broken(v, IR_NONE, "field %u is no tensor", i);
  for (uint32_t i = 0; i < v->m->rows.n; i++)
    if (v->m->rows.at[i].rows < 0) broken(v, IR_NONE, "row source %u has a negative number of rows", i);
}

bool ir_verify(const Module *m, DiagSink *sink) {
  Verifier v = {.m = (Module *)m, .sink = sink, .ok = true};
  v.region = calloc(m->region.n + 1, 1);
  if (!v.region) exit(EXIT_FILES);
  verify_declarations(&v);
  for (uint32_t i = 0; i < m->task.n; i++) verify_task(&v, &m->task.at[i]);
  free(v.region);
  return v.ok;
}
