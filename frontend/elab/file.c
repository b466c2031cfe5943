/* Files: declarations in order, the library, `use`, file-level lets and what `--set` may change. */
#include "frontend/elab/file.h"
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/call.h"
#include "frontend/elab/data.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/grad.h"
#include "frontend/elab/instance.h"
#include "frontend/elab/scope.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/optim.h"
#include "frontend/elab/task/task.h"
#include "frontend/library.h"
#include "frontend/syntax/parser.h"
#include <ctype.h>
#include <errno.h>
#include <sys/resource.h>

/* ---------------------------------------------------------------- --set */

static const char *skip_spaces(const char *p) {
  while (*p == ' ') p++;
  return p;
}

/* A literal as on the command line: number, true, false, "text", [..]. NULL when it is none. */
static const char *parse_literal(Elab *E, const char *p, Val *out) {
  p = skip_spaces(p);
  if (*p == '[') {
    Vec(Val) items = {0};
    p = skip_spaces(p + 1);
    while (*p && *p != ']') {
      Val v;
      if (!(p = parse_literal(E, p, &v))) break;
      vec_push(&items, v);
      p = skip_spaces(p);
      if (*p == ',') p = skip_spaces(p + 1);
    }
    if (p && *p == ']') {
      *out = val_list(E, V_LIST, items.n);
      if (items.n) memcpy(out->list->at, items.at, items.n * sizeof(Val));
      p++;
    } else {
      p = NULL;
    }
    vec_free(&items);
    return p;
  }
  if (strncmp(p, "true", 4) == 0) return *out = val_bool(true), p + 4;
  if (strncmp(p, "false", 5) == 0) return *out = val_bool(false), p + 5;
  if (*p == '"') {
    const char *end = strchr(p + 1, '"');
    if (end) *out = val_string(arena_strndup(&E->mem, p + 1, (size_t)(end - p - 1)));
    return end ? end + 1 : NULL;
  }
  char *end, *iend;
  double f = strtod(p, &end);
  if (end == p) return NULL;
  errno = 0;
  long long i = strtoll(p, &iend, 10);
  *out = iend == end && errno == 0 ? val_int(i) : val_float(f);
  return end;
}

static bool setting_value(Elab *E, const char *name, const char *text, const Val *old, Val *out) {
  const char *end = parse_literal(E, text, out);
  bool literal = end && !*skip_spaces(end);
  if (old->kind == V_STRING) {
    if (!literal || out->kind != V_STRING) *out = val_string(arena_strdup(&E->mem, text));
    return true;
  }
  if (literal && out->kind != V_STRING && is_list(*out) == is_list(*old)) return true;
  Slot *s = scope_find(E->act->scope, text);
  if (!is_number(*old) && !is_list(*old) && s) return *out = s->value, true;
  diag_error(E->sink, "E0703", SPAN_NONE, "--set %s=%s: expected a value like %s", name, text, val_text(E, *old));
  diag_status(E->sink, EXIT_USAGE);
  return false;
}

bool setting_for(Elab *E, const char *name, Val *out, const Val *old, Span span) {
  (void)span;
  bool listed = false;
  for (uint32_t k = 0; k < E->settable.n; k++) listed |= strcmp(E->settable.at[k], name) == 0;
  if (!listed) vec_push(&E->settable, name);
  for (uint32_t k = 0; k < E->o->n_set; k++) {
    if (strcmp(E->o->set[k].name, name) != 0) continue;
    E->set_used[k] = true;
    Val v = *old;
    if (!setting_value(E, name, E->o->set[k].value, old, &v)) v = *old;
    *out = v;
    return true;
  }
  return false;
}

void setting_record(Elab *E, const char *name, Val v) {
  Setting s = {arena_strdup(E->out_mem, name), arena_strdup(E->out_mem, val_text(E, v))};
  for (uint32_t k = 0; k < E->setting.n; k++)
    if (strcmp(E->setting.at[k].name, name) == 0) {
      E->setting.at[k] = s;
      return;
    }
  vec_push(&E->setting, s);
}

static void check_settings(Elab *E) {
  for (uint32_t k = 0; k < E->o->n_set; k++) {
    if (E->set_used[k]) continue;
    diag_error(E->sink, "E0702", SPAN_NONE, "--set %s: there is no such setting", E->o->set[k].name);
    diag_status(E->sink, EXIT_USAGE);
    StrBuf b = {0};
    for (uint32_t j = 0; j < E->settable.n; j++) sb_printf(&b, "%s%s", j ? ", " : "", E->settable.at[j]);
    const char *name = E->o->set[k].name, *near = diag_nearest(name, E->settable.at, E->settable.n);
    if (scope_here(E->file, name))
      diag_hint(E->sink, "`%s` is computed; what is written as a literal can be set: %s", name, b.s ? b.s : "nothing");
    else if (near)
      diag_hint(E->sink, "did you mean `%s`? Can be set: %s", near, b.s);
    else
      diag_hint(E->sink, "can be set: %s", b.s ? b.s : "nothing");
    sb_free(&b);
  }
}

/* ---------------------------------------------------------------- let */

static bool literal(const Expr *e) {
  switch (e->kind) {
  case EXPR_NUMBER:
  case EXPR_BOOL: return true;
  case EXPR_STRING: return e->n == 0 || (e->n == 1 && e->part[0].text);
  case EXPR_UNARY: return e->un == UN_NEG && e->a->kind == EXPR_NUMBER;
  case EXPR_LIST:
  case EXPR_TUPLE:
    for (uint32_t k = 0; k < e->n; k++)
      if (!literal(e->item[k])) return false;
    return true;
  default: return false;
  }
}

void push_let_task(Elab *E, GraphBuild *g, const char *name, Span span) {
  LocId loc = ir_loc(E->m, (Loc){.span = span, .inlined_at = IR_NONE});
  Task t = {.name = arena_strdup(&E->m->mem, name), .kind = TASK_LET, .loc = loc, .source = IR_NONE};
  t.step = graph_close(E, g);
  t.tail.region = IR_NONE;
  vec_push(&E->m->task, t);
}

static void name_instances(Elab *E, Val v, const char *name) {
  if (v.kind == V_INSTANCE) {
    instance_rename(E, v.instance, name);
    finish_copy(E, v.instance, E->span);
  }
  if (v.kind == V_OPTIM) v.optim->name = name;
  if (is_list(v))
    for (uint32_t k = 0; k < v.list->n; k++) name_instances(E, v.list->at[k], elab_text(E, "%s.%u", name, k));
}

/* Tensors of a value become cells, computed where the line stands. */
static Val keep_tensors(Elab *E, GraphBuild *g, Val v, const char *name) {
  if (is_list(v)) {
    Val l = val_list(E, (ValKind)v.kind, v.list->n);
    for (uint32_t k = 0; k < l.list->n; k++)
      l.list->at[k] = keep_tensors(E, g, v.list->at[k], elab_text(E, "%s.%u", name, k));
    return l;
  }
  if (v.kind != V_TENSOR) return v;
  NodeId n = node_of(E, v);
  if (n == IR_NONE) return val_error();
  CellId c = cell_new(E, name, ir_node(E->m, g->root->b.region, n)->type, CELL_LET, NULL);
  E->info.at[c].ones = v.ones;
  graph_output(E, g, OUT_CELL, c, n);
  return (Val){.kind = V_CELL, .cell = c};
}

static Val let_value(Elab *E, const Stmt *s, const char *name) {
  GraphBuild *g = graph_open(E, GRAPH_LET);
  Activation act;
  activation_push(E, &act, E->act->scope, SPAN_NONE, name);
  act.loc = IR_NONE;
  act.path = text_hash(name);
  act.may_apply = true;
  act.anchors = anchor_names(E, s, NULL, s->value, NULL, 0);
  Val v = expr_value(E, s->value);
  name_instances(E, v, name);
  bool bad = elab_ir_errors(E, s->value->span);
  if (bad) v = val_error();
  bool tensors = val_has_tensor(v) && v.kind != V_CELL;
  if (tensors) v = keep_tensors(E, g, v, name);
  activation_pop(E, &act);
  if (tensors && !is_error(v))
    push_let_task(E, g, name, s->span);
  else
    graph_drop(E, g);
  return v;
}

void elab_let(Elab *E, const Stmt *s) {
  const char *name = s->name.text;
  Val v = let_value(E, s, file_name(E, name));
  bool settable = (literal(s->value) || s->value->kind == EXPR_NAME) && s->n_target < 2 && E->act->scope == E->file;
  if (settable) {
    Val old = v;
    setting_for(E, name, &v, &old, s->value->span);
    if (literal(s->value) && !is_error(v)) setting_record(E, name, v);
  }
  v.literal = false;
  if (s->n_target < 2) {
    if (strcmp(name, "_") != 0) scope_bind(E, E->act->scope, name, v, s->name.span);
    return;
  }
  if (!is_error(v) && (!is_list(v) || v.list->n != s->n_target))
    v = elab_error(E, "E0209", s->value->span, "%u names for %s", s->n_target,
                   is_list(v) ? elab_text(E, "%u values", v.list->n) : val_kind_name(E, v));
  for (uint32_t k = 0; k < s->n_target; k++) {
    const Name *n = &s->target[k].name;
    if (strcmp(n->text, "_") != 0) scope_bind(E, E->act->scope, n->text, is_error(v) ? v : v.list->at[k], n->span);
  }
}

/* ---------------------------------------------------------------- declarations */

static void check_hidden(Elab *E, const Scope *scope, Name name) {
  if (scope == E->library) return;
  Slot *here = scope_here(scope, name.text);
  if (here && here->span.source == name.span.source && here->span.source != SOURCE_NONE) {
    elab_error(E, "E0212", name.span, "`%s` is declared twice in this file", name.text);
    diag_note(E->sink, here->span, "first here");
    return;
  }
  if (scope_here(E->library, name.text) || scope_here(E->builtins, name.text))
    elab_warning(E, "W0201", name.span, "`%s` hides a function of the library", name.text);
}

const char *file_name(Elab *E, const char *name) {
  if (E->prefix) name = elab_text(E, "%s.%s", E->prefix, name);
  return E->suffix ? elab_text(E, "%s%s", name, E->suffix) : name;
}

/* Functions, layers, models and optimisers may be used before their line. */
static void declare(Elab *E, const Stmt *s, Scope *scope) {
  Closure *c = arena_new(&E->mem, Closure);
  *c = (Closure){.func = s->func, .stmt = s, .scope = scope, .name = s->func->name.text};
  check_hidden(E, scope, s->func->name);
  ValKind kind = s->kind == STMT_FN ? V_FN : s->kind == STMT_OPTIMIZER ? V_OPTIMIZER : V_LAYER;
  Val v = {.kind = (uint8_t)kind, .fn = c};
  if (s->kind == STMT_MODEL) {
    Instance *i = instance_new(E, NULL, c, file_name(E, c->name));
    i->config = scope;
    i->site = s;
    v = (Val){.kind = V_INSTANCE, .instance = i};
  }
  scope_bind(E, scope, c->name, v, s->func->name.span);
}

static void declare_all(Elab *E, const Block *b, Scope *scope) {
  for (uint32_t k = 0; k < b->n; k++)
    if (b->stmt[k]->kind == STMT_FN || b->stmt[k]->kind == STMT_LAYER || b->stmt[k]->kind == STMT_MODEL ||
        b->stmt[k]->kind == STMT_OPTIMIZER)
      declare(E, b->stmt[k], scope);
}

static DType dtype_named(const char *name) {
  return !name ? DT_COUNT : strcmp(name, "f32") == 0 ? DT_F32 : strcmp(name, "f64") == 0 ? DT_F64 : DT_COUNT;
}

static void set_dtype(Elab *E, const Stmt *s) {
  DType d = dtype_named(s->name.text);
  if (d == DT_COUNT)
    elab_error(E, "E0405", s->span, "a file computes in f32 or f64, found `%s`", s->name.text);
  else if (!E->o->dtype)
    E->fdt = d;
}

/* ---------------------------------------------------------------- use */

static Scope *used_file(Elab *E, const char *path, Span span) {
  for (uint32_t k = 0; k < E->used.n; k++)
    if (strcmp(E->used.at[k].name, path) == 0) {
      if (!E->used.at[k].value.module) elab_error(E, "E0213", span, "`%s` uses itself", path);
      return E->used.at[k].value.module;
    }
  const char *why;
  uint32_t source = source_read(E->sources, path, &why);
  if (source == SOURCE_NONE) {
    elab_error(E, "E0606", span, "cannot read `%s`: %s", path, why);
    diag_status(E->sink, EXIT_FILES);
    return NULL;
  }
  uint32_t errors = E->sink->n_errors;
  Ast *ast = parse_source(E->sources, source, E->sink);
  if (ast) vec_push(&E->asts, ast);
  if (!ast || E->sink->n_errors > errors) return NULL;
  uint32_t at = E->used.n;
  vec_push(&E->used, ((Slot){.name = path, .value = {.kind = V_MODULE}}));
  Scope *scope = scope_new(E, E->library);
  scope->file = true;
  DType fdt = E->fdt;
  elab_file(E, ast, scope, false);
  if (E->sink->n_errors == errors) warn_unread_values(E, ast, scope);
  E->fdt = fdt;
  E->used.at[at].value.module = scope;
  return scope;
}

static void use_file(Elab *E, const Stmt *s, Scope *scope) {
  const char *path;
  if (!expr_string(E, s->value, "the file of `use`", &path)) return;
  const char *self = E->sources->source.at[s->span.source].name, *slash = strrchr(self, '/');
  if (slash && path[0] != '/') path = elab_text(E, "%.*s/%s", (int)(slash - self), self, path);
  Scope *m = used_file(E, path, s->span);
  if (!m) {
    if (s->name.text) scope_bind(E, scope, s->name.text, val_error(), s->name.span);
    return;
  }
  if (s->name.text) {
    scope_bind(E, scope, s->name.text, (Val){.kind = V_MODULE, .module = m}, s->name.span);
    return;
  }
  for (uint32_t k = 0; k < m->cap; k++)
    if (m->slot[k].name) scope_bind(E, scope, m->slot[k].name, m->slot[k].value, s->span);
}

/* ---------------------------------------------------------------- a file from top to bottom */

static void run_statement(Elab *E, const Stmt *s, Scope *scope, bool tasks);

void file_statement(Elab *E, const Stmt *s) { run_statement(E, s, E->act->scope, true); }

static void run_block(Elab *E, const Block *b, Scope *scope, bool tasks) {
  for (uint32_t k = 0; k < b->n; k++) run_statement(E, b->stmt[k], scope, tasks);
}

/* "_" and the value where it reads as a name, its number in the list otherwise. */
static const char *unroll_suffix(Elab *E, Val v, int64_t k) {
  const char *text = is_list(v) || val_has_tensor(v) ? "" : val_text(E, v);
  bool word = *text;
  for (const char *p = text; *p; p++) word &= isalnum((unsigned char)*p) || *p == '_';
  const char *before = E->suffix ? E->suffix : "";
  return word ? elab_text(E, "%s_%s", before, text) : elab_text(E, "%s_%lld", before, (long long)k);
}

/* One repetition: what it declares is its own, under names that carry the value. */
static void unroll_once(Elab *E, const Loop *l, Val value, int64_t k, Scope *scope, bool tasks) {
  Scope *own = scope_new(E, scope);
  own->file = true;
  const char *suffix = E->suffix;
  uint64_t unroll = E->act->unroll;
  E->suffix = unroll_suffix(E, value, k);
  E->act->unroll = path_mix(unroll, (uint64_t)k + 1);
  E->act->scope = own;
  scope_bind(E, own, l->source[0].var.text, value, l->source[0].var.span);
  declare_all(E, &l->body, own);
  run_block(E, &l->body, own, tasks);
  E->act->scope = scope;
  E->act->unroll = unroll;
  E->suffix = suffix;
}

static void file_unroll(Elab *E, const Stmt *s, Scope *scope, bool tasks) {
  const Loop *l = s->loop;
  if (l->kind != LOOP_UNROLL || l->n_sources != 1) {
    elab_error(E, "E0503", s->span, "at file level a loop is `unroll for x in ..`");
    return;
  }
  Val over = expr_value(E, l->source[0].over);
  int64_t n;
  if (is_error(over)) return;
  if (!is_list(over) && over.kind != V_RANGE) {
    elab_error(E, "E0309", l->source[0].over->span, "this loop runs over a compile-time range or list, found %s",
               val_kind_name(E, over));
    return;
  }
  if (!unroll_count(E, over, l->source[0].over->span, &n)) return;
  uint32_t errors = E->sink->n_errors;
  for (int64_t k = 0; k < n && E->sink->n_errors == errors && elab_spend(E, s->span); k++)
    unroll_once(E, l, is_list(over) ? over.list->at[k] : range_item(over, k), k, scope, tasks);
}

static void file_if(Elab *E, const Stmt *s, Scope *scope, bool tasks) {
  bool c;
  if (!expr_bool(E, s->value, "the condition of `if`", &c)) return;
  const Block *b = c ? &s->body : &s->otherwise;
  declare_all(E, b, scope);
  run_block(E, b, scope, tasks);
}

static void run_statement(Elab *E, const Stmt *s, Scope *scope, bool tasks) {
  elab_at(E, s->span);
  switch (s->kind) {
  case STMT_USE: use_file(E, s, scope); break;
  case STMT_DTYPE: set_dtype(E, s); break;
  case STMT_LET:
    if (s->n_target < 2) check_hidden(E, scope, s->name);
    elab_let(E, s);
    break;
  case STMT_PARAM:
  case STMT_STATE: declare_cell(E, s); break;
  case STMT_DATA: elab_data(E, s); break;
  case STMT_TRAIN:
    if (tasks) elab_train(E, s);
    break;
  case STMT_EVAL:
    if (tasks) elab_eval(E, s);
    break;
  case STMT_TASK:
    if (tasks) elab_task(E, s);
    break;
  case STMT_LOOP: file_unroll(E, s, scope, tasks); break;
  case STMT_IF: file_if(E, s, scope, tasks); break;
  case STMT_REQUIRE: exec_stmt(E, s); break;
  case STMT_FN:
  case STMT_LAYER:
  case STMT_MODEL:
  case STMT_OPTIMIZER: break; /* declared before the file ran */
  default: exec_stmt(E, s);
  }
}

void elab_file(Elab *E, const Ast *ast, Scope *scope, bool tasks) {
  Activation act;
  activation_push(E, &act, scope, SPAN_NONE, NULL);
  act.loc = IR_NONE;
  act.path = 0;
  declare_all(E, &ast->file, scope);
  run_block(E, &ast->file, scope, tasks);
  activation_pop(E, &act);
}

/* ---------------------------------------------------------------- the library */

static void load_library(Elab *E) {
  for (const LibraryFile *f = embedded_library; f->name; f++) {
    uint32_t source = source_add(E->sources, f->name, f->text, f->length, true);
    Ast *ast = parse_source(E->sources, source, E->sink);
    if (!ast) continue;
    vec_push(&E->asts, ast);
    elab_file(E, ast, E->library, false);
  }
}

static void load_builtins(Elab *E) {
  for (uint32_t k = 0; k < builtin_count; k++)
    scope_bind(E, E->builtins, builtin_table[k].name, (Val){.kind = V_BUILTIN, .builtin = &builtin_table[k]},
               SPAN_NONE);
  scope_bind(E, E->builtins, "pi", val_float(3.14159265358979323846), SPAN_NONE);
  scope_bind(E, E->builtins, "inf", val_float(__builtin_inf()), SPAN_NONE);
}

static Scope *file_scope(Elab *E, Scope *parent) {
  Scope *s = scope_new(E, parent);
  s->file = true;
  return s;
}

static void elab_free(Elab *E) {
  for (uint32_t k = 0; k < E->asts.n; k++) ast_free(E->asts.at[k]);
  for (uint32_t k = 0; k < E->instance.n; k++) vec_free(&E->instance.at[k]->child);
  vec_free(&E->asts);
  vec_free(&E->instance);
  vec_free(&E->info);
  vec_free(&E->setting);
  vec_free(&E->note);
  vec_free(&E->anchored);
  vec_free(&E->settable);
  vec_free(&E->task_names);
  vec_free(&E->used);
  vec_free(&E->sources_open);
  free(E->set_used);
  diag_sink_free(&E->ir_sink);
  arena_free(&E->mem);
}

static void hand_over(Elab *E, Elaborated *out) {
  out->n_settings = E->setting.n;
  out->setting = memdup(E->out_mem, E->setting.at, E->setting.n * sizeof *E->setting.at);
  out->n_notes = E->note.n;
  out->note = arena_array(E->out_mem, const char *, E->note.n + 1);
  for (uint32_t k = 0; k < E->note.n; k++) out->note[k] = arena_strdup(E->out_mem, E->note.at[k]);
  out->n_data = E->sources_open.n;
  out->data = memdup(E->out_mem, E->sources_open.at, E->sources_open.n * sizeof *E->sources_open.at);
}

/* Most of the stack there is; what comes after the elaborator does not recurse on calls. */
static size_t stack_room(void) {
  struct rlimit l;
  size_t most = 8u << 20;
  if (getrlimit(RLIMIT_STACK, &l) == 0 && l.rlim_cur < most) most = l.rlim_cur;
  return most / 4 * 3;
}

bool elaborate(SourceMap *sources, const Ast *ast, const ElabOptions *o, Elaborated *out, DiagSink *sink) {
  *out = (Elaborated){.module = ir_module_new(sources)};
  Elab *E = calloc(1, sizeof *E);
  if (!E) exit(EXIT_FILES);
  *E = (Elab){.out_mem = &out->mem, .sources = sources, .o = o, .sink = sink, .m = out->module, .fdt = DT_F32};
  E->set_used = calloc(o->n_set + 1, sizeof *E->set_used);
  if (!E->set_used) exit(EXIT_FILES);
  E->stack = __builtin_frame_address(0);
  E->stack_room = stack_room();
  E->file_source = ast->source;
  E->loc = IR_NONE;
  E->span = SPAN_NONE;
  if (dtype_named(o->dtype) != DT_COUNT) E->fdt = dtype_named(o->dtype);
  Scope **tables[] = {&E->cells, &E->anchor_sets, &E->optim_sites, &E->optim_names};
  for (uint32_t k = 0; k < sizeof tables / sizeof *tables; k++) *tables[k] = scope_new(E, NULL);
  E->builtins = file_scope(E, NULL);
  E->library = file_scope(E, E->builtins);
  E->file = file_scope(E, E->library);
  uint32_t errors = sink->n_errors;
  vec_push(&E->m->task, ((Task){.name = "init", .kind = TASK_INIT, .loc = IR_NONE, .source = IR_NONE}));
  E->init = graph_open(E, GRAPH_INIT);
  load_builtins(E);
  load_library(E);
  elab_file(E, ast, E->file, true);
  check_settings(E);
  check_whole(E);
  if (E->sink->n_errors == errors) warn_unread_values(E, ast, E->file);
  E->g = E->init;
  Task *init = &E->m->task.at[0];
  init->step = graph_close(E, E->init);
  init->tail.region = IR_NONE;
  build_table(E, out);
  hand_over(E, out);
  elab_free(E);
  free(E);
  if (!o->later) elaborated_wait(out, sink);
  return sink->n_errors == errors;
}

bool elaborated_wait(Elaborated *e, DiagSink *sink) {
  bool ok = true;
  for (uint32_t k = 0; k < e->n_data; k++) ok = data_wait(e->data[k], sink) && ok;
  return ok;
}

void elaborated_free(Elaborated *e) {
  for (uint32_t k = 0; k < e->n_data; k++) data_close(e->data[k]);
  if (e->module) ir_module_free(e->module);
  arena_free(&e->mem);
  *e = (Elaborated){0};
}
