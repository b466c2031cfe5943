/* The attribute field table: what fields there are, how they are held, how they print. */
#ifndef SEPPO_IR_ATTR_H
#define SEPPO_IR_ATTR_H

#include "ir/ir.h"

typedef enum {
  FIELD_LIST,   /* IntList: [1, 2] */
  FIELD_WINDOW, /* n_window rows of WindowAxis */
  FIELD_INT,    /* int64_t */
  FIELD_COUNT,  /* uint32_t */
  FIELD_SITE,   /* uint64_t in hexadecimal */
  FIELD_VALUE,  /* ConstId: the constant's elements */
  FIELD_DTYPE,
  FIELD_DIST,
  FIELD_FLAG /* uint8_t, true or false */
} FieldKind;

typedef struct AttrField {
  const char *name;
  uint8_t kind;
  bool optional; /* left out of the text when zero or empty */
  uint16_t offset;
} AttrField;
extern const AttrField attr_field[];
extern const uint32_t attr_field_count; /* at most 32 */

extern const char *const dist_name[]; /* by Dist */

/* Index of the field of that name, attr_field_count when unknown. */
uint32_t attr_field_by_name(const char *name, size_t length);
/* Bit mask of the fields in a row's `attrs`. */
uint32_t attr_fields_of(const char *attrs);
/* *to = the fields of `from` in the mask, everything else zero, padding included. */
void attr_canonical(Attr *to, const Attr *from, uint32_t fields);
uint64_t attr_hash(const Attr *canonical);

static inline const void *attr_at(const Attr *a, const AttrField *f) { return (const char *)a + f->offset; }
/* True when the field is zero or an empty list. */
bool attr_is_zero(const Attr *a, const AttrField *f);

/* Bit mask of the fields op uses. */
uint32_t ir_op_fields(const Module *m, Op op);
/* Interns the fields that op uses; IR_NONE when it has none. */
AttrId ir_op_attr(Module *m, Op op, const Attr *a);

#endif
