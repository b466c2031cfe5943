/* report.html: settings, results, curves, pictures, the graph, time and memory. */
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
    } else if (json_is_real(value)) {
      add_pair(p, name, arena_printf(mem, "%.7g", json_real_value(value)));
    } else if (!json_is_array(value) || json_array_size(value)) {
      StrBuf text = {0};
      json_print(value, 0, &text);
      add_pair(p, name, arena_strdup(mem, text.s));
      sb_free(&text);
    }
  }
}

static json_t *json_file(Session *s, const char *file) { return json_load_file(rundir_file(s->dir, file), 0, NULL); }

/* Values that fit on a line: arrays are cut. */
static void shorten(Arena *mem, Pairs *p) {
  enum { most = 400 };
  for (uint32_t i = 0; i < p->value.n; i++)
    if (strlen(p->value.at[i]) > most) p->value.at[i] = arena_printf(mem, "%.*s ...", most, p->value.at[i]);
}

static void put_json(Session *s, Report *r, const char *heading, const json_t *object) {
  Pairs p = {0};
  add_json(&s->engine.mem, &p, "", object);
  shorten(&s->engine.mem, &p);
  if (p.name.n) report_heading(r, heading);
  put_pairs(r, &p);
}

static double number_of(const json_t *summary, const char *key) {
  return json_number_value(json_object_get(summary, key));
}

static void put_costs(Session *s, Report *r, const json_t *summary) {
  const double mib = 1024 * 1024;
  Arena *mem = &s->engine.mem;
  const json_t *part = json_object_get(summary, "compile_breakdown_ms");
  char number[32];
  Pairs p = {0};
  report_heading(r, "Time and memory");
  add_pair(&p, "training", arena_printf(mem, "%.3g s", number_of(summary, "seconds")));
  add_pair(&p, "steps",
           arena_printf(mem, "%s, %.4g a second", number_grouped((int64_t)number_of(summary, "steps"), number),
                        number_of(summary, "steps_per_second")));
  add_pair(&p, "compiling",
           arena_printf(mem, "%.0f ms: parse %.1f, gradients %.1f, passes %.1f, LLVM %.1f, link %.1f%s",
                        number_of(summary, "compile_ms"), number_of(part, "parse"), number_of(part, "grad"),
                        number_of(part, "passes"), number_of(part, "llvm"), number_of(part, "link"),
                        json_is_true(json_object_get(summary, "cache_hit")) ? "; machine code from the cache" : ""));
  if (s->first_step_ms)
    add_pair(&p, "from the start to the first step", arena_printf(mem, "%.0f ms", number_of(summary, "first_step_ms")));
  add_pair(&p, "memory of all tensors", arena_printf(mem, "%.4g MiB", number_of(summary, "peak_arena_bytes") / mib));
  add_pair(&p, "memory of the process", arena_printf(mem, "%.4g MiB", number_of(summary, "peak_rss_bytes") / mib));
  put_pairs(r, &p);
}

/* What a training logged more than once, one panel each, over epochs where it can be. */
static bool put_curves(Session *s, Report *r, const char *task) {
  enum { most = 30 };
  PlotPanel panel[most];
  PlotSeries series[most];
  uint32_t n = 0;
  for (uint32_t i = 0; i < rundir_histories(s->dir) && n < most; i++) {
    RunHistory h = rundir_history_at(s->dir, i);
    if (strcmp(h.task, task) != 0 || h.n < 2) continue;
    series[n] = (PlotSeries){.x = h.by_epoch ? h.epoch : h.step, .y = h.value, .n = h.n};
    panel[n] = (PlotPanel){.kind = PLOT_LINES, .title = h.name, .n_series = 1, .series = &series[n]};
    panel[n++].x_label = h.by_epoch ? "epoch" : "step";
  }
  if (n == 0) return true;
  const char *stem = rundir_file(s->dir, arena_printf(&s->engine.mem, "curves_%s", task));
  Plot plot = {.n_panels = n, .panel = panel};
  if (!picture_plot(stem, &plot, s->sink)) return false;
  report_heading(r, arena_printf(&s->engine.mem, "Curves of %s", task));
  report_picture(r, arena_printf(&s->engine.mem, "%s.svg", stem), "");
  return true;
}

/* What it logged once, as numbers: one point is no curve. */
static void put_single_values(Session *s, Report *r, const char *task) {
  Pairs p = {0};
  for (uint32_t i = 0; i < rundir_histories(s->dir); i++) {
    RunHistory h = rundir_history_at(s->dir, i);
    if (strcmp(h.task, task) != 0 || h.n != 1 || h.step[0] < 0) continue;
    add_pair(&p, h.name, arena_printf(&s->engine.mem, "%.7g", h.value[0]));
  }
  if (p.name.n) report_heading(r, arena_printf(&s->engine.mem, "Logged once in %s", task));
  if (p.name.n) put_pairs(r, &p);
}

static bool put_trainings(Session *s, Report *r) {
  for (uint32_t i = 0; i < s->m->task.n; i++) {
    const Task *t = &s->m->task.at[i];
    if (t->kind != TASK_TRAIN) continue;
    if (!put_curves(s, r, t->name)) return false;
    put_single_values(s, r, t->name);
  }
  return true;
}

/* Pictures of one name together, in the order they were drawn. */
static void put_pictures(Session *s, Report *r) {
  const Pictures *p = s->pictures;
  for (uint32_t i = 0; p && i < p->drawn.n; i++) {
    const char *name = p->drawn.at[i].name;
    bool seen = false;
    for (uint32_t k = 0; k < i; k++) seen = seen || strcmp(p->drawn.at[k].name, name) == 0;
    if (seen) continue;
    report_heading(r, name);
    for (uint32_t k = i; k < p->drawn.n; k++)
      if (strcmp(p->drawn.at[k].name, name) == 0) report_picture(r, p->drawn.at[k].path, p->drawn.at[k].caption);
  }
}

static void draw_graph(Session *s, Report *r, TaskId task) {
  StrBuf dot = {0}, svg = {0};
  DiagSink quiet = {0};
  ir_print_dot_step(s->m, task, &dot);
  if (svg_from_dot(dot.s, &svg, &quiet))
    report_wide_svg(r, svg.s, svg.n, "one step, after optimisation; a click shows it in its own size");
  sb_free(&dot);
  sb_free(&svg);
  diag_sink_free(&quiet);
}

static void put_graphs(Session *s, Report *r) {
  Arena *mem = &s->engine.mem;
  for (TaskId i = 0; i < s->m->task.n; i++) {
    const Task *t = &s->m->task.at[i];
    if (t->kind != TASK_TRAIN) continue;
    uint32_t nodes = ir_region(s->m, t->step.region)->node.n;
    report_heading(r, arena_printf(mem, "Graph of %s", t->name));
    if (nodes <= GRAPH_NODES)
      draw_graph(s, r, i);
    else
      report_text(r, arena_printf(
                         mem, "%u nodes. To draw it: seppo ir %s --stage opt --task %s --format svg --output graph.svg",
                         nodes, s->options->word[0], t->name));
  }
}

static void put_model(Session *s, Report *r) {
  StrBuf table = {0};
  model_table_print(&s->l->elab, &table);
  report_heading(r, "Model");
  report_text(r, table.s ? table.s : "");
  sb_free(&table);
}

static void put_text(Session *s, Report *r) {
  report_heading(r, "Model file");
  report_text(r, s->l->sources.source.at[s->l->source].text);
}

/* models/mlp.sep -> mlp.sep */
static const char *file_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

bool session_report(Session *s) {
  Report *r = report_new(file_of(s->options->word[0]));
  if (!r) return false;
  json_t *summary = json_file(s, "summary.json"), *config = json_file(s, "config.json");
  put_json(s, r, "Results", json_object_get(summary, "metrics"));
  bool ok = put_trainings(s, r);
  put_pictures(s, r);
  put_costs(s, r, summary);
  put_json(s, r, "Configuration", config);
  put_model(s, r);
  put_graphs(s, r);
  put_text(s, r);
  ok = report_write(r, rundir_file(s->dir, "report.html"), s->sink) && ok;
  json_decref(summary);
  json_decref(config);
  report_free(r);
  return ok;
}
