/* All counters at one moment; figures are differences of two. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "machine.h"
#include "session.h"

struct snapshot {
    uint64_t at_ns;
    struct traffic traffic;
    struct cpu_seconds server;
    double own;
    double machine;
    long rss_kib;
};

static inline struct snapshot take_snapshot(void)
{
    return (struct snapshot){now_ns(),           traffic, server_cpu(), own_cpu_seconds(),
                             machine_busy_seconds(), server_rss_kib()};
}

static inline double seconds_between(const struct snapshot *a, const struct snapshot *b)
{
    return (double)(b->at_ns - a->at_ns) / 1e9;
}

static inline double server_cpu_between(const struct snapshot *a, const struct snapshot *b)
{
    return b->server.user + b->server.system - a->server.user - a->server.system;
}

#endif
