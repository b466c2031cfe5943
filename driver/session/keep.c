/* `keep best E, patience = n`: the parameters and states with the least E come back when the training ends. */
#include "driver/session/memory.h"
#include "driver/session/session.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool one_keep(Session *s, const Action *a) {
  if (!s->best.action || s->best.action == a) return true;
  Span at = a->loc == IR_NONE ? SPAN_NONE : ir_loc_get(s->m, a->loc)->span;
  diag_error(s->sink, "E0902", at, "a training has one `keep best`");
  return false;
}

bool session_keep(Session *s, const Action *a, double value, int64_t step, bool *stop) {
  Best *b = &s->best;
  if (!one_keep(s, a)) return false;
  if (!b->cells && memory_fits(s->engine.cell_bytes)) b->cells = malloc(s->engine.cell_bytes);
  if (!b->cells) return memory_error(s->sink, "the parameters that `keep best` keeps", s->engine.cell_bytes), false;
  bool better = !b->action || value < b->value || (isnan(b->value) && !isnan(value));
  b->action = a;
  if (!better) {
    b->misses++;
    if (a->option[0] > 0 && b->misses >= a->option[0]) *stop = true;
    return true;
  }
  b->value = value;
  b->step = step;
  b->misses = 0;
  memcpy(b->cells, s->engine.cells, s->engine.cell_bytes);
  return true;
}

bool session_keep_end(Session *s) {
  Best *b = &s->best;
  bool ok = !b->action || session_save_best(s);
  for (CellId i = 0; b->action && i < s->m->cell.n; i++) {
    const Cell *c = &s->m->cell.at[i];
    const Type *t = ir_type_get(s->m, c->type);
    if (c->kind != CELL_PARAM && c->kind != CELL_STATE) continue;
    memcpy(engine_cell(&s->engine, i), b->cells + s->engine.layout->offset[i],
           (size_t)ir_elements(t) * ir_dtype_size(t->dtype));
  }
  free(b->cells);
  *b = (Best){0};
  return ok;
}
