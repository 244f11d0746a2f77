/* A model's input or output, and numbers on their way in and out of it. */
#ifndef HARNESS_TENSOR_H
#define HARNESS_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_RANK = 16 };

struct tensor {
  char name[128];
  int type;        /* TFLite's and LiteRT's common number */
  int rank;
  int32_t dims[MAX_RANK];
  size_t elements;
  size_t bytes;
  float scale;     /* 0 for a tensor that is not quantized as a whole */
  int32_t zero_point;
  bool dynamic;    /* the first dimension was dynamic and runs as 1 */
  unsigned char *copy; /* outputs: `bytes` of host memory that a read fills */
};

struct random {
  uint64_t state;
};

/* numpy's name of a type, NULL for one that cannot be filled. */
const char *type_name(int type);
bool type_is_float(int type);
bool type_is_float32(int type);

/* Sets elements and bytes from type and dims; ends the process when strings, other types or dynamic dimensions make
 * that impossible. Dimension 0 may be negative: it becomes 1. */
void tensor_measure(struct tensor *tensor);

/* The next 64 bits of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t random_next(struct random *random);

/* Safe values for the operator behind: floats uniform in [-1, 1), quantized integers uniform over their type's range,
 * other integers 0, because they may be indices. */
void tensor_random(const struct tensor *tensor, struct random *random, unsigned char *into);

/* float32 to the tensor's type: q = round_half_even(value / scale + zero_point), clipped. */
void tensor_quantize(const struct tensor *tensor, const float *values, size_t count, unsigned char *into);

/* The tensor's type to float32: (q - zero_point) * scale. */
void tensor_dequantize(const struct tensor *tensor, const unsigned char *values, size_t count, float *into);

/* The JSON object of one tensor, as an array's element. */
void tensor_describe(const struct tensor *tensor);

#endif
