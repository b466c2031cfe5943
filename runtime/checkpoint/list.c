/* The listing of a checkpoint. */
#include "runtime/checkpoint.h"
#include <math.h>
#include <string.h>

static double element(const CheckpointTensor *t, uint64_t i) {
  const uint8_t *p = (const uint8_t *)t->bytes + i * dtype_size((DType)t->dtype);
  union {
    int32_t i32;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    float f32;
    double f64;
  } v;
  memcpy(&v, p, dtype_size((DType)t->dtype)); /* foreign files may be unaligned */
  switch (t->dtype) {
  case DT_BOOL:
  case DT_U8: return *p;
  case DT_I32: return v.i32;
  case DT_I64: return (double)v.i64;
  case DT_U32: return v.u32;
  case DT_U64: return (double)v.u64;
  case DT_F32: return v.f32;
  default: return v.f64;
  }
}

typedef struct Numbers {
  double mean, deviation, least, greatest;
  uint64_t n, bad; /* elements, and those that are not finite */
} Numbers;

static Numbers numbers_of(const CheckpointTensor *t) {
  Numbers s = {.n = checkpoint_tensor_bytes(t) / dtype_size((DType)t->dtype), .least = INFINITY, .greatest = -INFINITY};
  double square = 0;
  for (uint64_t i = 0, k = 0; i < s.n; i++) {
    double v = element(t, i);
    if (!isfinite(v)) {
      s.bad++;
      continue;
    }
    double d = v - s.mean;
    s.mean += d / (double)++k;
    square += d * (v - s.mean);
    s.least = fmin(s.least, v);
    s.greatest = fmax(s.greatest, v);
  }
  if (s.n > s.bad) s.deviation = sqrt(square / (double)(s.n - s.bad));
  return s;
}

static void put_shape(StrBuf *b, const CheckpointTensor *t) {
  sb_printf(b, "%s[", dtype_name((DType)t->dtype));
  for (uint32_t i = 0; i < t->rank; i++) sb_printf(b, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
  sb_putc(b, ']');
}

/* Lists of pictures and arrays are for the program: their beginning is enough. */
static void print_meta(const CheckpointMeta *m, StrBuf *out) {
  enum { most = 200 };
  size_t n = strlen(m->value);
  if (n <= most)
    sb_printf(out, "%-8s %s\n", m->key, m->value);
  else
    sb_printf(out, "%-8s %.60s ... (%zu characters)\n", m->key, m->value, n);
}

void checkpoint_list(const Checkpoint *c, StrBuf *out) {
  uint64_t bytes = 0, elements = 0;
  size_t width = 4;
  for (uint32_t i = 0; i < c->n_meta; i++) print_meta(&c->meta[i], out);
  for (uint32_t i = 0; i < c->n; i++) {
    size_t n = strlen(c->tensor[i].name);
    if (n > width) width = n;
  }
  if (c->n > 0)
    sb_printf(out, "%-*s  %-20s %12s %12s %12s %12s\n", (int)width, "name", "type", "mean", "std", "min", "max");
  for (uint32_t i = 0; i < c->n; i++) {
    const CheckpointTensor *t = &c->tensor[i];
    Numbers s = numbers_of(t);
    StrBuf type = {0};
    put_shape(&type, t);
    sb_printf(out, "%-*s  %-20s", (int)width, t->name, type.s);
    if (s.n > s.bad) sb_printf(out, " %12.5g %12.5g %12.5g %12.5g", s.mean, s.deviation, s.least, s.greatest);
    if (s.bad > 0) sb_printf(out, "  %llu not finite", (unsigned long long)s.bad);
    sb_putc(out, '\n');
    sb_free(&type);
    bytes += checkpoint_tensor_bytes(t);
    elements += s.n;
  }
  sb_printf(out, "%u tensors, %llu elements, %llu bytes\n", c->n, (unsigned long long)elements,
            (unsigned long long)bytes);
}
