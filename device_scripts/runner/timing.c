#include "timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "report.h"

enum { MAX_SAMPLES = 4000000, MAX_WARMUP_SAMPLES = 1 << 17, STEADY_RUN = 20, TIMER_MARGIN = 100, SPLIT_RUNS = 15 };

static const double EMA_FAST = 0.1, EMA_SLOW = 0.02, EMA_BAND = 0.04;

bool steady_add(struct steady *rule, int64_t value_ns) {
  double value = (double)value_ns;
  if (!rule->started) {
    *rule = (struct steady){.fast = value, .slow = value, .started = true};
    return false;
  }
  rule->fast += EMA_FAST * (value - rule->fast);
  rule->slow += EMA_SLOW * (value - rule->slow);
  rule->run = fabs(rule->fast - rule->slow) <= EMA_BAND * rule->slow ? rule->run + 1 : 0;
  return rule->run >= STEADY_RUN;
}

static int64_t *samples_new(size_t count) {
  int64_t *samples = malloc(count * sizeof *samples);
  if (samples == NULL) die("memory", "out of memory for %zu samples", count);
  memset(samples, 0, count * sizeof *samples); /* so that no page is missing inside the window */
  return samples;
}

static int64_t one_inference(struct engine *engine) {
  int64_t start = now_ns();
  engine->call(engine);
  engine->read(engine);
  return now_ns() - start;
}

/* Discards max(iterations, seconds), then waits for the steady rule, up to a cap. */
static void warm_up(struct engine *engine, const struct args *args, struct timing *timing) {
  struct steady rule = {0};
  int64_t floor_ns = (int64_t)(args->warmup_min_s * 1e9), cap_ns = (int64_t)(args->warmup_max_s * 1e9);
  int64_t begin = now_ns(), inferences = 0;
  timing->warm = samples_new(MAX_WARMUP_SAMPLES);
  for (;;) {
    int64_t last = one_inference(engine), elapsed = now_ns() - begin;
    inferences++;
    if (timing->warm_count < MAX_WARMUP_SAMPLES) timing->warm[timing->warm_count++] = last;
    bool past_floor = inferences > args->warmup_min_iterations && elapsed >= floor_ns;
    if (past_floor && steady_add(&rule, last)) return;
    if (elapsed >= cap_ns) {
      timing->capped = true;
      return;
    }
  }
}

static int64_t median_ns(const int64_t *values, size_t count) {
  int64_t sorted[1000];
  memcpy(sorted, values, count * sizeof *values);
  qsort(sorted, count, sizeof *sorted, compare_ns);
  return sorted[count / 2];
}

/* Inferences in one sample: more than one only when the timer would be over a hundredth of it. */
static int inner_batch(const struct timing *timing) {
  size_t recent = timing->warm_count < 1000 ? timing->warm_count : 1000;
  int64_t typical = median_ns(timing->warm + timing->warm_count - recent, recent);
  double wanted = ceil((double)(TIMER_MARGIN * timer_cost_ns()) / (double)(typical > 1 ? typical : 1));
  return wanted < 1.0 ? 1 : (int)wanted;
}

static size_t capacity(const struct timing *timing, const struct args *args) {
  int64_t fastest = timing->warm[0];
  for (size_t i = 1; i < timing->warm_count; i++)
    if (timing->warm[i] < fastest) fastest = timing->warm[i];
  double most = args->max_s * 1e9 / ((double)(fastest > 1 ? fastest : 1) * timing->batch) * 1.5;
  most = fmax(most, (double)args->min_iterations) + 16.0;
  return (size_t)fmin(most, MAX_SAMPLES);
}

/* Each sample is the time from the call until the outputs were read. */
static void window(struct engine *engine, const struct args *args, struct timing *timing, size_t room) {
  int64_t min_ns = (int64_t)(args->min_s * 1e9), max_ns = (int64_t)(args->max_s * 1e9);
  int64_t *samples = timing->samples, begin = now_ns();
  size_t count = 0, enough = (size_t)args->min_iterations;
  int batch = timing->batch;
  for (;;) {
    int64_t start = now_ns();
    for (int i = 0; i < batch; i++) {
      engine->call(engine);
      engine->read(engine);
    }
    int64_t end = now_ns(), elapsed = end - begin;
    samples[count++] = (end - start) / batch;
    if ((elapsed >= min_ns && count >= enough) || elapsed >= max_ns || count == room) break;
  }
  timing->count = count;
  timing->full = count == MAX_SAMPLES;
}

/* Median times of the call alone and of the read after it, of a few inferences outside the window. */
static void split_times(struct engine *engine, struct timing *timing) {
  int64_t calls[SPLIT_RUNS], reads[SPLIT_RUNS], limit = now_ns() + SECOND_NS;
  size_t count = 0;
  while (count < SPLIT_RUNS && (count == 0 || now_ns() < limit)) {
    int64_t start = now_ns();
    engine->call(engine);
    int64_t called = now_ns();
    engine->read(engine);
    reads[count] = now_ns() - called;
    calls[count++] = called - start;
  }
  timing->call_us = (double)median_ns(calls, count) / 1e3;
  timing->read_us = (double)median_ns(reads, count) / 1e3;
}

void timing_run(struct engine *engine, const struct args *args, struct random *random, struct observer *observer,
                struct timing *timing) {
  *timing = (struct timing){0};
  engine_write_random(engine, random);
  timing->first_ns = one_inference(engine);
  warm_up(engine, args, timing);
  timing->batch = inner_batch(timing);
  size_t room = capacity(timing, args);
  timing->samples = samples_new(room);
  observer->before = read_slow(observer);
  observer->open = read_fast(observer);
  window(engine, args, timing, room);
  observer->close = read_fast(observer);
  observer->after = read_slow(observer);
  split_times(engine, timing);
}

void timing_put(const struct timing *timing) {
  put_int("first_inference_ns", timing->first_ns);
  put_ns("samples", timing->samples, timing->count);
  put_ns("warmup", timing->warm, timing->warm_count);
  put_bool("warmup_capped", timing->capped);
  put_string("timed", "call+read");
}

void timing_put_notes(const struct timing *timing) {
  char text[192];
  if (timing->batch > 1) {
    snprintf(text, sizeof text, "each sample is the mean of %d inferences: one is too short for the timer", timing->batch);
    put_string(NULL, text);
  }
  if (timing->read_us > fmax(0.5 * timing->call_us, 20.0)) {
    snprintf(text, sizeof text,
             "the call alone returns after %.3f ms, the outputs are there %.3f ms later: samples include the wait",
             timing->call_us / 1e3, timing->read_us / 1e3);
    put_string(NULL, text);
  }
  if (timing->warm_count == MAX_WARMUP_SAMPLES) {
    snprintf(text, sizeof text, "only the first %d warm-up samples were kept", MAX_WARMUP_SAMPLES);
    put_string(NULL, text);
  }
  if (timing->full) {
    snprintf(text, sizeof text, "the window ended at the limit of %d samples", MAX_SAMPLES);
    put_string(NULL, text);
  }
}
