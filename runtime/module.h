/* Parts of the program that are opened only when they are needed: libraries that would slow down every start. */
#ifndef SEPPO_RUNTIME_MODULE_H
#define SEPPO_RUNTIME_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/* The path of a file in the folder of the running program; false when it is not known or too long. */
bool path_beside_program(const char *file, char *path, size_t size);
/* The address of `symbol` in the shared library `file`, looked for beside the program, then where the system looks.
 * NULL with the reason in why[0..n). Stays open to the end of the process. */
void *module_symbol(const char *file, const char *symbol, char *why, size_t n);

#endif
