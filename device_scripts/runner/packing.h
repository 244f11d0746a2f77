/* Samples as they travel and the model's tensors. A sample holds all inputs, or all outputs, one tensor after another in
 * the order of the file: float32, or the tensors' own types where --raw-inputs or --raw-outputs say so. */
#ifndef HARNESS_PACKING_H
#define HARNESS_PACKING_H

#include "engine.h"

struct packing {
  struct engine *engine;
  bool raw_in, raw_out;
  size_t batch;                    /* samples in one inference */
  size_t in_bytes, out_bytes;      /* of one sample as it travels */
  unsigned char *inputs, *outputs; /* `batch` samples as they travel */
  unsigned char *native;           /* the largest tensor in its own type */
  float *values;                   /* the largest tensor as float32 */
};

/* Ends the process when the tensors cannot be cut into samples. */
struct packing packing_new(struct engine *engine, const struct args *args);

/* The first `samples` of `inputs` through the model to `outputs`; `first` is the number of the first one in messages.
 * What is missing to a batch is filled with the last sample. */
void packing_run(struct packing *packing, size_t samples, int64_t first);

/* The arrays "inputs" and "outputs" of tensors in the order of the file. */
void packing_describe(const struct packing *packing);

#endif
