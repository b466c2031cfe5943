#include "tests/support/data_world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const uint8_t idx_images[28] = {0, 0, 8, 3, 0, 0, 0, 2, 0,   0,   0,   2,   0,   0,
                                0, 3, 0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
const uint8_t idx_labels[10] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 3};

int world_setup(void **state) {
  DataWorld *w = calloc(1, sizeof *w);
  w->folder = folder_new();
  w->env = (DataEnv){.base_dir = w->folder, .cache_dir = w->folder};
  *state = w;
  return 0;
}

int world_teardown(void **state) {
  DataWorld *w = *state;
  folder_remove(w->folder);
  diag_sink_free(&w->sink);
  free(w);
  return 0;
}

void world_put(DataWorld *w, const char *name, const void *bytes, size_t n) {
  free(file_write(w->folder, name, bytes, n));
}

DataOption text_option(const char *name, const char *s) {
  return (DataOption){.name = name, .kind = DATA_STRING, .string = s};
}

DataOption number_option(const char *name, double v) {
  return (DataOption){.name = name, .kind = DATA_NUMBER, .number = v};
}

DataOption list_option(const char *name, const double *v, uint32_t n) {
  return (DataOption){.name = name, .kind = DATA_NUMBERS, .numbers = v, .n = n};
}

DataSource *world_open_with(DataWorld *w, const char *kind, const DataOption *o, uint32_t n) {
  return data_open(kind, o, n, &w->env, &w->sink, SPAN_NONE);
}

DataSource *world_open(DataWorld *w, const char *kind, const char *file) {
  DataOption o = text_option(NULL, file);
  return world_open_with(w, kind, &o, 1);
}

const void *world_load(DataWorld *w, DataSource *d, const char *split, const char *field) {
  DataField *f = data_field_find(data_split_find(d, split), field);
  assert_non_null(f);
  return data_load(d, f, &w->sink, SPAN_NONE);
}

void world_expect_error(DataWorld *w, int status, const char *text) {
  assert_true(w->sink.n_errors > 0);
  assert_int_equal(w->sink.exit_status, status);
  const Diag *d = &vec_last(&w->sink.diag);
  if (!strstr(d->message, text)) fail_msg("message is `%s`, not about `%s`", d->message, text);
}

void world_forget(DataWorld *w) {
  diag_sink_free(&w->sink);
  w->sink = (DiagSink){0};
}

void world_no_errors(DataWorld *w) {
  if (w->sink.n_errors > 0) fail_msg("unexpected: %s", w->sink.diag.at[0].message);
}

void world_expect_broken(DataWorld *w, const char *kind, const char *file, size_t length) {
  world_forget(w);
  DataSource *d = world_open(w, kind, file);
  bool good = d != NULL;
  for (uint32_t i = 0; good && i < d->split[0].n_fields; i++)
    good = data_load(d, &d->split[0].field[i], &w->sink, SPAN_NONE) != NULL;
  data_close(d);
  if (good) fail_msg("%s cut to %zu bytes was accepted", file, length);
  assert_int_equal(w->sink.exit_status, EXIT_FILES);
  assert_true(w->sink.n_errors == 1);
}

void world_truncate_everywhere(DataWorld *w, const char *kind, const char *name, const void *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) {
    world_put(w, name, bytes, i);
    world_expect_broken(w, kind, name, i);
  }
}
