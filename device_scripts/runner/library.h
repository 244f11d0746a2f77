/* A shared library and what it exports. */
#ifndef HARNESS_LIBRARY_H
#define HARNESS_LIBRARY_H

#include <stdbool.h>

/* Opens a library or ends the process with an error of kind "library" that holds the linker's sentence. */
void *library_open(const char *path);

bool library_has(void *library, const char *symbol);

/* Stores the address of `symbol` in the function pointer at `function`; false (and NULL) when it is not exported. */
bool library_find(void *library, const char *symbol, void *function);

/* Like library_find, and the end of the process when it is not exported. */
void library_need(void *library, const char *symbol, void *function);

#endif
