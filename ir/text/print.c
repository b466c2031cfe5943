/* The text form of a module (docs/ir.md). */
#include "ir/hash.h"
#include "ir/text/text.h"
#include <stdlib.h>
#include <string.h>

typedef struct Printer {
  const Module *m;
  StrBuf *b;
  bool places; /* source places as comments */
  Used used;
  const char **cell, **field, **rows; /* how each declaration is named */
} Printer;

static void indent(Printer *p, int depth) { sb_printf(p->b, "%*s", 2 * depth, ""); }

static void put_type(Printer *p, TypeId t) {
  sb_puts(p->b, " : ");
  ir_type_print(p->m, t, p->b);
}

/* How text refers to each declaration it shows: its name, or @number when it has none or an earlier one has it too. */
typedef struct Names {
  Arena *mem;
  IdTable ids;
  uint32_t shown; /* declarations named so far */
  const char **ref;
} Names;

static bool same_name(const void *key, const void *owner, uint32_t id) {
  return !strcmp(key, ((const Names *)owner)->ref[id]);
}

static void add_name(Names *n, uint32_t i, const char *name) {
  StrBuf b = {0};
  text_name(&b, name);
  uint64_t h = hash_bytes(0, b.s, b.n);
  if (name && table_find(&n->ids, h, same_name, b.s, n) == IR_NONE) {
    n->ref[i] = arena_strndup(n->mem, b.s, b.n);
    table_add(&n->ids, h, i);
  } else {
    n->ref[i] = arena_printf(n->mem, "@%u", n->shown);
  }
  n->shown++;
  sb_free(&b);
}

/* Names of the declarations in use out of n, which lie `stride` bytes apart with the name first. */
static const char **name_all(Arena *mem, const void *first, size_t stride, uint32_t n, const bool *used) {
  Names names = {.mem = mem, .ref = arena_array(mem, const char *, n + 1)};
  for (uint32_t i = 0; i < n; i++)
    if (used[i]) add_name(&names, i, *(const char *const *)((const char *)first + i * stride));
  table_free(&names.ids);
  return names.ref;
}

static void put_ref(Printer *p, const char **ref, uint32_t n, uint32_t i) {
  if (i < n && ref[i])
    sb_puts(p->b, ref[i]);
  else
    sb_printf(p->b, "@%u", i);
}
static void put_cell(Printer *p, CellId c) { put_ref(p, p->cell, p->m->cell.n, c); }
static void put_field(Printer *p, uint32_t f) { put_ref(p, p->field, p->m->field.n, f); }
static void put_rows(Printer *p, uint32_t r) { put_ref(p, p->rows, p->m->rows.n, r); }

/* ---------------------------------------------------------------- nodes */

static void put_place(Printer *p, LocId loc) {
  const Loc *l = ir_loc_get(p->m, loc);
  const SourceMap *s = p->m->sources;
  if (!p->places || !s || l->span.source >= s->source.n) return;
  uint32_t line, column;
  source_position(s, l->span.source, l->span.begin, &line, &column);
  sb_printf(p->b, "  ; %s:%u:%u", s->source.at[l->span.source].name, line, column);
  if (l->origin == ORIGIN_GRAD) sb_printf(p->b, l->order > 1 ? " (gradient, order %u)" : " (gradient)", l->order);
  if (l->origin == ORIGIN_PASS) sb_puts(p->b, " (rewritten)");
}

static void put_const(Printer *p, ConstId c) {
  const Type *t = ir_type_get(p->m, ir_const_type(p->m, c));
  const void *bytes = ir_const_data(p->m, c);
  int64_t n = ir_elements(t);
  sb_puts(p->b, t->rank ? " [" : " ");
  for (int64_t i = 0; i < n; i++) {
    if (i) sb_puts(p->b, ", ");
    text_element(p->b, t->dtype, bytes, i);
  }
  if (t->rank) sb_putc(p->b, ']');
}

static void put_attrs(Printer *p, const Node *n) {
  const Attr *a = ir_attr_get(p->m, n->attr);
  const char *separator = " {";
  for (const char *s = op_table[n->op].attrs; *s;) {
    size_t length = strcspn(s, " ");
    const AttrField *f = &attr_field[attr_field_by_name(s, length)];
    s += length + strspn(s + length, " ");
    if (f->optional && attr_is_zero(a, f)) continue;
    sb_puts(p->b, separator);
    text_attr_field(p->b, a, f);
    separator = ", ";
  }
  if (*separator == ',') sb_putc(p->b, '}');
}

static void put_value(Printer *p, NodeId n) {
  if (n == IR_NONE)
    sb_puts(p->b, "%none");
  else
    sb_printf(p->b, "%%%u", n);
}

static void put_operands(Printer *p, RegionId r, const Node *n) {
  const NodeId *in = ir_operands(p->m, r, n);
  for (uint32_t i = 0; i < n->n_in; i++) {
    sb_puts(p->b, i ? ", " : " ");
    put_value(p, in[i]);
  }
}

static void put_body(Printer *p, RegionId r, int depth);

static void put_bodies(Printer *p, const Node *n, int depth) {
  static const char *const scan[] = {"body"}, *const loop[] = {"condition", "body"};
  const char *const *word = n->op == OP_while ? loop : scan;
  for (int i = 0; i < (n->op == OP_while ? 2 : 1); i++) {
    sb_printf(p->b, " %s {\n", word[i]);
    if (n->body[i] < p->m->region.n) put_body(p, n->body[i], depth + 1);
    indent(p, depth);
    sb_putc(p->b, '}');
  }
}

/* What a region parameter is: its binding in a graph with an interface, plain `param` in a body. */
static void put_param(Printer *p, const Node *n, const Graph *g) {
  int64_t i = ir_attr_get(p->m, n->attr)->index;
  if (!g || i >= g->n_in) {
    sb_puts(p->b, "param");
    return;
  }
  const Binding *in = &g->in[i];
  sb_puts(p->b, in->kind < INPUT_WORDS ? input_word[in->kind] : "?");
  if (in->kind > IN_ROWS) {
    if (in->index) sb_printf(p->b, " %u", in->index);
    return;
  }
  sb_putc(p->b, ' ');
  if (in->kind == IN_CELL) put_cell(p, in->index);
  if (in->kind == IN_FIELD) put_field(p, in->index);
  if (in->kind == IN_ROWS) put_rows(p, in->index);
}

static void put_node(Printer *p, RegionId r, NodeId id, const Graph *g, int depth) {
  const Node *n = ir_node(p->m, r, id);
  indent(p, depth);
  sb_printf(p->b, "%%%u = ", id);
  if (n->op == OP_param) {
    put_param(p, n, g);
  } else {
    sb_puts(p->b, op_table[n->op].name);
    put_operands(p, r, n);
    if (n->op == OP_const)
      put_const(p, ir_attr_get(p->m, n->attr)->value);
    else
      put_attrs(p, n);
  }
  put_type(p, n->type);
  if (op_table[n->op].flags & OPF_REGION) put_bodies(p, n, depth);
  put_place(p, n->loc);
  sb_putc(p->b, '\n');
}

static void put_nodes(Printer *p, RegionId r, const Graph *g, int depth) {
  uint32_t n = ir_region(p->m, r)->node.n;
  for (NodeId i = 0; i < n; i++) put_node(p, r, i, g, depth);
}

static void put_body(Printer *p, RegionId r, int depth) {
  put_nodes(p, r, NULL, depth);
  const Region *region = ir_region(p->m, r);
  indent(p, depth);
  sb_puts(p->b, "return");
  for (uint32_t i = 0; i < region->result.n; i++) {
    sb_puts(p->b, i ? ", " : " ");
    put_value(p, region->result.at[i]);
  }
  sb_putc(p->b, '\n');
}

/* ---------------------------------------------------------------- graphs with an interface */

static void put_output(Printer *p, const Binding *out, NodeId value, int depth) {
  indent(p, depth);
  sb_puts(p->b, out->kind < OUTPUT_WORDS ? output_word[out->kind] : "?");
  if (out->kind == OUT_CELL) {
    sb_putc(p->b, ' ');
    put_cell(p, out->index);
  } else if (out->kind == OUT_VALUE || out->index) {
    sb_printf(p->b, " %u", out->index);
  }
  sb_puts(p->b, " = ");
  put_value(p, value);
  sb_putc(p->b, '\n');
}

static void put_graph(Printer *p, const char *word, const Graph *g, int depth) {
  if (g->region >= p->m->region.n) return;
  indent(p, depth);
  sb_printf(p->b, "%s {\n", word);
  put_nodes(p, g->region, g, depth + 1);
  const Region *r = ir_region(p->m, g->region);
  for (uint32_t i = 0; i < g->n_out && i < r->result.n; i++) put_output(p, &g->out[i], r->result.at[i], depth + 1);
  indent(p, depth);
  sb_puts(p->b, "}\n");
}

/* ---------------------------------------------------------------- tasks */

static void put_action(Printer *p, const Action *a, int depth) {
  indent(p, depth);
  sb_puts(p->b, a->kind < ACTION_WORDS ? action_word[a->kind] : "?");
  if (a->name) {
    sb_putc(p->b, ' ');
    text_string(p->b, a->name);
  }
  if (a->form) {
    sb_puts(p->b, " form ");
    text_string(p->b, a->form);
  }
  for (uint32_t i = 0; i < a->n_values; i++) {
    sb_printf(p->b, "%s%u", i ? ", " : " values ", a->value ? a->value[i] : 0);
    if (!a->label || !a->label[i]) continue;
    sb_putc(p->b, ' ');
    text_string(p->b, a->label[i]);
  }
  const int64_t *o = a->option;
  if (o[0] || o[1] || o[2] || o[3])
    sb_printf(p->b, " options %lld, %lld, %lld, %lld", (long long)o[0], (long long)o[1], (long long)o[2],
              (long long)o[3]);
  if (a->panels) sb_printf(p->b, " panels %lld", (long long)a->panels);
  sb_putc(p->b, '\n');
}

static void put_event(Printer *p, const Event *e, int depth) {
  indent(p, depth);
  if (e->when == WHEN_START) sb_puts(p->b, "at start");
  if (e->when == WHEN_END) sb_puts(p->b, "at end");
  if (e->when == WHEN_EPOCHS) sb_printf(p->b, "every %lld epochs", (long long)e->every);
  if (e->when == WHEN_STEPS) sb_printf(p->b, "every %lld steps", (long long)e->every);
  if (e->when == WHEN_AT_EPOCHS) {
    sb_puts(p->b, "at epochs");
    for (uint32_t i = 0; i < e->n_at; i++) sb_printf(p->b, "%s%lld", i ? ", " : " ", (long long)e->at[i]);
  }
  sb_puts(p->b, " {\n");
  put_graph(p, "graph", &e->graph, depth + 1);
  for (uint32_t i = 0; i < e->n_actions; i++) put_action(p, &e->action[i], depth + 1);
  indent(p, depth);
  sb_puts(p->b, "}\n");
}

static void put_schedule(Printer *p, const Task *t) {
  if (t->batch) sb_printf(p->b, "  batch %lld\n", (long long)t->batch);
  if (t->epochs) sb_printf(p->b, "  epochs %lld\n", (long long)t->epochs);
  if (t->steps) sb_printf(p->b, "  steps %lld\n", (long long)t->steps);
  if (t->shuffle) sb_puts(p->b, "  shuffle\n");
  if (t->drop_last) sb_puts(p->b, "  drop_last\n");
  for (uint32_t i = 0; i < t->n_metrics; i++) {
    sb_puts(p->b, "  metric ");
    text_name(p->b, t->metric[i].name);
    sb_puts(p->b, " = ");
    put_cell(p, t->metric[i].sum);
    sb_puts(p->b, " / ");
    put_cell(p, t->metric[i].weight);
    sb_putc(p->b, '\n');
  }
}

static void put_task(Printer *p, const Task *t) {
  sb_printf(p->b, "\ntask %s ", t->kind < TASK_WORDS ? task_word[t->kind] : "?");
  text_name(p->b, t->name);
  if (t->source != IR_NONE) {
    sb_puts(p->b, " on ");
    put_rows(p, t->source);
  }
  sb_puts(p->b, " {\n");
  put_schedule(p, t);
  put_graph(p, "step", &t->step, 1);
  put_graph(p, "tail", &t->tail, 1);
  for (uint32_t i = 0; i < t->n_events; i++) put_event(p, &t->event[i], 1);
  sb_puts(p->b, "}\n");
}

/* ---------------------------------------------------------------- modules */

static void put_declarations(Printer *p) {
  Used u = p->used;
  for (uint32_t i = 0; i < p->m->field.n; i++) {
    if (!u.field[i]) continue;
    sb_puts(p->b, "field ");
    text_name(p->b, p->m->field.at[i].name);
    put_type(p, p->m->field.at[i].type);
    sb_putc(p->b, '\n');
  }
  for (uint32_t i = 0; i < p->m->rows.n; i++) {
    if (!u.rows[i]) continue;
    sb_puts(p->b, "rows ");
    text_name(p->b, p->m->rows.at[i].name);
    sb_printf(p->b, " : %lld\n", (long long)p->m->rows.at[i].rows);
  }
  for (uint32_t i = 0; i < p->m->cell.n; i++) {
    const Cell *c = &p->m->cell.at[i];
    if (!u.cell[i]) continue;
    sb_printf(p->b, "%s ", c->kind < CELL_WORDS ? cell_word[c->kind] : "?");
    text_name(p->b, c->name);
    put_type(p, c->type);
    put_place(p, c->loc);
    sb_putc(p->b, '\n');
  }
}

static void print_module(const Module *m, TaskId task, bool places, StrBuf *out) {
  Arena mem = {0};
  Used u = used_by(m, task);
  Printer p = {m, out, places, u};
  p.cell = name_all(&mem, m->cell.n ? &m->cell.at->name : NULL, sizeof *m->cell.at, m->cell.n, u.cell);
  p.field = name_all(&mem, m->field.n ? &m->field.at->name : NULL, sizeof *m->field.at, m->field.n, u.field);
  p.rows = name_all(&mem, m->rows.n ? &m->rows.at->name : NULL, sizeof *m->rows.at, m->rows.n, u.rows);
  put_declarations(&p);
  for (uint32_t i = 0; i < m->task.n; i++)
    if (task == IR_NONE || i == task) put_task(&p, &m->task.at[i]);
  sb_puts(out, "");
  used_free(&u);
  arena_free(&mem);
}

void ir_print(const Module *m, TaskId task, StrBuf *out) { print_module(m, task, false, out); }
void ir_print_places(const Module *m, TaskId task, StrBuf *out) { print_module(m, task, true, out); }
