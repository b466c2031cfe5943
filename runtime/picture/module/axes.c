#include "runtime/picture/module/axes.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

void range_see(Range *r, double v) {
  if (!isfinite(v)) return;
  r->lo = fmin(r->lo, v);
  r->hi = fmax(r->hi, v);
}

Range range_settle(Range r, bool log) {
  if (r.lo > r.hi) return log ? (Range){0.1, 10} : (Range){0, 1};
  if (log) {
    double room = r.lo < r.hi ? pow(r.hi / r.lo, 0.03) : 2;
    return (Range){r.lo / room, r.hi * room};
  }
  double room = r.hi - r.lo;
  if (room <= 1e-12 * fmax(fabs(r.lo), fabs(r.hi)))
    room = r.hi == 0 ? 2 : fabs(r.hi);
  else
    room *= 0.06;
  return (Range){r.lo - room / 2, r.hi + room / 2};
}

/* 1, 2 and 5 times the powers of ten where the range is short, some of the powers where it is long. */
static Ticks decades(Range r) {
  static const double parts[] = {1, 2, 5};
  Ticks t = {0};
  int lo = (int)floor(log10(r.lo)), hi = (int)floor(log10(r.hi) + 1e-9), n_parts = hi - lo > 3 ? 1 : 3;
  for (int e = lo; e <= hi; e += 1 + (hi - lo) / 8) {
    for (int k = 0; k < n_parts && t.n < MAX_TICKS; k++) {
      double v = parts[k] * pow(10, e);
      if (v < r.lo * (1 - 1e-9) || v > r.hi * (1 + 1e-9)) continue;
      t.at[t.n] = v;
      snprintf(t.label[t.n++], sizeof *t.label, e >= -3 && e <= 4 ? "%g" : "%.0e", v);
    }
  }
  return t;
}

static Ticks even_steps(Range r, uint32_t about, double least) {
  double raw = fmax((r.hi - r.lo) / about, least), power = pow(10, floor(log10(raw))), part = raw / power;
  double step = (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10) * power;
  Ticks t = {0};
  double widest = fmax(fabs(r.lo), fabs(r.hi));
  int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
  bool scientific = widest >= 1e5 || step < 1e-4;
  for (double k = ceil(r.lo / step - 1e-9); k * step <= r.hi + 1e-9 * step && t.n < MAX_TICKS; k++) {
    double v = k * step;
    t.at[t.n] = v;
    if (scientific)
      snprintf(t.label[t.n++], sizeof *t.label, "%.3g", v);
    else
      snprintf(t.label[t.n++], sizeof *t.label, "%.*f", decimals, v == 0 ? 0 : v);
  }
  return t;
}

Ticks ticks_choose(Range r, bool log, uint32_t about) {
  if (log) {
    Ticks t = decades(r);
    if (t.n >= 2) return t; /* fewer: linear steps read better */
  }
  return even_steps(r, about, 0);
}

Ticks ticks_whole(Range r, uint32_t about) { return even_steps(r, about, 1); }

double axes_x(const Axes *a, double v) { return a->left + (v - a->x.lo) / (a->x.hi - a->x.lo) * a->width; }

double axes_y(const Axes *a, double v) {
  double part = a->log_y ? log(v / a->y.lo) / log(a->y.hi / a->y.lo) : (v - a->y.lo) / (a->y.hi - a->y.lo);
  return a->top + (1 - part) * a->height;
}

/* ---------------------------------------------------------------- text */

double text_width(cairo_t *c, double size, const char *s) {
  cairo_text_extents_t e;
  cairo_set_font_size(c, size);
  cairo_text_extents(c, s, &e);
  return e.x_advance;
}

/* (x, y) is the base line's left end, middle or right end. */
void text_draw(cairo_t *c, double x, double y, TextAlign align, double size, const char *s) {
  double w = text_width(c, size, s);
  cairo_move_to(c, x - (align == TEXT_CENTER ? w / 2 : align == TEXT_RIGHT ? w : 0), y);
  cairo_show_text(c, s);
}

void text_fit(cairo_t *c, double x, double y, double room, double size, const char *s) {
  enum { least = 9 };
  char cut[256];
  while (size > least && text_width(c, size, s) > room) size -= 0.5;
  if (text_width(c, size, s) > room) {
    size_t n = strlen(s) < sizeof cut - 4 ? strlen(s) : sizeof cut - 4;
    do {
      while (n > 1 && ((unsigned char)s[n] & 0xC0) == 0x80) n--; /* not within a character */
      snprintf(cut, sizeof cut, "%.*s...", (int)n, s);
    } while (text_width(c, size, cut) > room && --n > 1);
    s = cut;
  }
  text_draw(c, x, y, TEXT_CENTER, size, s);
}

/* ---------------------------------------------------------------- frame */

enum { LABEL = 11 };

static void line(cairo_t *c, double x0, double y0, double x1, double y1) {
  cairo_move_to(c, x0, y0);
  cairo_line_to(c, x1, y1);
  cairo_stroke(c);
}

static void draw_ticks(cairo_t *c, const Axes *a) {
  Ticks x = a->whole_x ? ticks_whole(a->x, 6) : ticks_choose(a->x, false, 6), y = ticks_choose(a->y, a->log_y, 5);
  double bottom = a->top + a->height;
  cairo_set_line_width(c, 0.6);
  for (uint32_t i = 0; i < x.n; i++) {
    double at = axes_x(a, x.at[i]);
    cairo_set_source_rgb(c, 0.88, 0.88, 0.88);
    line(c, at, a->top, at, bottom);
    cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
    line(c, at, bottom, at, bottom + 4);
    text_draw(c, at, bottom + 16, TEXT_CENTER, LABEL, x.label[i]);
  }
  for (uint32_t i = 0; i < y.n; i++) {
    double at = axes_y(a, y.at[i]);
    cairo_set_source_rgb(c, 0.88, 0.88, 0.88);
    line(c, a->left, at, a->left + a->width, at);
    cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
    line(c, a->left - 4, at, a->left, at);
    text_draw(c, a->left - 7, at + 4, TEXT_RIGHT, LABEL, y.label[i]);
  }
}

void axes_labels(cairo_t *c, const Axes *a, const PlotPanel *p) {
  double middle = a->left + a->width / 2;
  cairo_set_source_rgb(c, 0.1, 0.1, 0.1);
  if (p->title) text_fit(c, middle, a->top - 9, a->width, 13, p->title);
  if (p->x_label) text_draw(c, middle, a->top + a->height + 34, TEXT_CENTER, 12, p->x_label);
  if (!p->y_label) return;
  cairo_save(c);
  cairo_translate(c, a->left - 50, a->top + a->height / 2);
  cairo_rotate(c, -M_PI / 2);
  text_draw(c, 0, 0, TEXT_CENTER, 12, p->y_label);
  cairo_restore(c);
}

void axes_draw(cairo_t *c, const Axes *a, const PlotPanel *p) {
  draw_ticks(c, a);
  axes_labels(c, a, p);
  cairo_set_line_width(c, 1);
  cairo_set_source_rgb(c, 0.25, 0.25, 0.25);
  cairo_rectangle(c, a->left, a->top, a->width, a->height);
  cairo_stroke(c);
}
