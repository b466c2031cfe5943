/* Built-in functions: convolutions and pooling, channels last: [.., spatial.., c]. */
#include "frontend/elab/builtins/builtin.h"
#include "frontend/elab/expr.h"
#include "frontend/elab/frame.h"
#include "frontend/elab/state.h"
#include "frontend/elab/tensor.h"

static Builder *builder(BuiltinCall *c) { return &c->E->g->cur->b; }

/* Strides, dilations and paddings up to 2^22: their products with extents up to 2^40 stay within 64 bits. */
enum { MAX_SPATIAL = 3, MAX_STEP = 1 << 22 };

static bool step_ok(BuiltinCall *c, uint32_t k, const char *what, int64_t v) {
  if (v >= -MAX_STEP && v <= MAX_STEP) return true;
  return elab_error(c->E, "E0321", c->at[k], "%s of %lld is out of range", what, (long long)v), false;
}

/* An integer for all spatial axes, or a list with one for each. */
static bool per_axis(BuiltinCall *c, uint32_t k, const char *what, int64_t def, uint32_t n, int64_t *out) {
  Val v = c->arg[k];
  for (uint32_t j = 0; j < n; j++) out[j] = def;
  if (v.kind == V_ABSENT || v.kind == V_NONE) return true;
  if (is_list(v) && v.list->n != n)
    return elab_error(c->E, "E0321", c->at[k], "%s: %u values for %u axes", what, v.list->n, n), false;
  for (uint32_t j = 0; j < n; j++)
    if (!val_to_int(c->E, is_list(v) ? v.list->at[j] : v, c->at[k], what, &out[j])) return false;
  for (uint32_t j = 0; j < n; j++) {
    if (out[j] < 1) return elab_error(c->E, "E0321", c->at[k], "%s must be positive", what), false;
    if (!step_ok(c, k, what, out[j])) return false;
  }
  return true;
}

typedef enum { PAD_VALID, PAD_SAME, PAD_GIVEN } PadMode;

/* "same", "valid", an integer, one for each axis, or [lo, hi] for each. */
static bool padding_arg(BuiltinCall *c, uint32_t k, uint32_t n, PadMode *mode, int64_t *lo, int64_t *hi) {
  Elab *E = c->E;
  Val v = c->arg[k];
  *mode = PAD_VALID;
  for (uint32_t j = 0; j < n; j++) lo[j] = hi[j] = 0;
  if (v.kind == V_ABSENT || (v.kind == V_STRING && strcmp(v.s, "valid") == 0)) return true;
  if (v.kind == V_STRING && strcmp(v.s, "same") == 0) return *mode = PAD_SAME, true;
  *mode = PAD_GIVEN;
  bool ok = v.kind == V_INT || (is_list(v) && v.list->n == n);
  for (uint32_t j = 0; j < n && ok; j++) {
    Val p = is_list(v) ? v.list->at[j] : v;
    Val a = is_list(p) && p.list->n == 2 ? p.list->at[0] : p, b = is_list(p) && p.list->n == 2 ? p.list->at[1] : p;
    ok = a.kind == V_INT && b.kind == V_INT;
    if (ok) lo[j] = a.i, hi[j] = b.i;
  }
  if (!ok)
    elab_error(E, "E0321", c->at[k], "padding is \"same\", \"valid\" or integers, found %s", val_kind_name(E, v));
  for (uint32_t j = 0; j < n && ok; j++) ok = step_ok(c, k, "padding", lo[j]) && step_ok(c, k, "padding", hi[j]);
  return ok;
}

/* ceil(n / stride) positions, the odd one of the padding at the end. */
static void same_padding(int64_t n, int64_t stride, int64_t span, int64_t *lo, int64_t *hi) {
  int64_t out = (n + stride - 1) / stride, total = (out - 1) * stride + span - n;
  if (total < 0) total = 0;
  *lo = total / 2, *hi = total - *lo;
}

/* [.., S.., c] with the leading axes as one: [N, S.., c]. */
static Val merge_lead(BuiltinCall *c, Val x, uint32_t spatial, Type *whole) {
  Elab *E = c->E;
  *whole = *type_of(E, x);
  if (whole->rank < spatial + 1) {
    elab_error(E, "E0321", c->at[0], "`%s` over %u axes takes [.., %s, channels], found %s", c->row->name, spatial,
               spatial == 1   ? "t"
               : spatial == 2 ? "h, w"
                              : "d, h, w",
               type_text(E, x));
    return val_error();
  }
  int64_t dim[IR_MAX_RANK] = {1};
  uint32_t lead = whole->rank - spatial - 1;
  for (uint32_t k = 0; k < lead; k++) dim[0] *= whole->dim[k];
  for (uint32_t k = 0; k <= spatial; k++) dim[k + 1] = whole->dim[lead + k];
  return val_tensor(E, ir_reshape(builder(c), node_of(E, x), spatial + 2, dim));
}

/* Back to the leading axes of `whole`; x is [N, P.., c]. */
static Val split_lead(BuiltinCall *c, NodeId x, uint32_t spatial, const Type *whole) {
  if (x == IR_NONE) return val_error();
  const Type t = *ir_type_of(builder(c), x);
  uint32_t lead = whole->rank - spatial - 1;
  int64_t dim[IR_MAX_RANK];
  memcpy(dim, whole->dim, lead * sizeof *dim);
  memcpy(dim + lead, t.dim + 1, (spatial + 1) * sizeof *dim);
  return val_tensor(c->E, ir_reshape(builder(c), x, whole->rank, dim));
}

/* [N, S.., G * C] -> [G, N, C, S..] */
static NodeId to_groups(Builder *b, NodeId x, uint32_t spatial, int64_t groups) {
  const Type t = *ir_type_of(b, x);
  int64_t dim[IR_MAX_RANK], perm[IR_MAX_RANK];
  memcpy(dim, t.dim, (spatial + 1) * sizeof *dim);
  dim[spatial + 1] = groups, dim[spatial + 2] = t.dim[spatial + 1] / groups;
  perm[0] = spatial + 1, perm[1] = 0, perm[2] = spatial + 2;
  for (uint32_t k = 0; k < spatial; k++) perm[3 + k] = k + 1;
  return ir_transpose(b, ir_reshape(b, x, spatial + 3, dim), perm);
}

/* [G, N, O, P..] -> [N, P.., G * O] */
static NodeId from_groups(Builder *b, NodeId y, uint32_t spatial) {
  if (y == IR_NONE) return y;
  int64_t perm[IR_MAX_RANK], dim[IR_MAX_RANK];
  perm[0] = 1;
  for (uint32_t k = 0; k < spatial; k++) perm[k + 1] = k + 3;
  perm[spatial + 1] = 0, perm[spatial + 2] = 2;
  y = ir_transpose(b, y, perm);
  const Type t = *ir_type_of(b, y);
  memcpy(dim, t.dim, (spatial + 1) * sizeof *dim);
  dim[spatial + 1] = t.dim[spatial + 1] * t.dim[spatial + 2];
  return ir_reshape(b, y, spatial + 2, dim);
}

/* [K.., C, G * O] -> [G, O, C, K..] */
static NodeId kernel_groups(Builder *b, NodeId w, uint32_t spatial, int64_t groups) {
  const Type t = *ir_type_of(b, w);
  int64_t dim[IR_MAX_RANK], perm[IR_MAX_RANK];
  memcpy(dim, t.dim, (spatial + 1) * sizeof *dim);
  dim[spatial + 1] = groups, dim[spatial + 2] = t.dim[spatial + 1] / groups;
  perm[0] = spatial + 1, perm[1] = spatial + 2, perm[2] = spatial;
  for (uint32_t k = 0; k < spatial; k++) perm[3 + k] = k;
  return ir_transpose(b, ir_reshape(b, w, spatial + 3, dim), perm);
}

/* x and w as floats of one dtype; the number of spatial axes is that of the kernel. */
static bool conv_operands(BuiltinCall *c, Val *x, Val *w, uint32_t *spatial) {
  Elab *E = c->E;
  *x = to_float(E, c->arg[0], c->at[0]), *w = to_float(E, c->arg[1], c->at[1]);
  if (is_error(*x) || is_error(*w)) return false;
  DType d = join_dtypes(E, *x, *w, true);
  *x = tensor_cast(E, *x, d, c->span), *w = tensor_cast(E, *w, d, c->span);
  uint32_t rank = type_of(E, *w)->rank;
  *spatial = rank - 2;
  if (rank >= 3 && *spatial <= MAX_SPATIAL) return true;
  elab_error(E, "E0321", c->at[1], "a kernel is [k.., in, out] with one to three spatial axes, found %s",
             type_text(E, *w));
  return false;
}

Val bi_convolve(BuiltinCall *c) {
  Elab *E = c->E;
  Val x, w;
  uint32_t n;
  int64_t stride[MAX_SPATIAL], dilation[MAX_SPATIAL], lo[MAX_SPATIAL], hi[MAX_SPATIAL], groups = 1;
  PadMode mode;
  if (!conv_operands(c, &x, &w, &n) || !per_axis(c, 2, "stride", 1, n, stride) ||
      !padding_arg(c, 3, n, &mode, lo, hi) || !per_axis(c, 4, "dilation", 1, n, dilation) ||
      !per_axis(c, 5, "groups", 1, 1, &groups))
    return val_error();
  Type whole;
  Val m = merge_lead(c, x, n, &whole);
  if (is_error(m)) return m;
  const Type tx = *type_of(E, m), tw = *type_of(E, w);
  if (tx.dim[n + 1] != tw.dim[n] * groups || tw.dim[n + 1] % groups)
    return elab_error(E, "E0321", c->span, "`convolve`: %lld channels meet a kernel %s with %lld group%s",
                      (long long)tx.dim[n + 1], type_text(E, w), (long long)groups, groups == 1 ? "" : "s");
  Attr a = {.n_window = n};
  for (uint32_t k = 0; k < n; k++) {
    int64_t span = (tw.dim[k] - 1) * dilation[k] + 1;
    if (mode == PAD_SAME) same_padding(tx.dim[k + 1], stride[k], span, &lo[k], &hi[k]);
    a.window[k] = (WindowAxis){0, stride[k], lo[k], hi[k], 1, dilation[k]};
  }
  Builder *b = builder(c);
  NodeId in[2] = {to_groups(b, m.t.node, n, groups), kernel_groups(b, node_of(E, w), n, groups)};
  return split_lead(c, from_groups(b, ir_emit(b, OP_conv_general, in, 2, &a), n), n, &whole);
}

/* The adjoint of `convolve` with the kernel [k.., out, in]: spread by the stride, kernel turned around. */
Val bi_convolve_transpose(BuiltinCall *c) {
  Elab *E = c->E;
  Val x, w;
  uint32_t n;
  int64_t stride[MAX_SPATIAL], lo[MAX_SPATIAL], hi[MAX_SPATIAL], extra[MAX_SPATIAL] = {0};
  PadMode mode;
  if (!conv_operands(c, &x, &w, &n) || !per_axis(c, 2, "stride", 1, n, stride) || !padding_arg(c, 3, n, &mode, lo, hi))
    return val_error();
  for (uint32_t k = 0; k < n && c->arg[4].kind != V_ABSENT; k++)
    if (!val_to_int(E, is_list(c->arg[4]) && k < c->arg[4].list->n ? c->arg[4].list->at[k] : c->arg[4], c->at[4],
                    "output_padding", &extra[k]) ||
        !step_ok(c, 4, "output_padding", extra[k]))
      return val_error();
  Type whole;
  Val m = merge_lead(c, x, n, &whole);
  if (is_error(m)) return m;
  const Type tx = *type_of(E, m), tw = *type_of(E, w);
  if (tx.dim[n + 1] != tw.dim[n + 1])
    return elab_error(E, "E0321", c->span, "`convolve_transpose`: %lld channels meet a kernel [k.., out, in] %s",
                      (long long)tx.dim[n + 1], type_text(E, w));
  Attr a = {.n_window = n};
  int64_t axes[MAX_SPATIAL];
  for (uint32_t k = 0; k < n; k++) {
    int64_t size = tw.dim[k], p = tx.dim[k + 1];
    int64_t out = mode == PAD_SAME ? p * stride[k] : (p - 1) * stride[k] + size - lo[k] - hi[k] + extra[k];
    if (mode == PAD_SAME) same_padding(out, stride[k], size, &lo[k], &hi[k]);
    a.window[k] = (WindowAxis){0, 1, size - 1 - lo[k], out - 1 - (p - 1) * stride[k] + lo[k], stride[k], 1};
    axes[k] = k;
  }
  Builder *b = builder(c);
  /* [k.., out, in] turned, then as a kernel [k.., in, out] */
  int64_t perm[IR_MAX_RANK];
  for (uint32_t k = 0; k < n; k++) perm[k] = k;
  perm[n] = n + 1, perm[n + 1] = n;
  NodeId turned = ir_transpose(b, ir_reverse(b, node_of(E, w), n, axes), perm);
  NodeId in[2] = {to_groups(b, m.t.node, n, 1), kernel_groups(b, turned, n, 1)};
  return split_lead(c, from_groups(b, ir_emit(b, OP_conv_general, in, 2, &a), n), n, &whole);
}

/* Windows slide over trailing axes: the channel axis goes in front of the spatial ones and back. */
static NodeId move_channels(Builder *b, NodeId x, uint32_t rank, uint32_t spatial, bool front) {
  int64_t perm[IR_MAX_RANK];
  uint32_t first = rank - spatial - 1;
  for (uint32_t k = 0; k < rank; k++) perm[k] = k;
  for (uint32_t k = 0; k <= spatial; k++)
    perm[first + k] = first + (front ? (k ? k - 1 : spatial) : (k < spatial ? k + 1 : 0));
  return ir_transpose(b, x, perm);
}

Val bi_pool(BuiltinCall *c) {
  Elab *E = c->E;
  Val x = to_float(E, c->arg[0], c->at[0]);
  if (is_error(x)) return x;
  uint32_t n = is_list(c->arg[1]) ? c->arg[1].list->n : 0;
  const Type t = *type_of(E, x);
  int64_t size[MAX_SPATIAL], stride[MAX_SPATIAL], lo[MAX_SPATIAL], hi[MAX_SPATIAL];
  PadMode mode;
  if (!n || n > MAX_SPATIAL)
    return elab_error(E, "E0321", c->at[1], "the size of a window is a list, one for each spatial axis");
  if (t.rank < n + 1)
    return elab_error(E, "E0321", c->at[0], "`%s` over %u axes of %s", c->row->name, n, type_text(E, x));
  if (!per_axis(c, 1, "size", 1, n, size) || !per_axis(c, 2, "stride", 1, n, stride) ||
      !padding_arg(c, 3, n, &mode, lo, hi))
    return val_error();
  Attr a = {.n_window = n};
  for (uint32_t k = 0; k < n; k++) {
    if (c->arg[2].kind == V_ABSENT || c->arg[2].kind == V_NONE) stride[k] = size[k];
    if (mode == PAD_SAME) same_padding(t.dim[t.rank - 1 - n + k], stride[k], size[k], &lo[k], &hi[k]);
    a.window[k] = (WindowAxis){size[k], stride[k], lo[k], hi[k], 1, 1};
  }
  Builder *b = builder(c);
  NodeId in[2] = {move_channels(b, node_of(E, x), t.rank, n, true), IR_NONE}, y;
  if (c->row->data) {
    in[1] = ir_emit(b, OP_window_argmax, in, 1, &a);
    y = ir_emit(b, OP_window_pick, in, 2, &a);
  } else {
    y = ir_emit(b, OP_window_sum, in, 1, &a);
  }
  return y == IR_NONE ? val_error() : val_tensor(E, move_channels(b, y, t.rank, n, false));
}
