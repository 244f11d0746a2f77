/* A model through LiteRT's CompiledModel: XNNPACK, its other CPU kernels, or its GPU accelerator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "engine.h"
#include "litert_api.h"
#include "report.h"

enum { PER_TENSOR = 1, OPTION_RUNTIME_LIBRARY_DIR = 22, OPTION_TEXT = 8, PRECISION_FLOAT32 = 2 };

struct litert_engine {
  struct litert_api *api;
  handle environment, model, signature, compiled;
  handle *in, *out;
  enum delegate delegate;
};

static const char *status_text(int status) {
  switch (status) {
    case 1: return "invalid argument";
    case 2: return "out of memory";
    case 3: return "runtime failure";
    case 5: return "unsupported";
    case 6: return "not found";
    case 8: return "wrong version";
    case 500: return "the file cannot be read as a model";
    case 501: return "invalid flatbuffer";
    case 502: return "a library could not be loaded";
    case 504: return "compilation failed";
    case 4000: return "unsupported runtime version";
    case 4001: return "unsupported compiler version";
    case 4002: return "incompatible byte code version";
    default: return "error";
  }
}

static void must(int status, const char *kind, const char *what) {
  if (status != 0) die(status == 2 ? "memory" : kind, "LiteRT cannot %s: status %d (%s)", what, status, status_text(status));
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

/* An options text is the library's to free. */
static void add_text_options(struct litert_engine *e, handle options, const char *identifier, const char *text) {
  handle opaque = NULL;
  char *owned = strdup(text);
  if (owned == NULL) die("memory", "out of memory");
  must(e->api->create_opaque(identifier, owned, free, &opaque), "library", "take options");
  must(e->api->add_opaque(options, opaque), "library", "take options");
}

static void add_cpu_options(struct litert_engine *e, handle options, int threads, const char *kernels) {
  if (!e->api->setters) {
    char text[96];
    int used = snprintf(text, sizeof text, "num_threads = %d\n", threads);
    if (kernels != NULL) snprintf(text + used, sizeof text - (size_t)used, "kernel_mode = \"%s\"\n", kernels);
    add_text_options(e, options, "xnnpack", text);
    return;
  }
  handle opaque = NULL, cpu = NULL;
  must(e->api->create_cpu_options(&opaque), "library", "make CPU options");
  must(e->api->find_cpu_options(opaque, &cpu), "library", "make CPU options");
  must(e->api->set_threads(cpu, threads), "library", "set the number of threads");
  must(e->api->add_opaque(options, opaque), "library", "take CPU options");
}

static void add_gpu_options(struct litert_engine *e, handle options, const struct args *args) {
  const char *precision = delegate_option(args, "precision");
  for (size_t i = 0; i < args->option_count; i++)
    if (strcmp(args->option_keys[i], "precision") != 0)
      die("unsupported", "LiteRT's gpu delegate does not know the option %s", args->option_keys[i]);
  if (precision == NULL || strcmp(precision, "default") == 0) return;
  if (strcmp(precision, "float32") != 0) die("unsupported", "precision:%s: it is float32 or default", precision);
  if (e->api->setters) die("unsupported", "this LiteRT takes no GPU options as text; use 2.1.3 or newer");
  char text[32];
  snprintf(text, sizeof text, "precision = %d\n", PRECISION_FLOAT32);
  add_text_options(e, options, "gpu_options", text);
}

static int compile(struct litert_engine *e, const struct args *args, const char *kernels, handle *compiled) {
  handle options = NULL;
  bool gpu = e->delegate == DELEGATE_GPU;
  must(e->api->create_options(&options), "library", "make options");
  must(e->api->set_accelerators(options, gpu ? LITERT_CPU | LITERT_GPU : LITERT_CPU), "library", "choose an accelerator");
  add_cpu_options(e, options, args->threads, kernels);
  if (gpu) add_gpu_options(e, options, args);
  return e->api->create_compiled(e->environment, e->model, options, compiled);
}

/* A release that does not know `kernel_mode` ignores it and would measure XNNPACK: it accepts nonsense, too. */
static void check_kernel_mode(struct litert_engine *e, const struct args *args) {
  handle compiled = NULL;
  if (e->api->setters || compile(e, args, "no such kernels", &compiled) == 0)
    die("unsupported", "this LiteRT has no choice of CPU kernels (%s); 2.1.4 and newer have", args->delegate_name);
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

static void describe_tensor(struct litert_engine *e, handle tensor, struct tensor *into, struct litert_type *type) {
  const char *name = NULL;
  int kind = 0;
  if (e->api->tensor_name(tensor, &name) == 0 && name != NULL) snprintf(into->name, sizeof into->name, "%s", name);
  must(e->api->tensor_type(tensor, type), "unsupported", "describe a tensor without a fixed rank");
  into->type = type->element;
  into->rank = (int)(type->layout.rank_and_strides & 127);
  if (into->rank > LITERT_MAX_RANK) die("library", "LiteRT describes tensor '%s' with rank %d", into->name, into->rank);
  memcpy(into->dims, type->layout.dims, (size_t)into->rank * sizeof into->dims[0]);
  struct litert_quantization quantization = {0};
  if (e->api->quantization_kind(tensor, &kind) == 0 && kind == PER_TENSOR &&
      e->api->per_tensor(tensor, &quantization) == 0) {
    into->scale = quantization.scale;
    into->zero_point = (int32_t)quantization.zero_point;
  }
}

/* The compiled model knows the sizes of dynamic dimensions. */
static void take_layout(struct tensor *tensor, struct litert_type *type, const struct litert_layout *layout) {
  bool dynamic = tensor->rank > 0 && tensor->dims[0] < 0;
  for (int i = 1; i < tensor->rank; i++)
    if (tensor->dims[i] < 0)
      die("unsupported", "tensor '%s' has a dynamic dimension; export the model with a static shape", tensor->name);
  if ((int)(layout->rank_and_strides & 127) == tensor->rank) {
    type->layout = *layout;
    memcpy(tensor->dims, layout->dims, (size_t)tensor->rank * sizeof tensor->dims[0]);
  }
  tensor_measure(tensor);
  tensor->dynamic |= dynamic;
  memcpy(type->layout.dims, tensor->dims, (size_t)tensor->rank * sizeof tensor->dims[0]);
}

static handle new_buffer(struct litert_engine *e, handle needs, struct litert_type *type, const struct tensor *tensor) {
  handle buffer = NULL;
  size_t size = 0;
  must(e->api->create_buffer(e->environment, type, needs, &buffer), "library", "make a tensor buffer");
  if (e->api->buffer_size != NULL && e->api->buffer_size(buffer, &size) == 0 && size < tensor->bytes)
    die("library", "LiteRT's buffer of tensor '%s' has %zu bytes, not %zu", tensor->name, size, tensor->bytes);
  return buffer;
}

static void arrange_inputs(struct litert_engine *e, struct engine *engine) {
  for (size_t i = 0; i < (size_t)engine->input_count; i++) {
    struct tensor *tensor = &engine->inputs[i];
    struct litert_type type = {0};
    struct litert_layout layout = {0};
    handle source = NULL, needs = NULL;
    must(e->api->input_tensor(e->signature, i, &source), "model", "find an input");
    describe_tensor(e, source, tensor, &type);
    must(e->api->input_layout(e->compiled, 0, i, &layout), "model", "tell an input's layout");
    take_layout(tensor, &type, &layout);
    must(e->api->input_needs(e->compiled, 0, i, &needs), "model", "tell an input's buffer");
    e->in[i] = new_buffer(e, needs, &type, tensor);
  }
}

static void arrange_outputs(struct litert_engine *e, struct engine *engine) {
  size_t count = (size_t)engine->output_count;
  struct litert_layout *layouts = calloc(count > 0 ? count : 1, sizeof *layouts);
  if (layouts == NULL) die("memory", "out of memory");
  must(e->api->output_layouts(e->compiled, 0, count, layouts, true), "model", "tell the outputs' layouts");
  for (size_t i = 0; i < count; i++) {
    struct tensor *tensor = &engine->outputs[i];
    struct litert_type type = {0};
    handle source = NULL, needs = NULL;
    must(e->api->output_tensor(e->signature, i, &source), "model", "find an output");
    describe_tensor(e, source, tensor, &type);
    take_layout(tensor, &type, &layouts[i]);
    must(e->api->output_needs(e->compiled, 0, i, &needs), "model", "tell an output's buffer");
    e->out[i] = new_buffer(e, needs, &type, tensor);
  }
  free(layouts);
}

/* ---- the engine's functions ------------------------------------------------------------------------------------- */

static void write_input(struct engine *engine, int input, const void *data) {
  struct litert_engine *e = engine->state;
  void *address = NULL;
  must(e->api->lock(e->in[input], &address, LITERT_WRITE), "model", "lock an input");
  memcpy(address, data, engine->inputs[input].bytes);
  must(e->api->unlock(e->in[input]), "model", "unlock an input");
}

static void call(struct engine *engine) {
  struct litert_engine *e = engine->state;
  int status = e->api->run(e->compiled, 0, (size_t)engine->input_count, e->in, (size_t)engine->output_count, e->out);
  if (status != 0) must(status, "model", "run the model");
}

static void read_outputs(struct engine *engine) {
  struct litert_engine *e = engine->state;
  for (int i = 0; i < engine->output_count; i++) {
    void *address = NULL;
    int status = e->api->lock(e->out[i], &address, LITERT_READ);
    if (status != 0) must(status, "model", "read an output");
    memcpy(engine->outputs[i].copy, address, engine->outputs[i].bytes);
    status = e->api->unlock(e->out[i]);
    if (status != 0) must(status, "model", "unlock an output");
  }
}

static struct coverage coverage(struct engine *engine) {
  struct litert_engine *e = engine->state;
  handle subgraph = NULL;
  size_t operators = 0;
  if (e->api->signature_subgraph == NULL || e->api->operator_count == NULL ||
      e->api->signature_subgraph(e->signature, &subgraph) != 0 || e->api->operator_count(subgraph, &operators) != 0)
    return (struct coverage){.known = false};
  int64_t total = (int64_t)operators;
  if (e->delegate == DELEGATE_BUILTIN || e->delegate == DELEGATE_REFERENCE) return (struct coverage){true, 0, total, 0};
  bool full = false;
  /* With the GPU, the CPU's XNNPACK takes what the GPU refuses, and the older of the two counts that, too. */
  int (*all)(handle, bool *) = e->delegate == DELEGATE_GPU ? e->api->fully_off_cpu : e->api->fully_accelerated;
  if (all != NULL && all(e->compiled, &full) == 0 && full)
    return (struct coverage){true, total, total, 1};
  return (struct coverage){true, -1, total, -1};
}

/* ---- making it -------------------------------------------------------------------------------------------------- */

/* GPU accelerators are libraries beside this one. */
static void open_environment(struct litert_engine *e, const struct args *args) {
  char *folder = strdup(args->library);
  char *slash = folder == NULL ? NULL : strrchr(folder, '/');
  if (args->delegate == DELEGATE_GPU && slash != NULL) {
    *slash = '\0';
    struct litert_option option = {OPTION_RUNTIME_LIBRARY_DIR, {OPTION_TEXT, {.text = folder}}};
    /* The folder's name must live as long as the environment. */
    if (e->api->create_environment(1, &option, &e->environment) == 0) return;
  }
  free(folder);
  must(e->api->create_environment(0, NULL, &e->environment), "library", "make an environment");
}

/* The name of the registered GPU accelerator. Without one LiteRT would silently compile for the CPU. */
static const char *gpu_accelerator(struct litert_engine *e) {
  size_t count = 0;
  if (e->api->accelerator_count == NULL || e->api->accelerator == NULL || e->api->accelerator_hardware == NULL ||
      e->api->accelerator_name == NULL || e->api->accelerator_count(e->environment, &count) != 0)
    die("unsupported", "this LiteRT does not tell its accelerators, so that its GPU cannot be proven");
  for (size_t i = 0; i < count; i++) {
    handle accelerator = NULL;
    int hardware = 0;
    const char *name = NULL;
    if (e->api->accelerator(e->environment, i, &accelerator) == 0 &&
        e->api->accelerator_hardware(accelerator, &hardware) == 0 && (hardware & LITERT_GPU) &&
        e->api->accelerator_name(accelerator, &name) == 0 && name != NULL)
      return name;
  }
  die("unsupported", "LiteRT has loaded no GPU accelerator: its library (libLiteRt...Accelerator.so) must lie beside "
      "libLiteRt.so, and the GPU's driver must be there");
}

static void describe_abi(struct backend *backend, const struct litert_api *api, bool env_first) {
  snprintf(backend->abi, sizeof backend->abi, "models %s the environment; CPU options by %s",
           env_first ? "take" : "do not take", api->setters ? "functions" : "text");
}

static void load_model(struct litert_engine *e, struct backend *backend, const struct args *args) {
  bool env_first = false;
  size_t signatures = 0;
  must(litert_open_model(e->api, e->environment, args->model, &e->model, &env_first), "model", "load the model");
  describe_abi(backend, e->api, env_first);
  must(e->api->signature_count(e->model, &signatures), "model", "count the signatures");
  if (signatures == 0) die("model", "the model has no signature and no subgraph");
  must(e->api->signature(e->model, 0, &e->signature), "model", "find the first signature");
}

static void size_engine(struct litert_engine *e, struct engine *engine) {
  size_t inputs = 0, outputs = 0;
  must(e->api->input_count(e->signature, &inputs), "model", "count the inputs");
  must(e->api->output_count(e->signature, &outputs), "model", "count the outputs");
  if (inputs > 4096 || outputs > 4096) die("model", "the model has %zu inputs and %zu outputs", inputs, outputs);
  engine->input_count = (int)inputs;
  engine->output_count = (int)outputs;
  engine->inputs = tensors_new(engine->input_count);
  engine->outputs = tensors_new(engine->output_count);
  e->in = calloc(inputs + 1, sizeof *e->in);
  e->out = calloc(outputs + 1, sizeof *e->out);
  if (e->in == NULL || e->out == NULL) die("memory", "out of memory");
}

/* Strings and dynamic dimensions are refused with a sentence before the compiler meets them. */
static void check_inputs(struct litert_engine *e, int count) {
  for (size_t i = 0; i < (size_t)count; i++) {
    handle source = NULL;
    struct tensor tensor = {0};
    struct litert_type type = {0};
    must(e->api->input_tensor(e->signature, i, &source), "model", "find an input");
    describe_tensor(e, source, &tensor, &type);
    tensor_measure(&tensor);
  }
}

static struct engine *make(struct backend *backend, const struct args *args) {
  struct engine *engine = calloc(1, sizeof *engine);
  struct litert_engine *e = calloc(1, sizeof *e);
  if (engine == NULL || e == NULL) die("memory", "out of memory");
  if (args->delegate == DELEGATE_EXTERNAL)
    die("unsupported", "the LiteRT C API takes no external delegate; give a library with the TensorFlow Lite C API");
  *e = (struct litert_engine){.api = backend->state, .delegate = args->delegate};
  *engine = (struct engine){.state = e, .write = write_input, .call = call, .read = read_outputs, .coverage = coverage,
                            .accelerator = ""};
  const char *kernels = args->delegate == DELEGATE_BUILTIN || args->delegate == DELEGATE_REFERENCE ? args->delegate_name : NULL;
  check_model_file(args->model);
  int64_t begin = now_ns();
  open_environment(e, args);
  if (args->delegate == DELEGATE_GPU) engine->accelerator = gpu_accelerator(e);
  load_model(e, backend, args);
  size_engine(e, engine);
  check_inputs(e, engine->input_count);
  int64_t probe_begin = now_ns();
  if (kernels != NULL) check_kernel_mode(e, args);
  int64_t probe_ns = now_ns() - probe_begin;
  must(compile(e, args, kernels, &e->compiled), args->delegate == DELEGATE_GPU ? "unsupported" : "model",
       "compile the model");
  arrange_inputs(e, engine);
  arrange_outputs(e, engine);
  engine->init_ns = now_ns() - begin - probe_ns;
  output_copies_new(engine);
  return engine;
}

void litert_detect(struct backend *backend) {
  struct litert_api *api = litert_load(backend->handle);
  backend->api = "litert";
  backend->state = api;
  backend->make = make;
  snprintf(backend->version, sizeof backend->version, "%s", litert_release(backend->handle));
  describe_abi(backend, api, api->env_first_likely);
}
