#include "tests/support/mutate.h"
#include "frontend/elab.h"
#include "frontend/syntax/lexer.h"
#include "frontend/syntax/parser.h"
#include "ir/passes/passes.h"
#include <string.h>

static const char *const strangers[] = {
    "0",          "1",        "-1",          "2.5",  "1e18",  "none",  "true",   "\"a\"",     "\"{a}\"",
    "[1, 2]",     "[]",       "(1, 2)",      "relu", "dense", "grad",  "sum",    "fn(x) = x", "sgd",
    "zeros([2])", "..",       "x[0]",        "^",    "step",  "batch", "2^62",   "0..3",      "params",
    "[[1], [2]]", "training", "zeros([0])",  "adam", "inf",   "copy",  "frozen", "x",         "9007199254740992",
    ";",          "1e-320",   "normal([3])",
};

static uint32_t draw(uint64_t *state, uint32_t n) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(((*state >> 33) * n) >> 31);
}

/* A token of the same kind, from a random place on: what parses more often. */
static const Token *alike(const TokenList *t, const Token *a, uint32_t from) {
  for (uint32_t k = 0; k < t->token.n; k++) {
    const Token *b = &t->token.at[(from + k) % t->token.n];
    if (b->kind == a->kind && b != a) return b;
  }
  return a;
}

/* One change: first the text before the place, then what stands there now, then the rest. */
static void change(const char *text, size_t n, const TokenList *t, uint64_t *state, StrBuf *out) {
  const Token *a = &t->token.at[draw(state, t->token.n)], *b = &t->token.at[draw(state, t->token.n)];
  uint32_t kind = draw(state, 10), stranger = draw(state, sizeof strangers / sizeof *strangers);
  if (kind > 4) b = alike(t, a, (uint32_t)(b - t->token.at)), kind = kind == 5 ? 4 : 1;
  if (kind == 4 && b->begin < a->begin) {
    const Token *c = a;
    a = b, b = c;
  }
  sb_write(out, text, a->begin);
  if (kind == 0) sb_puts(out, strangers[stranger]);
  if (kind == 1 || kind == 4) sb_write(out, text + b->begin, b->end - b->begin);
  if (kind == 2) { /* doubled */
    sb_write(out, text + a->begin, a->end - a->begin);
    sb_putc(out, ' ');
    sb_write(out, text + a->begin, a->end - a->begin);
  }
  size_t at = a->end;
  if (kind == 4 && b->begin >= a->end) { /* exchanged */
    sb_write(out, text + at, b->begin - at);
    sb_write(out, text + a->begin, a->end - a->begin);
    at = b->end;
  }
  sb_write(out, text + at, n - at);
}

void mutate_text(const char *text, size_t n, Mutation how, StrBuf *out) {
  uint64_t state = how.seed * 0x9e3779b97f4a7c15u + 1;
  draw(&state, 2);
  sb_write(out, text, n);
  for (uint32_t k = draw(&state, how.most) + 1; k > 0; k--) {
    StrBuf before = *out;
    *out = (StrBuf){0};
    SourceMap sources = {0};
    DiagSink sink = {0};
    TokenList t = {0};
    lex(&sources, source_add(&sources, "text", before.s, before.n, false), 0, (uint32_t)before.n, &t, &sink);
    change(before.s, before.n, &t, &state, out);
    token_list_free(&t);
    diag_sink_free(&sink);
    source_map_free(&sources);
    sb_free(&before);
  }
}

/* An error whose own place or one of whose notes lies in a file of the user. Settings have none. */
static bool has_place(const SourceMap *sources, const Diag *d) {
  for (uint32_t k = 0; k <= d->n_notes; k++)
    if (d[k].span.source < sources->source.n && !sources->source.at[d[k].span.source].library) return true;
  return false;
}

static const char *complaint(const SourceMap *sources, const DiagSink *sink, bool ok) {
  if (ok != (sink->n_errors == 0)) return ok ? "errors, and yet it passes" : "fails without an error";
  for (uint32_t i = 0; i < sink->diag.n; i += 1 + sink->diag.at[i].n_notes) {
    const Diag *d = &sink->diag.at[i];
    if (d->severity == DIAG_ERROR && !has_place(sources, d)) return "an error without a place";
    if (d->severity == DIAG_ERROR && !d->code) return "an error without a code";
  }
  return NULL;
}

/* What the passes say of a program that the checker let through. */
static const char *run_passes(Module *m, FILE *out, const SourceMap *sources) {
  DiagSink sink = {0};
  bool ok = ir_verify(m, &sink) && pass_run_named(m, pass_pipeline_opt, &(PassOptions){0}, &sink);
  const char *bad = NULL;
  for (uint32_t i = 0; i < sink.diag.n; i++)
    if (sink.diag.at[i].code && !strcmp(sink.diag.at[i].code, "E0802")) bad = "a graph that breaks the rules";
  if (!bad) bad = complaint(sources, &sink, ok && !sink.n_errors);
  if (out) diag_print(&sink, sources, DIAG_HUMAN, false, out);
  diag_sink_free(&sink);
  return bad;
}

Verdict mutate_check(const char *name, const StrBuf *text, FILE *out) {
  SourceMap sources = {0};
  DiagSink sink = {0};
  Elaborated e = {0};
  Verdict v = {0};
  Ast *ast = parse_source(&sources, source_add(&sources, name, text->s, text->n, false), &sink);
  v.parsed = sink.n_errors == 0;
  if (v.parsed) v.elaborated = elaborate(&sources, ast, &(ElabOptions){0}, &e, &sink);
  v.complaint = complaint(&sources, &sink, v.elaborated);
  if (out) diag_print(&sink, &sources, DIAG_HUMAN, false, out);
  if (v.elaborated && !v.complaint) v.complaint = run_passes(e.module, out, &sources);
  elaborated_free(&e);
  ast_free(ast);
  diag_sink_free(&sink);
  source_map_free(&sources);
  return v;
}
