/* image, gif and plot: the values of an event's graph become files of the run folder.
 *
 *   image "samples" = ..   samples_epoch_0003.png, samples_step_000100.png, samples_start.png, samples.png (at the end)
 *   image "w" = heatmap(a) the same with axes, as .png, .svg and .csv
 *   gif "samples" = ..     samples.gif, one frame a time
 *   plot "loss" = ..       loss.png, loss.svg, loss.csv, drawn over each time
 */
#include "driver/session/pictures.h"
#include "driver/session/actions.h"
#include "runtime/base/strbuf.h"
#include <stdlib.h>
#include <string.h>

enum { GIF_FRAME_MS = 300 };

static Pictures *pictures_of(Session *s) {
  if (!s->pictures) s->pictures = arena_new(&s->engine.mem, Pictures);
  return s->pictures;
}

void session_pictures_free(Session *s) {
  Pictures *p = s->pictures;
  if (!p) return;
  for (uint32_t i = 0; i < p->gif.n; i++) picture_gif_free(p->gif.at[i].gif);
  vec_free(&p->gif);
  vec_free(&p->drawn);
  s->pictures = NULL;
}

static const char *file_stem(const ActionCall *c) {
  const char *stem = action_file_stem(c);
  return *stem ? stem : "picture";
}

static bool names_its_moment(const ActionCall *c) {
  return strstr(c->action->name, "{epoch") || strstr(c->action->name, "{step");
}

/* "_epoch_0003" for the file, unless its name says so already; "epoch 3" for the reader. */
static const char *moment(ActionCall *c, bool words) {
  Arena *mem = &c->s->engine.mem;
  if (!words && names_its_moment(c)) return "";
  switch ((WhenKind)c->event->when) {
  case WHEN_EPOCHS:
  case WHEN_AT_EPOCHS: return arena_printf(mem, words ? "epoch %lld" : "_epoch_%04lld", (long long)c->at.epoch);
  case WHEN_STEPS: return arena_printf(mem, words ? "step %lld" : "_step_%06lld", (long long)c->at.step);
  case WHEN_START: return words ? "at the start" : "_start";
  default: return "";
  }
}

/* Notes a file for the report; one that is drawn over stays where it was. */
static void note(ActionCall *c, const char *path, const char *caption) {
  Pictures *p = pictures_of(c->s);
  for (uint32_t i = 0; i < p->drawn.n; i++)
    if (strcmp(p->drawn.at[i].path, path) == 0) return;
  vec_push(&p->drawn, ((Drawn){path, c->action->name, caption}));
}

/* ---------------------------------------------------------------- across a stop and a resume */

json_t *session_pictures(const Session *s) {
  const Pictures *p = s->pictures;
  if (!p) return NULL;
  size_t folder = strlen(rundir_path(s->dir)) + 1;
  json_t *drawn = json_array(), *gifs = json_array();
  for (uint32_t i = 0; i < p->drawn.n; i++)
    json_array_append_new(
        drawn, json_pack("[s, s, s]", p->drawn.at[i].path + folder, p->drawn.at[i].name, p->drawn.at[i].caption));
  for (uint32_t i = 0; i < p->gif.n; i++)
    json_array_append_new(gifs, json_pack("[s, s, I]", p->gif.at[i].name, p->gif.at[i].file,
                                          (json_int_t)picture_gif_bytes(p->gif.at[i].gif)));
  return json_pack("{s:o, s:o}", "drawn", drawn, "gifs", gifs);
}

bool session_pictures_resume(Session *s, const json_t *was) {
  Arena *mem = &s->engine.mem;
  Pictures *p = pictures_of(s);
  const json_t *drawn = json_object_get(was, "drawn"), *gifs = json_object_get(was, "gifs");
  const char *path, *name, *caption;
  json_int_t bytes;
  for (size_t i = 0; i < json_array_size(drawn); i++) {
    if (json_unpack(json_array_get(drawn, i), "[s, s, s]", &path, &name, &caption)) continue;
    Drawn d = {rundir_file(s->dir, path), arena_strdup(mem, name), arena_strdup(mem, caption)};
    vec_push(&p->drawn, d);
  }
  for (size_t i = 0; i < json_array_size(gifs); i++) {
    if (json_unpack(json_array_get(gifs, i), "[s, s, I]", &name, &path, &bytes)) continue;
    PictureGif *gif = picture_gif_continue(rundir_file(s->dir, path), GIF_FRAME_MS, bytes, s->sink);
    if (!gif) return false;
    if (picture_gif_bytes(gif) < bytes)
      progress_note(s->progress, arena_printf(mem,
                                              "%s has lost frames and begins anew: it is shorter than the "
                                              "checkpoint says",
                                              path));
    vec_push(&p->gif, ((OpenGif){arena_strdup(mem, name), arena_strdup(mem, path), gif}));
  }
  return true;
}

/* ---------------------------------------------------------------- values */

static int64_t count_of(ActionCall *c, uint32_t i) { return ir_elements(action_type(c, i)); }

/* Value i as numbers, heap. */
static double *numbers(ActionCall *c, uint32_t i) {
  int64_t n = count_of(c, i);
  double *x = malloc(sizeof *x * (size_t)(n + 1));
  for (int64_t k = 0; x && k < n; k++) x[k] = action_value(c, i, k);
  return x;
}

/* Everything allocated for one picture. */
typedef struct Scratch {
  Vec(void *) block;
} Scratch;

static double *kept_numbers(ActionCall *c, uint32_t i, Scratch *s) {
  double *x = numbers(c, i);
  vec_push(&s->block, x);
  return x;
}

static void scratch_free(Scratch *s) {
  for (uint32_t i = 0; i < s->block.n; i++) free(s->block.at[i]);
  vec_free(&s->block);
}

static bool is_form(const ActionCall *c, const char *form) { return strcmp(c->action->form, form) == 0; }

/* ---------------------------------------------------------------- images */

/* grid: option = {h, w, columns, channels}. heatmap: a matrix, or a vector as one row. */
static void as_grid(ActionCall *c, double *x, PictureGrid *g) {
  const Type *t = action_type(c, 0);
  const int64_t *o = c->action->option;
  *g = (PictureGrid){.values = x, .dtype = DT_F64};
  if (is_form(c, "grid")) {
    g->h = o[0], g->w = o[1], g->columns = o[2], g->channels = o[3];
    int64_t pixels = g->h * g->w * g->channels;
    g->n = pixels > 0 ? ir_elements(t) / pixels : 0;
    return;
  }
  g->n = g->channels = 1;
  g->heat = true;
  g->h = t->rank == 2 ? t->dim[0] : 1;
  g->w = t->rank == 2 ? t->dim[1] : ir_elements(t);
}

/* The panels of the picture that begins with this action, and their values. */
typedef struct Panels {
  uint32_t n;
  bool heat; /* all are heat maps */
  PictureGrid grid[PLOT_MAX_PANELS];
  Scratch scratch;
} Panels;

static void panels_of(ActionCall *c, Panels *p) {
  *p = (Panels){.n = c->action->panels > 0 ? (uint32_t)c->action->panels : 1, .heat = true};
  for (uint32_t k = 0; k < p->n; k++) {
    ActionCall part = *c;
    part.action = c->action + k;
    as_grid(&part, kept_numbers(&part, 0, &p->scratch), &p->grid[k]);
    p->heat &= p->grid[k].heat;
    if (k) p->grid[k - 1].next = &p->grid[k];
  }
}

/* The name stands over its panel, or over all of them. */
static bool plot_named(ActionCall *c, const char *stem, PlotPanel *panel, uint32_t n) {
  Plot plot = {.n_panels = n, .panel = panel};
  *(n > 1 ? &plot.title : &panel[0].title) = c->action->name;
  return picture_plot(stem, &plot, c->s->sink);
}

static bool draw_heatmaps(ActionCall *c, const Panels *p, const char *stem) {
  PlotPanel panel[PLOT_MAX_PANELS] = {0};
  for (uint32_t k = 0; k < p->n; k++) {
    panel[k].kind = PLOT_HEATMAP;
    panel[k].matrix = p->grid[k].values;
    panel[k].rows = p->grid[k].h, panel[k].columns = p->grid[k].w;
  }
  return plot_named(c, stem, panel, p->n);
}

/* Drawn with the first of its panels. */
static bool is_later_panel(const ActionCall *c) { return c->action->panels < 0; }

bool act_image(ActionCall *c) {
  if (is_later_panel(c)) return true;
  Panels p;
  const char *stem = rundir_file(c->s->dir, arena_printf(&c->s->engine.mem, "%s%s", file_stem(c), moment(c, false)));
  const char *path = arena_printf(&c->s->engine.mem, "%s.png", stem);
  panels_of(c, &p);
  bool ok = p.heat ? draw_heatmaps(c, &p, stem) : picture_grid(path, p.grid, c->s->sink);
  if (ok) note(c, path, moment(c, true));
  scratch_free(&p.scratch);
  return ok;
}

/* The GIF of this name, opened when its first frame comes. */
static PictureGif *gif_of(ActionCall *c) {
  Pictures *p = pictures_of(c->s);
  for (uint32_t i = 0; i < p->gif.n; i++)
    if (strcmp(p->gif.at[i].name, c->action->name) == 0) return p->gif.at[i].gif;
  const char *file = arena_printf(&c->s->engine.mem, "%s.gif", file_stem(c)), *path = rundir_file(c->s->dir, file);
  PictureGif *gif = picture_gif_new(path, GIF_FRAME_MS, c->s->sink);
  if (!gif) return NULL;
  vec_push(&p->gif, ((OpenGif){c->action->name, file, gif}));
  note(c, path, "as the training goes");
  return gif;
}

bool act_gif(ActionCall *c) {
  if (is_later_panel(c)) return true;
  Panels p;
  PictureGif *gif = gif_of(c);
  panels_of(c, &p);
  bool ok = gif && picture_gif_add(gif, p.grid, c->s->sink);
  scratch_free(&p.scratch);
  return ok;
}

/* ---------------------------------------------------------------- plots */

typedef Vec(PlotSeries) SeriesList;

/* A logged value of this task, or "task.value" of another. */
static RunHistory history(ActionCall *c, const char *label) {
  RunHistory h = rundir_history(c->s->dir, c->at.task, label);
  const char *dot = strchr(label, '.');
  if (h.n || !dot) return h;
  return rundir_history(c->s->dir, arena_strndup(&c->s->engine.mem, label, (size_t)(dot - label)), dot + 1);
}

/* Over epochs where all of them have records of their own in each, else over steps. */
static void histories(ActionCall *c, PlotPanel *p, SeriesList *list) {
  bool by_epoch = true;
  for (int64_t i = 0; i < c->action->option[0]; i++) by_epoch = by_epoch && history(c, c->action->label[i]).by_epoch;
  for (int64_t i = 0; i < c->action->option[0]; i++) {
    const char *label = c->action->label[i];
    RunHistory h = history(c, label);
    vec_push(list, ((PlotSeries){.label = label, .x = by_epoch ? h.epoch : h.step, .y = h.value, .n = h.n}));
  }
  p->kind = PLOT_LINES;
  p->x_label = by_epoch ? "epoch" : "step";
}

static const char *label_of(const ActionCall *c, uint32_t i) { return c->action->label ? c->action->label[i] : NULL; }

/* Column j of a matrix of n rows as numbers of its own. */
static const double *column(const double *x, int64_t n, int64_t columns, int64_t j, Scratch *s) {
  double *out = malloc(sizeof *out * (size_t)(n + 1));
  for (int64_t i = 0; out && i < n; i++) out[i] = x[i * columns + j];
  vec_push(&s->block, (void *)out);
  return out;
}

/* lines(y), lines(x, name = y, ..): a matrix is one line a column. */
static void lines(ActionCall *c, PlotPanel *p, SeriesList *list, Scratch *s) {
  uint32_t first = c->action->n_values > 1 && !label_of(c, 0);
  const double *x = first ? kept_numbers(c, 0, s) : NULL;
  p->kind = PLOT_LINES;
  for (uint32_t i = first; i < c->action->n_values; i++) {
    const Type *t = action_type(c, i);
    int64_t n = t->rank ? t->dim[0] : 1, columns = n ? ir_elements(t) / n : 0;
    const double *y = kept_numbers(c, i, s);
    for (int64_t j = 0; j < columns; j++)
      vec_push(list, ((PlotSeries){label_of(c, i), x, column(y, n, columns, j, s), NULL, n}));
  }
}

static int32_t *classes(ActionCall *c, uint32_t i, Scratch *s) {
  int64_t n = count_of(c, i);
  int32_t *k = malloc(sizeof *k * (size_t)(n + 1));
  for (int64_t j = 0; k && j < n; j++) k[j] = (int32_t)action_value(c, i, j);
  vec_push(&s->block, (void *)k);
  return k;
}

/* scatter(x, y), scatter(z) with z [n, 2]; label = classes colours the points. */
static void scatter(ActionCall *c, PlotPanel *p, SeriesList *list, Scratch *s) {
  const Type *t = action_type(c, 0);
  bool pairs = t->rank == 2 && t->dim[1] == 2;
  uint32_t next = pairs ? 1 : 2;
  p->kind = PLOT_SCATTER;
  PlotSeries out = {.n = pairs ? t->dim[0] : count_of(c, 0)};
  const double *x = kept_numbers(c, 0, s);
  out.x = pairs ? column(x, out.n, 2, 0, s) : x;
  out.y = pairs ? column(x, out.n, 2, 1, s) : kept_numbers(c, 1, s);
  if (c->action->n_values > next) out.klass = classes(c, next, s);
  vec_push(list, out);
}

static void histogram(ActionCall *c, PlotPanel *p, SeriesList *list, Scratch *s) {
  p->kind = PLOT_HISTOGRAM;
  for (uint32_t i = 0; i < c->action->n_values; i++)
    vec_push(list, ((PlotSeries){label_of(c, i), kept_numbers(c, i, s), NULL, NULL, count_of(c, i)}));
}

static void make_panel(ActionCall *c, PlotPanel *p, SeriesList *list, Scratch *s) {
  if (is_form(c, "history")) return histories(c, p, list);
  if (is_form(c, "lines")) return lines(c, p, list, s);
  if (is_form(c, "scatter")) return scatter(c, p, list, s);
  histogram(c, p, list, s);
}

bool act_plot(ActionCall *c) {
  if (is_later_panel(c)) return true;
  int64_t n = c->action->panels > 0 ? c->action->panels : 1;
  PlotPanel panel[PLOT_MAX_PANELS] = {0};
  SeriesList list[PLOT_MAX_PANELS] = {0};
  Scratch scratch = {0};
  const char *stem = rundir_file(c->s->dir, file_stem(c));
  for (int64_t i = 0; i < n; i++) {
    ActionCall part = *c;
    part.action = c->action + i;
    make_panel(&part, &panel[i], &list[i], &scratch);
    panel[i].log_y = part.action->option[1];
    panel[i].series = list[i].at;
    panel[i].n_series = list[i].n;
  }
  bool ok = plot_named(c, stem, panel, (uint32_t)n);
  if (ok) note(c, arena_printf(&c->s->engine.mem, "%s.svg", stem), "");
  for (int64_t i = 0; i < n; i++) vec_free(&list[i]);
  scratch_free(&scratch);
  return ok;
}
