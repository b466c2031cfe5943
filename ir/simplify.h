/* Local rewriting: exact folding and the rewrite rules, one table for all.
 *
 * A rule looks at a node about to be made and names a cheaper node of the same value and type, emitting what it needs;
 * the root's location is kept. Rules never change a value but for the sign of a zero, the rounding of a
 * product of two constants, the order in which a zeroed accumulator is filled and that of a convolution's sums; they
 * never fold x*0, x-x or x/x, because NaN and infinity must come out as written.
 *
 * Adding a rule is one row in simplify/table.c, its function in the family's file, and a sample in
 * tests/golden/rules.
 */
#ifndef SEPPO_IR_SIMPLIFY_H
#define SEPPO_IR_SIMPLIFY_H

#include "ir/build.h"

/* When a rule may fire. */
enum {
  RULE_STABILISE = 1, /* before differentiation: forms whose derivatives do not overflow */
  RULE_SIMPLIFY = 2,
  RULE_LAYOUT = 4 /* transposes absorbed into what reads or makes them */
};

/* The root of a possible match: a node about to be made. Pointers outlive what the rule emits. */
typedef struct Match {
  Builder *b;
  Op op;
  uint32_t n;
  const NodeId *in;
  const Attr *attr; /* never NULL */
  TypeId type;      /* of the result */
} Match;

/* The replacement, or IR_NONE when the rule does not apply. */
typedef NodeId (*RuleFn)(const Match *x);

typedef struct RewriteRule {
  const char *name;
  uint16_t op; /* of the root; OP_COUNT: any elementwise op */
  uint8_t phases;
  RuleFn apply;
} RewriteRule;

extern const RewriteRule rewrite_rules[];
extern const uint32_t rewrite_rule_count;

/* Hooks for Builder.simplify, one for each phase: folding and the first rule that matches. */
NodeId ir_stabilise_node(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr);
NodeId ir_simplify_node(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr);
NodeId ir_layout_node(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr);

#endif
