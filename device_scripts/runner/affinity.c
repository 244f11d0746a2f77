#include "affinity.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

static void fill_set(const struct cpu_list *list, cpu_set_t *set) {
  CPU_ZERO(set);
  for (size_t i = 0; i < list->count; i++) CPU_SET((size_t)list->cpus[i], set);
}

static void list_text(const struct cpu_list *list, char *text, size_t size) {
  text[0] = '\0';
  for (size_t i = 0; i < list->count && strlen(text) + 8 < size; i++)
    snprintf(text + strlen(text), size - strlen(text), "%s%d", i ? "," : "", list->cpus[i]);
}

void wanted_cpus(const struct args *args, struct cpu_list *list) {
  list->count = args->cpu_count;
  memcpy(list->cpus, args->cpus, args->cpu_count * sizeof args->cpus[0]);
  cpu_set_t set;
  if (args->cpu_count > 0 || sched_getaffinity(0, sizeof set, &set) != 0) return;
  for (int cpu = 0; cpu < CPU_SETSIZE && list->count < MAX_CPUS; cpu++)
    if (CPU_ISSET((size_t)cpu, &set)) list->cpus[list->count++] = cpu;
}

void pin(const struct args *args) {
  if (args->cpu_count == 0) return;
  struct cpu_list list;
  wanted_cpus(args, &list);
  char text[128];
  list_text(&list, text, sizeof text);
  cpu_set_t set, now;
  fill_set(&list, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0)
    die("unsupported", "cannot be pinned to CPU %s: %s", text, strerror(errno));
  /* The kernel drops CPUs that are offline without a word. */
  if (sched_getaffinity(0, sizeof now, &now) != 0 || !CPU_EQUAL(&set, &now))
    die("unsupported", "cannot be pinned to CPU %s: the kernel gave another mask; is every one of them online?", text);
}

/* Adds the mask of every thread to `seen`; false when /proc cannot be read. */
static bool add_threads(cpu_set_t *seen) {
  DIR *tasks = opendir("/proc/self/task");
  if (tasks == NULL) return false;
  for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
    pid_t thread = (pid_t)atoi(entry->d_name);
    cpu_set_t mask;
    if (thread > 0 && sched_getaffinity(thread, sizeof mask, &mask) == 0) CPU_OR(seen, seen, &mask);
  }
  closedir(tasks);
  return true;
}

bool pinned(const struct args *args, const struct cpu_list *list, bool all_threads) {
  cpu_set_t wanted, seen;
  fill_set(list, &wanted);
  CPU_ZERO(&seen);
  if (all_threads ? !add_threads(&seen) : sched_getaffinity(0, sizeof seen, &seen) != 0) return false;
  if (list->count == 0 || !CPU_EQUAL(&wanted, &seen)) return false;
  return args->cpu_count > 0 || (long)list->count < sysconf(_SC_NPROCESSORS_ONLN);
}
