/* The library's entry: units in, objects or text out. */
#include "codegen/llvm/emit.h"
#include <llvm-c/Analysis.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t initialised = PTHREAD_ONCE_INIT;

static void initialise(void) {
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

/* Positional independence and the small code model are what codegen/elf_loader.c understands. */
static LLVMTargetMachineRef new_machine(char **error) {
  LLVMTargetRef target;
  char *triple = LLVMGetDefaultTargetTriple(), *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
  char *message = NULL;
  LLVMTargetMachineRef tm = NULL;
  if (LLVMGetTargetFromTriple(triple, &target, &message))
    fail(error, message ? message : "LLVM knows no such target");
  else
    tm = LLVMCreateTargetMachine(target, triple, cpu, features, LLVMCodeGenLevelDefault, LLVMRelocPIC,
                                 LLVMCodeModelSmall);
  LLVMDisposeMessage(message);
  LLVMDisposeMessage(triple);
  LLVMDisposeMessage(cpu);
  LLVMDisposeMessage(features);
  return tm;
}

static void build_unit(Emit *e, const Unit *u) {
  if (u->kind == UNIT_MICRO)
    for (uint32_t i = 0; i < u->n_micro; i++) emit_micro_kernel(e, &u->micro[i]);
  else if (u->kind == UNIT_KERNELS)
    for (uint32_t i = 0; i < u->n; i++) emit_kernel(e, u->kernel[i], u->symbol[i]);
  else
    emit_step(e, u);
}

/* Builds the unit's module for a machine. False after filling *error. */
static bool build(Emit *e, const Unit *u, LLVMTargetMachineRef tm, char **error) {
  char *triple = LLVMGetTargetMachineTriple(tm), *message = NULL;
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(tm);
  LLVMSetTarget(e->module, triple);
  LLVMSetModuleDataLayout(e->module, layout);
  LLVMDisposeTargetData(layout);
  LLVMDisposeMessage(triple);
  build_unit(e, u);
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

static bool emit(const Unit *u, const KTarget *t, BackendObject *out, char **error) {
  pthread_once(&initialised, initialise);
  LLVMTargetMachineRef tm = new_machine(error);
  Emit e;
  if (!tm) return false;
  emit_open(&e, t, "seppo");
  LLVMMemoryBufferRef object = build(&e, u, tm, error) ? compile(&e, tm, LLVMObjectFile, error) : NULL;
  if (object) {
    out->n = LLVMGetBufferSize(object);
    out->bytes = malloc(out->n + 1);
    if (out->bytes) memcpy(out->bytes, LLVMGetBufferStart(object), out->n);
    LLVMDisposeMemoryBuffer(object);
    if (!out->bytes) fail(error, "out of memory");
  }
  emit_close(&e);
  LLVMDisposeTargetMachine(tm);
  return object && out->bytes;
}

static bool print(const Unit *u, const KTarget *t, bool assembly, StrBuf *out, char **error) {
  pthread_once(&initialised, initialise);
  LLVMTargetMachineRef tm = new_machine(error);
  Emit e;
  if (!tm) return false;
  emit_open(&e, t, "seppo");
  bool ok = build(&e, u, tm, error);
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
  LLVMDisposeTargetMachine(tm);
  return ok;
}

__attribute__((visibility("default"))) const Backend *seppo_backend(void);
const Backend *seppo_backend(void) {
  static const Backend table = {SEPPO_BACKEND_VERSION, llvm_version, emit, print};
  return &table;
}
