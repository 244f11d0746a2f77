#include "proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE = 1 << 20 };

char *read_whole(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  size_t size = 0, room = 4096;
  char *text = malloc(room + 1);
  while (text != NULL && size < MAX_FILE) {
    ssize_t got = read(fd, text + size, room - size);
    if (got <= 0) break;
    size += (size_t)got;
    if (size < room) continue;
    char *larger = realloc(text, 2 * room + 1);
    if (larger == NULL) break;
    text = larger;
    room *= 2;
  }
  close(fd);
  if (text != NULL && size == 0) {
    free(text);
    return NULL;
  }
  if (text != NULL) text[size] = '\0';
  return text;
}

int64_t read_int(const char *path) {
  char *text = read_whole(path), *end = text;
  if (text == NULL) return -1;
  int64_t value = strtoll(text, &end, 10);
  if (end == text) value = -1;
  free(text);
  return value;
}

/* The number after `field` at the beginning of a line. */
static int64_t field_of(const char *path, const char *field) {
  char *text = read_whole(path);
  int64_t value = -1;
  for (char *line = text; line != NULL && *line;) {
    if (strncmp(line, field, strlen(field)) == 0) {
      value = strtoll(line + strlen(field), NULL, 10);
      break;
    }
    line = strchr(line, '\n');
    if (line != NULL) line++;
  }
  free(text);
  return value;
}

int64_t status_kib(const char *field) { return field_of("/proc/self/status", field); }
int64_t pss_kib(void) { return field_of("/proc/self/smaps_rollup", "Pss:"); }

/* user nice system idle iowait irq softirq steal */
static int add_row(const char *line, int64_t *busy, int64_t *stolen) {
  int64_t t[8];
  if (sscanf(line, "%*s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
             &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8)
    return 0;
  *busy += t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
  *stolen += t[7];
  return 1;
}

int read_ticks(const int *cpus, size_t count, int64_t *busy, int64_t *stolen) {
  char *text = read_whole("/proc/stat");
  size_t found = 0;
  *busy = *stolen = 0;
  for (size_t i = 0; text != NULL && i < count; i++) {
    char name[24];
    snprintf(name, sizeof name, "\ncpu%d ", cpus[i]);
    const char *row = strstr(text, name);
    if (row != NULL) found += (size_t)add_row(row + 1, busy, stolen);
  }
  free(text);
  return count > 0 && found == count;
}

int64_t run_delay_ns(void) {
  char *text = read_whole("/proc/thread-self/schedstat");
  int64_t ran, waited = -1;
  if (text == NULL || sscanf(text, "%" SCNd64 " %" SCNd64, &ran, &waited) != 2) waited = -1;
  free(text);
  return waited;
}

static void cpufreq_path(char *path, size_t size, int cpu, const char *name) {
  snprintf(path, size, "/sys/devices/system/cpu/cpu%d/cpufreq/%s", cpu, name);
}

int64_t cpufreq_khz(int cpu, const char *name) {
  char path[128];
  cpufreq_path(path, sizeof path, cpu, name);
  return read_int(path);
}

int read_states(int cpu, double *ticks, double *khz_ticks) {
  char path[128];
  cpufreq_path(path, sizeof path, cpu, "stats/time_in_state");
  char *text = read_whole(path), *at = text;
  int rows = 0;
  *ticks = *khz_ticks = 0.0;
  for (int used; at != NULL && *at; at += used, rows++) {
    int64_t khz, count;
    if (sscanf(at, "%" SCNd64 " %" SCNd64 " %n", &khz, &count, &used) < 2) break;
    *ticks += (double)count;
    *khz_ticks += (double)count * (double)khz;
  }
  free(text);
  return rows > 0;
}
