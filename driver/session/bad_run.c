/* What native code reports as gone wrong, said at the source line it came from. */
#include "driver/session/session.h"
#include "runtime/base/strbuf.h"

static LocId bad_loc(const Session *s, const Context *c) {
  if (c->bad_region >= s->m->region.n || c->bad_node >= s->m->region.at[c->bad_region].node.n) return IR_NONE;
  return ir_node(s->m, c->bad_region, c->bad_node)->loc;
}

static const char *op_name(const Session *s, const Context *c) {
  if (c->bad_region >= s->m->region.n || c->bad_node >= s->m->region.at[c->bad_region].node.n) return "?";
  return op_table[ir_node(s->m, c->bad_region, c->bad_node)->op].name;
}

void session_bad_run(Session *s, TaskId t, const Graph *g, const Context *c, RunStatus status) {
  (void)g;
  const char *task = s->m->task.at[t].name;
  LocId loc = bad_loc(s, c);
  Span at = ir_user_span(s->m, loc);
  long long step = (long long)c->step;
  switch (status) {
  case RUN_BAD_INDEX:
    diag_error(&s->l->sink, "E1002", at, "index %lld is out of range 0..%lld in step %lld of `%s`",
               (long long)c->bad_index, (long long)c->bad_extent, step, task);
    break;
  case RUN_LAPACK:
    diag_error(&s->l->sink, "E1003", at,
               "`%s` failed in step %lld of `%s`: the matrix is singular or not positive definite", op_name(s, c), step,
               task);
    break;
  default:
    diag_error(&s->l->sink, "E1001", at, "a loss or parameter became NaN or infinite in step %lld of `%s`", step, task);
    diag_hint(&s->l->sink, "a smaller learning rate, or `clip_norm` on the gradient, often helps");
    break;
  }
  diag_status(&s->l->sink, EXIT_NUMBERS);
  if (loc != IR_NONE && ir_loc_get(s->m, loc)->span.source != at.source)
    diag_note(&s->l->sink, ir_loc_get(s->m, loc)->span, "inside the library, here");
}
