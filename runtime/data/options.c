/* Checking the arguments of a data call against its row of the table, and the options every kind shares. */
#include "runtime/data/internal.h"
#include <math.h>
#include <string.h>

const DataOption *option_find(const DataOptions *o, const char *name) {
  for (uint32_t i = 0; i < o->n; i++) {
    const char *have = o->at[i].name;
    if (have == name || (have && name && strcmp(have, name) == 0)) return &o->at[i];
  }
  return NULL;
}

const char *option_string(const DataOptions *o, const char *name, const char *otherwise) {
  const DataOption *p = option_find(o, name);
  return p ? p->string : otherwise;
}

double option_number(const DataOptions *o, const char *name, double otherwise) {
  const DataOption *p = option_find(o, name);
  return p ? p->number : otherwise;
}

/* ---------------------------------------------------------------- against the table */

static const char *const kind_words[] = {"a number", "a string", "a bool", "a list of numbers", "a list of strings"};

static const OptionSpec *spec_find(const DataKind *k, const char *name) {
  const OptionSpec *any = NULL;
  for (const OptionSpec *s = k->option; s->accepted; s++) {
    if (s->name == name || (s->name && name && strcmp(s->name, name) == 0)) return s;
    if (s->name && strcmp(s->name, "*") == 0) any = s;
  }
  return name ? any : NULL;
}

static bool unknown_option(DataCall *c, const DataKind *k, const DataOption *p) {
  if (!p->name) return data_misuse(c, p->span, "%s() takes no positional argument", k->name);
  const char *names[8];
  uint32_t n = 0;
  StrBuf list = {0};
  for (const OptionSpec *s = k->option; s->accepted; s++) {
    if (!s->name || strcmp(s->name, "*") == 0) continue;
    sb_printf(&list, "%s%s", n ? ", " : "", s->name);
    names[n++] = s->name;
  }
  data_misuse(c, p->span, "%s() has no option `%s`", k->name, p->name);
  const char *near = diag_nearest(p->name, names, n);
  if (near)
    diag_hint(c->sink, "did you mean `%s`?", near);
  else if (n > 0)
    diag_hint(c->sink, "its options are: %s", list.s);
  sb_free(&list);
  return false;
}

static bool check_one(DataCall *c, const DataKind *k, const DataOptions *o, uint32_t i) {
  const DataOption *p = &o->at[i];
  const OptionSpec *s = spec_find(k, p->name);
  if (!s) return unknown_option(c, k, p);
  if (option_find(o, p->name) != p)
    return data_misuse(c, p->span, p->name ? "option `%s` is given twice" : "%s() takes one positional argument",
                       p->name ? p->name : k->name);
  if (s->accepted & 1u << p->kind) return true;
  StrBuf want = {0};
  for (uint32_t b = 0; b < 5; b++)
    if (s->accepted & 1u << b) sb_printf(&want, "%s%s", want.n ? " or " : "", kind_words[b]);
  data_misuse(c, p->span, "%s%s%s must be %s", p->name ? "`" : "the argument of ", p->name ? p->name : k->name,
              p->name ? "`" : "()", want.s);
  diag_label(c->sink, "this is %s", kind_words[p->kind]);
  sb_free(&want);
  return false;
}

bool options_check(DataCall *c, const DataKind *k, const DataOptions *o) {
  for (uint32_t i = 0; i < o->n; i++)
    if (!check_one(c, k, o, i)) return false;
  if (k->needs_positional && !option_find(o, NULL))
    return data_misuse(c, c->at, "%s() needs a name in quotes as its first argument", k->name);
  return true;
}

/* ---------------------------------------------------------------- shape */

static bool shape_option(DataCall *c, const DataOption *p, DataShape *out) {
  *out = (DataShape){0};
  uint32_t n = p->kind == DATA_NUMBER ? 1 : p->n;
  if (n + 1 > DATA_MAX_RANK) return data_misuse(c, p->span, "a row can have at most %d axes", DATA_MAX_RANK - 1);
  for (uint32_t i = 0; i < n; i++) {
    double v = p->kind == DATA_NUMBER ? p->number : p->numbers[i];
    if (!(v >= 0 && v <= 1e12 && v == floor(v)))
      return data_misuse(c, p->span, "an extent of `shape` must be a whole number, this one is %g", v);
    out->dim[out->rank++] = (int64_t)v;
  }
  return true;
}

bool source_shape(DataCall *c, const DataOptions *o, const char *name) {
  const DataOption *p = option_find(o, "shape");
  DataShape want;
  if (!p) return true;
  if (!shape_option(c, p, &want)) return false;
  for (uint32_t i = 0; i < c->d->n_splits; i++) {
    DataField *f = data_field_find(&c->d->split[i], name);
    if (!f) return data_misuse(c, p->span, "`shape` is for the field `%s`, which this source does not have", name);
    int64_t have = shape_elements(f->rank - 1u, f->dim + 1);
    if (shape_elements(want.rank, want.dim) != have) {
      data_misuse(c, p->span, "`shape` must have as many elements as a row of `%s`", name);
      diag_label(c->sink, "%s for rows of %lld elements", data_shape_text(c, want.rank, want.dim), (long long)have);
      return false;
    }
    f->rank = (uint8_t)(want.rank + 1);
    memcpy(f->dim + 1, want.dim, sizeof(int64_t) * want.rank);
  }
  return true;
}

/* ---------------------------------------------------------------- scale */

typedef struct Moments {
  double n, mean, variance, lo, hi;
} Moments;

/* Exact sums over bytes through a histogram. */
static Moments byte_moments(const uint8_t *x, int64_t n) {
  uint64_t count[4][256] = {{0}};
  for (int64_t i = 0; i < n; i++) count[i & 3][x[i]]++;
  double sum = 0, square = 0;
  Moments m = {.n = (double)n, .lo = 0, .hi = 255};
  for (int v = 0; v < 256; v++) {
    double k = (double)(count[0][v] + count[1][v] + count[2][v] + count[3][v]);
    sum += k * v;
    square += k * v * v;
  }
  m.mean = sum / m.n;
  m.variance = square / m.n - m.mean * m.mean;
  return m;
}

static double element(const DataField *f, int64_t i) {
  switch (f->dtype) {
  case DT_U8: return ((const uint8_t *)f->bytes)[i];
  case DT_I32: return ((const int32_t *)f->bytes)[i];
  case DT_F32: return ((const float *)f->bytes)[i];
  default: return ((const double *)f->bytes)[i];
  }
}

static Moments field_moments(const DataField *f) {
  int64_t n = shape_elements(f->rank, f->dim);
  if (f->dtype == DT_U8) return byte_moments(f->bytes, n);
  Moments m = {.n = (double)n, .lo = INFINITY, .hi = -INFINITY};
  for (int64_t i = 0; i < n; i++) {
    double v = element(f, i);
    m.mean += v / m.n;
    m.lo = fmin(m.lo, v);
    m.hi = fmax(m.hi, v);
  }
  for (int64_t i = 0; i < n; i++) m.variance += (element(f, i) - m.mean) * (element(f, i) - m.mean) / m.n;
  return m;
}

static bool set_scale(DataCall *c, Span at, DataField *f, double mul, double add, double div) {
  if (!(div > 0) || !isfinite(mul) || !isfinite(add) || !isfinite(div))
    return data_misuse(c, at, "`%s` cannot be scaled: all its values are equal", f->name);
  f->mul = mul;
  f->add = add;
  f->div = div;
  f->integer = false;
  return true;
}

/* Maps lo .. hi of the stored numbers to range[0] .. range[1]; bytes count as 0 .. 255 whatever they hold. */
static bool scale_range(DataCall *c, Span at, DataField *f, const Moments *m, const double *range) {
  double width = m->hi - m->lo, to = range[1] - range[0];
  return set_scale(c, at, f, to, range[0] * width - m->lo * to, width);
}

/* The scale of every split comes from the first one (train), so that test rows are measured with the same stick. */
bool source_scale(DataCall *c, const DataOptions *o, const char *name, const double *otherwise) {
  const DataOption *p = option_find(o, "scale");
  if (!p && !otherwise) return true;
  bool standard = p && p->kind == DATA_STRING;
  const double *range = p ? p->numbers : otherwise;
  Span at = p ? p->span : c->at;
  if (standard && strcmp(p->string, "standard") != 0)
    return data_misuse(c, at, "`scale` is [lo, hi] or \"standard\", not \"%s\"", p->string);
  if (!standard && p && (p->n != 2 || !(range[0] < range[1]) || !isfinite(range[0]) || !isfinite(range[1])))
    return data_misuse(c, at, "`scale` must be [lo, hi] with lo < hi");
  Moments m = {.lo = 0, .hi = 255};
  for (uint32_t i = 0; i < c->d->n_splits; i++) {
    DataField *f = data_field_find(&c->d->split[i], name);
    if (!f) return data_misuse(c, at, "`scale` is for the field `%s`, which this source does not have", name);
    if (i == 0 && (standard || f->dtype != DT_U8)) {
      if (!data_load(c->d, f, c->sink, c->at)) return false;
      m = field_moments(f);
    }
    if (standard ? !set_scale(c, at, f, 1, -m.mean, sqrt(m.variance)) : !scale_range(c, at, f, &m, range)) return false;
  }
  return true;
}
