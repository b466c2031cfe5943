/* Drawn digits: a stand-in for MNIST where there is none. 28x28 bytes, ten classes.
 *
 * Each image is a glyph (strokes through control points, one of a few styles a class) whose points are jittered, then
 * bent, sheared, turned and scaled, drawn with a pen of random width and softness, dimmed and speckled. Image i of a
 * seed depends on (seed, i) alone. Only +, -, *, / and sqrt are used, so every machine draws the same bytes. */
#include "runtime/data/internal.h"
#include "runtime/random.h"
#include <math.h>
#include <string.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE, MAX_POINTS = 12, SPANS = 5 };

typedef struct Point {
  float x, y;
} Point;

/* Smooth curve through its points, in a box of 100 x 100, y down. A repeated point makes a corner. */
typedef struct Stroke {
  uint8_t n;
  uint8_t at[MAX_POINTS][2];
} Stroke;
typedef struct Glyph {
  uint8_t digit, n;
  Stroke stroke[3];
} Glyph;

static const Glyph glyphs[] = {
    {0, 1, {{9, {{50, 4}, {24, 18}, {14, 50}, {24, 82}, {50, 96}, {76, 82}, {86, 50}, {76, 18}, {50, 4}}}}},
    {0, 1, {{9, {{60, 6}, {34, 12}, {20, 44}, {26, 80}, {48, 95}, {72, 80}, {80, 46}, {70, 16}, {48, 8}}}}},
    {1, 1, {{2, {{50, 4}, {50, 96}}}}},
    {1, 1, {{4, {{30, 24}, {54, 4}, {54, 4}, {54, 96}}}}},
    {1, 2, {{4, {{32, 22}, {52, 4}, {52, 4}, {52, 95}}}, {2, {{30, 95}, {74, 95}}}}},
    {2, 1, {{9, {{20, 26}, {34, 7}, {62, 6}, {78, 26}, {66, 52}, {36, 78}, {18, 94}, {18, 94}, {84, 94}}}}},
    {2, 1, {{10, {{22, 22}, {46, 4}, {74, 18}, {70, 46}, {40, 84}, {18, 90}, {18, 74}, {40, 78}, {62, 94}, {86, 88}}}}},
    {3, 1, {{9, {{20, 16}, {48, 4}, {74, 20}, {62, 42}, {40, 48}, {70, 56}, {80, 78}, {52, 96}, {18, 84}}}}},
    {3, 1, {{9, {{20, 6}, {76, 6}, {76, 6}, {44, 42}, {44, 42}, {74, 54}, {78, 80}, {50, 96}, {18, 86}}}}},
    {4, 2, {{5, {{58, 4}, {16, 62}, {16, 62}, {88, 62}, {88, 62}}}, {2, {{66, 34}, {66, 97}}}}},
    {4, 2, {{5, {{24, 6}, {18, 48}, {26, 54}, {50, 54}, {78, 50}}}, {2, {{76, 4}, {70, 97}}}}},
    {5,
     2,
     {{8, {{28, 6}, {24, 44}, {24, 44}, {54, 38}, {80, 58}, {76, 84}, {46, 96}, {16, 86}}}, {2, {{28, 6}, {80, 6}}}}},
    {5, 1, {{10, {{80, 8}, {34, 8}, {34, 8}, {26, 44}, {26, 44}, {58, 40}, {80, 62}, {70, 88}, {42, 96}, {18, 86}}}}},
    {6, 1, {{10, {{70, 6}, {36, 22}, {18, 56}, {22, 84}, {48, 96}, {76, 86}, {78, 62}, {54, 50}, {28, 62}, {20, 74}}}}},
    {6, 1, {{9, {{54, 4}, {30, 34}, {20, 70}, {38, 95}, {68, 92}, {78, 72}, {62, 54}, {38, 58}, {24, 76}}}}},
    {7, 1, {{5, {{16, 8}, {82, 8}, {82, 8}, {54, 46}, {40, 96}}}}},
    {7, 2, {{5, {{18, 10}, {80, 7}, {80, 7}, {56, 50}, {44, 96}}}, {2, {{34, 52}, {74, 50}}}}},
    {8,
     1,
     {{12,
       {{50, 48},
        {26, 34},
        {28, 12},
        {52, 4},
        {74, 14},
        {72, 34},
        {50, 48},
        {22, 70},
        {32, 94},
        {70, 94},
        {80, 70},
        {50, 48}}}}},
    {8,
     2,
     {{7, {{50, 4}, {28, 14}, {30, 38}, {50, 46}, {70, 36}, {72, 14}, {50, 4}}},
      {7, {{50, 46}, {22, 58}, {20, 84}, {50, 96}, {80, 84}, {78, 58}, {50, 46}}}}},
    {9, 1, {{9, {{76, 30}, {62, 8}, {34, 8}, {20, 30}, {34, 50}, {62, 48}, {76, 30}, {74, 62}, {64, 97}}}}},
    {9, 1, {{10, {{74, 22}, {50, 4}, {24, 18}, {26, 42}, {54, 48}, {74, 28}, {78, 20}, {78, 66}, {56, 95}, {26, 90}}}}},
};
enum { N_GLYPHS = sizeof glyphs / sizeof *glyphs };

/* ---------------------------------------------------------------- chance */

/* The words of Philox blocks 0, 1, ... of a key, one after the other. */
typedef struct Draws {
  uint64_t key, block;
  uint32_t left, word[4];
} Draws;

static float uniform(Draws *d, float lo, float hi) {
  if (d->left == 0) {
    random_block(d->key, 0, d->block++, d->word);
    d->left = 4;
  }
  return lo + (hi - lo) * ((float)(d->word[--d->left] >> 8) * 0x1p-24f);
}

/* Bell-shaped on (-2.4, 2.4) with standard deviation near 0.7. */
static float bell(Draws *d) {
  float sum = 0;
  for (int i = 0; i < 4; i++) sum += uniform(d, -0.5f, 0.5f);
  return sum * 1.2f;
}

/* ---------------------------------------------------------------- shape of one image */

typedef struct Pen {
  float a, b, c, d, x, y; /* box to pixels: x' = a u + b v + x, y' = c u + d v + y, u and v from -0.5 to 0.5 */
  float bend_x, bend_y;   /* quadratic bending */
  float jitter;
  float radius, softness, ink;
} Pen;

static Pen draw_pen(Draws *d) {
  float s = uniform(d, -0.42f, 0.42f), sine = s - s * s * s / 6, cosine = sqrtf(1 - sine * sine);
  float shear = 0.30f * bell(d), width = uniform(d, 9.5f, 19.5f), height = uniform(d, 14.5f, 21.5f);
  Pen p = {.a = cosine * width,
           .b = (cosine * shear - sine) * height,
           .c = sine * width,
           .d = (sine * shear + cosine) * height};
  p.x = SIDE / 2.0f + 1.7f * bell(d);
  p.y = SIDE / 2.0f + 1.7f * bell(d);
  p.bend_x = 0.34f * bell(d);
  p.bend_y = 0.26f * bell(d);
  p.jitter = uniform(d, 0.02f, 0.085f);
  p.radius = uniform(d, 0.75f, 2.0f);
  p.softness = uniform(d, 0.7f, 1.8f);
  p.ink = uniform(d, 170, 255);
  return p;
}

static Point place(const Pen *p, Draws *d, const uint8_t at[2]) {
  float u = at[0] * 0.01f - 0.5f + p->jitter * bell(d), v = at[1] * 0.01f - 0.5f + p->jitter * bell(d);
  u += p->bend_x * (v * v - 0.08f);
  v += p->bend_y * (u * u - 0.08f);
  return (Point){p->a * u + p->b * v + p->x, p->c * u + p->d * v + p->y};
}

/* Catmull-Rom spline between q and r with neighbours p and s. */
static Point spline(Point p, Point q, Point r, Point s, float t) {
  float t2 = t * t, t3 = t2 * t;
  float wp = 0.5f * (-t3 + 2 * t2 - t), wq = 0.5f * (3 * t3 - 5 * t2 + 2);
  float wr = 0.5f * (-3 * t3 + 4 * t2 + t), ws = 0.5f * (t3 - t2);
  return (Point){wp * p.x + wq * q.x + wr * r.x + ws * s.x, wp * p.y + wq * q.y + wr * r.y + ws * s.y};
}

/* ---------------------------------------------------------------- ink */

static int clamp_pixel(float v) { return v < 0 ? 0 : v > SIDE - 1 ? SIDE - 1 : (int)v; }

/* Lowers the squared distances of the pixels within `reach` of the segment. */
static void near_segment(float *d2, Point p, Point q, float reach) {
  int x0 = clamp_pixel(fminf(p.x, q.x) - reach), x1 = clamp_pixel(fmaxf(p.x, q.x) + reach + 1);
  int y0 = clamp_pixel(fminf(p.y, q.y) - reach), y1 = clamp_pixel(fmaxf(p.y, q.y) + reach + 1);
  float dx = q.x - p.x, dy = q.y - p.y, shrink = 1 / (dx * dx + dy * dy + 1e-6f);
  for (int y = y0; y <= y1; y++) {
    for (int x = x0; x <= x1; x++) {
      float ex = x + 0.5f - p.x, ey = y + 0.5f - p.y;
      float t = (ex * dx + ey * dy) * shrink;
      t = t < 0 ? 0 : t > 1 ? 1 : t;
      float fx = ex - t * dx, fy = ey - t * dy, f = fx * fx + fy * fy;
      if (f < d2[y * SIDE + x]) d2[y * SIDE + x] = f;
    }
  }
}

static void draw_stroke(float *d2, const Stroke *s, const Pen *pen, Draws *d) {
  Point at[MAX_POINTS];
  float reach = pen->radius + pen->softness;
  for (uint32_t i = 0; i < s->n; i++) {
    bool corner = i > 0 && s->at[i][0] == s->at[i - 1][0] && s->at[i][1] == s->at[i - 1][1];
    at[i] = corner ? at[i - 1] : place(pen, d, s->at[i]);
  }
  for (uint32_t i = 0; i + 1 < s->n; i++) {
    Point before = at[i > 0 ? i - 1 : 0], after = at[i + 2 < s->n ? i + 2 : i + 1], from = at[i];
    for (uint32_t k = 1; k <= SPANS; k++) {
      Point to = spline(before, at[i], at[i + 1], after, (float)k / SPANS);
      near_segment(d2, from, to, reach);
      from = to;
    }
  }
}

/* Distance to ink: full inside the pen, a linear edge `softness` wide. Speckles on one pixel in twelve. */
static void ink_pixels(const float *d2, const Pen *pen, Draws *d, uint8_t *out) {
  float noise = uniform(d, 0, 40) * 12, grain = uniform(d, 0, 0.25f), soft = 1 / pen->softness;
  float reach = pen->radius + pen->softness, reach2 = reach * reach;
  for (int i = 0; i < PIXELS; i += 8) {
    uint32_t word[4];
    random_block(d->key, 1, (uint64_t)i, word);
    for (int j = 0; j < 8; j++) {
      float r = (float)(word[j / 2] >> 16 * (j & 1) & 0xffff) * 0x1p-16f, v = 0;
      if (d2[i + j] < reach2) {
        v = (pen->radius - sqrtf(d2[i + j])) * soft + 0.5f;
        v = pen->ink * (v < 0 ? 0 : v > 1 ? 1 : v) * (1 - grain * r);
      }
      if (r < 1 / 12.0f) v += noise * r;
      out[i + j] = (uint8_t)(v > 255 ? 255 : v);
    }
  }
}

static uint32_t choose_digit(Draws *d) { return (uint32_t)uniform(d, 0, 10); }

static void draw_digit(uint64_t key, uint8_t *out) {
  Draws d = {.key = key};
  uint32_t digit = choose_digit(&d), first = 0, styles = 0;
  for (uint32_t i = 0; i < N_GLYPHS; i++) {
    if (glyphs[i].digit < digit)
      first++;
    else if (glyphs[i].digit == digit)
      styles++;
  }
  const Glyph *g = &glyphs[first + (uint32_t)uniform(&d, 0, (float)styles) % styles];
  Pen pen = draw_pen(&d);
  float d2[PIXELS];
  for (uint32_t i = 0; i < PIXELS; i++) d2[i] = 1e6f;
  for (uint32_t i = 0; i < g->n; i++) draw_stroke(d2, &g->stroke[i], &pen, &d);
  ink_pixels(d2, &pen, &d, out);
}

/* ---------------------------------------------------------------- as a source */

/* Rows first .. first+rows of the seed's endless series; pixels or labels. */
typedef struct Series {
  uint64_t seed;
  int64_t first, rows;
  bool labels;
  const char *key;
  DataShape shape;
} Series;

static bool fill(DataCall *c, void *out, void *arg) {
  (void)c;
  const Series *s = arg;
  uint8_t *to = out;
  for (int64_t i = 0; i < s->rows; i++) {
    Draws d = {.key = random_key_fold(s->seed, (uint64_t)(s->first + i))};
    if (s->labels)
      to[i] = (uint8_t)choose_digit(&d);
    else
      draw_digit(d.key, to + i * PIXELS);
  }
  return true;
}

static bool load(DataCall *c, DataStore *store) {
  Series *s = store->detail;
  return cache_fill(c, s->key, &s->shape, store, fill, s);
}

static void add_series(DataCall *c, DataSplit *split, const char *field, Series s) {
  Series *kept = arena_new(&c->d->mem, Series);
  s.key = arena_printf(&c->d->mem, "digits 1\n%llu\n%lld\n%lld\n%s", (unsigned long long)s.seed, (long long)s.first,
                       (long long)s.rows, field);
  s.shape = (DataShape){.dtype = DT_U8, .rank = s.labels ? 1 : 2, .dim = {s.rows, s.labels ? 0 : PIXELS}};
  *kept = s;
  DataStore *store = store_new(c, load, kept);
  DataShape known;
  cache_lookup(c, s.key, &known, store);
  split_add_field(c, split, field, &s.shape, store);
}

static bool count_option(DataCall *c, const DataOptions *o, const char *name, double otherwise, int64_t *out) {
  double v = option_number(o, name, otherwise);
  *out = (int64_t)v;
  if (v >= 1 && v <= 1e7 && v == floor(v)) return true;
  return data_misuse(c, option_find(o, name)->span, "`%s` must be a whole number from 1 to 10000000", name);
}

bool digits_open(DataCall *c, const DataOptions *o) {
  static const double unit[2] = {0, 1};
  int64_t train, test;
  double seed = option_number(o, "seed", 0);
  if (!count_option(c, o, "n", 60000, &train) || !count_option(c, o, "test", 10000, &test)) return false;
  if (!(seed >= 0 && seed <= 0x1p53 && seed == floor(seed)))
    return data_misuse(c, option_find(o, "seed")->span, "`seed` must be a whole number");
  for (uint32_t i = 0; i < 2; i++) {
    Series s = {.seed = (uint64_t)seed, .first = i ? INT64_C(1) << 32 : 0, .rows = i ? test : train};
    DataSplit *split = source_add_split(c, i ? "test" : "train", s.rows);
    add_series(c, split, "x", s);
    s.labels = true;
    add_series(c, split, "label", s);
  }
  c->d->origin = "digits (drawn)";
  source_add_fact(c, "classes", 10);
  return source_shape(c, o, "x") && source_scale(c, o, "x", unit);
}
