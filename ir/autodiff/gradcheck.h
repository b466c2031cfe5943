/* Gradients of a region against finite differences, in the reference evaluator.
 *
 * For every `grad` of the region and of its loops' bodies, and every variable x of it: along a direction v the central
 * difference of y, with x replaced by x + t*v at that binding alone, must equal <gradient, v>. What stands under
 * stop_gradient keeps its value while x moves. Differences are extrapolated from two step sizes (Richardson 1911);
 * several sizes are tried and the best counts, since no one size suits both kinks and rounding, and a wrong gradient
 * agrees with none.
 */
#ifndef SEPPO_IR_GRADCHECK_H
#define SEPPO_IR_GRADCHECK_H

#include "ir/eval.h"

typedef enum {
  GRAD_OK,
  GRAD_WRONG,
  GRAD_NOT_FINITE, /* y or the gradient is NaN or infinite here */
  GRAD_STOPPED,    /* differs, but a loop on the way has a stop_gradient in its body: differences cannot tell */
  GRAD_FAILED      /* could not be evaluated: an index out of range */
} GradVerdict;

typedef struct GradFinding {
  RegionId region; /* the grad node and its variable stand there */
  NodeId grad, x;
  GradVerdict verdict;
  double error; /* relative */
} GradFinding;

typedef struct GradCheck {
  Module *m;
  DiagSink *sink;
  uint64_t seed;
  double tolerance;
  void (*found)(void *user, const GradFinding *f);
  void *user;
} GradCheck;

/* Checks every grad of an elaborated region, with these values of its parameters; a loop's body is checked with the
 * values of its first trip. The module gains regions. False after a diagnostic. */
bool gradcheck_region(GradCheck *c, RegionId region, const Value *param);

#endif
