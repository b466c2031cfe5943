/* Plots: panels of lines, points, histograms and heat maps, drawn twice by cairo (PNG, SVG), written once as CSV. */
#include "runtime/picture/module/axes.h"
#include "runtime/picture/module/legend.h"
#include "runtime/picture/module/raster.h"
#include <cairo-svg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PANEL_W = 480, PANEL_H = 340, TITLE_H = 28, MAX_BINS = 100 };

/* ---------------------------------------------------------------- lines and points */

/* Do the points go from left to right? */
static bool ordered(const PlotSeries *s) {
  for (int64_t i = 1; s->x && i < s->n; i++)
    if (!(s->x[i] >= s->x[i - 1])) return false;
  return true;
}

/* The next point to draw behind i. Of more points than the picture can show, each bundle gives its least and its
 * greatest, in their order. */
static int64_t next_point(const PlotSeries *s, int64_t bundle, int64_t i) {
  if (bundle < 2) return i + 1;
  for (int64_t first = (i + 1) / bundle * bundle; first < s->n; first += bundle) {
    int64_t least = first, most = first, end = first + bundle < s->n ? first + bundle : s->n;
    for (int64_t k = first; k < end; k++) {
      if (!(s->y[k] >= s->y[least])) least = k;
      if (!(s->y[k] <= s->y[most])) most = k;
    }
    if (least > most) {
      int64_t k = least;
      least = most, most = k;
    }
    if (least > i) return least;
    if (most > i) return most;
  }
  return s->n;
}

static void draw_line(cairo_t *c, const Axes *a, const PlotSeries *s, uint32_t index) {
  enum { bundles = 2000 };
  int64_t bundle = s->n > 2 * bundles && ordered(s) ? s->n / bundles : 1;
  bool down = false;
  series_color(c, index, 1);
  cairo_set_line_width(c, 1.6);
  cairo_set_line_join(c, CAIRO_LINE_JOIN_ROUND);
  for (int64_t i = 0; i < s->n; i = next_point(s, bundle, i)) {
    double x = series_x(s, i), y = s->y[i];
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
    cairo_arc(c, axes_x(a, series_x(s, i)), axes_y(a, s->y[i]), 2.6, 0, 2 * M_PI);
    cairo_fill(c);
  }
}

static void draw_points(cairo_t *c, const Axes *a, const PlotSeries *s, uint32_t index) {
  double radius = s->n > 5000 ? 1.1 : s->n > 500 ? 1.7 : 2.6;
  for (int64_t i = 0; i < s->n; i++) {
    double x = series_x(s, i), y = s->y[i];
    if (!isfinite(x) || !isfinite(y)) continue;
    series_color(c, s->klass ? (uint32_t)(s->klass[i] < 0 ? -s->klass[i] : s->klass[i]) : index, 0.65);
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
  series_color(c, index, 0.35);
  cairo_fill_preserve(c);
  series_color(c, index, 1);
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

/* Beside the map and as high as it, but never so low that its numbers meet. */
static void draw_color_bar(cairo_t *c, const Axes *a, Range r, const Ticks *t) {
  double x = a->left + a->width + 12, height = fmax(a->height, 100), top = a->top + (a->height - height) / 2;
  for (int i = 0; i < 64; i++) {
    double rgb[3];
    heat_color((63 - i) / 63.0, rgb);
    cairo_set_source_rgb(c, rgb[0], rgb[1], rgb[2]);
    cairo_rectangle(c, x, top + i * height / 64, 12, height / 64 + 0.5);
    cairo_fill(c);
  }
  cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
  for (uint32_t i = 0; i < t->n; i++) {
    double y = top + (1 - (t->at[i] - r.lo) / (r.hi - r.lo)) * height;
    text_draw(c, x + 16, y + 4, TEXT_LEFT, 11, t->label[i]);
  }
}

static double widest_label(cairo_t *c, const Ticks *t) {
  double w = 0;
  for (uint32_t i = 0; i < t->n; i++) w = fmax(w, text_width(c, 11, t->label[i]));
  return w;
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
  Ticks t = ticks_choose(r, false, 5);
  a.width -= 20 + widest_label(c, &t); /* room for the bar */
  double cell = fmin(a.width / (double)p->columns, a.height / (double)p->rows);
  a.left += (a.width - cell * (double)p->columns) / 2;
  a.top += (a.height - cell * (double)p->rows) / 2;
  a.width = cell * (double)p->columns;
  a.height = cell * (double)p->rows;
  a.x = (Range){-0.5, (double)p->columns - 0.5};
  a.y = (Range){(double)p->rows - 0.5, -0.5}; /* row 0 at the top */
  draw_cells(c, &a, p, r);
  draw_color_bar(c, &a, r, &t);
  draw_indices(c, &a, p);
  axes_labels(c, &a, p);
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
      a->whole_x = a->whole_x && series_x(s, i) == floor(series_x(s, i));
      range_see(&x, series_x(s, i));
      range_see(&y, s->y[i]);
    }
  }
  a->x = range_settle(x, false);
  a->y = range_settle(y, a->log_y);
}

static void draw_histogram(cairo_t *c, Axes *a, const PlotPanel *p) {
  uint32_t n = bin_count(p);
  Range r = bin_range(p);
  if (r.hi - r.lo == 1) n |= 1; /* one value alone stands in the middle of its bin */
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
  legend_draw(c, a, p);
}

static void draw_panel(cairo_t *c, double left, double top, const PlotPanel *p) {
  double below = p->x_label ? 48 : 32;
  Axes a = {.left = left + 68, .top = top + 30, .width = PANEL_W - 68 - 18, .height = PANEL_H - 30 - below};
  if (p->kind == PLOT_HEATMAP) {
    draw_heatmap(c, a, p);
    return;
  }
  if (p->kind == PLOT_HISTOGRAM) {
    draw_histogram(c, &a, p);
    return;
  }
  if (legend_shows_classes(p)) a.width -= 38;
  a.log_y = p->log_y && all_above_zero(p);
  set_ranges(&a, p);
  axes_draw(c, &a, p);
  cairo_save(c);
  cairo_rectangle(c, a.left, a.top, a.width, a.height);
  cairo_clip(c);
  for (uint32_t k = 0; k < p->n_series; k++) (p->kind == PLOT_LINES ? draw_line : draw_points)(c, &a, &p->series[k], k);
  cairo_restore(c);
  legend_draw(c, &a, p);
}

/* ---------------------------------------------------------------- files */

/* Three a row, and four as a square. */
static uint32_t columns_of(const Plot *plot) {
  return plot->n_panels == 4 ? 2 : plot->n_panels < 3 ? plot->n_panels : 3;
}

static void page_size(const Plot *plot, double *w, double *h) {
  uint32_t columns = columns_of(plot);
  *w = PANEL_W * columns;
  *h = PANEL_H * ((plot->n_panels + columns - 1) / columns) + (plot->title ? TITLE_H : 0);
}

static void draw_plot(cairo_t *c, const Plot *plot) {
  double w, h;
  page_size(plot, &w, &h);
  cairo_set_source_rgb(c, 1, 1, 1);
  cairo_paint(c);
  cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
  if (plot->title) text_fit(c, w / 2, 20, w - 16, 15, plot->title);
  uint32_t columns = columns_of(plot);
  for (uint32_t i = 0; i < plot->n_panels; i++)
    draw_panel(c, i % columns * PANEL_W, i / columns * PANEL_H + (plot->title ? TITLE_H : 0), &plot->panel[i]);
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
      fprintf(f, ",%.17g,", series_x(s, i));
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
