/* report.html of a run that drew pictures: settings, results, curves, pictures, the graph, time and memory. */
#include "runtime/report.h"
#include "driver/model_table.h"
#include "driver/picture.h"
#include "driver/session/pictures.h"
#include "driver/session/session.h"
#include <stdlib.h>
#include <string.h>

enum { GRAPH_NODES = 250 }; /* a larger picture of a graph helps nobody, and its layout takes seconds */

typedef struct Pairs {
  Vec(const char *) name, value;
} Pairs;

static void add_pair(Pairs *p, const char *name, const char *value) {
  vec_push(&p->name, name);
  vec_push(&p->value, value);
}

static void put_pairs(Report *r, Pairs *p) {
  report_pairs(r, p->name.at, p->value.at, p->name.n);
  vec_free(&p->name);
  vec_free(&p->value);
}

/* The leaves of a JSON object under dotted names. */
static void add_json(Arena *mem, Pairs *p, const char *prefix, const json_t *object) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    const char *name = *prefix ? arena_printf(mem, "%s.%s", prefix, key) : key;
    if (json_is_object(value)) {
      add_json(mem, p, name, value);
    } else if (json_is_string(value)) {
      add_pair(p, name, arena_strdup(mem, json_string_value(value)));
    } else {
      StrBuf text = {0};
      json_print(value, 0, &text);
      add_pair(p, name, arena_strdup(mem, text.s));
      sb_free(&text);
    }
  }
}

static void put_json_file(Session *s, Report *r, const char *heading, const char *file) {
  json_t *all = json_load_file(rundir_file(s->dir, file), 0, NULL);
  Pairs p = {0};
  report_heading(r, heading);
  add_json(&s->engine.mem, &p, "", all);
  put_pairs(r, &p);
  json_decref(all);
}

/* Every logged value of a training over its epochs, one panel each. */
static bool put_curves(Session *s, Report *r, const Task *t) {
  PlotPanel *panel = arena_array(&s->engine.mem, PlotPanel, t->n_metrics + 1);
  PlotSeries *series = arena_array(&s->engine.mem, PlotSeries, t->n_metrics + 1);
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->n_metrics; i++) {
    series[n].n = rundir_history(s->dir, t->name, t->metric[i].name, &series[n].x, &series[n].y);
    if (series[n].n < 2) continue;
    panel[n] = (PlotPanel){.kind = PLOT_LINES, .title = t->metric[i].name, .n_series = 1, .series = &series[n]};
    panel[n].x_label = t->source == IR_NONE ? "step" : "epoch";
    n++;
  }
  if (n == 0) return true;
  const char *stem = rundir_file(s->dir, arena_printf(&s->engine.mem, "curves_%s", t->name));
  Plot plot = {.n_panels = n, .panel = panel};
  if (!picture_plot(stem, &plot, s->sink)) return false;
  report_picture(r, arena_printf(&s->engine.mem, "%s.svg", stem), t->name);
  return true;
}

static bool put_all_curves(Session *s, Report *r) {
  report_heading(r, "Curves");
  for (uint32_t i = 0; i < s->m->task.n; i++)
    if (s->m->task.at[i].kind == TASK_TRAIN && !put_curves(s, r, &s->m->task.at[i])) return false;
  return true;
}

/* Pictures of one name together, in the order they were drawn. */
static void put_pictures(Session *s, Report *r) {
  const Pictures *p = s->pictures;
  for (uint32_t i = 0; i < p->drawn.n; i++) {
    const char *name = p->drawn.at[i].name;
    bool seen = false;
    for (uint32_t k = 0; k < i; k++) seen = seen || strcmp(p->drawn.at[k].name, name) == 0;
    if (seen) continue;
    report_heading(r, name);
    for (uint32_t k = i; k < p->drawn.n; k++)
      if (strcmp(p->drawn.at[k].name, name) == 0) report_picture(r, p->drawn.at[k].path, p->drawn.at[k].caption);
  }
}

static void put_graph(Session *s, Report *r) {
  for (TaskId i = 0; i < s->m->task.n; i++) {
    const Task *t = &s->m->task.at[i];
    if (t->kind != TASK_TRAIN || ir_region(s->m, t->step.region)->node.n > GRAPH_NODES) continue;
    StrBuf dot = {0}, svg = {0};
    DiagSink quiet = {0};
    ir_print_dot(s->m, i, &dot);
    if (svg_from_dot(dot.s, &svg, &quiet)) {
      report_heading(r, arena_printf(&s->engine.mem, "Graph of %s", t->name));
      report_svg(r, svg.s, svg.n, "after optimisation");
    }
    sb_free(&dot);
    sb_free(&svg);
    diag_sink_free(&quiet);
  }
}

static void put_model(Session *s, Report *r) {
  const Source *file = &s->l->sources.source.at[s->l->source];
  StrBuf table = {0};
  model_table_print(&s->l->elab, &table);
  report_heading(r, "Model");
  report_text(r, table.s ? table.s : "");
  report_text(r, file->text);
  sb_free(&table);
}

bool session_report(Session *s) {
  if (!s->pictures) return true;
  for (uint32_t i = 0; i < s->pictures->gif.n; i++) picture_gif_free(s->pictures->gif.at[i].gif);
  s->pictures->gif.n = 0;
  Report *r = report_new(s->options->word[0]);
  if (!r) return false;
  bool ok = put_all_curves(s, r);
  put_pictures(s, r);
  put_json_file(s, r, "Results, time and memory", "summary.json");
  put_json_file(s, r, "Configuration", "config.json");
  put_model(s, r);
  put_graph(s, r);
  ok = report_write(r, rundir_file(s->dir, "report.html"), s->sink) && ok;
  report_free(r);
  return ok;
}
