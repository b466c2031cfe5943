/* Named data sets: dataset("mnist"). Looked for in --data, $SEPPO_DATA and ./data, each holding a folder of the set's
 * name or the files themselves. */
#include "runtime/data/sets.h"
#include "runtime/data/idx.h"
#include <string.h>

/* The first folder among those searched that `has` the set, itself or in a folder of the set's name; NULL if none. */
static const char *set_folder(DataCall *c, const char *set, bool (*has)(DataCall *, const char *)) {
  const char *folder[3];
  uint32_t n = data_folders(c, folder);
  for (uint32_t i = 0; i < n; i++) {
    const char *own = arena_printf(&c->d->mem, "%s/%s", folder[i], set);
    if (has(c, own)) return own;
    if (has(c, folder[i])) return folder[i];
  }
  return NULL;
}

/* ---------------------------------------------------------------- MNIST */

typedef struct MnistFile {
  const char *split, *field, *stem, *kind;
} MnistFile;

static const MnistFile mnist_files[4] = {{"train", "x", "train-images", "idx3-ubyte"},
                                         {"train", "label", "train-labels", "idx1-ubyte"},
                                         {"test", "x", "t10k-images", "idx3-ubyte"},
                                         {"test", "label", "t10k-labels", "idx1-ubyte"}};

/* The file in this folder under any of its usual names, or NULL. */
static const char *mnist_file(DataCall *c, const char *folder, const MnistFile *f) {
  static const char *const forms[] = {"%s/%s-%s.gz", "%s/%s-%s", "%s/%s.%s.gz", "%s/%s.%s"};
  for (uint32_t i = 0; i < 4; i++) {
    char path[4096];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int n = snprintf(path, sizeof path, forms[i], folder, f->stem, f->kind);
#pragma GCC diagnostic pop
    if (n > 0 && (size_t)n < sizeof path && file_exists(path)) return arena_strdup(&c->d->mem, path);
  }
  return NULL;
}

static bool mnist_in(DataCall *c, const char *folder) {
  for (uint32_t i = 0; i < 4; i++)
    if (mnist_file(c, folder, &mnist_files[i])) return true;
  return false;
}

/* Images [n, 28, 28] become rows of 784. */
static bool mnist_field(DataCall *c, const char *folder, const MnistFile *f) {
  const char *path = mnist_file(c, folder, f);
  if (!path) return data_missing(c, "%s has no %s-%s (plain or .gz)", folder, f->stem, f->kind);
  DataShape shape;
  DataStore *store = idx_store(c, path, &shape);
  if (!store) return false;
  bool images = strcmp(f->field, "x") == 0;
  if (shape.dtype != DT_U8 || shape.rank != (images ? 3 : 1))
    return data_broken(c, path, "expected %s, found shape %s", images ? "images u8[n, h, w]" : "labels u8[n]",
                       data_shape_text(c, shape.rank, shape.dim));
  if (images) {
    shape.dim[1] *= shape.dim[2];
    shape.rank = 2;
  }
  DataSplit *split = data_split_find(c->d, f->split);
  if (!split) split = source_add_split(c, f->split, shape.dim[0]);
  split_add_field(c, split, f->field, &shape, store);
  return split_check_rows(c, split);
}

static bool mnist_from(DataCall *c, const DataOptions *o, const char *folder) {
  static const double unit[2] = {0, 1};
  for (uint32_t i = 0; i < 4; i++)
    if (!mnist_field(c, folder, &mnist_files[i])) return false;
  c->d->origin = folder;
  source_add_fact(c, "classes", 10);
  return source_shape(c, o, "x") && source_scale(c, o, "x", unit);
}

bool mnist_open(DataCall *c, const DataOptions *o) {
  const char *named = option_string(o, NULL, NULL);
  if (named) {
    const char *folder = file_find(c, named);
    return folder && mnist_from(c, o, folder);
  }
  if (c->d->env->data_dir && !folder_exists(c->d->env->data_dir))
    return data_missing(c, "no folder `%s` (from --data)", c->d->env->data_dir);
  const char *folder = set_folder(c, "mnist", mnist_in);
  if (folder) return mnist_from(c, o, folder);
  if (c->d->env->notice)
    fputs("seppo: no MNIST in --data, $SEPPO_DATA or ./data: using the built-in drawn digits instead "
          "(`seppo data mnist --out data` fetches the real set)\n",
          c->d->env->notice);
  return digits_open(c, o);
}

/* ---------------------------------------------------------------- CIFAR-10 */

bool cifar_open(DataCall *c, const DataOptions *o) {
  const char *named = option_string(o, NULL, NULL);
  const char *folder = named ? file_find(c, named) : set_folder(c, "cifar10", cifar_in);
  if (folder) return cifar_from(c, o, folder);
  if (!named) data_missing(c, "no CIFAR-10 files (data_batch_1.bin, ...) in --data, $SEPPO_DATA or ./data");
  return false;
}

/* ---------------------------------------------------------------- by name */

typedef struct NamedSet {
  const char *name, *kind; /* the row of the table that opens it and knows its options */
} NamedSet;

static const NamedSet sets[] = {{"mnist", "mnist"}, {"digits", "digits"}, {"cifar10", "cifar"}};

bool dataset_open(DataCall *c, const DataOptions *o) {
  enum { N = sizeof sets / sizeof *sets };
  const DataOption *name = option_find(o, NULL);
  const char *names[N];
  DataOption rest[8];
  DataOptions others = {rest, 0};
  for (uint32_t i = 0; i < o->n; i++)
    if (&o->at[i] != name) rest[others.n++] = o->at[i]; /* checked: each of the row's options at most once */
  for (uint32_t i = 0; i < N; i++) {
    if (strcmp(sets[i].name, name->string) == 0)
      return options_check(c, data_kind(sets[i].kind), &others) && data_kind(sets[i].kind)->open(c, &others);
    names[i] = sets[i].name;
  }
  data_misuse(c, name->span, "no data set `%s`", name->string);
  const char *near = diag_nearest(name->string, names, N);
  if (near) diag_hint(c->sink, "did you mean `%s`?", near);
  return false;
}
