/* fuzz_graphs [--count N] [--seed S] [--order K] [--no-loops] [--large] [--on SIDE] [--reports N]: random graphs from
 * seed S on, each computed in several ways and compared with the reference evaluator. SIDE: passes, kernels, machine,
 * differences (gradients with finite differences) or all. Failures are shrunk and printed; exit status 1 when there was
 * one. */
#include "ir/passes/passes.h"
#include "tests/support/graph_trial.h"
#include <stdlib.h>
#include <string.h>

typedef struct FuzzOptions {
  uint64_t count, seed;
  uint32_t max_order, max_reports;
  bool loops, large;
  const char *on;
} FuzzOptions;

static bool parse_options(int argc, char **argv, FuzzOptions *o) {
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--no-loops")) {
      o->loops = false;
      continue;
    }
    if (!strcmp(argv[i], "--large")) {
      o->large = true;
      continue;
    }
    if (i + 1 == argc) return false;
    const char *name = argv[i], *value = argv[++i];
    if (!strcmp(name, "--count"))
      o->count = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--seed"))
      o->seed = strtoull(value, NULL, 10);
    else if (!strcmp(name, "--order"))
      o->max_order = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(name, "--reports"))
      o->max_reports = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(name, "--on"))
      o->on = value;
    else
      return false;
  }
  return true;
}

/* One way of computing a graph. */
typedef struct Way {
  const char *group;
  const char *passes; /* NULL: gradients against differences */
  GraphSide side;
  bool no_fusion;
  uint32_t threads;
} Way;

static const Way ways[] = {
    {"differences", NULL, ON_EVALUATOR, false, 1},        {"passes", pass_pipeline_opt, ON_EVALUATOR, false, 1},
    {"kernels", "differentiate", ON_KERNELS, true, 1},    {"kernels", pass_pipeline_opt, ON_KERNELS, false, 1},
    {"machine", "differentiate", ON_MACHINE, true, 1},    {"machine", pass_pipeline_opt, ON_MACHINE, false, 1},
    {"machine", pass_pipeline_opt, ON_MACHINE, false, 2},
};

static GraphTrial trial(const FuzzOptions *o, const Way *w, uint64_t seed) {
  GraphTrial t = {.graph = random_graph_options(seed, seed % 2 ? DT_F32 : DT_F64)};
  t.passes = w->passes;
  t.side = w->side;
  t.no_fusion = w->no_fusion;
  t.threads = w->threads;
  if (t.graph.order > o->max_order) t.graph.order = o->max_order;
  t.graph.loops &= o->loops;
  t.graph.large |= o->large;
  if (w->passes) return t;
  t.order = t.graph.order ? t.graph.order : 1;
  t.graph.order = 0;
  t.graph.dtype = DT_F64;
  t.graph.no_stop = true;
  return t;
}

int main(int argc, char **argv) {
  FuzzOptions o = {.count = 2000, .seed = 1, .max_order = 3, .max_reports = 5, .loops = true, .on = "all"};
  if (!parse_options(argc, argv, &o)) {
    fprintf(stderr,
            "usage: fuzz_graphs [--count N] [--seed S] [--order K] [--no-loops] [--large] [--on passes|kernels|machine|"
            "differences|all] [--reports N]\n");
    return 2;
  }
  uint64_t failed = 0, discarded = 0, run = 0;
  for (uint64_t seed = o.seed; seed < o.seed + o.count; seed++) {
    for (uint32_t w = 0; w < sizeof ways / sizeof *ways; w++) {
      if (strcmp(o.on, "all") != 0 && strcmp(o.on, ways[w].group) != 0) continue;
      GraphTrial t = trial(&o, &ways[w], seed);
      run++;
      bool ok = graph_trial_run(&t);
      discarded += t.discarded;
      if (!ok && ++failed <= o.max_reports) graph_trial_report(&t, stdout);
      if (!ok || t.discarded) break;
    }
  }
  printf("%llu graphs, %llu comparisons, %llu failed, %llu discarded\n", (unsigned long long)o.count,
         (unsigned long long)run, (unsigned long long)failed, (unsigned long long)discarded);
  return failed != 0;
}
