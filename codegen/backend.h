/* What codegen asks of LLVM: a table of functions exported by libseppo_llvm.so, which is opened only when something
 * must be compiled (a run whose objects are all in the cache never loads it). */
#ifndef SEPPO_CODEGEN_BACKEND_H
#define SEPPO_CODEGEN_BACKEND_H

#include "codegen/kernel/kir.h"

/* One module of LLVM IR, one object: a batch of kernels, or a step function, or micro-kernels. */
typedef enum { UNIT_KERNELS, UNIT_STEP, UNIT_MICRO } UnitKind;
typedef struct Unit {
  uint8_t kind;
  /* UNIT_KERNELS: kernel[i] becomes the function symbol[i]. */
  const KKernel *const *kernel;
  const char *const *symbol;
  uint32_t n;
  /* UNIT_STEP: program->name is exported; kernel_symbol[k] names kernel k of the program, an undefined symbol of the
   * object unless it is only used in line. The address of the constants is read from the 8-byte data symbol
   * "<name>.consts", defined (zero) in this object and set by the loader's caller. */
  const KProgram *program;
  const char *const *kernel_symbol;
  /* UNIT_MICRO: micro-kernels (dtype, mr, nv, accumulate used), each exported under k_micro_symbol. */
  const KMicro *micro;
  uint32_t n_micro;
} Unit;

typedef struct BackendObject {
  uint8_t *bytes; /* an ELF relocatable object, malloc'ed */
  size_t n;
} BackendObject;

/* An object that other programs link (`seppo build`): every unit in one module, all of it local but one constant,
 *   const struct { const void *image; StepFn entry[2]; } <symbol>
 * the bytes of the image (64-byte aligned) and the functions of the programs, NULL where there is none. */
typedef struct BackendImage {
  const char *symbol;
  const void *bytes;
  size_t n;
  const KProgram *const *program; /* one or two; their constants go into the object */
  uint32_t n_programs;
} BackendImage;

#define SEPPO_BACKEND_VERSION 2
typedef struct Backend {
  uint32_t version; /* SEPPO_BACKEND_VERSION, else the library is of another build */
  const char *(*llvm_version)(void);
  /* Thread-safe (each call has its own LLVM context). On failure returns false and a message (malloc'ed). */
  bool (*emit)(const Unit *u, const KTarget *t, BackendObject *out, char **error);
  bool (*link)(const Unit *unit, uint32_t n, const BackendImage *image, const KTarget *t, BackendObject *out,
               char **error);
  bool (*print)(const Unit *u, const KTarget *t, bool assembly, StrBuf *out, char **error);
} Backend;

/* Exported by the library. */
#define SEPPO_BACKEND_SYMBOL "seppo_backend"
typedef const Backend *(*BackendEntry)(void);

/* "mk_f32_14x2", "mk_f32_14x2_acc": void f(int64_t k, const T *a, int64_t a_row, int64_t a_k, const T *b,
 * int64_t b_k, T *c, int64_t c_row). */
void k_micro_symbol(const KMicro *m, char out[32]);

#endif
