/* harness-runner: measures one model in one process through the C API of the library it is given.
 *
 * Flags in, JSON lines of protocol 1 out: hello, then result or error. See README.md. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "affinity.h"
#include "args.h"
#include "chunks.h"
#include "engine.h"
#include "memory.h"
#include "observe.h"
#include "report.h"
#include "stream.h"
#include "timing.h"

static void put_hello(const struct backend *backend) {
  report_begin("hello");
  put_int("protocol", PROTOCOL);
  put_string("runner", "c");
  put_string("library", backend->api);
  put_string("api", backend->api);
  put_string("version", backend->version);
  put_string("abi", backend->abi);
  open_array("features");
  close_array();
  report_end();
}

static void put_unless_unknown(const char *key, int64_t value) {
  if (value < 0) put_null(key);
  else put_int(key, value);
}

static void put_coverage(struct engine *engine) {
  struct coverage coverage = engine->coverage(engine);
  if (!coverage.known) {
    put_null("coverage");
    return;
  }
  open_object("coverage");
  put_unless_unknown("delegated_nodes", coverage.delegated);
  put_unless_unknown("total_nodes", coverage.total);
  put_unless_unknown("partitions", coverage.partitions);
  open_array("operators");
  close_array();
  close_object();
}

static void put_tensors(const char *key, const struct tensor *tensors, int count) {
  open_array(key);
  for (int i = 0; i < count; i++) tensor_describe(&tensors[i]);
  close_array();
}

struct outcome {
  struct engine *engine;
  struct observer observer;
  struct timing timing;
  struct memory memory;
  int64_t samples;
};

static void put_evidence(const struct args *args, const struct outcome *o, bool verified) {
  bool timed = args->purpose == PURPOSE_TIMING;
  open_object("evidence");
  open_array("cpus");
  for (size_t i = 0; i < o->observer.cpus.count; i++) put_int(NULL, o->observer.cpus.cpus[i]);
  close_array();
  put_bool("cpus_verified", verified);
  if (timed) {
    put_conditions(&o->observer);
    put_number("output_read_us", o->timing.read_us);
  }
  open_array("notes");
  if (timed) {
    put_condition_notes(&o->observer);
    timing_put_notes(&o->timing);
  }
  if (args->purpose == PURPOSE_MEMORY) memory_put_notes(&o->memory);
  for (int i = 0; i < o->engine->input_count; i++)
    if (o->engine->inputs[i].dynamic) {
      put_string(NULL, "the batch dimension is dynamic and ran as 1");
      break;
    }
  close_array();
  close_object();
}

static void put_result(const struct backend *backend, const struct args *args, const struct outcome *o) {
  /* A GPU driver places its own threads; what we pin is the thread that calls it. */
  bool own_threads = args->delegate == DELEGATE_GPU || args->delegate == DELEGATE_EXTERNAL;
  bool verified = pinned(args, &o->observer.cpus, !own_threads);
  report_begin("result");
  put_int("init_ns", o->engine->init_ns);
  if (args->purpose == PURPOSE_TIMING) timing_put(&o->timing);
  if (args->purpose == PURPOSE_MEMORY) memory_put(&o->memory);
  if (args->purpose == PURPOSE_OUTPUTS || args->purpose == PURPOSE_ACCURACY) put_int("output_samples", o->samples);
  put_string("accelerator", o->engine->accelerator);
  put_string("abi", backend->abi);
  put_coverage(o->engine);
  put_tensors("inputs", o->engine->inputs, o->engine->input_count);
  put_tensors("outputs", o->engine->outputs, o->engine->output_count);
  put_evidence(args, o, verified);
  report_end();
}

static void measure(struct backend *backend, const struct args *args) {
  struct outcome o = {0};
  struct random random = {args->seed};
  wanted_cpus(args, &o.observer.cpus);
  if (args->purpose == PURPOSE_MEMORY) {
    o.engine = memory_run(backend, args, &random, &o.memory);
  } else {
    o.engine = backend->make(backend, args);
    if (args->purpose == PURPOSE_TIMING) timing_run(o.engine, args, &random, &o.observer, &o.timing);
    else if (args->purpose == PURPOSE_OUTPUTS) o.samples = stream_run(o.engine, args);
    else o.samples = chunks_run(o.engine, args);
  }
  put_result(backend, args, &o);
}

int main(int argc, char **argv) {
  struct args args;
  signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of the write */
  report_open(report_fd_of(argc, argv));
  parse_args(argc, argv, &args);
  pin(&args);
  struct backend *backend = backend_open(&args);
  put_hello(backend);
  if (args.purpose != PURPOSE_HELLO) measure(backend, &args);
  fflush(stderr);
  _exit(0); /* accelerators crash in their own teardown; the result is already written */
}
