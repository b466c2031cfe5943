#include "tests/support/jit.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Backend *jit_backend(void) {
  static const Backend *table;
  if (table) return table;
  void *library = dlopen(SEPPO_LLVM_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  union {
    void *object;
    BackendEntry call;
  } entry = {library ? dlsym(library, SEPPO_BACKEND_SYMBOL) : NULL};
  if (!entry.object || entry.call()->version != SEPPO_BACKEND_VERSION) {
    fprintf(stderr, "cannot open %s: %s\n", SEPPO_LLVM_LIBRARY, dlerror());
    exit(1);
  }
  return table = entry.call();
}

static BackendObject emit_or_exit(const Unit *u, const KTarget *t) {
  BackendObject o = {0};
  char *error = NULL;
  if (jit_backend()->emit(u, t, &o, &error)) return o;
  fprintf(stderr, "emission failed: %s\n", error);
  exit(1);
}

/* Every micro-kernel the kernels use, once. */
static uint32_t collect_micro(const KKernel *const *k, uint32_t n, KMicro *out, uint32_t most) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t m = 0; m < k[i]->micro.n; m++)
      for (uint32_t nv = k_micro_least(&k[i]->micro.at[m]); nv <= k[i]->micro.at[m].nv; nv++) {
        const KMicro one = k_micro_narrow(&k[i]->micro.at[m], nv);
        char name[32], other[32];
        uint32_t j = 0;
        k_micro_symbol(&one, name);
        for (; j < count; j++) {
          k_micro_symbol(&out[j], other);
          if (!strcmp(name, other)) break;
        }
        if (j == count && count < most) out[count++] = one;
      }
  return count;
}

static Jit compile(const Unit *kernels, const Unit *step, const KTarget *t) {
  KMicro micro[64];
  const uint32_t n = collect_micro(kernels->kernel, kernels->n, micro, 64);
  const Unit unit = {.kind = UNIT_MICRO, .micro = micro, .n_micro = n};
  BackendObject object[3] = {emit_or_exit(kernels, t), emit_or_exit(&unit, t)};
  CodeObject code[3];
  const uint32_t count = step ? 3 : 2;
  const char *error = NULL;
  if (step) object[2] = emit_or_exit(step, t);
  for (uint32_t i = 0; i < count; i++) code[i] = (CodeObject){object[i].bytes, object[i].n};
  Jit j = {code_load(code, count, &error)};
  for (uint32_t i = 0; i < count; i++) free(object[i].bytes);
  if (!j.code) fprintf(stderr, "link failed: %s\n", error), exit(1);
  return j;
}

static char **symbols(uint32_t n) {
  char **s = calloc(n + 1, sizeof *s);
  for (uint32_t i = 0; i < n; i++) {
    s[i] = malloc(16);
    snprintf(s[i], 16, "k%u", i);
  }
  return s;
}

static void free_symbols(char **s, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) free(s[i]);
  free(s);
}

Jit jit_kernels(const KKernel *const *k, uint32_t n, const KTarget *t) {
  char **names = symbols(n);
  const Unit u = {.kind = UNIT_KERNELS, .kernel = k, .symbol = (const char *const *)names, .n = n};
  Jit j = compile(&u, NULL, t);
  free_symbols(names, n);
  return j;
}

Jit jit_program(const KProgram *p, const KTarget *t) {
  char **names = symbols(p->kernel.n), consts[256];
  const Unit u = {.kind = UNIT_KERNELS,
                  .kernel = (const KKernel *const *)p->kernel.at,
                  .symbol = (const char *const *)names,
                  .n = p->kernel.n};
  const Unit step = {.kind = UNIT_STEP, .program = p, .kernel_symbol = (const char *const *)names};
  Jit j = compile(&u, &step, t);
  free_symbols(names, p->kernel.n);
  snprintf(consts, sizeof consts, "%s.consts", p->name);
  *(void **)code_symbol(j.code, consts) = p->consts;
  return j;
}

static void *symbol_or_exit(const Jit *j, const char *name) {
  void *at = code_symbol(j->code, name);
  if (!at) fprintf(stderr, "no symbol %s\n", name), exit(1);
  return at;
}

KernelFn jit_kernel(const Jit *j, uint32_t i) {
  char name[16];
  snprintf(name, sizeof name, "k%u", i);
  union {
    void *object;
    KernelFn call;
  } f = {symbol_or_exit(j, name)};
  return f.call;
}

int32_t (*jit_step(const Jit *j, const KProgram *p))(Context *, int64_t) {
  union {
    void *object;
    int32_t (*call)(Context *, int64_t);
  } f = {symbol_or_exit(j, p->name)};
  return f.call;
}

void jit_free(Jit *j) { code_free(j->code); }

/* ---------------------------------------------------------------- kernels by hand */

KVal tk_inst(KKernel *k, KInst i) {
  vec_push(&k->inst, i);
  return k->inst.n - 1;
}

KVal tk_lit(KKernel *k, DType t, double v) {
  KInst i = {.kind = K_LIT, .dtype = (uint8_t)t, .a = {K_NONE, K_NONE, K_NONE}};
  const float f = (float)v;
  if (t == DT_F32)
    memcpy(&i.bits, &f, 4);
  else if (t == DT_F64)
    memcpy(&i.bits, &v, 8);
  else
    i.bits = (uint64_t)(int64_t)v;
  return tk_inst(k, i);
}

KVal tk_op(KKernel *k, Op op, DType t, KVal a, KVal b, KVal c) {
  return tk_inst(k, (KInst){.kind = K_OP, .dtype = (uint8_t)t, .op = (uint16_t)op, .a = {a, b, c}});
}

uint32_t tk_addr(KKernel *k, uint32_t buf, int64_t c0, KVal iv, int64_t coef) {
  const KAddr a = {.buf = buf, .first = k->term.n, .n = iv != K_NONE && coef != 0, .c0 = c0};
  if (a.n) vec_push(&k->term, ((KTerm){iv, coef}));
  vec_push(&k->addr, a);
  return k->addr.n - 1;
}

KVal tk_load(KKernel *k, DType t, uint32_t buf, int64_t c0, KVal iv, int64_t coef) {
  const uint32_t at = tk_addr(k, buf, c0, iv, coef);
  return tk_inst(k, (KInst){.kind = K_LOAD, .dtype = (uint8_t)t, .a = {K_NONE, K_NONE, K_NONE}, .aux = at});
}

void tk_store(KKernel *k, uint32_t buf, int64_t c0, KVal iv, int64_t coef, KVal v) {
  const uint32_t at = tk_addr(k, buf, c0, iv, coef);
  tk_inst(k, (KInst){.kind = K_STORE, .a = {v, K_NONE, K_NONE}, .aux = at});
}

KVal tk_for(KKernel *k, KLoopKind kind, uint32_t width, int64_t extent) {
  vec_push(&k->loop, ((KLoop){.kind = (uint8_t)kind, .width = width, .extent = extent, .cap = K_NONE}));
  return tk_inst(k, (KInst){.kind = K_FOR, .dtype = DT_I64, .a = {K_NONE, K_NONE, K_NONE}, .aux = k->loop.n - 1});
}

void tk_end(KKernel *k, KVal loop) { tk_inst(k, (KInst){.kind = K_END, .a = {loop, K_NONE, K_NONE}}); }

uint32_t tk_arg(KKernel *k, DType t, uint8_t access, int64_t elems) {
  vec_push(
      &k->buf,
      ((KBuf){
          .kind = KB_ARG, .dtype = (uint8_t)t, .access = access, .noalias = true, .arg = k->n_args++, .elems = elems}));
  return k->buf.n - 1;
}
