/* Pictures a run leaves behind: grids of images (PNG), grids as training goes (GIF), plots (PNG and SVG, their numbers
 * as CSV).
 *
 * Drawing sits in a module of its own (libseppo_picture, with libpng, giflib and cairo) that is opened when the first
 * picture is drawn: a run without pictures does not pay for loading them.
 */
#ifndef SEPPO_RUNTIME_PICTURE_H
#define SEPPO_RUNTIME_PICTURE_H

#include "runtime/base/diag.h"
#include "runtime/dtype.h"
#include <stdbool.h>
#include <stdint.h>

/* ---------------------------------------------------------------- grids of images */

/* n images of h x w pixels and 1 or 3 channels (last axis), row-major. Values lo .. hi become black .. white; when lo
 * == hi the range is [0, 1] if it holds all values, else [-1, 1] if that does, else least .. greatest. */
typedef struct PictureGrid {
  const void *values;
  uint8_t dtype; /* DT_U8 (range 0 .. 255 unless given), DT_I32, DT_F32, DT_F64 */
  int64_t n, h, w, channels;
  int64_t columns; /* 0: as square as n allows */
  bool heat;       /* one channel in the colours of heat maps, least .. greatest unless lo < hi */
  double lo, hi;
  const struct PictureGrid *next; /* the panel to the right of this one, or NULL */
} PictureGrid;

/* Pixels are enlarged by a whole factor until an image is about 56 wide, one alone 256. False after a diagnostic
 * (E0605). */
bool picture_grid(const char *path, const PictureGrid *g, DiagSink *sink);

/* A GIF, one grid a frame, complete after every frame: a run that is stopped leaves what it has. `milliseconds` is the
 * time a frame stays; frames must not change their size. */
typedef struct PictureGif PictureGif;
PictureGif *picture_gif_new(const char *path, int milliseconds, DiagSink *sink);
/* Goes on with a GIF of which the first `bytes` are to stay (as picture_gif_bytes said); anew when there are fewer. */
PictureGif *picture_gif_continue(const char *path, int milliseconds, int64_t bytes, DiagSink *sink);
/* Length of the file so far, without its end mark: the frames that a checkpoint vouches for. */
int64_t picture_gif_bytes(const PictureGif *gif);
bool picture_gif_add(PictureGif *gif, const PictureGrid *g, DiagSink *sink);
/* Closes the file. NULL is fine. */
void picture_gif_free(PictureGif *gif);

/* ---------------------------------------------------------------- plots */

typedef enum { PLOT_LINES, PLOT_SCATTER, PLOT_HISTOGRAM, PLOT_HEATMAP } PlotKind;

/* Lines, scatter: n points. Histogram: n values in x, y NULL. Points that are not finite leave a gap. */
typedef struct PlotSeries {
  const char *label;    /* in the legend and the CSV; may be NULL */
  const double *x, *y;  /* x NULL: 0, 1, 2, ... */
  const int32_t *klass; /* scatter: a colour a class instead of one a series; may be NULL */
  int64_t n;
} PlotSeries;

typedef struct PlotPanel {
  PlotKind kind;
  const char *title, *x_label, *y_label; /* may be NULL */
  uint32_t n_series;
  const PlotSeries *series;
  const double *matrix; /* heatmap: rows x columns, row 0 at the top */
  int64_t rows, columns;
  bool log_y; /* where all values are above 0 */
} PlotPanel;

enum { PLOT_MAX_PANELS = 32 };

/* Panels side by side, at most three a row. */
typedef struct Plot {
  const char *title; /* may be NULL */
  uint32_t n_panels;
  const PlotPanel *panel;
} Plot;

/* Writes STEM.png, STEM.svg and STEM.csv. False after a diagnostic (E0605). */
bool picture_plot(const char *stem, const Plot *plot, DiagSink *sink);

/* The module's table of functions (runtime/picture/module/table.c). Each returns NULL or a message. */
typedef struct PictureModule {
  const char *(*grid)(const char *path, const PictureGrid *g);
  const char *(*gif_new)(const char *path, int milliseconds, int64_t bytes, PictureGif **out);
  int64_t (*gif_bytes)(const PictureGif *gif);
  const char *(*gif_path)(const PictureGif *gif);
  const char *(*gif_add)(PictureGif *gif, const PictureGrid *g);
  void (*gif_free)(PictureGif *gif);
  const char *(*plot)(const char *stem, const Plot *plot);
} PictureModule;

#endif
