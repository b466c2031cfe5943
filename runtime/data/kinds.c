/* The kinds of data: a new one is a row here, a reader, and its test. */
#include "runtime/data/internal.h"

enum {
  NUM = 1 << DATA_NUMBER,
  STR = 1 << DATA_STRING,
  BOOL = 1 << DATA_BOOL,
  NUMS = 1 << DATA_NUMBERS,
  STRS = 1 << DATA_STRINGS
};

#define SCALE                                                                                                          \
  { "scale", NUMS | STR }
#define SHAPE                                                                                                          \
  { "shape", NUMS | NUM }

const DataKind data_kinds[] = {
    {"dataset", true, {{NULL, STR}, SCALE, SHAPE, {"n", NUM}, {"test", NUM}, {"seed", NUM}}, dataset_open},
    {"mnist", false, {{NULL, STR}, SCALE, SHAPE}, mnist_open},
    {"digits", false, {SCALE, SHAPE, {"n", NUM}, {"test", NUM}, {"seed", NUM}}, digits_open},
    {"idx", false, {{NULL, STR}, SCALE, SHAPE, {"*", STR}}, idx_open},
};
const uint32_t n_data_kinds = sizeof data_kinds / sizeof *data_kinds;
