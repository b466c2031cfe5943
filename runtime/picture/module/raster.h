/* Bytes of a grid of images, for PNG and GIF. */
#ifndef SEPPO_RUNTIME_PICTURE_MODULE_RASTER_H
#define SEPPO_RUNTIME_PICTURE_MODULE_RASTER_H

#include "runtime/base/strbuf.h"
#include "runtime/picture.h"

/* Gray or RGB pixels, `channels` bytes each. */
typedef struct Raster {
  uint32_t width, height, channels;
  uint8_t *pixel; /* heap */
} Raster;

/* Colours that rise evenly in lightness, dark blue (0) to yellow (1). */
void heat_color(double t, double rgb[3]);
/* Lays the images out with a dark line between them, panels side by side. NULL or a message. */
const char *raster_grid(const PictureGrid *g, Raster *out);

const char *gif_new(const char *path, int milliseconds, int64_t bytes, PictureGif **out);
int64_t gif_bytes(const PictureGif *gif);
const char *gif_path(const PictureGif *gif);
const char *gif_add(PictureGif *gif, const PictureGrid *g);
void gif_free(PictureGif *gif);
const char *grid_png(const char *path, const PictureGrid *g);
/* What cairo has drawn, with its numbers replaced. False with errno set. */
bool svg_write(const char *path, const StrBuf *drawn);
const char *plot_write(const char *stem, const Plot *plot);

#endif
