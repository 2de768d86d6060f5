/*
 * Throttle: how much a session may send, on the gateway's clock.
 *
 *   cancels (OrderCancelRequest, OrderMassCancelRequest) --> cancels
 *   all other application messages ------------------------> messages and bytes
 *
 * Three buckets for each session (as those of risk/bucket.h, but one may take many tokens
 * at once, and tell how long to wait), so that who has used up what he
 * may order can still cancel. A message that finds one empty takes from none; it
 * is refused with the time until there is room, or waits, as the configuration
 * says. Who is refused more often than a second's worth of messages at once does
 * not listen, and each refusal is in the journal: a fourth bucket ends that.
 *
 * Times that lie further ahead than any message can have moved them are of a clock
 * that was set back, and count as now.
 *
 * Threads: the gateway's. Cost: a comparison and an addition for each bucket.
 */
#ifndef OUTCRY_GATEWAY_THROTTLE_H
#define OUTCRY_GATEWAY_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/gateway.h"
#include "proto/base.h"
#include "proto/limits.h"

#define THROTTLE_NS_PER_S     1000000000ull
#define THROTTLE_NS_PER_MS    1000000ull
#define THROTTLE_REFUSALS_MIN 1000u /* a second */

/* Private. */
struct throttle_bucket {
    uint64_t interval_ns; /* for one token; 0: no limit */
    uint64_t slack_ns;
    uint64_t full_ns;
};

struct throttle {
    struct throttle_bucket messages;
    struct throttle_bucket cancels;
    struct throttle_bucket bytes;
    struct throttle_bucket refusals;
};

static inline struct throttle_bucket
throttle_bucket_of(uint32_t per_second, uint32_t burst_ms)
{
    const uint64_t interval_ns =
        per_second == 0 ? 0 : (THROTTLE_NS_PER_S + per_second - 1) / per_second;
    const uint64_t burst_ns = burst_ms * THROTTLE_NS_PER_MS;

    /* Less by the token that is taken; one is always there. */
    return (struct throttle_bucket){
        .interval_ns = interval_ns,
        .slack_ns = burst_ns > interval_ns ? burst_ns - interval_ns : 0,
    };
}

/* throttle_init returns whether there is any limit. */
static inline bool
throttle_init(struct throttle *throttle, const struct gateway_throttle *cfg, uint32_t burst_ms)
{
    const uint32_t refusals =
        cfg->messages_per_s > THROTTLE_REFUSALS_MIN ? cfg->messages_per_s : THROTTLE_REFUSALS_MIN;

    *throttle = (struct throttle){
        .messages = throttle_bucket_of(cfg->messages_per_s, burst_ms),
        .cancels = throttle_bucket_of(cfg->cancels_per_s, burst_ms),
        .bytes = throttle_bucket_of(cfg->bytes_per_s, burst_ms),
        .refusals = throttle_bucket_of(refusals, 1000),
    };
    return (cfg->messages_per_s | cfg->cancels_per_s | cfg->bytes_per_s) != 0;
}

/* throttle_bucket_wait returns the time until the bucket has room, 0: it has. */
static inline uint64_t
throttle_bucket_wait(struct throttle_bucket *bucket, uint64_t now_ns, uint64_t tokens_max)
{
    if (UNLIKELY(bucket->full_ns > now_ns + bucket->slack_ns + tokens_max * bucket->interval_ns))
        bucket->full_ns = now_ns;
    if (bucket->interval_ns == 0 || bucket->full_ns <= now_ns + bucket->slack_ns)
        return 0;
    return bucket->full_ns - bucket->slack_ns - now_ns;
}

static inline void
throttle_bucket_take(struct throttle_bucket *bucket, uint64_t now_ns, uint64_t tokens)
{
    bucket->full_ns =
        (bucket->full_ns > now_ns ? bucket->full_ns : now_ns) + tokens * bucket->interval_ns;
}

/* throttle_take takes what a message of len bytes costs: 0, or, and then nothing
 * was taken, the time until it may be tried again. */
static inline uint64_t
throttle_take(struct throttle *throttle, bool is_cancel, size_t len, uint64_t now_ns)
{
    if (is_cancel) {
        const uint64_t wait_ns = throttle_bucket_wait(&throttle->cancels, now_ns, 1);

        if (wait_ns == 0)
            throttle_bucket_take(&throttle->cancels, now_ns, 1);
        return wait_ns;
    }

    const uint64_t message_ns = throttle_bucket_wait(&throttle->messages, now_ns, 1);
    const uint64_t bytes_ns = throttle_bucket_wait(&throttle->bytes, now_ns, DATAGRAM_BYTES_MAX);

    if (message_ns == 0 && bytes_ns == 0) {
        throttle_bucket_take(&throttle->messages, now_ns, 1);
        throttle_bucket_take(&throttle->bytes, now_ns, len);
        return 0;
    }
    return message_ns > bytes_ns ? message_ns : bytes_ns;
}

/* throttle_may_refuse tells whether one more refusal is bearable. */
static inline bool
throttle_may_refuse(struct throttle *throttle, uint64_t now_ns)
{
    if (throttle_bucket_wait(&throttle->refusals, now_ns, 1) != 0)
        return false;
    throttle_bucket_take(&throttle->refusals, now_ns, 1);
    return true;
}

#endif
