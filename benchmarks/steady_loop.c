/* A process with nothing to vary: the same arithmetic again and again on one core, each round timed.
 *
 *     steady_loop CPU SECONDS
 *
 * prints the nanoseconds of each round, one a line. A round takes about a tenth of a millisecond and stays in the L1 cache.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(atoi(argv[1]), &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0)
        return 3;
    static float values[2048];
    const int64_t end_ns = now_ns() + (int64_t)(atof(argv[2]) * 1e9);
    static int64_t rounds[1 << 20];
    int count = 0;
    for (int64_t begin_ns = now_ns(); begin_ns < end_ns && count < 1 << 20; count++) {
        for (int repeat = 0; repeat < 512; repeat++)
            for (int index = 0; index < 2048; index++)
                values[index] = values[index] * 0.999f + 1.0f;
        const int64_t ready_ns = now_ns();
        rounds[count] = ready_ns - begin_ns;
        begin_ns = ready_ns;
    }
    for (int index = 0; index < count; index++)
        printf("%lld\n", (long long)rounds[index]);
    return values[0] < 0.0f; /* the work cannot be left out */
}
