/* A stand-in for an external delegate. Options: `fail:words` is refused with these words, `crash:1` is a SIGSEGV,
 * `refuse:1` makes a delegate that the stand-in interpreter refuses, `mode:fast` is required otherwise. */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int delegate = 1;

void *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                    void (*report_error)(const char *)) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(keys[i], "fail") == 0) {
      report_error(values[i]);
      return NULL;
    }
    if (strcmp(keys[i], "crash") == 0) raise(SIGSEGV);
    if (strcmp(keys[i], "refuse") == 0) delegate = 666;
    if (strcmp(keys[i], "mode") == 0 && strcmp(values[i], "fast:est") == 0) return &delegate;
  }
  return delegate == 666 ? &delegate : NULL;
}

void tflite_plugin_destroy_delegate(void *made) {
  if (made == &delegate) fprintf(stderr, "stand-in: delegate destroyed\n");
}
