/* One model behind one interface, whichever API computes it. Whatever fails ends the process with an error line. */
#ifndef HARNESS_ENGINE_H
#define HARNESS_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "args.h"
#include "tensor.h"

struct coverage {
  bool known;                              /* false: the API does not tell */
  int64_t delegated, total, partitions;    /* -1: unknown */
};

struct engine {
  int input_count, output_count;
  struct tensor *inputs, *outputs; /* in the order of the file; LiteRT's signatures have it, too */
  int64_t init_ns;
  const char *accelerator;
  void (*write)(struct engine *engine, int input, const void *data); /* inputs[input].bytes of its own type */
  void (*call)(struct engine *engine);
  void (*read)(struct engine *engine); /* waits for every output and copies it to outputs[i].copy */
  struct coverage (*coverage)(struct engine *engine);
  void *state;
};

/* The inference library: which API it exports and what was found out about its binary interface. */
struct backend {
  void *handle;
  const char *api;   /* "litert" or "tflite" */
  char version[64];
  char abi[160];
  struct engine *(*make)(struct backend *backend, const struct args *args);
  void *state;
};

/* Open --library and see which API is there; LiteRT's when both are. */
struct backend *backend_open(const struct args *args);

void tflite_detect(struct backend *backend);
void litert_detect(struct backend *backend);

struct tensor *tensors_new(int count);
void output_copies_new(struct engine *engine);
void engine_write_random(struct engine *engine, struct random *random);

/* Ends the process when the model is not a readable file that looks like a .tflite model. */
void check_model_file(const char *path);

#endif
