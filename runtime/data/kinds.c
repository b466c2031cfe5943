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
    {"npy", false, {{NULL, STR}, SCALE, SHAPE, {"*", STR}}, npy_open},
    {"npz", true, {{NULL, STR}, SCALE, SHAPE, {"fields", STRS}}, npz_open},
    {"csv",
     true,
     {{NULL, STR},
      SCALE,
      {"target", STR | NUM},
      {"label", STR | NUM},
      {"columns", STRS | NUMS},
      {"header", BOOL},
      {"separator", STR}},
     csv_open},
    {"cifar", false, {{NULL, STR}, SCALE, SHAPE}, cifar_open},
    {"images", true, {{NULL, STR}, SCALE, SHAPE, {"channels", NUM}}, images_open},
    {"text", true, {{NULL, STR}, {"length", NUM}}, text_open},
    {"idx", false, {{NULL, STR}, SCALE, SHAPE, {"*", STR}}, idx_open},
};
const uint32_t n_data_kinds = sizeof data_kinds / sizeof *data_kinds;
