/* `seppo explain CODE`: what a diagnostic means, with an example that gets it and the same example mended. */
#include "driver/commands.h"
#include "frontend/diag_codes.h"
#include <stdio.h>

static void print_example(const char *title, const char *text) {
  printf("\n%s:\n\n", title);
  for (const char *p = text; *p;) {
    int n = 0;
    while (p[n] && p[n] != '\n') n++;
    printf("    %.*s\n", n, p);
    p += n + (p[n] == '\n');
  }
}

int cmd_explain(const Options *o) {
  const DiagCode *d = diag_code_find(o->word[0]);
  if (!d) {
    fprintf(stderr, "seppo explain: there is no code `%s`\n  hint: codes run from %s to %s\n", o->word[0],
            diag_codes[0].code, diag_codes[n_diag_codes - 1].code);
    return EXIT_USAGE;
  }
  printf("%s: %s\n", d->code, d->title);
  if (d->wrong) print_example("gets it", d->wrong);
  if (d->mended) print_example("mended", d->mended);
  return EXIT_DONE;
}
