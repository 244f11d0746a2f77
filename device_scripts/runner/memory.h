#ifndef HARNESS_MEMORY_H
#define HARNESS_MEMORY_H

#include "engine.h"

struct memory {
  int64_t peak_rss_kib, pss_kib, base_rss_kib, base_pss_kib; /* -1: unknown */
};

/* Makes the engine, runs it a few times and keeps the highest readings. */
struct engine *memory_run(struct backend *backend, const struct args *args, struct random *random,
                          struct memory *memory);
void memory_put(const struct memory *memory);
void memory_put_notes(const struct memory *memory);

#endif
