#include "driver/session/bind.h"
#include <string.h>

/* Is the field read by this step's row numbers alone? Then its rows of the batch are enough. */
static bool read_by_rows(const Module *m, const Graph *g, NodeId field, NodeId rows) {
  const Region *r = ir_region(m, g->region);
  for (NodeId n = 0; n < r->node.n; n++) {
    const Node *node = &r->node.at[n];
    const NodeId *in = ir_operands(m, g->region, node);
    for (uint32_t k = 0; k < node->n_in; k++) {
      if (in[k] != field) continue;
      const Attr *a = node->op == OP_gather ? ir_attr_get(m, node->attr) : NULL;
      if (!a || k != 0 || in[1] != rows || a->axis || a->n_batch) return false;
    }
  }
  return true;
}

/* The batch's rows of a stored tensor, one after another. */
static Value batch_rows(Module *m, const Field *f, const int32_t *rows, int64_t n, Arena *mem) {
  Type type = *ir_type_get(m, f->type);
  int64_t row_bytes = ir_elements(&type) / type.dim[0] * ir_dtype_size((DType)type.dtype);
  type.dim[0] = n;
  uint8_t *bytes = arena_alloc(mem, (size_t)(n * row_bytes + 1));
  for (int64_t i = 0; i < n; i++)
    memcpy(bytes + i * row_bytes, (const uint8_t *)f->bytes + rows[i] * row_bytes, (size_t)row_bytes);
  TypeId id = ir_type(m, (DType)type.dtype, type.rank, type.dim);
  return value_from_bytes(m, id, bytes, mem);
}

static NodeId rows_node(const Module *m, const Graph *g) {
  for (uint32_t i = 0; i < g->n_in; i++)
    if (g->in[i].kind == IN_ROWS) return ir_region(m, g->region)->param.at[i];
  return IR_NONE;
}

static Value scalar(const Module *m, TypeId type, int64_t v, Arena *mem) {
  Value out = value_new(m, type, mem);
  out.i[0] = v;
  return out;
}

/* Binds one parameter of the step. Fields read by rows alone shrink to the batch, whose rows are then 0, 1, .. */
static Value bind(Module *m, const Graph *g, const GraphInputs *from, uint32_t i, bool shrink, Arena *mem) {
  const Binding *b = &g->in[i];
  NodeId param = ir_region(m, g->region)->param.at[i], rows = rows_node(m, g);
  TypeId type = ir_node(m, g->region, param)->type;
  int64_t batch = rows == IR_NONE ? 0 : ir_elements(ir_type_get(m, ir_node(m, g->region, rows)->type));
  switch ((InKind)b->kind) {
  case IN_CELL: return value_from_bytes(m, type, from->cells + from->offset[b->index], mem);
  case IN_FIELD: {
    const Field *f = &m->field.at[b->index];
    return shrink ? batch_rows(m, f, from->rows, batch, mem) : value_from_bytes(m, type, f->bytes, mem);
  }
  case IN_ROWS: {
    Value v = value_from_bytes(m, type, from->rows, mem);
    for (int64_t k = 0; shrink && k < batch; k++) v.i[k] = k;
    return v;
  }
  case IN_KEY: return scalar(m, type, (int64_t)from->key, mem);
  case IN_STEP: return scalar(m, type, from->step, mem);
  case IN_EPOCH: return scalar(m, type, from->epoch, mem);
  }
  return value_new(m, type, mem);
}

/* All fields are read by the batch's rows alone. */
static bool may_shrink(const Module *m, const Graph *g) {
  NodeId rows = rows_node(m, g);
  const Region *r = ir_region(m, g->region);
  for (uint32_t i = 0; i < g->n_in; i++)
    if (g->in[i].kind == IN_FIELD && (rows == IR_NONE || !read_by_rows(m, g, r->param.at[i], rows))) return false;
  return rows != IR_NONE;
}

Value *bind_inputs(Module *m, const Graph *g, const GraphInputs *in, Arena *mem) {
  Value *param = arena_array(mem, Value, g->n_in + 1);
  bool shrink = may_shrink(m, g);
  for (uint32_t i = 0; i < g->n_in; i++) param[i] = bind(m, g, in, i, shrink, mem);
  return param;
}
