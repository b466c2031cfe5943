/* The standard library (models/std), embedded in the program as text. */
#ifndef SEPPO_FRONTEND_LIBRARY_H
#define SEPPO_FRONTEND_LIBRARY_H

#include <stddef.h>

typedef struct LibraryFile {
  const char *name; /* "std/layers.sep" */
  const char *text;
  size_t length;
} LibraryFile;

extern const LibraryFile embedded_library[]; /* ends with a NULL name */

#endif
