/* fuzz_models [--count N] [--seed S] [--changes K] [--show] FILE..: model files with up to K tokens changed go through
 * the checker, and what passes through the passes. A crash or a hang (20 s) names its seed; with --show the text and
 * its diagnostics are printed. Exit status 1 when the checker did something wrong. */
#include "tests/support/files.h"
#include "tests/support/mutate.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct FuzzOptions {
  uint64_t count, seed;
  uint32_t changes;
  bool show;
  uint32_t n_files;
  char **file;
} FuzzOptions;

static bool parse_options(int argc, char **argv, FuzzOptions *o) {
  int i = 1;
  for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
    const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(name, "--show")) {
      o->show = true;
      continue;
    }
    i++;
    if (!strcmp(name, "--count"))
      o->count = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--seed"))
      o->seed = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--changes"))
      o->changes = (uint32_t)strtoul(value, NULL, 10);
    else
      return false;
  }
  o->n_files = i < argc ? (uint32_t)(argc - i) : 0;
  o->file = argv + i;
  return o->n_files && o->changes;
}

static char now[256]; /* what a crash or a hang is told by */

static void died(int number) {
  (void)!write(STDERR_FILENO, now, strlen(now));
  signal(number == SIGALRM ? SIGABRT : number, SIG_DFL);
  raise(number == SIGALRM ? SIGABRT : number);
}

int main(int argc, char **argv) {
  FuzzOptions o = {.count = 1000, .seed = 1, .changes = 3};
  if (!parse_options(argc, argv, &o)) {
    fprintf(stderr, "usage: fuzz_models [--count N] [--seed S] [--changes K] [--show] FILE..\n");
    return 2;
  }
  const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
  for (size_t k = 0; k < sizeof fatal / sizeof *fatal; k++) signal(fatal[k], died);
  uint64_t parsed = 0, elaborated = 0, wrong = 0;
  for (uint64_t seed = o.seed; seed < o.seed + o.count; seed++) {
    const char *path = o.file[seed % o.n_files];
    size_t n;
    char *text = file_read(path, &n);
    if (!text) return perror(path), 2;
    StrBuf broken = {0};
    mutate_text(text, n, (Mutation){seed, o.changes}, &broken);
    snprintf(now, sizeof now, "\nfuzz_models: crash or hang: --seed %" PRIu64 " --count 1 --changes %u (%s)\n", seed,
             o.changes, path);
    if (o.show) fwrite(broken.s, 1, broken.n, stdout), fflush(stdout);
    alarm(20);
    Verdict v = mutate_check(path, &broken, o.show ? stdout : NULL);
    alarm(0);
    parsed += v.parsed, elaborated += v.elaborated;
    if (v.complaint) printf("seed %" PRIu64 " (%s): %s\n", seed, path, v.complaint), wrong++;
    free(text);
    sb_free(&broken);
  }
  printf("%" PRIu64 " texts: %" PRIu64 " parsed, %" PRIu64 " passed, %" PRIu64 " wrong\n", o.count, parsed, elaborated,
         wrong);
  return wrong != 0;
}
