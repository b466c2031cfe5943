/* CSV tables (RFC 4180): quoted cells, doubled quotes, line ends inside quotes, any one-character separator.
 *
 *   csv("houses.csv", target = "price")                    x [rows, other columns], y
 *   csv("iris.csv", label = "species", columns = ["a"])    x [rows, 1], label 0 .. classes-1
 *   csv("curve.csv")                                       one field per named column
 *   csv("raw.csv", header = false, target = -1)            columns by number, from the end when negative
 */
#include "runtime/data/number.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Cell {
  const char *s;
  size_t n;
  uint32_t line, column; /* in the file, from 1 */
  bool quoted;
} Cell;

typedef Vec(Cell) Record;

typedef enum { ROLE_NONE, ROLE_NUMBER, ROLE_LABEL } Role;

typedef struct Csv {
  DataCall *c;
  const char *path;
  const char *at, *end, *line_start;
  uint32_t line;
  char separator;
  Arena cells; /* unquoted copies, names of classes */
  Record record;
  uint32_t n_columns;
  const char **name;  /* NULL without a header */
  uint8_t *role;      /* Role by column */
  uint32_t *slot;     /* place among the numbers of a row */
  uint32_t n_x, n_y;  /* numbers of a row: x first, then y; or all columns as fields of their own */
  bool by_name;       /* every column is a field */
  Vec(double) number; /* row-major */
  Vec(const char *) label;
  uint32_t rows;
} Csv;

static bool broken(Csv *t, uint32_t line, uint32_t column, const char *what) {
  return data_broken(t->c, t->path, "%u:%u: %s", line, column, what);
}

/* ---------------------------------------------------------------- cells */

static uint32_t column_of(const Csv *t, const char *p) { return (uint32_t)(p - t->line_start) + 1; }

static void end_line(Csv *t) {
  t->line++;
  t->line_start = t->at;
}

/* A quoted cell; t->at is behind its opening quote. */
static bool quoted_cell(Csv *t, Cell *cell) {
  StrBuf b = {0};
  for (;;) {
    if (t->at == t->end) {
      sb_free(&b);
      return broken(t, cell->line, cell->column, "a quoted cell has no end");
    }
    char ch = *t->at++;
    if (ch == '"' && t->at < t->end && *t->at == '"')
      t->at++;
    else if (ch == '"')
      break;
    sb_putc(&b, ch);
    if (ch == '\n') end_line(t);
  }
  cell->n = b.n;
  cell->s = arena_strndup(&t->cells, b.s ? b.s : "", b.n);
  sb_free(&b);
  if (t->at < t->end && *t->at != t->separator && *t->at != '\n' && *t->at != '\r')
    return broken(t, t->line, column_of(t, t->at), "text behind a closing quote");
  return true;
}

static void plain_cell(Csv *t, Cell *cell) {
  cell->s = t->at;
  while (t->at < t->end && *t->at != t->separator && *t->at != '\n' && *t->at != '\r') t->at++;
  cell->n = (size_t)(t->at - cell->s);
  while (cell->n > 0 && (*cell->s == ' ' || (*cell->s == '\t' && t->separator != '\t'))) cell->s++, cell->n--;
  while (cell->n > 0 && (cell->s[cell->n - 1] == ' ' || cell->s[cell->n - 1] == '\t')) cell->n--;
}

/* Reads the next record into t->record; *got is false at the end of the file. Blank lines are passed over. */
static bool next_record(Csv *t, bool *got) {
  t->record.n = 0;
  while (t->at < t->end && (*t->at == '\n' || *t->at == '\r'))
    if (*t->at++ == '\n') end_line(t);
  *got = t->at < t->end;
  while (*got) {
    Cell cell = {.line = t->line, .column = column_of(t, t->at)};
    cell.quoted = t->at < t->end && *t->at == '"';
    if (cell.quoted) t->at++;
    if (cell.quoted ? !quoted_cell(t, &cell) : (plain_cell(t, &cell), false)) return false;
    vec_push(&t->record, cell);
    if (t->at == t->end || *t->at != t->separator) break;
    t->at++;
  }
  return true;
}

/* ---------------------------------------------------------------- columns */

static bool is_number(const Cell *cell) {
  double v;
  return number_parse(cell->s, cell->n, &v);
}

/* The header's names, or positions alone. */
static bool read_header(Csv *t, const DataOptions *o) {
  bool got, header = option_number(o, "header", 1) != 0;
  const char *start = t->at;
  uint32_t line = t->line;
  if (!next_record(t, &got)) return false;
  if (!got) return data_broken(t->c, t->path, "holds no rows");
  t->n_columns = t->record.n;
  if (!header) {
    t->at = t->line_start = start;
    t->line = line;
    return true;
  }
  t->name = arena_array(&t->c->d->mem, const char *, t->n_columns);
  uint32_t numbers = 0;
  for (uint32_t i = 0; i < t->n_columns; i++) {
    t->name[i] = arena_strndup(&t->c->d->mem, t->record.at[i].s, t->record.at[i].n);
    numbers += is_number(&t->record.at[i]);
  }
  if (numbers == t->n_columns) {
    diag_warning(t->c->sink, "W0602", t->c->at, "%s: the first line is all numbers and was taken as the header",
                 t->path);
    diag_hint(t->c->sink, "write `header = false` if it is data");
  }
  return true;
}

static bool no_column(Csv *t, const DataOption *p, const char *name) {
  data_misuse(t->c, p->span, "%s has no column `%s`", t->path, name);
  const char *near = t->name ? diag_nearest(name, t->name, t->n_columns) : NULL;
  if (near) diag_hint(t->c->sink, "did you mean `%s`?", near);
  return false;
}

/* The column an option names, by header or by number. */
static bool column_find(Csv *t, const DataOption *p, uint32_t i, uint32_t *out) {
  bool by_number = p->kind == DATA_NUMBER || p->kind == DATA_NUMBERS;
  if (by_number) {
    double v = p->kind == DATA_NUMBER ? p->number : p->numbers[i];
    int64_t k = v >= -1e6 && v <= 1e6 ? (int64_t)v : INT64_MAX;
    if (k < 0) k += t->n_columns;
    if ((double)k != (v < 0 ? v + t->n_columns : v) || k < 0 || k >= t->n_columns)
      return data_misuse(t->c, p->span, "%s has no column %g: it has %u columns, the first is 0", t->path, v,
                         t->n_columns);
    *out = (uint32_t)k;
    return true;
  }
  const char *name = p->kind == DATA_STRING ? p->string : p->strings[i];
  if (!t->name) return data_misuse(t->c, p->span, "columns are given by number when `header = false`");
  for (uint32_t k = 0; k < t->n_columns; k++) {
    if (strcmp(t->name[k], name) != 0) continue;
    *out = k;
    return true;
  }
  return no_column(t, p, name);
}

static bool take(Csv *t, const DataOption *p, uint32_t i, Role role, uint32_t *slot) {
  uint32_t k;
  if (!column_find(t, p, i, &k)) return false;
  if (t->role[k] != ROLE_NONE) return data_misuse(t->c, p->span, "column %u of %s is chosen twice", k, t->path);
  t->role[k] = (uint8_t)role;
  if (slot) t->slot[k] = (*slot)++;
  return true;
}

/* What each column is for. Numbers of a row are laid out x first, y last. */
static bool choose_columns(Csv *t, const DataOptions *o) {
  const DataOption *target = option_find(o, "target"), *label = option_find(o, "label");
  const DataOption *columns = option_find(o, "columns");
  t->role = arena_array(&t->c->d->mem, uint8_t, t->n_columns);
  t->slot = arena_array(&t->c->d->mem, uint32_t, t->n_columns);
  t->by_name = t->name && !target && !label && !columns;
  uint32_t y = 0;
  if (target && !take(t, target, 0, ROLE_NUMBER, &y)) return false;
  if (label && !take(t, label, 0, ROLE_LABEL, NULL)) return false;
  for (uint32_t i = 0; columns && i < columns->n; i++)
    if (!take(t, columns, i, ROLE_NUMBER, &t->n_x)) return false;
  for (uint32_t k = 0; !columns && k < t->n_columns; k++) {
    if (t->role[k] != ROLE_NONE) continue;
    t->role[k] = ROLE_NUMBER;
    t->slot[k] = t->n_x++;
  }
  uint32_t k;
  if (target && column_find(t, target, 0, &k)) t->slot[k] = t->n_x;
  t->n_y = target != NULL;
  return true;
}

/* ---------------------------------------------------------------- rows */

static bool add_number(Csv *t, const Cell *cell, double *row, uint32_t column) {
  double v;
  if (number_parse(cell->s, cell->n, &v)) {
    row[t->slot[column]] = v;
    return true;
  }
  StrBuf b = {0};
  if (cell->n == 0)
    sb_puts(&b, "an empty cell where a number is needed");
  else
    sb_printf(&b, "`%.*s` is not a number", cell->n > 40 ? 40 : (int)cell->n, cell->s);
  if (t->name) sb_printf(&b, " (column `%s`)", t->name[column]);
  broken(t, cell->line, cell->column, b.s);
  sb_free(&b);
  return false;
}

static bool read_row(Csv *t) {
  uint32_t width = t->n_x + t->n_y;
  if (t->record.n != t->n_columns)
    return data_broken(t->c, t->path, "%u: %u cells where the first line has %u", t->record.at[0].line, t->record.n,
                       t->n_columns);
  if ((uint64_t)(t->rows + 1) * (width ? width : 1) > UINT32_MAX)
    return data_broken(t->c, t->path, "more than 2^32 numbers");
  vec_reserve(&t->number, t->number.n + width);
  double *row = t->number.at + t->number.n;
  for (uint32_t k = 0; k < t->n_columns; k++) {
    const Cell *cell = &t->record.at[k];
    if (t->role[k] == ROLE_NUMBER && !add_number(t, cell, row, k)) return false;
    if (t->role[k] == ROLE_LABEL) {
      if (cell->n == 0) return broken(t, cell->line, cell->column, "an empty label");
      vec_push(&t->label, arena_strndup(&t->cells, cell->s, cell->n));
    }
  }
  t->number.n += width;
  t->rows++;
  return true;
}

static bool read_rows(Csv *t) {
  bool got = true;
  while (got) {
    if (!next_record(t, &got)) return false;
    if (got && !read_row(t)) return false;
  }
  return t->rows > 0 || data_broken(t->c, t->path, "holds no rows");
}

/* ---------------------------------------------------------------- labels */

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int by_value(const void *a, const void *b) {
  double x = atof(*(const char *const *)a), y = atof(*(const char *const *)b);
  return x < y ? -1 : x > y;
}

/* Distinct labels in order, numbers by value and other words by spelling; returns how many. */
static uint32_t classes_of(Csv *t, const char **class, int (**compare)(const void *, const void *)) {
  bool numeric = true;
  for (uint32_t i = 0; i < t->rows; i++) {
    double v;
    class[i] = t->label.at[i];
    if (numeric) numeric = number_parse(class[i], strlen(class[i]), &v);
  }
  *compare = numeric ? by_value : by_text;
  qsort(class, t->rows, sizeof *class, *compare);
  uint32_t n = 0;
  for (uint32_t i = 0; i < t->rows; i++)
    if (n == 0 || (*compare)(&class[n - 1], &class[i]) != 0) class[n++] = class[i];
  return n;
}

static bool add_labels(Csv *t, DataSplit *split) {
  int (*compare)(const void *, const void *);
  DataStore *store = store_new(t->c, NULL, NULL);
  int32_t *out = store_alloc(t->c, store, (uint64_t)t->rows * sizeof *out);
  const char **class = calloc(t->rows, sizeof *class);
  bool ok = out && class;
  if (ok) {
    uint32_t n = classes_of(t, class, &compare);
    for (uint32_t i = 0; i < t->rows; i++) {
      const char **at = bsearch(&t->label.at[i], class, n, sizeof *class, compare);
      out[i] = (int32_t)(at - class);
    }
    store->bytes = out;
    split_add_field(t->c, split, "label", &(DataShape){DT_I32, 1, {t->rows}}, store);
    source_add_fact(t->c, "classes", n);
  }
  free(class);
  return ok;
}

/* ---------------------------------------------------------------- fields */

/* Columns first .. first+n of the numbers as a field; rank 1 when `flat`. */
static bool add_numbers(Csv *t, DataSplit *split, const char *name, uint32_t first, uint32_t n, bool flat) {
  uint32_t width = t->n_x + t->n_y;
  DataStore *store = store_new(t->c, NULL, NULL);
  double *out = store_alloc(t->c, store, (uint64_t)t->rows * n * sizeof *out);
  if (!out) return false;
  for (uint32_t i = 0; i < t->rows; i++)
    for (uint32_t k = 0; k < n; k++) out[(size_t)i * n + k] = t->number.at[(size_t)i * width + first + k];
  store->bytes = out;
  split_add_field(t->c, split, name, &(DataShape){DT_F64, flat ? 1 : 2, {t->rows, flat ? 0 : n}}, store);
  return true;
}

/* "sepal length (cm)" -> "sepal_length_cm": a name the language can write. */
static const char *identifier(Csv *t, const char *name) {
  StrBuf b = {0};
  for (const char *p = name; *p; p++) {
    bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
    if (word)
      sb_putc(&b, *p);
    else if (b.n > 0 && b.s[b.n - 1] != '_')
      sb_putc(&b, '_');
  }
  while (b.n > 0 && b.s[b.n - 1] == '_') b.s[--b.n] = 0;
  bool digit = b.n > 0 && b.s[0] >= '0' && b.s[0] <= '9';
  const char *s = arena_printf(&t->c->d->mem, "%s%s", digit || b.n == 0 ? "c" : "", b.n ? b.s : "");
  sb_free(&b);
  return s;
}

static bool add_named(Csv *t, DataSplit *split) {
  for (uint32_t k = 0; k < t->n_columns; k++) {
    const char *name = identifier(t, t->name[k]);
    if (data_field_find(split, name))
      return data_broken(t->c, t->path, "two columns are named `%s`: choose with `columns = [..]` or `header = false`",
                         name);
    if (!add_numbers(t, split, name, k, 1, true)) return false;
  }
  return true;
}

static bool add_fields(Csv *t, DataSplit *split) {
  split->rows = t->rows;
  if (t->by_name) return add_named(t, split);
  if (t->n_x > 0 && !add_numbers(t, split, "x", 0, t->n_x, false)) return false;
  if (t->n_y > 0 && !add_numbers(t, split, "y", t->n_x, 1, true)) return false;
  return t->label.n == 0 || add_labels(t, split);
}

/* ---------------------------------------------------------------- scale */

/* Each column of x by its own numbers: a table's columns have different units. */
static bool scale_columns(DataCall *c, const DataOptions *o, DataSplit *split) {
  const DataOption *p = option_find(o, "scale");
  DataField *f = data_field_find(split, "x");
  if (!p) return true;
  bool standard = p->kind == DATA_STRING && strcmp(p->string, "standard") == 0;
  bool range =
      p->kind == DATA_NUMBERS && p->n == 2 && p->numbers[0] < p->numbers[1] && isfinite(p->numbers[1] - p->numbers[0]);
  if (!standard && !range) return data_misuse(c, p->span, "`scale` is [lo, hi] with lo < hi, or \"standard\"");
  if (!f) return data_misuse(c, p->span, "`scale` is for the field `x`: choose its columns");
  double *x = (double *)(uintptr_t)f->bytes;
  for (int64_t k = 0; k < f->dim[1]; k++) {
    NumberScale s = standard ? scale_standard(x + k, f->dim[0], f->dim[1])
                             : scale_to_range(x + k, f->dim[0], f->dim[1], p->numbers);
    if (!(s.div > 0)) return data_misuse(c, p->span, "column %lld of x cannot be scaled: it is constant", (long long)k);
    for (int64_t i = 0; i < f->dim[0]; i++) x[i * f->dim[1] + k] = (x[i * f->dim[1] + k] * s.mul + s.add) / s.div;
  }
  return true;
}

static bool separator_option(DataCall *c, const DataOptions *o, char *out) {
  const char *s = option_string(o, "separator", ",");
  *out = s[0];
  if (s[0] && !s[1] && strchr(",;|:\t ", s[0])) return true;
  return data_misuse(c, option_find(o, "separator")->span, "`separator` must be one of , ; | : tab space");
}

bool csv_open(DataCall *c, const DataOptions *o) {
  Csv t = {.c = c, .line = 1};
  if (!separator_option(c, o, &t.separator)) return false;
  t.path = file_find(c, option_string(o, NULL, NULL));
  FileText text;
  if (!t.path || !file_text(c, t.path, &text)) return false;
  bool mark = text.n >= 3 && memcmp(text.s, "\xef\xbb\xbf", 3) == 0;
  t.at = t.line_start = text.s + (mark ? 3 : 0);
  t.end = text.s + text.n;
  DataSplit *split = source_add_split(c, NULL, 0);
  c->d->origin = t.path;
  bool ok = read_header(&t, o) && choose_columns(&t, o) && read_rows(&t) && add_fields(&t, split) &&
            scale_columns(c, o, split);
  vec_free(&t.record);
  vec_free(&t.number);
  vec_free(&t.label);
  arena_free(&t.cells);
  text_close(&text);
  return ok;
}
