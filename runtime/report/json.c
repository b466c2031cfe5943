/* JSON text from jansson values. Its own printer writes 0.1 as 0.10000000000000001; a person reads these files. */
#include "runtime/rundir.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void number_print(double v, char out[32]) {
  if (isnan(v)) {
    strcpy(out, "nan");
    return;
  }
  if (isinf(v)) {
    strcpy(out, v > 0 ? "inf" : "-inf");
    return;
  }
  int digits = 15;
  do snprintf(out, 32, "%.*g", digits, v);
  while (strtod(out, NULL) != v && ++digits <= 17);
}

static void put_string(const json_t *v, StrBuf *out) {
  char *text = json_dumps(v, JSON_ENCODE_ANY);
  sb_puts(out, text ? text : "\"?\"");
  free(text);
}

static void put_real(double v, StrBuf *out) {
  char text[32];
  number_print(v, text);
  sb_puts(out, text);
  if (!strpbrk(text, ".e")) sb_puts(out, ".0"); /* stays a real when read back */
}

static void newline(uint32_t indent, uint32_t depth, StrBuf *out) {
  if (indent == 0) return;
  sb_putc(out, '\n');
  for (uint32_t i = 0; i < indent * depth; i++) sb_putc(out, ' ');
}

static void put(const json_t *v, uint32_t indent, uint32_t depth, StrBuf *out);

static void put_object(const json_t *v, uint32_t indent, uint32_t depth, StrBuf *out) {
  const char *key;
  json_t *item;
  bool first = true;
  sb_putc(out, '{');
  json_object_foreach((json_t *)(uintptr_t)v, key, item) {
    if (!first) sb_puts(out, indent ? "," : ", ");
    newline(indent, depth + 1, out);
    first = false;
    json_t *k = json_string(key);
    put_string(k, out);
    json_decref(k);
    sb_puts(out, ": ");
    put(item, indent, depth + 1, out);
  }
  if (!first) newline(indent, depth, out);
  sb_putc(out, '}');
}

static void put_array(const json_t *v, uint32_t depth, StrBuf *out) {
  sb_putc(out, '[');
  for (size_t i = 0; i < json_array_size(v); i++) {
    if (i > 0) sb_puts(out, ", ");
    put(json_array_get(v, i), 0, depth, out);
  }
  sb_putc(out, ']');
}

static void put(const json_t *v, uint32_t indent, uint32_t depth, StrBuf *out) {
  switch (json_typeof(v)) {
  case JSON_OBJECT: put_object(v, indent, depth, out); break;
  case JSON_ARRAY: put_array(v, depth, out); break;
  case JSON_STRING: put_string(v, out); break;
  case JSON_INTEGER: sb_printf(out, "%lld", (long long)json_integer_value(v)); break;
  case JSON_REAL: put_real(json_real_value(v), out); break;
  case JSON_TRUE: sb_puts(out, "true"); break;
  case JSON_FALSE: sb_puts(out, "false"); break;
  case JSON_NULL: sb_puts(out, "null"); break;
  }
}

void json_print(const json_t *value, uint32_t indent, StrBuf *out) { put(value, indent, 0, out); }
