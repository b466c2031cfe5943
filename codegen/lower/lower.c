/* From a graph to a step program: storage for every value, one launch or more for every group, loops around the groups
 * of their bodies. */
#include "codegen/lower/lower.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double INLINE_NS = 200;

/* ---------------------------------------------------------------- program pieces */

Store store_temp(Lower *L, int64_t bytes) {
  VBuf v = {.bytes = bytes > 0 ? bytes : 1, .loop = L->loop};
  vec_push(&L->vbuf, v);
  return (Store){.set = true, .space = PS_TEMPS, .index = L->vbuf.n - 1};
}

PRef store_ref(Lower *L, const Store *s) {
  PRef ref = {.space = s->space, .index = s->index, .offset = s->offset, .first = L->p->term.n, .n = s->n_terms};
  for (uint32_t i = 0; i < s->n_terms; i++) vec_push(&L->p->term, s->term[i]);
  return ref;
}

int64_t lower_consts(Lower *L, const void *bytes, size_t n) {
  KProgram *p = L->p;
  uint64_t at = (p->n_consts + 63) / 64 * 64;
  p->consts = realloc(p->consts, at + n + 128);
  if (!p->consts) exit(3);
  memset(p->consts + p->n_consts, 0, at + n + 128 - p->n_consts);
  if (n) memcpy(p->consts + at, bytes, n);
  p->n_consts = at + n;
  return (int64_t)at;
}

static uint32_t emit(Lower *L, PInst i, const Store *ref, uint32_t n) {
  i.first = L->p->ref.n, i.n = n;
  for (uint32_t a = 0; a < n; a++) {
    PRef r = store_ref(L, &ref[a]);
    vec_push(&L->p->ref, r);
  }
  vec_push(&L->p->inst, i);
  return L->p->inst.n - 1;
}

/* ---------------------------------------------------------------- equal kernels are one */

static uint64_t hash_text(const char *s, size_t n) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)s[i]) * UINT64_C(0x100000001b3);
  return h ^ (h >> 31);
}

static void kernel_insert(Lower *L, uint32_t index) {
  uint32_t at =
      (uint32_t)hash_text(L->kernel_text.at[index], strlen(L->kernel_text.at[index])) & (L->n_kernel_table - 1);
  while (L->kernel_table[at]) at = (at + 1) & (L->n_kernel_table - 1);
  L->kernel_table[at] = index + 1;
}

static void kernel_table_grow(Lower *L) {
  L->n_kernel_table = L->n_kernel_table ? L->n_kernel_table * 2 : 64;
  free(L->kernel_table);
  L->kernel_table = calloc(L->n_kernel_table, sizeof *L->kernel_table);
  if (!L->kernel_table) exit(3);
  for (uint32_t i = 0; i < L->kernel_text.n; i++) kernel_insert(L, i);
}

/* Index of the kernel in the program; frees it when an equal one is there. */
static uint32_t intern_kernel(Lower *L, KKernel *k) {
  StrBuf text = {0};
  k_print_kernel(k, false, &text);
  if (L->kernel_text.n * 2 >= L->n_kernel_table) kernel_table_grow(L);
  uint32_t at = (uint32_t)hash_text(text.s, text.n) & (L->n_kernel_table - 1);
  for (; L->kernel_table[at]; at = (at + 1) & (L->n_kernel_table - 1)) {
    uint32_t i = L->kernel_table[at] - 1;
    if (strcmp(L->kernel_text.at[i], text.s)) continue;
    sb_free(&text);
    k_kernel_free(k);
    return i;
  }
  vec_push(&L->kernel_text, sb_take(&text));
  vec_push(&L->p->kernel, k);
  kernel_insert(L, L->kernel_text.n - 1);
  return L->p->kernel.n - 1;
}

/* Small kernels become part of the step function, as long as that stays small itself. */
static bool stays_in_line(Lower *L, const KKernel *k) {
  enum { INLINE_INSTRUCTIONS = 1500 };
  for (uint32_t i = 0; i < k->inst.n; i++) {
    const KInst *inst = &k->inst.at[i];
    double cost = inst->kind == K_OP ? op_cost(inst->op) : inst->kind == K_RANDOM ? 0.5 : 0;
    L->n_inline += cost > 0.1 ? 40 : 1;
  }
  return L->n_inline <= INLINE_INSTRUCTIONS;
}

void emit_launch(Lower *L, KKernel *k, const Store *arg, uint32_t n, int64_t tasks, bool in_line) {
  uint32_t index = intern_kernel(L, k);
  in_line = in_line && stays_in_line(L, L->p->kernel.at[index]);
  emit(L, (PInst){.kind = P_LAUNCH, .index = index, .tasks = tasks, .in_line = in_line}, arg, n);
}

/* ---------------------------------------------------------------- kernels */

Kern kern_new(RegionPlan *r, uint32_t g) { return (Kern){.r = r, .g = g, .b = kb_new()}; }

/* Places the kernel's literals among the program's constants and points the arguments there. */
static void place_literals(Kern *k) {
  for (uint32_t which = 0; which < 2; which++) {
    if (!k->lit[which].n) continue;
    int64_t at = lower_consts(k->r->L, k->lit[which].at, k->lit[which].n);
    for (uint32_t a = 0; a < k->arg.n; a++) {
      Store *s = &k->arg.at[a];
      if (s->space != PS_CONSTS || s->index != 1 + which) continue;
      s->index = 0, s->offset = at;
      for (uint32_t f = 0; f < k->b.k->buf.n; f++)
        if (k->b.k->buf.at[f].kind == KB_ARG && k->b.k->buf.at[f].arg == a)
          k->b.k->buf.at[f].elems = k->lit[which].n / ir_dtype_size(k->b.k->buf.at[f].dtype);
    }
  }
}

void kern_launch(Kern *k, int64_t tasks, const char *what, NodeId named_after) {
  Lower *L = k->r->L;
  place_literals(k);
  KKernel *done = kb_finish(&k->b);
  done->n_args = k->arg.n;
  done->cost_ns = k->cost;
  StrBuf name = {0};
  sb_printf(&name, "%s_%s_%u", what, op_table[rp_node(k->r, named_after)->op].name, named_after);
  done->name = sb_take(&name);
  const char *wrong = k_verify(done, &L->mem);
  if (wrong) {
    StrBuf text = {0};
    k_print_kernel(done, true, &text);
    fprintf(stderr, "seppo: internal error: %s\n%s", wrong, text.s);
    abort();
  }
  emit_launch(L, done, k->arg.at, k->arg.n, tasks, tasks == 1 && k->cost <= INLINE_NS);
  vec_free(&k->arg), vec_free(&k->over), vec_free(&k->memo), vec_free(&k->memo_ix);
  vec_free(&k->lit[0]), vec_free(&k->lit[1]);
  free(k->memo_table);
}

/* Flat copy of a value. */
static void emit_copy(Lower *L, const Type *t, const Store *from, const Store *to) {
  int64_t n = ir_elements(t);
  if (n == 0 || same_store(from, to)) return;
  KBuilder b = kb_new();
  KBuf in = {.dtype = t->dtype, .access = KA_READ, .unaligned = from->unaligned, .arg = 0, .elems = n};
  KBuf out = {.dtype = t->dtype, .access = KA_WRITE, .unaligned = to->unaligned, .arg = 1, .elems = n};
  uint32_t src = kb_buf(&b, in), dst = kb_buf(&b, out), lanes = k_lanes(&L->target, t->dtype);
  Ix at = ix_const(0);
  if (n > 1) at = ix_value(kb_for(&b, n >= 4 ? KL_VECTOR : KL_SERIAL, lanes, n, K_NONE));
  kb_store(&b, dst, &at, kb_load(&b, src, &at, K_NONE, 0), K_NONE);
  if (n > 1) kb_end(&b);
  KKernel *k = kb_finish(&b);
  k->n_args = 2, k->name = strdup("copy"), k->cost_ns = 0.03 * (double)n;
  Store arg[2] = {*from, *to};
  emit_launch(L, k, arg, 2, 1, k->cost_ns <= INLINE_NS);
}

/* ---------------------------------------------------------------- regions */

static void lower_region(Lower *L, RegionId region, const Store *param, Dest *dest);

static int64_t bytes_of(const RegionPlan *r, NodeId n) {
  return rp_elements(r, n) * ir_dtype_size(rp_type(r, n)->dtype);
}

/* Output n of its group: where it is wanted at the end, or a temporary. */
static void give_storage(RegionPlan *r, NodeId n) {
  const Region *region = ir_region(r->L->m, r->region);
  if (r->store[n].set) return;
  uint32_t i = r->claimed_by[n];
  if (i != UINT32_MAX && r->dest[i].written && region->result.at[i] == n)
    r->store[n] = r->dest[i].store;
  else
    r->store[n] = store_temp(r->L, bytes_of(r, n));
}

static void lower_copy(RegionPlan *r, const Group *g) {
  Dest *d = &r->dest[g->result];
  NodeId n = ir_region(r->L->m, r->region)->result.at[g->result];
  Store to = d->store;
  if (!d->written) to = d->temp = store_temp(r->L, bytes_of(r, n));
  emit_copy(r->L, rp_type(r, n), &r->store[n], &to);
}

static void lower_check(RegionPlan *r, const Group *g) {
  const Type *t = rp_type(r, g->root);
  if (!ir_is_float(t->dtype) || ir_elements(t) != 1) return;
  emit(r->L, (PInst){.kind = P_CHECK_FINITE, .dtype = t->dtype, .node = g->root, .region = r->region},
       &r->store[g->root], 1);
}

/* ---------------------------------------------------------------- loops */

/* Storage of result `index` of a multi-result node: its projection's, or a temporary nobody reads. */
Store result_store(RegionPlan *r, const Group *g, uint32_t index, TypeId type) {
  for (uint32_t i = 0; i < g->output.n; i++)
    if (rp_attr(r, g->output.at[i])->index == index) return r->store[g->output.at[i]];
  const Type *t = ir_type_get(r->L->m, type);
  return store_temp(r->L, ir_elements(t) * ir_dtype_size(t->dtype));
}

/* A second projection of the same result has storage of its own: copied. */
static void copy_duplicates(RegionPlan *r, const Group *g) {
  for (uint32_t i = 0; i < g->output.n; i++)
    for (uint32_t j = 0; j < i; j++) {
      NodeId a = g->output.at[j], b = g->output.at[i];
      if (rp_attr(r, a)->index != rp_attr(r, b)->index) continue;
      emit_copy(r->L, rp_type(r, b), &r->store[a], &r->store[b]);
      break;
    }
}

/* Part iv of a stack along the loop. */
static Store slice_store(Lower *L, const Store *stack, uint32_t loop, int64_t bytes) {
  Store s = *stack;
  if (s.n_terms < sizeof s.term / sizeof *s.term) s.term[s.n_terms++] = (PTerm){.loop = loop, .stride = bytes};
  (void)L;
  s.unaligned |= bytes % 64 != 0;
  return s;
}

typedef struct LoopPlan {
  RegionPlan *r;
  const Group *g;
  const Attr *a;
  const NodeId *in;
  uint32_t loop;
  Store *carry;
} LoopPlan;

static void enter_loop(LoopPlan *l, bool reverse) {
  RegionPlan *r = l->r;
  const Type *tuple = rp_type(r, l->g->root);
  l->carry = arena_array(&r->L->mem, Store, l->a->n_carry + 1);
  for (uint32_t i = 0; i < l->a->n_carry; i++) {
    l->carry[i] = result_store(r, l->g, i, tuple->tuple[i]);
    emit_copy(r->L, rp_type(r, l->in[i]), &r->store[l->in[i]], &l->carry[i]);
  }
  l->loop = emit(r->L, (PInst){.kind = P_LOOP, .count = l->a->count, .reverse = reverse}, NULL, 0);
}

static Store emit_iv(LoopPlan *l) {
  Store iv = store_temp(l->r->L, 8);
  emit(l->r->L, (PInst){.kind = P_SET_IV, .index = l->loop}, &iv, 1);
  return iv;
}

static void lower_scan(RegionPlan *r, const Group *g) {
  Lower *L = r->L;
  LoopPlan l = {.r = r, .g = g, .a = rp_attr(r, g->root), .in = rp_in(r, g->root)};
  RegionId body_id = rp_node(r, g->root)->body[0];
  const Region *body = ir_region(L->m, body_id);
  const Type *tuple = rp_type(r, g->root);
  uint32_t n_in = rp_node(r, g->root)->n_in, n_carry = l.a->n_carry, outer = L->loop;
  Store *stack = arena_array(&L->mem, Store, l.a->n_ys + 1), *param = arena_array(&L->mem, Store, n_in + 1);
  Dest *dest = arena_array(&L->mem, Dest, body->result.n + 1);
  for (uint32_t i = 0; i < l.a->n_ys; i++) stack[i] = result_store(r, g, n_carry + i, tuple->tuple[n_carry + i]);
  enter_loop(&l, l.a->reverse);
  L->loop = l.loop;
  param[0] = emit_iv(&l);
  for (uint32_t i = 0; i < n_in; i++) {
    bool is_x = i >= n_carry && i < n_carry + l.a->n_xs;
    param[1 + i] = i < n_carry ? l.carry[i] : r->store[l.in[i]];
    if (is_x)
      param[1 + i] = slice_store(L, &r->store[l.in[i]], l.loop, l.a->count ? bytes_of(r, l.in[i]) / l.a->count : 0);
  }
  for (uint32_t i = 0; i < body->result.n; i++) {
    dest[i] = (Dest){.in = IR_NONE};
    if (i < n_carry)
      dest[i].store = l.carry[i], dest[i].in = body->param.at[1 + i];
    else {
      const Type *t = ir_type_get(L->m, tuple->tuple[i]);
      int64_t bytes = ir_elements(t) * ir_dtype_size(t->dtype);
      dest[i].store = slice_store(L, &stack[i - n_carry], l.loop, l.a->count ? bytes / l.a->count : 0);
    }
  }
  lower_region(L, body_id, param, dest);
  emit(L, (PInst){.kind = P_END, .index = l.loop}, NULL, 0);
  L->loop = outer;
  copy_duplicates(r, g);
}

static void lower_while(RegionPlan *r, const Group *g) {
  Lower *L = r->L;
  LoopPlan l = {.r = r, .g = g, .a = rp_attr(r, g->root), .in = rp_in(r, g->root)};
  const Node *node = rp_node(r, g->root);
  RegionId cond = node->body[0], body = node->body[1];
  uint32_t n_in = node->n_in, n_carry = l.a->n_carry, outer = L->loop;
  const Region *b = ir_region(L->m, body);
  Store trips = result_store(r, g, n_carry, rp_type(r, g->root)->tuple[n_carry]);
  Store *param = arena_array(&L->mem, Store, n_in + 2);
  Dest *dest = arena_array(&L->mem, Dest, n_carry + 1), test = {.in = IR_NONE};
  enter_loop(&l, false);
  L->loop = l.loop;
  for (uint32_t i = 0; i < n_in; i++) param[1 + i] = i < n_carry ? l.carry[i] : r->store[l.in[i]];
  test.store = store_temp(L, 1);
  lower_region(L, cond, param + 1, &test);
  emit(L, (PInst){.kind = P_BREAK_UNLESS, .index = l.loop}, &test.store, 1);
  param[0] = emit_iv(&l);
  for (uint32_t i = 0; i < n_carry; i++) dest[i] = (Dest){.store = l.carry[i], .in = b->param.at[1 + i]};
  lower_region(L, body, param, dest);
  emit(L, (PInst){.kind = P_END, .index = l.loop}, NULL, 0);
  L->loop = outer;
  emit(L, (PInst){.kind = P_TRIPS, .index = l.loop}, &trips, 1);
  copy_duplicates(r, g);
}

/* ---------------------------------------------------------------- groups */

static void lower_group(RegionPlan *r, uint32_t index) {
  const Group *g = &r->groups.at[index];
  for (uint32_t i = 0; i < g->output.n; i++) give_storage(r, g->output.at[i]);
  switch (g->kind) {
  case GK_MAP:
    if (g->has_reduce)
      nest_reduce(r, index);
    else
      nest_map(r, index);
    break;
  case GK_DOT: nest_dot(r, index); break;
  case GK_OPAQUE:
    nest_opaque(r, index);
    copy_duplicates(r, g);
    break;
  case GK_LOOP:
    if (rp_node(r, g->root)->op == OP_scan)
      lower_scan(r, g);
    else
      lower_while(r, g);
    break;
  case GK_COPY: lower_copy(r, g); break;
  case GK_CHECK: lower_check(r, g); break;
  }
}

/* Results that could not be written in place. */
static void copy_back(RegionPlan *r) {
  const Region *region = ir_region(r->L->m, r->region);
  for (uint32_t i = 0; i < r->n_dest; i++) {
    Dest *d = &r->dest[i];
    NodeId n = region->result.at[i];
    if (!d->store.set || d->written) continue;
    emit_copy(r->L, rp_type(r, n), d->temp.set ? &d->temp : &r->store[n], &d->store);
  }
}

static void place_leaves(RegionPlan *r, const Store *param) {
  const Region *region = ir_region(r->L->m, r->region);
  for (uint32_t i = 0; i < region->param.n; i++) r->store[region->param.at[i]] = param[i];
  for (NodeId n = 0; n < r->n; n++) {
    if (rp_node(r, n)->op != OP_const || !r->live[n] || r->group[n] != GROUP_LEAF) continue;
    const void *data = ir_const_data(r->L->m, rp_attr(r, n)->value);
    r->store[n] = (Store){.set = true, .space = PS_CONSTS, .offset = lower_consts(r->L, data, (size_t)bytes_of(r, n))};
  }
}

static RegionPlan *plan_new(Lower *L, RegionId region, Dest *dest) {
  RegionPlan *r = arena_new(&L->mem, RegionPlan);
  const Region *g = ir_region(L->m, region);
  uint32_t n = g->node.n;
  *r = (RegionPlan){.L = L, .region = region, .n = n, .n_dest = g->result.n, .dest = dest};
  r->cls = arena_array(&L->mem, uint8_t, n + 1), r->group = arena_array(&L->mem, uint32_t, n + 1);
  r->force = arena_array(&L->mem, bool, n + 1), r->path = arena_array(&L->mem, uint8_t, n + 1);
  r->user = arena_array(&L->mem, uint32_t, n + 1), r->many = arena_array(&L->mem, bool, n + 1);
  r->live = arena_array(&L->mem, bool, n + 1), r->n_uses = arena_array(&L->mem, uint32_t, n + 1);
  r->evals = arena_array(&L->mem, int64_t, n + 1), r->store = arena_array(&L->mem, Store, n + 1);
  r->claimed_by = arena_array(&L->mem, uint32_t, n + 1);
  memset(r->claimed_by, 0xff, sizeof(uint32_t) * (n + 1));
  r->is_result = arena_array(&L->mem, bool, n + 1);
  for (uint32_t i = 0; i < g->result.n; i++) r->is_result[g->result.at[i]] = true;
  for (NodeId i = 0; i < n; i++)
    for (uint32_t a = 0; a < rp_node(r, i)->n_in; a++) r->n_uses[rp_in(r, i)[a]]++;
  return r;
}

static void lower_region(Lower *L, RegionId region, const Store *param, Dest *dest) {
  RegionPlan *r = plan_new(L, region, dest);
  group_region(r);
  place_leaves(r, param);
  order_groups(r);
  for (uint32_t i = 0; i < r->n_order; i++) lower_group(r, r->order[i]);
  copy_back(r);
  for (uint32_t i = 0; i < r->groups.n; i++) vec_free(&r->groups.at[i].member), vec_free(&r->groups.at[i].output);
  vec_free(&r->groups);
}

/* ---------------------------------------------------------------- graphs */

static Store store_of_binding(const Binding *b, const uint64_t *cell_offset) {
  switch (b->kind) {
  case IN_CELL: return (Store){.set = true, .space = PS_CELLS, .offset = (int64_t)cell_offset[b->index]};
  case IN_FIELD: return (Store){.set = true, .space = PS_FIELD, .index = b->index, .unaligned = true};
  case IN_ROWS: return (Store){.set = true, .space = PS_ROWS, .unaligned = true};
  case IN_KEY: return (Store){.set = true, .space = PS_CONTEXT, .offset = offsetof(Context, key), .unaligned = true};
  case IN_STEP: return (Store){.set = true, .space = PS_CONTEXT, .offset = offsetof(Context, step), .unaligned = true};
  default: return (Store){.set = true, .space = PS_CONTEXT, .offset = offsetof(Context, epoch), .unaligned = true};
  }
}

static Dest dest_of_binding(const Lower *L, const Graph *g, uint32_t i, const uint64_t *cell_offset) {
  const Binding *b = &g->out[i];
  Dest d = {.in = IR_NONE, .check = b->kind == OUT_CHECK};
  if (b->kind == OUT_VALUE) d.store = (Store){.set = true, .space = PS_VALUE, .index = b->index, .unaligned = true};
  if (b->kind != OUT_CELL) return d;
  d.store = (Store){.set = true, .space = PS_CELLS, .offset = (int64_t)cell_offset[b->index]};
  for (uint32_t p = 0; p < g->n_in; p++)
    if (g->in[p].kind == IN_CELL && g->in[p].index == b->index) d.in = ir_region(L->m, g->region)->param.at[p];
  return d;
}

KProgram *lower_graph(const Module *m, const Graph *g, const char *name, const uint64_t *cell_offset, int64_t rows,
                      KTarget target, bool no_fusion) {
  Lower L = {.m = m, .p = k_program_new(name), .target = target, .no_fusion = no_fusion, .loop = K_NONE};
  L.p->rows = rows;
  if (g->region != IR_NONE) {
    Store *param = arena_array(&L.mem, Store, g->n_in + 1);
    Dest *dest = arena_array(&L.mem, Dest, g->n_out + 1);
    for (uint32_t i = 0; i < g->n_in; i++) param[i] = store_of_binding(&g->in[i], cell_offset);
    for (uint32_t i = 0; i < g->n_out; i++) dest[i] = dest_of_binding(&L, g, i, cell_offset);
    lower_region(&L, g->region, param, dest);
    plan_temps(&L);
  }
  for (uint32_t i = 0; i < L.kernel_text.n; i++) free(L.kernel_text.at[i]);
  vec_free(&L.kernel_text), vec_free(&L.vbuf);
  free(L.kernel_table);
  arena_free(&L.mem);
  return L.p;
}
