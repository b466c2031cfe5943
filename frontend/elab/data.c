/* Data: declarations, splits, fields as tensors of a graph. */
#include "frontend/elab/data.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/file.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"
#include "runtime/order.h"
#include <math.h>

/* ---------------------------------------------------------------- opening files */

static bool number_list(Val v) {
  for (uint32_t k = 0; k < v.list->n; k++)
    if (!is_number(v.list->at[k])) return false;
  return true;
}

static bool data_option(Elab *E, Val v, Span span, DataOption *o) {
  if (is_error(v)) return false;
  o->span = span;
  if (v.kind == V_STRING) return o->kind = DATA_STRING, o->string = v.s, true;
  if (v.kind == V_BOOL) return o->kind = DATA_BOOL, o->number = (double)v.i, true;
  if (is_number(v)) return o->kind = DATA_NUMBER, o->number = val_number(v), true;
  if (is_list(v) && number_list(v)) {
    double *d = arena_array(&E->mem, double, v.list->n + 1);
    for (uint32_t k = 0; k < v.list->n; k++) d[k] = val_number(v.list->at[k]);
    o->kind = DATA_NUMBERS, o->n = v.list->n, o->numbers = d;
    return true;
  }
  if (is_list(v)) {
    const char **s = arena_array(&E->mem, const char *, v.list->n + 1);
    bool ok = true;
    for (uint32_t k = 0; k < v.list->n; k++)
      ok &= v.list->at[k].kind == V_STRING, s[k] = v.list->at[k].kind == V_STRING ? v.list->at[k].s : "";
    o->kind = DATA_STRINGS, o->n = v.list->n, o->strings = s;
    if (ok) return true;
  }
  elab_error(E, "E0601", span, "an option of data is a number, a string, or a list of these, found %s",
             val_kind_name(E, v));
  return false;
}

static const char *base_dir(Elab *E) {
  const char *name = E->sources->source.n ? E->sources->source.at[E->file_source].name : "";
  const char *slash = strrchr(name, '/');
  return slash ? arena_strndup(&E->mem, name, (size_t)(slash - name)) : NULL;
}

static DataEnv data_env(Elab *E) {
  return (DataEnv){.data_dir = E->o->data_dir, .base_dir = base_dir(E), .notice = stderr};
}

static DataDecl *decl_of_source(Elab *E, const char *name, DataSource *src) {
  DataDecl *d = arena_new(&E->mem, DataDecl);
  *d = (DataDecl){.name = name, .source = src, .n_splits = src->n_splits};
  d->split = arena_array(&E->mem, DataPart, src->n_splits + 1);
  for (uint32_t k = 0; k < src->n_splits; k++) {
    DataSplit *s = &src->split[k];
    DataPart *p = &d->split[k];
    *p = (DataPart){.name = s->name, .rows = s->rows, .n_fields = s->n_fields, .row_source = IR_NONE};
    p->field = arena_array(&E->mem, DataColumn, s->n_fields + 1);
    for (uint32_t j = 0; j < s->n_fields; j++)
      p->field[j] = (DataColumn){.name = s->field[j].name, .stored = &s->field[j], .field = IR_NONE, .cell = IR_NONE};
  }
  return d;
}

static DataSource *open_source(Elab *E, const Expr *call) {
  if (call->kind != EXPR_CALL || call->a->kind != EXPR_NAME || !data_is_kind(call->a->name.text)) {
    Slot *known = call->kind == EXPR_NAME ? scope_find(E->act->scope, call->name.text) : NULL;
    if (known && known->value.kind == V_DATA) {
      elab_error(E, "E0601", call->span, "`%s` is declared already", call->name.text);
      diag_note(E->sink, known->span, "here: write `.split(..)` behind this source");
      return NULL;
    }
    elab_error(E, "E0601", call->span, "expected a data source");
    elab_hint(E, "such as `dataset(\"mnist\")`, `csv(\"f.csv\")`, `npy`, `npz`, `idx`, `cifar`, `images`, `text`, "
                 "`table(..)`, `generate(n) {..}`");
    return NULL;
  }
  Args a = args_eval(E, call);
  DataOption *o = arena_array(&E->mem, DataOption, a.n + 1);
  for (uint32_t k = 0; k < a.n; k++) {
    o[k].name = a.name[k];
    if (!data_option(E, read_value(E, a.value[k]), a.span[k], &o[k])) return NULL;
  }
  DataEnv env = data_env(E);
  DataSource *src = data_open(call->a->name.text, o, a.n, &env, E->sink, call->span);
  if (src) vec_push(&E->sources_open, src);
  return src;
}

/* ---------------------------------------------------------------- postfix split */

typedef struct SplitCall {
  uint32_t n;
  const char **name;
  double *fraction;
  uint64_t seed;
} SplitCall;

static bool split_call(Elab *E, const Expr *e, SplitCall *s) {
  Args a = args_eval(E, e);
  *s = (SplitCall){.name = arena_array(&E->mem, const char *, a.n + 1),
                   .fraction = arena_array(&E->mem, double, a.n + 1)};
  for (uint32_t k = 0; k < a.n; k++) {
    Val v = read_value(E, a.value[k]);
    if (is_error(v)) return false;
    if (!is_number(v) || !a.name[k]) {
      elab_error(E, "E0601", a.span[k], "a split is written `split(train = 0.8, test = 0.2)`");
      return false;
    }
    if (strcmp(a.name[k], "seed") == 0) {
      s->seed = (uint64_t)val_number(v);
      continue;
    }
    s->name[s->n] = a.name[k];
    s->fraction[s->n++] = val_number(v);
  }
  return true;
}

/* ---------------------------------------------------------------- generated data */

static DataColumn generated_column(Elab *E, GraphBuild *g, const char *data, const char *part, const char *name,
                                   Val v) {
  const char *full = part ? elab_text(E, "%s.%s.%s", data, part, name) : elab_text(E, "%s.%s", data, name);
  v = tensor_cast(E, v, ir_is_float((DType)type_of(E, v)->dtype) ? E->fdt : (DType)type_of(E, v)->dtype, E->span);
  CellId c = cell_new(E, full, ir_node(E->m, g->root->b.region, v.t.node)->type, CELL_LET, NULL);
  graph_output(E, g, OUT_CELL, c, node_of(E, v));
  return (DataColumn){.name = name, .field = IR_NONE, .cell = c};
}

typedef struct Columns {
  uint32_t n;
  const char **name;
  Val *value;
} Columns;

static bool same_rows(Elab *E, const Columns *c, Span span, int64_t *rows) {
  for (uint32_t k = 0; k < c->n; k++) {
    const Type *t = type_of(E, c->value[k]);
    if (!t->rank || (k && t->dim[0] != *rows)) {
      elab_error(E, "E0613", span, "every field needs one leading axis of rows: `%s` is %s", c->name[k],
                 type_text(E, c->value[k]));
      return false;
    }
    *rows = t->dim[0];
  }
  if (!c->n) elab_error(E, "E0613", span, "a table needs fields: `table(x = .., y = ..)`");
  return c->n > 0;
}

static void fill_part(Elab *E, GraphBuild *g, DataPart *p, const char *data, const Columns *c, int64_t rows) {
  p->rows = rows, p->n_fields = c->n, p->row_source = IR_NONE;
  p->field = arena_array(&E->mem, DataColumn, c->n + 1);
  for (uint32_t k = 0; k < c->n; k++) p->field[k] = generated_column(E, g, data, p->name, c->name[k], c->value[k]);
}

/* Where each part ends: fractions of the rows, rounded; fractions that sum to 1 use every row. */
static bool split_ends(Elab *E, const SplitCall *s, int64_t rows, int64_t *end, Span span) {
  double sum = 0;
  for (uint32_t k = 0; k < s->n; k++) {
    sum += s->fraction[k];
    end[k] = llround(sum * (double)rows);
    bool ok = s->fraction[k] > 0 && sum < 1 + 1e-9 && end[k] > (k ? end[k - 1] : 0) && end[k] <= rows;
    if (!ok) {
      elab_error(E, "E0601", span, "the parts of a split are positive fractions of %lld rows that sum to at most 1",
                 (long long)rows);
      return false;
    }
  }
  return true;
}

static Val shuffled_rows(Elab *E, int64_t rows, uint64_t seed) {
  int32_t *order = arena_array(&E->mem, int32_t, rows + 1);
  order_shuffle(order, rows, seed, 0, 0);
  return val_tensor(E, ir_const(&E->g->cur->b, ir_type(E->m, DT_I32, 1, &rows), order));
}

/* Makes cells of the columns, divided by a seeded permutation when there is a split. */
static DataDecl *decl_of_columns(Elab *E, GraphBuild *g, const char *name, const Columns *c, const SplitCall *s,
                                 Span span) {
  int64_t rows = 0;
  if (!same_rows(E, c, span, &rows)) return NULL;
  uint32_t parts = s && s->n ? s->n : 1;
  DataDecl *d = arena_new(&E->mem, DataDecl);
  *d = (DataDecl){.name = name, .n_splits = parts, .split = arena_array(&E->mem, DataPart, parts)};
  if (parts == 1 && !(s && s->n)) {
    fill_part(E, g, d->split, name, c, rows);
    return d;
  }
  int64_t *end = arena_array(&E->mem, int64_t, parts);
  if (!split_ends(E, s, rows, end, span)) return NULL;
  Val order = shuffled_rows(E, rows, s->seed);
  for (uint32_t k = 0; k < parts; k++) {
    Columns part = {.n = c->n, .name = c->name, .value = arena_array(&E->mem, Val, c->n + 1)};
    Val chosen = slice_axis(E, order, 0, k ? end[k - 1] : 0, end[k]);
    for (uint32_t j = 0; j < c->n; j++)
      part.value[j] = val_tensor(E, ir_gather(&E->g->cur->b, node_of(E, c->value[j]), node_of(E, chosen), 0, 0));
    d->split[k].name = s->name[k];
    fill_part(E, g, &d->split[k], name, &part, end[k] - (k ? end[k - 1] : 0));
  }
  return d;
}

static bool table_columns(Elab *E, const Expr *call, Columns *c) {
  Args a = args_eval(E, call);
  *c = (Columns){.n = a.n, .name = a.name, .value = a.value};
  for (uint32_t k = 0; k < a.n; k++) {
    if (!a.name[k])
      return elab_error(E, "E0601", a.span[k], "fields of a table have names: `table(x = .., y = ..)`"), false;
    c->value[k] = to_tensor(E, a.value[k], DT_COUNT, a.span[k]);
    if (is_error(c->value[k])) return false;
  }
  return true;
}

static const Stmt *generate_return(const Block *b) {
  return b->n && b->stmt[b->n - 1]->kind == STMT_RETURN ? b->stmt[b->n - 1] : NULL;
}

/* The fields a `generate` block returns, all rows at once. */
static bool generate_whole(Elab *E, const Expr *e, Columns *c) {
  const Stmt *r = generate_return(&e->block);
  for (uint32_t k = 0; k + 1 < e->block.n; k++) exec_stmt(E, e->block.stmt[k]);
  for (uint32_t k = 0; k < r->n_output; k++) {
    c->name[k] = r->output[k].name.text;
    Val v = expr_value(E, r->output[k].value);
    c->value[k] = is_error(v) ? v : to_tensor(E, v, DT_COUNT, r->output[k].value->span);
    if (is_error(c->value[k])) return false;
  }
  return !elab_ir_errors(E, e->span);
}

/* `generate(n) {..}` is the body of one row: a map over n rows. */
static bool generate_rows(Elab *E, const Expr *e, Columns *c) {
  int64_t rows;
  if (!expr_int(E, e->a, "the number of rows", &rows)) return false;
  if (rows < 1) return elab_error(E, "E0612", e->a->span, "the number of rows must be positive"), false;
  Frame *f = frame_open(E);
  f->iv = frame_param(E, f, FP_IV, ir_scalar(E->m, DT_I64), IR_NONE, 0);
  if (e->name.text) {
    Val i = val_tensor(E, ir_cast(&f->b, f->iv, DT_I32));
    scope_bind(E, E->act->scope, e->name.text, i, e->name.span);
  }
  bool ok = generate_whole(E, e, c);
  for (uint32_t k = 0; k < c->n && ok; k++) ir_result(&f->b, node_of(E, c->value[k]));
  uint32_t n_carry, n_xs, n_const;
  FrameParam *p = arena_array(&E->mem, FrameParam, f->param.n + 1);
  sort_params(f, p, &n_carry, &n_xs, &n_const);
  params_first(E, f, p);
  NodeId *consts = arena_array(&E->mem, NodeId, n_const + 1);
  for (uint32_t k = 0; k < n_const; k++) consts[k] = p[k + 1].outer;
  RegionId body = f->b.region;
  frame_leave(E, f);
  if (!ok) return false;
  Builder *b = &E->g->cur->b;
  NodeId scan = ir_scan(b, rows, false, NULL, 0, NULL, 0, consts, n_const, body);
  for (uint32_t k = 0; k < c->n; k++) c->value[k] = val_tensor(E, ir_proj(b, scan, k));
  return !elab_ir_errors(E, e->span);
}

static bool generate_columns(Elab *E, const Expr *e, Columns *c) {
  const Stmt *r = generate_return(&e->block);
  if (!r || !r->n_output) {
    elab_error(E, "E0613", e->span, "`generate` ends with `return name = .., ..`");
    return false;
  }
  *c = (Columns){.n = r->n_output,
                 .name = arena_array(&E->mem, const char *, r->n_output + 1),
                 .value = arena_array(&E->mem, Val, r->n_output + 1)};
  return e->a ? generate_rows(E, e, c) : generate_whole(E, e, c);
}

/* Runs natively once, in f64; the fields are cells. */
static DataDecl *computed_data(Elab *E, const char *name, const Expr *e, const SplitCall *split, Span span) {
  GraphBuild *g = graph_open(E, GRAPH_LET);
  DType fdt = E->fdt;
  Activation act;
  Scope *scope = scope_new(E, E->act->scope);
  scope->function = true;
  activation_push(E, &act, scope, SPAN_NONE, name);
  act.path = text_hash(name);
  Columns c;
  bool table = e->kind == EXPR_CALL;
  if (!table) E->fdt = DT_F64;
  bool ok = table ? table_columns(E, e, &c) : generate_columns(E, e, &c);
  E->fdt = fdt;
  activation_pop(E, &act);
  DataDecl *d = ok ? decl_of_columns(E, g, name, &c, split, span) : NULL;
  if (d)
    push_let_task(E, g, name, span);
  else
    graph_drop(E, g);
  return d;
}

/* ---------------------------------------------------------------- declarations */

static bool is_computed(const Expr *e) {
  return e->kind == EXPR_DATA ||
         (e->kind == EXPR_CALL && e->a->kind == EXPR_NAME && strcmp(e->a->name.text, "table") == 0);
}

static DataDecl *declared_data(Elab *E, const char *name, const Expr *e) {
  const Expr *source = e;
  SplitCall split = {0};
  bool divided = e->kind == EXPR_CALL && e->a->kind == EXPR_MEMBER && strcmp(e->a->name.text, "split") == 0;
  if (divided) {
    source = e->a->a;
    if (!split_call(E, e, &split)) return NULL;
  }
  if (is_computed(source)) return computed_data(E, name, source, divided ? &split : NULL, e->span);
  DataSource *src = open_source(E, source);
  if (!src) return NULL;
  vec_push(&E->note, elab_text(E, "%s is read from %s", name, src->origin));
  if (divided && !data_divide(src, split.name, split.fraction, split.n, split.seed, E->sink, e->span)) return NULL;
  return decl_of_source(E, name, src);
}

void elab_data(Elab *E, const Stmt *s) {
  DataDecl *d = declared_data(E, s->name.text, s->value);
  Val v = val_error();
  if (d) {
    DataUseSite *u = arena_new(&E->mem, DataUseSite);
    u->decl = d;
    v = (Val){.kind = V_DATA, .data = u};
  }
  scope_bind(E, E->act->scope, s->name.text, v, s->name.span);
}

/* ---------------------------------------------------------------- fields in graphs */

uint32_t row_source(Elab *E, DataUseSite *u) {
  if (u->part->row_source == IR_NONE) {
    const char *name = u->part->name ? elab_text(E, "%s.%s", u->decl->name, u->part->name) : u->decl->name;
    u->part->row_source = E->m->rows.n;
    vec_push(&E->m->rows, ((RowSource){arena_strdup(&E->m->mem, name), u->part->rows}));
  }
  return u->part->row_source;
}

/* The stored tensor in the module's list of fields, its bytes loaded. */
static uint32_t module_field(Elab *E, DataUseSite *u, Span span) {
  DataColumn *c = u->column;
  if (c->field != IR_NONE) return c->field;
  DataField *f = c->stored;
  const void *bytes = data_begin(u->decl->source, f, E->sink, span);
  if (!bytes) return IR_NONE;
  const char *name = u->part->name ? elab_text(E, "%s.%s.%s", u->decl->name, u->part->name, c->name)
                                   : elab_text(E, "%s.%s", u->decl->name, c->name);
  c->field = E->m->field.n;
  vec_push(&E->m->field,
           ((Field){arena_strdup(&E->m->mem, name), ir_type(E->m, (DType)f->dtype, f->rank, f->dim), bytes}));
  return c->field;
}

/* (stored * mul + add) / div in the model's float type; integers as i32. */
static Val scaled(Elab *E, Val v, const DataField *f, Span span) {
  if (!f) return v;
  v = tensor_cast(E, v, f->integer ? DT_I32 : E->fdt, span);
  if (f->integer) return v;
  if (f->mul != 1) v = tensor_arith(E, BIN_MUL, v, val_float(f->mul), span);
  if (f->add != 0) v = tensor_arith(E, BIN_ADD, v, val_float(f->add), span);
  if (f->div != 1) v = tensor_arith(E, BIN_DIV, v, val_float(f->div), span);
  return v;
}

static Val stored_tensor(Elab *E, DataUseSite *u, Span span) {
  if (!u->column->stored) return cell_value(E, u->column->cell, false);
  uint32_t k = module_field(E, u, span);
  return k == IR_NONE ? val_error() : val_tensor(E, graph_input(E, E->g, IN_FIELD, k, E->m->field.at[k].type));
}

static Val batch_rows(Elab *E, DataUseSite *u, Val v) {
  GraphBuild *g = E->g;
  NodeId rows = graph_input(E, g, IN_ROWS, row_source(E, u), ir_type(E->m, DT_I32, 1, &g->batch));
  return val_tensor(E, ir_gather(&g->cur->b, node_of(E, v), rows, 0, 0));
}

/* A field as a tensor, made once for each graph, in its root frame. */
Val field_tensor(Elab *E, DataUseSite *u, Span span) {
  GraphBuild *g = E->g;
  if (!g) return elab_error(E, "E0614", span, "data cannot be read here");
  if (u->batched && g->rows_of != u->part) {
    elab_error(E, "E0614", span, "`%s` is a batch of the step; this runs apart from it", u->column->name);
    elab_hint(E, "take rows of the whole split instead: `%s.%s[0:64]`",
              u->part->name ? elab_text(E, "%s.%s", u->decl->name, u->part->name) : u->decl->name, u->column->name);
    return val_error();
  }
  for (uint32_t k = 0; k < g->fields.n; k++)
    if (g->fields.at[k].column == u->column && g->fields.at[k].batched == u->batched) return g->fields.at[k].value;
  Frame *cur = g->cur;
  g->cur = g->root;
  g->cur->b.loc = E->loc;
  Val v = stored_tensor(E, u, span);
  if (!is_error(v) && u->batched) v = batch_rows(E, u, v);
  if (!is_error(v)) v = scaled(E, v, u->column->stored, span);
  g->cur = cur;
  if (!is_error(v)) vec_push(&g->fields, ((FieldValue){u->column, u->batched, v}));
  return v;
}

/* ---------------------------------------------------------------- members */

static Val split_val(Elab *E, DataDecl *d, DataPart *p) {
  DataUseSite *u = arena_new(&E->mem, DataUseSite);
  *u = (DataUseSite){d, p, NULL, false};
  return (Val){.kind = V_SPLIT, .data = u};
}

static Val field_val(Elab *E, DataDecl *d, DataPart *p, const char *name) {
  for (uint32_t k = 0; k < p->n_fields; k++)
    if (strcmp(p->field[k].name, name) == 0) {
      DataUseSite *u = arena_new(&E->mem, DataUseSite);
      *u = (DataUseSite){d, p, &p->field[k], false};
      return (Val){.kind = V_FIELD, .data = u};
    }
  return val_none();
}

static const char *member_list(Elab *E, const DataDecl *d, const DataPart *p) {
  StrBuf b = {0};
  for (uint32_t k = 0; !p && k < d->n_splits; k++)
    if (d->split[k].name) sb_printf(&b, "%s`%s`", b.n ? ", " : "", d->split[k].name);
  if (!p && d->n_splits == 1) p = d->split;
  for (uint32_t k = 0; p && k < p->n_fields; k++) sb_printf(&b, "%s`%s`", b.n ? ", " : "", p->field[k].name);
  const char *s = arena_strdup(&E->mem, b.s ? b.s : "nothing");
  sb_free(&b);
  return s;
}

/* A field of the rows that `next` gave. */
static Val next_field(Elab *E, DataUseSite *u, DataColumn *column, Span span) {
  GraphBuild *g = E->g;
  DataUseSite use = *u;
  use.column = column;
  Frame *cur = g->cur;
  g->cur = g->root;
  g->cur->b.loc = E->loc;
  Val whole = stored_tensor(E, &use, span);
  g->cur = cur;
  if (is_error(whole)) return whole;
  NodeId x = node_of(E, whole), rows = node_of(E, *u->rows);
  if (x == IR_NONE || rows == IR_NONE) return val_error();
  return scaled(E, val_tensor(E, ir_gather(&g->cur->b, x, rows, 0, 0)), column->stored, span);
}

Val data_member(Elab *E, Val v, const char *name, Span span) {
  DataDecl *d = v.data->decl;
  DataPart *p = v.kind == V_SPLIT ? v.data->part : d->n_splits == 1 ? d->split : NULL;
  if (v.kind == V_DATA)
    for (uint32_t k = 0; k < d->n_splits; k++)
      if (d->split[k].name && strcmp(d->split[k].name, name) == 0) return split_val(E, d, &d->split[k]);
  if (p) {
    Val f = field_val(E, d, p, name);
    if (f.kind == V_FIELD && v.data->rows) return next_field(E, v.data, f.data->column, span);
    if (f.kind == V_FIELD) return f;
    if (strcmp(name, "rows") == 0) return val_int(p->rows);
  }
  for (uint32_t k = 0; d->source && k < d->source->n_facts; k++)
    if (strcmp(d->source->fact[k].name, name) == 0) return val_int(d->source->fact[k].value);
  elab_error(E, "E0203", span, "`%s` has no `%s`", d->name, name);
  if (strcmp(name, "split") == 0)
    elab_hint(E, "a source is split where it is declared: `data %s = ...split(train = 0.8, test = 0.2)`", d->name);
  else
    elab_hint(E, "it has %s", member_list(E, d, v.kind == V_SPLIT ? p : NULL));
  return val_error();
}
