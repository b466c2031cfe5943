/* Pictures: what is in the files, read back with libpng and as text. Set KEEP_PICTURES=DIR to look at them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "runtime/base/strbuf.h"
#include "runtime/data.h"
#include "runtime/picture.h"
#include "tests/support/files.h"
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

/* Fontconfig keeps its caches to the end; AddressSanitizer asks for this when the suite runs under it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libfontconfig"; }

static char *folder;
static DiagSink sink;

static int setup(void **state) {
  (void)state;
  const char *keep = getenv("KEEP_PICTURES");
  folder = keep ? strdup(keep) : folder_new();
  return 0;
}

static int teardown(void **state) {
  (void)state;
  if (getenv("KEEP_PICTURES"))
    free(folder);
  else
    folder_remove(folder);
  diag_sink_free(&sink);
  sink = (DiagSink){0};
  return 0;
}

static char *path_of(const char *name) {
  StrBuf s = {0};
  sb_printf(&s, "%s/%s", folder, name);
  return sb_take(&s);
}

static void no_errors(void) {
  if (sink.n_errors > 0) fail_msg("unexpected: %s", sink.diag.at[0].message);
}

/* The picture as gray bytes, heap. */
static uint8_t *read_gray(const char *path, png_image *image) {
  *image = (png_image){.version = PNG_IMAGE_VERSION};
  assert_true(png_image_begin_read_from_file(image, path));
  image->format = PNG_FORMAT_GRAY;
  uint8_t *p = malloc(PNG_IMAGE_SIZE(*image));
  assert_true(png_image_finish_read(image, NULL, p, 0, NULL));
  return p;
}

/* Two panels: the second begins where the first ends, and gray becomes colour beside a heat map. */
static void panels(void **state) {
  (void)state;
  static float x[784], map[4] = {0, 1, 2, 3};
  for (int i = 0; i < 784; i++) x[i] = 1;
  char *path = path_of("panels.png");
  PictureGrid heat = {.values = map, .dtype = DT_F32, .n = 1, .h = 2, .w = 2, .channels = 1, .heat = true};
  PictureGrid g = {.values = x, .dtype = DT_F32, .n = 1, .h = 28, .w = 28, .channels = 1, .next = &heat};
  assert_true(picture_grid(path, &g, &sink));
  png_image image;
  free(read_gray(path, &image));
  uint32_t first = 28 * (256 / 28) + 4, second = 2 * 16 + 4;
  assert_int_equal(image.width, first + second);
  assert_int_equal(image.height, first);
  free(path);
}

/* Three 28x28 images in a row of two: 2 x 28 pixels each, lines of 2 between them. */
static void grid(void **state) {
  (void)state;
  static float x[3 * 784];
  for (int i = 0; i < 784; i++) x[i] = 0, x[784 + i] = 1, x[1568 + i] = 0.5f;
  x[784 + 1] = NAN;
  char *path = path_of("grid.png");
  PictureGrid g = {.values = x, .dtype = DT_F32, .n = 3, .h = 28, .w = 28, .channels = 1, .columns = 2};
  assert_true(picture_grid(path, &g, &sink));
  png_image image;
  uint8_t *p = read_gray(path, &image);
  assert_int_equal(image.width, 2 + 2 * 58);
  assert_int_equal(image.height, 2 + 2 * 58);
#define AT(px, py) p[(py)*image.width + (px)]
  assert_int_equal(AT(2, 2), 0);
  assert_int_equal(AT(60, 2), 255);
  assert_int_equal(AT(62, 2), 0); /* the NaN */
  assert_int_equal(AT(64, 2), 255);
  assert_int_equal(AT(2, 60), 128);
  assert_int_equal(AT(1, 1), AT(100, 100)); /* line and empty place */
#undef AT
  free(p);
  free(path);
}

/* Values in [-1, 1] with a negative one use that range; others their own. */
static void ranges(void **state) {
  (void)state;
  static const double values[3][4] = {{-1, 0, 1, .5}, {0, .25, 1, .5}, {10, 20, 30, 20}};
  static const uint8_t second[3] = {128, 64, 128};
  char *path = path_of("range.png");
  for (int i = 0; i < 3; i++) {
    PictureGrid g = {.values = values[i], .dtype = DT_F64, .n = 1, .h = 1, .w = 4, .channels = 1};
    assert_true(picture_grid(path, &g, &sink));
    png_image image;
    uint8_t *p = read_gray(path, &image);
    uint32_t scale = (image.width - 4) / 4;
    assert_int_equal(p[2 * image.width + 2 + scale], second[i]);
    free(p);
  }
  free(path);
}

static void refused(void **state) {
  (void)state;
  PictureGrid g = {.values = "x", .dtype = DT_U8, .n = 1, .h = 1, .w = 1, .channels = 1};
  assert_false(picture_grid("/nowhere/at/all.png", &g, &sink));
  assert_int_equal(sink.exit_status, EXIT_FILES);
  g.channels = 2;
  char *path = path_of("no.png");
  assert_false(picture_grid(path, &g, &sink));
  g = (PictureGrid){.values = "x", .dtype = DT_U8, .n = 1, .h = INT64_C(1) << 40, .w = INT64_C(1) << 40, .channels = 1};
  assert_false(picture_grid(path, &g, &sink));
  g = (PictureGrid){.values = "", .dtype = DT_U8, .n = 0, .h = 1, .w = 1, .channels = 1};
  assert_false(picture_grid(path, &g, &sink));
  assert_null(picture_gif_new("/nowhere/at/all.gif", 100, &sink));
  Plot none = {0};
  assert_false(picture_plot(path, &none, &sink));
  assert_int_equal(sink.n_errors, 6);
  free(path);
}

/* Frames of a GIF: each is announced by an image descriptor of full size, and the file ends after every one. */
static void gif(void **state) {
  (void)state;
  static uint8_t x[5 * 64 * 3];
  for (int channels = 1; channels <= 3; channels += 2) {
    char *path = path_of(channels == 1 ? "gray.gif" : "color.gif");
    PictureGif *f = picture_gif_new(path, 100, &sink);
    PictureGrid g = {.values = x, .dtype = DT_U8, .n = 5, .h = 8, .w = 8, .channels = channels};
    size_t before = 0, n = 0;
    for (int k = 0; k < 4; k++) {
      for (int i = 0; i < 5 * 64 * channels; i++) x[i] = (uint8_t)(i * (k + 1) + 40 * (i % channels));
      assert_true(picture_gif_add(f, &g, &sink));
      char *bytes = file_read(path, &n);
      assert_memory_equal(bytes, "GIF89a", 6);
      assert_true(n > before && bytes[n - 1] == ';');
      before = n;
      free(bytes);
    }
    g.n = 2, g.columns = 2;
    assert_false(picture_gif_add(f, &g, &sink));
    picture_gif_free(f);
    char *bytes = file_read(path, &n);
    assert_int_equal(n, before);
    free(bytes);
    free(path);
  }
  assert_int_equal(sink.n_errors, 2);
}

/* A GIF cut back to its second frame and gone on with is the GIF made in one go, and whole at once. */
static void gif_gone_on_with(void **state) {
  (void)state;
  static uint8_t x[64];
  PictureGrid g = {.values = x, .dtype = DT_U8, .n = 1, .h = 8, .w = 8, .channels = 1};
  char *path[2] = {path_of("whole.gif"), path_of("parts.gif")};
  for (int parts = 0; parts < 2; parts++) {
    PictureGif *f = picture_gif_new(path[parts], 100, &sink);
    int64_t two = 0;
    bool kill = parts == 1;
    for (int k = 0; k < 4; k++) {
      for (int i = 0; i < 64; i++) x[i] = (uint8_t)(i * (k + 1));
      assert_true(picture_gif_add(f, &g, &sink));
      if (k == 1) two = picture_gif_bytes(f);
      if (k != 2 || !kill) continue;
      picture_gif_free(f); /* killed behind the third frame, resumed from the second */
      f = picture_gif_continue(path[parts], 100, two, &sink);
      assert_non_null(f);
      size_t n;
      char *bytes = file_read(path[parts], &n);
      assert_true((int64_t)n == two + 1 && bytes[two] == ';');
      free(bytes);
      kill = false, k = 1;
    }
    picture_gif_free(f);
  }
  size_t n, m;
  char *whole = file_read(path[0], &n), *resumed = file_read(path[1], &m);
  assert_true(n == m && memcmp(whole, resumed, n) == 0);
  free(whole), free(resumed), free(path[0]), free(path[1]);
}

static double curve[2][200], cloud[2][3000], one_gap[] = {3, 2, NAN, 1};
static int32_t klass[3000];
static double matrix[12 * 20];

static double noise(uint32_t i) {
  i = (i ^ 61 ^ i >> 16) * 9u;
  i = (i ^ i >> 4) * 0x27d4eb2du;
  return (double)(i ^ i >> 15) / 4294967296.0 - 0.5;
}

static void fill_series(void) {
  for (int i = 0; i < 200; i++) {
    curve[0][i] = 2.3 * exp(-i / 30.0) + 0.05 + 0.02 * noise((uint32_t)i);
    curve[1][i] = 2.3 * exp(-i / 45.0) + 0.08;
  }
  for (int i = 0; i < 3000; i++) {
    klass[i] = i % 10;
    double angle = 0.628 * klass[i];
    cloud[0][i] = 3 * cos(angle) + noise(7u * (uint32_t)i) + noise(7u * (uint32_t)i + 1);
    cloud[1][i] = 3 * sin(angle) + noise(7u * (uint32_t)i + 2) + noise(7u * (uint32_t)i + 3);
  }
  for (int i = 0; i < 240; i++) matrix[i] = sin(i % 20 * 0.4) * cos(i / 20 * 0.5);
}

/* Every kind of panel; the SVG holds vectors, the CSV the numbers. */
static void plots(void **state) {
  (void)state;
  fill_series();
  const PlotSeries lines[] = {{.label = "train loss", .y = curve[0], .n = 200},
                              {.label = "test loss", .y = curve[1], .n = 200}};
  const PlotSeries points = {.label = "z", .x = cloud[0], .y = cloud[1], .klass = klass, .n = 3000};
  const PlotSeries values[] = {{.label = "x", .x = cloud[0], .n = 3000},
                               {.label = "y, \"quoted\"", .x = cloud[1], .n = 1500}};
  const PlotSeries gap = {.label = "few", .y = one_gap, .n = 4};
  const PlotPanel panels[] = {
      {.kind = PLOT_LINES, .title = "loss", .x_label = "epoch", .y_label = "nats", .n_series = 2, .series = lines},
      {.kind = PLOT_LINES, .title = "loss (log)", .x_label = "epoch", .n_series = 2, .series = lines, .log_y = true},
      {.kind = PLOT_SCATTER, .title = "codes", .x_label = "z[0]", .y_label = "z[1]", .n_series = 1, .series = &points},
      {.kind = PLOT_HISTOGRAM, .title = "histogram", .n_series = 2, .series = values},
      {.kind = PLOT_HEATMAP,
       .title = "weights",
       .x_label = "column",
       .y_label = "row",
       .matrix = matrix,
       .rows = 12,
       .columns = 20},
      {.kind = PLOT_LINES, .title = "a gap", .n_series = 1, .series = &gap},
  };
  Plot plot = {.title = "every kind of panel", .n_panels = 6, .panel = panels};
  char *stem = path_of("plots");
  assert_true(picture_plot(stem, &plot, &sink));
  no_errors();
  char *csv_path = path_of("plots.csv"), *svg_path = path_of("plots.svg"), *png_path = path_of("plots.png");
  size_t n;
  char *csv = file_read(csv_path, &n);
  assert_int_equal(strncmp(csv, "panel,series,x,y,class\n0,\"train loss\",0,", 40), 0);
  assert_non_null(strstr(csv, "\n3,\"y, \"\"quoted\"\"\","));
  assert_non_null(strstr(csv, "\n4,0,0,0,\n"));
  assert_non_null(strstr(csv, "\n5,\"few\",2,nan,\n"));
  char *svg = file_read(svg_path, &n);
  assert_non_null(strstr(svg, "<svg "));
  assert_non_null(strstr(svg, "<path "));
  png_image image;
  uint8_t *p = read_gray(png_path, &image);
  uint64_t dark = 0;
  for (size_t i = 0; i < PNG_IMAGE_SIZE(image); i++) dark += p[i] < 128;
  assert_int_equal(image.width, 3 * 480 * 3 / 2);
  assert_true(dark > 20000);
  free(csv), free(svg), free(p), free(csv_path), free(svg_path), free(png_path), free(stem);
}

/* Nothing to draw, one value, values that are not finite: axes that make sense, no crash. */
static void odd_numbers(void **state) {
  (void)state;
  static const double same[] = {5, 5, 5}, bad[] = {NAN, INFINITY, -INFINITY}, huge[] = {-1e300, 1e300},
                      tiny[] = {1e-300, 2e-300};
  const PlotSeries s[] = {{.y = same, .x = same, .n = 3},
                          {.y = bad, .x = bad, .n = 3},
                          {.y = huge, .x = huge, .n = 2},
                          {.y = tiny, .x = tiny, .n = 2},
                          {.y = same, .x = same, .n = 0}};
  for (int k = 0; k < 5; k++) {
    const PlotPanel panels[] = {{.kind = PLOT_LINES, .n_series = 1, .series = &s[k]},
                                {.kind = PLOT_LINES, .n_series = 1, .series = &s[k], .log_y = true},
                                {.kind = PLOT_SCATTER, .n_series = 1, .series = &s[k]},
                                {.kind = PLOT_HISTOGRAM, .n_series = 1, .series = &s[k]},
                                {.kind = PLOT_HEATMAP, .matrix = bad, .rows = 1, .columns = 3},
                                {.kind = PLOT_LINES}};
    Plot plot = {.n_panels = 6, .panel = panels};
    char *stem = path_of("odd");
    assert_true(picture_plot(stem, &plot, &sink));
    free(stem);
  }
  no_errors();
}

/* Of a curve with more points than the picture shows, extremes stay: one spike reaches the top. Four panels stand as a
 * square, and the same drawing is the same SVG, whatever was drawn before. */
static void long_curves(void **state) {
  (void)state;
  enum { points = 100000 };
  static double y[points];
  y[77777] = 1;
  const PlotSeries line = {.y = y, .n = points};
  const PlotPanel panel = {
      .kind = PLOT_LINES,
      .n_series = 1,
      .series = &line,
      .title = "a title wider than its panel "
               "is made smaller and cut where nobody could read it any more, which is here at the latest"};
  const PlotPanel four[] = {panel, panel, panel, panel};
  const Plot plots[] = {
      {.n_panels = 1, .panel = &panel}, {.n_panels = 4, .panel = four}, {.n_panels = 1, .panel = &panel}};
  char *svg[3], *stem = path_of("long"), *svg_path = path_of("long.svg"), *png_path = path_of("long.png");
  size_t n[3];
  png_image image;
  for (int k = 0; k < 3; k++) {
    assert_true(picture_plot(stem, &plots[k], &sink));
    svg[k] = file_read(svg_path, &n[k]);
    uint8_t *p = read_gray(png_path, &image);
    assert_int_equal(image.width, (k == 1 ? 2 : 1) * 480 * 3 / 2);
    uint32_t row = 60, dark = 0; /* pixels below the top of the frame */
    for (uint32_t x = 0; x < image.width; x++) dark += p[row * image.width + x] < 160;
    assert_true(dark > (k == 1 ? 5 : 2)); /* the frame's sides and the spike */
    free(p);
  }
  assert_true(n[0] < 100000 && n[0] == n[2] && memcmp(svg[0], svg[2], n[0]) == 0);
  for (int k = 0; k < 3; k++) free(svg[k]);
  free(stem), free(svg_path), free(png_path);
}

/* The drawn digits as a grid: for the eye. */
static void digits(void **state) {
  (void)state;
  DataEnv env = {.no_cache = true};
  DataOption o[] = {{.kind = DATA_STRING, .string = "digits"}, {.name = "n", .kind = DATA_NUMBER, .number = 100}};
  DataSource *d = data_open("dataset", o, 2, &env, &sink, SPAN_NONE);
  DataField *x = data_field_find(data_split_find(d, "train"), "x");
  PictureGrid g = {
      .values = data_load(d, x, &sink, SPAN_NONE), .dtype = DT_U8, .n = 100, .h = 28, .w = 28, .channels = 1};
  char *path = path_of("digits.png");
  assert_true(picture_grid(path, &g, &sink));
  no_errors();
  free(path);
  data_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
      T(grid),  T(panels),      T(ranges),      T(refused), T(gif), T(gif_gone_on_with),
      T(plots), T(odd_numbers), T(long_curves), T(digits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
