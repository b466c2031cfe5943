/* Kernel IR: life cycle and text form. */
#include "codegen/kernel/kir.h"
#include "codegen/backend.h"
#include "codegen/host.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const k_kind_names[K_KIND_COUNT] = {
    [K_LIT] = "lit",     [K_TASK] = "task",   [K_OP] = "op",         [K_FMA] = "fma",          [K_UDIV] = "udiv",
    [K_UREM] = "urem",   [K_LOAD] = "load",   [K_RANDOM] = "random", [K_CHECK] = "check",      [K_ACC] = "acc",
    [K_GET] = "get",     [K_LANES] = "lanes", [K_FOR] = "for",       [K_END] = "end",          [K_SET] = "set",
    [K_STORE] = "store", [K_MICRO] = "micro", [K_CALL] = "call",     [K_PREFETCH] = "prefetch"};

const char *const k_callee_names[KC_COUNT] = {"sgemm",   "dgemm", "cholesky", "tri_solve", "solve",
                                              "slogdet", "eigh",  "svd",      "sort"};

static const char *const space_names[] = {"cells", "temps", "consts", "field", "rows", "context", "value"};

KTarget k_target_host(void) {
  Host h = host_describe();
  return (KTarget){.vector_bytes = h.vector_bytes, .tile_rows = h.vector_bytes == 16 ? 4 : h.tile_rows};
}

KTarget k_target_level(uint32_t vector_bytes) {
  uint32_t rows = vector_bytes == 64 ? 14 : vector_bytes == 32 ? 6 : 4;
  return (KTarget){.vector_bytes = vector_bytes, .tile_rows = rows, .portable = true};
}

KKernel *k_kernel_new(void) {
  KKernel *k = calloc(1, sizeof *k);
  if (!k) exit(3);
  return k;
}

void k_kernel_free(KKernel *k) {
  if (!k) return;
  free((char *)k->name);
  vec_free(&k->inst), vec_free(&k->buf), vec_free(&k->loop), vec_free(&k->addr), vec_free(&k->term);
  vec_free(&k->micro), vec_free(&k->call), vec_free(&k->check), vec_free(&k->draw);
  free(k);
}

KProgram *k_program_new(const char *name) {
  KProgram *p = calloc(1, sizeof *p);
  if (!p || !(p->name = strdup(name))) exit(3);
  return p;
}

void k_program_free(KProgram *p) {
  if (!p) return;
  for (uint32_t i = 0; i < p->kernel.n; i++) k_kernel_free(p->kernel.at[i]);
  vec_free(&p->kernel), vec_free(&p->inst), vec_free(&p->ref), vec_free(&p->term);
  free(p->consts);
  free((char *)p->name);
  free(p);
}

/* ---------------------------------------------------------------- printing kernels */

static void print_addr(const KKernel *k, uint32_t addr, StrBuf *out) {
  const KAddr *a = &k->addr.at[addr];
  sb_printf(out, "b%u[%" PRId64, a->buf, a->c0);
  for (uint32_t i = 0; i < a->n; i++) {
    const KTerm *t = &k->term.at[a->first + i];
    sb_printf(out, " + %" PRId64 "*v%u", t->coef, t->value);
  }
  sb_putc(out, ']');
}

static void print_operands(const KInst *i, StrBuf *out) {
  for (uint32_t j = 0; j < 3 && i->a[j] != K_NONE; j++) sb_printf(out, " v%u", i->a[j]);
}

static void print_literal(const KInst *i, StrBuf *out) {
  double d;
  float f;
  switch (i->dtype) {
  case DT_F32:
    memcpy(&f, &i->bits, 4);
    sb_printf(out, " %a", (double)f);
    break;
  case DT_F64:
    memcpy(&d, &i->bits, 8);
    sb_printf(out, " %a", d);
    break;
  default: sb_printf(out, " %" PRId64, (int64_t)i->bits);
  }
}

static void print_for(const KKernel *k, const KInst *i, StrBuf *out) {
  static const char *const kinds[] = {"serial", "vector", "unroll"};
  const KLoop *l = &k->loop.at[i->aux];
  sb_printf(out, " %s", kinds[l->kind]);
  if (l->kind == KL_VECTOR) sb_printf(out, "(%u%s)", l->width, l->overrun ? ", overrun" : "");
  sb_printf(out, " to %" PRId64, l->extent);
  if (l->cap != K_NONE) sb_printf(out, " cap v%u", l->cap);
}

static void print_micro(const KKernel *k, const KMicro *m, StrBuf *out) {
  char name[32];
  k_micro_symbol(m, name);
  sb_printf(out, " %s k=%" PRId64, name, m->depth);
  if (m->depth_cap != K_NONE) sb_printf(out, " cap v%u", m->depth_cap);
  if (m->columns_cap != K_NONE) sb_printf(out, " columns v%u", m->columns_cap);
  sb_puts(out, " a=");
  print_addr(k, m->a, out);
  sb_printf(out, ":%" PRId64 ",%" PRId64 " b=", m->a_row, m->a_k);
  print_addr(k, m->b, out);
  sb_printf(out, ":%" PRId64 " c=", m->b_k);
  print_addr(k, m->c, out);
  sb_printf(out, ":%" PRId64, m->c_row);
}

static void print_call(const KKernel *k, const KCall *c, StrBuf *out) {
  sb_printf(out, " %s(", k_callee_names[c->callee]);
  for (uint32_t j = 0; j < c->n; j++) {
    const KCallArg *a = &c->arg[j];
    if (j) sb_puts(out, ", ");
    if (a->kind == KCA_INT) sb_printf(out, "%" PRId64, a->i);
    if (a->kind == KCA_VALUE) sb_printf(out, "v%u", a->v);
    if (a->kind == KCA_ADDR) print_addr(k, a->v, out);
    if (a->kind == KCA_NULL) sb_puts(out, "null");
  }
  sb_printf(out, ") node %u.%u", c->region, c->node);
}

static bool has_value(const KInst *i) { return i->kind <= K_FOR; }

static void print_inst(const KKernel *k, uint32_t n, StrBuf *out) {
  const KInst *i = &k->inst.at[n];
  if (has_value(i)) sb_printf(out, "v%u:%s = ", n, ir_dtype_name(i->dtype));
  sb_puts(out, i->kind == K_OP ? op_table[i->op].name : k_kind_names[i->kind]);
  switch (i->kind) {
  case K_LIT: print_literal(i, out); break;
  case K_LOAD:
    sb_putc(out, ' ');
    print_addr(k, i->aux, out);
    if (i->a[0] != K_NONE) sb_printf(out, " if v%u else 0x%" PRIx64, i->a[0], i->bits);
    break;
  case K_STORE:
    sb_putc(out, ' ');
    print_addr(k, i->aux, out);
    sb_printf(out, " = v%u", i->a[0]);
    if (i->a[1] != K_NONE) sb_printf(out, " if v%u", i->a[1]);
    break;
  case K_RANDOM:
    print_operands(i, out);
    sb_printf(out, " dist %u site %" PRIu64, k->draw.at[i->aux].dist, k->draw.at[i->aux].site);
    break;
  case K_CHECK: {
    const KCheck *c = &k->check.at[i->aux];
    print_operands(i, out);
    sb_printf(out, " below %" PRId64 " node %u.%u", c->extent, c->region, c->node);
    break;
  }
  case K_ACC:
    if (i->aux > 1) sb_printf(out, "(%u)", i->aux);
    print_operands(i, out);
    break;
  case K_LANES:
    sb_printf(out, " %s", op_table[i->op].name);
    print_operands(i, out);
    break;
  case K_FOR: print_for(k, i, out); break;
  case K_MICRO: print_micro(k, &k->micro.at[i->aux], out); break;
  case K_CALL: print_call(k, &k->call.at[i->aux], out); break;
  case K_PREFETCH:
    sb_putc(out, ' ');
    print_addr(k, i->aux, out);
    break;
  default: print_operands(i, out);
  }
  sb_putc(out, '\n');
}

void k_print_kernel(const KKernel *k, bool with_name, StrBuf *out) {
  if (with_name) sb_printf(out, "kernel %s  # about %.0f ns\n", k->name ? k->name : "?", k->cost_ns);
  for (uint32_t b = 0; b < k->buf.n; b++) {
    const KBuf *f = &k->buf.at[b];
    sb_printf(out, "  b%u: ", b);
    if (f->kind == KB_ARG)
      sb_printf(out, "arg %u ", f->arg);
    else
      sb_puts(out, "scratch ");
    sb_printf(out, "%s%s%s[%" PRId64 "]%s%s\n", f->access & KA_READ ? "r" : "", f->access & KA_WRITE ? "w " : " ",
              ir_dtype_name(f->dtype), f->elems, f->unaligned ? " unaligned" : "", f->noalias ? " noalias" : "");
  }
  uint32_t depth = 1;
  for (uint32_t n = 0; n < k->inst.n; n++) {
    if (k->inst.at[n].kind == K_END) depth--;
    for (uint32_t d = 0; d < depth; d++) sb_puts(out, "  ");
    print_inst(k, n, out);
    if (k->inst.at[n].kind == K_FOR) depth++;
  }
}

/* ---------------------------------------------------------------- printing step programs */

static void print_ref(const KProgram *p, uint32_t ref, StrBuf *out) {
  const PRef *r = &p->ref.at[ref];
  sb_puts(out, space_names[r->space]);
  if (r->space == PS_FIELD || r->space == PS_VALUE) sb_printf(out, "%u", r->index);
  sb_printf(out, "+%" PRId64, r->offset);
  for (uint32_t t = 0; t < r->n; t++) {
    const PTerm *term = &p->term.at[r->first + t];
    sb_printf(out, "+%" PRId64 "*%s%u", term->stride, term->parity ? "parity" : "iv", term->loop);
  }
}

static void print_step(const KProgram *p, const PInst *i, bool names, StrBuf *out) {
  static const char *const kinds[] = {"launch", "loop", "end", "set_iv", "break_unless", "trips", "check_finite"};
  sb_puts(out, kinds[i->kind]);
  sb_printf(out, " %u", i->index);
  if (i->kind == P_LAUNCH) {
    const KKernel *k = p->kernel.at[i->index];
    sb_printf(out, " tasks %" PRId64 "%s", i->tasks, i->in_line ? " inline" : "");
    if (names) sb_printf(out, " %s", k->name ? k->name : "?");
  }
  if (i->kind == P_LOOP) sb_printf(out, " count %" PRId64 "%s", i->count, i->reverse ? " reverse" : "");
  if (i->kind == P_CHECK_FINITE) sb_printf(out, " %s node %u.%u", ir_dtype_name(i->dtype), i->region, i->node);
  for (uint32_t r = 0; r < i->n; r++) {
    sb_puts(out, r ? ", " : " (");
    print_ref(p, i->first + r, out);
  }
  sb_puts(out, i->n ? ")\n" : "\n");
}

static void print_all_steps(const KProgram *p, bool names, StrBuf *out) {
  uint32_t depth = 1;
  sb_printf(out, "step rows %" PRId64 "%s\n", p->rows, p->measured ? " measured" : "");
  for (uint32_t n = 0; n < p->inst.n; n++) {
    const PInst *i = &p->inst.at[n];
    if (i->kind == P_END) depth--;
    for (uint32_t d = 0; d < depth; d++) sb_puts(out, "  ");
    if (names) sb_printf(out, "%u: ", n);
    print_step(p, i, names, out);
    if (i->kind == P_LOOP) depth++;
  }
}

void k_print_steps(const KProgram *p, StrBuf *out) { print_all_steps(p, false, out); }

void k_print_program(const KProgram *p, StrBuf *out) {
  sb_printf(out, "program %s: %u kernels, %" PRIu64 " bytes of temporaries, %" PRIu64 " of constants\n", p->name,
            p->kernel.n, p->temp_bytes, p->n_consts);
  for (uint32_t k = 0; k < p->kernel.n; k++) {
    sb_printf(out, "%u: ", k);
    k_print_kernel(p->kernel.at[k], true, out);
  }
  print_all_steps(p, true, out);
}
