/* What the kernel and the core itself say about the conditions of one timed window. Nothing is read inside it. */
#ifndef HARNESS_OBSERVE_H
#define HARNESS_OBSERVE_H

#include <stdint.h>

#include "affinity.h"

struct slow_readings {
  int64_t cur_khz;
  double chain_ghz;
};

struct fast_readings {
  int has_states, has_ticks;
  double state_ticks, state_khz_ticks;
  int64_t busy, stolen, own_ns, delay_ns, at_ns;
};

struct observer {
  struct cpu_list cpus;
  struct slow_readings before, after;
  struct fast_readings open, close;
};

struct slow_readings read_slow(const struct observer *observer); /* warm, before and after the window */
struct fast_readings read_fast(const struct observer *observer); /* at its two ends */

/* The fields of the open "evidence" object, without cpus and notes. */
void put_conditions(const struct observer *observer);

/* The entries of the open "notes" array. */
void put_condition_notes(const struct observer *observer);

#endif
