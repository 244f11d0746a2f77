/* A model through the TensorFlow Lite C API. Prototypes in our own words; handles are opaque to us. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "library.h"
#include "report.h"
#include "tflite_delegates.h"

typedef void *handle;

struct quantization { /* 8 bytes, by value since the first release */
  float scale;
  int32_t zero_point;
};

struct tflite_api {
  const char *(*version)(void);
  handle (*load_model)(const char *);
  handle (*new_options)(void);
  void (*set_threads)(handle, int32_t);
  void (*add_delegate)(handle, void *);
  void (*set_reporter)(handle, void (*)(void *, const char *, va_list), void *);
  handle (*new_interpreter)(handle, handle);
  int (*allocate)(handle);
  int (*resize)(handle, int32_t, const int *, int32_t);
  int (*invoke)(handle);
  int32_t (*input_count)(handle);
  int32_t (*output_count)(handle);
  handle (*input)(handle, int32_t);
  handle (*output)(handle, int32_t);
  int (*type)(handle);
  int32_t (*rank)(handle);
  int32_t (*dim)(handle, int32_t);
  size_t (*bytes)(handle);
  const char *(*name)(handle);
  struct quantization (*quantization)(handle);
  int (*copy_in)(handle, const void *, size_t);
  int (*copy_out)(handle, void *, size_t);
};

struct tflite_engine {
  struct tflite_api *api;
  handle interpreter;
  handle *in, *out;
};

static const struct {
  const char *name;
  size_t offset;
} symbols[] = {
    {"TfLiteVersion", offsetof(struct tflite_api, version)},
    {"TfLiteModelCreateFromFile", offsetof(struct tflite_api, load_model)},
    {"TfLiteInterpreterOptionsCreate", offsetof(struct tflite_api, new_options)},
    {"TfLiteInterpreterOptionsSetNumThreads", offsetof(struct tflite_api, set_threads)},
    {"TfLiteInterpreterOptionsAddDelegate", offsetof(struct tflite_api, add_delegate)},
    {"TfLiteInterpreterOptionsSetErrorReporter", offsetof(struct tflite_api, set_reporter)},
    {"TfLiteInterpreterCreate", offsetof(struct tflite_api, new_interpreter)},
    {"TfLiteInterpreterAllocateTensors", offsetof(struct tflite_api, allocate)},
    {"TfLiteInterpreterResizeInputTensor", offsetof(struct tflite_api, resize)},
    {"TfLiteInterpreterInvoke", offsetof(struct tflite_api, invoke)},
    {"TfLiteInterpreterGetInputTensorCount", offsetof(struct tflite_api, input_count)},
    {"TfLiteInterpreterGetOutputTensorCount", offsetof(struct tflite_api, output_count)},
    {"TfLiteInterpreterGetInputTensor", offsetof(struct tflite_api, input)},
    {"TfLiteInterpreterGetOutputTensor", offsetof(struct tflite_api, output)},
    {"TfLiteTensorType", offsetof(struct tflite_api, type)},
    {"TfLiteTensorNumDims", offsetof(struct tflite_api, rank)},
    {"TfLiteTensorDim", offsetof(struct tflite_api, dim)},
    {"TfLiteTensorByteSize", offsetof(struct tflite_api, bytes)},
    {"TfLiteTensorName", offsetof(struct tflite_api, name)},
    {"TfLiteTensorQuantizationParams", offsetof(struct tflite_api, quantization)},
    {"TfLiteTensorCopyFromBuffer", offsetof(struct tflite_api, copy_in)},
    {"TfLiteTensorCopyToBuffer", offsetof(struct tflite_api, copy_out)},
};

/* What the library last complained of; it goes into our error line as well as to standard error. */
static char complaint[512];

static void keep_complaint(void *unused, const char *format, va_list arguments) {
  (void)unused;
  vsnprintf(complaint, sizeof complaint, format, arguments);
  fprintf(stderr, "ERROR: %s\n", complaint);
}

static void must(int status, const char *what) {
  if (status != 0)
    die("model", "TensorFlow Lite cannot %s: status %d%s%s", what, status, complaint[0] ? ": " : "", complaint);
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

static void describe_tensor(struct tflite_api *api, handle source, struct tensor *into) {
  const char *name = api->name(source);
  struct quantization quantization = api->quantization(source);
  snprintf(into->name, sizeof into->name, "%s", name != NULL ? name : "");
  into->type = api->type(source);
  into->rank = api->rank(source);
  if (into->rank < 0 || into->rank > MAX_RANK) die("unsupported", "tensor '%s' has rank %d", into->name, into->rank);
  for (int i = 0; i < into->rank; i++) into->dims[i] = api->dim(source, i);
  into->scale = quantization.scale;
  into->zero_point = quantization.zero_point;
  tensor_measure(into);
}

static void check_size(struct tflite_api *api, handle source, const struct tensor *tensor) {
  size_t bytes = api->bytes(source);
  if (bytes != tensor->bytes)
    die("unsupported", "tensor '%s' holds %zu bytes, its shape needs %zu: its size is dynamic or its type is packed",
        tensor->name, bytes, tensor->bytes);
}

static void describe_inputs(struct tflite_engine *e, struct engine *engine) {
  engine->input_count = e->api->input_count(e->interpreter);
  if (engine->input_count < 0 || engine->input_count > 4096) die("model", "the model has %d inputs", engine->input_count);
  engine->inputs = tensors_new(engine->input_count);
  e->in = calloc((size_t)engine->input_count + 1, sizeof *e->in);
  if (e->in == NULL) die("memory", "out of memory");
  for (int i = 0; i < engine->input_count; i++) {
    e->in[i] = e->api->input(e->interpreter, i);
    describe_tensor(e->api, e->in[i], &engine->inputs[i]);
  }
}

static void resize_dynamic(struct tflite_engine *e, const struct engine *engine) {
  for (int i = 0; i < engine->input_count; i++)
    if (engine->inputs[i].dynamic)
      must(e->api->resize(e->interpreter, i, engine->inputs[i].dims, engine->inputs[i].rank), "resize an input");
}

static void describe_outputs(struct tflite_engine *e, struct engine *engine) {
  for (int i = 0; i < engine->input_count; i++) check_size(e->api, e->in[i], &engine->inputs[i]);
  engine->output_count = e->api->output_count(e->interpreter);
  if (engine->output_count < 0 || engine->output_count > 4096) die("model", "the model has %d outputs", engine->output_count);
  engine->outputs = tensors_new(engine->output_count);
  e->out = calloc((size_t)engine->output_count + 1, sizeof *e->out);
  if (e->out == NULL) die("memory", "out of memory");
  for (int i = 0; i < engine->output_count; i++) {
    e->out[i] = e->api->output(e->interpreter, i);
    describe_tensor(e->api, e->out[i], &engine->outputs[i]);
    check_size(e->api, e->out[i], &engine->outputs[i]);
  }
}

/* ---- the engine's functions ------------------------------------------------------------------------------------- */

static void write_input(struct engine *engine, int input, const void *data) {
  struct tflite_engine *e = engine->state;
  must(e->api->copy_in(e->in[input], data, engine->inputs[input].bytes), "take an input");
}

static void call(struct engine *engine) {
  struct tflite_engine *e = engine->state;
  int status = e->api->invoke(e->interpreter);
  if (status != 0) must(status, "run the model");
}

static void read_outputs(struct engine *engine) {
  struct tflite_engine *e = engine->state;
  for (int i = 0; i < engine->output_count; i++) {
    int status = e->api->copy_out(e->out[i], engine->outputs[i].copy, engine->outputs[i].bytes);
    if (status != 0) must(status, "give an output");
  }
}

/* This API tells nothing of its nodes; what the delegate took is in the library's log. */
static struct coverage coverage(struct engine *engine) {
  (void)engine;
  return (struct coverage){.known = false};
}

/* ---- making it -------------------------------------------------------------------------------------------------- */

static handle new_interpreter(struct tflite_api *api, handle model, struct tflite_delegate delegate,
                              const struct args *args) {
  handle options = api->new_options();
  if (options == NULL) die("memory", "TensorFlow Lite cannot make options");
  api->set_threads(options, args->threads);
  api->set_reporter(options, keep_complaint, NULL);
  if (delegate.delegate != NULL) api->add_delegate(options, delegate.delegate);
  handle interpreter = api->new_interpreter(model, options);
  if (interpreter != NULL) return interpreter;
  if (delegate.delegate != NULL) delegate.destroy(delegate.delegate);
  die(delegate.delegate != NULL ? "unsupported" : "model", "TensorFlow Lite cannot make an interpreter with delegate %s%s%s",
      args->delegate_name, complaint[0] ? ": " : "", complaint);
}

static struct engine *make(struct backend *backend, const struct args *args) {
  struct engine *engine = calloc(1, sizeof *engine);
  struct tflite_engine *e = calloc(1, sizeof *e);
  if (engine == NULL || e == NULL) die("memory", "out of memory");
  e->api = backend->state;
  *engine = (struct engine){.state = e, .write = write_input, .call = call, .read = read_outputs, .coverage = coverage,
                            .accelerator = args->delegate == DELEGATE_GPU ? "GPU" : ""};
  check_model_file(args->model);
  int64_t begin = now_ns();
  handle model = e->api->load_model(args->model);
  if (model == NULL) die("model", "TensorFlow Lite cannot load the model %s", args->model);
  struct tflite_delegate delegate = tflite_delegate_open(backend->handle, e->api->version(), args);
  e->interpreter = new_interpreter(e->api, model, delegate, args);
  describe_inputs(e, engine);
  resize_dynamic(e, engine);
  must(e->api->allocate(e->interpreter), "allocate the tensors");
  engine->init_ns = now_ns() - begin;
  describe_outputs(e, engine);
  output_copies_new(engine);
  return engine;
}

void tflite_detect(struct backend *backend) {
  struct tflite_api *api = calloc(1, sizeof *api);
  if (api == NULL) die("memory", "out of memory");
  for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++)
    library_need(backend->handle, symbols[i].name, (char *)api + symbols[i].offset);
  const char *version = api->version();
  backend->api = "tflite";
  backend->state = api;
  backend->make = make;
  snprintf(backend->version, sizeof backend->version, "%s", version != NULL ? version : "unknown");
  snprintf(backend->abi, sizeof backend->abi, "XNNPACK options %s",
           library_has(backend->handle, "TfLiteXNNPackDelegateCreate") ? "by value through a wide buffer" : "not exported");
}
