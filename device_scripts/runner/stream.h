#ifndef HARNESS_STREAM_H
#define HARNESS_STREAM_H

#include "engine.h"

/* Every sample of --inputs through the model to --outputs, one batch in memory at a time. The number of samples. */
int64_t stream_run(struct engine *engine, const struct args *args);

#endif
