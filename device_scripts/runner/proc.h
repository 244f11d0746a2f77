/* Small files of /proc and /sys. A value that is not there is -1. */
#ifndef HARNESS_PROC_H
#define HARNESS_PROC_H

#include <stddef.h>
#include <stdint.h>

/* The whole file, NUL-terminated and malloc'ed, or NULL. At most 1 MiB. */
char *read_whole(const char *path);

int64_t read_int(const char *path);

/* kB of a field of /proc/self/status, such as "VmHWM:". */
int64_t status_kib(const char *field);

/* Proportional resident memory of this process. */
int64_t pss_kib(void);

/* Ticks of the CPUs since boot, busy (including stolen) and stolen; false without them. */
int read_ticks(const int *cpus, size_t count, int64_t *busy, int64_t *stolen);

/* Nanoseconds for which this thread was runnable and not running. */
int64_t run_delay_ns(void);

/* A file of a CPU's cpufreq. */
int64_t cpufreq_khz(int cpu, const char *name);

/* Sums of ticks and of ticks x kHz in a CPU's time_in_state; false without it. */
int read_states(int cpu, double *ticks, double *khz_ticks);

#endif
