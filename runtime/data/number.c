#include "runtime/data/number.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A number as its digits: value = mantissa * 10^exponent, exact while `digits` <= 19. */
typedef struct Decimal {
  uint64_t mantissa;
  int64_t exponent;
  uint32_t digits;
  bool negative;
} Decimal;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t scan_digits(const char *s, size_t n, size_t i, Decimal *d, int64_t shift) {
  for (; i < n && is_digit(s[i]); i++) {
    d->exponent += shift;
    if (d->digits >= 19) {
      d->digits = 20; /* too many to hold */
      continue;
    }
    d->mantissa = d->mantissa * 10 + (uint64_t)(s[i] - '0');
    if (d->mantissa > 0) d->digits++;
  }
  return i;
}

/* Checks the form [+-] digits [. digits] [e [+-] digits] and collects it. */
static bool scan(const char *s, size_t n, Decimal *d) {
  size_t i = 0;
  *d = (Decimal){0};
  if (i < n && (s[i] == '+' || s[i] == '-')) d->negative = s[i++] == '-';
  size_t whole = scan_digits(s, n, i, d, 0), end = whole;
  if (whole < n && s[whole] == '.') end = scan_digits(s, n, whole + 1, d, -1);
  bool any = whole > i || end > whole + 1;
  i = end;
  if (any && i < n && (s[i] == 'e' || s[i] == 'E')) {
    bool minus = false;
    int64_t e = 0;
    size_t first = ++i;
    if (i < n && (s[i] == '+' || s[i] == '-')) minus = s[i] == '-', first = ++i;
    for (; i < n && is_digit(s[i]); i++)
      if (e < 100000) e = e * 10 + (s[i] - '0');
    any = i > first;
    d->exponent += minus ? -e : e;
  }
  return any && i == n;
}

/* Up to 2^53 times or by an exact power of ten is one correctly rounded operation (Clinger 1990); strtod does the
 * rest. */
bool number_parse(const char *s, size_t n, double *out) {
  static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  Decimal d;
  if (!scan(s, n, &d)) return false;
  double v;
  if (d.digits <= 19 && d.mantissa <= UINT64_C(1) << 53 && d.exponent >= -22 && d.exponent <= 22) {
    v = (double)d.mantissa;
    v = d.exponent < 0 ? v / ten[-d.exponent] : v * ten[d.exponent];
    if (d.negative) v = -v;
  } else {
    char *copy = strndup(s, n);
    v = copy ? strtod(copy, NULL) : NAN;
    free(copy);
  }
  *out = v;
  return isfinite(v);
}

NumberScale scale_standard(const double *x, int64_t n, int64_t stride) {
  double mean = 0, square = 0;
  for (int64_t i = 0; i < n; i++) mean += x[i * stride] / (double)n;
  for (int64_t i = 0; i < n; i++) square += (x[i * stride] - mean) * (x[i * stride] - mean);
  return (NumberScale){1, -mean, sqrt(square / (double)n)};
}

NumberScale scale_to_range(const double *x, int64_t n, int64_t stride, const double range[2]) {
  double lo = INFINITY, hi = -INFINITY, to = range[1] - range[0];
  for (int64_t i = 0; i < n; i++) {
    lo = fmin(lo, x[i * stride]);
    hi = fmax(hi, x[i * stride]);
  }
  return (NumberScale){to, range[0] * (hi - lo) - lo * to, hi - lo};
}
