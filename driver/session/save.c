/* Cells to a checkpoint and back, under the names of the model table; with the place in the run while it lasts. */
#include "driver/session/session.h"
#include "runtime/checkpoint.h"
#include <stdlib.h>
#include <string.h>

#define BEST_PREFIX "best."

/* ---------------------------------------------------------------- writing */

typedef struct Draft {
  Vec(CheckpointTensor) tensor;
  Vec(CheckpointMeta) meta;
  Arena mem;
} Draft;

static CheckpointTensor cell_tensor(const Session *s, CellId i, const uint8_t *cells) {
  const Cell *c = &s->m->cell.at[i];
  const Type *t = ir_type_get(s->m, c->type);
  CheckpointTensor out = {.name = c->name, .dtype = t->dtype, .rank = t->rank};
  out.bytes = cells + s->engine.layout->offset[i];
  memcpy(out.dim, t->dim, sizeof out.dim);
  return out;
}

static bool is_model(const Cell *c) { return c->kind == CELL_PARAM || c->kind == CELL_STATE; }

/* Sums behind the logs matter in the middle of a training only. */
static bool kept(const Session *s, const Cell *c) { return c->kind != CELL_METRIC || s->place.begun; }

static void put_meta(Draft *d, const char *key, const char *value) {
  vec_push(&d->meta, ((CheckpointMeta){key, value}));
}

static void put_number(Draft *d, const char *key, int64_t value) {
  put_meta(d, key, arena_printf(&d->mem, "%lld", (long long)value));
}

/* The best copy of `keep best`, and how it came about. */
static void put_best(const Session *s, Draft *d) {
  const Best *b = &s->best;
  if (!b->action) return;
  for (CellId i = 0; i < s->m->cell.n; i++) {
    if (!is_model(&s->m->cell.at[i])) continue;
    CheckpointTensor t = cell_tensor(s, i, b->cells);
    t.name = arena_printf(&d->mem, BEST_PREFIX "%s", t.name);
    vec_push(&d->tensor, t);
  }
  put_meta(d, "best", arena_printf(&d->mem, "%a", b->value));
  put_number(d, "best_step", b->step);
  put_number(d, "best_misses", b->misses);
}

/* Takes ownership of the value; NULL and {} are left out. */
static void put_json(Draft *d, const char *key, json_t *value) {
  StrBuf text = {0};
  if (json_object_size(value) > 0) {
    json_print(value, 0, &text);
    put_meta(d, key, arena_strdup(&d->mem, text.s));
  }
  sb_free(&text);
  json_decref(value);
}

/* What an unfinished run needs to go on. */
static void put_place(const Session *s, Draft *d) {
  const Place *p = &s->place;
  put_json(d, "arrays", rundir_arrays(s->dir));
  put_json(d, "pictures", session_pictures(s));
  put_meta(d, "task", s->m->task.at[p->task].name);
  put_number(d, "task_number", p->task);
  put_number(d, "records", rundir_records(s->dir));
  if (!p->begun) return;
  put_number(d, "task_step", p->step);
  put_number(d, "epoch", p->epoch);
  put_best(s, d);
}

static bool write_draft(Session *s, Draft *d, const char *name) {
  const char *path = arena_printf(&d->mem, "%s/%s.safetensors", rundir_path(s->dir), name);
  return checkpoint_write(path, d->tensor.at, d->tensor.n, d->meta.at, d->meta.n, s->sink, SPAN_NONE);
}

static void free_draft(Draft *d) {
  vec_free(&d->tensor);
  vec_free(&d->meta);
  arena_free(&d->mem);
}

bool session_save(Session *s) {
  double begin = clock_ms();
  Draft d = {0};
  if (!session_data(s)) return false;
  RunIdentity id = s->identity;
  for (CellId i = 0; i < s->m->cell.n; i++)
    if (kept(s, &s->m->cell.at[i])) vec_push(&d.tensor, cell_tensor(s, i, s->engine.cells));
  put_meta(&d, "model", id.model);
  put_meta(&d, "settings", id.settings);
  put_meta(&d, "data", id.data);
  put_meta(&d, "seed", arena_printf(&d.mem, "%llu", (unsigned long long)s->engine.seed));
  put_number(&d, "step", s->steps + s->place.step);
  if (s->place.task < s->m->task.n) put_place(s, &d);
  bool ok = true;
  for (uint32_t i = 0; i < s->save_as.n && ok; i++) ok = write_draft(s, &d, s->save_as.at[i]);
  ok = ok && write_draft(s, &d, "checkpoint"); /* last: after it nothing of this moment is left to do */
  s->save_as.n = 0;
  free_draft(&d);
  s->saved_ms = clock_ms();
  s->save_cost_ms = s->saved_ms - begin;
  s->save_asked = false;
  return ok;
}

bool session_save_when_due(Session *s) {
  enum { share = 50 }; /* at most one part in so many of the run's time is spent on checkpoints */
  double since = clock_ms() - s->saved_ms;
  bool due = s->save_every_ms == 0 || (since >= s->save_every_ms && since >= share * s->save_cost_ms);
  return !(due || s->save_asked) || session_save(s);
}

bool session_save_best(Session *s) {
  Draft d = {0};
  for (CellId i = 0; i < s->m->cell.n; i++)
    if (is_model(&s->m->cell.at[i])) vec_push(&d.tensor, cell_tensor(s, i, s->best.cells));
  char value[32];
  number_print(s->best.value, value);
  put_number(&d, "step", s->steps + s->best.step);
  put_meta(&d, "best", value);
  bool ok = write_draft(s, &d, "best");
  free_draft(&d);
  return ok;
}

/* ---------------------------------------------------------------- reading */

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

static bool refuse(Session *s, const char *path, const char *what, const char *name) {
  diag_error(s->sink, "E0604", SPAN_NONE, "%s %s `%s`", path, what, name);
  diag_status(s->sink, EXIT_FILES);
  return false;
}

static bool writes_cell(const Graph *g, CellId cell) {
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_CELL && g->out[i].index == cell) return true;
  return false;
}

/* Copies the cells of `kinds` (a mask) that the checkpoint has, those that `by` writes unless it is NULL; one of
 * `needed` that it lacks is an error, so that nothing starts half loaded. */
static bool take_cells(Session *s, const Checkpoint *c, const char *prefix, uint32_t kinds, uint32_t needed,
                       const Graph *by, uint8_t *cells) {
  for (CellId i = 0; i < s->m->cell.n; i++) {
    const Cell *cell = &s->m->cell.at[i];
    if (!(kinds >> cell->kind & 1) || (by && !writes_cell(by, i))) continue;
    CheckpointTensor want = cell_tensor(s, i, cells);
    const char *name = *prefix ? arena_printf(&s->engine.mem, "%s%s", prefix, cell->name) : cell->name;
    const CheckpointTensor *found = checkpoint_find(c, name);
    if (!found && !(needed >> cell->kind & 1)) continue;
    if (!found) return refuse(s, c->path, "has no", name);
    if (!same_type(&want, found)) return wrong_shape(s, c->path, &want, found);
    memcpy(cells + s->engine.layout->offset[i], found->bytes, checkpoint_tensor_bytes(found));
  }
  return true;
}

enum { MODEL_CELLS = 1u << CELL_PARAM | 1u << CELL_STATE, ALL_CELLS = (1u << (CELL_COUNTER + 1)) - 1 };

static bool writes_model(const Session *s, const Graph *g) {
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_CELL && MODEL_CELLS >> s->m->cell.at[g->out[i].index].kind & 1) return true;
  return false;
}

bool session_load(Session *s, TaskId after) {
  const char *path = s->options->load;
  const Task *t = &s->m->task.at[after];
  bool first = t->kind == TASK_INIT;
  if (!path || !(first || (t->kind == TASK_LET && writes_model(s, &t->step)))) return true;
  Checkpoint *c = checkpoint_open(path, s->sink, SPAN_NONE);
  if (!c) return false;
  /* Optimiser state and tensors computed once may be absent: another task may do without. */
  bool ok = take_cells(s, c, "", first ? ALL_CELLS & ~(1u << CELL_METRIC) : MODEL_CELLS, 1u << CELL_PARAM,
                       first ? NULL : &t->step, s->engine.cells);
  checkpoint_close(c);
  return ok;
}

static int64_t meta_number(const Checkpoint *c, const char *key) {
  const char *text = checkpoint_meta(c, key);
  return text ? strtoll(text, NULL, 10) : -1;
}

static bool same_run(Session *s, const Checkpoint *c) {
  if (!session_data(s)) return false;
  RunIdentity id = s->identity;
  char seed[32];
  snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->engine.seed);
  const struct {
    const char *key, *here, *message;
  } part[] = {{"model", id.model, "the model file has changed since this run began: it cannot be continued"},
              {"settings", id.settings, "the settings are not those this run began with: it cannot be continued"},
              {"data", id.data, "the data are not those this run began with: it cannot be continued"},
              {"seed", seed, "the seed is not the one this run began with: it cannot be continued"}};
  for (uint32_t i = 0; i < sizeof part / sizeof *part; i++) {
    const char *there = checkpoint_meta(c, part[i].key);
    if (there && !strcmp(there, part[i].here)) continue;
    diag_error(s->sink, "E0604", SPAN_NONE, "%s: %s", c->path,
               there ? part[i].message : "this checkpoint was not written by a run: it cannot be continued");
    diag_hint(s->sink, "`--load %s` starts a new run from its parameters", c->path);
    diag_status(s->sink, EXIT_FILES);
    return false;
  }
  return true;
}

static bool take_best(Session *s, const Checkpoint *c) {
  const char *value = checkpoint_meta(c, "best");
  if (!value) return true;
  Best *b = &s->best;
  const Task *t = &s->m->task.at[s->place.task];
  for (uint32_t i = 0; i < t->n_events; i++)
    for (uint32_t k = 0; k < t->event[i].n_actions; k++)
      if (t->event[i].action[k].kind == ACT_KEEP) b->action = &t->event[i].action[k];
  b->value = strtod(value, NULL);
  b->step = meta_number(c, "best_step");
  b->misses = meta_number(c, "best_misses");
  b->cells = calloc(1, s->engine.cell_bytes);
  return b->cells && take_cells(s, c, BEST_PREFIX, MODEL_CELLS, MODEL_CELLS, NULL, b->cells);
}

static void take_arrays(Session *s, const Checkpoint *c) {
  const char *text = checkpoint_meta(c, "arrays"), *task, *name;
  json_t *all = text ? json_loads(text, 0, NULL) : NULL, *values, *value;
  json_object_foreach(all, task, values) {
    json_object_foreach(values, name, value) rundir_array(s->dir, task, name, json_incref(value));
  }
  json_decref(all);
}

static bool take_pictures(Session *s, const Checkpoint *c) {
  const char *text = checkpoint_meta(c, "pictures");
  json_t *was = text ? json_loads(text, 0, NULL) : NULL;
  bool ok = !was || session_pictures_resume(s, was);
  json_decref(was);
  return ok;
}

/* The task the checkpoint was written in; that of a complete run names none. */
static bool take_place(Session *s, const Checkpoint *c) {
  int64_t task = meta_number(c, "task_number"), step = meta_number(c, "task_step"), total = meta_number(c, "step");
  s->place = (Place){.task = s->m->task.n};
  s->steps = total;
  if (task < 0) return true;
  if (task >= s->m->task.n)
    return refuse(s, c->path, "does not fit this file, which lacks", checkpoint_meta(c, "task_number"));
  s->place.task = (TaskId)task;
  if (step < 0) return true;
  s->place.begun = true;
  s->place.step = step;
  s->place.epoch = meta_number(c, "epoch");
  s->steps = total - step;
  return take_best(s, c);
}

bool session_resume(Session *s) {
  const char *path = rundir_file(s->dir, "checkpoint.safetensors");
  FILE *there = fopen(path, "rb");
  if (!there) return rundir_keep(s->dir, 0, NULL, s->sink); /* stopped before the first checkpoint: from the start */
  fclose(there);
  Checkpoint *c = checkpoint_open(path, s->sink, SPAN_NONE);
  if (!c) return false;
  bool ok = same_run(s, c) && take_place(s, c);
  uint32_t needed = s->place.begun ? ALL_CELLS : ALL_CELLS & ~(1u << CELL_METRIC);
  ok = ok && take_cells(s, c, "", ALL_CELLS, needed, NULL, s->engine.cells);
  if (ok && s->place.task < s->m->task.n) {
    double seconds;
    ok = rundir_keep(s->dir, meta_number(c, "records"), &seconds, s->sink);
    s->train_ms = seconds * 1e3;
    take_arrays(s, c);
    ok = ok && take_pictures(s, c);
  }
  checkpoint_close(c);
  return ok;
}
