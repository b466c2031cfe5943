/* What a run has drawn, for its report. */
#ifndef SEPPO_DRIVER_PICTURES_H
#define SEPPO_DRIVER_PICTURES_H

#include "runtime/base/vec.h"
#include "runtime/picture.h"

typedef struct Drawn {
  const char *path, *name, *caption;
} Drawn;

typedef struct OpenGif {
  const char *name, *file;
  PictureGif *gif;
} OpenGif;

typedef struct Pictures {
  Vec(Drawn) drawn; /* in the order of their first drawing */
  Vec(OpenGif) gif;
} Pictures;

#endif
