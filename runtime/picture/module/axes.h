/* Axes of a plot: ranges, ticks, and the mapping from numbers to points on the page. */
#ifndef SEPPO_RUNTIME_PICTURE_MODULE_AXES_H
#define SEPPO_RUNTIME_PICTURE_MODULE_AXES_H

#include "runtime/picture.h"
#include <cairo.h>

typedef struct Range {
  double lo, hi; /* lo > hi: nothing seen yet */
} Range;

void range_see(Range *r, double v); /* values that are not finite are passed over */
/* Never empty: a single value gets room on both sides, nothing at all becomes 0 .. 1. */
Range range_settle(Range r, bool log);

enum { MAX_TICKS = 12 };
typedef struct Ticks {
  uint32_t n;
  double at[MAX_TICKS];
  char label[MAX_TICKS][24];
} Ticks;
/* Multiples of 1, 2 or 5 times a power of ten inside the range, about `about` of them; powers of ten when log. */
Ticks ticks_choose(Range r, bool log, uint32_t about);
/* The same with whole numbers only: epochs, steps, indices. */
Ticks ticks_whole(Range r, uint32_t about);

/* The rectangle of a panel's data on the page. */
typedef struct Axes {
  double left, top, width, height;
  Range x, y;
  bool log_y, whole_x;
} Axes;
double axes_x(const Axes *a, double v);
double axes_y(const Axes *a, double v);
/* Frame, grid, ticks, labels and title of the panel. */
void axes_draw(cairo_t *c, const Axes *a, const PlotPanel *p);
/* Title and names of the axes alone. */
void axes_labels(cairo_t *c, const Axes *a, const PlotPanel *p);

typedef enum { TEXT_LEFT, TEXT_CENTER, TEXT_RIGHT } TextAlign;
void text_draw(cairo_t *c, double x, double y, TextAlign align, double size, const char *s);
/* Centred at x, smaller where it is wider than `room`, and cut where that would be too small to read. */
void text_fit(cairo_t *c, double x, double y, double room, double size, const char *s);
double text_width(cairo_t *c, double size, const char *s);

#endif
