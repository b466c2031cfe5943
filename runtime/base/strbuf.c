#include "runtime/base/strbuf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for n more bytes and the terminator. */
static void reserve(StrBuf *b, size_t n) {
  size_t need = b->n + n + 1;
  if (need <= b->cap) return;
  size_t cap = b->cap ? b->cap * 2 : 64;
  if (cap < need) cap = need;
  char *s = realloc(b->s, cap);
  if (!s) {
    fputs("seppo: out of memory\n", stderr);
    exit(3);
  }
  b->s = s;
  b->cap = cap;
}

void sb_write(StrBuf *b, const char *s, size_t n) {
  reserve(b, n);
  if (n) memcpy(b->s + b->n, s, n);
  b->n += n;
  b->s[b->n] = 0;
}

void sb_putc(StrBuf *b, char c) { sb_write(b, &c, 1); }
void sb_puts(StrBuf *b, const char *s) { sb_write(b, s, strlen(s)); }

void sb_vprintf(StrBuf *b, const char *fmt, va_list ap) {
  va_list again;
  va_copy(again, ap);
  reserve(b, 64);
  size_t room = b->cap - b->n;
  int n = vsnprintf(b->s + b->n, room, fmt, ap);
  if (n > 0 && (size_t)n >= room) {
    reserve(b, (size_t)n);
    vsnprintf(b->s + b->n, (size_t)n + 1, fmt, again);
  }
  if (n > 0) b->n += (size_t)n;
  va_end(again);
}

void sb_printf(StrBuf *b, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  sb_vprintf(b, fmt, ap);
  va_end(ap);
}

char *sb_take(StrBuf *b) {
  reserve(b, 0);
  b->s[b->n] = 0;
  char *s = b->s;
  *b = (StrBuf){0};
  return s;
}

void sb_free(StrBuf *b) {
  free(b->s);
  *b = (StrBuf){0};
}
