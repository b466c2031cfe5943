#include "ir/attr.h"
#include "ir/hash.h"
#include <stddef.h>
#include <string.h>

#define F(field, kind, optional)                                                                                       \
  { #field, kind, optional, offsetof(Attr, field) }
const AttrField attr_field[] = {
    F(shape, FIELD_LIST, false),      F(axes, FIELD_LIST, false),      F(lo, FIELD_LIST, false),
    F(hi, FIELD_LIST, false),         F(step, FIELD_LIST, false),      F(sizes, FIELD_LIST, false),
    F(batch_a, FIELD_LIST, true),     F(batch_b, FIELD_LIST, true),    F(contract_a, FIELD_LIST, false),
    F(contract_b, FIELD_LIST, false), F(window, FIELD_WINDOW, false),  F(axis, FIELD_INT, false),
    F(n_batch, FIELD_INT, true),      F(count, FIELD_INT, false),      F(index, FIELD_INT, false),
    F(site, FIELD_SITE, false),       F(value, FIELD_VALUE, false),    F(n_carry, FIELD_COUNT, false),
    F(n_xs, FIELD_COUNT, false),      F(n_consts, FIELD_COUNT, false), F(n_ys, FIELD_COUNT, false),
    F(order, FIELD_COUNT, false),     F(dtype, FIELD_DTYPE, false),    F(dist, FIELD_DIST, false),
    F(reverse, FIELD_FLAG, true),     F(lower, FIELD_FLAG, true),      F(trans, FIELD_FLAG, true),
    F(unit, FIELD_FLAG, true),        F(recompute, FIELD_FLAG, true),
};
#undef F
const uint32_t attr_field_count = sizeof attr_field / sizeof *attr_field;
_Static_assert(sizeof attr_field / sizeof *attr_field <= 32, "field masks are 32 bits");

const char *const dist_name[] = {"bits", "uniform", "normal"};

uint32_t attr_field_by_name(const char *name, size_t length) {
  for (uint32_t i = 0; i < attr_field_count; i++)
    if (strlen(attr_field[i].name) == length && !memcmp(attr_field[i].name, name, length)) return i;
  return attr_field_count;
}

uint32_t attr_fields_of(const char *attrs) {
  uint32_t mask = 0;
  while (*attrs) {
    size_t n = strcspn(attrs, " ");
    mask |= 1u << attr_field_by_name(attrs, n);
    attrs += n + strspn(attrs + n, " ");
  }
  return mask;
}

static uint32_t list_length(const IntList *l) { return l->n < IR_MAX_RANK ? l->n : IR_MAX_RANK; }
static uint32_t window_length(const Attr *a) { return a->n_window < 3 ? a->n_window : 3; }

static const uint8_t field_size[] = {[FIELD_INT] = 8,   [FIELD_COUNT] = 4, [FIELD_SITE] = 8, [FIELD_VALUE] = 4,
                                     [FIELD_DTYPE] = 1, [FIELD_DIST] = 1,  [FIELD_FLAG] = 1};

static void copy_field(Attr *to, const Attr *from, const AttrField *f) {
  if (f->kind == FIELD_LIST) {
    IntList *l = (IntList *)((char *)to + f->offset);
    const IntList *k = attr_at(from, f);
    l->n = list_length(k);
    memcpy(l->v, k->v, l->n * sizeof *l->v);
  } else if (f->kind == FIELD_WINDOW) {
    to->n_window = window_length(from);
    memcpy(to->window, from->window, to->n_window * sizeof *to->window);
  } else {
    memcpy((char *)to + f->offset, attr_at(from, f), field_size[f->kind]);
  }
}

void attr_canonical(Attr *to, const Attr *from, uint32_t fields) {
  memset(to, 0, sizeof *to);
  for (; fields; fields &= fields - 1) copy_field(to, from, &attr_field[__builtin_ctz(fields)]);
}

bool attr_is_zero(const Attr *a, const AttrField *f) {
  static const char zero[8];
  if (f->kind == FIELD_LIST) return ((const IntList *)attr_at(a, f))->n == 0;
  if (f->kind == FIELD_WINDOW) return a->n_window == 0;
  return !memcmp(attr_at(a, f), zero, field_size[f->kind]);
}

/* Over the fields that are not zero, so that the mask used for canonical form does not matter. */
uint64_t attr_hash(const Attr *a) {
  uint64_t h = 1;
  for (uint32_t i = 0; i < attr_field_count; i++) {
    const AttrField *f = &attr_field[i];
    if (attr_is_zero(a, f)) continue;
    h = hash_mix(h, i);
    if (f->kind == FIELD_LIST) {
      const IntList *l = attr_at(a, f);
      h = hash_bytes(h, l->v, l->n * sizeof *l->v);
    } else if (f->kind == FIELD_WINDOW) {
      h = hash_bytes(h, a->window, a->n_window * sizeof *a->window);
    } else {
      h = hash_bytes(h, attr_at(a, f), field_size[f->kind]);
    }
  }
  return h;
}
