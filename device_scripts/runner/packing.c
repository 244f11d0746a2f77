#include "packing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* The first dimension that all inputs share; 1 when they have none in common: each is then one sample as a whole. */
static size_t batch_of(const struct engine *engine) {
  for (int i = 0; i < engine->input_count; i++) {
    const struct tensor *tensor = &engine->inputs[i];
    if (tensor->rank < 1 || tensor->dims[0] < 1 || tensor->dims[0] != engine->inputs[0].dims[0]) return 1;
  }
  return (size_t)engine->inputs[0].dims[0];
}

static bool has_batch(const struct tensor *tensor, size_t batch) {
  return batch == 1 || (tensor->rank > 0 && (size_t)tensor->dims[0] == batch);
}

static size_t travel_bytes(const struct tensor *tensor, size_t batch, bool raw) {
  return raw ? tensor->bytes / batch : tensor->elements / batch * sizeof(float);
}

static void measure_samples(struct packing *p, size_t *largest_bytes, size_t *largest_count) {
  const struct engine *engine = p->engine;
  for (int i = 0; i < engine->input_count + engine->output_count; i++) {
    bool in = i < engine->input_count;
    const struct tensor *tensor = in ? &engine->inputs[i] : &engine->outputs[i - engine->input_count];
    if (tensor->elements == 0) die("unsupported", "tensor '%s' has no elements", tensor->name);
    if (!has_batch(tensor, p->batch))
      die("unsupported", "the first dimension of output '%s' is not that of the inputs, %zu", tensor->name, p->batch);
    *(in ? &p->in_bytes : &p->out_bytes) += travel_bytes(tensor, p->batch, in ? p->raw_in : p->raw_out);
    if (tensor->bytes > *largest_bytes) *largest_bytes = tensor->bytes;
    if (tensor->elements > *largest_count) *largest_count = tensor->elements;
  }
}

struct packing packing_new(struct engine *engine, const struct args *args) {
  if (engine->input_count < 1 || engine->output_count < 1)
    die("unsupported", "the model has %d inputs and %d outputs", engine->input_count, engine->output_count);
  struct packing p = {.engine = engine, .raw_in = args->raw_inputs, .raw_out = args->raw_outputs};
  size_t bytes = 0, count = 0;
  p.batch = batch_of(engine);
  measure_samples(&p, &bytes, &count);
  p.inputs = malloc(p.batch * p.in_bytes);
  p.outputs = malloc(p.batch * p.out_bytes);
  p.native = malloc(bytes);
  p.values = malloc(count * sizeof(float));
  if (p.inputs == NULL || p.outputs == NULL || p.native == NULL || p.values == NULL)
    die("memory", "out of memory for one batch");
  return p;
}

static void check_finite(const struct packing *p, size_t samples, int64_t first) {
  const float *values = (const float *)(const void *)p->inputs;
  size_t per_sample = p->in_bytes / sizeof(float);
  for (size_t i = 0; i < samples * per_sample; i++)
    if (!isfinite(values[i])) die("request", "input %lld is not all finite", (long long)first + (long long)(i / per_sample));
}

/* The last batch may be short: it is filled with its last sample, as every sample must come from real data. */
static void pad(struct packing *p, size_t samples) {
  for (size_t i = samples; i < p->batch; i++)
    memcpy(p->inputs + i * p->in_bytes, p->inputs + (samples - 1) * p->in_bytes, p->in_bytes);
}

/* One tensor's part of every sample, one after another. */
static void gather(const struct packing *p, size_t offset, size_t size, unsigned char *into) {
  for (size_t i = 0; i < p->batch; i++) memcpy(into + i * size, p->inputs + i * p->in_bytes + offset, size);
}

static void scatter(const struct packing *p, size_t offset, size_t size, const unsigned char *from, size_t samples) {
  for (size_t i = 0; i < samples; i++) memcpy(p->outputs + i * p->out_bytes + offset, from + i * size, size);
}

static void write_inputs(struct packing *p) {
  size_t offset = 0;
  for (int i = 0; i < p->engine->input_count; i++) {
    const struct tensor *tensor = &p->engine->inputs[i];
    size_t size = travel_bytes(tensor, p->batch, p->raw_in);
    const void *data = p->inputs + offset;
    if (p->batch > 1 && p->engine->input_count > 1) {
      unsigned char *together = p->raw_in ? p->native : (unsigned char *)p->values;
      gather(p, offset, size, together);
      data = together;
    }
    if (!p->raw_in && !type_is_float32(tensor->type)) {
      tensor_quantize(tensor, data, tensor->elements, p->native);
      data = p->native;
    }
    p->engine->write(p->engine, i, data);
    offset += size;
  }
}

static void read_outputs(struct packing *p, size_t samples) {
  size_t offset = 0;
  p->engine->read(p->engine);
  for (int i = 0; i < p->engine->output_count; i++) {
    const struct tensor *tensor = &p->engine->outputs[i];
    size_t size = travel_bytes(tensor, p->batch, p->raw_out);
    const unsigned char *data = tensor->copy;
    if (!p->raw_out) {
      tensor_dequantize(tensor, tensor->copy, samples * (tensor->elements / p->batch), p->values);
      data = (const unsigned char *)p->values;
    }
    scatter(p, offset, size, data, samples);
    offset += size;
  }
}

void packing_run(struct packing *p, size_t samples, int64_t first) {
  if (!p->raw_in) check_finite(p, samples, first);
  pad(p, samples);
  write_inputs(p);
  p->engine->call(p->engine);
  read_outputs(p, samples);
}

void packing_describe(const struct packing *p) {
  open_array("inputs");
  for (int i = 0; i < p->engine->input_count; i++) tensor_describe(&p->engine->inputs[i]);
  close_array();
  open_array("outputs");
  for (int i = 0; i < p->engine->output_count; i++) tensor_describe(&p->engine->outputs[i]);
  close_array();
}
