#include "tools/histogram.h"

#include "proto/base.h"

static unsigned
bucket_of(uint64_t value)
{
    if (value < 1u << HISTOGRAM_SUB_BITS)
        return (unsigned)value;
    const unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return ((shift + 1) << HISTOGRAM_SUB_BITS) +
           (unsigned)((value >> shift) & ((1u << HISTOGRAM_SUB_BITS) - 1));
}

/* bucket_top returns the highest value that falls into the bucket. */
static uint64_t
bucket_top(unsigned bucket)
{
    if (bucket < 1u << HISTOGRAM_SUB_BITS)
        return bucket;
    const unsigned shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    const uint64_t first =
        (1ull << HISTOGRAM_SUB_BITS) | (bucket & ((1u << HISTOGRAM_SUB_BITS) - 1));
    return (first << shift) + ((1ull << shift) - 1);
}

void
histogram_add(struct histogram *histogram, uint64_t value)
{
    const unsigned bucket = bucket_of(value);

    ASSERT(bucket < HISTOGRAM_BUCKETS);
    histogram->counts[bucket]++;
    histogram->total++;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t
histogram_at(const struct histogram *histogram, unsigned permyriad)
{
    const uint64_t want = (histogram->total * permyriad + 9999) / 10000;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= want && seen > 0) {
            const uint64_t top = bucket_top(i);
            return top < histogram->max ? top : histogram->max;
        }
    }
    return 0;
}
