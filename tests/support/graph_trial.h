/* One comparison of a random graph computed in two ways; shrunk and printed when they disagree. */
#ifndef SEPPO_TESTS_GRAPH_TRIAL_H
#define SEPPO_TESTS_GRAPH_TRIAL_H

#include "tests/support/random_graph.h"
#include <stdio.h>

/* What computes the side under test. */
typedef enum { ON_EVALUATOR, ON_KERNELS, ON_MACHINE } GraphSide;

typedef struct GraphTrial {
  RandomGraphOptions graph;
  /* NULL: the gradients of the graph (which has none itself) are compared with differences, in f64, up to `order`. */
  const char *passes; /* on the side under test; the other is only differentiated */
  uint32_t order;
  GraphSide side;
  bool no_fusion;   /* kernels and machine: one kernel a node */
  uint32_t threads; /* machine: the bits of one thread and of this many must be equal */
  bool discarded;   /* the graph decides nothing: its values hang on rounding */
  char what[300];   /* how the sides differ */
} GraphTrial;

/* Makes the graph and compares; true when the sides agree or the sample was discarded. */
bool graph_trial_run(GraphTrial *t);
/* Runs the trial on the graphs of seeds 1 .. count, f32 and f64 in turn, on two to four threads. Reports the first
 * failures on stderr and returns how many there were; a run of discarded samples is a failure too. */
uint32_t graph_trial_many(GraphTrial t, uint32_t count);
/* Shrinks the failing graph and prints it with what differs. */
void graph_trial_report(GraphTrial *t, FILE *out);

#endif
