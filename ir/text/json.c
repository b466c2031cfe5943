/* Modules as JSON, for tools: everything the text form says, and places. */
#include "ir/text/text.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *text(const char *s) {
  if (!s) return json_null();
  json_t *j = json_string(s);
  return j ? j : json_string("?"); /* not UTF-8 */
}

static void set(json_t *o, const char *key, json_t *v) { json_object_set_new(o, key, v); }
static void add(json_t *a, json_t *v) { json_array_append_new(a, v); }

static json_t *type_json(const Module *m, TypeId id) {
  const Type *t = ir_type_get(m, id);
  if (t->n_tuple) {
    json_t *a = json_array();
    for (uint32_t i = 0; i < t->n_tuple; i++) add(a, type_json(m, t->tuple[i]));
    return a;
  }
  json_t *o = json_object(), *shape = json_array();
  for (uint32_t i = 0; i < t->rank; i++) add(shape, json_integer(t->dim[i]));
  set(o, "dtype", text(ir_dtype_name(t->dtype)));
  set(o, "shape", shape);
  return o;
}

/* Numbers as JSON has them; infinities, NaN and integers above 2^63 as strings. */
static json_t *element_json(DType dtype, const void *bytes, int64_t i) {
  StrBuf b = {0};
  text_element(&b, dtype, bytes, i);
  json_t *j;
  double x = ir_is_float(dtype) ? strtod(b.s, NULL) : 0;
  if (dtype == DT_BOOL)
    j = json_boolean(b.s[0] == 't');
  else if (ir_is_float(dtype))
    j = isfinite(x) ? json_real(x) : json_string(b.s);
  else if (dtype == DT_U64 && ((const uint64_t *)bytes)[i] > INT64_MAX)
    j = json_string(b.s);
  else
    j = json_integer(strtoll(b.s, NULL, 10));
  sb_free(&b);
  return j;
}

static json_t *const_json(const Module *m, ConstId c) {
  const Type *t = ir_type_get(m, ir_const_type(m, c));
  const void *bytes = ir_const_data(m, c);
  if (!t->rank) return element_json(t->dtype, bytes, 0);
  json_t *a = json_array();
  for (int64_t i = 0, n = ir_elements(t); i < n; i++) add(a, element_json(t->dtype, bytes, i));
  return a;
}

static json_t *list_json(const IntList *l) {
  json_t *a = json_array();
  for (uint32_t i = 0; i < l->n; i++) add(a, json_integer(l->v[i]));
  return a;
}

static json_t *window_json(const Attr *at) {
  json_t *a = json_array();
  for (uint32_t i = 0; i < at->n_window; i++) {
    const WindowAxis *w = &at->window[i];
    const int64_t v[6] = {w->size, w->stride, w->lo, w->hi, w->lhs_dilation, w->dilation};
    json_t *o = json_object();
    for (int k = 0; k < 6; k++) set(o, window_word[k], json_integer(v[k]));
    add(a, o);
  }
  return a;
}

static json_t *field_json(const Module *m, const Attr *a, const AttrField *f) {
  const void *p = attr_at(a, f);
  char site[24];
  switch ((FieldKind)f->kind) {
  case FIELD_LIST: return list_json(p);
  case FIELD_WINDOW: return window_json(a);
  case FIELD_INT: return json_integer(*(const int64_t *)p);
  case FIELD_COUNT: return json_integer(*(const uint32_t *)p);
  case FIELD_SITE: snprintf(site, sizeof site, "0x%016llx", (unsigned long long)a->site); return json_string(site);
  case FIELD_VALUE: return const_json(m, a->value);
  case FIELD_DTYPE: return text(ir_dtype_name(a->dtype));
  case FIELD_DIST: return text(a->dist <= DIST_NORMAL ? dist_name[a->dist] : NULL);
  case FIELD_FLAG: return json_boolean(*(const uint8_t *)p);
  }
  return json_null();
}

static json_t *attrs_json(const Module *m, const Node *n) {
  json_t *o = json_object();
  const Attr *a = ir_attr_get(m, n->attr);
  for (const char *s = op_table[n->op].attrs; *s;) {
    size_t length = strcspn(s, " ");
    const AttrField *f = &attr_field[attr_field_by_name(s, length)];
    s += length + strspn(s + length, " ");
    set(o, f->name, field_json(m, a, f));
  }
  return o;
}

static json_t *place_json(const Module *m, LocId loc) {
  static const char *const origin[] = {"source", "gradient", "pass"};
  uint32_t line = 0, column = 0;
  const char *file = text_source_place(m, loc, &line, &column);
  if (!file) return json_null();
  const Loc *l = ir_loc_get(m, loc);
  json_t *o = json_object();
  set(o, "file", text(file));
  set(o, "line", json_integer(line));
  set(o, "column", json_integer(column));
  set(o, "origin", text(l->origin <= ORIGIN_PASS ? origin[l->origin] : NULL));
  set(o, "order", json_integer(l->order));
  return o;
}

/* ---------------------------------------------------------------- regions */

static json_t *ids_json(const NodeId *id, uint32_t n) {
  json_t *a = json_array();
  for (uint32_t i = 0; i < n; i++) add(a, id[i] == IR_NONE ? json_null() : json_integer(id[i]));
  return a;
}

static json_t *region_json(const Module *m, RegionId region);

static json_t *node_json(const Module *m, RegionId region, NodeId id) {
  const Node *n = ir_node(m, region, id);
  json_t *o = json_object();
  set(o, "id", json_integer(id));
  set(o, "op", text(op_table[n->op].name));
  set(o, "operands", ids_json(ir_operands(m, region, n), n->n_in));
  set(o, "attributes", attrs_json(m, n));
  set(o, "type", type_json(m, n->type));
  set(o, "place", place_json(m, n->loc));
  if (n->op == OP_while && n->body[0] < m->region.n) set(o, "condition", region_json(m, n->body[0]));
  RegionId body = n->body[n->op == OP_while];
  if (op_table[n->op].flags & OPF_REGION && body < m->region.n) set(o, "body", region_json(m, body));
  return o;
}

static json_t *region_json(const Module *m, RegionId region) {
  const Region *r = ir_region(m, region);
  json_t *o = json_object(), *nodes = json_array();
  for (NodeId i = 0; i < r->node.n; i++) add(nodes, node_json(m, region, i));
  set(o, "parameters", ids_json(r->param.at, r->param.n));
  set(o, "results", ids_json(r->result.at, r->result.n));
  set(o, "nodes", nodes);
  return o;
}

static json_t *binding_json(const char *const *words, uint32_t n_words, const Binding *x) {
  json_t *o = json_object();
  set(o, "kind", text(x->kind < n_words ? words[x->kind] : NULL));
  set(o, "index", json_integer(x->index));
  return o;
}

static json_t *graph_json(const Module *m, const Graph *g) {
  if (g->region >= m->region.n) return json_null();
  json_t *o = region_json(m, g->region), *in = json_array(), *out = json_array();
  for (uint32_t i = 0; i < g->n_in; i++) add(in, binding_json(input_word, INPUT_WORDS, &g->in[i]));
  for (uint32_t i = 0; i < g->n_out; i++) add(out, binding_json(output_word, OUTPUT_WORDS, &g->out[i]));
  set(o, "inputs", in);
  set(o, "outputs", out);
  return o;
}

/* ---------------------------------------------------------------- tasks */

static json_t *action_json(const Action *a) {
  json_t *o = json_object(), *values = json_array(), *labels = json_array(), *options = json_array();
  for (uint32_t i = 0; i < a->n_values; i++) {
    add(values, a->value ? json_integer(a->value[i]) : json_null());
    add(labels, a->label ? text(a->label[i]) : json_null());
  }
  for (int i = 0; i < 4; i++) add(options, json_integer(a->option[i]));
  set(o, "kind", text(a->kind < ACTION_WORDS ? action_word[a->kind] : NULL));
  set(o, "name", text(a->name));
  set(o, "form", text(a->form));
  set(o, "values", values);
  set(o, "labels", labels);
  set(o, "options", options);
  set(o, "panels", json_integer(a->panels));
  return o;
}

static json_t *event_json(const Module *m, const Event *e) {
  static const char *const when[] = {"start", "epochs", "steps", "at_epochs", "end"};
  json_t *o = json_object(), *at = json_array(), *actions = json_array();
  for (uint32_t i = 0; i < e->n_at; i++) add(at, json_integer(e->at[i]));
  for (uint32_t i = 0; i < e->n_actions; i++) add(actions, action_json(&e->action[i]));
  set(o, "when", text(e->when <= WHEN_END ? when[e->when] : NULL));
  set(o, "every", json_integer(e->every));
  set(o, "at", at);
  set(o, "graph", graph_json(m, &e->graph));
  set(o, "actions", actions);
  return o;
}

static json_t *task_json(const Module *m, const Task *t) {
  json_t *o = json_object(), *metrics = json_array(), *events = json_array();
  for (uint32_t i = 0; i < t->n_metrics; i++) {
    json_t *x = json_object();
    set(x, "name", text(t->metric[i].name));
    set(x, "sum", json_integer(t->metric[i].sum));
    set(x, "weight", json_integer(t->metric[i].weight));
    add(metrics, x);
  }
  for (uint32_t i = 0; i < t->n_events; i++) add(events, event_json(m, &t->event[i]));
  set(o, "name", text(t->name));
  set(o, "kind", text(t->kind < TASK_WORDS ? task_word[t->kind] : NULL));
  set(o, "rows", t->source < m->rows.n ? json_integer(t->source) : json_null());
  set(o, "batch", json_integer(t->batch));
  set(o, "epochs", json_integer(t->epochs));
  set(o, "steps", json_integer(t->steps));
  set(o, "shuffle", json_boolean(t->shuffle));
  set(o, "drop_last", json_boolean(t->drop_last));
  set(o, "metrics", metrics);
  set(o, "step", graph_json(m, &t->step));
  set(o, "tail", graph_json(m, &t->tail));
  set(o, "events", events);
  return o;
}

static json_t *declarations_json(const Module *m) {
  json_t *o = json_object(), *cells = json_array(), *fields = json_array(), *rows = json_array();
  for (uint32_t i = 0; i < m->cell.n; i++) {
    const Cell *c = &m->cell.at[i];
    json_t *x = json_object();
    set(x, "name", text(c->name));
    set(x, "kind", text(c->kind < CELL_WORDS ? cell_word[c->kind] : NULL));
    set(x, "type", type_json(m, c->type));
    add(cells, x);
  }
  for (uint32_t i = 0; i < m->field.n; i++) {
    json_t *x = json_object();
    set(x, "name", text(m->field.at[i].name));
    set(x, "type", type_json(m, m->field.at[i].type));
    add(fields, x);
  }
  for (uint32_t i = 0; i < m->rows.n; i++) {
    json_t *x = json_object();
    set(x, "name", text(m->rows.at[i].name));
    set(x, "rows", json_integer(m->rows.at[i].rows));
    add(rows, x);
  }
  set(o, "cells", cells);
  set(o, "fields", fields);
  set(o, "row_sources", rows);
  return o;
}

void ir_print_json(const Module *m, TaskId task, StrBuf *out) {
  json_t *o = declarations_json(m), *tasks = json_array();
  for (uint32_t i = 0; i < m->task.n; i++)
    if (task == IR_NONE || i == task) add(tasks, task_json(m, &m->task.at[i]));
  set(o, "tasks", tasks);
  char *s = json_dumps(o, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
  if (s) sb_puts(out, s);
  sb_putc(out, '\n');
  free(s);
  json_decref(o);
}
