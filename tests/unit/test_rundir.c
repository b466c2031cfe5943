/* The run folder and progress lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/progress.h"
#include "tests/support/scratch.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *read_in(RunDir *r, const char *file) {
  size_t n;
  char *s = file_read(rundir_file(r, file), &n);
  assert_non_null(s);
  return s;
}

static void numbers(void **state) {
  (void)state;
  static const struct {
    double v;
    const char *text;
  } cases[] = {{0.1, "0.1"}, {1e-3, "0.001"},     {3, "3"},
               {-0.0, "-0"}, {1e300, "1e+300"},   {1.0 / 3, "0.3333333333333333"},
               {NAN, "nan"}, {-INFINITY, "-inf"}, {0.1 + 0.2, "0.30000000000000004"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[32];
    number_print(cases[i].v, text);
    assert_string_equal(text, cases[i].text);
  }
}

static void metrics_and_summary(void **state) {
  (void)state;
  RunDir *r = rundir_open(scratch.folder, "mlp", &scratch.sink);
  assert_non_null(r);
  assert_string_equal(rundir_path(r), scratch.folder);
  MetricValue first[] = {{"loss", 0.5}, {"accuracy", 0.1}}, second[] = {{"loss", NAN}};
  assert_true(rundir_metrics(r, "train", 1, 938, 1.25, first, 2, &scratch.sink));
  assert_true(rundir_metrics(r, "train", 2, 1876, 2.5, second, 1, &scratch.sink));
  MetricValue final = {"accuracy", 0.98};
  assert_true(rundir_metrics(r, "eval", -1, -1, 3, &final, 1, &scratch.sink));
  char *text = read_in(r, "metrics.jsonl");
  assert_string_equal(
      text, "{\"task\": \"train\", \"epoch\": 1, \"step\": 938, \"seconds\": 1.25, \"values\": {\"loss\": 0.5, "
            "\"accuracy\": 0.1}}\n"
            "{\"task\": \"train\", \"epoch\": 2, \"step\": 1876, \"seconds\": 2.5, \"values\": {\"loss\": null}}\n"
            "{\"task\": \"eval\", \"seconds\": 3.0, \"values\": {\"accuracy\": 0.98}}\n");
  free(text);
  rundir_set(r, "steps", json_integer(1876));
  rundir_set(r, "compile_ms", json_real(12.5));
  rundir_array(r, "eval", "confusion", json_pack("[[ii][ii]]", 1, 2, 3, 4));
  assert_true(rundir_summary(r, &scratch.sink));
  text = read_in(r, "summary.json");
  assert_non_null(strstr(text, "\"confusion\": [[1, 2], [3, 4]]"));
  json_t *s = json_loads(text, 0, NULL);
  json_t *m = json_object_get(s, "metrics");
  assert_true(json_is_null(json_object_get(json_object_get(m, "train"), "loss")));
  assert_true(json_real_value(json_object_get(json_object_get(m, "train"), "accuracy")) == 0.1);
  assert_true(json_real_value(json_object_get(json_object_get(m, "eval"), "accuracy")) == 0.98);
  assert_int_equal(json_integer_value(json_object_get(s, "steps")), 1876);
  assert_true(json_integer_value(json_object_get(s, "peak_rss_bytes")) > 100000);
  json_decref(s);
  free(text);
  rundir_close(r);
}

/* A resumed run appends, also behind a record that a kill cut short. */
static void appends_after_a_torn_line(void **state) {
  (void)state;
  free(file_write(scratch.folder, "metrics.jsonl", "{\"task\": \"train\"}\n{\"ta", 22));
  RunDir *r = rundir_open(scratch.folder, "mlp", &scratch.sink);
  MetricValue v = {"loss", 1};
  assert_true(rundir_metrics(r, "train", 3, 30, 1, &v, 1, &scratch.sink));
  char *text = read_in(r, "metrics.jsonl");
  assert_non_null(strstr(text, "{\"task\": \"train\"}\n{\"ta\n{\"task\": \"train\", \"epoch\": 3"));
  free(text);
  rundir_close(r);
}

/* A run killed after epoch 3 and resumed from the end of epoch 2 records epoch 3 again, once. */
static void resumed(void **state) {
  (void)state;
  RunDir *r = rundir_open(scratch.folder, "mlp", &scratch.sink);
  for (int epoch = 1; epoch <= 3; epoch++) {
    MetricValue v = {"loss", 1.0 / epoch};
    rundir_metrics(r, "train", epoch, 10 * epoch, epoch, &v, 1, &scratch.sink);
  }
  RunHistory h = rundir_history(r, "train", "loss");
  assert_true(h.n == 3 && h.by_epoch && h.epoch[2] == 3 && h.step[2] == 30 && h.value[2] == 1.0 / 3);
  rundir_close(r);
  r = rundir_open(scratch.folder, "mlp", &scratch.sink);
  h = rundir_history(r, "train", "loss");
  assert_true(h.n == 3 && h.by_epoch && h.epoch[2] == 3 && h.step[2] == 30);
  assert_int_equal(rundir_history(r, "eval", "loss").n, 0);
  assert_int_equal(rundir_histories(r), 1);
  double seconds;
  assert_int_equal(rundir_records(r), 3);
  assert_true(rundir_keep(r, 2, &seconds, &scratch.sink));
  assert_true(rundir_records(r) == 2 && seconds == 2);
  assert_int_equal(rundir_history(r, "train", "loss").n, 2);
  MetricValue again = {"loss", NAN};
  assert_true(rundir_metrics(r, "train", 3, 30, 3, &again, 1, &scratch.sink));
  assert_int_equal(rundir_history(r, "train", "loss").n, 3);
  char *text = read_in(r, "metrics.jsonl");
  int lines = 0;
  for (char *p = text; *p; p++) lines += *p == '\n';
  assert_int_equal(lines, 3);
  assert_non_null(strstr(text, "\"step\": 30, \"seconds\": 3.0, \"values\": {\"loss\": null}}\n"));
  free(text);
  rundir_close(r);
}

/* Records that share an epoch, or have none, are a history over steps. */
static void history_over_steps(void **state) {
  (void)state;
  RunDir *r = rundir_open(scratch.folder, "mlp", &scratch.sink);
  MetricValue often = {"often", 1}, once = {"once", 2};
  for (int step = 5; step <= 15; step += 5)
    assert_true(rundir_metrics(r, "train", 1, step, 0, &often, 1, &scratch.sink));
  assert_true(rundir_metrics(r, "train", -1, 15, 0, &once, 1, &scratch.sink));
  RunHistory h = rundir_history(r, "train", "often");
  assert_true(h.n == 3 && !h.by_epoch && h.step[0] == 5 && h.step[2] == 15);
  h = rundir_history_at(r, 1);
  assert_string_equal(h.name, "once");
  assert_true(!h.by_epoch && h.n == 1 && h.epoch[0] == -1);
  rundir_close(r);
}

static void names_by_time(void **state) {
  (void)state;
  char before[4096];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(scratch.folder), 0);
  RunDir *a = rundir_open(NULL, "mlp", &scratch.sink), *b = rundir_open(NULL, "mlp", &scratch.sink);
  assert_non_null(a);
  assert_non_null(b);
  assert_int_equal(strncmp(rundir_path(a), "runs/mlp/2", 10), 0);
  assert_string_not_equal(rundir_path(a), rundir_path(b));
  json_t *config = json_pack("{s:f, s:[s]}", "lr", 0.1, "tasks", "train");
  assert_true(rundir_config(a, config, &scratch.sink));
  char *text = read_in(a, "config.json");
  assert_string_equal(text, "{\n  \"lr\": 0.1,\n  \"tasks\": [\"train\"]\n}\n");
  free(text);
  json_decref(config);
  rundir_close(a);
  rundir_close(b);
  assert_int_equal(chdir(before), 0);
}

static void folder_that_cannot_be(void **state) {
  (void)state;
  char *file = file_write(scratch.folder, "taken", "x", 1);
  assert_null(rundir_open(file, "mlp", &scratch.sink));
  assert_int_equal(scratch.sink.exit_status, EXIT_FILES);
  StrBuf below = {0};
  sb_printf(&below, "%s/deep/er", file);
  assert_null(rundir_open(below.s, "mlp", &scratch.sink));
  assert_int_equal(scratch.sink.n_errors, 2);
  sb_free(&below);
  free(file);
}

/* ---------------------------------------------------------------- progress */

static char *progress_of(ProgressMode mode) {
  StrBuf path = {0};
  sb_printf(&path, "%s/progress", scratch.folder);
  FILE *f = fopen(path.s, "w");
  Progress *p = progress_new(mode, f);
  MetricValue v[] = {{"loss", 0.25}, {"accuracy", 0.975}};
  progress_task(p, "train", 0, 9380, 10);
  progress_step(p, 100, 1, v, 2);
  progress_record(p, 938, 1, v, 2);
  progress_note(p, "a note");
  progress_task_end(p);
  progress_free(p);
  fclose(f);
  size_t n;
  char *text = file_read(path.s, &n);
  sb_free(&path);
  return text;
}

static void plain_lines(void **state) {
  (void)state;
  char *auto_text = progress_of(PROGRESS_AUTO);
  assert_int_equal(strncmp(auto_text, "train  epoch 1/10  loss 0.25  accuracy 0.975  ", 46), 0);
  assert_non_null(strstr(auto_text, "\na note\n"));
  assert_null(strchr(auto_text, '\033'));
  free(auto_text);
  char *none = progress_of(PROGRESS_NONE);
  assert_string_equal(none, "");
  free(none);
}

static void json_lines(void **state) {
  (void)state;
  char *text = progress_of(PROGRESS_JSON);
  char *end = strchr(text, '\n');
  json_t *line = json_loadb(text, (size_t)(end - text), 0, NULL);
  assert_int_equal(json_integer_value(json_object_get(line, "step")), 938);
  assert_int_equal(json_integer_value(json_object_get(line, "epochs")), 10);
  assert_true(json_real_value(json_object_get(json_object_get(line, "values"), "loss")) == 0.25);
  json_decref(line);
  free(text);
}

/* Asked for by name, the bar is drawn into a file too: no colours there, and it is taken away at the end. */
static void bar(void **state) {
  (void)state;
  StrBuf path = {0};
  sb_printf(&path, "%s/bar", scratch.folder);
  FILE *f = fopen(path.s, "w");
  Progress *p = progress_new(PROGRESS_BAR, f);
  MetricValue v = {"loss", 0.25};
  progress_task(p, "train", 0, 100, 0);
  usleep(60000);
  progress_step(p, 50, 1, &v, 1);
  progress_step(p, 51, 1, &v, 1); /* too soon after the last */
  progress_free(p);
  fclose(f);
  size_t n;
  char *text = file_read(path.s, &n);
  assert_non_null(strstr(text, "\rtrain  step 50/100  [============>           ]  50%  ETA 0:00"));
  assert_null(strstr(text, "51/100"));
  assert_null(strstr(text, "\033[36m"));
  assert_string_equal(text + n - 4, "\r\033[K");
  free(text);
  sb_free(&path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      SCRATCH_TEST(numbers),
      SCRATCH_TEST(metrics_and_summary),
      SCRATCH_TEST(appends_after_a_torn_line),
      SCRATCH_TEST(resumed),
      SCRATCH_TEST(history_over_steps),
      SCRATCH_TEST(names_by_time),
      SCRATCH_TEST(folder_that_cannot_be),
      SCRATCH_TEST(plain_lines),
      SCRATCH_TEST(json_lines),
      SCRATCH_TEST(bar),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
