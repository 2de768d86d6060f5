/*
 * Login limit: how many signatures of requests are checked in a second.
 *
 *   source that a session was last bound to --> known ----+
 *                                                         +--> checked, else dropped
 *   any other --> slots[hash of its address] --> strangers +
 *
 * A check costs about a microsecond, and a request costs its sender nothing: so
 * who floods us with requests would take the time of all who are established. Each
 * of the two ways lets login_rate a second through, after LOGIN_BURST_MS of rest
 * that many milliseconds' worth at once.
 *
 * Those who are known have a way of their own, one request of a session in each
 * LOGIN_PAUSE_NS, so that strangers cannot keep them out. Among strangers an address
 * gets at most a share of 1 / LOGIN_SHARE, so that one host alone cannot keep the
 * others out; one that forges many addresses can. Answers to requests that are
 * refused unseen, for their time, have a bucket too.
 *
 * Threads: the gateway's. Cost: two comparisons.
 */
#ifndef OUTCRY_GATEWAY_LOGIN_LIMIT_H
#define OUTCRY_GATEWAY_LOGIN_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base.h"
#include "proto/hash.h"
#include "risk/bucket.h"

#define LOGIN_BURST_MS 20u
#define LOGIN_SHARE    4u
#define LOGIN_SLOTS    256u
#define LOGIN_PAUSE_NS 20000000ull

/* Private. */
struct login_limit {
    struct risk_rate all;
    struct risk_rate share;
    int64_t known_ns; /* when each bucket has a token */
    int64_t strangers_ns;
    int64_t refusals_ns;
    int64_t slots_ns[LOGIN_SLOTS];
};

/* login_rate_of makes the parameters of so many a second. */
static inline struct risk_rate
login_rate_of(uint32_t per_second)
{
    const uint32_t burst = (uint32_t)((uint64_t)per_second * LOGIN_BURST_MS / 1000);

    return risk_rate_of(1000000000u / per_second, burst > 0 ? burst : 1);
}

/* login_limit_init: per_second is 1 to LOGIN_RATE_MAX. */
static inline void
login_limit_init(struct login_limit *limit, uint32_t per_second)
{
    const uint32_t share = per_second / LOGIN_SHARE;

    *limit = (struct login_limit){
        .all = login_rate_of(per_second),
        .share = login_rate_of(share > 0 ? share : 1),
    };
}

/* login_limit_known asks for a session whose source it is; last_ns: when that was
 * let through last, which is noted. */
static inline bool
login_limit_known(struct login_limit *limit, uint64_t *last_ns, uint64_t now_ns)
{
    if (now_ns >= *last_ns && now_ns - *last_ns < LOGIN_PAUSE_NS)
        return false;
    if (!risk_bucket_has(limit->known_ns, limit->all, now_ns))
        return false;
    limit->known_ns = risk_bucket_take(limit->known_ns, limit->all, now_ns);
    *last_ns = now_ns;
    return true;
}

/* login_limit_stranger asks for anybody. */
static inline bool
login_limit_stranger(struct login_limit *limit, uint32_t ip, uint64_t now_ns)
{
    int64_t *slot_ns = &limit->slots_ns[hash64_of(&ip, sizeof ip) % LOGIN_SLOTS];

    if (!risk_bucket_has(*slot_ns, limit->share, now_ns) ||
        !risk_bucket_has(limit->strangers_ns, limit->all, now_ns))
        return false;
    *slot_ns = risk_bucket_take(*slot_ns, limit->share, now_ns);
    limit->strangers_ns = risk_bucket_take(limit->strangers_ns, limit->all, now_ns);
    return true;
}

/* login_limit_refusal asks for the answer to a request that is refused unseen. */
static inline bool
login_limit_refusal(struct login_limit *limit, uint64_t now_ns)
{
    if (!risk_bucket_has(limit->refusals_ns, limit->all, now_ns))
        return false;
    limit->refusals_ns = risk_bucket_take(limit->refusals_ns, limit->all, now_ns);
    return true;
}

#endif
