/* GIF (giflib). Gray grids keep their 256 grays; colours go to a fixed cube of 6 x 7 x 6 with ordered dithering, so
 * that every frame shares one palette. */
#include "runtime/picture/module/raster.h"
#include <gif_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct PictureGif {
  char *path;
  FILE *file;
  GifFileType *gif; /* NULL until the first frame */
  bool silent;      /* the header is in the file already: giflib's is thrown away */
  int hundredths;   /* a frame */
  uint32_t width, height, channels;
};

static const int levels[3] = {6, 7, 6};

/* Ends the file for whoever reads it now; the next frame is written over the end mark. */
static bool put_end(FILE *f) { return fputc(';', f) == ';' && fflush(f) == 0 && fseek(f, -1, SEEK_CUR) == 0; }

/* The file cut to its first `bytes`, to write on behind them; NULL when it has fewer. */
static FILE *open_behind(const char *path, int64_t bytes) {
  FILE *f = fopen(path, "r+b");
  bool ok = f && fseek(f, 0, SEEK_END) == 0 && ftell(f) >= bytes && ftruncate(fileno(f), bytes) == 0 &&
            fseek(f, (long)bytes, SEEK_SET) == 0 && put_end(f);
  if (ok || !f) return f;
  fclose(f);
  return NULL;
}

const char *gif_new(const char *path, int milliseconds, int64_t bytes, PictureGif **out) {
  PictureGif *gif = calloc(1, sizeof *gif);
  if (!gif) return "out of memory";
  gif->file = bytes > 0 ? open_behind(path, bytes) : NULL;
  gif->silent = gif->file != NULL;
  if (!gif->file) gif->file = fopen(path, "wb");
  gif->hundredths = milliseconds < 20 ? 2 : milliseconds / 10;
  gif->path = strdup(path);
  if (!gif->file || !gif->path) {
    if (gif->file) fclose(gif->file);
    free(gif->path);
    free(gif);
    return "the GIF cannot be written";
  }
  *out = gif;
  return NULL;
}

int64_t gif_bytes(const PictureGif *gif) { return ftell(gif->file); }

const char *gif_path(const PictureGif *gif) { return gif->path; }

void gif_free(PictureGif *gif) {
  if (gif->gif) EGifCloseFile(gif->gif, NULL);
  fclose(gif->file);
  free(gif->path);
  free(gif);
}

static int write_bytes(GifFileType *f, const GifByteType *bytes, int n) {
  PictureGif *gif = f->UserData;
  return gif->silent ? n : (int)fwrite(bytes, 1, (size_t)n, gif->file);
}

static ColorMapObject *palette(uint32_t channels) {
  ColorMapObject *map = GifMakeMapObject(256, NULL);
  for (int i = 0; map && i < 256; i++) {
    GifColorType *c = &map->Colors[i];
    int cube = i < 252 ? i : 251, r = cube / 42, g = cube / 6 % 7, b = cube % 6;
    if (channels == 1)
      c->Red = c->Green = c->Blue = (GifByteType)i;
    else
      c->Red = (GifByteType)(r * 51), c->Green = (GifByteType)(g * 255 / 6), c->Blue = (GifByteType)(b * 51);
  }
  return map;
}

/* The 4 x 4 Bayer matrix decides between two neighbouring levels. */
static uint8_t cube_index(const uint8_t *rgb, uint32_t x, uint32_t y) {
  static const uint8_t bayer[16] = {0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5};
  int level[3];
  for (int c = 0; c < 3; c++)
    level[c] = (rgb[c] * (levels[c] - 1) * 16 + bayer[(y & 3) * 4 + (x & 3)] * 255) / (255 * 16);
  return (uint8_t)(level[0] * 42 + level[1] * 6 + level[2]);
}

static void to_indices(const Raster *r, uint8_t *out) {
  for (uint32_t y = 0; y < r->height; y++)
    for (uint32_t x = 0; x < r->width; x++) {
      const uint8_t *p = r->pixel + ((size_t)y * r->width + x) * r->channels;
      *out++ = r->channels == 1 ? *p : cube_index(p, x, y);
    }
}

/* Repeats without end. */
static bool put_loop(GifFileType *f) {
  return EGifPutExtensionLeader(f, APPLICATION_EXT_FUNC_CODE) == GIF_OK &&
         EGifPutExtensionBlock(f, 11, "NETSCAPE2.0") == GIF_OK && EGifPutExtensionBlock(f, 3, "\1\0\0") == GIF_OK &&
         EGifPutExtensionTrailer(f) == GIF_OK;
}

static bool start(PictureGif *gif) {
  ColorMapObject *map = palette(gif->channels);
  gif->gif = EGifOpen(gif, write_bytes, NULL);
  if (gif->gif) EGifSetGifVersion(gif->gif, true);
  bool ok = gif->gif && map && EGifPutScreenDesc(gif->gif, (int)gif->width, (int)gif->height, 8, 0, map) == GIF_OK &&
            put_loop(gif->gif);
  gif->silent = false;
  GifFreeMapObject(map);
  return ok;
}

static bool put_frame(const PictureGif *gif, uint8_t *pixel) {
  GraphicsControlBlock control = {DISPOSE_DO_NOT, false, gif->hundredths, NO_TRANSPARENT_COLOR};
  GifByteType block[4];
  size_t n = EGifGCBToExtension(&control, block);
  bool ok = EGifPutExtension(gif->gif, GRAPHICS_EXT_FUNC_CODE, (int)n, block) == GIF_OK &&
            EGifPutImageDesc(gif->gif, 0, 0, (int)gif->width, (int)gif->height, false, NULL) == GIF_OK;
  for (uint32_t y = 0; y < gif->height && ok; y++)
    ok = EGifPutLine(gif->gif, pixel + (size_t)y * gif->width, (int)gif->width) == GIF_OK;
  return ok;
}

static const char *add_raster(PictureGif *gif, const Raster *r) {
  if (gif->gif && (r->width != gif->width || r->height != gif->height || r->channels != gif->channels))
    return "a frame has another size than the first one";
  gif->width = r->width, gif->height = r->height, gif->channels = r->channels;
  uint8_t *pixel = malloc((size_t)r->width * r->height);
  if (!pixel) return "out of memory";
  to_indices(r, pixel);
  bool ok = (gif->gif || start(gif)) && put_frame(gif, pixel) && put_end(gif->file);
  free(pixel);
  return ok ? NULL : "the GIF cannot be written";
}

const char *gif_add(PictureGif *gif, const PictureGrid *g) {
  Raster r;
  const char *trouble = raster_grid(g, &r);
  if (trouble) return trouble;
  trouble = add_raster(gif, &r);
  free(r.pixel);
  return trouble;
}
