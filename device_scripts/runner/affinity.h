#ifndef HARNESS_AFFINITY_H
#define HARNESS_AFFINITY_H

#include <stdbool.h>

#include "args.h"

struct cpu_list {
  int cpus[MAX_CPUS];
  size_t count;
};

/* Bind the process to the CPUs of --cpus before any library makes threads; without the flag, do nothing. */
void pin(const struct args *args);

/* The CPUs the process was asked to use: --cpus, or the mask it was started with. */
void wanted_cpus(const struct args *args, struct cpu_list *list);

/* Whether every thread of the process (or only the calling one) may run on exactly `list`. Without --cpus it must
 * also be less than the CPUs online: a mask of all of them is no pinning. */
bool pinned(const struct args *args, const struct cpu_list *list, bool all_threads);

#endif
