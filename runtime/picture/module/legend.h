/* The colours of a plot's series and the legend that names them. */
#ifndef SEPPO_RUNTIME_PICTURE_MODULE_LEGEND_H
#define SEPPO_RUNTIME_PICTURE_MODULE_LEGEND_H

#include "runtime/picture/module/axes.h"

/* Sets the colour of series or class i: ten that return in a circle. */
void series_color(cairo_t *c, uint32_t i, double alpha);
/* x of point i: its number where the series has none. */
double series_x(const PlotSeries *s, int64_t i);
/* One series whose points have classes: its legend stands beside the panel, which the points fill. */
bool legend_shows_classes(const PlotPanel *p);
/* Where it hides the least of the curves; nothing without labels. */
void legend_draw(cairo_t *c, const Axes *a, const PlotPanel *p);

#endif
