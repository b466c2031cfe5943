/* Folders that are made with all that lead to them. */
#ifndef SEPPO_BASE_FOLDER_H
#define SEPPO_BASE_FOLDER_H

#include <stdbool.h>

/* Makes every folder of the path. *existed (may be NULL) tells whether the last one was there before. False with
 * errno set when there is none afterwards. */
bool folder_make(const char *path, bool *existed);

#endif
