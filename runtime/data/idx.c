/* IDX files (LeCun, Cortes, Burges, "The MNIST database"), plain and gzipped.
 *
 * Big-endian: two zero bytes, a type, the rank, one u32 an axis, then the elements. */
#include "runtime/data/idx.h"
#include <string.h>

typedef struct IdxType {
  uint8_t code, bytes, dtype;
  bool is_signed, is_float;
} IdxType;

static const IdxType types[] = {
    {0x08, 1, DT_U8, false, false}, {0x09, 1, DT_I32, true, false}, {0x0B, 2, DT_I32, true, false},
    {0x0C, 4, DT_I32, true, false}, {0x0D, 4, DT_F32, true, true},  {0x0E, 8, DT_F64, true, true},
};

static const IdxType *type_find(uint8_t code) {
  for (uint32_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].code == code) return &types[i];
  return NULL;
}

typedef struct IdxFile {
  const char *path, *key;
  const IdxType *type;
  DataShape shape;
  size_t header;
  bool gz;
} IdxFile;

/* Reads the header from the first bytes of the (inflated) file. */
static bool parse_header(DataCall *c, const FileView *v, IdxFile *f) {
  uint8_t h[4 + 4 * DATA_MAX_RANK] = {0};
  bool got = f->gz ? gz_peek(v, h, 4) : v->n >= 4;
  if (got && !f->gz) memcpy(h, v->bytes, 4);
  if (!got) return data_broken(c, f->path, f->gz ? "corrupt: no IDX header can be inflated" : "too short for IDX");
  f->type = type_find(h[2]);
  if (h[0] != 0 || h[1] != 0 || !f->type || h[3] == 0 || h[3] > DATA_MAX_RANK)
    return data_broken(c, f->path, "not an IDX file: it starts with %02x %02x %02x %02x", h[0], h[1], h[2], h[3]);
  f->header = 4 + 4u * h[3];
  got = f->gz ? gz_peek(v, h, f->header) : v->n >= f->header;
  if (!got) return data_broken(c, f->path, "ends inside its header");
  if (!f->gz) memcpy(h, v->bytes, f->header);
  f->shape = (DataShape){.dtype = f->type->dtype, .rank = h[3]};
  for (uint32_t i = 0; i < h[3]; i++) {
    const uint8_t *p = h + 4 + 4 * i;
    f->shape.dim[i] = (int64_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
  }
  return true;
}

/* What the header promises against what the file can hold: deflate shrinks at most 1032 times. */
static bool check_size(DataCall *c, const FileView *v, const IdxFile *f) {
  int64_t n = shape_elements(f->shape.rank, f->shape.dim);
  const char *shape = data_shape_text(c, f->shape.rank, f->shape.dim);
  if (n < 0) return data_broken(c, f->path, "absurd shape %s", shape);
  uint64_t want = (uint64_t)n * f->type->bytes + f->header;
  if (f->gz ? want / 1032 > v->n : want > v->n)
    return data_broken(c, f->path, "too short for its shape %s: %llu bytes where %llu are needed", shape,
                       (unsigned long long)v->n, (unsigned long long)want);
  if (!f->gz && want < v->n)
    return data_broken(c, f->path, "%llu bytes too long for its shape %s", (unsigned long long)(v->n - want), shape);
  return true;
}

/* Big-endian elements to native ones of the stored dtype; in and out may be the same buffer's end and start. */
static void convert(const IdxType *t, const uint8_t *in, uint8_t *out, int64_t n) {
  uint32_t size = dtype_size((DType)t->dtype);
  for (int64_t i = 0; i < n; i++, in += t->bytes, out += size) {
    uint64_t bits = 0;
    for (uint32_t b = 0; b < t->bytes; b++) bits = bits << 8 | in[b];
    if (!t->is_float && t->is_signed) {
      uint32_t shift = 64 - 8u * t->bytes;
      int32_t value = (int32_t)((int64_t)(bits << shift) >> shift);
      memcpy(out, &value, sizeof value);
    } else if (t->bytes == 8) {
      memcpy(out, &bits, 8);
    } else {
      uint32_t word = (uint32_t)bits;
      memcpy(out, &word, 4);
    }
  }
}

static bool fill(DataCall *c, void *out, void *arg) {
  IdxFile *f = arg;
  FileView v;
  if (!file_view(c, f->path, &v)) return false;
  int64_t n = shape_elements(f->shape.rank, f->shape.dim);
  uint64_t raw = (uint64_t)n * f->type->bytes, kept = (uint64_t)n * dtype_size((DType)f->shape.dtype);
  /* raw elements are put at the end of the output, so that widening in place never overtakes its input */
  uint8_t *at = (uint8_t *)out + (kept - raw);
  bool ok = true;
  if (f->gz)
    ok = gz_inflate(c, &v, f->header, at, raw);
  else if (check_size(c, &v, f))
    memcpy(at, v.bytes + f->header, raw);
  else
    ok = false;
  if (ok && f->type->code != 0x08) convert(f->type, at, out, n);
  file_close(&v);
  return ok;
}

static bool load(DataCall *c, DataStore *s) {
  IdxFile *f = s->detail;
  return cache_fill(c, f->key, &f->shape, s, fill, f);
}

DataStore *idx_store(DataCall *c, const char *path, DataShape *shape) {
  FileView v;
  if (!file_view(c, path, &v)) return NULL;
  IdxFile *f = arena_new(&c->d->mem, IdxFile);
  DataStore *s = store_new(c, load, f);
  *f = (IdxFile){.path = path, .key = data_cache_key(c, "idx", &v), .gz = gz_is(&v)};
  bool ok = cache_lookup(c, f->key, shape, s);
  if (!ok) {
    ok = parse_header(c, &v, f) && check_size(c, &v, f);
    *shape = f->shape;
    if (ok && !f->gz && f->type->code == 0x08) file_keep(&v, s, f->header);
  }
  file_close(&v);
  return ok ? s : NULL;
}

/* idx("file") has the field x; idx(x = "file", label = "file") one a name. Bytes of rank 2 or more are pictures and
 * scale to [0, 1]; rank 1 are labels. */
bool idx_open(DataCall *c, const DataOptions *o) {
  static const double unit[2] = {0, 1};
  const DataSplit *split = source_of_files(c, o, "idx", idx_store);
  if (!split) return false;
  const DataField *x = data_field_find(split, "x");
  bool picture = x && x->rank >= 2 && x->dtype == DT_U8;
  return source_shape(c, o, "x") && source_scale(c, o, "x", picture ? unit : NULL);
}
