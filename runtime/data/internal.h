/* What the readers of runtime/data share: a call in progress, byte stores, options, errors. */
#ifndef SEPPO_RUNTIME_DATA_INTERNAL_H
#define SEPPO_RUNTIME_DATA_INTERNAL_H

#include "runtime/base/strbuf.h"
#include "runtime/data.h"

/* One data_open or data_load: whose memory to use, where errors go. */
typedef struct DataCall {
  DataSource *d;
  DiagSink *sink;
  Span at;
  bool later; /* a conversion may go on in a thread of its own when the call returns (data_begin) */
} DataCall;

/* ---------------------------------------------------------------- errors: each adds one diagnostic, returns false */

bool data_misuse(DataCall *c, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool data_missing(DataCall *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "PATH: message" */
bool data_broken(DataCall *c, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* ---------------------------------------------------------------- shapes */

typedef struct DataShape {
  uint8_t dtype, rank;
  int64_t dim[DATA_MAX_RANK];
} DataShape;

/* Product of the extents, or -1 when one is negative or the product of those that are not 0 exceeds 2^40. */
int64_t shape_elements(uint32_t rank, const int64_t *dim);
/* "[60000, 28, 28]" in the source's arena. */
const char *data_shape_text(DataCall *c, uint32_t rank, const int64_t *dim);

/* ---------------------------------------------------------------- stores: the bytes behind fields */

typedef struct DataStore DataStore;
/* Makes s->bytes valid; false after a diagnostic. */
typedef bool (*StoreLoad)(DataCall *c, DataStore *s);
struct DataStore {
  DataStore *next; /* all stores of a source, for data_close */
  void *map;
  size_t map_bytes;
  const void *bytes;          /* NULL until loaded */
  StoreLoad load;             /* NULL when bytes are there from the start */
  void *detail;               /* of the reader */
  struct Filling *filling;    /* the conversion under way that makes the bytes; NULL: they are complete */
  struct Filling *committing; /* the entry of the cache that is being written to disk */
};

DataStore *store_new(DataCall *c, StoreLoad load, void *detail);
/* Zeroed private memory with DATA_TAIL behind it; NULL after a diagnostic. */
void *store_alloc(DataCall *c, DataStore *s, uint64_t bytes);

/* ---------------------------------------------------------------- files */

/* A whole file, mapped read-only, DATA_TAIL readable bytes behind it. */
typedef struct FileView {
  const char *path;
  const uint8_t *bytes;
  size_t n;
  int64_t mtime_ns;
  void *map;
  size_t map_bytes;
} FileView;

/* The path to open: as given when absolute; else in the model's folder, --data, $SEPPO_DATA, ./data, the current
 * folder. NULL after a diagnostic that lists them. */
const char *file_find(DataCall *c, const char *name);
bool file_exists(const char *path);
bool folder_exists(const char *path);
/* The folders searched for named sets, in order: --data, $SEPPO_DATA, ./data; those not given are left out. */
uint32_t data_folders(DataCall *c, const char *folder[3]);
bool file_view(DataCall *c, const char *path, FileView *out);
void file_close(FileView *v);
/* Hands the mapping over to the store, whose bytes then start `offset` into the file. */
void file_keep(FileView *v, DataStore *s, size_t offset);

bool gz_is(const FileView *v);
/* First n bytes of the inflated stream; false (no diagnostic) when there are fewer. */
bool gz_peek(const FileView *v, void *out, size_t n);
/* Skips `skip` inflated bytes, writes exactly `n` to out, checks that the stream ends there and its checksum. */
bool gz_inflate(DataCall *c, const FileView *v, uint64_t skip, void *out, uint64_t n);
/* Everything, on the heap, with a NUL behind it. */
char *gz_inflate_all(DataCall *c, const FileView *v, size_t *n);
/* The whole file, inflated when it is gzipped; heap or view. Release with text_close. */
typedef struct FileText {
  FileView view;
  const char *s;
  size_t n;
  char *heap;
} FileText;
bool file_text(DataCall *c, const char *path, FileText *out);
void text_close(FileText *t);

/* ---------------------------------------------------------------- cache of converted tensors */

/* Writes the payload to `out`; false after a diagnostic. */
typedef bool (*CacheFill)(DataCall *c, void *out, void *arg);
/* Identifies a conversion of a file: variant, path, size and time of change. */
const char *data_cache_key(DataCall *c, const char *variant, const FileView *v);
/* Maps the entry into the store when there is one. */
bool cache_lookup(DataCall *c, const char *key, DataShape *shape, DataStore *s);
/* Waits for the store's conversion, if there is one under way. False after its diagnostics; there are no bytes then. */
bool cache_join(DataCall *c, DataStore *s);
/* Waits until the store's new entry, if there is one, is on disk. */
void cache_end(DataStore *s);
/* Fills a new entry (or private memory where the cache cannot be written) and maps it into the store. `fill` writes
 * to nothing but `out`, and the key, the shape and arg live as long as the source. */
bool cache_fill(DataCall *c, const char *key, const DataShape *shape, DataStore *s, CacheFill fill, void *arg);

/* ---------------------------------------------------------------- options */

typedef struct DataOptions {
  const DataOption *at;
  uint32_t n;
} DataOptions;

const DataOption *option_find(const DataOptions *o, const char *name); /* NULL name: the positional one */
const char *option_string(const DataOptions *o, const char *name, const char *otherwise);
double option_number(const DataOptions *o, const char *name, double otherwise);

/* A row of the table of kinds. */
typedef struct OptionSpec {
  const char *name;  /* NULL: the positional argument; "*": any other name */
  uint32_t accepted; /* bit 1 << DataOptionKind */
} OptionSpec;
typedef struct DataKind {
  const char *name;
  bool needs_positional;
  OptionSpec option[8]; /* up to the first row that accepts nothing */
  bool (*open)(DataCall *c, const DataOptions *o);
} DataKind;
extern const DataKind data_kinds[];
extern const uint32_t n_data_kinds;
/* NULL when there is none of this name. */
const DataKind *data_kind(const char *name);
/* Names and types of the options against the row. */
bool options_check(DataCall *c, const DataKind *kind, const DataOptions *o);

bool idx_open(DataCall *c, const DataOptions *o);
bool npy_open(DataCall *c, const DataOptions *o);
bool npz_open(DataCall *c, const DataOptions *o);
bool csv_open(DataCall *c, const DataOptions *o);
bool cifar_open(DataCall *c, const DataOptions *o);
bool images_open(DataCall *c, const DataOptions *o);
bool text_open(DataCall *c, const DataOptions *o);
bool digits_open(DataCall *c, const DataOptions *o);
bool mnist_open(DataCall *c, const DataOptions *o);
bool dataset_open(DataCall *c, const DataOptions *o);

/* ---------------------------------------------------------------- building the source */

/* Appends; pointers stay valid only until the next call. */
DataSplit *source_add_split(DataCall *c, const char *name, int64_t rows);
/* Values are the stored numbers (mul 1, add 0, div 1). */
DataField *split_add_field(DataCall *c, DataSplit *s, const char *name, const DataShape *shape, DataStore *store);
void source_add_fact(DataCall *c, const char *name, int64_t value);
/* KIND("file") or KIND(a = "file", b = "file"): one split with a field a file, `x` when it has no name. NULL after a
 * diagnostic. */
typedef DataStore *(*StoreFn)(DataCall *c, const char *path, DataShape *shape);
DataSplit *source_of_files(DataCall *c, const DataOptions *o, const char *kind, StoreFn store);
/* Checks that all fields of the split have its number of rows. */
bool split_check_rows(DataCall *c, const DataSplit *s);

/* Applies the options `scale` and `shape` to the field `name` of every split; `otherwise` is the scale when none is
 * asked for: NULL, or the range {lo, hi}. */
bool source_shape(DataCall *c, const DataOptions *o, const char *name);
bool source_scale(DataCall *c, const DataOptions *o, const char *name, const double *otherwise);

#endif
