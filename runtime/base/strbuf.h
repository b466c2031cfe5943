/* StrBuf: text under construction, on the heap. `s` is always NUL-terminated once anything was written. */
#ifndef SEPPO_BASE_STRBUF_H
#define SEPPO_BASE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

typedef struct StrBuf {
  char *s;
  size_t n, cap;
} StrBuf;

void sb_putc(StrBuf *b, char c);
void sb_puts(StrBuf *b, const char *s);
void sb_write(StrBuf *b, const char *s, size_t n);
void sb_printf(StrBuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sb_vprintf(StrBuf *b, const char *fmt, va_list ap);
/* The text, owned by the caller (free it); the buffer is empty afterwards. Never NULL. */
char *sb_take(StrBuf *b);
void sb_free(StrBuf *b);

#endif
