#include "driver/session/load.h"
#include "frontend/syntax/parser.h"
#include "ir/passes/passes.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double clock_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

const char *model_name(const char *path, Arena *mem) {
  const char *base = strrchr(path, '/');
  base = base ? base + 1 : path;
  size_t n = strlen(base);
  return arena_strndup(mem, base, n > 4 && !strcmp(base + n - 4, ".sep") ? n - 4 : n);
}

bool load_source(Loaded *l, const char *path) {
  const char *why;
  l->source = source_read(&l->sources, path, &why);
  if (l->source != SOURCE_NONE) return true;
  diag_error(&l->sink, "E0606", SPAN_NONE, "cannot read `%s`: %s", path, why);
  diag_status(&l->sink, EXIT_FILES);
  return false;
}

static bool run_passes(Loaded *l, const char *names, double *ms) {
  double start = clock_ms();
  bool ok = pass_run_named(l->elab.module, names, &(PassOptions){.keep_bytes = l->keep_bytes}, &l->sink);
  *ms = clock_ms() - start;
  return ok && !l->sink.n_errors;
}

static bool elaborate_file(Loaded *l, const Options *o, uint64_t seed) {
  int64_t epochs = 0;
  if (o->epochs && !option_integer("epochs", o->epochs, 1, INT64_MAX, &epochs)) {
    l->sink.exit_status = EXIT_USAGE;
    return false;
  }
  static const char *const dtypes[] = {"f32", "f64", NULL};
  if (o->dtype && option_choice("--dtype", o->dtype, dtypes) < 0) {
    l->sink.exit_status = EXIT_USAGE;
    return false;
  }
  ElabOptions eo = {.set = o->set,
                    .n_set = o->n_set,
                    .dtype = o->dtype,
                    .data_dir = o->data,
                    .seed = seed,
                    .epochs = epochs,
                    .tasks = o->word + 1,
                    .n_tasks = o->n_words > 1 ? o->n_words - 1 : 0,
                    .inputs = l->inputs,
                    .later = l->later,
                    .loaded = o->load || o->resume};
  double start = clock_ms();
  bool ok = elaborate(&l->sources, l->ast, &eo, &l->elab, &l->sink);
  l->times.elaborate = clock_ms() - start;
  return ok && !l->sink.n_errors;
}

bool load_model(Loaded *l, const char *path, const Options *o, uint64_t seed, LoadStage upto) {
  if (!load_source(l, path)) return false;
  double start = clock_ms();
  l->ast = parse_source(&l->sources, l->source, &l->sink);
  l->times.parse = clock_ms() - start;
  if (!l->ast || l->sink.n_errors) return false;
  if (upto == LOAD_AST) return true;
  if (!elaborate_file(l, o, seed)) return false;
  const char *grad = l->keep_bytes ? pass_pipeline_segmented : pass_pipeline_grad;
  if (upto >= LOAD_GRAD && !run_passes(l, grad, &l->times.grad)) return false;
  return upto < LOAD_OPT || run_passes(l, pass_pipeline_opt + strlen(pass_pipeline_grad) + 1, &l->times.passes);
}

int load_report(const Loaded *l, const Options *o) {
  bool ok;
  DiagFormat format = option_error_format(o, &ok);
  if (!ok) return EXIT_USAGE;
  bool color = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
  if (l->sink.diag.n) diag_print(&l->sink, &l->sources, format, color, stderr);
  if (!l->sink.n_errors) return l->sink.exit_status;
  return l->sink.exit_status ? l->sink.exit_status : EXIT_MODEL;
}

void load_free(Loaded *l) {
  elaborated_free(&l->elab);
  if (l->ast) ast_free(l->ast);
  diag_sink_free(&l->sink);
  source_map_free(&l->sources);
}
