/* Reference evaluator: naive loops in f64 (integers and bits exact), regions interpreted.
 * The oracle of the test suite and the tool that names the first bad node after a NaN; shares no code with codegen. */
#ifndef SEPPO_IR_EVAL_H
#define SEPPO_IR_EVAL_H

#include "ir/ir.h"

/* A tensor in the evaluator. Floats of any dtype are held as double; bool and integers as int64 (u64 bit-cast). */
typedef struct Value {
  TypeId type;
  union {
    double *f;
    int64_t *i;
    struct Value *tuple;
  };
} Value;

typedef struct EvalCall {
  const Module *m;
  Arena *mem;
  const Node *node;
  const Attr *attr;
  const Value *in;
  Value *out;       /* allocated by the driver, tuple members included */
  bool index_error; /* set by gather, scatter, dynamic_* when an index is out of range */
} EvalCall;

typedef struct EvalOptions {
  bool round_f32; /* round every f32-typed result to f32, as the compiled program stores it */
  double noise;   /* relative perturbation of every float result (tolerance from the graph itself); 0 = none */
  uint64_t noise_seed;
  /* Called after each node; return false to stop (used to find the first non-finite value). May be NULL. */
  bool (*watch)(void *user, RegionId region, NodeId node, const Value *v);
  void *user;
} EvalOptions;

/* Evaluates a region on the parameters' values. False when an index was out of range or `watch` stopped it. */
bool eval_region(const Module *m, RegionId region, const Value *param, Value *result, const EvalOptions *o, Arena *mem);

Value value_new(const Module *m, TypeId type, Arena *mem);
/* From and to a tensor's stored bytes (row-major, the type's dtype). */
Value value_from_bytes(const Module *m, TypeId type, const void *bytes, Arena *mem);
void value_to_bytes(const Module *m, const Value *v, void *bytes);

#endif
