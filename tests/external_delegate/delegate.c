/* A small real external delegate for tests: it takes the nodes that its options name and computes them.
 *
 * take       names, comma between them: add, mul (float32, of the same shape or a single number), reshape, edgetpu
 * fail       create: report `message`, return NULL; prepare: refuse the graph; kernel: refuse a partition;
 *            invoke: fail each inference
 * crash      create or invoke: SIGSEGV; hang, there as well: never return
 * slow_create_ms  how long it takes to make the delegate
 * partitions single: each node by itself, as libedgetpu does it
 * tensors    fixed: do not allow tensors of changing size
 *
 * `edgetpu` is the operator edgetpu-custom-op; here it repeats its first input's bytes in each of its outputs.
 *
 * With -DEDGETPU it is a stand-in for libedgetpu: it takes edgetpu-custom-op, lists devices, tells a version, and makes
 * no delegate for a device that is not in its list, or that is busy, without a word, as the real one. What there is
 * stands in the file `machine` in the library's folder, read anew each time, one a line: usb=PATH, pci=PATH, busy,
 * gone_after=INFERENCES (then they fail, and nothing is listed any more), version=TEXT. On standard error it says which
 * one it opens. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi.h"

#define EXPORT __attribute__((visibility("default")))
static const char CUSTOM_OPERATOR[] = "edgetpu-custom-op";

typedef struct {
  delegate base;
  char take[128], fail[16], crash[16], hang[16], message[256];
  bool single, fixed;
} made;

/* One partition: its nodes in order, each with what to do. What flows inside it the interpreter does not allocate, so
 * each output that nobody outside reads has a buffer of its own in `inside`. */
typedef struct {
  int code;
  int inputs[2], output_count, outputs[8];
} step;
typedef struct {
  made *owner;
  tensor *inside;
  size_t tensors;
  int count;
  step steps[];
} kernel;

static bool is(const char *text, const char *word) { return strcmp(text, word) == 0; }

static void misbehave(const made *self, const char *where) {
  if (is(self->crash, where)) raise(SIGSEGV);
  while (is(self->hang, where)) pause();
}

/* ---- computing ------------------------------------------------------------------------------------------------- */

static void repeat(const tensor *from, tensor *to) {
  for (size_t i = 0; i < to->bytes; i++) ((char *)to->data)[i] = ((const char *)from->data)[i % from->bytes];
}

static void combine(int code, const tensor *a, const tensor *b, tensor *to) {
  const float *left = a->data, *right = b->data;
  float *out = to->data;
  size_t lefts = a->bytes / sizeof(float), rights = b->bytes / sizeof(float);
  for (size_t i = 0; i < to->bytes / sizeof(float); i++)
    out[i] = code == BUILTIN_ADD ? left[i % lefts] + right[i % rights] : left[i % lefts] * right[i % rights];
}

static bool gone(void);
static int inferences = 0;

static tensor *at_index(context *within, const kernel *self, int index) {
  tensor *own = (size_t)index < self->tensors ? &self->inside[index] : NULL;
  return own != NULL && own->data != NULL ? own : &within->tensors[index];
}

static int invoke(context *within, node *at) {
  const kernel *self = at->user_data;
  misbehave(self->owner, "invoke");
  if (gone()) {
    within->report_error(within, "the device does not answer");
    return FAILED;
  }
  inferences++;
  if (is(self->owner->fail, "invoke")) {
    within->report_error(within, "%s", self->owner->message);
    return FAILED;
  }
  for (const step *one = self->steps; one < self->steps + self->count; one++) {
    const tensor *first = at_index(within, self, one->inputs[0]);
    for (int i = 0; i < one->output_count; i++) {
      tensor *out = at_index(within, self, one->outputs[i]);
      if (one->code == BUILTIN_ADD || one->code == BUILTIN_MUL)
        combine(one->code, first, at_index(within, self, one->inputs[1]), out);
      else
        repeat(first, out);
    }
  }
  return OK;
}

static int prepare_kernel(context *within, node *at) {
  const kernel *self = at->user_data;
  if (!is(self->owner->fail, "kernel")) return OK;
  within->report_error(within, "%s", self->owner->message);
  return FAILED;
}

static bool holds(const ints *numbers, int wanted) {
  for (int i = 0; i < numbers->size; i++)
    if (numbers->data[i] == wanted) return true;
  return false;
}

static void keep_inside(context *within, kernel *self, int index) {
  self->inside[index] = within->tensors[index];
  self->inside[index].data = calloc(1, within->tensors[index].bytes);
}

static void *init(context *within, const char *buffer, size_t length) {
  const partition *part = (const partition *)buffer;
  (void)length; /* of a partition: it is no text */
  made *owner = part->owner->data;
  kernel *self = calloc(1, sizeof *self + part->nodes->size * sizeof(step));
  self->owner = owner;
  self->count = part->nodes->size;
  self->tensors = within->tensors_size;
  self->inside = calloc(self->tensors, sizeof *self->inside);
  for (int i = 0; i < self->count; i++) {
    node *one;
    registration *kind;
    if (within->get_node(within, part->nodes->data[i], &one, &kind) != OK) abort();
    step *to = &self->steps[i];
    to->code = kind->builtin_code;
    for (int k = 0; k < one->inputs->size && k < 2; k++) to->inputs[k] = one->inputs->data[k];
    to->output_count = one->outputs->size < 8 ? one->outputs->size : 8;
    memcpy(to->outputs, one->outputs->data, to->output_count * sizeof(int));
    for (int k = 0; k < to->output_count; k++)
      if (!holds(part->outputs, to->outputs[k])) keep_inside(within, self, to->outputs[k]);
  }
  return self;
}

static void release(context *within, void *buffer) {
  kernel *self = buffer;
  (void)within;
  for (size_t i = 0; i < self->tensors; i++) free(self->inside[i].data);
  free(self->inside);
  free(self);
}

/* ---- choosing nodes -------------------------------------------------------------------------------------------- */

static bool named(const made *self, const char *word) {
  const char *at = self->take;
  for (size_t size = strlen(word); (at = strstr(at, word)) != NULL; at += size)
    if ((at == self->take || at[-1] == ',') && (at[size] == ',' || at[size] == '\0')) return true;
  return false;
}

static bool plain_floats(context *within, const node *one) {
  const tensor *out = &within->tensors[one->outputs->data[0]];
  for (int i = 0; i < 2; i++) {
    const tensor *in = &within->tensors[one->inputs->data[i]];
    if (in->type != FLOAT32 || (in->bytes != out->bytes && in->bytes != sizeof(float))) return false;
  }
  return out->type == FLOAT32;
}

static bool takes(context *within, const made *self, const node *one, const registration *kind) {
  if (kind->custom_name != NULL && is(kind->custom_name, CUSTOM_OPERATOR)) return named(self, "edgetpu");
  if (kind->builtin_code == BUILTIN_RESHAPE) return named(self, "reshape");
  if (kind->builtin_code == BUILTIN_ADD) return named(self, "add") && plain_floats(within, one);
  return kind->builtin_code == BUILTIN_MUL && named(self, "mul") && plain_floats(within, one);
}

static int replace(context *within, made *self, const ints *nodes) {
  registration kind;
  memset(&kind, 0, sizeof kind);
  kind.init = init;
  kind.free = release;
  kind.prepare = prepare_kernel;
  kind.invoke = invoke;
  kind.custom_name = "TestDelegate";
  kind.version = 1;
  return within->replace_nodes(within, kind, nodes, &self->base);
}

static int replace_each(context *within, made *self, const ints *nodes) {
  ints *one = calloc(1, sizeof *one + sizeof(int));
  int status = OK;
  one->size = 1;
  for (int i = 0; i < nodes->size && status == OK; i++) {
    one->data[0] = nodes->data[i];
    status = replace(within, self, one);
  }
  free(one);
  return status;
}

static int prepare(context *within, delegate *base) {
  made *self = base->data;
  ints *plan;
  if (is(self->fail, "prepare")) {
    within->report_error(within, "%s", self->message);
    return FAILED;
  }
  if (within->get_execution_plan(within, &plan) != OK) return FAILED;
  ints *taken = calloc(1, sizeof *taken + plan->size * sizeof(int));
  for (int i = 0; i < plan->size; i++) {
    node *one;
    registration *kind;
    if (within->get_node(within, plan->data[i], &one, &kind) != OK) abort();
    if (takes(within, self, one, kind)) taken->data[taken->size++] = plan->data[i];
  }
  int status = self->single ? replace_each(within, self, taken) : replace(within, self, taken);
  free(taken);
  return status;
}

/* ---- the plugin ------------------------------------------------------------------------------------------------ */

static void set(char *field, size_t size, const char *value) { snprintf(field, size, "%s", value); }
#define SET(field, value) set(field, sizeof(field), value)

static bool option(made *self, const char *key, const char *value) {
  if (is(key, "take")) return SET(self->take, value), true;
  if (is(key, "fail")) return SET(self->fail, value), true;
  if (is(key, "crash")) return SET(self->crash, value), true;
  if (is(key, "hang")) return SET(self->hang, value), true;
  if (is(key, "message")) return SET(self->message, value), true;
  if (is(key, "slow_create_ms")) return usleep(1000 * atoi(value)), true;
  if (is(key, "partitions")) return self->single = is(value, "single"), true;
  if (is(key, "tensors")) return self->fixed = is(value, "fixed"), true;
  return false;
}

static bool opens(const char *device);

/* Tools may give no function to report to. */
static delegate *refuse(made *self, void (*report_error)(const char *), const char *text) {
  if (report_error != NULL && *text != '\0') report_error(text);
  free(self);
  return NULL;
}

EXPORT delegate *tflite_plugin_create_delegate(const char *const *keys, const char *const *values, size_t count,
                                               void (*report_error)(const char *)) {
  made *self = calloc(1, sizeof *self);
  const char *device = "";
  SET(self->message, "told to fail");
#ifdef EDGETPU
  SET(self->take, "edgetpu");
  self->single = true;
#endif
  for (size_t i = 0; i < count; i++) {
    if (option(self, keys[i], values[i])) continue;
    if (is(keys[i], "device")) {
      device = values[i];
      continue;
    }
    char text[256];
    snprintf(text, sizeof text, "unknown option %s", keys[i]);
    return refuse(self, report_error, text);
  }
  misbehave(self, "create");
  if (is(self->fail, "create")) return refuse(self, report_error, self->message);
  if (!opens(device)) return refuse(self, report_error, "");
  self->base.data = self;
  self->base.prepare = prepare;
  self->base.flags = self->fixed ? 0 : ALLOW_DYNAMIC_TENSORS;
  return &self->base;
}

EXPORT void tflite_plugin_destroy_delegate(delegate *base) {
  if (base != NULL) free(base->data);
}

#ifndef EDGETPU
static bool gone(void) { return false; }
static bool opens(const char *device) {
  (void)device;
  return true;
}
#else
/* ---- libedgetpu's own interface -------------------------------------------------------------------------------- */

struct edgetpu_device {
  int type; /* 0: pci, 1: usb */
  const char *path;
};

/* The value of the line number `index` that begins with `word`, in `text`; false when there is none. */
static bool machine(const char *word, size_t index, char *text, size_t size) {
  Dl_info here;
  char line[512];
  if (dladdr(CUSTOM_OPERATOR, &here) == 0) abort();
  snprintf(line, sizeof line, "%s", here.dli_fname);
  char *name = strrchr(line, '/');
  snprintf(name, line + sizeof line - name, "/machine");
  FILE *file = fopen(line, "r");
  bool found = false;
  while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    found = strncmp(line, word, strlen(word)) == 0 && index-- == 0;
    if (found) snprintf(text, size, "%s", line + strlen(word));
  }
  if (file != NULL) fclose(file);
  return found;
}

static bool says(const char *word) {
  char text[2];
  return machine(word, 0, text, sizeof text);
}

static bool gone(void) {
  char text[16];
  return machine("gone_after=", 0, text, sizeof text) && inferences >= atoi(text);
}

EXPORT const char *edgetpu_version(void) {
  static char text[256];
  if (!machine("version=", 0, text, sizeof text))
    SET(text, "BuildLabel(COMPILER=stand-in,DATE=redacted,TIME=redacted), RuntimeVersion(14)");
  return text;
}

EXPORT struct edgetpu_device *edgetpu_list_devices(size_t *count) {
  static const char *const words[] = {"pci=", "usb="};
  struct edgetpu_device *found = calloc(8, sizeof *found + 256);
  char *paths = (char *)&found[8];
  *count = 0;
  for (int type = 0; type < 2; type++)
    for (size_t i = 0; *count < 8 && !gone() && machine(words[type], i, paths, 256); i++, paths += 256)
      found[(*count)++] = (struct edgetpu_device){type, paths};
  if (*count > 0) return found;
  free(found);
  return NULL;
}

EXPORT void edgetpu_free_devices(struct edgetpu_device *devices) { free(devices); }

static bool opens(const char *device) {
  size_t count, same = 0;
  struct edgetpu_device *found = edgetpu_list_devices(&count);
  const char *colon = strchr(device, ':');
  size_t wanted = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
  bool any = device[0] == '\0' || device[0] == ':', there = false;
  for (size_t i = 0; i < count; i++)
    if ((any || (found[i].type == 1) == (strncmp(device, "usb", 3) == 0)) && same++ == wanted) {
      there = true;
      fprintf(stderr, "stand-in: opens %s\n", found[i].path);
    }
  edgetpu_free_devices(found);
  return there && !says("busy");
}
#endif
