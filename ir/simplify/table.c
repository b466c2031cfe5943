/* The table of rewrite rules, and applying it to one node. */
#include "ir/simplify/rules.h"

const RewriteRule rewrite_rules[] = {
#define REWRITE(name, op, phases) {#name, OP_##op, phases, rule_##name},
#include "ir/simplify/rules.def"
#undef REWRITE
};
const uint32_t rewrite_rule_count = sizeof rewrite_rules / sizeof *rewrite_rules;

bool splat_value(const Builder *b, NodeId n, double *value) {
  const Node *node = node_of(b, n);
  if (node->op == OP_broadcast) node = node_of(b, ir_operands(b->m, b->region, node)[0]);
  if (node->op != OP_const) return false;
  const Type *t = ir_type_get(b->m, node->type);
  if (t->rank != 0) return false;
  const void *p = ir_const_data(b->m, ir_attr_get(b->m, node->attr)->value);
  switch ((DType)t->dtype) {
  case DT_BOOL:
  case DT_U8: *value = *(const uint8_t *)p; return true;
  case DT_I32: *value = *(const int32_t *)p; return true;
  case DT_U32: *value = *(const uint32_t *)p; return true;
  case DT_I64: *value = (double)*(const int64_t *)p; return true;
  case DT_U64: *value = (double)*(const uint64_t *)p; return true;
  case DT_F32: *value = (double)*(const float *)p; return true;
  case DT_F64: *value = *(const double *)p; return true;
  case DT_COUNT: break;
  }
  return false;
}

bool is_splat_of(const Builder *b, NodeId n, double value) {
  double v;
  return splat_value(b, n, &v) && v == value;
}

bool is_splat(const Builder *b, NodeId n) {
  if (is_op(b, n, OP_broadcast)) n = operand_of(b, n, 0);
  return ir_type_of(b, n)->rank == 0;
}

bool pick_operand(const Match *x, Op op, NodeId *found, NodeId *other) {
  for (uint32_t i = 0; i < 2; i++) {
    if (is_op(x->b, x->in[i], op)) {
      *found = x->in[i];
      *other = x->in[1 - i];
      return true;
    }
  }
  return false;
}

static bool root_matches(const RewriteRule *rule, const Match *x, uint32_t phases) {
  if (!(rule->phases & phases)) return false;
  if (rule->op != OP_COUNT) return rule->op == x->op;
  return (op_table[x->op].flags & OPF_ELEMENTWISE) != 0;
}

/* The first rule of `phases` that fires; nothing is said about nodes with regions or of pseudo ops. */
static NodeId rewrite(Builder *b, uint32_t phases, Op op, const NodeId *in, uint32_t n, const Attr *attr) {
  static const Attr no_attr;
  NodeId few[16];
  if (op_table[op].flags & (OPF_REGION | OPF_PSEUDO | OPF_MULTI) || op == OP_param || n > 16) return IR_NONE;
  if (n) memcpy(few, in, sizeof *in * n);
  TypeId types[16];
  for (uint32_t i = 0; i < n; i++) types[i] = node_of(b, in[i])->type;
  TypeQuery q = {b, op, n, few, types, attr ? attr : &no_attr, NULL};
  Match x = {b, op, n, few, q.attr, op_table[op].type(&q)};
  if (x.type == IR_NONE) return IR_NONE;
  NodeId better = phases & RULE_SIMPLIFY ? simplify_fold(&x) : IR_NONE;
  for (uint32_t i = 0; i < rewrite_rule_count && better == IR_NONE; i++) {
    if (root_matches(&rewrite_rules[i], &x, phases)) better = rewrite_rules[i].apply(&x);
  }
  return better;
}

NodeId ir_stabilise_node(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr) {
  return rewrite(b, RULE_STABILISE, op, in, n, attr);
}

NodeId ir_simplify_node(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr) {
  return rewrite(b, RULE_SIMPLIFY, op, in, n, attr);
}

NodeId ir_layout_node(Builder *b, Op op, const NodeId *in, uint32_t n, const Attr *attr) {
  return rewrite(b, RULE_SIMPLIFY | RULE_LAYOUT, op, in, n, attr);
}
