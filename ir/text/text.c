#include "ir/text/text.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const cell_word[] = {"param", "state", "opt", "let", "metric", "counter"};
const char *const input_word[] = {"cell", "field", "rows", "key", "step", "epoch"};
const char *const output_word[] = {"cell", "check", "value"};
const char *const task_word[] = {"init", "let", "train", "eval", "plain"};
const char *const action_word[] = {"log", "report", "report_by",  "print", "image",
                                   "gif", "plot",   "checkpoint", "keep",  "stop"};
const char *const window_word[6] = {"size", "stride", "lo", "hi", "lhs_dilation", "dilation"};
const int64_t window_default[6] = {0, 1, 0, 0, 1, 1};

/* ---------------------------------------------------------------- numbers */

static bool text_special(StrBuf *b, double x, uint64_t bits, uint64_t quiet) {
  if (isinf(x))
    sb_puts(b, x < 0 ? "-inf" : "inf");
  else if (!isnan(x))
    return false;
  else if (bits == quiet)
    sb_puts(b, "nan");
  else
    sb_printf(b, "nan(0x%llx)", (unsigned long long)bits);
  return true;
}

void text_double(StrBuf *b, double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (text_special(b, x, bits, 0x7FF8000000000000u)) return;
  char s[40];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(s, sizeof s, "%.*g", digits, x);
    if (strtod(s, NULL) == x) break;
  }
  sb_puts(b, s);
}

static void text_float(StrBuf *b, float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (text_special(b, (double)x, bits, 0x7FC00000u)) return;
  char s[40];
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(s, sizeof s, "%.*g", digits, (double)x);
    if (strtof(s, NULL) == x) break;
  }
  sb_puts(b, s);
}

static int64_t read_int(DType dtype, const void *bytes, int64_t i) {
  switch (dtype) {
  case DT_BOOL:
  case DT_U8: return ((const uint8_t *)bytes)[i];
  case DT_I32: return ((const int32_t *)bytes)[i];
  case DT_U32: return ((const uint32_t *)bytes)[i];
  default: return ((const int64_t *)bytes)[i];
  }
}

void text_element(StrBuf *b, DType dtype, const void *bytes, int64_t i) {
  if (dtype == DT_F64)
    text_double(b, ((const double *)bytes)[i]);
  else if (dtype == DT_F32)
    text_float(b, ((const float *)bytes)[i]);
  else if (dtype == DT_BOOL)
    sb_puts(b, read_int(dtype, bytes, i) ? "true" : "false");
  else if (dtype == DT_U64)
    sb_printf(b, "%llu", (unsigned long long)read_int(dtype, bytes, i));
  else
    sb_printf(b, "%lld", (long long)read_int(dtype, bytes, i));
}

static bool read_float(DType dtype, const char *s, void *bytes, int64_t i) {
  char *end;
  if (!strncmp(s, "nan(0x", 6)) {
    uint64_t bits = strtoull(s + 4, &end, 16);
    if (strcmp(end, ")") != 0 || (dtype == DT_F32 && bits > UINT32_MAX)) return false;
    uint32_t low = (uint32_t)bits;
    size_t size = dtype_size(dtype);
    memcpy((char *)bytes + (size_t)i * size, dtype == DT_F32 ? (void *)&low : (void *)&bits, size);
    return true;
  }
  if (dtype == DT_F32)
    ((float *)bytes)[i] = strtof(s, &end);
  else
    ((double *)bytes)[i] = strtod(s, &end);
  return *end == 0 && end != s;
}

static bool read_integer(DType dtype, const char *s, void *bytes, int64_t i) {
  char *end;
  errno = 0;
  if (dtype == DT_U64) {
    if (*s == '-') return false;
    ((uint64_t *)bytes)[i] = strtoull(s, &end, 0);
    return *end == 0 && end != s && !errno;
  }
  long long x = strtoll(s, &end, 0);
  if (*end || end == s || errno) return false;
  int64_t lo = dtype == DT_I32 ? INT32_MIN : dtype == DT_I64 ? INT64_MIN : 0;
  int64_t hi = dtype == DT_I32 ? INT32_MAX : dtype == DT_I64 ? INT64_MAX : dtype == DT_U8 ? 255 : UINT32_MAX;
  if (x < lo || x > hi) return false;
  size_t size = dtype_size(dtype);
  memcpy((char *)bytes + (size_t)i * size, &x, size); /* little endian */
  return true;
}

bool text_read_element(DType dtype, const char *s, size_t n, void *bytes, int64_t i) {
  char word[64];
  if (n == 0 || n >= sizeof word) return false;
  memcpy(word, s, n);
  word[n] = 0;
  if (ir_is_float(dtype)) return read_float(dtype, word, bytes, i);
  if (dtype != DT_BOOL) return read_integer(dtype, word, bytes, i);
  ((uint8_t *)bytes)[i] = !strcmp(word, "true");
  return !strcmp(word, "true") || !strcmp(word, "false");
}

/* ---------------------------------------------------------------- names */

void text_string(StrBuf *b, const char *s) {
  sb_putc(b, '"');
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      sb_printf(b, "\\%c", c);
    else if (c == '\n')
      sb_puts(b, "\\n");
    else if (c < 32 || c == 127)
      sb_printf(b, "\\x%02x", c);
    else
      sb_putc(b, (char)c);
  }
  sb_putc(b, '"');
}

static bool is_word(const char *s) {
  if (!strcmp(s, "none")) return false;
  for (const char *p = s; *p; p++) {
    bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_';
    bool inner = (*p >= '0' && *p <= '9') || *p == '.';
    if (!letter && !(inner && p > s)) return false;
  }
  return *s != 0;
}

void text_name(StrBuf *b, const char *name) {
  if (!name)
    sb_puts(b, "none");
  else if (is_word(name))
    sb_puts(b, name);
  else
    text_string(b, name);
}

/* ---------------------------------------------------------------- attributes */

static void text_window(StrBuf *b, const Attr *a) {
  for (uint32_t i = 0; i < a->n_window; i++) {
    const WindowAxis *w = &a->window[i];
    const int64_t v[6] = {w->size, w->stride, w->lo, w->hi, w->lhs_dilation, w->dilation};
    sb_puts(b, i ? ", {" : "{");
    for (int k = 0, n = 0; k < 6; k++)
      if (v[k] != window_default[k]) sb_printf(b, "%s%s=%lld", n++ ? ", " : "", window_word[k], (long long)v[k]);
    sb_putc(b, '}');
  }
}

void text_attr_field(StrBuf *b, const Attr *a, const AttrField *f) {
  const void *p = attr_at(a, f);
  const IntList *l = p;
  sb_printf(b, "%s=", f->name);
  switch (f->kind) {
  case FIELD_LIST:
    sb_putc(b, '[');
    for (uint32_t i = 0; i < l->n; i++) sb_printf(b, "%s%lld", i ? ", " : "", (long long)l->v[i]);
    sb_putc(b, ']');
    break;
  case FIELD_WINDOW:
    sb_putc(b, '[');
    text_window(b, a);
    sb_putc(b, ']');
    break;
  case FIELD_INT: sb_printf(b, "%lld", (long long)*(const int64_t *)p); break;
  case FIELD_COUNT:
  case FIELD_VALUE: sb_printf(b, "%u", *(const uint32_t *)p); break;
  case FIELD_SITE: sb_printf(b, "0x%016llx", (unsigned long long)*(const uint64_t *)p); break;
  case FIELD_DTYPE: sb_puts(b, ir_dtype_name(*(const uint8_t *)p)); break;
  case FIELD_DIST: sb_puts(b, *(const uint8_t *)p <= DIST_NORMAL ? dist_name[*(const uint8_t *)p] : "?"); break;
  case FIELD_FLAG: sb_puts(b, *(const uint8_t *)p ? "true" : "false"); break;
  }
}

/* ---------------------------------------------------------------- places */

/* The place to show for a location: the innermost one outside the library, else the innermost. */
static Span shown_place(const Module *m, LocId loc) {
  const Loc *l = ir_loc_get(m, loc);
  Span first = l->span;
  if (!m->sources) return SPAN_NONE;
  for (int depth = 0; depth < 1000; depth++) {
    if (l->span.source < m->sources->source.n && !m->sources->source.at[l->span.source].library) return l->span;
    if (l->inlined_at == IR_NONE) break;
    l = ir_loc_get(m, l->inlined_at);
  }
  return first.source < m->sources->source.n ? first : SPAN_NONE;
}

const char *text_source_place(const Module *m, LocId loc, uint32_t *line, uint32_t *column) {
  Span s = shown_place(m, loc);
  if (s.source == SOURCE_NONE) return NULL;
  source_position(m->sources, s.source, s.begin, line, column);
  return m->sources->source.at[s.source].name;
}

bool text_source_line(const Module *m, LocId loc, uint32_t longest, StrBuf *b) {
  Span at = shown_place(m, loc);
  if (at.source == SOURCE_NONE) return false;
  const Source *s = &m->sources->source.at[at.source];
  uint32_t begin = at.begin < s->length ? at.begin : s->length, end = begin;
  while (begin > 0 && s->text[begin - 1] != '\n') begin--;
  while (end < s->length && s->text[end] != '\n') end++;
  while (begin < end && strchr(" \t", s->text[begin])) begin++;
  while (begin < end && strchr(" \t\r", s->text[end - 1])) end--;
  bool cut = end - begin > longest;
  if (cut) end = begin + longest;
  while (cut && end > begin && ((unsigned char)s->text[end] & 0xC0) == 0x80) end--;
  sb_write(b, s->text + begin, end - begin);
  if (cut) sb_puts(b, "...");
  return true;
}

/* ---------------------------------------------------------------- what a task uses */

static bool *flags(uint32_t n, bool all) {
  bool *f = calloc(n + 1, sizeof *f);
  if (!f) exit(EXIT_FILES);
  if (all) memset(f, true, n);
  return f;
}

static void mark(bool *flag, uint32_t n, uint32_t i) {
  if (i < n) flag[i] = true;
}

static void mark_graph(const Module *m, const Graph *g, Used *u) {
  for (uint32_t i = 0; i < g->n_in; i++) {
    const Binding *in = &g->in[i];
    if (in->kind == IN_CELL) mark(u->cell, m->cell.n, in->index);
    if (in->kind == IN_FIELD) mark(u->field, m->field.n, in->index);
    if (in->kind == IN_ROWS) mark(u->rows, m->rows.n, in->index);
  }
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_CELL) mark(u->cell, m->cell.n, g->out[i].index);
}

Used used_by(const Module *m, TaskId task) {
  bool all = task == IR_NONE;
  Used u = {flags(m->cell.n, all), flags(m->field.n, all), flags(m->rows.n, all)};
  if (all || task >= m->task.n) return u;
  const Task *t = &m->task.at[task];
  mark(u.rows, m->rows.n, t->source);
  mark_graph(m, &t->step, &u);
  mark_graph(m, &t->tail, &u);
  for (uint32_t i = 0; i < t->n_events; i++) mark_graph(m, &t->event[i].graph, &u);
  for (uint32_t i = 0; i < t->n_metrics; i++) {
    mark(u.cell, m->cell.n, t->metric[i].sum);
    mark(u.cell, m->cell.n, t->metric[i].weight);
  }
  return u;
}

void used_free(Used *u) {
  free(u->cell);
  free(u->field);
  free(u->rows);
}
