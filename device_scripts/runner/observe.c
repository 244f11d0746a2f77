#include "observe.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "proc.h"
#include "report.h"

struct clock_reading {
  const char *source; /* NULL when nothing is known */
  double start_ghz, end_ghz;
  double typical_ghz; /* over the whole window, as far as the source can tell */
};

struct slow_readings read_slow(const struct observer *observer) {
  struct slow_readings readings = {-1, 0.0};
  if (observer->cpus.count == 0) return readings;
  readings.cur_khz = cpufreq_khz(observer->cpus.cpus[0], "scaling_cur_freq");
  readings.chain_ghz = chain_ghz();
  return readings;
}

struct fast_readings read_fast(const struct observer *observer) {
  const struct cpu_list *cpus = &observer->cpus;
  struct fast_readings readings = {0};
  if (cpus->count > 0)
    readings.has_states = read_states(cpus->cpus[0], &readings.state_ticks, &readings.state_khz_ticks);
  readings.has_ticks = read_ticks(cpus->cpus, cpus->count, &readings.busy, &readings.stolen);
  readings.delay_ns = run_delay_ns();
  readings.own_ns = process_cpu_ns();
  readings.at_ns = now_ns();
  return readings;
}

static double window_ns(const struct observer *o) {
  int64_t span = o->close.at_ns - o->open.at_ns;
  return (double)(span > 1 ? span : 1);
}

static double capacity_ns(const struct observer *o) { return window_ns(o) * (double)o->cpus.count; }

/* Ticks between the ends of the window in ns, or NaN. */
static double ticks_ns(const struct observer *o, int64_t from, int64_t to) {
  if (!o->open.has_ticks || !o->close.has_ticks) return NAN;
  return (double)(to - from) * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

static double foreign_load(const struct observer *o) {
  double foreign = ticks_ns(o, o->open.busy, o->close.busy) - (double)(o->close.own_ns - o->open.own_ns);
  /* A tick is 10 ms: in a shorter window the difference is noise. */
  if (window_ns(o) < 1e8 || isnan(foreign)) return NAN;
  return fmin(fmax(foreign / capacity_ns(o), 0.0), 1.0);
}

static double wait_share(const struct observer *o) {
  if (o->open.delay_ns < 0 || o->close.delay_ns < 0) return NAN;
  return fmin((double)(o->close.delay_ns - o->open.delay_ns) / window_ns(o), 1.0);
}

/* Readings at both ends: the counters of time_in_state give but a mean, which cannot show a fall. */
static struct clock_reading clock_ends(const struct observer *o) {
  const char *source = NULL;
  double start = NAN, end = NAN;
  if (o->before.cur_khz > 0 && o->after.cur_khz > 0) {
    source = "scaling_cur_freq";
    start = (double)o->before.cur_khz / 1e6;
    end = (double)o->after.cur_khz / 1e6;
  } else if (o->before.chain_ghz > 0.0 && o->after.chain_ghz > 0.0) {
    source = "add_chain";
    start = o->before.chain_ghz;
    end = o->after.chain_ghz;
  }
  return (struct clock_reading){source, start, end, fmin(start, end)}; /* NAN when both are */
}

static struct clock_reading clock_reading(const struct observer *o) {
  struct clock_reading found = clock_ends(o);
  double ticks = o->close.state_ticks - o->open.state_ticks;
  if (o->open.has_states && o->close.has_states && ticks > 0.0) {
    found.source = "time_in_state";
    found.typical_ghz = (o->close.state_khz_ticks - o->open.state_khz_ticks) / ticks / 1e6;
  }
  return found;
}

void put_conditions(const struct observer *o) {
  struct clock_reading clock = clock_reading(o);
  int64_t highest = o->cpus.count > 0 ? cpufreq_khz(o->cpus.cpus[0], "cpuinfo_max_freq") : -1;
  if (clock.source == NULL) put_null("clock_source");
  else put_string("clock_source", clock.source);
  put_number("clock_start_ghz", clock.start_ghz);
  put_number("clock_end_ghz", clock.end_ghz);
  put_number("clock_share", highest > 0 ? clock.typical_ghz / ((double)highest / 1e6) : NAN);
  put_null("temp_start_c"); /* the device's telemetry knows which sensor is which */
  put_null("temp_end_c");
  put_number("foreign_load", foreign_load(o));
  put_number("wait_share", wait_share(o));
}

void put_condition_notes(const struct observer *o) {
  char text[160];
  double stolen = ticks_ns(o, o->open.stolen, o->close.stolen) / capacity_ns(o);
  if (stolen > 0.01) {
    snprintf(text, sizeof text, "the hypervisor took %.1f %% of the pinned cores' time during the window", 100 * stolen);
    put_string(NULL, text);
  }
  struct clock_reading clock = clock_reading(o);
  double chain = o->after.chain_ghz;
  if (clock.source == NULL || clock.source[0] == 'a' || chain <= 0.0) return;
  if (fabs(chain / clock.typical_ghz - 1.0) > 0.1) {
    snprintf(text, sizeof text, "%s says %.2f GHz, a chain of dependent adds ran at %.2f GHz", clock.source,
             clock.typical_ghz, chain);
    put_string(NULL, text);
  }
}
