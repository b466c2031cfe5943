/* The public face of data sources: open, find, load, close; and what readers use to build one. */
#include "runtime/data/internal.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---------------------------------------------------------------- errors */

static void add_error(DataCall *c, const char *code, int status, Span at, const char *text) {
  diag_error(c->sink, code, at, "%s", text);
  diag_status(c->sink, status);
}

#define FORMAT(text, fmt)                                                                                              \
  va_list ap;                                                                                                          \
  va_start(ap, fmt);                                                                                                   \
  sb_vprintf(&(text), fmt, ap);                                                                                        \
  va_end(ap)

bool data_misuse(DataCall *c, Span at, const char *fmt, ...) {
  StrBuf text = {0};
  FORMAT(text, fmt);
  add_error(c, "E0601", EXIT_MODEL, at, text.s);
  sb_free(&text);
  return false;
}

bool data_missing(DataCall *c, const char *fmt, ...) {
  StrBuf text = {0};
  FORMAT(text, fmt);
  add_error(c, "E0602", EXIT_FILES, c->at, text.s);
  sb_free(&text);
  return false;
}

bool data_broken(DataCall *c, const char *path, const char *fmt, ...) {
  StrBuf text = {0};
  sb_printf(&text, "%s: ", path);
  FORMAT(text, fmt);
  add_error(c, "E0603", EXIT_FILES, c->at, text.s);
  sb_free(&text);
  return false;
}

/* ---------------------------------------------------------------- shapes and stores */

int64_t shape_elements(uint32_t rank, const int64_t *dim) {
  int64_t n = 1;
  bool empty = false;
  for (uint32_t i = 0; i < rank; i++) {
    if (dim[i] < 0) return -1;
    if (dim[i] == 0)
      empty = true;
    else if (dim[i] > (INT64_C(1) << 40) / n)
      return -1;
    else
      n *= dim[i];
  }
  return empty ? 0 : n;
}

const char *data_shape_text(DataCall *c, uint32_t rank, const int64_t *dim) {
  StrBuf b = {0};
  sb_putc(&b, '[');
  for (uint32_t i = 0; i < rank; i++) sb_printf(&b, "%s%lld", i ? ", " : "", (long long)dim[i]);
  sb_putc(&b, ']');
  const char *s = arena_strdup(&c->d->mem, b.s);
  sb_free(&b);
  return s;
}

DataStore *store_new(DataCall *c, StoreLoad load, void *detail) {
  DataStore *s = arena_new(&c->d->mem, DataStore);
  s->load = load;
  s->detail = detail;
  s->next = c->d->stores;
  c->d->stores = s;
  return s;
}

void *store_alloc(DataCall *c, DataStore *s, uint64_t bytes) {
  s->map_bytes = (size_t)bytes + DATA_TAIL;
  s->map = mmap(NULL, s->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (s->map != MAP_FAILED) return s->map;
  s->map = NULL;
  data_missing(c, "not enough memory for %llu bytes of data", (unsigned long long)bytes);
  return NULL;
}

/* ---------------------------------------------------------------- building */

/* Arrays in the arena grow by doubling; `n` is the count before the new element. */
static void *grown(Arena *mem, void *old, uint32_t n, size_t size) {
  if (n > 0 && (n & (n - 1)) != 0) return old;
  void *p = arena_alloc(mem, (n > 0 ? 2 * (size_t)n : 1) * size);
  if (n > 0) memcpy(p, old, n * size);
  return p;
}

DataSplit *source_add_split(DataCall *c, const char *name, int64_t rows) {
  DataSource *d = c->d;
  d->split = grown(&d->mem, d->split, d->n_splits, sizeof *d->split);
  DataSplit *s = &d->split[d->n_splits++];
  *s = (DataSplit){.name = name, .rows = rows};
  return s;
}

DataField *split_add_field(DataCall *c, DataSplit *s, const char *name, const DataShape *shape, DataStore *store) {
  s->field = grown(&c->d->mem, s->field, s->n_fields, sizeof *s->field);
  DataField *f = &s->field[s->n_fields++];
  *f = (DataField){.name = arena_strdup(&c->d->mem, name),
                   .dtype = shape->dtype,
                   .rank = shape->rank,
                   .integer = shape->dtype != DT_F32 && shape->dtype != DT_F64,
                   .mul = 1,
                   .add = 0,
                   .div = 1,
                   .store = store,
                   .bytes = store->bytes};
  memcpy(f->dim, shape->dim, sizeof f->dim);
  return f;
}

void source_add_fact(DataCall *c, const char *name, int64_t value) {
  DataSource *d = c->d;
  d->fact = grown(&d->mem, d->fact, d->n_facts, sizeof *d->fact);
  d->fact[d->n_facts++] = (DataFact){name, value};
}

bool split_check_rows(DataCall *c, const DataSplit *s) {
  for (uint32_t i = 0; i < s->n_fields; i++) {
    if (s->field[i].dim[0] == s->rows) continue;
    data_missing(c, "fields differ in their number of rows: `%s` has %lld, `%s` has %lld", s->field[0].name,
                 (long long)s->field[0].dim[0], s->field[i].name, (long long)s->field[i].dim[0]);
    return false;
  }
  return true;
}

/* ---------------------------------------------------------------- public */

static const char *copied(Arena *mem, const char *s) { return s ? arena_strdup(mem, s) : NULL; }

static DataSource *source_new(const char *kind, const DataEnv *env) {
  DataSource *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->kind = arena_strdup(&d->mem, kind);
  d->origin = d->kind;
  DataEnv *e = arena_new(&d->mem, DataEnv);
  if (env) {
    *e = (DataEnv){.data_dir = copied(&d->mem, env->data_dir),
                   .base_dir = copied(&d->mem, env->base_dir),
                   .cache_dir = copied(&d->mem, env->cache_dir),
                   .cache_limit = env->cache_limit,
                   .no_cache = env->no_cache,
                   .notice = env->notice};
  }
  d->env = e;
  return d;
}

const DataKind *data_kind(const char *name) {
  for (uint32_t i = 0; i < n_data_kinds; i++)
    if (strcmp(data_kinds[i].name, name) == 0) return &data_kinds[i];
  return NULL;
}

bool data_is_kind(const char *name) { return data_kind(name) != NULL; }

DataSource *data_open(const char *kind, const DataOption *option, uint32_t n, const DataEnv *env, DiagSink *sink,
                      Span at) {
  DataSource *d = source_new(kind, env);
  if (!d) return NULL;
  DataCall c = {d, sink, at};
  DataOptions o = {option, n};
  const DataKind *k = data_kind(kind);
  bool ok = k ? options_check(&c, k, &o) && k->open(&c, &o) : data_misuse(&c, at, "no kind of data `%s`", kind);
  if (ok) return d;
  data_close(d);
  return NULL;
}

static const void *begin(DataCall *c, DataField *f) {
  DataStore *s = f->store;
  if (!s->bytes && (!s->load || !s->load(c, s))) return NULL;
  f->bytes = s->bytes;
  return f->bytes;
}

const void *data_begin(DataSource *d, DataField *f, DiagSink *sink, Span at) {
  return begin(&(DataCall){.d = d, .sink = sink, .at = at, .later = true}, f);
}

const void *data_load(DataSource *d, DataField *f, DiagSink *sink, Span at) {
  DataCall c = {.d = d, .sink = sink, .at = at};
  return begin(&c, f) && cache_join(&c, f->store) ? f->bytes : NULL;
}

bool data_wait(DataSource *d, DiagSink *sink) {
  DataCall c = {.d = d, .sink = sink, .at = SPAN_NONE};
  bool ok = true;
  for (DataStore *s = d->stores; s; s = s->next)
    if (s->filling) ok = cache_join(&c, s) && ok;
  return ok;
}

DataSplit *data_split_find(const DataSource *d, const char *name) {
  for (uint32_t i = 0; i < d->n_splits; i++) {
    const char *have = d->split[i].name;
    if (have == name || (have && name && strcmp(have, name) == 0)) return &d->split[i];
  }
  return NULL;
}

DataField *data_field_find(const DataSplit *s, const char *name) {
  for (uint32_t i = 0; i < s->n_fields; i++)
    if (strcmp(s->field[i].name, name) == 0) return &s->field[i];
  return NULL;
}

void data_close(DataSource *d) {
  if (!d) return;
  DiagSink unheard = {0};
  data_wait(d, &unheard);
  diag_sink_free(&unheard);
  for (DataStore *s = d->stores; s; s = s->next) {
    cache_end(s);
    if (s->map) munmap(s->map, s->map_bytes);
  }
  arena_free(&d->mem);
  free(d);
}

DataSource *data_memory(const char *kind, const DataTensor *tensor, uint32_t n, DiagSink *sink, Span at) {
  DataSource *d = source_new(kind, NULL);
  if (!d) return NULL;
  DataCall c = {d, sink, at};
  bool ok = true;
  DataSplit *split = source_add_split(&c, NULL, n > 0 ? tensor[0].dim[0] : 0);
  for (uint32_t i = 0; i < n && ok; i++) {
    const DataTensor *t = &tensor[i];
    DataShape shape = {.dtype = t->dtype, .rank = t->rank};
    memcpy(shape.dim, t->dim, sizeof shape.dim);
    int64_t elements = shape_elements(t->rank, t->dim);
    uint64_t bytes = (uint64_t)elements * dtype_size((DType)t->dtype);
    DataStore *store = store_new(&c, NULL, NULL);
    void *p = elements >= 0 ? store_alloc(&c, store, bytes) : NULL;
    ok = p != NULL;
    if (!ok) break;
    if (bytes > 0) memcpy(p, t->bytes, bytes);
    store->bytes = p;
    split_add_field(&c, split, t->name, &shape, store)->integer = t->integer;
  }
  if (ok && split_check_rows(&c, split)) return d;
  data_close(d);
  return NULL;
}

DataSplit *source_of_files(DataCall *c, const DataOptions *o, const char *kind, StoreFn open_store) {
  DataSplit *split = source_add_split(c, NULL, 0);
  for (uint32_t i = 0; i < o->n; i++) {
    const DataOption *p = &o->at[i];
    if (p->kind != DATA_STRING || (p->name && strcmp(p->name, "scale") == 0)) continue;
    const char *path = file_find(c, p->string);
    DataShape shape;
    DataStore *store = path ? open_store(c, path, &shape) : NULL;
    if (!store) return NULL;
    split_add_field(c, split, p->name ? p->name : "x", &shape, store);
    split->rows = split->field[0].dim[0];
    c->d->origin = path;
  }
  if (split->n_fields == 0) return data_misuse(c, c->at, "%s() needs a file", kind), NULL;
  return split_check_rows(c, split) ? split : NULL;
}
