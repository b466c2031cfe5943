/* Temporary folders and files for tests. */
#ifndef SEPPO_TESTS_SUPPORT_FILES_H
#define SEPPO_TESTS_SUPPORT_FILES_H

#include <stddef.h>

/* A new folder under $TMPDIR or /tmp; heap, release with folder_remove. */
char *folder_new(void);
/* Removes it with everything inside and frees the name. */
void folder_remove(char *folder);
/* FOLDER/NAME with these bytes; returns the path, heap. */
char *file_write(const char *folder, const char *name, const void *bytes, size_t n);
/* gzipped */
char *file_write_gz(const char *folder, const char *name, const void *bytes, size_t n);
/* The bytes of a file, heap, NUL behind them, their number in *n unless n is NULL; NULL when it cannot be read. */
char *file_read(const char *path, size_t *n);
/* The same of a file that must be there: ends the program otherwise. */
char *file_need(const char *path, size_t *n);
/* The folder with MNIST and CIFAR-10 files ($SEPPO_DATA, ../shared/data, ...), or NULL: tests on real data then skip.
 */
const char *real_data(void);

#endif
