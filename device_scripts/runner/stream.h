#ifndef HARNESS_STREAM_H
#define HARNESS_STREAM_H

#include "packing.h"

/* Every sample of --inputs through the model to --outputs, one batch in memory at a time. The number of samples. */
int64_t stream_run(struct engine *engine, const struct args *args);

/* One file to another, which has its name only when it is whole; `first` numbers the first sample in messages. */
int64_t stream_file(struct packing *packing, const char *inputs, const char *outputs, int64_t first);

#endif
