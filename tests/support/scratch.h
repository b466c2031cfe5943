/* A folder and a sink for each test of a program, of its own and gone after it. */
#ifndef SEPPO_TESTS_SUPPORT_SCRATCH_H
#define SEPPO_TESTS_SUPPORT_SCRATCH_H

#include "runtime/base/diag.h"
#include "tests/support/files.h"

typedef struct Scratch {
  char *folder;
  DiagSink sink;
} Scratch;
extern Scratch scratch;

/* Setup and teardown of a cmocka test. */
int scratch_setup(void **state);
int scratch_teardown(void **state);
#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)
/* Starts a new sink: the exit status of a sink is that of its first error. */
void scratch_forget(void);

#endif
