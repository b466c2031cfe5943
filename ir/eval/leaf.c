/* Evaluation of leaves: constants, counters, random draws. */
#include "ir/eval/rules.h"
#include "runtime/random.h"

void eval_const(EvalCall *c) {
  Value v = value_from_bytes(c->m, c->out->type, ir_const_data(c->m, c->attr->value), c->mem);
  for (int64_t i = 0, n = eval_count(c); i < n; i++) eval_move(c->out, i, &v, i);
}

void eval_iota(EvalCall *c) {
  const Type *t = eval_out_type(c);
  int64_t at[IR_MAX_RANK];
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    eval_unravel(t, i, at);
    int64_t v = at[c->attr->axis];
    if (eval_float(c))
      c->out->f[i] = (double)v;
    else
      c->out->i[i] = eval_wrap((DType)t->dtype, (uint64_t)v);
  }
}

void eval_key_fold(EvalCall *c) {
  c->out->i[0] = (int64_t)random_key_fold((uint64_t)c->in[0].i[0], (uint64_t)c->in[1].i[0]);
}

void eval_random(EvalCall *c) {
  uint64_t key = (uint64_t)c->in[0].i[0], site = c->attr->site;
  uint64_t first = c->node->n_in > 1 ? (uint64_t)c->in[1].i[0] : 0;
  DType t = (DType)eval_out_type(c)->dtype;
  for (int64_t i = 0, n = eval_count(c); i < n; i++) {
    uint64_t e = first + (uint64_t)i;
    switch (c->attr->dist) {
    case DIST_BITS:
      c->out->i[i] = t == DT_U64 ? (int64_t)random_bits64(key, site, e) : (int64_t)random_bits32(key, site, e);
      break;
    case DIST_UNIFORM:
      c->out->f[i] = t == DT_F64 ? random_uniform64(key, site, e) : random_uniform32(key, site, e);
      break;
    default: c->out->f[i] = t == DT_F64 ? random_normal64(key, site, e) : random_normal32(key, site, e);
    }
  }
}
