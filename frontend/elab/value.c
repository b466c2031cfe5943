/* Compile-time values: making them, showing them, arithmetic on numbers. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/state.h"
#include "frontend/elab/task/optim.h"
#include "frontend/elab/tensor.h"
#include <math.h>

void list_grow(Elab *E, void **at, uint32_t *cap, uint32_t n, size_t size) {
  if (n < *cap) return;
  *cap = n ? 2 * n : 4;
  void *wide = arena_alloc(&E->mem, *cap * size);
  if (n) memcpy(wide, *at, n * size);
  *at = wide;
}

Val val_list(Elab *E, ValKind kind, uint32_t n) {
  ValList *l = arena_new(&E->mem, ValList);
  l->n = n;
  l->at = arena_array(&E->mem, Val, n ? n : 1);
  return (Val){.kind = (uint8_t)kind, .list = l};
}

Val val_tensor_ones(Elab *E, NodeId node, uint16_t ones) {
  if (node == IR_NONE) return val_error();
  return (Val){.kind = V_TENSOR, .ones = ones, .t = {node, E->g->cur}};
}

Val val_tensor(Elab *E, NodeId node) { return val_tensor_ones(E, node, 0); }

double val_number(Val v) { return v.kind == V_FLOAT ? v.f : (double)v.i; }

bool val_has_tensor(Val v) {
  if (v.kind == V_TENSOR || v.kind == V_FIELD || v.kind == V_CELL || v.kind == V_COUNTER) return true;
  if (!is_list(v)) return false;
  for (uint32_t k = 0; k < v.list->n; k++)
    if (val_has_tensor(v.list->at[k])) return true;
  return false;
}

static const char *const kind_names[] = {
    [V_ABSENT] = "nothing",
    [V_ERROR] = "an error",
    [V_NONE] = "none",
    [V_BOOL] = "a bool",
    [V_INT] = "an integer",
    [V_FLOAT] = "a number",
    [V_STRING] = "a string",
    [V_LIST] = "a list",
    [V_TUPLE] = "several values",
    [V_RANGE] = "a range",
    [V_REST] = "a rest of axes",
    [V_TENSOR] = "a tensor",
    [V_FIELD] = "a data field",
    [V_CELL] = "a tensor",
    [V_FN] = "a function",
    [V_BUILTIN] = "a function",
    [V_LAYER] = "a layer",
    [V_INSTANCE] = "an instance of a layer",
    [V_OPTIMIZER] = "an optimiser",
    [V_OPTIM] = "an optimiser",
    [V_GROUP] = "a parameter group",
    [V_DATA] = "a data source",
    [V_SPLIT] = "a data split",
    [V_MODULE] = "a module",
    [V_TASK] = "a task",
    [V_COUNTER] = "a counter",
    [V_OBJECTIVE] = "an objective",
};

const char *val_kind_name(Elab *E, Val v) {
  if (v.kind == V_TENSOR) return type_text(E, v);
  if (v.kind == V_CELL) return ir_type_str(E->m, E->m->cell.at[v.cell].type);
  if (v.kind == V_INT || v.kind == V_FLOAT) return elab_text(E, "the number %s", val_text(E, v));
  if (v.kind == V_STRING) return elab_text(E, "the string \"%s\"", v.s);
  if (v.kind == V_LIST && !val_has_tensor(v)) return elab_text(E, "the list %s", val_text(E, v));
  return kind_names[v.kind];
}

/* Shortest decimal that reads back to the same number. */
static const char *number_text(Elab *E, double f) {
  if (isinf(f)) return f < 0 ? "-inf" : "inf";
  for (int digits = 6; digits < 18; digits++) {
    char *s = elab_text(E, "%.*g", digits, f);
    if (digits == 17 || strtod(s, NULL) == f) return s;
  }
  return "nan";
}

static void put_text(Elab *E, StrBuf *b, Val v) {
  switch ((ValKind)v.kind) {
  case V_BOOL: sb_puts(b, v.i ? "true" : "false"); break;
  case V_INT: sb_printf(b, "%lld", (long long)v.i); break;
  case V_FLOAT: sb_puts(b, number_text(E, v.f)); break;
  case V_STRING: sb_puts(b, v.s); break;
  case V_RANGE:
    sb_printf(b, "%lld..%lld", (long long)v.range.lo, (long long)(v.range.lo + v.range.step * v.range.count));
    break;
  case V_LIST:
  case V_TUPLE:
    sb_putc(b, v.kind == V_LIST ? '[' : '(');
    for (uint32_t k = 0; k < v.list->n; k++) {
      if (k) sb_puts(b, ", ");
      put_text(E, b, v.list->at[k]);
    }
    sb_putc(b, v.kind == V_LIST ? ']' : ')');
    break;
  case V_FN:
  case V_LAYER:
  case V_OPTIMIZER: sb_puts(b, v.fn->name); break;
  case V_BUILTIN: sb_puts(b, v.builtin->name); break;
  case V_INSTANCE: sb_puts(b, v.instance->name); break;
  case V_OPTIM: sb_puts(b, v.optim->def->name); break;
  case V_TENSOR: sb_puts(b, type_text(E, v)); break;
  default: sb_puts(b, kind_names[v.kind]);
  }
}

const char *val_text(Elab *E, Val v) {
  StrBuf b = {0};
  put_text(E, &b, v);
  const char *s = arena_strdup(&E->mem, b.s ? b.s : "");
  sb_free(&b);
  return s;
}

bool val_equal(Val a, Val b) {
  if (is_number(a) && is_number(b)) return val_number(a) == val_number(b);
  if (is_list(a) && is_list(b)) {
    if (a.list->n != b.list->n) return false;
    for (uint32_t k = 0; k < a.list->n; k++)
      if (!val_equal(a.list->at[k], b.list->at[k])) return false;
    return true;
  }
  if (a.kind != b.kind) return false;
  switch ((ValKind)a.kind) {
  case V_STRING: return strcmp(a.s, b.s) == 0;
  case V_FN:
  case V_LAYER:
  case V_OPTIMIZER: return a.fn == b.fn || (a.fn->func && a.fn->func == b.fn->func);
  case V_BUILTIN: return a.builtin == b.builtin;
  case V_INSTANCE: return a.instance == b.instance;
  case V_NONE: return true;
  default: return false;
  }
}

Val range_item(Val r, int64_t k) { return val_int(r.range.lo + r.range.step * k); }

/* ---------------------------------------------------------------- arithmetic */

static const char *const signs[] = {
    [BIN_ADD] = "+", [BIN_SUB] = "-",    [BIN_MUL] = "*",   [BIN_DIV] = "/", [BIN_FLOORDIV] = "//", [BIN_MOD] = "%",
    [BIN_POW] = "^", [BIN_MATMUL] = "@", [BIN_EQ] = "==",   [BIN_NE] = "!=", [BIN_LT] = "<",        [BIN_LE] = "<=",
    [BIN_GT] = ">",  [BIN_GE] = ">=",    [BIN_AND] = "and", [BIN_OR] = "or"};
const char *binary_sign(BinaryOp op) { return signs[op]; }

static Val overflow(Elab *E, BinaryOp op, Val a, Val b, Span span) {
  return elab_error(E, "E0210", span, "%s %s %s does not fit in 64 bits", val_text(E, a), signs[op], val_text(E, b));
}

static Val int_power(Elab *E, Val a, Val b, Span span) {
  int64_t r = 1, base = a.i;
  for (int64_t n = b.i; n > 0; n >>= 1) {
    if ((n & 1) && __builtin_mul_overflow(r, base, &r)) return overflow(E, BIN_POW, a, b, span);
    if (n > 1 && __builtin_mul_overflow(base, base, &base)) return overflow(E, BIN_POW, a, b, span);
  }
  return val_int(r);
}

static Val int_divide(Elab *E, BinaryOp op, Val a, Val b, Span span) {
  if (b.i == 0) return elab_error(E, "E0211", span, "division of %lld by zero", (long long)a.i);
  if (b.i == -1) return op == BIN_MOD ? val_int(0) : a.i == INT64_MIN ? overflow(E, op, a, b, span) : val_int(-a.i);
  int64_t q = a.i / b.i, r = a.i % b.i;
  if (r != 0 && (r < 0) != (b.i < 0)) q--, r += b.i;
  return val_int(op == BIN_MOD ? r : q);
}

static Val int_arith(Elab *E, BinaryOp op, Val a, Val b, Span span) {
  int64_t r;
  switch (op) {
  case BIN_ADD: return __builtin_add_overflow(a.i, b.i, &r) ? overflow(E, op, a, b, span) : val_int(r);
  case BIN_SUB: return __builtin_sub_overflow(a.i, b.i, &r) ? overflow(E, op, a, b, span) : val_int(r);
  case BIN_MUL: return __builtin_mul_overflow(a.i, b.i, &r) ? overflow(E, op, a, b, span) : val_int(r);
  case BIN_POW: return b.i < 0 ? val_float(pow((double)a.i, (double)b.i)) : int_power(E, a, b, span);
  case BIN_DIV:
    if (b.i == 0) return elab_error(E, "E0211", span, "division of %lld by zero", (long long)a.i);
    return val_float((double)a.i / (double)b.i);
  default: return int_divide(E, op, a, b, span);
  }
}

static Val float_arith(Elab *E, BinaryOp op, double a, double b, Span span) {
  if ((op == BIN_DIV || op == BIN_FLOORDIV || op == BIN_MOD) && b == 0)
    return elab_error(E, "E0211", span, "division of %s by zero", number_text(E, a));
  switch (op) {
  case BIN_ADD: return val_float(a + b);
  case BIN_SUB: return val_float(a - b);
  case BIN_MUL: return val_float(a * b);
  case BIN_DIV: return val_float(a / b);
  case BIN_FLOORDIV: return val_float(floor(a / b));
  case BIN_MOD: {
    double r = fmod(a, b);
    return val_float(r != 0 && (r < 0) != (b < 0) ? r + b : r);
  }
  default: return val_float(pow(a, b));
  }
}

static Val compare(BinaryOp op, double a, double b) {
  switch (op) {
  case BIN_LT: return val_bool(a < b);
  case BIN_LE: return val_bool(a <= b);
  case BIN_GT: return val_bool(a > b);
  default: return val_bool(a >= b);
  }
}

Val val_binary(Elab *E, BinaryOp op, Val a, Val b, Span span) {
  if (op == BIN_EQ || op == BIN_NE) return val_bool(val_equal(a, b) == (op == BIN_EQ));
  if (op == BIN_AND || op == BIN_OR) {
    bool x, y;
    if (!val_to_bool(E, a, span, signs[op], &x) || !val_to_bool(E, b, span, signs[op], &y)) return val_error();
    return val_bool(op == BIN_AND ? x && y : x || y);
  }
  if (op == BIN_ADD && a.kind == V_STRING && b.kind == V_STRING) return val_string(elab_text(E, "%s%s", a.s, b.s));
  if (!is_number(a) || !is_number(b) || op == BIN_MATMUL) {
    elab_error(E, "E0303", span, "`%s` does not take %s and %s", signs[op], val_kind_name(E, a), val_kind_name(E, b));
    if (is_list(a) && is_list(b) && op == BIN_ADD)
      elab_hint(E, "to add them as tensors write `float(a) + b`, to join lists `concat([a, b])`");
    return val_error();
  }
  if (op >= BIN_LT && op <= BIN_GE) return compare(op, val_number(a), val_number(b));
  if (a.kind != V_FLOAT && b.kind != V_FLOAT) return int_arith(E, op, val_int(a.i), val_int(b.i), span);
  return float_arith(E, op, val_number(a), val_number(b), span);
}
