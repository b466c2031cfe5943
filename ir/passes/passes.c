/* The pass manager: the table of passes, and running them by name. */
#include "ir/passes/passes.h"
#include "ir/codes.h"
#include "ir/passes/check.h"
#include "ir/passes/internal.h"
#include <stdlib.h>
#include <string.h>

const PassInfo pass_table[] = {
    {"stabilise", "any graph -> stable forms of logarithms of the logistic, constant powers written out",
     pass_stabilise, false},
    {"segment", "any graph -> loops that derivatives run through in segments that are computed again", pass_segment,
     false},
    {"differentiate", "verified -> no grad, anchor or stop_gradient in any region", pass_differentiate, false},
    {"simplify", "no pseudo ops -> rules, exact folding, common subexpressions and dead code to a fixpoint",
     pass_simplify, true},
    {"loops", "simplified -> invariants and dead carries out of loops, indexed reads made xs, products batched",
     pass_loops, true},
    {"layout", "simplified -> transposes absorbed into products", pass_layout, true},
};
const uint32_t pass_count = sizeof pass_table / sizeof *pass_table;

const char pass_pipeline_grad[] = "stabilise,differentiate";
const char pass_pipeline_segmented[] = "stabilise,segment,differentiate";
const char pass_pipeline_opt[] = "stabilise,differentiate,simplify,loops,layout";

static const PassInfo *find_pass(const char *name, size_t length, DiagSink *sink) {
  const char *names[sizeof pass_table / sizeof *pass_table];
  for (uint32_t i = 0; i < pass_count; i++) {
    names[i] = pass_table[i].name;
    if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) return &pass_table[i];
  }
  char *word = strndup(name, length);
  diag_error(sink, CODE_PASS_REQUEST, SPAN_NONE, "there is no pass `%s`", word);
  diag_status(sink, EXIT_USAGE);
  const char *near = diag_nearest(word, names, pass_count);
  if (near) diag_hint(sink, "did you mean `%s`?", near);
  free(word);
  return NULL;
}

static void print_after(const Module *m, const PassInfo *pass, const PassOptions *o) {
  if (!o->print_after || (strcmp(o->print_after, "all") != 0 && strcmp(o->print_after, pass->name) != 0)) return;
  StrBuf text = {0};
  ir_print(m, IR_NONE, &text);
  fprintf(o->print_to ? o->print_to : stderr, "# after %s\n%s", pass->name, text.s ? text.s : "");
  sb_free(&text);
}

static bool verify_always(void) {
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
  return true;
#else
  return false;
#endif
}

/* The first op that only differentiate knows, OP_COUNT when there is none. */
static Op find_pseudo(const Module *m) {
  RegionList regions = pass_regions(m);
  Op found = OP_COUNT;
  for (uint32_t i = 0; i < regions.n && found == OP_COUNT; i++) {
    const Region *r = ir_region(m, regions.at[i]);
    for (uint32_t n = 0; n < r->node.n && found == OP_COUNT; n++) {
      if (op_table[r->node.at[n].op].flags & OPF_PSEUDO) found = (Op)r->node.at[n].op;
    }
  }
  vec_free(&regions);
  return found;
}

static bool requirements_hold(const Module *m, const PassInfo *pass, DiagSink *sink) {
  Op pseudo = pass->no_pseudo ? find_pseudo(m) : OP_COUNT;
  if (pseudo == OP_COUNT) return true;
  diag_error(sink, CODE_PASS_REQUEST, SPAN_NONE, "the pass `%s` does not know `%s`", pass->name, op_table[pseudo].name);
  diag_status(sink, EXIT_USAGE);
  diag_hint(sink, "run `differentiate` before it");
  return false;
}

static bool run_pass(Module *m, const PassInfo *pass, const PassOptions *o, DiagSink *sink) {
  if (!requirements_hold(m, pass, sink)) return false;
  PassCheck *before = o->evaluate_each ? pass_check_begin(m) : NULL;
  bool ok = pass->run(m, o, sink);
  if (ok) print_after(m, pass, o);
  if (ok && (o->verify_each || verify_always())) ok = ir_verify(m, sink);
  if (before) ok = pass_check_end(before, m, pass->name, sink) && ok;
  return ok;
}

bool pass_run_named(Module *m, const char *names, const PassOptions *o, DiagSink *sink) {
  static const PassOptions defaults;
  if (!o) o = &defaults;
  bool known = true;
  for (uint32_t round = 0; round < 2; round++) { /* first see that all names are known, then run */
    for (const char *p = names; *p;) {
      size_t length = strcspn(p, ",");
      const PassInfo *pass = length ? find_pass(p, length, round ? NULL : sink) : NULL;
      if (length && !pass) known = false;
      if (round && pass && !run_pass(m, pass, o, sink)) return false;
      p += length + (p[length] == ',');
    }
    if (!known) return false;
  }
  return true;
}
