/* Loads x86-64 ELF relocatable objects, as LLVM emits them, into executable memory.
 *
 * All objects of one call are laid out in one anonymous mapping and linked with each other, so a step function may
 * call a kernel of another object directly. Code is written first and made executable afterwards (never both); only
 * sections of variables stay writable.
 * Nothing is trusted: every offset of the file is checked, and an undefined symbol that no object defines is an error.
 */
#ifndef SEPPO_CODEGEN_ELF_LOADER_H
#define SEPPO_CODEGEN_ELF_LOADER_H

#include <stddef.h>
#include <stdint.h>

typedef struct Code Code; /* linked, executable objects */

typedef struct CodeObject {
  const void *bytes; /* may be dropped after code_load */
  size_t size;
} CodeObject;

/* NULL on failure; then *error is a static one-line text. */
Code *code_load(const CodeObject *object, uint32_t n, const char **error);
/* Address of a global symbol, NULL when none of the objects defines it. */
void *code_symbol(const Code *c, const char *name);
void code_free(Code *c);

#endif
