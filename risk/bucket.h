/*
 * Buckets: how many messages in how much time, on journaled time alone.
 *
 *   tokens  burst +--__                     a message takes one; one comes back
 *                 |    --__                 every interval_ns, up to burst
 *               0 +--------+------> time
 *
 * A bucket is one number: the time at which it will be full again (full_ns). It
 * has a token for a message at now_ns if full_ns <= now_ns + slack_ns, where
 * slack_ns is (burst - 1) * interval_ns; the message then moves full_ns to
 * max(full_ns, now_ns) + interval_ns. Nothing is divided, so nothing is rounded.
 *
 * What is kept is ready_ns = full_ns - slack_ns, the time from which on there is a token:
 * so a message is let pass by one comparison, and the rate is only looked up by what
 * takes the token. Another rate leaves full_ns as it is and moves ready_ns.
 *
 * Parameters are shared: a rate is one of at most RISK_RATES_MAX pairs that are
 * in use, and a bucket names it by a byte. Rate 0 is no limit: its interval is 0
 * and its slack the largest number, so that it is asked like any other.
 *
 * Invariants
 *  1. interval_ns <= RISK_INTERVAL_NS_MAX and burst <= RISK_BURST_MAX, so that no
 *     sum with a time of 62 bits overflows. Times beyond are taken for 2^62 - 1.
 *  2. A message that is refused by a bucket moves none of the buckets asked.
 *
 * Written by the engine thread. Cost: one comparison and one addition each.
 */
#ifndef OUTCRY_RISK_BUCKET_H
#define OUTCRY_RISK_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/limits.h"

struct risk_rate {
    uint64_t interval_ns; /* for one token; 0: no limit */
    uint64_t slack_ns;
};

#define RISK_RATE_NONE   0u
#define RISK_TIME_NS_MAX ((UINT64_C(1) << 62) - 1)

_Static_assert((unsigned long long)RISK_INTERVAL_NS_MAX *RISK_BURST_MAX <
                   RISK_TIME_NS_MAX - RISK_INTERVAL_NS_MAX,
               "invariant 1");

/* risk_rate_of makes the parameters of a rate; both numbers are in range. */
static inline struct risk_rate
risk_rate_of(uint64_t interval_ns, uint32_t burst)
{
    ASSERT(interval_ns >= 1 && interval_ns <= RISK_INTERVAL_NS_MAX);
    ASSERT(burst >= 1 && burst <= RISK_BURST_MAX);
    return (struct risk_rate){interval_ns, (burst - UINT64_C(1)) * interval_ns};
}

/* risk_rate_off returns the parameters of no limit. */
static inline struct risk_rate
risk_rate_off(void)
{
    return (struct risk_rate){0, 0};
}

/* risk_bucket_ready returns what is kept of a bucket, risk_bucket_full when it is full. */
static inline int64_t
risk_bucket_ready(uint64_t full_ns, struct risk_rate rate)
{
    return (int64_t)(full_ns - rate.slack_ns);
}

static inline uint64_t
risk_bucket_full(int64_t ready_ns, struct risk_rate rate)
{
    return (uint64_t)ready_ns + rate.slack_ns;
}

/* risk_bucket_has says whether there is a token; it takes none. */
static inline bool
risk_bucket_has(int64_t ready_ns, struct risk_rate rate, uint64_t now_ns)
{
    return ready_ns <= (int64_t)now_ns || rate.interval_ns == 0;
}

/* risk_bucket_take returns from when on there is a token after one is taken. */
static ALWAYS_INLINE int64_t
risk_bucket_take(int64_t ready_ns, struct risk_rate rate, uint64_t now_ns)
{
    const int64_t least_ns = (int64_t)(now_ns - rate.slack_ns);

    return (EITHER(ready_ns > least_ns) ? ready_ns : least_ns) + (int64_t)rate.interval_ns;
}

#endif
