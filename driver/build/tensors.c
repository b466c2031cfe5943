/* What a program can see of a task: inputs, data, outputs, cells, logs; and the image that holds them. */
#include "driver/build/built.h"
#include <string.h>

/* ---------------------------------------------------------------- names */

static bool is_word(const char *s) {
  static const char *const words[] = {
      "auto",     "break",  "case",   "char",   "const",    "continue", "default", "delete", "do",      "double",
      "else",     "enum",   "extern", "float",  "for",      "goto",     "if",      "inline", "int",     "long",
      "new",      "return", "short",  "signed", "sizeof",   "static",   "struct",  "switch", "this",    "typedef",
      "unsigned", "union",  "void",   "while",  "volatile", "register", "class",   "public", "private", "template"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(words[i], s)) return true;
  return false;
}

const char *c_name(Arena *mem, const char *text) {
  bool before = (*text >= '0' && *text <= '9') || is_word(text);
  char *out = arena_printf(mem, before ? "_%s" : "%s", text);
  for (char *p = out; *p; p++) {
    bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
    if (!letter) *p = '_';
  }
  return *out ? out : "_";
}

/* `name` as a member beside those of the same role. */
static const char *member_name(Built *b, const char *name, SeppoRole role) {
  const char *base = c_name(&b->mem, name), *out = base;
  for (uint32_t i = 0, k = 2; i < b->tensor.n; i++) {
    const BuiltTensor *t = &b->tensor.at[i];
    if (!t->member || t->at.role != role || strcmp(t->member, out)) continue;
    out = arena_printf(&b->mem, "%s_%u", base, k++);
    i = UINT32_MAX; /* from the first again */
  }
  return out;
}

/* ---------------------------------------------------------------- tensors */

static ImageTensor image_tensor(const Built *b, TypeId type, ImageSpace space, uint64_t at, SeppoRole role) {
  const Type *t = ir_type_get(b->engine->m, type);
  uint64_t elements = (uint64_t)ir_elements(t);
  ImageTensor out = {.at = at, .elements = elements, .bytes = elements * ir_dtype_size((DType)t->dtype)};
  out.space = (uint8_t)space, out.role = (uint8_t)role, out.dtype = t->dtype, out.rank = t->rank;
  memcpy(out.dim, t->dim, sizeof out.dim);
  return out;
}

static const void *unless_zero(const uint8_t *p, uint64_t n) {
  for (uint64_t i = 0; i < n; i++)
    if (p[i]) return p;
  return NULL;
}

static void add_cell(Built *b, CellId id) {
  static const uint8_t role[] = {
      [CELL_PARAM] = SEPPO_PARAM,   [CELL_STATE] = SEPPO_STATE,  [CELL_LET] = SEPPO_STATE,
      [CELL_OPT] = SEPPO_OPTIMIZER, [CELL_METRIC] = SEPPO_STATE, [CELL_COUNTER] = SEPPO_STATE};
  const Cell *c = &b->engine->m->cell.at[id];
  uint64_t at = b->engine->layout->offset[id];
  BuiltTensor t = {.at = image_tensor(b, c->type, IMAGE_CELL, at, (SeppoRole)role[c->kind])};
  t.initial = unless_zero(b->engine->cells + at, t.at.bytes);
  if (c->kind < CELL_METRIC) t.name = c->name;
  if (c->kind < CELL_METRIC && c->kind != CELL_OPT) t.member = member_name(b, c->name, (SeppoRole)t.at.role);
  if (t.name || t.initial) vec_push(&b->tensor, t);
}

static void add_field(Built *b, uint32_t k) {
  const Field *f = &b->engine->m->field.at[k];
  SeppoRole role = f->bytes ? SEPPO_DATA : SEPPO_INPUT;
  const char *dot = strrchr(f->name, '.');
  BuiltTensor t = {.at = image_tensor(b, f->type, IMAGE_FIELD, k, role)};
  t.name = f->bytes || !dot ? f->name : dot + 1;
  t.member = member_name(b, t.name, role);
  if (b->embed) t.initial = f->bytes;
  vec_push(&b->tensor, t);
}

/* The names under which the task reports value k; NULL when it only prints or draws it. */
static const char *report_name(const Built *b, uint32_t k) {
  for (uint32_t i = 0; i < b->task->n_events; i++) {
    const Event *e = &b->task->event[i];
    for (uint32_t j = 0; e->graph.region == IR_NONE && j < e->n_actions; j++) {
      const Action *a = &e->action[j];
      if (a->kind != ACT_REPORT && a->kind != ACT_REPORT_BY) continue;
      if (a->value[0] == k) return a->name;
      if (a->n_values > 1 && a->value[1] == k) return arena_printf((Arena *)&b->mem, "%s.by", a->name);
    }
  }
  return NULL;
}

static void add_value(Built *b, TypeId type, uint32_t k) {
  BuiltTensor t = {.at = image_tensor(b, type, IMAGE_VALUE, k, SEPPO_OUTPUT), .name = report_name(b, k)};
  if (t.name) t.member = member_name(b, t.name, SEPPO_OUTPUT);
  if (k >= b->head.n_values) b->head.n_values = k + 1;
  vec_push(&b->tensor, t);
}

static void add_log(Built *b, const Metric *metric) {
  const uint64_t *offset = b->engine->layout->offset;
  TypeId type = b->engine->m->cell.at[metric->sum].type;
  BuiltTensor t = {.at = image_tensor(b, type, IMAGE_LOG, offset[metric->sum], SEPPO_LOG), .name = metric->name};
  t.at.at_weight = offset[metric->weight];
  t.member = member_name(b, t.name, SEPPO_LOG);
  vec_push(&b->tensor, t);
}

/* ---------------------------------------------------------------- what the graphs touch */

static void note_inputs(const Graph *g, InKind kind, bool *seen) {
  for (uint32_t i = 0; i < g->n_in; i++)
    if (g->in[i].kind == kind) seen[g->in[i].index] = true;
}

static void note_cells(const Graph *g, bool *seen) {
  note_inputs(g, IN_CELL, seen);
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_CELL) seen[g->out[i].index] = true;
}

static void add_values(Built *b, const Graph *g) {
  const Region *r = ir_region(b->engine->m, g->region);
  for (uint32_t i = 0; i < g->n_out; i++)
    if (g->out[i].kind == OUT_VALUE) add_value(b, r->node.at[r->result.at[i]].type, g->out[i].index);
}

static void describe_training(Built *b) {
  const Task *t = b->task;
  ImageHead *h = &b->head;
  h->training = true;
  h->tail = t->tail.region != IR_NONE;
  h->shuffle = t->shuffle;
  h->steps_per_epoch = t->steps > 10 ? t->steps / 10 : 1;
  if (h->rows) h->steps_per_epoch = h->rows / h->batch + h->tail;
}

void built_tensors(Built *b) {
  const Module *m = b->engine->m;
  const Task *t = b->task;
  bool *cell = arena_array(&b->mem, bool, m->cell.n + 1), *field = arena_array(&b->mem, bool, m->field.n + 1);
  if (t->source != IR_NONE) b->head.rows = m->rows.at[t->source].rows, b->head.batch = t->batch;
  if (t->kind == TASK_TRAIN) describe_training(b);
  b->head.source = t->source;
  b->head.n_fields = m->field.n;
  note_cells(&t->step, cell), note_inputs(&t->step, IN_FIELD, field);
  if (t->tail.region != IR_NONE) note_cells(&t->tail, cell), note_inputs(&t->tail, IN_FIELD, field);
  for (uint32_t i = 0; i < m->field.n; i++)
    if (field[i]) add_field(b, i);
  add_values(b, &t->step);
  for (CellId i = 0; i < m->cell.n; i++)
    if (cell[i]) add_cell(b, i);
  for (uint32_t i = 0; i < t->n_metrics; i++) add_log(b, &t->metric[i]);
}

/* ---------------------------------------------------------------- the image */

static uint64_t put(StrBuf *out, const void *bytes, size_t n) {
  uint64_t at = out->n;
  sb_write(out, bytes, n);
  return at;
}

static uint64_t put_aligned(StrBuf *out, const void *bytes, size_t n) {
  while (out->n % 64) sb_putc(out, 0);
  return put(out, bytes, n);
}

void built_image(const Built *b, StrBuf *out) {
  ImageHead head = b->head;
  head.version = IMAGE_VERSION;
  head.n_tensors = b->tensor.n;
  put(out, &head, sizeof head);
  head.tensors = out->n;
  for (uint32_t i = 0; i < b->tensor.n; i++) put(out, &b->tensor.at[i].at, sizeof(ImageTensor));
  for (uint32_t i = 0; i < b->tensor.n; i++) {
    const BuiltTensor *t = &b->tensor.at[i];
    ImageTensor at = t->at;
    if (t->name) at.name = put(out, t->name, strlen(t->name) + 1);
    if (t->initial) at.initial = put_aligned(out, t->initial, at.bytes);
    memcpy(out->s + head.tensors + i * sizeof at, &at, sizeof at);
  }
  memcpy(out->s, &head, sizeof head);
}
