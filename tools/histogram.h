/*
 * Histogram: latencies in log-linear buckets.
 *
 * 64 buckets to each power of two: a value is known to 1.6 % from 64 ns on and
 * exactly below. 3,776 counters hold all of u64; nothing is allocated, adding
 * costs a few ns.
 */
#ifndef OUTCRY_TOOLS_HISTOGRAM_H
#define OUTCRY_TOOLS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6u
#define HISTOGRAM_BUCKETS  ((65u - HISTOGRAM_SUB_BITS) << HISTOGRAM_SUB_BITS)

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max;
};

/* histogram_add counts one value. */
void histogram_add(struct histogram *histogram, uint64_t value);

/* histogram_at returns a value that permyriad in 10,000 of all are at or
 * below (9990 is p99.9), 0 when it is empty; never more than the maximum. */
uint64_t histogram_at(const struct histogram *histogram, unsigned permyriad);

#endif
