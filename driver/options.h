/* The command line: one table of options, one table of commands. */
#ifndef SEPPO_DRIVER_OPTIONS_H
#define SEPPO_DRIVER_OPTIONS_H

#include "frontend/elab.h"
#include "runtime/base/diag.h"
#include "runtime/base/vec.h"

#define OPTIONS_MAX_WORDS 64

typedef struct Options {
  const char *word[OPTIONS_MAX_WORDS]; /* FILE and whatever follows it */
  uint32_t n_words;
  Setting set[OPTIONS_MAX_WORDS];
  uint32_t n_set;
  /* run */
  const char *seed, *threads, *dtype, *data, *out, *resume, *load, *epochs, *progress, *checkpoint_every, *memory;
  bool quiet;
  /* ir, opt, build, cache, data, fmt, gradcheck, profile */
  const char *stage, *task, *format, *passes, *print_after, *output, *name, *cpu;
  bool reference, verify_each, check, diff, embed;
  /* every command */
  const char *error_format;
  bool help, no_cache;
} Options;

typedef struct Command {
  const char *name;
  const char *words;   /* "FILE [TASK...]" */
  const char *summary; /* one line of `seppo help` */
  const char *options; /* names of the options it takes, separated by spaces */
  uint32_t min_words, max_words;
  int (*run)(const Options *o);
} Command;
extern const Command command_table[];
extern const uint32_t command_count;

/* Reads argv[2..] for one command. False after a message on stderr (exit with EXIT_USAGE). */
bool options_parse(const Command *c, int argc, char **argv, Options *o);
void options_help(const Command *c, FILE *out);

/* "3", "0x10": false after a message naming the option. */
bool option_integer(const char *option, const char *text, int64_t least, int64_t most, int64_t *out);
/* "2GB", "500 MiB", "1e9": bytes. */
bool option_bytes(const char *option, const char *text, uint64_t *out);
/* The position of `text` in the NULL-terminated list of words that `what` ("--progress") allows, or -1 after a message.
 */
int option_choice(const char *what, const char *text, const char *const *allowed);
DiagFormat option_error_format(const Options *o, bool *ok);

#endif
