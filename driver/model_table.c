#include "driver/model_table.h"
#include <stdio.h>
#include <string.h>

const char *number_grouped(int64_t v, char out[32]) {
  char digits[32];
  int n = snprintf(digits, sizeof digits, "%lld", (long long)v), k = 0;
  for (int i = 0; i < n; i++) {
    if (i && (n - i) % 3 == 0 && digits[i - 1] != '-') out[k++] = ',';
    out[k++] = digits[i];
  }
  out[k] = 0;
  return out;
}

static int row_width(const TableRow *r) { return (int)(2 * r->depth + strlen(r->name) + strlen(r->layer) + 3); }

static void print_row(const Elaborated *e, const TableRow *r, int width, int in, int to, StrBuf *out) {
  char left[256], number[32];
  snprintf(left, sizeof left, "%*s%s%s%s%s", (int)(2 * r->depth), "", *r->name ? r->name : "(file)",
           *r->layer ? " (" : "", r->layer, *r->layer ? ")" : "");
  sb_printf(out, "  %-*s  %-*s  %-*s  %12s\n", width, left, in, r->input ? r->input : "", to,
            r->output ? r->output : "", r->n_elements ? number_grouped(r->n_elements, number) : "");
  for (uint32_t i = 0; i < r->n_params; i++) {
    const Cell *c = &e->module->cell.at[r->params[i].cell];
    const char *last = strrchr(c->name, '.');
    const char *note = c->kind == CELL_STATE ? "  state" : r->params[i].trained ? "" : "  not trained by any task";
    sb_printf(out, "  %*s%s : %s%s\n", (int)(2 * r->depth + 4), "", last ? last + 1 : c->name,
              ir_type_str(e->module, c->type), note);
  }
}

void model_table_print(const Elaborated *e, StrBuf *out) {
  const ModelTable *t = &e->table;
  int width = 12, in = 5, to = 6;
  char number[32];
  for (uint32_t i = 0; i < t->n_rows; i++) {
    const TableRow *r = &t->row[i];
    if (row_width(r) > width) width = row_width(r);
    if (r->input && (int)strlen(r->input) > in) in = (int)strlen(r->input);
    if (r->output && (int)strlen(r->output) > to) to = (int)strlen(r->output);
  }
  sb_printf(out, "  %-*s  %-*s  %-*s  %12s\n", width, "layer", in, "input", to, "output", "parameters");
  for (uint32_t i = 0; i < t->n_rows; i++) print_row(e, &t->row[i], width, in, to, out);
  sb_printf(out, "  %-*s  %-*s  %-*s  %12s\n", width, "total", in, "", to, "", number_grouped(t->n_parameters, number));
}
