#include "args.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static const char *const purposes[] = {"hello", "timing", "memory", "outputs", "accuracy"};
static const char *const delegates[] = {"xnnpack", "builtin", "reference", "gpu", "external"};

static int64_t whole(const char *name, const char *text, int64_t low, int64_t high) {
  char *end = NULL;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < low || value > high)
    die_usage("--%s=%s is not a whole number from %lld to %lld", name, text, (long long)low, (long long)high);
  return value;
}

static double seconds(const char *name, const char *text) {
  char *end = NULL;
  double value = strtod(text, &end);
  if (end == text || *end != '\0' || !isfinite(value) || value < 0.0 || value > 86400.0)
    die_usage("--%s=%s is not a number of seconds from 0 to 86400", name, text);
  return value;
}

static int one_of(const char *name, const char *text, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(text, names[i]) == 0) return (int)i;
  char known[128] = "";
  for (size_t i = 0; i < count; i++) {
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
  }
  die_usage("--%s=%s: it is one of %s", name, text, known);
}

static void parse_cpus(struct args *args, const char *text) {
  char *copy = strdup(text), *rest = copy;
  for (char *part; copy != NULL && (part = strsep(&rest, ",")) != NULL;) {
    if (args->cpu_count == MAX_CPUS) die_usage("--cpus names more than %d CPUs", MAX_CPUS);
    int cpu = (int)whole("cpus", part, 0, MAX_CPUS - 1);
    for (size_t i = 0; i < args->cpu_count; i++)
      if (args->cpus[i] == cpu) die_usage("--cpus=%s names CPU %d twice", text, cpu);
    args->cpus[args->cpu_count++] = cpu;
  }
  free(copy);
}

static void add_option(struct args *args, const char *text) {
  const char *colon = strchr(text, ':');
  if (colon == NULL || colon == text) die_usage("--delegate-option=%s is not key:value", text);
  if (args->option_count == MAX_DELEGATE_OPTIONS) die_usage("more than %d delegate options", MAX_DELEGATE_OPTIONS);
  char *key = strndup(text, (size_t)(colon - text));
  if (key == NULL) die("memory", "out of memory");
  args->option_keys[args->option_count] = key;
  args->option_values[args->option_count++] = colon + 1;
}

enum flag {
  FLAG_PURPOSE, FLAG_MODEL, FLAG_LIBRARY, FLAG_DELEGATE, FLAG_DELEGATE_LIBRARY, FLAG_DELEGATE_OPTION, FLAG_THREADS,
  FLAG_CPUS, FLAG_SEED, FLAG_MIN_S, FLAG_MAX_S, FLAG_MIN_ITERATIONS, FLAG_WARMUP_MIN_S, FLAG_WARMUP_MAX_S,
  FLAG_WARMUP_MIN_ITERATIONS, FLAG_INPUTS, FLAG_OUTPUTS, FLAG_REPORT_FD, FLAG_RAW_INPUTS, FLAG_RAW_OUTPUTS, FLAG_STREAM,
  FLAG_IDLE_S, FLAG_COUNT
};

static const char *const flags[FLAG_COUNT] = {
    "purpose", "model", "library", "delegate", "delegate-library", "delegate-option", "threads", "cpus", "seed",
    "min-s", "max-s", "min-iterations", "warmup-min-s", "warmup-max-s", "warmup-min-iterations", "inputs", "outputs",
    "report-fd", "raw-inputs", "raw-outputs", "stream", "idle-s"};

static void set_text(struct args *args, enum flag flag, const char *text) {
  switch (flag) {
    case FLAG_PURPOSE: args->purpose = (enum purpose)one_of(flags[flag], text, purposes, 5); break;
    case FLAG_MODEL: args->model = text; break;
    case FLAG_LIBRARY: args->library = text; break;
    case FLAG_DELEGATE: args->delegate = (enum delegate)one_of(flags[flag], text, delegates, 5); break;
    case FLAG_DELEGATE_LIBRARY: args->delegate_library = text; break;
    case FLAG_DELEGATE_OPTION: add_option(args, text); break;
    case FLAG_INPUTS: args->inputs = text; break;
    case FLAG_OUTPUTS: args->outputs = text; break;
    case FLAG_STREAM: args->stream = text; break;
    default: break;
  }
}

static void set_number(struct args *args, enum flag flag, const char *text) {
  const char *name = flags[flag];
  switch (flag) {
    case FLAG_THREADS: args->threads = (int)whole(name, text, 1, 256); break;
    case FLAG_CPUS: parse_cpus(args, text); break;
    case FLAG_SEED: args->seed = (uint64_t)whole(name, text, INT64_MIN, INT64_MAX); break;
    case FLAG_MIN_S: args->min_s = seconds(name, text); break;
    case FLAG_MAX_S: args->max_s = seconds(name, text); break;
    case FLAG_MIN_ITERATIONS: args->min_iterations = whole(name, text, 1, 1000000000); break;
    case FLAG_WARMUP_MIN_S: args->warmup_min_s = seconds(name, text); break;
    case FLAG_WARMUP_MAX_S: args->warmup_max_s = seconds(name, text); break;
    case FLAG_WARMUP_MIN_ITERATIONS: args->warmup_min_iterations = whole(name, text, 0, 1000000000); break;
    case FLAG_IDLE_S: args->idle_s = seconds(name, text); break;
    case FLAG_REPORT_FD: args->report_fd = (int)whole(name, text, 1, 1023); break;
    default: break;
  }
}

static void set_switch(struct args *args, enum flag flag) {
  if (flag == FLAG_RAW_INPUTS) args->raw_inputs = true;
  if (flag == FLAG_RAW_OUTPUTS) args->raw_outputs = true;
}

static enum flag find_flag(const char *argument, const char **value) {
  if (strncmp(argument, "--", 2) != 0) die_usage("%s is not a flag; flags are --name=value", argument);
  const char *name = argument + 2;
  size_t length = strcspn(name, "=");
  *value = name[length] == '=' ? name + length + 1 : NULL;
  for (int flag = 0; flag < FLAG_COUNT; flag++)
    if (strlen(flags[flag]) == length && strncmp(flags[flag], name, length) == 0) return (enum flag)flag;
  die_usage("there is no flag %.*s", (int)length + 2, argument);
}

static void check(const struct args *args) {
  if (args->library == NULL) die_usage("--library=PATH is missing");
  if (args->purpose == PURPOSE_HELLO) return;
  if (args->model == NULL) die_usage("--model=PATH is missing");
  if (args->delegate == DELEGATE_EXTERNAL && args->delegate_library == NULL)
    die_usage("--delegate=external needs --delegate-library=PATH");
  if (args->max_s < args->min_s) die_usage("--max-s is less than --min-s");
  if (args->warmup_max_s < args->warmup_min_s) die_usage("--warmup-max-s is less than --warmup-min-s");
  if (args->purpose == PURPOSE_ACCURACY && args->stream == NULL) die_usage("--purpose=accuracy needs --stream=FOLDER");
  if (args->purpose != PURPOSE_OUTPUTS) return;
  if (args->inputs == NULL || args->outputs == NULL) die_usage("--purpose=outputs needs --inputs and --outputs");
  if (strcmp(args->outputs, "-") == 0 && args->report_fd == 1)
    die_usage("--outputs=- needs --report-fd: the report must not mix with the data on standard output");
}

int report_fd_of(int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (strncmp(argv[i], "--report-fd=", 12) == 0) {
      int fd = atoi(argv[i] + 12);
      return fd >= 1 && fd <= 1023 ? fd : 1;
    }
  return 1;
}

void parse_args(int argc, char **argv, struct args *args) {
  bool seen[FLAG_COUNT] = {false};
  *args = (struct args){.delegate = DELEGATE_XNNPACK, .threads = 1, .seed = 1, .min_s = 2.0, .max_s = 10.0,
                        .min_iterations = 50, .warmup_min_s = 1.0, .warmup_max_s = 8.0, .warmup_min_iterations = 10,
                        .report_fd = 1, .idle_s = 600.0};
  for (int i = 1; i < argc; i++) {
    const char *value = NULL;
    enum flag flag = find_flag(argv[i], &value);
    bool takes_none = flag == FLAG_RAW_INPUTS || flag == FLAG_RAW_OUTPUTS;
    if (takes_none != (value == NULL)) die_usage("%s %s a value", argv[i], takes_none ? "takes no" : "needs");
    if (value != NULL && *value == '\0') die_usage("%s has an empty value", argv[i]);
    if (seen[flag] && flag != FLAG_DELEGATE_OPTION) die_usage("--%s is given twice", flags[flag]);
    seen[flag] = true;
    if (takes_none) set_switch(args, flag);
    else set_text(args, flag, value), set_number(args, flag, value);
  }
  if (!seen[FLAG_PURPOSE]) die_usage("--purpose is missing: hello, timing, memory, outputs or accuracy");
  args->delegate_name = delegates[args->delegate];
  check(args);
}

const char *delegate_option(const struct args *args, const char *key) {
  for (size_t i = 0; i < args->option_count; i++)
    if (strcmp(args->option_keys[i], key) == 0) return args->option_values[i];
  return NULL;
}
