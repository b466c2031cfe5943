/* What makes an object of a module that other programs link: its data and its one public name. */
#include "codegen/llvm/emit.h"
#include <stdio.h>

/* Two objects in one program may hold equal kernels: only the image is seen from outside. */
static void make_local(Val v) {
  if (LLVMIsDeclaration(v)) return;
  LLVMSetVisibility(v, LLVMDefaultVisibility);
  LLVMSetLinkage(v, LLVMInternalLinkage);
}

static Val add_bytes(Emit *e, const char *name, const void *bytes, size_t n) {
  Val data = LLVMConstStringInContext2(e->context, bytes, n, true);
  Val at = LLVMAddGlobal(e->module, LLVMTypeOf(data), name);
  LLVMSetInitializer(at, data);
  LLVMSetGlobalConstant(at, true);
  LLVMSetLinkage(at, LLVMInternalLinkage);
  LLVMSetAlignment(at, 64);
  return at;
}

/* The step function reads the address of its constants from a variable, set by the loader where there is one. */
static void place_constants(Emit *e, const KProgram *p) {
  enum { readable = 128 }; /* bytes behind the end, that vectors may read */
  char name[256];
  snprintf(name, sizeof name, "%s.consts", p->name);
  Val slot = LLVMGetNamedGlobal(e->module, name);
  if (!slot || !p->consts) return;
  snprintf(name, sizeof name, "%s.constants", p->name);
  LLVMSetInitializer(slot, add_bytes(e, name, p->consts, p->n_consts + readable));
  LLVMSetGlobalConstant(slot, true);
}

void emit_image(Emit *e, const BackendImage *image) {
  Val member[3] = {NULL, LLVMConstNull(e->ptr), LLVMConstNull(e->ptr)};
  for (Val f = LLVMGetFirstFunction(e->module); f; f = LLVMGetNextFunction(f)) make_local(f);
  for (Val g = LLVMGetFirstGlobal(e->module); g; g = LLVMGetNextGlobal(g)) make_local(g);
  member[0] = add_bytes(e, "image", image->bytes, image->n);
  for (uint32_t i = 0; i < image->n_programs; i++) {
    place_constants(e, image->program[i]);
    member[i + 1] = LLVMGetNamedFunction(e->module, image->program[i]->name);
  }
  Val all = LLVMConstStructInContext(e->context, member, 3, false);
  Val at = LLVMAddGlobal(e->module, LLVMTypeOf(all), image->symbol);
  LLVMSetInitializer(at, all);
  LLVMSetGlobalConstant(at, true);
}
