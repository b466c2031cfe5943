/* Small graphs written by hand, their gradients evaluated. */
#ifndef SEPPO_TESTS_SUPPORT_GRAD_TRIAL_H
#define SEPPO_TESTS_SUPPORT_GRAD_TRIAL_H

#include "ir/autodiff/autodiff.h"
#include "ir/eval.h"

NodeId g_add(Builder *b, NodeId x, NodeId y);
NodeId g_mul(Builder *b, NodeId x, NodeId y);
NodeId g_scale(Builder *b, NodeId x, double f);
/* Over all axes. */
NodeId g_sum(Builder *b, NodeId x);
NodeId g_square_sum(Builder *b, NodeId x);
NodeId g_gradient(Builder *b, NodeId y, NodeId x);

/* A module with one region under construction. */
typedef struct GradTrial {
  Module *m;
  Builder b;
  Arena mem;
  DiagSink sink;
} GradTrial;

GradTrial trial_begin(void);
void trial_end(GradTrial *p);
/* An f64 vector of n numbers; V(1, 2) in trial `p`. */
NodeId trial_vector(GradTrial *p, int64_t n, const double *v);
#define V(...) trial_vector(&p, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (const double[]){__VA_ARGS__})
/* Differentiates the region with this result; its elements, in the trial's memory. */
const double *trial_evaluate(GradTrial *p, NodeId result);
/* Differentiating the region with this result gives one error that mentions the text. */
void trial_refused(GradTrial *p, NodeId result, const char *text);
uint32_t trial_count(const Module *m, RegionId r, Op op);

void expect_numbers(const double *have, uint32_t n, const double *want);
#define EXPECT(have, ...)                                                                                              \
  expect_numbers(have, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (const double[]){__VA_ARGS__})

#endif
