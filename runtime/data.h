/* Data sources: files (or a generator) seen as named splits of named tensors.
 *
 *   data mnist = dataset("mnist", scale = [-1, 1])
 *
 * becomes data_open("dataset", {positional "mnist", scale = [-1, 1]}). Opening reads headers only (file names, shapes,
 * dtypes); the bytes of a field are read when data_load asks for them. What must be inflated or converted is done once
 * and kept in $XDG_CACHE_HOME/seppo/data, mapped from there afterwards.
 *
 * Kinds, their options and what they open: one row each in runtime/data/kinds.c.
 *
 *   kind      positional   options (besides scale, shape)      fields
 *   dataset   name                                             of the named set (mnist, digits, cifar10)
 *   mnist     [folder]                                         x u8[784] as [0,1], label; splits train, test
 *   digits                 n, test, seed                       the same, drawn by runtime/data/digits.c
 *   idx       [file]       any NAME = "file"                   x, or NAME each
 *   npy       [file]       any NAME = "file"                   x, or NAME each
 *   npz       file         fields                              every array of the archive, or those named
 *   csv       file         target, label, columns, header,     x [rows, columns] f64, y (target) or label (classes);
 *                          separator                           with none of these: one field per named column
 *   cifar     [folder]                                         x u8[32, 32, 3] as [0,1], label; splits train, test
 *   images    folder       channels                            x u8[h, w, c] as [0,1], label when there are
 *                                                              subfolders; splits train, test when they are folders
 *   text      file         length                              x, y u8[length] (y = x one character later)
 *
 * Errors are diagnostics: wrong options count as a wrong model file (E0601), unreadable or broken files as
 * EXIT_FILES (E0602 not found, E0603 broken).
 */
#ifndef SEPPO_RUNTIME_DATA_H
#define SEPPO_RUNTIME_DATA_H

#include "runtime/base/arena.h"
#include "runtime/base/diag.h"
#include "runtime/dtype.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define DATA_MAX_RANK 8
/* Bytes that may be read behind the end of a loaded field. */
#define DATA_TAIL 128

/* Where to look and what to say; all pointers may be NULL. */
typedef struct DataEnv {
  const char *data_dir;  /* --data */
  const char *base_dir;  /* folder of the model file: relative file names are tried there first */
  const char *cache_dir; /* NULL: $XDG_CACHE_HOME/seppo or ~/.cache/seppo */
  uint64_t cache_limit;  /* bytes of converted tensors to keep there; 0: 8 GB */
  bool no_cache;         /* convert into private memory instead of the cache */
  FILE *notice;          /* one line when a named set is not found and is drawn instead; NULL = silent */
} DataEnv;

/* ---------------------------------------------------------------- options */

typedef enum { DATA_NUMBER, DATA_STRING, DATA_BOOL, DATA_NUMBERS, DATA_STRINGS } DataOptionKind;

/* One argument of the call, a compile-time value. */
typedef struct DataOption {
  const char *name; /* NULL when positional */
  uint8_t kind;
  uint32_t n;    /* DATA_NUMBERS, DATA_STRINGS */
  double number; /* DATA_NUMBER, DATA_BOOL (0 or 1) */
  const char *string;
  const double *numbers;
  const char *const *strings;
  Span span;
} DataOption;

/* ---------------------------------------------------------------- sources */

/* A stored tensor; axis 0 = rows. The value of an element is (stored * mul + add) / div, computed in the model's
 * float type: x in [0, 1] from bytes is mul 1, add 0, div 255, each result rounded once. */
typedef struct DataField {
  const char *name; /* "x" */
  uint8_t dtype;    /* as stored: DT_U8, DT_I32, DT_I64, DT_F32, DT_F64 */
  uint8_t rank;     /* >= 1 */
  bool integer;     /* values are i32 (labels, tokens), unscaled; else of the model's float type */
  int64_t dim[DATA_MAX_RANK];
  double mul, add, div;
  const void *bytes; /* row-major; NULL until data_load */
  struct DataStore *store;
} DataField;

typedef struct DataSplit {
  const char *name; /* "train"; NULL for the only split of a source without splits */
  int64_t rows;
  uint32_t n_fields;
  DataField *field;
} DataSplit;

/* A number the source knows, readable as d.NAME: `classes` (labels), `vocabulary` (text). */
typedef struct DataFact {
  const char *name;
  int64_t value;
} DataFact;

typedef struct DataSource {
  Arena mem;
  const char *kind;
  const char *origin; /* where it was found, for messages and config.json: a folder, a file, "digits (drawn)" */
  uint32_t n_splits;
  DataSplit *split;
  uint32_t n_facts;
  DataFact *fact;
  const DataEnv *env;       /* a copy; notice excluded */
  struct DataStore *stores; /* mappings and buffers to release */
} DataSource;

bool data_is_kind(const char *name);
/* NULL after diagnostics. `at` is the call. */
DataSource *data_open(const char *kind, const DataOption *option, uint32_t n, const DataEnv *env, DiagSink *sink,
                      Span at);
/* The field's bytes, read or converted on the first call and kept by the source; aligned to the dtype, DATA_TAIL
 * bytes readable behind the end. NULL after a diagnostic. */
const void *data_load(DataSource *d, DataField *f, DiagSink *sink, Span at);
/* The same without waiting for a conversion, which goes on in a thread of its own: the bytes may be read once data_wait
 * has said that all is well. */
const void *data_begin(DataSource *d, DataField *f, DiagSink *sink, Span at);
/* Waits for what data_begin began. False after diagnostics. */
bool data_wait(DataSource *d, DiagSink *sink);
/* NULL when there is none; name NULL finds the unnamed split. */
DataSplit *data_split_find(const DataSource *d, const char *name);
DataField *data_field_find(const DataSplit *s, const char *name);
void data_close(DataSource *d);

/* A source made of tensors in memory (`table`, `generate`): copies names and bytes. All have dim[0] rows. */
typedef struct DataTensor {
  const char *name;
  uint8_t dtype, rank;
  bool integer;
  int64_t dim[DATA_MAX_RANK];
  const void *bytes;
} DataTensor;
DataSource *data_memory(const char *kind, const DataTensor *tensor, uint32_t n, DiagSink *sink, Span at);

/* Postfix split(train = .8, test = .2): divides the rows of an unsplit source by a seeded permutation. Fractions are
 * positive and sum to at most 1; sizes are rounded so that fractions summing to 1 use every row. The seed belongs to
 * the model file (default 0), not to the run, so that a checkpoint never meets its training rows as test rows.
 * Returns d, or NULL after a diagnostic (d is then still the caller's). */
DataSource *data_divide(DataSource *d, const char *const *name, const double *fraction, uint32_t n, uint64_t seed,
                        DiagSink *sink, Span at);

/* Fetches the files of a named set ("mnist") into DIR/SET through the program curl and compares their digests; files
 * that are there and right are left alone. Progress on `out`. Returns an exit status. */
int data_fetch(const char *set, const char *dir, FILE *out, DiagSink *sink);

#endif
