/* fuzz_graphs [--count N] [--seed S] [--order K] [--no-loops] [--differences]: random graphs from seed S on, each
 * compared with the reference evaluator (or its gradients with differences); failures are shrunk and printed. Exit
 * status 1 when there was one. */
#include "ir/passes.h"
#include "tests/support/graph_trial.h"
#include <stdlib.h>
#include <string.h>

typedef struct FuzzOptions {
  uint64_t count, seed;
  uint32_t max_order, max_reports;
  bool loops, differences;
} FuzzOptions;

static bool parse_options(int argc, char **argv, FuzzOptions *o) {
  for (int i = 1; i < argc; i++) {
    bool more = i + 1 < argc;
    if (!strcmp(argv[i], "--no-loops"))
      o->loops = false;
    else if (!strcmp(argv[i], "--differences"))
      o->differences = true;
    else if (!strcmp(argv[i], "--count") && more)
      o->count = strtoull(argv[++i], NULL, 10);
    else if (!strcmp(argv[i], "--seed") && more)
      o->seed = strtoull(argv[++i], NULL, 10);
    else if (!strcmp(argv[i], "--order") && more)
      o->max_order = (uint32_t)strtoul(argv[++i], NULL, 10);
    else if (!strcmp(argv[i], "--reports") && more)
      o->max_reports = (uint32_t)strtoul(argv[++i], NULL, 10);
    else
      return false;
  }
  return true;
}

/* Compares the gradients with differences instead. */
static void use_differences(GraphTrial *t) {
  t->passes = NULL;
  t->order = t->graph.order ? t->graph.order : 1;
  t->graph.order = 0;
  t->graph.dtype = DT_F64;
  t->graph.no_stop = true;
}

int main(int argc, char **argv) {
  FuzzOptions o = {.count = 2000, .seed = 1, .max_order = 3, .max_reports = 5, .loops = true};
  if (!parse_options(argc, argv, &o)) {
    fprintf(stderr,
            "usage: fuzz_graphs [--count N] [--seed S] [--order K] [--no-loops] [--differences] [--reports N]\n");
    return 2;
  }
  uint64_t failed = 0, discarded = 0;
  for (uint64_t i = 0; i < o.count; i++) {
    GraphTrial t = {.graph = random_graph_options(o.seed + i, (o.seed + i) % 2 ? DT_F32 : DT_F64),
                    .passes = pass_pipeline_opt};
    if (t.graph.order > o.max_order) t.graph.order = o.max_order;
    t.graph.loops &= o.loops;
    if (o.differences) use_differences(&t);
    bool ok = graph_trial_run(&t);
    discarded += t.discarded;
    if (!ok && ++failed <= o.max_reports) graph_trial_report(&t, stdout);
  }
  printf("%llu graphs, %llu failed, %llu discarded\n", (unsigned long long)o.count, (unsigned long long)failed,
         (unsigned long long)discarded);
  return failed != 0;
}
