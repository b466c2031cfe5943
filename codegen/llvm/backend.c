/* The library's entry: units in, objects or text out. */
#define _GNU_SOURCE
#include "codegen/llvm/emit.h"
#include <llvm-c/Analysis.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t initialised = PTHREAD_ONCE_INIT;

/* Passes that cost a third of the compile time and gain nothing here: loops come with their addresses in place, and
 * the processor reorders instructions by itself. LLVM takes these choices only as options of the whole process; one it
 * does not know is ignored. */
static void choose_passes(void) {
  static const char *const option[] = {"-disable-lsr", "-disable-cgp", "-disable-post-ra", "-disable-machine-cse",
                                       "-enable-misched=false"};
  for (unsigned i = 0; i < sizeof option / sizeof *option; i++)
    LLVMParseCommandLineOptions(2, (const char *const[]){"seppo", option[i]}, "");
}

static void initialise(void) {
  choose_passes();
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
}

static const char *llvm_version(void) { return LLVM_VERSION_TEXT; }

static bool fail(char **error, const char *text) {
  *error = strdup(text);
  return false;
}

/* Machines not in use. Making one takes as long as compiling a small kernel, and one serves one thread at a time. */
typedef struct Machine {
  LLVMTargetMachineRef tm;
  KTarget target; /* that it compiles for */
} Machine;
static struct {
  pthread_mutex_t lock;
  Machine idle[8];
  unsigned n;
} machines = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool serves(const Machine *m, const KTarget *t) {
  return m->target.vector_bytes == t->vector_bytes && m->target.portable == t->portable;
}

static LLVMTargetMachineRef idle_machine(const KTarget *t) {
  LLVMTargetMachineRef tm = NULL;
  pthread_mutex_lock(&machines.lock);
  for (unsigned i = 0; i < machines.n && !tm; i++)
    if (serves(&machines.idle[i], t)) {
      tm = machines.idle[i].tm;
      machines.idle[i] = machines.idle[--machines.n];
    }
  pthread_mutex_unlock(&machines.lock);
  return tm;
}

static void give_back(LLVMTargetMachineRef tm, const KTarget *t) {
  pthread_mutex_lock(&machines.lock);
  const bool kept = machines.n < sizeof machines.idle / sizeof *machines.idle;
  if (kept) machines.idle[machines.n++] = (Machine){tm, *t};
  pthread_mutex_unlock(&machines.lock);
  if (!kept) LLVMDisposeTargetMachine(tm);
}

/* The host's features, less those that a target of shorter vectors does not have. */
static char *features_of(uint32_t vector_bytes) {
  char *host = LLVMGetHostCPUFeatures(), *all;
  const char *without = vector_bytes >= 64 ? "" : vector_bytes >= 32 ? ",-avx512f" : ",-avx512f,-avx";
  if (asprintf(&all, "%s%s", host, without) < 0) all = NULL;
  LLVMDisposeMessage(host);
  return all;
}

/* The name of an x86-64 level; its vectors are used whole. */
static const char *level_name(uint32_t vector_bytes) {
  return vector_bytes >= 64 ? "x86-64-v4" : vector_bytes >= 32 ? "x86-64-v3" : "x86-64-v2";
}

/* Positional independence and the small code model are what codegen/object/elf_loader.c understands. */
static LLVMTargetMachineRef new_machine(const KTarget *t, char **error) {
  LLVMTargetRef target;
  char *triple = LLVMGetDefaultTargetTriple(), *message = NULL;
  char *cpu = t->portable ? LLVMCreateMessage(level_name(t->vector_bytes)) : LLVMGetHostCPUName();
  char *features = t->portable ? strdup("-prefer-256-bit") : features_of(t->vector_bytes);
  LLVMTargetMachineRef tm = NULL;
  if (LLVMGetTargetFromTriple(triple, &target, &message))
    fail(error, message ? message : "LLVM knows no such target");
  else
    tm = LLVMCreateTargetMachine(target, triple, cpu, features ? features : "", LLVMCodeGenLevelDefault, LLVMRelocPIC,
                                 LLVMCodeModelSmall);
  LLVMDisposeMessage(message);
  LLVMDisposeMessage(triple);
  LLVMDisposeMessage(cpu);
  free(features);
  return tm;
}

static LLVMTargetMachineRef take_machine(const KTarget *t, char **error) {
  pthread_once(&initialised, initialise);
  LLVMTargetMachineRef tm = idle_machine(t);
  return tm ? tm : new_machine(t, error);
}

static void build_unit(Emit *e, const Unit *u) {
  if (u->kind == UNIT_MICRO)
    for (uint32_t i = 0; i < u->n_micro; i++) emit_micro_kernel(e, &u->micro[i]);
  else if (u->kind == UNIT_KERNELS)
    for (uint32_t i = 0; i < u->n; i++) emit_kernel(e, u->kernel[i], u->symbol[i]);
  else
    emit_step(e, u);
}

/* Builds the module of some units, and of an image unless it is NULL, for a machine. False after filling *error. */
static bool build(Emit *e, const Unit *u, uint32_t n, const BackendImage *image, LLVMTargetMachineRef tm,
                  char **error) {
  char *triple = LLVMGetTargetMachineTriple(tm), *message = NULL;
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(tm);
  LLVMSetTarget(e->module, triple);
  LLVMSetModuleDataLayout(e->module, layout);
  LLVMDisposeTargetData(layout);
  LLVMDisposeMessage(triple);
  for (uint32_t i = 0; i < n; i++) build_unit(e, &u[i]);
  if (image) emit_image(e, image);
  if (e->error) return fail(error, e->error);
#ifndef NDEBUG
  if (LLVMVerifyModule(e->module, LLVMReturnStatusAction, &message)) {
    fail(error, message);
    LLVMDisposeMessage(message);
    return false;
  }
#endif
  LLVMDisposeMessage(message);
  return true;
}

/* Compiles to an object or to assembly text. */
static LLVMMemoryBufferRef compile(Emit *e, LLVMTargetMachineRef tm, LLVMCodeGenFileType type, char **error) {
  LLVMMemoryBufferRef out = NULL;
  char *message = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(tm, e->module, type, &message, &out))
    fail(error, message ? message : "LLVM could not compile"), out = NULL;
  LLVMDisposeMessage(message);
  return out;
}

static bool link_units(const Unit *u, uint32_t n, const BackendImage *image, const KTarget *t, BackendObject *out,
                       char **error) {
  LLVMTargetMachineRef tm = take_machine(t, error);
  Emit e;
  if (!tm) return false;
  emit_open(&e, t, "seppo");
  LLVMMemoryBufferRef object = build(&e, u, n, image, tm, error) ? compile(&e, tm, LLVMObjectFile, error) : NULL;
  if (object) {
    out->n = LLVMGetBufferSize(object);
    out->bytes = malloc(out->n + 1);
    if (out->bytes) memcpy(out->bytes, LLVMGetBufferStart(object), out->n);
    LLVMDisposeMemoryBuffer(object);
    if (!out->bytes) fail(error, "out of memory");
  }
  emit_close(&e);
  give_back(tm, t);
  return object && out->bytes;
}

static bool emit(const Unit *u, const KTarget *t, BackendObject *out, char **error) {
  return link_units(u, 1, NULL, t, out, error);
}

static bool print(const Unit *u, const KTarget *t, bool assembly, StrBuf *out, char **error) {
  LLVMTargetMachineRef tm = take_machine(t, error);
  Emit e;
  if (!tm) return false;
  emit_open(&e, t, "seppo");
  bool ok = build(&e, u, 1, NULL, tm, error);
  if (ok && assembly) {
    LLVMMemoryBufferRef text = compile(&e, tm, LLVMAssemblyFile, error);
    ok = text;
    if (text) {
      sb_write(out, LLVMGetBufferStart(text), LLVMGetBufferSize(text));
      LLVMDisposeMemoryBuffer(text);
    }
  } else if (ok) {
    char *text = LLVMPrintModuleToString(e.module);
    sb_puts(out, text);
    LLVMDisposeMessage(text);
  }
  emit_close(&e);
  give_back(tm, t);
  return ok;
}

__attribute__((visibility("default"))) const Backend *seppo_backend(void);
const Backend *seppo_backend(void) {
  static const Backend table = {SEPPO_BACKEND_VERSION, llvm_version, emit, link_units, print};
  return &table;
}
