/* The LiteRT C API as seen through dlsym. Handles are opaque; a status of 0 is success.
 *
 * Differences between releases, and how each is told: `env_first` (2.1.6: LiteRtCreateModelFromFile takes the
 * environment), `setters` (up to 2.1.2: CPU options by exported functions; later by a TOML text). */
#ifndef HARNESS_LITERT_API_H
#define HARNESS_LITERT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "args.h"

typedef void *handle;

enum { LITERT_FILE_ERROR = 500, LITERT_CPU = 1, LITERT_GPU = 2, LITERT_READ = 0, LITERT_WRITE = 1, LITERT_MAX_RANK = 8 };

struct litert_layout {
  uint32_t rank_and_strides; /* rank in the low 7 bits */
  int32_t dims[LITERT_MAX_RANK];
  uint32_t strides[LITERT_MAX_RANK];
};

struct litert_type {
  int32_t element;
  struct litert_layout layout;
};

struct litert_quantization {
  float scale;
  int64_t zero_point;
};

struct litert_option { /* for the environment; 24 bytes */
  int32_t tag;
  struct {
    int32_t type;
    union {
      int64_t integer;
      const char *text;
    };
  } value;
};

struct litert_api {
  int (*create_environment)(int, const void *, handle *);
  int (*create_model)(const void *, const void *, void *);
  void (*destroy_model)(handle);
  int (*create_options)(handle *);
  int (*set_accelerators)(handle, int);
  int (*create_opaque)(const char *, void *, void (*)(void *), handle *);
  int (*add_opaque)(handle, handle);
  int (*create_compiled)(handle, handle, handle, handle *);
  int (*signature_count)(handle, size_t *);
  int (*signature)(handle, size_t, handle *);
  int (*input_count)(handle, size_t *);
  int (*output_count)(handle, size_t *);
  int (*input_tensor)(handle, size_t, handle *);
  int (*output_tensor)(handle, size_t, handle *);
  int (*tensor_type)(handle, struct litert_type *);
  int (*tensor_name)(handle, const char **);
  int (*quantization_kind)(handle, int *);
  int (*per_tensor)(handle, struct litert_quantization *);
  int (*input_layout)(handle, size_t, size_t, struct litert_layout *);
  int (*output_layouts)(handle, size_t, size_t, struct litert_layout *, bool);
  int (*input_needs)(handle, size_t, size_t, handle *);
  int (*output_needs)(handle, size_t, size_t, handle *);
  int (*create_buffer)(handle, const struct litert_type *, handle, handle *);
  int (*lock)(handle, void **, int);
  int (*unlock)(handle);
  int (*run)(handle, size_t, size_t, handle *, size_t, handle *);
  /* May be missing. */
  int (*fully_accelerated)(handle, bool *);
  int (*fully_off_cpu)(handle, bool *);
  int (*accelerator_count)(handle, size_t *);
  int (*accelerator)(handle, size_t, handle *);
  int (*accelerator_name)(handle, const char **);
  int (*accelerator_hardware)(handle, int *);
  int (*buffer_size)(handle, size_t *);
  int (*signature_subgraph)(handle, handle *);
  int (*operator_count)(handle, size_t *);
  int (*create_cpu_options)(handle *);
  int (*find_cpu_options)(handle, handle *);
  int (*set_threads)(handle, int);
  bool env_first_likely, setters;
};

/* Find every function, or end the process when a needed one is missing. */
struct litert_api *litert_load(void *library);

/* The releases whose exports these are: "2.3 or newer", "2.1.6". */
const char *litert_release(void *library);

/* Load a model, whichever arity LiteRtCreateModelFromFile has. The status; `env_first` says which one worked. */
int litert_open_model(struct litert_api *api, handle environment, const char *path, handle *model, bool *env_first);

#endif
