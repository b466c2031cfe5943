/* What each diagnostic code means, for `seppo explain E0101`. The rows are in diag_codes.def. */
#ifndef SEPPO_FRONTEND_DIAG_CODES_H
#define SEPPO_FRONTEND_DIAG_CODES_H

#include <stdint.h>

typedef struct DiagCode {
  const char *code;   /* "E0101" */
  const char *title;  /* one line */
  const char *wrong;  /* a model file (or part) that gets this diagnostic */
  const char *mended; /* the same, right */
} DiagCode;

extern const DiagCode diag_codes[];
extern const uint32_t n_diag_codes;

/* The row of a code ("E0101" or "e0101"), NULL when there is none. */
const DiagCode *diag_code_find(const char *code);

#endif
