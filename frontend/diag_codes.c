#include "frontend/diag_codes.h"
#include <stddef.h>
#include <strings.h>

const DiagCode diag_codes[] = {
#define DIAG(code, title, wrong, mended) {#code, title, wrong, mended},
#include "frontend/diag_codes.def"
#undef DIAG
};
const uint32_t n_diag_codes = sizeof diag_codes / sizeof *diag_codes;

const DiagCode *diag_code_find(const char *code) {
  for (uint32_t i = 0; i < n_diag_codes; i++)
    if (!strcasecmp(diag_codes[i].code, code)) return &diag_codes[i];
  return NULL;
}
