/* A folder with data files, a cache and a sink of its own: the world of one test of a data source. */
#ifndef SEPPO_TESTS_SUPPORT_DATA_WORLD_H
#define SEPPO_TESTS_SUPPORT_DATA_WORLD_H

#include "runtime/data.h"
#include "tests/support/files.h"

typedef struct DataWorld {
  char *folder;
  DataEnv env;
  DiagSink sink;
} DataWorld;

/* Setup and teardown of a cmocka test whose state is a DataWorld. */
int world_setup(void **state);
int world_teardown(void **state);
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

/* Writes FOLDER/NAME. */
void world_put(DataWorld *w, const char *name, const void *bytes, size_t n);

DataOption text_option(const char *name, const char *s);
DataOption number_option(const char *name, double v);
DataOption list_option(const char *name, const double *v, uint32_t n);
DataSource *world_open_with(DataWorld *w, const char *kind, const DataOption *o, uint32_t n);
/* With the file as the only option. */
DataSource *world_open(DataWorld *w, const char *kind, const char *file);
/* The elements of a field, NULL with an error when they cannot be had. */
const void *world_load(DataWorld *w, DataSource *d, const char *split, const char *field);

/* The latest error has this status and mentions this text. */
void world_expect_error(DataWorld *w, int status, const char *text);
void world_no_errors(DataWorld *w);
/* Starts a new sink: the exit status of a sink is that of its first error. */
void world_forget(DataWorld *w);
/* Opens and, where that works, loads: must end in one diagnostic with status 3. `length` is for the message. */
void world_expect_broken(DataWorld *w, const char *kind, const char *file, size_t length);
/* Expects that of every proper prefix of these bytes. */
void world_truncate_everywhere(DataWorld *w, const char *kind, const char *name, const void *bytes, size_t n);

/* IDX files: two images of 2x3 whose pixels begin at byte 16, and their labels, which begin at byte 8. */
extern const uint8_t idx_images[28], idx_labels[10];

#endif
