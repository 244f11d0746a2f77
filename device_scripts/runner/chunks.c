#include "chunks.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "report.h"
#include "stream.h"

static const struct timespec pause_between_looks = {.tv_nsec = 2000000};

static void name_of(char *into, const struct args *args, const char *format, int64_t number) {
  int used = snprintf(into, PATH_MAX, "%s/", args->stream);
  if (used < 0 || used > PATH_MAX - 64) die("request", "the folder's name %.100s is too long", args->stream);
  snprintf(into + used, (size_t)(PATH_MAX - used), format, (long long)number);
}

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

/* Whether there are more inputs; they are put in place whole, before the end is. */
static bool wait_for(const char *inputs, const char *end, const struct args *args) {
  int64_t give_up = now_ns() + (int64_t)(args->idle_s * 1e9);
  for (;;) {
    bool ended = is_there(end);
    if (is_there(inputs)) return true;
    if (ended) return false;
    if (!is_there(args->stream)) die("request", "the folder %s cannot be read: %s", args->stream, strerror(errno));
    if (now_ns() > give_up) die("request", "no inputs came for %g s", args->idle_s);
    nanosleep(&pause_between_looks, NULL);
  }
}

static void put_ready(const struct packing *packing) {
  report_begin("ready");
  packing_describe(packing);
  report_end();
}

static void put_chunk(int64_t number, int64_t samples) {
  report_begin("chunk");
  put_int("number", number);
  put_int("samples", samples);
  report_end();
}

int64_t chunks_run(struct engine *engine, const struct args *args) {
  static char inputs[PATH_MAX], outputs[PATH_MAX], end[PATH_MAX];
  struct packing packing = packing_new(engine, args);
  int64_t done = 0;
  name_of(end, args, "end", 0);
  put_ready(&packing);
  for (int64_t number = 0;; number++) {
    name_of(inputs, args, "inputs-%06lld.raw", number);
    name_of(outputs, args, "outputs-%06lld.raw", number);
    if (!wait_for(inputs, end, args)) return done;
    int64_t samples = stream_file(&packing, inputs, outputs, done);
    if (unlink(inputs) != 0) die("request", "inputs %s cannot be removed: %s", inputs, strerror(errno));
    done += samples;
    put_chunk(number, samples);
  }
}
