/* A stand-in for a TensorFlow Lite C library: it computes 2 x + 1 on [1,4] float32 and checks how it is called.
 *
 * -DVERSION="2.14.0", -DXNNPACK to export a delegate with wide options, -DOLD_XNNPACK with the two fields of old ones. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "2.14.0"
#endif

struct quantization {
  float scale;
  int32_t zero_point;
};
static struct {
  int threads, allocated, delegate_threads, deleted;
  void *delegate;
  void (*report)(void *, const char *, va_list);
  float input[4], output[4];
} state;
static char model_handle, options_handle, interpreter_handle, input_handle, output_handle;

static void check(int fine, const char *what) {
  if (fine) return;
  fprintf(stderr, "stand-in: %s\n", what);
  abort();
}
static void report(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  state.report(NULL, format, arguments);
  va_end(arguments);
}

const char *TfLiteVersion(void) { return VERSION; }
void *TfLiteModelCreateFromFile(const char *path) { return access(path, R_OK) == 0 ? &model_handle : NULL; }
void *TfLiteInterpreterOptionsCreate(void) { return &options_handle; }
void TfLiteInterpreterOptionsSetNumThreads(void *options, int32_t threads) {
  check(options == &options_handle, "options");
  state.threads = threads;
}
void TfLiteInterpreterOptionsAddDelegate(void *options, void *delegate) {
  check(options == &options_handle && delegate != NULL, "delegate");
  state.delegate = delegate;
}
void TfLiteInterpreterOptionsSetErrorReporter(void *options, void (*reporter)(void *, const char *, va_list), void *user) {
  check(options == &options_handle && reporter != NULL && user == NULL, "reporter");
  state.report = reporter;
}
void *TfLiteInterpreterCreate(const void *model, const void *options) {
  check(model == &model_handle && options == &options_handle && state.threads > 0, "order of creation");
  if (state.delegate != NULL && *(int *)state.delegate == 666) {
    report("delegate %d refused the graph", 666);
    return NULL;
  }
  if (state.delegate != NULL)
    fprintf(stderr, "INFO: Replacing 2 out of 3 node(s) with delegate (TfLiteStandIn) node, yielding 2 partitions for "
                    "subgraph 0.\n");
#ifdef DEFAULT_XNNPACK
  fprintf(stderr, "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n");
#endif
  return &interpreter_handle;
}
int TfLiteInterpreterAllocateTensors(void *interpreter) {
  check(interpreter == &interpreter_handle, "interpreter");
  state.allocated = 1;
  return 0;
}
int TfLiteInterpreterResizeInputTensor(void *interpreter, int32_t index, const int *dims, int32_t count) {
  check(index == 0 && count == 2 && dims[0] == 1, "resize");
  return 0;
}
int TfLiteInterpreterInvoke(void *interpreter) {
  check(interpreter == &interpreter_handle && state.allocated, "invoke before allocation");
  for (int i = 0; i < 4; i++) state.output[i] = 2 * state.input[i] + 1;
  return 0;
}
int32_t TfLiteInterpreterGetInputTensorCount(const void *interpreter) { return interpreter == &interpreter_handle; }
int32_t TfLiteInterpreterGetOutputTensorCount(const void *interpreter) { return interpreter == &interpreter_handle; }
void *TfLiteInterpreterGetInputTensor(const void *interpreter, int32_t index) { return index == 0 ? &input_handle : NULL; }
const void *TfLiteInterpreterGetOutputTensor(const void *interpreter, int32_t index) {
  check(state.allocated, "output before allocation");
  return index == 0 ? &output_handle : NULL;
}
int TfLiteTensorType(const void *tensor) { return tensor != NULL; }
int32_t TfLiteTensorNumDims(const void *tensor) { return 2; }
int32_t TfLiteTensorDim(const void *tensor, int32_t index) { return index == 0 ? 1 : 4; }
size_t TfLiteTensorByteSize(const void *tensor) { return 16; }
const char *TfLiteTensorName(const void *tensor) { return tensor == &input_handle ? "x \"\xff\n" : "y"; }
struct quantization TfLiteTensorQuantizationParams(const void *tensor) { return (struct quantization){0.0f, 0}; }
int TfLiteTensorCopyFromBuffer(void *tensor, const void *data, size_t size) {
  check(tensor == &input_handle && size == 16 && state.allocated, "input");
  memcpy(state.input, data, size);
#ifdef SHOW_INPUT
  fprintf(stderr, "input %.9g %.9g %.9g %.9g\n", state.input[0], state.input[1], state.input[2], state.input[3]);
#endif
  return 0;
}
int TfLiteTensorCopyToBuffer(const void *tensor, void *data, size_t size) {
  check(tensor == &output_handle && size == 16, "output");
  memcpy(data, state.output, size);
  return 0;
}

#if defined(XNNPACK) || defined(OLD_XNNPACK)
struct options {
  int32_t num_threads;
  uint32_t flags;
#ifdef XNNPACK
  const void *cache;
  int64_t rest[40];
#endif
};
struct options TfLiteXNNPackDelegateOptionsDefault(void) {
  struct options options;
  memset(&options, 0, sizeof options);
  options.flags = 3;
#ifdef XNNPACK
  options.rest[39] = -1;
#endif
  return options;
}
void *TfLiteXNNPackDelegateCreate(const struct options *options) {
  check(options->flags == 3 && options->num_threads == 2, "XNNPACK options");
#ifdef XNNPACK
  check(options->cache == NULL && options->rest[0] == 0 && options->rest[39] == -1, "XNNPACK defaults");
#endif
  static int delegate = 1;
  return &delegate;
}
void TfLiteXNNPackDelegateDelete(void *delegate) { state.deleted = 1; }
#endif
