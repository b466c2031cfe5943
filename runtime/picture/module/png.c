#include "runtime/picture/module/raster.h"
#include <png.h>
#include <stdlib.h>

const char *grid_png(const char *path, const PictureGrid *g) {
  Raster r;
  const char *trouble = raster_grid(g, &r);
  if (trouble) return trouble;
  png_image image = {.version = PNG_IMAGE_VERSION, .width = r.width, .height = r.height};
  image.format = r.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  bool ok = png_image_write_to_file(&image, path, 0, r.pixel, 0, NULL) != 0;
  free(r.pixel);
  return ok ? NULL : "the picture cannot be written";
}
