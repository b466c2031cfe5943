/* What events do with the values their graph computed: one row per kind of action. */
#include "driver/session/actions.h"
#include "runtime/base/strbuf.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef bool (*ActionFn)(ActionCall *c);

const Type *action_type(const ActionCall *c, uint32_t i) {
  return ir_type_get(c->s->m, c->g->value_type[c->action->value[i]]);
}

double action_value(const ActionCall *c, uint32_t i, int64_t k) {
  return tensor_element(action_type(c, i), c->g->value[c->action->value[i]], k);
}

/* A number as the user asked for it (".3f", "d"), or in the fewest digits that show f32 exactly. */
static void put_number(StrBuf *out, const char *format, double v) {
  char text[64];
  size_t n = format ? strlen(format) : 0;
  if (n && n < 16) {
    char spec[24];
    bool whole = format[n - 1] == 'd' || format[n - 1] == 'i';
    snprintf(spec, sizeof spec, "%%%.*s%s", (int)(n - 1), format, whole ? ".0f" : (char[]){format[n - 1], 0});
    snprintf(text, sizeof text, spec, v);
  } else if (v == (double)(float)v || !isfinite(v)) {
    snprintf(text, sizeof text, "%.6g", v);
    if (strtof(text, NULL) != (float)v) snprintf(text, sizeof text, "%.9g", v);
  } else {
    number_print(v, text);
  }
  sb_puts(out, text);
}

static void put_axis(StrBuf *out, const ActionCall *c, uint32_t i, const char *format, uint32_t axis, int64_t *k) {
  const Type *t = action_type(c, i);
  if (axis == t->rank) {
    put_number(out, format, action_value(c, i, (*k)++));
    return;
  }
  enum { shown = 8 };
  sb_putc(out, '[');
  int64_t stride = 1;
  for (uint32_t a = axis + 1; a < t->rank; a++) stride *= t->dim[a];
  for (int64_t j = 0; j < t->dim[axis]; j++) {
    if (j) sb_puts(out, ", ");
    if (t->dim[axis] > 3 * shown && j == shown) {
      sb_puts(out, "...");
      *k += (t->dim[axis] - 2 * shown) * stride;
      j = t->dim[axis] - shown - 1;
      continue;
    }
    put_axis(out, c, i, format, axis + 1, k);
  }
  sb_putc(out, ']');
}

static void put_value(StrBuf *out, const ActionCall *c, uint32_t i, const char *format) {
  int64_t k = 0;
  put_axis(out, c, i, format, 0, &k);
}

/* The text of a print with {0} and {1:.3f} replaced; "{{" is a brace. */
static void put_text(StrBuf *out, const ActionCall *c, const char *text) {
  for (const char *p = text; *p; p++) {
    if (*p == '{' && p[1] >= '0' && p[1] <= '9') {
      char *end;
      uint32_t i = (uint32_t)strtoul(p + 1, &end, 10);
      char format[24] = "";
      if (*end == ':') {
        size_t n = strcspn(end + 1, "}");
        snprintf(format, sizeof format, "%.*s", (int)n, end + 1);
        end += n + 1;
      }
      if (i < c->action->n_values) put_value(out, c, i, format);
      p = end;
    } else {
      sb_putc(out, *p);
      if ((*p == '{' || *p == '}') && p[1] == *p) p++;
    }
  }
}

static bool act_print(ActionCall *c) {
  StrBuf text = {0};
  put_text(&text, c, c->action->name ? c->action->name : "");
  progress_clear(c->s->progress);
  printf("%s\n", text.s ? text.s : "");
  fflush(stdout);
  sb_free(&text);
  return true;
}

/* log inside `every` or `at`: the values then, as one record. */
static bool act_log(ActionCall *c) {
  double value = action_value(c, 0, 0);
  MetricValue record = {c->action->name, value};
  return rundir_metrics(c->s->dir, c->at.task, c->at.epoch, c->at.step, c->s->train_ms * 1e-3, &record, 1, c->s->sink);
}

/* A tensor as nested JSON arrays; *k counts the elements taken. */
static json_t *json_axis(const ActionCall *c, uint32_t i, uint32_t axis, int64_t *k) {
  const Type *t = action_type(c, i);
  if (axis == t->rank) {
    double v = action_value(c, i, (*k)++);
    return isfinite(v) ? json_real(v) : json_null();
  }
  json_t *list = json_array();
  for (int64_t j = 0; j < t->dim[axis]; j++) json_array_append_new(list, json_axis(c, i, axis + 1, k));
  return list;
}

static bool act_report(ActionCall *c) {
  Session *s = c->s;
  bool ok = true;
  if (action_type(c, 0)->rank == 0) {
    MetricValue record = {c->action->name, action_value(c, 0, 0)};
    ok = rundir_metrics(s->dir, c->at.task, -1, -1, s->train_ms * 1e-3, &record, 1, s->sink);
  } else {
    int64_t k = 0;
    rundir_array(s->dir, c->at.task, c->action->name, json_axis(c, 0, 0, &k));
  }
  StrBuf text = {0};
  put_value(&text, c, 0, NULL);
  progress_clear(s->progress);
  printf("%s.%s = %s\n", c->at.task, c->action->name, text.s);
  fflush(stdout);
  sb_free(&text);
  return ok;
}

/* One group of a table: rows that share a value of the field. */
typedef struct Group {
  double key, mean, square;
  int64_t n;
} Group;

static int by_key(const void *a, const void *b) {
  double x = ((const Group *)a)->key, y = ((const Group *)b)->key;
  return (x > y) - (x < y);
}

/* Groups of the field's values, sorted; each with the mean and the sum of squares about it (Welford 1962). */
static uint32_t group_rows(const ActionCall *c, Group *group) {
  int64_t rows = ir_elements(action_type(c, 1));
  uint32_t n = 0;
  for (int64_t i = 0; i < rows; i++) group[i] = (Group){.key = action_value(c, 1, i)};
  qsort(group, (size_t)rows, sizeof *group, by_key);
  for (int64_t i = 0; i < rows; i++)
    if (i == 0 || group[i].key != group[n - 1].key) group[n++] = group[i];
  for (int64_t i = 0; i < rows; i++) {
    Group *g = bsearch(&(Group){.key = action_value(c, 1, i)}, group, n, sizeof *group, by_key);
    if (!g) continue; /* NaN equals nothing */
    double v = action_value(c, 0, i), d = v - g->mean;
    g->mean += d / (double)++g->n;
    g->square += d * (v - g->mean);
  }
  return n;
}

static double deviation(const Group *g) { return sqrt(g->square / (double)g->n); }

static json_t *json_number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void print_groups(const ActionCall *c, const Group *group, uint32_t n) {
  progress_clear(c->s->progress);
  printf("%s.%s\n%14s %14s %14s %10s\n", c->at.task, c->action->name, "value", "mean", "std", "n");
  for (uint32_t i = 0; i < n; i++)
    printf("%14.7g %14.7g %14.7g %10lld\n", group[i].key, group[i].mean, deviation(&group[i]), (long long)group[i].n);
  fflush(stdout);
}

/* `report name by field = e`: mean and spread of e over the rows of each value of the field. */
static bool act_report_by(ActionCall *c) {
  Session *s = c->s;
  int64_t rows = ir_elements(action_type(c, 0)), keys = ir_elements(action_type(c, 1));
  if (rows != keys) {
    Span at = c->action->loc == IR_NONE ? SPAN_NONE : ir_loc_get(s->m, c->action->loc)->span;
    diag_error(s->sink, "E1004", at, "`report .. by` needs one value a row: %lld values, %lld rows", (long long)rows,
               (long long)keys);
    return false;
  }
  Group *group = calloc((size_t)rows + 1, sizeof *group);
  if (!group) return false;
  uint32_t n = group_rows(c, group);
  json_t *table = json_array();
  for (uint32_t i = 0; i < n; i++)
    json_array_append_new(table, json_pack("{s:o, s:o, s:o, s:I}", "value", json_number(group[i].key), "mean",
                                           json_number(group[i].mean), "std", json_number(deviation(&group[i])), "n",
                                           (json_int_t)group[i].n));
  rundir_array(s->dir, c->at.task, c->action->name, table);
  print_groups(c, group, n);
  free(group);
  return true;
}

/* "{epoch}" or "{step:d}" at p becomes its number; returns what is behind it, NULL when it is neither. */
static const char *put_counter(StrBuf *out, const ActionCall *c, const char *p) {
  static const char *const names[] = {"{epoch", "{step"};
  for (int i = 0; i < 2; i++) {
    size_t n = strlen(names[i]), format = strcspn(p, "}");
    if (strncmp(p, names[i], n) || (p[n] != '}' && p[n] != ':') || !p[format]) continue;
    const char *spec = p[n] == ':' ? arena_strndup(&c->s->engine.mem, p + n + 1, format - n - 1) : "d";
    put_number(out, spec, (double)(i == 0 ? c->at.epoch : c->at.step));
    return p + format + 1;
  }
  return NULL;
}

const char *action_file_stem(const ActionCall *c) {
  StrBuf text = {0};
  for (const char *p = c->action->name; *p;) {
    const char *behind = *p == '{' ? put_counter(&text, c, p) : NULL;
    bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-_", *p);
    if (!behind) sb_putc(&text, plain ? *p : '_');
    p = behind ? behind : p + 1;
  }
  const char *stem = arena_strdup(&c->s->engine.mem, text.s ? text.s : "");
  sb_free(&text);
  return stem;
}

/* Written when everything that belongs to this moment is done. */
static bool act_checkpoint(ActionCall *c) {
  Session *s = c->s;
  const char *name = action_file_stem(c);
  s->save_asked = true;
  if (!strcmp(name, "best")) {
    Span at = c->action->loc == IR_NONE ? SPAN_NONE : ir_loc_get(s->m, c->action->loc)->span;
    diag_error(s->sink, "E0902", at,
               "`best.safetensors` is the file of `keep best`: give this checkpoint another name");
    return false;
  }
  if (*name) vec_push(&s->save_as, name);
  return true;
}

static bool act_stop(ActionCall *c) {
  if (action_value(c, 0, 0) != 0) *c->stop = true;
  return true;
}

static bool act_keep(ActionCall *c) {
  return session_keep(c->s, c->action, action_value(c, 0, 0), c->at.step, c->stop);
}

static const ActionFn action_table[] = {
    [ACT_LOG] = act_log,     [ACT_REPORT] = act_report,         [ACT_REPORT_BY] = act_report_by,
    [ACT_PRINT] = act_print, [ACT_IMAGE] = act_image,           [ACT_GIF] = act_gif,
    [ACT_PLOT] = act_plot,   [ACT_CHECKPOINT] = act_checkpoint, [ACT_KEEP] = act_keep,
    [ACT_STOP] = act_stop,
};

bool session_actions(Session *s, RunMoment at, const Event *event, const ReadyGraph *g, bool *stop) {
  for (uint32_t i = 0; i < event->n_actions; i++) {
    ActionCall c = {s, at, event, &event->action[i], g, stop};
    if (!action_table[event->action[i].kind](&c)) return false;
  }
  return true;
}
