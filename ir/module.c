/* The module's tables: interned types, attributes, constants and locations. */
#include "ir/attr.h"
#include "ir/hash.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct Const {
  TypeId type;
  size_t size;
  const void *bytes;
} Const;

struct IrTables {
  Vec(const Type *) type;
  Vec(const Attr *) attr;
  Vec(Const) constant;
  Vec(const Loc *) loc;
  IdTable type_ids, attr_ids, const_ids, loc_ids;
  uint32_t op_fields[OP_COUNT];
};

Module *ir_module_new(const SourceMap *sources) {
  Module *m = calloc(1, sizeof *m);
  if (!m) exit(EXIT_FILES);
  m->sources = sources;
  m->tables = arena_new(&m->mem, struct IrTables);
  for (uint32_t op = 0; op < OP_COUNT; op++) m->tables->op_fields[op] = attr_fields_of(op_table[op].attrs);
  return m;
}

void ir_module_free(Module *m) {
  if (!m) return;
  for (uint32_t i = 0; i < m->region.n; i++) {
    Region *r = &m->region.at[i];
    vec_free(&r->node);
    vec_free(&r->operand);
    vec_free(&r->param);
    vec_free(&r->result);
  }
  struct IrTables *t = m->tables;
  vec_free(&t->type);
  vec_free(&t->attr);
  vec_free(&t->constant);
  vec_free(&t->loc);
  table_free(&t->type_ids);
  table_free(&t->attr_ids);
  table_free(&t->const_ids);
  table_free(&t->loc_ids);
  vec_free(&m->region);
  vec_free(&m->cell);
  vec_free(&m->field);
  vec_free(&m->rows);
  vec_free(&m->task);
  arena_free(&m->mem);
  free(m);
}

RegionId ir_region_new(Module *m) {
  Region r = {0};
  vec_push(&m->region, r);
  return m->region.n - 1;
}

/* ---------------------------------------------------------------- dtypes */

bool ir_is_float(DType t) { return t == DT_F32 || t == DT_F64; }
bool ir_is_int(DType t) { return t > DT_BOOL && t < DT_F32; }
uint32_t ir_dtype_size(DType t) { return dtype_size(t); }
const char *ir_dtype_name(DType t) { return dtype_name(t); }

/* ---------------------------------------------------------------- types */

bool ir_shape_ok(uint32_t rank, const int64_t *dim) {
  if (rank > IR_MAX_RANK) return false;
  int64_t product = 1;
  for (uint32_t i = 0; i < rank; i++) {
    if (dim[i] < 0 || dim[i] > IR_MAX_ELEMENTS) return false;
    if (dim[i] && product > IR_MAX_ELEMENTS / dim[i]) return false;
    if (dim[i]) product *= dim[i]; /* an empty axis does not excuse absurd ones beside it */
  }
  return true;
}

static bool same_type(const void *key, const void *owner, uint32_t id) {
  const Type *a = key, *b = ((const struct IrTables *)owner)->type.at[id];
  if (a->dtype != b->dtype || a->rank != b->rank || a->n_tuple != b->n_tuple) return false;
  if (a->n_tuple) return !memcmp(a->tuple, b->tuple, a->n_tuple * sizeof *a->tuple);
  return !memcmp(a->dim, b->dim, a->rank * sizeof *a->dim);
}

static TypeId intern_type(Module *m, const Type *t) {
  struct IrTables *s = m->tables;
  uint64_t h = hash_mix(t->dtype, (uint64_t)t->rank << 32 | t->n_tuple);
  h = t->n_tuple ? hash_bytes(h, t->tuple, t->n_tuple * sizeof *t->tuple)
                 : hash_bytes(h, t->dim, t->rank * sizeof *t->dim);
  TypeId id = table_find(&s->type_ids, h, same_type, t, s);
  if (id != IR_NONE) return id;
  Type *copy = arena_memdup(&m->mem, t, sizeof *t);
  if (t->n_tuple) copy->tuple = arena_memdup(&m->mem, t->tuple, t->n_tuple * sizeof *t->tuple);
  vec_push(&s->type, copy);
  table_add(&s->type_ids, h, s->type.n - 1);
  return s->type.n - 1;
}

TypeId ir_type(Module *m, DType dtype, uint32_t rank, const int64_t *dim) {
  if (dtype >= DT_COUNT || !ir_shape_ok(rank, dim)) return IR_NONE;
  Type t = {.dtype = (uint8_t)dtype, .rank = (uint8_t)rank};
  for (uint32_t i = 0; i < rank; i++) t.dim[i] = dim[i];
  return intern_type(m, &t);
}

TypeId ir_scalar(Module *m, DType dtype) { return ir_type(m, dtype, 0, NULL); }

TypeId ir_tuple_type(Module *m, const TypeId *types, uint32_t n) {
  if (n == 0 || n > UINT16_MAX) return IR_NONE;
  Type t = {.n_tuple = (uint16_t)n, .tuple = (TypeId *)types};
  return intern_type(m, &t);
}

const Type *ir_type_get(const Module *m, TypeId t) { return m->tables->type.at[t]; }

int64_t ir_elements(const Type *t) {
  int64_t n = 1;
  for (uint32_t i = 0; i < t->rank; i++) n *= t->dim[i];
  return n;
}

static void type_text(const Module *m, TypeId id, StrBuf *b) {
  const Type *t = ir_type_get(m, id);
  if (t->n_tuple) {
    for (uint32_t i = 0; i < t->n_tuple; i++) {
      sb_puts(b, i ? ", " : "(");
      type_text(m, t->tuple[i], b);
    }
    sb_putc(b, ')');
    return;
  }
  sb_printf(b, "%s[", ir_dtype_name(t->dtype));
  for (uint32_t i = 0; i < t->rank; i++) sb_printf(b, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
  sb_putc(b, ']');
}

void ir_type_print(const Module *m, TypeId t, StrBuf *out) {
  if (t == IR_NONE)
    sb_puts(out, "?");
  else
    type_text(m, t, out);
}

const char *ir_type_str(const Module *m, TypeId t) {
  StrBuf b = {0};
  ir_type_print(m, t, &b);
  char *s = arena_strndup((Arena *)&m->mem, b.s, b.n);
  sb_free(&b);
  return s;
}

/* ---------------------------------------------------------------- attributes */

static bool same_attr(const void *key, const void *owner, uint32_t id) {
  return !memcmp(key, ((const struct IrTables *)owner)->attr.at[id], sizeof(Attr));
}

static AttrId intern_attr(Module *m, const Attr *a, uint32_t fields) {
  struct IrTables *s = m->tables;
  Attr canonical;
  attr_canonical(&canonical, a, fields);
  uint64_t h = attr_hash(&canonical);
  AttrId id = table_find(&s->attr_ids, h, same_attr, &canonical, s);
  if (id != IR_NONE) return id;
  vec_push(&s->attr, (const Attr *)arena_memdup(&m->mem, &canonical, sizeof canonical));
  table_add(&s->attr_ids, h, s->attr.n - 1);
  return s->attr.n - 1;
}

AttrId ir_attr(Module *m, const Attr *a) { return intern_attr(m, a, UINT32_MAX >> (32 - attr_field_count)); }

uint32_t ir_op_fields(const Module *m, Op op) { return m->tables->op_fields[op]; }

AttrId ir_op_attr(Module *m, Op op, const Attr *a) {
  uint32_t fields = ir_op_fields(m, op);
  return fields ? intern_attr(m, a, fields) : IR_NONE;
}

const Attr *ir_attr_get(const Module *m, AttrId a) {
  static const Attr none;
  return a == IR_NONE ? &none : m->tables->attr.at[a];
}

/* ---------------------------------------------------------------- constants */

typedef struct ConstKey {
  TypeId type;
  size_t size;
  const void *bytes;
} ConstKey;

static bool same_const(const void *key, const void *owner, uint32_t id) {
  const ConstKey *k = key;
  const Const *c = &((const struct IrTables *)owner)->constant.at[id];
  return k->type == c->type && k->size == c->size && (k->size == 0 || !memcmp(k->bytes, c->bytes, k->size));
}

ConstId ir_const_bytes(Module *m, TypeId type, const void *bytes) {
  struct IrTables *s = m->tables;
  const Type *t = ir_type_get(m, type);
  ConstKey k = {type, (size_t)ir_elements(t) * ir_dtype_size(t->dtype), bytes};
  uint64_t h = hash_bytes(type, bytes, k.size);
  ConstId id = table_find(&s->const_ids, h, same_const, &k, s);
  if (id != IR_NONE) return id;
  Const c = {type, k.size, arena_memdup(&m->mem, bytes, k.size)};
  vec_push(&s->constant, c);
  table_add(&s->const_ids, h, s->constant.n - 1);
  return s->constant.n - 1;
}

uint32_t ir_type_count(const Module *m) { return m->tables->type.n; }
uint32_t ir_attr_count(const Module *m) { return m->tables->attr.n; }
uint32_t ir_const_count(const Module *m) { return m->tables->constant.n; }
TypeId ir_const_type(const Module *m, ConstId c) { return m->tables->constant.at[c].type; }
const void *ir_const_data(const Module *m, ConstId c) { return m->tables->constant.at[c].bytes; }

/* ---------------------------------------------------------------- locations */

static bool same_loc(const void *key, const void *owner, uint32_t id) {
  const Loc *a = key, *b = ((const struct IrTables *)owner)->loc.at[id];
  return a->span.source == b->span.source && a->span.begin == b->span.begin && a->span.end == b->span.end &&
         a->inlined_at == b->inlined_at && a->origin == b->origin && a->order == b->order;
}

LocId ir_loc(Module *m, Loc loc) {
  struct IrTables *s = m->tables;
  uint64_t h = hash_mix(loc.span.source, (uint64_t)loc.span.begin << 32 | loc.span.end);
  h = hash_mix(h, (uint64_t)loc.inlined_at << 16 | (uint64_t)loc.origin << 8 | loc.order);
  LocId id = table_find(&s->loc_ids, h, same_loc, &loc, s);
  if (id != IR_NONE) return id;
  vec_push(&s->loc, (const Loc *)arena_memdup(&m->mem, &loc, sizeof loc));
  table_add(&s->loc_ids, h, s->loc.n - 1);
  return s->loc.n - 1;
}

const Loc *ir_loc_get(const Module *m, LocId l) {
  static const Loc none = {{SOURCE_NONE, 0, 0}, IR_NONE, ORIGIN_SOURCE, 0};
  return l == IR_NONE || l >= m->tables->loc.n ? &none : m->tables->loc.at[l];
}

Span ir_user_span(const Module *m, LocId l) {
  for (; l != IR_NONE; l = ir_loc_get(m, l)->inlined_at) {
    Span span = ir_loc_get(m, l)->span;
    if (m->sources && span.source < m->sources->source.n && !m->sources->source.at[span.source].library) return span;
  }
  return SPAN_NONE;
}

void ir_error(const Module *m, DiagSink *sink, LocId at, const char *code, const char *fmt, ...) {
  StrBuf b = {0};
  va_list ap;
  va_start(ap, fmt);
  sb_vprintf(&b, fmt, ap);
  va_end(ap);
  const Loc *l = ir_loc_get(m, at);
  diag_error(sink, code, l->span, "%s", b.s);
  while (l->inlined_at != IR_NONE) {
    l = ir_loc_get(m, l->inlined_at);
    diag_note(sink, l->span, "called from here");
  }
  sb_free(&b);
}
