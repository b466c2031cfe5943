/* split(train = .8, test = .2): the rows of a source dealt out by a seeded permutation. */
#include "runtime/data/internal.h"
#include "runtime/order.h"
#include <math.h>
#include <string.h>

/* Rows order[first .. first+rows) of another field. */
typedef struct Part {
  DataField *whole;
  const int32_t *order;
  int64_t first, rows;
} Part;

static bool load(DataCall *c, DataStore *s) {
  const Part *p = s->detail;
  const uint8_t *from = data_load(c->d, p->whole, c->sink, c->at);
  if (!from) return false;
  uint64_t row = dtype_size((DType)p->whole->dtype);
  row *= (uint64_t)shape_elements(p->whole->rank - 1u, p->whole->dim + 1);
  uint8_t *to = store_alloc(c, s, row * (uint64_t)p->rows);
  if (!to) return false;
  for (int64_t i = 0; i < p->rows && row > 0; i++)
    memcpy(to + (uint64_t)i * row, from + (uint64_t)p->order[p->first + i] * row, row);
  s->bytes = to;
  return true;
}

static void add_part(DataCall *c, DataSplit *whole, const char *name, const int32_t *order, int64_t first,
                     int64_t rows) {
  DataSplit *split = source_add_split(c, arena_strdup(&c->d->mem, name), rows);
  for (uint32_t i = 0; i < whole->n_fields; i++) {
    DataField *f = &whole->field[i];
    Part *p = arena_new(&c->d->mem, Part);
    *p = (Part){f, order, first, rows};
    DataShape shape = {.dtype = f->dtype, .rank = f->rank};
    memcpy(shape.dim, f->dim, sizeof shape.dim);
    shape.dim[0] = rows;
    DataField *part = split_add_field(c, split, f->name, &shape, store_new(c, load, p));
    part->integer = f->integer;
    part->mul = f->mul;
    part->add = f->add;
    part->div = f->div;
  }
}

static bool check_fractions(DataCall *c, const char *const *name, const double *fraction, uint32_t n) {
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (!(fraction[i] > 0 && fraction[i] <= 1))
      return data_misuse(c, c->at, "the part `%s` of a split must be above 0 and at most 1, not %g", name[i],
                         fraction[i]);
    for (uint32_t k = 0; k < i; k++)
      if (strcmp(name[i], name[k]) == 0) return data_misuse(c, c->at, "two parts of a split are named `%s`", name[i]);
    sum += fraction[i];
  }
  if (n == 0) return data_misuse(c, c->at, "split() needs parts, as in split(train = 0.8, test = 0.2)");
  return sum <= 1 + 1e-9 || data_misuse(c, c->at, "the parts of a split sum to %g, more than 1", sum);
}

DataSource *data_divide(DataSource *d, const char *const *name, const double *fraction, uint32_t n, uint64_t seed,
                        DiagSink *sink, Span at) {
  DataCall c = {d, sink, at};
  if (d->n_splits != 1 || d->split[0].name) {
    data_misuse(&c, at, "this source is split already");
    return NULL;
  }
  if (!check_fractions(&c, name, fraction, n)) return NULL;
  DataSplit *whole = arena_memdup(&d->mem, &d->split[0], sizeof *whole);
  if (whole->rows > INT32_MAX) {
    data_misuse(&c, at, "a source of more than 2^31 rows cannot be split");
    return NULL;
  }
  int32_t *order = arena_array(&d->mem, int32_t, whole->rows);
  order_shuffle(order, whole->rows, seed, UINT64_MAX, 0);
  d->n_splits = 0;
  d->split = NULL;
  double until = 0;
  int64_t first = 0;
  for (uint32_t i = 0; i < n; i++) {
    until += fraction[i];
    int64_t end = llround(fmin(until, 1) * (double)whole->rows);
    add_part(&c, whole, name[i], order, first, end - first);
    first = end;
  }
  return d;
}
