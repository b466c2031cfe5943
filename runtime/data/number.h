/* Reading decimal numbers and measuring columns of them. */
#ifndef SEPPO_RUNTIME_DATA_NUMBER_H
#define SEPPO_RUNTIME_DATA_NUMBER_H

#include "runtime/data/internal.h"

/* The nearest double to the decimal number s[0..n); false when it is anything else (empty, words, hex, nan, inf,
 * out of range). s[n] must be readable. */
bool number_parse(const char *s, size_t n, double *out);

/* value' = (value * mul + add) / div; div 0 when all values are equal. */
typedef struct NumberScale {
  double mul, add, div;
} NumberScale;
/* Over n values `stride` apart. */
NumberScale scale_standard(const double *x, int64_t n, int64_t stride);
NumberScale scale_to_range(const double *x, int64_t n, int64_t stride, const double range[2]);

#endif
