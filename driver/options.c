#include "driver/options.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { ARG_FLAG, ARG_TEXT, ARG_SET } ArgKind;
typedef struct OptionInfo {
  const char *name;
  ArgKind kind;
  size_t offset;
  const char *value; /* placeholder in the help text */
  const char *help;
} OptionInfo;

#define TEXT(field, option, value, help)                                                                               \
  { option, ARG_TEXT, offsetof(Options, field), value, help }
#define FLAG(field, option, help)                                                                                      \
  { option, ARG_FLAG, offsetof(Options, field), NULL, help }

static const OptionInfo option_table[] = {
    {"set", ARG_SET, 0, "NAME=VALUE", "override a `let` or a directive (batch, epochs, steps, lr ...)"},
    TEXT(seed, "seed", "N", "seed of every random draw (default: from the clock, recorded in config.json)"),
    TEXT(threads, "threads", "N", "threads to use; results do not depend on it (default: all cores)"),
    TEXT(dtype, "dtype", "f32|f64", "precision, overriding the file's"),
    TEXT(data, "data", "DIR", "where data sets are looked for first"),
    TEXT(out, "out", "DIR", "where results go (run: runs/<name>/<time>)"),
    TEXT(resume, "resume", "DIR", "continue the run in DIR as if it had never stopped"),
    TEXT(load, "load", "CKPT", "start from the parameters and states of a checkpoint"),
    TEXT(epochs, "epochs", "N", "override the epochs of every train"),
    TEXT(checkpoint_every, "checkpoint-every", "SECONDS", "least time between two checkpoints (default 5; 0: always)"),
    TEXT(memory, "memory", "SIZE", "most to use, as 2GB: derivatives of long loops then compute again what they keep"),
    TEXT(progress, "progress", "auto|bar|plain|json|none", "how progress is shown on stderr"),
    FLAG(quiet, "quiet", "results only"),
    TEXT(stage, "stage", "ast|graph|grad|opt|kernels|llvm|asm", "which form of the program to print"),
    TEXT(task, "task", "NAME", "only this task"),
    TEXT(format, "format", "text|dot|svg|json", "how to print it"),
    FLAG(reference, "reference", "print the reference of every op"),
    TEXT(passes, "passes", "A,B,...", "passes to run, in order; empty: none"),
    TEXT(print_after, "print-after", "PASS|all", "print the graph after a pass, on stderr"),
    FLAG(verify_each, "verify-each", "verify the graph after each pass"),
    FLAG(check, "check", "say whether the file is formatted; write nothing"),
    FLAG(diff, "diff", "show what formatting would change; write nothing"),
    TEXT(output, "output", "PATH", "where to write"),
    TEXT(error_format, "error-format", "human|short|json", "how diagnostics are printed"),
    TEXT(name, "name", "NAME", "what the object, the header and their functions are called (default: FILE_TASK)"),
    TEXT(cpu, "cpu", "v2|v3|v4", "level of x86-64 to compile for: SSE4.2, AVX2, AVX-512 (default: this machine's)"),
    FLAG(embed, "embed-data", "put the task's data sets into the object"),
    FLAG(no_cache, "no-cache", "neither read nor write compiled objects"),
    FLAG(help, "help", "this text"),
};
enum { n_options = sizeof option_table / sizeof *option_table };

/* Is `name` one of the space-separated words of `list`? `help` and `error-format` belong to every command. */
static bool takes(const Command *c, const char *name) {
  if (!strcmp(name, "help") || !strcmp(name, "error-format")) return true;
  size_t n = strlen(name);
  for (const char *p = c->options; p && *p;) {
    size_t k = strcspn(p, " ");
    if (k == n && !memcmp(p, name, n)) return true;
    p += k + (p[k] == ' ');
  }
  return false;
}

static const OptionInfo *find_option(const Command *c, const char *name, size_t n) {
  for (int i = 0; i < n_options; i++)
    if (strlen(option_table[i].name) == n && !memcmp(option_table[i].name, name, n) && takes(c, option_table[i].name))
      return &option_table[i];
  return NULL;
}

static bool unknown_option(const Command *c, const char *word) {
  const char *candidate[n_options];
  uint32_t n = 0;
  for (int i = 0; i < n_options; i++)
    if (takes(c, option_table[i].name)) candidate[n++] = option_table[i].name;
  char name[64];
  const char *own = word + strspn(word, "-");
  snprintf(name, sizeof name, "%.*s", (int)strcspn(own, "="), own);
  const char *near = diag_nearest(name, candidate, n);
  fprintf(stderr, "seppo %s: unknown option `%s`\n", c->name, word);
  if (near)
    fprintf(stderr, "  hint: did you mean `--%s`?\n", near);
  else
    fprintf(stderr, "  hint: `seppo %s --help` lists its options\n", c->name);
  return false;
}

static bool add_setting(Options *o, const char *text) {
  const char *eq = strchr(text, '=');
  if (!eq || eq == text) {
    fprintf(stderr, "seppo: --set expects NAME=VALUE, found `%s`\n", text);
    return false;
  }
  const size_t n = (size_t)(eq - text);
  uint32_t k = 0; /* the last of one name counts */
  while (k < o->n_set && (strncmp(o->set[k].name, text, n) || o->set[k].name[n])) k++;
  if (k == OPTIONS_MAX_WORDS) {
    fprintf(stderr, "seppo: more than %d --set options\n", OPTIONS_MAX_WORDS);
    return false;
  }
  if (k == o->n_set) o->set[o->n_set++].name = strndup(text, n); /* lives as long as the program */
  o->set[k].value = eq + 1;
  return true;
}

static bool take_option(const Command *c, int argc, char **argv, int *i, Options *o) {
  const char *word = argv[*i] + 2;
  size_t n = strcspn(word, "=");
  const OptionInfo *info = find_option(c, word, n);
  if (!info) return unknown_option(c, argv[*i]);
  if (info->kind == ARG_FLAG) {
    if (word[n]) return fprintf(stderr, "seppo %s: --%s takes no value\n", c->name, info->name), false;
    *(bool *)((char *)o + info->offset) = true;
    return true;
  }
  const char *value = word[n] ? word + n + 1 : *i + 1 < argc ? argv[++*i] : NULL;
  if (!value) return fprintf(stderr, "seppo %s: --%s expects %s\n", c->name, info->name, info->value), false;
  if (info->kind == ARG_SET) return add_setting(o, value);
  *(const char **)((char *)o + info->offset) = value;
  return true;
}

bool options_parse(const Command *c, int argc, char **argv, Options *o) {
  memset(o, 0, sizeof *o);
  bool words = false; /* `--` ends the options */
  for (int i = 2; i < argc; i++) {
    if (!words && !strcmp(argv[i], "--")) {
      words = true;
    } else if (!words && !strncmp(argv[i], "--", 2)) {
      if (!take_option(c, argc, argv, &i, o)) return false;
    } else if (!words && argv[i][0] == '-' && argv[i][1]) {
      return unknown_option(c, argv[i]);
    } else if (o->n_words < OPTIONS_MAX_WORDS) {
      o->word[o->n_words++] = argv[i];
    }
  }
  if (o->help) return true;
  if (o->n_words < c->min_words || o->n_words > c->max_words) {
    fprintf(stderr, "seppo %s: expected %s\n", c->name, c->words);
    if (o->n_words > c->max_words && c->max_words) fprintf(stderr, "  found also `%s`\n", o->word[c->max_words]);
    fprintf(stderr, "  hint: `seppo %s --help`\n", c->name);
    return false;
  }
  return true;
}

void options_help(const Command *c, FILE *out) {
  fprintf(out, "usage: seppo %s %s [options]\n\n%s\n\noptions:\n", c->name, c->words, c->summary);
  for (int i = 0; i < n_options; i++) {
    const OptionInfo *p = &option_table[i];
    if (!takes(c, p->name)) continue;
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", p->name, p->value ? " " : "", p->value ? p->value : "");
    fprintf(out, "  %-39s %s\n", left, p->help);
  }
}

bool option_integer(const char *option, const char *text, int64_t least, int64_t most, int64_t *out) {
  char *end;
  errno = 0;
  long long v = strtoll(text, &end, 0);
  if (errno || end == text || *end || v < least || v > most) {
    fprintf(stderr, "seppo: --%s expects an integer from %lld to %lld, found `%s`\n", option, (long long)least,
            (long long)most, text);
    return false;
  }
  *out = v;
  return true;
}

bool option_bytes(const char *option, const char *text, uint64_t *out) {
  static const struct {
    const char *name;
    double bytes;
  } unit[] = {{"", 1},      {"B", 1},      {"kB", 1e3},      {"KB", 1e3},         {"MB", 1e6},           {"GB", 1e9},
              {"TB", 1e12}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {"TiB", 1099511627776}};
  char *end;
  double v = strtod(text, &end);
  bool number = end != text && v > 0;
  while (*end == ' ') end++;
  for (size_t i = 0; number && i < sizeof unit / sizeof *unit; i++)
    if (!strcmp(end, unit[i].name) && v * unit[i].bytes < 1e18) return *out = (uint64_t)(v * unit[i].bytes), true;
  fprintf(stderr, "seppo: --%s expects a size such as 500MB or 2GiB, found `%s`\n", option, text);
  return false;
}

int option_choice(const char *what, const char *text, const char *const *allowed) {
  uint32_t n = 0;
  for (; allowed[n]; n++)
    if (!strcmp(text, allowed[n])) return (int)n;
  fprintf(stderr, "seppo: %s expects ", what);
  for (uint32_t i = 0; i < n; i++) fprintf(stderr, "%s%s", i ? (i + 1 == n ? " or " : ", ") : "", allowed[i]);
  fprintf(stderr, ", found `%s`\n", text);
  const char *near = diag_nearest(text, allowed, n);
  if (near) fprintf(stderr, "  hint: did you mean `%s`?\n", near);
  return -1;
}

DiagFormat option_error_format(const Options *o, bool *ok) {
  static const char *const allowed[] = {"human", "short", "json", NULL};
  int k = o->error_format ? option_choice("--error-format", o->error_format, allowed) : 0;
  *ok = k >= 0;
  return k < 0 ? DIAG_HUMAN : (DiagFormat)k;
}
