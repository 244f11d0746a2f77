#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

struct stream {
  const struct args *args;
  int in, out;
  char *partial;          /* the file until it is whole, NULL for standard output */
  size_t batch;           /* samples in one inference */
  size_t in_count, out_count; /* elements of one sample */
  size_t in_bytes, out_bytes; /* bytes of one sample on the wire */
};

static void check_shapes(const struct engine *engine, struct stream *s) {
  if (engine->input_count != 1 || engine->output_count != 1)
    die("unsupported", "the outputs pass needs one input and one output, the model has %d and %d", engine->input_count,
        engine->output_count);
  const struct tensor *in = &engine->inputs[0], *out = &engine->outputs[0];
  if (in->rank < 1 || in->dims[0] < 1 || in->elements == 0)
    die("unsupported", "input '%s' has no batch dimension", in->name);
  if (out->rank < 1 || out->dims[0] != in->dims[0] || out->elements == 0)
    die("unsupported", "the first dimension of output '%s' is not that of input '%s'", out->name, in->name);
  s->batch = (size_t)in->dims[0];
  s->in_count = in->elements / s->batch;
  s->out_count = out->elements / s->batch;
  s->in_bytes = s->args->raw_inputs ? in->bytes / s->batch : s->in_count * sizeof(float);
  s->out_bytes = s->args->raw_outputs ? out->bytes / s->batch : s->out_count * sizeof(float);
}

static void open_input(struct stream *s) {
  const char *path = s->args->inputs;
  struct stat status;
  s->in = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY | O_CLOEXEC);
  if (s->in < 0 || fstat(s->in, &status) != 0) die("request", "inputs %s cannot be read: %s", path, strerror(errno));
  if (!S_ISREG(status.st_mode)) return;
  if (status.st_size == 0 || (size_t)status.st_size % s->in_bytes != 0)
    die("request", "inputs %s have %lld bytes; the model wants a positive multiple of %zu", path,
        (long long)status.st_size, s->in_bytes);
}

static void open_output(struct stream *s) {
  const char *path = s->args->outputs;
  if (strcmp(path, "-") == 0) {
    s->out = report_data_fd();
    return;
  }
  size_t size = strlen(path) + sizeof ".partial";
  s->partial = malloc(size);
  if (s->partial == NULL) die("memory", "out of memory");
  snprintf(s->partial, size, "%s.partial", path);
  s->out = open(s->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (s->out < 0) die("request", "outputs %s cannot be written: %s", s->partial, strerror(errno));
}

/* As many bytes as there are, up to `size`. */
static size_t read_fully(const struct stream *s, unsigned char *into, size_t size) {
  size_t have = 0;
  while (have < size) {
    ssize_t got = read(s->in, into + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) die("request", "inputs %s cannot be read: %s", s->args->inputs, strerror(errno));
    if (got == 0) break;
    have += (size_t)got;
  }
  return have;
}

static void write_fully(const struct stream *s, const unsigned char *data, size_t size) {
  while (size > 0) {
    ssize_t put = write(s->out, data, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      int why = errno;
      if (s->partial != NULL) unlink(s->partial);
      die("request", "outputs %s cannot be written: %s", s->args->outputs, strerror(why));
    }
    data += put;
    size -= (size_t)put;
  }
}

static void check_finite(const float *values, size_t count, size_t per_sample, int64_t first) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i])) die("request", "input %lld is not all finite", (long long)first + (long long)(i / per_sample));
}

/* The last batch may be short: it is filled with its last sample, as every sample must come from real data. */
static void pad(unsigned char *data, size_t samples, size_t batch, size_t sample_bytes) {
  for (size_t i = samples; i < batch; i++) memcpy(data + i * sample_bytes, data + (samples - 1) * sample_bytes, sample_bytes);
}

struct buffers {
  unsigned char *wire, *input;
  float *result;
};

static struct buffers buffers_new(const struct engine *engine, const struct stream *s) {
  struct buffers b = {malloc(s->batch * s->in_bytes), malloc(engine->inputs[0].bytes),
                      malloc(engine->outputs[0].elements * sizeof(float))};
  if (b.wire == NULL || b.input == NULL || b.result == NULL) die("memory", "out of memory for one batch");
  return b;
}

static void run_batch(struct engine *engine, const struct stream *s, struct buffers *b, size_t samples, int64_t first) {
  const struct tensor *out = &engine->outputs[0];
  pad(b->wire, samples, s->batch, s->in_bytes);
  if (s->args->raw_inputs) {
    engine->write(engine, 0, b->wire);
  } else {
    check_finite((const float *)(const void *)b->wire, samples * s->in_count, s->in_count, first);
    tensor_quantize(&engine->inputs[0], (const float *)(const void *)b->wire, engine->inputs[0].elements, b->input);
    engine->write(engine, 0, b->input);
  }
  engine->call(engine);
  engine->read(engine);
  if (!s->args->raw_outputs) tensor_dequantize(out, out->copy, samples * s->out_count, b->result);
  write_fully(s, s->args->raw_outputs ? out->copy : (unsigned char *)b->result, samples * s->out_bytes);
}

static void finish(struct stream *s, int64_t samples) {
  if (samples == 0) {
    if (s->partial != NULL) unlink(s->partial);
    die("request", "inputs %s are empty", s->args->inputs);
  }
  if (s->partial == NULL) return;
  if (fsync(s->out) != 0 && errno != EINVAL) die("request", "outputs %s cannot be written: %s", s->partial, strerror(errno));
  if (close(s->out) != 0 || rename(s->partial, s->args->outputs) != 0)
    die("request", "outputs %s cannot be written: %s", s->args->outputs, strerror(errno));
}

int64_t stream_run(struct engine *engine, const struct args *args) {
  struct stream s = {.args = args};
  int64_t done = 0;
  check_shapes(engine, &s);
  open_input(&s);
  open_output(&s);
  struct buffers b = buffers_new(engine, &s);
  for (;;) {
    size_t got = read_fully(&s, b.wire, s.batch * s.in_bytes), samples = got / s.in_bytes;
    if (got % s.in_bytes != 0) {
      if (s.partial != NULL) unlink(s.partial);
      die("request", "inputs %s end after %zu bytes of sample %lld, which has %zu", args->inputs, got % s.in_bytes,
          (long long)done + (long long)samples, s.in_bytes);
    }
    if (samples > 0) run_batch(engine, &s, &b, samples, done);
    done += (int64_t)samples;
    if (samples < s.batch) break;
  }
  finish(&s, done);
  return done;
}
