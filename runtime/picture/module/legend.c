#include "runtime/picture/module/legend.h"
#include <math.h>
#include <stdio.h>

/* Ten colours that stay apart for colour-blind readers as far as ten can. */
static const double palette[10][3] = {{0.12, 0.47, 0.71}, {0.90, 0.45, 0.05}, {0.17, 0.63, 0.17}, {0.84, 0.15, 0.16},
                                      {0.58, 0.40, 0.74}, {0.55, 0.34, 0.29}, {0.89, 0.47, 0.76}, {0.45, 0.45, 0.45},
                                      {0.74, 0.74, 0.13}, {0.09, 0.75, 0.81}};

void series_color(cairo_t *c, uint32_t i, double alpha) {
  const double *p = palette[i % 10];
  cairo_set_source_rgba(c, p[0], p[1], p[2], alpha);
}

double series_x(const PlotSeries *s, int64_t i) { return s->x ? s->x[i] : (double)i; }

typedef struct Legend {
  uint32_t n;
  bool classes; /* stands beside the panel: the points fill it */
  struct {
    const char *label;
    char number[12];
    uint32_t color;
  } row[12];
} Legend;

bool legend_shows_classes(const PlotPanel *p) { return p->n_series == 1 && p->series->klass; }

/* Labels of the series, or the classes that occur. */
static Legend legend_of(const PlotPanel *p) {
  Legend l = {0};
  const PlotSeries *s = p->series;
  l.classes = legend_shows_classes(p);
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
        double t = (double)q / pieces, x = series_x(s, i) + t * (series_x(s, next) - series_x(s, i));
        n += in_box(a, b, x, s->y[i] + t * (s->y[next] - s->y[i]));
      }
    }
  }
  return n;
}

/* The corners, then the middles of the sides: the first of those that hide the least. */
static Box best_place(const Axes *a, const PlotPanel *p, double w, double h) {
  static const double place[8][2] = {{1, 0}, {0, 0}, {1, 1}, {0, 1}, {1, 0.5}, {0, 0.5}, {0.5, 0}, {0.5, 1}};
  Box best = {0};
  int64_t least = INT64_MAX;
  for (int i = 0; i < 8; i++) {
    Box b = {a->left + 8 + place[i][0] * (a->width - w - 16), a->top + 8 + place[i][1] * (a->height - h - 16), w, h};
    int64_t n = hidden_by(a, p, &b);
    if (n < least) least = n, best = b;
  }
  return best;
}

void legend_draw(cairo_t *c, const Axes *a, const PlotPanel *p) {
  Legend l = legend_of(p);
  double w = 0, h = 6 + 15.0 * l.n;
  for (uint32_t i = 0; i < l.n; i++) w = fmax(w, text_width(c, 11, l.row[i].label ? l.row[i].label : l.row[i].number));
  w += 34;
  if (l.n == 0) return;
  Box box = {a->left + a->width + 6, a->top, w, h};
  if (!l.classes) box = best_place(a, p, w, h);
  cairo_set_source_rgba(c, 1, 1, 1, 0.85);
  cairo_rectangle(c, box.left, box.top, w, h);
  cairo_fill_preserve(c);
  cairo_set_source_rgb(c, 0.75, 0.75, 0.75);
  cairo_set_line_width(c, 0.6);
  cairo_stroke(c);
  for (uint32_t i = 0; i < l.n; i++) {
    double y = box.top + 14 + 15.0 * i;
    series_color(c, l.row[i].color, 1);
    cairo_rectangle(c, box.left + 7, y - 6, 14, 4);
    cairo_fill(c);
    cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
    text_draw(c, box.left + 27, y, TEXT_LEFT, 11, l.row[i].label ? l.row[i].label : l.row[i].number);
  }
}
