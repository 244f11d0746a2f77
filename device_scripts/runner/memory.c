#include "memory.h"

#include <stdio.h>

#include "proc.h"
#include "report.h"

enum { MEMORY_INFERENCES = 5 };

struct engine *memory_run(struct backend *backend, const struct args *args, struct random *random,
                          struct memory *memory) {
  memory->base_rss_kib = status_kib("VmRSS:");
  memory->base_pss_kib = pss_kib();
  struct engine *engine = backend->make(backend, args);
  engine_write_random(engine, random);
  memory->pss_kib = pss_kib();
  for (int i = 0; i < MEMORY_INFERENCES; i++) {
    engine->call(engine);
    engine->read(engine);
    int64_t now = pss_kib();
    if (now > memory->pss_kib) memory->pss_kib = now;
  }
  memory->peak_rss_kib = status_kib("VmHWM:");
  return engine;
}

static void put_kib(const char *key, int64_t value) {
  if (value < 0) put_null(key);
  else put_int(key, value);
}

void memory_put(const struct memory *memory) {
  put_kib("peak_rss_kib", memory->peak_rss_kib);
  put_kib("pss_kib", memory->pss_kib);
  put_kib("base_rss_kib", memory->base_rss_kib);
  put_kib("base_pss_kib", memory->base_pss_kib);
}

void memory_put_notes(const struct memory *memory) {
  char text[128];
  if (memory->peak_rss_kib < 0 || memory->base_rss_kib < 0) return;
  snprintf(text, sizeof text, "the model added %.1f MiB to %.1f MiB of runner and library",
           (double)(memory->peak_rss_kib - memory->base_rss_kib) / 1024.0, (double)memory->base_rss_kib / 1024.0);
  put_string(NULL, text);
}
