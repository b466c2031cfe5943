/* The model table: instances with their parameters, shapes and counts. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/file.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"

static void fill_row(Elab *E, Arena *mem, TableRow *row, const Instance *inst) {
  Vec(TableParam) list = {0};
  for (int states = 0; states < 2; states++)
    for (CellId c = 0; c < E->m->cell.n; c++) {
      const Cell *cell = &E->m->cell.at[c];
      if (E->info.at[c].owner != inst || cell->kind != (states ? CELL_STATE : CELL_PARAM)) continue;
      vec_push(&list, ((TableParam){cell->name, c, E->info.at[c].trained}));
      if (states)
        row->n_states++;
      else
        row->n_elements += ir_elements(ir_type_get(E->m, cell->type));
    }
  row->n_params = list.n;
  row->params = memdup(mem, list.at, list.n * sizeof *list.at);
  vec_free(&list);
}

static const char *own(Arena *mem, const char *s) { return arena_strdup(mem, s ? s : ""); }

static void add_instance(Elab *E, Arena *mem, ModelTable *t, const Instance *i) {
  if (!i->input && !i->own->n && !i->child.n) return;
  TableRow *row = &t->row[t->n_rows++];
  *row = (TableRow){.name = own(mem, i->name),
                    .layer = own(mem, i->layer),
                    .input = own(mem, i->input),
                    .output = own(mem, i->output),
                    .depth = i->depth};
  fill_row(E, mem, row, i);
  for (uint32_t k = 0; k < i->child.n; k++) add_instance(E, mem, t, i->child.at[k]);
}

void build_table(Elab *E, Elaborated *out) {
  Arena *mem = E->out_mem;
  ModelTable *t = &out->table;
  t->row = arena_array(mem, TableRow, E->instance.n + 1);
  TableRow file = {.name = "", .layer = "", .input = "", .output = ""};
  fill_row(E, mem, &file, NULL);
  if (file.n_params) t->row[t->n_rows++] = file;
  for (uint32_t k = 0; k < E->instance.n; k++)
    if (!E->instance.at[k]->owner) add_instance(E, mem, t, E->instance.at[k]);
  for (CellId c = 0; c < E->m->cell.n; c++)
    if (E->m->cell.at[c].kind == CELL_PARAM) t->n_parameters += ir_elements(ir_type_get(E->m, E->m->cell.at[c].type));
}
