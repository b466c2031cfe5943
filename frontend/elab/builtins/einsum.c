/* einsum("..nhw, ..mhw -> ..hnm", Q, K): products and sums over named axes, two operands at a time. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"
#include <ctype.h>

enum { REST = 128 }; /* axes of `..` are labelled REST + distance from its end */

typedef struct Term {
  uint8_t label[IR_MAX_RANK];
  uint32_t n;
} Term;

static bool has(const Term *t, uint8_t label) {
  for (uint32_t k = 0; k < t->n; k++)
    if (t->label[k] == label) return true;
  return false;
}

static uint32_t place(const Term *t, uint8_t label) {
  uint32_t k = 0;
  while (t->label[k] != label) k++;
  return k;
}

/* One term of the text up to `end`; `rest` axes stand for its `..`. */
static bool parse_term(BuiltinCall *c, const char *p, const char *end, uint32_t rest, Term *t) {
  Elab *E = c->E;
  t->n = 0;
  for (; p < end; p++) {
    if (*p == ' ') continue;
    if (p[0] == '.' && p + 1 < end && p[1] == '.') {
      p++;
      for (uint32_t k = rest; k-- > 0 && t->n < IR_MAX_RANK;) t->label[t->n++] = (uint8_t)(REST + k);
      continue;
    }
    if (!isalpha((unsigned char)*p))
      return elab_error(E, "E0320", c->at[0], "`%c` cannot stand in the text of `einsum`", *p), false;
    if (t->n == IR_MAX_RANK) return elab_error(E, "E0320", c->at[0], "a tensor has at most 8 axes"), false;
    t->label[t->n++] = (uint8_t)*p;
  }
  return true;
}

static uint32_t count_letters(const char *p, const char *end) {
  uint32_t n = 0;
  for (; p < end; p++) n += isalpha((unsigned char)*p) != 0;
  return n;
}

static bool has_rest(const char *p, const char *end) {
  for (; p + 1 < end; p++)
    if (p[0] == '.' && p[1] == '.') return true;
  return false;
}

/* Sums out the labels of a that nothing else needs. */
static NodeId sum_out(Builder *b, NodeId x, Term *t, const Term *other, const Term *keep) {
  int64_t axes[IR_MAX_RANK];
  uint32_t n = 0;
  Term left = {.n = 0};
  for (uint32_t k = 0; k < t->n; k++) {
    if ((other && has(other, t->label[k])) || has(keep, t->label[k]))
      left.label[left.n++] = t->label[k];
    else
      axes[n++] = k;
  }
  *t = left;
  return n ? ir_reduce(b, OP_reduce_sum, x, n, axes) : x;
}

static NodeId contract(Builder *b, NodeId x, Term *tx, NodeId y, Term *ty, const Term *keep) {
  x = sum_out(b, x, tx, ty, keep);
  y = sum_out(b, y, ty, tx, keep);
  IntList bx = {0}, by = {0}, cx = {0}, cy = {0};
  Term out = {.n = 0};
  for (uint32_t k = 0; k < tx->n; k++) {
    uint8_t l = tx->label[k];
    if (!has(ty, l)) continue;
    uint32_t j = place(ty, l);
    if (has(keep, l))
      bx.v[bx.n++] = k, by.v[by.n++] = j, out.label[out.n++] = l;
    else
      cx.v[cx.n++] = k, cy.v[cy.n++] = j;
  }
  for (uint32_t k = 0; k < tx->n; k++)
    if (!has(ty, tx->label[k]) && out.n < IR_MAX_RANK) out.label[out.n++] = tx->label[k];
  for (uint32_t k = 0; k < ty->n; k++)
    if (!has(tx, ty->label[k]) && out.n < IR_MAX_RANK) out.label[out.n++] = ty->label[k];
  *tx = out;
  return ir_dot(b, x, y, &bx, &by, &cx, &cy);
}

/* What the result and the operands from `from` on still need. */
static Term needed(const Term *out, const Term *term, uint32_t from, uint32_t n) {
  Term need = *out;
  for (uint32_t k = from; k < n; k++)
    for (uint32_t j = 0; j < term[k].n; j++)
      if (!has(&need, term[k].label[j]) && need.n < IR_MAX_RANK) need.label[need.n++] = term[k].label[j];
  return need;
}

/* An axis named twice stands for the diagonal: i is named again at j > i, which disappears. */
static NodeId diagonal(Builder *b, NodeId x, uint32_t i, uint32_t j) {
  const Type t = *ir_type_of(b, x);
  int64_t perm[IR_MAX_RANK] = {i, j}, dim[IR_MAX_RANK], lo[IR_MAX_RANK] = {0}, step[IR_MAX_RANK];
  for (uint32_t k = 0, at = 2; k < t.rank; k++)
    if (k != i && k != j) perm[at++] = k;
  for (uint32_t k = 1; k < t.rank; k++) dim[k - 1] = t.dim[perm[k]], step[k - 1] = 1;
  int64_t n = t.dim[i];
  dim[0] = n * n, step[0] = n + 1;
  x = ir_reshape(b, ir_transpose(b, x, perm), t.rank - 1u, dim);
  x = ir_slice(b, x, lo, dim, step);
  for (uint32_t k = 0; k + 1 < t.rank; k++) perm[k] = k < i ? k + 1 : k == i ? 0 : k;
  return ir_transpose(b, x, perm);
}

/* Diagonals of all axes that the term names twice; false after an error. */
static bool take_diagonals(BuiltinCall *c, Term *t, Val *v) {
  Elab *E = c->E;
  for (uint32_t j = 1; j < t->n; j++) {
    uint32_t i = place(t, t->label[j]);
    if (i == j) continue;
    const Type *type = type_of(E, *v);
    if (type->dim[i] != type->dim[j]) {
      elab_error(E, "E0320", c->span, "the axis `%c` of `einsum` is %lld and %lld in %s", t->label[j],
                 (long long)type->dim[i], (long long)type->dim[j], type_text(E, *v));
      return false;
    }
    *v = val_tensor(E, diagonal(&E->g->cur->b, node_of(E, *v), i, j));
    memmove(t->label + j, t->label + j + 1, t->n - j - 1);
    t->n--, j--;
  }
  return true;
}

static bool check_extents(BuiltinCall *c, const Term *term, const Val *v, uint32_t n) {
  for (uint32_t k = 0; k < n; k++)
    for (uint32_t j = 0; j < term[k].n; j++)
      for (uint32_t i = 0; i < k; i++) {
        if (!has(&term[i], term[k].label[j])) continue;
        int64_t a = type_of(c->E, v[i])->dim[place(&term[i], term[k].label[j])], b = type_of(c->E, v[k])->dim[j];
        if (a == b) continue;
        elab_error(c->E, "E0320", c->span, "an axis of `einsum` is %lld in %s and %lld in %s", (long long)a,
                   type_text(c->E, v[i]), (long long)b, type_text(c->E, v[k]));
        return false;
      }
  return true;
}

static bool parse_spec(BuiltinCall *c, const Val *v, Term *term, Term *out) {
  Elab *E = c->E;
  const char *p = c->arg[0].s, *arrow = strstr(p, "->");
  if (!arrow) return elab_error(E, "E0320", c->at[0], "the text of `einsum` needs `->` and the result's axes"), false;
  uint32_t rest = 0, n = 0;
  for (const char *q = p; q <= arrow; n++) {
    const char *end = memchr(q, ',', (size_t)(arrow - q));
    if (!end) end = arrow;
    if (n == c->n_rest) break;
    uint32_t letters = count_letters(q, end), rank = type_of(E, v[n])->rank;
    bool dots = has_rest(q, end);
    if (dots ? letters > rank : letters != rank)
      return elab_error(E, "E0320", c->span, "term %u of `einsum` names %u axes, the operand is %s", n + 1, letters,
                        type_text(E, v[n])),
             false;
    if (dots && rank - letters > rest) rest = rank - letters;
    if (!parse_term(c, q, end, rank - letters, &term[n])) return false;
    q = end + 1;
  }
  uint32_t commas = 1;
  for (const char *q = p; q < arrow; q++) commas += *q == ',';
  if (commas != c->n_rest)
    return elab_error(E, "E0320", c->span, "`einsum` names %u operands and gets %u", commas, c->n_rest), false;
  if (!parse_term(c, arrow + 2, p + strlen(p), rest, out)) return false;
  for (uint32_t k = 0; k < out->n; k++)
    if (place(out, out->label[k]) != k)
      return elab_error(E, "E0320", c->at[0], "the result of `einsum` names the axis `%c` twice", out->label[k]), false;
  return true;
}

Val bi_einsum(BuiltinCall *c) {
  Elab *E = c->E;
  if (c->arg[0].kind != V_STRING || !c->n_rest || c->n_rest > 8)
    return elab_error(E, "E0320", c->span, "`einsum` takes a text and one to eight tensors");
  Val v[8];
  DType d = E->fdt;
  for (uint32_t k = 0; k < c->n_rest; k++) {
    v[k] = to_tensor(E, c->rest[k], DT_COUNT, c->span);
    if (is_error(v[k])) return v[k];
    d = k ? join_dtypes(E, v[k], v[k - 1], true) : join_dtypes(E, v[k], v[k], true);
  }
  for (uint32_t k = 0; k < c->n_rest; k++) v[k] = tensor_cast(E, v[k], d, c->span);
  Term term[8], out;
  if (!parse_spec(c, v, term, &out)) return val_error();
  for (uint32_t k = 0; k < c->n_rest; k++)
    if (!take_diagonals(c, &term[k], &v[k])) return val_error();
  if (!check_extents(c, term, v, c->n_rest)) return val_error();
  Builder *b = &E->g->cur->b;
  NodeId x = node_of(E, v[0]);
  Term tx = term[0];
  for (uint32_t k = 1; k < c->n_rest; k++) {
    Term need = needed(&out, term, k + 1, c->n_rest);
    x = contract(b, x, &tx, node_of(E, v[k]), &term[k], &need);
    if (x == IR_NONE) return val_error();
  }
  x = sum_out(b, x, &tx, NULL, &out);
  int64_t perm[IR_MAX_RANK];
  for (uint32_t k = 0; k < out.n; k++) {
    if (!has(&tx, out.label[k]))
      return elab_error(E, "E0320", c->at[0], "the result of `einsum` names an axis that no operand has");
    perm[k] = place(&tx, out.label[k]);
  }
  bool same = true;
  for (uint32_t k = 0; k < out.n; k++) same &= perm[k] == k;
  return val_tensor(E, same ? x : ir_transpose(b, x, perm));
}
