/* A folder of PNG pictures of one size: FOLDER/{train,test}/CLASS/x.png, FOLDER/CLASS/x.png or FOLDER/x.png. Classes
 * are numbered by name. Pictures are decoded once (libpng) and kept in the cache. */
#include "runtime/data/formats.h"
#include <dirent.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Picture {
  const char *path;
  int32_t class;
} Picture;

typedef Vec(Picture) Pictures;
typedef Vec(const char *) Names;

typedef struct Folder {
  const char *name;
  Pictures pictures;
  Names classes;
} Folder;

typedef struct Album {
  const Picture *picture;
  int64_t n;
  int64_t width, height, channels;
  const char *key;
  DataShape shape;
} Album;

/* ---------------------------------------------------------------- listing */

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Entries of the folder in order, folders or PNG files. */
static void list(DataCall *c, const char *folder, bool folders, Names *out) {
  DIR *d = opendir(folder);
  if (!d) return;
  for (struct dirent *e; (e = readdir(d));) {
    if (e->d_name[0] == '.') continue;
    const char *path = arena_printf(&c->d->mem, "%s/%s", folder, e->d_name);
    const char *dot = strrchr(e->d_name, '.');
    bool png = dot && strcasecmp(dot, ".png") == 0;
    if (folders ? folder_exists(path) : png && file_exists(path)) vec_push(out, arena_strdup(&c->d->mem, e->d_name));
  }
  closedir(d);
  if (out->n > 0) qsort(out->at, out->n, sizeof *out->at, by_name);
}

static void add_pictures(DataCall *c, const char *folder, int32_t class, Pictures *out) {
  Names files = {0};
  list(c, folder, false, &files);
  for (uint32_t i = 0; i < files.n; i++)
    vec_push(out, ((Picture){arena_printf(&c->d->mem, "%s/%s", folder, files.at[i]), class}));
  vec_free(&files);
}

/* Subfolders are classes; without any, the pictures lie in the folder itself and have no label. */
static void read_folder(DataCall *c, const char *folder, Folder *out) {
  list(c, folder, true, &out->classes);
  for (uint32_t i = 0; i < out->classes.n; i++)
    add_pictures(c, arena_printf(&c->d->mem, "%s/%s", folder, out->classes.at[i]), (int32_t)i, &out->pictures);
  if (out->classes.n == 0) add_pictures(c, folder, 0, &out->pictures);
}

/* ---------------------------------------------------------------- decoding */

/* Opens the file as a picture; release with png_image_free and file_close. */
static bool picture_open(DataCall *c, const char *path, FileView *v, png_image *image) {
  memset(image, 0, sizeof *image);
  image->version = PNG_IMAGE_VERSION;
  if (!file_view(c, path, v)) return false;
  if (png_image_begin_read_from_memory(image, v->bytes, v->n)) return true;
  data_broken(c, path, "not a PNG picture: %s", image->message);
  png_image_free(image);
  file_close(v);
  return false;
}

static bool decode(DataCall *c, const Album *a, const char *path, uint8_t *out) {
  FileView v;
  png_image image;
  if (!picture_open(c, path, &v, &image)) return false;
  bool ok = image.width == a->width && image.height == a->height;
  if (!ok)
    data_broken(c, path, "is %ux%u where the first picture is %lldx%lld", image.width, image.height,
                (long long)a->width, (long long)a->height);
  image.format = a->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_color black = {0, 0, 0};
  if (ok && !png_image_finish_read(&image, &black, out, 0, NULL)) ok = data_broken(c, path, "%s", image.message);
  png_image_free(&image);
  file_close(&v);
  return ok;
}

static bool fill(DataCall *c, void *out, void *arg) {
  const Album *a = arg;
  for (int64_t i = 0; i < a->n; i++)
    if (!decode(c, a, a->picture[i].path, (uint8_t *)out + i * a->width * a->height * a->channels)) return false;
  return true;
}

static bool load(DataCall *c, DataStore *s) {
  Album *a = s->detail;
  return cache_fill(c, a->key, &a->shape, s, fill, a);
}

/* ---------------------------------------------------------------- splits */

/* Size and colour of the first picture of all. */
static bool measure(DataCall *c, const DataOptions *o, const char *path, Album *a) {
  FileView v;
  png_image image;
  if (!picture_open(c, path, &v, &image)) return false;
  double channels = option_number(o, "channels", image.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1);
  *a = (Album){.width = image.width, .height = image.height, .channels = (int64_t)channels};
  png_image_free(&image);
  file_close(&v);
  if (channels == 1 || channels == 3) return true;
  return data_misuse(c, option_find(o, "channels")->span, "`channels` must be 1 or 3");
}

/* A hash of every file's name, size and time of change. */
static const char *album_key(DataCall *c, const Pictures *p, int64_t channels) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (uint32_t i = 0; i < p->n; i++) {
    FileView v = {.path = p->at[i].path};
    DataCall quiet = {c->d, &(DiagSink){{0}}, c->at};
    if (!file_view(&quiet, v.path, &v)) {
      diag_sink_free(quiet.sink);
      continue;
    }
    const char *key = data_cache_key(c, "", &v);
    for (const char *s = key; *s; s++) h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
    file_close(&v);
  }
  return arena_printf(&c->d->mem, "images %lld\n%s\n%u\n%016llx", (long long)channels, p->at[0].path, p->n,
                      (unsigned long long)h);
}

static bool add_labels(DataCall *c, DataSplit *split, const Folder *f) {
  DataStore *store = store_new(c, NULL, NULL);
  int32_t *label = store_alloc(c, store, (uint64_t)f->pictures.n * sizeof *label);
  if (!label) return false;
  for (uint32_t i = 0; i < f->pictures.n; i++) label[i] = f->pictures.at[i].class;
  store->bytes = label;
  split_add_field(c, split, "label", &(DataShape){DT_I32, 1, {f->pictures.n}}, store);
  return true;
}

static bool add_split(DataCall *c, const Folder *f, const Album *size) {
  Album *a = arena_memdup(&c->d->mem, size, sizeof *size);
  a->n = f->pictures.n;
  a->picture = arena_memdup(&c->d->mem, f->pictures.at, sizeof(Picture) * f->pictures.n);
  a->key = album_key(c, &f->pictures, a->channels);
  a->shape = (DataShape){DT_U8, 4, {a->n, a->height, a->width, a->channels}};
  if (shape_elements(4, a->shape.dim) < 0) return data_broken(c, a->picture[0].path, "absurd size");
  DataSplit *split = source_add_split(c, f->name, a->n);
  DataStore *store = store_new(c, load, a);
  DataShape known;
  cache_lookup(c, a->key, &known, store);
  split_add_field(c, split, "x", &a->shape, store);
  return f->classes.n == 0 || add_labels(c, split, f);
}

/* The same classes in every split, or their numbers would mean different things. */
static bool same_classes(DataCall *c, const Folder *f, uint32_t n) {
  for (uint32_t i = 1; i < n; i++) {
    bool same = f[i].classes.n == f[0].classes.n;
    for (uint32_t k = 0; same && k < f[0].classes.n; k++) same = strcmp(f[i].classes.at[k], f[0].classes.at[k]) == 0;
    if (!same) return data_missing(c, "the folders `%s` and `%s` hold different classes", f[0].name, f[i].name);
  }
  return true;
}

static bool add_all(DataCall *c, const DataOptions *o, const char *path, const Folder *f, uint32_t n) {
  static const double unit[2] = {0, 1};
  Album size;
  for (uint32_t i = 0; i < n; i++)
    if (f[i].pictures.n == 0)
      return data_missing(c, "%s%s%s holds no PNG pictures", path, f[i].name ? "/" : "", f[i].name ? f[i].name : "");
  if (!same_classes(c, f, n) || !measure(c, o, f[0].pictures.at[0].path, &size)) return false;
  for (uint32_t i = 0; i < n; i++)
    if (!add_split(c, &f[i], &size)) return false;
  if (f[0].classes.n > 0) source_add_fact(c, "classes", f[0].classes.n);
  return source_shape(c, o, "x") && source_scale(c, o, "x", unit);
}

bool format_images(DataCall *c, const DataOptions *o) {
  const char *path = file_find(c, option_string(o, NULL, NULL));
  if (!path) return false;
  if (!folder_exists(path)) return data_missing(c, "`%s` is not a folder", path);
  static const char *const splits[] = {"train", "test"};
  Folder f[2] = {{0}};
  uint32_t n = 0;
  for (uint32_t i = 0; i < 2; i++) {
    const char *sub = arena_printf(&c->d->mem, "%s/%s", path, splits[i]);
    if (!folder_exists(sub)) continue;
    f[n].name = splits[i];
    read_folder(c, sub, &f[n++]);
  }
  if (n == 0) read_folder(c, path, &f[n++]);
  c->d->origin = path;
  bool ok = add_all(c, o, path, f, n);
  for (uint32_t i = 0; i < n; i++) {
    vec_free(&f[i].pictures);
    vec_free(&f[i].classes);
  }
  return ok;
}
