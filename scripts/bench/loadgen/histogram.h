/* Latencies in buckets 3 % wide, so that every single delivery can be counted. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

/* Each power of two is cut into 2^5 buckets. */
enum { HISTOGRAM_SUB_BITS = 5, HISTOGRAM_BUCKETS = 64 << HISTOGRAM_SUB_BITS };

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t max_ns;
    double sum_ns;
};

static inline int histogram_bucket(uint64_t ns)
{
    if (ns < 1u << HISTOGRAM_SUB_BITS)
        return (int)ns;
    int shift = 63 - __builtin_clzll(ns) - HISTOGRAM_SUB_BITS;
    int sub = (int)(ns >> shift) & ((1 << HISTOGRAM_SUB_BITS) - 1);
    return ((shift + 1) << HISTOGRAM_SUB_BITS) + sub;
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    h->buckets[histogram_bucket(ns)]++;
    h->count++;
    h->sum_ns += (double)ns;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

void histogram_clear(struct histogram *h);

/* The latency in microseconds that *share* (0 to 1) of all stay below; -1 when empty. */
double histogram_percentile_us(const struct histogram *h, double share);

double histogram_mean_us(const struct histogram *h);

#endif
