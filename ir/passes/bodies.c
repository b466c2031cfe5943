/* Loop bodies with the same contents become one region, so that equal loops are merged as any other value. */
#include "ir/passes/internal.h"

static uint64_t region_hash(const Module *m, RegionId id) {
  const Region *r = ir_region(m, id);
  uint64_t h = hash_mix(r->node.n, r->operand.n);
  for (uint32_t n = 0; n < r->node.n; n++) {
    const Node *node = &r->node.at[n];
    h = hash_mix(h, (uint64_t)node->op << 32 | node->n_in);
    h = hash_mix(h, (uint64_t)node->type << 32 | node->attr);
    h = hash_mix(h, (uint64_t)node->body[0] << 32 | node->body[1]);
    for (uint32_t k = 0; k < node->n_in; k++) h = hash_mix(h, r->operand.at[node->in + k]);
  }
  return hash_bytes(h, r->result.at, sizeof *r->result.at * r->result.n);
}

static bool equal_body(const void *key, const void *owner, uint32_t id) {
  const Module *m = owner;
  RegionId body = *(const RegionId *)key;
  return pass_same_region(m, id, body);
}

RegionId pass_share_body(BodyTable *t, const Module *m, RegionId body) {
  uint64_t h = region_hash(m, body);
  RegionId same = table_find(&t->ids, h, equal_body, &body, m);
  if (same != IR_NONE) return same;
  table_add(&t->ids, h, body);
  return body;
}
