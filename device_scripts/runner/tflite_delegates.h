/* TensorFlow Lite delegates: XNNPACK and the GPU delegate by their C functions, any other as a plugin. */
#ifndef HARNESS_TFLITE_DELEGATES_H
#define HARNESS_TFLITE_DELEGATES_H

#include "args.h"

struct tflite_delegate {
  void *delegate;          /* NULL: none, the interpreter's own kernels */
  void (*destroy)(void *); /* for the way out of a failed start; a finished run leaves it to the end of the process */
};

/* The delegate that --delegate asks for. `library` is the inference library, `version` its TfLiteVersion. Ends the
 * process with the delegate's own words when there is none. */
struct tflite_delegate tflite_delegate_open(void *library, const char *version, const struct args *args);

#endif
