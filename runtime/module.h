/* Parts of the program that are opened only when they are needed: libraries that would slow down every start. */
#ifndef SEPPO_RUNTIME_MODULE_H
#define SEPPO_RUNTIME_MODULE_H

#include <stddef.h>

/* The address of `symbol` in the shared library `file`, looked for beside the program, then where the system looks.
 * NULL with the reason in why[0..n). Stays open to the end of the process. */
void *module_symbol(const char *file, const char *symbol, char *why, size_t n);

#endif
