#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library.h"
#include "report.h"

struct backend *backend_open(const struct args *args) {
  struct backend *backend = calloc(1, sizeof *backend);
  if (backend == NULL) die("memory", "out of memory");
  backend->handle = library_open(args->library);
  /* LiteRT's packages for Android export both; TFLite's takes external delegates. */
  bool litert = library_has(backend->handle, "LiteRtCreateCompiledModel");
  bool tflite = library_has(backend->handle, "TfLiteInterpreterCreate");
  if (!litert && !tflite)
    die("library", "%s exports neither the LiteRT nor the TensorFlow Lite C API", args->library);
  if (litert && !(tflite && args->delegate == DELEGATE_EXTERNAL)) litert_detect(backend);
  else tflite_detect(backend);
  return backend;
}

struct tensor *tensors_new(int count) {
  struct tensor *tensors = calloc((size_t)(count > 0 ? count : 1), sizeof *tensors);
  if (tensors == NULL) die("memory", "out of memory");
  return tensors;
}

void output_copies_new(struct engine *engine) {
  for (int i = 0; i < engine->output_count; i++) {
    struct tensor *output = &engine->outputs[i];
    free(output->copy);
    output->copy = calloc(1, output->bytes > 0 ? output->bytes : 1);
    if (output->copy == NULL) die("memory", "out of memory for output '%s' of %zu bytes", output->name, output->bytes);
  }
}

void engine_write_random(struct engine *engine, struct random *random) {
  for (int i = 0; i < engine->input_count; i++) {
    const struct tensor *input = &engine->inputs[i];
    unsigned char *data = malloc(input->bytes > 0 ? input->bytes : 1);
    if (data == NULL) die("memory", "out of memory for input '%s' of %zu bytes", input->name, input->bytes);
    tensor_random(input, random, data);
    engine->write(engine, i, data);
    free(data);
  }
}

void check_model_file(const char *path) {
  unsigned char head[8] = {0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, head, sizeof head);
  if (got < 0) die("model", "the model %s cannot be read: %s", path, strerror(errno));
  close(fd);
  if (got < 8 || memcmp(head + 4, "TFL3", 4) != 0) die("model", "%s is not a .tflite model", path);
}
