/* The part of TensorFlow Lite's C interface for delegates that the test's delegate needs, so that it can be built where
 * no TensorFlow is installed. The layout is that of tflite/core/c/common.h of LiteRT 2.3 and of TensorFlow 2.12 to
 * 2.21 for 64-bit Linux; names are short ones of our own. A test runs it under the real interpreter, which notices any
 * difference. */
#ifndef EXTERNAL_DELEGATE_ABI_H
#define EXTERNAL_DELEGATE_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OK = 0, FAILED = 1 };
enum { FLOAT32 = 1 };
enum { BUILTIN_ADD = 0, BUILTIN_MUL = 18, BUILTIN_RESHAPE = 22, BUILTIN_CUSTOM = 32 };
enum { ALLOW_DYNAMIC_TENSORS = 1 };

typedef struct {
  int size;
  int data[];
} ints;

typedef struct {
  int type;
  void *data;
  ints *shape;
  struct {
    float scale;
    int32_t zero_point;
  } quantization;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  void *delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct {
    int type;
    void *parameters;
  } full_quantization;
  void *sparsity;
  const ints *signature;
} tensor;

typedef struct {
  ints *inputs, *outputs, *intermediates, *temporaries;
  void *user_data, *builtin_data;
  const void *custom_initial_data;
  int custom_initial_data_size;
  void *delegate;
  bool might_have_side_effect;
} node;

struct context;

typedef struct {
  void *(*init)(struct context *, const char *, size_t);
  void (*free)(struct context *, void *);
  int (*prepare)(struct context *, node *);
  int (*invoke)(struct context *, node *);
  const char *(*profiling_string)(const struct context *, const node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *registration_external;
  void *async_kernel;
  uint64_t inplace_operator;
} registration;

typedef struct delegate {
  void *data;
  int (*prepare)(struct context *, struct delegate *);
  int (*copy_from)(struct context *, struct delegate *, int, tensor *);
  int (*copy_to)(struct context *, struct delegate *, int, tensor *);
  void (*free_handle)(struct context *, struct delegate *, int *);
  int64_t flags;
  void *opaque_builder;
} delegate;

typedef struct {
  delegate *owner;
  ints *nodes, *inputs, *outputs;
} partition;

typedef struct context {
  size_t tensors_size;
  int (*get_execution_plan)(struct context *, ints **);
  tensor *tensors;
  void *impl;
  int (*resize_tensor)(struct context *, tensor *, ints *);
  void (*report_error)(struct context *, const char *, ...);
  int (*add_tensors)(struct context *, int, int *);
  int (*get_node)(struct context *, int, node **, registration **);
  int (*replace_nodes)(struct context *, registration, const ints *, delegate *);
} context;

#endif
