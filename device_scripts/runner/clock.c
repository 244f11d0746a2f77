#include "clock.h"

enum { TIMER_READINGS = 2000, ADDS_PER_LOOP = 64, CHAIN_NS = 200000, CHAINS = 6, GUESS_GHZ = 3 };

int64_t process_cpu_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * SECOND_NS + t.tv_nsec;
}

int64_t timer_cost_ns(void) {
  int64_t begin = now_ns();
  for (int i = 0; i < TIMER_READINGS; i++) (void)now_ns();
  int64_t cost = (now_ns() - begin) / TIMER_READINGS;
  return cost > 1 ? cost : 1;
}

int compare_ns(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

#define FOUR(x) x x x x
#define SIXTY_FOUR(x) FOUR(FOUR(FOUR(x)))

/* The addend is in a register: cores since 2021 fold chains of immediate adds at renaming. */
static void run_chain(uint64_t loops) {
#if defined(__x86_64__)
  uint64_t sum = 0, one = 1;
  for (; loops > 0; loops--) __asm__ volatile(SIXTY_FOUR("add %1, %0\n\t") : "+r"(sum) : "r"(one) : "cc");
#elif defined(__aarch64__)
  uint64_t sum = 0, one = 1;
  for (; loops > 0; loops--) __asm__ volatile(SIXTY_FOUR("add %0, %0, %1\n\t") : "+r"(sum) : "r"(one));
#else
  (void)loops;
#endif
}

static int64_t time_chain(uint64_t loops) {
  int64_t begin = now_ns();
  run_chain(loops);
  int64_t took = now_ns() - begin;
  return took > 1 ? took : 1;
}

double chain_ghz(void) {
#if defined(__x86_64__) || defined(__aarch64__)
  uint64_t loops = (uint64_t)CHAIN_NS * GUESS_GHZ / ADDS_PER_LOOP;
  int64_t call_ns = INT64_MAX, best_ns = INT64_MAX;
  for (int i = 0; i < 20; i++) {
    int64_t took = time_chain(1);
    if (took < call_ns) call_ns = took;
  }
  for (int i = 0; i < CHAINS; i++) {
    int64_t took = time_chain(loops);
    if (took < best_ns) best_ns = took;
  }
  int64_t span = best_ns - call_ns;
  return (double)((loops - 1) * ADDS_PER_LOOP) / (double)(span > 1 ? span : 1);
#else
  return 0.0;
#endif
}
