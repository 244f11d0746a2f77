#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

void *library_open(const char *path) {
  if (access(path, R_OK) != 0) die("library", "the library %s cannot be read: %s", path, strerror(errno));
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) die("library", "the library %s cannot be loaded: %s", path, dlerror());
  return library;
}

bool library_has(void *library, const char *symbol) { return dlsym(library, symbol) != NULL; }

bool library_find(void *library, const char *symbol, void *function) {
  void *address = dlsym(library, symbol);
  memcpy(function, &address, sizeof address); /* ISO C has no cast from an object to a function pointer */
  return address != NULL;
}

void library_need(void *library, const char *symbol, void *function) {
  if (!library_find(library, symbol, function)) die("library", "the library does not export %s", symbol);
}
