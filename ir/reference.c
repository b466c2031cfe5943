#include "ir/reference.h"
#include "ir/text/text.h"
#include <ctype.h>
#include <string.h>

static const struct {
  uint32_t flag;
  const char *meaning;
} flag_row[] = {
    {OPF_ELEMENTWISE, "elementwise"},
    {OPF_COMMUTATIVE, "commutative"},
    {OPF_VIEW, "only moves elements"},
    {OPF_LINEAR, "linear"},
    {OPF_EXACT, "exact: may be folded when compiling"},
    {OPF_MULTI, "gives a tuple, read by `proj`"},
    {OPF_REGION, "has a body"},
    {OPF_LAPACK, "calls LAPACK"},
    {OPF_NO_MERGE, "never merged with an equal node"},
    {OPF_PSEUDO, "gone after `differentiate`"},
};

/* Families by their first op, in table order. */
static const struct {
  Op first;
  const char *title;
} family[] = {
    {OP_param, "Leaves"},
    {OP_add, "Arithmetic"},
    {OP_exp, "Functions of floats"},
    {OP_cast, "Casts, comparisons, logic and bits"},
    {OP_broadcast, "Movement of elements"},
    {OP_reduce_sum, "Reductions, running sums, order"},
    {OP_gather, "Indexing"},
    {OP_dot_general, "Contractions and windows"},
    {OP_cholesky, "Linear algebra"},
    {OP_proj, "Structure"},
    {OP_grad, "Pseudo ops"},
};

static void put_form(StrBuf *b, const OpInfo *o) {
  static const char *const name[] = {"a", "b", "c"};
  sb_printf(b, "    %%y = %s", o->name);
  for (int i = 0; i < o->arity; i++) sb_printf(b, "%s %%%s", i ? "," : "", name[i]);
  if (o->arity < 0) sb_puts(b, " %a, ...");
  const char *separator = " {";
  for (const char *s = o->attrs; *s; separator = ", ") {
    size_t n = strcspn(s, " ");
    sb_printf(b, "%s%.*s=..", separator, (int)n, s);
    s += n + strspn(s + n, " ");
  }
  sb_puts(b, *o->attrs ? "}\n\n" : "\n\n");
}

static const char *derivative_of(const OpInfo *o) {
  if (o->vjp) return "has a derivative rule";
  if (o->flags & OPF_NO_DERIVATIVE) return "no derivative";
  return o->flags & OPF_PSEUDO ? NULL : "differentiated by a rule of its own in the pass";
}

/* The flags as one sentence. */
static void put_flags(StrBuf *b, const OpInfo *o) {
  size_t begin = b->n;
  const char *separator = "", *derivative = derivative_of(o);
  for (size_t i = 0; i < sizeof flag_row / sizeof *flag_row; i++) {
    if (!(o->flags & flag_row[i].flag)) continue;
    sb_printf(b, "%s%s", separator, flag_row[i].meaning);
    separator = "; ";
  }
  if (derivative) sb_printf(b, "%s%s", separator, derivative);
  b->s[begin] = (char)toupper((unsigned char)b->s[begin]);
  sb_puts(b, ".\n\n");
}

void ir_print_reference(StrBuf *out) {
  for (uint32_t op = 0; op < OP_COUNT; op++) {
    const OpInfo *o = &op_table[op];
    for (size_t i = 0; i < sizeof family / sizeof *family; i++)
      if (family[i].first == op) sb_printf(out, "## %s\n\n", family[i].title);
    sb_printf(out, "### %s\n\n%s\n\n", o->name, o->meaning);
    if (op != OP_param && op != OP_const) put_form(out, o);
    put_flags(out, o);
  }
}
