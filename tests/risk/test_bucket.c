/*
 * Goal: a bucket lets its burst pass at once and then one message for each interval,
 * to the nanosecond, and a rate of none lets all pass.
 * Method: messages at times around the moment at which a token comes back.
 */
#include <criterion/criterion.h>

#include "risk/bucket.h"

#define START_NS UINT64_C(1700000000000000000)

/* send takes a token at now_ns if there is one. */
static bool
send(int64_t *ready_ns, struct risk_rate rate, uint64_t now_ns)
{
    if (!risk_bucket_has(*ready_ns, rate, now_ns))
        return false;
    *ready_ns = risk_bucket_take(*ready_ns, rate, now_ns);
    return true;
}

Test(bucket, burst_passes_at_once_and_no_more)
{
    const struct risk_rate rate = risk_rate_of(1000, 3);
    int64_t ready_ns = risk_bucket_ready(0, rate);

    for (unsigned i = 0; i < 3; i++)
        cr_assert(send(&ready_ns, rate, START_NS));
    cr_assert_not(send(&ready_ns, rate, START_NS));
}

Test(bucket, token_comes_back_after_the_interval)
{
    const struct risk_rate rate = risk_rate_of(1000, 3);
    int64_t ready_ns = risk_bucket_ready(0, rate);

    for (unsigned i = 0; i < 3; i++)
        cr_assert(send(&ready_ns, rate, START_NS));
    cr_assert_not(send(&ready_ns, rate, START_NS + 999));
    cr_assert(send(&ready_ns, rate, START_NS + 1000));
    cr_assert_not(send(&ready_ns, rate, START_NS + 1999));
    cr_assert(send(&ready_ns, rate, START_NS + 2000));
}

Test(bucket, never_holds_more_than_its_burst)
{
    const struct risk_rate rate = risk_rate_of(1000, 2);
    int64_t ready_ns = risk_bucket_ready(0, rate);

    cr_assert(send(&ready_ns, rate, START_NS));
    cr_assert(send(&ready_ns, rate, START_NS + 1000000));
    cr_assert(send(&ready_ns, rate, START_NS + 1000000));
    cr_assert_not(send(&ready_ns, rate, START_NS + 1000000));
}

Test(bucket, refusal_takes_nothing)
{
    const struct risk_rate rate = risk_rate_of(1000, 1);
    int64_t ready_ns = risk_bucket_ready(0, rate);

    cr_assert(send(&ready_ns, rate, START_NS));
    for (unsigned i = 0; i < 100; i++)
        cr_assert_not(send(&ready_ns, rate, START_NS + 999));
    cr_assert(send(&ready_ns, rate, START_NS + 1000));
}

Test(bucket, rate_of_none_lets_all_pass)
{
    const struct risk_rate rate = risk_rate_off();
    int64_t ready_ns = risk_bucket_ready(0, rate);

    for (unsigned i = 0; i < 1000; i++)
        cr_assert(send(&ready_ns, rate, i % 2 * RISK_TIME_NS_MAX));
}

Test(bucket, largest_rate_does_not_wrap)
{
    const struct risk_rate rate = risk_rate_of(RISK_INTERVAL_NS_MAX, RISK_BURST_MAX);
    int64_t ready_ns = risk_bucket_ready(RISK_TIME_NS_MAX, rate);

    cr_assert(send(&ready_ns, rate, RISK_TIME_NS_MAX));
    cr_assert_gt(risk_bucket_full(ready_ns, rate), RISK_TIME_NS_MAX);
}
