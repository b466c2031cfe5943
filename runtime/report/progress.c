/* Progress on stderr. */
#include "runtime/progress.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BAR_CELLS = 24 };

struct Progress {
  ProgressMode mode;
  FILE *out;
  bool color, shown; /* a bar stands on the current line */
  char *task;
  int64_t first_step, total, epochs;
  double start, drawn; /* seconds */
  int64_t last_recorded;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

Progress *progress_new(ProgressMode mode, FILE *out) {
  Progress *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
  bool terminal = isatty(fileno(out)) && term && strcmp(term, "dumb") != 0;
  p->mode = mode == PROGRESS_AUTO ? (terminal ? PROGRESS_BAR : PROGRESS_PLAIN) : mode;
  p->color = terminal && !(no_color && *no_color);
  p->out = out;
  return p;
}

void progress_free(Progress *p) {
  if (!p) return;
  progress_clear(p);
  free(p->task);
  free(p);
}

void progress_clear(Progress *p) {
  if (p->shown) fputs("\r\033[K", p->out);
  p->shown = false;
  fflush(p->out);
}

void progress_task(Progress *p, const char *task, int64_t first_step, int64_t total_steps, int64_t epochs) {
  free(p->task);
  p->task = strdup(task);
  p->first_step = p->last_recorded = first_step;
  p->total = total_steps;
  p->epochs = epochs;
  p->start = p->drawn = now();
}

void progress_task_end(Progress *p) { progress_clear(p); }

void progress_note(Progress *p, const char *text) {
  if (p->mode == PROGRESS_NONE) return;
  progress_clear(p);
  if (p->mode == PROGRESS_JSON) {
    json_t *o = json_pack("{ss}", "note", text);
    StrBuf b = {0};
    if (o) json_print(o, 0, &b);
    fprintf(p->out, "%s\n", b.s ? b.s : "{}");
    sb_free(&b);
    json_decref(o);
  } else {
    fprintf(p->out, "%s\n", text);
  }
  fflush(p->out);
}

/* ---------------------------------------------------------------- lines */

/* 75 -> "1:15", 4000 -> "1:06:40" */
static void put_time(StrBuf *b, double seconds) {
  int64_t s = seconds < 0 ? 0 : seconds > 1e8 ? 100000000 : (int64_t)(seconds + 0.5);
  if (s >= 3600)
    sb_printf(b, "%lld:%02lld:%02lld", (long long)(s / 3600), (long long)(s / 60 % 60), (long long)(s % 60));
  else
    sb_printf(b, "%lld:%02lld", (long long)(s / 60), (long long)(s % 60));
}

static void put_where(StrBuf *b, const Progress *p, int64_t step, int64_t epoch) {
  sb_puts(b, p->task);
  if (p->epochs > 0)
    sb_printf(b, "  epoch %lld/%lld", (long long)epoch, (long long)p->epochs);
  else if (p->total > 0)
    sb_printf(b, "  step %lld/%lld", (long long)step, (long long)p->total);
  else
    sb_printf(b, "  step %lld", (long long)step);
}

static void put_values(StrBuf *b, const MetricValue *value, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) sb_printf(b, "  %s %.4g", value[i].name, value[i].value);
}

static double rate(const Progress *p, int64_t step, double t) {
  return t > p->start ? (double)(step - p->first_step) / (t - p->start) : 0;
}

static void put_rate(StrBuf *b, double per_second) {
  if (per_second >= 1e6)
    sb_printf(b, "  %.1fM steps/s", per_second * 1e-6);
  else if (per_second >= 1e4)
    sb_printf(b, "  %.0fk steps/s", per_second * 1e-3);
  else if (per_second >= 10)
    sb_printf(b, "  %.0f steps/s", per_second);
  else if (per_second > 0)
    sb_printf(b, "  %.2g steps/s", per_second);
}

static void put_json(const Progress *p, int64_t step, int64_t epoch, const MetricValue *value, uint32_t n, double t) {
  json_t *o = json_object(), *values = json_object();
  json_object_set_new(o, "task", json_string(p->task));
  json_object_set_new(o, "step", json_integer(step));
  if (p->total > 0) json_object_set_new(o, "steps", json_integer(p->total));
  json_object_set_new(o, "epoch", json_integer(epoch));
  if (p->epochs > 0) json_object_set_new(o, "epochs", json_integer(p->epochs));
  json_object_set_new(o, "seconds", json_real(round((t - p->start) * 1e3) / 1e3));
  for (uint32_t i = 0; i < n; i++)
    json_object_set_new(values, value[i].name, isfinite(value[i].value) ? json_real(value[i].value) : json_null());
  json_object_set_new(o, "values", values);
  StrBuf b = {0};
  json_print(o, 0, &b);
  fprintf(p->out, "%s\n", b.s);
  fflush(p->out);
  sb_free(&b);
  json_decref(o);
}

static void put_line(Progress *p, int64_t step, int64_t epoch, const MetricValue *value, uint32_t n, double t) {
  if (p->mode == PROGRESS_JSON) {
    put_json(p, step, epoch, value, n, t);
    return;
  }
  StrBuf b = {0};
  put_where(&b, p, step, epoch);
  put_values(&b, value, n);
  put_rate(&b, rate(p, step, t));
  sb_puts(&b, "  ");
  put_time(&b, t - p->start);
  progress_clear(p);
  fprintf(p->out, "%s\n", b.s);
  fflush(p->out);
  sb_free(&b);
}

/* ---------------------------------------------------------------- bar */

static uint32_t columns(const Progress *p) {
  struct winsize w;
  return ioctl(fileno(p->out), TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

static void put_bar(StrBuf *b, const Progress *p, int64_t step) {
  double part = (double)step / (double)p->total;
  uint32_t full = (uint32_t)(BAR_CELLS * (part < 0 ? 0 : part > 1 ? 1 : part));
  sb_puts(b, p->color ? "  [\033[36m" : "  [");
  for (uint32_t i = 0; i < BAR_CELLS; i++) sb_putc(b, i < full ? '=' : i == full ? '>' : ' ');
  sb_printf(b, "%s] %3.0f%%", p->color ? "\033[0m" : "", 100 * part);
}

/* Cuts to the terminal's width; escape sequences take no columns. */
static void cut_to_width(StrBuf *b, uint32_t width) {
  uint32_t used = 0;
  for (size_t i = 0; i < b->n; i++) {
    if (b->s[i] == '\033') {
      while (i < b->n && b->s[i] != 'm') i++;
      continue;
    }
    if (((uint8_t)b->s[i] & 0xC0) != 0x80 && ++used > width) {
      b->n = i;
      b->s[i] = 0;
      return;
    }
  }
}

static void draw(Progress *p, int64_t step, int64_t epoch, const MetricValue *value, uint32_t n, double t) {
  StrBuf b = {0};
  double speed = rate(p, step, t);
  put_where(&b, p, step, epoch);
  if (p->total > 0) put_bar(&b, p, step);
  if (p->total > 0 && speed > 0) {
    sb_puts(&b, "  ETA ");
    put_time(&b, (double)(p->total - step) / speed);
  }
  put_rate(&b, speed);
  put_values(&b, value, n);
  uint32_t width = columns(p);
  cut_to_width(&b, width > 1 ? width - 1 : 1);
  fprintf(p->out, "\r%s\033[K", b.s);
  fflush(p->out);
  p->shown = true;
  sb_free(&b);
}

void progress_step(Progress *p, int64_t step, int64_t epoch, const MetricValue *value, uint32_t n) {
  static const double pause[] = {[PROGRESS_BAR] = 0.05, [PROGRESS_PLAIN] = 10, [PROGRESS_JSON] = 1};
  if (p->mode == PROGRESS_NONE) return;
  double t = now();
  if (t - p->drawn < pause[p->mode]) return;
  p->drawn = t;
  if (p->mode == PROGRESS_BAR)
    draw(p, step, epoch, value, n, t);
  else
    put_line(p, step, epoch, value, n, t);
}

void progress_record(Progress *p, int64_t step, int64_t epoch, const MetricValue *value, uint32_t n) {
  if (p->mode == PROGRESS_NONE) return;
  p->drawn = now();
  put_line(p, step, epoch, value, n, p->drawn);
}
