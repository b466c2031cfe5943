/* What a run leaves behind: log, report, print, pictures, checkpoints. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/task.h"
#include "frontend/elab/tensor.h"
#include "runtime/picture.h"

static bool outputs_allowed(Elab *E, const Stmt *s, const char *word) {
  if (!E->task || E->g->kind == GRAPH_LET) {
    elab_error(E, "E0502", s->span, "`%s` stands in a task", word);
    return false;
  }
  if (E->g->cur->parent) {
    elab_error(E, "E0502", s->span, "`%s` cannot stand inside a graph loop", word);
    elab_hint(E, "collect the values with `yield` and use them after the loop");
    return false;
  }
  if (E->g->kind == GRAPH_STEP) {
    elab_error(E, "E0502", s->span, "`%s` does not stand in the step itself", word);
    elab_hint(E, "write `every 100 steps { %s .. }` or `at end { .. }`", word);
    return false;
  }
  return true;
}

static char *own_text(Elab *E, const char *s) { return arena_strdup(&E->m->mem, s); }

/* A value the host reads: its number. */
static uint32_t out_value(Elab *E, Val v, Span span) {
  v = to_tensor(E, v, is_number(v) && v.kind == V_FLOAT ? DT_F64 : DT_COUNT, span);
  if (is_error(v)) return IR_NONE;
  uint32_t index = E->g->n_values++;
  graph_output(E, E->g, OUT_VALUE, index, node_of(E, v));
  return index;
}

typedef struct Values {
  Vec(uint32_t) value;
  Vec(const char *) label;
} Values;

static bool add_value(Elab *E, Values *l, Val v, const char *label, Span span) {
  uint32_t k = out_value(E, v, span);
  if (k == IR_NONE) return false;
  list_push(E, &l->value, k);
  const char *own = label ? own_text(E, label) : NULL;
  list_push(E, &l->label, own);
  return true;
}

static void push_action(Elab *E, Action a, Values *l) {
  a.n_values = l->value.n;
  a.value = memdup(&E->m->mem, l->value.at, l->value.n * sizeof *l->value.at);
  a.label = memdup(&E->m->mem, l->label.at, l->label.n * sizeof *l->label.at);
  a.loc = E->loc;
  vec_push(&E->task->action, a);
}

/* ---------------------------------------------------------------- log */

static const char *output_name(Elab *E, const Output *o) {
  const char *name = o->name.text;
  if (o->name_value && !expr_string(E, o->name_value, "a name", &name)) return NULL;
  if (!name) elab_error(E, "E0516", o->value->span, "give this value a name: `name = ..`");
  return name;
}

static CellId metric_cell(Elab *E, const char *name) {
  Slot *known = scope_here(E->cells, name);
  if (known) return known->value.cell;
  CellId c = cell_new(E, name, ir_scalar(E->m, DT_F64), CELL_METRIC, NULL);
  LocId keep = E->init->root->b.loc;
  E->init->root->b.loc = E->loc;
  graph_output(E, E->init, OUT_CELL, c, ir_scalar_const(&E->init->root->b, DT_F64, 0));
  E->init->root->b.loc = keep;
  return c;
}

static void add_to_cell(Elab *E, CellId c, NodeId v) {
  Frame *f = E->g->cur;
  NodeId n = ir_binary(&f->b, OP_add, cell_read(E, f, c), v);
  cell_write(E, f, c, n);
}

/* `log e` in a step: the mean over the rows of an epoch, as a sum and a weight. */
static void log_metric(Elab *E, const char *name, Val v, Span span) {
  const char *prefix = elab_text(E, "%s.log.%s", E->task->task.name, name);
  CellId sum = metric_cell(E, elab_text(E, "%s.sum", prefix));
  CellId weight = metric_cell(E, elab_text(E, "%s.weight", prefix));
  bool known = false;
  for (uint32_t k = 0; k < E->task->metric.n; k++) known |= E->task->metric.at[k].sum == sum;
  if (!known) vec_push(&E->task->metric, ((Metric){own_text(E, name), sum, weight}));
  v = to_tensor(E, v, is_number(v) ? DT_F64 : DT_COUNT, span);
  if (is_error(v)) return;
  if (type_of(E, v)->rank) {
    elab_error(E, "E0517", span, "`log` takes scalars, found %s", type_text(E, v));
    elab_hint(E, "reduce it with `mean(..)`");
    return;
  }
  Builder *b = &E->g->cur->b;
  NodeId rows = ir_scalar_const(b, DT_F64, E->g->batch ? (double)E->g->batch : 1);
  NodeId value = ir_unary(b, OP_stop_gradient, ir_cast(b, node_of(E, v), DT_F64));
  add_to_cell(E, sum, ir_binary(b, OP_mul, value, rows));
  add_to_cell(E, weight, rows);
}

void exec_log(Elab *E, const Stmt *s) {
  if (!E->task) {
    elab_error(E, "E0502", s->span, "`log` stands in a task");
    return;
  }
  bool step = E->g->kind == GRAPH_STEP;
  if (!step && !outputs_allowed(E, s, "log")) return;
  for (uint32_t k = 0; k < s->n_output; k++) {
    const Output *o = &s->output[k];
    const char *name = output_name(E, o);
    Val v = expr_value(E, o->value);
    if (!name || is_error(v)) continue;
    elab_at(E, s->span);
    Values l = {0};
    if (step)
      log_metric(E, name, v, o->value->span);
    else if (add_value(E, &l, v, NULL, o->value->span))
      push_action(E, (Action){.kind = ACT_LOG, .name = own_text(E, name)}, &l);
  }
}

/* ---------------------------------------------------------------- report, print */

static void report(Elab *E, const Stmt *s) {
  for (uint32_t k = 0; k < s->n_output; k++) {
    const Output *o = &s->output[k];
    const char *name = output_name(E, o);
    Val v = expr_value(E, o->value);
    if (!name || is_error(v)) continue;
    Val by = o->by ? expr_value(E, o->by) : val_none();
    elab_at(E, o->value->span);
    Values l = {0};
    if (is_list(v) && val_has_tensor(v)) v = to_tensor(E, v, DT_COUNT, o->value->span);
    if (is_error(by) || !add_value(E, &l, v, NULL, o->value->span)) continue;
    if (o->by && !add_value(E, &l, by, NULL, o->by->span)) continue;
    push_action(E, (Action){.kind = o->by ? ACT_REPORT_BY : ACT_REPORT, .name = own_text(E, name)}, &l);
  }
}

/* One value in the text of `print`: compile-time ones at once, tensors as {k:format}. */
static void print_part(Elab *E, StrBuf *b, Values *l, Val v, const char *format, Span span) {
  if (!val_has_tensor(v)) {
    if (!is_error(v)) sb_puts(b, format_value(E, v, format));
    return;
  }
  uint32_t k = l->value.n;
  if (!add_value(E, l, v, NULL, span)) return;
  sb_printf(b, format ? "{%u:%s}" : "{%u}", k, format);
}

static void print_expr(Elab *E, StrBuf *b, Values *l, const Expr *e) {
  if (e->kind == EXPR_STRING) {
    for (uint32_t k = 0; k < e->n; k++) {
      if (e->part[k].text) {
        for (const char *p = e->part[k].text; *p; p++) {
          if (*p == '{' || *p == '}') sb_putc(b, *p);
          sb_putc(b, *p);
        }
      } else {
        print_part(E, b, l, expr_value(E, e->part[k].value), e->part[k].format, e->part[k].value->span);
      }
    }
    return;
  }
  if (e->kind == EXPR_TUPLE) {
    for (uint32_t k = 0; k < e->n; k++) {
      if (k) sb_putc(b, ' ');
      print_expr(E, b, l, e->item[k]);
    }
    return;
  }
  print_part(E, b, l, expr_value(E, e), NULL, e->span);
}

static void print(Elab *E, const Stmt *s) {
  StrBuf b = {0};
  Values l = {0};
  print_expr(E, &b, &l, s->value);
  push_action(E, (Action){.kind = ACT_PRINT, .name = own_text(E, b.s ? b.s : "")}, &l);
  sb_free(&b);
}

/* ---------------------------------------------------------------- pictures */

static const struct {
  const char *form;
  ActionKind kind;
} forms[] = {{"grid", ACT_IMAGE}, {"heatmap", ACT_IMAGE}, {"history", ACT_PLOT},
             {"lines", ACT_PLOT}, {"scatter", ACT_PLOT},  {"histogram", ACT_PLOT}};

static const char *picture_form(Elab *E, const Expr *e, ActionKind kind) {
  if (e->kind == EXPR_CALL && e->a->kind == EXPR_NAME)
    for (uint32_t k = 0; k < sizeof forms / sizeof *forms; k++)
      if (strcmp(forms[k].form, e->a->name.text) == 0 && (forms[k].kind == ACT_PLOT) == (kind == ACT_PLOT))
        return forms[k].form;
  elab_error(E, "E0518", e->span, "expected a picture");
  elab_hint(E, kind == ACT_PLOT ? "`plot` draws `history(..)`, `lines(..)`, `scatter(..)` or `histogram(..)`; `image` "
                                  "draws `grid(..)` and `heatmap(..)`"
                                : "`grid(x, h, w)` or `heatmap(a)`; `plot` draws lines, points and histograms");
  return NULL;
}

/* grid(x, h, w, columns = .., channels = ..): everything after x is compile-time. */
static bool grid_options(Elab *E, const Expr *e, Val x, Action *a) {
  static const char *const names[] = {"h", "w", "columns", "channels"};
  for (uint32_t k = 1; k < e->n; k++) {
    uint32_t at = k - 1;
    if (e->arg[k].name.text)
      for (at = 0; at < 4 && strcmp(names[at], e->arg[k].name.text) != 0;) at++;
    if (at >= 4) return elab_error(E, "E0205", e->arg[k].value->span, "`grid` takes x, h, w, columns, channels"), false;
    if (!expr_int(E, e->arg[k].value, "a size", &a->option[at])) return false;
  }
  const Type *t = type_of(E, x);
  if (!a->option[0] && t->rank >= 3) {
    bool channels = t->rank == 4;
    a->option[0] = t->dim[t->rank - 2 - channels], a->option[1] = t->dim[t->rank - 1 - channels];
    if (channels) a->option[3] = t->dim[t->rank - 1];
  }
  if (!a->option[3]) a->option[3] = 1;
  int64_t pixels = a->option[0] * a->option[1] * a->option[3], n = ir_elements(t);
  if (pixels > 0 && n % pixels == 0) return true;
  elab_error(E, "E0518", e->span, "%s is no row of pictures of %lld x %lld", type_text(E, x), (long long)a->option[0],
             (long long)a->option[1]);
  elab_hint(E, "write `grid(x, h, w)` where every picture has h * w elements");
  return false;
}

/* The name of a picture or checkpoint; `{epoch}` and `{step}` stay for the run to fill in. */
static bool output_file(Elab *E, const Expr *e, const char **name) {
  if (e->kind != EXPR_STRING) return expr_string(E, e, "the name of a file", name);
  StrBuf b = {0};
  bool ok = true;
  for (uint32_t k = 0; k < e->n && ok; k++) {
    const StrPart *p = &e->part[k];
    Val v = p->text ? val_string(p->text) : expr(E, p->value);
    if (v.kind == V_COUNTER)
      sb_printf(&b, p->format ? "{%s:%s}" : "{%s}", v.i == IN_EPOCH ? "epoch" : "step", p->format);
    else if (val_has_tensor(v))
      ok = (elab_error(E, "E0307", p->value->span, "a name must be known at compile time, found a tensor"), false);
    else
      sb_puts(&b, format_value(E, v, p->format));
    ok = ok && !is_error(v);
  }
  *name = arena_strdup(&E->mem, b.s ? b.s : "");
  sb_free(&b);
  return ok;
}

/* Names of logged values: the history of a run. */
static bool history_labels(Elab *E, const Expr *e, Values *l) {
  for (uint32_t k = 0; k < e->n; k++) {
    const Expr *arg = e->arg[k].value;
    const char *metric = arg->kind == EXPR_NAME ? arg->name.text : NULL;
    if (!metric && !expr_string(E, arg, "a logged name", &metric)) return false;
    metric = own_text(E, metric);
    list_push(E, &l->label, metric);
  }
  return true;
}

enum { MAX_PICTURE_VALUES = 64, MAX_LINES = 64 };

static bool misfit(Elab *E, Span at, const char *message, const char *hint) {
  elab_error(E, "E0518", at, "%s", message);
  elab_hint(E, "%s", hint);
  return false;
}

/* lines(y), lines(x, name = y, ..): a matrix is one line a column. */
static bool lines_fit(Elab *E, const Expr *e, const Type *t) {
  uint32_t first = e->n > 1 && !e->arg[0].name.text;
  for (uint32_t k = first; k < e->n; k++) {
    int64_t n = t[k].rank ? t[k].dim[0] : 1, points = ir_elements(&t[0]);
    if (first && n != points)
      return misfit(E, e->arg[k].value->span,
                    elab_text(E, "a line of %lld points over an x of %lld", (long long)n, (long long)points),
                    "`lines(x, y)` with y [n], or [n, lines]; two lines: `lines(x, first = y, second = z)`");
    if (n && ir_elements(&t[k]) / n > MAX_LINES)
      return misfit(E, e->arg[k].value->span, "more than 64 lines in one plot", "a matrix is one line a column");
  }
  return true;
}

/* scatter(x, y), scatter(z) with z [n, 2]; a third value colours the points. */
static bool scatter_fits(Elab *E, const Expr *e, const Type *t) {
  bool pairs = t[0].rank == 2 && t[0].dim[1] == 2;
  uint32_t next = pairs ? 1 : 2;
  int64_t n = pairs ? t[0].dim[0] : ir_elements(&t[0]);
  if (!pairs && (e->n < 2 || ir_elements(&t[1]) != n))
    return misfit(E, e->span, "`scatter` takes x and y of equal length, or one tensor [n, 2]",
                  "`scatter(x, y)`, `scatter(z, label = classes)`");
  if (e->n <= next || ir_elements(&t[next]) == n) return true;
  return misfit(E, e->arg[next].value->span, "`scatter` needs one label a point", "`scatter(x, y, label = classes)`");
}

/* Said where the plot is written, not when the run gets there. */
static bool plot_fits(Elab *E, const Expr *e, const char *form, const Type *t) {
  if (!strcmp(form, "lines")) return lines_fit(E, e, t);
  if (!strcmp(form, "scatter")) return scatter_fits(E, e, t);
  return strcmp(form, "heatmap") || t[0].rank <= 2 ||
         misfit(E, e->arg[0].value->span, elab_text(E, "a heat map of %lld axes", (long long)t[0].rank),
                "`heatmap(a)` takes a matrix, or a vector as one row");
}

static bool picture_values(Elab *E, const Expr *e, Action *a, Values *l) {
  bool grid = strcmp(a->form, "grid") == 0;
  Type type[MAX_PICTURE_VALUES];
  if (!e->n || e->n > MAX_PICTURE_VALUES)
    return misfit(E, e->span, e->n ? "more than 64 values in one picture" : "a picture of nothing", "`lines(x, y)`");
  for (uint32_t k = 0; k < (grid ? 1 : e->n); k++) {
    const Arg *arg = &e->arg[k];
    Val v = expr_value(E, arg->value);
    if (is_error(v)) return false;
    v = to_tensor(E, v, DT_COUNT, arg->value->span);
    if (is_error(v) || !add_value(E, l, v, arg->name.text, arg->value->span)) return false;
    type[k] = *type_of(E, v);
    if (grid && !grid_options(E, e, v, a)) return false;
  }
  return plot_fits(E, e, a->form, type);
}

/* `log_y = true`, taken out of the arguments of a plot. */
static bool take_log_y(Elab *E, Expr *e, Action *a) {
  Arg *left = arena_array(&E->mem, Arg, e->n + 1);
  uint32_t n = 0;
  bool log_y = false;
  for (uint32_t k = 0; k < e->n; k++) {
    const Arg *arg = &e->arg[k];
    if (!arg->name.text || strcmp(arg->name.text, "log_y") != 0)
      left[n++] = *arg;
    else if (!val_to_bool(E, expr_value(E, arg->value), arg->value->span, "`log_y`", &log_y))
      return false;
  }
  e->arg = left, e->n = n;
  a->option[1] = log_y;
  return true;
}

/* One panel. `panels`: of the whole picture on its first one, -1 on the others. */
static void panel(Elab *E, const Expr *call, ActionKind kind, const char *name, int64_t panels, Span span) {
  const char *form = picture_form(E, call, kind);
  if (!form) return;
  Action a = {.kind = (uint8_t)kind, .name = own_text(E, name), .form = form};
  Expr without = *call;
  const Expr *e = &without;
  if (kind == ACT_PLOT && !take_log_y(E, &without, &a)) return;
  Values l = {0};
  bool history = strcmp(form, "history") == 0;
  if (!(history ? history_labels(E, e, &l) : picture_values(E, e, &a, &l))) return;
  if (history) a.option[0] = l.label.n;
  a.panels = panels;
  elab_at(E, span);
  push_action(E, a, &l);
}

static void picture(Elab *E, const Stmt *s) {
  ActionKind kind = s->kind == STMT_PLOT ? ACT_PLOT : s->kind == STMT_GIF ? ACT_GIF : ACT_IMAGE;
  const char *name;
  if (!output_file(E, s->value, &name)) return;
  const Expr *e = s->value2;
  if (e->kind != EXPR_LIST && e->kind != EXPR_TUPLE) {
    panel(E, e, kind, name, 0, s->span);
    return;
  }
  if (!e->n || e->n > PLOT_MAX_PANELS) {
    misfit(E, e->span, elab_text(E, "a picture of %u panels", e->n), "a picture has 1 to 32 panels");
    return;
  }
  for (uint32_t k = 0; k < e->n; k++) panel(E, e->item[k], kind, name, k ? -1 : (int64_t)e->n, s->span);
}

/* ---------------------------------------------------------------- the rest */

static void keep_or_stop(Elab *E, const Stmt *s) {
  Val v = expr_value(E, s->value);
  int64_t patience = 0;
  if (is_error(v) || (s->value2 && !expr_int(E, s->value2, "`patience`", &patience))) return;
  Values l = {0};
  v = to_tensor(E, v, DT_COUNT, s->value->span);
  if (is_error(v)) return;
  if (type_of(E, v)->rank) {
    elab_error(E, "E0517", s->value->span, "expected a scalar, found %s", type_text(E, v));
    return;
  }
  if (!add_value(E, &l, v, NULL, s->value->span)) return;
  Action a = {.kind = s->kind == STMT_KEEP ? ACT_KEEP : ACT_STOP, .name = ""};
  a.option[0] = patience;
  push_action(E, a, &l);
}

static void checkpoint(Elab *E, const Stmt *s) {
  Action a = {.kind = ACT_CHECKPOINT, .name = ""};
  Values none = {0};
  if (s->value && !output_file(E, s->value, &a.name)) return;
  a.name = own_text(E, a.name);
  push_action(E, a, &none);
}

void exec_output(Elab *E, const Stmt *s) {
  static const char *const words[] = {
      [STMT_REPORT] = "report", [STMT_PRINT] = "print",           [STMT_IMAGE] = "image", [STMT_GIF] = "gif",
      [STMT_PLOT] = "plot",     [STMT_CHECKPOINT] = "checkpoint", [STMT_KEEP] = "keep",   [STMT_STOP] = "stop"};
  if (!outputs_allowed(E, s, words[s->kind])) return;
  switch (s->kind) {
  case STMT_REPORT: report(E, s); break;
  case STMT_PRINT: print(E, s); break;
  case STMT_CHECKPOINT: checkpoint(E, s); break;
  case STMT_KEEP:
  case STMT_STOP: keep_or_stop(E, s); break;
  default: picture(E, s);
  }
}
