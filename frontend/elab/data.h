/* Data declarations: sources, splits, fields, and how their rows are read. */
#ifndef SEPPO_FRONTEND_ELAB_DATA_H
#define SEPPO_FRONTEND_ELAB_DATA_H

#include "frontend/elab/value.h"
#include "runtime/data.h"

/* One field, split or source of a data declaration. */
typedef struct DataDecl {
  const char *name;
  DataSource *source; /* files; NULL for generated data */
  uint32_t n_splits;
  struct DataPart *split;
} DataDecl;
typedef struct DataPart {
  const char *name; /* "train"; NULL = the only one */
  int64_t rows;
  uint32_t n_fields;
  struct DataColumn *field;
  uint32_t row_source; /* index in Module.rows, IR_NONE until used */
} DataPart;
typedef struct DataColumn {
  const char *name;
  DataField *stored; /* of a file, or NULL */
  uint32_t field;    /* index in Module.field, IR_NONE until used */
  CellId cell;       /* generated data: the CELL_LET that holds it */
} DataColumn;
typedef struct DataUseSite {
  DataDecl *decl;
  DataPart *part;     /* V_SPLIT, V_FIELD */
  DataColumn *column; /* V_FIELD */
  bool batched;       /* V_FIELD: the rows of this step rather than all */
  Val *rows;          /* of `next`: the numbers of the rows, or NULL */
} DataUseSite;

Val field_tensor(Elab *E, DataUseSite *u, Span span);
Val data_member(Elab *E, Val v, const char *name, Span span);
void elab_data(Elab *E, const Stmt *s);
uint32_t row_source(Elab *E, DataUseSite *u);

#endif
