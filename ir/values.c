#include "ir/values.h"
#include "ir/hash.h"
#include <stdlib.h>
#include <string.h>

struct ValueTable {
  IdTable ids;
};

static bool mergeable(Op op) { return op != OP_param && !(op_table[op].flags & OPF_NO_MERGE); }
static bool swaps(Op op, uint32_t n) { return n == 2 && op_table[op].flags & OPF_COMMUTATIVE; }

static uint64_t key_hash(const ValueKey *k) {
  uint64_t h = hash_mix((uint64_t)k->op << 32 | k->n, (uint64_t)k->body[0] << 32 | k->attr);
  h = hash_mix(h, k->body[1]);
  if (swaps(k->op, k->n)) {
    NodeId a = k->in[0], c = k->in[1];
    return hash_mix(h, a < c ? (uint64_t)a << 32 | c : (uint64_t)c << 32 | a);
  }
  return hash_bytes(h, k->in, k->n * sizeof *k->in);
}

static bool same_operands(const ValueKey *k, const NodeId *in) {
  if (k->n == 0 || !memcmp(k->in, in, k->n * sizeof *in)) return true;
  return swaps(k->op, k->n) && k->in[0] == in[1] && k->in[1] == in[0];
}

static bool same_value(const void *key, const void *owner, uint32_t id) {
  const ValueKey *k = key;
  const Region *r = owner;
  const Node *n = &r->node.at[id];
  return n->op == k->op && n->n_in == k->n && n->attr == k->attr && n->body[0] == k->body[0] &&
         n->body[1] == k->body[1] && same_operands(k, r->operand.at + n->in);
}

static void add(Builder *b, NodeId id) {
  const Region *r = ir_region(b->m, b->region);
  const Node *n = &r->node.at[id];
  if (!mergeable(n->op)) return;
  ValueKey k = {n->op, n->n_in, r->operand.at + n->in, n->attr, {n->body[0], n->body[1]}};
  table_add(&b->values->ids, key_hash(&k), id);
}

/* The table, made at first need with every node the region has by then. */
static void ensure(Builder *b) {
  if (b->values) return;
  b->values = calloc(1, sizeof *b->values);
  if (!b->values) exit(EXIT_FILES);
  uint32_t n = ir_region(b->m, b->region)->node.n;
  for (NodeId id = 0; id < n; id++) add(b, id);
}

NodeId values_find(Builder *b, const ValueKey *k) {
  if (!mergeable(k->op)) return IR_NONE;
  ensure(b);
  return table_find(&b->values->ids, key_hash(k), same_value, k, ir_region(b->m, b->region));
}

void values_add(Builder *b, NodeId n) {
  if (b->values) add(b, n);
}

void values_free(Builder *b) {
  if (b->values) table_free(&b->values->ids);
  free(b->values);
  b->values = NULL;
}
