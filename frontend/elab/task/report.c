/* Diagnostics of the elaborator: at the user's innermost line first, library lines as notes. */
#include "frontend/elab/call.h"
#include "frontend/elab/state.h"

bool span_in_library(const Elab *E, Span s) {
  return s.source != SOURCE_NONE && s.source < E->sources->source.n && E->sources->source.at[s.source].library;
}

char *elab_text(Elab *E, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  StrBuf b = {0};
  sb_vprintf(&b, fmt, ap);
  va_end(ap);
  char *s = arena_strdup(&E->mem, b.s ? b.s : "");
  sb_free(&b);
  return s;
}

void elab_at(Elab *E, Span span) {
  E->span = span;
  E->loc = ir_loc(E->m, (Loc){.span = span, .inlined_at = E->act ? E->act->loc : IR_NONE, .origin = ORIGIN_SOURCE});
  if (E->g) E->g->cur->b.loc = E->loc;
}

/* The innermost place of the user's own text, and the notes that lead from it to where it happened. */
static Span user_span(const Elab *E, Span span) {
  if (!span_in_library(E, span)) return span;
  for (const Activation *a = E->act; a; a = a->up)
    if (a->span.source != SOURCE_NONE && !span_in_library(E, a->span)) return a->span;
  return span;
}

static void call_notes(Elab *E, Span span, Span shown) {
  if (span_in_library(E, span) && memcmp(&span, &shown, sizeof span) != 0)
    diag_note(E->sink, span, "in the library here");
  uint32_t n = 0;
  for (const Activation *a = E->act; a && n < 3; a = a->up) {
    if (a->span.source == SOURCE_NONE || span_in_library(E, a->span)) continue;
    if (memcmp(&a->span, &shown, sizeof shown) == 0) continue;
    diag_note(E->sink, a->span, "in this call of `%s`", a->what ? a->what : "a function");
    n++;
  }
}

static void report(Elab *E, bool error, const char *code, Span span, const char *fmt, va_list ap) {
  StrBuf b = {0};
  sb_vprintf(&b, fmt, ap);
  Span at = user_span(E, span);
  if (error)
    diag_error(E->sink, code, at, "%s", b.s ? b.s : "");
  else
    diag_warning(E->sink, code, at, "%s", b.s ? b.s : "");
  call_notes(E, span, at);
  sb_free(&b);
}

Val elab_error(Elab *E, const char *code, Span span, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(E, true, code, span, fmt, ap);
  va_end(ap);
  return val_error();
}

void elab_warning(Elab *E, const char *code, Span span, const char *fmt, ...) {
  if (E->quiet) return;
  va_list ap;
  va_start(ap, fmt);
  report(E, false, code, span, fmt, ap);
  va_end(ap);
}

/* Text for the diagnostic said last. */
static void attach(Elab *E, void (*put)(DiagSink *, const char *, ...), const char *fmt, va_list ap) {
  StrBuf b = {0};
  sb_vprintf(&b, fmt, ap);
  put(E->sink, "%s", b.s ? b.s : "");
  sb_free(&b);
}

void elab_hint(Elab *E, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  attach(E, diag_hint, fmt, ap);
  va_end(ap);
}

void elab_label(Elab *E, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  attach(E, diag_label, fmt, ap);
  va_end(ap);
}

void take_back_errors(Elab *E, DiagSink before) {
  E->sink->diag.n = before.diag.n;
  E->sink->n_errors = before.n_errors;
  E->sink->n_warnings = before.n_warnings;
  E->sink->exit_status = before.exit_status;
}

bool elab_ir_errors(Elab *E, Span span) {
  if (!E->ir_sink.n_errors) return false;
  for (uint32_t k = 0; k < E->ir_sink.diag.n; k++) {
    const Diag *d = &E->ir_sink.diag.at[k];
    if (d->severity != DIAG_ERROR) continue;
    elab_error(E, d->code ? d->code : "E0301", span, "%s", d->message);
    if (d->label) elab_label(E, "%s", d->label);
    if (d->hint) elab_hint(E, "%s", d->hint);
  }
  diag_sink_free(&E->ir_sink);
  E->ir_sink = (DiagSink){0};
  return true;
}
