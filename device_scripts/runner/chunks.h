#ifndef HARNESS_CHUNKS_H
#define HARNESS_CHUNKS_H

#include "packing.h"

/* Chunk after chunk of --stream=FOLDER: waits for inputs-000000.raw, or a file `end`, writes outputs-000000.raw, removes
 * the inputs, reports a line, and goes on. The number of samples. Ends the process when none comes for --idle-s. */
int64_t chunks_run(struct engine *engine, const struct args *args);

#endif
