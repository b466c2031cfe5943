/* Golden tests of rules and passes: tests/golden/rules/<rule>.ir and tests/golden/passes/<passes>[-<case>].ir hold an
 * input, a line `---`, and the expected output. SEPPO_REGENERATE=1 writes the outputs anew. */
#include "ir/passes/passes.h"
#include "ir/simplify.h"
#include "tests/support/files.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static Module *parse_text(const char *name, const char *text, size_t length, SourceMap *sources) {
  DiagSink sink = {0};
  uint32_t source = source_add(sources, name, text, length, false);
  Module *m = ir_parse(sources, source, &sink);
  if (!m) diag_print(&sink, sources, DIAG_HUMAN, false, stderr);
  diag_sink_free(&sink);
  return m;
}

static bool run(Module *m, const char *passes) {
  DiagSink sink = {0};
  PassOptions o = {.verify_each = true, .evaluate_each = true};
  bool ok = pass_run_named(m, passes, &o, &sink);
  if (!ok) diag_print(&sink, m->sources, DIAG_HUMAN, false, stderr);
  diag_sink_free(&sink);
  return ok;
}

static char *print_text(const Module *m) {
  StrBuf b = {0};
  ir_print(m, IR_NONE, &b);
  return sb_take(&b);
}

static void write_golden(const char *path, const char *input, size_t n, const char *output) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  fwrite(input, 1, n, f);
  fprintf(f, "---\n%s", output);
  fclose(f);
}

/* How often the rule applies to the nodes of the task's step. */
static uint32_t fires(Module *m, const RewriteRule *rule) {
  RegionId region = m->task.at[0].step.region;
  Builder b = ir_builder(m, region, NULL);
  uint32_t count = 0;
  for (NodeId n = 0, last = ir_region(m, region)->node.n; n < last; n++) {
    Node node = *ir_node(m, region, n);
    bool root = rule->op == OP_COUNT ? (op_table[node.op].flags & OPF_ELEMENTWISE) != 0 : rule->op == node.op;
    if (!root || node.n_in > 8) continue;
    NodeId in[8];
    for (uint32_t i = 0; i < node.n_in; i++) in[i] = ir_operands(m, region, &node)[i];
    static const Attr none;
    Match x = {&b, (Op)node.op, node.n_in, in, node.attr == IR_NONE ? &none : ir_attr_get(m, node.attr), node.type};
    NodeId better = rule->apply(&x);
    if (better == IR_NONE) continue;
    count++;
    assert_int_equal(ir_node(m, region, better)->type, node.type);
  }
  ir_builder_free(&b);
  return count;
}

/* Runs `passes` on the file's input and compares; false (with a message) when it differs. A second run of the same
 * passes must change nothing. */
static bool check_file(const char *path, const char *passes, const RewriteRule *rule) {
  char *text = file_read(path, NULL);
  const char *mark = text ? strstr(text, "---\n") : NULL;
  if (!mark) {
    print_error("%s: missing, or without a line ---\n", path);
    free(text);
    return false;
  }
  SourceMap sources = {0};
  size_t n = (size_t)(mark - text);
  bool ok = true;
  if (rule) {
    Module *m = parse_text(path, text, n, &sources);
    ok = m && fires(m, rule) > 0;
    if (m && !ok) print_error("%s: the rule does not fire\n", path);
    ir_module_free(m);
  }
  Module *m = parse_text(path, text, n, &sources);
  char *got = m && run(m, passes) ? print_text(m) : NULL;
  char *again = got && run(m, passes) ? print_text(m) : NULL;
  if (got && getenv("SEPPO_REGENERATE"))
    write_golden(path, text, n, got);
  else if (!got || strcmp(got, mark + 4) != 0)
    ok = false, print_error("%s: got\n%s\n", path, got ? got : "nothing");
  if (got && (!again || strcmp(got, again) != 0)) ok = false, print_error("%s: not idempotent\n%s\n", path, again);
  free(text);
  free(got);
  free(again);
  ir_module_free(m);
  source_map_free(&sources);
  return ok;
}

static const char *passes_of(const RewriteRule *rule) {
  if (rule->phases & RULE_SIMPLIFY) return "simplify";
  return rule->phases & RULE_LAYOUT ? "layout" : "stabilise";
}

static void every_rule_fires(void **state) {
  (void)state;
  uint32_t bad = 0;
  for (uint32_t i = 0; i < rewrite_rule_count; i++) {
    char path[200];
    snprintf(path, sizeof path, "tests/golden/rules/%s.ir", rewrite_rules[i].name);
    bad += !check_file(path, passes_of(&rewrite_rules[i]), &rewrite_rules[i]);
  }
  assert_int_equal(bad, 0);
}

/* The passes a file names: `loops-hoist.ir` runs loops, `simplify+loops-xs.ir` runs simplify,loops. */
static void passes_in_name(const char *file, char *out) {
  size_t n = strcspn(file, "-.");
  for (size_t i = 0; i < n; i++) out[i] = file[i] == '+' ? ',' : file[i];
  out[n] = 0;
}

static void every_pass(void **state) {
  (void)state;
  DIR *dir = opendir("tests/golden/passes");
  assert_non_null(dir);
  uint32_t bad = 0, count = 0;
  for (struct dirent *e; (e = readdir(dir));) {
    char path[400], passes[300];
    if (!strstr(e->d_name, ".ir")) continue;
    snprintf(path, sizeof path, "tests/golden/passes/%s", e->d_name);
    passes_in_name(e->d_name, passes);
    bad += !check_file(path, passes, NULL);
    count++;
  }
  closedir(dir);
  assert_int_equal(bad, 0);
  assert_true(count > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_rule_fires), cmocka_unit_test(every_pass)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
