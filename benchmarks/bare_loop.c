/* The shortest honest loop around a model: LiteRT's C interface, one thread, XNNPACK, outputs read in the sample.
 *
 *   cc -O2 bare_loop.c -o bare_loop /path/to/libLiteRt.so && ./bare_loop MODEL CPU WARMUP_S WINDOW_S
 *
 * Prints the median time of an inference in ns, and the number of inferences. Handles are opaque to us; the prototypes are
 * those of litert/c/ of LiteRT 2.3. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void *handle;
extern int LiteRtCreateEnvironment(int, const void *, handle *);
extern int LiteRtCreateModelFromFile(handle, const char *, handle *);
extern int LiteRtCreateOptions(handle *);
extern int LiteRtSetOptionsHardwareAccelerators(handle, int);
extern int LiteRtCreateCompiledModel(handle, handle, handle, handle *);
extern int LiteRtGetModelSignature(handle, size_t, handle *);
extern int LiteRtGetSignatureInputTensorByIndex(handle, size_t, handle *);
extern int LiteRtGetSignatureOutputTensorByIndex(handle, size_t, handle *);
extern int LiteRtGetRankedTensorType(handle, void *);
extern int LiteRtGetCompiledModelInputBufferRequirements(handle, size_t, size_t, handle *);
extern int LiteRtGetCompiledModelOutputBufferRequirements(handle, size_t, size_t, handle *);
extern int LiteRtCreateManagedTensorBufferFromRequirements(handle, const void *, handle, handle *);
extern int LiteRtGetTensorBufferSize(handle, size_t *);
extern int LiteRtLockTensorBuffer(handle, void **, int);
extern int LiteRtUnlockTensorBuffer(handle);
extern int LiteRtRunCompiledModel(handle, size_t, size_t, handle *, size_t, handle *);

#define CHECK(call)                                               \
  do {                                                            \
    int status = (call);                                          \
    if (status != 0) {                                            \
      fprintf(stderr, "%s: status %d\n", #call, status);          \
      exit(1);                                                    \
    }                                                             \
  } while (0)

enum { CPU_ACCELERATOR = 1, LOCK_READ = 0, LOCK_WRITE = 1, MAX_SAMPLES = 8000000 };

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static void fill(handle buffer) {
  size_t size;
  void *address;
  CHECK(LiteRtGetTensorBufferSize(buffer, &size));
  CHECK(LiteRtLockTensorBuffer(buffer, &address, LOCK_WRITE));
  for (size_t i = 0; i < size / sizeof(float); i++) ((float *)address)[i] = (float)rand() / RAND_MAX * 2 - 1;
  CHECK(LiteRtUnlockTensorBuffer(buffer));
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(atoi(argv[2]), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) return 3;

  handle environment, model, options, compiled, signature, tensor, needs, input, output;
  _Alignas(16) char type[512];
  CHECK(LiteRtCreateEnvironment(0, NULL, &environment));
  CHECK(LiteRtCreateModelFromFile(environment, argv[1], &model));
  CHECK(LiteRtCreateOptions(&options));
  CHECK(LiteRtSetOptionsHardwareAccelerators(options, CPU_ACCELERATOR));
  CHECK(LiteRtCreateCompiledModel(environment, model, options, &compiled));
  CHECK(LiteRtGetModelSignature(model, 0, &signature));
  CHECK(LiteRtGetSignatureInputTensorByIndex(signature, 0, &tensor));
  CHECK(LiteRtGetRankedTensorType(tensor, type));
  CHECK(LiteRtGetCompiledModelInputBufferRequirements(compiled, 0, 0, &needs));
  CHECK(LiteRtCreateManagedTensorBufferFromRequirements(environment, type, needs, &input));
  CHECK(LiteRtGetSignatureOutputTensorByIndex(signature, 0, &tensor));
  CHECK(LiteRtGetRankedTensorType(tensor, type));
  CHECK(LiteRtGetCompiledModelOutputBufferRequirements(compiled, 0, 0, &needs));
  CHECK(LiteRtCreateManagedTensorBufferFromRequirements(environment, type, needs, &output));
  fill(input);

  size_t size;
  CHECK(LiteRtGetTensorBufferSize(output, &size));
  char *copy = malloc(size);
  int64_t *samples = malloc(MAX_SAMPLES * sizeof *samples);
  memset(samples, 0, MAX_SAMPLES * sizeof *samples);
  int64_t phases[2] = {(int64_t)(atof(argv[3]) * 1e9), (int64_t)(atof(argv[4]) * 1e9)};
  size_t count = 0;
  for (int phase = 0; phase < 2; phase++) {
    count = 0;
    for (int64_t begin = now_ns(), end = begin; end - begin < phases[phase] && count < MAX_SAMPLES;) {
      void *address;
      int64_t start = now_ns();
      CHECK(LiteRtRunCompiledModel(compiled, 0, 1, &input, 1, &output));
      CHECK(LiteRtLockTensorBuffer(output, &address, LOCK_READ));
      memcpy(copy, address, size);
      CHECK(LiteRtUnlockTensorBuffer(output));
      end = now_ns();
      samples[count++] = end - start;
    }
  }
  qsort(samples, count, sizeof *samples, by_size);
  printf("%lld %zu\n", (long long)samples[count / 2], count);
  fflush(stdout);
  _Exit(0);
}
