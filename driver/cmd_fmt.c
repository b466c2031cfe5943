/* `seppo fmt`: lays files out the one way; --check and --diff write nothing. */
#include "driver/commands.h"
#include "driver/session/load.h"
#include "frontend/format/format.h"
#include "runtime/rundir.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The difference as `diff -u` shows it: diff belongs to every Debian system. */
static int show_diff(const char *path, const char *text, size_t n) {
  char temp[] = "/tmp/seppo-fmt-XXXXXX";
  int fd = mkstemp(temp);
  bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;
  if (fd >= 0) close(fd);
  StrBuf command = {0};
  sb_puts(&command, "diff -u --label 'as it is' --label 'formatted' -- '");
  for (const char *p = path; *p; p++) *p == '\'' ? sb_puts(&command, "'\\''") : sb_putc(&command, *p);
  sb_printf(&command, "' '%s'", temp);
  fflush(stdout);
  int status = ok ? system(command.s) : -1;
  if (fd >= 0) unlink(temp);
  sb_free(&command);
  if (status >= 0) return EXIT_DONE;
  fprintf(stderr, "seppo fmt: cannot show the difference: %s\n", strerror(errno));
  return EXIT_FILES;
}

static int deliver(const Options *o, const char *path, const Source *as_is, const StrBuf *text) {
  bool same = as_is->length == text->n && !memcmp(as_is->text, text->s, text->n);
  if (same) return EXIT_DONE;
  if (o->diff) return show_diff(path, text->s, text->n);
  if (o->check) return fprintf(stderr, "%s: not formatted (run `seppo fmt %s`)\n", path, path), EXIT_MODEL;
  if (file_write_whole(path, text->s, text->n)) return EXIT_DONE;
  fprintf(stderr, "seppo fmt: cannot write `%s`: %s\n", path, strerror(errno));
  return EXIT_FILES;
}

static int format_file(const Options *o, const char *path) {
  Loaded l = {0};
  StrBuf text = {0};
  bool ok = load_model(&l, path, o, 0, LOAD_AST);
  int status = load_report(&l, o);
  if (ok) {
    format_ast(&l.sources, l.ast, &text);
    status = deliver(o, path, &l.sources.source.at[l.source], &text);
  }
  sb_free(&text);
  load_free(&l);
  return status;
}

int cmd_fmt(const Options *o) {
  int status = EXIT_DONE;
  for (uint32_t i = 0; i < o->n_words; i++) {
    int k = format_file(o, o->word[i]);
    if (k > status) status = k;
  }
  return status;
}
