/* Derivatives of a program against central differences in f64. */
#ifndef SEPPO_TESTS_GRADCHECK_H
#define SEPPO_TESTS_GRADCHECK_H

#include "ir/autodiff/autodiff.h"
#include "ir/eval.h"

enum { GRAD_MAX_IN = 8 };

typedef struct GradInput {
  DType dtype;
  uint32_t rank;
  int64_t dim[IR_MAX_RANK];
  double lo, hi; /* range of the values drawn; integers include both ends */
} GradInput;

typedef struct GradCase {
  const char *name;
  uint32_t n_in;
  GradInput in[GRAD_MAX_IN];
  /* A tensor or tuple made from the inputs; float inputs come as anchors. */
  NodeId (*build)(Builder *b, const NodeId *in, const void *user);
  const void *user;
} GradCase;

/* Fails the running test unless first and second derivatives of the program agree with differences (on two draws of
 * the inputs) and the gradient is linear in the cotangent. */
void gradcheck(const GradCase *s);

#endif
