/* The passes: each fills the open "result" line with its own fields. */
#ifndef HARNESS_TIMING_H
#define HARNESS_TIMING_H

#include "engine.h"
#include "observe.h"

struct steady {
  double fast, slow;
  int run;
  bool started;
};

/* Adds a sample; warm when a fast and a slow moving average agree within 4 % for 20 samples in a row. */
bool steady_add(struct steady *rule, int64_t value_ns);

struct timing {
  int64_t first_ns;
  int64_t *warm, *samples;
  size_t warm_count, count;
  int batch;
  bool capped, full;
  double call_us, read_us;
};

void timing_run(struct engine *engine, const struct args *args, struct random *random, struct observer *observer,
                struct timing *timing);
void timing_put(const struct timing *timing);
void timing_put_notes(const struct timing *timing);

#endif
