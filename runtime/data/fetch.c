/* `seppo data mnist --out DIR`: the files of a named set, through curl, with their SHA-256 digests compared
 * (sha256sum). What is already there and right is left alone; a file becomes visible only once its digest is right. */
#define _GNU_SOURCE /* pipe2 */
#include "runtime/base/folder.h"
#include "runtime/base/strbuf.h"
#include "runtime/data.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

typedef struct FetchFile {
  const char *set, *name, *sha256;
} FetchFile;

static const FetchFile files[] = {
    {"mnist", "t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
    {"mnist", "train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
    {"mnist", "t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
    {"mnist", "train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
};

/* Tried in turn. */
static const char *const mirrors[] = {"https://storage.googleapis.com/cvdf-datasets/mnist",
                                      "https://ossci-datasets.s3.amazonaws.com/mnist"};

static int fail(DiagSink *sink, int status, const char *hint, const char *message) {
  diag_error(sink, status == EXIT_USAGE ? "E0601" : "E0602", SPAN_NONE, "%s", message);
  diag_status(sink, status);
  if (hint) diag_hint(sink, "%s", hint);
  return status;
}

/* Runs a program found on PATH to its end. Its exit status; 127 when it cannot be started. `out` receives its
 * standard output when not NULL. */
static int run(char *const argv[], StrBuf *out) {
  int fd[2] = {-1, -1}, status = 0;
  pid_t pid;
  posix_spawn_file_actions_t actions;
  if (out && pipe2(fd, O_CLOEXEC) != 0) return 127;
  posix_spawn_file_actions_init(&actions);
  if (out) posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
  int error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (out) close(fd[1]);
  if (error == 0 && out) {
    char piece[512];
    for (ssize_t n; (n = read(fd[0], piece, sizeof piece)) > 0;) sb_write(out, piece, (size_t)n);
  }
  if (out) close(fd[0]);
  if (error != 0) return 127;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Whether the file has the digest; *no_tool when sha256sum cannot be run. */
static bool digest_is(const char *path, const char *sha256, bool *no_tool) {
  StrBuf out = {0};
  char *const argv[] = {"sha256sum", "--", (char *)(uintptr_t)path, NULL};
  int status = run(argv, &out);
  const char *s = out.n > 0 && out.s[0] == '\\' ? out.s + 1 : out.s; /* put before names that need escaping */
  bool same = status == 0 && s && strncmp(s, sha256, 64) == 0;
  *no_tool = status == 127;
  sb_free(&out);
  return same;
}

/* Downloads to `temporary` from the first mirror that has it; curl's last exit status. */
static int download(const FetchFile *f, const char *temporary, FILE *out) {
  int status = 127;
  for (size_t i = 0; i < sizeof mirrors / sizeof *mirrors && status != 0; i++) {
    StrBuf url = {0};
    sb_printf(&url, "%s/%s", mirrors[i], f->name);
    fprintf(out, "fetching %s\n", url.s);
    fflush(out);
    char *const argv[] = {
        "curl", "-fsSL", "--retry", "2", "--connect-timeout", "20", "-o", (char *)(uintptr_t)temporary, url.s, NULL};
    status = run(argv, NULL);
    sb_free(&url);
    if (status == 127) break;
  }
  return status;
}

static int fetch_file(const FetchFile *f, const char *path, const char *temporary, FILE *out, DiagSink *sink) {
  bool no_tool = false;
  StrBuf message = {0};
  if (access(path, F_OK) == 0 && digest_is(path, f->sha256, &no_tool)) {
    fprintf(out, "%s is there already\n", path);
    return EXIT_DONE;
  }
  if (no_tool) return fail(sink, EXIT_FILES, NULL, "the program `sha256sum` is needed and cannot be run");
  int status = download(f, temporary, out), result = EXIT_DONE;
  if (status == 127) {
    result = fail(sink, EXIT_FILES, "apt-get install curl", "the program `curl` is needed and cannot be run");
  } else if (status != 0) {
    sb_printf(&message, "`%s` could not be fetched: curl ended with status %d", f->name, status);
    result =
        fail(sink, EXIT_FILES, "without the internet `dataset(\"mnist\")` uses the built-in drawn digits", message.s);
  } else if (!digest_is(temporary, f->sha256, &no_tool)) {
    sb_printf(&message, "`%s` came with a wrong checksum and was not kept", f->name);
    result = fail(sink, EXIT_FILES, NULL, message.s);
  } else if (rename(temporary, path) != 0) {
    sb_printf(&message, "`%s` cannot be written: %s", path, strerror(errno));
    result = fail(sink, EXIT_FILES, NULL, message.s);
  }
  unlink(temporary);
  sb_free(&message);
  return result;
}

/* The files go to DIR/SET, where every search looks. */
int data_fetch(const char *set, const char *dir, FILE *out, DiagSink *sink) {
  StrBuf folder = {0}, path = {0}, temporary = {0};
  bool known = false;
  int status = EXIT_DONE;
  sb_printf(&folder, "%s/%s", dir, set);
  for (size_t i = 0; i < sizeof files / sizeof *files && status == EXIT_DONE; i++) {
    if (strcmp(files[i].set, set) != 0) continue;
    if (!known && !folder_make(folder.s, NULL)) {
      sb_printf(&path, "the folder `%s` cannot be made: %s", folder.s, strerror(errno));
      status = fail(sink, EXIT_FILES, NULL, path.s);
      known = true;
      break;
    }
    known = true;
    path.n = temporary.n = 0;
    sb_printf(&path, "%s/%s", folder.s, files[i].name);
    sb_printf(&temporary, "%s.part", path.s);
    status = fetch_file(&files[i], path.s, temporary.s, out, sink);
  }
  if (!known) status = fail(sink, EXIT_USAGE, "it can fetch: mnist", "there is no data set of this name to fetch");
  sb_free(&folder);
  sb_free(&path);
  sb_free(&temporary);
  return status;
}
