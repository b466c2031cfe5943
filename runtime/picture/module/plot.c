/* Plots: panels of lines, points, histograms and heat maps, drawn twice by cairo (PNG, SVG), written once as CSV. */
#include "runtime/picture/module/axes.h"
#include "runtime/picture/module/raster.h"
#include <cairo-svg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PANEL_W = 480, PANEL_H = 340, PER_ROW = 3, TITLE_H = 28, MAX_BINS = 100 };

/* Ten colours that stay apart for colour-blind readers as far as ten can. */
static const double palette[10][3] = {{0.12, 0.47, 0.71}, {0.90, 0.45, 0.05}, {0.17, 0.63, 0.17}, {0.84, 0.15, 0.16},
                                      {0.58, 0.40, 0.74}, {0.55, 0.34, 0.29}, {0.89, 0.47, 0.76}, {0.45, 0.45, 0.45},
                                      {0.74, 0.74, 0.13}, {0.09, 0.75, 0.81}};

static void color(cairo_t *c, uint32_t i, double alpha) {
  const double *p = palette[i % 10];
  cairo_set_source_rgba(c, p[0], p[1], p[2], alpha);
}

static double x_of(const PlotSeries *s, int64_t i) { return s->x ? s->x[i] : (double)i; }

/* ---------------------------------------------------------------- lines and points */

static void draw_line(cairo_t *c, const Axes *a, const PlotSeries *s, uint32_t index) {
  bool down = false;
  color(c, index, 1);
  cairo_set_line_width(c, 1.6);
  cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
  for (int64_t i = 0; i < s->n; i++) {
    double x = x_of(s, i), y = s->y[i];
    bool good = isfinite(x) && isfinite(y) && (!a->log_y || y > 0);
    if (good && down)
      cairo_line_to(c, axes_x(a, x), axes_y(a, y));
    else if (good)
      cairo_move_to(c, axes_x(a, x), axes_y(a, y));
    down = good;
  }
  cairo_stroke(c);
  for (int64_t i = 0; i < s->n && s->n <= 20; i++) { /* few points are shown as points too */
    if (!isfinite(s->y[i]) || (a->log_y && s->y[i] <= 0)) continue;
    cairo_arc(c, axes_x(a, x_of(s, i)), axes_y(a, s->y[i]), 2.6, 0, 2 * M_PI);
    cairo_fill(c);
  }
}

static void draw_points(cairo_t *c, const Axes *a, const PlotSeries *s, uint32_t index) {
  double radius = s->n > 5000 ? 1.1 : s->n > 500 ? 1.7 : 2.6;
  for (int64_t i = 0; i < s->n; i++) {
    double x = x_of(s, i), y = s->y[i];
    if (!isfinite(x) || !isfinite(y)) continue;
    color(c, s->klass ? (uint32_t)(s->klass[i] < 0 ? -s->klass[i] : s->klass[i]) : index, 0.65);
    cairo_arc(c, axes_x(a, x), axes_y(a, y), radius, 0, 2 * M_PI);
    cairo_fill(c);
  }
}

/* ---------------------------------------------------------------- histograms */

typedef struct Bins {
  uint32_t n;
  Range range;
  uint32_t count[MAX_BINS];
} Bins;

/* Rice's rule, the same bins for all series of the panel. */
static uint32_t bin_count(const PlotPanel *p) {
  int64_t most = 1;
  for (uint32_t k = 0; k < p->n_series; k++)
    if (p->series[k].n > most) most = p->series[k].n;
  double n = ceil(2 * cbrt((double)most));
  return n < 5 ? 5 : n > MAX_BINS ? MAX_BINS : (uint32_t)n;
}

static Bins bins_of(const PlotSeries *s, uint32_t n, Range r) {
  Bins b = {.n = n, .range = r};
  for (int64_t i = 0; i < s->n; i++) {
    if (!isfinite(s->x[i])) continue;
    double at = (s->x[i] - r.lo) / (r.hi - r.lo) * n;
    uint32_t k = at < 0 ? 0 : at >= n ? n - 1 : (uint32_t)at;
    b.count[k]++;
  }
  return b;
}

static void draw_bins(cairo_t *c, const Axes *a, const Bins *b, uint32_t index) {
  double base = axes_y(a, 0), step = (b->range.hi - b->range.lo) / b->n;
  cairo_move_to(c, axes_x(a, b->range.lo), base);
  for (uint32_t i = 0; i < b->n; i++) {
    double y = axes_y(a, b->count[i]);
    cairo_line_to(c, axes_x(a, b->range.lo + i * step), y);
    cairo_line_to(c, axes_x(a, b->range.lo + (i + 1) * step), y);
  }
  cairo_line_to(c, axes_x(a, b->range.hi), base);
  color(c, index, 0.35);
  cairo_fill_preserve(c);
  color(c, index, 1);
  cairo_set_line_width(c, 1.2);
  cairo_stroke(c);
}

static Range bin_range(const PlotPanel *p) {
  Range r = {INFINITY, -INFINITY};
  for (uint32_t k = 0; k < p->n_series; k++)
    for (int64_t i = 0; i < p->series[k].n; i++) range_see(&r, p->series[k].x[i]);
  if (r.lo == r.hi) return (Range){r.lo - 0.5, r.hi + 0.5};
  return r.lo > r.hi ? (Range){0, 1} : r;
}

/* ---------------------------------------------------------------- heat maps */

/* The cells as an image surface, scaled without smoothing. */
static void draw_cells(cairo_t *c, const Axes *a, const PlotPanel *p, Range r) {
  cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)p->columns, (int)p->rows);
  if (cairo_surface_status(image) == CAIRO_STATUS_SUCCESS) {
    uint8_t *data = cairo_image_surface_get_data(image);
    int stride = cairo_image_surface_get_stride(image);
    for (int64_t y = 0; y < p->rows; y++) {
      for (int64_t x = 0; x < p->columns; x++) {
        double v = p->matrix[y * p->columns + x], rgb[3] = {0.6, 0.6, 0.6};
        if (isfinite(v)) heat_color((v - r.lo) / (r.hi - r.lo), rgb);
        uint32_t pixel = (uint32_t)(rgb[0] * 255) << 16 | (uint32_t)(rgb[1] * 255) << 8 | (uint32_t)(rgb[2] * 255);
        memcpy(data + y * stride + 4 * x, &pixel, 4);
      }
    }
    cairo_surface_mark_dirty(image);
    cairo_save(c);
    cairo_translate(c, a->left, a->top);
    cairo_scale(c, a->width / (double)p->columns, a->height / (double)p->rows);
    cairo_set_source_surface(c, image, 0, 0);
    cairo_pattern_set_filter(cairo_get_source(c), CAIRO_FILTER_NEAREST);
    cairo_paint(c);
    cairo_restore(c);
  }
  cairo_surface_destroy(image);
}

static void draw_color_bar(cairo_t *c, const Axes *a, Range r) {
  double x = a->left + a->width + 12;
  for (int i = 0; i < 64; i++) {
    double rgb[3];
    heat_color((63 - i) / 63.0, rgb);
    cairo_set_source_rgb(c, rgb[0], rgb[1], rgb[2]);
    cairo_rectangle(c, x, a->top + i * a->height / 64, 12, a->height / 64 + 0.5);
    cairo_fill(c);
  }
  Ticks t = ticks_choose(r, false, 5);
  cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
  for (uint32_t i = 0; i < t.n; i++) {
    double y = a->top + (1 - (t.at[i] - r.lo) / (r.hi - r.lo)) * a->height;
    text_draw(c, x + 16, y + 4, TEXT_LEFT, 11, t.label[i]);
  }
}

/* Row and column numbers (adding 0 takes the sign off -0). */
static void draw_indices(cairo_t *c, const Axes *a, const PlotPanel *p) {
  Ticks x = ticks_whole(a->x, 6), y = ticks_whole((Range){-0.5, (double)p->rows - 0.5}, 5);
  char label[24];
  cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
  for (uint32_t i = 0; i < x.n; i++) {
    snprintf(label, sizeof label, "%.0f", x.at[i] + 0.0);
    text_draw(c, axes_x(a, x.at[i]), a->top + a->height + 16, TEXT_CENTER, 11, label);
  }
  for (uint32_t i = 0; i < y.n; i++) {
    snprintf(label, sizeof label, "%.0f", y.at[i] + 0.0);
    text_draw(c, a->left - 7, axes_y(a, y.at[i]) + 4, TEXT_RIGHT, 11, label);
  }
}

static void draw_heatmap(cairo_t *c, Axes a, const PlotPanel *p) {
  Range r = {INFINITY, -INFINITY};
  for (int64_t i = 0; i < p->rows * p->columns; i++) range_see(&r, p->matrix[i]);
  if (!(r.lo < r.hi)) r = range_settle(r, false);
  a.width -= 56; /* room for the bar */
  double cell = fmin(a.width / (double)p->columns, a.height / (double)p->rows);
  a.left += (a.width - cell * (double)p->columns) / 2;
  a.top += (a.height - cell * (double)p->rows) / 2;
  a.width = cell * (double)p->columns;
  a.height = cell * (double)p->rows;
  a.x = (Range){-0.5, (double)p->columns - 0.5};
  a.y = (Range){(double)p->rows - 0.5, -0.5}; /* row 0 at the top */
  draw_cells(c, &a, p, r);
  draw_color_bar(c, &a, r);
  draw_indices(c, &a, p);
  axes_labels(c, &a, p);
}

/* ---------------------------------------------------------------- legend */

typedef struct Legend {
  uint32_t n;
  bool classes; /* stands beside the panel: the points fill it */
  struct {
    const char *label;
    char number[12];
    uint32_t color;
  } row[12];
} Legend;

static bool shows_classes(const PlotPanel *p) { return p->n_series == 1 && p->series->klass; }

/* Labels of the series, or the classes that occur. */
static Legend legend_of(const PlotPanel *p) {
  Legend l = {0};
  const PlotSeries *s = p->series;
  l.classes = shows_classes(p);
  if (l.classes) {
    bool seen[10] = {false};
    for (int64_t i = 0; i < s->n; i++)
      if (s->klass[i] >= 0 && s->klass[i] < 10) seen[s->klass[i]] = true;
    for (uint32_t k = 0; k < 10; k++) {
      if (!seen[k]) continue;
      snprintf(l.row[l.n].number, sizeof l.row[l.n].number, "%u", k);
      l.row[l.n++].color = k;
    }
    return l;
  }
  for (uint32_t k = 0; k < p->n_series && l.n < 12; k++) {
    if (!s[k].label) continue;
    l.row[l.n].label = s[k].label;
    l.row[l.n++].color = k;
  }
  return l;
}

typedef struct Box {
  double left, top, w, h;
} Box;

static bool in_box(const Axes *a, const Box *b, double x, double y) {
  if (!isfinite(x) || !isfinite(y) || (a->log_y && y <= 0)) return false;
  double px = axes_x(a, x), py = axes_y(a, y);
  return px >= b->left - 4 && px <= b->left + b->w + 4 && py >= b->top - 4 && py <= b->top + b->h + 4;
}

/* How much falls into the box: the legend goes to the corner that hides the least. Long segments count by pieces. */
static int64_t hidden_by(const Axes *a, const PlotPanel *p, const Box *b) {
  int64_t n = 0;
  for (uint32_t k = 0; k < p->n_series; k++) {
    const PlotSeries *s = &p->series[k];
    int pieces = p->kind == PLOT_LINES && s->n < 100 ? 16 : 1;
    for (int64_t i = 0; s->y && i < s->n; i++) {
      int64_t next = i + 1 < s->n ? i + 1 : i;
      for (int q = 0; q < pieces; q++) {
        double t = (double)q / pieces, x = x_of(s, i) + t * (x_of(s, next) - x_of(s, i));
        n += in_box(a, b, x, s->y[i] + t * (s->y[next] - s->y[i]));
      }
    }
  }
  return n;
}

static void draw_legend(cairo_t *c, const Axes *a, const PlotPanel *p) {
  Legend l = legend_of(p);
  double w = 0, h = 6 + 15.0 * l.n;
  for (uint32_t i = 0; i < l.n; i++) w = fmax(w, text_width(c, 11, l.row[i].label ? l.row[i].label : l.row[i].number));
  w += 34;
  if (l.n == 0) return;
  double best_x = 0, best_y = 0;
  int64_t best = INT64_MAX;
  if (l.classes) best_x = a->left + a->width + 6, best_y = a->top;
  for (int corner = 0; corner < 4 && !l.classes; corner++) { /* top right, top left, bottom right, bottom left */
    double x = corner & 1 ? a->left + 8 : a->left + a->width - w - 8;
    double y = corner & 2 ? a->top + a->height - h - 8 : a->top + 8;
    int64_t n = hidden_by(a, p, &(Box){x, y, w, h});
    if (n < best) best = n, best_x = x, best_y = y;
  }
  cairo_set_source_rgba(c, 1, 1, 1, 0.85);
  cairo_rectangle(c, best_x, best_y, w, h);
  cairo_fill_preserve(c);
  cairo_set_source_rgb(c, 0.75, 0.75, 0.75);
  cairo_set_line_width(c, 0.6);
  cairo_stroke(c);
  for (uint32_t i = 0; i < l.n; i++) {
    double y = best_y + 14 + 15.0 * i;
    color(c, l.row[i].color, 1);
    cairo_rectangle(c, best_x + 7, y - 6, 14, 4);
    cairo_fill(c);
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    text_draw(c, best_x + 27, y, TEXT_LEFT, 11, l.row[i].label ? l.row[i].label : l.row[i].number);
  }
}

/* ---------------------------------------------------------------- panels */

static bool all_above_zero(const PlotPanel *p) {
  for (uint32_t k = 0; k < p->n_series; k++)
    for (int64_t i = 0; i < p->series[k].n; i++)
      if (isfinite(p->series[k].y[i]) && p->series[k].y[i] <= 0) return false;
  return true;
}

static void set_ranges(Axes *a, const PlotPanel *p) {
  Range x = {INFINITY, -INFINITY}, y = x;
  a->whole_x = p->kind == PLOT_LINES;
  for (uint32_t k = 0; k < p->n_series; k++) {
    const PlotSeries *s = &p->series[k];
    for (int64_t i = 0; i < s->n; i++) {
      a->whole_x = a->whole_x && x_of(s, i) == floor(x_of(s, i));
      range_see(&x, x_of(s, i));
      range_see(&y, s->y[i]);
    }
  }
  a->x = range_settle(x, false);
  a->y = range_settle(y, a->log_y);
}

static void draw_histogram(cairo_t *c, Axes *a, const PlotPanel *p) {
  uint32_t n = bin_count(p);
  Range r = bin_range(p);
  double top = 1;
  for (uint32_t k = 0; k < p->n_series; k++) {
    Bins b = bins_of(&p->series[k], n, r);
    for (uint32_t i = 0; i < n; i++) top = fmax(top, b.count[i]);
  }
  a->x = range_settle(r, false);
  a->y = (Range){0, top * (p->n_series > 0 && p->series->label ? 1.25 : 1.06)}; /* room for the legend */
  axes_draw(c, a, p);
  for (uint32_t k = 0; k < p->n_series; k++) {
    Bins b = bins_of(&p->series[k], n, r);
    draw_bins(c, a, &b, k);
  }
  draw_legend(c, a, p);
}

static void draw_panel(cairo_t *c, double left, double top, const PlotPanel *p) {
  Axes a = {.left = left + 68, .top = top + 30, .width = PANEL_W - 68 - 18, .height = PANEL_H - 30 - 48};
  if (p->kind == PLOT_HEATMAP) {
    draw_heatmap(c, a, p);
    return;
  }
  if (p->kind == PLOT_HISTOGRAM) {
    draw_histogram(c, &a, p);
    return;
  }
  if (shows_classes(p)) a.width -= 38;
  a.log_y = p->log_y && all_above_zero(p);
  set_ranges(&a, p);
  axes_draw(c, &a, p);
  cairo_save(c);
  cairo_rectangle(c, a.left, a.top, a.width, a.height);
  cairo_clip(c);
  for (uint32_t k = 0; k < p->n_series; k++) (p->kind == PLOT_LINES ? draw_line : draw_points)(c, &a, &p->series[k], k);
  cairo_restore(c);
  draw_legend(c, &a, p);
}

/* ---------------------------------------------------------------- files */

static void page_size(const Plot *plot, double *w, double *h) {
  uint32_t columns = plot->n_panels < PER_ROW ? plot->n_panels : PER_ROW;
  *w = PANEL_W * columns;
  *h = PANEL_H * ((plot->n_panels + PER_ROW - 1) / PER_ROW) + (plot->title ? TITLE_H : 0);
}

static void draw_plot(cairo_t *c, const Plot *plot) {
  double w, h;
  page_size(plot, &w, &h);
  cairo_set_source_rgb(c, 1, 1, 1);
  cairo_paint(c);
  cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
  if (plot->title) text_draw(c, w / 2, 20, TEXT_CENTER, 15, plot->title);
  for (uint32_t i = 0; i < plot->n_panels; i++)
    draw_panel(c, i % PER_ROW * PANEL_W, i / PER_ROW * PANEL_H + (plot->title ? TITLE_H : 0), &plot->panel[i]);
}

static bool finish(cairo_surface_t *s, cairo_t *c) {
  bool ok = cairo_status(c) == CAIRO_STATUS_SUCCESS;
  cairo_destroy(c);
  cairo_surface_finish(s);
  ok = ok && cairo_surface_status(s) == CAIRO_STATUS_SUCCESS;
  cairo_surface_destroy(s);
  return ok;
}

static bool write_png(const char *path, const Plot *plot) {
  double w, h;
  const double scale = 1.5;
  page_size(plot, &w, &h);
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(w * scale), (int)(h * scale));
  cairo_t *c = cairo_create(s);
  cairo_scale(c, scale, scale);
  draw_plot(c, plot);
  bool ok = cairo_surface_write_to_png(s, path) == CAIRO_STATUS_SUCCESS;
  return finish(s, c) && ok;
}

static cairo_status_t append(void *user, const unsigned char *bytes, unsigned n) {
  sb_write(user, (const char *)bytes, n);
  return CAIRO_STATUS_SUCCESS;
}

static bool write_svg(const char *path, const Plot *plot) {
  double w, h;
  StrBuf drawn = {0};
  page_size(plot, &w, &h);
  cairo_surface_t *s = cairo_svg_surface_create_for_stream(append, &drawn, w, h);
  cairo_t *c = cairo_create(s);
  draw_plot(c, plot);
  bool ok = finish(s, c) && svg_write(path, &drawn);
  sb_free(&drawn);
  return ok;
}

static void csv_text(FILE *f, const char *s) {
  if (!s) return;
  fputc('"', f);
  for (; *s; s++) {
    if (*s == '"') fputc('"', f);
    fputc(*s, f);
  }
  fputc('"', f);
}

static void csv_panel(FILE *f, const PlotPanel *p, uint32_t index) {
  for (int64_t i = 0; p->kind == PLOT_HEATMAP && i < p->rows * p->columns; i++)
    fprintf(f, "%u,%lld,%lld,%.17g,\n", index, (long long)(i / p->columns), (long long)(i % p->columns), p->matrix[i]);
  for (uint32_t k = 0; p->kind != PLOT_HEATMAP && k < p->n_series; k++) {
    const PlotSeries *s = &p->series[k];
    for (int64_t i = 0; i < s->n; i++) {
      fprintf(f, "%u,", index);
      csv_text(f, s->label);
      fprintf(f, ",%.17g,", x_of(s, i));
      if (s->y) fprintf(f, "%.17g", s->y[i]);
      fputc(',', f);
      if (s->klass) fprintf(f, "%d", s->klass[i]);
      fputc('\n', f);
    }
  }
}

/* One row a point: panel, series, x, y, class; of heat maps panel, row, column, value. */
static bool write_csv(const char *path, const Plot *plot) {
  FILE *f = fopen(path, "wb");
  if (!f) return false;
  fputs("panel,series,x,y,class\n", f);
  for (uint32_t i = 0; i < plot->n_panels; i++) csv_panel(f, &plot->panel[i], i);
  bool ok = !ferror(f);
  return fclose(f) == 0 && ok;
}

static const char *check(const Plot *plot) {
  if (plot->n_panels < 1 || plot->n_panels > 60) return "a plot has 1 to 60 panels";
  for (uint32_t i = 0; i < plot->n_panels; i++) {
    const PlotPanel *p = &plot->panel[i];
    if (p->kind == PLOT_HEATMAP && (p->rows < 1 || p->columns < 1 || p->rows > 8192 || p->columns > 8192))
      return "a heat map has 1 to 8192 rows and columns";
  }
  return NULL;
}

const char *plot_write(const char *stem, const Plot *plot) {
  static const struct {
    const char *extension;
    bool (*write)(const char *path, const Plot *plot);
  } forms[] = {{"png", write_png}, {"svg", write_svg}, {"csv", write_csv}};
  const char *trouble = check(plot);
  char *path = malloc(strlen(stem) + 5);
  if (!path) return "out of memory";
  for (int i = 0; i < 3 && !trouble; i++) {
    sprintf(path, "%s.%s", stem, forms[i].extension);
    if (!forms[i].write(path, plot)) trouble = "the plot cannot be written";
  }
  free(path);
  return trouble;
}
