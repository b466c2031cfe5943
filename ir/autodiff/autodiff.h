/* Reverse-mode differentiation, graph to graph (Linnainmaa 1970; on graphs with loops: Griewank and Walther,
 * Evaluating Derivatives, 2008).
 *
 * The frontend writes gradients as the pseudo op `grad`; the pass `differentiate` replaces them by nodes. Cotangents
 * are node ids; IR_NONE stands for zero and is never made into a tensor unless somebody has to read it. In derivative
 * rules a zero cotangent annihilates: 0 times an infinite or undefined derivative is 0.
 */
#ifndef SEPPO_IR_AUTODIFF_H
#define SEPPO_IR_AUTODIFF_H

#include "ir/build.h"
#include "ir/passes/passes.h"

/* Expands every `grad` of the module's tasks and strips `anchor` and `stop_gradient`. */
bool pass_differentiate(Module *m, const PassOptions *o, DiagSink *sink);
/* The same for one region; returns the new region, IR_NONE after a diagnostic. */
RegionId ir_differentiate(Module *m, RegionId region, DiagSink *sink);

/* ---------------------------------------------------------------- asking for derivatives */

/* Emits the pseudo op; member i of the tuple is the cotangent of x[i]. y: float scalar; x: anchors or parameters. */
NodeId ir_grad(Builder *b, NodeId y, const NodeId *x, uint32_t n);
/* Marks `x` as a variable; `id` tells anchors apart in the text form. */
NodeId ir_anchor(Builder *b, NodeId x, int64_t id);
/* A VJP with cotangent w is grad(sum(y * w), x); a JVP along v is the gradient of sum(grad(sum(y * w), x) * v) in w,
 * whatever w is: derivative rules are linear in the cotangent. */

/* ---------------------------------------------------------------- for derivative rules */

/* Is operand i wanted? Operands from 63 on share the last bit. */
static inline bool ct_needed(uint64_t need, uint32_t i) { return need >> (i < 63 ? i : 63) & 1; }

/* Sum from left to right; IR_NONE terms are skipped; a scatter or dynamic write into zeros is put into the sum so far
 * instead. IR_NONE when no term is left. */
NodeId ct_add(Builder *b, const NodeId *term, uint32_t n);
/* g * d and g / d. A choice with a zero arm, `select(c, g, 0)`, sinks below: select(c, g * d, 0). */
NodeId ct_mul(Builder *b, NodeId g, NodeId d);
NodeId ct_div(Builder *b, NodeId g, NodeId d);
NodeId ct_neg(Builder *b, NodeId g);
NodeId ct_scale(Builder *b, NodeId g, double factor);
/* g / d where d can vanish or be undefined: 0 where g is 0, whatever d is. */
NodeId ct_div_pole(Builder *b, NodeId g, NodeId d);
/* g * d where d can be infinite or undefined: 0 where g is 0, whatever d is. */
NodeId ct_mul_pole(Builder *b, NodeId g, NodeId d);
/* Is n a constant of one finite value other than 0, perhaps broadcast? */
bool ct_known_nonzero(const Builder *b, NodeId n);

#endif
