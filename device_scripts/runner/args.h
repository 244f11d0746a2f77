/* The command line: --name=value, each at most once, except --delegate-option. */
#ifndef HARNESS_ARGS_H
#define HARNESS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_CPUS = 1024, MAX_DELEGATE_OPTIONS = 64 };

enum purpose { PURPOSE_HELLO, PURPOSE_TIMING, PURPOSE_MEMORY, PURPOSE_OUTPUTS, PURPOSE_ACCURACY };
enum delegate { DELEGATE_XNNPACK, DELEGATE_BUILTIN, DELEGATE_REFERENCE, DELEGATE_GPU, DELEGATE_EXTERNAL };

struct args {
  enum purpose purpose;
  enum delegate delegate;
  const char *delegate_name;
  const char *model;
  const char *library;
  const char *delegate_library;
  const char *option_keys[MAX_DELEGATE_OPTIONS];
  const char *option_values[MAX_DELEGATE_OPTIONS];
  size_t option_count;
  int threads;
  int cpus[MAX_CPUS];
  size_t cpu_count;
  uint64_t seed;
  double min_s, max_s, warmup_min_s, warmup_max_s;
  int64_t min_iterations, warmup_min_iterations;
  const char *inputs;
  const char *outputs;
  const char *stream;
  double idle_s;
  bool raw_inputs, raw_outputs;
  int report_fd;
};

/* Where the report goes, before anything else is known: an error in the flags must reach it, too. */
int report_fd_of(int argc, char **argv);

/* Fills `args`; ends the process with an error of kind "usage" when a flag is unknown, doubled or malformed. */
void parse_args(int argc, char **argv, struct args *args);

/* The value of a delegate option, or NULL. */
const char *delegate_option(const struct args *args, const char *key);

#endif
