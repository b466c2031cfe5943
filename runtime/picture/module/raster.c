#include "runtime/picture/module/raster.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 56, WIDE_ALONE = 256, LARGEST = 16384, GAP_SHADE = 64 };

static double value_at(const PictureGrid *g, int64_t i) {
  switch (g->dtype) {
  case DT_U8: return ((const uint8_t *)g->values)[i];
  case DT_I32: return ((const int32_t *)g->values)[i];
  case DT_F32: return ((const float *)g->values)[i];
  default: return ((const double *)g->values)[i];
  }
}

static void choose_range(const PictureGrid *g, double *lo, double *hi) {
  *lo = g->lo;
  *hi = g->dtype == DT_U8 && g->lo == g->hi ? g->lo + 255 : g->hi;
  if (*lo < *hi) return;
  double least = INFINITY, greatest = -INFINITY;
  for (int64_t i = 0; i < g->n * g->h * g->w * g->channels; i++) {
    double v = value_at(g, i);
    if (!isfinite(v)) continue;
    least = fmin(least, v);
    greatest = fmax(greatest, v);
  }
  if (g->heat) {
    *lo = least, *hi = greatest;
    if (!(*lo < *hi)) *lo = 0, *hi = 1;
    return;
  }
  bool unit = least >= 0 && greatest <= 1, signed_unit = least >= -1 && greatest <= 1;
  *lo = unit ? 0 : signed_unit ? -1 : least;
  *hi = unit || signed_unit ? 1 : greatest;
  if (!(*lo < *hi)) *lo = 0, *hi = 1;
}

/* Values that are not finite show as black. */
static uint8_t shade(double v, double lo, double hi) {
  double t = (v - lo) / (hi - lo) * 255;
  return !(t > 0) ? 0 : t > 255 ? 255 : (uint8_t)(t + 0.5);
}

void heat_color(double t, double rgb[3]) {
  static const uint8_t at[9][3] = {{68, 1, 84},    {71, 44, 122}, {59, 81, 139},  {44, 113, 142}, {33, 144, 141},
                                   {39, 173, 129}, {92, 200, 99}, {170, 220, 50}, {253, 231, 37}};
  double s = t < 0 ? 0 : t > 1 ? 8 : 8 * t;
  int k = s >= 8 ? 7 : (int)s;
  for (int c = 0; c < 3; c++) rgb[c] = (at[k][c] + (s - k) * (at[k + 1][c] - at[k][c])) / 255;
}

typedef struct Layout {
  int64_t columns, rows, scale, gap;
  double lo, hi;
} Layout;

static void put_heat(double v, const Layout *l, uint8_t *to) {
  double rgb[3] = {0.6, 0.6, 0.6}; /* gray: not finite */
  if (isfinite(v)) heat_color((v - l->lo) / (l->hi - l->lo), rgb);
  for (int c = 0; c < 3; c++) to[c] = (uint8_t)(rgb[c] * 255 + 0.5);
}

/* Each value becomes scale x scale pixels. */
static void draw_image(const PictureGrid *g, int64_t k, const Layout *l, Raster *r) {
  int64_t left = l->gap + k % l->columns * (g->w * l->scale + l->gap);
  int64_t top = l->gap + k / l->columns * (g->h * l->scale + l->gap);
  for (int64_t y = 0; y < g->h * l->scale; y++) {
    uint8_t *to = r->pixel + ((top + y) * r->width + left) * r->channels;
    const int64_t row = (k * g->h + y / l->scale) * g->w;
    for (int64_t x = 0; x < g->w * l->scale; x++, to += r->channels) {
      int64_t first = (row + x / l->scale) * g->channels;
      if (g->heat)
        put_heat(value_at(g, first), l, to);
      else
        for (int64_t c = 0; c < g->channels; c++) to[c] = shade(value_at(g, first + c), l->lo, l->hi);
    }
  }
}

static const char *raster_panel(const PictureGrid *g, Raster *out) {
  if (g->n < 1 || g->h < 1 || g->w < 1) return "a grid needs at least one image of at least one pixel";
  if (g->channels != 1 && g->channels != 3) return "images have 1 or 3 channels";
  if (g->heat && g->channels != 1) return "a heat map has one channel";
  Layout l = {.columns = g->columns > 0 ? g->columns : (int64_t)ceil(sqrt((double)g->n)), .gap = 2};
  if (l.columns > g->n) l.columns = g->n;
  l.rows = (g->n + l.columns - 1) / l.columns;
  int64_t wide = g->n == 1 ? WIDE_ALONE : WIDE;
  l.scale = g->w < wide ? wide / g->w : 1;
  if (l.scale > 16) l.scale = 16;
  if (g->w > LARGEST || g->h > LARGEST || l.columns > LARGEST || l.rows > LARGEST) return "the grid is too large";
  while (l.scale > 1 && (l.columns * (g->w * l.scale + l.gap) > 2048 || l.rows * (g->h * l.scale + l.gap) > 2048))
    l.scale--;
  int64_t width = l.columns * (g->w * l.scale + l.gap) + l.gap, height = l.rows * (g->h * l.scale + l.gap) + l.gap;
  if (width > LARGEST || height > LARGEST) return "the grid is larger than 16384 pixels";
  choose_range(g, &l.lo, &l.hi);
  *out = (Raster){(uint32_t)width, (uint32_t)height, g->heat ? 3 : (uint32_t)g->channels, NULL};
  out->pixel = malloc((size_t)width * (size_t)height * out->channels);
  if (!out->pixel) return "out of memory";
  memset(out->pixel, GAP_SHADE, (size_t)width * (size_t)height * out->channels);
  for (int64_t k = 0; k < g->n; k++) draw_image(g, k, &l, out);
  return NULL;
}

/* Copies a panel to column `left`; gray becomes equal parts of each colour. */
static void paste(const Raster *from, uint32_t left, Raster *to) {
  for (uint32_t y = 0; y < from->height; y++)
    for (uint32_t x = 0; x < from->width; x++)
      for (uint32_t c = 0; c < to->channels; c++)
        to->pixel[((size_t)y * to->width + left + x) * to->channels + c] =
            from->pixel[((size_t)y * from->width + x) * from->channels + c % from->channels];
}

static const char *join(const Raster *part, uint32_t n, Raster *out) {
  *out = (Raster){0};
  for (uint32_t k = 0; k < n; k++) {
    out->width += part[k].width;
    if (part[k].height > out->height) out->height = part[k].height;
    if (part[k].channels > out->channels) out->channels = part[k].channels;
  }
  if (out->width > LARGEST) return "the panels are wider than 16384 pixels";
  const size_t bytes = (size_t)out->width * out->height * out->channels;
  out->pixel = malloc(bytes);
  if (!out->pixel) return "out of memory";
  memset(out->pixel, GAP_SHADE, bytes);
  for (uint32_t k = 0, left = 0; k < n; left += part[k++].width) paste(&part[k], left, out);
  return NULL;
}

const char *raster_grid(const PictureGrid *g, Raster *out) {
  Raster part[PLOT_MAX_PANELS];
  uint32_t n = 0;
  const char *trouble = NULL;
  for (; g && !trouble && n < PLOT_MAX_PANELS; g = g->next)
    if (!(trouble = raster_panel(g, &part[n]))) n++;
  if (!trouble && n == 1) {
    *out = part[0];
    return NULL;
  }
  if (!trouble) trouble = join(part, n, out);
  for (uint32_t k = 0; k < n; k++) free(part[k].pixel);
  return trouble;
}
