#include "codegen/object/units.h"
#include "codegen/object/hash.h"
#include <stdlib.h>
#include <string.h>

enum { KERNELS_A_UNIT = 32, SYMBOL = 40 };

typedef struct Named {
  const KKernel *k;
  char *symbol, *text;
  bool called; /* by a launch that is not in line */
} Named;

typedef struct Cutter {
  Units u;
  Vec(Named) kernel;     /* every distinct kernel */
  uint32_t *table, size; /* hash of symbols -> index + 1 */
  Vec(KMicro) micro;
  Vec(UnitEntry) unit;
} Cutter;

/* ---------------------------------------------------------------- distinct kernels */

static uint32_t *slot_of(Cutter *c, const char *symbol) {
  uint64_t h;
  memcpy(&h, symbol + 2, 8);
  uint32_t at = (uint32_t)(h * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (c->size - 1);
  while (c->table[at] && strcmp(c->kernel.at[c->table[at] - 1].symbol, symbol)) at = (at + 1) & (c->size - 1);
  return &c->table[at];
}

static uint32_t intern(Cutter *c, const KKernel *k) {
  StrBuf text = {0};
  Hash h = HASH_INIT;
  uint64_t id[2];
  k_print_kernel(k, false, &text);
  hash_add(&h, text.s, text.n);
  hash_end(&h, id);
  char symbol[SYMBOL];
  snprintf(symbol, sizeof symbol, "k_%016llx%016llx", (unsigned long long)id[0], (unsigned long long)id[1]);
  uint32_t *slot = slot_of(c, symbol);
  if (*slot) {
    sb_free(&text);
    return *slot - 1;
  }
  Named n = {.k = k, .symbol = arena_strdup(&c->u.mem, symbol), .text = sb_take(&text)};
  vec_push(&c->kernel, n);
  *slot = c->kernel.n;
  return c->kernel.n - 1;
}

static void note_micro(Cutter *c, const KMicro *m) {
  for (uint32_t i = 0; i < c->micro.n; i++) {
    const KMicro *o = &c->micro.at[i];
    if (o->dtype == m->dtype && o->mr == m->mr && o->nv == m->nv && o->accumulate == m->accumulate) return;
  }
  vec_push(&c->micro, *m);
}

static void note_micros(Cutter *c, const KKernel *k) {
  for (uint32_t i = 0; i < k->micro.n; i++)
    for (uint32_t nv = k_micro_least(&k->micro.at[i]); nv <= k->micro.at[i].nv; nv++) {
      const KMicro m = k_micro_narrow(&k->micro.at[i], nv);
      note_micro(c, &m);
    }
}

/* ---------------------------------------------------------------- units */

static void add_unit(Cutter *c, Unit unit, StrBuf text) {
  UnitEntry e = {unit, text};
  vec_push(&c->unit, e);
}

static void add_step(Cutter *c, const KProgram *p) {
  const char **symbol = arena_array(&c->u.mem, const char *, p->kernel.n + 1);
  bool *in_line = arena_array(&c->u.mem, bool, p->kernel.n + 1);
  StrBuf text = {0};
  for (uint32_t i = 0; i < p->inst.n; i++)
    if (p->inst.at[i].kind == P_LAUNCH && p->inst.at[i].in_line) in_line[p->inst.at[i].index] = true;
  sb_printf(&text, "step %s\n", p->name);
  for (uint32_t k = 0; k < p->kernel.n; k++) {
    uint32_t id = intern(c, p->kernel.at[k]);
    symbol[k] = c->kernel.at[id].symbol;
    note_micros(c, p->kernel.at[k]);
    sb_printf(&text, "%s\n", symbol[k]);
    if (in_line[k]) sb_puts(&text, c->kernel.at[id].text);
  }
  for (uint32_t i = 0; i < p->inst.n; i++)
    if (p->inst.at[i].kind == P_LAUNCH && !p->inst.at[i].in_line)
      c->kernel.at[intern(c, p->kernel.at[p->inst.at[i].index])].called = true;
  k_print_steps(p, &text);
  add_unit(c, (Unit){.kind = UNIT_STEP, .program = p, .kernel_symbol = symbol}, text);
}

static void add_micro(Cutter *c, const KMicro *m) {
  char name[32];
  StrBuf text = {0};
  KMicro *one = arena_memdup(&c->u.mem, m, sizeof *m);
  k_micro_symbol(m, name);
  sb_printf(&text, "micro %s\n", name);
  add_unit(c, (Unit){.kind = UNIT_MICRO, .micro = one, .n_micro = 1}, text);
}

static void add_batch(Cutter *c, const Named *const *kernel, uint32_t n) {
  const KKernel **k = arena_array(&c->u.mem, const KKernel *, n);
  const char **symbol = arena_array(&c->u.mem, const char *, n);
  StrBuf text = {0};
  for (uint32_t i = 0; i < n; i++) {
    k[i] = kernel[i]->k, symbol[i] = kernel[i]->symbol;
    sb_printf(&text, "kernel %s\n%s", symbol[i], kernel[i]->text);
  }
  add_unit(c, (Unit){.kind = UNIT_KERNELS, .kernel = k, .symbol = symbol, .n = n}, text);
}

/* Runs of kernels of about equal size, at least two, whoever compiles them. */
static void add_batches(Cutter *c) {
  const Named **called = arena_array(&c->u.mem, const Named *, c->kernel.n + 1);
  uint32_t n = 0, begin = 0;
  uint64_t total = 0, sum = 0;
  for (uint32_t i = 0; i < c->kernel.n; i++)
    if (c->kernel.at[i].called) called[n++] = &c->kernel.at[i], total += c->kernel.at[i].k->inst.n;
  uint32_t units = (n + KERNELS_A_UNIT - 1) / KERNELS_A_UNIT, made = 0;
  if (units < 2) units = 2;
  for (uint32_t i = 0; i < n; i++) {
    sum += called[i]->k->inst.n;
    bool full = sum * units >= total * (made + 1) && made + 1 < units;
    if (!full && i + 1 < n) continue;
    add_batch(c, called + begin, i + 1 - begin);
    begin = i + 1, made++;
  }
}

Units units_of(KProgram *const *program, uint32_t n) {
  Cutter c = {0};
  uint32_t kernels = 0;
  for (uint32_t i = 0; i < n; i++) kernels += program[i]->kernel.n;
  for (c.size = 64; c.size < 2 * kernels + 2; c.size *= 2) {
  }
  c.table = calloc(c.size, sizeof *c.table);
  if (!c.table) exit(3);
  for (uint32_t i = 0; i < n; i++) add_step(&c, program[i]);
  for (uint32_t i = 0; i < c.micro.n; i++) add_micro(&c, &c.micro.at[i]);
  add_batches(&c);
  for (uint32_t i = 0; i < c.kernel.n; i++) free(c.kernel.at[i].text);
  free(c.table);
  vec_free(&c.kernel), vec_free(&c.micro);
  c.u.at = c.unit.at, c.u.n = c.unit.n;
  return c.u;
}

void units_free(Units *u) {
  for (uint32_t i = 0; i < u->n; i++) sb_free(&u->at[i].text);
  free(u->at);
  arena_free(&u->mem);
}
