/* Graphs as DOT: a cluster for each graph and each loop body, inputs and outputs marked, source lines in the labels. The
 * step of a short last batch, the same graph with another extent, is not drawn. */
#include "ir/text/text.h"
#include <stdlib.h>
#include <string.h>

typedef struct Dot {
  const Module *m;
  StrBuf *b;
  uint32_t frames; /* drawn regions so far: ids of nodes are unique across them */
} Dot;

typedef struct Style {
  const char *shape, *fill;
} Style;
static const Style input_style[] = {{"box3d", "#cfe8cf"},   {"cylinder", "#cfdff2"}, {"cylinder", "#cfdff2"},
                                    {"ellipse", "#e4e4e4"}, {"ellipse", "#e4e4e4"},  {"ellipse", "#e4e4e4"}};
static const Style param_style = {"ellipse", "#e4e4e4"}, const_style = {"plaintext", "#ffffff"};
static const Style op_style[] = {{"box", "#fdfdf5"}, {"box", "#fbe9d9"}, {"box", "#ece4f5"}}; /* by origin */
static const Style loop_style = {"box", "#fff3b8"}, output_style = {"octagon", "#f7d7d7"};

/* Text inside a quoted label; DOT's own escapes are written around it. */
static void put_text(Dot *d, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c == '"' || c == '\\')
      sb_printf(d->b, "\\%c", c);
    else
      sb_putc(d->b, c < 32 || c == 127 ? ' ' : (char)c);
  }
}
static void put_words(Dot *d, const char *s) { put_text(d, s, strlen(s)); }

static void begin_node(Dot *d, uint32_t frame, const char *kind, uint32_t id) {
  sb_printf(d->b, "    f%u%s%u [label=\"", frame, kind, id);
}

static void end_node(Dot *d, const Style *s) {
  sb_printf(d->b, "\", shape=%s, fillcolor=\"%s\"];\n", s->shape, s->fill);
}

static void put_type(Dot *d, TypeId t) {
  sb_puts(d->b, "\\n");
  ir_type_print(d->m, t, d->b);
}

static void put_source(Dot *d, LocId loc) {
  StrBuf line = {0};
  if (text_source_line(d->m, loc, 44, &line) && line.n) {
    sb_puts(d->b, "\\n");
    put_text(d, line.s, line.n);
  }
  sb_free(&line);
}

static const char *binding_name(const Module *m, const Binding *in) {
  const char *name = NULL;
  if (in->kind == IN_CELL && in->index < m->cell.n) name = m->cell.at[in->index].name;
  if (in->kind == IN_FIELD && in->index < m->field.n) name = m->field.at[in->index].name;
  if (in->kind == IN_ROWS && in->index < m->rows.n) name = m->rows.at[in->index].name;
  return name ? name : "";
}

/* ---------------------------------------------------------------- nodes */

static void draw_input(Dot *d, uint32_t frame, NodeId id, const Node *n, const Binding *in) {
  begin_node(d, frame, "n", id);
  sb_printf(d->b, "%s ", in->kind < INPUT_WORDS ? input_word[in->kind] : "?");
  put_words(d, binding_name(d->m, in));
  put_type(d, n->type);
  end_node(d, &input_style[in->kind < INPUT_WORDS ? in->kind : 0]);
}

/* What parameter i of a loop's body is. */
static const char *body_param(const Node *loop, const Attr *a, uint32_t i, bool condition) {
  if (!condition && i-- == 0) return "iteration";
  if (i < a->n_carry) return "carry";
  return loop->op == OP_scan && i < a->n_carry + a->n_xs ? "part" : "outer";
}

static void draw_const(Dot *d, uint32_t frame, NodeId id, const Node *n) {
  const Type *t = ir_type_get(d->m, n->type);
  begin_node(d, frame, "n", id);
  if (ir_elements(t) == 1)
    text_element(d->b, t->dtype, ir_const_data(d->m, ir_attr_get(d->m, n->attr)->value), 0);
  else
    sb_puts(d->b, "const");
  if (t->rank) put_type(d, n->type);
  end_node(d, &const_style);
}

static void draw_attrs(Dot *d, const Node *n) {
  const Attr *a = ir_attr_get(d->m, n->attr);
  const char *separator = "\\n";
  for (const char *s = op_table[n->op].attrs; *s;) {
    size_t length = strcspn(s, " ");
    const AttrField *f = &attr_field[attr_field_by_name(s, length)];
    s += length + strspn(s + length, " ");
    bool said_by_type = f->kind == FIELD_DTYPE || !strcmp(f->name, "shape") || f->kind == FIELD_COUNT;
    if (said_by_type || (f->optional && attr_is_zero(a, f))) continue;
    sb_puts(d->b, separator);
    text_attr_field(d->b, a, f);
    separator = ", ";
  }
}

static void draw_op(Dot *d, uint32_t frame, NodeId id, const Node *n) {
  const Loc *l = ir_loc_get(d->m, n->loc);
  bool loop = op_table[n->op].flags & OPF_REGION;
  begin_node(d, frame, "n", id);
  sb_puts(d->b, op_table[n->op].name);
  draw_attrs(d, n);
  put_type(d, n->type);
  put_source(d, n->loc);
  end_node(d, loop ? &loop_style : &op_style[l->origin <= ORIGIN_PASS ? l->origin : 0]);
}

static void edge(Dot *d, uint32_t from_frame, NodeId from, uint32_t to_frame, const char *to_kind, uint32_t to,
                 const char *more) {
  if (from == IR_NONE) return;
  sb_printf(d->b, "    f%un%u -> f%u%s%u%s;\n", from_frame, from, to_frame, to_kind, to, more);
}

/* ---------------------------------------------------------------- regions */

static void draw_region(Dot *d, RegionId region, uint32_t frame, const Graph *g, const Node *loop, bool condition);

/* A body in a cluster of its own: operands lead to its parameters, its results to the loop's node. */
static void draw_body(Dot *d, RegionId outer, uint32_t frame, NodeId id, const Node *n, RegionId body, bool condition) {
  if (body >= d->m->region.n) return;
  uint32_t inner = ++d->frames;
  const Region *r = ir_region(d->m, body);
  const NodeId *in = ir_operands(d->m, outer, n);
  sb_printf(d->b, "  subgraph cluster_%u {\n    label=\"%s of %%%u\"; style=rounded; color=\"#b59a2e\";\n", inner,
            condition ? "condition" : "body", id);
  draw_region(d, body, inner, NULL, n, condition);
  sb_puts(d->b, "  }\n");
  uint32_t skip = condition ? 0 : 1;
  for (uint32_t i = skip; i < r->param.n && i - skip < n->n_in; i++)
    edge(d, frame, in[i - skip], inner, "n", r->param.at[i], " [style=dashed]");
  for (uint32_t i = 0; i < r->result.n; i++) edge(d, inner, r->result.at[i], frame, "n", id, " [style=dashed]");
}

static void draw_node(Dot *d, RegionId region, uint32_t frame, NodeId id, const Graph *g, const Node *loop,
                      bool condition) {
  const Node *n = ir_node(d->m, region, id);
  if (n->op == OP_const)
    draw_const(d, frame, id, n);
  else if (n->op != OP_param)
    draw_op(d, frame, id, n);
  else {
    uint32_t i = (uint32_t)ir_attr_get(d->m, n->attr)->index;
    if (g && i < g->n_in) {
      draw_input(d, frame, id, n, &g->in[i]);
    } else {
      begin_node(d, frame, "n", id);
      sb_puts(d->b, loop ? body_param(loop, ir_attr_get(d->m, loop->attr), i, condition) : "param");
      put_type(d, n->type);
      end_node(d, &param_style);
    }
  }
  if (op_table[n->op].flags & OPF_REGION) {
    if (n->op == OP_while) draw_body(d, region, frame, id, n, n->body[0], true);
    draw_body(d, region, frame, id, n, n->body[n->op == OP_while], false);
    return;
  }
  const NodeId *in = ir_operands(d->m, region, n);
  for (uint32_t i = 0; i < n->n_in; i++) edge(d, frame, in[i], frame, "n", id, "");
}

static void draw_region(Dot *d, RegionId region, uint32_t frame, const Graph *g, const Node *loop, bool condition) {
  uint32_t n = ir_region(d->m, region)->node.n;
  for (NodeId i = 0; i < n; i++) draw_node(d, region, frame, i, g, loop, condition);
}

static void draw_outputs(Dot *d, const Graph *g, uint32_t frame) {
  const Region *r = ir_region(d->m, g->region);
  for (uint32_t i = 0; i < g->n_out && i < r->result.n; i++) {
    const Binding *out = &g->out[i];
    begin_node(d, frame, "out", i);
    if (out->kind == OUT_CELL && out->index < d->m->cell.n) {
      sb_puts(d->b, "new ");
      put_words(d, d->m->cell.at[out->index].name ? d->m->cell.at[out->index].name : "cell");
    } else if (out->kind == OUT_CHECK) {
      sb_puts(d->b, "check");
    } else {
      sb_printf(d->b, "value %u", out->index);
    }
    end_node(d, &output_style);
    edge(d, frame, r->result.at[i], frame, "out", i, "");
  }
}

static void draw_graph(Dot *d, const Task *t, const char *part, const Graph *g) {
  if (g->region >= d->m->region.n) return;
  uint32_t frame = ++d->frames;
  sb_printf(d->b, "  subgraph cluster_%u {\n    label=\"", frame);
  put_words(d, t->name ? t->name : "");
  sb_printf(d->b, ": %s\"; color=\"#999999\";\n", part);
  draw_region(d, g->region, frame, g, NULL, false);
  draw_outputs(d, g, frame);
  sb_puts(d->b, "  }\n");
}

static void begin_page(StrBuf *out) {
  sb_puts(out, "digraph seppo {\n  rankdir=TB; ranksep=0.3; nodesep=0.2; fontname=\"Helvetica\"; fontsize=12;\n"
               "  node [style=\"filled,rounded\", fontname=\"Helvetica\", fontsize=10, color=\"#555555\", height=0.2, "
               "margin=\"0.08,0.04\"];\n  edge [arrowsize=0.5, color=\"#555555\"];\n");
}

void ir_print_dot_step(const Module *m, TaskId task, StrBuf *out) {
  Dot d = {m, out, 0};
  const Task *t = &m->task.at[task];
  begin_page(out);
  draw_graph(&d, t, task_word[t->kind < TASK_WORDS ? t->kind : TASK_PLAIN], &t->step);
  sb_puts(out, "}\n");
}

void ir_print_dot(const Module *m, TaskId task, StrBuf *out) {
  Dot d = {m, out, 0};
  begin_page(out);
  for (uint32_t i = 0; i < m->task.n; i++) {
    if (task != IR_NONE && i != task) continue;
    const Task *t = &m->task.at[i];
    draw_graph(&d, t, task_word[t->kind < TASK_WORDS ? t->kind : TASK_PLAIN], &t->step);
    for (uint32_t k = 0; k < t->n_events; k++) draw_graph(&d, t, "event", &t->event[k].graph);
  }
  sb_puts(out, "}\n");
}
