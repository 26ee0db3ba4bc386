/* Time, and what the servers, this program and the whole machine use, from /proc. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>
#include <time.h>

struct cpu_seconds {
    double user;
    double system;
};

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t seconds_ns(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

/* Sums over all --pid. */
struct cpu_seconds server_cpu(void);
long server_rss_kib(void);

double own_cpu_seconds(void);
double machine_busy_seconds(void);

#endif
