/* Cells to a checkpoint and back, under the names of the model table. */
#include "driver/session/session.h"
#include "runtime/checkpoint.h"
#include <stdlib.h>
#include <string.h>

/* What a checkpoint holds: everything that outlives a step but the sums behind the logs of an unfinished epoch. */
static bool kept(const Cell *c) { return c->kind != CELL_METRIC; }

static CheckpointTensor cell_tensor(const Session *s, CellId i) {
  const Cell *c = &s->m->cell.at[i];
  const Type *t = ir_type_get(s->m, c->type);
  CheckpointTensor out = {.name = c->name, .dtype = t->dtype, .rank = t->rank, .bytes = engine_cell(&s->engine, i)};
  memcpy(out.dim, t->dim, sizeof out.dim);
  return out;
}

bool session_save(Session *s, const char *path) {
  uint32_t n = 0;
  CheckpointTensor *tensor = calloc(s->m->cell.n + 1, sizeof *tensor);
  if (!tensor) return false;
  for (CellId i = 0; i < s->m->cell.n; i++)
    if (kept(&s->m->cell.at[i])) tensor[n++] = cell_tensor(s, i);
  char steps[32], seed[32];
  snprintf(steps, sizeof steps, "%lld", (long long)s->steps);
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->engine.seed);
  CheckpointMeta meta[] = {{"seed", seed}, {"step", steps}};
  bool ok = checkpoint_write(path, tensor, n, meta, 2, s->sink, SPAN_NONE);
  free(tensor);
  return ok;
}

static bool same_type(const CheckpointTensor *a, const CheckpointTensor *b) {
  return a->dtype == b->dtype && a->rank == b->rank && !memcmp(a->dim, b->dim, sizeof a->dim[0] * a->rank);
}

static void put_shape(StrBuf *out, const CheckpointTensor *t) {
  sb_printf(out, "%s[", dtype_name((DType)t->dtype));
  for (uint32_t i = 0; i < t->rank; i++) sb_printf(out, i ? ", %lld" : "%lld", (long long)t->dim[i]);
  sb_putc(out, ']');
}

static bool wrong_shape(Session *s, const char *path, const CheckpointTensor *want, const CheckpointTensor *found) {
  StrBuf a = {0}, b = {0};
  put_shape(&a, want);
  put_shape(&b, found);
  diag_error(s->sink, "E0604", SPAN_NONE, "`%s` in %s does not fit this model: expected %s, found %s", want->name, path,
             a.s, b.s);
  diag_status(s->sink, EXIT_FILES);
  sb_free(&a);
  sb_free(&b);
  return false;
}

/* Copies every parameter and state the checkpoint has; one that it lacks is an error, so that nothing starts half
 * loaded. Optimiser state and tensors computed once may be absent: another task may do without. */
static bool take_cells(Session *s, const Checkpoint *c) {
  for (CellId i = 0; i < s->m->cell.n; i++) {
    const Cell *cell = &s->m->cell.at[i];
    CheckpointTensor want = cell_tensor(s, i);
    const CheckpointTensor *found = kept(cell) ? checkpoint_find(c, cell->name) : NULL;
    if (!found && cell->kind != CELL_PARAM) continue;
    if (!found) {
      diag_error(s->sink, "E0604", SPAN_NONE, "%s has no parameter `%s`", c->path, cell->name);
      diag_status(s->sink, EXIT_FILES);
      return false;
    }
    if (!same_type(&want, found)) return wrong_shape(s, c->path, &want, found);
    memcpy(engine_cell(&s->engine, i), found->bytes, checkpoint_tensor_bytes(found));
  }
  return true;
}

bool session_load(Session *s, const char *path) {
  Checkpoint *c = checkpoint_open(path, s->sink, SPAN_NONE);
  if (!c) return false;
  bool ok = take_cells(s, c);
  checkpoint_close(c);
  return ok;
}
