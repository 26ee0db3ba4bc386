#include "histogram.h"

#include <string.h>

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

static double lower_edge_ns(int bucket)
{
    const int per_octave = 1 << HISTOGRAM_SUB_BITS;
    if (bucket < per_octave)
        return bucket;
    int shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    uint64_t sub = bucket & (per_octave - 1);
    return (double)((per_octave + sub) << shift);
}

double histogram_percentile_us(const struct histogram *h, double share)
{
    if (!h->count)
        return -1;
    uint64_t wanted = (uint64_t)(share * (double)h->count);
    if (wanted >= h->count)
        wanted = h->count - 1;
    uint64_t below = 0;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += h->buckets[i];
        if (below > wanted)
            return lower_edge_ns(i) / 1000;
    }
    return -1;
}

double histogram_mean_us(const struct histogram *h)
{
    return h->count ? h->sum_ns / (double)h->count / 1000 : 0;
}
