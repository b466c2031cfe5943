#include "runtime/data/npy.h"
#include <stdlib.h>
#include <string.h>

struct NpyType {
  char kind; /* of the descr: b u i f */
  uint8_t bytes, dtype;
};

static const NpyType types[] = {
    {'b', 1, DT_U8},  {'u', 1, DT_U8},  {'u', 2, DT_I32}, {'u', 4, DT_I32}, {'u', 8, DT_I32}, {'i', 1, DT_I32},
    {'i', 2, DT_I32}, {'i', 4, DT_I32}, {'i', 8, DT_I32}, {'f', 2, DT_F32}, {'f', 4, DT_F32}, {'f', 8, DT_F64},
};

/* ---------------------------------------------------------------- header */

uint64_t npy_header_bytes(const uint8_t *p, size_t n) {
  if (n < 10 || memcmp(p, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3) return 0;
  if (p[6] == 1) return 10 + (uint64_t)(p[8] | p[9] << 8);
  if (n < 12) return 0;
  return 12 + ((uint64_t)p[8] | (uint64_t)p[9] << 8 | (uint64_t)p[10] << 16 | (uint64_t)p[11] << 24);
}

/* A cursor over the header's Python dict. */
typedef struct Dict {
  const char *s, *end;
} Dict;

static void blanks(Dict *d) {
  while (d->s < d->end && (*d->s == ' ' || *d->s == '\n' || *d->s == '\t')) d->s++;
}

static bool eat(Dict *d, char c) {
  blanks(d);
  if (d->s == d->end || *d->s != c) return false;
  d->s++;
  return true;
}

static bool quoted(Dict *d, char *out, size_t room) {
  blanks(d);
  if (d->s == d->end || (*d->s != '\'' && *d->s != '"')) return false;
  char quote = *d->s++;
  size_t n = 0;
  while (d->s < d->end && *d->s != quote && n + 1 < room) out[n++] = *d->s++;
  out[n] = 0;
  return d->s < d->end && *d->s++ == quote;
}

static bool word(Dict *d, const char *w) {
  blanks(d);
  size_t n = strlen(w);
  if ((size_t)(d->end - d->s) < n || memcmp(d->s, w, n) != 0) return false;
  d->s += n;
  return true;
}

/* "(3, 4)", "(3,)", "()"; extents beyond 2^62 count as absurd. */
static bool tuple(Dict *d, DataShape *shape) {
  if (!eat(d, '(')) return false;
  while (!eat(d, ')')) {
    blanks(d);
    int64_t v = 0;
    const char *first = d->s;
    for (; d->s < d->end && *d->s >= '0' && *d->s <= '9'; d->s++) v = v < INT64_C(1) << 58 ? v * 10 + (*d->s - '0') : v;
    if (d->s == first || shape->rank == DATA_MAX_RANK) return false;
    shape->dim[shape->rank++] = v;
    word(d, "L");
    if (!eat(d, ',')) return eat(d, ')');
  }
  return true;
}

static bool read_dict(Dict *d, char descr[32], NpyHeader *h) {
  uint32_t seen = 0;
  char key[32];
  if (!eat(d, '{')) return false;
  while (!eat(d, '}')) {
    if (!quoted(d, key, sizeof key) || !eat(d, ':')) return false;
    if (strcmp(key, "descr") == 0) {
      seen |= 1;
      if (!quoted(d, descr, 32)) strcpy(descr, "a record"), seen |= 8;
    } else if (strcmp(key, "fortran_order") == 0) {
      seen |= 2;
      h->fortran = word(d, "True");
      if (!h->fortran && !word(d, "False")) return false;
    } else if (strcmp(key, "shape") == 0) {
      seen |= 4;
      if (!tuple(d, &h->shape)) return false;
    } else {
      return false;
    }
    if (seen & 8) return true; /* the type is refused anyway */
    if (!eat(d, ',')) return eat(d, '}') && seen == 7;
  }
  return seen == 7;
}

/* "<f8", ">i4", "|u1", "=f4" */
static bool read_descr(const char *s, NpyHeader *h) {
  if (!s[0] || !strchr("<>|=", s[0]) || !s[1] || !s[2] || s[3]) return false;
  for (uint32_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].kind == s[1] && types[i].bytes == s[2] - '0') h->type = &types[i];
  h->swapped = s[0] == '>' && s[2] != '1';
  return h->type != NULL;
}

bool npy_parse(DataCall *c, const char *path, const uint8_t *p, size_t n, NpyHeader *h) {
  *h = (NpyHeader){.offset = npy_header_bytes(p, n)};
  char descr[32] = "";
  if (h->offset == 0) return data_broken(c, path, "not an NPY array");
  if (h->offset > n) return data_broken(c, path, "ends inside its NPY header");
  Dict d = {(const char *)p + (p[6] == 1 ? 10 : 12), (const char *)p + h->offset};
  if (!read_dict(&d, descr, h)) return data_broken(c, path, "its NPY header is malformed");
  if (!read_descr(descr, h))
    return data_broken(c, path, "arrays of type `%s` cannot be read (only bool, integers, f16, f32, f64)", descr);
  h->shape.dtype = h->type->dtype;
  int64_t elements = shape_elements(h->shape.rank, h->shape.dim);
  if (elements < 0) return data_broken(c, path, "absurd shape %s", data_shape_text(c, h->shape.rank, h->shape.dim));
  if (h->shape.rank == 0) return data_broken(c, path, "a scalar has no rows");
  h->bytes = (uint64_t)elements * h->type->bytes;
  return true;
}

/* ---------------------------------------------------------------- data */

bool npy_is_native(const NpyHeader *h) {
  return !h->swapped && (!h->fortran || h->shape.rank == 1) && h->type->bytes == dtype_size((DType)h->type->dtype) &&
         (h->type->kind != 'u' || h->type->bytes == 1);
}

static uint64_t bits_at(const uint8_t *p, uint32_t n, bool swapped) {
  uint64_t v = 0;
  for (uint32_t i = 0; i < n; i++) v = v << 8 | p[swapped ? i : n - 1 - i];
  return v;
}

/* IEEE half to float, exactly. */
static float half_value(uint32_t h) {
  uint32_t sign = h >> 15, exponent = h >> 10 & 31, mantissa = h & 1023;
  float v;
  if (exponent == 31)
    v = mantissa ? __builtin_nanf("") : __builtin_inff();
  else if (exponent == 0)
    v = (float)mantissa * 0x1p-24f;
  else
    v = (float)(mantissa | 1024) * (exponent >= 25 ? (float)(1u << (exponent - 25)) : 1.0f / (1u << (25 - exponent)));
  return sign ? -v : v;
}

/* One element into its place; false when an integer needs more than 32 bits. */
static bool put_element(const NpyHeader *h, uint64_t bits, uint8_t *out) {
  const NpyType *t = h->type;
  if (t->kind == 'f' && t->bytes == 2) {
    float v = half_value((uint32_t)bits);
    memcpy(out, &v, 4);
  } else if (t->kind == 'f') {
    uint32_t word = (uint32_t)bits;
    memcpy(out, t->bytes == 4 ? (void *)&word : (void *)&bits, t->bytes);
  } else if (t->dtype == DT_U8) {
    *out = t->kind == 'b' ? bits != 0 : (uint8_t)bits;
  } else {
    uint32_t unused = 64 - 8u * t->bytes;
    int64_t v = t->kind == 'i' ? (int64_t)(bits << unused) >> unused : (int64_t)bits;
    if ((t->kind == 'u' && bits > INT32_MAX) || v < INT32_MIN || v > INT32_MAX) return false;
    int32_t small = (int32_t)v;
    memcpy(out, &small, 4);
  }
  return true;
}

/* Walks the C order; in Fortran order the element's place in the file follows by strides. */
bool npy_convert(DataCall *c, const char *path, const NpyHeader *h, const uint8_t *in, void *out) {
  const DataShape *s = &h->shape;
  int64_t n = shape_elements(s->rank, s->dim), index[DATA_MAX_RANK] = {0}, stride[DATA_MAX_RANK], at = 0;
  uint32_t size = dtype_size((DType)s->dtype);
  for (uint32_t a = 0; a < s->rank; a++) stride[a] = a == 0 ? 1 : stride[a - 1] * s->dim[a - 1];
  for (int64_t i = 0; i < n; i++) {
    int64_t from = h->fortran ? at : i;
    uint64_t bits = bits_at(in + (uint64_t)from * h->type->bytes, h->type->bytes, h->swapped);
    if (!put_element(h, bits, (uint8_t *)out + (uint64_t)i * size))
      return data_broken(c, path, "element %lld does not fit a 32-bit integer", (long long)i);
    for (uint32_t a = s->rank; h->fortran && a-- > 0;) {
      at += stride[a];
      if (++index[a] < s->dim[a]) break;
      at -= stride[a] * s->dim[a];
      index[a] = 0;
    }
  }
  return true;
}

/* ---------------------------------------------------------------- as a source */

typedef struct NpyFile {
  const char *path;
  NpyHeader h;
} NpyFile;

static bool load(DataCall *c, DataStore *s) {
  const NpyFile *f = s->detail;
  FileView v;
  if (!file_view(c, f->path, &v)) return false;
  uint64_t bytes = (uint64_t)shape_elements(f->h.shape.rank, f->h.shape.dim) * dtype_size((DType)f->h.shape.dtype);
  bool whole = v.n >= f->h.offset + f->h.bytes;
  void *out = whole ? store_alloc(c, s, bytes) : NULL;
  if (!whole) data_broken(c, f->path, "has become shorter");
  if (out && npy_convert(c, f->path, &f->h, v.bytes + f->h.offset, out)) s->bytes = out;
  file_close(&v);
  return s->bytes != NULL;
}

static DataStore *npy_store(DataCall *c, const char *path, DataShape *shape) {
  FileView v;
  if (!file_view(c, path, &v)) return NULL;
  NpyFile *f = arena_new(&c->d->mem, NpyFile);
  f->path = path;
  DataStore *s = store_new(c, load, f);
  bool ok = npy_parse(c, path, v.bytes, v.n, &f->h);
  if (ok && v.n != f->h.offset + f->h.bytes)
    ok = data_broken(c, path, "%llu bytes of data where its shape %s needs %llu",
                     (unsigned long long)(v.n - f->h.offset), data_shape_text(c, f->h.shape.rank, f->h.shape.dim),
                     (unsigned long long)f->h.bytes);
  *shape = f->h.shape;
  if (ok && npy_is_native(&f->h) && f->h.offset % dtype_size((DType)shape->dtype) == 0)
    file_keep(&v, s, (size_t)f->h.offset);
  file_close(&v);
  return ok ? s : NULL;
}

/* npy("file") has the field x; npy(x = "file", y = "file") one a name. */
bool npy_open(DataCall *c, const DataOptions *o) {
  return source_of_files(c, o, "npy", npy_store) && source_shape(c, o, "x") && source_scale(c, o, "x", NULL);
}
