#ifndef HARNESS_CLOCK_H
#define HARNESS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

/* The clock of all samples: monotonic, not stepped by anyone. */
static inline int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * SECOND_NS + t.tv_nsec;
}

int64_t process_cpu_ns(void);

/* What one reading of the clock costs, at least 1. */
int64_t timer_cost_ns(void);

/* The effective clock of this core in GHz from a chain of dependent adds (one add a cycle); 0 where there is none. */
double chain_ghz(void);

int compare_ns(const void *a, const void *b);

#endif
