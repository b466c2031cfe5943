#include "runtime/picture/module/raster.h"

extern const PictureModule seppo_picture_module;
const PictureModule seppo_picture_module = {grid_png, gif_new, gif_bytes, gif_path, gif_add, gif_free, plot_write};
