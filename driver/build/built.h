/* A task on its way into an object: its tensors, the image libseppo.a reads, the C header. */
#ifndef SEPPO_DRIVER_BUILT_H
#define SEPPO_DRIVER_BUILT_H

#include "driver/session/engine.h"
#include "runtime/ahead/image.h"
#include "runtime/ahead/seppo.h"

typedef struct BuiltTensor {
  ImageTensor at;      /* without places for its name and first bytes */
  const char *name;    /* NULL: not seen from outside */
  const char *member;  /* its name in the header's struct; NULL: it is not there */
  const void *initial; /* NULL: zeros */
} BuiltTensor;

typedef struct Built {
  const Engine *engine; /* with the first values of cells */
  const Task *task;
  const char *name;  /* of object, header and struct: "mlp_predict" */
  const char *file;  /* the model's */
  const char *model; /* what the parameters come from, for the header's comment */
  bool embed;        /* data sets go into the object */
  ImageHead head;
  Vec(BuiltTensor) tensor;
  Arena mem;
} Built;

/* Letters, digits and underscores: a name in C. */
const char *c_name(Arena *mem, const char *text);
/* Fills b->tensor and the rest of b->head. */
void built_tensors(Built *b);
void built_image(const Built *b, StrBuf *out);
void built_header(const Built *b, StrBuf *out);

#endif
