/* NPY arrays (NumPy's format 1.0 to 3.0), in a file of their own or inside an NPZ archive. */
#ifndef SEPPO_RUNTIME_DATA_NPY_H
#define SEPPO_RUNTIME_DATA_NPY_H

#include "runtime/data/internal.h"

typedef struct NpyType NpyType;
typedef struct NpyHeader {
  const NpyType *type;
  bool swapped; /* big-endian */
  bool fortran;
  DataShape shape; /* as stored by us: integers i32 or u8, floats f32 or f64 */
  uint64_t offset; /* of the data */
  uint64_t bytes;  /* of the data */
} NpyHeader;

/* Bytes of the header once the first 12 of the array are known; 0 when it is no NPY array. */
uint64_t npy_header_bytes(const uint8_t *p, size_t n);
/* `p` holds the whole header. False after a diagnostic that names `path`. */
bool npy_parse(DataCall *c, const char *path, const uint8_t *p, size_t n, NpyHeader *h);
/* The data needs no conversion: native order, C layout, a type of ours. */
bool npy_is_native(const NpyHeader *h);
/* Converts h->bytes of data. False after a diagnostic when an integer does not fit. */
bool npy_convert(DataCall *c, const char *path, const NpyHeader *h, const uint8_t *in, void *out);

#endif
