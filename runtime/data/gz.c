/* Gzip streams, inflated straight from the mapped file into their destination. */
#include "runtime/data/internal.h"
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

/* A stream over a mapped file; zlib counts input and output in 32 bits, so both are handed over in pieces. */
typedef struct Inflater {
  z_stream z;
  const FileView *v;
  size_t fed;
  bool open, ended;
} Inflater;

enum { PIECE = 1 << 30 };

static bool begin(Inflater *i, const FileView *v) {
  *i = (Inflater){.v = v};
  i->open = inflateInit2(&i->z, 15 + 16) == Z_OK;
  return i->open;
}

static void end(Inflater *i) {
  if (i->open) inflateEnd(&i->z);
}

static void feed(Inflater *i) {
  if (i->z.avail_in > 0) return;
  size_t left = i->v->n - i->fed;
  i->z.next_in = (Bytef *)(uintptr_t)(i->v->bytes + i->fed);
  i->z.avail_in = left > PIECE ? PIECE : (uInt)left;
  i->fed += i->z.avail_in;
}

/* Another member may follow the one that ended. */
static bool next_member(Inflater *i) {
  feed(i);
  if (i->z.avail_in == 0) {
    i->ended = true;
    return true;
  }
  return inflateReset(&i->z) == Z_OK;
}

/* Inflates up to n bytes. Returns how many; fewer than n means the end or, with *fault set, trouble. */
static uint64_t pull(Inflater *i, uint8_t *out, uint64_t n, const char **fault) {
  uint64_t done = 0;
  while (done < n && !i->ended) {
    feed(i);
    uint64_t want = n - done;
    i->z.next_out = out + done;
    i->z.avail_out = want > PIECE ? PIECE : (uInt)want;
    uInt before = i->z.avail_out;
    int status = inflate(&i->z, Z_NO_FLUSH);
    done += before - i->z.avail_out;
    if (status == Z_STREAM_END) {
      if (!next_member(i)) *fault = "zlib cannot go on";
    } else if (status == Z_BUF_ERROR && i->z.avail_in == 0) {
      *fault = "the gzip stream is truncated";
    } else if (status != Z_OK) {
      *fault = i->z.msg ? i->z.msg : "not a gzip stream";
    }
    if (*fault) break;
  }
  return done;
}

bool gz_is(const FileView *v) { return v->n >= 2 && v->bytes[0] == 0x1f && v->bytes[1] == 0x8b; }

bool gz_peek(const FileView *v, void *out, size_t n) {
  Inflater i;
  const char *fault = NULL;
  bool ok = begin(&i, v) && pull(&i, out, n, &fault) == n;
  end(&i);
  return ok;
}

/* Reads to the end of the stream so that its checksum is compared; anything more is counted. */
static uint64_t drain(Inflater *i, const char **fault) {
  uint8_t scrap[4096];
  uint64_t extra = 0, got;
  while (!i->ended && !*fault) {
    got = pull(i, scrap, sizeof scrap, fault);
    extra += got;
    if (extra > (UINT64_C(1) << 20)) break; /* enough to say so */
  }
  return extra;
}

bool gz_inflate(DataCall *c, const FileView *v, uint64_t skip, void *out, uint64_t n) {
  Inflater i;
  if (!begin(&i, v)) return data_broken(c, v->path, "zlib cannot start");
  const char *fault = NULL;
  uint8_t scrap[4096];
  uint64_t left = skip, done = 0, extra = 0;
  while (left > 0 && !fault && !i.ended) left -= pull(&i, scrap, left < sizeof scrap ? left : sizeof scrap, &fault);
  if (!fault && left == 0) done = pull(&i, out, n, &fault);
  if (!fault && done == n) extra = drain(&i, &fault);
  end(&i);
  if (fault) return data_broken(c, v->path, "corrupt after %llu bytes: %s", (unsigned long long)(skip + done), fault);
  if (done < n)
    return data_broken(c, v->path, "ends after %llu of the %llu bytes its header promises",
                       (unsigned long long)(skip - left + done), (unsigned long long)(skip + n));
  if (extra > 0) return data_broken(c, v->path, "holds more bytes than its header promises");
  return true;
}

char *gz_inflate_all(DataCall *c, const FileView *v, size_t *n) {
  Inflater i;
  const char *fault = begin(&i, v) ? NULL : "zlib cannot start";
  size_t cap = 1 << 16, used = 0;
  char *out = malloc(cap + 1);
  while (out && !fault && !i.ended) {
    used += pull(&i, (uint8_t *)out + used, cap - used, &fault);
    if (used < cap) continue;
    char *more = realloc(out, cap * 2 + 1);
    if (!more)
      fault = "out of memory";
    else
      out = more, cap *= 2;
  }
  end(&i);
  if (!out || fault) {
    free(out);
    data_broken(c, v->path, "corrupt after %zu bytes: %s", used, fault ? fault : "out of memory");
    return NULL;
  }
  out[used] = 0;
  *n = used;
  return out;
}
