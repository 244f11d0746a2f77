#include "tflite_delegates.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "library.h"
#include "report.h"

/* Options are returned by value and have grown from release to release. A struct of this size is returned through a
 * hidden pointer, as any of more than 16 bytes is, so the callee fills what it knows and the rest is ours. */
struct any_options {
  _Alignas(16) unsigned char bytes[4096];
};

enum { XNNPACK_SIGNED = 1, XNNPACK_UNSIGNED = 2 };

/* From this release on XNNPACK's options surely have more than 16 bytes. Before it, whatever their size, everything
 * behind the flags is zero by default. */
enum { WIDE_OPTIONS_MAJOR = 2, WIDE_OPTIONS_MINOR = 14 };

static bool is_at_least(const char *version, int major, int minor) {
  int found_major = 0, found_minor = 0;
  if (sscanf(version, "%d.%d", &found_major, &found_minor) != 2) return true; /* a build without a number is new */
  return found_major > major || (found_major == major && found_minor >= minor);
}

/* num_threads is the first field of every release; in those before 2.14 flags follow it. */
static void set_int(struct any_options *options, size_t offset, int32_t value) {
  memcpy(options->bytes + offset, &value, sizeof value);
}

static struct tflite_delegate open_xnnpack(void *library, const char *version, const struct args *args) {
  struct tflite_delegate found = {NULL, NULL};
  struct any_options options = {{0}}, (*defaults)(void) = NULL;
  void *(*create)(const void *) = NULL;
  if (!library_find(library, "TfLiteXNNPackDelegateCreate", &create) ||
      !library_find(library, "TfLiteXNNPackDelegateDelete", &found.destroy))
    die("unsupported", "this TensorFlow Lite library exports no XNNPACK delegate; use delegate builtin");
  if (is_at_least(version, WIDE_OPTIONS_MAJOR, WIDE_OPTIONS_MINOR)) {
    library_need(library, "TfLiteXNNPackDelegateOptionsDefault", &defaults);
    options = defaults();
  } else {
    set_int(&options, 4, XNNPACK_SIGNED | XNNPACK_UNSIGNED);
  }
  set_int(&options, 0, args->threads);
  found.delegate = create(&options);
  if (found.delegate == NULL) die("unsupported", "the XNNPACK delegate cannot be created");
  return found;
}

/* is_precision_loss_allowed is the first field. */
static void set_gpu_options(struct any_options *options, const struct args *args) {
  for (size_t i = 0; i < args->option_count; i++) {
    const char *value = args->option_values[i];
    bool exact = strcmp(value, "float32") == 0;
    if (strcmp(args->option_keys[i], "precision") != 0 || (!exact && strcmp(value, "default") != 0))
      die("unsupported", "the gpu delegate does not know the option %s:%s; it knows precision:float32 and "
          "precision:default", args->option_keys[i], value);
    if (exact) set_int(options, 0, 0);
  }
}

static struct tflite_delegate open_gpu(void *library, const struct args *args) {
  struct tflite_delegate found = {NULL, NULL};
  struct any_options options, (*defaults)(void) = NULL;
  void *(*create)(const void *) = NULL;
  if (args->delegate_library != NULL) library = library_open(args->delegate_library);
  if (!library_find(library, "TfLiteGpuDelegateV2Create", &create) ||
      !library_find(library, "TfLiteGpuDelegateOptionsV2Default", &defaults) ||
      !library_find(library, "TfLiteGpuDelegateV2Delete", &found.destroy))
    die("unsupported", "no GPU delegate is exported; name its library with --delegate-library");
  options = defaults();
  set_gpu_options(&options, args);
  found.delegate = create(&options);
  if (found.delegate == NULL) die("unsupported", "the GPU delegate cannot be created");
  return found;
}

/* ---- plugins ---------------------------------------------------------------------------------------------------- */

static char plugin_error[512];

static void keep_error(const char *text) {
  size_t used = strlen(plugin_error);
  if (text != NULL) snprintf(plugin_error + used, sizeof plugin_error - used, "%s%s", used ? "; " : "", text);
}

static struct tflite_delegate open_plugin(const struct args *args) {
  struct tflite_delegate found = {NULL, NULL};
  void *(*create)(const char *const *, const char *const *, size_t, void (*)(const char *)) = NULL;
  void *library = library_open(args->delegate_library);
  if (!library_find(library, "tflite_plugin_create_delegate", &create) ||
      !library_find(library, "tflite_plugin_destroy_delegate", &found.destroy))
    die("library", "%s is no external delegate: it does not export tflite_plugin_create_delegate and "
        "tflite_plugin_destroy_delegate", args->delegate_library);
  found.delegate = create(args->option_keys, args->option_values, args->option_count, keep_error);
  if (found.delegate == NULL)
    die("unsupported", "the delegate of %s cannot be created: %s", args->delegate_library,
        plugin_error[0] ? plugin_error : "it gave no reason");
  return found;
}

struct tflite_delegate tflite_delegate_open(void *library, const char *version, const struct args *args) {
  switch (args->delegate) {
    case DELEGATE_XNNPACK: return open_xnnpack(library, version, args);
    case DELEGATE_GPU: return open_gpu(library, args);
    case DELEGATE_EXTERNAL: return open_plugin(args);
    case DELEGATE_REFERENCE:
      die("unsupported", "the TensorFlow Lite C API has no choice of reference kernels; LiteRT's has");
    default: return (struct tflite_delegate){NULL, NULL};
  }
}
